//! Benchmarks of the task pallet's calls and of settling what is due, each in its most expensive state.
//!
//! `benchmark.py` measures them and writes `weights.rs`; `weighing.rs` adds them up to what a call weighs. The calls
//! are measured on tasks of which nothing is due; what may be due besides has benchmarks of its own.

mod scene;

use crate::{
	lifecycle::{BATCH, FAMILY},
	*,
};
use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::{traits::Get, weights::Weight};
use frame_system::RawOrigin;
use pallet_registry::{AssetKind, Label, Made, ModelId, Models, Predictions, Scores};
use scene::*;

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

	/// A function on `i` assets that waits for `p` functions, of each of which it takes a private output and another.
	#[benchmark]
	fn create_task_with_roles(i: Linear<1, 256>, p: Linear<0, 16>) -> Result<(), BenchmarkError> {
		let (creator, holder) = (rich_caller::<T>()?, rich::<T>("worker", 0)?);
		let terms = Terms { assignee: Some(holder), ..training::<T>(&creator)? };
		let parents: Vec<_> = (0..p)
			.map(|_| create_function::<T>(&creator, terms.clone(), runnable::<T>(&creator), roles(8, vec![])))
			.collect::<Result<_, _>>()?;
		let takes = parents.iter().map(|parent| Take { parent: *parent, output: 0 }).collect();
		let spec = Spec { inputs: assets::<T>(&creator, i), parents: Parents::truncate_from(parents), ..spec::<T>() };
		let terms = Terms { kind: TaskKind::Function, plan: Some(plan_of::<T>(&creator)?), ..terms };
		#[extrinsic_call]
		_(RawOrigin::Signed(creator), terms, spec, roles(8, takes));
		let task = Tasks::<T>::get(u64::from(p) + 1).expect("it was created after its parents");
		assert_eq!(task.status, if p == 0 { TaskStatus::Open } else { TaskStatus::Waiting });
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
				Pallet::<T>::hand_back(RawOrigin::Signed(worker.clone()).into(), task, epoch)?;
			}
		}
		#[extrinsic_call]
		_(RawOrigin::Signed(worker), task, last);
		assert_eq!(ended::<T>(task), Some(Outcome::Failed));
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
			Pallet::<T>::accept_task_results(RawOrigin::Signed(judge).into(), task, 1)?;
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
			Pallet::<T>::accept_task_results(RawOrigin::Signed(judge).into(), task, 1)?;
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
			Pallet::<T>::accept_task_results(RawOrigin::Signed(judge).into(), task, 1)?;
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
			Pallet::<T>::accept_task_results(RawOrigin::Signed(judge).into(), task, 1)?;
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

	/// A plan that was cancelled, with a batch of tasks to reach.
	#[benchmark]
	fn poke() -> Result<(), BenchmarkError> {
		let (creator, anyone) = (rich::<T>("creator", 0)?, rich_caller::<T>()?);
		let plan = plan_of::<T>(&creator)?;
		for _ in 0..FAMILY {
			create::<T>(&creator, Terms { plan: Some(plan), ..training::<T>(&creator)? }, runnable::<T>(&creator))?;
		}
		Pallet::<T>::cancel_plan(RawOrigin::Signed(creator).into(), plan, true)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(anyone), Object::Plan(plan));
		assert_eq!(ended::<T>(FAMILY as TaskId), Some(Outcome::Cancelled));
		assert!(Plans::<T>::get(plan).is_some_and(|plan| plan.alarm.is_none()));
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
			settled = Pallet::<T>::is_settled_before(terms.deadline);
			Pallet::<T>::settle(&Object::Task(task))?;
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
		Pallet::<T>::cancel_task(RawOrigin::Signed(creator).into(), task, true)?;
		#[block]
		{
			Pallet::<T>::settle(&Object::Task(task))?;
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
			Pallet::<T>::settle(&Object::Task(task))?;
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
			Pallet::<T>::work_agenda(Weight::MAX);
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
			Pallet::<T>::work_agenda(Weight::MAX);
		}
		assert_eq!(status::<T>(task), TaskStatus::Open);
		assert_ne!(Tasks::<T>::get(task).and_then(|task| task.alarm), due);
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::externalities(), crate::tests::World);
}
