//! Which calls does a worker have? Take a task, send its result, report why it failed, give it back.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::{Digest, Moment, Uri};

/// What a worker sends as its result.
pub(crate) struct SentResult {
	pub epoch: Epoch,
	pub result: Digest,
	pub outputs: Outputs,
	pub uri: Uri,
	pub perf: Option<i64>,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn claim(id: TaskId, task: &mut TaskOf<T>, worker: T::AccountId, now: Moment) -> DispatchResult {
		ensure!(task.status == TaskStatus::Open, Error::<T>::NotOpen);
		let latest_start = task.terms.deadline.saturating_sub(T::MinTimeout::get());
		ensure!(now <= latest_start, Error::<T>::DeadlineTooNear);
		ensure!(task.terms.assignee.as_ref().is_none_or(|assignee| *assignee == worker), Error::<T>::NotOffered);
		ensure!(Self::may_work(&task.creator, &task.terms, &worker), Error::<T>::JudgeCannotWork);
		let (retries, handed_back) = Self::earlier_attempts(id, task, &worker, now)?;
		ensure!(task.free_slots() > 0, Error::<T>::SlotsFull);

		Self::hold(HoldReason::Bond, &worker, task.terms.bond)?;
		task.counters.live += 1;
		task.counters.epoch += 1;
		let epoch = task.counters.epoch;
		let due = now.saturating_add(task.terms.timeout).min(task.terms.deadline);
		let (bond, state) = (task.terms.bond, AssignmentState::Live);
		let mut attempt = Assignment { epoch, since: now, due, bond, state, retries, handed_back, alarm: None };
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
		Self::check_result(task, &sent)?;
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

	/// Repeating a call whose answer was lost is no mistake; another result is.
	fn same_again(id: TaskId, submission: SubmissionId, sent: &SentResult) -> DispatchResult {
		let known = Submissions::<T>::get(id, submission).ok_or(Error::<T>::NoSuchSubmission)?;
		let same = known.result == sent.result
			&& known.outputs == sent.outputs
			&& known.uri == sent.uri
			&& known.score.map(|score| score.value) == sent.perf;
		ensure!(same, Error::<T>::AlreadySent);
		Ok(())
	}

	fn check_result(task: &TaskOf<T>, sent: &SentResult) -> DispatchResult {
		for (position, output) in sent.outputs.iter().enumerate() {
			let twice = sent.outputs[..position].iter().any(|earlier| earlier.name == output.name);
			ensure!(!twice, Error::<T>::OutputNamedTwice);
		}
		let kind = task.terms.kind;
		ensure!(!kind.makes_model() || Self::model_output(&sent.outputs).is_some(), Error::<T>::ModelMissing);
		ensure!(sent.perf.is_some() == (kind == TaskKind::Scoring), Error::<T>::ScoreMisplaced);
		Ok(())
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
		Self::deposit_event(Event::FailureReported { task: id, worker: worker.clone(), epoch, category });
		Self::with_live(id, task, &worker, epoch, now, |task, attempt| {
			let until = now.saturating_add(T::PauseWindow::get());
			attempt.state = AssignmentState::Failed { category, log, until };
			Self::return_bond(attempt, &worker, T::ReportFee::get())?;
			task.counters.reports += 1;
			// What began before the creator resumed the task tells nothing new.
			let tells = category.blames_task() && epoch > task.resumed;
			task.counters.failures += u32::from(tells);
			Self::free_slot(task)?;
			let deserted = task.terms.assignee.is_some() && !Self::may_try_again(task, attempt);
			if deserted || (tells && task.counters.failures >= task.terms.max_failures) {
				Self::pause(id, task, now);
			}
			Self::settle_report(id, task, &worker, attempt, now)
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
			if attempt.handed_back {
				Self::forfeit_bond(attempt, &worker, T::ReportFee::get())?;
			}
			Self::return_bond(attempt, &worker, 0)?;
			attempt.state = AssignmentState::HandedBack;
			attempt.handed_back = true;
			Self::free_slot(task)
		})?;
		Self::deposit_event(Event::HandedBack { task: id, worker, epoch });
		Ok(())
	}

	pub(crate) fn confirm(
		id: TaskId,
		task: &mut TaskOf<T>,
		who: T::AccountId,
		worker: T::AccountId,
		now: Moment,
	) -> DispatchResult {
		ensure!(task.creator == who, Error::<T>::NotCreator);
		Self::with_assignment(id, task, &worker, now, |task, attempt| {
			ensure!(Self::report_pending(attempt), Error::<T>::NoReport);
			Self::end_report(id, task, &worker, attempt, true)
		})
	}
}
