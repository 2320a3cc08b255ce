//! Tests of the removal of records.

use super::*;
use frame_support::assert_noop;

type Rule = crate::Error<World>;

fn purge(id: TaskId) -> DispatchResult {
	call(CREATOR, Call::purge_task { task: id })
}

#[test]
fn a_final_task_is_kept_for_the_retention_period() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		at(START + RETENTION);
		assert_noop!(purge(id), Rule::StillNeeded);
		at(START + RETENTION + 1);
		purge(id).unwrap();
		assert!(Assignments::<World>::iter().next().is_none() && Submissions::<World>::iter().next().is_none());
		assert_noop!(purge(id), Rule::NoSuchTask);
	});
}

#[test]
fn a_parent_is_kept_while_a_child_may_need_it() {
	world(|| {
		let parent = create(terms(), spec()).unwrap();
		take(BOB, parent).unwrap();
		send(BOB, parent).unwrap();
		let child = create(Terms { deadline: START + 2 * RETENTION, ..terms() }, child_of(parent)).unwrap();
		at(START + RETENTION + 1);
		assert_noop!(purge(parent), Rule::StillNeeded);
		cancel(child, false).unwrap();
		purge(parent).unwrap();
	});
}

#[test]
fn a_model_outlives_the_records_of_its_task() {
	world(|| {
		let id = create(Terms { kind: TaskKind::Training, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		at(START + RETENTION + 1);
		purge(id).unwrap();
		assert!(Registry::model(&ModelId::first(1)).is_some());
	});
}

#[test]
fn a_purge_of_many_records_takes_several_calls() {
	world(|| {
		let id = create(Terms { slots: 1, ..terms() }, spec()).unwrap();
		for worker in 100..170 {
			use frame_support::traits::fungible::Mutate;
			Balances::set_balance(&worker, FORTUNE);
			take(worker, id).unwrap();
			hand_back(worker, id).unwrap();
		}
		cancel(id, false).unwrap();
		at(START + RETENTION + 1);
		for expected in [true, true, false] {
			purge(id).unwrap();
			assert_eq!(Tasks::<World>::contains_key(id), expected);
		}
		assert_eq!(Workers::<World>::iter().count() + Assignments::<World>::iter().count(), 0);
	});
}

#[test]
fn nobody_but_the_creator_lets_records_go_before_the_evidence_period() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		at(START + RETENTION + EVIDENCE);
		for stranger in [BOB, ERIN] {
			assert_noop!(call(stranger, Call::purge_task { task: id }), Rule::StillNeeded);
		}
		at(START + RETENTION + EVIDENCE + 1);
		call(ERIN, Call::purge_task { task: id }).unwrap();
	});
}

#[test]
fn a_creator_that_rejected_a_result_keeps_the_evidence_as_long() {
	world(|| {
		let id = create(judged(), spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		reject(JUDGE, id, 1).unwrap();
		at(START + RETENTION + EVIDENCE);
		assert_noop!(purge(id), Rule::StillNeeded);
		at(START + RETENTION + EVIDENCE + 1);
		purge(id).unwrap();
	});
}

#[test]
fn a_plan_goes_after_its_last_task_and_the_same_periods() {
	world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		let id = create(Terms { plan: Some(1), ..terms() }, spec()).unwrap();
		let purge = |who| call(who, Call::purge_plan { plan: 1 });
		at(START + RETENTION + 1);
		assert_noop!(purge(CREATOR), Rule::StillNeeded);
		sweep();
		assert_eq!(ended(id), Some(Outcome::Expired));
		// It ended at its deadline, whenever that was seen.
		at(DEADLINE + RETENTION);
		assert_noop!(purge(CREATOR), Rule::StillNeeded);
		at(DEADLINE + RETENTION + 1);
		assert_noop!(purge(ERIN), Rule::StillNeeded);
		purge(CREATOR).unwrap();
		assert_noop!(purge(CREATOR), Rule::NoSuchPlan);
		call(CREATOR, Call::create_plan {}).unwrap();
		at(TaskPallet::now() + RETENTION + EVIDENCE + 1);
		call(ERIN, Call::purge_plan { plan: 2 }).unwrap();
	});
}
