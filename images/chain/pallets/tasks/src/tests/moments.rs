//! Tests of moments: an effect of time has the moment of its cause, however late and in whatever order it is settled.

use super::*;

const LATE: Moment = DEADLINE + 1_000;

fn ended_at(id: TaskId) -> (Outcome, Moment) {
	match task(id).status {
		TaskStatus::Final { outcome, at } => (outcome, at),
		other => panic!("{other:?}"),
	}
}

/// Two at work, the second later than the first, whose attempts lapse.
fn two_attempts() -> TaskId {
	let id = create(Terms { slots: 2, ..terms() }, spec()).unwrap();
	take(BOB, id).unwrap();
	at(START + 100);
	take(CAROL, id).unwrap();
	id
}

#[test]
fn a_task_that_nobody_took_ends_at_its_deadline() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		sweep_at(LATE);
		assert_eq!(ended_at(id), (Outcome::Expired, DEADLINE));
	});
}

#[test]
fn a_closing_task_ends_with_its_last_attempt_whichever_is_seen_last() {
	for order in [[BOB, CAROL], [CAROL, BOB]] {
		world(|| {
			let id = two_attempts();
			cancel(id, false).unwrap();
			at(LATE);
			order.into_iter().for_each(|worker| poke(Object::Assignment(worker, id)).unwrap());
			assert_eq!(ended_at(id), (Outcome::Cancelled, START + 100 + TIMEOUT));
		});
	}
}

#[test]
fn a_task_stalls_with_its_last_attempt_whichever_is_seen_last() {
	for order in [[BOB, CAROL], [CAROL, BOB]] {
		world(|| {
			let id = two_attempts();
			at(START + 2_000);
			order.into_iter().for_each(|worker| poke(Object::Assignment(worker, id)).unwrap());
			assert_eq!(task(id).stalled_since, Some(START + 100 + TIMEOUT));
		});
	}
}

#[test]
fn a_pause_that_ends_stalls_a_task_at_its_end() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, FailureCategory::TaskError).unwrap();
		sweep_at(START + PAUSE + 700);
		assert_eq!(task(id).stalled_since, Some(START + PAUSE));
	});
}

#[test]
fn silence_accepts_at_the_reviews_end_and_what_it_fills_is_done_then() {
	for (first, second) in [(Object::Task(1), Object::Submission(1, 1)), (Object::Submission(1, 1), Object::Task(1))] {
		world(|| {
			let id = create(judged(), spec()).unwrap();
			take(BOB, id).unwrap();
			send(BOB, id).unwrap();
			at(LATE);
			poke(first.clone()).unwrap();
			poke(second.clone()).unwrap();
			assert_eq!(submission(id, 1).status, SubmissionStatus::Accepted { at: START + WINDOW });
			assert_eq!(ended_at(id), (Outcome::Done, START + WINDOW));
		});
	}
}

#[test]
fn a_pause_that_would_have_ended_after_the_last_result_leaves_no_trace() {
	let end = |late: bool| {
		let mut last = None;
		world(|| {
			let id =
				create(Terms { slots: 1, review: Review { judge: JUDGE, window: WINDOW }, ..terms() }, spec()).unwrap();
			take(BOB, id).unwrap();
			send(BOB, id).unwrap();
			let paused = Task { status: TaskStatus::Paused { until: START + PAUSE }, broken: Some(START), ..task(id) };
			Tasks::<World>::insert(id, Task { counters: Counters { failures: 1, ..paused.counters }, ..paused });
			at(if late { LATE } else { START + WINDOW + 1 });
			poke(Object::Submission(id, 1)).unwrap();
			last = Some(task(id));
		});
		last
	};
	assert_eq!(end(true), end(false));
}

#[test]
fn a_child_is_cancelled_with_its_parent_up_to_its_own_deadline_and_expires_else() {
	let after = DEADLINE + 1;
	for (parents, expected) in [
		(DEADLINE - 10, (Outcome::Cancelled, DEADLINE - 10)),
		(DEADLINE, (Outcome::Cancelled, DEADLINE)),
		(after, (Outcome::Expired, DEADLINE)),
	] {
		for sweeps in [vec![LATE], (DEADLINE - 10..DEADLINE + 5).collect()] {
			world(|| {
				let parent = create(Terms { deadline: parents, ..terms() }, spec()).unwrap();
				let child = create(terms(), child_of(parent)).unwrap();
				let grandchild = create(Terms { deadline: LATE, ..terms() }, child_of(child)).unwrap();
				sweeps.iter().copied().for_each(sweep_at);
				assert_eq!(ended_at(child), expected);
				assert_eq!(ended_at(grandchild), (Outcome::Cancelled, expected.1));
			});
		}
	}
}

#[test]
fn a_waiting_task_that_is_over_is_left_to_the_agenda_and_takes_no_call() {
	world(|| {
		let parent = create(Terms { deadline: DEADLINE - 10, ..terms() }, spec()).unwrap();
		let child = create(terms(), child_of(parent)).unwrap();
		at(LATE);
		poke(Object::Task(child)).unwrap();
		assert_eq!(task(child).status, TaskStatus::Waiting);
		assert_eq!(cancel(child, false).map_err(rule), Err("TaskFinal".into()));
		sweep();
		assert_eq!(ended_at(child), (Outcome::Cancelled, DEADLINE - 10));
	});
}

#[test]
fn a_waiting_task_ends_with_whatever_came_first_of_its_plan_and_its_parent() {
	for (cancelled, expected) in [(DEADLINE - 20, DEADLINE - 20), (DEADLINE - 5, DEADLINE - 10)] {
		world(|| {
			call(CREATOR, Call::create_plan {}).unwrap();
			let parent = create(Terms { deadline: DEADLINE - 10, ..terms() }, spec()).unwrap();
			let child = create(Terms { plan: Some(1), ..terms() }, child_of(parent)).unwrap();
			at(cancelled);
			call(CREATOR, Call::cancel_plan { plan: 1, abort: false }).unwrap();
			poke(Object::Plan(1)).unwrap();
			poke(Object::Task(child)).unwrap();
			sweep_at(LATE);
			assert_eq!(ended_at(child), (Outcome::Cancelled, expected));
			assert_eq!(Plans::<World>::get(1).unwrap().touched, expected);
		});
	}
}

#[test]
fn a_plan_is_touched_when_its_task_ended_not_when_that_was_seen() {
	world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		create(Terms { plan: Some(1), ..terms() }, spec()).unwrap();
		sweep_at(LATE);
		assert_eq!(Plans::<World>::get(1).unwrap().touched, DEADLINE);
	});
}

#[test]
fn nothing_is_kept_of_the_causes_of_a_final_task() {
	world(|| {
		let id = two_attempts();
		sweep_at(START + 2_000);
		assert!(Causes::<World>::contains_key(id));
		sweep_at(LATE);
		assert_eq!((Causes::<World>::iter_keys().count(), ended_at(id).1), (0, DEADLINE));
	});
}
