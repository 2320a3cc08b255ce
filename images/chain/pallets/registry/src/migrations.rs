//! Migration of runtime 1's storage: assets without a time, scores in micro-units, models by their submission alone.
//!
//! It runs in the one block that follows the new code, so no limit passes meanwhile.

use crate::*;
use alloc::{collections::BTreeMap, vec::Vec};
use codec::{Decode, Encode};
use core::marker::PhantomData;
use frame_support::{
	migrations::VersionedMigration, pallet_prelude::*, storage_alias, traits::UncheckedOnRuntimeUpgrade,
};

/// A millionth in the fixed point of 18 digits.
pub const MICRO: Fixed = 10i128.pow(12);

pub type ToVersion1<T> = VersionedMigration<0, 1, FromRuntime1<T>, Pallet<T>, <T as frame_system::Config>::DbWeight>;

/// The nouns as runtime 1 stored them.
pub mod v0 {
	use super::*;

	#[derive(Debug, Encode, Decode)]
	pub struct Asset {
		pub kind: AssetKind,
		pub visibility: Visibility,
		pub uri: Uri,
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Objective<AccountId> {
		pub owner: AccountId,
		pub name: Name,
		pub metric: Digest,
		pub opener: Digest,
		pub direction: Direction,
		pub tolerance: i64,
		pub samples: Samples,
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Model<AccountId> {
		pub owner: AccountId,
		pub trainer: AccountId,
		pub digest: Digest,
		pub uri: Uri,
		pub parents: BoundedVec<u64, ConstU32<16>>,
		pub clean_for: ObjectiveIds,
	}

	#[storage_alias]
	pub type Models<T: Config> =
		StorageMap<Pallet<T>, Blake2_128Concat, SubmissionId, Model<<T as frame_system::Config>::AccountId>>;
}

/// Computing beside storage, in picoseconds: for one record, and for each of its bytes.
const RECORD: u64 = 5_000_000;
const BYTE: u64 = 5_000;

/// The reads and writes of a migration so far, record by record.
#[derive(Default)]
pub struct Tally {
	records: u64,
	reads: u64,
	writes: u64,
	bytes: u64,
}

impl Tally {
	/// One more record of so many bytes. Finding it, reading it and writing it are counted here, what else it takes by
	/// `reads` and `writes`.
	pub fn note(&mut self, bytes: usize, reads: usize, writes: usize) {
		self.records += 1;
		self.reads += 2 + reads as u64;
		self.writes += 1 + writes as u64;
		self.bytes += bytes as u64;
	}

	pub fn weight<T: Config>(&self) -> Weight {
		let computing = RECORD.saturating_mul(self.records).saturating_add(BYTE.saturating_mul(self.bytes));
		T::DbWeight::get().reads_writes(self.reads, self.writes).saturating_add(Weight::from_parts(computing, 0))
	}
}

pub struct FromRuntime1<T>(PhantomData<T>);

impl<T: Config> UncheckedOnRuntimeUpgrade for FromRuntime1<T> {
	fn on_runtime_upgrade() -> Weight {
		let mut tally = Tally::default();
		assets::<T>(&mut tally);
		objectives::<T>(&mut tally);
		models::<T>(&mut tally);
		tally.weight::<T>()
	}
}

fn assets<T: Config>(tally: &mut Tally) {
	Assets::<T>::translate(|owner, digest, old: v0::Asset| {
		let is_model = old.kind == AssetKind::Model;
		tally.note(old.encoded_size(), is_model.into(), is_model.into());
		let v0::Asset { kind, visibility, uri } = old;
		if is_model && !ModelOf::<T>::contains_key(digest) {
			ModelOf::<T>::insert(digest, FirstModel { origin: Origin::Imported(owner), since: 0 });
		}
		Some(Asset { kind, visibility, uri, since: 0 })
	});
}

/// Names were not unique: the earliest objective of a name keeps it, the others stay as they are.
fn objectives<T: Config>(tally: &mut Tally) {
	let mut names: BTreeMap<(T::AccountId, Vec<u8>), ObjectiveId> = BTreeMap::new();
	Objectives::<T>::translate(|id, old: v0::Objective<T::AccountId>| {
		tally.note(old.encoded_size(), 0, 1);
		let v0::Objective { owner, name, metric, opener, direction, tolerance, samples } = old;
		let earliest = names.entry((owner.clone(), name.to_vec())).or_insert(id);
		*earliest = id.min(*earliest);
		let tolerance = Fixed::from(tolerance) * MICRO;
		Some(Objective { owner, name, metric, opener, direction, tolerance, samples })
	});
	for ((owner, name), id) in names {
		ObjectiveNames::<T>::insert(owner, Name::truncate_from(name), id);
	}
}

/// Oldest first, because a model joins to its own those who worked on its parents. Runtime 1 stored no
/// moments, so both who paid and who worked made them, at 0.
fn models<T: Config>(tally: &mut Tally) {
	let old: BTreeMap<SubmissionId, _> = v0::Models::<T>::drain().collect();
	for (submission, old) in old {
		// Its parents, the two who made it and its digest are looked up; the two, the digest and the new record are kept.
		tally.note(old.encoded_size(), old.parents.len() + 3, 4);
		let id = ModelId::first(submission);
		let mut worked = Worked::default();
		for who in [&old.owner, &old.trainer] {
			worked.add(who);
			Pallet::<T>::record_making(who, &old.digest, &old.clean_for, Some(id), 0);
		}
		let parents: Vec<_> = old.parents.into_iter().map(ModelId::first).collect();
		for parent in parents.iter().filter_map(Pallet::<T>::model) {
			worked.join(&parent.worked);
		}
		let mut model = Model {
			owner: old.owner,
			trainer: old.trainer,
			digest: old.digest,
			uri: old.uri,
			parents: Lineage::truncate_from(parents),
			clean_for: old.clean_for,
			input_owners: Default::default(),
			worked,
			same_bytes: Default::default(),
			more_same_bytes: 0,
		};
		match ModelOf::<T>::get(old.digest) {
			Some(FirstModel { origin: origin @ Origin::Recorded(_), .. }) => model.tell(old.digest, origin),
			_ => ModelOf::<T>::insert(old.digest, FirstModel { origin: Origin::Recorded(id), since: 0 }),
		}
		Models::<T>::insert(submission, 0, model);
	}
}
