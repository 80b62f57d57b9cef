//! A count over a window that slides.

use std::time::Duration;

use super::SLICES;

/// Counts in slices of equal length, the oldest of which is forgotten as time goes on: the window is between its length and one
/// slice less.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    slice: u64,
    counts: [u32; SLICES],
    /// Number of the newest slice, counted from 1970.
    newest: u64,
}

impl Window {
    pub(crate) fn new(slice: Duration) -> Self {
        Self { slice: millis(slice), counts: [0; SLICES], newest: 0 }
    }

    /// Number of the slice at a moment, counted from 1970.
    pub(crate) fn step(slice: Duration, now: u64) -> u64 {
        now / millis(slice)
    }

    pub(crate) fn add(&mut self, now: u64, count: u64) {
        self.slide(now);
        let at = usize::try_from(self.newest % SLICES as u64).unwrap_or_default();
        if let Some(slot) = self.counts.get_mut(at) {
            *slot = slot.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    pub(crate) fn sum(&mut self, now: u64) -> u64 {
        self.slide(now);
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    fn slide(&mut self, now: u64) {
        let number = now / self.slice;
        let gone = number.saturating_sub(self.newest);
        if gone >= SLICES as u64 {
            self.counts = [0; SLICES];
        } else {
            for step in 1..=gone {
                let at = usize::try_from((self.newest + step) % SLICES as u64).unwrap_or_default();
                if let Some(slot) = self.counts.get_mut(at) {
                    *slot = 0;
                }
            }
        }
        // A clock that was set back changes nothing until it has caught up.
        self.newest = self.newest.max(number);
    }
}

fn millis(slice: Duration) -> u64 {
    u64::try_from(slice.as_millis()).unwrap_or(u64::MAX).max(1)
}
