//! Weights of calls: each is its own benchmark and those of what may be due on the objects that it touches.
//!
//! A call that touches a task is weighed with as many parents as a task can have and `BATCH` live attempts to abort;
//! what there was not is refunded. None grows with the number of objects.

use crate::{
	bounds::{MAX_INPUTS, MAX_PARENTS, MAX_ROLES},
	lifecycle::{BATCH, FAMILY},
	purge::PURGE_BATCH,
	Config, Input, Object, Outcome, Pallet, SpecOf, Specs, TaskId, TaskKind, TaskStatus, Tasks, WeightInfo,
};
use frame_support::weights::Weight;
use pallet_registry::{
	bounds::{MAX_MODELS, MAX_OBJECTIVES},
	WeightInfo as _,
};

const MOST_ATTEMPTS: u32 = BATCH as u32;
const MOST_RECORDS: u32 = PURGE_BATCH as u32;

/// Settling a task with so many parents, where nothing is being aborted.
fn settled<T: Config>(parents: u32) -> Weight {
	<T as Config>::WeightInfo::settle_task(parents)
}

/// A batch of live attempts to abort.
fn aborted<T: Config>() -> Weight {
	<T as Config>::WeightInfo::abort_attempts(MOST_ATTEMPTS)
}

/// The weight of all that may be due on a task that is touched.
fn due<T: Config>() -> Weight {
	settled::<T>(MAX_PARENTS).saturating_add(aborted::<T>())
}

/// A call on a task that weighs this by itself.
pub(crate) fn touch<T: Config>(call: Weight) -> Weight {
	due::<T>().saturating_add(call)
}

pub(crate) fn cancel_task<T: Config>() -> Weight {
	touch::<T>(<T as Config>::WeightInfo::cancel_task(MOST_ATTEMPTS))
}

/// Sending may accept at once.
pub(crate) fn send_result<T: Config>(numbers: usize) -> Weight {
	touch::<T>(<T as Config>::WeightInfo::send_task_result(numbers as u32)).saturating_add(dearest_acceptance::<T>())
}

pub(crate) fn accept_result<T: Config>() -> Weight {
	touch::<T>(dearest_acceptance::<T>())
}

/// Every input is looked up, and compared with the Test samples of every objective.
pub(crate) fn create_task<T: Config>(spec: &SpecOf<T>) -> Weight {
	let (inputs, parents) = (spec.inputs.len() as u32, spec.parents.len() as u32);
	let examined = <T as Config>::WeightInfo::create_task(inputs, parents).saturating_add(compared::<T>(spec));
	touch::<T>(examined.max(<T as Config>::WeightInfo::create_scoring(inputs)))
}

/// The same with roles, in which each parent is taken.
pub(crate) fn create_task_with_roles<T: Config>(spec: &SpecOf<T>) -> Weight {
	let (inputs, parents) = (spec.inputs.len() as u32, spec.parents.len() as u32);
	let examined = <T as Config>::WeightInfo::create_task_with_roles(inputs, parents);
	let examined = examined.saturating_add(compared::<T>(spec));
	touch::<T>(examined.max(<T as Config>::WeightInfo::create_performance(inputs)))
}

/// The same with rights on its models, for which it makes some.
pub(crate) fn create_task_with_rights<T: Config>(spec: &SpecOf<T>) -> Weight {
	let (inputs, parents) = (spec.inputs.len() as u32, spec.parents.len() as u32);
	touch::<T>(<T as Config>::WeightInfo::create_task_with_rights(inputs, parents).saturating_add(compared::<T>(spec)))
}

fn compared<T: Config>(spec: &SpecOf<T>) -> Weight {
	let looks = (spec.inputs.len() + 1) * spec.objectives.len();
	<T as pallet_registry::Config>::WeightInfo::look_up_tests(looks as u32)
}

pub(crate) fn purge_task<T: Config>() -> Weight {
	<T as Config>::WeightInfo::purge_task(MOST_RECORDS, MOST_RECORDS)
}

/// Accepting a result of so many models of a task of this kind, on so many assets, models and objectives.
fn acceptance<T: Config>(kind: TaskKind, assets: u32, models: u32, objectives: u32, outputs: u32) -> Weight {
	match kind {
		TaskKind::Annotation => <T as Config>::WeightInfo::accept_annotation(assets),
		TaskKind::Scoring => <T as Config>::WeightInfo::accept_scoring(assets),
		TaskKind::Training | TaskKind::Restructuring | TaskKind::Aggregation if outputs <= 1 => {
			<T as Config>::WeightInfo::accept_task_results(assets, models, objectives)
		}
		_ => {
			let function = <T as Config>::WeightInfo::accept_function(assets, models, objectives, outputs);
			function.max(<T as Config>::WeightInfo::accept_prediction(assets, outputs))
		}
	}
}

fn dearest_acceptance<T: Config>() -> Weight {
	let dearest = |kind| acceptance::<T>(kind, MAX_INPUTS, MAX_MODELS, MAX_OBJECTIVES, MAX_ROLES);
	dearest(TaskKind::Function).max(dearest(TaskKind::Scoring)).max(dearest(TaskKind::Annotation))
}

/// Settling an object, with the others one visit reaches: only a final task looks after its children and reports.
pub(crate) fn settle<T: Config>(object: &Object<T::AccountId>) -> Weight {
	match object {
		Object::Task(id) if Tasks::<T>::get(id).is_some_and(|task| !task.is_final()) => touch::<T>(reports::<T>()),
		Object::Task(_) => family::<T>().saturating_add(touch::<T>(reports::<T>())),
		// It lapses: about what handing back does.
		Object::Assignment(..) => touch::<T>(<T as Config>::WeightInfo::hand_back()),
		Object::Submission(..) => accept_result::<T>(),
		Object::Plan(_) => family::<T>().saturating_add(<T as Config>::WeightInfo::poke()),
	}
}

/// Anyone may poke anything, so the dearest object counts.
pub(crate) fn poke<T: Config>() -> Weight {
	let task = family::<T>().saturating_add(touch::<T>(reports::<T>()));
	let plan = family::<T>().saturating_add(<T as Config>::WeightInfo::poke());
	task.max(plan).max(accept_result::<T>()).max(touch::<T>(<T as Config>::WeightInfo::hand_back()))
}

/// A batch of reports whose fees are decided.
fn reports<T: Config>() -> Weight {
	<T as Config>::WeightInfo::settle_reports(MOST_ATTEMPTS)
}

/// A batch of children, or of a plan's tasks.
fn family<T: Config>() -> Weight {
	due::<T>().saturating_mul(FAMILY as u64)
}

/// The dearest entry of the agenda.
pub(crate) fn dearest_entry<T: Config>() -> Weight {
	<T as Config>::WeightInfo::agenda_head().saturating_add(agenda_entry::<T>(poke::<T>()))
}

/// An entry whose object weighs this to settle. Where that fails, the entry is put off.
pub(crate) fn agenda_entry<T: Config>(settled: Weight) -> Weight {
	<T as Config>::WeightInfo::agenda_entry().saturating_add(settled)
}

/// The refund of touching a task: settling, where nothing was due; else parents that it doesn't have; and a batch
/// where nothing is being aborted. The call's own benchmark has the task's record and lists.
pub(crate) fn task_unneeded<T: Config>(id: TaskId) -> Weight {
	let parents = Specs::<T>::get(id).map_or(0, |spec| spec.parents.len() as u32);
	let needed = if parents == 0 && goes_on::<T>(id) { Weight::zero() } else { settled::<T>(parents) };
	let absent = settled::<T>(MAX_PARENTS).saturating_sub(needed);
	absent.saturating_add(if aborts::<T>(id) { Weight::zero() } else { aborted::<T>() })
}

/// Whether neither time nor a plan has ended the task, or a pause of it.
fn goes_on<T: Config>(id: TaskId) -> bool {
	Tasks::<T>::get(id).is_some_and(|task| !task.is_closing() && !task.is_final() && task.resumed == 0)
}

/// The refund of cancelling a task: attempts to abort, where it doesn't abort.
pub(crate) fn cancel_unneeded<T: Config>(id: TaskId) -> Weight {
	let aborting = <T as Config>::WeightInfo::cancel_task(MOST_ATTEMPTS);
	let plain = aborting.saturating_sub(<T as Config>::WeightInfo::cancel_task(0));
	task_unneeded::<T>(id).saturating_add(if aborts::<T>(id) { Weight::zero() } else { plain })
}

/// Whether live attempts are being aborted, or may have been till the task ended.
fn aborts<T: Config>(id: TaskId) -> bool {
	Tasks::<T>::get(id).is_none_or(|task| match task.status {
		TaskStatus::Closing { aborting, .. } => aborting.is_some(),
		TaskStatus::Final { outcome, .. } => outcome == Outcome::Cancelled,
		_ => false,
	})
}

/// The further refund of deciding on a result: inputs that its task doesn't have.
pub(crate) fn result_unneeded<T: Config>(id: TaskId) -> Weight {
	let needed = Tasks::<T>::get(id).zip(Specs::<T>::get(id)).map(|(task, spec)| {
		let models = spec.inputs.iter().filter(|input| matches!(input, Input::Model(_))).count();
		let roles = Pallet::<T>::roles_of(id, task.terms.kind, &spec);
		let (assets, taken) = (spec.inputs.len() - models, models + roles.takes.len());
		let outputs = roles.models().count() as u32;
		acceptance::<T>(task.terms.kind, assets as u32, taken as u32, spec.objectives.len() as u32, outputs)
	});
	let absent = dearest_acceptance::<T>().saturating_sub(needed.unwrap_or_default());
	task_unneeded::<T>(id).saturating_add(absent)
}

/// The same of sending a result to a judge, which accepts nothing yet.
pub(crate) fn send_unneeded<T: Config>(id: TaskId) -> Weight {
	let judged = Tasks::<T>::get(id).is_none_or(|task| task.terms.review.window > 0);
	if judged {
		return task_unneeded::<T>(id).saturating_add(dearest_acceptance::<T>());
	}
	result_unneeded::<T>(id)
}
