//! Weights of the pallet's benchmarks. Written by `benchmark.py`, which tells the method; not to be edited.
//!
//! Measured on 2026-11-29, AMD EPYC, 4 steps a component, 6 repeats.
//! A node's functions there, without the database: reading 0.07 us, writing 0.13 us, a blake2 hash 0.07 us.
//!
//! Runtimes 3 to 5 came after that: `create_task_with_roles`, `create_task_with_rights`, `create_performance` and what they
//! added to other calls are upper bounds by hand until it is written anew.

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
	fn create_task_with_roles(i: u32, p: u32) -> Weight;
	fn create_task_with_rights(i: u32, p: u32) -> Weight;
	fn create_performance(s: u32) -> Weight;
	fn create_scoring(s: u32) -> Weight;
	fn cancel_task(a: u32) -> Weight;
	fn resume_task() -> Weight;
	fn assign_task() -> Weight;
	fn send_task_result(n: u32) -> Weight;
	fn report_failure() -> Weight;
	fn confirm_failure() -> Weight;
	fn hand_back() -> Weight;
	fn accept_task_results(a: u32, m: u32, o: u32) -> Weight;
	fn accept_function(a: u32, m: u32, o: u32, n: u32) -> Weight;
	fn accept_prediction(s: u32, n: u32) -> Weight;
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
		Weight::from_parts(28_875_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}

	fn cancel_plan() -> Weight {
		Weight::from_parts(7_725_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}

	/// With `i` from 1 to 256, `p` from 0 to 16.
	fn create_task(i: u32, p: u32) -> Weight {
		Weight::from_parts(51_734_326, 0)
			.saturating_add(Weight::from_parts(3_183_632, 0).saturating_mul(i.into()))
			.saturating_add(Weight::from_parts(30_000_000, 0).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().reads(u64::from(i).saturating_mul(3)))
			.saturating_add(T::DbWeight::get().reads(u64::from(p).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(11))
			.saturating_add(T::DbWeight::get().writes(u64::from(p).saturating_mul(2)))
	}

	fn create_task_with_roles(i: u32, p: u32) -> Weight {
		Weight::from_parts(60_000_000, 0)
			.saturating_add(Weight::from_parts(3_200_000, 0).saturating_mul(i.into()))
			.saturating_add(Weight::from_parts(40_000_000, 0).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().reads(u64::from(i).saturating_mul(3)))
			.saturating_add(T::DbWeight::get().reads(u64::from(p).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(12))
			.saturating_add(T::DbWeight::get().writes(u64::from(p).saturating_mul(2)))
	}

	fn create_task_with_rights(i: u32, p: u32) -> Weight {
		Weight::from_parts(80_000_000, 0)
			.saturating_add(Weight::from_parts(3_200_000, 0).saturating_mul(i.into()))
			.saturating_add(Weight::from_parts(40_000_000, 0).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().reads(u64::from(i).saturating_mul(3)))
			.saturating_add(T::DbWeight::get().reads(u64::from(p).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(13))
			.saturating_add(T::DbWeight::get().writes(u64::from(p).saturating_mul(2)))
	}

	fn create_performance(s: u32) -> Weight {
		Weight::from_parts(100_000_000, 0)
			.saturating_add(Weight::from_parts(3_200_000, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(17))
			.saturating_add(T::DbWeight::get().reads(u64::from(s).saturating_mul(3)))
			.saturating_add(T::DbWeight::get().writes(12))
	}

	/// With `s` from 1 to 252.
	fn create_scoring(s: u32) -> Weight {
		Weight::from_parts(80_571_862, 0)
			.saturating_add(Weight::from_parts(1_672_558, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(12))
			.saturating_add(T::DbWeight::get().reads(u64::from(s).saturating_mul(2)))
			.saturating_add(T::DbWeight::get().writes(9))
	}

	/// With `a` from 0 to 4.
	fn cancel_task(a: u32) -> Weight {
		Weight::from_parts(92_988_800, 0)
			.saturating_add(Weight::from_parts(71_029_543, 0).saturating_mul(a.into()))
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().reads(u64::from(a).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(7))
			.saturating_add(T::DbWeight::get().writes(u64::from(a).saturating_mul(5)))
	}

	fn resume_task() -> Weight {
		Weight::from_parts(20_111_000, 0)
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().writes(6))
	}

	fn assign_task() -> Weight {
		Weight::from_parts(49_708_000, 0)
			.saturating_add(T::DbWeight::get().reads(10))
			.saturating_add(T::DbWeight::get().writes(8))
	}

	/// With `n` from 1 to 16.
	fn send_task_result(n: u32) -> Weight {
		Weight::from_parts(37_298_260, 0)
			.saturating_add(Weight::from_parts(57_940, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(10))
			.saturating_add(T::DbWeight::get().writes(12))
	}

	fn report_failure() -> Weight {
		Weight::from_parts(51_207_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(11))
	}

	fn confirm_failure() -> Weight {
		Weight::from_parts(50_798_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(7))
	}

	fn hand_back() -> Weight {
		Weight::from_parts(138_565_000, 0)
			.saturating_add(T::DbWeight::get().reads(12))
			.saturating_add(T::DbWeight::get().writes(13))
	}

	/// With `a` from 1 to 240, `m` from 0 to 16, `o` from 0 to 4.
	fn accept_task_results(a: u32, m: u32, o: u32) -> Weight {
		Weight::from_parts(259_280_867, 0)
			.saturating_add(Weight::from_parts(4_083_998, 0).saturating_mul(a.into()))
			.saturating_add(T::DbWeight::get().reads(25))
			.saturating_add(T::DbWeight::get().reads(u64::from(a).saturating_mul(3)))
			.saturating_add(T::DbWeight::get().reads(m.into()))
			.saturating_add(T::DbWeight::get().reads(o.into()))
			.saturating_add(T::DbWeight::get().writes(21))
	}

	fn accept_function(a: u32, m: u32, o: u32, n: u32) -> Weight {
		Weight::from_parts(250_000_000, 0)
			.saturating_add(Weight::from_parts(8_000_000, 0).saturating_mul(a.into()))
			.saturating_add(Weight::from_parts(8_000_000, 0).saturating_mul(m.into()))
			.saturating_add(Weight::from_parts(8_000_000, 0).saturating_mul(o.into()))
			.saturating_add(Weight::from_parts(60_000_000, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(22))
			.saturating_add(T::DbWeight::get().reads(u64::from(a).saturating_mul(3)))
			.saturating_add(T::DbWeight::get().reads(m.into()))
			.saturating_add(T::DbWeight::get().reads(u64::from(o).saturating_mul(2)))
			.saturating_add(T::DbWeight::get().reads(u64::from(n).saturating_mul(8)))
			.saturating_add(T::DbWeight::get().writes(20))
			.saturating_add(T::DbWeight::get().writes(u64::from(n).saturating_mul(6)))
	}

	fn accept_prediction(s: u32, n: u32) -> Weight {
		Weight::from_parts(250_000_000, 0)
			.saturating_add(Weight::from_parts(8_000_000, 0).saturating_mul(s.into()))
			.saturating_add(Weight::from_parts(60_000_000, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(22))
			.saturating_add(T::DbWeight::get().reads(u64::from(s).saturating_mul(3)))
			.saturating_add(T::DbWeight::get().reads(u64::from(n).saturating_mul(8)))
			.saturating_add(T::DbWeight::get().writes(20))
			.saturating_add(T::DbWeight::get().writes(u64::from(n).saturating_mul(6)))
	}

	/// With `s` from 1 to 252.
	fn accept_scoring(s: u32) -> Weight {
		Weight::from_parts(191_806_515, 0)
			.saturating_add(Weight::from_parts(357_895, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(32))
			.saturating_add(T::DbWeight::get().writes(26))
	}

	/// With `a` from 1 to 256.
	fn accept_annotation(a: u32) -> Weight {
		Weight::from_parts(159_229_755, 0)
			.saturating_add(Weight::from_parts(1_581_646, 0).saturating_mul(a.into()))
			.saturating_add(T::DbWeight::get().reads(27))
			.saturating_add(T::DbWeight::get().reads(a.into()))
			.saturating_add(T::DbWeight::get().writes(24))
	}

	fn reject_task_results() -> Weight {
		Weight::from_parts(142_459_000, 0)
			.saturating_add(T::DbWeight::get().reads(14))
			.saturating_add(T::DbWeight::get().writes(18))
	}

	fn poke() -> Weight {
		Weight::from_parts(181_174_000, 0)
			.saturating_add(T::DbWeight::get().reads(18))
			.saturating_add(T::DbWeight::get().writes(14))
	}

	/// With `w` from 0 to 31, `s` from 0 to 31.
	fn purge_task(w: u32, s: u32) -> Weight {
		Weight::from_parts(35_125_917, 0)
			.saturating_add(Weight::from_parts(2_962_007, 0).saturating_mul(w.into()))
			.saturating_add(Weight::from_parts(3_409_128, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().reads(w.into()))
			.saturating_add(T::DbWeight::get().reads(u64::from(s).saturating_mul(2)))
			.saturating_add(T::DbWeight::get().writes(7))
			.saturating_add(T::DbWeight::get().writes(u64::from(w).saturating_mul(2)))
			.saturating_add(T::DbWeight::get().writes(u64::from(s).saturating_mul(2)))
	}

	fn purge_plan() -> Weight {
		Weight::from_parts(8_198_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}

	fn decline_offer() -> Weight {
		Weight::from_parts(89_464_000, 0)
			.saturating_add(T::DbWeight::get().reads(10))
			.saturating_add(T::DbWeight::get().writes(8))
	}

	/// With `p` from 0 to 16.
	fn settle_task(p: u32) -> Weight {
		Weight::from_parts(87_184_629, 0)
			.saturating_add(Weight::from_parts(6_639_855, 0).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().reads(13))
			.saturating_add(T::DbWeight::get().reads(u64::from(p).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(9))
			.saturating_add(T::DbWeight::get().writes(p.into()))
	}

	/// With `a` from 1 to 4.
	fn abort_attempts(a: u32) -> Weight {
		Weight::from_parts(61_554_000, 0)
			.saturating_add(Weight::from_parts(72_617_100, 0).saturating_mul(a.into()))
			.saturating_add(T::DbWeight::get().reads(10))
			.saturating_add(T::DbWeight::get().reads(u64::from(a).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(8))
			.saturating_add(T::DbWeight::get().writes(u64::from(a).saturating_mul(5)))
	}

	/// With `r` from 1 to 4.
	fn settle_reports(r: u32) -> Weight {
		Weight::from_parts(16_176_500, 0)
			.saturating_add(Weight::from_parts(28_866_100, 0).saturating_mul(r.into()))
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().reads(u64::from(r).saturating_mul(4)))
			.saturating_add(T::DbWeight::get().writes(4))
			.saturating_add(T::DbWeight::get().writes(u64::from(r).saturating_mul(5)))
	}

	fn agenda_head() -> Weight {
		Weight::from_parts(2_856_000, 0).saturating_add(T::DbWeight::get().reads(3))
	}

	fn agenda_entry() -> Weight {
		Weight::from_parts(17_887_000, 0)
			.saturating_add(T::DbWeight::get().reads(6))
			.saturating_add(T::DbWeight::get().writes(4))
	}
}

/// With RocksDB's prices, for tests.
impl WeightInfo for () {
	fn create_plan() -> Weight {
		Weight::from_parts(28_875_000, 0)
			.saturating_add(RocksDbWeight::get().reads(3))
			.saturating_add(RocksDbWeight::get().writes(3))
	}

	fn cancel_plan() -> Weight {
		Weight::from_parts(7_725_000, 0)
			.saturating_add(RocksDbWeight::get().reads(3))
			.saturating_add(RocksDbWeight::get().writes(3))
	}

	/// With `i` from 1 to 256, `p` from 0 to 16.
	fn create_task(i: u32, p: u32) -> Weight {
		Weight::from_parts(51_734_326, 0)
			.saturating_add(Weight::from_parts(3_183_632, 0).saturating_mul(i.into()))
			.saturating_add(Weight::from_parts(30_000_000, 0).saturating_mul(p.into()))
			.saturating_add(RocksDbWeight::get().reads(7))
			.saturating_add(RocksDbWeight::get().reads(u64::from(i).saturating_mul(3)))
			.saturating_add(RocksDbWeight::get().reads(u64::from(p).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(11))
			.saturating_add(RocksDbWeight::get().writes(u64::from(p).saturating_mul(2)))
	}

	fn create_task_with_roles(i: u32, p: u32) -> Weight {
		Weight::from_parts(60_000_000, 0)
			.saturating_add(Weight::from_parts(3_200_000, 0).saturating_mul(i.into()))
			.saturating_add(Weight::from_parts(40_000_000, 0).saturating_mul(p.into()))
			.saturating_add(RocksDbWeight::get().reads(7))
			.saturating_add(RocksDbWeight::get().reads(u64::from(i).saturating_mul(3)))
			.saturating_add(RocksDbWeight::get().reads(u64::from(p).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(12))
			.saturating_add(RocksDbWeight::get().writes(u64::from(p).saturating_mul(2)))
	}

	fn create_task_with_rights(i: u32, p: u32) -> Weight {
		Weight::from_parts(80_000_000, 0)
			.saturating_add(Weight::from_parts(3_200_000, 0).saturating_mul(i.into()))
			.saturating_add(Weight::from_parts(40_000_000, 0).saturating_mul(p.into()))
			.saturating_add(RocksDbWeight::get().reads(7))
			.saturating_add(RocksDbWeight::get().reads(u64::from(i).saturating_mul(3)))
			.saturating_add(RocksDbWeight::get().reads(u64::from(p).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(13))
			.saturating_add(RocksDbWeight::get().writes(u64::from(p).saturating_mul(2)))
	}

	fn create_performance(s: u32) -> Weight {
		Weight::from_parts(100_000_000, 0)
			.saturating_add(Weight::from_parts(3_200_000, 0).saturating_mul(s.into()))
			.saturating_add(RocksDbWeight::get().reads(17))
			.saturating_add(RocksDbWeight::get().reads(u64::from(s).saturating_mul(3)))
			.saturating_add(RocksDbWeight::get().writes(12))
	}

	/// With `s` from 1 to 252.
	fn create_scoring(s: u32) -> Weight {
		Weight::from_parts(80_571_862, 0)
			.saturating_add(Weight::from_parts(1_672_558, 0).saturating_mul(s.into()))
			.saturating_add(RocksDbWeight::get().reads(12))
			.saturating_add(RocksDbWeight::get().reads(u64::from(s).saturating_mul(2)))
			.saturating_add(RocksDbWeight::get().writes(9))
	}

	/// With `a` from 0 to 4.
	fn cancel_task(a: u32) -> Weight {
		Weight::from_parts(92_988_800, 0)
			.saturating_add(Weight::from_parts(71_029_543, 0).saturating_mul(a.into()))
			.saturating_add(RocksDbWeight::get().reads(9))
			.saturating_add(RocksDbWeight::get().reads(u64::from(a).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(7))
			.saturating_add(RocksDbWeight::get().writes(u64::from(a).saturating_mul(5)))
	}

	fn resume_task() -> Weight {
		Weight::from_parts(20_111_000, 0)
			.saturating_add(RocksDbWeight::get().reads(7))
			.saturating_add(RocksDbWeight::get().writes(6))
	}

	fn assign_task() -> Weight {
		Weight::from_parts(49_708_000, 0)
			.saturating_add(RocksDbWeight::get().reads(10))
			.saturating_add(RocksDbWeight::get().writes(8))
	}

	/// With `n` from 1 to 16.
	fn send_task_result(n: u32) -> Weight {
		Weight::from_parts(37_298_260, 0)
			.saturating_add(Weight::from_parts(57_940, 0).saturating_mul(n.into()))
			.saturating_add(RocksDbWeight::get().reads(10))
			.saturating_add(RocksDbWeight::get().writes(12))
	}

	fn report_failure() -> Weight {
		Weight::from_parts(51_207_000, 0)
			.saturating_add(RocksDbWeight::get().reads(9))
			.saturating_add(RocksDbWeight::get().writes(11))
	}

	fn confirm_failure() -> Weight {
		Weight::from_parts(50_798_000, 0)
			.saturating_add(RocksDbWeight::get().reads(9))
			.saturating_add(RocksDbWeight::get().writes(7))
	}

	fn hand_back() -> Weight {
		Weight::from_parts(138_565_000, 0)
			.saturating_add(RocksDbWeight::get().reads(12))
			.saturating_add(RocksDbWeight::get().writes(13))
	}

	/// With `a` from 1 to 240, `m` from 0 to 16, `o` from 0 to 4.
	fn accept_task_results(a: u32, m: u32, o: u32) -> Weight {
		Weight::from_parts(259_280_867, 0)
			.saturating_add(Weight::from_parts(4_083_998, 0).saturating_mul(a.into()))
			.saturating_add(RocksDbWeight::get().reads(25))
			.saturating_add(RocksDbWeight::get().reads(u64::from(a).saturating_mul(3)))
			.saturating_add(RocksDbWeight::get().reads(m.into()))
			.saturating_add(RocksDbWeight::get().reads(o.into()))
			.saturating_add(RocksDbWeight::get().writes(21))
	}

	fn accept_function(a: u32, m: u32, o: u32, n: u32) -> Weight {
		Weight::from_parts(250_000_000, 0)
			.saturating_add(Weight::from_parts(8_000_000, 0).saturating_mul(a.into()))
			.saturating_add(Weight::from_parts(8_000_000, 0).saturating_mul(m.into()))
			.saturating_add(Weight::from_parts(8_000_000, 0).saturating_mul(o.into()))
			.saturating_add(Weight::from_parts(60_000_000, 0).saturating_mul(n.into()))
			.saturating_add(RocksDbWeight::get().reads(22))
			.saturating_add(RocksDbWeight::get().reads(u64::from(a).saturating_mul(3)))
			.saturating_add(RocksDbWeight::get().reads(m.into()))
			.saturating_add(RocksDbWeight::get().reads(u64::from(o).saturating_mul(2)))
			.saturating_add(RocksDbWeight::get().reads(u64::from(n).saturating_mul(8)))
			.saturating_add(RocksDbWeight::get().writes(20))
			.saturating_add(RocksDbWeight::get().writes(u64::from(n).saturating_mul(6)))
	}

	fn accept_prediction(s: u32, n: u32) -> Weight {
		Weight::from_parts(250_000_000, 0)
			.saturating_add(Weight::from_parts(8_000_000, 0).saturating_mul(s.into()))
			.saturating_add(Weight::from_parts(60_000_000, 0).saturating_mul(n.into()))
			.saturating_add(RocksDbWeight::get().reads(22))
			.saturating_add(RocksDbWeight::get().reads(u64::from(s).saturating_mul(3)))
			.saturating_add(RocksDbWeight::get().reads(u64::from(n).saturating_mul(8)))
			.saturating_add(RocksDbWeight::get().writes(20))
			.saturating_add(RocksDbWeight::get().writes(u64::from(n).saturating_mul(6)))
	}

	/// With `s` from 1 to 252.
	fn accept_scoring(s: u32) -> Weight {
		Weight::from_parts(191_806_515, 0)
			.saturating_add(Weight::from_parts(357_895, 0).saturating_mul(s.into()))
			.saturating_add(RocksDbWeight::get().reads(32))
			.saturating_add(RocksDbWeight::get().writes(26))
	}

	/// With `a` from 1 to 256.
	fn accept_annotation(a: u32) -> Weight {
		Weight::from_parts(159_229_755, 0)
			.saturating_add(Weight::from_parts(1_581_646, 0).saturating_mul(a.into()))
			.saturating_add(RocksDbWeight::get().reads(27))
			.saturating_add(RocksDbWeight::get().reads(a.into()))
			.saturating_add(RocksDbWeight::get().writes(24))
	}

	fn reject_task_results() -> Weight {
		Weight::from_parts(142_459_000, 0)
			.saturating_add(RocksDbWeight::get().reads(14))
			.saturating_add(RocksDbWeight::get().writes(18))
	}

	fn poke() -> Weight {
		Weight::from_parts(181_174_000, 0)
			.saturating_add(RocksDbWeight::get().reads(18))
			.saturating_add(RocksDbWeight::get().writes(14))
	}

	/// With `w` from 0 to 31, `s` from 0 to 31.
	fn purge_task(w: u32, s: u32) -> Weight {
		Weight::from_parts(35_125_917, 0)
			.saturating_add(Weight::from_parts(2_962_007, 0).saturating_mul(w.into()))
			.saturating_add(Weight::from_parts(3_409_128, 0).saturating_mul(s.into()))
			.saturating_add(RocksDbWeight::get().reads(7))
			.saturating_add(RocksDbWeight::get().reads(w.into()))
			.saturating_add(RocksDbWeight::get().reads(u64::from(s).saturating_mul(2)))
			.saturating_add(RocksDbWeight::get().writes(7))
			.saturating_add(RocksDbWeight::get().writes(u64::from(w).saturating_mul(2)))
			.saturating_add(RocksDbWeight::get().writes(u64::from(s).saturating_mul(2)))
	}

	fn purge_plan() -> Weight {
		Weight::from_parts(8_198_000, 0)
			.saturating_add(RocksDbWeight::get().reads(3))
			.saturating_add(RocksDbWeight::get().writes(1))
	}

	fn decline_offer() -> Weight {
		Weight::from_parts(89_464_000, 0)
			.saturating_add(RocksDbWeight::get().reads(10))
			.saturating_add(RocksDbWeight::get().writes(8))
	}

	/// With `p` from 0 to 16.
	fn settle_task(p: u32) -> Weight {
		Weight::from_parts(87_184_629, 0)
			.saturating_add(Weight::from_parts(6_639_855, 0).saturating_mul(p.into()))
			.saturating_add(RocksDbWeight::get().reads(13))
			.saturating_add(RocksDbWeight::get().reads(u64::from(p).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(9))
			.saturating_add(RocksDbWeight::get().writes(p.into()))
	}

	/// With `a` from 1 to 4.
	fn abort_attempts(a: u32) -> Weight {
		Weight::from_parts(61_554_000, 0)
			.saturating_add(Weight::from_parts(72_617_100, 0).saturating_mul(a.into()))
			.saturating_add(RocksDbWeight::get().reads(10))
			.saturating_add(RocksDbWeight::get().reads(u64::from(a).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(8))
			.saturating_add(RocksDbWeight::get().writes(u64::from(a).saturating_mul(5)))
	}

	/// With `r` from 1 to 4.
	fn settle_reports(r: u32) -> Weight {
		Weight::from_parts(16_176_500, 0)
			.saturating_add(Weight::from_parts(28_866_100, 0).saturating_mul(r.into()))
			.saturating_add(RocksDbWeight::get().reads(7))
			.saturating_add(RocksDbWeight::get().reads(u64::from(r).saturating_mul(4)))
			.saturating_add(RocksDbWeight::get().writes(4))
			.saturating_add(RocksDbWeight::get().writes(u64::from(r).saturating_mul(5)))
	}

	fn agenda_head() -> Weight {
		Weight::from_parts(2_856_000, 0).saturating_add(RocksDbWeight::get().reads(3))
	}

	fn agenda_entry() -> Weight {
		Weight::from_parts(17_887_000, 0)
			.saturating_add(RocksDbWeight::get().reads(6))
			.saturating_add(RocksDbWeight::get().writes(4))
	}
}
