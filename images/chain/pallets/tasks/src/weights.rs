//! What does each call cost? Upper bounds by hand, in reads and writes; none grows with the number of objects.
//!
//! A call that touches a task pays for one batch of what may be due on it: `BATCH` live attempts to abort.

use crate::{lifecycle::BATCH, purge::PURGE_BATCH, Config, Object, Tasks};
use frame_support::weights::Weight;
use sp_runtime::traits::Get;

/// Computing beside storage, in picoseconds, for one object that is touched.
const COMPUTING: u64 = 30_000_000;
const BATCH_WEIGHT: u64 = BATCH as u64;

fn objects<T: Config>(count: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(COMPUTING.saturating_mul(count), 0)
		.saturating_add(T::DbWeight::get().reads_writes(reads, writes))
}

/// An attempt with its alarm, its bond and what it does to its task.
fn attempt<T: Config>() -> Weight {
	objects::<T>(1, 8, 10)
}

/// A task by itself: record, spec, plan, up to 16 parents with their models, its assignee, lists, alarm, escrow.
fn task<T: Config>() -> Weight {
	objects::<T>(1, 45, 26)
}

pub(crate) fn touch_task<T: Config>() -> Weight {
	task::<T>().saturating_add(attempt::<T>().saturating_mul(BATCH_WEIGHT))
}

pub(crate) fn touch_assignment<T: Config>() -> Weight {
	touch_task::<T>().saturating_add(attempt::<T>())
}

/// A submission with its review, payment and model, whose lineage reads up to 16 parents and whose bytes are looked
/// for among the Test samples of up to 4 objectives.
pub(crate) fn touch_submission<T: Config>() -> Weight {
	touch_assignment::<T>().saturating_add(objects::<T>(1, 28, 10))
}

/// Sending may accept at once, and looks up who made the model.
pub(crate) fn send_result<T: Config>() -> Weight {
	touch_submission::<T>().saturating_add(objects::<T>(1, 36, 2))
}

pub(crate) fn create_plan<T: Config>() -> Weight {
	objects::<T>(1, 2, 3)
}

pub(crate) fn cancel_plan<T: Config>() -> Weight {
	objects::<T>(1, 3, 4)
}

/// Every input is looked up, and compared with the Test samples of every objective.
pub(crate) fn create_task<T: Config>(inputs: usize, objectives: usize, parents: usize) -> Weight {
	let (inputs, objectives, parents) = (inputs as u64, objectives as u64, parents as u64);
	let looked_up = inputs.saturating_mul(objectives.saturating_add(2)).saturating_add(objectives);
	// A parent's record and its model's to read; both its lists of children to write.
	let family = parents.saturating_mul(4);
	touch_task::<T>()
		.saturating_add(objects::<T>(1, 6, 8))
		.saturating_add(T::DbWeight::get().reads_writes(looked_up.saturating_add(family), family))
}

pub(crate) fn cancel_task<T: Config>() -> Weight {
	touch_task::<T>().saturating_add(attempt::<T>().saturating_mul(BATCH_WEIGHT))
}

pub(crate) fn purge_task<T: Config>() -> Weight {
	objects::<T>(1, 5 + 2 * PURGE_BATCH as u64, 4 + 3 * PURGE_BATCH as u64)
}

/// Looking at the agenda's head.
pub(crate) fn agenda_head<T: Config>() -> Weight {
	objects::<T>(1, 2, 1)
}

/// Settling an object, with the others one visit reaches: only a final task looks after its children.
pub(crate) fn settle<T: Config>(object: &Object<T::AccountId>) -> Weight {
	match object {
		Object::Task(id) if Tasks::<T>::get(id).is_some_and(|task| !task.is_final()) => touch_task::<T>(),
		Object::Task(_) => poke::<T>(),
		Object::Assignment(..) => touch_assignment::<T>(),
		Object::Submission(..) => touch_submission::<T>(),
		Object::Plan(_) => family::<T>(),
	}
}

/// Anyone may poke anything, so the dearest object counts.
pub(crate) fn poke<T: Config>() -> Weight {
	touch_task::<T>().saturating_mul(2).saturating_add(family::<T>())
}

/// A batch of children, or of a plan's tasks.
fn family<T: Config>() -> Weight {
	touch_task::<T>().saturating_mul(BATCH_WEIGHT)
}
