//! Helpers of the tests: terms, specs and calls of accounts.

use super::*;
use pallet_registry::{Access, Algos, AssetPermissions, Permissions, Rights};

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

/// The same of this kind.
pub fn of(kind: TaskKind) -> TermsOf<World> {
	Terms { kind, ..terms() }
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
	let spec = runnable(terms.kind, spec);
	call(creator, Call::create_task { terms, spec })?;
	Ok(NextTask::<World>::get())
}

/// Creates a task with roles, as the creator.
pub fn create_with(
	terms: TermsOf<World>,
	spec: SpecOf<World>,
	outputs: &[OutputRole],
	takes: &[(TaskId, u8)],
) -> Result<TaskId, DispatchError> {
	let spec = runnable(terms.kind, spec);
	call(CREATOR, Call::create_task_with_roles { terms, spec, roles: roles(outputs, takes) })?;
	Ok(NextTask::<World>::get())
}

/// Creates a task of the creator's with rights on its models.
pub fn create_giving(
	terms: TermsOf<World>,
	spec: SpecOf<World>,
	roles: Option<Roles>,
	rights: Rights<Account>,
) -> Result<TaskId, DispatchError> {
	let spec = runnable(terms.kind, spec);
	call(CREATOR, Call::create_task_with_rights { terms, spec, roles, rights })?;
	Ok(NextTask::<World>::get())
}

pub fn only(accounts: &[Account]) -> Access<Account> {
	Access::Accounts(accounts.to_vec().try_into().unwrap())
}

pub fn processed_by(accounts: &[Account]) -> Rights<Account> {
	Rights { process: only(accounts), ..Rights::public() }
}

/// An asset that these accounts may process.
pub fn for_some(owner: Account, number: u8, kind: AssetKind, accounts: &[Account]) -> Input<Account> {
	let permissions = Permissions { rights: processed_by(accounts), algos: Algos::Any };
	AssetPermissions::<World>::insert(owner, digest(number), permissions);
	asset(owner, number, kind)
}

pub fn roles(outputs: &[OutputRole], takes: &[(TaskId, u8)]) -> Roles {
	let takes = takes.iter().map(|(parent, output)| Take { parent: *parent, output: *output });
	Roles { outputs: outputs.to_vec().try_into().unwrap(), takes: takes.collect::<Vec<_>>().try_into().unwrap() }
}

pub fn model_role(name: &str) -> OutputRole {
	let name = name.as_bytes().to_vec().try_into().unwrap();
	OutputRole { name, kind: OutputKind::Model, private: false }
}

pub fn performance_role(name: &str) -> OutputRole {
	OutputRole { kind: OutputKind::Performance, ..model_role(name) }
}

/// A head, which stays on its node, and a trunk.
pub fn head_and_trunk() -> [OutputRole; 2] {
	[OutputRole { private: true, ..model_role("head") }, model_role("trunk")]
}

/// With an algo, where something is to run and nothing is named that could.
pub fn runnable(kind: TaskKind, mut spec: SpecOf<World>) -> SpecOf<World> {
	let runs = |input: &Input<Account>| match input {
		Input::Asset(named) => Assets::<World>::get(named.owner, named.digest).is_some_and(|asset| match asset.kind {
			AssetKind::Algo | AssetKind::Bundle => true,
			AssetKind::Function | AssetKind::Metric => kind == TaskKind::Function,
			_ => false,
		}),
		Input::Model(_) => false,
	};
	if (kind.makes_model() || kind == TaskKind::Function) && !spec.inputs.iter().any(runs) {
		spec.inputs.try_push(Input::Asset(AssetRef { owner: CREATOR, digest: digest(ALGO) })).unwrap();
	}
	spec
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
	let described = Tasks::<World>::get(task);
	let roles = described.as_ref().map(|it| TaskPallet::outputs_of(task, it)).unwrap_or_default();
	let scoring = described.is_some_and(|task| task.terms.kind == TaskKind::Scoring);
	let mut perfs = if scoring { numbers(&[("all", SCORE)]) } else { Default::default() };
	for role in roles.performances() {
		perfs.try_push(Perf { name: role.name.to_vec().try_into().unwrap(), value: SCORE }).unwrap();
	}
	let mut outputs = model_outputs();
	let named = |(place, role): (u8, &OutputRole)| Output { name: role.name.clone(), digest: digest(100 + place) };
	outputs.retain(|_| roles.outputs.is_empty());
	roles.models().map(named).for_each(|output| outputs.try_push(output).unwrap());
	Call::send_task_result { task, epoch, result: digest(101), outputs, uri: Default::default(), perfs }
}

/// The score that workers send unless they say otherwise.
pub const SCORE: Fixed = 900_000_000_000_000_000;

pub fn numbers(named: &[(&str, Fixed)]) -> Perfs {
	let perf =
		|(name, value): &(&str, Fixed)| Perf { name: name.as_bytes().to_vec().try_into().unwrap(), value: *value };
	named.iter().map(perf).collect::<Vec<_>>().try_into().unwrap()
}

pub fn send(worker: Account, task: TaskId) -> DispatchResult {
	call(worker, result_of(worker, task))
}

/// Takes a task and sends a model of these bytes, and tells its id.
pub fn deliver_model(worker: Account, task: TaskId, number: u8) -> SubmissionId {
	take(worker, task).unwrap();
	let (epoch, result, uri, perfs) = (epoch_of(worker, task), digest(101), Default::default(), Default::default());
	let mut outputs = model_outputs();
	outputs[0].digest = digest(number);
	call(worker, Call::send_task_result { task, epoch, result, outputs, uri, perfs }).unwrap();
	NextSubmission::<World>::get()
}

pub fn report(worker: Account, task: TaskId, category: FailureCategory) -> DispatchResult {
	call(worker, Call::report_failure { task, epoch: epoch_of(worker, task), category, log: digest(102) })
}

/// Takes the task and reports at once.
pub fn fail(worker: Account, task: TaskId, category: FailureCategory) {
	take(worker, task).unwrap();
	report(worker, task, category).unwrap();
}

pub fn confirm(who: Account, worker: Account, task: TaskId) -> DispatchResult {
	call(who, Call::confirm_failure { task, worker })
}

pub fn resume(task: TaskId) -> DispatchResult {
	call(CREATOR, Call::resume_task { task })
}

pub fn decline(who: Account, task: TaskId) -> DispatchResult {
	call(who, Call::decline_offer { task })
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

pub fn asset(owner: Account, number: u8, kind: AssetKind) -> Input<Account> {
	asset_seen(owner, number, kind, Visibility::Shared)
}

/// Registers an asset and names it as an input.
pub fn asset_seen(owner: Account, number: u8, kind: AssetKind, visibility: Visibility) -> Input<Account> {
	let since = TaskPallet::now();
	Assets::<World>::insert(owner, digest(number), Asset { kind, visibility, uri: Default::default(), since });
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
	let name = pallet_registry::NextObjective::<World>::get().to_le_bytes().to_vec().try_into().unwrap();
	let (direction, samples) = (Direction::Higher, samples.try_into().unwrap());
	let origin = RuntimeOrigin::signed(owner);
	Registry::create_objective(origin, name, digest(31), digest(30), direction, 0, samples).unwrap();
	pallet_registry::NextObjective::<World>::get()
}
