//! Checks of a task's inputs by Substra's rules: Test samples never reach a model that is clean for their objective.

use crate::{roles::Source, *};
use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::pallet_prelude::*;
use pallet_registry::{
	bounds::{MAX_MODELS, MAX_OWNERS},
	Asset, AssetKind, AssetRef, Assets, Digest, Label, Made, Making, Objective, ObjectiveIds, Objectives, Rights,
	TestOf, Visibility,
};

/// The properties of a task that follow from its inputs.
pub(crate) struct Examined<AccountId> {
	/// The objectives its model will be clean for.
	pub clean_for: ObjectiveIds,
	/// The account that holds its private inputs.
	pub private_to: Option<AccountId>,
	/// Whether it takes what only one account holds, known or not.
	pub one_holder: bool,
	/// What its inputs give.
	pub rights: Rights<AccountId>,
}

pub(crate) type Known<T> = Vec<(AssetRef<<T as frame_system::Config>::AccountId>, Asset)>;

impl<T: Config> Pallet<T> {
	/// Checks every input against the task's kind and objectives.
	pub(crate) fn examine_inputs(
		creator: &T::AccountId,
		terms: &TermsOf<T>,
		spec: &SpecOf<T>,
		roles: &Roles,
	) -> Result<Examined<T::AccountId>, DispatchError> {
		let distinct: BTreeSet<_> = spec.inputs.iter().collect();
		ensure!(distinct.len() == spec.inputs.len(), Error::<T>::NamedTwice);
		let assets = Self::known_assets(spec)?;
		for (_, asset) in &assets {
			ensure!(Self::has_place(terms.kind, asset.kind), Error::<T>::WrongAssetKind);
		}
		let sources = Self::sources(spec, roles);
		Self::check_composite(terms.kind, roles, &sources)?;
		let private_to = Self::private_owner(&assets, &sources)?;
		let one_holder = private_to.is_some() || sources.iter().any(|source| source.private);
		let rights = Self::permitted(creator, spec, &assets)?;
		let model_clean_for = Self::clean_for(terms.kind, spec, roles, &assets)?;
		let clean_for = match terms.kind {
			TaskKind::Annotation => {
				ensure!(spec.objectives.is_empty(), Error::<T>::ObjectivesMisplaced);
				ObjectiveIds::default()
			}
			TaskKind::Scoring => {
				Self::check_scoring(spec, &assets, &sources, &model_clean_for)?;
				ObjectiveIds::default()
			}
			TaskKind::Training | TaskKind::Restructuring | TaskKind::Aggregation => {
				Self::check_objectives(spec)?;
				Self::check_training(spec, &assets)?;
				Self::check_owners(spec, roles)?;
				Self::check_purpose(terms.kind, spec, &assets)?;
				model_clean_for
			}
			TaskKind::Function => {
				Self::check_objectives(spec)?;
				Self::check_owners(spec, roles)?;
				Self::check_purpose(terms.kind, spec, &assets)?;
				if roles.models().next().is_none() {
					Self::check_performance(spec, roles)?;
				}
				Self::named_assets(spec).fold(model_clean_for, |clean, named| Self::clean_with(&clean, &named.digest))
			}
		};
		Ok(Examined { clean_for, private_to, one_holder, rights })
	}

	fn known_assets(spec: &SpecOf<T>) -> Result<Known<T>, DispatchError> {
		let named = spec.inputs.iter().filter_map(|input| match input {
			Input::Asset(asset) => Some(asset),
			Input::Model(_) => None,
		});
		let known = named.map(|named| {
			let asset = Assets::<T>::get(&named.owner, named.digest).ok_or(Error::<T>::NoSuchAsset)?;
			Ok((named.clone(), asset))
		});
		known.collect()
	}

	/// Whether a task of the kind takes assets of that kind.
	fn has_place(kind: TaskKind, asset: AssetKind) -> bool {
		use AssetKind::*;
		match kind {
			TaskKind::Annotation => matches!(asset, Bundle | Algo | Opener | DataSample(_)),
			// Test samples are refused later, by an error of their own.
			TaskKind::Training | TaskKind::Restructuring => !matches!(asset, Metric | Function),
			TaskKind::Aggregation => matches!(asset, Bundle | Algo | Opener | Model),
			TaskKind::Scoring => !matches!(asset, Bundle | Function),
			TaskKind::Function => true,
		}
	}

	/// The one account that holds all private inputs, as far as it is known.
	fn private_owner(
		assets: &Known<T>,
		sources: &[Source<T::AccountId>],
	) -> Result<Option<T::AccountId>, DispatchError> {
		let private = assets.iter().filter(|(_, asset)| asset.visibility == Visibility::Private);
		let owners: BTreeSet<_> = private.map(|(named, _)| &named.owner).chain(Self::holders(sources)).collect();
		ensure!(owners.len() <= 1, Error::<T>::PrivateInputsDiffer);
		Ok(owners.first().map(|owner| (*owner).clone()))
	}

	/// The named objectives that every model going in is clean for. Nobody knows what an imported one has seen, and
	/// what an asset's owner made itself counts as the model it is.
	fn clean_for(
		kind: TaskKind,
		spec: &SpecOf<T>,
		roles: &Roles,
		assets: &Known<T>,
	) -> Result<ObjectiveIds, DispatchError> {
		let mut clean = spec.objectives.clone();
		clean.retain(|id| Objectives::<T>::get(id).is_none_or(|objective| Self::is_admitted(*id, &objective, assets)));
		let mut models = BTreeSet::new();
		for input in &spec.inputs {
			if let Input::Model(id) = input {
				let model = pallet_registry::Pallet::<T>::model(id).ok_or(Error::<T>::NoSuchModel)?;
				clean.retain(|objective| model.clean_for.contains(objective));
				models.insert(*id);
			}
		}
		let now = Self::now();
		for making in assets.iter().filter_map(|(named, asset)| Self::making_of(kind, named, asset.kind)) {
			clean.retain(|objective| making.is_clean(*objective, now));
			models.extend(making.model);
		}
		let imported = assets.iter().filter(|(_, asset)| asset.kind == AssetKind::Model).count();
		if imported > 0 {
			clean.clear();
		}
		for take in &roles.takes {
			let named = Self::taken_model(take).is_some_and(|model| spec.inputs.contains(&Input::Model(model)));
			ensure!(!named, Error::<T>::NamedTwice);
			let bequest = Self::bequest(take);
			clean.retain(|objective| bequest.contains(objective));
		}
		let taken = models.len() + imported + roles.takes.len();
		ensure!(taken <= MAX_MODELS as usize, Error::<T>::TooManyModels);
		Ok(clean)
	}

	/// The making of an asset by its owner, where it counts. The assets that a scoring measures with don't: they are the
	/// choice of the objective's owner. All others can shape the result.
	fn making_of(kind: TaskKind, named: &AssetRef<T::AccountId>, asset: AssetKind) -> Option<Making> {
		let counts = match kind {
			TaskKind::Annotation => false,
			TaskKind::Scoring => asset == AssetKind::Algo,
			TaskKind::Training | TaskKind::Restructuring | TaskKind::Aggregation | TaskKind::Function => true,
		};
		counts.then(|| Made::<T>::get(&named.owner, named.digest)).flatten()
	}

	/// A model's record names everyone whose assets and models went in.
	fn check_owners(spec: &SpecOf<T>, roles: &Roles) -> DispatchResult {
		let mut owners: BTreeSet<_> = Self::named_assets(spec).map(|named| named.owner.clone()).collect();
		for id in Self::input_models(spec, roles) {
			owners.extend(pallet_registry::Pallet::<T>::model(&id).map(|model| model.owner));
		}
		// A parent's model, once there is one, is its creator's.
		owners.extend(spec.parents.first().and_then(Tasks::<T>::get).map(|parent| parent.creator));
		ensure!(owners.len() <= MAX_OWNERS as usize, Error::<T>::TooManyOwners);
		Ok(())
	}

	/// What a model that is taken is clean for; before there is one, what it may be clean for at most.
	fn bequest(take: &Take) -> ObjectiveIds {
		let model = Self::taken_model(take).and_then(|model| pallet_registry::Pallet::<T>::model(&model));
		let awaited = || Tasks::<T>::get(take.parent).map(|parent| parent.clean_for).unwrap_or_default();
		model.map_or_else(awaited, |model| model.clean_for)
	}

	/// Once all parents have models, their child is clean only for what these are clean for. False where it was to
	/// certify a score for something else.
	pub(crate) fn inherit(task: &mut TaskOf<T>, spec: &SpecOf<T>, roles: &Roles) -> bool {
		let mut certifiable = true;
		for take in &roles.takes {
			let bequest = Self::bequest(take);
			task.clean_for.retain(|objective| bequest.contains(objective));
			certifiable &= spec.objectives.iter().all(|objective| bequest.contains(objective));
		}
		match task.terms.kind {
			TaskKind::Scoring => certifiable,
			TaskKind::Function if roles.models().next().is_none() => {
				spec.objectives.iter().all(|objective| Self::is_predicted(spec, roles, *objective))
			}
			_ => true,
		}
	}

	/// Those of the objectives of which these bytes are no Test sample.
	pub(crate) fn clean_with(objectives: &ObjectiveIds, digest: &Digest) -> ObjectiveIds {
		let mut clean = objectives.clone();
		clean.retain(|objective| !TestOf::<T>::contains_key(objective, digest));
		clean
	}

	/// Checks that the named objectives exist, each named once.
	fn check_objectives(spec: &SpecOf<T>) -> DispatchResult {
		let distinct: BTreeSet<_> = spec.objectives.iter().collect();
		ensure!(distinct.len() == spec.objectives.len(), Error::<T>::NamedTwice);
		for objective in &spec.objectives {
			ensure!(Objectives::<T>::contains_key(objective), Error::<T>::NoSuchObjective);
		}
		Ok(())
	}

	/// Refuses bytes that are Test for a named objective, whoever registered them as what, and samples labelled Test.
	fn check_training(spec: &SpecOf<T>, assets: &Known<T>) -> DispatchResult {
		for (named, asset) in assets {
			ensure!(asset.kind != AssetKind::DataSample(Label::Test), Error::<T>::TestSampleInTraining);
			Self::keep_apart(&spec.objectives, &named.digest)?;
		}
		for input in &spec.inputs {
			if let Input::Model(id) = input {
				let model = pallet_registry::Pallet::<T>::model(id).ok_or(Error::<T>::NoSuchModel)?;
				Self::keep_apart(&spec.objectives, &model.digest)?;
			}
		}
		Ok(())
	}

	/// Checks that something runs, and that an aggregation has something to aggregate.
	fn check_purpose(kind: TaskKind, spec: &SpecOf<T>, assets: &Known<T>) -> DispatchResult {
		let function = kind == TaskKind::Function;
		let runs = assets.iter().any(|(_, asset)| match asset.kind {
			AssetKind::Algo | AssetKind::Bundle => true,
			AssetKind::Function | AssetKind::Metric => function,
			_ => false,
		});
		ensure!(runs, Error::<T>::NothingToRun);
		let imported = assets.iter().any(|(_, asset)| asset.kind == AssetKind::Model);
		let recorded = spec.inputs.iter().any(|input| matches!(input, Input::Model(_)));
		let aggregates = imported || recorded || !spec.parents.is_empty();
		ensure!(kind != TaskKind::Aggregation || aggregates, Error::<T>::NothingToAggregate);
		Ok(())
	}

	fn keep_apart(objectives: &ObjectiveIds, digest: &Digest) -> DispatchResult {
		let test = pallet_registry::Pallet::<T>::is_test_of_any(objectives, digest);
		ensure!(!test, Error::<T>::TestSampleInTraining);
		Ok(())
	}

	/// Checks that a scoring is certified or a cross-validation, on one model.
	fn check_scoring(
		spec: &SpecOf<T>,
		assets: &Known<T>,
		sources: &[Source<T::AccountId>],
		model_clean_for: &ObjectiveIds,
	) -> DispatchResult {
		let imported = assets.iter().filter(|(_, asset)| asset.kind == AssetKind::Model).count();
		let one = if sources.is_empty() { imported == 1 } else { imported == 0 && Self::is_one_model(sources) };
		ensure!(one, Error::<T>::OneModelOnly);
		ensure!(spec.objectives.len() <= 1, Error::<T>::ObjectivesMisplaced);
		let Some(id) = spec.objectives.first() else { return Self::check_cross_validation(assets) };
		let objective = Objectives::<T>::get(id).ok_or(Error::<T>::NoSuchObjective)?;
		Self::check_certified(&objective, assets)?;
		ensure!(model_clean_for.contains(id), Error::<T>::NotCertifiable);
		Ok(())
	}

	/// Checks that it is on Train samples, with one opener and one metric at most.
	fn check_cross_validation(assets: &Known<T>) -> DispatchResult {
		let count = |wanted| assets.iter().filter(|(_, asset)| asset.kind == wanted).count();
		ensure!(count(AssetKind::DataSample(Label::Test)) == 0, Error::<T>::NotTheObjectives);
		let whole = count(AssetKind::DataSample(Label::Train)) > 0
			&& count(AssetKind::Opener) <= 1
			&& count(AssetKind::Metric) <= 1;
		ensure!(whole, Error::<T>::NoCrossValidation);
		Ok(())
	}

	/// Checks that it takes exactly the objective's opener, metric and samples, as its owner registered them.
	fn check_certified(objective: &Objective<T::AccountId>, assets: &Known<T>) -> DispatchResult {
		let of_kind = |wanted: fn(AssetKind) -> bool| -> BTreeSet<(&T::AccountId, &Digest)> {
			let chosen = assets.iter().filter(|(_, asset)| wanted(asset.kind));
			chosen.map(|(named, _)| (&named.owner, &named.digest)).collect()
		};
		let own = |digest| BTreeSet::from([(&objective.owner, digest)]);
		let samples: BTreeSet<_> = objective.samples.iter().map(|digest| (&objective.owner, digest)).collect();
		let exactly = of_kind(|kind| kind == AssetKind::Opener) == own(&objective.opener)
			&& of_kind(|kind| kind == AssetKind::Metric) == own(&objective.metric)
			&& of_kind(|kind| matches!(kind, AssetKind::DataSample(_))) == samples;
		ensure!(exactly, Error::<T>::NotTheObjectives);
		Ok(())
	}
}
