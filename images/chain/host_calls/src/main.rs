//! Measurement of a node's host functions on this machine, in nanoseconds: one line `name base per_byte` each.
//!
//! `benchmark.py` puts these in the place of the embedded host's own. Hashes are a node's own code. Storage is what a
//! node's is during a block, before the database: a B-tree of changes, and a set of the keys that the open transaction
//! changed. Keys and values are copied as a node copies them, and as long as the pallets' usual ones.

use sp_crypto_hashing::{blake2_128, blake2_256};
use std::{
	collections::{BTreeMap, HashSet},
	hint::black_box,
	ops::Bound,
	time::Instant,
};

const CALLS: usize = 500;
/// Rounds, each shorter than a turn of the scheduler, of which the fastest counts: noise only adds.
const ROUNDS: usize = 400;
const KEYS: usize = 512;

fn nanoseconds(mut call: impl FnMut(usize)) -> f64 {
	let round = |_| {
		let begun = Instant::now();
		(0..CALLS).for_each(&mut call);
		begun.elapsed().as_nanos() as f64 / CALLS as f64
	};
	(0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// A hash costs something for itself and something for each byte.
fn tell_hash<Hash>(name: &str, hash: fn(&[u8]) -> Hash) {
	let (short, long) = ([1; 64], [1; 4_096]);
	let [base, most] = [&short[..], &long[..]].map(|data| {
		nanoseconds(|_| {
			black_box(hash(black_box(data)));
		})
	});
	let each = (most - base) / (long.len() - short.len()) as f64;
	println!("{name} {:.1} {each:.3}", (base - each * short.len() as f64).max(0.0));
}

fn tell(name: &str, call: impl FnMut(usize)) {
	println!("{name} {:.1} 0", nanoseconds(call));
}

/// The keys that pallets hash begin with their names, and differ late.
fn key(number: usize) -> Vec<u8> {
	let mut key = vec![7; 96];
	key[64..72].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
	key
}

fn main() {
	tell_hash("hashing_blake2_128", blake2_128);
	tell_hash("hashing_blake2_256", blake2_256);

	let (keys, value): (Vec<_>, _) = ((0..KEYS).map(key).collect(), vec![3u8; 300]);
	let of = |number: usize| &keys[number * 31 % KEYS];
	let mut changes: BTreeMap<_, _> = keys.iter().map(|key| (key.clone(), Some(value.clone()))).collect();
	let mut dirty = HashSet::new();
	for name in ["storage_get", "storage_read"] {
		tell(name, |number| {
			black_box(changes.get(of(number)).cloned());
		});
	}
	tell("storage_exists", |number| {
		black_box(changes.get(of(number)).is_some_and(Option::is_some));
	});
	tell("storage_next_key", |number| {
		black_box(
			changes.range((Bound::Excluded(of(number).clone()), Bound::Unbounded)).next().map(|(key, _)| key.clone()),
		);
	});
	tell("storage_set", |number| {
		dirty.insert(of(number).clone());
		changes.insert(of(number).clone(), Some(value.clone()));
	});
	tell("storage_clear", |number| {
		dirty.insert(of(number).clone());
		changes.insert(of(number).clone(), None);
	});
	let mut events = Vec::with_capacity(100 * CALLS * ROUNDS);
	tell("storage_append", |_| events.extend_from_slice(black_box(&[5u8; 100])));
	tell("storage_transaction", |number| {
		let mut begun = HashSet::new();
		begun.insert(of(number).clone());
		dirty.extend(begun);
	});
}
