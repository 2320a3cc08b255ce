//! Plans and tasks: their terms, their creation, and what is left of them.

use super::*;
use alloc::{vec, vec::Vec};
use frame_system::RawOrigin;

/// Terms of a training in a plan of its judge's, with one slot and the longest review.
pub fn training<T: Config>(judge: &T::AccountId) -> Result<TermsOf<T>, BenchmarkError> {
	let reward = T::MinReward::get() * 10;
	Ok(Terms {
		kind: TaskKind::Training,
		reward,
		bond: reward,
		slots: 1,
		max_rejects: 1,
		max_failures: 1,
		review: Review { judge: judge.clone(), window: T::MaxWindow::get() },
		deadline: START + T::MaxDuration::get(),
		timeout: T::MinTimeout::get() * 4,
		plan: None,
		assignee: None,
	})
}

pub fn spec<T: Config>() -> SpecOf<T> {
	let (inputs, parents, objectives) = Default::default();
	Spec { digest: digest(0), uri: longest(), inputs, parents, objectives }
}

/// With an algo of this owner.
pub fn runnable<T: Config>(owner: &T::AccountId) -> SpecOf<T> {
	Spec { inputs: assets::<T>(owner, 1), ..spec::<T>() }
}

pub fn plan_of<T: Config>(creator: &T::AccountId) -> Result<PlanId, BenchmarkError> {
	Pallet::<T>::create_plan(RawOrigin::Signed(creator.clone()).into())?;
	Ok(NextPlan::<T>::get())
}

/// Creates the task, in a plan of its own unless it has one; of one that makes models, with rights on these.
pub fn create<T: Config>(
	creator: &T::AccountId,
	mut terms: TermsOf<T>,
	spec: SpecOf<T>,
) -> Result<TaskId, BenchmarkError> {
	if terms.plan.is_none() {
		terms.plan = Some(plan_of::<T>(creator)?);
	}
	let origin = RawOrigin::Signed(creator.clone()).into();
	if terms.kind.makes_model() {
		Pallet::<T>::create_task_with_rights(origin, terms, spec, None, most_rights::<T>())?;
	} else {
		Pallet::<T>::create_task(origin, terms, spec)?;
	}
	Ok(NextTask::<T>::get())
}

/// So many models, the first of them private, then performances up to what roles can name.
pub fn roles(models: u32, takes: Vec<Take>) -> Roles {
	let role = |(place, output): (usize, &Output)| {
		let kind = if (place as u32) < models { OutputKind::Model } else { OutputKind::Performance };
		OutputRole { name: output.name.clone(), kind, private: models > 0 && place == 0 }
	};
	let outputs = outputs(0).iter().enumerate().map(role).collect();
	Roles { outputs: BoundedVec::truncate_from(outputs), takes: BoundedVec::truncate_from(takes) }
}

/// Creates a function with these roles and with rights on its models, in a plan of its own.
pub fn create_function<T: Config>(
	creator: &T::AccountId,
	terms: TermsOf<T>,
	spec: SpecOf<T>,
	roles: Roles,
) -> Result<TaskId, BenchmarkError> {
	let terms = Terms { kind: TaskKind::Function, plan: Some(plan_of::<T>(creator)?), ..terms };
	let (origin, rights) = (RawOrigin::Signed(creator.clone()).into(), most_rights::<T>());
	Pallet::<T>::create_task_with_rights(origin, terms, spec, Some(roles), rights)?;
	Ok(NextTask::<T>::get())
}

/// A function on `inputs` assets that waits for `count` functions, of each of which it takes a private output.
pub fn function_after<T: Config>(
	creator: &T::AccountId,
	inputs: u32,
	count: u32,
) -> Result<(TermsOf<T>, SpecOf<T>, Roles), BenchmarkError> {
	let terms = Terms { assignee: Some(rich::<T>("worker", 0)?), ..training::<T>(creator)? };
	let parents: Vec<_> = (0..count)
		.map(|_| create_function::<T>(creator, terms.clone(), runnable::<T>(creator), roles(8, vec![])))
		.collect::<Result<_, _>>()?;
	let takes = parents.iter().map(|parent| Take { parent: *parent, output: 0 }).collect();
	let spec = Spec { inputs: assets::<T>(creator, inputs), parents: Parents::truncate_from(parents), ..spec::<T>() };
	let terms = Terms { kind: TaskKind::Function, plan: Some(plan_of::<T>(creator)?), ..terms };
	Ok((terms, spec, roles(8, takes)))
}

pub fn status<T: Config>(task: TaskId) -> TaskStatus {
	Tasks::<T>::get(task).expect("the task was created").status
}

pub fn ended<T: Config>(task: TaskId) -> Option<Outcome> {
	match status::<T>(task) {
		TaskStatus::Final { outcome, .. } => Some(outcome),
		_ => None,
	}
}

/// A final task has so many workers and submissions, copies of its own ones.
pub fn leave_records<T: Config>(task: TaskId, workers: u32, submissions: u32) {
	let worker: T::AccountId = account("worker", 0, 0);
	let (attempt, sent) = (Assignments::<T>::take(&worker, task), Submissions::<T>::take(task, 1));
	Workers::<T>::remove(task, &worker);
	let _ = SentOutputs::<T>::clear_prefix(task, u32::MAX, None);
	for index in 0..workers {
		let worker: T::AccountId = account("worker", index, 0);
		Workers::<T>::insert(task, &worker, ());
		Assignments::<T>::set(worker, task, attempt.clone());
	}
	for index in 0..submissions {
		Submissions::<T>::set(task, SubmissionId::from(index), sent.clone());
		SentOutputs::<T>::insert(task, digest(index), SubmissionId::from(index));
	}
}
