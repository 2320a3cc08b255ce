//! Tests of stalls, of their end, and of declined offers.

use super::*;
use frame_support::{assert_noop, assert_ok, dispatch::Pays};
use sp_runtime::traits::Dispatchable;

type Rule = crate::Error<World>;

fn patient() -> TermsOf<World> {
	Terms { max_failures: 5, slots: 2, ..terms() }
}

#[test]
fn a_task_that_nobody_tried_does_not_stall() {
	world(|| {
		let id = create(patient(), spec()).unwrap();
		poke(Object::Task(id)).unwrap();
		assert_eq!(task(id).stalled_since, None);
	});
}

#[test]
fn a_task_stalls_when_all_who_tried_are_out_of_attempts() {
	world(|| {
		let id = create(patient(), spec()).unwrap();
		take(BOB, id).unwrap();
		take(CAROL, id).unwrap();
		report(BOB, id, FailureCategory::BuildFailed).unwrap();
		assert_eq!(task(id).stalled_since, None, "Carol is at it");
		at(START + 7);
		report(CAROL, id, FailureCategory::ImageUnfit).unwrap();
		assert_eq!(task(id).stalled_since, Some(START + 7));
		at(START + 9);
		poke(Object::Task(id)).unwrap();
		assert_eq!(task(id).stalled_since, Some(START + 7));
	});
}

#[test]
fn the_next_claim_ends_a_stall() {
	world(|| {
		let id = create(patient(), spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, FailureCategory::TaskError).unwrap();
		assert!(task(id).stalled_since.is_some());
		take(CAROL, id).unwrap();
		assert_eq!(task(id).stalled_since, None);
	});
}

#[test]
fn a_task_does_not_stall_while_somebody_may_try_again() {
	world(|| {
		let id = create(patient(), spec()).unwrap();
		for tries in 1..=4 {
			take(BOB, id).unwrap();
			report(BOB, id, FailureCategory::ImageUnavailable).unwrap();
			assert_eq!(task(id).stalled_since.is_some(), tries == 4, "after {tries} tries");
		}
	});
}

#[test]
fn a_lapse_and_a_rejection_stall_a_task() {
	world(|| {
		let id = create(Terms { slots: 1, max_rejects: 2, ..judged() }, spec()).unwrap();
		take(BOB, id).unwrap();
		sweep_at(START + TIMEOUT + 1);
		assert_eq!(task(id).stalled_since, Some(START + TIMEOUT));
		take(CAROL, id).unwrap();
		send(CAROL, id).unwrap();
		assert_eq!(task(id).stalled_since, None, "a result is under review");
		reject(JUDGE, id, 1).unwrap();
		assert_eq!(task(id).stalled_since, Some(START + TIMEOUT + 1));
	});
}

#[test]
fn a_task_that_takes_no_claims_is_not_stalled() {
	world(|| {
		let id = create(Terms { max_failures: 1, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, FailureCategory::TaskError).unwrap();
		assert!(paused(id));
		assert_eq!(task(id).stalled_since, None);
	});
}

fn offered() -> TermsOf<World> {
	Terms { assignee: Some(BOB), ..terms() }
}

#[test]
fn a_declined_offer_closes_the_task_for_good_and_costs_nothing() {
	world(|| {
		let id = create(offered(), spec()).unwrap();
		let call = RuntimeCall::TaskPallet(Call::decline_offer { task: id });
		let paid = call.dispatch(RuntimeOrigin::signed(BOB)).unwrap().pays_fee;
		assert_eq!((paid, ended(id)), (Pays::No, Some(Outcome::Cancelled)));
		assert_eq!((escrow_of(CREATOR), free(BOB), forfeited()), (0, FORTUNE, 0));
		assert!(!Offers::<World>::contains_key(BOB, id));
		assert_noop!(take(BOB, id), Rule::NotOpen);
		assert_noop!(decline(BOB, id), Rule::TaskFinal);
	});
}

#[test]
fn only_whom_a_task_is_offered_to_may_decline_it_and_not_while_at_work() {
	world(|| {
		let anyones = create(terms(), spec()).unwrap();
		assert_noop!(decline(BOB, anyones), Rule::NotOffered);
		let id = create(offered(), spec()).unwrap();
		assert_noop!(decline(CREATOR, id), Rule::NotOffered);
		take(BOB, id).unwrap();
		assert_noop!(decline(BOB, id), Rule::AlreadyAssigned);
		hand_back(BOB, id).unwrap();
		assert_ok!(decline(BOB, id));
		assert_eq!(bond_of(BOB), 0);
	});
}

#[test]
fn an_offer_that_waits_for_its_parents_can_be_declined() {
	world(|| {
		let parent = create(terms(), spec()).unwrap();
		let child = create(offered(), child_of(parent)).unwrap();
		assert_ok!(decline(BOB, child));
		assert_eq!(ended(child), Some(Outcome::Cancelled));
	});
}
