//! The keys that are known, as one immutable table: made whole, published whole, looked up without a lock.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::hash::{Hash, HashKey};
use crate::key::{KeyId, Presented};
use crate::revoked::Revoked;

/// The second at which a key ends that does not.
pub const NEVER: u64 = u64::MAX;

/// When a key was last used, in seconds since 1970; 0 before. Outlives the tables that hold it.
#[derive(Debug, Default)]
pub struct Usage {
    last: AtomicU64,
    written: AtomicU64,
}

impl Usage {
    /// A key that was used before, as the store says.
    #[must_use]
    pub fn since(last: u64) -> Self {
        Self { last: AtomicU64::new(last), written: AtomicU64::new(last) }
    }

    /// Notes a use. Writes once a second at most, so that cores do not take the line from each other.
    pub fn mark(&self, now: u64) {
        if self.last.load(Ordering::Relaxed) < now {
            self.last.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// The last use; 0 for none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// The last use, when the store does not know of it yet.
    #[must_use]
    pub fn unwritten(&self) -> Option<u64> {
        let last = self.last();
        (last > self.written.load(Ordering::Relaxed)).then_some(last)
    }

    /// The store knows of the uses until then.
    pub fn wrote(&self, until: u64) {
        self.written.fetch_max(until, Ordering::Relaxed);
    }
}

/// One key as it is looked up.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its keyed hash.
    pub hash: Hash,
    /// Id of its application.
    pub application: Arc<str>,
    /// Name of its application.
    pub name: Arc<str>,
    /// Numbers of its scopes in [`Table::scopes`].
    pub scopes: Box<[u32]>,
    /// First second at which it may not be used any more, for its expiry or the end of its overlap; [`NEVER`].
    pub until: u64,
    /// Whether another key has taken its place.
    pub replaced: bool,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether its application is suspended.
    pub suspended: bool,
    /// When it was last used.
    pub usage: Arc<Usage>,
}

/// What a key came to.
#[derive(Debug)]
pub enum Checked<'t> {
    /// It is good.
    Good(&'t Entry),
    /// No key has this id.
    Unknown,
    /// A key has this id, and it is another one.
    Wrong,
    /// It is one of ours, and was revoked.
    Revoked,
    /// It is one of ours, and its time is over.
    Over(&'t Entry),
    /// It is one of ours, and its application is suspended.
    Suspended(&'t Entry),
}

/// Keys, and the names of their scopes by number.
#[derive(Debug)]
struct Keys {
    all: HashMap<KeyId, Entry>,
    scopes: Vec<Box<str>>,
}

/// All keys at one moment.
#[derive(Debug)]
pub struct Table {
    keys: Arc<Keys>,
    key: Arc<HashKey>,
    sequence: u64,
    seal: Box<str>,
    revoked: Revoked,
}

impl Table {
    /// A table of these keys; `sequence` is the number of the last change that is in it.
    #[must_use]
    pub fn new(key: Arc<HashKey>, sequence: u64, scopes: Vec<Box<str>>, keys: HashMap<KeyId, Entry>) -> Self {
        let keys = Arc::new(Keys { all: keys, scopes });
        Self { keys, key, sequence, seal: Box::default(), revoked: Revoked::default() }
    }

    /// The same keys, as they are after a later change that was none of theirs.
    #[must_use]
    pub fn after(&self, sequence: u64, seal: &str) -> Self {
        let (keys, key) = (Arc::clone(&self.keys), Arc::clone(&self.key));
        Self { keys, key, sequence, seal: seal.into(), revoked: self.revoked.clone() }
    }

    /// Whether it has the keys of another one, by what both were made of.
    #[must_use]
    pub fn has_keys_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.keys, &other.keys)
    }

    /// The same, with the seal of that change: a number alone comes again where a backup was put back.
    #[must_use]
    pub fn sealed(self, seal: &str) -> Self {
        Self { seal: seal.into(), ..self }
    }

    /// The same, with what was revoked of the tokens of others.
    #[must_use]
    pub fn revoking(self, revoked: Revoked) -> Self {
        Self { revoked, ..self }
    }

    /// What was revoked of the tokens of others.
    #[must_use]
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Number of the last change of the store that is in it.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Seal of that change; empty where none was given.
    #[must_use]
    pub fn seal(&self) -> &str {
        &self.seal
    }

    /// Names of all scopes that a key has, by number.
    #[must_use]
    pub fn scopes(&self) -> &[Box<str>] {
        &self.keys.scopes
    }

    /// How many keys there are, those that are no good any more included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.all.is_empty()
    }

    /// The key of an id.
    #[must_use]
    pub fn get(&self, id: &KeyId) -> Option<&Entry> {
        self.keys.all.get(id)
    }

    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = (&KeyId, &Entry)> {
        self.keys.all.iter()
    }

    /// What a key comes to at a second. Nothing is said of a key to who has only its id: first it has to be the right one.
    #[must_use]
    pub fn check(&self, key: &Presented<'_>, now: u64) -> Checked<'_> {
        let Some(entry) = self.keys.all.get(&key.id) else { return Checked::Unknown };
        if !self.key.is(key, &entry.hash) {
            return Checked::Wrong;
        }
        if entry.revoked {
            return Checked::Revoked;
        }
        if entry.until <= now {
            return Checked::Over(entry);
        }
        if entry.suspended {
            return Checked::Suspended(entry);
        }
        Checked::Good(entry)
    }
}

/// The table that counts now, as all cores find it.
#[derive(Default)]
pub struct Published {
    current: Mutex<Option<Arc<Table>>>,
    generation: AtomicU64,
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Published {
    /// Puts a table in the place of the one before: whoever looks from now on finds it.
    pub fn publish(&self, table: Table) {
        *self.current.lock() = Some(Arc::new(table));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// How often a table was published.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The table that counts; takes a lock. `None` before the first.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Table>> {
        self.current.lock().clone()
    }
}

/// A table with what a core made of it.
pub type Made<T> = (Arc<Table>, T);

/// The table as one core holds it, with what that core made of it.
#[derive(Debug)]
pub struct Held<T> {
    published: Arc<Published>,
    held: RefCell<(u64, Option<Made<T>>)>,
}

impl<T> Held<T> {
    /// Nothing held yet.
    #[must_use]
    pub fn new(published: Arc<Published>) -> Self {
        Self { published, held: RefCell::new((0, None)) }
    }

    /// The table that counts now, and what `make` made of it when it came; `None` before the first. One load of an atomic
    /// while it stays the same.
    pub fn get(&self, make: impl FnOnce(&Table) -> T) -> Option<Ref<'_, Made<T>>> {
        let generation = self.published.generation();
        if self.held.borrow().0 != generation {
            let table = self.published.current();
            let made = table.map(|table| (Arc::clone(&table), make(&table)));
            *self.held.borrow_mut() = (generation, made);
        }
        Ref::filter_map(self.held.borrow(), |(_, held)| held.as_ref()).ok()
    }
}
