//! The record of a task: its status, its counters, and the money held for it.

use super::*;
use pallet_registry::{Balance, Moment, ObjectiveIds};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Outcome {
	Done,
	Cancelled,
	Failed,
	Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum TaskStatus {
	/// For the results of its parents.
	Waiting,
	Open,
	/// Workers found it broken. A pause until the deadline ends the task; an earlier one ends by itself, and its
	/// creator may end either before.
	Paused {
		until: Moment,
	},
	/// No new claims; what is live goes on, unless it was aborted at the moment `aborting`.
	Closing {
		outcome: Outcome,
		aborting: Option<Moment>,
	},
	Final {
		outcome: Outcome,
		at: Moment,
	},
}

#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Counters {
	pub live: u32,
	/// Under review.
	pub submitted: u32,
	pub accepted: u32,
	pub rejected: u32,
	/// Reports since the last resume that the task itself is broken, each of another account.
	pub failures: u32,
	/// Slots that no result can fill any more.
	pub closed: u32,
	/// Accounts of whose reports the fees are neither returned nor forfeited yet.
	pub reports: u32,
	/// The epoch of the latest attempt.
	pub epoch: Epoch,
	/// Accounts whose latest attempt ended and that may try again.
	pub able: u32,
}

/// The amounts still held of a task's creator for bytes that it stores or causes.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Bytes {
	/// For the spec, the roles and the rights; it comes back when the task is purged.
	pub spec: Balance,
	/// For the records that its accepted results will leave; what they don't need comes back when the task is final.
	pub records: Balance,
}

/// The latest moments of what moves a task on: of the causes, not of the sweeps that found them.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct LatestCauses {
	/// An attempt or a review ended.
	pub ended: Moment,
	/// The task was closed, or opened again after a pause.
	pub turned: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Task<AccountId> {
	pub creator: AccountId,
	pub terms: Terms<AccountId>,
	pub counters: Counters,
	/// The escrow still held of the creator for this task.
	pub held: Balance,
	pub status: TaskStatus,
	pub created: Moment,
	/// The objectives its model will be clean for; while parents are awaited, those it may be clean for at most.
	pub clean_for: ObjectiveIds,
	/// The first accepted result.
	pub result: Option<SubmissionId>,
	/// The moment at which reports first paused the task. A later pause lasts to the task's deadline.
	pub broken: Option<Moment>,
	/// Attempts up to this epoch are from before the latest pause: they count no more, and an assignee that failed may
	/// try again.
	pub resumed: Epoch,
	/// Since when nothing is under way and nobody who tried may try again.
	pub stalled_since: Option<Moment>,
	pub bytes: Bytes,
	pub alarm: Option<Alarm>,
}

impl<AccountId> Task<AccountId> {
	pub fn free_slots(&self) -> u32 {
		let Counters { live, submitted, accepted, closed, .. } = self.counters;
		self.terms.slots.saturating_sub(live + submitted + accepted + closed)
	}

	/// Whether every slot has an accepted result, but for the one that the last allowed rejection closed.
	pub fn is_filled(&self) -> bool {
		let Counters { accepted, rejected, .. } = self.counters;
		let given_up = self.terms.max_rejects > 0 && rejected == self.terms.max_rejects;
		accepted + u32::from(given_up) == self.terms.slots
	}

	pub fn is_final(&self) -> bool {
		matches!(self.status, TaskStatus::Final { .. })
	}

	/// When it became final.
	pub fn ended(&self) -> Option<Moment> {
		match self.status {
			TaskStatus::Final { at, .. } => Some(at),
			_ => None,
		}
	}

	pub fn is_closing(&self) -> bool {
		matches!(self.status, TaskStatus::Closing { .. })
	}
}
