//! State that outlives snapshots: kept by key, shared by all who ask for the same key, gone when the last lets go.
//!
//! A reload attaches the new controls before it drops the old ones, so what both use (a key set, a token cache, a
//! breaker) is found again and stays warm.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

type Entry = Weak<dyn Any + Send + Sync>;

/// The table of keyed state of one process.
#[derive(Debug, Default)]
pub struct Keyed {
    entries: Mutex<HashMap<(&'static str, String), Entry>>,
}

impl Keyed {
    /// The value under (`kind`, `key`), made now when nobody holds it.
    ///
    /// `make` runs under the table's lock: it must not call back.
    pub fn get_or_make<T, F>(&self, kind: &'static str, key: &str, make: F) -> Arc<T>
    where
        T: Any + Send + Sync,
        F: FnOnce() -> T,
    {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = (kind, key.to_owned());
        let held = entries.get(&slot).and_then(Weak::upgrade).and_then(|held| held.downcast::<T>().ok());
        if let Some(held) = held {
            return held;
        }
        entries.retain(|_, entry| entry.strong_count() > 0);
        let made = Arc::new(make());
        let shared: Arc<dyn Any + Send + Sync> = Arc::clone(&made) as Arc<dyn Any + Send + Sync>;
        entries.insert(slot, Arc::downgrade(&shared));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shared_while_held_and_made_anew_after() {
        let keyed = Keyed::default();
        let first = keyed.get_or_make("set", "a", || 1_u32);
        assert_eq!(*keyed.get_or_make("set", "a", || 2_u32), 1);
        assert_eq!(*keyed.get_or_make("set", "b", || 3_u32), 3);
        drop(first);
        assert_eq!(*keyed.get_or_make("set", "a", || 4_u32), 4);
    }
}
