//! Tests of the ends of tasks (done, cancelled, aborted, expired) and of the money that each returns.

use super::*;
use frame_support::{assert_noop, assert_ok};

type Rule = crate::Error<World>;

#[test]
fn cancelling_returns_unclaimed_slots_at_once_and_pays_what_finishes() {
	world(|| {
		let id = create(Terms { slots: 3, max_rejects: 0, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		cancel(id, false).unwrap();
		assert_eq!(escrow_of(CREATOR), REWARD);
		assert_noop!(take(CAROL, id), Rule::NotOpen);
		assert_ok!(send(BOB, id));
		assert_eq!((ended(id), free(BOB), escrow_of(CREATOR)), (Some(Outcome::Cancelled), FORTUNE + REWARD, 0));
	});
}

#[test]
fn aborting_pays_every_live_worker_by_the_time_it_held_the_task_and_ends_its_attempt() {
	// Of 500 allowed: all of the reward from 125 on, before that its share; nothing for a claim in the abort's block.
	for (held, paid) in [(0, 0), (1, 8), (60, 480), (124, 992), (125, REWARD), (TIMEOUT, REWARD)] {
		world(|| {
			let id = create(Terms { slots: 4, ..terms() }, spec()).unwrap();
			for worker in [BOB, CAROL, DAVE] {
				take(worker, id).unwrap();
			}
			at(START + held);
			cancel(id, true).unwrap();
			for worker in [BOB, CAROL, DAVE] {
				let aborted = AssignmentState::Aborted { paid };
				assert_eq!((free(worker), attempt(worker, id).state), (FORTUNE + paid, aborted));
			}
			assert_eq!((ended(id), free(CREATOR)), (Some(Outcome::Cancelled), FORTUNE - 3 * paid));
			assert_eq!(forfeited(), 0);
		});
	}
}

#[test]
fn an_abort_reaches_more_workers_than_one_visit_can() {
	world(|| {
		let workers: Vec<Account> = (20..31).collect();
		let id = create(Terms { slots: 20, ..terms() }, spec()).unwrap();
		for worker in &workers {
			use frame_support::traits::fungible::Mutate;
			Balances::set_balance(worker, FORTUNE);
			take(*worker, id).unwrap();
		}
		at(START + TIMEOUT / 4);
		cancel(id, true).unwrap();
		assert!(task(id).is_closing());
		// The batch was not BOB's turn, yet whoever calls is settled first.
		let left = LiveWorkers::<World>::iter_key_prefix(id).next().unwrap();
		assert!(send(left, id).is_err());
		next_block();
		assert!(workers.iter().all(|worker| free(*worker) == FORTUNE + REWARD));
		assert_eq!(ended(id), Some(Outcome::Cancelled));
	});
}

#[test]
fn an_attempt_that_was_over_before_the_abort_is_not_paid() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		at(START + TIMEOUT + 1);
		cancel(id, true).unwrap();
		assert_eq!((attempt(BOB, id).state, free(BOB)), (AssignmentState::Lapsed, FORTUNE - BOND));
	});
}

#[test]
fn the_deadline_ends_a_task_that_nobody_took() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		sweep_at(DEADLINE);
		assert_eq!(task(id).status, TaskStatus::Open);
		sweep_at(DEADLINE + 1);
		assert_eq!((ended(id), free(CREATOR)), (Some(Outcome::Expired), FORTUNE));
	});
}

#[test]
fn a_poke_does_what_is_due_for_anyone() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		at(DEADLINE + 1);
		poke(Object::Task(id)).unwrap();
		assert_eq!(ended(id), Some(Outcome::Expired));
		assert_ok!(poke(Object::Task(77)));
	});
}

#[test]
fn all_slots_filled_and_decided_ends_the_task_before_its_deadline() {
	world(|| {
		let id = create(Terms { slots: 2, ..terms() }, spec()).unwrap();
		for worker in [BOB, CAROL] {
			take(worker, id).unwrap();
			send(worker, id).unwrap();
		}
		assert_eq!(ended(id), Some(Outcome::Done));
		assert_eq!(Agenda::<World>::iter_keys().count(), 0);
	});
}

#[test]
fn nobody_but_the_creator_cancels() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		assert_noop!(call(BOB, Call::cancel_task { task: id, abort: true }), Rule::NotCreator);
	});
}

#[test]
fn an_assignees_lapse_fails_the_task_however_late_the_sweep() {
	for sweep_of_the_lapse in [START + TIMEOUT + 1, DEADLINE + 1_000] {
		world(|| {
			let id = create(Terms { assignee: Some(BOB), ..terms() }, spec()).unwrap();
			take(BOB, id).unwrap();
			at(sweep_of_the_lapse);
			assert_noop!(cancel(id, true), Rule::TaskFinal);
			sweep();
			assert_eq!((ended(id), free(CREATOR)), (Some(Outcome::Failed), FORTUNE));
			assert_eq!((free(BOB), forfeited()), (FORTUNE - BOND, BOND));
		});
	}
}

#[test]
fn an_assignee_at_work_when_its_plan_was_aborted_is_paid_however_late_the_sweep() {
	world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		let id = create(Terms { assignee: Some(BOB), plan: Some(1), ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		at(START + 100);
		call(CREATOR, Call::cancel_plan { plan: 1, abort: true }).unwrap();
		sweep_at(DEADLINE + 1_000);
		// By the time until the abort, not until the sweep.
		assert_eq!((ended(id), free(BOB)), (Some(Outcome::Cancelled), FORTUNE + REWARD * 4 / 5));
	});
}

#[test]
fn a_task_is_done_when_every_slot_is_decided_though_the_deadline_came_before_the_verdict() {
	for sweep_between in [None, Some(DEADLINE + 1)] {
		world(|| {
			let id = create(Terms { slots: 2, ..judged() }, spec()).unwrap();
			at(DEADLINE - MIN_TIMEOUT);
			for worker in [BOB, CAROL] {
				take(worker, id).unwrap();
				send(worker, id).unwrap();
			}
			reject(JUDGE, id, 1).unwrap();
			sweep_between.into_iter().for_each(sweep_at);
			sweep_at(DEADLINE + WINDOW);
			assert_eq!((ended(id), free(CAROL)), (Some(Outcome::Done), FORTUNE + REWARD));
		});
	}
}

#[test]
fn a_slot_that_nobody_filled_by_the_deadline_leaves_the_task_expired() {
	world(|| {
		let id = create(Terms { slots: 2, ..judged() }, spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		sweep_at(DEADLINE + WINDOW);
		assert_eq!((ended(id), free(BOB)), (Some(Outcome::Expired), FORTUNE + REWARD));
	});
}
