//! Which assets, objectives and models does the chain know, and what may be trained on?
//!
//! An asset is named by its owner and its digest. Its kind, and a data sample's label, are given once: nobody can
//! turn a Test sample into a Train sample, and nobody can squat another's digest, because the key names the owner.
//! An objective is immutable. Its Test samples are kept by digest in [`TestOf`], so that they are recognised
//! whoever registers them again under another label.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod types;

#[cfg(test)]
mod tests;

pub use pallet::*;
pub use types::*;

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::{
		pallet_prelude::*,
		traits::{fungible::Mutate, tokens::Preservation},
	};
	use frame_system::pallet_prelude::*;

	#[pallet::config]
	pub trait Config: frame_system::Config {
		type Currency: Mutate<Self::AccountId, Balance = Balance>;

		/// Exists from genesis; fees and forfeits go there.
		#[pallet::constant]
		type Treasury: Get<Self::AccountId>;

		/// Paid for each registered asset: a record is kept for ever.
		#[pallet::constant]
		type AssetFee: Get<Balance>;

		/// Paid for each objective.
		#[pallet::constant]
		type ObjectiveFee: Get<Balance>;
	}

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	#[pallet::storage]
	pub type Assets<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, Digest, Asset>;

	#[pallet::storage]
	pub type Objectives<T: Config> = StorageMap<_, Blake2_128Concat, ObjectiveId, Objective<T::AccountId>>;

	/// The objectives of an owner, found by prefix.
	#[pallet::storage]
	pub type ObjectivesOf<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, ObjectiveId, ()>;

	/// The Test samples of an objective, found by digest, whoever else registered the same bytes.
	#[pallet::storage]
	pub type TestOf<T: Config> = StorageDoubleMap<_, Blake2_128Concat, ObjectiveId, Blake2_128Concat, Digest, ()>;

	#[pallet::storage]
	pub type Models<T: Config> = StorageMap<_, Blake2_128Concat, ModelId, Model<T::AccountId>>;

	/// How many objectives there are; ids start at 1.
	#[pallet::storage]
	pub type NextObjective<T: Config> = StorageValue<_, ObjectiveId, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		AssetRegistered { owner: T::AccountId, digest: Digest, kind: AssetKind },
		ObjectiveCreated { objective: ObjectiveId, owner: T::AccountId },
		ModelRecorded { model: ModelId, owner: T::AccountId, digest: Digest },
	}

	#[pallet::error]
	pub enum Error<T> {
		/// You registered this digest as something else; kinds and labels are permanent. Change the bytes, or use it as what it is.
		AlreadyLabelled,
		/// You registered this digest with the other visibility, which is permanent.
		VisibilityFixed,
		/// The fee can't be paid from the free balance. Fund the account.
		TooLittleBalance,
		/// The metric is not an asset of yours of kind Metric. Register it first.
		NoSuchMetric,
		/// The opener is not an asset of yours of kind Opener. Register it first.
		NoSuchOpener,
		/// A sample is not a data sample of yours labelled Test. Register it with that label.
		NotATestSample,
		/// An objective needs at least one Test sample.
		NoSamples,
		/// A sample is named twice. Name it once.
		SampleTwice,
		/// The tolerance is below zero.
		NegativeTolerance,
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Registers an asset of the caller's for a fee. The same again changes nothing and costs nothing.
		#[pallet::call_index(0)]
		#[pallet::weight(Weight::from_parts(40_000_000, 0) + T::DbWeight::get().reads_writes(4, 4))]
		pub fn register_asset(
			origin: OriginFor<T>,
			digest: Digest,
			kind: AssetKind,
			visibility: Visibility,
			uri: Uri,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			if let Some(known) = Assets::<T>::get(&owner, digest) {
				ensure!(known.kind == kind, Error::<T>::AlreadyLabelled);
				ensure!(known.visibility == visibility, Error::<T>::VisibilityFixed);
				return Ok(());
			}
			Self::charge(&owner, T::AssetFee::get())?;
			Assets::<T>::insert(&owner, digest, Asset { kind, visibility, uri });
			Self::deposit_event(Event::AssetRegistered { owner, digest, kind });
			Ok(())
		}

		/// Creates an objective from assets of the caller's, for a fee. It can't be changed afterwards.
		#[pallet::call_index(1)]
		#[pallet::weight(Weight::from_parts(60_000_000, 0)
			+ T::DbWeight::get().reads_writes(6 + samples.len() as u64, 6 + samples.len() as u64))]
		pub fn create_objective(
			origin: OriginFor<T>,
			name: Name,
			metric: Digest,
			opener: Digest,
			direction: Direction,
			tolerance: i64,
			samples: Samples,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			ensure!(tolerance >= 0, Error::<T>::NegativeTolerance);
			ensure!(!samples.is_empty(), Error::<T>::NoSamples);
			ensure!(Self::is_of_kind(&owner, &metric, AssetKind::Metric), Error::<T>::NoSuchMetric);
			ensure!(Self::is_of_kind(&owner, &opener, AssetKind::Opener), Error::<T>::NoSuchOpener);
			Self::charge(&owner, T::ObjectiveFee::get())?;
			let objective = NextObjective::<T>::mutate(|id| {
				*id += 1;
				*id
			});
			for sample in &samples {
				ensure!(
					Self::is_of_kind(&owner, sample, AssetKind::DataSample(Label::Test)),
					Error::<T>::NotATestSample
				);
				ensure!(!TestOf::<T>::contains_key(objective, sample), Error::<T>::SampleTwice);
				TestOf::<T>::insert(objective, sample, ());
			}
			ObjectivesOf::<T>::insert(&owner, objective, ());
			let described = Objective { owner: owner.clone(), name, metric, opener, direction, tolerance, samples };
			Objectives::<T>::insert(objective, described);
			Self::deposit_event(Event::ObjectiveCreated { objective, owner });
			Ok(())
		}
	}

	impl<T: Config> Pallet<T> {
		/// Records what an accepted result brought. It cannot fail, whatever the digest is.
		pub fn record_model(model: ModelId, described: Model<T::AccountId>) {
			let (owner, digest) = (described.owner.clone(), described.digest);
			Models::<T>::insert(model, described);
			Self::deposit_event(Event::ModelRecorded { model, owner, digest });
		}

		/// Whether these bytes are Test samples of one of these objectives, whoever registered them as what.
		pub fn is_test_of_any(objectives: &ObjectiveIds, digest: &Digest) -> bool {
			objectives.iter().any(|objective| TestOf::<T>::contains_key(objective, digest))
		}

		fn is_of_kind(owner: &T::AccountId, digest: &Digest, kind: AssetKind) -> bool {
			Assets::<T>::get(owner, digest).is_some_and(|asset| asset.kind == kind)
		}

		fn charge(who: &T::AccountId, fee: Balance) -> DispatchResult {
			T::Currency::transfer(who, &T::Treasury::get(), fee, Preservation::Preserve)
				.map_err(|_| Error::<T>::TooLittleBalance)?;
			Ok(())
		}
	}
}
