//! Tests of assets: permanent labels, keys by owner, addresses, and the price of their bytes.

use super::*;

fn register_at(owner: u64, number: u8, uri: &str) -> DispatchResult {
	let (origin, uri) = (RuntimeOrigin::signed(owner), uri.as_bytes().to_vec().try_into().unwrap());
	Registry::register_asset(origin, [number; 32], TRAIN, Visibility::Shared, uri)
}

fn move_to(owner: u64, number: u8, uri: &str) -> DispatchResult {
	let uri = uri.as_bytes().to_vec().try_into().unwrap();
	Registry::move_asset(RuntimeOrigin::signed(owner), [number; 32], uri)
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
