//! What holds at any time, whoever did what? Money, slots, agenda, lists, and that Test stays away from clean models.

use super::*;
use crate::agenda::agenda_key;
use pallet_registry::TestOf;
use std::collections::{BTreeMap, BTreeSet};

/// What only a witness of the whole history knows, told from calls and events and not from the pallet's own records.
#[derive(Default)]
pub struct Witness {
	/// Every digest that went into a task or into what it was made from; nothing when an import hides that.
	seen: BTreeMap<TaskId, Option<BTreeSet<Digest>>>,
	task_of: BTreeMap<SubmissionId, TaskId>,
	first_result: BTreeMap<TaskId, SubmissionId>,
	paid: BTreeSet<SubmissionId>,
	/// How often which call succeeded.
	pub done: BTreeMap<&'static str, u32>,
	pub certified: u32,
}

impl Witness {
	/// Takes note of a call that succeeded.
	pub fn note(&mut self, call: &crate::Call<World>) {
		use frame_support::traits::GetCallName;
		*self.done.entry(call.get_call_name()).or_default() += 1;
		if let Call::create_task { terms, spec } = call {
			let seen = self.ancestry(spec);
			if terms.kind == TaskKind::Scoring {
				if let Some(objective) = spec.objectives.first() {
					self.certified += 1;
					self.expect_clean(self.model_behind(spec), *objective);
				}
			}
			self.seen.insert(NextTask::<World>::get(), seen);
		}
		self.listen();
	}

	/// Takes note of what was told; a result is paid once, and no entry of the agenda ever fails.
	pub fn listen(&mut self) {
		for event in told() {
			match event {
				Event::ResultSent { task, submission, .. } => {
					self.task_of.insert(submission, task);
				}
				Event::ResultAccepted { task, submission, .. } => {
					assert!(self.paid.insert(submission), "submission {submission} was paid twice");
					self.first_result.entry(task).or_insert(submission);
				}
				Event::Postponed { object, error, .. } => panic!("{object:?} failed with {error:?}"),
				_ => {}
			}
		}
	}

	fn ancestry(&self, spec: &SpecOf<World>) -> Option<BTreeSet<Digest>> {
		let mut seen = BTreeSet::new();
		for input in &spec.inputs {
			match input {
				Input::Asset(asset) => {
					let known = Assets::<World>::get(asset.owner, asset.digest)?;
					if known.kind == AssetKind::Model {
						return None;
					}
					seen.insert(asset.digest);
				}
				Input::Model(model) => seen.extend(self.seen[&self.task_of[model]].clone()?),
			}
		}
		for parent in &spec.parents {
			seen.extend(self.seen[parent].clone()?);
		}
		Some(seen)
	}

	/// What the one model of a scoring has seen.
	fn model_behind(&self, spec: &SpecOf<World>) -> &Option<BTreeSet<Digest>> {
		let recorded = spec.inputs.iter().find_map(|input| match input {
			Input::Model(model) => Some(self.task_of[model]),
			Input::Asset(_) => None,
		});
		&self.seen[&recorded.unwrap_or_else(|| spec.parents[0])]
	}

	fn expect_clean(&self, seen: &Option<BTreeSet<Digest>>, objective: u64) {
		let seen = seen.as_ref().expect("nobody knows what an imported model has seen");
		for sample in TestOf::<World>::iter_key_prefix(objective) {
			assert!(!seen.contains(&sample), "a Test sample of objective {objective} reached a model clean for it");
		}
	}

	/// Everything that holds at any time.
	pub fn check(&self) {
		books_balance();
		slots_and_counters_agree();
		agenda_moves_everything_on();
		lists_are_true();
		for (model, recorded) in Models::<World>::iter() {
			for objective in recorded.clean_for {
				self.expect_clean(&self.seen[&self.task_of[&model]], objective);
			}
		}
	}
}

/// Held = the sum of open obligations, by account and reason; no money appears or disappears.
fn books_balance() {
	let mut escrow: BTreeMap<Account, Balance> = BTreeMap::new();
	for task in Tasks::<World>::iter_values() {
		*escrow.entry(task.creator).or_default() += task.held;
		let Counters { accepted, closed, rejected, .. } = task.counters;
		let rewards = REWARD * Balance::from(task.terms.slots - accepted - closed);
		let fees = REJECT_FEE * Balance::from(task.terms.max_rejects - rejected);
		assert_eq!(task.held, if task.is_final() { 0 } else { rewards + fees });
	}
	let mut bonds: BTreeMap<Account, Balance> = BTreeMap::new();
	for (worker, _, attempt) in Assignments::<World>::iter() {
		*bonds.entry(worker).or_default() += attempt.bond;
	}
	for who in PEOPLE {
		assert_eq!(escrow_of(who), escrow.get(&who).copied().unwrap_or_default(), "escrow of {who}");
		assert_eq!(bond_of(who), bonds.get(&who).copied().unwrap_or_default(), "bonds of {who}");
	}
	let total: Balance = PEOPLE.iter().chain(&[TREASURY]).map(Balances::total_balance).sum();
	assert_eq!(total, FORTUNE * PEOPLE.len() as Balance + 10);
	assert_eq!(total, Balances::total_issuance());
}

fn slots_and_counters_agree() {
	for (id, task) in Tasks::<World>::iter() {
		let Counters { live, submitted, accepted, closed, reports, .. } = task.counters;
		assert!(live + submitted + accepted + closed <= task.terms.slots);
		let workers: Vec<_> =
			Workers::<World>::iter_key_prefix(id).map(|worker| (worker, attempt(worker, id))).collect();
		let count = |wanted: &dyn Fn(&Assignment) -> bool| workers.iter().filter(|(_, it)| wanted(it)).count() as u32;
		assert_eq!(live, count(&|it| it.state == AssignmentState::Live));
		assert_eq!(reports, count(&|it| TaskPallet::report_pending(it)));
		assert_eq!(live, LiveWorkers::<World>::iter_key_prefix(id).count() as u32);
		let under_review = |it: &SubmissionOf<World>| matches!(it.status, SubmissionStatus::UnderReview { .. });
		let sent: Vec<_> = Submissions::<World>::iter_prefix_values(id).collect();
		assert_eq!(submitted, sent.iter().filter(|it| under_review(it)).count() as u32);
	}
}

/// Every object that is not final has an entry that moves it on, and every entry has its object.
fn agenda_moves_everything_on() {
	let mut alarms = BTreeMap::new();
	for (id, task) in Tasks::<World>::iter() {
		let by_others = task.is_closing() && task.counters.live + task.counters.submitted > 0;
		assert!(task.is_final() || by_others || task.alarm.is_some(), "nothing moves task {id} on");
		alarms.extend(task.alarm.map(|alarm| (agenda_key(&alarm), Object::Task(id))));
	}
	for (worker, id, attempt) in Assignments::<World>::iter() {
		let open = attempt.state == AssignmentState::Live || TaskPallet::report_pending(&attempt);
		assert_eq!(open, attempt.alarm.is_some(), "{attempt:?} of {worker} at {id}");
		alarms.extend(attempt.alarm.map(|alarm| (agenda_key(&alarm), Object::Assignment(worker, id))));
	}
	for (task, id, sent) in Submissions::<World>::iter() {
		let open = matches!(sent.status, SubmissionStatus::UnderReview { .. });
		assert_eq!(open, sent.alarm.is_some(), "submission {id}");
		alarms.extend(sent.alarm.map(|alarm| (agenda_key(&alarm), Object::Submission(task, id))));
	}
	for (id, plan) in Plans::<World>::iter() {
		alarms.extend(plan.alarm.map(|alarm| (agenda_key(&alarm), Object::Plan(id))));
	}
	assert_eq!(alarms, Agenda::<World>::iter().collect());
}

/// What is found by prefix is what is there.
fn lists_are_true() {
	let mut open = BTreeSet::new();
	let mut offers = BTreeSet::new();
	for (id, task) in Tasks::<World>::iter() {
		assert!(TasksOf::<World>::contains_key(task.creator, id));
		if task.status == TaskStatus::Open && task.free_slots() > 0 {
			match task.terms.assignee {
				Some(assignee) => offers.insert((assignee, id)),
				None => open.insert(id),
			};
		}
	}
	assert_eq!(open, OpenTasks::<World>::iter_keys().map(|(_, id)| id).collect());
	assert_eq!(offers, Offers::<World>::iter_keys().collect());
	let under_review = Submissions::<World>::iter()
		.filter(|(.., sent)| matches!(sent.status, SubmissionStatus::UnderReview { .. }))
		.map(|(task, id, _)| (id, task));
	let listed = Reviews::<World>::iter().map(|(_, id, task)| (id, task));
	assert_eq!(under_review.collect::<BTreeMap<_, _>>(), listed.collect());
}
