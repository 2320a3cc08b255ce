//! Benchmarks of creators' calls: plans and tasks, from creation to purge.

use super::scene::*;
use crate::*;
use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::traits::Get;
use frame_system::RawOrigin;

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn create_plan() -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		#[extrinsic_call]
		_(RawOrigin::Signed(creator));
		assert!(Plans::<T>::contains_key(1));
		Ok(())
	}

	#[benchmark]
	fn cancel_plan() -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let plan = plan_of::<T>(&creator)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), plan, true);
		assert!(Plans::<T>::get(plan).is_some_and(|plan| plan.cancelled.is_some() && plan.alarm.is_some()));
		Ok(())
	}

	/// A training on `i` assets that waits for `p` parents.
	#[benchmark]
	fn create_task(i: Linear<1, 256>, p: Linear<0, 16>) -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let parents: Vec<_> = (0..p)
			.map(|_| create::<T>(&creator, Terms { slots: 1, ..training::<T>(&creator)? }, runnable::<T>(&creator)))
			.collect::<Result<_, _>>()?;
		let spec = Spec { inputs: assets::<T>(&creator, i), parents: Parents::truncate_from(parents), ..spec::<T>() };
		let terms = Terms { plan: Some(plan_of::<T>(&creator)?), ..training::<T>(&creator)? };
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), terms, spec);
		let task = Tasks::<T>::get(u64::from(p) + 1).expect("it was created after its parents");
		assert_eq!(task.status, if p == 0 { TaskStatus::Open } else { TaskStatus::Waiting });
		Ok(())
	}

	/// A function on `i` assets that waits for `p` functions, of each of which it takes a private output.
	#[benchmark]
	fn create_task_with_roles(i: Linear<1, 256>, p: Linear<0, 16>) -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let (terms, spec, roles) = function_after::<T>(&creator, i, p)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), terms, spec, roles);
		assert_eq!(status::<T>(u64::from(p) + 1), if p == 0 { TaskStatus::Open } else { TaskStatus::Waiting });
		Ok(())
	}

	/// The same, with rights on its models as well.
	#[benchmark]
	fn create_task_with_rights(i: Linear<1, 256>, p: Linear<0, 16>) -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let (terms, spec, roles) = function_after::<T>(&creator, i, p)?;
		let rights = most_rights::<T>();
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), terms, spec, Some(roles), rights);
		let task = u64::from(p) + 1;
		assert_eq!(status::<T>(task), if p == 0 { TaskStatus::Open } else { TaskStatus::Waiting });
		assert!(TaskRights::<T>::contains_key(task) && OutputRights::<T>::contains_key(task));
		Ok(())
	}

	/// A function that is to certify a prediction on `s` samples, for which it waits.
	#[benchmark]
	fn create_performance(s: Linear<1, 252>) -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let (prediction, score) = predicted::<T>(&creator, s)?;
		let terms = training::<T>(&creator)?;
		let parent = create_function::<T>(&creator, terms.clone(), prediction, roles(8, vec![]))?;
		let spec = Spec { parents: Parents::truncate_from(vec![parent]), ..score };
		let terms = Terms { kind: TaskKind::Function, plan: Some(plan_of::<T>(&creator)?), ..terms };
		#[block]
		{
			let takes = vec![Take { parent, output: 1 }];
			Pallet::<T>::create_task_with_roles(RawOrigin::Signed(creator).into(), terms, spec, roles(0, takes))?;
		}
		assert_eq!(status::<T>(2), TaskStatus::Waiting);
		Ok(())
	}

	/// A scoring by an objective of `s` samples.
	#[benchmark]
	fn create_scoring(s: Linear<1, 252>) -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let spec = certification::<T>(&creator, s);
		let terms = Terms { kind: TaskKind::Scoring, ..training::<T>(&creator)? };
		#[block]
		{
			Pallet::<T>::create_task(RawOrigin::Signed(creator).into(), terms, spec)?;
		}
		assert!(Tasks::<T>::contains_key(1));
		Ok(())
	}

	/// Aborts a task with `a` live attempts.
	#[benchmark]
	fn cancel_task(a: Linear<0, 4>) -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let task = create::<T>(&creator, Terms { slots: a + 1, ..training::<T>(&creator)? }, runnable::<T>(&creator))?;
		take_all::<T>(task, a)?;
		pass::<T>(1);
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), task, true);
		assert_eq!(ended::<T>(task), Some(Outcome::Cancelled));
		Ok(())
	}

	#[benchmark]
	fn resume_task() -> Result<(), BenchmarkError> {
		let (creator, worker) = (rich_caller::<T>()?, rich::<T>("worker", 0)?);
		let task = create::<T>(&creator, training::<T>(&creator)?, runnable::<T>(&creator))?;
		take::<T>(&worker, task)?;
		report::<T>(&worker, task, FailureCategory::TaskError)?;
		assert!(matches!(status::<T>(task), TaskStatus::Paused { .. }));
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), task);
		assert_eq!(status::<T>(task), TaskStatus::Open);
		Ok(())
	}

	#[benchmark]
	fn confirm_failure() -> Result<(), BenchmarkError> {
		let (creator, worker) = (rich_caller::<T>()?, rich::<T>("worker", 0)?);
		let task = create::<T>(&creator, training::<T>(&creator)?, runnable::<T>(&creator))?;
		take::<T>(&worker, task)?;
		report::<T>(&worker, task, FailureCategory::NodeError)?;
		pass::<T>(1);
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), task, worker.clone());
		assert!(!Reporters::<T>::contains_key(task, worker));
		Ok(())
	}

	/// `w` workers and `s` submissions; the task's own record with them.
	#[benchmark]
	fn purge_task(w: Linear<0, 31>, s: Linear<0, 31>) -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let (task, _) = reviewed::<T>(&creator, training::<T>(&creator)?, runnable::<T>(&creator))?;
		Pallet::<T>::accept_task_results(RawOrigin::Signed(creator.clone()).into(), task, 1)?;
		leave_records::<T>(task, w, s);
		pass::<T>(T::RetentionPeriod::get() + 1);
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), task);
		assert!(!Tasks::<T>::contains_key(task));
		assert_eq!(
			Workers::<T>::iter().count() + Submissions::<T>::iter().count() + Assignments::<T>::iter().count(),
			0
		);
		Ok(())
	}

	#[benchmark]
	fn purge_plan() -> Result<(), BenchmarkError> {
		let creator = rich_caller::<T>()?;
		let plan = plan_of::<T>(&creator)?;
		pass::<T>(T::RetentionPeriod::get() + 1);
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), plan);
		assert!(!Plans::<T>::contains_key(plan));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::externalities(), crate::tests::World);
}
