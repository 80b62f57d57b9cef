//! State that is shared by all cores and outlives snapshots: counters, in memory.
//!
//! One table, [`MemoryCells`], behind [`engine::cells::Cells`]. It is exact within the process: each cell is one atomic word
//! that is only moved by compare-and-swap, so that no two calls are ever given the same unit, and no cell is thrown away
//! while it still holds anything back. Nothing here survives a restart.

mod cell;
mod memory;
#[cfg(test)]
mod tests;

pub use memory::MemoryCells;
