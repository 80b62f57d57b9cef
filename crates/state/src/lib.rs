//! State that is shared by all cores and outlives snapshots: counters and replays, in memory, or shared with other gateways at
//! a server ([`shared`]).
//!
//! One table of counters, [`MemoryCells`], behind [`engine::cells::Cells`], and one of what may be used once,
//! [`MemoryReplays`], behind [`engine::replay::Replays`]. The first is exact within the process: each cell is one atomic word
//! that is only moved by compare-and-swap, so that no two calls are ever given the same unit, and no cell is thrown away
//! while it still holds anything back. Nothing here survives a restart.

mod cell;
mod hash;
mod memory;
mod replays;
pub mod shared;
#[cfg(test)]
mod tests;

pub use memory::MemoryCells;
pub use replays::MemoryReplays;
pub use shared::Shared;
