//! Whose live streams a change ends: a stream that was opened with a key goes on as long as that key and its application do.

use std::collections::HashSet;
use std::sync::Arc;

use credentials::{Entry, KeyId, NEVER, Table};

/// How long it is said again that somebody is over, in seconds: a call that was let in just before opens its stream just after,
/// as soon as its upstream has answered. Twice what `deadlines.total` is unless written.
const LINGER: u64 = 120;
/// Of how many that is said again, the newest.
const LINGERING: usize = 1_000;

/// Whose streams end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Over {
    /// Those of all keys of an application.
    Application(Arc<str>),
    /// Those of one key.
    Key(KeyId),
}

impl Over {
    /// As what the data plane knows them, under [`controls::authentication::apikey::ISSUER`].
    pub(super) fn subject(&self) -> &str {
        match self {
            Self::Application(id) => id,
            Self::Key(id) => id.as_str(),
        }
    }
}

/// What is remembered from one look to the next.
#[derive(Default)]
pub(super) struct Ends {
    /// The table that was looked at last, and the second at which it was.
    seen: Option<(Arc<Table>, u64)>,
    /// First second at which the overlap of a key of it ends.
    next: u64,
    /// Who is over, and until when that is said.
    over: Vec<(Over, u64)>,
}

impl Ends {
    /// Whose streams are to end, by the table that counts at a second. Costs next to nothing while nothing has changed.
    pub(super) fn look(&mut self, table: &Arc<Table>, now: u64) -> Vec<Over> {
        self.over.retain(|(_, until)| now < *until);
        if self.next <= now || !self.seen.as_ref().is_some_and(|(seen, _)| seen.has_keys_of(table)) {
            self.compare(table, now);
        }
        let all = self.over.iter().map(|(over, _)| over.clone()).collect();
        let excess = self.over.len().saturating_sub(LINGERING);
        self.over.drain(..excess);
        all
    }

    fn compare(&mut self, table: &Arc<Table>, now: u64) {
        let running: HashSet<&str> = table
            .iter()
            .filter(|(_, entry)| !entry.suspended)
            .map(|(_, entry)| &*entry.application)
            .collect();
        let goes_on = |id: &KeyId| table.get(id).is_some_and(|entry| goes_on(entry, now));
        // Who is good again may open streams again.
        self.over.retain(|(over, _)| match over {
            Over::Application(id) => !running.contains(&**id),
            Over::Key(id) => !goes_on(id),
        });
        let mut new = HashSet::new();
        if let Some((before, then)) = &self.seen {
            for (id, entry) in before.iter().filter(|(id, entry)| is_good(entry, *then) && !goes_on(id)) {
                new.insert(if running.contains(&*entry.application) {
                    Over::Key(*id)
                } else {
                    Over::Application(Arc::clone(&entry.application))
                });
            }
        }
        self.over.extend(new.into_iter().map(|over| (over, now.saturating_add(LINGER))));
        let overlaps = table.iter().filter(|(_, entry)| entry.replaced && is_good(entry, now));
        self.next = overlaps.map(|(_, entry)| entry.until).min().unwrap_or(NEVER);
        self.seen = Some((Arc::clone(table), now));
    }
}

/// Whether calls pass with a key at a second.
fn is_good(entry: &Entry, at: u64) -> bool {
    !entry.revoked && !entry.suspended && entry.until > at
}

/// Whether streams of a key go on. The end that it had from the beginning they know themselves.
fn goes_on(entry: &Entry, at: u64) -> bool {
    !entry.revoked && !entry.suspended && (!entry.replaced || entry.until > at)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use credentials::{Hash, HashKey, Usage};

    use super::*;

    fn id(text: &str) -> KeyId {
        KeyId::parse(&format!("{text:0>12}")).unwrap()
    }

    fn entry(application: &str) -> Entry {
        Entry {
            hash: Hash::from_hex(&"0".repeat(64)).unwrap(),
            application: application.into(),
            name: application.into(),
            scopes: Box::default(),
            until: NEVER,
            replaced: false,
            revoked: false,
            suspended: false,
            usage: Arc::new(Usage::default()),
        }
    }

    fn table(keys: &[(&str, Entry)]) -> Arc<Table> {
        let key = Arc::new(HashKey::new(&[1; 32]).unwrap());
        let keys: HashMap<KeyId, Entry> =
            keys.iter().map(|(name, entry)| (id(name), entry.clone())).collect();
        Arc::new(Table::new(key, 1, Vec::new(), keys))
    }

    fn key(name: &str) -> Vec<Over> {
        vec![Over::Key(id(name))]
    }

    fn application(name: &str) -> Vec<Over> {
        vec![Over::Application(name.into())]
    }

    #[test]
    fn who_was_good_and_is_not_any_more_is_over() {
        let first = [("a1", entry("a")), ("a2", entry("a")), ("b1", entry("b"))];
        let suspended = || Entry { suspended: true, ..entry("a") };
        let revoked = || Entry { revoked: true, ..entry("a") };
        let replaced = |until| Entry { replaced: true, until, ..entry("a") };
        for (then, expected) in [
            (vec![("a1", entry("a")), ("a2", entry("a")), ("b1", entry("b"))], vec![]),
            (vec![("a1", revoked()), ("a2", entry("a")), ("b1", entry("b"))], key("a1")),
            (vec![("a2", entry("a")), ("b1", entry("b"))], key("a1")),
            (vec![("a1", replaced(100)), ("a2", entry("a")), ("b1", entry("b"))], key("a1")),
            (vec![("a1", replaced(101)), ("a2", entry("a")), ("b1", entry("b"))], vec![]),
            (vec![("a1", suspended()), ("a2", suspended()), ("b1", entry("b"))], application("a")),
            (vec![("b1", entry("b"))], application("a")),
            (vec![("a1", entry("a")), ("a2", entry("a"))], application("b")),
        ] {
            let mut ends = Ends::default();
            assert_eq!(ends.look(&table(&first), 100), [], "the first of all tables ends nothing");
            assert_eq!(ends.look(&table(&then), 100), expected, "{then:?}");
        }
        // One that ends at a second that was known from the beginning ends by itself.
        let mut ends = Ends::default();
        let ending = table(&[("a1", Entry { until: 110, ..entry("a") })]);
        ends.look(&ending, 100);
        assert_eq!(ends.look(&ending, 110), []);
    }

    #[test]
    fn an_overlap_ends_while_nothing_changes() {
        let mut ends = Ends::default();
        ends.look(&table(&[("a1", entry("a")), ("a2", entry("a"))]), 100);
        let overlapping =
            table(&[("a1", Entry { replaced: true, until: 160, ..entry("a") }), ("a2", entry("a"))]);
        for (now, expected) in [(101, vec![]), (159, vec![]), (160, key("a1")), (161, key("a1"))] {
            assert_eq!(ends.look(&overlapping, now), expected, "{now}");
        }
    }

    #[test]
    fn it_is_said_for_a_while_and_not_of_who_is_good_again() {
        let mut ends = Ends::default();
        let good = || table(&[("a1", entry("a")), ("b1", entry("b"))]);
        let suspended = table(&[("a1", Entry { suspended: true, ..entry("a") }), ("b1", entry("b"))]);
        let revoked = table(&[("a1", entry("a")), ("b1", Entry { revoked: true, ..entry("b") })]);
        ends.look(&good(), 100);
        for now in [100, 101, 100 + LINGER - 1] {
            assert_eq!(ends.look(&suspended, now), application("a"), "{now}");
        }
        assert_eq!(ends.look(&suspended, 100 + LINGER), []);
        ends.look(&good(), 300);
        assert_eq!(ends.look(&suspended, 300), application("a"));
        assert_eq!(ends.look(&good(), 301), [], "resumed");
        assert_eq!(ends.look(&revoked, 302), key("b1"));
        assert_eq!(ends.look(&good(), 303), [], "as where a backup was put back");
    }

    #[test]
    fn of_very_many_all_are_told_once_and_some_again() {
        let names: Vec<String> = (0..LINGERING + 10).map(|number| number.to_string()).collect();
        let all = |revoked| {
            let one = |name| (name, Entry { revoked, ..entry("a") });
            table(&names.iter().map(String::as_str).map(one).collect::<Vec<_>>())
        };
        let mut ends = Ends::default();
        ends.look(&all(false), 1);
        let gone = all(true);
        assert_eq!((ends.look(&gone, 1).len(), ends.look(&gone, 2).len()), (LINGERING + 10, LINGERING));
    }
}
