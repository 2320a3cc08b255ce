//! An independent model, from events alone, of the price of every attempt and of who may try again.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

type Which = (Account, TaskId);

#[derive(Default)]
pub struct Ledger {
	/// Since when and until when each account's latest attempt at a task was allowed.
	taken: BTreeMap<Which, (Moment, Moment)>,
	/// The fees held for reports.
	fees: BTreeMap<Which, Balance>,
	hand_backs: BTreeMap<Which, u32>,
	/// The accounts that blamed the task and may not take it again.
	barred: BTreeSet<Which>,
	accepted: BTreeMap<TaskId, BTreeSet<Account>>,
	ended: BTreeMap<TaskId, Moment>,
	/// The accounts whose fees the present call returned before its event of the end of a task.
	returned: BTreeSet<Which>,
	paused: BTreeMap<TaskId, u32>,
}

impl Ledger {
	/// Begins the events of another call.
	pub fn next_call(&mut self) {
		self.returned.clear();
	}

	/// An event of this moment.
	pub fn note(&mut self, event: &Event<World>) {
		let now = TaskPallet::now();
		match event {
			Event::Assigned { task, worker, due, .. } => self.begin((*worker, *task), now, *due),
			Event::HandedBack { task, worker, price, .. } => {
				assert_eq!(*price, self.price((*worker, *task), now));
				*self.hand_backs.entry((*worker, *task)).or_default() += u32::from(*price > 0);
			}
			Event::FailureReported { task, worker, category, fee, .. } => {
				assert_eq!(*fee, self.price((*worker, *task), now).max(REPORT_FEE));
				*self.fees.entry((*worker, *task)).or_default() += fee;
				if category.blames_task() {
					self.barred.insert((*worker, *task));
				}
			}
			Event::ReportSettled { task, worker, fees, returned } => self.settle(*worker, *task, *fees, *returned),
			Event::Lapsed { task, worker, .. } => assert!(self.taken[&(*worker, *task)].1 < now),
			Event::Aborted { task, worker, paid } => self.abort((*worker, *task), *paid, now),
			Event::ResultAccepted { task, worker, .. } => {
				self.accepted.entry(*task).or_default().insert(*worker);
			}
			Event::TaskStatusChanged { task, status } => self.move_on(*task, *status, now),
			_ => {}
		}
	}

	fn begin(&mut self, which: Which, now: Moment, due: Moment) {
		assert!(!self.barred.contains(&which), "{which:?} blamed the task and takes it again");
		let hand_backs = self.hand_backs.get(&which).copied().unwrap_or_default();
		assert!(hand_backs < 2, "{which:?} handed back twice at a price and takes the task again");
		self.taken.insert(which, (now, due));
	}

	/// A quarter of the bond for all of the allowed time, rounded up.
	fn price(&self, which: Which, now: Moment) -> Balance {
		let (since, due) = self.taken[&which];
		(BOND * Balance::from(now - since)).div_ceil(4 * Balance::from(due - since))
	}

	/// All of the reward for a quarter of the time; when the abort was is not told, so this is a bound.
	fn abort(&self, which: Which, paid: Balance, now: Moment) {
		let (since, due) = self.taken[&which];
		let most = REWARD * 4 * Balance::from(now.min(due) - since) / Balance::from(due - since);
		assert!(paid <= most.min(REWARD), "{which:?} got {paid} for an abort");
	}

	/// Fees are lost only when others brought what this account could not, and come back only if nobody did, if this
	/// account did in the end, or by the creator's word while there is time.
	fn settle(&mut self, worker: Account, task: TaskId, settled: Balance, returned: bool) {
		let held = self.fees.get_mut(&(worker, task)).expect("a fee that is settled was held");
		*held = held.checked_sub(settled).expect("no more is settled than is held");
		let ended = self.ended.get(&task).is_some_and(|at| *at < TaskPallet::now());
		let accepted = self.accepted.entry(task).or_default();
		assert!(returned || (ended && !accepted.is_empty() && !accepted.contains(&worker)));
		assert!(!returned || !ended || accepted.is_empty());
		if returned && !ended {
			self.returned.insert((worker, task));
		}
	}

	/// A task that ended earlier had ended before the creator's word of this moment.
	fn end(&mut self, task: TaskId, at: Moment, now: Moment) {
		let accepted = self.accepted.entry(task).or_default();
		let deserved = |worker: &Account| accepted.is_empty() || accepted.contains(worker);
		assert!(at == now || self.returned.iter().all(|(worker, of)| *of != task || deserved(worker)));
		self.ended.insert(task, at);
	}

	fn move_on(&mut self, id: TaskId, status: TaskStatus, now: Moment) {
		let terms = task(id).terms;
		let paused = self.paused.entry(id).or_default();
		match (status, terms.assignee) {
			(TaskStatus::Paused { until }, _) => {
				let latest_start = terms.deadline - MIN_TIMEOUT;
				let short = *paused == 0 && now <= latest_start;
				assert_eq!(until, if short { latest_start.min(now + PAUSE) } else { terms.deadline });
				*paused += 1;
			}
			(TaskStatus::Final { at, .. }, _) => self.end(id, at, now),
			(TaskStatus::Open, Some(assignee)) => drop(self.barred.remove(&(assignee, id))),
			_ => {}
		}
	}
}
