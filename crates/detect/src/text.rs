//! One view of a value, with what all detectors want to know of it.

use crate::finding::{Coding, View};

/// Where a value stands in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The name of a parameter, a field of a form or a member of a JSON object.
    Name,
    /// The value of one.
    Value,
    /// A segment of the path.
    Path,
    /// A header field: ordinary ones are full of semicolons, parentheses and URLs.
    Header,
}

/// Bytes from which on a value is taken for a text in which words may stand that would be odd in a short one.
const LONG: usize = 200;
/// Words from which on it is.
const WORDS: usize = 14;
/// Line breaks from which on it is, and how many bytes it then has: line breaks cost an attacker nothing.
const LINES: usize = 2;
const LEAST: usize = 80;
/// Bytes at the end of a long value that count as its end.
const TAIL: usize = 6;
/// What a score loses there.
const ENDING: u8 = 2;

/// One view of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) mask: u16,
    pub(crate) place: Place,
    pub(crate) view: View,
    /// Prose or source code rather than the value of a parameter.
    pub(crate) long: bool,
    /// Bytes of white space.
    pub(crate) spaces: usize,
    /// The value that this is of is JSON as a whole, and its strings are looked at one by one: what else it says weighs little.
    pub(crate) json: bool,
}

impl<'a> Text<'a> {
    pub(crate) fn new(bytes: &'a [u8], mask: u16, place: Place, view: View, json: bool) -> Self {
        let spaces = bytes.iter().filter(|byte| byte.is_ascii_whitespace()).count();
        Self { bytes, mask, place, view, long: is_long(bytes), spaces, json }
    }

    pub(crate) fn has(&self, classes: u16) -> bool {
        self.mask & classes != 0
    }

    /// A score for what proves little within a long text, unless it is how the text ends.
    pub(crate) fn weigh(&self, end: usize, short: u8, long: u8) -> u8 {
        if !self.long {
            short
        } else if end + TAIL >= self.bytes.len() {
            short.saturating_sub(ENDING).max(long)
        } else {
            long
        }
    }

    /// As [`Self::weigh`], wherever a long text says it.
    pub(crate) fn pick(&self, short: u8, long: u8) -> u8 {
        if self.long { long } else { short }
    }

    /// What was hidden by an encoding, and not by the ones that texts use anyway.
    pub(crate) fn escaped_markup(&self) -> bool {
        self.view.has(Coding::Entities)
    }
}

fn is_long(bytes: &[u8]) -> bool {
    if bytes.len() > LONG && bytes.iter().any(u8::is_ascii_whitespace) {
        return true;
    }
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let pairs = bytes.windows(2);
    let words = pairs
        .filter(|pair| matches!(pair, [first, b' '] if first.is_ascii_alphabetic() || *first == b','))
        .count();
    lines >= LINES && bytes.len() >= LEAST || words >= WORDS
}
