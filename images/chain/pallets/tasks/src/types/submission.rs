//! The result of an attempt, and the decision on it.

use super::*;
use pallet_registry::{Digest, Fixed, Moment, Name, Uri};

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Output {
	pub name: OutputName,
	pub digest: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Standing {
	/// With exactly the objective's opener, samples and metric, of a model that is clean for it.
	Certified,
	/// On Train samples.
	CrossValidation,
}

/// A number of a perf.json.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Perf {
	pub name: Name,
	pub value: Fixed,
}

/// The standing of the number `all` of an accepted scoring, and its voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Score {
	pub value: Fixed,
	pub standing: Standing,
	pub voucher: Voucher,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum SubmissionStatus {
	UnderReview { until: Moment },
	Accepted { at: Moment },
	Rejected { reason: Reason, at: Moment },
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Submission<AccountId> {
	pub worker: AccountId,
	pub epoch: Epoch,
	/// Digest of result.json, which names task, epoch and worker.
	pub result: Digest,
	pub outputs: Outputs,
	pub uri: Uri,
	/// Of a scoring: the numbers of its perf.json, `all` first; none once it is rejected.
	pub perfs: Perfs,
	/// Decided when it is accepted.
	pub score: Option<Score>,
	/// The earliest submission of the task with the same outputs.
	pub same_as: Option<SubmissionId>,
	pub status: SubmissionStatus,
	pub sent: Moment,
	pub alarm: Option<Alarm>,
}
