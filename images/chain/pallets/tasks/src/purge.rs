//! When may a task's records go? After the retention period, when nothing live points to them.

use crate::*;
use alloc::vec::Vec;
use frame_support::pallet_prelude::*;

/// How many workers' and how many submissions' records one call removes.
pub(crate) const PURGE_BATCH: usize = 32;

impl<T: Config> Pallet<T> {
	/// Removes a part of the records; the task's own goes last, so that a further call finds the rest.
	pub(crate) fn do_purge_task(id: TaskId) -> DispatchResult {
		let task = Tasks::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
		let over = match task.status {
			TaskStatus::Final { at, .. } => Self::now() > at.saturating_add(T::RetentionPeriod::get()),
			_ => false,
		};
		let pointed_to =
			task.alarm.is_some() || task.counters.reports > 0 || Children::<T>::iter_key_prefix(id).next().is_some();
		ensure!(over && !pointed_to, Error::<T>::StillNeeded);

		let workers: Vec<_> = Workers::<T>::iter_key_prefix(id).take(PURGE_BATCH).collect();
		for worker in &workers {
			Workers::<T>::remove(id, worker);
			Assignments::<T>::remove(worker, id);
		}
		let submissions: Vec<_> = Submissions::<T>::iter_key_prefix(id).take(PURGE_BATCH).collect();
		for submission in &submissions {
			Submissions::<T>::remove(id, submission);
		}
		if workers.len() < PURGE_BATCH && submissions.len() < PURGE_BATCH {
			Tasks::<T>::remove(id);
			Specs::<T>::remove(id);
			TasksOf::<T>::remove(&task.creator, id);
			Self::deposit_event(Event::TaskPurged { task: id });
		}
		Ok(())
	}
}
