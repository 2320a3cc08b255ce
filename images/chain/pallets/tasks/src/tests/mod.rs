//! The pallet's tests, and helpers that read the state.

mod acts;
mod agenda;
mod bounds;
mod chance;
mod claims;
mod closing;
mod composites;
mod creation;
mod failures;
mod functions;
mod inputs;
mod invariants;
mod ledger;
mod lineage;
mod migrations;
mod mock;
mod moments;
mod order;
mod pauses;
mod permissions;
mod plans;
mod purge;
mod records;
mod results;
mod rights;
mod roles;
mod scores;
mod scorings;
mod stalls;
mod tables;
mod unsettled;
mod walk;
mod weights;
mod witness;

use crate::{types::Task, *};
pub use acts::*;
use frame_support::{
	traits::{fungible::Inspect, Hooks},
	weights::Weight,
};
pub use mock::*;
use pallet_registry::{
	Asset, AssetKind, AssetRef, Assets, Balance, Digest, Direction, Fixed, Label, Model, ModelId, Moment, Visibility,
};
use sp_runtime::{DispatchError, DispatchResult};

pub fn epoch_of(worker: Account, task: TaskId) -> Epoch {
	Assignments::<World>::get(worker, task).map_or(0, |attempt| attempt.epoch)
}

pub fn model(id: SubmissionId) -> Model<Account> {
	Registry::model(&ModelId::first(id)).expect("the model exists")
}

pub fn model_input(id: SubmissionId) -> Input<Account> {
	Input::Model(ModelId::first(id))
}

pub fn task(id: TaskId) -> Task<Account> {
	Tasks::<World>::get(id).expect("the task exists")
}

pub fn attempt(worker: Account, task: TaskId) -> Assignment {
	Assignments::<World>::get(worker, task).expect("the assignment exists")
}

pub fn submission(task: TaskId, id: SubmissionId) -> Submission<Account> {
	Submissions::<World>::get(task, id).expect("the submission exists")
}

/// The free balance of an account.
pub fn free(who: Account) -> Balance {
	Balances::free_balance(who)
}

pub fn bond_of(who: Account) -> Balance {
	TaskPallet::held_of(crate::HoldReason::Bond, &who)
}

pub fn held_for_bytes(who: Account) -> Balance {
	TaskPallet::held_of(crate::HoldReason::Bytes, &who)
}

pub fn escrow_of(who: Account) -> Balance {
	TaskPallet::held_of(crate::HoldReason::Escrow, &who)
}

/// The treasury's gain since genesis.
pub fn forfeited() -> Balance {
	Balances::total_balance(&TREASURY) - 10
}

pub fn ended(id: TaskId) -> Option<Outcome> {
	match task(id).status {
		TaskStatus::Final { outcome, .. } => Some(outcome),
		_ => None,
	}
}

pub fn paused(id: TaskId) -> bool {
	matches!(task(id).status, TaskStatus::Paused { .. })
}

/// The name of the rule that a call broke.
pub fn rule(error: DispatchError) -> String {
	match error {
		DispatchError::Module(module) => module.message.unwrap_or_default().into(),
		other => format!("{other:?}"),
	}
}

/// The pallet's events since the last call of this function.
pub fn told() -> Vec<Event<World>> {
	let records = System::events();
	System::reset_events();
	let ours = records.into_iter().filter_map(|record| match record.event {
		RuntimeEvent::TaskPallet(event) => Some(event),
		_ => None,
	});
	ours.collect()
}
