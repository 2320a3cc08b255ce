//! The nouns of the task pallet: what a task, an assignment and a submission are, and the states they pass through.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use pallet_registry::{AssetRef, Balance, Digest, ModelId, Moment, ObjectiveIds, Uri};
use scale_info::TypeInfo;

pub type TaskId = u64;
pub type SubmissionId = u64;
pub type PlanId = u64;
/// Counts a task's attempts; the fencing token of each.
pub type Epoch = u32;
pub type Inputs<AccountId> = BoundedVec<Input<AccountId>, ConstU32<256>>;
pub type Parents = BoundedVec<TaskId, ConstU32<16>>;
pub type Outputs = BoundedVec<Output, ConstU32<4>>;
pub type OutputName = BoundedVec<u8, ConstU32<32>>;
pub type Reason = BoundedVec<u8, ConstU32<256>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum TaskKind {
	Annotation,
	Training,
	Restructuring,
	Scoring,
	Aggregation,
}

impl TaskKind {
	/// Whether an accepted result of this kind is a model, which later tasks may take as input.
	pub fn makes_model(self) -> bool {
		matches!(self, TaskKind::Training | TaskKind::Restructuring | TaskKind::Aggregation)
	}
}

/// Who judges results and for how long: at the end of the window silence accepts. Window 0 accepts at once.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Review<AccountId> {
	pub judge: AccountId,
	pub window: Moment,
}

#[derive(
	Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub enum Input<AccountId> {
	Asset(AssetRef<AccountId>),
	Model(ModelId),
}

/// What a creator offers. `deadline` is a moment, `timeout` the duration of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Terms<AccountId> {
	pub kind: TaskKind,
	/// For each accepted result.
	pub reward: Balance,
	/// What a worker puts down while it holds a slot.
	pub bond: Balance,
	/// How many results are wanted, each of another account.
	pub slots: u32,
	pub max_rejects: u32,
	/// So many accounts' reports that the task itself is broken pause it.
	pub max_failures: u32,
	pub review: Review<AccountId>,
	pub deadline: Moment,
	pub timeout: Moment,
	pub plan: Option<PlanId>,
	/// Only this account may take the task.
	pub assignee: Option<AccountId>,
}

/// The immutable half of a task: its document in storage, and what it may touch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Spec<AccountId> {
	pub digest: Digest,
	pub uri: Uri,
	pub inputs: Inputs<AccountId>,
	pub parents: Parents,
	/// Of a training: what its model may be certified for. Of a scoring: none (cross-validation) or the one it is for.
	pub objectives: ObjectiveIds,
}

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
	/// Workers found it broken; its creator may resume it at or before `until`.
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
	/// Reports whose fee is neither returned nor forfeited yet.
	pub reports: u32,
	/// The epoch of the latest attempt.
	pub epoch: Epoch,
}

/// Where an object's entry in the agenda stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Alarm {
	/// Due when this moment has passed.
	pub at: Moment,
	pub entry: u64,
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
	/// When workers' reports last showed the task to be broken.
	pub broken: Option<Moment>,
	/// Attempts up to this epoch that failed may be repeated, because the creator resumed the task after them.
	pub resumed: Epoch,
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

	pub fn is_closing(&self) -> bool {
		matches!(self.status, TaskStatus::Closing { .. })
	}
}

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
}

impl FailureCategory {
	/// Whether it tells of the task rather than of the node.
	pub fn blames_task(self) -> bool {
		use FailureCategory::*;
		matches!(self, TaskError | Timeout | OutOfMemory | OutputInvalid | OutputTooLarge)
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
	Submitted {
		submission: SubmissionId,
	},
	/// While `bond` is not 0 it is the report's fee, of which is decided after `until` at the latest.
	Failed {
		category: FailureCategory,
		log: Digest,
		until: Moment,
	},
	Lapsed,
	Aborted,
	HandedBack,
}

/// The latest attempt of one account at one task.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Assignment {
	pub epoch: Epoch,
	pub since: Moment,
	/// The last moment to send a result.
	pub due: Moment,
	/// What is still held of the worker for this attempt.
	pub bond: Balance,
	pub state: AssignmentState,
	/// How often this account tried again after a failure that may pass.
	pub retries: u32,
	/// Whether it used up the one time that handing back is free.
	pub handed_back: bool,
	pub alarm: Option<Alarm>,
}

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

/// Who vouches for a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Voucher {
	/// The account that made the model or paid for it.
	Own,
	Independent,
	/// The objective's owner.
	Owner,
	Committee,
}

/// `value` in micro-units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Score {
	pub value: i64,
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
	pub score: Option<Score>,
	pub status: SubmissionStatus,
	pub sent: Moment,
	pub alarm: Option<Alarm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Cancellation {
	pub at: Moment,
	pub abort: bool,
}

/// Tasks that are cancelled together.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Plan<AccountId> {
	pub creator: AccountId,
	pub cancelled: Option<Cancellation>,
	pub alarm: Option<Alarm>,
}

/// What the agenda moves on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Object<AccountId> {
	Task(TaskId),
	Assignment(AccountId, TaskId),
	Submission(TaskId, SubmissionId),
	Plan(PlanId),
}
