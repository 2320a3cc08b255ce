//! What the runtime decides: where the money is held, and the bounds of terms.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod config {
	#[pallet::config]
	pub trait Config:
		frame_system::Config + pallet_timestamp::Config<Moment = Moment> + pallet_registry::Config
	{
		type RuntimeHoldReason: From<HoldReason>;

		/// Where escrow and bonds are held; the same money as the registry's.
		type Escrow: MutateHold<Self::AccountId, Balance = Balance, Reason = <Self as Config>::RuntimeHoldReason>;

		/// No reward may be lower; at least the existential deposit, so that it can always be paid.
		#[pallet::constant]
		type MinReward: Get<Balance>;

		/// No bond may be lower; at least `ReportFee`.
		#[pallet::constant]
		type MinBond: Get<Balance>;

		/// What is held for a report of a failure at least.
		#[pallet::constant]
		type ReportFee: Get<Balance>;

		/// The share of the reward that a rejection costs each side; at least 10%.
		#[pallet::constant]
		type RejectFee: Get<Percent>;

		/// No attempt may be given less time, and none starts later than this before the deadline.
		#[pallet::constant]
		type MinTimeout: Get<Moment>;

		/// The longest review.
		#[pallet::constant]
		type MaxWindow: Get<Moment>;

		/// How long the first pause of a task lasts at most.
		#[pallet::constant]
		type PauseWindow: Get<Moment>;

		/// How long a final task and its submissions are kept at least.
		#[pallet::constant]
		type RetentionPeriod: Get<Moment>;

		/// How much longer they are kept unless nothing was rejected and their creator lets them go.
		#[pallet::constant]
		type EvidencePeriod: Get<Moment>;

		/// How often an account may try again after a failure that may pass.
		#[pallet::constant]
		type MaxRetries: Get<u32>;

		/// How often an account may hand a task back at a price; after that it may not take it again.
		#[pallet::constant]
		type MaxHandBacks: Get<u32>;

		/// A deadline lies at most so far ahead.
		#[pallet::constant]
		type MaxDuration: Get<Moment>;

		/// The longest that one attempt may take.
		#[pallet::constant]
		type MaxTimeout: Get<Moment>;

		#[pallet::constant]
		type MaxSlots: Get<u32>;

		#[pallet::constant]
		type MaxFailures: Get<u32>;

		#[pallet::constant]
		type MaxReward: Get<Balance>;

		/// A bond is at most `MaxBondPerReward` rewards and this.
		#[pallet::constant]
		type BondAllowance: Get<Balance>;

		type WeightInfo: WeightInfo;
	}
}
