//! The runtime in which the pallet is tested, its accounts and its time.

use super::asset;
use crate as pallet_tasks;
use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, ConstU64, Hooks},
	weights::Weight,
};
use pallet_registry::{AssetKind, Balance, Moment};
use sp_runtime::{BuildStorage, Percent};

pub type Account = u64;
type Block = frame_system::mocking::MockBlock<World>;

pub const CREATOR: Account = 1;
pub const JUDGE: Account = 2;
pub const BOB: Account = 3;
pub const CAROL: Account = 4;
pub const DAVE: Account = 5;
pub const ERIN: Account = 6;
pub const TREASURY: Account = 9;
/// Of an algo that every world has.
pub const ALGO: u8 = 250;
pub const PEOPLE: [Account; 6] = [CREATOR, JUDGE, BOB, CAROL, DAVE, ERIN];

pub const FORTUNE: Balance = 1_000_000;
pub const REWARD: Balance = 1_000;
pub const BOND: Balance = 300;
pub const REPORT_FEE: Balance = 20;
/// 10% of the reward.
pub const REJECT_FEE: Balance = 100;
pub const START: Moment = 1_000;
pub const DEADLINE: Moment = START + 10_000;
pub const TIMEOUT: Moment = 500;
pub const WINDOW: Moment = 200;
pub const PAUSE: Moment = 2_000;
pub const RETENTION: Moment = 50_000;
pub const EVIDENCE: Moment = 100_000;
pub const MIN_TIMEOUT: Moment = 50;
pub const MAX_DURATION: Moment = 100_000;
pub const MAX_TIMEOUT: Moment = 20_000;
pub const MAX_REWARD: Balance = 10 * FORTUNE;

frame_support::construct_runtime!(
	pub enum World {
		System: frame_system,
		Timestamp: pallet_timestamp,
		Balances: pallet_balances,
		Registry: pallet_registry,
		TaskPallet: pallet_tasks,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for World {
	type Block = Block;
	type AccountData = pallet_balances::AccountData<Balance>;
	type DbWeight = frame_support::weights::constants::RocksDbWeight;
	type BlockWeights = Weights;
}

impl pallet_timestamp::Config for World {
	type Moment = Moment;
	type OnTimestampSet = ();
	type MinimumPeriod = ConstU64<0>;
	type WeightInfo = ();
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for World {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<10>;
	type AccountStore = System;
}

parameter_types! {
	pub const RejectFee: Percent = Percent::from_percent(10);
	/// As the runtime has them: a second of computing in a block.
	pub Weights: frame_system::limits::BlockWeights = frame_system::limits::BlockWeights::with_sensible_defaults(
		Weight::from_parts(frame_support::weights::constants::WEIGHT_REF_TIME_PER_SECOND, u64::MAX),
		sp_runtime::Perbill::from_percent(75),
	);
	/// Nothing, where a test doesn't ask what bytes cost.
	pub static ByteFee: Balance = 0;
}

impl pallet_registry::Config for World {
	type Currency = Balances;
	type Treasury = ConstU64<TREASURY>;
	type ByteFee = ByteFee;
	type WeightInfo = ();
}

impl pallet_tasks::Config for World {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Escrow = Balances;
	type MinReward = ConstU128<100>;
	type MinBond = ConstU128<50>;
	type ReportFee = ConstU128<REPORT_FEE>;
	type RejectFee = RejectFee;
	type MinTimeout = ConstU64<MIN_TIMEOUT>;
	type MaxWindow = ConstU64<5_000>;
	type PauseWindow = ConstU64<PAUSE>;
	type RetentionPeriod = ConstU64<RETENTION>;
	type EvidencePeriod = ConstU64<EVIDENCE>;
	type MaxRetries = ConstU32<3>;
	type MaxHandBacks = ConstU32<2>;
	type MaxDuration = ConstU64<MAX_DURATION>;
	type MaxTimeout = ConstU64<MAX_TIMEOUT>;
	type MaxSlots = ConstU32<100>;
	type MaxFailures = ConstU32<10>;
	type MaxReward = ConstU128<MAX_REWARD>;
	type BondAllowance = ConstU128<500>;
	type WeightInfo = ();
}

/// Runs `story` in a fresh world at `START`.
pub fn world(story: impl FnOnce()) {
	externalities().execute_with(|| {
		System::set_block_number(1);
		at(START);
		asset(CREATOR, ALGO, AssetKind::Algo);
		story();
	});
}

/// A fresh world, in which nothing has happened yet.
pub fn externalities() -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<World>::default().build_storage().unwrap();
	let balances = PEOPLE.iter().map(|who| (*who, FORTUNE)).chain([(TREASURY, 10)]).collect();
	pallet_balances::GenesisConfig::<World> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	storage.into()
}

/// Time passes, and nothing else happens.
pub fn at(moment: Moment) {
	pallet_timestamp::Now::<World>::put(moment);
}

/// The agenda is worked without a limit.
pub fn sweep() {
	TaskPallet::on_idle(1, Weight::MAX);
}

pub fn sweep_at(moment: Moment) {
	at(moment);
	sweep();
}

/// A block later, as soon as one can be.
pub fn next_block() {
	sweep_at(TaskPallet::now() + 1);
}
