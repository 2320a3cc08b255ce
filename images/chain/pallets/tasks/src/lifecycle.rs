//! The state machine of tasks: transitions by calls, by time, by parents and by plans.

use crate::*;
use alloc::vec::Vec;
use frame_support::{dispatch::WithPostDispatchInfo, pallet_prelude::*};
use pallet_registry::{Balance, Moment};

/// The number of workers that one visit of a task reaches; the agenda comes back for the rest at once.
pub(crate) const BATCH: usize = 4;
/// The number of children, or tasks of a plan, that one visit reaches; each may reach a batch of workers.
pub(crate) const FAMILY: usize = 2;

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

	/// The same for a call that was weighed so, less what it turns out not to have needed, whether it succeeds or not.
	pub(crate) fn touch(
		id: TaskId,
		weighed: Weight,
		unneeded: fn(TaskId) -> Weight,
		work: impl FnOnce(&mut TaskOf<T>, Moment) -> DispatchResult,
	) -> DispatchResultWithPostInfo {
		let done = Self::with_task(id, work);
		let used = weighed.saturating_sub(unneeded(id));
		done.map(|()| Some(used).into()).map_err(|error| error.with_weight(used))
	}

	/// Does what time, parents and plan demand of a task.
	fn settle_task(id: TaskId, task: &mut TaskOf<T>, now: Moment) -> DispatchResult {
		if task.is_final() {
			return Ok(());
		}
		let cancellation = Self::cancellation_of(id, task);
		let cancelled = cancellation.map_or(Moment::MAX, |cancellation| cancellation.at);
		if task.status == TaskStatus::Waiting {
			Self::settle_waiting(id, task, cancelled, now)?;
		}
		if task.status != TaskStatus::Waiting {
			Self::settle_limits(id, task, cancellation, now)?;
		}
		Self::abort_batch(id, task, now)?;
		Self::conclude(id, task, now)
	}

	/// The end of the task's plan, or of a task that waits its own, whichever came first.
	pub(crate) fn cancellation_of(id: TaskId, task: &TaskOf<T>) -> Option<Cancellation> {
		let plans = task.terms.plan.and_then(Plans::<T>::get).and_then(|plan| plan.cancelled);
		let own = Self::withdrawn(id, task).map(|at| Cancellation { at, abort: false });
		plans.into_iter().chain(own).min_by_key(|cancellation| cancellation.at)
	}

	/// Does what time and its plan demand of a task that waits for no parent any more.
	fn settle_limits(
		id: TaskId,
		task: &mut TaskOf<T>,
		cancellation: Option<Cancellation>,
		now: Moment,
	) -> DispatchResult {
		let cancelled = cancellation.map_or(Moment::MAX, |cancellation| cancellation.at);
		Self::settle_assignee(id, task, cancelled, now)?;
		Self::settle_pause(id, task, cancelled, now);
		let limit = match task.status {
			TaskStatus::Open => task.terms.deadline,
			TaskStatus::Paused { until } => until,
			TaskStatus::Waiting | TaskStatus::Closing { .. } | TaskStatus::Final { .. } => Moment::MAX,
		};
		if let Some(cancellation) = cancellation.filter(|cancelled| cancelled.at <= limit) {
			Self::close(id, task, Outcome::Cancelled, cancellation.at)?;
			if cancellation.abort {
				Self::begin_abort(task, cancellation.at);
			}
		} else if now > limit {
			let paused = matches!(task.status, TaskStatus::Paused { .. });
			Self::close(id, task, if paused { Outcome::Failed } else { Outcome::Expired }, limit)?;
		}
		Ok(())
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

	/// No new claims from this moment on: the escrow of unclaimed slots returns at once.
	pub(crate) fn close(id: TaskId, task: &mut TaskOf<T>, outcome: Outcome, at: Moment) -> DispatchResult {
		if task.is_closing() {
			return Ok(());
		}
		let unclaimed = task.free_slots();
		task.counters.closed += unclaimed;
		Self::refund(task, task.terms.reward * Balance::from(unclaimed))?;
		Self::note_turn(id, at);
		Self::change(id, task, TaskStatus::Closing { outcome, aborting: None });
		Ok(())
	}

	/// Live attempts are to be ended and paid by their time; the first abort counts.
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
	pub(crate) fn close_if_deserted(id: TaskId, task: &mut TaskOf<T>, at: Moment) -> DispatchResult {
		if task.terms.assignee.is_some() && !task.is_closing() {
			Self::close(id, task, Outcome::Failed, at)?;
		}
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
		ensure!(!task.is_final() && !Self::is_over(id, task, now), Error::<T>::TaskFinal);
		ensure!(abort || !task.is_closing(), Error::<T>::AlreadyClosing);
		Self::end_unwanted(id, task, now)?;
		if abort {
			Self::begin_abort(task, now);
		}
		Self::abort_batch(id, task, now)
	}

	/// Ends the task when everything about it is decided, and keeps its lists and its alarm true.
	pub(crate) fn conclude(id: TaskId, task: &mut TaskOf<T>, now: Moment) -> DispatchResult {
		let Counters { live, submitted, accepted, .. } = task.counters;
		// Runtime 1 stored no moments of what it settled.
		let LatestCauses { ended, turned } =
			Causes::<T>::get(id).unwrap_or(LatestCauses { ended: now, turned: task.created });
		let latest = ended.max(turned);
		match task.status {
			TaskStatus::Waiting | TaskStatus::Final { .. } => {}
			// Whatever closed it came too late to change anything.
			_ if task.is_filled() && accepted > 0 => Self::finish(id, task, Outcome::Done, ended)?,
			TaskStatus::Closing { outcome, .. } if live + submitted == 0 => Self::finish(id, task, outcome, latest)?,
			_ if task.is_filled() => Self::finish(id, task, Outcome::Failed, ended)?,
			_ => {}
		}
		task.stalled_since = Self::stall(task, latest);
		Self::list(id, task);
		let wanted = match task.status {
			// Its parents may still be lost at the very moment of the deadline.
			TaskStatus::Waiting => {
				let expired = task.terms.deadline.saturating_add(1);
				Some(Self::withdrawn(id, task).map_or(expired, |at| at.min(expired)))
			}
			TaskStatus::Open => Some(task.terms.deadline),
			TaskStatus::Paused { until } => Some(until),
			TaskStatus::Closing { aborting, .. } => aborting.filter(|_| live > 0),
			TaskStatus::Final { at, .. } => Some(at).filter(|_| task.counters.reports > 0 || Self::has_awaiting(id)),
		};
		Self::set_alarm(&mut task.alarm, wanted, || Object::Task(id));
		Ok(())
	}

	fn has_awaiting(id: TaskId) -> bool {
		Awaiting::<T>::iter_key_prefix(id).next().is_some()
	}

	fn finish(id: TaskId, task: &mut TaskOf<T>, outcome: Outcome, at: Moment) -> DispatchResult {
		// A parent may have been lost, unseen, before its child was created.
		let at = at.max(task.created);
		Self::refund(task, task.held)?;
		Self::return_records(task)?;
		Causes::<T>::remove(id);
		if outcome == Outcome::Done {
			// A pause whose end is seen only now ended after the last result.
			task.counters.failures = 0;
			task.resumed = 0;
		}
		if let Some(plan) = task.terms.plan {
			PlanTasks::<T>::remove(plan, id);
			Self::touch_plan(plan, at);
		}
		for parent in Specs::<T>::get(id).map(|spec| spec.parents).unwrap_or_default() {
			Children::<T>::remove(parent, id);
		}
		Self::change(id, task, TaskStatus::Final { outcome, at });
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

	pub(crate) fn change(id: TaskId, task: &mut TaskOf<T>, status: TaskStatus) {
		task.status = status;
		Self::deposit_event(Event::TaskStatusChanged { task: id, status });
	}

	/// Settles a task; of one that was final already, some of the children that wait for it and of the reports whose
	/// fees it decides.
	pub(crate) fn settle_family(id: TaskId) -> DispatchResult {
		let ended = Tasks::<T>::get(id).and_then(|task| task.ended());
		if ended.is_some_and(Self::is_settled_before) {
			let children: Vec<_> = Awaiting::<T>::iter_key_prefix(id).take(FAMILY).collect();
			for child in children {
				Awaiting::<T>::remove(id, child);
				if Tasks::<T>::contains_key(child) {
					Self::with_task(child, |_, _| Ok(()))?;
				}
			}
		}
		Self::with_task(id, |task, now| Self::settle_reports(id, task, now))
	}

	fn settle_reports(id: TaskId, task: &mut TaskOf<T>, now: Moment) -> DispatchResult {
		if task.is_final() {
			let reporters: Vec<_> = Reporters::<T>::iter_key_prefix(id).take(BATCH).collect();
			for worker in reporters {
				Self::with_assignment(id, task, &worker, now, |_, _| Ok(()))?;
			}
		}
		Ok(())
	}

	pub(crate) fn do_cancel_plan(who: T::AccountId, id: PlanId, abort: bool) -> DispatchResult {
		let mut plan = Plans::<T>::get(id).ok_or(Error::<T>::NoSuchPlan)?;
		ensure!(plan.creator == who, Error::<T>::NotPlanCreator);
		ensure!(plan.cancelled.is_none(), Error::<T>::PlanCancelled);
		let now = Self::now();
		plan.cancelled = Some(Cancellation { at: now, abort });
		Self::deposit_event(Event::PlanCancelled { plan: id, abort });
		Self::set_alarm(&mut plan.alarm, Some(now), || Object::Plan(id));
		Plans::<T>::insert(id, plan);
		Ok(())
	}

	/// Carries a cancellation to some of the plan's tasks. Whoever touches another one first finds it cancelled as well.
	pub(crate) fn sweep_plan(id: PlanId) -> DispatchResult {
		let cancelled = Plans::<T>::get(id).and_then(|plan| plan.cancelled);
		let Some(Cancellation { at, .. }) = cancelled else { return Ok(()) };
		let visited = if Self::is_settled_before(at) { FAMILY } else { 0 };
		let tasks: Vec<_> = PlanTasks::<T>::iter_key_prefix(id).take(visited).collect();
		for task in tasks {
			PlanTasks::<T>::remove(id, task);
			Self::with_task(task, |_, _| Ok(()))?;
		}
		let rest = PlanTasks::<T>::iter_key_prefix(id).next().map(|_| at);
		Plans::<T>::mutate_extant(id, |plan| Self::set_alarm(&mut plan.alarm, rest, || Object::Plan(id)));
		Ok(())
	}
}
