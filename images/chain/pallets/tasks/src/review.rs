//! Review of results: acceptance by the judge or by silence, with its records, and rejection.

use crate::{assignment::SentResult, *};
use frame_support::{pallet_prelude::*, Blake2_256, StorageHasher};
use pallet_registry::{Digest, Moment};

impl<T: Config> Pallet<T> {
	/// Gives a sent result to its judge, or accepts it at once where there is no window.
	pub(crate) fn begin_review(
		id: TaskId,
		task: &mut TaskOf<T>,
		submission: SubmissionId,
		worker: T::AccountId,
		sent: SentResult,
		now: Moment,
	) -> DispatchResult {
		let SentResult { epoch, result, outputs, uri, perfs } = sent;
		let same_as = Self::note_outputs(id, submission, &outputs);
		let until = now.saturating_add(task.terms.review.window);
		let (score, status) = (None, SubmissionStatus::UnderReview { until });
		let mut sent =
			Submission { worker, epoch, result, outputs, uri, perfs, score, same_as, status, sent: now, alarm: None };
		if task.terms.review.window == 0 {
			return Self::accept(id, task, submission, &mut sent, now)
				.map(|()| Submissions::<T>::insert(id, submission, sent));
		}
		Reviews::<T>::insert(&task.terms.review.judge, submission, id);
		Self::set_alarm(&mut sent.alarm, Some(until), || Object::Submission(id, submission));
		Submissions::<T>::insert(id, submission, sent);
		Ok(())
	}

	/// The earliest submission of the task with the same outputs, in whatever order; without one this is it.
	pub(crate) fn note_outputs(id: TaskId, submission: SubmissionId, outputs: &Outputs) -> Option<SubmissionId> {
		if outputs.is_empty() {
			return None;
		}
		let mut sorted = outputs.clone();
		sorted.sort_by(|one, other| one.name.cmp(&other.name));
		let hash: Digest = Blake2_256::hash(&sorted.encode());
		let earlier = SentOutputs::<T>::get(id, hash);
		if earlier.is_none() {
			SentOutputs::<T>::insert(id, hash, submission);
		}
		earlier
	}

	/// Lets the judge decide, within the review's window.
	pub(crate) fn judge(
		id: TaskId,
		task: &mut TaskOf<T>,
		who: T::AccountId,
		submission: SubmissionId,
		now: Moment,
		decide: impl FnOnce(&mut TaskOf<T>, &mut SubmissionOf<T>) -> DispatchResult,
	) -> DispatchResult {
		let mut judged = Submissions::<T>::get(id, submission).ok_or(Error::<T>::NoSuchSubmission)?;
		ensure!(task.terms.review.judge == who, Error::<T>::NotJudge);
		let open = matches!(judged.status, SubmissionStatus::UnderReview { until } if now <= until);
		ensure!(open, Error::<T>::AlreadyDecided);
		Self::note_end(id, now);
		decide(task, &mut judged)?;
		Self::close_review(id, task, submission, judged);
		Ok(())
	}

	/// Accepts a result whose review ended without a decision, as of the end of the review.
	pub(crate) fn settle_submission(
		id: TaskId,
		task: &mut TaskOf<T>,
		submission: SubmissionId,
		now: Moment,
	) -> DispatchResult {
		let mut silent = Submissions::<T>::get(id, submission).ok_or(Error::<T>::NoSuchSubmission)?;
		let SubmissionStatus::UnderReview { until } = silent.status else { return Ok(()) };
		if now > until {
			Self::note_end(id, until);
			Self::accept(id, task, submission, &mut silent, until)?;
			Self::close_review(id, task, submission, silent);
		}
		Ok(())
	}

	fn close_review(id: TaskId, task: &TaskOf<T>, submission: SubmissionId, mut decided: SubmissionOf<T>) {
		Reviews::<T>::remove(&task.terms.review.judge, submission);
		Self::set_alarm(&mut decided.alarm, None, || Object::Submission(id, submission));
		Submissions::<T>::insert(id, submission, decided);
	}

	/// Pays the worker, returns its bond and records what the result brought, whatever the output's digest is. `now` is
	/// the moment of the acceptance.
	pub(crate) fn accept(
		id: TaskId,
		task: &mut TaskOf<T>,
		submission: SubmissionId,
		accepted: &mut SubmissionOf<T>,
		now: Moment,
	) -> DispatchResult {
		let worker = accepted.worker.clone();
		let paid = Self::pay(task, &worker, task.terms.reward)?;
		Self::with_assignment(id, task, &worker, now, |task, attempt| {
			Self::return_bond(attempt, &worker, 0)?;
			Self::return_fees(id, task, &worker, attempt)
		})?;
		task.counters.submitted -= 1;
		task.counters.accepted += 1;
		task.result.get_or_insert(submission);
		accepted.status = SubmissionStatus::Accepted { at: now };
		match task.terms.kind {
			TaskKind::Annotation => Self::record_annotation(id, task, accepted, now),
			TaskKind::Scoring => Self::record_score(id, task, submission, accepted, now),
			TaskKind::Training | TaskKind::Restructuring | TaskKind::Aggregation => {
				Self::record_models(id, task, submission, accepted, now);
			}
			TaskKind::Function => {
				Self::record_models(id, task, submission, accepted, now);
				Self::record_performance(id, task, submission, accepted, now);
			}
		}
		Self::pay_for_records(id, task, submission)?;
		Self::deposit_event(Event::ResultAccepted { task: id, submission, worker, paid });
		Ok(())
	}

	/// Both sides pay the same fee; the slot is free again unless the task is closing or its rejections are used up.
	pub(crate) fn reject(
		id: TaskId,
		task: &mut TaskOf<T>,
		submission: SubmissionId,
		rejected: &mut SubmissionOf<T>,
		reason: Reason,
		now: Moment,
	) -> DispatchResult {
		ensure!(task.counters.rejected < task.terms.max_rejects, Error::<T>::RejectsExhausted);
		let (worker, fee) = (rejected.worker.clone(), Self::reject_fee(&task.terms));
		Self::forfeit_escrow(task, fee)?;
		Self::with_assignment(id, task, &worker, now, |_, attempt| {
			Self::forfeit_bond(attempt, &worker, fee)?;
			Self::return_bond(attempt, &worker, 0)
		})?;
		task.counters.submitted -= 1;
		task.counters.rejected += 1;
		rejected.perfs.clear();
		rejected.status = SubmissionStatus::Rejected { reason, at: now };
		Self::deposit_event(Event::ResultRejected { task: id, submission, worker });
		if task.counters.rejected == task.terms.max_rejects {
			Self::close_slot(task)
		} else {
			Self::free_slot(task)?;
			Self::close_if_deserted(id, task, now)
		}
	}
}
