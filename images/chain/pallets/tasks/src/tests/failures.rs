//! Tests of reports: their price, and further attempts after them.

use super::*;
use frame_support::{assert_noop, assert_ok};
use FailureCategory::*;

type Rule = crate::Error<World>;

#[test]
fn a_report_holds_its_fee_and_frees_the_slot() {
	world(|| {
		let id = create(Terms { max_failures: 2, ..terms() }, spec()).unwrap();
		fail(BOB, id, TaskError);
		assert_eq!((bond_of(BOB), free(BOB)), (REPORT_FEE, FORTUNE - REPORT_FEE));
		assert_ok!(take(CAROL, id));
	});
}

#[test]
fn a_reports_fee_is_the_price_of_holding_the_slot_and_never_below_the_smallest() {
	for (held, fee) in [(0, REPORT_FEE), (100, REPORT_FEE), (200, 30), (TIMEOUT, BOND / 4)] {
		world(|| {
			let id = create(Terms { max_failures: 2, ..terms() }, spec()).unwrap();
			take(BOB, id).unwrap();
			at(START + held);
			report(BOB, id, NodeError).unwrap();
			assert_eq!(bond_of(BOB), fee, "held for {held}");
		});
	}
}

#[test]
fn the_fee_of_a_report_is_lost_when_another_accounts_result_is_accepted() {
	for category in [TaskError, Policy, NodeError] {
		world(|| {
			let id = create(Terms { max_failures: 2, ..terms() }, spec()).unwrap();
			fail(BOB, id, category);
			sweep_at(START + PAUSE + 1);
			assert_eq!(bond_of(BOB), REPORT_FEE);
			take(CAROL, id).unwrap();
			send(CAROL, id).unwrap();
			sweep();
			assert_eq!((ended(id), bond_of(BOB)), (Some(Outcome::Done), REPORT_FEE));
			sweep_at(START + PAUSE + 2);
			assert_eq!((bond_of(BOB), forfeited()), (0, REPORT_FEE));
		});
	}
}

#[test]
fn the_fee_of_a_report_comes_back_when_the_task_ends_without_any_accepted_result() {
	for category in [TaskError, Policy, NodeError] {
		world(|| {
			let id = create(Terms { max_failures: 2, ..terms() }, spec()).unwrap();
			fail(BOB, id, category);
			sweep_at(DEADLINE + 1);
			sweep_at(DEADLINE + 2);
			assert_eq!((ended(id), free(BOB), forfeited()), (Some(Outcome::Expired), FORTUNE, 0));
		});
	}
}

#[test]
fn the_fees_of_earlier_reports_come_back_when_a_later_try_of_the_account_is_accepted() {
	world(|| {
		let id = create(Terms { slots: 2, ..terms() }, spec()).unwrap();
		for _ in 0..2 {
			fail(BOB, id, NodeError);
		}
		assert_eq!(bond_of(BOB), 2 * REPORT_FEE);
		take(BOB, id).unwrap();
		assert_eq!(bond_of(BOB), 2 * REPORT_FEE + BOND);
		send(BOB, id).unwrap();
		assert_eq!((bond_of(BOB), free(BOB)), (0, FORTUNE + REWARD));
	});
}

#[test]
fn the_fees_of_more_reporters_than_one_visit_reaches_are_all_decided() {
	world(|| {
		let workers: Vec<Account> = (20..31).collect();
		let id = create(terms(), spec()).unwrap();
		for worker in &workers {
			use frame_support::traits::fungible::Mutate;
			Balances::set_balance(worker, FORTUNE);
			fail(*worker, id, NodeError);
		}
		cancel(id, false).unwrap();
		sweep_at(START + 1);
		assert!(workers.iter().all(|worker| free(*worker) == FORTUNE));
		assert_eq!((task(id).counters.reports, Agenda::<World>::iter_keys().count()), (0, 0));
	});
}

#[test]
fn the_creator_may_confirm_a_report_once() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		fail(BOB, id, InputMismatch);
		at(START + 1);
		assert_noop!(confirm(BOB, BOB, id), Rule::NotCreator);
		assert_ok!(confirm(CREATOR, BOB, id));
		assert_eq!((bond_of(BOB), free(BOB)), (0, FORTUNE));
		assert_noop!(confirm(CREATOR, BOB, id), Rule::NoReport);
	});
}

#[test]
fn a_confirmation_reaches_no_report_of_its_own_block() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		fail(BOB, id, NodeError);
		assert_noop!(confirm(CREATOR, BOB, id), Rule::NoReport);
		at(START + 1);
		fail(BOB, id, NodeError);
		assert_ok!(confirm(CREATOR, BOB, id));
		assert_eq!(bond_of(BOB), REPORT_FEE);
		assert_noop!(confirm(CREATOR, BOB, id), Rule::NoReport);
	});
}

#[test]
fn a_confirmation_is_in_time_in_the_block_in_which_the_task_ends() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		fail(BOB, id, NodeError);
		at(START + 1);
		take(CAROL, id).unwrap();
		send(CAROL, id).unwrap();
		assert_ok!(confirm(CREATOR, BOB, id));
		sweep_at(START + 2);
		assert_eq!((free(BOB), forfeited()), (FORTUNE, 0));
	});
}

#[test]
fn a_failure_that_may_pass_allows_three_more_attempts() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		for _ in 0..4 {
			fail(BOB, id, NodeError);
		}
		assert_noop!(take(BOB, id), Rule::AttemptsExhausted);
		assert_eq!((forfeited(), bond_of(BOB)), (0, 4 * REPORT_FEE));
	});
}

#[test]
fn a_confirmation_and_a_further_attempt_cost_the_same_in_either_order() {
	let after = |confirmed_first| {
		let mut purses = (0, 0, 0);
		world(|| {
			let id = create(terms(), spec()).unwrap();
			fail(BOB, id, NodeError);
			at(START + 1);
			if confirmed_first {
				confirm(CREATOR, BOB, id).unwrap();
				take(BOB, id).unwrap();
			} else {
				take(BOB, id).unwrap();
				confirm(CREATOR, BOB, id).unwrap();
			}
			purses = (free(BOB), bond_of(BOB), forfeited());
		});
		purses
	};
	assert_eq!(after(true), (FORTUNE - BOND, BOND, 0));
	assert_eq!(after(false), after(true));
}

#[test]
fn a_failure_of_the_task_itself_allows_no_further_attempt_also_after_a_resume() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		fail(BOB, id, OutputInvalid);
		resume(id).unwrap();
		assert_eq!(task(id).counters.failures, 0);
		assert_noop!(take(BOB, id), Rule::AttemptsExhausted);
		assert_ok!(take(CAROL, id));
	});
}

#[test]
fn an_assignee_whose_trouble_may_pass_is_offered_the_task_again() {
	world(|| {
		let id = create(Terms { assignee: Some(BOB), ..terms() }, spec()).unwrap();
		fail(BOB, id, NodeError);
		assert!(Offers::<World>::contains_key(BOB, id));
		assert_ok!(take(BOB, id));
	});
}
