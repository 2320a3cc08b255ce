//! Tests of pauses: the reports that pause a task, and the ways in which it goes on.

use super::*;
use frame_support::{assert_noop, assert_ok};
use FailureCategory::*;

type Rule = crate::Error<World>;

#[test]
fn enough_reports_by_different_accounts_pause_the_task_and_decide_nothing_about_their_fees() {
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
		resume(id).unwrap();
		assert_eq!((bond_of(BOB), bond_of(CAROL), forfeited()), (REPORT_FEE, REPORT_FEE, 0));
	});
}

#[test]
fn reports_of_a_nodes_own_trouble_pause_nothing() {
	for category in [InputUnavailable, InputMismatch, ImageUnavailable, ImageRefused, Policy, NodeError] {
		world(|| {
			let id = create(terms(), spec()).unwrap();
			fail(BOB, id, category);
			assert_eq!(task(id).status, TaskStatus::Open);
		});
	}
}

#[test]
fn reports_that_the_task_itself_is_broken_pause_it() {
	for category in [TaskError, Timeout, OutOfMemory, OutputInvalid, OutputTooLarge, BuildFailed, ImageUnfit] {
		world(|| {
			let id = create(terms(), spec()).unwrap();
			take(BOB, id).unwrap();
			report(BOB, id, category).unwrap();
			assert!(paused(id), "{category:?}");
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
fn an_assignee_may_try_again_after_a_resume() {
	world(|| {
		let id = create(Terms { assignee: Some(BOB), ..terms() }, spec()).unwrap();
		fail(BOB, id, TaskError);
		assert!(paused(id));
		assert_noop!(call(BOB, Call::resume_task { task: id }), Rule::NotCreator);
		resume(id).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		assert_eq!((free(BOB), forfeited()), (FORTUNE + REWARD, 0));
	});
}

#[test]
fn the_first_pause_ends_by_itself_and_the_second_ends_the_task_at_its_deadline() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		fail(BOB, id, TaskError);
		sweep_at(START + PAUSE);
		assert!(paused(id));
		sweep_at(START + PAUSE + 1);
		assert_eq!((task(id).status, task(id).counters.failures), (TaskStatus::Open, 0));
		fail(CAROL, id, TaskError);
		sweep_at(DEADLINE);
		assert!(paused(id));
		sweep_at(DEADLINE + 1);
		assert_eq!((ended(id), escrow_of(CREATOR)), (Some(Outcome::Failed), 0));
	});
}

#[test]
fn a_first_pause_ends_early_enough_for_another_attempt() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		at(DEADLINE - PAUSE / 2);
		fail(BOB, id, TaskError);
		assert_eq!(task(id).status, TaskStatus::Paused { until: DEADLINE - MIN_TIMEOUT });
		let last = create(terms(), spec()).unwrap();
		at(DEADLINE - MIN_TIMEOUT);
		take(CAROL, last).unwrap();
		at(DEADLINE - MIN_TIMEOUT + 1);
		report(CAROL, last, TaskError).unwrap();
		assert_eq!(task(last).status, TaskStatus::Paused { until: DEADLINE });
	});
}

#[test]
fn a_pause_that_is_over_and_seen_late_leaves_the_task_expired() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		fail(BOB, id, TaskError);
		sweep_at(DEADLINE + 1);
		assert_eq!(ended(id), Some(Outcome::Expired));
	});
}

#[test]
fn nobody_resumes_a_task_that_could_not_be_taken_any_more() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		for worker in [BOB, CAROL] {
			fail(worker, id, TaskError);
			if worker == BOB {
				resume(id).unwrap();
			}
		}
		at(DEADLINE - MIN_TIMEOUT + 1);
		assert_noop!(resume(id), Rule::DeadlineTooNear);
		at(DEADLINE - MIN_TIMEOUT);
		assert_ok!(resume(id));
		assert_ok!(take(DAVE, id));
	});
}

#[test]
fn an_assignees_refusal_pauses_the_task_and_costs_it_nothing_when_it_ends_so() {
	world(|| {
		let id = create(Terms { assignee: Some(BOB), max_failures: 5, ..terms() }, spec()).unwrap();
		fail(BOB, id, Policy);
		assert!(paused(id));
		cancel(id, false).unwrap();
		sweep_at(START + 1);
		assert_eq!(free(BOB), FORTUNE);
	});
}
