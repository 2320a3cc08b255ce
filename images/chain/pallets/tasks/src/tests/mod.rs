//! The world in which the pallet is tested: a runtime, accounts, and short ways to say what they do.

mod agenda;
mod chance;
mod claims;
mod closing;
mod creation;
mod failures;
mod inputs;
mod invariants;
mod order;
mod plans;
mod purge;
mod results;
mod tables;
mod walk;

use crate::{self as pallet_tasks, types::Task, *};
use frame_support::{
	derive_impl, parameter_types,
	traits::{fungible::Inspect, ConstU128, ConstU32, ConstU64, Hooks},
	weights::Weight,
};
use pallet_registry::{
	Asset, AssetKind, AssetRef, Assets, Balance, Digest, Direction, Label, Models, Moment, Visibility,
};
use sp_runtime::{BuildStorage, DispatchError, DispatchResult, Percent};

type Account = u64;
type Block = frame_system::mocking::MockBlock<World>;

pub const CREATOR: Account = 1;
pub const JUDGE: Account = 2;
pub const BOB: Account = 3;
pub const CAROL: Account = 4;
pub const DAVE: Account = 5;
pub const ERIN: Account = 6;
pub const TREASURY: Account = 9;
pub const PEOPLE: [Account; 6] = [CREATOR, JUDGE, BOB, CAROL, DAVE, ERIN];

pub const FORTUNE: Balance = 1_000_000;
pub const REWARD: Balance = 1_000;
pub const BOND: Balance = 300;
pub const REPORT_FEE: Balance = 20;
/// 10% of the reward.
pub const REJECT_FEE: Balance = 100;
pub const START: Moment = 1_000;
pub const DEADLINE: Moment = START + 10_000;
pub const TIMEOUT: Moment = 500;
pub const WINDOW: Moment = 200;
pub const PAUSE: Moment = 2_000;
pub const RETENTION: Moment = 50_000;
pub const MIN_TIMEOUT: Moment = 50;

frame_support::construct_runtime!(
	pub enum World {
		System: frame_system,
		Timestamp: pallet_timestamp,
		Balances: pallet_balances,
		Registry: pallet_registry,
		TaskPallet: pallet_tasks,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for World {
	type Block = Block;
	type AccountData = pallet_balances::AccountData<Balance>;
	type DbWeight = frame_support::weights::constants::RocksDbWeight;
}

impl pallet_timestamp::Config for World {
	type Moment = Moment;
	type OnTimestampSet = ();
	type MinimumPeriod = ConstU64<0>;
	type WeightInfo = ();
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for World {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<10>;
	type AccountStore = System;
}

parameter_types! {
	pub const RejectFee: Percent = Percent::from_percent(10);
}

impl pallet_registry::Config for World {
	type Currency = Balances;
	type Treasury = ConstU64<TREASURY>;
	type AssetFee = ConstU128<10>;
	type ObjectiveFee = ConstU128<10>;
}

impl pallet_tasks::Config for World {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Escrow = Balances;
	type MinReward = ConstU128<100>;
	type MinBond = ConstU128<50>;
	type ReportFee = ConstU128<REPORT_FEE>;
	type RejectFee = RejectFee;
	type MinTimeout = ConstU64<MIN_TIMEOUT>;
	type MaxWindow = ConstU64<5_000>;
	type PauseWindow = ConstU64<PAUSE>;
	type RetentionPeriod = ConstU64<RETENTION>;
	type MaxRetries = ConstU32<3>;
}

/// Runs `story` in a fresh world at `START`.
pub fn world(story: impl FnOnce()) {
	let mut storage = frame_system::GenesisConfig::<World>::default().build_storage().unwrap();
	let balances = PEOPLE.iter().map(|who| (*who, FORTUNE)).chain([(TREASURY, 10)]).collect();
	pallet_balances::GenesisConfig::<World> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	sp_io::TestExternalities::new(storage).execute_with(|| {
		System::set_block_number(1);
		at(START);
		story();
	});
}

/// Time passes, and nothing else happens.
pub fn at(moment: Moment) {
	pallet_timestamp::Now::<World>::put(moment);
}

/// The agenda is worked without a limit.
pub fn sweep() {
	TaskPallet::on_idle(1, Weight::MAX);
}

pub fn sweep_at(moment: Moment) {
	at(moment);
	sweep();
}

pub fn digest(number: u8) -> Digest {
	[number; 32]
}

/// Terms of a task for anyone with one slot, accepted at once.
pub fn terms() -> TermsOf<World> {
	Terms {
		kind: TaskKind::Annotation,
		reward: REWARD,
		bond: BOND,
		slots: 1,
		max_rejects: 1,
		max_failures: 1,
		review: Review { judge: CREATOR, window: 0 },
		deadline: DEADLINE,
		timeout: TIMEOUT,
		plan: None,
		assignee: None,
	}
}

/// The same with a judge who has a window.
pub fn judged() -> TermsOf<World> {
	Terms { review: Review { judge: JUDGE, window: WINDOW }, ..terms() }
}

pub fn spec() -> SpecOf<World> {
	Spec {
		digest: digest(200),
		uri: Default::default(),
		inputs: Default::default(),
		parents: Default::default(),
		objectives: Default::default(),
	}
}

pub fn child_of(parent: TaskId) -> SpecOf<World> {
	Spec { parents: vec![parent].try_into().unwrap(), ..spec() }
}

/// Does what a transaction does: all or nothing.
pub fn call(who: Account, call: crate::Call<World>) -> DispatchResult {
	use sp_runtime::traits::Dispatchable;
	let transaction = || RuntimeCall::TaskPallet(call).dispatch(RuntimeOrigin::signed(who));
	frame_support::storage::with_storage_layer(transaction).map(|_| ()).map_err(|refused| refused.error)
}

pub fn create(terms: TermsOf<World>, spec: SpecOf<World>) -> Result<TaskId, DispatchError> {
	create_as(CREATOR, terms, spec)
}

pub fn create_as(creator: Account, terms: TermsOf<World>, spec: SpecOf<World>) -> Result<TaskId, DispatchError> {
	call(creator, Call::create_task { terms, spec })?;
	Ok(NextTask::<World>::get())
}

pub fn take(worker: Account, task: TaskId) -> DispatchResult {
	call(worker, Call::assign_task { task })
}

pub fn model_outputs() -> Outputs {
	let model = Output { name: b"model".to_vec().try_into().unwrap(), digest: digest(100) };
	vec![model].try_into().unwrap()
}

pub fn result_of(worker: Account, task: TaskId) -> crate::Call<World> {
	let epoch = epoch_of(worker, task);
	let scoring = Tasks::<World>::get(task).is_some_and(|task| task.terms.kind == TaskKind::Scoring);
	let (outputs, perf) = (model_outputs(), scoring.then_some(900_000));
	Call::send_task_result { task, epoch, result: digest(101), outputs, uri: Default::default(), perf }
}

pub fn send(worker: Account, task: TaskId) -> DispatchResult {
	call(worker, result_of(worker, task))
}

/// Takes a task and sends a model of these bytes, and tells its id.
pub fn deliver_model(worker: Account, task: TaskId, number: u8) -> SubmissionId {
	take(worker, task).unwrap();
	let (epoch, result, uri, perf) = (epoch_of(worker, task), digest(101), Default::default(), None);
	let mut outputs = model_outputs();
	outputs[0].digest = digest(number);
	call(worker, Call::send_task_result { task, epoch, result, outputs, uri, perf }).unwrap();
	NextSubmission::<World>::get()
}

pub fn report(worker: Account, task: TaskId, category: FailureCategory) -> DispatchResult {
	call(worker, Call::report_failure { task, epoch: epoch_of(worker, task), category, log: digest(102) })
}

pub fn hand_back(worker: Account, task: TaskId) -> DispatchResult {
	call(worker, Call::hand_back { task, epoch: epoch_of(worker, task) })
}

pub fn cancel(task: TaskId, abort: bool) -> DispatchResult {
	call(CREATOR, Call::cancel_task { task, abort })
}

pub fn accept(judge: Account, task: TaskId, submission: SubmissionId) -> DispatchResult {
	call(judge, Call::accept_task_results { task, submission })
}

pub fn reject(judge: Account, task: TaskId, submission: SubmissionId) -> DispatchResult {
	let reason = b"blurred".to_vec().try_into().unwrap();
	call(judge, Call::reject_task_results { task, submission, reason })
}

pub fn poke(object: ObjectOf<World>) -> DispatchResult {
	call(ERIN, Call::poke { object })
}

pub fn epoch_of(worker: Account, task: TaskId) -> Epoch {
	Assignments::<World>::get(worker, task).map_or(0, |attempt| attempt.epoch)
}

pub fn task(id: TaskId) -> Task<Account> {
	Tasks::<World>::get(id).expect("the task exists")
}

pub fn attempt(worker: Account, task: TaskId) -> Assignment {
	Assignments::<World>::get(worker, task).expect("the assignment exists")
}

pub fn submission(task: TaskId, id: SubmissionId) -> Submission<Account> {
	Submissions::<World>::get(task, id).expect("the submission exists")
}

/// What an account can spend.
pub fn free(who: Account) -> Balance {
	Balances::free_balance(who)
}

pub fn bond_of(who: Account) -> Balance {
	TaskPallet::held_of(crate::HoldReason::Bond, &who)
}

pub fn escrow_of(who: Account) -> Balance {
	TaskPallet::held_of(crate::HoldReason::Escrow, &who)
}

/// What the treasury gained since genesis.
pub fn forfeited() -> Balance {
	Balances::total_balance(&TREASURY) - 10
}

pub fn ended(id: TaskId) -> Option<Outcome> {
	match task(id).status {
		TaskStatus::Final { outcome, .. } => Some(outcome),
		_ => None,
	}
}

pub fn paused(id: TaskId) -> bool {
	matches!(task(id).status, TaskStatus::Paused { .. })
}

pub fn asset(owner: Account, number: u8, kind: AssetKind) -> Input<Account> {
	asset_seen(owner, number, kind, Visibility::Shared)
}

/// Registers an asset and names it as an input.
pub fn asset_seen(owner: Account, number: u8, kind: AssetKind, visibility: Visibility) -> Input<Account> {
	Assets::<World>::insert(owner, digest(number), Asset { kind, visibility, uri: Default::default() });
	Input::Asset(AssetRef { owner, digest: digest(number) })
}

/// Creates an objective of Test samples, with metric 31 and opener 30.
pub fn objective(owner: Account, samples: &[u8]) -> u64 {
	asset(owner, 30, AssetKind::Opener);
	asset(owner, 31, AssetKind::Metric);
	for sample in samples {
		asset(owner, *sample, AssetKind::DataSample(Label::Test));
	}
	let samples: Vec<_> = samples.iter().map(|sample| digest(*sample)).collect();
	let (name, direction, samples) = (Default::default(), Direction::Higher, samples.try_into().unwrap());
	let origin = RuntimeOrigin::signed(owner);
	Registry::create_objective(origin, name, digest(31), digest(30), direction, 0, samples).unwrap();
	pallet_registry::NextObjective::<World>::get()
}

/// The name of the rule that a call broke.
pub fn rule(error: DispatchError) -> String {
	match error {
		DispatchError::Module(module) => module.message.unwrap_or_default().into(),
		other => format!("{other:?}"),
	}
}

/// What the pallet told since the last time.
pub fn told() -> Vec<Event<World>> {
	let records = System::events();
	System::reset_events();
	let ours = records.into_iter().filter_map(|record| match record.event {
		RuntimeEvent::TaskPallet(event) => Some(event),
		_ => None,
	});
	ours.collect()
}
