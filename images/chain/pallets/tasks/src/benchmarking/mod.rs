//! Benchmarks of the task pallet's calls and of settling what is due, each in its most expensive state.
//!
//! `benchmark.py` measures them and writes `weights.rs`; `weighing.rs` adds them up to what a call weighs. The calls
//! are measured on tasks of which nothing is due; what may be due besides has benchmarks of its own.

mod creators;
pub mod results;
mod scene;
pub mod settling;
