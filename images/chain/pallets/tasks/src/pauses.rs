//! Pauses of a task that workers reported as broken: their beginning and their end.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::Moment;

impl<T: Config> Pallet<T> {
	/// The last moment to take a task.
	pub(crate) fn latest_start(task: &TaskOf<T>) -> Moment {
		task.terms.deadline.saturating_sub(T::MinTimeout::get())
	}

	/// Pauses a task that workers reported as broken. The first pause ends by itself, so that a creator
	/// who is away loses some time only; what pauses the task again, or too late for another attempt, ends it.
	pub(crate) fn pause(id: TaskId, task: &mut TaskOf<T>, now: Moment) {
		let latest_start = Self::latest_start(task);
		let reopens = task.broken.is_none() && now <= latest_start;
		task.broken.get_or_insert(now);
		if task.status == TaskStatus::Open {
			let window = now.saturating_add(T::PauseWindow::get()).min(latest_start);
			let until = if reopens { window } else { task.terms.deadline };
			Self::change(id, task, TaskStatus::Paused { until });
		}
	}

	/// The end of a pause that ends before the deadline; what cancelled the task during the pause comes first.
	pub(crate) fn settle_pause(id: TaskId, task: &mut TaskOf<T>, cancelled: Moment, now: Moment) {
		let over = |until: Moment| until < task.terms.deadline && until < cancelled && until < now;
		if let TaskStatus::Paused { until } = task.status {
			if over(until) {
				Self::reopen(id, task, until);
			}
		}
	}

	pub(crate) fn resume(id: TaskId, task: &mut TaskOf<T>, who: T::AccountId, now: Moment) -> DispatchResult {
		ensure!(task.creator == who, Error::<T>::NotCreator);
		ensure!(matches!(task.status, TaskStatus::Paused { .. }), Error::<T>::NotPaused);
		ensure!(now <= Self::latest_start(task), Error::<T>::DeadlineTooNear);
		Self::reopen(id, task, now);
		Ok(())
	}

	fn reopen(id: TaskId, task: &mut TaskOf<T>, at: Moment) {
		Self::note_turn(id, at);
		task.counters.failures = 0;
		task.resumed = task.counters.epoch;
		Self::change(id, task, TaskStatus::Open);
	}
}
