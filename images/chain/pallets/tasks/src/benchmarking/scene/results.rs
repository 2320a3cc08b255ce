//! Attempts and their results.

use super::*;
use alloc::vec;
use frame_system::RawOrigin;

type Outcomes = Result<(), BenchmarkError>;

/// As many outputs as a result may have; the first is a model.
pub fn outputs(number: u8) -> Outputs {
	let name = |index: u8| if index == 0 { b"model".to_vec() } else { vec![index; 32] };
	let output = |index: u8| Output { name: BoundedVec::truncate_from(name(index)), digest: [number ^ index; 32] };
	Outputs::truncate_from((0..8).map(output).collect())
}

fn performances<'a>(roles: impl Iterator<Item = &'a OutputRole>) -> Perfs {
	let perf = |role: &OutputRole| Perf { name: BoundedVec::truncate_from(role.name.to_vec()), value: 1 };
	Perfs::truncate_from(roles.map(perf).collect())
}

/// So many numbers, the score first.
pub fn numbers(count: u32) -> Perfs {
	let name = |index: u32| if index == 0 { b"all".to_vec() } else { vec![index as u8; 64] };
	let perf = |index: u32| Perf { name: BoundedVec::truncate_from(name(index)), value: i128::from(index) };
	Perfs::truncate_from((0..count).map(perf).collect())
}

pub fn take<T: Config>(worker: &T::AccountId, task: TaskId) -> Outcomes {
	Pallet::<T>::assign_task(RawOrigin::Signed(worker.clone()).into(), task)?;
	Ok(())
}

/// So many accounts take a slot each.
pub fn take_all<T: Config>(task: TaskId, count: u32) -> Outcomes {
	(0..count).try_for_each(|index| take::<T>(&rich::<T>("worker", index)?, task))
}

fn epoch<T: Config>(worker: &T::AccountId, task: TaskId) -> Epoch {
	Assignments::<T>::get(worker, task).map_or(0, |attempt| attempt.epoch)
}

pub fn report<T: Config>(worker: &T::AccountId, task: TaskId, category: FailureCategory) -> Outcomes {
	let epoch = epoch::<T>(worker, task);
	Pallet::<T>::report_failure(RawOrigin::Signed(worker.clone()).into(), task, epoch, category, [1; 32])?;
	Ok(())
}

pub fn send<T: Config>(worker: &T::AccountId, task: TaskId) -> Outcomes {
	let described = Tasks::<T>::get(task).expect("the task was created");
	let numbers = match described.terms.kind {
		TaskKind::Scoring => numbers(16),
		_ => performances(Pallet::<T>::outputs_of(task, &described).performances()),
	};
	let (origin, epoch) = (RawOrigin::Signed(worker.clone()).into(), epoch::<T>(worker, task));
	Pallet::<T>::send_task_result(origin, task, epoch, [1; 32], outputs(0), longest(), numbers)?;
	Ok(())
}

/// A result is accepted.
pub fn deliver<T: Config>(judge: &T::AccountId, worker: &T::AccountId, task: TaskId) -> Outcomes {
	take::<T>(worker, task)?;
	send::<T>(worker, task)?;
	let origin = RawOrigin::Signed(judge.clone()).into();
	Pallet::<T>::accept_task_results(origin, task, NextSubmission::<T>::get())?;
	Ok(())
}

/// A task whose only submission waits for its judge; its worker failed before.
pub fn reviewed<T: Config>(
	creator: &T::AccountId,
	terms: TermsOf<T>,
	spec: SpecOf<T>,
) -> Result<(TaskId, T::AccountId), BenchmarkError> {
	let task = create::<T>(creator, terms, spec)?;
	Ok((task, deliverable::<T>(task)?))
}

/// A worker fails at the task, and sends its result at the second try.
pub fn deliverable<T: Config>(task: TaskId) -> Result<T::AccountId, BenchmarkError> {
	let worker = rich::<T>("worker", 0)?;
	take::<T>(&worker, task)?;
	report::<T>(&worker, task, FailureCategory::NodeError)?;
	take::<T>(&worker, task)?;
	send::<T>(&worker, task)?;
	Ok(worker)
}
