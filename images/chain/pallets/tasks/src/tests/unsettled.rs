//! Calls on what time has ended already, though nobody has settled it: they find and leave what the sweep would have.

use super::*;
use frame_support::{assert_noop, assert_ok};
use pallet_registry::ModelOf;

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

#[test]
fn a_model_accepted_by_silence_has_no_equals_that_were_imported_later() {
	for (imported, equals) in [(START + WINDOW, 1), (START + WINDOW + 1, 0)] {
		world(|| {
			let algo = asset(CAROL, 50, AssetKind::Algo);
			let reviewed = Terms { kind: TaskKind::Training, ..judged() };
			let id = create(reviewed, Spec { inputs: vec![algo].try_into().unwrap(), ..spec() }).unwrap();
			take(BOB, id).unwrap();
			send(BOB, id).unwrap();
			at(imported);
			let origin = RuntimeOrigin::signed(ERIN);
			Registry::register_asset(origin, digest(50), AssetKind::Model, Visibility::Shared, Default::default())
				.unwrap();
			assert!(ModelOf::<World>::contains_key(digest(50)));
			sweep_at(START + WINDOW + 2);
			assert_eq!(model(NextSubmission::<World>::get()).same_bytes.len(), equals, "imported at {imported}");
		});
	}
}
