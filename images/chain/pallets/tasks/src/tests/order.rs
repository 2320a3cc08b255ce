//! Tests of order: two transactions of one block that both can succeed have one outcome in either order, and a late
//! sweep has the outcome of a prompt one.

use super::{chance::Chance, *};
use frame_support::storage::{with_transaction, TransactionOutcome};

type Action = (Account, crate::Call<World>);

/// Everything that matters to anyone and every moment, without ids and epochs, which only count.
fn outcome() -> Vec<String> {
	let mut facts = Vec::new();
	for (id, task) in Tasks::<World>::iter() {
		let counters = Counters { epoch: 0, ..task.counters };
		let alarm = task.alarm.map(|alarm| alarm.at);
		facts.push(format!("task {id}: {:?} {counters:?} held {}, due {alarm:?}", task.status, task.held));
		facts.push(format!("task {id}: broken {:?}, stalled {:?}", task.broken, task.stalled_since));
	}
	for (id, plan) in Plans::<World>::iter() {
		facts.push(format!("plan {id}: {:?}, touched {}", plan.cancelled, plan.touched));
	}
	for (worker, id, attempt) in Assignments::<World>::iter() {
		let state = match attempt.state {
			AssignmentState::Submitted { .. } => "Submitted".into(),
			other => format!("{other:?}"),
		};
		facts.push(format!("{worker} at {id}: {state}, bond {}, retries {}", attempt.bond, attempt.retries));
	}
	for (id, _, sent) in Submissions::<World>::iter() {
		facts.push(format!("sent to {id} by {}: {:?} {:?}", sent.worker, sent.status, sent.score));
	}
	for who in PEOPLE.iter().chain(&[TREASURY]) {
		facts.push(format!("{who} has {}, held {} and {}", free(*who), escrow_of(*who), bond_of(*who)));
	}
	facts.sort();
	facts
}

/// The outcome of the two calls in this order, once everything due is done; nothing if one is refused.
fn outcome_of(first: &Action, second: &Action) -> Option<Vec<String>> {
	with_transaction(|| {
		let both = call(first.0, first.1.clone()).and_then(|()| call(second.0, second.1.clone()));
		sweep_at(TaskPallet::now() + 1);
		TransactionOutcome::Rollback(Ok::<_, DispatchError>(both.ok().map(|()| outcome())))
	})
	.unwrap()
}

/// Pokes all there is, in an order that has nothing to do with what fell due when.
fn poke_everything() {
	let attempts = Assignments::<World>::iter_keys().map(|(worker, task)| Object::Assignment(worker, task));
	let sent = Submissions::<World>::iter_keys().map(|(task, id)| Object::Submission(task, id));
	let plans = Plans::<World>::iter_keys().map(Object::Plan);
	let tasks = Tasks::<World>::iter_keys().map(Object::Task);
	let all: Vec<_> = tasks.chain(plans).chain(attempts).chain(sent).collect();
	for object in all {
		poke(object).unwrap();
	}
}

/// Tries two random calls of different accounts in both orders.
pub fn both_orders_agree(chance: &mut Chance) {
	let (one, other) = (chance.action(), chance.action());
	let creates = |action: &Action| matches!(action.1, Call::create_task { .. } | Call::create_plan {});
	if one.0 == other.0 || (creates(&one) && creates(&other)) {
		return;
	}
	if let (Some(forth), Some(back)) = (outcome_of(&one, &other), outcome_of(&other, &one)) {
		let differing: Vec<_> = forth.iter().zip(&back).filter(|(a, b)| a != b).collect();
		assert!(differing.is_empty(), "{one:?} and {other:?}: {differing:#?}");
	}
	System::reset_events();
}

/// The outcome after time passed with so many sweeps, where `before` was done just before the last of them.
fn outcome_after(steps: u64, before: fn()) -> Vec<String> {
	let duration = 2 * (DEADLINE - START);
	with_transaction(|| {
		let start = TaskPallet::now();
		for step in 1..steps {
			sweep_at(start + duration * step / steps);
		}
		at(start + duration);
		before();
		sweep();
		TransactionOutcome::Rollback(Ok::<_, DispatchError>(outcome()))
	})
	.unwrap()
}

#[test]
fn a_late_sweep_changes_nobodys_money_no_outcome_and_no_moment() {
	for seed in 1..=6 {
		world(|| {
			super::walk::furnish();
			let mut chance = Chance::from_seed(seed);
			for _ in 0..150 {
				let (who, action) = chance.action();
				let _ = call(who, action);
				at(TaskPallet::now() + chance.below(6));
			}
			let prompt = outcome_after(2_000, || {});
			assert_eq!(outcome_after(1, || {}), prompt, "seed {seed}");
			assert_eq!(outcome_after(1, poke_everything), prompt, "seed {seed}, poked");
		});
	}
}
