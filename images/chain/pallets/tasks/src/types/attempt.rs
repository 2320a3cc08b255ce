//! An account's attempt at a task: its state, the category of its failure, and the money held for it.

use super::*;
use pallet_registry::{Balance, Digest, Moment};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum FailureCategory {
	TaskError,
	Timeout,
	OutOfMemory,
	OutputInvalid,
	OutputTooLarge,
	InputUnavailable,
	InputMismatch,
	ImageUnavailable,
	ImageRefused,
	Policy,
	NodeError,
	/// A step of the image's Dockerfile fails where other images can be built.
	BuildFailed,
	/// No container can start of the image, or it holds device nodes.
	ImageUnfit,
}

impl FailureCategory {
	/// Whether it tells of the task rather than of the node.
	pub fn blames_task(self) -> bool {
		use FailureCategory::*;
		matches!(self, TaskError | Timeout | OutOfMemory | OutputInvalid | OutputTooLarge | BuildFailed | ImageUnfit)
	}

	/// Whether the same account may try again, because the cause may pass.
	pub fn may_pass(self) -> bool {
		use FailureCategory::*;
		matches!(self, NodeError | InputUnavailable | ImageUnavailable)
	}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum AssignmentState {
	Live,
	Submitted { submission: SubmissionId },
	Failed { category: FailureCategory, log: Digest },
	Lapsed,
	Aborted { paid: Balance },
	HandedBack { price: Balance },
}

/// The fees held of an account for its reports at one task, until the creator confirms them or the task is final.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Fees {
	/// For the reports of the moment `at`.
	pub latest: Balance,
	/// For those before it.
	pub earlier: Balance,
	pub at: Moment,
}

impl Fees {
	pub fn total(&self) -> Balance {
		self.latest.saturating_add(self.earlier)
	}

	pub(crate) fn add(&mut self, fee: Balance, now: Moment) {
		if self.at < now {
			*self = Fees { latest: 0, earlier: self.total(), at: now };
		}
		self.latest = self.latest.saturating_add(fee);
	}

	/// Takes out what is held for reports before `now`.
	pub(crate) fn take_before(&mut self, now: Moment) -> Balance {
		if self.at < now {
			return core::mem::take(self).total();
		}
		core::mem::take(&mut self.earlier)
	}
}

/// The latest attempt of one account at one task.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Assignment {
	pub epoch: Epoch,
	pub since: Moment,
	/// The last moment to send a result.
	pub due: Moment,
	/// The amount still held of the worker for this attempt, beside `fees`.
	pub bond: Balance,
	pub state: AssignmentState,
	/// The number of further attempts of this account after failures that may pass.
	pub retries: u32,
	/// The number of times this account handed the task back at a price.
	pub hand_backs: u32,
	pub fees: Fees,
	pub alarm: Option<Alarm>,
}
