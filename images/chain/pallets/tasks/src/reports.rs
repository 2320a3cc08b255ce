//! Fees of reports: each is held until the creator confirms the report or the task is final.
//!
//! Nobody's report decides about its own fee, and neither do pauses. At the end it is lost if another account's result
//! was accepted, which shows that the task could be done, and comes back otherwise. An account whose own later attempt
//! is accepted gets it back at once.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::{Balance, Moment};

impl<T: Config> Pallet<T> {
	/// Holds the report's fee of the bond and returns the rest; tells the fee.
	pub(crate) fn hold_fee(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &mut Assignment,
		now: Moment,
	) -> Result<Balance, DispatchError> {
		let fee = Self::price_of_holding(attempt, now).max(T::ReportFee::get()).min(attempt.bond);
		Self::return_bond(attempt, worker, fee)?;
		if attempt.fees.total() == 0 {
			task.counters.reports += 1;
			Reporters::<T>::insert(id, worker, ());
		}
		attempt.bond = 0;
		attempt.fees.add(fee, now);
		Ok(fee)
	}

	/// The creator grants what was reported before this moment. It can't have seen a report of this very block, so that
	/// nobody gains by reporting beside a confirmation.
	pub(crate) fn confirm_reports(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &mut Assignment,
		now: Moment,
	) -> DispatchResult {
		let fees = attempt.fees.take_before(now);
		ensure!(fees > 0, Error::<T>::NoReport);
		Self::end_reports(id, task, worker, attempt, fees, true)
	}

	/// The account's own result was accepted: its troubles before were real.
	pub(crate) fn return_fees(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &mut Assignment,
	) -> DispatchResult {
		let fees = core::mem::take(&mut attempt.fees).total();
		Self::end_reports(id, task, worker, attempt, fees, true)
	}

	/// Once the task is final its results decide; at that very moment its creator may still confirm.
	pub(crate) fn settle_reports_of(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &mut Assignment,
		now: Moment,
	) -> DispatchResult {
		if !matches!(task.status, TaskStatus::Final { at, .. } if now > at) {
			return Ok(());
		}
		let fees = core::mem::take(&mut attempt.fees).total();
		Self::end_reports(id, task, worker, attempt, fees, task.counters.accepted == 0)
	}

	/// Pays out some of an account's fees, which `attempt` holds no more.
	fn end_reports(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: &T::AccountId,
		attempt: &Assignment,
		fees: Balance,
		returned: bool,
	) -> DispatchResult {
		if fees == 0 {
			return Ok(());
		}
		Self::settle_fee(worker, fees, returned)?;
		if attempt.fees.total() == 0 {
			task.counters.reports -= 1;
			Reporters::<T>::remove(id, worker);
		}
		Self::deposit_event(Event::ReportSettled { task: id, worker: worker.clone(), fees, returned });
		Ok(())
	}
}
