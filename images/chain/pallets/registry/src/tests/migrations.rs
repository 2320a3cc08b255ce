//! Tests of the migration from runtime 1.

use super::*;

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
