//! What came of deliveries and is not written yet.

use std::time::Duration;

use engine::Tick;
use store::Ending;

/// How long what came of deliveries waits to be written with more of it, and how much of it is written sooner.
const GATHER: Duration = Duration::from_millis(50);
const TOGETHER: usize = 256;
/// Endings that may wait to be written: over that nothing is sent until some were. So many are written at one time.
pub(super) const UNWRITTEN: usize = 4_096;
/// How long it is not tried again when they could not be written.
const MOMENT: Duration = Duration::from_secs(1);

/// Endings that are not written yet.
#[derive(Default)]
pub(super) struct Ledger {
    endings: Vec<Ending>,
    /// When they are to be written.
    due: Option<Tick>,
    /// Whether they could not be the last time.
    failed: bool,
}

impl Ledger {
    /// Adds to them.
    pub(super) fn note(&mut self, endings: impl IntoIterator<Item = Ending>, now: Tick) {
        self.endings.extend(endings);
        if !self.endings.is_empty() && self.due.is_none() {
            self.due = Some(now.after(GATHER));
        }
    }

    /// Whether there is room for what comes of more deliveries.
    pub(super) fn has_room(&self) -> bool {
        self.endings.len() < UNWRITTEN
    }

    /// Whether some are to be written now. What could not be written waits for its moment, however many they are.
    pub(super) fn is_due(&self, now: Tick) -> bool {
        let many = !self.failed && self.endings.len() >= TOGETHER;
        many || self.due.is_some_and(|due| due <= now)
    }

    /// When some are to be written.
    pub(super) fn due(&self) -> Option<Tick> {
        self.due
    }

    /// Those that are written next, the oldest first.
    pub(super) fn first(&self) -> &[Ending] {
        self.endings.get(..self.endings.len().min(UNWRITTEN)).unwrap_or_default()
    }

    /// So many of the first were written.
    pub(super) fn written(&mut self, count: usize, now: Tick) {
        self.endings.drain(..count.min(self.endings.len()));
        self.failed = false;
        self.due = (!self.endings.is_empty()).then_some(now);
    }

    /// They could not be written.
    pub(super) fn failed(&mut self, now: Tick) {
        self.failed = true;
        self.due = Some(now.after(MOMENT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(count: u64) -> impl Iterator<Item = Ending> {
        (0..count).map(Ending::Delivered)
    }

    #[test]
    fn endings_are_gathered_and_written_together() {
        let (mut ledger, now) = (Ledger::default(), Tick(1_000));
        ledger.note([], now);
        assert!(!ledger.is_due(now.after(MOMENT)) && ledger.due().is_none());
        ledger.note(delivered(1), now);
        ledger.note(delivered(1), now.after(GATHER / 2));
        assert!(!ledger.is_due(now.after(GATHER / 2)));
        assert!(ledger.is_due(now.after(GATHER)), "exactly then");
        ledger.note(delivered(TOGETHER as u64), now);
        assert!(ledger.is_due(now), "many do not wait");
        ledger.written(TOGETHER + 2, now);
        assert!(!ledger.is_due(now.after(MOMENT)) && ledger.first().is_empty());
    }

    #[test]
    fn what_could_not_be_written_waits_for_a_moment_however_many_they_are() {
        for count in [1, TOGETHER, UNWRITTEN - 1, UNWRITTEN, 3 * UNWRITTEN] {
            let (mut ledger, now) = (Ledger::default(), Tick(1_000));
            ledger.note(delivered(count as u64), now);
            ledger.failed(now);
            ledger.note(delivered(1), now);
            assert!(!ledger.is_due(now.after(MOMENT / 2)), "{count}");
            let now = now.after(MOMENT);
            assert!(ledger.is_due(now), "{count}");
            // As many as one time takes, then at once the rest.
            let mut left = count + 1;
            while left > 0 {
                assert!(ledger.is_due(now), "{left}");
                let some = ledger.first().len();
                assert_eq!(some, left.min(UNWRITTEN));
                ledger.written(some, now);
                left -= some;
            }
            assert!(!ledger.is_due(now.after(MOMENT)) && ledger.has_room());
        }
    }
}
