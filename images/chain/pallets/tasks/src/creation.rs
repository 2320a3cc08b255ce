//! Creation of tasks, and the checks of their terms, parents and inputs.

use crate::{inputs::Examined, types::Task, *};
use alloc::collections::BTreeSet;
use frame_support::pallet_prelude::*;
use pallet_registry::{Moment, Rights};

/// What a creator declares of a task beside its spec.
pub(crate) struct Declared<AccountId> {
	pub roles: Option<Roles>,
	/// Those on its models.
	pub rights: Option<Rights<AccountId>>,
}

pub(crate) type DeclaredOf<T> = Declared<<T as frame_system::Config>::AccountId>;

impl<AccountId> Default for Declared<AccountId> {
	fn default() -> Self {
		Declared { roles: None, rights: None }
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_create_task(
		creator: T::AccountId,
		mut terms: TermsOf<T>,
		spec: SpecOf<T>,
		mut declared: DeclaredOf<T>,
	) -> DispatchResult {
		let now = Self::now();
		Self::check_amounts(&terms)?;
		Self::check_times(&terms, now)?;
		Self::check_plan(&creator, &terms)?;
		Self::check_declared(terms.kind, declared.roles.as_ref())?;
		let roles = Roles::of(terms.kind, &spec.parents, declared.roles.clone());
		declared.rights = Self::check_given(&creator, &roles, declared.rights.take())?;
		Self::check_parents(&creator, &spec)?;
		Self::check_takes(terms.kind, &spec, &roles)?;
		let examined = Self::examine_inputs(&creator, &terms, &spec, &roles)?;
		Self::check_workers(&creator, &mut terms, &examined)?;
		let held = Self::escrow_of(&terms)?;
		Self::hold(HoldReason::Escrow, &creator, held)?;
		let Examined { clean_for, rights, .. } = examined;
		let bytes = Self::hold_bytes(&creator, &terms, &spec, &declared, &rights)?;

		let id = NextTask::<T>::mutate(Self::count);
		Self::link(id, &terms, &spec, now);
		let status = if spec.parents.is_empty() { TaskStatus::Open } else { TaskStatus::Waiting };
		let task = Task {
			creator: creator.clone(),
			terms,
			counters: Counters::default(),
			held,
			status,
			created: now,
			clean_for,
			result: None,
			broken: None,
			resumed: 0,
			stalled_since: None,
			bytes,
			alarm: None,
		};
		Tasks::<T>::insert(id, task);
		Specs::<T>::insert(id, spec);
		TaskRoles::<T>::set(id, declared.roles);
		Self::keep_rights(id, rights);
		OutputRights::<T>::set(id, declared.rights);
		TasksOf::<T>::insert(&creator, id, ());
		Self::deposit_event(Event::TaskCreated { task: id, creator });
		// Lists it, sets its alarm, and opens it where its parents are done.
		Self::with_task(id, |_, _| Ok(()))
	}

	/// Lists the task with its plan and its parents.
	fn link(id: TaskId, terms: &TermsOf<T>, spec: &SpecOf<T>, now: Moment) {
		if let Some(plan) = terms.plan {
			PlanTasks::<T>::insert(plan, id, ());
			Self::touch_plan(plan, now);
		}
		for parent in &spec.parents {
			Children::<T>::insert(parent, id, ());
			if Tasks::<T>::get(parent).is_some_and(|parent| !parent.is_final()) {
				Awaiting::<T>::insert(parent, id, ());
			}
		}
	}

	/// Offers a task on private inputs to their owner, and checks that whom it is offered to may take it.
	fn check_workers(
		creator: &T::AccountId,
		terms: &mut TermsOf<T>,
		examined: &Examined<T::AccountId>,
	) -> DispatchResult {
		Self::offer_to_owner(terms, examined.private_to.clone())?;
		// One account delivers one result, so a second slot would stay empty.
		let for_one = terms.assignee.is_some() || examined.one_holder;
		ensure!(!for_one || terms.slots == 1, Error::<T>::OneSlotOnly);
		Self::check_assignee(creator, terms)?;
		let may = terms.assignee.as_ref().is_none_or(|assignee| examined.rights.process.allows(assignee));
		ensure!(may, Error::<T>::WorkerNotPermitted);
		Ok(())
	}

	fn check_plan(creator: &T::AccountId, terms: &TermsOf<T>) -> DispatchResult {
		let Some(plan) = terms.plan else { return Ok(()) };
		let plan = Plans::<T>::get(plan).ok_or(Error::<T>::NoSuchPlan)?;
		ensure!(plan.creator == *creator, Error::<T>::NotPlanCreator);
		ensure!(plan.cancelled.is_none(), Error::<T>::PlanCancelled);
		Ok(())
	}

	/// Checks that each parent is an earlier task of the same creator with one slot, whose result may still come.
	fn check_parents(creator: &T::AccountId, spec: &SpecOf<T>) -> DispatchResult {
		let distinct: BTreeSet<_> = spec.parents.iter().collect();
		ensure!(distinct.len() == spec.parents.len(), Error::<T>::NamedTwice);
		for id in &spec.parents {
			let parent = Tasks::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
			ensure!(parent.creator == *creator, Error::<T>::NotYourParent);
			ensure!(parent.terms.slots == 1, Error::<T>::OneSlotOnly);
			let lost = matches!(parent.status, TaskStatus::Final { outcome, .. } if outcome != Outcome::Done);
			ensure!(!lost, Error::<T>::ParentFailed);
		}
		Ok(())
	}

	/// Refuses an assignee that may never take the task.
	fn check_assignee(creator: &T::AccountId, terms: &TermsOf<T>) -> DispatchResult {
		let Some(assignee) = &terms.assignee else { return Ok(()) };
		ensure!(Self::may_work(creator, terms, assignee), Error::<T>::JudgeCannotWork);
		Ok(())
	}

	/// Whether the account may take the task: nobody judges its own work, but for a creator that pays and judges itself.
	pub(crate) fn may_work(creator: &T::AccountId, terms: &TermsOf<T>, worker: &T::AccountId) -> bool {
		worker == creator || *worker != terms.review.judge
	}

	/// Offers a task on private inputs to their owner alone, so that the data stays with it.
	fn offer_to_owner(terms: &mut TermsOf<T>, private_to: Option<T::AccountId>) -> DispatchResult {
		if let Some(owner) = private_to {
			let assignee = terms.assignee.get_or_insert(owner.clone());
			ensure!(*assignee == owner, Error::<T>::PrivateInputsDiffer);
		}
		Ok(())
	}
}
