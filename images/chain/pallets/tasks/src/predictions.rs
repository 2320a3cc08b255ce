//! Predictions: models that functions make of a model and an objective's opener and Test samples, and their scores.

use crate::{
	lineage::{Ancestry, AssetRefOf},
	*,
};
use alloc::vec::Vec;
use frame_support::pallet_prelude::*;
use pallet_registry::{
	AssetKind, Assets, CertifiedScore, Label, ModelId, Moment, Objective, ObjectiveId, ObjectiveIds, Objectives,
	Prediction, Predictions,
};

type ObjectiveOf<T> = Objective<<T as frame_system::Config>::AccountId>;

impl<T: Config> Pallet<T> {
	/// The one asset beside the objective's opener and samples, where it is one.
	fn beside<'a>(spec: &'a SpecOf<T>, objective: &ObjectiveOf<T>) -> Option<&'a AssetRefOf<T>> {
		let is_own = |named: &&AssetRefOf<T>| {
			let digest = &named.digest;
			named.owner == objective.owner && (objective.opener == *digest || objective.samples.contains(digest))
		};
		let (own, others): (Vec<_>, Vec<_>) = Self::named_assets(spec).partition(is_own);
		let exactly = own.len() == objective.samples.len() + 1 && others.len() == 1;
		exactly.then(|| others.into_iter().next()).flatten()
	}

	/// The program by which a function predicts one model for the objective.
	fn predictor<'a>(spec: &'a SpecOf<T>, roles: &Roles, objective: &ObjectiveOf<T>) -> Option<&'a AssetRefOf<T>> {
		let runs = |named: &&AssetRefOf<T>| {
			let known = Assets::<T>::get(&named.owner, named.digest);
			known.is_some_and(|asset| matches!(asset.kind, AssetKind::Function | AssetKind::Algo | AssetKind::Bundle))
		};
		let one = Self::is_one_model(&Self::sources(spec, roles));
		Self::beside(spec, objective).filter(|_| one).filter(runs)
	}

	/// What the outputs of a function predict: of those objectives that it names and the model is clean for.
	pub(crate) fn prediction(spec: &SpecOf<T>, roles: &Roles, at: Moment) -> Option<Prediction> {
		let mut objectives = ObjectiveIds::default();
		let mut program = None;
		for id in &spec.objectives {
			let objective = Objectives::<T>::get(id)?;
			if let Some(found) = Self::predictor(spec, roles, &objective) {
				let known = Assets::<T>::get(&found.owner, found.digest).map(|asset| (found.clone(), asset));
				if Self::is_admitted(*id, &objective, &known.into_iter().collect()) {
					program = Some(found);
					let _ = objectives.try_push(*id);
				}
			}
		}
		let program = program?;
		// What the objective measures with is its owner's choice, however it was made.
		let Ancestry { worked, clean_for: mut objectives, .. } =
			Self::ancestry(spec, roles, objectives, at, |named| named == program);
		for model in Self::input_models(spec, roles).filter_map(|id| pallet_registry::Pallet::<T>::model(&id)) {
			objectives.retain(|objective| model.clean_for.contains(objective));
		}
		let model = Self::scored_model(spec, roles)?;
		(!objectives.is_empty()).then_some(Prediction { model, objectives, worked })
	}

	/// The model that is scored; of a head and its trunk the head.
	pub(crate) fn scored_model(spec: &SpecOf<T>, roles: &Roles) -> Option<ModelId> {
		let is_head = |id: &ModelId| pallet_registry::PrivateModels::<T>::contains_key(id.submission, id.output);
		let models: Vec<_> = Self::input_models(spec, roles).collect();
		models.iter().copied().find(is_head).or_else(|| models.first().copied())
	}

	/// Checks that a function which only scores names no objective, or measures a prediction exactly as that objective does.
	pub(crate) fn check_performance(spec: &SpecOf<T>, roles: &Roles) -> DispatchResult {
		let Some(id) = spec.objectives.first() else { return Ok(()) };
		ensure!(spec.objectives.len() == 1, Error::<T>::ObjectivesMisplaced);
		let objective = Objectives::<T>::get(id).ok_or(Error::<T>::NoSuchObjective)?;
		let metric = |named: &AssetRefOf<T>| named.owner == objective.owner && named.digest == objective.metric;
		ensure!(Self::beside(spec, &objective).is_some_and(metric), Error::<T>::NotTheObjectives);
		ensure!(Self::may_be_predicted(spec, roles, *id, &objective), Error::<T>::NotAPrediction);
		Ok(())
	}

	/// Whether the only model going in is a prediction for the objective, or its task may still make one.
	fn may_be_predicted(spec: &SpecOf<T>, roles: &Roles, id: ObjectiveId, objective: &ObjectiveOf<T>) -> bool {
		if Self::sources(spec, roles).len() != 1 {
			return false;
		}
		let awaited = roles.takes.first().and_then(|take| Some((take.parent, Tasks::<T>::get(take.parent)?)));
		match awaited.filter(|(_, parent)| parent.result.is_none()) {
			Some((parent, task)) => Self::will_predict(parent, &task, id, objective),
			None => Self::is_predicted(spec, roles, id),
		}
	}

	/// Whether what the task makes is a prediction for the objective, should its model be clean for it.
	fn will_predict(parent: TaskId, task: &TaskOf<T>, id: ObjectiveId, objective: &ObjectiveOf<T>) -> bool {
		let Some(spec) = Specs::<T>::get(parent) else { return false };
		let roles = Self::roles_of(parent, task.terms.kind, &spec);
		let named = task.terms.kind == TaskKind::Function && spec.objectives.contains(&id);
		named && Self::predictor(&spec, &roles, objective).is_some()
	}

	/// Whether the model going in is a prediction for the objective.
	pub(crate) fn is_predicted(spec: &SpecOf<T>, roles: &Roles, objective: ObjectiveId) -> bool {
		let taken = Self::input_models(spec, roles).next();
		let prediction = taken.and_then(|id| Predictions::<T>::get(id.submission, id.output));
		prediction.is_some_and(|prediction| prediction.objectives.contains(&objective))
	}

	/// Says what the performances of an accepted function count for: certified, a cross-validation, or nothing.
	pub(crate) fn record_performance(
		id: TaskId,
		task: &TaskOf<T>,
		submission: SubmissionId,
		accepted: &mut SubmissionOf<T>,
		now: Moment,
	) {
		let Some(spec) = Specs::<T>::get(id) else { return };
		let roles = Self::roles_of(id, task.terms.kind, &spec);
		let first = roles.performances().next().map(|role| role.name.to_vec());
		let value = accepted.perfs.iter().find(|perf| Some(perf.name.as_slice()) == first.as_deref());
		let Some(value) = value.map(|perf| perf.value) else { return };
		let scores_only = roles.models().next().is_none();
		let objective = spec.objectives.first().filter(|_| scores_only).copied();
		accepted.score = match objective {
			Some(objective) => Self::certify(&spec, &roles, objective, accepted).map(|(model, voucher)| {
				let (scorer, payer) = (accepted.worker.clone(), task.creator.clone());
				let score = CertifiedScore { model, value, voucher, scorer, payer, at: now };
				pallet_registry::Pallet::<T>::record_score(objective, submission, score);
				Score { value, standing: Standing::Certified, voucher }
			}),
			None if Self::is_on_train_samples(&spec) => {
				let worked = Self::ancestry(&spec, &roles, ObjectiveIds::default(), now, |_| true).worked;
				let voucher = Self::voucher(&worked, &accepted.worker, None);
				Some(Score { value, standing: Standing::CrossValidation, voucher })
			}
			None => None,
		};
	}

	/// The model that the function scored for the objective, and who vouches: of its scorer and its predictor the lesser.
	fn certify(
		spec: &SpecOf<T>,
		roles: &Roles,
		objective: ObjectiveId,
		accepted: &SubmissionOf<T>,
	) -> Option<(ModelId, Voucher)> {
		let id = Self::input_models(spec, roles).next()?;
		let prediction = Predictions::<T>::get(id.submission, id.output)?;
		let predictor = pallet_registry::Pallet::<T>::model(&id)?.trainer;
		let owner = Objectives::<T>::get(objective)?.owner;
		let vouch = |who| Self::voucher(&prediction.worked, who, Some(&owner));
		Some((prediction.model, vouch(&accepted.worker).min(vouch(&predictor))))
	}

	/// Whether some of its inputs are samples, and all of these Train samples.
	fn is_on_train_samples(spec: &SpecOf<T>) -> bool {
		let label = |named: &AssetRefOf<T>| match Assets::<T>::get(&named.owner, named.digest)?.kind {
			AssetKind::DataSample(label) => Some(label),
			_ => None,
		};
		let mut labels = Self::named_assets(spec).filter_map(label).peekable();
		labels.peek().is_some() && labels.all(|label| label == Label::Train)
	}
}
