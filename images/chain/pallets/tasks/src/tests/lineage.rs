//! Tests of lineage: models keep their history in whatever role their makers give them to a task.

use super::*;
use frame_support::{assert_noop, assert_ok, traits::fungible::Mutate};
use pallet_registry::{bounds::MAX_OWNERS, FirstModel, Made, ModelOf, Origin, SameBytes, Scores};
use AssetKind::*;

type Rule = crate::Error<World>;

fn of(kind: TaskKind) -> TermsOf<World> {
	Terms { kind, ..terms() }
}

fn on(inputs: Vec<Input<Account>>, objectives: &[u64]) -> SpecOf<World> {
	Spec { inputs: inputs.try_into().unwrap(), objectives: objectives.to_vec().try_into().unwrap(), ..spec() }
}

/// A model of these bytes, trained by `worker` for `creator`.
fn trained(creator: Account, worker: Account, number: u8, inputs: Vec<Input<Account>>, named: &[u64]) -> SubmissionId {
	let id = create_as(creator, of(TaskKind::Training), on(inputs, named)).unwrap();
	deliver_model(worker, id, number)
}

fn register(owner: Account, number: u8, kind: AssetKind) -> Input<Account> {
	let origin = RuntimeOrigin::signed(owner);
	Registry::register_asset(origin, digest(number), kind, Visibility::Shared, Default::default()).unwrap();
	Input::Asset(AssetRef { owner, digest: digest(number) })
}

/// What a certified scoring of a model for the objective of `DAVE` on samples 11 and 12 takes.
fn measured(model: SubmissionId) -> Vec<Input<Account>> {
	let named = |number| Input::Asset(AssetRef { owner: DAVE, digest: digest(number) });
	vec![model_input(model), named(30), named(31), named(11), named(12)]
}

#[test]
fn a_model_registered_anew_by_its_maker_counts_as_that_model_in_whatever_role() {
	for kind in [Bundle, Algo, Opener, DataSample(Label::Train), AssetKind::Model] {
		for maker in [BOB, CREATOR] {
			world(|| {
				let objective = objective(DAVE, &[11, 12]);
				let unclean = trained(CREATOR, BOB, 50, vec![], &[]);
				at(START + 1);
				let disguised = register(maker, 50, kind);
				let heir = trained(CREATOR, CAROL, 60, vec![disguised], &[objective]);
				assert_eq!(model(heir).clean_for.into_inner(), Vec::<u64>::new());
				assert_eq!(model(heir).parents.into_inner(), [ModelId::first(unclean)]);
				assert!(model(heir).worked.may_contain(&BOB));
				let scoring = create(of(TaskKind::Scoring), on(measured(heir), &[objective]));
				assert_eq!(scoring, Err(Rule::NotCertifiable.into()));
			});
		}
	}
}

#[test]
fn a_clean_model_registered_anew_by_its_maker_stays_clean() {
	world(|| {
		let objective = objective(DAVE, &[11, 12]);
		trained(CREATOR, BOB, 50, vec![], &[objective]);
		let base = register(BOB, 50, Bundle);
		let heir = trained(CREATOR, CAROL, 60, vec![base], &[objective]);
		assert_eq!(model(heir).clean_for.into_inner(), [objective]);
	});
}

#[test]
fn bytes_that_became_a_model_after_the_task_was_created_count_when_its_result_is_accepted() {
	world(|| {
		let objective = objective(DAVE, &[11, 12]);
		let first = create(of(TaskKind::Training), on(vec![], &[])).unwrap();
		let early = register(BOB, 50, Bundle);
		let second = create(of(TaskKind::Training), on(vec![early], &[objective])).unwrap();
		assert_eq!(task(second).clean_for.into_inner(), [objective]);
		deliver_model(BOB, first, 50);
		let heir = deliver_model(CAROL, second, 60);
		assert_eq!(model(heir).clean_for.into_inner(), Vec::<u64>::new());
	});
}

#[test]
fn nobody_spoils_anothers_asset_by_sending_its_bytes_as_a_result() {
	world(|| {
		let objective = objective(DAVE, &[11, 12]);
		let algo = register(CREATOR, 50, Algo);
		let copied = trained(CREATOR, BOB, 50, vec![], &[]);
		assert!(!Made::<World>::contains_key(CREATOR, digest(50)) && Made::<World>::contains_key(BOB, digest(50)));
		let heir = trained(CREATOR, CAROL, 60, vec![algo], &[objective]);
		assert_eq!(model(heir).clean_for.into_inner(), [objective]);
		let told = SameBytes { digest: digest(50), origin: Origin::Recorded(ModelId::first(copied)) };
		assert_eq!(model(heir).same_bytes.into_inner(), [told]);
	});
}

#[test]
fn equal_bytes_of_others_narrow_nothing_and_are_told() {
	world(|| {
		let objective = objective(DAVE, &[11, 12]);
		register(ERIN, 51, AssetKind::Model);
		let unclean = trained(CREATOR, BOB, 50, vec![], &[]);
		let inputs = vec![register(CAROL, 50, Bundle), register(CAROL, 51, Algo)];
		let heir = trained(CAROL, DAVE, 60, inputs, &[objective]);
		assert_eq!(model(heir).clean_for.into_inner(), [objective]);
		let told = [
			SameBytes { digest: digest(50), origin: Origin::Recorded(ModelId::first(unclean)) },
			SameBytes { digest: digest(51), origin: Origin::Imported(ERIN) },
		];
		assert_eq!(model(heir).same_bytes.into_inner(), told);
	});
}

#[test]
fn a_model_tells_eight_equals_and_how_many_more_there_were() {
	world(|| {
		let inputs = (0..11)
			.map(|number| {
				register(ERIN, 50 + number, AssetKind::Model);
				register(CAROL, 50 + number, DataSample(Label::Train))
			})
			.collect();
		let heir = model(trained(CAROL, DAVE, 70, inputs, &[]));
		assert_eq!((heir.same_bytes.len(), heir.more_same_bytes), (8, 3));
	});
}

#[test]
fn whoever_copies_a_result_under_review_is_told_as_the_copy() {
	world(|| {
		let reviewed = Terms { kind: TaskKind::Training, ..judged() };
		let id = create(reviewed, spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		let original = NextSubmission::<World>::get();
		at(START + 1);
		register(ERIN, 100, AssetKind::Model);
		let copy = trained(DAVE, CAROL, 100, vec![], &[]);
		assert_eq!(model(copy).same_bytes.len(), 1);
		accept(JUDGE, id, original).unwrap();
		assert!(model(original).same_bytes.is_empty());
		let first = FirstModel { origin: Origin::Recorded(ModelId::first(original)), since: START + 1 };
		assert_eq!(ModelOf::<World>::get(digest(100)), Some(first));
	});
}

#[test]
fn a_second_making_adds_what_it_is_clean_for() {
	world(|| {
		let (one, two) = (objective(DAVE, &[11]), objective(DAVE, &[12]));
		for (later, named) in [[one], [two]].iter().enumerate() {
			at(START + later as Moment);
			trained(CREATOR, BOB, 50, vec![], named);
		}
		let made = Made::<World>::get(BOB, digest(50)).unwrap();
		assert_eq!((made.since, made.clean_for.into_inner()), (START, vec![(one, START), (two, START + 1)]));
	});
}

#[test]
fn predictions_are_made_and_clean_for_nothing() {
	world(|| {
		let objective = objective(DAVE, &[11, 12]);
		let first = trained(CREATOR, BOB, 50, vec![], &[objective]);
		let scoring = create(of(TaskKind::Scoring), on(measured(first), &[objective])).unwrap();
		take(CAROL, scoring).unwrap();
		send(CAROL, scoring).unwrap();
		at(START + 1);
		for owner in [CAROL, CREATOR] {
			let predictions = register(owner, 100, DataSample(Label::Train));
			let heir = model(trained(owner, ERIN, 60, vec![predictions], &[objective]));
			assert!(heir.clean_for.is_empty());
			assert!(heir.worked.may_contain(&BOB) && heir.parents.contains(&ModelId::first(first)));
		}
	});
}

#[test]
fn annotations_count_as_made_only_where_they_read_a_test_sample() {
	for (label, clean) in [(Label::Train, true), (Label::Test, false)] {
		world(|| {
			let objective = objective(DAVE, &[11, 12]);
			let sample = register(CREATOR, 1, DataSample(label));
			let id = create(of(TaskKind::Annotation), on(vec![sample], &[])).unwrap();
			take(BOB, id).unwrap();
			send(BOB, id).unwrap();
			at(START + 1);
			let annotated = register(CREATOR, 100, DataSample(Label::Train));
			let heir = trained(CREATOR, BOB, 60, vec![annotated], &[objective]);
			assert_eq!(model(heir).clean_for.contains(&objective), clean);
		});
	}
}

#[test]
fn what_an_objective_measures_with_may_be_made_of_anything() {
	world(|| {
		let sample = register(CREATOR, 1, DataSample(Label::Test));
		let id = create(of(TaskKind::Annotation), on(vec![sample], &[])).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		at(START + 1);
		let objective = objective(CREATOR, &[100]);
		let scored = trained(CREATOR, BOB, 50, vec![], &[objective]);
		let named = |number| Input::Asset(AssetRef { owner: CREATOR, digest: digest(number) });
		let inputs = vec![model_input(scored), named(30), named(31), named(100)];
		assert_ok!(create(of(TaskKind::Scoring), on(inputs, &[objective])));
	});
}

#[test]
fn an_unclean_model_in_the_role_of_a_scorings_algo_certifies_nothing() {
	world(|| {
		let objective = objective(DAVE, &[11, 12]);
		let clean = trained(CREATOR, BOB, 50, vec![], &[objective]);
		let first = create(of(TaskKind::Training), on(vec![], &[])).unwrap();
		let mut inputs = measured(clean);
		inputs.push(register(CAROL, 51, Algo));
		let early = create(of(TaskKind::Scoring), on(inputs.clone(), &[objective])).unwrap();
		deliver_model(CAROL, first, 51);
		assert_noop!(create(of(TaskKind::Scoring), on(inputs, &[objective])), Rule::NotCertifiable);
		take(ERIN, early).unwrap();
		send(ERIN, early).unwrap();
		assert_eq!(submission(early, NextSubmission::<World>::get()).score, None);
		assert_eq!(Scores::<World>::iter_keys().count(), 0);
	});
}

#[test]
fn a_models_record_names_the_owners_of_its_direct_inputs() {
	world(|| {
		let base = trained(DAVE, BOB, 50, vec![], &[]);
		let inputs = vec![register(CAROL, 1, Algo), register(ERIN, 2, DataSample(Label::Train)), model_input(base)];
		let heir = model(trained(CREATOR, BOB, 60, inputs, &[]));
		let mut owners = heir.input_owners.into_inner();
		owners.sort();
		assert_eq!(owners, [CAROL, DAVE, ERIN]);
	});
}

#[test]
fn inputs_of_more_owners_than_a_record_names_are_refused() {
	world(|| {
		let inputs = |count: u64| -> Vec<_> {
			let owner = |number| 100 + number;
			(0..count)
				.map(|number| {
					Balances::set_balance(&owner(number), FORTUNE);
					let kind = if number == 0 { Algo } else { DataSample(Label::Train) };
					register(owner(number), number as u8, kind)
				})
				.collect()
		};
		let most = u64::from(MAX_OWNERS);
		assert_ok!(create(of(TaskKind::Training), on(inputs(most), &[])));
		let too_many = on(inputs(most + 1), &[]);
		assert_noop!(create(of(TaskKind::Training), too_many.clone()), Rule::TooManyOwners);
		assert_ok!(create(of(TaskKind::Annotation), too_many));
	});
}
