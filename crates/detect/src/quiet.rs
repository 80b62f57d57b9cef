//! Texts in which no detector can find anything, told from the others before any detector reads them: names, dates, addresses, prose.
//!
//! What every detector needs for its weakest hit is one of these, and a text that has none of them is quiet:
//! - a byte that is [`LOUD`]: all marks of code but commas, dots, colons, slashes, quotes, round brackets and semicolons;
//! - a piece of [`PIECES`], or a name of `marks/table.rs`: one automaton tells of all of them in one pass;
//! - a word of SQL where it means something, or one with an opening bracket right behind it: a pass over the words;
//! - a command of a shell behind a semicolon or at the beginning.
//!
//! Who adds to a detector adds here, unless it needs a loud byte; the tests below hold every quiet text against all detectors.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use aho_corasick::Input;
use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;

use crate::bytes::{
    LOUD, OPEN, QUOTE, SEMICOLON, SLASH, SPACE, at, before, classes_of, from, is_word, part, skip_space,
};
use crate::sql::{Word, word};
use crate::text::Place;
use crate::{marks, shell};

/// What detectors look closer at beside names, of bytes that are not loud.
const PIECES: [&str; 37] = [
    // Comments, casts, variables and exponents of SQL.
    "--",
    "::",
    "@@",
    ".e.",
    ".e(",
    ".e ",
    ".e\t",
    // `javascript:`, with white space inside or not.
    "t:",
    " :",
    "\t:",
    "';!--",
    // Paths that climb or hide where they lead.
    "..",
    "/./",
    "////",
    // URLs, schemes and hosts.
    "//",
    "file:/",
    "gopher:",
    "dict:",
    "url:http",
    "url:file",
    "local_file:",
    "localhost",
    "ip6-loopback",
    "kubernetes.default",
    ".internal",
    "localtest.me",
    "lvh.me",
    // Brackets after brackets: calls of values, filters of directories.
    ")(",
    ") (",
    ")  ",
    ")\t",
    ") \t",
    "(!(",
    // Statements of JavaScript.
    ";return ",
    "; return ",
    // Serialized objects of PHP.
    ":\"",
    ":'",
];

/// By itself, not behind the type that may be any: texts are short, and asking through that costs as much as reading one.
static AUTOMATON: LazyLock<Option<DFA>> = LazyLock::new(|| {
    DFA::builder()
        .ascii_case_insensitive(true)
        .prefilter(false)
        .build(marks::uncalled(|byte| classes_of(byte) & LOUD == 0).chain(PIECES))
        .ok()
});

/// Compiles the automaton.
pub(crate) fn prepare() {
    LazyLock::force(&AUTOMATON);
}

/// Bytes that the longest padding of a path is more than.
const PADDING: usize = 64;

/// Whether no detector finds anything in a text with bytes of these classes, whatever the score.
pub(crate) fn is_quiet(bytes: &[u8], mask: u16, place: Place) -> bool {
    if mask & LOUD != 0 {
        return false;
    }
    let path = match at(bytes, 0) {
        b'.' => place == Place::Path,
        b'/' => bytes.len() > PADDING,
        _ => false,
    };
    // Patterns of paths.
    let globs = mask & SLASH != 0 && memchr::memchr(b'?', bytes).is_some();
    let whole = place != Place::Header && mask & (SPACE | SLASH) != 0;
    !path
        && !globs
        && are_quiet(bytes, mask)
        && !shell::may_run(bytes, mask & SEMICOLON != 0, whole)
        && AUTOMATON.as_ref().is_some_and(|automaton| {
            let earliest = Input::new(bytes).earliest(true);
            automaton.try_find(&earliest).is_ok_and(|found| found.is_none())
        })
}

/// What a word of SQL is part of.
type Part = u16;

const LOGIC: Part = 1;
const COMPARE: Part = 1 << 1;
const ORDER: Part = 1 << 2;
const BY: Part = 1 << 3;
const CASE: Part = 1 << 4;
/// Of a statement that counts behind a semicolon only.
const STATEMENT: Part = 1 << 5;
/// What counts wherever it stands.
const SURE: Part = 1 << 6;
/// What counts with a bracket behind it.
const CALLED: Part = 1 << 7;
/// `if`, of `cmd.exe` too.
const IF: Part = 1 << 8;

/// Whether no word means anything to SQL, and none is called.
fn are_quiet(bytes: &[u8], mask: u16) -> bool {
    let (mut seen, mut index, mut after_word) = (0, 0, false);
    while index < bytes.len() {
        let rest = from(bytes, index);
        let start = index + rest.iter().take_while(|byte| !is_letter(**byte)).count();
        if start >= bytes.len() {
            break;
        }
        index = start + from(bytes, start).iter().take_while(|byte| is_letter(**byte)).count();
        let text = part(bytes, start, index);
        if mask & OPEN != 0 && is_called(bytes, (start, index)) {
            return false;
        }
        let numbered = text.first().is_some_and(u8::is_ascii_digit);
        let parts = if numbered { part_behind_number(text) } else { part_of(text) };
        let loud = parts & SURE != 0
            || parts & LOGIC != 0 && (!after_word || breaks_out(bytes, start, mask))
            || parts & CALLED != 0 && mask & OPEN != 0 && at(bytes, skip_space(bytes, index)) == b'('
            || parts & IF != 0 && start <= FIRST;
        if loud {
            return false;
        }
        seen |= parts;
        // `1.e5` is one number.
        after_word |= !numbered && before(bytes, start) != b'.';
    }
    let both = |parts: Part| seen & parts == parts;
    let stacked = mask & SEMICOLON != 0 && seen & (STATEMENT | CASE | IF) != 0;
    !(both(LOGIC | COMPARE) || both(ORDER | BY) || both(CASE | LOGIC) || stacked)
}

/// Signs that a statement of `cmd.exe` may have before it.
const FIRST: usize = 8;

/// What words are made of: a table, since every byte of a text is asked for it.
const LETTERS: [bool; 256] = letters();

#[allow(clippy::indexing_slicing, reason = "runs when the crate is compiled, over a range that fits")]
const fn letters() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_word(byte as u8) || byte >= 0x80;
        byte += 1;
    }
    table
}

fn is_letter(byte: u8) -> bool {
    LETTERS.get(usize::from(byte)).copied().unwrap_or(true)
}

/// Whether a word may be called: by a bracket right behind it, or, where it is a name, one after white space.
fn is_called(bytes: &[u8], (start, end): (usize, usize)) -> bool {
    if at(bytes, skip_space(bytes, end)) != b'(' {
        return false;
    }
    let name = part(bytes, start, end).rsplit(|byte| !byte.is_ascii()).next().unwrap_or_default();
    at(bytes, end) == b'(' || marks::is_called(name)
}

/// Whether a condition stands behind what may be the end of a string.
fn breaks_out(bytes: &[u8], start: usize, mask: u16) -> bool {
    let last = || part(bytes, 0, start).iter().rev().find(|byte| !byte.is_ascii_whitespace());
    mask & QUOTE != 0 && matches!(last(), Some(b'\'' | b'"' | b')'))
}

/// `1or`, `1e5or`: a word of SQL may be glued to a number.
fn part_behind_number(text: &[u8]) -> Part {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = from(text, digits(text));
    let Some((first, exponent)) = rest.split_first() else { return 0 };
    let glued = if first.eq_ignore_ascii_case(&b'e') { part_of(from(exponent, digits(exponent))) } else { 0 };
    part_of(rest) | glued
}

fn part_of(text: &[u8]) -> Part {
    let is = |names: &[&[u8]]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    match word(text) {
        Word::Other | Word::Quantifier | Word::From | Word::Literal | Word::Then | Word::Limit => 0,
        Word::Logic if is(&[b"not"]) => 0,
        Word::Clause if is(&[b"if"]) => IF,
        Word::Logic | Word::Clause => LOGIC,
        Word::Compare => COMPARE,
        Word::Order => ORDER,
        Word::By => BY,
        Word::Case => CASE,
        Word::Function => CALLED,
        Word::Object if !is(&[b"procedure"]) => 0,
        Word::Statement if !is(&SCORED) => STATEMENT,
        _ => SURE,
    }
}

/// Statements that count without a semicolon.
const SCORED: [&[u8]; 11] = [
    b"declare",
    b"insert",
    b"delete",
    b"update",
    b"load",
    b"begin",
    b"copy",
    b"drop",
    b"create",
    b"alter",
    b"truncate",
];
