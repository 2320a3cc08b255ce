//! Tests of late settling: what time has ended, and nobody has settled yet, ends as a prompt sweep would have ended it.

use super::*;
use frame_support::{assert_noop, assert_ok};
use pallet_registry::{FirstModel, Made, ModelOf, Origin};

type Rule = crate::Error<World>;

/// A deadline of parents, before their children's.
const PARENTS: Moment = DEADLINE - 100;

/// Bob reports a trouble of its own, and takes one of the two slots again.
fn second_try() -> TaskId {
	let id = create(Terms { slots: 2, ..terms() }, spec()).unwrap();
	take(BOB, id).unwrap();
	report(BOB, id, FailureCategory::NodeError).unwrap();
	take(BOB, id).unwrap();
	id
}

#[test]
fn reports_are_not_confirmed_once_a_lapse_of_their_account_has_ended_the_task() {
	world(|| {
		let id = second_try();
		take(CAROL, id).unwrap();
		send(CAROL, id).unwrap();
		cancel(id, false).unwrap();
		at(START + TIMEOUT + 1);
		assert_noop!(confirm(CREATOR, BOB, id), Rule::NoReport);
		sweep();
		sweep_at(START + TIMEOUT + 2);
		assert_noop!(confirm(CREATOR, BOB, id), Rule::NoReport);
		assert_eq!((ended(id), bond_of(BOB), forfeited()), (Some(Outcome::Cancelled), 0, BOND + REPORT_FEE));
	});
}

#[test]
fn reports_are_confirmed_where_a_lapse_of_their_account_has_ended_nothing() {
	world(|| {
		let id = second_try();
		at(START + TIMEOUT + 1);
		assert_ok!(confirm(CREATOR, BOB, id));
		assert_eq!((attempt(BOB, id).state, bond_of(BOB), forfeited()), (AssignmentState::Lapsed, 0, BOND));
	});
}

/// Either way to end a task that waits for its parents.
const ENDS: [fn(TaskId) -> DispatchResult; 2] = [|task| cancel(task, false), |task| decline(BOB, task)];

/// Bob's, once its parent has a result.
fn offered() -> TermsOf<World> {
	Terms { assignee: Some(BOB), ..terms() }
}

#[test]
fn a_waiting_task_that_nobody_wants_ends_with_a_parent_that_was_lost_before() {
	for end in ENDS {
		world(|| {
			let parent = create(Terms { deadline: PARENTS, ..terms() }, spec()).unwrap();
			let child = create(offered(), child_of(parent)).unwrap();
			let grandchild = create(terms(), child_of(child)).unwrap();
			at(PARENTS + 50);
			end(child).unwrap();
			assert_noop!(cancel(child, false), Rule::TaskFinal);
			assert_noop!(decline(BOB, child), Rule::TaskFinal);
			sweep();
			let lost = TaskStatus::Final { outcome: Outcome::Cancelled, at: PARENTS };
			assert_eq!((task(child).status, task(grandchild).status), (lost, lost));
			assert_eq!((escrow_of(CREATOR), Causes::<World>::iter_keys().count()), (0, 0));
			assert_eq!(Agenda::<World>::iter_keys().count(), 0);
		});
	}
}

#[test]
fn a_waiting_task_that_nobody_wants_ends_then_where_its_parent_had_a_result_before() {
	for end in ENDS {
		world(|| {
			let parent = create(judged(), spec()).unwrap();
			let child = create(offered(), child_of(parent)).unwrap();
			take(CAROL, parent).unwrap();
			send(CAROL, parent).unwrap();
			at(START + WINDOW + 1);
			end(child).unwrap();
			assert_eq!(task(child).status, TaskStatus::Waiting);
			sweep();
			let ended = TaskStatus::Final { outcome: Outcome::Cancelled, at: START + WINDOW + 1 };
			assert_eq!((task(child).status, escrow_of(CREATOR)), (ended, 0));
		});
	}
}

#[test]
fn a_waiting_task_that_nobody_wants_ends_at_once_where_nothing_before_is_unsettled() {
	for end in ENDS {
		world(|| {
			let parent = create(terms(), spec()).unwrap();
			let child = create(offered(), child_of(parent)).unwrap();
			at(START + 5);
			end(child).unwrap();
			assert_eq!(task(child).status, TaskStatus::Final { outcome: Outcome::Cancelled, at: START + 5 });
		});
	}
}

#[test]
fn no_task_ends_before_it_was_created_though_its_parent_was_lost_before() {
	world(|| {
		let parent = create(Terms { deadline: PARENTS, ..terms() }, spec()).unwrap();
		at(PARENTS + 20);
		let child = create(terms(), child_of(parent)).unwrap();
		at(PARENTS + 50);
		sweep();
		let lost = TaskStatus::Final { outcome: Outcome::Cancelled, at: PARENTS + 20 };
		assert_eq!(task(child).status, lost);
	});
}

/// The end of the review that silence ends, and the moment after it: what happens then comes too late.
const MOMENTS: [(Moment, bool); 2] = [(START + WINDOW, true), (START + WINDOW + 1, false)];

fn training() -> TermsOf<World> {
	Terms { kind: TaskKind::Training, ..judged() }
}

/// A result of Bob's under review, of Carol's bytes 50 and clean for these objectives as far as is known.
fn of_carols_bytes(objectives: &[u64]) -> SubmissionId {
	let inputs = vec![asset(CAROL, 50, AssetKind::Algo)].try_into().unwrap();
	let objectives = objectives.to_vec().try_into().unwrap();
	let id = create(training(), Spec { inputs, objectives, ..spec() }).unwrap();
	take(BOB, id).unwrap();
	send(BOB, id).unwrap();
	NextSubmission::<World>::get()
}

/// A result of these bytes is accepted at once; its creator had them before.
fn made(worker: Account, number: u8, objectives: &[u64]) -> SubmissionId {
	asset(ERIN, number, AssetKind::Bundle);
	let objectives = objectives.to_vec().try_into().unwrap();
	let id = create_as(ERIN, Terms { kind: TaskKind::Training, ..terms() }, Spec { objectives, ..spec() }).unwrap();
	deliver_model(worker, id, number)
}

fn imported(owner: Account, number: u8) {
	let origin = RuntimeOrigin::signed(owner);
	Registry::register_asset(origin, digest(number), AssetKind::Model, Visibility::Shared, Default::default()).unwrap();
}

#[test]
fn a_model_accepted_by_silence_has_no_equals_that_became_models_later() {
	let by_result = || assert!(made(DAVE, 50, &[]) > 0);
	for become_model in [|| imported(ERIN, 50), by_result] {
		for (moment, in_time) in MOMENTS {
			world(|| {
				let silent = of_carols_bytes(&[]);
				at(moment);
				become_model();
				assert!(ModelOf::<World>::contains_key(digest(50)));
				sweep_at(START + WINDOW + 2);
				assert_eq!(model(silent).same_bytes.len(), usize::from(in_time), "at {moment}");
			});
		}
	}
}

#[test]
fn a_model_accepted_by_silence_has_no_input_that_its_owner_made_later() {
	for (moment, in_time) in MOMENTS {
		world(|| {
			let objective = objective(DAVE, &[11, 12]);
			let silent = of_carols_bytes(&[objective]);
			at(moment);
			let unclean = made(CAROL, 50, &[]);
			sweep_at(START + WINDOW + 2);
			let (clean_for, parents) = (model(silent).clean_for, model(silent).parents);
			let expected = if in_time { (vec![], vec![ModelId::first(unclean)]) } else { (vec![objective], vec![]) };
			assert_eq!((clean_for.into_inner(), parents.into_inner()), expected, "made at {moment}");
			assert_eq!(model(silent).worked.may_contain(&CAROL), in_time);
		});
	}
}

#[test]
fn a_model_accepted_by_silence_is_clean_for_nothing_that_a_later_making_adds() {
	for (moment, in_time) in MOMENTS {
		world(|| {
			let objective = objective(DAVE, &[11, 12]);
			let silent = of_carols_bytes(&[objective]);
			at(START + 1);
			made(CAROL, 50, &[]);
			at(moment);
			made(CAROL, 50, &[objective]);
			sweep_at(START + WINDOW + 2);
			assert_eq!(model(silent).clean_for.contains(&objective), in_time, "made again at {moment}");
		});
	}
}

#[test]
fn a_model_accepted_by_silence_is_no_copy_of_one_that_was_accepted_later() {
	for (moment, in_time) in MOMENTS {
		world(|| {
			let review = Review { judge: JUDGE, window: 2 * WINDOW };
			let first = create(Terms { review, ..training() }, spec()).unwrap();
			take(CAROL, first).unwrap();
			send(CAROL, first).unwrap();
			let original = NextSubmission::<World>::get();
			let silent = of_carols_bytes(&[]);
			at(moment);
			accept(JUDGE, first, original).unwrap();
			sweep_at(START + WINDOW + 2);
			assert_eq!(model(silent).same_bytes.len(), usize::from(in_time), "accepted at {moment}");
			assert!(model(original).same_bytes.is_empty());
			let known = FirstModel { origin: Origin::Recorded(ModelId::first(original)), since: START + WINDOW };
			assert_eq!(ModelOf::<World>::get(digest(100)), Some(known));
		});
	}
}

#[test]
fn everyone_who_made_the_same_bytes_is_known_though_silence_was_settled_last() {
	world(|| {
		let silent = of_carols_bytes(&[]);
		at(START + WINDOW + 1);
		let input = made(ERIN, 60, &[]);
		let spec = Spec { inputs: vec![model_input(input)].try_into().unwrap(), ..spec() };
		let id = create_as(DAVE, Terms { kind: TaskKind::Training, ..terms() }, spec).unwrap();
		deliver_model(BOB, id, 100);
		sweep_at(START + WINDOW + 2);
		let made = Made::<World>::get(BOB, digest(100)).unwrap();
		assert_eq!((made.since, made.model), (START + WINDOW, Some(ModelId::first(silent))));
		assert!([BOB, CREATOR, DAVE, ERIN].iter().all(|who| model(silent).worked.may_contain(who)));
	});
}
