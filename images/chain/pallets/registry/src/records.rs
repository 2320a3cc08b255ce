//! The registry's interface to the task pallet: look-ups, records of models and scores, prices of bytes.

use crate::*;
use frame_support::{
	pallet_prelude::*,
	traits::{fungible::Mutate, tokens::Preservation},
};

impl<T: Config> Pallet<T> {
	pub fn model(id: &ModelId) -> Option<Model<T::AccountId>> {
		Models::<T>::get(id.submission, id.output)
	}

	/// Records the model of a result that was sent at `sent` and accepted at `at`. It cannot fail, whatever the digest
	/// is.
	pub fn record_model(id: ModelId, mut described: Model<T::AccountId>, sent: Moment, at: Moment) {
		let (owner, digest) = (described.owner.clone(), described.digest);
		let known = ModelOf::<T>::get(digest);
		let since = known.as_ref().map_or(at, |first| first.since.min(at));
		match known {
			Some(first) if Self::is_earlier(&first.origin, &digest, &id, sent) => {
				if first.since <= at {
					described.tell(digest, first.origin);
				} else {
					ModelOf::<T>::insert(digest, FirstModel { since, ..first });
				}
			}
			_ => ModelOf::<T>::insert(digest, FirstModel { origin: Origin::Recorded(id), since }),
		}
		Models::<T>::insert(id.submission, id.output, described);
		Self::deposit_event(Event::ModelRecorded { model: id, owner, digest });
	}

	/// Whether these bytes were that model before somebody sent them. Whoever copies what it saw is not the first.
	fn is_earlier(origin: &Origin<T::AccountId>, digest: &Digest, id: &ModelId, sent: Moment) -> bool {
		match origin {
			Origin::Recorded(known) => known < id,
			Origin::Imported(owner) => Self::had(owner, digest, sent),
		}
	}

	/// Records that an account made these bytes by an acceptance at `at`, once more or for the first time.
	pub fn record_making(
		who: &T::AccountId,
		digest: &Digest,
		clean_for: &ObjectiveIds,
		model: Option<ModelId>,
		at: Moment,
	) {
		Made::<T>::mutate(who, digest, |made| made.get_or_insert_with(|| Making::new(at)).add(clean_for, model, at));
	}

	/// Whether the account had registered these bytes by this moment.
	pub fn had(who: &T::AccountId, digest: &Digest, at: Moment) -> bool {
		Assets::<T>::get(who, digest).is_some_and(|asset| asset.since <= at)
	}

	/// Keeps a certified score for ever.
	pub fn record_score(objective: ObjectiveId, submission: SubmissionId, score: CertifiedScore<T::AccountId>) {
		let (model, voucher) = (score.model, score.voucher);
		Scores::<T>::insert(objective, submission, score);
		Self::deposit_event(Event::ScoreCertified { objective, submission, model, voucher });
	}

	/// Whether these bytes are Test samples of one of these objectives, whoever registered them as what.
	pub fn is_test_of_any(objectives: &ObjectiveIds, digest: &Digest) -> bool {
		objectives.iter().any(|objective| TestOf::<T>::contains_key(objective, digest))
	}

	pub(crate) fn is_of_kind(owner: &T::AccountId, digest: &Digest, kind: AssetKind) -> bool {
		Assets::<T>::get(owner, digest).is_some_and(|asset| asset.kind == kind)
	}

	/// The price of so many stored bytes.
	pub fn price_of_bytes(bytes: usize) -> Balance {
		T::ByteFee::get().saturating_mul(bytes as Balance)
	}

	/// Takes the price of so many stored bytes.
	pub fn charge(who: &T::AccountId, bytes: usize) -> DispatchResult {
		let amount = Self::price_of_bytes(bytes);
		if amount > 0 {
			T::Currency::transfer(who, &T::Treasury::get(), amount, Preservation::Preserve)
				.map_err(|_| Error::<T>::TooLittleBalance)?;
			Self::deposit_event(Event::BytesPaid { who: who.clone(), amount });
		}
		Ok(())
	}
}
