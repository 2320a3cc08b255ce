//! # Tasks pallet
//!
//! Work, results and payment: who does which task, who judges its results, and where the money is meanwhile.
//!
//! ## Overview
//!
//! - A **task** is offered by its creator, with terms (kind, reward, bond, slots, review, deadline), and a spec (its
//!   document, inputs, parents and objectives). It waits for its parents, opens, may pause, closes and is final.
//! - An **assignment** is an account's latest attempt at a task. It holds a slot from the claim until it has a result,
//!   fails, lapses, is handed back or is aborted.
//! - A **submission** is the result of an attempt. The task's judge accepts or rejects it within the review's window; at
//!   the end of the window silence accepts.
//! - A **plan** is tasks that are cancelled together.
//! - The **agenda** is due work, oldest first. `on_idle` works it in what weight a block has left; whoever touches an object
//!   settles first what is due on it.
//!
//! A call checks its origin, settles what is due on the objects it touches, checks their state, changes it and deposits
//! events. Time decides rights: sending and judging are allowed at `now ≤ limit`, lapsing and silence at `now > limit`,
//! so neither a late sweep of the agenda nor a racing transaction changes what becomes of anything.
//!
//! ## Dispatchable functions
//!
//! For creators:
//! - `create_plan`, `cancel_plan`, `purge_plan`: opens a plan; cancels its tasks; removes its record.
//! - `create_task`: offers a task, and holds its rewards, the fees of its rejections and the price of its bytes.
//! - `create_task_with_roles`: the same of a task that declares its outputs, or which outputs of its parents it takes.
//! - `create_task_with_rights`: the same of a task whose models fewer accounts may use than its inputs let.
//! - `cancel_task`: ends claims; with `abort` it ends live attempts too, which are paid by their time.
//! - `resume_task`: opens a task again that failures paused.
//! - `confirm_failure`: grants an account's reports of failure, whose fees are returned.
//!
//! For workers:
//! - `assign_task`: takes a slot, and holds the bond.
//! - `send_task_result`: sends the attempt's result.
//! - `report_failure`: ends the attempt without one, and holds a fee of the bond.
//! - `hand_back`: gives the slot back, for a price of the bond.
//! - `decline_offer`: closes a task that is offered to the caller alone; free of fees.
//!
//! For judges:
//! - `accept_task_results`: pays the worker, returns its bond, and records the model or the score.
//! - `reject_task_results`: frees the slot, at the same fee for both sides.
//!
//! For anyone:
//! - `poke`: settles what is due on an object.
//! - `purge_task`: removes the records of a final task when they need be kept no longer.
//!
//! ## Invariants
//!
//! The pallet's tests check these after each call of long random walks.
//!
//! - What is held of an account is, for each reason, the sum over its tasks and assignments of what these say is held.
//! - `live + submitted + accepted + closed ≤ slots`, and the counters agree with the assignments and submissions.
//! - Each object that waits for time has exactly one entry in the agenda, which it knows; no entry fails.
//! - [`OpenTasks`] and [`Offers`] list exactly the tasks that can be taken.
//! - A submission is paid at most once.
//! - No model that is clean for an objective was made of bytes that are its Test samples, through its whole lineage.
//! - No call, and no entry of the agenda, does work that grows with the number of objects; the dearest entry weighs at most
//!   a twentieth of a block.
//!
#![doc = include_str!("../table.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod agenda;
mod assignment;
mod attempts;
#[cfg(feature = "runtime-benchmarks")]
pub mod benchmarking;
mod bounds;
mod calls;
mod causes;
mod config;
mod creation;
mod errors;
mod events;
mod inputs;
mod lifecycle;
mod lineage;
pub mod migrations;
mod money;
mod pauses;
mod permits;
mod predictions;
mod purge;
mod records;
mod reports;
mod review;
mod roles;
mod scores;
mod stalls;
mod storage;
pub mod types;
mod waiting;
mod weighing;
pub mod weights;

#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

#[import_section(config::config)]
#[import_section(storage::storage)]
#[import_section(events::events)]
#[import_section(errors::errors)]
#[import_section(calls::calls)]
#[frame_support::pallet]
pub mod pallet {
	use super::{assignment::SentResult, creation::Declared, types::Task, weighing::*, *};
	use frame_support::{pallet_prelude::*, traits::fungible::MutateHold};
	use frame_system::pallet_prelude::*;
	use pallet_registry::{Balance, Digest, Moment, Rights, Uri};
	use sp_runtime::Percent;

	/// Raised with every change of a layout, by a migration.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::composite_enum]
	pub enum HoldReason {
		/// A creator's rewards and rejection fees.
		Escrow,
		/// A worker's bond, and the fees of its reports.
		Bond,
		/// A creator's price of the bytes that a task keeps.
		Bytes,
	}

	pub type TaskOf<T> = Task<<T as frame_system::Config>::AccountId>;
	pub type TermsOf<T> = Terms<<T as frame_system::Config>::AccountId>;
	pub type SpecOf<T> = Spec<<T as frame_system::Config>::AccountId>;
	pub type RightsOf<T> = Rights<<T as frame_system::Config>::AccountId>;
	pub type SubmissionOf<T> = Submission<<T as frame_system::Config>::AccountId>;
	pub type ObjectOf<T> = Object<<T as frame_system::Config>::AccountId>;

	#[pallet::extra_constants]
	impl<T: Config> Pallet<T> {
		/// No spec names more assets and models.
		#[pallet::constant_name(MaxInputs)]
		fn max_inputs() -> u32 {
			bounds::MAX_INPUTS
		}

		/// No task waits for more.
		#[pallet::constant_name(MaxParents)]
		fn max_parents() -> u32 {
			bounds::MAX_PARENTS
		}

		/// No result has more outputs.
		#[pallet::constant_name(MaxOutputs)]
		fn max_outputs() -> u32 {
			bounds::MAX_OUTPUTS
		}

		/// No task declares more outputs.
		#[pallet::constant_name(MaxRoles)]
		fn max_roles() -> u32 {
			bounds::MAX_ROLES
		}

		/// No task takes more outputs of its parents.
		#[pallet::constant_name(MaxTakes)]
		fn max_takes() -> u32 {
			bounds::MAX_TAKES
		}

		/// Bytes of an output's name at most.
		#[pallet::constant_name(MaxOutputName)]
		fn max_output_name() -> u32 {
			bounds::MAX_OUTPUT_NAME
		}

		/// No scoring brings more numbers, the score included.
		#[pallet::constant_name(MaxNumbers)]
		fn max_numbers() -> u32 {
			bounds::MAX_NUMBERS
		}

		/// Bytes of the reason of a rejection at most.
		#[pallet::constant_name(MaxReason)]
		fn max_reason() -> u32 {
			bounds::MAX_REASON
		}

		/// No more rejections than so many for each slot.
		#[pallet::constant_name(MaxRejectsPerSlot)]
		fn max_rejects_per_slot() -> u32 {
			bounds::REJECTS_PER_SLOT
		}

		/// A bond is at most so many rewards and `BondAllowance`.
		#[pallet::constant_name(MaxBondPerReward)]
		fn max_bond_per_reward() -> u32 {
			bounds::REWARDS_PER_BOND
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::work_agenda(remaining)
		}

		fn integrity_test() {
			assert!(T::MinReward::get() >= Self::smallest_payment(), "a reward must be payable to an empty account");
			assert!(T::ReportFee::get() >= Self::smallest_payment(), "a fee must be payable to the treasury");
			assert!(T::MinBond::get() >= T::ReportFee::get(), "a bond must cover the fee of a report");
			assert!(T::RejectFee::get() >= Percent::from_percent(10), "rejecting must not be for nothing");
			assert!(T::MinTimeout::get() > 0, "an attempt needs time");
			let (entry, block) = (dearest_entry::<T>().ref_time(), T::BlockWeights::get().max_block.ref_time());
			assert!(entry <= block / 20, "an entry of the agenda weighs at most a twentieth of a block");
			assert!(T::MaxHandBacks::get() > 0, "a node must be able to hand back once");
		}
	}
}
