//! Tests of the registry, in a runtime of its own.

mod assets;
mod migrations;
mod objectives;
mod permissions;

use crate::{self as pallet_registry, *};
use frame_support::{
	assert_noop, assert_ok, derive_impl,
	traits::{fungible::Inspect, ConstU128, ConstU64},
};
use sp_runtime::{BuildStorage, DispatchResult};

type Block = frame_system::mocking::MockBlock<World>;
type Rule = crate::Error<World>;

const ALICE: u64 = 1;
const BOB: u64 = 2;
const TREASURY: u64 = 9;
const FORTUNE: Balance = 100_000;
const BYTE_FEE: Balance = 2;
/// Owner, digest, kind with label, visibility, an empty uri and the time.
const ASSET_BYTES: Balance = 8 + 32 + 2 + 1 + 1 + 8;
const TEST: AssetKind = AssetKind::DataSample(Label::Test);
const TRAIN: AssetKind = AssetKind::DataSample(Label::Train);

frame_support::construct_runtime!(
	pub enum World {
		System: frame_system,
		Timestamp: pallet_timestamp,
		Balances: pallet_balances,
		Registry: pallet_registry,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for World {
	type Block = Block;
	type AccountData = pallet_balances::AccountData<Balance>;
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
	type ExistentialDeposit = ConstU128<5>;
	type AccountStore = System;
}

impl pallet_registry::Config for World {
	type Currency = Balances;
	type Treasury = ConstU64<TREASURY>;
	type ByteFee = ConstU128<BYTE_FEE>;
	type WeightInfo = ();
}

fn world(story: impl FnOnce()) {
	externalities().execute_with(|| {
		System::set_block_number(1);
		story();
	});
}

/// A fresh world.
pub fn externalities() -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<World>::default().build_storage().unwrap();
	let balances = vec![(ALICE, FORTUNE), (BOB, FORTUNE), (TREASURY, 5)];
	pallet_balances::GenesisConfig::<World> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	storage.into()
}

fn register(owner: u64, number: u8, kind: AssetKind) -> DispatchResult {
	Registry::register_asset(RuntimeOrigin::signed(owner), [number; 32], kind, Visibility::Shared, Default::default())
}

fn register_private(number: u8, kind: AssetKind) -> DispatchResult {
	let (origin, visibility) = (RuntimeOrigin::signed(ALICE), Visibility::Private);
	Registry::register_asset(origin, [number; 32], kind, visibility, Default::default())
}
