//! Removal of records of tasks and plans, after the retention period, when nothing live points to them.
//!
//! The creator of a task in which nothing was rejected may remove its records then. Anybody else, and a creator who
//! rejected something, waits for the evidence period as well, so that a dispute has its documents.

use crate::*;
use alloc::vec::Vec;
use frame_support::pallet_prelude::*;
use pallet_registry::Moment;

/// The number of workers' records, and of submissions' records, that one call removes.
pub(crate) const PURGE_BATCH: usize = 32;

impl<T: Config> Pallet<T> {
	/// Removes a part of the records; the task's own goes last, so that a further call finds the rest.
	pub(crate) fn do_purge_task(who: T::AccountId, id: TaskId) -> DispatchResult {
		let task = Tasks::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
		let TaskStatus::Final { at, .. } = task.status else { return Err(Error::<T>::StillNeeded.into()) };
		let undisputed = task.creator == who && task.counters.rejected == 0;
		let pointed_to =
			task.alarm.is_some() || task.counters.reports > 0 || Children::<T>::iter_key_prefix(id).next().is_some();
		ensure!(Self::is_kept_long_enough(at, undisputed) && !pointed_to, Error::<T>::StillNeeded);

		let workers: Vec<_> = Workers::<T>::iter_key_prefix(id).take(PURGE_BATCH).collect();
		for worker in &workers {
			Workers::<T>::remove(id, worker);
			Assignments::<T>::remove(worker, id);
		}
		let submissions: Vec<_> = Submissions::<T>::iter_key_prefix(id).take(PURGE_BATCH).collect();
		for submission in &submissions {
			Submissions::<T>::remove(id, submission);
		}
		// No more than there were submissions.
		let outputs: Vec<_> = SentOutputs::<T>::iter_key_prefix(id).take(PURGE_BATCH).collect();
		for outputs in &outputs {
			SentOutputs::<T>::remove(id, outputs);
		}
		if workers.len() < PURGE_BATCH && submissions.len() < PURGE_BATCH {
			Self::return_spec(&task)?;
			Tasks::<T>::remove(id);
			Specs::<T>::remove(id);
			TaskRoles::<T>::remove(id);
			TaskRights::<T>::remove(id);
			OutputRights::<T>::remove(id);
			TasksOf::<T>::remove(&task.creator, id);
			Self::deposit_event(Event::TaskPurged { task: id });
		}
		Ok(())
	}

	pub(crate) fn do_purge_plan(who: T::AccountId, id: PlanId) -> DispatchResult {
		let plan = Plans::<T>::get(id).ok_or(Error::<T>::NoSuchPlan)?;
		let pointed_to = plan.alarm.is_some() || PlanTasks::<T>::iter_key_prefix(id).next().is_some();
		let over = Self::is_kept_long_enough(plan.touched, plan.creator == who);
		ensure!(over && !pointed_to, Error::<T>::StillNeeded);
		Plans::<T>::remove(id);
		Self::deposit_event(Event::PlanPurged { plan: id });
		Ok(())
	}

	fn is_kept_long_enough(at: Moment, undisputed: bool) -> bool {
		let more = if undisputed { 0 } else { T::EvidencePeriod::get() };
		Self::now() > at.saturating_add(T::RetentionPeriod::get()).saturating_add(more)
	}

	/// Notes that a task of the plan began or ended at this moment.
	pub(crate) fn touch_plan(id: PlanId, at: Moment) {
		Plans::<T>::mutate_extant(id, |plan| plan.touched = plan.touched.max(at));
	}
}
