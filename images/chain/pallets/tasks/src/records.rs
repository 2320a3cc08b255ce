//! The price of stored bytes: a task's creator pays for its spec and for the records of its results.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::{CertifiedScore, Model, ModelRights, Models, Prediction, Predictions, Scores};

impl<T: Config> Pallet<T> {
	/// Holds the price of the bytes of the spec and of declared roles, and of as many records as results can be accepted.
	pub(crate) fn hold_bytes(
		creator: &T::AccountId,
		terms: &TermsOf<T>,
		spec: &SpecOf<T>,
		declared: Option<&Roles>,
	) -> Result<Bytes, DispatchError> {
		let price = pallet_registry::Pallet::<T>::price_of_bytes;
		let roles = Roles::of(terms.kind, &spec.parents, declared.cloned());
		let record = Self::largest_record(terms.kind, spec, &roles);
		let kept = spec.encoded_size() + declared.map_or(0, Encode::encoded_size);
		let bytes = Bytes { spec: price(kept), records: price(record).saturating_mul(terms.slots.into()) };
		Self::hold(HoldReason::Bytes, creator, bytes.spec.saturating_add(bytes.records))?;
		Ok(bytes)
	}

	/// The largest size of the permanent records of an accepted result.
	fn largest_record(kind: TaskKind, spec: &SpecOf<T>, roles: &Roles) -> usize {
		let (model, score) =
			(Model::<T::AccountId>::max_encoded_len(), CertifiedScore::<T::AccountId>::max_encoded_len());
		match (kind, roles.models().count()) {
			(TaskKind::Scoring | TaskKind::Function, 0) if !spec.objectives.is_empty() => score,
			(TaskKind::Function, models) => models * (model + Prediction::max_encoded_len()),
			(_, models) => models * model,
		}
	}

	/// Pays for the record that an accepted result left, of what is held for it.
	pub(crate) fn pay_for_records(id: TaskId, task: &mut TaskOf<T>, submission: SubmissionId) -> DispatchResult {
		let Some(spec) = Specs::<T>::get(id) else { return Ok(()) };
		let records = |place: u8| {
			let (model, prediction) = (Models::<T>::get(submission, place), Predictions::<T>::get(submission, place));
			let rights = ModelRights::<T>::get(submission, place).map_or(0, |rights| rights.encoded_size());
			model.map_or(0, |model| model.encoded_size()) + prediction.map_or(0, |known| known.encoded_size()) + rights
		};
		let roles = Self::roles_of(id, task.terms.kind, &spec);
		let score = spec.objectives.first().and_then(|objective| Scores::<T>::get(objective, submission));
		let bytes = roles.models().map(|(place, _)| records(place)).sum::<usize>()
			+ score.map_or(0, |score| score.encoded_size());
		let amount = pallet_registry::Pallet::<T>::price_of_bytes(bytes).min(task.bytes.records);
		task.bytes.records -= amount;
		if amount > 0 {
			Self::forfeit_bytes(&task.creator, amount)?;
			Self::deposit_event(Event::RecordPaid { task: id, creator: task.creator.clone(), amount });
		}
		Ok(())
	}

	/// Returns what is still held for records, once no result follows.
	pub(crate) fn return_records(task: &mut TaskOf<T>) -> DispatchResult {
		let records = core::mem::take(&mut task.bytes.records);
		Self::release(HoldReason::Bytes, &task.creator, records)
	}

	/// Returns the price of the spec's bytes, which are removed.
	pub(crate) fn return_spec(task: &TaskOf<T>) -> DispatchResult {
		Self::release(HoldReason::Bytes, &task.creator, task.bytes.spec)
	}
}
