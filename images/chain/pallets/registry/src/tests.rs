//! Are labels permanent, keys nobody else's, and objectives what they say?

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
const FORTUNE: Balance = 1_000;
const ASSET_FEE: Balance = 10;
const OBJECTIVE_FEE: Balance = 20;
const TEST: AssetKind = AssetKind::DataSample(Label::Test);
const TRAIN: AssetKind = AssetKind::DataSample(Label::Train);

frame_support::construct_runtime!(
	pub enum World {
		System: frame_system,
		Balances: pallet_balances,
		Registry: pallet_registry,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for World {
	type Block = Block;
	type AccountData = pallet_balances::AccountData<Balance>;
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
	type AssetFee = ConstU128<ASSET_FEE>;
	type ObjectiveFee = ConstU128<OBJECTIVE_FEE>;
}

fn world(story: impl FnOnce()) {
	let mut storage = frame_system::GenesisConfig::<World>::default().build_storage().unwrap();
	let balances = vec![(ALICE, FORTUNE), (BOB, FORTUNE), (TREASURY, 5)];
	pallet_balances::GenesisConfig::<World> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	sp_io::TestExternalities::new(storage).execute_with(|| {
		System::set_block_number(1);
		story();
	});
}

fn register(owner: u64, number: u8, kind: AssetKind) -> DispatchResult {
	Registry::register_asset(RuntimeOrigin::signed(owner), [number; 32], kind, Visibility::Shared, Default::default())
}

fn create(owner: u64, samples: &[u8]) -> DispatchResult {
	let samples = samples.iter().map(|number| [*number; 32]).collect::<Vec<_>>().try_into().unwrap();
	let (metric, opener) = ([1; 32], [2; 32]);
	let origin = RuntimeOrigin::signed(owner);
	let create = || Registry::create_objective(origin, Name::default(), metric, opener, Direction::Higher, 0, samples);
	frame_support::storage::with_storage_layer(create)
}

/// Metric 1, opener 2, Test samples 3 and 4.
fn furnish(owner: u64) {
	for (number, kind) in [(1, AssetKind::Metric), (2, AssetKind::Opener), (3, TEST), (4, TEST)] {
		register(owner, number, kind).unwrap();
	}
}

#[test]
fn an_asset_costs_its_fee_once() {
	world(|| {
		for _ in 0..3 {
			assert_ok!(register(ALICE, 1, TRAIN));
		}
		assert_eq!(Balances::total_balance(&ALICE), FORTUNE - ASSET_FEE);
		assert_eq!(Balances::total_balance(&TREASURY), 5 + ASSET_FEE);
	});
}

#[test]
fn an_owner_never_gives_one_digest_a_second_label() {
	world(|| {
		register(ALICE, 1, TEST).unwrap();
		for other in [TRAIN, AssetKind::Algo, AssetKind::Model] {
			assert_noop!(register(ALICE, 1, other), Rule::AlreadyLabelled);
		}
	});
}

#[test]
fn visibility_is_permanent() {
	world(|| {
		register(ALICE, 1, TRAIN).unwrap();
		let origin = RuntimeOrigin::signed(ALICE);
		let private = Registry::register_asset(origin, [1; 32], TRAIN, Visibility::Private, Default::default());
		assert_noop!(private, Rule::VisibilityFixed);
	});
}

#[test]
fn nobody_can_squat_anothers_digest() {
	world(|| {
		register(BOB, 1, TEST).unwrap();
		assert_ok!(register(ALICE, 1, TRAIN));
	});
}

#[test]
fn an_account_without_the_fee_registers_nothing() {
	world(|| assert_eq!(register(77, 1, TRAIN), Err(Rule::TooLittleBalance.into())));
}

#[test]
fn an_objective_knows_its_test_samples_by_digest() {
	world(|| {
		furnish(ALICE);
		assert_ok!(create(ALICE, &[3, 4]));
		assert!(TestOf::<World>::contains_key(1, [3; 32]) && ObjectivesOf::<World>::contains_key(ALICE, 1));
		let named = ObjectiveIds::try_from(vec![1]).unwrap();
		assert!(Registry::is_test_of_any(&named, &[4; 32]) && !Registry::is_test_of_any(&named, &[5; 32]));
		assert_eq!(Balances::total_balance(&ALICE), FORTUNE - 4 * ASSET_FEE - OBJECTIVE_FEE);
	});
}

#[test]
fn an_objective_is_made_of_its_owners_assets_only() {
	world(|| {
		furnish(ALICE);
		register(BOB, 3, TEST).unwrap();
		assert_noop!(create(BOB, &[3]), Rule::NoSuchMetric);
		register(BOB, 1, AssetKind::Metric).unwrap();
		assert_noop!(create(BOB, &[3]), Rule::NoSuchOpener);
		register(BOB, 2, AssetKind::Opener).unwrap();
		assert_noop!(create(BOB, &[3, 4]), Rule::NotATestSample);
		assert_ok!(create(BOB, &[3]));
	});
}

#[test]
fn an_objective_has_distinct_test_samples() {
	world(|| {
		furnish(ALICE);
		register(ALICE, 5, TRAIN).unwrap();
		assert_noop!(create(ALICE, &[]), Rule::NoSamples);
		assert_noop!(create(ALICE, &[3, 3]), Rule::SampleTwice);
		assert_noop!(create(ALICE, &[5]), Rule::NotATestSample);
	});
}
