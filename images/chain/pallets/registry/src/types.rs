//! The registry's types: assets, objectives, models, makings and certified scores.

use crate::{bounds::*, worked::Worked};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;

/// Base units; one UNIT is 10^12 of them.
pub type Balance = u128;
/// Milliseconds of chain time.
pub type Moment = u64;
/// sha256 of a tree's manifest.
pub type Digest = [u8; 32];
pub type ObjectiveId = u64;
pub type SubmissionId = u64;
pub type Uri = BoundedVec<u8, ConstU32<MAX_URI>>;
pub type Name = BoundedVec<u8, ConstU32<MAX_NAME>>;
pub type Samples = BoundedVec<Digest, ConstU32<MAX_SAMPLES>>;
/// The models a model was made from.
pub type Lineage = BoundedVec<ModelId, ConstU32<MAX_MODELS>>;
/// The distinct owners of what went into a model directly.
pub type Owners<AccountId> = BoundedVec<AccountId, ConstU32<MAX_OWNERS>>;
/// The objectives that a task names.
pub type ObjectiveIds = BoundedVec<ObjectiveId, ConstU32<MAX_OBJECTIVES>>;

/// A number in units of 10^-18, between -10^36 and 10^36.
pub type Fixed = i128;
pub const LARGEST_FIXED: Fixed = 10i128.pow(36);

pub fn is_in_range(number: Fixed) -> bool {
	(-LARGEST_FIXED..=LARGEST_FIXED).contains(&number)
}

/// A model bears the id of the submission it came with, and its place among the models of that submission.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct ModelId {
	pub submission: SubmissionId,
	pub output: u8,
}

impl ModelId {
	/// The first model of a submission.
	pub fn first(submission: SubmissionId) -> Self {
		ModelId { submission, output: 0 }
	}
}

/// The permitted use of a data sample, declared by its owner at registration and permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Label {
	Train,
	Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum AssetKind {
	DataSample(Label),
	Opener,
	Algo,
	Metric,
	Bundle,
	/// Imported: trained elsewhere, so nobody knows on what.
	Model,
	/// A program that declares its inputs and outputs.
	Function,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Visibility {
	/// The bytes are in storage, for anyone assigned.
	Shared,
	/// Only the owner's node holds the bytes.
	Private,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Asset {
	pub kind: AssetKind,
	pub visibility: Visibility,
	pub uri: Uri,
	/// When it was registered; 0 of one that is older than this field.
	pub since: Moment,
}

#[derive(
	Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct AssetRef<AccountId> {
	pub owner: AccountId,
	pub digest: Digest,
}

/// Whether a higher or a lower score is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Direction {
	Higher,
	Lower,
}

/// A measure of models. Metric, opener and samples are assets of the objective's owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Objective<AccountId> {
	pub owner: AccountId,
	pub name: Name,
	pub metric: Digest,
	pub opener: Digest,
	pub direction: Direction,
	/// The largest difference of two evaluations that agree.
	pub tolerance: Fixed,
	pub samples: Samples,
}

impl<AccountId: PartialEq> Objective<AccountId> {
	/// Whether the asset is its opener, its metric or one of its samples.
	pub fn measures_with(&self, named: &AssetRef<AccountId>) -> bool {
		let digest = &named.digest;
		self.owner == named.owner && (self.opener == *digest || self.metric == *digest || self.samples.contains(digest))
	}
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Model<AccountId> {
	/// The account that paid for it.
	pub owner: AccountId,
	/// The account that made it.
	pub trainer: AccountId,
	pub digest: Digest,
	pub uri: Uri,
	/// The models that went in, and those whose bytes their maker gave in another role.
	pub parents: Lineage,
	/// The objectives whose Test samples no step of its making has seen, as far as digests tell.
	pub clean_for: ObjectiveIds,
	/// The owners of the assets and models that went in directly.
	pub input_owners: Owners<AccountId>,
	/// Everyone who worked on it or paid for it, and on all that it was made from.
	pub worked: Worked,
	/// Assets of others among its inputs, and its own bytes, that were another model already when it was accepted.
	pub same_bytes: BoundedVec<SameBytes<AccountId>, ConstU32<8>>,
	/// The number of further ones.
	pub more_same_bytes: u32,
}

impl<AccountId> Model<AccountId> {
	/// Adds bytes that were another model already.
	pub fn tell(&mut self, digest: Digest, origin: Origin<AccountId>) {
		if self.same_bytes.try_push(SameBytes { digest, origin }).is_err() {
			self.more_same_bytes += 1;
		}
	}
}

/// A model that was made of exactly one model and of the opener and the Test samples of these objectives.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Prediction {
	pub model: ModelId,
	/// Those for which a score of it can be certified: the model is clean for them.
	pub objectives: ObjectiveIds,
	/// Everyone who worked on what the prediction was made of, without those who made it.
	pub worked: Worked,
}

/// Bytes of a model: their first source by the time of sending or registering, whenever that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct FirstModel<AccountId> {
	pub origin: Origin<AccountId>,
	/// The earliest acceptance or import of these bytes as a model; 0 of those that are older than this field.
	pub since: Moment,
}

/// The source of a model's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Origin<AccountId> {
	/// The result of a task.
	Recorded(ModelId),
	/// An asset of kind Model of this account.
	Imported(AccountId),
}

/// Bytes that are also those of another model.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SameBytes<AccountId> {
	pub digest: Digest,
	pub origin: Origin<AccountId>,
}

/// Bytes that an account made by working or paying: they keep their history in its hands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Making {
	/// The earliest acceptance that made them; 0 of those that are older than this field.
	pub since: Moment,
	/// The union over all times that it made them, each objective with the earliest acceptance that added it.
	pub clean_for: BoundedVec<(ObjectiveId, Moment), ConstU32<16>>,
	/// The model recorded last of those that these bytes were, or that predicted them.
	pub model: Option<ModelId>,
}

impl Making {
	/// Bytes made by an acceptance at `at`, clean for nothing so far.
	pub fn new(at: Moment) -> Self {
		Making { since: at, clean_for: Default::default(), model: None }
	}

	/// Whether acceptances up to `at` made the bytes clean for the objective.
	pub fn is_clean(&self, objective: ObjectiveId, at: Moment) -> bool {
		self.clean_for.iter().any(|(known, since)| *known == objective && *since <= at)
	}

	/// Adds an acceptance at `at`, which may be earlier than those that were added before.
	pub fn add(&mut self, clean_for: &ObjectiveIds, model: Option<ModelId>, at: Moment) {
		self.since = self.since.min(at);
		for objective in clean_for {
			match self.clean_for.iter_mut().find(|(known, _)| known == objective) {
				Some((_, since)) => *since = at.min(*since),
				None => {
					// Beyond the bound it counts as clean for fewer.
					let _ = self.clean_for.try_push((*objective, at));
				}
			}
		}
		self.model = model.or(self.model);
	}
}

/// Who vouches for a score, the lowest standing first.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub enum Voucher {
	/// Somebody who worked on the model, on one it was made from, or paid for one of these.
	Own,
	/// Another key.
	Independent,
	/// The objective's owner.
	Owner,
	Committee,
}

/// A score by exactly the objective's opener, samples and metric, of a model that is clean for it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct CertifiedScore<AccountId> {
	pub model: ModelId,
	pub value: Fixed,
	pub voucher: Voucher,
	pub scorer: AccountId,
	/// The account that paid for the scoring.
	pub payer: AccountId,
	pub at: Moment,
}
