//! Tests of permissions: who may process what, what models inherit, and whose assets an objective admits.

use super::*;
use frame_support::{assert_noop, assert_ok};
use pallet_registry::{Access, Admits, Algos, AssetPermissions, ModelRights, ObjectiveAdmits, Permissions};
use AssetKind::*;

type Rule = crate::Error<World>;

fn on(inputs: Vec<Input<Account>>) -> SpecOf<World> {
	Spec { inputs: inputs.try_into().unwrap(), ..spec() }
}

fn permit(owner: Account, number: u8, permissions: Permissions<Account>) {
	AssetPermissions::<World>::insert(owner, digest(number), permissions);
}

fn rights_of(model: SubmissionId) -> Option<Access<Account>> {
	ModelRights::<World>::get(model, 0).map(|rights| rights.process)
}

#[test]
fn creator_and_worker_may_process_all_inputs() {
	world(|| {
		let foreign = for_some(DAVE, 1, DataSample(Label::Train), &[DAVE, BOB]);
		assert_noop!(create(of(TaskKind::Training), on(vec![foreign])), Rule::CreatorNotPermitted);
		let shared = for_some(DAVE, 2, DataSample(Label::Train), &[DAVE, CREATOR, BOB, CAROL]);
		let other = for_some(ERIN, 3, DataSample(Label::Train), &[ERIN, CREATOR, BOB]);
		let both = on(vec![shared, other]);
		let carols = Terms { assignee: Some(CAROL), ..of(TaskKind::Training) };
		assert_noop!(create(carols, both.clone()), Rule::WorkerNotPermitted);
		let id = create(of(TaskKind::Training), both).unwrap();
		for stranger in [CAROL, DAVE] {
			assert_noop!(take(stranger, id), Rule::WorkerNotPermitted);
		}
		assert_ok!(take(BOB, id));
	});
}

#[test]
fn a_private_input_whose_owner_may_not_process_another_is_refused() {
	world(|| {
		let private = asset_seen(CAROL, 1, DataSample(Label::Train), Visibility::Private);
		let algo = for_some(DAVE, 2, Algo, &[DAVE, CREATOR]);
		assert_noop!(create(of(TaskKind::Training), on(vec![private, algo])), Rule::WorkerNotPermitted);
	});
}

#[test]
fn a_model_gives_what_all_its_inputs_give_to_its_heirs_too() {
	world(|| {
		let first = for_some(DAVE, 1, DataSample(Label::Train), &[DAVE, CREATOR, BOB, CAROL]);
		let second = for_some(ERIN, 2, DataSample(Label::Train), &[ERIN, CREATOR, BOB]);
		let id = create(of(TaskKind::Training), on(vec![first, second])).unwrap();
		let early = create(of(TaskKind::Training), child_of(id)).unwrap();
		let carols = Terms { assignee: Some(CAROL), ..of(TaskKind::Training) };
		assert_noop!(create(carols, child_of(id)), Rule::WorkerNotPermitted);
		let model = deliver_model(BOB, id, 90);
		assert_eq!(rights_of(model), Some(only(&[CREATOR, BOB])));
		assert_noop!(take(CAROL, early), Rule::WorkerNotPermitted);
		let heir = deliver_model(BOB, early, 91);
		assert_eq!(rights_of(heir), Some(only(&[CREATOR, BOB])));
		let named = on(vec![model_input(heir)]);
		assert_noop!(create_as(DAVE, of(TaskKind::Training), named.clone()), Rule::CreatorNotPermitted);
		let late = create_as(BOB, of(TaskKind::Training), named).unwrap();
		assert_noop!(take(DAVE, late), Rule::WorkerNotPermitted);
		let open = create(of(TaskKind::Training), spec()).unwrap();
		assert_eq!(rights_of(deliver_model(DAVE, open, 92)), None);
	});
}

#[test]
fn an_annotation_has_the_rights_on_its_parents_models_which_it_does_not_take() {
	world(|| {
		let sample = for_some(DAVE, 1, DataSample(Label::Train), &[DAVE, CREATOR, BOB]);
		let parent = create(of(TaskKind::Training), on(vec![sample])).unwrap();
		let carols = Terms { assignee: Some(CAROL), ..terms() };
		assert_noop!(create(carols, child_of(parent)), Rule::WorkerNotPermitted);
		let annotation = create(terms(), child_of(parent)).unwrap();
		deliver_model(BOB, parent, 90);
		next_block();
		assert_noop!(take(CAROL, annotation), Rule::WorkerNotPermitted);
		take(BOB, annotation).unwrap();
	});
}

#[test]
fn a_sample_runs_with_permitted_programs_and_its_owners_own() {
	world(|| {
		let sample = asset(DAVE, 1, DataSample(Label::Train));
		let algos = Algos::Digests(vec![digest(2)].try_into().unwrap());
		permit(DAVE, 1, Permissions { algos, ..Permissions::public() });
		let with = |program: Input<Account>| create(of(TaskKind::Training), on(vec![sample.clone(), program]));
		for (number, kind) in [(3, Algo), (7, Bundle)] {
			let program = asset(ERIN, number, kind);
			assert_noop!(with(program), Rule::ProgramNotPermitted);
		}
		let algo = asset(ERIN, 2, Algo);
		assert_ok!(with(algo.clone()));
		assert_ok!(with(asset(DAVE, 4, Algo)));
		let opener = asset(ERIN, 5, Opener);
		let inputs = on(vec![sample.clone(), algo, opener]);
		assert_noop!(create(of(TaskKind::Training), inputs), Rule::ProgramNotPermitted);
		let function = on(vec![sample, asset(ERIN, 6, Function)]);
		let refused = create_with(of(TaskKind::Function), function, &[model_role("a")], &[]);
		assert_eq!(refused, Err(Rule::ProgramNotPermitted.into()));
	});
}

#[test]
fn a_model_is_clean_only_where_its_objective_admits_whatever_went_in() {
	world(|| {
		let id = objective(DAVE, &[11]);
		let owners = vec![ERIN].try_into().unwrap();
		ObjectiveAdmits::<World>::insert(id, Admits { owners, algos: vec![digest(2)].try_into().unwrap() });
		let clean = |inputs: Vec<Input<Account>>| {
			let spec = Spec { objectives: vec![id].try_into().unwrap(), ..on(inputs) };
			let task = create(of(TaskKind::Training), spec).unwrap();
			model(deliver_model(BOB, task, 90)).clean_for.into_inner()
		};
		let sample = asset(ERIN, 1, DataSample(Label::Train));
		assert_eq!(clean(vec![sample.clone(), asset(ERIN, 2, Algo)]), [id]);
		assert_eq!(clean(vec![sample.clone(), asset(DAVE, 3, Algo), asset(ERIN, 4, Opener)]), [id]);
		assert_eq!(clean(vec![sample.clone(), asset(ERIN, 5, Algo)]), Vec::<u64>::new());
		assert_eq!(clean(vec![sample, asset(CAROL, 2, Algo)]), Vec::<u64>::new());
	});
}
