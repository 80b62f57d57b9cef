//! Strings of RFC 8259 section 7: finding their end, reading and writing escapes.

use crate::{Error, ErrorKind};
use std::borrow::Cow;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of the lowest byte that is a quote, a backslash or a control character; bits above it may lie.
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGHS
}

/// From just after the opening quote to the closing one: (offset of the closing quote, whether escapes occur).
pub(crate) fn scan(source: &[u8], start: usize) -> Result<(usize, bool), Error> {
    let mut at = start;
    let mut escaped = false;
    loop {
        while let Some(chunk) = source.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let hit = special(u64::from_le_bytes(*chunk));
            if hit != 0 {
                at += (hit.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        match source.get(at) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape(source, at)?.1;
            }
            Some(0x20..) => at += 1,
            Some(_) | None => return Err(Error { kind: ErrorKind::Syntax, offset: at }),
        }
    }
}

/// Reads the escape whose backslash is at `at`: (the character, offset after it).
fn escape(source: &[u8], at: usize) -> Result<(char, usize), Error> {
    let syntax = Error { kind: ErrorKind::Syntax, offset: at };
    let lone = Error { kind: ErrorKind::LoneSurrogate, offset: at };
    let plain = match source.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let first = hex4(source, at + 2).ok_or(syntax)?;
            if !(0xd800..0xe000).contains(&first) {
                return Ok((char::from_u32(first).ok_or(lone)?, at + 6));
            }
            if first >= 0xdc00 || source.get(at + 6..at + 8) != Some(b"\\u") {
                return Err(lone);
            }
            let second = hex4(source, at + 8).ok_or(syntax)?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(lone);
            }
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok((char::from_u32(code).ok_or(lone)?, at + 12));
        }
        _ => return Err(syntax),
    };
    Ok((plain, at + 2))
}

fn hex4(source: &[u8], at: usize) -> Option<u32> {
    source
        .get(at..at + 4)?
        .iter()
        .try_fold(0u32, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

/// The meaning of a string as written; `text` has been through [`scan`].
pub(crate) fn unescape(text: &str, escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, _)) = rest.split_once('\\') {
        out.push_str(plain);
        let Ok((c, next)) = escape(rest.as_bytes(), plain.len()) else { break };
        out.push(c);
        rest = rest.get(next..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Appends `text` in quotes with only the escapes that RFC 8259 requires.
pub(crate) fn write(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for run in text.as_bytes().split_inclusive(|b| *b < 0x20 || matches!(b, b'"' | b'\\')) {
        let (last, plain) = run.split_last().unwrap_or((&b' ', &[]));
        out.extend_from_slice(plain);
        match last {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{last:04x}").as_bytes()),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}
