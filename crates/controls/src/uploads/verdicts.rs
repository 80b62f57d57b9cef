//! What a scanner has said, by the SHA-256 of what it was asked about.
//!
//! One table for each scanner and its settings, for all cores and over reloads. It holds a bounded number of verdicts, each for a
//! bounded time, and forgets all of them when the scanner's signatures change, which is asked at most once in [`ASK_EVERY`] and
//! before a remembered verdict is used. A verdict of the old signatures that arrives after that is not kept. Who sends the
//! same bytes twice at one time may cause two scans; never a wrong verdict.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::Tick;
use parking_lot::Mutex;
use probe::scanner::Verdict;

/// How long the state of the signatures is believed.
pub const ASK_EVERY: Duration = Duration::from_secs(60);
/// Scans at one time for one scanner, in all cores.
pub const AT_ONCE: usize = 64;

/// SHA-256.
pub type Digest = [u8; 32];

/// The verdicts of one scanner.
#[derive(Debug)]
pub struct Verdicts {
    most: usize,
    keep: Duration,
    table: Mutex<Table>,
    busy: AtomicUsize,
}

#[derive(Debug, Default)]
struct Table {
    by_digest: HashMap<Digest, (Verdict, Tick)>,
    /// In the order in which they came.
    order: VecDeque<Digest>,
    tag: Option<String>,
    tag_until: Tick,
    generation: u64,
}

/// A place among the scans at one time; given back when dropped.
#[derive(Debug)]
pub struct Place<'a>(&'a Verdicts);

impl Verdicts {
    /// A table of at most `most` verdicts, each kept for `keep`.
    #[must_use]
    pub fn new(most: usize, keep: Duration) -> Self {
        Self { most, keep, table: Mutex::default(), busy: AtomicUsize::new(0) }
    }

    /// Whether the state of the signatures is to be asked before a verdict is used.
    #[must_use]
    pub fn is_stale(&self, now: Tick) -> bool {
        let table = self.table.lock();
        table.tag.is_none() || now >= table.tag_until
    }

    /// Takes down the state of the signatures; another one than before voids all verdicts.
    pub fn signatures(&self, tag: &str, now: Tick) {
        let mut table = self.table.lock();
        table.tag_until = now.after(ASK_EVERY);
        if table.tag.as_deref() != Some(tag) {
            table.tag = Some(tag.to_owned());
            table.generation += 1;
            table.by_digest.clear();
            table.order.clear();
        }
    }

    /// Counts up with each change of the signatures.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.table.lock().generation
    }

    /// What was said of these bytes.
    #[must_use]
    pub fn find(&self, digest: &Digest, now: Tick) -> Option<Verdict> {
        let table = self.table.lock();
        let (verdict, until) = table.by_digest.get(digest)?;
        (now < *until).then(|| verdict.clone())
    }

    /// Keeps a verdict that was asked for at `generation`.
    pub fn keep(&self, digest: Digest, verdict: Verdict, generation: u64, now: Tick) {
        let mut table = self.table.lock();
        if table.generation != generation || self.most == 0 {
            return;
        }
        if table.by_digest.insert(digest, (verdict, now.after(self.keep))).is_none() {
            table.order.push_back(digest);
        }
        while table.by_digest.len() > self.most {
            let Some(oldest) = table.order.pop_front() else { return };
            table.by_digest.remove(&oldest);
        }
    }

    /// A place for a scan; `None` when there are [`AT_ONCE`].
    #[must_use]
    pub fn enter(&self) -> Option<Place<'_>> {
        let place = Place(self);
        let before = self.busy.fetch_add(1, Ordering::AcqRel);
        (before < AT_ONCE).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Tick = Tick(0);

    #[test]
    fn verdicts_are_bounded_in_number_and_time() {
        let verdicts = Verdicts::new(2, Duration::from_secs(10));
        verdicts.signatures("one", START);
        for byte in 1..=3 {
            verdicts.keep([byte; 32], Verdict::Clean, verdicts.generation(), START);
        }
        let known: Vec<bool> = (1..=3).map(|byte| verdicts.find(&[byte; 32], START).is_some()).collect();
        assert_eq!(known, [false, true, true]);
        let late = START.after(Duration::from_secs(10));
        assert_eq!(verdicts.find(&[3; 32], late), None);
        let none = Verdicts::new(0, Duration::from_secs(10));
        none.keep([1; 32], Verdict::Clean, none.generation(), START);
        assert_eq!(none.find(&[1; 32], START), None);
    }

    #[test]
    fn other_signatures_void_all_and_late_verdicts_are_not_kept() {
        let verdicts = Verdicts::new(9, Duration::from_secs(1000));
        assert!(verdicts.is_stale(START));
        verdicts.signatures("one", START);
        let before = verdicts.generation();
        verdicts.keep([1; 32], Verdict::Clean, before, START);
        assert!(!verdicts.is_stale(START) && verdicts.is_stale(START.after(ASK_EVERY)));
        verdicts.signatures("one", START.after(ASK_EVERY));
        assert_eq!(verdicts.find(&[1; 32], START), Some(Verdict::Clean));
        verdicts.signatures("two", START);
        assert_eq!(verdicts.find(&[1; 32], START), None);
        verdicts.keep([1; 32], Verdict::Clean, before, START);
        assert_eq!(verdicts.find(&[1; 32], START), None);
    }

    #[test]
    fn scans_at_one_time_are_bounded() {
        let verdicts = Verdicts::new(1, Duration::ZERO);
        let places: Vec<_> = (0..AT_ONCE).map(|_| verdicts.enter()).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(verdicts.enter().is_none() && verdicts.enter().is_none());
        drop(places);
        assert!(verdicts.enter().is_some());
    }
}
