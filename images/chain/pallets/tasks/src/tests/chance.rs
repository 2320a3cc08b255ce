//! Random calls that often succeed, repeatable by their seed.

use super::*;
use pallet_registry::{Models, Objectives};

/// The digests of results, so few that several accounts send and register the same.
const RESULTS: u8 = 100;
const KINDS_OF_RESULTS: u64 = 12;

/// xorshift64*: enough to choose among calls, and a failing walk repeats from its seed.
pub struct Chance(u64);

impl Chance {
	pub fn from_seed(seed: u64) -> Self {
		Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
	}

	pub fn below(&mut self, limit: u64) -> u64 {
		self.0 ^= self.0 >> 12;
		self.0 ^= self.0 << 25;
		self.0 ^= self.0 >> 27;
		(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit.max(1)
	}

	pub fn one_in(&mut self, times: u64) -> bool {
		self.below(times) == 0
	}

	pub fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
		all[self.below(all.len() as u64) as usize].clone()
	}

	pub fn some_of<T: Clone>(&mut self, all: &[T], one_in: u64) -> Vec<T> {
		all.iter().filter(|_| self.one_in(one_in)).cloned().collect()
	}

	pub fn person(&mut self) -> Account {
		self.one_of(&PEOPLE)
	}

	/// A recent task more often than an old one.
	fn task(&mut self) -> TaskId {
		let latest = NextTask::<World>::get();
		latest - self.below(latest.min(12)).min(latest.saturating_sub(1))
	}

	/// A random call and its account.
	pub fn action(&mut self) -> (Account, crate::Call<World>) {
		let (who, task) = (self.person(), self.task());
		let creator = Tasks::<World>::get(task).map_or(CREATOR, |task| task.creator);
		match self.below(32) {
			0..=3 => self.offer(),
			4..=10 => self.claim(who),
			11..=15 => self.live().map_or_else(|| self.claim(who), |(worker, task)| (worker, result_of(worker, task))),
			16..=18 => self.report(who, task),
			19 => self.live().map_or_else(
				|| self.claim(who),
				|(worker, task)| (worker, Call::hand_back { task, epoch: epoch_of(worker, task) }),
			),
			20..=23 => self.judgement(who),
			24 => (creator, Call::cancel_task { task, abort: self.one_in(2) }),
			25..=26 => self.resumption(creator, task),
			27 => self.confirmation(who, task),
			28 if self.one_in(3) => (CREATOR, Call::create_plan {}),
			28 if self.one_in(3) => (CREATOR, self.plan_end()),
			29 => (who, Call::purge_task { task: 1 + self.below(NextTask::<World>::get()) }),
			_ => (who, Call::poke { object: self.object(who, task) }),
		}
	}

	/// A call that makes models with a history: results of bytes that others send too, judgements of them, and the end of
	/// plans.
	pub fn result(&mut self) -> Option<(Account, crate::Call<World>)> {
		if self.one_in(8) {
			return Some((CREATOR, Call::purge_plan { plan: 1 + self.below(NextPlan::<World>::get()) }));
		}
		if self.one_in(4) {
			return Some(self.judgement(CREATOR));
		}
		let (worker, task) = self.live()?;
		let mut sent = result_of(worker, task);
		if let Call::send_task_result { outputs, .. } = &mut sent {
			for output in outputs.iter_mut() {
				output.digest = digest(RESULTS + self.below(KINDS_OF_RESULTS) as u8);
			}
		}
		Some((worker, sent))
	}

	/// Somebody registers bytes that may be results, its own or another's, as anything that a training takes.
	pub fn register_a_result(&mut self) {
		let (owner, number) = (self.person(), RESULTS + self.below(KINDS_OF_RESULTS) as u8);
		let kind = self.one_of(&[
			AssetKind::Bundle,
			AssetKind::Algo,
			AssetKind::Opener,
			AssetKind::DataSample(Label::Train),
			AssetKind::Model,
		]);
		if !Assets::<World>::contains_key(owner, digest(number)) {
			asset(owner, number, kind);
		}
	}

	/// A task that can be taken, or any.
	fn claim(&mut self, who: Account) -> (Account, crate::Call<World>) {
		let open: Vec<_> = OpenTasks::<World>::iter_keys().map(|(_, task)| (who, task)).collect();
		let takeable: Vec<_> = open.into_iter().chain(Offers::<World>::iter_keys()).collect();
		if takeable.is_empty() || self.one_in(6) {
			return (who, Call::assign_task { task: self.task() });
		}
		let (who, task) = self.one_of(&takeable);
		if Offers::<World>::contains_key(who, task) && self.one_in(4) {
			return (who, Call::decline_offer { task });
		}
		(who, Call::assign_task { task })
	}

	/// Of a paused task by its creator, if there is any.
	fn resumption(&mut self, who: Account, task: TaskId) -> (Account, crate::Call<World>) {
		let paused = |task: &Task<Account>| matches!(task.status, TaskStatus::Paused { .. });
		let found = Tasks::<World>::iter().find(|(_, task)| paused(task)).map(|(id, task)| (task.creator, id));
		let (who, task) = found.unwrap_or((who, task));
		(who, Call::resume_task { task })
	}

	/// Someone at work.
	fn live(&mut self) -> Option<(Account, TaskId)> {
		let live: Vec<_> = LiveWorkers::<World>::iter_keys().map(|(task, worker)| (worker, task)).collect();
		(!live.is_empty()).then(|| self.one_of(&live))
	}

	fn report(&mut self, who: Account, task: TaskId) -> (Account, crate::Call<World>) {
		use FailureCategory::*;
		let (who, task) = self.live().unwrap_or((who, task));
		let category = self.one_of(&[TaskError, Timeout, NodeError, InputUnavailable, Policy]);
		(who, Call::report_failure { task, epoch: epoch_of(who, task), category, log: digest(1) })
	}

	/// Of a report whose fee waits for a decision.
	fn confirmation(&mut self, who: Account, task: TaskId) -> (Account, crate::Call<World>) {
		let all = Assignments::<World>::iter();
		let pending = all.filter(|(.., attempt)| attempt.fees.total() > 0).map(|(who, task, _)| (who, task));
		let pending: Vec<_> = pending.collect();
		let (worker, task) = if pending.is_empty() { (who, task) } else { self.one_of(&pending) };
		let creator = Tasks::<World>::get(task).map_or(CREATOR, |task| task.creator);
		(creator, Call::confirm_failure { task, worker })
	}

	fn judgement(&mut self, who: Account) -> (Account, crate::Call<World>) {
		let waiting: Vec<_> = Reviews::<World>::iter().collect();
		if waiting.is_empty() {
			return self.claim(who);
		}
		let (judge, submission, task) = self.one_of(&waiting);
		if self.one_in(2) {
			return (judge, Call::accept_task_results { task, submission });
		}
		(judge, Call::reject_task_results { task, submission, reason: Default::default() })
	}

	fn plan_end(&mut self) -> crate::Call<World> {
		Call::cancel_plan { plan: NextPlan::<World>::get(), abort: self.one_in(2) }
	}

	fn object(&mut self, who: Account, task: TaskId) -> ObjectOf<World> {
		let submission = NextSubmission::<World>::get();
		let plan = NextPlan::<World>::get();
		let all = [
			Object::Task(task),
			Object::Assignment(who, task),
			Object::Submission(task, submission),
			Object::Plan(plan),
		];
		self.one_of(&all)
	}

	/// A new task; those with parents need one creator, so most have the same.
	fn offer(&mut self) -> (Account, crate::Call<World>) {
		let terms = self.terms();
		let spec = self.spec(terms.kind);
		let creator = if self.one_in(8) { self.person() } else { CREATOR };
		let spec = if self.one_in(20) { spec } else { runnable(terms.kind, spec) };
		(creator, Call::create_task { terms, spec })
	}

	pub fn terms(&mut self) -> TermsOf<World> {
		use TaskKind::*;
		let now = TaskPallet::now();
		let assignee = if self.one_in(5) { Some(self.person()) } else { None };
		let running = Plans::<World>::get(NextPlan::<World>::get()).is_some_and(|plan| plan.cancelled.is_none());
		Terms {
			kind: self.one_of(&[
				Annotation,
				Training,
				Training,
				Training,
				Aggregation,
				Restructuring,
				Scoring,
				Scoring,
			]),
			slots: if assignee.is_some() { 1 } else { self.one_of(&[1, 1, 2, 3]) },
			max_rejects: self.below(3) as u32,
			max_failures: 1 + self.below(2) as u32,
			review: Review {
				judge: self.one_of(&[CREATOR, JUDGE, DAVE]),
				window: self.one_of(&[0, 1, WINDOW, WINDOW]),
			},
			deadline: now + self.one_of(&[300, 1_000, 4_000, 8_000]),
			timeout: self.one_of(&[MIN_TIMEOUT, 200, 600]),
			plan: Some(NextPlan::<World>::get()).filter(|_| running && self.one_in(3)),
			assignee,
			..terms()
		}
	}

	/// Inputs that mostly go together, and now and then any, of all owners and labels.
	pub fn spec(&mut self, kind: TaskKind) -> SpecOf<World> {
		let known: Vec<_> = Assets::<World>::iter().collect();
		let any = self.one_in(8);
		let fitting = |asset: &Asset| match kind {
			TaskKind::Annotation => matches!(asset.kind, AssetKind::DataSample(_)),
			TaskKind::Aggregation => asset.kind == AssetKind::Algo,
			TaskKind::Scoring => matches!(asset.kind, AssetKind::DataSample(Label::Train) | AssetKind::Algo),
			TaskKind::Function => asset.kind != AssetKind::Model,
			_ => !matches!(asset.kind, AssetKind::DataSample(Label::Test) | AssetKind::Metric | AssetKind::Model),
		};
		let assets = known.into_iter().filter(|(.., asset)| any || fitting(asset));
		let assets: Vec<_> = assets.map(|(owner, digest, _)| Input::Asset(AssetRef { owner, digest })).collect();
		let mut inputs = self.some_of(&assets, 6);
		let objectives: Vec<_> = Objectives::<World>::iter_keys().collect();
		let mut objectives = self.some_of(&objectives, 2);
		if kind == TaskKind::Annotation {
			objectives.clear();
		}
		if kind == TaskKind::Scoring {
			inputs.retain(|_| objectives.is_empty());
			objectives.truncate(1);
			for chosen in &objectives {
				let objective = Objectives::<World>::get(chosen).expect("it was listed");
				let digests = objective.samples.into_iter().chain([objective.opener, objective.metric]);
				inputs.extend(digests.map(|digest| Input::Asset(AssetRef { owner: objective.owner, digest })));
			}
		}
		let (models, parents) = self.models(kind);
		inputs.extend(models);
		Spec {
			inputs: inputs.try_into().unwrap_or_default(),
			parents: parents.try_into().unwrap_or_default(),
			objectives: objectives.try_into().unwrap_or_default(),
			..spec()
		}
	}

	/// Recorded models or tasks that will make one; a scoring takes exactly one.
	fn models(&mut self, kind: TaskKind) -> (Vec<Input<Account>>, Vec<TaskId>) {
		let id = |(submission, output)| Input::Model(ModelId { submission, output });
		let recorded: Vec<_> = Models::<World>::iter_keys().map(id).collect();
		let fit = |task: &Task<Account>| task.terms.kind.makes_model() && task.terms.slots == 1;
		let tasks: Vec<_> = Tasks::<World>::iter().filter(|(_, task)| fit(task)).map(|(id, _)| id).collect();
		let mut models = self.some_of(&recorded, 2 + recorded.len() as u64);
		let mut parents = self.some_of(&tasks, 2 + tasks.len() as u64);
		if kind == TaskKind::Scoring {
			models.truncate(1);
			parents.truncate(1 - models.len());
		}
		(models, parents)
	}
}
