//! The pallet's configuration by the runtime: its currency, prices, periods and the bounds of terms.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod config {
	#[pallet::config]
	pub trait Config:
		frame_system::Config + pallet_timestamp::Config<Moment = Moment> + pallet_registry::Config
	{
		type RuntimeHoldReason: From<HoldReason>;

		/// The currency of escrow and bonds; the same as the registry's.
		type Escrow: MutateHold<Self::AccountId, Balance = Balance, Reason = <Self as Config>::RuntimeHoldReason>;

		/// No reward may be lower; at least the existential deposit, so that it can always be paid.
		#[pallet::constant]
		type MinReward: Get<Balance>;

		/// No bond may be lower; at least `ReportFee`.
		#[pallet::constant]
		type MinBond: Get<Balance>;

		/// The smallest fee that is held for a report of a failure.
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

		/// The longest duration of a task's first pause.
		#[pallet::constant]
		type PauseWindow: Get<Moment>;

		/// The shortest time that a final task and its submissions are kept.
		#[pallet::constant]
		type RetentionPeriod: Get<Moment>;

		/// The time that they are kept beyond that, unless nothing was rejected and their creator removes them.
		#[pallet::constant]
		type EvidencePeriod: Get<Moment>;

		/// The number of further attempts of an account after failures that may pass.
		#[pallet::constant]
		type MaxRetries: Get<u32>;

		/// The number of times an account may hand a task back at a price; after that it may not take it again.
		#[pallet::constant]
		type MaxHandBacks: Get<u32>;

		/// The longest time from the creation of a task to its deadline.
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
