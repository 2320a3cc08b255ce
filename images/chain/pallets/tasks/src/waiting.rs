//! Tasks that wait for the results of other tasks: when they open and when they end.
//!
//! Its parents may be lost at moments that nobody has settled yet, so it ends only once everything due before its own end
//! is done; the agenda, which is worked in the order of causes, gets there. Until then it counts as over.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::Moment;

/// The results and losses of a task's parents.
struct Known {
	/// The moment of the last parent's result, where all have results.
	ready: Option<Moment>,
	/// The moment at which the first of them ended without a result.
	lost: Moment,
}

impl<T: Config> Pallet<T> {
	/// A waiting task opens when all its parents have results. It is cancelled when one ended without, with its plan,
	/// when it was to certify a score of a model that turned out not to be clean, or when somebody holds a private model
	/// for it who may not take it, or its only worker may not process a parent's, and expires at its deadline.
	pub(crate) fn settle_waiting(id: TaskId, task: &mut TaskOf<T>, cancelled: Moment, now: Moment) -> DispatchResult {
		let spec = Specs::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
		let Known { ready, lost } = Self::look_at_parents(&spec);
		if let Some(at) = ready.filter(|at| *at <= task.terms.deadline.min(cancelled)) {
			Causes::<T>::remove(id);
			let roles = Self::roles_of(id, task.terms.kind, &spec);
			let takes_all = Self::inherit(task, &spec, &roles) && Self::offer_to_holder(task, &roles);
			if !takes_all || !Self::inherit_rights(id, task, &spec) {
				return Self::close(id, task, Outcome::Cancelled, at);
			}
			Self::change(id, task, TaskStatus::Open);
			return Ok(());
		}
		let Some((outcome, at)) = Self::end_of_waiting(task, lost.min(cancelled), now) else { return Ok(()) };
		let unsettled = if outcome == Outcome::Expired { at.saturating_add(1) } else { at };
		if Self::is_settled_before(unsettled) {
			Causes::<T>::remove(id);
			Self::close(id, task, outcome, at)?;
		}
		Ok(())
	}

	/// Ends a task that was cancelled or declined. One that waits may turn out to have ended before, with a parent that
	/// nobody has settled yet.
	pub(crate) fn end_unwanted(id: TaskId, task: &mut TaskOf<T>, now: Moment) -> DispatchResult {
		if task.status != TaskStatus::Waiting {
			return Self::close(id, task, Outcome::Cancelled, now);
		}
		Self::note_turn(id, now);
		Self::settle_waiting(id, task, now, now)
	}

	/// The moment at which a task that still waits was cancelled or declined; it has no other turns.
	pub(crate) fn withdrawn(id: TaskId, task: &TaskOf<T>) -> Option<Moment> {
		let turned = || Causes::<T>::get(id).map(|causes| causes.turned);
		(task.status == TaskStatus::Waiting).then(turned).flatten()
	}

	/// Whether the task waits for nothing any more, though it isn't settled how it ended.
	pub(crate) fn is_over(id: TaskId, task: &TaskOf<T>, now: Moment) -> bool {
		let lost = Specs::<T>::get(id).map_or(Moment::MAX, |spec| Self::look_at_parents(&spec).lost);
		let cancelled = Self::cancellation_of(id, task).map_or(Moment::MAX, |cancellation| cancellation.at);
		task.status == TaskStatus::Waiting && Self::end_of_waiting(task, lost.min(cancelled), now).is_some()
	}

	/// The outcome and the moment of the end of a task that waits in vain, or was cancelled at this moment.
	fn end_of_waiting(task: &TaskOf<T>, cancelled: Moment, now: Moment) -> Option<(Outcome, Moment)> {
		let deadline = task.terms.deadline;
		if cancelled <= deadline {
			return Some((Outcome::Cancelled, cancelled));
		}
		(now > deadline).then_some((Outcome::Expired, deadline))
	}

	fn look_at_parents(spec: &SpecOf<T>) -> Known {
		let mut known = Known { ready: Some(0), lost: Moment::MAX };
		for parent in spec.parents.iter().filter_map(Tasks::<T>::get) {
			match parent.status {
				TaskStatus::Final { outcome: Outcome::Done, at } => known.ready = known.ready.map(|last| last.max(at)),
				TaskStatus::Final { at, .. } => known = Known { ready: None, lost: known.lost.min(at) },
				_ => known.ready = None,
			}
		}
		known
	}
}
