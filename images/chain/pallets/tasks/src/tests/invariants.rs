//! Invariants of every state: money, slots, agenda and lists.

use super::*;
use crate::agenda::agenda_key;
use std::collections::{BTreeMap, BTreeSet};

/// Checks everything that holds at any time.
pub fn check() {
	books_balance();
	slots_and_counters_agree();
	agenda_moves_everything_on();
	lists_are_true();
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
		*bonds.entry(worker).or_default() += attempt.bond + attempt.fees.total();
	}
	let mut bytes: BTreeMap<Account, Balance> = BTreeMap::new();
	for task in Tasks::<World>::iter_values() {
		*bytes.entry(task.creator).or_default() += task.bytes.spec + task.bytes.records;
		assert!(!task.is_final() || task.bytes.records == 0);
	}
	for who in PEOPLE {
		assert_eq!(held_for_bytes(who), bytes.get(&who).copied().unwrap_or_default(), "bytes of {who}");
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
		assert_eq!(reports, count(&|it| it.fees.total() > 0));
		assert_eq!(reports, Reporters::<World>::iter_key_prefix(id).count() as u32);
		let able = |it: &Assignment| it.state != AssignmentState::Live && TaskPallet::may_try_again(&task, it);
		let counted = task.terms.assignee.is_none();
		assert!(!counted || task.counters.able == count(&able), "who may try again at {id}");
		assert!(task.stalled_since.is_none() || live + submitted + task.counters.able == 0, "{id} isn't stalled");
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
		let waits = !task.is_final() || task.counters.reports > 0;
		assert!(!waits || by_others || task.alarm.is_some(), "nothing moves task {id} on");
		alarms.extend(task.alarm.map(|alarm| (agenda_key(&alarm), Object::Task(id))));
	}
	for (worker, id, attempt) in Assignments::<World>::iter() {
		assert_eq!(attempt.state == AssignmentState::Live, attempt.alarm.is_some(), "{attempt:?} of {worker} at {id}");
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

/// The indexes list exactly the objects that exist.
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
