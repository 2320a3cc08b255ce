//! Roles of tasks: what a task declares, which models go in, and which of them stay on their worker's node.

use crate::*;
use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::pallet_prelude::*;
use pallet_registry::{ModelId, PrivateModels};

/// Whose outputs a model is one of.
#[derive(PartialEq)]
enum Of {
	Result(SubmissionId),
	Parent(TaskId),
}

/// A model that goes in, as far as it is known before there is one.
pub(crate) struct Source<AccountId> {
	of: Of,
	pub private: bool,
	/// The worker who holds a private one.
	holder: Option<AccountId>,
	/// Whether it may be a trunk: made by a composite or an aggregation, or nobody knows.
	trunk: bool,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn roles_of(id: TaskId, kind: TaskKind, spec: &SpecOf<T>) -> Roles {
		Roles::of(kind, &spec.parents, TaskRoles::<T>::get(id))
	}

	/// The outputs of a task, without what it takes.
	pub(crate) fn outputs_of(id: TaskId, task: &TaskOf<T>) -> Roles {
		Roles::of(task.terms.kind, &Parents::default(), TaskRoles::<T>::get(id))
	}

	/// Checks that a task of this kind may declare these roles, and that one which has to declares some.
	pub(crate) fn check_declared(kind: TaskKind, declared: Option<&Roles>) -> DispatchResult {
		let Some(Roles { outputs, .. }) = declared else {
			ensure!(kind != TaskKind::Function, Error::<T>::RolesMisplaced);
			return Ok(());
		};
		let fits = |role: &OutputRole| match kind {
			TaskKind::Function => role.kind == OutputKind::Model || !role.private,
			TaskKind::Training => role.kind == OutputKind::Model,
			TaskKind::Aggregation => role.kind == OutputKind::Model && !role.private,
			TaskKind::Annotation | TaskKind::Restructuring | TaskKind::Scoring => false,
		};
		let declares = match kind {
			TaskKind::Function => !outputs.is_empty(),
			kind => !matches!(kind, TaskKind::Annotation | TaskKind::Restructuring),
		};
		ensure!(declares && outputs.iter().all(fits), Error::<T>::RolesMisplaced);
		let names: BTreeSet<_> = outputs.iter().map(|role| &role.name).collect();
		ensure!(names.len() == outputs.len(), Error::<T>::OutputNamedTwice);
		Ok(())
	}

	/// Checks that a task takes models of all its parents, and of nobody else's.
	pub(crate) fn check_takes(kind: TaskKind, spec: &SpecOf<T>, roles: &Roles) -> DispatchResult {
		let distinct: BTreeSet<_> = roles.takes.iter().collect();
		ensure!(distinct.len() == roles.takes.len(), Error::<T>::NamedTwice);
		let taken: BTreeSet<_> = roles.takes.iter().map(|take| take.parent).collect();
		let all = kind == TaskKind::Annotation || taken == spec.parents.iter().copied().collect();
		ensure!(all, Error::<T>::TakesDiffer);
		for take in &roles.takes {
			let parent = Tasks::<T>::get(take.parent).ok_or(Error::<T>::NoSuchTask)?;
			let model = Self::outputs_of(take.parent, &parent).model(take.output).is_some();
			ensure!(model, Error::<T>::ParentMakesNoModel);
		}
		Ok(())
	}

	/// The models that go in: those the spec names, then what is taken of its parents.
	pub(crate) fn sources(spec: &SpecOf<T>, roles: &Roles) -> Vec<Source<T::AccountId>> {
		let named = spec.inputs.iter().filter_map(|input| match input {
			Input::Model(id) => Some(Self::recorded_source(id)),
			Input::Asset(_) => None,
		});
		named.chain(roles.takes.iter().filter_map(Self::taken_source)).collect()
	}

	fn recorded_source(id: &ModelId) -> Source<T::AccountId> {
		let private = PrivateModels::<T>::contains_key(id.submission, id.output);
		let model = pallet_registry::Pallet::<T>::model(id).filter(|_| private);
		Source { of: Of::Result(id.submission), private, holder: model.map(|model| model.trainer), trunk: true }
	}

	fn taken_source(take: &Take) -> Option<Source<T::AccountId>> {
		let parent = Tasks::<T>::get(take.parent)?;
		let roles = Self::outputs_of(take.parent, &parent);
		let private = roles.model(take.output)?.private;
		let trunk = roles.keeps_head() || parent.terms.kind == TaskKind::Aggregation;
		let holder = if private { Self::holder(take, &parent) } else { None };
		Some(Source { of: Of::Parent(take.parent), private, holder, trunk })
	}

	/// The worker of a private output; before there is a result, the only one there can be.
	fn holder(take: &Take, parent: &TaskOf<T>) -> Option<T::AccountId> {
		let Some(submission) = parent.result else { return parent.terms.assignee.clone() };
		let id = ModelId { submission, output: take.output };
		pallet_registry::Pallet::<T>::model(&id).map(|model| model.trainer)
	}

	/// The accounts that hold the private models among them.
	pub(crate) fn holders(sources: &[Source<T::AccountId>]) -> impl Iterator<Item = &T::AccountId> {
		sources.iter().filter_map(|source| source.holder.as_ref())
	}

	/// Checks that a composite takes a head and a trunk or neither, and that no other training or aggregation takes a head.
	pub(crate) fn check_composite(kind: TaskKind, roles: &Roles, sources: &[Source<T::AccountId>]) -> DispatchResult {
		let (heads, others): (Vec<_>, Vec<_>) = sources.iter().partition(|source| source.private);
		let fits = match kind {
			TaskKind::Training if roles.keeps_head() => {
				heads.len() == others.len() && heads.len() <= 1 && others.iter().all(|source| source.trunk)
			}
			TaskKind::Training | TaskKind::Restructuring | TaskKind::Aggregation => heads.is_empty(),
			TaskKind::Annotation | TaskKind::Scoring | TaskKind::Function => true,
		};
		ensure!(fits, Error::<T>::CompositeInputs);
		Ok(())
	}

	/// Whether they are one model, or the head and the trunk of one result.
	pub(crate) fn is_one_model(sources: &[Source<T::AccountId>]) -> bool {
		match sources {
			[_] => true,
			[one, other] => one.of == other.of && one.private != other.private,
			_ => false,
		}
	}

	/// Offers a task to the worker who holds what it takes, once that is known. False where that account may not take it.
	pub(crate) fn offer_to_holder(task: &mut TaskOf<T>, roles: &Roles) -> bool {
		let sources: Vec<_> = roles.takes.iter().filter_map(Self::taken_source).collect();
		let mut holders = Self::holders(&sources);
		holders.all(|holder| {
			let assignee = task.terms.assignee.get_or_insert(holder.clone());
			assignee == holder && Self::may_work(&task.creator, &task.terms, holder)
		})
	}
}
