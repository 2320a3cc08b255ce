//! Tests of functions: what they declare, what their models are clean for, and which of their performances count.

use super::*;
use codec::{Encode, MaxEncodedLen};
use frame_support::{assert_noop, assert_ok};
use pallet_registry::{Models, Predictions, Scores};
use AssetKind::*;

type Rule = crate::Error<World>;

fn of(kind: TaskKind) -> TermsOf<World> {
	Terms { kind, ..terms() }
}

fn on(inputs: Vec<Input<Account>>, objectives: &[u64]) -> SpecOf<World> {
	Spec { inputs: inputs.try_into().unwrap(), objectives: objectives.to_vec().try_into().unwrap(), ..spec() }
}

fn function(spec: SpecOf<World>, outputs: &[OutputRole]) -> Result<TaskId, DispatchError> {
	let takes: Vec<_> = spec.parents.iter().map(|parent| (*parent, 0)).collect();
	create_with(of(TaskKind::Function), spec, outputs, &takes)
}

/// The result of a worker's attempt.
fn done_by(worker: Account, task: TaskId) -> SubmissionId {
	take(worker, task).unwrap();
	send(worker, task).unwrap();
	NextSubmission::<World>::get()
}

fn clean_for(submission: SubmissionId, output: u8) -> Vec<u64> {
	Models::<World>::get(submission, output).expect("it was recorded").clean_for.into_inner()
}

fn own(number: u8) -> Input<Account> {
	Input::Asset(AssetRef { owner: CREATOR, digest: digest(number) })
}

/// The opener and the samples 11 and 12 of the creator's objective.
fn measured(more: Vec<Input<Account>>) -> Vec<Input<Account>> {
	[vec![own(30), own(11), own(12)], more].concat()
}

/// A model of `BOB`'s that is clean for the creator's objective, and that objective.
fn clean_model() -> (SubmissionId, u64) {
	let objective = objective(CREATOR, &[11, 12]);
	let training = create(of(TaskKind::Training), on(vec![], &[objective])).unwrap();
	(done_by(BOB, training), objective)
}

fn predictions() -> [OutputRole; 1] {
	[model_role("predictions")]
}

fn performance() -> [OutputRole; 1] {
	[performance_role("performance")]
}

#[test]
fn declarations_that_do_not_fit_the_kind_are_refused() {
	world(|| {
		let (model, number) = (model_role("a"), performance_role("b"));
		let private = |role: &OutputRole| OutputRole { private: true, ..role.clone() };
		assert_noop!(create(of(TaskKind::Function), spec()), Rule::RolesMisplaced);
		let refused = [
			(TaskKind::Function, vec![]),
			(TaskKind::Function, vec![private(&number)]),
			(TaskKind::Training, vec![number]),
			(TaskKind::Aggregation, vec![private(&model)]),
			(TaskKind::Scoring, vec![model.clone()]),
			(TaskKind::Annotation, vec![]),
			(TaskKind::Restructuring, vec![]),
		];
		for (kind, outputs) in refused {
			assert_noop!(create_with(of(kind), spec(), &outputs, &[]), Rule::RolesMisplaced);
		}
		assert_noop!(function(spec(), &[model.clone(), performance_role("a")]), Rule::OutputNamedTwice);
		assert_ok!(function(spec(), &[model]));
	});
}

#[test]
fn a_task_takes_models_of_each_of_its_parents_and_of_no_other_task() {
	world(|| {
		let parent = function(spec(), &[performance_role("number"), model_role("model")]).unwrap();
		let other = create(of(TaskKind::Training), spec()).unwrap();
		let create =
			|takes: &[(TaskId, u8)]| create_with(of(TaskKind::Function), child_of(parent), &predictions(), takes);
		assert_noop!(create(&[]), Rule::TakesDiffer);
		assert_noop!(create(&[(parent, 1), (other, 0)]), Rule::TakesDiffer);
		assert_noop!(create(&[(parent, 0)]), Rule::ParentMakesNoModel);
		assert_noop!(create(&[(parent, 2)]), Rule::ParentMakesNoModel);
		assert_noop!(create(&[(parent, 1), (parent, 1)]), Rule::NamedTwice);
		assert_ok!(create(&[(parent, 1)]));
		// A task that declares nothing takes the first output.
		assert_noop!(super::create(of(TaskKind::Training), child_of(parent)), Rule::ParentMakesNoModel);
	});
}

#[test]
fn each_declared_model_becomes_one_under_its_place() {
	world(|| {
		let outputs = [model_role("a"), performance_role("number"), model_role("b")];
		let id = function(spec(), &outputs).unwrap();
		let submission = done_by(BOB, id);
		let known = |place| Models::<World>::get(submission, place).map(|model| model.digest);
		assert_eq!([known(0), known(1), known(2)], [Some(digest(100)), None, Some(digest(102))]);
		let child = create_with(of(TaskKind::Function), child_of(id), &predictions(), &[(id, 2)]).unwrap();
		let heir = done_by(CAROL, child);
		let parents = Models::<World>::get(heir, 0).unwrap().parents.into_inner();
		assert_eq!(parents, [ModelId { submission, output: 2 }]);
	});
}

#[test]
fn a_result_brings_every_model_and_exactly_the_performances() {
	world(|| {
		let id = function(spec(), &[model_role("a"), performance_role("b"), performance_role("c")]).unwrap();
		take(BOB, id).unwrap();
		let whole = result_of(BOB, id);
		let with = |change: fn(&mut Outputs, &mut Perfs)| {
			let mut sent = whole.clone();
			if let Call::send_task_result { outputs, perfs, .. } = &mut sent {
				change(outputs, perfs);
			}
			sent
		};
		assert_noop!(call(BOB, with(|outputs, _| outputs.clear())), Rule::ModelMissing);
		assert_noop!(call(BOB, with(|_, perfs| drop(perfs.pop()))), Rule::ScoreMisplaced);
		let more = |_: &mut Outputs, perfs: &mut Perfs| perfs.try_push(numbers(&[("all", 1)])[0].clone()).unwrap();
		assert_noop!(call(BOB, with(more)), Rule::ScoreMisplaced);
		assert_noop!(call(BOB, with(|_, perfs| perfs[1] = perfs[0].clone())), Rule::ScoreMisplaced);
		assert_ok!(call(BOB, with(|_, perfs| perfs.sort_by(|one, other| other.name.cmp(&one.name)))));
	});
}

#[test]
fn a_model_is_clean_for_what_all_inputs_are_less_every_objective_of_a_test_digest_among_them() {
	world(|| {
		let (one, two) = (objective(CREATOR, &[11, 12]), objective(CREATOR, &[13]));
		asset(BOB, 11, DataSample(Label::Train));
		for disguised in [own(11), Input::Asset(AssetRef { owner: BOB, digest: digest(11) })] {
			let id = function(on(vec![disguised], &[one, two]), &predictions()).unwrap();
			assert_eq!(clean_for(done_by(BOB, id), 0), [two]);
			next_block();
			let heir = Spec { parents: vec![id].try_into().unwrap(), ..on(vec![], &[one, two]) };
			let heir = create(of(TaskKind::Training), heir).unwrap();
			assert_eq!(clean_for(done_by(CAROL, heir), 0), [two]);
		}
	});
}

#[test]
fn a_function_certifies_a_prediction_by_exactly_the_objectives_assets() {
	world(|| {
		let (model, objective) = clean_model();
		let predicting = function(on(measured(vec![model_input(model)]), &[objective]), &predictions()).unwrap();
		let prediction = done_by(CAROL, predicting);
		let kept = Predictions::<World>::get(prediction, 0).unwrap();
		assert_eq!((kept.model, kept.objectives.into_inner()), (ModelId::first(model), vec![objective]));
		assert_eq!(clean_for(prediction, 0), Vec::<u64>::new());
		let scored = measured(vec![own(31), model_input(prediction)]);
		let scoring = function(on(scored.clone(), &[objective]), &performance()).unwrap();
		let score = done_by(CAROL, scoring);
		assert_eq!(submission(scoring, score).score.unwrap().standing, Standing::Certified);
		let certified = Scores::<World>::get(objective, score).unwrap();
		assert_eq!((certified.model, certified.voucher), (ModelId::first(model), Voucher::Independent));
		for missing in 0..4 {
			let mut less = scored.clone();
			less.remove(missing);
			assert_noop!(function(on(less, &[objective]), &performance()), Rule::NotTheObjectives);
		}
		let raw = measured(vec![own(31), model_input(model)]);
		assert_noop!(function(on(raw, &[objective]), &performance()), Rule::NotAPrediction);
	});
}

#[test]
fn of_predictor_and_scorer_the_lesser_standing_vouches() {
	for (predictor, scorer, voucher) in [
		(BOB, CAROL, Voucher::Own),
		(CAROL, BOB, Voucher::Own),
		(CAROL, ERIN, Voucher::Independent),
		(DAVE, ERIN, Voucher::Independent),
		(DAVE, DAVE, Voucher::Owner),
	] {
		world(|| {
			let objective = objective(DAVE, &[11, 12]);
			let named = |number| Input::Asset(AssetRef { owner: DAVE, digest: digest(number) });
			let training = create(of(TaskKind::Training), on(vec![], &[objective])).unwrap();
			let model = done_by(BOB, training);
			let inputs = vec![named(30), named(11), named(12), model_input(model)];
			let predicting = function(on(inputs, &[objective]), &predictions()).unwrap();
			let prediction = done_by(predictor, predicting);
			let inputs = vec![named(30), named(11), named(12), named(31), model_input(prediction)];
			let scoring = function(on(inputs, &[objective]), &performance()).unwrap();
			let score = done_by(scorer, scoring);
			assert_eq!(Scores::<World>::get(objective, score).unwrap().voucher, voucher);
		});
	}
}

#[test]
fn a_score_may_wait_for_the_prediction_and_that_for_its_model() {
	for clean in [true, false] {
		world(|| {
			let objective = objective(CREATOR, &[11, 12]);
			let training = create(of(TaskKind::Training), on(vec![], &[objective])).unwrap();
			let after = |parent, inputs| Spec { parents: vec![parent].try_into().unwrap(), ..on(inputs, &[objective]) };
			let predicting = function(after(training, measured(vec![])), &predictions()).unwrap();
			let scoring = function(after(predicting, measured(vec![own(31)])), &performance()).unwrap();
			deliver_model(BOB, training, if clean { 90 } else { 11 });
			next_block();
			done_by(CAROL, predicting);
			next_block();
			if clean {
				let score = done_by(ERIN, scoring);
				assert_eq!(Scores::<World>::get(objective, score).unwrap().voucher, Voucher::Independent);
			} else {
				assert_eq!((ended(scoring), escrow_of(CREATOR)), (Some(Outcome::Cancelled), 0));
			}
		});
	}
}

#[test]
fn a_prediction_by_an_unclean_program_or_on_other_inputs_is_none() {
	world(|| {
		let (model, objective) = clean_model();
		let (train, other) = (asset(CREATOR, 1, DataSample(Label::Train)), asset(CREATOR, 40, Opener));
		let unclean = create(of(TaskKind::Training), spec()).unwrap();
		deliver_model(CAROL, unclean, 50);
		at(START + 1);
		let program = asset(CAROL, 50, Algo);
		let inputs = [
			measured(vec![train]),
			measured(vec![other]),
			measured(vec![program]),
			vec![own(30), own(11)],
			measured(vec![model_input(unclean_model())]),
		];
		for inputs in inputs {
			let inputs = [inputs, vec![model_input(model)]].concat();
			let id = function(on(inputs, &[objective]), &predictions()).unwrap();
			assert!(!Predictions::<World>::contains_key(done_by(ERIN, id), 0));
		}
	});
}

/// The model that is clean for nothing.
fn unclean_model() -> SubmissionId {
	Models::<World>::iter().find(|(.., model)| model.clean_for.is_empty()).expect("there is one").0
}

#[test]
fn performances_on_train_samples_are_a_cross_validation_and_others_count_for_nothing() {
	world(|| {
		let (model, _) = clean_model();
		let train = asset(CREATOR, 1, DataSample(Label::Train));
		let standing = |inputs: Vec<Input<Account>>| {
			let id = function(on(inputs, &[]), &[performance_role("f1"), performance_role("loss")]).unwrap();
			let sent = done_by(CAROL, id);
			submission(id, sent).score.map(|score| score.standing)
		};
		assert_eq!(standing(vec![model_input(model), train.clone()]), Some(Standing::CrossValidation));
		assert_eq!(standing(vec![model_input(model), train, own(11)]), None);
		assert_eq!(standing(measured(vec![model_input(model)])), None);
		assert_eq!(standing(vec![model_input(model)]), None);
		assert_eq!(Scores::<World>::iter_keys().count(), 0);
	});
}

#[test]
fn other_outputs_of_a_function_are_made_and_clean_for_nothing() {
	world(|| {
		let objective = objective(DAVE, &[11, 12]);
		let id = function(on(vec![], &[objective]), &predictions()).unwrap();
		take(BOB, id).unwrap();
		let mut sent = result_of(BOB, id);
		if let Call::send_task_result { outputs, .. } = &mut sent {
			let extra = Output { name: b"more".to_vec().try_into().unwrap(), digest: digest(70) };
			outputs.try_push(extra).unwrap();
		}
		call(BOB, sent).unwrap();
		at(START + 1);
		for (number, clean) in [(100, vec![objective]), (70, vec![])] {
			let anew = asset(BOB, number, DataSample(Label::Train));
			let heir = create(of(TaskKind::Training), on(vec![anew], &[objective])).unwrap();
			assert_eq!(clean_for(done_by(CAROL, heir), 0), clean);
		}
	});
}

#[test]
fn the_price_of_a_function_covers_its_roles_and_all_its_models() {
	ByteFee::set(3);
	world(|| {
		let outputs = [model_role("a"), performance_role("b"), model_role("c")];
		let id = function(spec(), &outputs).unwrap();
		let stored = Specs::<World>::get(id).encoded_size() - 1 + TaskRoles::<World>::get(id).encoded_size() - 1;
		let each =
			pallet_registry::Model::<Account>::max_encoded_len() + pallet_registry::Prediction::max_encoded_len();
		assert_eq!(held_for_bytes(CREATOR), 3 * (stored + 2 * each) as Balance);
		let sent = done_by(BOB, id);
		let records: usize = Models::<World>::iter_prefix_values(sent).map(|model| model.encoded_size()).sum();
		assert_eq!((forfeited(), held_for_bytes(CREATOR)), (3 * records as Balance, 3 * stored as Balance));
		at(START + RETENTION + 1);
		call(CREATOR, Call::purge_task { task: id }).unwrap();
		assert_eq!((held_for_bytes(CREATOR), TaskRoles::<World>::iter_keys().count()), (0, 0));
	});
	ByteFee::set(0);
}
