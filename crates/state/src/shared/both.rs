//! The counters of a gateway that has its own and shares some.

use std::sync::Arc;

use engine::UnixTime;
use engine::cells::{Cells, Meter, Taken};

use super::cells::SharedCells;
use crate::memory::MemoryCells;

/// The counters of a gateway that shares some: its own, beside which those stand.
#[derive(Debug)]
pub(super) struct BothCells {
    pub(super) local: Arc<MemoryCells>,
    pub(super) shared: Arc<SharedCells>,
}

impl Cells for BothCells {
    fn take(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        self.local.take(key, meter, now)
    }
    fn peek(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        self.local.peek(key, meter, now)
    }
    fn release(&self, key: u128) {
        self.local.release(key);
    }
    fn key(&self, parts: &[&[u8]]) -> u128 {
        self.local.key(parts)
    }
    fn take_crowded(&self) -> u64 {
        self.local.take_crowded()
    }
    fn shared(&self) -> Option<Arc<dyn Cells>> {
        Some(Arc::clone(&self.shared) as Arc<dyn Cells>)
    }
}
