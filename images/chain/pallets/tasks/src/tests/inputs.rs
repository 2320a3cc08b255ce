//! Tests of inputs: Test samples reach no clean model, scores are what they claim to be, private data stays.

use super::*;
use frame_support::{assert_noop, assert_ok};
use AssetKind::*;

type Rule = crate::Error<World>;

fn of(kind: TaskKind) -> TermsOf<World> {
	Terms { kind, ..terms() }
}

fn on(inputs: Vec<Input<Account>>, objectives: &[u64]) -> SpecOf<World> {
	Spec { inputs: inputs.try_into().unwrap(), objectives: objectives.to_vec().try_into().unwrap(), ..spec() }
}

/// Trains a model on these inputs, and tells its id.
fn trained(inputs: Vec<Input<Account>>, objectives: &[u64]) -> SubmissionId {
	let id = create(of(TaskKind::Training), on(inputs, objectives)).unwrap();
	take(BOB, id).unwrap();
	send(BOB, id).unwrap();
	NextSubmission::<World>::get()
}

fn clean_for(model: SubmissionId) -> Vec<u64> {
	super::model(model).clean_for.into_inner()
}

/// What a certified scoring of a model for the objective of `CREATOR` on samples 11 and 12 takes.
fn certified(model: SubmissionId) -> Vec<Input<Account>> {
	let named = |number| Input::Asset(AssetRef { owner: CREATOR, digest: digest(number) });
	vec![model_input(model), named(30), named(31), named(11), named(12)]
}

#[test]
fn a_sample_labelled_test_trains_nothing() {
	world(|| {
		let test = asset(CREATOR, 1, DataSample(Label::Test));
		for kind in [TaskKind::Training, TaskKind::Restructuring] {
			assert_noop!(create(of(kind), on(vec![test.clone()], &[])), Rule::TestSampleInTraining);
		}
	});
}

#[test]
fn the_bytes_of_a_test_sample_are_recognised_under_any_owner_and_kind() {
	world(|| {
		let id = objective(CREATOR, &[11]);
		for kind in [DataSample(Label::Train), Algo, Opener, Bundle] {
			let disguised = asset(BOB, 11, kind);
			let spec = on(vec![disguised], &[id]);
			assert_noop!(create(of(TaskKind::Training), spec.clone()), Rule::TestSampleInTraining);
			// Without naming the objective it may be used, and the model is clean for nothing.
			assert_ok!(create(of(TaskKind::Training), Spec { objectives: Default::default(), ..spec }));
		}
	});
}

#[test]
fn a_model_is_clean_for_what_it_and_all_its_parents_named() {
	world(|| {
		let (one, two) = (objective(CREATOR, &[11]), objective(CREATOR, &[12]));
		let train = asset(CREATOR, 1, DataSample(Label::Train));
		let both = trained(vec![train.clone()], &[one, two]);
		let first = trained(vec![train.clone()], &[one]);
		let none = trained(vec![train], &[]);
		assert_eq!(clean_for(both), [one, two]);
		let merged = trained(vec![model_input(both), model_input(first)], &[one, two]);
		assert_eq!(clean_for(merged), [one]);
		let parents = model(merged).parents.into_inner();
		assert_eq!(parents.len(), 2);
		assert_eq!(clean_for(trained(vec![model_input(merged), model_input(none)], &[one])), Vec::<u64>::new());
	});
}

#[test]
fn an_imported_model_makes_clean_for_nothing() {
	world(|| {
		let id = objective(CREATOR, &[11, 12]);
		let imported = asset(CREATOR, 5, Model);
		let model = trained(vec![imported.clone()], &[id]);
		assert_eq!(clean_for(model), Vec::<u64>::new());
		assert_noop!(create(of(TaskKind::Scoring), on(certified(model), &[id])), Rule::NotCertifiable);
	});
}

#[test]
fn a_certified_scoring_uses_exactly_the_objectives_assets() {
	world(|| {
		let id = objective(CREATOR, &[11, 12]);
		let model = trained(vec![], &[id]);
		assert_ok!(create(of(TaskKind::Scoring), on(certified(model), &[id])));
		for missing in 1..5 {
			let mut inputs = certified(model);
			inputs.remove(missing);
			assert_noop!(create(of(TaskKind::Scoring), on(inputs, &[id])), Rule::NotTheObjectives);
		}
		let mut more = certified(model);
		more.push(asset(CREATOR, 13, DataSample(Label::Test)));
		assert_noop!(create(of(TaskKind::Scoring), on(more, &[id])), Rule::NotTheObjectives);
	});
}

#[test]
fn the_same_bytes_of_another_owner_do_not_certify() {
	world(|| {
		let id = objective(CREATOR, &[11, 12]);
		let model = trained(vec![], &[id]);
		let mut inputs = certified(model);
		inputs[1] = asset(BOB, 30, Opener);
		assert_noop!(create(of(TaskKind::Scoring), on(inputs, &[id])), Rule::NotTheObjectives);
	});
}

#[test]
fn test_samples_score_for_their_objective_only() {
	world(|| {
		let id = objective(CREATOR, &[11, 12]);
		let model = trained(vec![], &[id]);
		assert_noop!(create(of(TaskKind::Scoring), on(certified(model), &[])), Rule::NotTheObjectives);
		let train = asset(CREATOR, 1, DataSample(Label::Train));
		assert_ok!(create(of(TaskKind::Scoring), on(vec![model_input(model), train], &[])));
	});
}

#[test]
fn a_cross_validation_is_on_train_samples_with_one_opener_and_one_metric_at_most() {
	world(|| {
		let model = model_input(trained(vec![], &[]));
		let train = asset(CREATOR, 1, DataSample(Label::Train));
		let whole = vec![model.clone(), train, asset(CREATOR, 30, Opener), asset(CREATOR, 31, Metric)];
		assert_ok!(create(of(TaskKind::Scoring), on(whole.clone(), &[])));
		for more in [asset(CREATOR, 32, Opener), asset(CREATOR, 33, Metric)] {
			let crowded = on([whole.clone(), vec![more]].concat(), &[]);
			assert_noop!(create(of(TaskKind::Scoring), crowded), Rule::NoCrossValidation);
		}
		assert_noop!(create(of(TaskKind::Scoring), on(vec![model], &[])), Rule::NoCrossValidation);
	});
}

#[test]
fn a_scoring_scores_one_model() {
	world(|| {
		let one = trained(vec![], &[]);
		let two = trained(vec![], &[]);
		assert_noop!(create(of(TaskKind::Scoring), on(vec![], &[])), Rule::OneModelOnly);
		let both = vec![model_input(one), model_input(two)];
		assert_noop!(create(of(TaskKind::Scoring), on(both, &[])), Rule::OneModelOnly);
	});
}

#[test]
fn a_scoring_may_wait_for_the_model_it_scores() {
	world(|| {
		let id = objective(CREATOR, &[11, 12]);
		let training = create(of(TaskKind::Training), on(vec![], &[id])).unwrap();
		let mut inputs = certified(0);
		inputs.remove(0);
		let spec = Spec { parents: vec![training].try_into().unwrap(), ..on(inputs, &[id]) };
		let scoring = create(of(TaskKind::Scoring), spec).unwrap();
		take(BOB, training).unwrap();
		send(BOB, training).unwrap();
		take(BOB, scoring).unwrap();
		send(BOB, scoring).unwrap();
		assert_eq!(submission(scoring, 2).score.unwrap().voucher, Voucher::Own);
	});
}

#[test]
fn a_scoring_is_nobodys_parent_so_predictions_train_nothing() {
	world(|| {
		let inputs = vec![model_input(trained(vec![], &[])), asset(CREATOR, 1, DataSample(Label::Train))];
		let scoring = create(of(TaskKind::Scoring), on(inputs, &[])).unwrap();
		assert_noop!(create(of(TaskKind::Training), child_of(scoring)), Rule::ParentMakesNoModel);
	});
}

#[test]
fn private_data_stays_with_its_owner() {
	world(|| {
		let sample = |owner, number| asset_seen(owner, number, DataSample(Label::Train), Visibility::Private);
		let id = create(of(TaskKind::Training), on(vec![sample(BOB, 1), sample(BOB, 2)], &[])).unwrap();
		assert!(Offers::<World>::contains_key(BOB, id));
		assert_noop!(take(CAROL, id), Rule::NotOffered);
		let mixed = on(vec![sample(BOB, 1), sample(CAROL, 2)], &[]);
		assert_noop!(create(of(TaskKind::Training), mixed), Rule::PrivateInputsDiffer);
		let elsewhere = Terms { assignee: Some(CAROL), ..of(TaskKind::Training) };
		assert_noop!(create(elsewhere, on(vec![sample(BOB, 1)], &[])), Rule::PrivateInputsDiffer);
	});
}

#[test]
fn inputs_that_do_not_exist_or_do_not_fit_are_refused() {
	world(|| {
		let unknown = Input::Asset(AssetRef { owner: BOB, digest: digest(77) });
		let (metric, algo) = (asset(BOB, 1, Metric), asset(BOB, 2, Algo));
		let train = || of(TaskKind::Training);
		assert_noop!(create(train(), on(vec![unknown], &[])), Rule::NoSuchAsset);
		assert_noop!(create(train(), on(vec![model_input(9)], &[])), Rule::NoSuchModel);
		assert_noop!(create(train(), on(vec![], &[9])), Rule::NoSuchObjective);
		assert_noop!(create(train(), on(vec![metric], &[])), Rule::WrongAssetKind);
		assert_noop!(create(train(), on(vec![algo.clone(), algo], &[])), Rule::NamedTwice);
		assert_noop!(create(of(TaskKind::Annotation), on(vec![], &[9])), Rule::ObjectivesMisplaced);
	});
}

#[test]
fn more_than_sixteen_models_do_not_go_into_one() {
	world(|| {
		let models: Vec<_> = (0..17).map(|_| model_input(trained(vec![], &[]))).collect();
		let all = on(models.clone(), &[]);
		assert_noop!(create(of(TaskKind::Aggregation), all), Rule::TooManyModels);
		assert_ok!(create(of(TaskKind::Aggregation), on(models[1..].to_vec(), &[])));
	});
}

#[test]
fn a_task_that_waits_for_a_model_inherits_what_that_will_not_be_clean_for() {
	world(|| {
		let id = objective(CREATOR, &[11, 12]);
		let unclean = create(of(TaskKind::Training), on(vec![asset(BOB, 11, DataSample(Label::Train))], &[])).unwrap();
		let parents: crate::Parents = vec![unclean].try_into().unwrap();
		let child = create(of(TaskKind::Training), Spec { parents: parents.clone(), ..on(vec![], &[id]) }).unwrap();
		assert!(task(child).clean_for.is_empty());
		let mut inputs = certified(0);
		inputs.remove(0);
		let scoring = Spec { parents, ..on(inputs, &[id]) };
		assert_noop!(create(of(TaskKind::Scoring), scoring), Rule::NotCertifiable);
	});
}

#[test]
fn bytes_of_a_test_sample_make_no_clean_model_and_no_clean_heir() {
	world(|| {
		let (one, two) = (objective(CREATOR, &[11]), objective(CREATOR, &[12]));
		let smuggling = create(of(TaskKind::Training), on(vec![], &[one, two])).unwrap();
		let child = || {
			create(
				of(TaskKind::Training),
				Spec { objectives: vec![one, two].try_into().unwrap(), ..child_of(smuggling) },
			)
		};
		let early = child().unwrap();
		let grandchild = Spec { parents: vec![early].try_into().unwrap(), ..on(vec![], &[one, two]) };
		let grandchild = create(of(TaskKind::Training), grandchild).unwrap();
		deliver_model(BOB, smuggling, 11);
		assert_eq!(clean_for(1), [two]);
		next_block();
		let late = child().unwrap();
		for heir in [early, late, grandchild] {
			let model = deliver_model(BOB, heir, 100);
			assert_eq!(clean_for(model), [two]);
			next_block();
		}
		let named = on(vec![model_input(1)], &[one]);
		assert_noop!(create(of(TaskKind::Training), named), Rule::TestSampleInTraining);
	});
}

#[test]
fn a_certified_scoring_is_cancelled_when_the_model_it_waited_for_is_not_clean() {
	world(|| {
		let id = objective(CREATOR, &[11, 12]);
		let training = create(of(TaskKind::Training), on(vec![], &[id])).unwrap();
		let mut inputs = certified(0);
		inputs.remove(0);
		let scoring = Spec { parents: vec![training].try_into().unwrap(), ..on(inputs, &[id]) };
		let waiting = create(of(TaskKind::Scoring), scoring.clone()).unwrap();
		deliver_model(BOB, training, 12);
		assert_noop!(take(CAROL, waiting), Rule::NotOpen);
		next_block();
		assert_eq!((ended(waiting), escrow_of(CREATOR)), (Some(Outcome::Cancelled), 0));
		assert_noop!(create(of(TaskKind::Scoring), scoring), Rule::NotCertifiable);
	});
}

#[test]
fn a_model_and_the_task_that_made_it_are_one_input() {
	world(|| {
		let training = create(of(TaskKind::Training), spec()).unwrap();
		let model = deliver_model(BOB, training, 100);
		let twice = Spec { inputs: vec![model_input(model)].try_into().unwrap(), ..child_of(training) };
		assert_noop!(create(of(TaskKind::Training), twice), Rule::NamedTwice);
	});
}
