//! What do reports cost, when do they pause a task, and who may try again?

use super::*;
use frame_support::{assert_noop, assert_ok};
use FailureCategory::*;

type Rule = crate::Error<World>;

#[test]
fn a_report_holds_its_fee_and_frees_the_slot() {
	world(|| {
		let id = create(Terms { max_failures: 2, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, TaskError).unwrap();
		assert_eq!((bond_of(BOB), free(BOB)), (REPORT_FEE, FORTUNE - REPORT_FEE));
		assert_ok!(take(CAROL, id));
	});
}

#[test]
fn enough_reports_by_different_accounts_pause_the_task_and_return_every_fee() {
	world(|| {
		let id = create(Terms { slots: 3, max_failures: 2, ..terms() }, spec()).unwrap();
		for worker in [BOB, CAROL] {
			take(worker, id).unwrap();
		}
		report(BOB, id, OutOfMemory).unwrap();
		assert!(!paused(id));
		report(CAROL, id, Timeout).unwrap();
		assert!(paused(id));
		poke(Object::Assignment(BOB, id)).unwrap();
		assert_eq!((free(BOB), free(CAROL), forfeited()), (FORTUNE, FORTUNE, 0));
	});
}

#[test]
fn reports_of_a_nodes_own_trouble_pause_nothing() {
	for category in [InputUnavailable, InputMismatch, ImageUnavailable, ImageRefused, Policy, NodeError] {
		world(|| {
			let id = create(terms(), spec()).unwrap();
			take(BOB, id).unwrap();
			report(BOB, id, category).unwrap();
			assert_eq!(task(id).status, TaskStatus::Open);
		});
	}
}

#[test]
fn a_live_attempt_goes_on_while_the_task_is_paused() {
	world(|| {
		let id = create(Terms { slots: 2, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		take(CAROL, id).unwrap();
		report(BOB, id, TaskError).unwrap();
		assert_ok!(send(CAROL, id));
		assert_eq!(free(CAROL), FORTUNE + REWARD);
		assert!(paused(id));
	});
}

#[test]
fn a_report_that_proves_nothing_loses_its_fee_in_the_end() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, Policy).unwrap();
		sweep_at(START + PAUSE);
		assert_eq!(bond_of(BOB), REPORT_FEE);
		sweep_at(START + PAUSE + 1);
		assert_eq!((bond_of(BOB), forfeited()), (0, REPORT_FEE));
	});
}

#[test]
fn the_creator_may_confirm_a_report_once() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, InputMismatch).unwrap();
		let confirm = |who| call(who, Call::confirm_failure { task: id, worker: BOB });
		assert_noop!(confirm(BOB), Rule::NotCreator);
		assert_ok!(confirm(CREATOR));
		assert_eq!((bond_of(BOB), free(BOB)), (0, FORTUNE));
		assert_noop!(confirm(CREATOR), Rule::NoReport);
	});
}

#[test]
fn a_failure_that_may_pass_allows_three_more_attempts() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		for _ in 0..4 {
			take(BOB, id).unwrap();
			report(BOB, id, NodeError).unwrap();
		}
		assert_noop!(take(BOB, id), Rule::AttemptsExhausted);
		sweep_at(START + PAUSE + 1);
		// Trying again returned the fee of each attempt but the last.
		assert_eq!((forfeited(), free(BOB)), (REPORT_FEE, FORTUNE - REPORT_FEE));
	});
}

#[test]
fn a_confirmation_and_a_further_attempt_cost_the_same_in_either_order() {
	let after = |confirmed_first| {
		let mut purses = (0, 0, 0);
		world(|| {
			let id = create(terms(), spec()).unwrap();
			take(BOB, id).unwrap();
			report(BOB, id, NodeError).unwrap();
			let confirm = || call(CREATOR, Call::confirm_failure { task: id, worker: BOB });
			if confirmed_first {
				confirm().unwrap();
				take(BOB, id).unwrap();
			} else {
				take(BOB, id).unwrap();
				assert_noop!(confirm(), Rule::NoReport);
			}
			purses = (free(BOB), bond_of(BOB), forfeited());
		});
		purses
	};
	assert_eq!(after(true), (FORTUNE - BOND, BOND, 0));
	assert_eq!(after(false), after(true));
}

#[test]
fn a_failure_of_the_task_itself_allows_no_further_attempt() {
	world(|| {
		let id = create(Terms { max_failures: 2, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, OutputInvalid).unwrap();
		assert_noop!(take(BOB, id), Rule::AttemptsExhausted);
	});
}

#[test]
fn resuming_gives_those_who_failed_a_new_chance() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, TaskError).unwrap();
		assert_noop!(call(BOB, Call::resume_task { task: id }), Rule::NotCreator);
		call(CREATOR, Call::resume_task { task: id }).unwrap();
		assert_eq!(task(id).counters.failures, 0);
		assert_ok!(take(BOB, id));
		report(BOB, id, TaskError).unwrap();
		assert!(paused(id));
	});
}

#[test]
fn a_pause_that_nobody_ends_fails_the_task() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, TaskError).unwrap();
		at(START + PAUSE);
		assert!(paused(id));
		sweep_at(START + PAUSE + 1);
		assert_eq!((ended(id), escrow_of(CREATOR)), (Some(Outcome::Failed), 0));
	});
}

#[test]
fn an_assignees_refusal_pauses_the_task_and_costs_it_nothing() {
	world(|| {
		let id = create(Terms { assignee: Some(BOB), max_failures: 5, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, Policy).unwrap();
		assert!(paused(id));
		assert_eq!(free(BOB), FORTUNE);
	});
}

#[test]
fn an_assignee_whose_trouble_may_pass_is_offered_the_task_again() {
	world(|| {
		let id = create(Terms { assignee: Some(BOB), ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, NodeError).unwrap();
		assert!(Offers::<World>::contains_key(BOB, id));
		assert_ok!(take(BOB, id));
	});
}
