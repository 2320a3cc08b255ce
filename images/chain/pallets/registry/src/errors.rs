//! The pallet's errors: the reason of each refusal, and its remedy.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod errors {
	#[pallet::error]
	pub enum Error<T> {
		/// You registered this digest as something else; kinds and labels are permanent. Change the bytes, or use it as what it is.
		AlreadyLabelled,
		/// You registered this digest with the other visibility, which is permanent.
		VisibilityFixed,
		/// The fee can't be paid from the free balance. Fund the account.
		TooLittleBalance,
		/// The metric is not an asset of yours of kind Metric or Function. Register it first.
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
		/// The tolerance is above 10^18. Lower it.
		ToleranceTooLarge,
		/// You registered this digest with another uri. Change it by moving the asset.
		OtherUri,
		/// You registered no asset of this digest. Register it first.
		NoSuchAsset,
		/// You have an objective of this name already. Choose another name, or use that objective.
		NameTaken,
		/// You registered this digest with other permissions, which are permanent. Change the bytes, or use it as permitted.
		PermissionsFixed,
		/// A permission names more than 32 accounts, the owner included. Name fewer, or make it public.
		TooManyAccounts,
		/// Only data samples permit single programs. Leave them out.
		AlgosMisplaced,
	}
}
