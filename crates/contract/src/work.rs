//! How much one check may cost.
//!
//! A schema that refers to itself through alternatives (`oneOf` of shapes which hold the same `oneOf` again) makes a validator try
//! every way down for every alternative: 300 bytes can keep a core busy for half a minute. Two things keep a check linear:
//!
//! - a check that has become long remembers what each definition said of each value, and does not ask twice;
//! - each hand-over of a value to a definition costs one step, and a check has so many of them as its document is long. When
//!   they are used up every hand-over refuses, and so does the check, whatever a `not` would make of that (invariant 7).
//!
//! Hand-overs within hand-overs take stack. A contract may send one value round in a circle that nobody saw when it was
//! read, and so the same value is handed on [`SAME_VALUE`] times and no more: beyond, the steps are spent.
//!
//! The validator gives its keywords the value and nothing else, so the account lives with the thread; a check never
//! leaves the thread that it began on.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use tape::{Node, Tape};

/// Steps that the shortest document has.
const FLOOR: u64 = 10_000;
/// Steps for each byte: a choice among dozens of alternatives for each of the smallest objects.
const PER_BYTE: u64 = 16;
/// Steps after which verdicts are remembered: most checks end before, and pay nothing for it.
const SHORT: u64 = 512;

/// Times that one value is handed on before it is left: no schema has that many parts within parts.
const SAME_VALUE: u32 = 64;
/// Hand-overs within hand-overs in all; the deepest document has 512 levels.
const NESTED: u32 = 2_048;
/// Verdicts remembered, about 3 MiB: beyond, steps alone bound the work.
const KNOWN_MOST: usize = 1 << 16;

thread_local! {
    /// The value of the innermost hand-over, how often it was handed on, and the hand-overs around it.
    static WITHIN: Cell<(u32, u32, u32)> = const { Cell::new((0, 0, 0)) };
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
        return within(node, judge);
    }
    let key = (definition, node.index());
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
        return known;
    }
    let verdict = within(node, judge);
    // A verdict that came of having no step left is none.
    if !is_spent() {
        KNOWN.with_borrow_mut(|known| (known.len() < KNOWN_MOST).then(|| known.insert(key, verdict)));
    }
    verdict
}

/// Judges within one hand-over more, unless there are too many.
fn within(node: Node<'_>, judge: impl FnOnce() -> bool) -> bool {
    let around = WITHIN.get();
    let (last, times, depth) = around;
    let times = if depth > 0 && last == node.index() { times + 1 } else { 1 };
    if times > SAME_VALUE || depth >= NESTED {
        LEFT.set(0);
        return false;
    }
    WITHIN.set((node.index(), times, depth + 1));
    let verdict = judge();
    WITHIN.set(around);
    verdict
}

/// Whether the check came to no end of its own.
pub(crate) fn is_spent() -> bool {
    LEFT.get() == 0
}
