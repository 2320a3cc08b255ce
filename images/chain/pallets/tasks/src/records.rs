//! The price of stored bytes: a task's creator pays for its spec and for the records of its results.

use crate::*;
use frame_support::pallet_prelude::*;
use pallet_registry::{CertifiedScore, Model, Models, Scores};

impl<T: Config> Pallet<T> {
	/// Holds the price of the spec's bytes, and of as many records as results can be accepted.
	pub(crate) fn hold_bytes(
		creator: &T::AccountId,
		terms: &TermsOf<T>,
		spec: &SpecOf<T>,
	) -> Result<Bytes, DispatchError> {
		let price = pallet_registry::Pallet::<T>::price_of_bytes;
		let record = Self::largest_record(terms.kind, spec);
		let bytes =
			Bytes { spec: price(spec.encoded_size()), records: price(record).saturating_mul(terms.slots.into()) };
		Self::hold(HoldReason::Bytes, creator, bytes.spec.saturating_add(bytes.records))?;
		Ok(bytes)
	}

	/// The largest size of the permanent record of an accepted result.
	fn largest_record(kind: TaskKind, spec: &SpecOf<T>) -> usize {
		match kind {
			TaskKind::Scoring if spec.objectives.is_empty() => 0,
			TaskKind::Scoring => CertifiedScore::<T::AccountId>::max_encoded_len(),
			_ if kind.makes_model() => Model::<T::AccountId>::max_encoded_len(),
			_ => 0,
		}
	}

	/// Pays for the record that an accepted result left, of what is held for it.
	pub(crate) fn pay_for_records(id: TaskId, task: &mut TaskOf<T>, submission: SubmissionId) -> DispatchResult {
		let model = Models::<T>::get(submission, 0).map_or(0, |model| model.encoded_size());
		let objective = Specs::<T>::get(id).and_then(|spec| spec.objectives.first().copied());
		let score = objective.and_then(|objective| Scores::<T>::get(objective, submission));
		let bytes = model + score.map_or(0, |score| score.encoded_size());
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
