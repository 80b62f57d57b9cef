//! Code of scripting languages that no name gives away: calls through variables, casts and strings, as PHP allows them.

use crate::bytes::{BRACKET, at, before, from, is_word, part, skip_space, skip_word, starts};
use crate::finding::{Best, Family, Hit};
use crate::text::Text;

/// Places of a value that are looked at.
const PLACES: usize = 16;
/// Brackets and comments between a variable and its call.
const GROUPS: usize = 6;

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    if text.long || text.json || !text.has(BRACKET) {
        return;
    }
    let bytes = text.bytes;
    let mut offer =
        |rule, start: usize, end: usize| best.offer(Hit { family: Family::Code, rule, start, end, score: 5 });
    for dollar in memchr::memchr_iter(b'$', bytes).take(PLACES) {
        if let Some(end) = called(bytes, dollar) {
            offer("variable-call", dollar, end);
        }
    }
    for close in memchr::memchr_iter(b')', bytes).take(PLACES) {
        let open = skip_space(bytes, close + 1);
        let argument = at(bytes, open + 1);
        if at(bytes, open) == b'('
            && matches!(argument, b'\'' | b'"' | b'$')
            && matches!(at(bytes, 0), b'(' | b'$' | b'\'' | b'd')
        {
            offer("call-of-value", close, open + 1);
        }
    }
    let trimmed = bytes.trim_ascii_start();
    if starts(trimmed, b"while(") && bytes.contains(&b';') {
        offer("endless-loop", 0, 6);
    }
}

/// `$name(…)`, `$name['x'](…)`, `${…}(…)`: the index behind the bracket that opens the call.
fn called(bytes: &[u8], dollar: usize) -> Option<usize> {
    let mut index = skip_word(bytes, dollar + 1);
    let named = index > dollar + 1 && !at(bytes, dollar + 1).is_ascii_digit();
    if !named && at(bytes, index) != b'{' {
        return None;
    }
    for _ in 0..GROUPS {
        index = skip_space(bytes, index);
        let close = match (at(bytes, index), at(bytes, index + 1)) {
            (b'(', _) => {
                let length = memchr::memchr(b')', part(bytes, index, index + 120))?;
                // `$PATH (of the user)`: two names beside each other are no arguments.
                let prose = before(bytes, index).is_ascii_whitespace()
                    && is_prose(part(bytes, index + 1, index + length));
                return (!prose).then_some(index + 1);
            }
            (b'[', _) => b']',
            (b'{', _) => b'}',
            (b'/', b'*') => b'/',
            _ => return None,
        };
        let inside = from(bytes, index + 2);
        index += 3 + inside.iter().take(60).position(|byte| *byte == close)?;
    }
    None
}

/// Whether a text begins with two words of which the first is none of the language's.
fn is_prose(text: &[u8]) -> bool {
    const OPERATORS: [&[u8]; 10] = [
        b"new",
        b"clone",
        b"print",
        b"include",
        b"require",
        b"yield",
        b"throw",
        b"static",
        b"function",
        b"fn",
    ];
    let end = skip_word(text, 0);
    let known = OPERATORS.iter().any(|word| part(text, 0, end).eq_ignore_ascii_case(word));
    at(text, 0).is_ascii_alphabetic()
        && at(text, end) == b' '
        && at(text, end + 1).is_ascii_alphanumeric()
        && !known
}

/// Whether a value is an identifier with dots: `document.cookie`, and no name or number.
pub(crate) fn is_member(value: &[u8]) -> bool {
    (starts(value, b"document.") || starts(value, b"window."))
        && value.iter().all(|byte| is_word(*byte) || *byte == b'.')
}
