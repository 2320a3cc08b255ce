//! Permissions of a task's inputs: who may create it and work on it, which programs may run, and the rights on its models.
//!
//! The inputs' rights and what the creator gives are kept apart: the inputs' owners decide who may work on the task and set the
//! limit of what its models allow, the creator narrows the rights on its models and on nothing else.

use crate::{inputs::Known, *};
use frame_support::pallet_prelude::*;
use pallet_registry::{
	Algos, AssetKind, AssetPermissions, AssetRef, ModelRights, Objective, ObjectiveAdmits, ObjectiveId, Rights,
};

impl<T: Config> Pallet<T> {
	/// Checks that the creator and every program may process the inputs, and tells what rights these give.
	pub(crate) fn permitted(
		creator: &T::AccountId,
		spec: &SpecOf<T>,
		assets: &Known<T>,
	) -> Result<RightsOf<T>, DispatchError> {
		let mut rights = Rights::public();
		for (named, _) in assets {
			let Some(given) = AssetPermissions::<T>::get(&named.owner, named.digest) else { continue };
			rights = rights.and(&given.rights);
			if let Algos::Digests(algos) = &given.algos {
				let foreign = assets.iter().filter(|(program, asset)| {
					asset.kind.is_program() && program.owner != named.owner && !algos.contains(&program.digest)
				});
				ensure!(foreign.count() == 0, Error::<T>::ProgramNotPermitted);
			}
		}
		let models = spec.inputs.iter().filter_map(|input| match input {
			Input::Model(id) => Some(*id),
			Input::Asset(_) => None,
		});
		let given = models.filter_map(|id| ModelRights::<T>::get(id.submission, id.output));
		rights = given.fold(rights, |rights, more| rights.and(&more));
		rights = Self::with_parents(rights, spec);
		ensure!(rights.process.allows(creator), Error::<T>::CreatorNotPermitted);
		Ok(rights)
	}

	/// Those of them that all parents give on their models, which an annotation need not take.
	fn with_parents(rights: RightsOf<T>, spec: &SpecOf<T>) -> RightsOf<T> {
		let given = spec.parents.iter().map(|parent| Self::rights_on_models(*parent));
		given.fold(rights, |rights, more| rights.and(&more))
	}

	/// What the creator gives on the models of a task, with itself among the accounts; nothing where that is all for everyone.
	pub(crate) fn check_given(
		creator: &T::AccountId,
		roles: &Roles,
		given: Option<RightsOf<T>>,
	) -> Result<Option<RightsOf<T>>, DispatchError> {
		let Some(given) = given else { return Ok(None) };
		ensure!(roles.models().next().is_some(), Error::<T>::RightsMisplaced);
		let given = given.of(creator).ok_or(Error::<T>::TooManyAccounts)?;
		Ok(Some(given).filter(|given| !given.is_public()))
	}

	/// The rights on what a task makes: those that all its inputs give and its creator gives as well.
	pub(crate) fn rights_on_models(id: TaskId) -> RightsOf<T> {
		let given = [TaskRights::<T>::get(id), OutputRights::<T>::get(id)];
		given.iter().flatten().fold(Rights::public(), |rights, more| rights.and(more))
	}

	/// Keeps the rights that the inputs give, unless everyone has all.
	pub(crate) fn keep_rights(id: TaskId, rights: RightsOf<T>) {
		TaskRights::<T>::set(id, Some(rights).filter(|rights| !rights.is_public()));
	}

	/// Once all parents have results, the task has only the rights on their models: known since its creation, but for
	/// tasks of runtime 4 and their children. False where its only worker lacks them.
	pub(crate) fn inherit_rights(id: TaskId, task: &TaskOf<T>, spec: &SpecOf<T>) -> bool {
		let known = TaskRights::<T>::get(id).unwrap_or_else(Rights::public);
		let rights = Self::with_parents(known, spec);
		let permitted = task.terms.assignee.as_ref().is_none_or(|assignee| rights.process.allows(assignee));
		Self::keep_rights(id, rights);
		permitted
	}

	/// Whether the account may work on what the task takes.
	pub(crate) fn may_process(id: TaskId, worker: &T::AccountId) -> bool {
		TaskRights::<T>::get(id).is_none_or(|rights| rights.process.allows(worker))
	}

	/// Whether a model of these assets may be certified for the objective, as its owner says.
	pub(crate) fn is_admitted(id: ObjectiveId, objective: &Objective<T::AccountId>, assets: &Known<T>) -> bool {
		let Some(admits) = ObjectiveAdmits::<T>::get(id) else { return true };
		let admitted = |named: &AssetRef<T::AccountId>, kind: AssetKind| {
			let listed = kind == AssetKind::Opener || !kind.is_program() || admits.algos.contains(&named.digest);
			named.owner == objective.owner || (listed && admits.owners.contains(&named.owner))
		};
		assets.iter().all(|(named, asset)| admitted(named, asset.kind))
	}
}
