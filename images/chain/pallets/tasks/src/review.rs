//! What becomes of a result? Accepted by its judge or by silence, or rejected; an accepted model is recorded.

use crate::{assignment::SentResult, *};
use frame_support::pallet_prelude::*;
use pallet_registry::{AssetKind, Digest, Lineage, Model, Models, Moment, Objectives};

impl<T: Config> Pallet<T> {
	/// A sent result goes to its judge, or is accepted at once where there is no window.
	pub(crate) fn begin_review(
		id: TaskId,
		task: &mut TaskOf<T>,
		submission: SubmissionId,
		worker: T::AccountId,
		sent: SentResult,
		now: Moment,
	) -> DispatchResult {
		let SentResult { epoch, result, outputs, uri, perf } = sent;
		let score = perf.map(|value| Self::score(id, value, &worker));
		let until = now.saturating_add(task.terms.review.window);
		let status = SubmissionStatus::UnderReview { until };
		let mut sent = Submission { worker, epoch, result, outputs, uri, score, status, sent: now, alarm: None };
		if task.terms.review.window == 0 {
			return Self::accept(id, task, submission, &mut sent, now)
				.map(|()| Submissions::<T>::insert(id, submission, sent));
		}
		Reviews::<T>::insert(&task.terms.review.judge, submission, id);
		Self::set_alarm(&mut sent.alarm, Some(until), || Object::Submission(id, submission));
		Submissions::<T>::insert(id, submission, sent);
		Ok(())
	}

	/// The judge decides in time.
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
		decide(task, &mut judged)?;
		Self::close_review(id, task, submission, judged);
		Ok(())
	}

	/// Silence accepts.
	pub(crate) fn settle_submission(
		id: TaskId,
		task: &mut TaskOf<T>,
		submission: SubmissionId,
		now: Moment,
	) -> DispatchResult {
		let mut silent = Submissions::<T>::get(id, submission).ok_or(Error::<T>::NoSuchSubmission)?;
		if matches!(silent.status, SubmissionStatus::UnderReview { until } if now > until) {
			Self::accept(id, task, submission, &mut silent, now)?;
			Self::close_review(id, task, submission, silent);
		}
		Ok(())
	}

	fn close_review(id: TaskId, task: &TaskOf<T>, submission: SubmissionId, mut decided: SubmissionOf<T>) {
		Reviews::<T>::remove(&task.terms.review.judge, submission);
		Self::set_alarm(&mut decided.alarm, None, || Object::Submission(id, submission));
		Submissions::<T>::insert(id, submission, decided);
	}

	/// Pays the worker, returns its bond and records the model, whatever the output's digest is.
	pub(crate) fn accept(
		id: TaskId,
		task: &mut TaskOf<T>,
		submission: SubmissionId,
		accepted: &mut SubmissionOf<T>,
		now: Moment,
	) -> DispatchResult {
		let worker = accepted.worker.clone();
		let paid = Self::pay_reward(task, &worker)?;
		Self::with_assignment(id, task, &worker, now, |_, attempt| Self::return_bond(attempt, &worker, 0))?;
		task.counters.submitted -= 1;
		task.counters.accepted += 1;
		task.result.get_or_insert(submission);
		accepted.status = SubmissionStatus::Accepted { at: now };
		if task.terms.kind.makes_model() {
			Self::record_model(id, task, submission, accepted);
		}
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
		rejected.status = SubmissionStatus::Rejected { reason, at: now };
		Self::deposit_event(Event::ResultRejected { task: id, submission, worker });
		if task.counters.rejected == task.terms.max_rejects {
			Self::close_slot(task)
		} else {
			Self::free_slot(task)?;
			Self::close_if_deserted(id, task)
		}
	}

	fn record_model(id: TaskId, task: &TaskOf<T>, submission: SubmissionId, accepted: &SubmissionOf<T>) {
		let Some(digest) = Self::model_output(&accepted.outputs) else { return };
		let mut parents = Lineage::default();
		for model in Self::input_models(id) {
			// As many as there are fit, which was checked when the task was created.
			let _ = parents.try_push(model);
		}
		let described = Model {
			owner: task.creator.clone(),
			trainer: accepted.worker.clone(),
			digest,
			uri: accepted.uri.clone(),
			parents,
			// Bytes that are a Test sample themselves would bring it into every later training.
			clean_for: Self::clean_with(&task.clean_for, &digest),
		};
		pallet_registry::Pallet::<T>::record_model(submission, described);
	}

	/// The output that becomes the model.
	pub(crate) fn model_output(outputs: &Outputs) -> Option<Digest> {
		outputs.iter().find(|output| output.name.as_slice() == b"model").map(|output| output.digest)
	}

	/// What a score counts for, and who vouches for it.
	fn score(id: TaskId, value: i64, worker: &T::AccountId) -> Score {
		let spec = Specs::<T>::get(id);
		let objective = spec.as_ref().and_then(|spec| spec.objectives.first().copied());
		let standing = if objective.is_some() { Standing::Certified } else { Standing::CrossValidation };
		let owns_objective = objective.and_then(Objectives::<T>::get).is_some_and(|known| known.owner == *worker);
		let imported = spec.iter().flat_map(|spec| spec.inputs.iter()).any(|input| match input {
			Input::Asset(asset) => asset.owner == *worker && Self::is_model_asset(asset),
			Input::Model(_) => false,
		});
		let made = Self::input_models(id)
			.filter_map(Models::<T>::get)
			.any(|model| model.trainer == *worker || model.owner == *worker);
		let voucher = match (made || imported, owns_objective) {
			(true, _) => Voucher::Own,
			(false, true) => Voucher::Owner,
			(false, false) => Voucher::Independent,
		};
		Score { value, standing, voucher }
	}

	fn is_model_asset(asset: &pallet_registry::AssetRef<T::AccountId>) -> bool {
		pallet_registry::Assets::<T>::get(&asset.owner, asset.digest).is_some_and(|it| it.kind == AssetKind::Model)
	}

	/// The models a task takes: those its spec names, then its parents' results.
	fn input_models(id: TaskId) -> impl Iterator<Item = SubmissionId> {
		let spec = Specs::<T>::get(id);
		let (inputs, parents) = spec.map(|spec| (spec.inputs, spec.parents)).unwrap_or_default();
		let named = inputs.into_iter().filter_map(|input| match input {
			Input::Model(model) => Some(model),
			Input::Asset(_) => None,
		});
		named.chain(parents.into_iter().filter_map(Tasks::<T>::get).filter_map(|parent| parent.result))
	}
}
