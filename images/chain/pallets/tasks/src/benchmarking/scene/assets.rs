//! What the registry has: assets with the most permissions, models and objectives, and bytes that were made before.

use super::*;
use alloc::{vec, vec::Vec};
use pallet_registry::{
	bounds::{MAX_ACCOUNTS, MAX_PROGRAMS},
	Access, Accounts, Algos, Asset, AssetKind, AssetPermissions, AssetRef, Assets, Direction, FirstModel, Label, Made,
	Making, Model, ModelId, ModelOf, Models, Objective, ObjectiveIds, Objectives, Origin, Permissions, Programs,
	Rights, Samples, Visibility, Worked,
};

/// The first submission that brought one of the models which were there before.
const EARLIER: SubmissionId = 1_000_000;
const METRIC: u32 = 10_000;
const OPENER: u32 = 10_001;
/// The algo that a certification scores.
const SCORED: u32 = 10_002;

/// The owner of the algos, so that samples have to permit these.
fn programmer<T: Config>() -> T::AccountId {
	account("programmer", 0, 0)
}

/// As many accounts as a right names, all who take part among them.
pub fn most_rights<T: Config>() -> Rights<T::AccountId> {
	let part = [account("creator", 0, 0), whitelisted_caller(), programmer::<T>(), account("worker", 100, 0)];
	let others = (0..MAX_ACCOUNTS).map(|index| account("worker", index, 0));
	let accounts = || Access::Accounts(Accounts::truncate_from(part.iter().cloned().chain(others.clone()).collect()));
	Rights { process: accounts(), download: accounts(), logs: accounts() }
}

/// As many programs as a sample's permission names: all algos.
fn most_programs() -> Programs {
	Programs::truncate_from((1..MAX_PROGRAMS).chain([SCORED]).map(digest).collect())
}

/// Registers an asset and names it as an input.
pub fn add_asset<T: Config>(owner: &T::AccountId, number: u32, kind: AssetKind) -> Input<T::AccountId> {
	let asset = Asset { kind, visibility: Visibility::Shared, uri: longest(), since: 0 };
	Assets::<T>::insert(owner, digest(number), asset);
	let algos = match kind {
		AssetKind::DataSample(_) => Algos::Digests(most_programs()),
		_ => Algos::Any,
	};
	let permissions = Permissions { rights: most_rights::<T>(), algos };
	AssetPermissions::<T>::insert(owner, digest(number), permissions);
	Input::Asset(AssetRef { owner: owner.clone(), digest: digest(number) })
}

/// As many algos as a sample permits, then Train samples: so many together.
pub fn assets<T: Config>(owner: &T::AccountId, count: u32) -> Inputs<T::AccountId> {
	let asset = |number| match number {
		1..MAX_PROGRAMS => add_asset::<T>(&programmer::<T>(), number, AssetKind::Algo),
		_ => add_asset::<T>(owner, number, AssetKind::DataSample(Label::Train)),
	};
	Inputs::truncate_from((1..=count).map(asset).collect())
}

/// A model that was there before, clean for these objectives.
fn add_model<T: Config>(number: u32, clean_for: ObjectiveIds) -> ModelId {
	let id = ModelId::first(EARLIER + SubmissionId::from(number));
	let owner: T::AccountId = account("owner", number % 14, 0);
	let model = Model {
		owner: owner.clone(),
		trainer: owner.clone(),
		digest: digest(20_000 + number),
		uri: longest(),
		parents: BoundedVec::truncate_from(vec![id; 16]),
		clean_for,
		input_owners: BoundedVec::truncate_from(vec![owner; 16]),
		worked: Worked::default(),
		same_bytes: Default::default(),
		more_same_bytes: 0,
	};
	Models::<T>::insert(id.submission, id.output, model);
	id
}

fn add_objective<T: Config>(owner: &T::AccountId, id: u64, samples: u32) {
	let samples: Vec<_> = (1..=samples).map(digest).collect();
	let objective = Objective {
		owner: owner.clone(),
		name: longest(),
		metric: digest(METRIC),
		opener: digest(OPENER),
		direction: Direction::Higher,
		tolerance: 0,
		samples: Samples::truncate_from(samples),
	};
	Objectives::<T>::insert(id, objective);
}

/// What a scoring by an objective of so many samples takes: its model, its algo, and what it is measured with.
pub fn certification<T: Config>(owner: &T::AccountId, samples: u32) -> SpecOf<T> {
	add_objective::<T>(owner, 1, samples);
	let objectives = ObjectiveIds::truncate_from(vec![1]);
	let mut inputs: Vec<_> =
		(1..=samples).map(|number| add_asset::<T>(owner, number, AssetKind::DataSample(Label::Test))).collect();
	inputs.push(add_asset::<T>(owner, OPENER, AssetKind::Opener));
	inputs.push(add_asset::<T>(owner, METRIC, AssetKind::Metric));
	inputs.push(add_asset::<T>(&programmer::<T>(), SCORED, AssetKind::Algo));
	inputs.push(Input::Model(add_model::<T>(0, objectives.clone())));
	Spec { inputs: Inputs::truncate_from(inputs), objectives, ..spec::<T>() }
}

/// A function that predicts a clean model on the `samples` of an objective; and what the scoring of its output takes.
pub fn predicted<T: Config>(creator: &T::AccountId, samples: u32) -> Result<(SpecOf<T>, SpecOf<T>), BenchmarkError> {
	let mut prediction = certification::<T>(creator, samples);
	let mut score = prediction.clone();
	let digest_of = |input: &Input<T::AccountId>| match input {
		Input::Asset(named) => Some(named.digest),
		Input::Model(_) => None,
	};
	prediction.inputs.retain(|input| digest_of(input) != Some(digest(METRIC)));
	score.inputs.retain(|input| digest_of(input).is_some_and(|found| found != digest(SCORED)));
	Ok((prediction, score))
}

/// What a training takes whose assets are bytes of models that a third imported, beside models, clean for objectives.
pub fn lineage<T: Config>(owner: &T::AccountId, count: u32, models: u32, objectives: u32) -> SpecOf<T> {
	let objectives: Vec<_> = (1..=u64::from(objectives)).collect();
	for objective in &objectives {
		add_objective::<T>(owner, *objective, 1);
	}
	let objectives = ObjectiveIds::truncate_from(objectives);
	let mut inputs: Vec<_> = assets::<T>(owner, count).into_inner();
	(1..=count).for_each(|number| import_equal::<T>(digest(number)));
	inputs.extend((0..models).map(|number| Input::Model(add_model::<T>(number, objectives.clone()))));
	Spec { inputs: Inputs::truncate_from(inputs), objectives, ..spec::<T>() }
}

/// The bytes of the result are a model in the hands of both who make it now, and imported by a third.
pub fn had_before<T: Config>(creator: &T::AccountId, worker: &T::AccountId) {
	let digest = outputs(0)[0].digest;
	for (number, who) in [(100, creator), (101, worker)] {
		let model = Some(add_model::<T>(number, Default::default()));
		Made::<T>::insert(who, digest, Making { model, ..Making::new(0) });
	}
	import_equal::<T>(digest);
}

/// A third imported these bytes as a model.
fn import_equal<T: Config>(digest: Digest) {
	let third: T::AccountId = account("third", 0, 0);
	let asset = Asset { kind: AssetKind::Model, visibility: Visibility::Shared, uri: longest(), since: 0 };
	Assets::<T>::insert(&third, digest, asset);
	ModelOf::<T>::insert(digest, FirstModel { origin: Origin::Imported(third), since: 0 });
}
