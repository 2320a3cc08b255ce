//! Does the outcome depend on the order of two transactions in one block that both can succeed, or on a late sweep?

use super::{chance::Chance, *};
use frame_support::storage::{with_transaction, TransactionOutcome};

type Action = (Account, crate::Call<World>);

/// Everything that matters to anyone, without ids and epochs, which only count.
fn outcome() -> Vec<String> {
	let mut facts = Vec::new();
	for (id, task) in Tasks::<World>::iter() {
		let counters = Counters { epoch: 0, ..task.counters };
		facts.push(format!("task {id}: {:?} {counters:?} held {}", task.status, task.held));
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

/// What comes of the two calls in this order, once everything due is done; nothing if one is refused.
fn outcome_of(first: &Action, second: &Action) -> Option<Vec<String>> {
	with_transaction(|| {
		let both = call(first.0, first.1.clone()).and_then(|()| call(second.0, second.1.clone()));
		settle_everything();
		TransactionOutcome::Rollback(Ok::<_, DispatchError>(both.ok().map(|()| outcome())))
	})
	.unwrap()
}

/// Pokes all there is, twice, because a task may end only once its attempts have.
fn settle_everything() {
	for _ in 0..2 {
		let attempts = Assignments::<World>::iter_keys().map(|(worker, task)| Object::Assignment(worker, task));
		let sent = Submissions::<World>::iter_keys().map(|(task, id)| Object::Submission(task, id));
		let plans = Plans::<World>::iter_keys().map(Object::Plan);
		let tasks = Tasks::<World>::iter_keys().map(Object::Task);
		let all: Vec<_> = attempts.chain(sent).chain(plans).chain(tasks).collect();
		for object in all {
			TaskPallet::settle(&object).unwrap();
		}
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

/// Who has what, and what became of every task, attempt and result, after time passed with so many sweeps.
fn outcome_after(steps: u64) -> Vec<String> {
	let duration = 2 * (DEADLINE - START);
	with_transaction(|| {
		let start = TaskPallet::now();
		for step in 1..=steps {
			sweep_at(start + duration * step / steps);
		}
		// When a task ended or silence accepted is told by the sweep; that it did, and how, is not.
		let facts = outcome().into_iter().map(|fact| match fact.split_once("at: ") {
			Some((fact, rest)) => format!("{fact}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit())),
			None => fact,
		});
		TransactionOutcome::Rollback(Ok::<_, DispatchError>(facts.collect()))
	})
	.unwrap()
}

#[test]
fn a_late_sweep_changes_nobodys_money_and_no_outcome() {
	for seed in 1..=6 {
		world(|| {
			super::walk::furnish();
			let mut chance = Chance::from_seed(seed);
			for _ in 0..150 {
				let (who, action) = chance.action();
				let _ = call(who, action);
				at(TaskPallet::now() + chance.below(6));
			}
			assert_eq!(outcome_after(1), outcome_after(200), "seed {seed}");
		});
	}
}
