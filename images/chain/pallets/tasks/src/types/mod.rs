//! The task pallet's types: tasks, assignments, submissions and plans, with their states.

mod attempt;
mod roles;
mod submission;
mod task;

use crate::bounds::*;
use alloc::vec;
pub use attempt::*;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use pallet_registry::{AssetRef, Balance, Digest, ModelId, Moment, ObjectiveIds, Uri};
pub use pallet_registry::{SubmissionId, Voucher};
pub use roles::*;
use scale_info::TypeInfo;
pub use submission::*;
pub use task::*;

pub type TaskId = u64;
pub type PlanId = u64;
/// Counts a task's attempts; the fencing token of each.
pub type Epoch = u32;
pub type Inputs<AccountId> = BoundedVec<Input<AccountId>, ConstU32<MAX_INPUTS>>;
pub type Parents = BoundedVec<TaskId, ConstU32<MAX_PARENTS>>;
pub type Outputs = BoundedVec<Output, ConstU32<MAX_OUTPUTS>>;
pub type OutputName = BoundedVec<u8, ConstU32<MAX_OUTPUT_NAME>>;
pub type Perfs = BoundedVec<Perf, ConstU32<MAX_NUMBERS>>;
pub type Reason = BoundedVec<u8, ConstU32<MAX_REASON>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum TaskKind {
	Annotation,
	Training,
	Restructuring,
	Scoring,
	Aggregation,
	/// Declares its outputs by its roles.
	Function,
}

impl TaskKind {
	/// Whether an accepted result of this kind is a model, unless its roles name other outputs.
	pub fn makes_model(self) -> bool {
		matches!(self, TaskKind::Training | TaskKind::Restructuring | TaskKind::Aggregation)
	}
}

/// The judge of results and the time it has: at the end of the window silence accepts. Window 0 accepts at once.
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

/// The terms that a creator offers. `deadline` is a moment, `timeout` the duration of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Terms<AccountId> {
	pub kind: TaskKind,
	/// For each accepted result.
	pub reward: Balance,
	/// The amount held of a worker while it holds a slot.
	pub bond: Balance,
	/// The number of wanted results, each of another account.
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

/// The place of an object's entry in the agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Alarm {
	/// Due when this moment has passed.
	pub at: Moment,
	pub entry: u64,
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
	/// The moment of its creation, or of the latest creation or end of a task of it.
	pub touched: Moment,
	pub alarm: Option<Alarm>,
}

/// An object that the agenda settles.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Object<AccountId> {
	Task(TaskId),
	Assignment(AccountId, TaskId),
	Submission(TaskId, SubmissionId),
	Plan(PlanId),
}
