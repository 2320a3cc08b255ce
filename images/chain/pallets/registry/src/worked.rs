//! The set of accounts that worked on a model or paid for it, through its whole lineage, in a fixed size.
//!
//! A Bloom filter of 2,048 bits with 4 bits an account. An account that was added is always found; one that was not is
//! found by chance, after 100 accounts once in about 1,000 looks, after 500 once in 6. Such a hit only lowers the
//! standing of a score.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{Blake2_256, StorageHasher};
use scale_info::TypeInfo;

const BYTES: usize = 256;
const BITS_EACH: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Worked(pub [u8; BYTES]);

impl Default for Worked {
	fn default() -> Self {
		Worked([0; BYTES])
	}
}

impl Worked {
	pub fn add(&mut self, account: &impl Encode) {
		for (byte, bit) in places(account) {
			self.0[byte] |= bit;
		}
	}

	/// Adds everyone who is in the other set.
	pub fn join(&mut self, other: &Worked) {
		self.0.iter_mut().zip(other.0).for_each(|(byte, more)| *byte |= more);
	}

	pub fn may_contain(&self, account: &impl Encode) -> bool {
		places(account).all(|(byte, bit)| self.0[byte] & bit != 0)
	}
}

/// The byte and the bit in it of each of an account's places: 11 bits each of the hash of its encoding.
fn places(account: &impl Encode) -> impl Iterator<Item = (usize, u8)> {
	let hash = Blake2_256::hash(&account.encode());
	(0..BITS_EACH).map(move |index| {
		let place = u16::from_le_bytes([hash[2 * index], hash[2 * index + 1]]) as usize % (8 * BYTES);
		(place / 8, 1 << (place % 8))
	})
}
