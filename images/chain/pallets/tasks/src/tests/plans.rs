//! Tests of plans: who may add tasks, and which tasks a cancellation reaches.

use super::*;
use frame_support::assert_noop;

type Rule = crate::Error<World>;

fn planned() -> TermsOf<World> {
	Terms { plan: Some(1), ..terms() }
}

#[test]
fn only_the_plans_creator_adds_tasks_to_it() {
	world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		assert_noop!(create_as(BOB, planned(), spec()), Rule::NotPlanCreator);
		create(planned(), spec()).unwrap();
	});
}

#[test]
fn cancelling_a_plan_reaches_all_its_tasks_and_no_other() {
	world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		let other = create(terms(), spec()).unwrap();
		let tasks: Vec<_> = (0..11).map(|_| create(planned(), spec()).unwrap()).collect();
		call(CREATOR, Call::cancel_plan { plan: 1, abort: false }).unwrap();
		next_block();
		assert!(tasks.iter().all(|id| ended(*id) == Some(Outcome::Cancelled)));
		assert_eq!(task(other).status, TaskStatus::Open);
	});
}

#[test]
fn a_task_of_a_cancelled_plan_takes_no_claim_even_before_the_sweep() {
	world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		let id = create(planned(), spec()).unwrap();
		call(CREATOR, Call::cancel_plan { plan: 1, abort: false }).unwrap();
		assert_noop!(take(BOB, id), Rule::NotOpen);
		assert_noop!(create(planned(), spec()), Rule::PlanCancelled);
	});
}

#[test]
fn aborting_a_plan_pays_those_at_work_by_their_time() {
	world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		let id = create(planned(), spec()).unwrap();
		take(BOB, id).unwrap();
		at(START + 50);
		call(CREATOR, Call::cancel_plan { plan: 1, abort: true }).unwrap();
		next_block();
		assert_eq!((free(BOB), ended(id)), (FORTUNE + REWARD * 2 / 5, Some(Outcome::Cancelled)));
	});
}

#[test]
fn a_deadline_before_the_plans_end_counts_however_late_the_sweep() {
	world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		let id = create(planned(), spec()).unwrap();
		at(DEADLINE + 1);
		call(CREATOR, Call::cancel_plan { plan: 1, abort: false }).unwrap();
		sweep();
		assert_eq!(ended(id), Some(Outcome::Expired));
	});
}
