//! Tests of the agenda: due work is done in order and within its weight, and a failing entry blocks no other.

use super::*;
use crate::{
	agenda::{agenda_key, POSTPONEMENT},
	weighing::{agenda_entry, settle},
};
use frame_support::traits::{
	fungible::{MutateHold, UnbalancedHold},
	tokens::Precision,
};

#[test]
fn entries_are_in_the_order_of_time_whatever_the_numbers() {
	let keys =
		[(1, 900), (255, 3), (256, 1), (256, 2), (70_000, 0)].map(|(at, entry)| agenda_key(&Alarm { at, entry }));
	assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn the_oldest_entry_is_worked_first_and_only_as_far_as_the_weight_reaches() {
	world(|| {
		let late = create(terms(), spec()).unwrap();
		let soon = create(Terms { deadline: DEADLINE - 500, ..terms() }, spec()).unwrap();
		at(DEADLINE + 1);
		assert_eq!(TaskPallet::on_idle(1, Weight::zero()), Weight::zero());
		let one = agenda_entry::<World>(settle::<World>(&Object::Task(soon))) + <() as WeightInfo>::agenda_head();
		let used = TaskPallet::on_idle(1, one);
		assert!(used.all_lte(one));
		assert_eq!((ended(soon), ended(late)), (Some(Outcome::Expired), None));
		sweep();
		assert_eq!(ended(late), Some(Outcome::Expired));
	});
}

#[test]
fn a_failing_entry_comes_again_after_an_hour_and_the_others_go_on() {
	world(|| {
		let broken = create(Terms { timeout: 400, ..terms() }, spec()).unwrap();
		let sound = create(terms(), spec()).unwrap();
		take(BOB, broken).unwrap();
		take(CAROL, sound).unwrap();
		// Bob's bond is gone, by no rule of ours, so that it can't be forfeited.
		Balances::decrease_balance_on_hold(&crate::HoldReason::Bond.into(), &BOB, BOND, Precision::Exact).unwrap();
		sweep_at(START + TIMEOUT + 1);
		assert_eq!(attempt(BOB, broken).state, AssignmentState::Live);
		assert_eq!(attempt(CAROL, sound).state, AssignmentState::Lapsed);
		let again = START + TIMEOUT + 1 + POSTPONEMENT;
		assert_eq!(attempt(BOB, broken).alarm.map(|alarm| alarm.at), Some(again));
		let postponed = |event: &Event<World>| matches!(event, Event::Postponed { again: told, .. } if *told == again);
		assert!(told().iter().any(postponed));

		Balances::hold(&crate::HoldReason::Bond.into(), &BOB, BOND).unwrap();
		sweep_at(again + 1);
		assert_eq!(attempt(BOB, broken).state, AssignmentState::Lapsed);
	});
}
