//! What the task pallet asks of the registry and writes into it, and what bytes cost that stay.

use crate::*;
use frame_support::{
	pallet_prelude::*,
	traits::{fungible::Mutate, tokens::Preservation},
};

impl<T: Config> Pallet<T> {
	pub fn model(id: &ModelId) -> Option<Model<T::AccountId>> {
		Models::<T>::get(id.submission, id.output)
	}

	/// Records what a result brought that was sent at `sent` and accepted now. It cannot fail, whatever the digest
	/// is.
	pub fn record_model(id: ModelId, mut described: Model<T::AccountId>, sent: Moment) {
		let (owner, digest) = (described.owner.clone(), described.digest);
		match ModelOf::<T>::get(digest) {
			Some(origin) if Self::is_earlier(&origin, &digest, &id, sent) => described.tell(digest, origin),
			_ => ModelOf::<T>::insert(digest, Origin::Recorded(id)),
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

	/// Writes that an account made these bytes, once more or for the first time.
	pub fn record_making(who: &T::AccountId, digest: &Digest, clean_for: &ObjectiveIds, model: Option<ModelId>) {
		Made::<T>::mutate(who, digest, |made| {
			let making = made.get_or_insert_default();
			for objective in clean_for {
				if !making.clean_for.contains(objective) {
					// Beyond the bound it counts as clean for fewer.
					let _ = making.clean_for.try_push(*objective);
				}
			}
			making.model = model.or(making.model);
		});
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

	/// What so many bytes cost that stay.
	pub fn price_of_bytes(bytes: usize) -> Balance {
		T::ByteFee::get().saturating_mul(bytes as Balance)
	}

	/// Takes the price of bytes that stay.
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
