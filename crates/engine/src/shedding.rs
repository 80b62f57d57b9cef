//! What a core does whose calls wait for it, as the configuration says it.

use std::time::Duration;

use crate::bounds;

/// When a core begins to refuse a share of its new calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shedding {
    /// How late the core may be.
    pub lag: Duration,
    /// For how long it has to be later than that, so that a burst passes.
    pub interval: Duration,
}

impl Default for Shedding {
    fn default() -> Self {
        Self { lag: bounds::CORE_LAG, interval: bounds::CORE_LAG_INTERVAL }
    }
}
