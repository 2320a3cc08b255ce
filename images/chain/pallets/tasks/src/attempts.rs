//! The end of attempts by time or abort, and the rules of further attempts by the same account.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::Moment;

/// The carry-over of an account's earlier attempts at a task into its next one.
#[derive(Default)]
pub(crate) struct Earlier {
	pub retries: u32,
	pub hand_backs: u32,
	pub fees: Fees,
}

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
		let able = Self::is_able(task, &attempt);
		Self::settle_assignment(id, task, worker, &mut attempt, now)?;
		work(task, &mut attempt)?;
		let still_able = Self::is_able(task, &attempt);
		Self::count_able(task, able, still_able);
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
			Self::note_end(id, now);
			end(task, attempt)
		})
	}

	/// An attempt past its due lapses, unless its task was aborted before; the fees of reports are decided.
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
			AssignmentState::Live => match aborted {
				Some(at) => Self::abort(id, task, worker, attempt, at),
				None if now > attempt.due => Self::lapse(id, task, worker, attempt),
				None => Ok(()),
			},
			_ => Self::settle_reports_of(id, task, worker, attempt, now),
		}
	}

	/// Aborts a live attempt for the creator and pays its worker by the time it held the task.
	fn abort(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &mut Assignment,
		at: Moment,
	) -> DispatchResult {
		task.counters.live -= 1;
		Self::note_end(id, at);
		let paid = Self::pay(task, worker, Self::pay_for_holding(task.terms.reward, attempt, at))?;
		attempt.state = AssignmentState::Aborted { paid };
		task.counters.closed += 1;
		Self::refund(task, task.terms.reward - paid)?;
		Self::return_bond(attempt, worker, 0)?;
		Self::deposit_event(Event::Aborted { task: id, worker: worker.clone(), paid });
		Ok(())
	}

	fn lapse(id: TaskId, task: &mut TaskOf<T>, worker: &T::AccountId, attempt: &mut Assignment) -> DispatchResult {
		attempt.state = AssignmentState::Lapsed;
		task.counters.live -= 1;
		Self::note_end(id, attempt.due);
		Self::forfeit_bond(attempt, worker, attempt.bond)?;
		Self::free_slot(task)?;
		Self::deposit_event(Event::Lapsed { task: id, worker: worker.clone(), epoch: attempt.epoch });
		Self::close_if_deserted(id, task, attempt.due)
	}

	/// Writes an assignment with its alarm, and whether its worker is at it.
	pub(crate) fn keep_assignment(id: TaskId, worker: &T::AccountId, attempt: &mut Assignment) {
		let wanted = match attempt.state {
			AssignmentState::Live => Some(attempt.due),
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
			AssignmentState::HandedBack { .. } => attempt.hand_backs < T::MaxHandBacks::get(),
			AssignmentState::Failed { .. } if Self::resumed_for(task, attempt) => true,
			AssignmentState::Failed { category, .. } => category.may_pass() && attempt.retries < T::MaxRetries::get(),
			_ => false,
		}
	}

	/// Whether a pause that is over gives the attempt's account another chance: an assignee's only, because nobody else
	/// can bring the result.
	fn resumed_for(task: &TaskOf<T>, attempt: &Assignment) -> bool {
		task.terms.assignee.is_some() && attempt.epoch <= task.resumed
	}

	/// The carry-over into an account's next attempt, if it may try again.
	pub(crate) fn earlier_attempts(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		now: Moment,
	) -> Result<Earlier, DispatchError> {
		let Some(mut attempt) = Assignments::<T>::get(worker, id) else { return Ok(Earlier::default()) };
		Self::settle_assignment(id, task, worker, &mut attempt, now)?;
		ensure!(attempt.state != AssignmentState::Live, Error::<T>::AlreadyAssigned);
		ensure!(Self::may_try_again(task, &attempt), Error::<T>::AttemptsExhausted);
		let failed = matches!(attempt.state, AssignmentState::Failed { .. });
		let retries = if Self::resumed_for(task, &attempt) { 0 } else { attempt.retries + u32::from(failed) };
		Ok(Earlier { retries, hand_backs: attempt.hand_backs, fees: attempt.fees })
	}
}
