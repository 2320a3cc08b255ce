//! Who does which task, who judges, and where is the money meanwhile?
//!
//! A call reads: check origin, settle what is due on the objects it touches, check state, mutate, event. Time decides
//! rights: sending and judging are allowed at `now ≤ limit`, lapsing and silence at `now > limit`, so neither a late
//! sweep of the agenda nor a racing transaction changes what becomes of anything.
#![doc = include_str!("../table.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod agenda;
mod assignment;
mod attempts;
mod creation;
mod errors;
mod events;
mod inputs;
mod lifecycle;
mod money;
mod purge;
mod review;
pub mod types;
mod weights;

#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;
pub use pallet::*;
pub use types::*;

#[import_section(events::events)]
#[import_section(errors::errors)]
#[frame_support::pallet]
pub mod pallet {
	use super::{assignment::SentResult, types::Task, weights::*, *};
	use frame_support::{pallet_prelude::*, traits::fungible::MutateHold};
	use frame_system::pallet_prelude::*;
	use pallet_registry::{Balance, Digest, Moment, Uri};
	use sp_runtime::Percent;

	#[pallet::config]
	pub trait Config:
		frame_system::Config + pallet_timestamp::Config<Moment = Moment> + pallet_registry::Config
	{
		type RuntimeHoldReason: From<HoldReason>;

		/// Where escrow and bonds are held; the same money as the registry's.
		type Escrow: MutateHold<Self::AccountId, Balance = Balance, Reason = <Self as Config>::RuntimeHoldReason>;

		/// No reward may be lower; at least the existential deposit, so that it can always be paid.
		#[pallet::constant]
		type MinReward: Get<Balance>;

		/// No bond may be lower; at least `ReportFee`.
		#[pallet::constant]
		type MinBond: Get<Balance>;

		/// What reporting a failure costs unless the report proves true.
		#[pallet::constant]
		type ReportFee: Get<Balance>;

		/// The share of the reward that a rejection costs each side; at least 10%.
		#[pallet::constant]
		type RejectFee: Get<Percent>;

		/// No attempt may be given less time, and none starts later than this before the deadline.
		#[pallet::constant]
		type MinTimeout: Get<Moment>;

		/// The longest review.
		#[pallet::constant]
		type MaxWindow: Get<Moment>;

		/// How long a creator may think about a paused task, and about a report.
		#[pallet::constant]
		type PauseWindow: Get<Moment>;

		/// How long a final task and its submissions are kept at least.
		#[pallet::constant]
		type RetentionPeriod: Get<Moment>;

		/// How often an account may try again after a failure that may pass.
		#[pallet::constant]
		type MaxRetries: Get<u32>;
	}

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	#[pallet::composite_enum]
	pub enum HoldReason {
		/// A creator's rewards and rejection fees.
		Escrow,
		/// A worker's bond.
		Bond,
	}

	pub type TaskOf<T> = Task<<T as frame_system::Config>::AccountId>;
	pub type TermsOf<T> = Terms<<T as frame_system::Config>::AccountId>;
	pub type SpecOf<T> = Spec<<T as frame_system::Config>::AccountId>;
	pub type SubmissionOf<T> = Submission<<T as frame_system::Config>::AccountId>;
	pub type ObjectOf<T> = Object<<T as frame_system::Config>::AccountId>;

	#[pallet::storage]
	pub type Tasks<T: Config> = StorageMap<_, Blake2_128Concat, TaskId, TaskOf<T>>;

	#[pallet::storage]
	pub type Specs<T: Config> = StorageMap<_, Blake2_128Concat, TaskId, SpecOf<T>>;

	/// The latest attempt of each account at each task; a worker's are found by prefix.
	#[pallet::storage]
	pub type Assignments<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, TaskId, Assignment>;

	/// Tasks that only this account may take, while they can be taken.
	#[pallet::storage]
	pub type Offers<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, TaskId, ()>;

	/// Tasks that anyone may take, while they can be taken.
	#[pallet::storage]
	pub type OpenTasks<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskKind, Blake2_128Concat, TaskId, ()>;

	#[pallet::storage]
	pub type Submissions<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, SubmissionId, SubmissionOf<T>>;

	#[pallet::storage]
	pub type TasksOf<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, TaskId, ()>;

	/// What waits for a judge's word, with the task it belongs to.
	#[pallet::storage]
	pub type Reviews<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, SubmissionId, TaskId>;

	#[pallet::storage]
	pub type Plans<T: Config> = StorageMap<_, Blake2_128Concat, PlanId, Plan<T::AccountId>>;

	/// The tasks that a plan's cancellation has to reach.
	#[pallet::storage]
	pub type PlanTasks<T: Config> = StorageDoubleMap<_, Blake2_128Concat, PlanId, Blake2_128Concat, TaskId, ()>;

	/// Everyone who ever took a task.
	#[pallet::storage]
	pub type Workers<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, T::AccountId, ()>;

	/// Those of them who are at it.
	#[pallet::storage]
	pub type LiveWorkers<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, T::AccountId, ()>;

	/// A parent's children that may still wait for it.
	#[pallet::storage]
	pub type Awaiting<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, TaskId, ()>;

	/// A parent's children that are not final; they need its record.
	#[pallet::storage]
	pub type Children<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, TaskId, ()>;

	/// Due work, oldest first: the key is big-endian time, then entry id, unhashed, because only that is ordered.
	#[pallet::storage]
	pub type Agenda<T: Config> = StorageMap<_, Identity, [u8; 16], ObjectOf<T>>;

	#[pallet::storage]
	pub type NextTask<T: Config> = StorageValue<_, TaskId, ValueQuery>;
	#[pallet::storage]
	pub type NextSubmission<T: Config> = StorageValue<_, SubmissionId, ValueQuery>;
	#[pallet::storage]
	pub type NextPlan<T: Config> = StorageValue<_, PlanId, ValueQuery>;
	#[pallet::storage]
	pub type NextEntry<T: Config> = StorageValue<_, u64, ValueQuery>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::work_agenda(remaining)
		}

		fn integrity_test() {
			assert!(T::MinReward::get() >= Self::smallest_payment(), "a reward must be payable to an empty account");
			assert!(T::ReportFee::get() >= Self::smallest_payment(), "a fee must be payable to the treasury");
			assert!(T::MinBond::get() >= T::ReportFee::get(), "a bond must cover the fee of a report");
			assert!(T::RejectFee::get() >= Percent::from_percent(10), "rejecting must not be for nothing");
			assert!(T::MinTimeout::get() > 0, "an attempt needs time");
			assert!(T::RetentionPeriod::get() >= T::PauseWindow::get(), "a report's fee outlives its task's record");
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Opens a plan: tasks that are cancelled together.
		#[pallet::call_index(0)]
		#[pallet::weight(create_plan::<T>())]
		pub fn create_plan(origin: OriginFor<T>) -> DispatchResult {
			let creator = ensure_signed(origin)?;
			let plan = NextPlan::<T>::mutate(Self::count);
			Plans::<T>::insert(plan, Plan { creator: creator.clone(), cancelled: None, alarm: None });
			Self::deposit_event(Event::PlanCreated { plan, creator });
			Ok(())
		}

		/// Cancels all tasks of a plan; the agenda reaches those nobody touches.
		#[pallet::call_index(1)]
		#[pallet::weight(cancel_plan::<T>())]
		pub fn cancel_plan(origin: OriginFor<T>, plan: PlanId, abort: bool) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_cancel_plan(who, plan, abort)
		}

		/// Offers work: holds `slots · reward + max_rejects · fee` until it is paid or comes back.
		#[pallet::call_index(2)]
		#[pallet::weight(create_task::<T>(spec.inputs.len(), spec.objectives.len(), spec.parents.len()))]
		pub fn create_task(origin: OriginFor<T>, terms: TermsOf<T>, spec: SpecOf<T>) -> DispatchResult {
			let creator = ensure_signed(origin)?;
			Self::do_create_task(creator, terms, spec)
		}

		/// No new claims. What is live finishes and is paid; with `abort` it is paid at once and ends.
		#[pallet::call_index(3)]
		#[pallet::weight(cancel_task::<T>())]
		pub fn cancel_task(origin: OriginFor<T>, task: TaskId, abort: bool) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::with_task(task, |record, now| Self::cancel(task, record, who, abort, now))
		}

		/// Opens a paused task again, after its creator looked at why workers failed.
		#[pallet::call_index(4)]
		#[pallet::weight(touch_task::<T>())]
		pub fn resume_task(origin: OriginFor<T>, task: TaskId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::with_task(task, |record, _| Self::resume(task, record, who))
		}

		/// Takes a slot: holds the bond, starts the clock, gives the attempt its epoch.
		#[pallet::call_index(5)]
		#[pallet::weight(touch_assignment::<T>())]
		pub fn assign_task(origin: OriginFor<T>, task: TaskId) -> DispatchResult {
			let worker = ensure_signed(origin)?;
			Self::with_task(task, |record, now| Self::claim(task, record, worker, now))
		}

		/// Sends the attempt's result. The same again is success without change.
		#[pallet::call_index(6)]
		#[pallet::weight(send_result::<T>())]
		pub fn send_task_result(
			origin: OriginFor<T>,
			task: TaskId,
			epoch: Epoch,
			result: Digest,
			outputs: Outputs,
			uri: Uri,
			perf: Option<i64>,
		) -> DispatchResult {
			let worker = ensure_signed(origin)?;
			let sent = SentResult { epoch, result, outputs, uri, perf };
			Self::with_task(task, |record, now| Self::send(task, record, worker, sent, now))
		}

		/// Ends the attempt without a result, for a fee that comes back when the report proves true.
		#[pallet::call_index(7)]
		#[pallet::weight(touch_assignment::<T>())]
		pub fn report_failure(
			origin: OriginFor<T>,
			task: TaskId,
			epoch: Epoch,
			category: FailureCategory,
			log: Digest,
		) -> DispatchResult {
			let worker = ensure_signed(origin)?;
			Self::with_task(task, |record, now| Self::report(task, record, worker, epoch, category, log, now))
		}

		/// The creator grants that a report was true: its fee is returned.
		#[pallet::call_index(8)]
		#[pallet::weight(touch_assignment::<T>())]
		pub fn confirm_failure(origin: OriginFor<T>, task: TaskId, worker: T::AccountId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::with_task(task, |record, now| Self::confirm(task, record, who, worker, now))
		}

		/// Gives the slot back; free once for each account and task.
		#[pallet::call_index(9)]
		#[pallet::weight(touch_assignment::<T>())]
		pub fn hand_back(origin: OriginFor<T>, task: TaskId, epoch: Epoch) -> DispatchResult {
			let worker = ensure_signed(origin)?;
			Self::with_task(task, |record, now| Self::give_back(task, record, worker, epoch, now))
		}

		/// The judge accepts: pays the worker, returns the bond, records the model.
		#[pallet::call_index(10)]
		#[pallet::weight(touch_submission::<T>())]
		pub fn accept_task_results(origin: OriginFor<T>, task: TaskId, submission: SubmissionId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::with_task(task, |record, now| {
				Self::judge(task, record, who, submission, now, |record, judged| {
					Self::accept(task, record, submission, judged, now)
				})
			})
		}

		/// The judge rejects, at a cost to both sides, so that neither gains by it.
		#[pallet::call_index(11)]
		#[pallet::weight(touch_submission::<T>())]
		pub fn reject_task_results(
			origin: OriginFor<T>,
			task: TaskId,
			submission: SubmissionId,
			reason: Reason,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::with_task(task, |record, now| {
				Self::judge(task, record, who, submission, now, |record, judged| {
					Self::reject(task, record, submission, judged, reason, now)
				})
			})
		}

		/// Does what is due on an object, by anyone, and nothing else.
		#[pallet::call_index(12)]
		#[pallet::weight(poke::<T>())]
		pub fn poke(origin: OriginFor<T>, object: ObjectOf<T>) -> DispatchResult {
			ensure_signed(origin)?;
			Self::settle(&object)
		}

		/// Removes the records of a task that has been final for the retention period, some of them at a time.
		#[pallet::call_index(13)]
		#[pallet::weight(purge_task::<T>())]
		pub fn purge_task(origin: OriginFor<T>, task: TaskId) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_purge_task(task)
		}
	}
}
