//! The lineage of accepted results: what went into each by the chain's records, and the records that it leaves.
//!
//! All of it is looked up as of the moment of acceptance, not when the task was created: bytes that became a model in the
//! meantime count as one, and those that became one after that moment don't, however late silence is settled.

use crate::*;
use alloc::vec::Vec;
use pallet_registry::{
	AssetKind, AssetRef, Assets, Digest, Label, Lineage, Made, Making, Model, ModelId, ModelOf, ModelRights, Moment,
	ObjectiveIds, Origin, Owners, Predictions, PrivateModels, Worked,
};

type Registry<T> = pallet_registry::Pallet<T>;
pub(crate) type AssetRefOf<T> = AssetRef<<T as frame_system::Config>::AccountId>;

/// The lineage of a task's inputs.
#[derive(Clone)]
pub(crate) struct Ancestry<AccountId> {
	pub parents: Lineage,
	pub owners: Owners<AccountId>,
	pub worked: Worked,
	/// Of the objectives asked for, those that each model among the inputs is clean for, in whatever role.
	pub clean_for: ObjectiveIds,
	/// Assets whose bytes are a model that their owner didn't make.
	pub same_bytes: Vec<(Digest, Origin<AccountId>)>,
}

impl<AccountId: Clone + PartialEq> Ancestry<AccountId> {
	/// As many owners and models as a record holds: more are refused when a task is created, but bytes can become a
	/// model later.
	fn add_owner(&mut self, owner: &AccountId) {
		if !self.owners.contains(owner) {
			let _ = self.owners.try_push(owner.clone());
		}
	}

	fn add_model(&mut self, id: ModelId, model: Option<Model<AccountId>>) {
		if !self.parents.contains(&id) {
			let _ = self.parents.try_push(id);
		}
		self.worked.join(&model.map(|model| model.worked).unwrap_or_default());
	}
}

impl<T: Config> Pallet<T> {
	/// Of the spec's models and of those assets that `counts` names, for a result that was accepted at `at`.
	pub(crate) fn ancestry(
		spec: &SpecOf<T>,
		roles: &Roles,
		clean_for: ObjectiveIds,
		at: Moment,
		counts: impl Fn(&AssetRefOf<T>) -> bool,
	) -> Ancestry<T::AccountId> {
		let (parents, owners, same_bytes) = Default::default();
		let mut found = Ancestry { parents, owners, worked: Worked::default(), clean_for, same_bytes };
		for id in Self::input_models(spec, roles) {
			let model = Registry::<T>::model(&id);
			if let Some(model) = &model {
				found.add_owner(&model.owner);
			}
			found.add_model(id, model);
		}
		for named in Self::named_assets(spec).filter(|named| counts(named)) {
			found.add_owner(&named.owner);
			match Made::<T>::get(&named.owner, named.digest).filter(|making| making.since <= at) {
				Some(making) => Self::add_making(&mut found, named, making, at),
				None => Self::add_equal(&mut found, named, at),
			}
		}
		found
	}

	/// Bytes of an owner's own making count as what they were made as.
	fn add_making(found: &mut Ancestry<T::AccountId>, named: &AssetRefOf<T>, making: Making, at: Moment) {
		found.clean_for.retain(|objective| making.is_clean(*objective, at));
		found.worked.add(&named.owner);
		if let Some(id) = making.model {
			found.add_model(id, Registry::<T>::model(&id));
		}
	}

	/// Bytes that were another's model by `at` are told; an import is its owner's work.
	fn add_equal(found: &mut Ancestry<T::AccountId>, named: &AssetRefOf<T>, at: Moment) {
		let Some(first) = ModelOf::<T>::get(named.digest) else { return };
		if Assets::<T>::get(&named.owner, named.digest).is_some_and(|asset| asset.kind == AssetKind::Model) {
			found.worked.add(&named.owner);
		}
		if first.since <= at && first.origin != Origin::Imported(named.owner.clone()) {
			found.same_bytes.push((named.digest, first.origin));
		}
	}

	/// The models a task takes: those its spec names, then those of its parents' results.
	pub(crate) fn input_models<'a>(spec: &'a SpecOf<T>, roles: &'a Roles) -> impl Iterator<Item = ModelId> + 'a {
		let named = spec.inputs.iter().filter_map(|input| match input {
			Input::Model(model) => Some(*model),
			Input::Asset(_) => None,
		});
		named.chain(roles.takes.iter().filter_map(Self::taken_model))
	}

	/// The model that is taken of a parent, once there is one.
	pub(crate) fn taken_model(take: &Take) -> Option<ModelId> {
		let submission = Tasks::<T>::get(take.parent)?.result?;
		Some(ModelId { submission, output: take.output })
	}

	pub(crate) fn named_assets(spec: &SpecOf<T>) -> impl Iterator<Item = &AssetRefOf<T>> {
		spec.inputs.iter().filter_map(|input| match input {
			Input::Asset(asset) => Some(asset),
			Input::Model(_) => None,
		})
	}

	/// Records the models of an accepted result. It cannot fail, whatever their digests are.
	pub(crate) fn record_models(
		id: TaskId,
		task: &TaskOf<T>,
		submission: SubmissionId,
		accepted: &SubmissionOf<T>,
		now: Moment,
	) {
		let Some(spec) = Specs::<T>::get(id) else { return };
		let roles = Self::roles_of(id, task.terms.kind, &spec);
		let ancestry = Self::ancestry(&spec, &roles, task.clean_for.clone(), now, |_| true);
		let function = task.terms.kind == TaskKind::Function;
		let prediction = function.then(|| Self::prediction(&spec, &roles, now)).flatten();
		let rights = Some(Self::rights_on_models(id)).filter(|rights| !rights.is_public());
		for (output, role) in roles.models() {
			let Some(digest) = Self::output_named(&accepted.outputs, &role.name) else { continue };
			let model = ModelId { submission, output };
			if role.private {
				PrivateModels::<T>::insert(submission, output, ());
			}
			if let Some(prediction) = &prediction {
				Predictions::<T>::insert(submission, output, prediction);
			}
			ModelRights::<T>::set(submission, output, rights.clone());
			Self::record_model(task, accepted, model, digest, &ancestry, now);
		}
		let is_model = |output: &&Output| roles.models().any(|(_, role)| role.name == output.name);
		for output in accepted.outputs.iter().filter(|output| function && !is_model(output)) {
			Self::record_making(task, accepted, &output.digest, &ObjectiveIds::default(), None, now);
		}
	}

	fn record_model(
		task: &TaskOf<T>,
		accepted: &SubmissionOf<T>,
		model: ModelId,
		digest: Digest,
		ancestry: &Ancestry<T::AccountId>,
		now: Moment,
	) {
		let Ancestry { parents, owners, mut worked, clean_for, same_bytes } = ancestry.clone();
		for who in [&task.creator, &accepted.worker] {
			worked.add(who);
			// Its other makings are the same bytes' history, those of a later moment too: a making names one model.
			let earlier = Made::<T>::get(who, digest).and_then(|making| making.model);
			if let Some(model) = earlier.and_then(|earlier| Registry::<T>::model(&earlier)) {
				worked.join(&model.worked);
			}
		}
		// Bytes that are a Test sample themselves would bring it into every later training.
		let clean_for = Self::clean_with(&clean_for, &digest);
		let mut described = Model {
			owner: task.creator.clone(),
			trainer: accepted.worker.clone(),
			digest,
			uri: accepted.uri.clone(),
			parents,
			clean_for: clean_for.clone(),
			input_owners: owners,
			worked,
			same_bytes: Default::default(),
			more_same_bytes: 0,
		};
		same_bytes.into_iter().for_each(|(digest, origin)| described.tell(digest, origin));
		Registry::<T>::record_model(model, described, accepted.sent, now);
		Self::record_making(task, accepted, &digest, &clean_for, Some(model), now);
	}

	/// Records the outputs of an annotation of Test samples as clean for nothing in the hands of those who made them.
	pub(crate) fn record_annotation(id: TaskId, task: &TaskOf<T>, accepted: &SubmissionOf<T>, now: Moment) {
		let Some(spec) = Specs::<T>::get(id) else { return };
		let is_test = |named: &AssetRefOf<T>| {
			let known = Assets::<T>::get(&named.owner, named.digest);
			known.is_some_and(|asset| asset.kind == AssetKind::DataSample(Label::Test))
		};
		if Self::named_assets(&spec).any(is_test) {
			Self::record_derived(task, accepted, None, now);
		}
	}

	/// Records outputs derived from samples by a model, or from Test samples, as made and clean for nothing.
	pub(crate) fn record_derived(task: &TaskOf<T>, accepted: &SubmissionOf<T>, model: Option<ModelId>, now: Moment) {
		for output in &accepted.outputs {
			Self::record_making(task, accepted, &output.digest, &ObjectiveIds::default(), model, now);
		}
	}

	/// The worker made it, and the creator, unless it had registered these bytes before they were sent: nobody changes
	/// what another's asset is worth by sending its bytes as a result.
	fn record_making(
		task: &TaskOf<T>,
		accepted: &SubmissionOf<T>,
		digest: &Digest,
		clean_for: &ObjectiveIds,
		model: Option<ModelId>,
		now: Moment,
	) {
		let SubmissionOf::<T> { worker, sent, .. } = accepted;
		Registry::<T>::record_making(worker, digest, clean_for, model, now);
		if task.creator != *worker && !Registry::<T>::had(&task.creator, digest, *sent) {
			Registry::<T>::record_making(&task.creator, digest, clean_for, model, now);
		}
	}

	pub(crate) fn output_named(outputs: &Outputs, name: &OutputName) -> Option<Digest> {
		outputs.iter().find(|output| output.name == *name).map(|output| output.digest)
	}
}
