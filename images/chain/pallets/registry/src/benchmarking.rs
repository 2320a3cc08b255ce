//! Benchmarks of the registry's calls, each in its most expensive state.
//!
//! `benchmark.py` measures them and writes `weights.rs`.

use super::{
	bounds::{MAX_ACCOUNTS, MAX_PROGRAMS},
	*,
};
use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{fungible::Mutate, Get},
	BoundedVec,
};
use frame_system::RawOrigin;

const FORTUNE: Balance = u64::MAX as Balance;

/// The digest of a numbered asset.
fn digest(number: u32) -> Digest {
	let mut digest = [0xa5; 32];
	digest[..4].copy_from_slice(&number.to_le_bytes());
	digest
}

/// As many bytes as the bound allows.
fn longest<Bound: Get<u32>>() -> BoundedVec<u8, Bound> {
	BoundedVec::truncate_from(alloc::vec![b'x'; Bound::get() as usize])
}

fn rich_caller<T: Config>() -> Result<T::AccountId, BenchmarkError> {
	let caller = whitelisted_caller();
	T::Currency::mint_into(&caller, FORTUNE)?;
	Ok(caller)
}

fn accounts<T: Config>(count: u32) -> Accounts<T::AccountId> {
	Accounts::truncate_from((0..count).map(|index| account("permitted", index, 0)).collect())
}

fn programs() -> Programs {
	Programs::truncate_from((0..MAX_PROGRAMS).map(digest).collect())
}

fn add_asset<T: Config>(owner: &T::AccountId, number: u32, kind: AssetKind) -> Digest {
	let asset = Asset { kind, visibility: Visibility::Shared, uri: longest(), since: 0 };
	Assets::<T>::insert(owner, digest(number), asset);
	digest(number)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	/// An import is looked for among the models as well.
	#[benchmark]
	fn register_asset() -> Result<(), BenchmarkError> {
		let owner = rich_caller::<T>()?;
		let (kind, visibility) = (AssetKind::Model, Visibility::Shared);
		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), digest(0), kind, visibility, longest());
		assert!(Assets::<T>::contains_key(owner, digest(0)));
		assert!(ModelOf::<T>::contains_key(digest(0)));
		Ok(())
	}

	/// An import, with as many accounts as a permission names: a sample's programs are dearer by less than its record.
	#[benchmark]
	fn register_asset_with_permissions() -> Result<(), BenchmarkError> {
		let owner = rich_caller::<T>()?;
		let (kind, visibility) = (AssetKind::Model, Visibility::Shared);
		let access = || Access::Accounts(accounts::<T>(MAX_ACCOUNTS - 1));
		let rights = Rights { process: access(), download: access(), logs: access() };
		let permissions = Permissions { rights, algos: Algos::Any };
		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), digest(0), kind, visibility, longest(), permissions);
		assert!(AssetPermissions::<T>::contains_key(owner, digest(0)));
		Ok(())
	}

	/// With `s` samples, and as many accounts and programs as can be admitted.
	#[benchmark]
	fn create_objective_with_admits(s: Linear<1, 256>) -> Result<(), BenchmarkError> {
		let owner = rich_caller::<T>()?;
		let (metric, opener) =
			(add_asset::<T>(&owner, 1_000, AssetKind::Metric), add_asset::<T>(&owner, 1_001, AssetKind::Opener));
		let samples: Vec<_> =
			(0..s).map(|number| add_asset::<T>(&owner, number, AssetKind::DataSample(Label::Test))).collect();
		let samples = BoundedVec::truncate_from(samples);
		let admits = Admits { owners: accounts::<T>(MAX_ACCOUNTS), algos: programs() };
		let origin = RawOrigin::Signed(owner);
		#[extrinsic_call]
		_(origin, longest(), metric, opener, Direction::Higher, LARGEST_FIXED, samples, admits);
		assert!(ObjectiveAdmits::<T>::contains_key(1));
		Ok(())
	}

	/// With `s` samples.
	#[benchmark]
	fn create_objective(s: Linear<1, 256>) -> Result<(), BenchmarkError> {
		let owner = rich_caller::<T>()?;
		let (metric, opener) =
			(add_asset::<T>(&owner, 1_000, AssetKind::Metric), add_asset::<T>(&owner, 1_001, AssetKind::Opener));
		let samples: Vec<_> =
			(0..s).map(|number| add_asset::<T>(&owner, number, AssetKind::DataSample(Label::Test))).collect();
		let samples = BoundedVec::truncate_from(samples);
		#[extrinsic_call]
		_(RawOrigin::Signed(owner), longest(), metric, opener, Direction::Higher, LARGEST_FIXED, samples);
		assert_eq!(NextObjective::<T>::get(), 1);
		assert_eq!(TestOf::<T>::iter_key_prefix(1).count() as u32, s);
		Ok(())
	}

	/// To a longer uri, whose bytes are paid.
	#[benchmark]
	fn move_asset() -> Result<(), BenchmarkError> {
		let owner = rich_caller::<T>()?;
		let asset = Asset { kind: AssetKind::Algo, visibility: Visibility::Shared, uri: Default::default(), since: 0 };
		Assets::<T>::insert(&owner, digest(0), asset);
		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), digest(0), longest());
		assert!(Assets::<T>::get(owner, digest(0)).is_some_and(|asset| asset.uri.len() == 256));
		Ok(())
	}

	/// Comparing `n` digests with the Test samples of an objective: for each input of a task and each of its objectives.
	#[benchmark]
	fn look_up_tests(n: Linear<0, 1_024>) {
		let objectives = ObjectiveIds::truncate_from(alloc::vec![1]);
		#[block]
		{
			for number in 0..n {
				assert!(!Pallet::<T>::is_test_of_any(&objectives, &digest(number)));
			}
		}
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::externalities(), crate::tests::World);
}
