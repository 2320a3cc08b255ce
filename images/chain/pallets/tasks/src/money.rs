//! Escrow and bonds: every movement of held money is exact and forced, and the amount is kept on its object.

use crate::*;
use frame_support::{
	pallet_prelude::*,
	storage::with_storage_layer,
	traits::{
		fungible::{Inspect, InspectHold, MutateHold},
		tokens::{Fortitude, Precision, Restriction},
	},
};
use pallet_registry::{Balance, Moment};
use sp_runtime::{helpers_128bit::multiply_by_rational_with_rounding, Rounding};

impl<T: Config> Pallet<T> {
	/// Amounts below this can't be paid to an account that is empty.
	pub(crate) fn smallest_payment() -> Balance {
		T::Escrow::minimum_balance()
	}

	/// The fee of a rejection, paid by each side.
	pub(crate) fn reject_fee(terms: &TermsOf<T>) -> Balance {
		T::RejectFee::get().mul_ceil(terms.reward).max(Self::smallest_payment())
	}

	/// The escrow of a new task: its rewards and the fees of its rejections.
	pub(crate) fn escrow_of(terms: &TermsOf<T>) -> Result<Balance, DispatchError> {
		let rewards = terms.reward.checked_mul(terms.slots.into());
		let fees = Self::reject_fee(terms).checked_mul(terms.max_rejects.into());
		let sum = rewards.zip(fees).and_then(|(rewards, fees)| rewards.checked_add(fees));
		sum.ok_or_else(|| Error::<T>::AmountTooLarge.into())
	}

	pub(crate) fn hold(reason: HoldReason, who: &T::AccountId, amount: Balance) -> DispatchResult {
		T::Escrow::hold(&reason.into(), who, amount).map_err(|_| Error::<T>::TooLittleBalance.into())
	}

	/// A part of the escrow comes back to the creator.
	pub(crate) fn refund(task: &mut TaskOf<T>, amount: Balance) -> DispatchResult {
		task.held = task.held.checked_sub(amount).ok_or(DispatchError::Corruption)?;
		Self::release(HoldReason::Escrow, &task.creator, amount)
	}

	/// The price of holding a slot without a result: a quarter of the bond for all of the allowed time.
	pub(crate) fn price_of_holding(attempt: &Assignment, now: Moment) -> Balance {
		let (held, allowed) = Self::held_and_allowed(attempt, now);
		let part = multiply_by_rational_with_rounding(attempt.bond, held, 4 * allowed, Rounding::Up);
		part.unwrap_or(attempt.bond).min(attempt.bond)
	}

	/// The payment of an attempt that its creator aborts: all of the reward from a quarter of the allowed time on.
	pub(crate) fn pay_for_holding(reward: Balance, attempt: &Assignment, until: Moment) -> Balance {
		let (held, allowed) = Self::held_and_allowed(attempt, until);
		let part = multiply_by_rational_with_rounding(reward, 4 * held, allowed, Rounding::Down);
		part.unwrap_or(reward).min(reward)
	}

	fn held_and_allowed(attempt: &Assignment, now: Moment) -> (u128, u128) {
		let (held, allowed) = (now.saturating_sub(attempt.since), attempt.due.saturating_sub(attempt.since));
		(held.into(), u128::from(allowed).max(1))
	}

	/// A part of the escrow goes to the worker, or to the treasury where the worker's account can't take it.
	pub(crate) fn pay(task: &mut TaskOf<T>, worker: &T::AccountId, amount: Balance) -> Result<Balance, DispatchError> {
		task.held = task.held.checked_sub(amount).ok_or(DispatchError::Corruption)?;
		let to_worker = || Self::send_held(HoldReason::Escrow, &task.creator, worker, amount);
		with_storage_layer(to_worker)
			.or_else(|_| Self::send_held(HoldReason::Escrow, &task.creator, &T::Treasury::get(), amount))?;
		Ok(amount)
	}

	/// The creator's side of a rejection.
	pub(crate) fn forfeit_escrow(task: &mut TaskOf<T>, amount: Balance) -> DispatchResult {
		task.held = task.held.checked_sub(amount).ok_or(DispatchError::Corruption)?;
		Self::send_held(HoldReason::Escrow, &task.creator, &T::Treasury::get(), amount)
	}

	/// The price of bytes that stay goes to the treasury.
	pub(crate) fn forfeit_bytes(creator: &T::AccountId, amount: Balance) -> DispatchResult {
		Self::send_held(HoldReason::Bytes, creator, &T::Treasury::get(), amount)
	}

	/// A part of the bond goes to the treasury.
	pub(crate) fn forfeit_bond(assignment: &mut Assignment, worker: &T::AccountId, amount: Balance) -> DispatchResult {
		let amount = amount.min(assignment.bond);
		assignment.bond -= amount;
		Self::send_held(HoldReason::Bond, worker, &T::Treasury::get(), amount)
	}

	/// All of the bond but `keep` comes back to the worker.
	pub(crate) fn return_bond(assignment: &mut Assignment, worker: &T::AccountId, keep: Balance) -> DispatchResult {
		let back = assignment.bond.saturating_sub(keep);
		assignment.bond -= back;
		Self::release(HoldReason::Bond, worker, back)
	}

	/// The fees of reports come back to the worker, or go to the treasury.
	pub(crate) fn settle_fee(worker: &T::AccountId, fee: Balance, returned: bool) -> DispatchResult {
		if returned {
			return Self::release(HoldReason::Bond, worker, fee);
		}
		Self::send_held(HoldReason::Bond, worker, &T::Treasury::get(), fee)
	}

	pub(crate) fn release(reason: HoldReason, who: &T::AccountId, amount: Balance) -> DispatchResult {
		if amount > 0 {
			T::Escrow::release(&reason.into(), who, amount, Precision::Exact)?;
		}
		Ok(())
	}

	fn send_held(reason: HoldReason, from: &T::AccountId, to: &T::AccountId, amount: Balance) -> DispatchResult {
		if amount > 0 {
			let (reason, exact, free) = (reason.into(), Precision::Exact, Restriction::Free);
			T::Escrow::transfer_on_hold(&reason, from, to, amount, exact, free, Fortitude::Force)?;
		}
		Ok(())
	}

	/// The amount held of an account for a reason, for tests of the books.
	pub fn held_of(reason: HoldReason, who: &T::AccountId) -> Balance {
		T::Escrow::balance_on_hold(&reason.into(), who)
	}
}
