//! How much one check may cost.
//!
//! A schema that refers to itself through alternatives (`oneOf` of shapes which hold the same `oneOf` again) makes a validator try
//! every way down for every alternative: 300 bytes can keep a core busy for half a minute. Two things keep a check linear:
//!
//! - a check that has become long remembers what each definition said of each value, and does not ask twice;
//! - each hand-over of a value to a definition costs one step, and a check has so many of them as its document is long. When
//!   they are used up every hand-over refuses, and so does the check, whatever a `not` would make of that (invariant 7).
//!
//! The validator gives its keywords the value and nothing else, so the account lives with the thread; a check never
//! leaves the thread that it began on.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use tape::{Node, Tape};

/// Steps that the shortest document has.
const FLOOR: u64 = 10_000;
/// Steps for each byte: a choice among dozens of alternatives for each of the smallest objects.
const PER_BYTE: u64 = 8;
/// Steps after which verdicts are remembered: most checks end before, and pay nothing for it.
const SHORT: u64 = 512;

thread_local! {
    /// Steps left; nothing is checked outside of a check.
    static LEFT: Cell<u64> = const { Cell::new(0) };
    /// Steps left at which remembering begins.
    static LONG: Cell<u64> = const { Cell::new(0) };
    /// What definitions said of values of the current document.
    static KNOWN: RefCell<HashMap<(usize, u32), bool>> = RefCell::default();
}

/// A check of `document` begins.
pub(crate) fn begin(document: &Tape) {
    let length = u64::try_from(document.source().len()).unwrap_or(u64::MAX);
    let steps = FLOOR.saturating_add(length.saturating_mul(PER_BYTE));
    if LEFT.get() < LONG.get() {
        turn();
    }
    LEFT.set(steps);
    LONG.set(steps - SHORT);
}

/// The check goes on with another document: verdicts on values of the last one say nothing of it.
pub(crate) fn turn() {
    KNOWN.take();
}

/// Takes one step; false when there is none.
pub(crate) fn step() -> bool {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(1));
    left > 0
}

/// The verdict of the definition of this number on a value; `judge` is asked unless the verdict is known.
pub(crate) fn once(definition: usize, node: Node<'_>, judge: impl FnOnce() -> bool) -> bool {
    if !step() {
        return false;
    }
    if LEFT.get() >= LONG.get() {
        return judge();
    }
    let key = (definition, node.index());
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
        return known;
    }
    let verdict = judge();
    // A verdict that came of having no step left is none.
    if !is_spent() {
        KNOWN.with_borrow_mut(|known| known.insert(key, verdict));
    }
    verdict
}

/// Whether the check came to no end of its own.
pub(crate) fn is_spent() -> bool {
    LEFT.get() == 0
}
