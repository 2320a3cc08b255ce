//! The agenda of what falls due. Every object that waits for time has one entry, which it knows, at the moment of its
//! cause: worked oldest first, the agenda follows the order in which things happened.

use crate::{weighing, *};
use frame_support::{pallet_prelude::*, storage::with_storage_layer, weights::WeightMeter};
use pallet_registry::Moment;

/// A failing entry comes again after an hour.
pub const POSTPONEMENT: Moment = 60 * 60 * 1_000;

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> Moment {
		pallet_timestamp::Now::<T>::get()
	}

	/// The next id of a counter; ids start at 1.
	pub(crate) fn count(counter: &mut u64) -> u64 {
		*counter += 1;
		*counter
	}

	/// Moves the object's entry to `wanted`, or takes it away.
	pub(crate) fn set_alarm(alarm: &mut Option<Alarm>, wanted: Option<Moment>, object: impl FnOnce() -> ObjectOf<T>) {
		if let (Some(old), Some(at)) = (&alarm, wanted) {
			if old.at == at && Agenda::<T>::contains_key(agenda_key(old)) {
				return;
			}
		}
		if let Some(old) = alarm.take() {
			Agenda::<T>::remove(agenda_key(&old));
		}
		*alarm = wanted.map(|at| {
			let new = Alarm { at, entry: NextEntry::<T>::mutate(Self::count) };
			Agenda::<T>::insert(agenda_key(&new), object());
			new
		});
	}

	/// Works entries that are due, oldest first, as far as the weight reaches; returns the weight used.
	pub(crate) fn work_agenda(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		while meter.try_consume(<T as Config>::WeightInfo::agenda_head()).is_ok() {
			let Some((key, object)) = Self::due_head() else { break };
			if meter.try_consume(weighing::agenda_entry::<T>(weighing::settle::<T>(&object))).is_err() {
				break;
			}
			let worked = with_storage_layer(|| {
				Agenda::<T>::remove(key);
				Self::settle(&object)
			});
			if let Err(error) = worked {
				Self::postpone(key, object, error);
			}
		}
		meter.consumed()
	}

	/// The oldest entry, if its limit has passed.
	fn due_head() -> Option<([u8; 16], ObjectOf<T>)> {
		let (key, object) = Agenda::<T>::iter().next()?;
		(due_of(&key) < Self::now()).then_some((key, object))
	}

	/// Does what is due on the object. One that is gone has nothing due.
	pub(crate) fn settle(object: &ObjectOf<T>) -> DispatchResult {
		match object {
			Object::Task(task) if Tasks::<T>::contains_key(task) => Self::settle_family(*task),
			Object::Assignment(worker, task) if Assignments::<T>::contains_key(worker, task) => {
				Self::with_task(*task, |record, now| Self::with_assignment(*task, record, worker, now, |_, _| Ok(())))
			}
			Object::Submission(task, submission) if Submissions::<T>::contains_key(task, submission) => {
				Self::with_task(*task, |record, now| Self::settle_submission(*task, record, *submission, now))
			}
			Object::Plan(plan) if Plans::<T>::contains_key(plan) => Self::sweep_plan(*plan),
			_ => Ok(()),
		}
	}

	/// Puts a failing entry an hour later, so that it can't stand in the way of the others.
	fn postpone(key: [u8; 16], object: ObjectOf<T>, error: DispatchError) {
		Agenda::<T>::remove(key);
		let again = Self::now().saturating_add(POSTPONEMENT);
		let mut alarm = None;
		Self::set_alarm(&mut alarm, Some(again), || object.clone());
		match &object {
			Object::Task(id) => Tasks::<T>::mutate_extant(id, |task| task.alarm = alarm),
			Object::Assignment(worker, id) => Assignments::<T>::mutate(worker, id, |attempt| {
				attempt.iter_mut().for_each(|attempt| attempt.alarm = alarm)
			}),
			Object::Submission(task, id) => Submissions::<T>::mutate(task, id, |submission| {
				submission.iter_mut().for_each(|submission| submission.alarm = alarm)
			}),
			Object::Plan(id) => Plans::<T>::mutate_extant(id, |plan| plan.alarm = alarm),
		}
		Self::deposit_event(Event::Postponed { object, again, error });
	}
}

/// Big-endian, so that the keys of the agenda are in the order of time.
pub(crate) fn agenda_key(alarm: &Alarm) -> [u8; 16] {
	let mut key = [0; 16];
	key[..8].copy_from_slice(&alarm.at.to_be_bytes());
	key[8..].copy_from_slice(&alarm.entry.to_be_bytes());
	key
}

/// The moment in a key of the agenda.
pub(crate) fn due_of(key: &[u8; 16]) -> Moment {
	let mut at = [0; 8];
	at.copy_from_slice(&key[..8]);
	Moment::from_be_bytes(at)
}
