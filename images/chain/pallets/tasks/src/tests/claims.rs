//! Tests of claims: who may take a task, and what is held for it.

use super::*;
use frame_support::{assert_noop, assert_ok};

type Rule = crate::Error<World>;

#[test]
fn taking_holds_the_bond_and_starts_the_clock_of_a_new_epoch() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		at(START + 7);
		take(BOB, id).unwrap();
		let taken = attempt(BOB, id);
		assert_eq!((taken.epoch, taken.since, taken.due), (1, START + 7, START + 7 + TIMEOUT));
		assert_eq!((bond_of(BOB), taken.bond, free(BOB)), (BOND, BOND, FORTUNE - BOND));
	});
}

#[test]
fn an_attempt_is_due_at_the_deadline_at_the_latest() {
	world(|| {
		let id = create(Terms { timeout: MAX_TIMEOUT, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		assert_eq!(attempt(BOB, id).due, DEADLINE);
	});
}

#[test]
fn there_is_never_one_claim_more_than_slots() {
	world(|| {
		let id = create(Terms { slots: 2, ..judged() }, spec()).unwrap();
		take(BOB, id).unwrap();
		take(CAROL, id).unwrap();
		assert_noop!(take(DAVE, id), Rule::SlotsFull);
		send(BOB, id).unwrap();
		assert_noop!(take(DAVE, id), Rule::SlotsFull);
		hand_back(CAROL, id).unwrap();
		assert_ok!(take(DAVE, id));
	});
}

#[test]
fn a_claim_needs_the_shortest_attempt_before_the_deadline() {
	world(|| {
		let id = create(Terms { slots: 2, ..terms() }, spec()).unwrap();
		at(DEADLINE - MIN_TIMEOUT);
		assert_ok!(take(BOB, id));
		at(DEADLINE - MIN_TIMEOUT + 1);
		assert_noop!(take(CAROL, id), Rule::DeadlineTooNear);
	});
}

#[test]
fn an_offered_task_is_taken_by_its_assignee_only_and_listed_for_it_only() {
	world(|| {
		let id = create(Terms { assignee: Some(CAROL), ..terms() }, spec()).unwrap();
		assert!(Offers::<World>::contains_key(CAROL, id));
		assert!(!OpenTasks::<World>::contains_key(TaskKind::Annotation, id));
		assert_noop!(take(BOB, id), Rule::NotOffered);
		take(CAROL, id).unwrap();
		assert!(!Offers::<World>::contains_key(CAROL, id));
	});
}

#[test]
fn the_judge_may_not_work_unless_it_is_its_own_money() {
	world(|| {
		let id = create(judged(), spec()).unwrap();
		assert_noop!(take(JUDGE, id), Rule::JudgeCannotWork);
		let own = create(terms(), spec()).unwrap();
		assert_ok!(take(CREATOR, own));
	});
}

#[test]
fn a_claim_without_the_money_for_the_bond_is_refused() {
	world(|| {
		let id = create(Terms { reward: FORTUNE / 10, bond: FORTUNE, ..terms() }, spec()).unwrap();
		assert_noop!(take(BOB, id), Rule::TooLittleBalance);
	});
}

#[test]
fn the_epoch_fences_off_earlier_attempts() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		let late = result_of(BOB, id);
		hand_back(BOB, id).unwrap();
		take(BOB, id).unwrap();
		assert_noop!(call(BOB, late), Rule::WrongEpoch);
		assert_eq!(epoch_of(BOB, id), 2);
	});
}

#[test]
fn handing_back_costs_a_quarter_of_the_bond_for_all_of_the_time_and_less_for_less() {
	for (held, price) in [(0, 0), (1, 1), (TIMEOUT / 5, 15), (TIMEOUT, BOND / 4)] {
		world(|| {
			let id = create(terms(), spec()).unwrap();
			take(BOB, id).unwrap();
			at(START + held);
			hand_back(BOB, id).unwrap();
			assert_eq!((free(BOB), bond_of(BOB), forfeited()), (FORTUNE - price, 0, price), "held for {held}");
		});
	}
}

#[test]
fn the_price_goes_by_the_time_allowed_where_the_deadline_cuts_it() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		at(DEADLINE - 100);
		take(BOB, id).unwrap();
		at(DEADLINE - 50);
		hand_back(BOB, id).unwrap();
		// Half of the hundred that were left, of a quarter of the bond, rounded up.
		assert_eq!(forfeited(), BOND / 8 + 1);
	});
}

#[test]
fn two_hand_backs_that_cost_something_end_an_accounts_attempts() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		for held in [0, 10, 0, 10] {
			take(BOB, id).unwrap();
			at(TaskPallet::now() + held);
			hand_back(BOB, id).unwrap();
		}
		assert_noop!(take(BOB, id), Rule::AttemptsExhausted);
		assert_eq!(forfeited(), 4);
		assert_ok!(take(CAROL, id));
	});
}

#[test]
fn an_assignee_that_hands_back_twice_at_a_price_closes_the_task() {
	world(|| {
		let id = create(Terms { assignee: Some(BOB), ..terms() }, spec()).unwrap();
		for expected in [None, Some(Outcome::Failed)] {
			take(BOB, id).unwrap();
			at(TaskPallet::now() + 10);
			hand_back(BOB, id).unwrap();
			assert_eq!(ended(id), expected);
		}
		assert_eq!(escrow_of(CREATOR), 0);
	});
}

#[test]
fn an_attempt_past_its_due_lapses_at_the_cost_of_its_bond() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		sweep_at(START + TIMEOUT);
		assert_eq!(attempt(BOB, id).state, AssignmentState::Live);
		sweep_at(START + TIMEOUT + 1);
		assert_eq!(attempt(BOB, id).state, AssignmentState::Lapsed);
		assert_eq!((forfeited(), free(BOB), bond_of(BOB)), (BOND, FORTUNE - BOND, 0));
		assert_noop!(take(BOB, id), Rule::AttemptsExhausted);
		assert_ok!(take(CAROL, id));
	});
}

#[test]
fn a_lapsed_assignee_ends_the_task_and_frees_its_escrow() {
	world(|| {
		let id = create(Terms { assignee: Some(BOB), ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		sweep_at(START + TIMEOUT + 1);
		assert_eq!((ended(id), escrow_of(CREATOR)), (Some(Outcome::Failed), 0));
	});
}
