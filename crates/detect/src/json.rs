//! JSON within a value (RFC 8259): what is JSON as a whole, what may be, and where its strings end.

use crate::bytes::{self, at, from};

/// Nesting up to which a value is taken for JSON as a whole, in levels: one bit each.
const DEEPEST: u32 = 64;

/// Whether a value may be JSON, by its brackets and quotes: then its strings are worth a look of their own.
pub(crate) fn resembles(bytes: &[u8]) -> bool {
    let inner = bytes.trim_ascii();
    let braces = matches!((inner.first(), inner.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')));
    let second = at(inner, bytes::skip_space(inner, 1));
    braces
        && matches!(second, b'"' | b'{' | b'[' | b'}' | b']' | b'0'..=b'9' | b't' | b'f' | b'n' | b'-')
        && inner.contains(&b'"')
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A value, or the end of an empty array.
    Item,
    Name,
    /// A name, or the end of an empty object.
    Member,
    Colon,
    /// A comma or the end of what is open.
    Sign,
}

/// Whether a value is JSON as a whole, by the grammar: then nothing of it stands outside of its strings but structure, numbers and
/// three words, and who looked at its strings has looked at all. What is nested deeper than [`DEEPEST`] is not taken for it.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    resembles(bytes) && reads(bytes).is_some_and(|ended| ended)
}

/// Whether the text ends where its value does; `None` where it leaves the grammar.
fn reads(bytes: &[u8]) -> Option<bool> {
    // Each level is a bit, the innermost last: whether it is an object.
    let (mut levels, mut depth) = (0u64, 0u32);
    let (mut index, mut next) = (0, Next::Value);
    loop {
        index += from(bytes, index).iter().take_while(|byte| is_space(**byte)).count();
        let Some(&byte) = bytes.get(index) else { return Some(depth == 0 && next == Next::Sign) };
        let object = levels & 1 == 1;
        (next, index) = match (next, byte) {
            (Next::Value | Next::Item, b'{' | b'[') if depth < DEEPEST => {
                levels = levels << 1 | u64::from(byte == b'{');
                depth += 1;
                (if byte == b'{' { Next::Member } else { Next::Item }, index + 1)
            }
            (Next::Item | Next::Member | Next::Sign, b'}' | b']')
                if depth > 0 && object == (byte == b'}') =>
            {
                levels >>= 1;
                depth -= 1;
                (Next::Sign, index + 1)
            }
            (Next::Sign, b',') if depth > 0 => (if object { Next::Name } else { Next::Value }, index + 1),
            (Next::Name | Next::Member, b'"') => (Next::Colon, closed(bytes, index)?),
            (Next::Colon, b':') => (Next::Value, index + 1),
            (Next::Value | Next::Item, b'"') => (Next::Sign, closed(bytes, index)?),
            (Next::Value | Next::Item, _) => (Next::Sign, word(bytes, index)?),
            _ => return None,
        };
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The index behind the string that begins at `open`.
fn closed(bytes: &[u8], open: usize) -> Option<usize> {
    let (end, _) = string_end(bytes, open);
    (end < bytes.len()).then_some(end + 1)
}

/// The index behind a number or `true`, `false`, `null`.
fn word(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = from(bytes, start);
    for name in [&b"true"[..], b"false", b"null"] {
        if rest.starts_with(name) {
            return Some(start + name.len());
        }
    }
    let digits = |index: usize| from(rest, index).iter().take_while(|byte| byte.is_ascii_digit()).count();
    let some = |index: usize| Some(digits(index)).filter(|count| *count > 0).map(|count| index + count);
    let mut end = some(usize::from(at(rest, 0) == b'-'))?;
    if at(rest, end) == b'.' {
        end = some(end + 1)?;
    }
    if matches!(at(rest, end), b'e' | b'E') {
        end = some(end + 1 + usize::from(matches!(at(rest, end + 1), b'+' | b'-')))?;
    }
    Some(start + end)
}

/// Where the string that begins at `open` ends: the index of its second quote, or beyond the text; and whether it has escapes.
pub(crate) fn string_end(text: &[u8], open: usize) -> (usize, bool) {
    let (mut end, mut escaped) = (open + 1, false);
    while let Some(byte) = text.get(end) {
        match byte {
            b'\\' => (escaped, end) = (true, end + 2),
            b'"' => break,
            _ => end += 1,
        }
    }
    (end, escaped)
}

/// The escapes of JSON (RFC 8259 section 7) but `\u`, which the next round undoes.
pub(crate) fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        match (byte, byte == b'\\') {
            (_, false) => out.push(byte),
            _ => match rest.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b'r') => out.push(b'\r'),
                Some(b't') => out.push(b'\t'),
                Some(b'u') => out.extend_from_slice(b"\\u"),
                Some(&other) => out.push(other),
                None => {}
            },
        }
    }
    out
}
