//! How does an attempt end by itself, and when may an account try again?

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::Moment;

impl<T: Config> Pallet<T> {
	/// Settles what is due on an assignment, lets `work` change it, and keeps it.
	pub(crate) fn with_assignment(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		now: Moment,
		work: impl FnOnce(&mut TaskOf<T>, &mut Assignment) -> DispatchResult,
	) -> DispatchResult {
		let mut attempt = Assignments::<T>::get(worker, id).ok_or(Error::<T>::NoSuchAssignment)?;
		Self::settle_assignment(id, task, worker, &mut attempt, now)?;
		work(task, &mut attempt)?;
		Self::keep_assignment(id, worker, &mut attempt);
		Ok(())
	}

	/// Lets `end` end a live attempt within its time, checked by its epoch.
	pub(crate) fn with_live(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		epoch: Epoch,
		now: Moment,
		end: impl FnOnce(&mut TaskOf<T>, &mut Assignment) -> DispatchResult,
	) -> DispatchResult {
		Self::with_assignment(id, task, worker, now, |task, attempt| {
			ensure!(attempt.epoch == epoch, Error::<T>::WrongEpoch);
			ensure!(attempt.state != AssignmentState::Lapsed, Error::<T>::PastDue);
			ensure!(attempt.state == AssignmentState::Live, Error::<T>::NotLive);
			task.counters.live -= 1;
			end(task, attempt)
		})
	}

	/// An attempt past its due lapses, unless its task was aborted before; a report's fee is decided.
	fn settle_assignment(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &mut Assignment,
		now: Moment,
	) -> DispatchResult {
		let aborted = match task.status {
			TaskStatus::Closing { aborting, .. } => aborting.filter(|at| *at <= attempt.due),
			_ => None,
		};
		match attempt.state {
			AssignmentState::Live if aborted.is_some() => Self::abort(id, task, worker, attempt),
			AssignmentState::Live if now > attempt.due => Self::lapse(id, task, worker, attempt),
			AssignmentState::Failed { .. } => Self::settle_report(id, task, worker, attempt, now),
			_ => Ok(()),
		}
	}

	/// The creator wants no result any more, through no fault of the worker, who is paid.
	fn abort(id: TaskId, task: &mut TaskOf<T>, worker: &T::AccountId, attempt: &mut Assignment) -> DispatchResult {
		attempt.state = AssignmentState::Aborted;
		task.counters.live -= 1;
		task.counters.closed += 1;
		let paid = Self::pay_reward(task, worker)?;
		Self::return_bond(attempt, worker, 0)?;
		Self::deposit_event(Event::Aborted { task: id, worker: worker.clone(), paid });
		Ok(())
	}

	fn lapse(id: TaskId, task: &mut TaskOf<T>, worker: &T::AccountId, attempt: &mut Assignment) -> DispatchResult {
		attempt.state = AssignmentState::Lapsed;
		task.counters.live -= 1;
		Self::forfeit_bond(attempt, worker, attempt.bond)?;
		Self::free_slot(task)?;
		Self::deposit_event(Event::Lapsed { task: id, worker: worker.clone(), epoch: attempt.epoch });
		Self::close_if_deserted(id, task)
	}

	/// Writes an assignment with its alarm, and whether its worker is at it.
	pub(crate) fn keep_assignment(id: TaskId, worker: &T::AccountId, attempt: &mut Assignment) {
		let wanted = match attempt.state {
			AssignmentState::Live => Some(attempt.due),
			AssignmentState::Failed { until, .. } => Some(until).filter(|_| Self::report_pending(attempt)),
			_ => None,
		};
		Self::set_alarm(&mut attempt.alarm, wanted, || Object::Assignment(worker.clone(), id));
		match attempt.state {
			AssignmentState::Live => LiveWorkers::<T>::insert(id, worker, ()),
			_ => LiveWorkers::<T>::remove(id, worker),
		}
		Assignments::<T>::insert(worker, id, attempt);
	}

	/// Whether this account may attempt the task again after the attempt that ended so.
	pub(crate) fn may_try_again(task: &TaskOf<T>, attempt: &Assignment) -> bool {
		match attempt.state {
			AssignmentState::HandedBack => true,
			AssignmentState::Failed { .. } if attempt.epoch <= task.resumed => true,
			AssignmentState::Failed { category, .. } => category.may_pass() && attempt.retries < T::MaxRetries::get(),
			_ => false,
		}
	}

	/// What an account's earlier attempts leave it: its retries, and whether it handed back before.
	pub(crate) fn earlier_attempts(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		now: Moment,
	) -> Result<(u32, bool), DispatchError> {
		let Some(mut attempt) = Assignments::<T>::get(worker, id) else { return Ok((0, false)) };
		Self::settle_assignment(id, task, worker, &mut attempt, now)?;
		ensure!(attempt.state != AssignmentState::Live, Error::<T>::AlreadyAssigned);
		ensure!(Self::may_try_again(task, &attempt), Error::<T>::AttemptsExhausted);
		if Self::report_pending(&attempt) {
			// Returned, because the creator may confirm the report in the very block in which its worker tries again:
			// whose transaction comes first must not decide over money. What fails in the end still costs a fee.
			Self::end_report(id, task, worker, &mut attempt, true)?;
		}
		Self::set_alarm(&mut attempt.alarm, None, || Object::Assignment(worker.clone(), id));
		let failed = matches!(attempt.state, AssignmentState::Failed { .. });
		let retries = if attempt.epoch <= task.resumed { 0 } else { attempt.retries + u32::from(failed) };
		Ok((retries, attempt.handed_back))
	}

	/// While a failed attempt still has a bond, that is the fee of its report.
	pub(crate) fn report_pending(attempt: &Assignment) -> bool {
		matches!(attempt.state, AssignmentState::Failed { .. }) && attempt.bond > 0
	}

	/// A report's fee comes back when the task proved broken since the attempt began, else it is lost in the end.
	pub(crate) fn settle_report(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &mut Assignment,
		now: Moment,
	) -> DispatchResult {
		let AssignmentState::Failed { until, .. } = attempt.state else { return Ok(()) };
		if !Self::report_pending(attempt) {
			return Ok(());
		}
		let proved = task.broken.is_some_and(|broken| attempt.since <= broken && broken <= until);
		if proved || now > until {
			Self::end_report(id, task, worker, attempt, proved)?;
		}
		Ok(())
	}

	pub(crate) fn end_report(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &mut Assignment,
		returned: bool,
	) -> DispatchResult {
		if returned {
			Self::return_bond(attempt, worker, 0)?;
		} else {
			Self::forfeit_bond(attempt, worker, attempt.bond)?;
		}
		task.counters.reports -= 1;
		Self::deposit_event(Event::ReportSettled { task: id, worker: worker.clone(), returned });
		Ok(())
	}
}
