//! With which numbers does each pallet run? Every constant stands here, with its reason.

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
use pallet_transaction_payment::{ConstFeeMultiplier, FungibleAdapter, Multiplier};
use sp_consensus_aura::sr25519::AuthorityId as AuraId;
use sp_runtime::{
	traits::{AccountIdConversion, One},
	Perbill, Percent,
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
	pub FeeMultiplier: Multiplier = Multiplier::one();
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

impl pallet_transaction_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type OnChargeTransaction = FungibleAdapter<Balances, ResolveTo<TreasuryAccount, Balances>>;
	// A picosecond costs a base unit: a usual call comes to about a thousandth of a UNIT.
	type WeightToFee = IdentityFee<Balance>;
	type LengthToFee = ConstantMultiplier<Balance, FeePerByte>;
	// Fees don't follow congestion, so what a YAML's author is told beforehand is what is charged.
	type FeeMultiplierUpdate = ConstFeeMultiplier<FeeMultiplier>;
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
	pub const AssetFee: Balance = 5 * MILLI_UNIT;
	pub const ObjectiveFee: Balance = 50 * MILLI_UNIT;
	pub const MinReward: Balance = 10 * MILLI_UNIT;
	pub const MinBond: Balance = 100 * MILLI_UNIT;
	pub const ReportFee: Balance = 10 * MILLI_UNIT;
	pub const RejectFee: Percent = Percent::from_percent(10);
	pub const MinTimeout: Moment = 2 * SECOND;
	pub const MaxWindow: Moment = 30 * DAY;
	pub const PauseWindow: Moment = DAY;
	pub const RetentionPeriod: Moment = 7 * DAY;
}

impl pallet_registry::Config for Runtime {
	type Currency = Balances;
	type Treasury = TreasuryAccount;
	type AssetFee = AssetFee;
	type ObjectiveFee = ObjectiveFee;
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
	type MaxRetries = ConstU32<3>;
}
