//! The pallet's events.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod events {
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		AssetRegistered {
			owner: T::AccountId,
			digest: Digest,
			kind: AssetKind,
		},
		ObjectiveCreated {
			objective: ObjectiveId,
			owner: T::AccountId,
		},
		AssetMoved {
			owner: T::AccountId,
			digest: Digest,
			uri: Uri,
		},
		/// Bytes that stay went to the treasury's credit.
		BytesPaid {
			who: T::AccountId,
			amount: Balance,
		},
		ModelRecorded {
			model: ModelId,
			owner: T::AccountId,
			digest: Digest,
		},
		ScoreCertified {
			objective: ObjectiveId,
			submission: SubmissionId,
			model: ModelId,
			voucher: Voucher,
		},
	}
}
