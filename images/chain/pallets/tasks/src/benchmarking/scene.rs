//! Initial states of the benchmarks, made by the pallet's own calls where these can make them.

use super::*;
use frame_support::{traits::fungible::Mutate, BoundedVec};
use pallet_registry::{
	bounds::MAX_ACCOUNTS, Access, Accounts, Algos, Asset, AssetPermissions, AssetRef, Assets, Balance, Digest,
	Direction, FirstModel, Making, Model, ModelOf, Models, Moment, Objective, ObjectiveIds, Objectives, Origin,
	Permissions, Rights, Samples, Visibility, Worked,
};

const START: Moment = 1_000;
const FORTUNE: Balance = u64::MAX as Balance;
/// The first submission that brought one of the models which were there before.
const EARLIER: SubmissionId = 1_000_000;
const METRIC: u32 = 10_000;
const OPENER: u32 = 10_001;

type Outcomes = Result<(), BenchmarkError>;

/// The digest of a numbered asset.
fn digest(number: u32) -> Digest {
	let mut digest = [0xa5; 32];
	digest[..4].copy_from_slice(&number.to_le_bytes());
	digest
}

/// As many bytes as the bound allows.
pub fn longest<Bound: Get<u32>>() -> BoundedVec<u8, Bound> {
	BoundedVec::truncate_from(vec![b'x'; Bound::get() as usize])
}

pub fn at<T: Config>(moment: Moment) {
	pallet_timestamp::Now::<T>::put(moment);
}

pub fn pass<T: Config>(time: Moment) {
	at::<T>(Pallet::<T>::now() + time);
}

pub fn rich<T: Config>(name: &'static str, index: u32) -> Result<T::AccountId, BenchmarkError> {
	funded::<T>(account(name, index, 0))
}

pub fn rich_caller<T: Config>() -> Result<T::AccountId, BenchmarkError> {
	funded::<T>(whitelisted_caller())
}

fn funded<T: Config>(who: T::AccountId) -> Result<T::AccountId, BenchmarkError> {
	if Pallet::<T>::now() < START {
		at::<T>(START);
	}
	T::Currency::mint_into(&who, FORTUNE)?;
	Ok(who)
}

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

/// Creates the task, in a plan of its own unless it has one.
pub fn create<T: Config>(
	creator: &T::AccountId,
	mut terms: TermsOf<T>,
	spec: SpecOf<T>,
) -> Result<TaskId, BenchmarkError> {
	if terms.plan.is_none() {
		terms.plan = Some(plan_of::<T>(creator)?);
	}
	Pallet::<T>::create_task(RawOrigin::Signed(creator.clone()).into(), terms, spec)?;
	Ok(NextTask::<T>::get())
}

/// As many accounts as a permission names, all who take part among them.
fn most_permissions<T: Config>(owner: &T::AccountId) -> Permissions<T::AccountId> {
	let part = [owner.clone(), whitelisted_caller(), account("worker", 100, 0)];
	let others = (0..MAX_ACCOUNTS).map(|index| account("worker", index, 0));
	let accounts = || Access::Accounts(Accounts::truncate_from(part.iter().cloned().chain(others.clone()).collect()));
	Permissions { rights: Rights { process: accounts(), download: accounts(), logs: accounts() }, algos: Algos::Any }
}

/// Registers an asset and names it as an input.
pub fn add_asset<T: Config>(owner: &T::AccountId, number: u32, kind: AssetKind) -> Input<T::AccountId> {
	let asset = Asset { kind, visibility: Visibility::Shared, uri: longest(), since: 0 };
	Assets::<T>::insert(owner, digest(number), asset);
	AssetPermissions::<T>::insert(owner, digest(number), most_permissions::<T>(owner));
	Input::Asset(AssetRef { owner: owner.clone(), digest: digest(number) })
}

/// An algo and Train samples, so many together.
pub fn assets<T: Config>(owner: &T::AccountId, count: u32) -> Inputs<T::AccountId> {
	let kind = |number| if number == 1 { AssetKind::Algo } else { AssetKind::DataSample(Label::Train) };
	let inputs: Vec<_> = (1..=count).map(|number| add_asset::<T>(owner, number, kind(number))).collect();
	Inputs::truncate_from(inputs)
}

/// A model that was there before, clean for these objectives.
fn add_model<T: Config>(number: u32, clean_for: ObjectiveIds) -> ModelId {
	let id = ModelId::first(EARLIER + SubmissionId::from(number));
	let owner: T::AccountId = account("owner", number % 15, 0);
	let model = Model {
		owner: owner.clone(),
		trainer: owner.clone(),
		digest: digest(20_000 + number),
		uri: longest(),
		parents: BoundedVec::truncate_from(vec![id; 16]),
		clean_for,
		input_owners: BoundedVec::truncate_from(vec![owner; 16]),
		worked: Worked::default(),
		same_bytes: Default::default(),
		more_same_bytes: 0,
	};
	Models::<T>::insert(id.submission, id.output, model);
	id
}

fn add_objective<T: Config>(owner: &T::AccountId, id: u64, samples: u32) {
	let samples: Vec<_> = (1..=samples).map(digest).collect();
	let objective = Objective {
		owner: owner.clone(),
		name: longest(),
		metric: digest(METRIC),
		opener: digest(OPENER),
		direction: Direction::Higher,
		tolerance: 0,
		samples: Samples::truncate_from(samples),
	};
	Objectives::<T>::insert(id, objective);
}

/// What a scoring by an objective of so many samples takes: its model, its algo, and what it is measured with.
pub fn certification<T: Config>(owner: &T::AccountId, samples: u32) -> SpecOf<T> {
	add_objective::<T>(owner, 1, samples);
	let objectives = ObjectiveIds::truncate_from(vec![1]);
	let mut inputs: Vec<_> =
		(1..=samples).map(|number| add_asset::<T>(owner, number, AssetKind::DataSample(Label::Test))).collect();
	for (number, kind) in [(OPENER, AssetKind::Opener), (METRIC, AssetKind::Metric), (METRIC + 2, AssetKind::Algo)] {
		inputs.push(add_asset::<T>(owner, number, kind));
	}
	inputs.push(Input::Model(add_model::<T>(0, objectives.clone())));
	Spec { inputs: Inputs::truncate_from(inputs), objectives, ..spec::<T>() }
}

/// What a training takes whose assets are bytes of models that a third imported, beside models, clean for objectives.
pub fn lineage<T: Config>(owner: &T::AccountId, count: u32, models: u32, objectives: u32) -> SpecOf<T> {
	let objectives: Vec<_> = (1..=u64::from(objectives)).collect();
	for objective in &objectives {
		add_objective::<T>(owner, *objective, 1);
	}
	let objectives = ObjectiveIds::truncate_from(objectives);
	let mut inputs: Vec<_> = assets::<T>(owner, count).into_inner();
	(1..=count).for_each(|number| import_equal::<T>(digest(number)));
	inputs.extend((0..models).map(|number| Input::Model(add_model::<T>(number, objectives.clone()))));
	Spec { inputs: Inputs::truncate_from(inputs), objectives, ..spec::<T>() }
}

/// The bytes of the result are a model in the hands of both who make it now, and imported by a third.
pub fn had_before<T: Config>(creator: &T::AccountId, worker: &T::AccountId) {
	let digest = outputs(0)[0].digest;
	for (number, who) in [(100, creator), (101, worker)] {
		let model = Some(add_model::<T>(number, Default::default()));
		Made::<T>::insert(who, digest, Making { model, ..Making::new(0) });
	}
	import_equal::<T>(digest);
}

/// A third imported these bytes as a model.
fn import_equal<T: Config>(digest: Digest) {
	let third: T::AccountId = account("third", 0, 0);
	let asset = Asset { kind: AssetKind::Model, visibility: Visibility::Shared, uri: longest(), since: 0 };
	Assets::<T>::insert(&third, digest, asset);
	ModelOf::<T>::insert(digest, FirstModel { origin: Origin::Imported(third), since: 0 });
}

/// As many outputs as a result may have; the first is a model.
pub fn outputs(number: u8) -> Outputs {
	let name = |index: u8| if index == 0 { b"model".to_vec() } else { vec![index; 32] };
	let output = |index: u8| Output { name: BoundedVec::truncate_from(name(index)), digest: [number ^ index; 32] };
	Outputs::truncate_from((0..8).map(output).collect())
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

fn performances<'a>(roles: impl Iterator<Item = &'a OutputRole>) -> Perfs {
	let perf = |role: &OutputRole| Perf { name: BoundedVec::truncate_from(role.name.to_vec()), value: 1 };
	Perfs::truncate_from(roles.map(perf).collect())
}

/// Creates a function with these roles, in a plan of its own.
pub fn create_function<T: Config>(
	creator: &T::AccountId,
	terms: TermsOf<T>,
	spec: SpecOf<T>,
	roles: Roles,
) -> Result<TaskId, BenchmarkError> {
	let terms = Terms { kind: TaskKind::Function, plan: Some(plan_of::<T>(creator)?), ..terms };
	Pallet::<T>::create_task_with_roles(RawOrigin::Signed(creator.clone()).into(), terms, spec, roles)?;
	Ok(NextTask::<T>::get())
}

/// A function that predicts a clean model on the `samples` of an objective; and what the scoring of its output takes.
pub fn predicted<T: Config>(creator: &T::AccountId, samples: u32) -> Result<(SpecOf<T>, SpecOf<T>), BenchmarkError> {
	let mut prediction = certification::<T>(creator, samples);
	let mut score = prediction.clone();
	let digest_of = |input: &Input<T::AccountId>| match input {
		Input::Asset(named) => Some(named.digest),
		Input::Model(_) => None,
	};
	prediction.inputs.retain(|input| digest_of(input) != Some(digest(METRIC)));
	score.inputs.retain(|input| digest_of(input).is_some_and(|found| found != digest(METRIC + 2)));
	Ok((prediction, score))
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

pub fn status<T: Config>(task: TaskId) -> TaskStatus {
	Tasks::<T>::get(task).expect("the task was created").status
}

pub fn ended<T: Config>(task: TaskId) -> Option<Outcome> {
	match status::<T>(task) {
		TaskStatus::Final { outcome, .. } => Some(outcome),
		_ => None,
	}
}
