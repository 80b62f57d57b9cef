//! Verified tokens of one core, so that a signature is checked once and not on every call.
//!
//! A token is found by the whole of it and by who verified it, never by a hash alone: the hash (keyed per process) only
//! chooses where to look. What is found is still asked for its dates on every call, and counts only while the issuer's
//! keys are the same as when it was verified ([`Hit::generation`]). Sender binding and revocation are never cached: they
//! are not the token's own.
//!
//! A token is remembered when it is verified for the second time; of the first, a hash stays. Tokens that are used once (minted
//! for each call, or by who wants the table full) then neither cost the memory nor push out those in use; what CDNs call
//! cache-on-second-hit (Maggs and Sitaraman, "Algorithmic Nuggets in Content Delivery", 2015, section 4).
//!
//! The table is a set-associative one: [`WAYS`] places per hash, the oldest unused gives way, so every step is O(1) and
//! the whole has a bound of entries and of bytes. It outlives reloads under [`engine::keyed`], one per core; its lock is
//! only ever tried, and since nobody but its core uses it, it is always free.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::keyed::Keyed;
use engine::{Principal, bounds};
use parking_lot::Mutex;

/// Places per hash.
const WAYS: usize = 16;
const SETS: usize = bounds::TOKENS / WAYS;
/// Longest token that is remembered, in bytes; longer ones are verified on every call.
const TOKEN_BYTES: usize = 4 * 1024;
/// Bytes at the end of a token (its signature) that choose its place.
const HASHED: usize = 64;

/// Names a verifier: same settings, same identity, across reloads and cores. Compared by address.
#[derive(Debug)]
pub struct Identity(());

impl Identity {
    /// The identity of the verifier with these settings.
    #[must_use]
    pub fn of(keyed: &Keyed, settings: &str) -> Arc<Self> {
        keyed.get_or_make("token-verifier", settings, || Self(()))
    }
}

/// A verified token.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Whom it proves.
    pub principal: Arc<Principal>,
    /// Which of the verifier's issuers it is from.
    pub issuer: usize,
    /// Generation of the keys that verified it.
    pub generation: u64,
    /// First second at which it may be used, leeway included.
    pub from: u64,
    /// First second at which it may not be used any more, leeway included.
    pub until: u64,
}

#[derive(Debug)]
struct Entry {
    token: Box<str>,
    verifier: Arc<Identity>,
    hit: Hit,
    used: bool,
}

#[derive(Debug, Default)]
struct Set {
    tags: [u64; WAYS],
    /// The same of the entries: 0 where there is none.
    until: [u64; WAYS],
    /// Hashes of tokens that were verified once, the oldest gives way.
    once: [u64; WAYS],
    next: usize,
    entries: [Option<Box<Entry>>; WAYS],
    hand: usize,
}

/// The table of one core.
#[derive(Debug)]
pub struct TokenCache {
    sets: Mutex<Vec<Set>>,
    hasher: RandomState,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    evicted: AtomicU64,
}

/// How often a cache was asked and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheCounts {
    /// Tokens found.
    pub hits: u64,
    /// Tokens not found, or found and void.
    pub misses: u64,
    /// Tokens that gave way to others.
    pub evicted: u64,
}

impl Default for TokenCache {
    fn default() -> Self {
        Self { sets: Mutex::default(), hasher: RandomState::new(), counts: Counts::default() }
    }
}

impl TokenCache {
    /// The table of a core.
    #[must_use]
    pub fn of(keyed: &Keyed, core: usize) -> Arc<Self> {
        keyed.get_or_make("token-cache", &core.to_string(), Self::default)
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> CacheCounts {
        let Counts { hits, misses, evicted } = &self.counts;
        CacheCounts {
            hits: hits.load(Ordering::Relaxed),
            misses: misses.load(Ordering::Relaxed),
            evicted: evicted.load(Ordering::Relaxed),
        }
    }

    fn hash(&self, token: &str) -> u64 {
        let tail = token.as_bytes().get(token.len().saturating_sub(HASHED)..).unwrap_or_default();
        // 0 marks an empty place.
        self.hasher.hash_one(tail) | 1
    }

    /// A token that this verifier verified, if it is remembered and `good` says that it still counts; one that does
    /// not is forgotten.
    pub fn find(
        &self,
        verifier: &Arc<Identity>,
        token: &str,
        good: impl FnOnce(&Hit) -> bool,
    ) -> Option<Hit> {
        let found = self.look(verifier, token, good);
        let count = if found.is_some() { &self.counts.hits } else { &self.counts.misses };
        // One writer: a plain load and store cost less than a locked addition.
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        found
    }

    fn look(&self, verifier: &Arc<Identity>, token: &str, good: impl FnOnce(&Hit) -> bool) -> Option<Hit> {
        let hash = self.hash(token);
        let mut sets = self.sets.try_lock()?;
        let set = sets.get_mut(place(hash))?;
        for (way, (tag, slot)) in set.tags.iter_mut().zip(&mut set.entries).enumerate() {
            if *tag != hash {
                continue;
            }
            let Some(entry) = slot else { continue };
            if *entry.token != *token || !Arc::ptr_eq(&entry.verifier, verifier) {
                continue;
            }
            if good(&entry.hit) {
                entry.used = true;
                return Some(entry.hit.clone());
            }
            (*tag, *slot) = (0, None);
            if let Some(until) = set.until.get_mut(way) {
                *until = 0;
            }
            return None;
        }
        None
    }

    /// Remembers a verified token, when it is not the first time.
    pub fn offer(&self, verifier: &Arc<Identity>, token: &str, hit: Hit, now: u64) {
        if token.len() > TOKEN_BYTES {
            return;
        }
        let hash = self.hash(token);
        let Some(mut sets) = self.sets.try_lock() else { return };
        if sets.is_empty() {
            sets.resize_with(SETS, Set::default);
        }
        let Some(set) = sets.get_mut(place(hash)) else { return };
        if set.is_first(hash) {
            return;
        }
        let way = set.free(now);
        let (until, token) = (hit.until, token.into());
        let entry = Box::new(Entry { token, verifier: Arc::clone(verifier), hit, used: false });
        if let (Some(tag), Some(slot), Some(ends)) =
            (set.tags.get_mut(way), set.entries.get_mut(way), set.until.get_mut(way))
        {
            if *ends > now {
                self.counts.evicted.fetch_add(1, Ordering::Relaxed);
            }
            (*tag, *slot, *ends) = (hash, Some(entry), until);
        }
    }
}

impl Set {
    /// Whether no token of this hash was verified lately; it was now.
    fn is_first(&mut self, hash: u64) -> bool {
        if self.once.contains(&hash) {
            return false;
        }
        if let Some(place) = self.once.get_mut(self.next) {
            *place = hash;
        }
        self.next = (self.next + 1) % WAYS;
        true
    }

    /// A place that is free, over, or unused since the hand last came by (CLOCK).
    fn free(&mut self, now: u64) -> usize {
        if let Some(way) = self.until.iter().position(|until| *until <= now) {
            return way;
        }
        for _ in 0..WAYS {
            let way = self.hand;
            self.hand = (way + 1) % WAYS;
            match self.entries.get_mut(way) {
                Some(Some(entry)) if entry.used => entry.used = false,
                _ => return way,
            }
        }
        self.hand
    }
}

fn place(hash: u64) -> usize {
    // The lowest bit is always set, so the upper half chooses.
    usize::try_from(hash >> 32).unwrap_or(0) % SETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::principal::CredentialKind;

    fn hit(until: u64) -> Hit {
        let claims = tape::Tape::parse("{}".into(), &tape::Bounds::default()).unwrap();
        let principal = Principal {
            issuer: "i".into(),
            subject: "s".into(),
            application: None,
            scopes: engine::ScopeSet::default(),
            roles: Arc::default(),
            claims: Arc::new(claims),
            expires: until,
            taken_until: until,
            credential: CredentialKind::Jwt,
            binding: engine::principal::Binding::default(),
            marks: None,
        };
        Hit { principal: Arc::new(principal), issuer: 0, generation: 1, from: 0, until }
    }

    #[test]
    fn found_by_whole_token_and_verifier_only() {
        let (keyed, cache) = (Keyed::default(), TokenCache::default());
        let (one, two) = (Identity::of(&keyed, "one"), Identity::of(&keyed, "two"));
        let tail = "s".repeat(HASHED);
        let (token, other) = (format!("a.{tail}"), format!("b.{tail}"));
        cache.offer(&one, &token, hit(100), 0);
        assert!(cache.find(&one, &token, |_| true).is_none(), "verified once only");
        cache.offer(&one, &token, hit(100), 0);
        assert!(cache.find(&one, &token, |_| true).is_some());
        // Same place, since the signature is the same: still not the same token.
        assert!(cache.find(&one, &other, |_| true).is_none());
        assert!(cache.find(&two, &token, |_| true).is_none());
        assert!(cache.find(&one, &token, |_| false).is_none());
        assert!(cache.find(&one, &token, |_| true).is_none(), "what was void is forgotten");
        assert_eq!(cache.counts(), CacheCounts { hits: 1, misses: 5, evicted: 0 });
    }

    #[test]
    fn tokens_that_are_used_once_push_nobody_out() {
        let (keyed, cache) = (Keyed::default(), TokenCache::default());
        let verifier = Identity::of(&keyed, "one");
        (0..2).for_each(|_| cache.offer(&verifier, "t.mine", hit(100), 0));
        for n in 0..bounds::TOKENS * 4 {
            cache.offer(&verifier, &format!("t.{n}"), hit(100), 0);
        }
        assert!(cache.find(&verifier, "t.mine", |_| true).is_some());
        assert_eq!(
            cache.sets.lock().iter().map(|set| set.entries.iter().flatten().count()).sum::<usize>(),
            1
        );
    }

    #[test]
    fn bounded_and_forgets_what_is_unused_first() {
        let (keyed, cache) = (Keyed::default(), TokenCache::default());
        let verifier = Identity::of(&keyed, "one");
        let token = |n: usize| format!("t.{n}");
        let twice = |token: &str| (0..2).for_each(|_| cache.offer(&verifier, token, hit(100), 0));
        twice(&token(0));
        for n in 1..bounds::TOKENS * 4 {
            assert!(cache.find(&verifier, &token(0), |_| true).is_some(), "a token in use stays");
            twice(&token(n));
        }
        let held: usize = cache.sets.lock().iter().map(|set| set.entries.iter().flatten().count()).sum();
        assert!(held <= bounds::TOKENS && held > bounds::TOKENS / 2, "{held}");
        assert!(cache.counts().evicted > 0);
        twice(&"x".repeat(TOKEN_BYTES + 1));
        assert!(cache.find(&verifier, &"x".repeat(TOKEN_BYTES + 1), |_| true).is_none());
    }
}
