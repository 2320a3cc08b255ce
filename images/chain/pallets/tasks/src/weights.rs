//! Weights of the pallet's benchmarks. Written by `benchmark.py`, which tells the method; not to be edited.
//!
//! Measured on 2026-11-29, Intel(R) Xeon(R) Processor, 4 steps a component, 6 repeats.
//! A node's functions there, without the database: reading 0.12 us, writing 0.21 us, a blake2 hash 0.11 us.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{constants::RocksDbWeight, Weight},
};

/// What each benchmark weighs.
pub trait WeightInfo {
	fn create_plan() -> Weight;
	fn cancel_plan() -> Weight;
	fn create_task(i: u32, p: u32) -> Weight;
	fn create_scoring(s: u32) -> Weight;
	fn cancel_task(a: u32) -> Weight;
	fn resume_task() -> Weight;
	fn assign_task() -> Weight;
	fn send_task_result(n: u32) -> Weight;
	fn report_failure() -> Weight;
	fn confirm_failure() -> Weight;
	fn hand_back() -> Weight;
	fn accept_task_results(a: u32, m: u32, o: u32) -> Weight;
	fn accept_scoring(s: u32) -> Weight;
	fn accept_annotation(a: u32) -> Weight;
	fn reject_task_results() -> Weight;
	fn poke() -> Weight;
	fn purge_task(w: u32, s: u32) -> Weight;
	fn purge_plan() -> Weight;
	fn decline_offer() -> Weight;
	fn settle_task(p: u32) -> Weight;
	fn abort_attempts(a: u32) -> Weight;
	fn settle_reports(r: u32) -> Weight;
	fn agenda_head() -> Weight;
	fn agenda_entry() -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

/// With the prices of the runtime's database.
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn create_plan() -> Weight {
		Weight::from_parts(68_265_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}

	fn cancel_plan() -> Weight {
		Weight::from_parts(32_392_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}

	/// With `i` from 1 to 256, `p` from 0 to 16.
	fn create_task(i: u32, p: u32) -> Weight {
		Weight::from_parts(685_327_282, 0)
			.saturating_add(Weight::from_parts(9_228_493, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().reads(u64::from(i).saturating_mul(2)))
			.saturating_add(T::DbWeight::get().reads(p.into()))
			.saturating_add(T::DbWeight::get().writes(10))
			.saturating_add(T::DbWeight::get().writes(u64::from(p).saturating_mul(2)))
	}

	/// With `s` from 1 to 252.
	fn create_scoring(s: u32) -> Weight {
		Weight::from_parts(354_211_961, 0)
			.saturating_add(Weight::from_parts(4_894_617, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(10))
			.saturating_add(T::DbWeight::get().reads(s.into()))
			.saturating_add(T::DbWeight::get().writes(8))
	}

	/// With `a` from 0 to 4.
	fn cancel_task(a: u32) -> Weight {
		Weight::from_parts(165_176_200, 0)
			.saturating_add(Weight::from_parts(467_160_172, 0).saturating_mul(a.into()))
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().reads(u64::from(a).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(6))
			.saturating_add(T::DbWeight::get().writes(u64::from(a).saturating_mul(5)))
	}

	fn resume_task() -> Weight {
		Weight::from_parts(41_898_000, 0)
			.saturating_add(T::DbWeight::get().reads(6))
			.saturating_add(T::DbWeight::get().writes(5))
	}

	fn assign_task() -> Weight {
		Weight::from_parts(185_268_000, 0)
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().writes(8))
	}

	/// With `n` from 1 to 16.
	fn send_task_result(_n: u32) -> Weight {
		Weight::from_parts(118_678_500, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(11))
	}

	fn report_failure() -> Weight {
		Weight::from_parts(146_559_000, 0)
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().writes(10))
	}

	fn confirm_failure() -> Weight {
		Weight::from_parts(145_423_000, 0)
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().writes(7))
	}

	fn hand_back() -> Weight {
		Weight::from_parts(504_972_000, 0)
			.saturating_add(T::DbWeight::get().reads(11))
			.saturating_add(T::DbWeight::get().writes(12))
	}

	/// With `a` from 1 to 240, `m` from 0 to 16, `o` from 0 to 4.
	fn accept_task_results(a: u32, m: u32, o: u32) -> Weight {
		Weight::from_parts(821_985_754, 0)
			.saturating_add(Weight::from_parts(12_171_462, 0).saturating_mul(a.into()))
			.saturating_add(T::DbWeight::get().reads(22))
			.saturating_add(T::DbWeight::get().reads(u64::from(a).saturating_mul(3)))
			.saturating_add(T::DbWeight::get().reads(m.into()))
			.saturating_add(T::DbWeight::get().reads(o.into()))
			.saturating_add(T::DbWeight::get().writes(19))
	}

	/// With `s` from 1 to 252.
	fn accept_scoring(_s: u32) -> Weight {
		Weight::from_parts(796_898_250, 0)
			.saturating_add(T::DbWeight::get().reads(31))
			.saturating_add(T::DbWeight::get().writes(25))
	}

	/// With `a` from 1 to 256.
	fn accept_annotation(a: u32) -> Weight {
		Weight::from_parts(490_915_533, 0)
			.saturating_add(Weight::from_parts(5_107_668, 0).saturating_mul(a.into()))
			.saturating_add(T::DbWeight::get().reads(26))
			.saturating_add(T::DbWeight::get().reads(a.into()))
			.saturating_add(T::DbWeight::get().writes(23))
	}

	fn reject_task_results() -> Weight {
		Weight::from_parts(546_718_000, 0)
			.saturating_add(T::DbWeight::get().reads(15))
			.saturating_add(T::DbWeight::get().writes(17))
	}

	fn poke() -> Weight {
		Weight::from_parts(532_964_000, 0)
			.saturating_add(T::DbWeight::get().reads(15))
			.saturating_add(T::DbWeight::get().writes(12))
	}

	/// With `w` from 0 to 31, `s` from 0 to 31.
	fn purge_task(w: u32, s: u32) -> Weight {
		Weight::from_parts(196_104_590, 0)
			.saturating_add(Weight::from_parts(10_549_300, 0).saturating_mul(w.into()))
			.saturating_add(Weight::from_parts(6_352_778, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().reads(w.into()))
			.saturating_add(T::DbWeight::get().reads(u64::from(s).saturating_mul(2)))
			.saturating_add(T::DbWeight::get().writes(4))
			.saturating_add(T::DbWeight::get().writes(u64::from(w).saturating_mul(2)))
			.saturating_add(T::DbWeight::get().writes(u64::from(s).saturating_mul(2)))
	}

	fn purge_plan() -> Weight {
		Weight::from_parts(24_346_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}

	fn decline_offer() -> Weight {
		Weight::from_parts(260_068_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(7))
	}

	/// With `p` from 0 to 16.
	fn settle_task(p: u32) -> Weight {
		Weight::from_parts(795_123_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().reads(u64::from(p).saturating_mul(2)))
			.saturating_add(T::DbWeight::get().writes(7))
			.saturating_add(T::DbWeight::get().writes(p.into()))
	}

	/// With `a` from 1 to 4.
	fn abort_attempts(a: u32) -> Weight {
		Weight::from_parts(1_043_758_500, 0)
			.saturating_add(Weight::from_parts(375_128_200, 0).saturating_mul(a.into()))
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().reads(u64::from(a).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(7))
			.saturating_add(T::DbWeight::get().writes(u64::from(a).saturating_mul(5)))
	}

	/// With `r` from 1 to 4.
	fn settle_reports(r: u32) -> Weight {
		Weight::from_parts(0, 0)
			.saturating_add(Weight::from_parts(215_511_200, 0).saturating_mul(r.into()))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().reads(u64::from(r).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(4))
			.saturating_add(T::DbWeight::get().writes(u64::from(r).saturating_mul(5)))
	}

	fn agenda_head() -> Weight {
		Weight::from_parts(6_222_000, 0).saturating_add(T::DbWeight::get().reads(3))
	}

	fn agenda_entry() -> Weight {
		Weight::from_parts(46_378_000, 0)
			.saturating_add(T::DbWeight::get().reads(6))
			.saturating_add(T::DbWeight::get().writes(4))
	}
}

/// With RocksDB's prices, for tests.
impl WeightInfo for () {
	fn create_plan() -> Weight {
		Weight::from_parts(68_265_000, 0)
			.saturating_add(RocksDbWeight::get().reads(3))
			.saturating_add(RocksDbWeight::get().writes(3))
	}

	fn cancel_plan() -> Weight {
		Weight::from_parts(32_392_000, 0)
			.saturating_add(RocksDbWeight::get().reads(3))
			.saturating_add(RocksDbWeight::get().writes(3))
	}

	/// With `i` from 1 to 256, `p` from 0 to 16.
	fn create_task(i: u32, p: u32) -> Weight {
		Weight::from_parts(685_327_282, 0)
			.saturating_add(Weight::from_parts(9_228_493, 0).saturating_mul(i.into()))
			.saturating_add(RocksDbWeight::get().reads(5))
			.saturating_add(RocksDbWeight::get().reads(u64::from(i).saturating_mul(2)))
			.saturating_add(RocksDbWeight::get().reads(p.into()))
			.saturating_add(RocksDbWeight::get().writes(10))
			.saturating_add(RocksDbWeight::get().writes(u64::from(p).saturating_mul(2)))
	}

	/// With `s` from 1 to 252.
	fn create_scoring(s: u32) -> Weight {
		Weight::from_parts(354_211_961, 0)
			.saturating_add(Weight::from_parts(4_894_617, 0).saturating_mul(s.into()))
			.saturating_add(RocksDbWeight::get().reads(10))
			.saturating_add(RocksDbWeight::get().reads(s.into()))
			.saturating_add(RocksDbWeight::get().writes(8))
	}

	/// With `a` from 0 to 4.
	fn cancel_task(a: u32) -> Weight {
		Weight::from_parts(165_176_200, 0)
			.saturating_add(Weight::from_parts(467_160_172, 0).saturating_mul(a.into()))
			.saturating_add(RocksDbWeight::get().reads(8))
			.saturating_add(RocksDbWeight::get().reads(u64::from(a).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(6))
			.saturating_add(RocksDbWeight::get().writes(u64::from(a).saturating_mul(5)))
	}

	fn resume_task() -> Weight {
		Weight::from_parts(41_898_000, 0)
			.saturating_add(RocksDbWeight::get().reads(6))
			.saturating_add(RocksDbWeight::get().writes(5))
	}

	fn assign_task() -> Weight {
		Weight::from_parts(185_268_000, 0)
			.saturating_add(RocksDbWeight::get().reads(8))
			.saturating_add(RocksDbWeight::get().writes(8))
	}

	/// With `n` from 1 to 16.
	fn send_task_result(_n: u32) -> Weight {
		Weight::from_parts(118_678_500, 0)
			.saturating_add(RocksDbWeight::get().reads(9))
			.saturating_add(RocksDbWeight::get().writes(11))
	}

	fn report_failure() -> Weight {
		Weight::from_parts(146_559_000, 0)
			.saturating_add(RocksDbWeight::get().reads(8))
			.saturating_add(RocksDbWeight::get().writes(10))
	}

	fn confirm_failure() -> Weight {
		Weight::from_parts(145_423_000, 0)
			.saturating_add(RocksDbWeight::get().reads(8))
			.saturating_add(RocksDbWeight::get().writes(7))
	}

	fn hand_back() -> Weight {
		Weight::from_parts(504_972_000, 0)
			.saturating_add(RocksDbWeight::get().reads(11))
			.saturating_add(RocksDbWeight::get().writes(12))
	}

	/// With `a` from 1 to 240, `m` from 0 to 16, `o` from 0 to 4.
	fn accept_task_results(a: u32, m: u32, o: u32) -> Weight {
		Weight::from_parts(821_985_754, 0)
			.saturating_add(Weight::from_parts(12_171_462, 0).saturating_mul(a.into()))
			.saturating_add(RocksDbWeight::get().reads(22))
			.saturating_add(RocksDbWeight::get().reads(u64::from(a).saturating_mul(3)))
			.saturating_add(RocksDbWeight::get().reads(m.into()))
			.saturating_add(RocksDbWeight::get().reads(o.into()))
			.saturating_add(RocksDbWeight::get().writes(19))
	}

	/// With `s` from 1 to 252.
	fn accept_scoring(_s: u32) -> Weight {
		Weight::from_parts(796_898_250, 0)
			.saturating_add(RocksDbWeight::get().reads(31))
			.saturating_add(RocksDbWeight::get().writes(25))
	}

	/// With `a` from 1 to 256.
	fn accept_annotation(a: u32) -> Weight {
		Weight::from_parts(490_915_533, 0)
			.saturating_add(Weight::from_parts(5_107_668, 0).saturating_mul(a.into()))
			.saturating_add(RocksDbWeight::get().reads(26))
			.saturating_add(RocksDbWeight::get().reads(a.into()))
			.saturating_add(RocksDbWeight::get().writes(23))
	}

	fn reject_task_results() -> Weight {
		Weight::from_parts(546_718_000, 0)
			.saturating_add(RocksDbWeight::get().reads(15))
			.saturating_add(RocksDbWeight::get().writes(17))
	}

	fn poke() -> Weight {
		Weight::from_parts(532_964_000, 0)
			.saturating_add(RocksDbWeight::get().reads(15))
			.saturating_add(RocksDbWeight::get().writes(12))
	}

	/// With `w` from 0 to 31, `s` from 0 to 31.
	fn purge_task(w: u32, s: u32) -> Weight {
		Weight::from_parts(196_104_590, 0)
			.saturating_add(Weight::from_parts(10_549_300, 0).saturating_mul(w.into()))
			.saturating_add(Weight::from_parts(6_352_778, 0).saturating_mul(s.into()))
			.saturating_add(RocksDbWeight::get().reads(7))
			.saturating_add(RocksDbWeight::get().reads(w.into()))
			.saturating_add(RocksDbWeight::get().reads(u64::from(s).saturating_mul(2)))
			.saturating_add(RocksDbWeight::get().writes(4))
			.saturating_add(RocksDbWeight::get().writes(u64::from(w).saturating_mul(2)))
			.saturating_add(RocksDbWeight::get().writes(u64::from(s).saturating_mul(2)))
	}

	fn purge_plan() -> Weight {
		Weight::from_parts(24_346_000, 0)
			.saturating_add(RocksDbWeight::get().reads(3))
			.saturating_add(RocksDbWeight::get().writes(1))
	}

	fn decline_offer() -> Weight {
		Weight::from_parts(260_068_000, 0)
			.saturating_add(RocksDbWeight::get().reads(9))
			.saturating_add(RocksDbWeight::get().writes(7))
	}

	/// With `p` from 0 to 16.
	fn settle_task(p: u32) -> Weight {
		Weight::from_parts(795_123_000, 0)
			.saturating_add(RocksDbWeight::get().reads(9))
			.saturating_add(RocksDbWeight::get().reads(u64::from(p).saturating_mul(2)))
			.saturating_add(RocksDbWeight::get().writes(7))
			.saturating_add(RocksDbWeight::get().writes(p.into()))
	}

	/// With `a` from 1 to 4.
	fn abort_attempts(a: u32) -> Weight {
		Weight::from_parts(1_043_758_500, 0)
			.saturating_add(Weight::from_parts(375_128_200, 0).saturating_mul(a.into()))
			.saturating_add(RocksDbWeight::get().reads(9))
			.saturating_add(RocksDbWeight::get().reads(u64::from(a).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(7))
			.saturating_add(RocksDbWeight::get().writes(u64::from(a).saturating_mul(5)))
	}

	/// With `r` from 1 to 4.
	fn settle_reports(r: u32) -> Weight {
		Weight::from_parts(0, 0)
			.saturating_add(Weight::from_parts(215_511_200, 0).saturating_mul(r.into()))
			.saturating_add(RocksDbWeight::get().reads(5))
			.saturating_add(RocksDbWeight::get().reads(u64::from(r).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(4))
			.saturating_add(RocksDbWeight::get().writes(u64::from(r).saturating_mul(5)))
	}

	fn agenda_head() -> Weight {
		Weight::from_parts(6_222_000, 0).saturating_add(RocksDbWeight::get().reads(3))
	}

	fn agenda_entry() -> Weight {
		Weight::from_parts(46_378_000, 0)
			.saturating_add(RocksDbWeight::get().reads(6))
			.saturating_add(RocksDbWeight::get().writes(4))
	}
}
