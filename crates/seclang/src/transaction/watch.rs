//! Rules that are only watched: they run as the others do, and that they match changes nothing, so that who embeds the engine may
//! learn what they would have come to.

use super::{Exclusion, Transaction};
use crate::bits::Bits;
use crate::operator::Capture;
use crate::rule::Rule;

/// Rules that have no effect on a call.
#[derive(Debug)]
pub(super) struct Watched {
    rules: Bits,
    matched: Bits,
    /// Whether one of them runs right now.
    running: bool,
}

impl Transaction<'_> {
    /// From here on the rules of an exclusion run without effect: they set no variable, switch nothing, stop nothing and are reported
    /// nowhere but by [`has_watched`](Self::has_watched). Their work counts. Parts of the exclusion are not looked at.
    pub fn watch(&mut self, exclusion: &Exclusion) {
        let count = self.engine.rules.len();
        let none = || Watched { rules: Bits::new(count), matched: Bits::new(count), running: false };
        self.watched.get_or_insert_with(none).rules.add(&exclusion.rules);
    }

    /// Whether one of these rules matched while it was watched, since that was last forgotten.
    #[must_use]
    pub fn has_watched(&self, exclusion: &Exclusion) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.matched.intersects(&exclusion.rules))
    }

    /// Forgets which rules matched while they were watched: those of the next phases are told apart then.
    pub fn forget_watched(&mut self) {
        if let Some(watched) = &mut self.watched {
            watched.matched.clear();
        }
    }

    pub(super) fn is_watched(&self, rule: usize) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.rules.contains(rule))
    }

    pub(super) fn is_watching(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.running)
    }

    /// Runs a rule and takes back what it did: of a chain the variables that its first links set for the next.
    pub(super) fn watch_rule(&mut self, at: usize, rule: &Rule) {
        let first = rule.links.split_last().map_or(&[][..], |(_, first)| first);
        let sets = first.iter().any(|link| !link.set_vars.is_empty() || link.capture != Capture::No);
        // A copy costs what it reads: callers may have filled the variables.
        let tx = sets.then(|| {
            self.spend(self.tx.bytes());
            self.tx.clone()
        });
        if self.exhausted {
            return;
        }
        let matched = self.matched.clone();
        let (reports, ids) = (self.reports.len(), self.matched_ids.len());
        self.set_watching(true);
        let has_matched = self.rule(at, rule);
        self.set_watching(false);
        if let Some(tx) = tx {
            self.tx = tx;
        }
        self.matched = matched;
        self.reports.truncate(reports);
        self.matched_ids.truncate(ids);
        if let Some(watched) = self.watched.as_mut().filter(|_| has_matched) {
            watched.matched.insert(at);
        }
    }

    fn set_watching(&mut self, running: bool) {
        if let Some(watched) = &mut self.watched {
            watched.running = running;
        }
    }
}
