//! How controls see to it that what may be used once is used once: a trait here, its table in `state`.

use std::fmt;

use crate::BoxFuture;
use crate::clock::UnixTime;

/// What is known of a thing that may be used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a use that nobody looks at lets the second one pass"]
pub enum Used {
    /// This is its first use, and the last that is told so.
    First,
    /// It was used before.
    Before,
    /// There is no room to take the use down, or none for one more of this holder, so that nobody can tell: whoever asked
    /// has to refuse.
    Unknown,
}

/// Things that were used, each for as long as it could be used again. Exact in the process: of all who ask for one key at
/// one time, one is told [`Used::First`].
pub trait Replays: Send + Sync + fmt::Debug {
    /// Takes a use by a holder down, both as keys. It is remembered until `until`, and at that moment for the last time. One
    /// holder cannot take all the room: the first use of another is taken down beside however many of its own.
    fn take(&self, holder_and_use: (u128, u128), until: UnixTime, now: UnixTime) -> Used;
    /// Hashes what is used into a key; nobody outside can make two meet.
    fn key(&self, parts: &[&[u8]]) -> u128;

    /// What other gateways say of a use that is the first here, where there are any: it is the first only when they say so too.
    /// `since` is the first moment at which it can have been used. To be awaited on any runtime.
    fn elsewhere(
        &self,
        _key: u128,
        (_since, _until): (UnixTime, UnixTime),
        _now: UnixTime,
    ) -> Option<BoxFuture<'static, Used>> {
        None
    }
}
