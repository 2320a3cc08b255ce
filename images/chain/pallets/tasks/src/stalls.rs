//! Stalled tasks, on which nobody works any more: all who tried are out of attempts, or the assignee doesn't try again.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::Moment;

impl<T: Config> Pallet<T> {
	/// Whether an attempt ended so that its account may try again.
	pub(crate) fn is_able(task: &TaskOf<T>, attempt: &Assignment) -> bool {
		attempt.state != AssignmentState::Live && Self::may_try_again(task, attempt)
	}

	/// Counts anew, after an attempt changed, who may try again.
	pub(crate) fn count_able(task: &mut TaskOf<T>, before: bool, after: bool) {
		let able = &mut task.counters.able;
		*able = (*able + u32::from(after)).saturating_sub(u32::from(before));
	}

	/// The moment since which nothing is under way at an open task and nobody who tried may try again, where something
	/// happened to it last at `latest`. A task for one account never stalls: it closes or pauses with that account's last
	/// attempt.
	pub(crate) fn stall(task: &TaskOf<T>, latest: Moment) -> Option<Moment> {
		let Counters { live, submitted, able, epoch, .. } = task.counters;
		let tried = epoch > 0 && task.terms.assignee.is_none();
		let stalled = task.status == TaskStatus::Open && tried && live + submitted + able == 0;
		stalled.then(|| task.stalled_since.unwrap_or(latest))
	}

	/// Declines a task for good by the only account that may take it, while it isn't at work.
	pub(crate) fn decline(id: TaskId, task: &mut TaskOf<T>, who: T::AccountId, now: Moment) -> DispatchResult {
		ensure!(task.terms.assignee.as_ref() == Some(&who), Error::<T>::NotOffered);
		ensure!(!task.is_final() && !Self::is_over(id, task, now), Error::<T>::TaskFinal);
		ensure!(!task.is_closing(), Error::<T>::AlreadyClosing);
		ensure!(task.counters.live + task.counters.submitted == 0, Error::<T>::AlreadyAssigned);
		Self::deposit_event(Event::OfferDeclined { task: id, by: who });
		Self::end_unwanted(id, task, now)
	}
}
