//! Initial states of the benchmarks, made by the pallet's own calls where these can make them.

mod assets;
mod results;
mod tasks;

use crate::*;
use alloc::vec;
pub use assets::*;
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{fungible::Mutate, Get},
	BoundedVec,
};
use pallet_registry::{Balance, Digest, Moment};
pub use results::*;
pub use tasks::*;

const START: Moment = 1_000;
const FORTUNE: Balance = u64::MAX as Balance;

pub fn at<T: Config>(moment: Moment) {
	pallet_timestamp::Now::<T>::put(moment);
}

pub fn pass<T: Config>(time: Moment) {
	at::<T>(Pallet::<T>::now() + time);
}

pub fn rich<T: Config>(name: &'static str, index: u32) -> Result<T::AccountId, BenchmarkError> {
	funded::<T>(account(name, index, 0))
}

pub fn rich_caller<T: Config>() -> Result<T::AccountId, BenchmarkError> {
	funded::<T>(whitelisted_caller())
}

fn funded<T: Config>(who: T::AccountId) -> Result<T::AccountId, BenchmarkError> {
	if Pallet::<T>::now() < START {
		at::<T>(START);
	}
	T::Currency::mint_into(&who, FORTUNE)?;
	Ok(who)
}

/// The digest of a numbered asset.
fn digest(number: u32) -> Digest {
	let mut digest = [0xa5; 32];
	digest[..4].copy_from_slice(&number.to_le_bytes());
	digest
}

/// As many bytes as the bound allows.
pub fn longest<Bound: Get<u32>>() -> BoundedVec<u8, Bound> {
	BoundedVec::truncate_from(vec![b'x'; Bound::get() as usize])
}
