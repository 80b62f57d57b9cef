//! Events that were taken before: by a digest of who sent them and their `jti`.
//!
//! The store says which have taken effect, for all of its gateways and over a restart; this is what stands before it, so that one
//! that comes again and again takes no lock there. The oldest gives way when there are too many.

use std::collections::{HashSet, VecDeque};

use aws_lc_rs::digest::{Context, SHA256};
use engine::bounds::EVENTS;
use parking_lot::Mutex;

type Digest = [u8; 32];

#[derive(Default)]
pub(super) struct Seen(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    known: HashSet<Digest>,
    oldest: VecDeque<(Digest, u64)>,
}

impl Seen {
    /// Whether it was taken.
    pub(super) fn has(&self, issuer: &str, id: &str) -> bool {
        self.0.lock().known.contains(&digest(issuer, id))
    }

    /// It was taken, and comes no more after a second.
    pub(super) fn note(&self, issuer: &str, id: &str, until: u64, now: u64) {
        let Remembered { known, oldest } = &mut *self.0.lock();
        while let Some((gone, _)) = oldest.pop_front_if(|(_, until)| *until <= now) {
            known.remove(&gone);
        }
        if oldest.len() >= EVENTS
            && let Some((gone, _)) = oldest.pop_front()
        {
            known.remove(&gone);
        }
        let own = digest(issuer, id);
        if known.insert(own) {
            oldest.push_back((own, until));
        }
    }
}

/// What the store knows an event by.
pub(super) fn name(issuer: &str, id: &str) -> String {
    digest(issuer, id).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(issuer: &str, id: &str) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in [issuer, id] {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut out = [0; 32];
    out.iter_mut().zip(context.finish().as_ref()).for_each(|(slot, byte)| *slot = *byte);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_by_both_of_its_parts_and_the_oldest_gives_way() {
        let seen = Seen::default();
        seen.note("a", "bc", 10, 1);
        assert!(seen.has("a", "bc") && !seen.has("ab", "c") && !seen.has("a", "b"));
        seen.note("a", "d", 20, 10);
        assert!(!seen.has("a", "bc") && seen.has("a", "d"), "over");
        for number in 0..EVENTS {
            seen.note("a", &number.to_string(), 100, 10);
        }
        assert!(!seen.has("a", "d") && seen.has("a", "0"));
        let held = seen.0.lock();
        assert_eq!((held.known.len(), held.oldest.len()), (EVENTS, EVENTS));
    }
}
