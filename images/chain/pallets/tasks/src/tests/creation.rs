//! Tests of creation: terms that are refused, and children that wait for their parents.

use super::*;
use frame_support::{assert_noop, assert_ok};

type Rule = crate::Error<World>;

#[test]
fn terms_that_cannot_be_kept_are_refused() {
	let refused: Vec<(TermsOf<World>, Rule)> = vec![
		(Terms { slots: 0, ..terms() }, Rule::NoSlots),
		(Terms { max_failures: 0, ..terms() }, Rule::NoSlots),
		(Terms { reward: 99, ..terms() }, Rule::TooLittleReward),
		(Terms { bond: 49, max_rejects: 0, ..terms() }, Rule::TooLittleBond),
		(Terms { bond: REJECT_FEE - 1, ..terms() }, Rule::TooLittleBond),
		(Terms { deadline: START + MIN_TIMEOUT - 1, ..terms() }, Rule::DeadlineTooNear),
		(Terms { timeout: MIN_TIMEOUT - 1, ..terms() }, Rule::TimeoutTooShort),
		(Terms { review: Review { judge: JUDGE, window: 5_001 }, ..terms() }, Rule::WindowTooLong),
		(Terms { slots: 2, assignee: Some(BOB), ..terms() }, Rule::OneSlotOnly),
		(Terms { plan: Some(1), ..terms() }, Rule::NoSuchPlan),
		(Terms { reward: FORTUNE, bond: FORTUNE, ..terms() }, Rule::TooLittleBalance),
	];
	for (terms, rule) in refused {
		world(|| {
			assert_noop!(create(terms, spec()), rule);
		});
	}
}

#[test]
fn a_child_waits_for_its_parents_results() {
	world(|| {
		let one = create(terms(), spec()).unwrap();
		let two = create(terms(), spec()).unwrap();
		let both = Spec { parents: vec![one, two].try_into().unwrap(), ..spec() };
		let child = create(terms(), both).unwrap();
		assert_eq!(task(child).status, TaskStatus::Waiting);
		for parent in [one, two] {
			assert_eq!(take(CAROL, child).map_err(rule), Err("NotOpen".into()));
			take(BOB, parent).unwrap();
			send(BOB, parent).unwrap();
			next_block();
		}
		assert!(OpenTasks::<World>::contains_key(TaskKind::Annotation, child));
		take(CAROL, child).unwrap();
	});
}

#[test]
fn a_child_opens_for_whoever_takes_it_before_the_sweep() {
	world(|| {
		let parent = create(terms(), spec()).unwrap();
		let child = create(terms(), child_of(parent)).unwrap();
		take(BOB, parent).unwrap();
		send(BOB, parent).unwrap();
		take(CAROL, child).unwrap();
	});
}

#[test]
fn a_parent_without_a_result_cancels_all_that_depend_on_it() {
	world(|| {
		let parent = create(terms(), spec()).unwrap();
		let children: Vec<_> = (0..9).map(|_| create(terms(), child_of(parent)).unwrap()).collect();
		let grandchild = create(terms(), child_of(children[0])).unwrap();
		cancel(parent, false).unwrap();
		next_block();
		assert!(children.iter().chain([&grandchild]).all(|id| ended(*id) == Some(Outcome::Cancelled)));
		assert_eq!(free(CREATOR), FORTUNE);
	});
}

#[test]
fn a_child_of_a_finished_parent_is_open_at_once() {
	world(|| {
		let parent = create(terms(), spec()).unwrap();
		take(BOB, parent).unwrap();
		send(BOB, parent).unwrap();
		let child = create(terms(), child_of(parent)).unwrap();
		assert_eq!(task(child).status, TaskStatus::Open);
	});
}

#[test]
fn parents_that_cannot_be_waited_for_are_refused() {
	world(|| {
		let foreign = create_as(BOB, terms(), spec()).unwrap();
		let wide = create(Terms { slots: 2, ..terms() }, spec()).unwrap();
		let lost = create(terms(), spec()).unwrap();
		cancel(lost, false).unwrap();
		let modelless = create(terms(), spec()).unwrap();
		let twice = Spec { parents: vec![modelless, modelless].try_into().unwrap(), ..spec() };
		let training = Terms { kind: TaskKind::Training, ..terms() };
		assert_noop!(create(terms(), child_of(99)), Rule::NoSuchTask);
		assert_noop!(create(terms(), child_of(foreign)), Rule::NotYourParent);
		assert_noop!(create(terms(), child_of(wide)), Rule::OneSlotOnly);
		assert_noop!(create(terms(), child_of(lost)), Rule::ParentFailed);
		assert_noop!(create(training, child_of(modelless)), Rule::ParentMakesNoModel);
		assert_noop!(create(terms(), twice), Rule::NamedTwice);
	});
}

#[test]
fn a_tasks_record_stays_below_a_kilobyte() {
	use frame_support::pallet_prelude::MaxEncodedLen;
	assert!(Task::<sp_runtime::AccountId32>::max_encoded_len() < 1_024);
}

#[test]
fn a_task_is_not_offered_to_who_may_never_take_it() {
	world(|| {
		let offered_to_judge = Terms { assignee: Some(JUDGE), ..judged() };
		assert_noop!(create(offered_to_judge.clone(), spec()), Rule::JudgeCannotWork);
		assert_ok!(create_as(JUDGE, offered_to_judge, spec()));
		let private = asset_seen(JUDGE, 1, AssetKind::DataSample(Label::Train), Visibility::Private);
		let owned = Spec { inputs: vec![private].try_into().unwrap(), ..spec() };
		assert_noop!(create(judged(), owned), Rule::JudgeCannotWork);
	});
}
