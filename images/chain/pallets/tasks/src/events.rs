//! The pallet's events.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod events {
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		PlanCreated {
			plan: PlanId,
			creator: T::AccountId,
		},
		PlanCancelled {
			plan: PlanId,
			abort: bool,
		},
		TaskCreated {
			task: TaskId,
			creator: T::AccountId,
		},
		TaskStatusChanged {
			task: TaskId,
			status: TaskStatus,
		},
		TaskPurged {
			task: TaskId,
		},
		Assigned {
			task: TaskId,
			worker: T::AccountId,
			epoch: Epoch,
			due: Moment,
		},
		ResultSent {
			task: TaskId,
			submission: SubmissionId,
			worker: T::AccountId,
			epoch: Epoch,
		},
		ResultAccepted {
			task: TaskId,
			submission: SubmissionId,
			worker: T::AccountId,
			paid: Balance,
		},
		ResultRejected {
			task: TaskId,
			submission: SubmissionId,
			worker: T::AccountId,
		},
		FailureReported {
			task: TaskId,
			worker: T::AccountId,
			epoch: Epoch,
			category: FailureCategory,
			/// Stays held.
			fee: Balance,
		},
		/// The fees of an account's reports were returned, or went to the treasury.
		ReportSettled {
			task: TaskId,
			worker: T::AccountId,
			fees: Balance,
			returned: bool,
		},
		HandedBack {
			task: TaskId,
			worker: T::AccountId,
			epoch: Epoch,
			/// Went to the treasury.
			price: Balance,
		},
		Lapsed {
			task: TaskId,
			worker: T::AccountId,
			epoch: Epoch,
		},
		Aborted {
			task: TaskId,
			worker: T::AccountId,
			paid: Balance,
		},
		/// An entry of the agenda failed and comes again at `again`.
		Postponed {
			object: ObjectOf<T>,
			again: Moment,
			error: DispatchError,
		},
		PlanPurged {
			plan: PlanId,
		},
		/// The only account that could take the task doesn't want it.
		OfferDeclined {
			task: TaskId,
			by: T::AccountId,
		},
		/// The record that an accepted result leaves was paid for.
		RecordPaid {
			task: TaskId,
			creator: T::AccountId,
			amount: Balance,
		},
	}
}
