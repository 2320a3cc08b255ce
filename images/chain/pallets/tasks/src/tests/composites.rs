//! Tests of composites: heads stay with their workers, and trunks move.

use super::*;
use frame_support::{assert_noop, assert_ok};
use pallet_registry::{PrivateModels, Scores};

type Rule = crate::Error<World>;

fn of(kind: TaskKind) -> TermsOf<World> {
	Terms { kind, ..terms() }
}

fn after(parents: &[TaskId]) -> SpecOf<World> {
	Spec { parents: parents.to_vec().try_into().unwrap(), ..spec() }
}

fn composite(parents: &[TaskId], takes: &[(TaskId, u8)]) -> Result<TaskId, DispatchError> {
	create_with(of(TaskKind::Training), after(parents), &head_and_trunk(), takes)
}

fn done_by(worker: Account, task: TaskId) -> SubmissionId {
	take(worker, task).unwrap();
	send(worker, task).unwrap();
	next_block();
	NextSubmission::<World>::get()
}

fn model_of(submission: SubmissionId, output: u8) -> Input<Account> {
	Input::Model(ModelId { submission, output })
}

#[test]
fn a_head_is_offered_to_its_worker_alone_once_there_is_one() {
	world(|| {
		let first = composite(&[], &[]).unwrap();
		let second = composite(&[first], &[(first, 0), (first, 1)]).unwrap();
		assert_eq!(task(second).terms.assignee, None);
		let submission = done_by(BOB, first);
		assert!(
			PrivateModels::<World>::contains_key(submission, 0) && !PrivateModels::<World>::contains_key(submission, 1)
		);
		assert_noop!(take(CAROL, second), Rule::NotOffered);
		assert!(Offers::<World>::contains_key(BOB, second));
		assert_ok!(take(BOB, second));
	});
}

#[test]
fn a_recorded_head_goes_to_its_worker_only_in_another_plan_too() {
	world(|| {
		let submission = done_by(BOB, composite(&[], &[]).unwrap());
		let both =
			Spec { inputs: vec![model_of(submission, 0), model_of(submission, 1)].try_into().unwrap(), ..spec() };
		let named = create_with(of(TaskKind::Training), both.clone(), &head_and_trunk(), &[]).unwrap();
		assert_eq!(task(named).terms.assignee, Some(BOB));
		let elsewhere = Terms { assignee: Some(CAROL), ..of(TaskKind::Training) };
		assert_noop!(create_with(elsewhere, both.clone(), &head_and_trunk(), &[]), Rule::PrivateInputsDiffer);
		let two = Terms { slots: 2, ..of(TaskKind::Function) };
		assert_noop!(create_with(two, both, &[model_role("a")], &[]), Rule::OneSlotOnly);
		let sample = asset_seen(CAROL, 1, AssetKind::DataSample(Label::Train), Visibility::Private);
		let mixed = Spec { inputs: vec![model_of(submission, 0), sample].try_into().unwrap(), ..spec() };
		assert_noop!(create_with(of(TaskKind::Function), mixed, &[model_role("a")], &[]), Rule::PrivateInputsDiffer);
	});
}

#[test]
fn a_task_that_takes_an_awaited_head_has_one_slot_and_ends_where_another_account_made_it() {
	world(|| {
		let first = composite(&[], &[]).unwrap();
		let two = Terms { slots: 2, ..of(TaskKind::Function) };
		let takes = [(first, 0)];
		assert_noop!(create_with(two, after(&[first]), &[model_role("a")], &takes), Rule::OneSlotOnly);
		let carols = Terms { assignee: Some(CAROL), ..of(TaskKind::Function) };
		let lost = create_with(carols, after(&[first]), &[model_role("a")], &takes).unwrap();
		let judged = Terms { kind: TaskKind::Function, review: Review { judge: BOB, window: WINDOW }, ..terms() };
		let unfit = create_with(judged, after(&[first]), &[model_role("a")], &takes).unwrap();
		let fine = create_with(of(TaskKind::Function), after(&[first]), &[model_role("a")], &takes).unwrap();
		done_by(BOB, first);
		next_block();
		assert_eq!((ended(lost), ended(unfit)), (Some(Outcome::Cancelled), Some(Outcome::Cancelled)));
		done_by(BOB, fine);
		assert_eq!((ended(fine), escrow_of(CREATOR)), (Some(Outcome::Done), 0));
	});
}

#[test]
fn a_composite_takes_a_head_of_a_composite_and_a_trunk_of_one_or_of_an_aggregation_or_neither() {
	world(|| {
		let (one, two) = (composite(&[], &[]).unwrap(), composite(&[], &[]).unwrap());
		let plain = create(of(TaskKind::Training), spec()).unwrap();
		let trunks = [(one, 1), (two, 1)];
		let merged = create_with(of(TaskKind::Aggregation), after(&[one, two]), &[], &trunks).unwrap();
		assert_ok!(composite(&[one, merged], &[(one, 0), (merged, 0)]));
		assert_ok!(composite(&[one, two], &[(one, 0), (two, 1)]));
		let refused = [
			(vec![one], vec![(one, 0)]),
			(vec![one], vec![(one, 1)]),
			(vec![one, two], vec![(one, 0), (two, 0)]),
			(vec![one, plain], vec![(one, 0), (plain, 0)]),
			(vec![one, two], vec![(one, 0), (one, 1), (two, 1)]),
		];
		for (parents, takes) in refused {
			assert_noop!(composite(&parents, &takes), Rule::CompositeInputs);
		}
		for kind in [TaskKind::Training, TaskKind::Aggregation] {
			assert_noop!(create_with(of(kind), after(&[one]), &[], &[(one, 0)]), Rule::CompositeInputs);
		}
		assert_noop!(create(of(TaskKind::Restructuring), after(&[one])), Rule::CompositeInputs);
	});
}

#[test]
fn a_scoring_takes_a_head_and_the_trunk_of_one_result() {
	world(|| {
		let objective = objective(CREATOR, &[11]);
		let named = |spec: SpecOf<World>| Spec { objectives: vec![objective].try_into().unwrap(), ..spec };
		let training = || create_with(of(TaskKind::Training), named(spec()), &head_and_trunk(), &[]).unwrap();
		let (one, two) = (training(), training());
		let own = |number| Input::Asset(AssetRef { owner: CREATOR, digest: digest(number) });
		let scoring = |parents: &[TaskId], takes: &[(TaskId, u8)]| {
			let inputs = vec![own(30), own(31), own(11)].try_into().unwrap();
			create_with(of(TaskKind::Scoring), named(Spec { inputs, ..after(parents) }), &[], takes)
		};
		assert_noop!(scoring(&[one, two], &[(one, 0), (two, 1)]), Rule::OneModelOnly);
		let id = scoring(&[one], &[(one, 0), (one, 1)]).unwrap();
		let model = done_by(BOB, one);
		let score = done_by(BOB, id);
		assert_eq!(Scores::<World>::get(objective, score).unwrap().model, ModelId::first(model));
	});
}
