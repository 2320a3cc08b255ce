//! Tests of the registry: permanent labels, keys by owner, immutable objectives, and the migration.

use crate::{self as pallet_registry, *};
use codec::Encode as _;
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

fn register_permitted(owner: u64, number: u8, kind: AssetKind, permissions: Permissions<u64>) -> DispatchResult {
	let (origin, visibility) = (RuntimeOrigin::signed(owner), Visibility::Private);
	let uri = Default::default();
	Registry::register_asset_with_permissions(origin, [number; 32], kind, visibility, uri, permissions)
}

fn register_private(number: u8, kind: AssetKind) -> DispatchResult {
	let (origin, visibility) = (RuntimeOrigin::signed(ALICE), Visibility::Private);
	Registry::register_asset(origin, [number; 32], kind, visibility, Default::default())
}

fn process_by(accounts: &[u64]) -> Permissions<u64> {
	let process = Access::Accounts(accounts.to_vec().try_into().unwrap());
	Permissions { rights: Rights { process, ..Rights::public() }, algos: Algos::Any }
}

#[test]
fn a_private_sample_without_permissions_is_its_owners_only_and_anything_else_is_public() {
	world(|| {
		assert_ok!(register_private(1, TRAIN));
		let given = AssetPermissions::<World>::get(ALICE, [1; 32]).unwrap();
		assert_eq!(given, Permissions::of_owner_only().of(&ALICE).unwrap());
		assert!(given.rights.process.allows(&ALICE) && !given.rights.process.allows(&BOB));
		assert_ok!(register_private(2, AssetKind::Algo));
		assert_ok!(register(ALICE, 3, TRAIN));
		assert_ok!(register_permitted(ALICE, 4, TRAIN, Permissions::public()));
		assert_eq!(AssetPermissions::<World>::iter_keys().count(), 1);
	});
}

#[test]
fn permissions_never_change_and_are_paid_for() {
	world(|| {
		assert_ok!(register_permitted(ALICE, 1, TRAIN, process_by(&[BOB])));
		let kept = AssetPermissions::<World>::get(ALICE, [1; 32]).unwrap();
		let paid = FORTUNE - Balances::total_balance(&ALICE);
		assert_eq!(paid, BYTE_FEE * (ASSET_BYTES + kept.encoded_size() as Balance));
		assert_ok!(register_permitted(ALICE, 1, TRAIN, process_by(&[BOB])));
		assert_ok!(register_private(1, TRAIN));
		for other in [Permissions::public(), process_by(&[])] {
			assert_noop!(register_permitted(ALICE, 1, TRAIN, other), Rule::PermissionsFixed);
		}
		assert_eq!(FORTUNE - Balances::total_balance(&ALICE), paid);
	});
}

#[test]
fn permissions_name_few_enough_accounts_and_single_programs_of_samples_only() {
	world(|| {
		let many: Vec<_> = (10..42).collect();
		assert_noop!(register_permitted(ALICE, 1, TRAIN, process_by(&many)), Rule::TooManyAccounts);
		assert_ok!(register_permitted(ALICE, 1, TRAIN, process_by(&many[1..])));
		let single = Permissions { algos: Algos::Digests(Default::default()), ..Permissions::public() };
		assert_noop!(register_permitted(ALICE, 2, AssetKind::Opener, single), Rule::AlgosMisplaced);
	});
}

#[test]
fn what_an_older_runtime_registered_keeps_working_for_everyone() {
	world(|| {
		let (kind, visibility) = (TRAIN, Visibility::Private);
		Assets::<World>::insert(ALICE, [1; 32], Asset { kind, visibility, uri: Default::default(), since: 0 });
		assert_ok!(register_private(1, kind));
		assert!(!AssetPermissions::<World>::contains_key(ALICE, [1; 32]));
		assert_noop!(register_permitted(ALICE, 1, kind, process_by(&[])), Rule::PermissionsFixed);
	});
}

fn register_at(owner: u64, number: u8, uri: &str) -> DispatchResult {
	let (origin, uri) = (RuntimeOrigin::signed(owner), uri.as_bytes().to_vec().try_into().unwrap());
	Registry::register_asset(origin, [number; 32], TRAIN, Visibility::Shared, uri)
}

fn move_to(owner: u64, number: u8, uri: &str) -> DispatchResult {
	let uri = uri.as_bytes().to_vec().try_into().unwrap();
	Registry::move_asset(RuntimeOrigin::signed(owner), [number; 32], uri)
}

fn create(owner: u64, samples: &[u8]) -> DispatchResult {
	create_named(owner, "", samples)
}

fn create_named(owner: u64, name: &str, samples: &[u8]) -> DispatchResult {
	let name = Name::try_from(name.as_bytes().to_vec()).unwrap();
	let samples = samples.iter().map(|number| [*number; 32]).collect::<Vec<_>>().try_into().unwrap();
	let (metric, opener) = ([1; 32], [2; 32]);
	let origin = RuntimeOrigin::signed(owner);
	let create = || Registry::create_objective(origin, name, metric, opener, Direction::Higher, 0, samples);
	frame_support::storage::with_storage_layer(create)
}

/// Metric 1, opener 2, Test samples 3 and 4.
fn furnish(owner: u64) {
	for (number, kind) in [(1, AssetKind::Metric), (2, AssetKind::Opener), (3, TEST), (4, TEST)] {
		register(owner, number, kind).unwrap();
	}
}

#[test]
fn an_asset_pays_once_for_its_bytes() {
	world(|| {
		for _ in 0..3 {
			assert_ok!(register(ALICE, 1, TRAIN));
		}
		assert_eq!(Balances::total_balance(&ALICE), FORTUNE - ASSET_BYTES * BYTE_FEE);
		assert_eq!(Balances::total_balance(&TREASURY), 5 + ASSET_BYTES * BYTE_FEE);
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
fn an_objective_pays_for_the_bytes_of_its_samples() {
	let paid_for = |samples: &[u8]| {
		let mut paid = 0;
		world(|| {
			furnish(ALICE);
			let before = Balances::total_balance(&ALICE);
			create(ALICE, samples).unwrap();
			paid = before - Balances::total_balance(&ALICE);
		});
		paid
	};
	// In its record, and under its digest.
	assert_eq!(paid_for(&[3, 4]) - paid_for(&[3]), 2 * 32 * BYTE_FEE);
}

#[test]
fn an_owner_names_each_objective_differently() {
	world(|| {
		furnish(ALICE);
		furnish(BOB);
		assert_ok!(create_named(ALICE, "digits", &[3]));
		assert_noop!(create_named(ALICE, "digits", &[4]), Rule::NameTaken);
		assert_ok!(create_named(ALICE, "letters", &[3]));
		assert_ok!(create_named(BOB, "digits", &[3]));
	});
}

#[test]
fn registering_again_with_another_uri_is_refused_and_moving_the_asset_does_it() {
	world(|| {
		register_at(ALICE, 1, "file://here").unwrap();
		assert_ok!(register_at(ALICE, 1, "file://here"));
		assert_noop!(register_at(ALICE, 1, "file://there"), Rule::OtherUri);
		assert_noop!(move_to(BOB, 1, "file://there"), Rule::NoSuchAsset);
		assert_ok!(move_to(ALICE, 1, "file://there"));
		assert_ok!(register_at(ALICE, 1, "file://there"));
		assert_eq!(Assets::<World>::get(ALICE, [1; 32]).unwrap().kind, TRAIN);
	});
}

#[test]
fn moving_an_asset_pays_for_the_bytes_that_its_uri_grows_by() {
	world(|| {
		register_at(ALICE, 1, "a").unwrap();
		let before = Balances::total_balance(&ALICE);
		move_to(ALICE, 1, "abcd").unwrap();
		move_to(ALICE, 1, "ab").unwrap();
		assert_eq!(before - Balances::total_balance(&ALICE), 3 * BYTE_FEE);
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

/// Stores what runtime 1 had: two objectives of one name, an import, a model and one made from it.
fn store_as_runtime_1() {
	use crate::migrations::v0;
	use codec::Encode;
	use frame_support::{storage::unhashed::put_raw, traits::StorageVersion};

	for (number, kind) in [(1, AssetKind::Metric), (9, AssetKind::Model)] {
		let old = v0::Asset { kind, visibility: Visibility::Shared, uri: Default::default() };
		put_raw(&Assets::<World>::hashed_key_for(ALICE, [number; 32]), &old.encode());
	}
	for id in [7, 5] {
		let old = v0::Objective {
			owner: ALICE,
			name: Name::try_from(b"digits".to_vec()).unwrap(),
			metric: [1; 32],
			opener: [2; 32],
			direction: Direction::Higher,
			tolerance: 1_000,
			samples: vec![[3; 32]].try_into().unwrap(),
		};
		put_raw(&Objectives::<World>::hashed_key_for(id), &old.encode());
	}
	for (id, trainer, parents) in [(4, BOB, vec![2]), (2, ALICE, vec![])] {
		let old = v0::Model {
			owner: 77,
			trainer,
			digest: [id as u8; 32],
			uri: Default::default(),
			parents: parents.try_into().unwrap(),
			clean_for: vec![5].try_into().unwrap(),
		};
		v0::Models::<World>::insert(id, old);
	}
	StorageVersion::new(0).put::<Registry>();
	use frame_support::traits::OnRuntimeUpgrade;
	crate::migrations::ToVersion1::<World>::on_runtime_upgrade();
}

#[test]
fn objectives_of_runtime_1_keep_their_ids_and_the_earliest_its_name() {
	world(|| {
		store_as_runtime_1();
		let tolerances: Vec<_> = [5, 7].iter().map(|id| Objectives::<World>::get(id).unwrap().tolerance).collect();
		assert_eq!(tolerances, [1_000 * crate::migrations::MICRO; 2]);
		let name = Name::try_from(b"digits".to_vec()).unwrap();
		assert_eq!(ObjectiveNames::<World>::get(ALICE, name), Some(5));
	});
}

#[test]
fn models_of_runtime_1_are_found_by_submission_and_place_with_all_who_worked_on_them() {
	world(|| {
		store_as_runtime_1();
		assert_eq!(Models::<World>::iter_keys().count(), 2);
		let heir = Models::<World>::get(4, 0).unwrap();
		assert_eq!(heir.parents, vec![ModelId::first(2)]);
		assert!([77, ALICE, BOB].iter().all(|who| heir.worked.may_contain(who)));
		let first = FirstModel { origin: Origin::Recorded(ModelId::first(4)), since: 0 };
		assert_eq!(ModelOf::<World>::get([4; 32]), Some(first));
		let made = Made::<World>::get(BOB, [4; 32]).unwrap();
		assert_eq!((made.since, made.clean_for.into_inner()), (0, vec![(5, 0)]));
	});
}

#[test]
fn imports_of_runtime_1_are_known_as_models() {
	world(|| {
		store_as_runtime_1();
		let first = FirstModel { origin: Origin::Imported(ALICE), since: 0 };
		assert_eq!(ModelOf::<World>::get([9; 32]), Some(first));
		assert_eq!(Assets::<World>::get(ALICE, [1; 32]).unwrap().since, 0);
	});
}
