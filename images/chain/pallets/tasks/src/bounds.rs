//! Bounds of a task's terms: amounts, counts and durations.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::{Balance, Moment};

/// Assets and models of a spec.
pub const MAX_INPUTS: u32 = 256;
/// Parents of a task.
pub const MAX_PARENTS: u32 = 16;
/// Outputs of a result.
pub const MAX_OUTPUTS: u32 = 8;
/// Outputs that a task declares.
pub const MAX_ROLES: u32 = 8;
/// Outputs of parents that a task takes.
pub const MAX_TAKES: u32 = 16;
/// Bytes of an output's name.
pub const MAX_OUTPUT_NAME: u32 = 32;
/// Numbers of a scoring's result, the score included.
pub const MAX_NUMBERS: u32 = 16;
/// Bytes of the reason of a rejection.
pub const MAX_REASON: u32 = 256;
/// No more rejections than so many for each slot.
pub const REJECTS_PER_SLOT: u32 = 3;
/// A bond is at most so many rewards and `BondAllowance`.
pub const REWARDS_PER_BOND: u32 = 10;

impl<T: Config> Pallet<T> {
	/// Amounts and counts that are neither too small nor too large.
	pub(crate) fn check_amounts(terms: &TermsOf<T>) -> DispatchResult {
		ensure!(terms.slots > 0 && terms.max_failures > 0, Error::<T>::NoSlots);
		ensure!(terms.slots <= T::MaxSlots::get(), Error::<T>::TooManySlots);
		ensure!(terms.max_failures <= T::MaxFailures::get(), Error::<T>::TooManyFailures);
		ensure!(terms.max_rejects <= terms.slots * REJECTS_PER_SLOT, Error::<T>::TooManyRejects);
		ensure!(terms.reward >= T::MinReward::get(), Error::<T>::TooLittleReward);
		ensure!(terms.reward <= T::MaxReward::get(), Error::<T>::AmountTooLarge);
		let rejection = if terms.max_rejects > 0 { Self::reject_fee(terms) } else { 0 };
		ensure!(terms.bond >= T::MinBond::get().max(rejection), Error::<T>::TooLittleBond);
		let most = terms.reward * Balance::from(REWARDS_PER_BOND) + T::BondAllowance::get();
		ensure!(terms.bond <= most, Error::<T>::BondTooLarge);
		Ok(())
	}

	/// Times that leave room for an attempt, and end.
	pub(crate) fn check_times(terms: &TermsOf<T>, now: Moment) -> DispatchResult {
		let shortest = T::MinTimeout::get();
		ensure!(now.saturating_add(shortest) <= terms.deadline, Error::<T>::DeadlineTooNear);
		ensure!(terms.deadline <= now.saturating_add(T::MaxDuration::get()), Error::<T>::DeadlineTooFar);
		ensure!(terms.timeout >= shortest, Error::<T>::TimeoutTooShort);
		ensure!(terms.timeout <= T::MaxTimeout::get(), Error::<T>::TimeoutTooLong);
		ensure!(terms.review.window <= T::MaxWindow::get(), Error::<T>::WindowTooLong);
		Ok(())
	}
}
