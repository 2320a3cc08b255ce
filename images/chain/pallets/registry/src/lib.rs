//! # Registry pallet
//!
//! The assets, objectives, models and certified scores that the chain knows. The bytes are elsewhere; the chain names
//! them by the sha256 of their manifest.
//!
//! ## Overview
//!
//! - An **asset** is a data sample, an opener, an algo, a metric, a bundle, a function or an imported model, under the key of
//!   its owner and its digest.
//! - An **objective** is what models are measured by: a metric, an opener and Test samples of its owner's.
//! - A **model** comes of an accepted result, an imported one of its owner's asset. Its record says who made it and of
//!   what, and for which objectives it is clean: no step of its making has seen their Test samples, as far as digests tell.
//! - A **prediction** ([`Predictions`]) is a model that was made of another and of an objective's opener and Test samples.
//! - A **private model** ([`PrivateModels`]) stays on the node of its trainer.
//! - A **making** ([`Made`]) says that an account made these bytes, by working or paying: in its hands they keep their
//!   history, in whatever role it gives them to a task.
//! - A **certified score** ([`Scores`]) outlives the records of its task.
//!
//! Models, makings and scores are written by the task pallet, through `record_model`, `record_making` and
//! `record_score`; no transaction writes them.
//!
//! ## Dispatchable functions
//!
//! All are for any signed account, which pays `ByteFee` for each byte that stays, to the treasury.
//!
//! - `register_asset`: registers an asset of the caller's. Repeating the call changes nothing and costs nothing beside the
//!   transaction.
//! - `create_objective`: creates an objective of assets of the caller's.
//! - `register_asset_with_permissions`, `create_objective_with_admits`: the same, and says who may process the asset, or
//!   whose assets may go into a certified model.
//! - `move_asset`: changes where the bytes of an asset of the caller's are found.
//!
//! ## Invariants
//!
//! - An asset's kind, with a data sample's label, and its visibility never change: nobody turns a Test sample into a Train
//!   sample. The key names the owner, so nobody squats another's digest.
//! - An objective never changes. Each of its samples is an asset of its owner's labelled Test, and stands in [`TestOf`], by
//!   which it is recognised whoever registers the same bytes under another label.
//! - A name names at most one objective of an owner ([`ObjectiveNames`]).
//! - Objectives, models, makings and scores are never removed; models and scores are never overwritten.
//! - [`ModelOf`] names the earliest model of these bytes: the one imported or sent first.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
pub mod bounds;
mod errors;
mod events;
pub mod migrations;
mod permissions;
mod records;
mod registering;
pub mod types;
pub mod weights;
pub mod worked;

#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;
pub use pallet::*;
pub use permissions::*;
pub use types::*;
pub use weights::WeightInfo;
pub use worked::Worked;

#[import_section(events::events)]
#[import_section(errors::errors)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::{pallet_prelude::*, traits::fungible::Mutate};
	use frame_system::pallet_prelude::*;

	#[pallet::config]
	pub trait Config: frame_system::Config + pallet_timestamp::Config<Moment = Moment> {
		type Currency: Mutate<Self::AccountId, Balance = Balance>;

		/// Exists from genesis; fees and forfeits go there.
		#[pallet::constant]
		type Treasury: Get<Self::AccountId>;

		/// Paid once for each byte that stays, by who causes it.
		#[pallet::constant]
		type ByteFee: Get<Balance>;

		type WeightInfo: WeightInfo;
	}

	/// Raised with every change of a layout, by a migration.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::storage]
	pub type Assets<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, Digest, Asset>;

	#[pallet::storage]
	pub type Objectives<T: Config> = StorageMap<_, Blake2_128Concat, ObjectiveId, Objective<T::AccountId>>;

	/// The objectives of an owner, found by prefix.
	#[pallet::storage]
	pub type ObjectivesOf<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, ObjectiveId, ()>;

	/// The objectives of an owner by their names, each of which it gives once.
	#[pallet::storage]
	pub type ObjectiveNames<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, Name, ObjectiveId>;

	/// The Test samples of an objective, found by digest, whoever else registered the same bytes.
	#[pallet::storage]
	pub type TestOf<T: Config> = StorageDoubleMap<_, Blake2_128Concat, ObjectiveId, Blake2_128Concat, Digest, ()>;

	/// By submission and place among its models.
	#[pallet::storage]
	pub type Models<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, SubmissionId, Blake2_128Concat, u8, Model<T::AccountId>>;

	/// The models whose bytes never leave the node of their trainer.
	#[pallet::storage]
	pub type PrivateModels<T: Config> = StorageDoubleMap<_, Blake2_128Concat, SubmissionId, Blake2_128Concat, u8, ()>;

	/// The models that are predictions of others on Test samples.
	#[pallet::storage]
	pub type Predictions<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, SubmissionId, Blake2_128Concat, u8, Prediction>;

	/// The permissions of those assets that are not open to everything.
	#[pallet::storage]
	pub type AssetPermissions<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, Digest, Permissions<T::AccountId>>;

	/// The rights on those models whose inputs did not give all to everyone.
	#[pallet::storage]
	pub type ModelRights<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, SubmissionId, Blake2_128Concat, u8, Rights<T::AccountId>>;

	/// What those objectives admit that do not admit anything.
	#[pallet::storage]
	pub type ObjectiveAdmits<T: Config> = StorageMap<_, Blake2_128Concat, ObjectiveId, Admits<T::AccountId>>;

	/// The bytes that accounts made by working or paying for them.
	#[pallet::storage]
	pub type Made<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, Digest, Making>;

	/// The model that these bytes are: the one that was sent or imported first.
	#[pallet::storage]
	pub type ModelOf<T: Config> = StorageMap<_, Blake2_128Concat, Digest, FirstModel<T::AccountId>>;

	/// Every certified score that was accepted, found by its objective. Never overwritten, never removed.
	#[pallet::storage]
	pub type Scores<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		ObjectiveId,
		Blake2_128Concat,
		SubmissionId,
		CertifiedScore<T::AccountId>,
	>;

	/// The number of objectives; ids start at 1.
	#[pallet::storage]
	pub type NextObjective<T: Config> = StorageValue<_, ObjectiveId, ValueQuery>;

	#[pallet::extra_constants]
	impl<T: Config> Pallet<T> {
		/// Bytes of an address at most.
		#[pallet::constant_name(MaxUri)]
		fn max_uri() -> u32 {
			bounds::MAX_URI
		}

		/// Bytes of the name of an objective, or of a number beside a score, at most.
		#[pallet::constant_name(MaxName)]
		fn max_name() -> u32 {
			bounds::MAX_NAME
		}

		/// No objective has more samples.
		#[pallet::constant_name(MaxSamples)]
		fn max_samples() -> u32 {
			bounds::MAX_SAMPLES
		}

		/// No task names more objectives.
		#[pallet::constant_name(MaxObjectives)]
		fn max_objectives() -> u32 {
			bounds::MAX_OBJECTIVES
		}

		/// No model is made from more.
		#[pallet::constant_name(MaxModels)]
		fn max_models() -> u32 {
			bounds::MAX_MODELS
		}

		/// Nothing that goes into a model belongs to more accounts.
		#[pallet::constant_name(MaxOwners)]
		fn max_owners() -> u32 {
			bounds::MAX_OWNERS
		}

		/// Bytes of the record of a prediction at most, beside that of the model which it is.
		#[pallet::constant_name(MaxPredictionRecord)]
		fn max_prediction_record() -> u32 {
			Prediction::max_encoded_len() as u32
		}

		/// Bytes of a model's record at most, for which a task's creator pays beforehand.
		#[pallet::constant_name(MaxModelRecord)]
		fn max_model_record() -> u32 {
			Model::<T::AccountId>::max_encoded_len() as u32
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Registers an asset of the caller's, which pays for its bytes. The same again changes nothing and costs no more
		/// than the transaction. A private sample is for its owner's own tasks only, everything else for everybody.
		#[pallet::call_index(0)]
		#[pallet::weight(<T as Config>::WeightInfo::register_asset())]
		pub fn register_asset(
			origin: OriginFor<T>,
			digest: Digest,
			kind: AssetKind,
			visibility: Visibility,
			uri: Uri,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_register_asset(owner, digest, kind, visibility, uri, None)
		}

		/// Creates an objective from assets of the caller's, which pays for its bytes. It can't be changed afterwards.
		#[pallet::call_index(1)]
		#[pallet::weight(<T as Config>::WeightInfo::create_objective(samples.len() as u32))]
		pub fn create_objective(
			origin: OriginFor<T>,
			name: Name,
			metric: Digest,
			opener: Digest,
			direction: Direction,
			tolerance: Fixed,
			samples: Samples,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_create_objective(owner, name, metric, opener, direction, tolerance, samples).map(|_| ())
		}

		/// Changes where the bytes of an asset of the caller's are found; what they are never changes.
		#[pallet::call_index(2)]
		#[pallet::weight(<T as Config>::WeightInfo::move_asset())]
		pub fn move_asset(origin: OriginFor<T>, digest: Digest, uri: Uri) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			let mut asset = Assets::<T>::get(&owner, digest).ok_or(Error::<T>::NoSuchAsset)?;
			Self::charge(&owner, uri.len().saturating_sub(asset.uri.len()))?;
			asset.uri = uri.clone();
			Assets::<T>::insert(&owner, digest, asset);
			Self::deposit_event(Event::AssetMoved { owner, digest, uri });
			Ok(())
		}

		/// Registers an asset as `register_asset` does, with permissions, which are permanent.
		#[pallet::call_index(3)]
		#[pallet::weight(<T as Config>::WeightInfo::register_asset_with_permissions())]
		pub fn register_asset_with_permissions(
			origin: OriginFor<T>,
			digest: Digest,
			kind: AssetKind,
			visibility: Visibility,
			uri: Uri,
			permissions: Permissions<T::AccountId>,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_register_asset(owner, digest, kind, visibility, uri, Some(permissions))
		}

		/// Creates an objective as `create_objective` does, and says whose assets its models may be made of.
		#[pallet::call_index(4)]
		#[pallet::weight(<T as Config>::WeightInfo::create_objective_with_admits(samples.len() as u32))]
		#[allow(clippy::too_many_arguments)]
		pub fn create_objective_with_admits(
			origin: OriginFor<T>,
			name: Name,
			metric: Digest,
			opener: Digest,
			direction: Direction,
			tolerance: Fixed,
			samples: Samples,
			admits: Admits<T::AccountId>,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::charge(&owner, admits.encoded_size())?;
			let objective = Self::do_create_objective(owner, name, metric, opener, direction, tolerance, samples)?;
			ObjectiveAdmits::<T>::insert(objective, admits);
			Ok(())
		}
	}
}
