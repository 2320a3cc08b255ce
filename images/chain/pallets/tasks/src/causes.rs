//! Moments of causes. An effect of a limit, a parent or a plan has the moment of its cause, however late and in
//! whatever order it is settled.

use crate::*;
use pallet_registry::Moment;

impl<T: Config> Pallet<T> {
	/// Notes that an attempt at the task or a review of its results ended at this moment.
	pub(crate) fn note_end(id: TaskId, at: Moment) {
		Causes::<T>::mutate(id, |known| {
			let causes = known.get_or_insert_default();
			causes.ended = causes.ended.max(at);
		});
	}

	/// Notes that the task was closed, or opened again, at this moment.
	pub(crate) fn note_turn(id: TaskId, at: Moment) {
		Causes::<T>::mutate(id, |known| {
			let causes = known.get_or_insert_default();
			causes.turned = causes.turned.max(at);
		});
	}

	/// Whether everything that fell due before this moment is done: no cause of an earlier one can come to light.
	pub(crate) fn is_settled_before(moment: Moment) -> bool {
		Agenda::<T>::iter_keys().next().is_none_or(|key| agenda::due_of(&key) >= moment)
	}
}
