//! Benchmarks of workers' and judges' calls: attempts, results and decisions on them.

use super::scene::*;
use crate::*;
use alloc::vec;
use core::marker::PhantomData;
use frame_benchmarking::v2::*;
use frame_support::traits::Get;
use frame_system::RawOrigin;
use pallet_registry::{AssetKind, Label, Made, ModelId, Models, Predictions, Scores};

/// Carries the benchmarks of this module, as the pallet carries those of creators' calls.
pub struct Pallet<T: Config>(PhantomData<T>);

#[benchmarks]
mod benchmarks {
	use super::*;

	/// Of the last free slot, by an account that failed at it before.
	#[benchmark]
	fn assign_task() -> Result<(), BenchmarkError> {
		let (creator, worker) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let task = create::<T>(&creator, training::<T>(&creator)?, runnable::<T>(&creator))?;
		take::<T>(&worker, task)?;
		report::<T>(&worker, task, FailureCategory::NodeError)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(worker.clone()), task);
		assert!(LiveWorkers::<T>::contains_key(task, worker));
		Ok(())
	}

	/// A scoring's, with `n` numbers, for a judge.
	#[benchmark]
	fn send_task_result(n: Linear<1, 16>) -> Result<(), BenchmarkError> {
		let (creator, worker) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let terms = Terms { kind: TaskKind::Scoring, ..training::<T>(&creator)? };
		let task = create::<T>(&creator, terms, certification::<T>(&creator, 1))?;
		take::<T>(&worker, task)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(worker), task, 1, [1; 32], outputs(0), longest(), numbers(n));
		assert!(Submissions::<T>::get(task, 1).is_some_and(|sent| sent.alarm.is_some()));
		Ok(())
	}

	/// By the only account that may take the task, which pauses with it.
	#[benchmark]
	fn report_failure() -> Result<(), BenchmarkError> {
		let (creator, worker) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let terms = Terms { assignee: Some(worker.clone()), ..training::<T>(&creator)? };
		let task = create::<T>(&creator, terms, runnable::<T>(&creator))?;
		take::<T>(&worker, task)?;
		pass::<T>(1);
		#[extrinsic_call]
		_(RawOrigin::Signed(worker), task, 1, FailureCategory::TaskError, [1; 32]);
		assert!(matches!(status::<T>(task), TaskStatus::Paused { .. }));
		Ok(())
	}

	/// For the last time by the only account that may take the task, which ends with it.
	#[benchmark]
	fn hand_back() -> Result<(), BenchmarkError> {
		let (creator, worker) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let terms = Terms { assignee: Some(worker.clone()), ..training::<T>(&creator)? };
		let task = create::<T>(&creator, terms, runnable::<T>(&creator))?;
		let last = T::MaxHandBacks::get();
		for epoch in 1..=last {
			take::<T>(&worker, task)?;
			pass::<T>(1);
			if epoch < last {
				crate::Pallet::<T>::hand_back(RawOrigin::Signed(worker.clone()).into(), task, epoch)?;
			}
		}
		#[extrinsic_call]
		_(RawOrigin::Signed(worker), task, last);
		assert_eq!(ended::<T>(task), Some(Outcome::Failed));
		Ok(())
	}

	#[benchmark]
	fn decline_offer() -> Result<(), BenchmarkError> {
		let (creator, assignee) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let terms = Terms { assignee: Some(assignee.clone()), ..training::<T>(&creator)? };
		let task = create::<T>(&creator, terms, runnable::<T>(&creator))?;
		#[extrinsic_call]
		_(RawOrigin::Signed(assignee), task);
		assert_eq!(ended::<T>(task), Some(Outcome::Cancelled));
		Ok(())
	}

	/// Of a training on `a` assets whose bytes are models that a third imported, and on `m` models, clean for `o`
	/// objectives. The task ends with it.
	#[benchmark]
	fn accept_task_results(a: Linear<1, 240>, m: Linear<0, 16>, o: Linear<0, 4>) -> Result<(), BenchmarkError> {
		let (creator, judge) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let (task, _) = reviewed::<T>(&creator, training::<T>(&judge)?, lineage::<T>(&creator, a, m, o))?;
		had_before::<T>(&creator, &rich::<T>("worker", 0)?);
		#[extrinsic_call]
		_(RawOrigin::Signed(judge), task, 1);
		assert_eq!(ended::<T>(task), Some(Outcome::Done));
		assert!(pallet_registry::Pallet::<T>::model(&ModelId::first(1)).is_some_and(|model| {
			model.clean_for.len() as u32 == o && model.same_bytes.len() as u32 + model.more_same_bytes == a + 1
		}));
		Ok(())
	}

	/// The same of a function that makes `n` models and counts as a cross-validation.
	#[benchmark]
	fn accept_function(
		a: Linear<1, 240>,
		m: Linear<0, 16>,
		o: Linear<0, 4>,
		n: Linear<1, 7>,
	) -> Result<(), BenchmarkError> {
		let (creator, judge) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let (terms, spec) = (training::<T>(&judge)?, lineage::<T>(&creator, a, m, o));
		let task = create_function::<T>(&creator, terms, spec, roles(n, vec![]))?;
		let worker = deliverable::<T>(task)?;
		had_before::<T>(&creator, &worker);
		#[block]
		{
			crate::Pallet::<T>::accept_task_results(RawOrigin::Signed(judge).into(), task, 1)?;
		}
		assert_eq!(ended::<T>(task), Some(Outcome::Done));
		assert_eq!(Models::<T>::iter_key_prefix(1).count() as u32, n);
		Ok(())
	}

	/// The same of a function whose `n` outputs are predictions on the `s` samples of an objective.
	#[benchmark]
	fn accept_prediction(s: Linear<1, 252>, n: Linear<1, 8>) -> Result<(), BenchmarkError> {
		let (creator, judge) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let (prediction, _) = predicted::<T>(&creator, s)?;
		let task = create_function::<T>(&creator, training::<T>(&judge)?, prediction, roles(n, vec![]))?;
		let worker = deliverable::<T>(task)?;
		had_before::<T>(&creator, &worker);
		#[block]
		{
			crate::Pallet::<T>::accept_task_results(RawOrigin::Signed(judge).into(), task, 1)?;
		}
		assert_eq!(ended::<T>(task), Some(Outcome::Done));
		assert_eq!(Predictions::<T>::iter_key_prefix(1).count() as u32, n);
		Ok(())
	}

	/// The same of a scoring by an objective of `s` samples.
	#[benchmark]
	fn accept_scoring(s: Linear<1, 252>) -> Result<(), BenchmarkError> {
		let (creator, judge) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let terms = Terms { kind: TaskKind::Scoring, ..training::<T>(&judge)? };
		let (task, _) = reviewed::<T>(&creator, terms, certification::<T>(&creator, s))?;
		#[block]
		{
			crate::Pallet::<T>::accept_task_results(RawOrigin::Signed(judge).into(), task, 1)?;
		}
		assert!(Scores::<T>::contains_key(1, 1));
		Ok(())
	}

	/// The same of an annotation of `a` samples, the last of which is labelled Test.
	#[benchmark]
	fn accept_annotation(a: Linear<1, 256>) -> Result<(), BenchmarkError> {
		let (creator, judge) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let mut inputs = assets::<T>(&creator, a - 1);
		inputs.force_push(add_asset::<T>(&creator, a, AssetKind::DataSample(Label::Test)));
		let terms = Terms { kind: TaskKind::Annotation, ..training::<T>(&judge)? };
		let (task, worker) = reviewed::<T>(&creator, terms, Spec { inputs, ..spec::<T>() })?;
		#[block]
		{
			crate::Pallet::<T>::accept_task_results(RawOrigin::Signed(judge).into(), task, 1)?;
		}
		let made = outputs(0).iter().filter(|output| Made::<T>::contains_key(&worker, output.digest)).count();
		assert_eq!(made, 8);
		Ok(())
	}

	/// The last that may be rejected: the task ends with it.
	#[benchmark]
	fn reject_task_results() -> Result<(), BenchmarkError> {
		let (creator, judge) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let (task, _) = reviewed::<T>(&creator, training::<T>(&judge)?, runnable::<T>(&creator))?;
		#[extrinsic_call]
		_(RawOrigin::Signed(judge), task, 1, longest());
		assert_eq!(ended::<T>(task), Some(Outcome::Failed));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::externalities(), crate::tests::World);
}
