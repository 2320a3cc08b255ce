//! Tests of objectives: of their owner's assets, by unique names, never changed.

use super::*;

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
fn an_objective_has_distinct_test_samples() {
	world(|| {
		furnish(ALICE);
		register(ALICE, 5, TRAIN).unwrap();
		assert_noop!(create(ALICE, &[]), Rule::NoSamples);
		assert_noop!(create(ALICE, &[3, 3]), Rule::SampleTwice);
		assert_noop!(create(ALICE, &[5]), Rule::NotATestSample);
	});
}
