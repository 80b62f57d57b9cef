//! How much one check may cost.
//!
//! A schema that refers to itself through alternatives (`oneOf` of shapes which hold the same `oneOf` again) makes a validator try
//! every way down for every alternative: 300 bytes can keep a core busy for half a minute. Each hand-over of a value to a
//! definition therefore costs one step, and a check has so many of them as its document is long. When they are used up every
//! hand-over refuses, and so does the check, whatever a `not` would make of that (invariant 7).
//!
//! The validator gives its keywords the value and nothing else, so the count lives with the thread; a check never
//! leaves the thread that it began on.

use std::cell::Cell;

use tape::Tape;

/// Steps that the shortest document has.
const FLOOR: u64 = 10_000;
/// Steps for each byte: a choice among dozens of alternatives for each of the smallest objects.
const PER_BYTE: u64 = 8;

thread_local! {
    /// Steps left; nothing is checked outside of a check.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// A check of `document` begins.
pub(crate) fn begin(document: &Tape) {
    let length = u64::try_from(document.source().len()).unwrap_or(u64::MAX);
    LEFT.set(FLOOR.saturating_add(length.saturating_mul(PER_BYTE)));
}

/// Takes one step; false when there is none.
pub(crate) fn step() -> bool {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(1));
    left > 0
}

/// Whether the check came to no end of its own.
pub(crate) fn is_spent() -> bool {
    LEFT.get() == 0
}
