//! Benchmarks of settling what is due, on objects and through the agenda.

use super::scene::*;
use crate::lifecycle::{BATCH, FAMILY};
use crate::*;
use alloc::vec::Vec;
use core::marker::PhantomData;
use frame_benchmarking::v2::*;
use frame_support::weights::Weight;
use frame_system::RawOrigin;

/// Carries the benchmarks of this module, as the pallet carries those of creators' calls.
pub struct Pallet<T: Config>(PhantomData<T>);

#[benchmarks]
mod benchmarks {
	use super::*;

	/// A plan that was cancelled, with a batch of tasks to reach.
	#[benchmark]
	fn poke() -> Result<(), BenchmarkError> {
		let (creator, anyone) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let plan = plan_of::<T>(&creator)?;
		for _ in 0..FAMILY {
			create::<T>(&creator, Terms { plan: Some(plan), ..training::<T>(&creator)? }, runnable::<T>(&creator))?;
		}
		crate::Pallet::<T>::cancel_plan(RawOrigin::Signed(creator).into(), plan, true)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(anyone), Object::Plan(plan));
		assert_eq!(ended::<T>(FAMILY as TaskId), Some(Outcome::Cancelled));
		assert!(Plans::<T>::get(plan).is_some_and(|plan| plan.alarm.is_none()));
		Ok(())
	}

	/// A task that waited for `p` parents: they brought models, which nobody told it before its deadline passed. The look
	/// at the agenda's head is that of a task whose parents brought none.
	#[benchmark]
	fn settle_task(p: Linear<0, 16>) -> Result<(), BenchmarkError> {
		let (creator, worker) = (rich::<T>("creator", 0)?, rich::<T>("worker", 0)?);
		let terms = training::<T>(&creator)?;
		let parents: Vec<_> =
			(0..p).map(|_| create::<T>(&creator, terms.clone(), runnable::<T>(&creator))).collect::<Result<_, _>>()?;
		let spec = Spec { parents: Parents::truncate_from(parents.clone()), ..runnable::<T>(&creator) };
		let offered =
			Terms { assignee: Some(worker.clone()), deadline: terms.deadline - 1, ..training::<T>(&creator)? };
		let task = create::<T>(&creator, offered, spec)?;
		for parent in parents {
			deliver::<T>(&creator, &worker, parent)?;
		}
		at::<T>(terms.deadline);
		let settled;
		#[block]
		{
			settled = crate::Pallet::<T>::is_settled_before(terms.deadline);
			crate::Pallet::<T>::settle(&Object::Task(task))?;
		}
		assert!(!settled);
		assert_eq!(ended::<T>(task), Some(Outcome::Expired));
		Ok(())
	}

	/// The last `a` live attempts at a task that is being aborted.
	#[benchmark]
	fn abort_attempts(a: Linear<1, 4>) -> Result<(), BenchmarkError> {
		let creator = rich::<T>("creator", 0)?;
		let (batch, terms) = (BATCH as u32, training::<T>(&creator)?);
		let task = create::<T>(&creator, Terms { slots: batch + a, ..terms }, runnable::<T>(&creator))?;
		take_all::<T>(task, batch + a)?;
		pass::<T>(1);
		crate::Pallet::<T>::cancel_task(RawOrigin::Signed(creator).into(), task, true)?;
		#[block]
		{
			crate::Pallet::<T>::settle(&Object::Task(task))?;
		}
		assert_eq!(ended::<T>(task), Some(Outcome::Cancelled));
		Ok(())
	}

	/// The fees of `r` accounts' reports on a task that another did.
	#[benchmark]
	fn settle_reports(r: Linear<1, 4>) -> Result<(), BenchmarkError> {
		let (creator, worker) = (rich::<T>("creator", 0)?, rich::<T>("worker", 100)?);
		let task = create::<T>(&creator, training::<T>(&creator)?, runnable::<T>(&creator))?;
		for index in 0..r {
			let reporter = rich::<T>("worker", index)?;
			take::<T>(&reporter, task)?;
			report::<T>(&reporter, task, FailureCategory::NodeError)?;
		}
		deliver::<T>(&creator, &worker, task)?;
		pass::<T>(1);
		#[block]
		{
			crate::Pallet::<T>::settle(&Object::Task(task))?;
		}
		assert!(Tasks::<T>::get(task).is_some_and(|task| task.counters.reports == 0));
		Ok(())
	}

	/// A look at the agenda of which nothing is due.
	#[benchmark]
	fn agenda_head() -> Result<(), BenchmarkError> {
		let creator = rich::<T>("creator", 0)?;
		create::<T>(&creator, training::<T>(&creator)?, runnable::<T>(&creator))?;
		#[block]
		{
			crate::Pallet::<T>::work_agenda(Weight::MAX);
		}
		assert!(Tasks::<T>::get(1).is_some_and(|task| task.alarm.is_some()));
		Ok(())
	}

	/// An entry of the agenda that fails and is put off.
	#[benchmark]
	fn agenda_entry() -> Result<(), BenchmarkError> {
		let creator = rich::<T>("creator", 0)?;
		let task = create::<T>(&creator, training::<T>(&creator)?, runnable::<T>(&creator))?;
		Tasks::<T>::mutate_extant(task, |task| task.held = 0);
		at::<T>(training::<T>(&creator)?.deadline + 1);
		let due = Tasks::<T>::get(task).and_then(|task| task.alarm);
		#[block]
		{
			crate::Pallet::<T>::work_agenda(Weight::MAX);
		}
		assert_eq!(status::<T>(task), TaskStatus::Open);
		assert_ne!(Tasks::<T>::get(task).and_then(|task| task.alarm), due);
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::externalities(), crate::tests::World);
}
