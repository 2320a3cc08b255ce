//! The price of stored bytes: a task's creator pays for its spec and for the records of its results.

use crate::{creation::DeclaredOf, *};
use frame_support::pallet_prelude::*;
use pallet_registry::{CertifiedScore, Model, ModelRights, Models, Prediction, Predictions, Scores};

impl<T: Config> Pallet<T> {
	/// Holds the price of the bytes of the spec, of declared roles and of rights, and of as many records as results can be
	/// accepted.
	pub(crate) fn hold_bytes(
		creator: &T::AccountId,
		terms: &TermsOf<T>,
		spec: &SpecOf<T>,
		declared: &DeclaredOf<T>,
		rights: &RightsOf<T>,
	) -> Result<Bytes, DispatchError> {
		let price = pallet_registry::Pallet::<T>::price_of_bytes;
		let roles = Roles::of(terms.kind, &spec.parents, declared.roles.clone());
		let record = Self::largest_record(terms.kind, spec, &roles, rights, declared.rights.as_ref());
		let roles = declared.roles.as_ref().map_or(0, Encode::encoded_size);
		let given = declared.rights.as_ref().map_or(0, Self::size_of_rights);
		let kept = spec.encoded_size() + roles + Self::size_of_rights(rights) + given;
		let bytes = Bytes { spec: price(kept), records: price(record).saturating_mul(terms.slots.into()) };
		Self::hold(HoldReason::Bytes, creator, bytes.spec.saturating_add(bytes.records))?;
		Ok(bytes)
	}

	/// The bytes of rights: none are kept where everyone has all.
	fn size_of_rights(rights: &RightsOf<T>) -> usize {
		if rights.is_public() {
			return 0;
		}
		rights.encoded_size()
	}

	/// The largest size of the permanent records of an accepted result.
	fn largest_record(
		kind: TaskKind,
		spec: &SpecOf<T>,
		roles: &Roles,
		rights: &RightsOf<T>,
		given: Option<&RightsOf<T>>,
	) -> usize {
		let rights = given.into_iter().fold(rights.clone(), |rights, given| rights.and(given));
		let model = Model::<T::AccountId>::max_encoded_len() + Self::size_of_rights(&rights);
		let score = CertifiedScore::<T::AccountId>::max_encoded_len();
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

	/// Returns the price of the bytes of the spec and of what is kept beside it, which are removed.
	pub(crate) fn return_spec(task: &TaskOf<T>) -> DispatchResult {
		Self::release(HoldReason::Bytes, &task.creator, task.bytes.spec)
	}
}
