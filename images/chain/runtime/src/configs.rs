//! Configuration of the pallets: every constant, with its reason.

use crate::*;
use frame_support::{
	derive_impl, parameter_types,
	traits::{tokens::imbalance::ResolveTo, ConstBool, ConstU32, ConstU64, ConstU8},
	weights::{
		constants::{RocksDbWeight, WEIGHT_REF_TIME_PER_SECOND},
		ConstantMultiplier, IdentityFee, Weight,
	},
	PalletId,
};
use frame_system::limits::{BlockLength, BlockWeights};
use pallet_transaction_payment::{FungibleAdapter, Multiplier, MultiplierUpdate, TargetedFeeAdjustment};
use sp_consensus_aura::sr25519::AuthorityId as AuraId;
use sp_runtime::{
	traits::{AccountIdConversion, Convert, One},
	FixedPointNumber, Perbill, Percent, Perquintill,
};

/// One coin in base units.
pub const UNIT: Balance = 1_000_000_000_000;
const MILLI_UNIT: Balance = UNIT / 1_000;
const SECOND: Moment = 1_000;
const DAY: Moment = 24 * 60 * 60 * SECOND;
/// Of a block's time this share goes to ordinary transactions; the rest is for inherents and due work.
const NORMAL_SHARE: Perbill = Perbill::from_percent(75);

parameter_types! {
	pub const BlockHashCount: BlockNumber = 2_400;
	pub const Version: RuntimeVersion = VERSION;
	/// A second of computing in a block of two seconds.
	pub Weights: BlockWeights = BlockWeights::with_sensible_defaults(
		Weight::from_parts(WEIGHT_REF_TIME_PER_SECOND, u64::MAX),
		NORMAL_SHARE,
	);
	pub Length: BlockLength = BlockLength::builder()
		.max_length(5 * 1024 * 1024)
		.modify_max_length_for_class(frame_support::dispatch::DispatchClass::Normal, |length| {
			*length = NORMAL_SHARE * (5 * 1024 * 1024)
		})
		.build();
	pub const ExistentialDeposit: Balance = MILLI_UNIT;
	pub const AuraSlotDuration: Moment = 2_000;
	/// A byte costs as much as a microsecond of computing.
	pub const FeePerByte: Balance = 1_000_000;
	/// Fees rise while blocks are fuller than this.
	pub const TargetFullness: Perquintill = Perquintill::from_percent(25);
	/// With full blocks of two seconds, tenfold after about two days.
	pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(75, 1_000_000);
	pub SmallestMultiplier: Multiplier = Multiplier::one();
	pub LargestMultiplier: Multiplier = Multiplier::saturating_from_integer(10);
	/// Receives transaction fees, forfeits, and any share that can't be paid.
	pub TreasuryAccount: AccountId = PalletId(*b"nrt/trsy").into_account_truncating();
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
	type Block = Block;
	type BlockWeights = Weights;
	type BlockLength = Length;
	type AccountId = AccountId;
	type Nonce = Nonce;
	type DbWeight = RocksDbWeight;
	type Hash = Hash;
	type BlockHashCount = BlockHashCount;
	type Version = Version;
	type AccountData = pallet_balances::AccountData<Balance>;
	type SS58Prefix = frame_support::traits::ConstU16<42>;
	type MaxConsumers = ConstU32<16>;
	// The registry's models first: the tasks' scores look them up.
	type SingleBlockMigrations =
		(pallet_registry::migrations::ToVersion1<Runtime>, pallet_tasks::migrations::ToVersion1<Runtime>);
}

impl pallet_timestamp::Config for Runtime {
	type Moment = Moment;
	type OnTimestampSet = Aura;
	// A chain that seals instantly makes several blocks within a slot.
	type MinimumPeriod = ConstU64<0>;
	type WeightInfo = ();
}

impl pallet_aura::Config for Runtime {
	type AuthorityId = AuraId;
	type DisabledValidators = ();
	type MaxAuthorities = ConstU32<32>;
	type AllowMultipleBlocksPerSlot = ConstBool<true>;
	type SlotDuration = AuraSlotDuration;
}

impl pallet_grandpa::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = ();
	type MaxAuthorities = ConstU32<32>;
	type MaxNominators = ConstU32<0>;
	type MaxSetIdSessionEntries = ConstU64<0>;
	type KeyOwnerProof = sp_core::Void;
	type EquivocationReportSystem = ();
}

impl pallet_balances::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeHoldReason = RuntimeHoldReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
	type Balance = Balance;
	type DustRemoval = ResolveTo<TreasuryAccount, Balances>;
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
	type ReserveIdentifier = [u8; 8];
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxLocks = ConstU32<8>;
	type MaxReserves = ConstU32<8>;
	type MaxFreezes = ConstU32<0>;
	type DoneSlashHandler = ();
}

type ByFullness =
	TargetedFeeAdjustment<Runtime, TargetFullness, AdjustmentVariable, SmallestMultiplier, LargestMultiplier>;

/// Fees follow the fullness of blocks, between one and ten times their base. Where one authority makes all blocks, as in
/// the embedded chain, they are constant: there nobody competes for room, and what is told beforehand is charged.
pub struct FeesByFullness;

impl Convert<Multiplier, Multiplier> for FeesByFullness {
	fn convert(previous: Multiplier) -> Multiplier {
		match pallet_aura::Authorities::<Runtime>::decode_len() {
			Some(0 | 1) | None => Multiplier::one(),
			Some(_) => ByFullness::convert(previous),
		}
	}
}

impl MultiplierUpdate for FeesByFullness {
	fn min() -> Multiplier {
		SmallestMultiplier::get()
	}
	fn max() -> Multiplier {
		LargestMultiplier::get()
	}
	fn target() -> Perquintill {
		ByFullness::target()
	}
	fn variability() -> Multiplier {
		ByFullness::variability()
	}
}

impl pallet_transaction_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type OnChargeTransaction = FungibleAdapter<Balances, ResolveTo<TreasuryAccount, Balances>>;
	// A picosecond costs a base unit: a usual call comes to about a thousandth of a UNIT.
	type WeightToFee = IdentityFee<Balance>;
	type LengthToFee = ConstantMultiplier<Balance, FeePerByte>;
	type FeeMultiplierUpdate = FeesByFullness;
	type OperationalFeeMultiplier = ConstU8<5>;
	type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
}

impl pallet_sudo::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type WeightInfo = pallet_sudo::weights::SubstrateWeight<Runtime>;
}

impl pallet_utility::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type PalletsOrigin = OriginCaller;
	type WeightInfo = pallet_utility::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
	/// A hundredth of a thousandth.
	pub const ByteFee: Balance = MILLI_UNIT / 100;
	pub const MinReward: Balance = 100 * MILLI_UNIT;
	pub const MinBond: Balance = 100 * MILLI_UNIT;
	pub const ReportFee: Balance = 10 * MILLI_UNIT;
	pub const RejectFee: Percent = Percent::from_percent(10);
	pub const MinTimeout: Moment = 2 * SECOND;
	pub const MaxWindow: Moment = 30 * DAY;
	pub const PauseWindow: Moment = DAY;
	pub const RetentionPeriod: Moment = 7 * DAY;
	pub const EvidencePeriod: Moment = 180 * DAY;
	pub const MaxDuration: Moment = 365 * DAY;
	pub const MaxTimeout: Moment = 30 * DAY;
	pub const MaxReward: Balance = 1_000_000_000 * UNIT;
	pub const BondAllowance: Balance = UNIT;
}

impl pallet_registry::Config for Runtime {
	type Currency = Balances;
	type Treasury = TreasuryAccount;
	type ByteFee = ByteFee;
	type WeightInfo = pallet_registry::weights::SubstrateWeight<Runtime>;
}

impl pallet_tasks::Config for Runtime {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Escrow = Balances;
	type MinReward = MinReward;
	type MinBond = MinBond;
	type ReportFee = ReportFee;
	type RejectFee = RejectFee;
	type MinTimeout = MinTimeout;
	type MaxWindow = MaxWindow;
	type PauseWindow = PauseWindow;
	type RetentionPeriod = RetentionPeriod;
	type EvidencePeriod = EvidencePeriod;
	type MaxRetries = ConstU32<3>;
	type MaxHandBacks = ConstU32<2>;
	type MaxDuration = MaxDuration;
	type MaxTimeout = MaxTimeout;
	type MaxSlots = ConstU32<10_000>;
	type MaxFailures = ConstU32<1_000>;
	type MaxReward = MaxReward;
	type BondAllowance = BondAllowance;
	type WeightInfo = pallet_tasks::weights::SubstrateWeight<Runtime>;
}
