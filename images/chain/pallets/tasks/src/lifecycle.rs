//! How does a task move from one status to the next? By calls, by time, by its parents and by its plan.

use crate::*;
use alloc::vec::Vec;
use frame_support::pallet_prelude::*;
use pallet_registry::{Balance, Moment};

/// How many workers, children or tasks of a plan one visit reaches; the agenda comes back for the rest at once.
pub(crate) const BATCH: usize = 4;

impl<T: Config> Pallet<T> {
	/// Settles what is due on a task, lets `work` change it, and draws the conclusions.
	pub(crate) fn with_task(id: TaskId, work: impl FnOnce(&mut TaskOf<T>, Moment) -> DispatchResult) -> DispatchResult {
		let mut task = Tasks::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
		let now = Self::now();
		Self::settle_task(id, &mut task, now)?;
		work(&mut task, now)?;
		Self::conclude(id, &mut task, now)?;
		Tasks::<T>::insert(id, task);
		Ok(())
	}

	/// Does what time, parents and plan demand of a task.
	fn settle_task(id: TaskId, task: &mut TaskOf<T>, now: Moment) -> DispatchResult {
		if task.is_final() {
			return Ok(());
		}
		let cancellation = task.terms.plan.and_then(Plans::<T>::get).and_then(|plan| plan.cancelled);
		let cancelled = cancellation.map_or(Moment::MAX, |cancellation| cancellation.at);
		Self::settle_assignee(id, task, cancelled, now)?;
		let limit = match task.status {
			TaskStatus::Waiting | TaskStatus::Open => task.terms.deadline,
			TaskStatus::Paused { until } => until,
			TaskStatus::Closing { .. } | TaskStatus::Final { .. } => Moment::MAX,
		};
		if let Some(cancellation) = cancellation.filter(|cancelled| cancelled.at <= limit) {
			Self::close(id, task, Outcome::Cancelled)?;
			if cancellation.abort {
				Self::begin_abort(task, cancellation.at);
			}
		} else if task.status == TaskStatus::Waiting {
			Self::look_at_parents(id, task, now)?;
		} else if now > limit {
			let paused = matches!(task.status, TaskStatus::Paused { .. });
			Self::close(id, task, if paused { Outcome::Failed } else { Outcome::Expired })?;
		}
		Self::abort_batch(id, task, now)?;
		Self::conclude(id, task, now)
	}

	/// The lapse of the only attempt there could be ended the task when it happened, so it comes before a deadline or a
	/// plan's end that came later, however late the sweep.
	fn settle_assignee(id: TaskId, task: &mut TaskOf<T>, cancelled: Moment, now: Moment) -> DispatchResult {
		let Some(assignee) = task.terms.assignee.clone() else { return Ok(()) };
		let lapsed = |attempt: Assignment| {
			attempt.state == AssignmentState::Live && attempt.due < now && attempt.due < cancelled
		};
		if Assignments::<T>::get(&assignee, id).is_some_and(lapsed) {
			Self::with_assignment(id, task, &assignee, now, |_, _| Ok(()))?;
		}
		Ok(())
	}

	/// A waiting task opens when all its parents have results, and is cancelled when one ended without, or when it was
	/// to certify a score of a model that turned out not to be clean.
	fn look_at_parents(id: TaskId, task: &mut TaskOf<T>, now: Moment) -> DispatchResult {
		let spec = Specs::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
		let mut ready = true;
		for parent in spec.parents.iter().filter_map(Tasks::<T>::get) {
			match parent.status {
				TaskStatus::Final { outcome: Outcome::Done, .. } => {}
				TaskStatus::Final { .. } => return Self::close(id, task, Outcome::Cancelled),
				_ => ready = false,
			}
		}
		if ready && !Self::inherit(task, &spec) {
			Self::close(id, task, Outcome::Cancelled)?;
		} else if now > task.terms.deadline {
			Self::close(id, task, Outcome::Expired)?;
		} else if ready {
			Self::change(id, task, TaskStatus::Open);
		}
		Ok(())
	}

	/// No new claims: the escrow of unclaimed slots returns at once.
	pub(crate) fn close(id: TaskId, task: &mut TaskOf<T>, outcome: Outcome) -> DispatchResult {
		if task.is_closing() {
			return Ok(());
		}
		let unclaimed = task.free_slots();
		task.counters.closed += unclaimed;
		Self::refund(task, task.terms.reward * Balance::from(unclaimed))?;
		Self::change(id, task, TaskStatus::Closing { outcome, aborting: None });
		Ok(())
	}

	/// Live attempts are to be paid and ended; the first abort counts.
	fn begin_abort(task: &mut TaskOf<T>, at: Moment) {
		if let TaskStatus::Closing { aborting: aborting @ None, .. } = &mut task.status {
			*aborting = Some(at);
		}
	}

	/// Ends some of the live attempts of a task that is being aborted.
	fn abort_batch(id: TaskId, task: &mut TaskOf<T>, now: Moment) -> DispatchResult {
		if !matches!(task.status, TaskStatus::Closing { aborting: Some(_), .. }) {
			return Ok(());
		}
		let workers: Vec<_> = LiveWorkers::<T>::iter_key_prefix(id).take(BATCH).collect();
		for worker in &workers {
			Self::with_assignment(id, task, worker, now, |_, _| Ok(()))?;
		}
		Ok(())
	}

	/// A slot is free again while the task is open; of a closing task it is closed and refunded.
	pub(crate) fn free_slot(task: &mut TaskOf<T>) -> DispatchResult {
		if task.is_closing() {
			return Self::close_slot(task);
		}
		Ok(())
	}

	/// No result can fill this slot any more: its reward comes back.
	pub(crate) fn close_slot(task: &mut TaskOf<T>) -> DispatchResult {
		task.counters.closed += 1;
		Self::refund(task, task.terms.reward)
	}

	/// Nobody but the assignee could take the task, and it may not: waiting for the deadline would help nobody.
	pub(crate) fn close_if_deserted(id: TaskId, task: &mut TaskOf<T>) -> DispatchResult {
		if task.terms.assignee.is_some() && !task.is_closing() {
			Self::close(id, task, Outcome::Failed)?;
		}
		Ok(())
	}

	/// Workers found the task broken: a second look by its creator is due. A pause that is on already stays as it is.
	pub(crate) fn pause(id: TaskId, task: &mut TaskOf<T>, now: Moment) {
		if matches!(task.status, TaskStatus::Paused { .. }) {
			return;
		}
		task.broken = Some(now);
		if task.status == TaskStatus::Open {
			let until = now.saturating_add(T::PauseWindow::get()).min(task.terms.deadline);
			Self::change(id, task, TaskStatus::Paused { until });
		}
	}

	pub(crate) fn resume(id: TaskId, task: &mut TaskOf<T>, who: T::AccountId) -> DispatchResult {
		ensure!(task.creator == who, Error::<T>::NotCreator);
		ensure!(matches!(task.status, TaskStatus::Paused { .. }), Error::<T>::NotPaused);
		task.counters.failures = 0;
		task.resumed = task.counters.epoch;
		Self::change(id, task, TaskStatus::Open);
		Ok(())
	}

	pub(crate) fn cancel(
		id: TaskId,
		task: &mut TaskOf<T>,
		who: T::AccountId,
		abort: bool,
		now: Moment,
	) -> DispatchResult {
		ensure!(task.creator == who, Error::<T>::NotCreator);
		ensure!(!task.is_final(), Error::<T>::TaskFinal);
		ensure!(abort || !task.is_closing(), Error::<T>::AlreadyClosing);
		Self::close(id, task, Outcome::Cancelled)?;
		if abort {
			Self::begin_abort(task, now);
		}
		Self::abort_batch(id, task, now)
	}

	/// Ends the task when everything about it is decided, and keeps its lists and its alarm true.
	pub(crate) fn conclude(id: TaskId, task: &mut TaskOf<T>, now: Moment) -> DispatchResult {
		let Counters { live, submitted, accepted, .. } = task.counters;
		match task.status {
			TaskStatus::Waiting | TaskStatus::Final { .. } => {}
			// Whatever closed it came too late to change anything.
			_ if task.is_filled() && accepted > 0 => Self::finish(id, task, Outcome::Done, now)?,
			TaskStatus::Closing { outcome, .. } if live + submitted == 0 => Self::finish(id, task, outcome, now)?,
			_ if task.is_filled() => Self::finish(id, task, Outcome::Failed, now)?,
			_ => {}
		}
		Self::list(id, task);
		let wanted = match task.status {
			TaskStatus::Waiting | TaskStatus::Open => Some(task.terms.deadline),
			TaskStatus::Paused { until } => Some(until),
			TaskStatus::Closing { aborting, .. } => aborting.filter(|_| live > 0).map(|_| Self::at_once()),
			TaskStatus::Final { .. } => Awaiting::<T>::iter_key_prefix(id).next().map(|_| Self::at_once()),
		};
		Self::set_alarm(&mut task.alarm, wanted, || Object::Task(id));
		Ok(())
	}

	fn finish(id: TaskId, task: &mut TaskOf<T>, outcome: Outcome, now: Moment) -> DispatchResult {
		Self::refund(task, task.held)?;
		if let Some(plan) = task.terms.plan {
			PlanTasks::<T>::remove(plan, id);
		}
		for parent in Specs::<T>::get(id).map(|spec| spec.parents).unwrap_or_default() {
			Children::<T>::remove(parent, id);
		}
		Self::change(id, task, TaskStatus::Final { outcome, at: now });
		Ok(())
	}

	/// A task stands where those who may take it look for it, while they may.
	fn list(id: TaskId, task: &TaskOf<T>) {
		let takeable = task.status == TaskStatus::Open && task.free_slots() > 0;
		match (&task.terms.assignee, takeable) {
			(Some(assignee), true) => Offers::<T>::insert(assignee, id, ()),
			(Some(assignee), false) => Offers::<T>::remove(assignee, id),
			(None, true) => OpenTasks::<T>::insert(task.terms.kind, id, ()),
			(None, false) => OpenTasks::<T>::remove(task.terms.kind, id),
		}
	}

	fn change(id: TaskId, task: &mut TaskOf<T>, status: TaskStatus) {
		task.status = status;
		Self::deposit_event(Event::TaskStatusChanged { task: id, status });
	}

	/// Settles a task; of one that was final already, some of the children that wait for it.
	pub(crate) fn settle_family(id: TaskId) -> DispatchResult {
		if Tasks::<T>::get(id).is_some_and(|task| task.is_final()) {
			let children: Vec<_> = Awaiting::<T>::iter_key_prefix(id).take(BATCH).collect();
			for child in children {
				Awaiting::<T>::remove(id, child);
				if Tasks::<T>::contains_key(child) {
					Self::with_task(child, |_, _| Ok(()))?;
				}
			}
		}
		Self::with_task(id, |_, _| Ok(()))
	}

	pub(crate) fn do_cancel_plan(who: T::AccountId, id: PlanId, abort: bool) -> DispatchResult {
		let mut plan = Plans::<T>::get(id).ok_or(Error::<T>::NoSuchPlan)?;
		ensure!(plan.creator == who, Error::<T>::NotPlanCreator);
		ensure!(plan.cancelled.is_none(), Error::<T>::PlanCancelled);
		plan.cancelled = Some(Cancellation { at: Self::now(), abort });
		Self::deposit_event(Event::PlanCancelled { plan: id, abort });
		Self::set_alarm(&mut plan.alarm, Some(Self::at_once()), || Object::Plan(id));
		Plans::<T>::insert(id, plan);
		Ok(())
	}

	/// Carries a cancellation to some of the plan's tasks. Whoever touches another one first finds it cancelled as well.
	pub(crate) fn sweep_plan(id: PlanId) -> DispatchResult {
		let Some(mut plan) = Plans::<T>::get(id).filter(|plan| plan.cancelled.is_some()) else { return Ok(()) };
		let tasks: Vec<_> = PlanTasks::<T>::iter_key_prefix(id).take(BATCH).collect();
		for task in tasks {
			PlanTasks::<T>::remove(id, task);
			Self::with_task(task, |_, _| Ok(()))?;
		}
		let rest = PlanTasks::<T>::iter_key_prefix(id).next().map(|_| Self::at_once());
		Self::set_alarm(&mut plan.alarm, rest, || Object::Plan(id));
		Plans::<T>::insert(id, plan);
		Ok(())
	}
}
