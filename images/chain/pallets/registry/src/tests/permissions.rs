//! Tests of permissions: their defaults, their bounds, and that they never change.

use super::*;
use codec::Encode as _;

fn register_permitted(owner: u64, number: u8, kind: AssetKind, permissions: Permissions<u64>) -> DispatchResult {
	let (origin, visibility) = (RuntimeOrigin::signed(owner), Visibility::Private);
	let uri = Default::default();
	Registry::register_asset_with_permissions(origin, [number; 32], kind, visibility, uri, permissions)
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
