//! Ids of calls: random enough to be unique in the fleet, made without a system call.

use std::cell::Cell;

use engine::{CallId, Clock};

/// Makes the ids of one core: 64 random bits that name the core's life, and a mixed counter.
#[derive(Debug)]
pub(crate) struct Ids {
    high: u64,
    next: Cell<u64>,
}

impl Ids {
    /// Draws the seeds.
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        let mut seed = [0_u8; 16];
        clock.fill(&mut seed);
        let bits = u128::from_le_bytes(seed);
        let low = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(1);
        Self { high: u64::try_from(bits >> 64).unwrap_or(1), next: Cell::new(low) }
    }

    /// The next id.
    pub(crate) fn call(&self) -> CallId {
        CallId(u128::from(self.high) << 64 | u128::from(self.span()))
    }

    /// The next 64 bits, never zero (SplitMix64, a bijection of the counter: no value comes twice).
    pub(crate) fn span(&self) -> u64 {
        let state = self.next.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.next.set(state);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).max(1)
    }
}
