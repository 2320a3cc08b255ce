//! The worker's calls: take a task, send its result, report its failure, hand it back, decline an offer.

use crate::{attempts::Earlier, *};
use frame_support::pallet_prelude::*;
use pallet_registry::{Digest, Moment, Uri};

/// The result that a worker sends.
pub(crate) struct SentResult {
	pub epoch: Epoch,
	pub result: Digest,
	pub outputs: Outputs,
	pub uri: Uri,
	pub perfs: Perfs,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn claim(id: TaskId, task: &mut TaskOf<T>, worker: T::AccountId, now: Moment) -> DispatchResult {
		ensure!(task.status == TaskStatus::Open, Error::<T>::NotOpen);
		ensure!(now <= Self::latest_start(task), Error::<T>::DeadlineTooNear);
		ensure!(task.terms.assignee.as_ref().is_none_or(|assignee| *assignee == worker), Error::<T>::NotOffered);
		ensure!(Self::may_work(&task.creator, &task.terms, &worker), Error::<T>::JudgeCannotWork);
		ensure!(Self::may_process(id, &worker), Error::<T>::WorkerNotPermitted);
		let Earlier { retries, hand_backs, fees } = Self::earlier_attempts(id, task, &worker, now)?;
		let tried = Assignments::<T>::contains_key(&worker, id);
		Self::count_able(task, tried, false);
		ensure!(task.free_slots() > 0, Error::<T>::SlotsFull);

		Self::hold(HoldReason::Bond, &worker, task.terms.bond)?;
		task.counters.live += 1;
		task.counters.epoch += 1;
		let epoch = task.counters.epoch;
		let due = now.saturating_add(task.terms.timeout).min(task.terms.deadline);
		let (bond, state) = (task.terms.bond, AssignmentState::Live);
		let mut attempt = Assignment { epoch, since: now, due, bond, state, retries, hand_backs, fees, alarm: None };
		Self::keep_assignment(id, &worker, &mut attempt);
		Workers::<T>::insert(id, &worker, ());
		Self::deposit_event(Event::Assigned { task: id, worker, epoch, due });
		Ok(())
	}

	pub(crate) fn send(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: T::AccountId,
		sent: SentResult,
		now: Moment,
	) -> DispatchResult {
		let attempt = Assignments::<T>::get(&worker, id).ok_or(Error::<T>::NoSuchAssignment)?;
		if let AssignmentState::Submitted { submission } = attempt.state {
			ensure!(attempt.epoch == sent.epoch, Error::<T>::WrongEpoch);
			return Self::same_again(id, submission, &sent);
		}
		Self::check_result(id, task, &sent)?;
		let submission = NextSubmission::<T>::mutate(Self::count);
		let epoch = sent.epoch;
		Self::with_live(id, task, &worker, sent.epoch, now, |task, attempt| {
			attempt.state = AssignmentState::Submitted { submission };
			task.counters.submitted += 1;
			Ok(())
		})?;
		Self::deposit_event(Event::ResultSent { task: id, submission, worker: worker.clone(), epoch });
		Self::begin_review(id, task, submission, worker, sent, now)
	}

	/// Accepts the repetition of a call whose answer was lost, and refuses another result.
	fn same_again(id: TaskId, submission: SubmissionId, sent: &SentResult) -> DispatchResult {
		let known = Submissions::<T>::get(id, submission).ok_or(Error::<T>::NoSuchSubmission)?;
		let same = known.result == sent.result
			&& known.outputs == sent.outputs
			&& known.uri == sent.uri
			// A rejected result keeps no numbers; the digest of result.json stands for them.
			&& (known.perfs == sent.perfs || matches!(known.status, SubmissionStatus::Rejected { .. }));
		ensure!(same, Error::<T>::AlreadySent);
		Ok(())
	}

	fn check_result(id: TaskId, task: &TaskOf<T>, sent: &SentResult) -> DispatchResult {
		for (position, output) in sent.outputs.iter().enumerate() {
			let twice = sent.outputs[..position].iter().any(|earlier| earlier.name == output.name);
			ensure!(!twice, Error::<T>::OutputNamedTwice);
		}
		let roles = Self::outputs_of(id, task);
		let brings = |role: &OutputRole| Self::output_named(&sent.outputs, &role.name).is_some();
		ensure!(roles.models().all(|(_, role)| brings(role)), Error::<T>::ModelMissing);
		Self::check_numbers(task.terms.kind, &roles, &sent.perfs)
	}

	#[allow(clippy::too_many_arguments)]
	pub(crate) fn report(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: T::AccountId,
		epoch: Epoch,
		category: FailureCategory,
		log: Digest,
		now: Moment,
	) -> DispatchResult {
		Self::with_live(id, task, &worker, epoch, now, |task, attempt| {
			attempt.state = AssignmentState::Failed { category, log };
			let fee = Self::hold_fee(id, task, &worker, attempt, now)?;
			let reporter = worker.clone();
			Self::deposit_event(Event::FailureReported { task: id, worker: reporter, epoch, category, fee });
			// A report of an attempt that began before the latest pause is no new evidence.
			let tells = category.blames_task() && epoch > task.resumed;
			task.counters.failures += u32::from(tells);
			Self::free_slot(task)?;
			let deserted = task.terms.assignee.is_some() && !Self::may_try_again(task, attempt);
			if deserted || (tells && task.counters.failures >= task.terms.max_failures) {
				Self::pause(id, task, now);
			}
			Ok(())
		})
	}

	pub(crate) fn give_back(
		id: TaskId,
		task: &mut TaskOf<T>,
		worker: T::AccountId,
		epoch: Epoch,
		now: Moment,
	) -> DispatchResult {
		Self::with_live(id, task, &worker, epoch, now, |task, attempt| {
			let price = Self::price_of_holding(attempt, now);
			Self::forfeit_bond(attempt, &worker, price)?;
			Self::return_bond(attempt, &worker, 0)?;
			attempt.state = AssignmentState::HandedBack { price };
			attempt.hand_backs += u32::from(price > 0);
			Self::free_slot(task)?;
			let giver = worker.clone();
			Self::deposit_event(Event::HandedBack { task: id, worker: giver, epoch, price });
			if Self::may_try_again(task, attempt) {
				return Ok(());
			}
			Self::close_if_deserted(id, task, now)
		})
	}

	pub(crate) fn confirm(
		id: TaskId,
		task: &mut TaskOf<T>,
		who: T::AccountId,
		worker: T::AccountId,
		now: Moment,
	) -> DispatchResult {
		ensure!(task.creator == who, Error::<T>::NotCreator);
		// The attempt may have lapsed meanwhile, and ended the task: then its results decide about the fees.
		Self::with_assignment(id, task, &worker, now, |_, _| Ok(()))?;
		Self::conclude(id, task, now)?;
		Self::with_assignment(id, task, &worker, now, |task, attempt| {
			Self::confirm_reports(id, task, &worker, attempt, now)
		})
	}
}
