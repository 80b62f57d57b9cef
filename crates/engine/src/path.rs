//! One canonical form of the request target, made once: what routing, access checks, the contract and the upstream see
//! is the same bytes, or the call is refused (RFC 3986 section 6.2.2; THREATS row 10).
//!
//! Harmless spellings are normalized: percent-encoded unreserved characters are decoded, hexadecimal digits become
//! upper case, a raw `;` in the query becomes `%3B` (old servers split there), as do other bytes of a query that RFC 3986 does
//! not allow raw. Spellings that servers read differently
//! are refused: encoded slashes and backslashes, empty and dot segments in any spelling, double encoding, control
//! characters, bytes outside ASCII, broken escapes, fragments.

use std::borrow::Cow;
use std::fmt;

/// Why a target has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCanonical {
    /// Does not start with `/`.
    NotAbsolute,
    /// `//`.
    EmptySegment,
    /// `.` or `..`, in any spelling.
    DotSegment,
    /// `%2F`, `%5C` or `\`.
    EncodedSlash,
    /// `%00` to `%1F`, `%7F`, or one of them raw.
    Control,
    /// `%25` before two hexadecimal digits.
    DoubleEncoding,
    /// `%` without two hexadecimal digits.
    BrokenEscape,
    /// A byte outside ASCII, or one that RFC 3986 does not allow in a target.
    ForbiddenByte,
}

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotCanonical::NotAbsolute => "the path must start with a slash",
            NotCanonical::EmptySegment => "the path has an empty segment",
            NotCanonical::DotSegment => "the path has a dot segment",
            NotCanonical::EncodedSlash => "the path has an encoded slash or a backslash",
            NotCanonical::Control => "the target has a control character",
            NotCanonical::DoubleEncoding => "the path is encoded twice",
            NotCanonical::BrokenEscape => "the target has a percent sign without two hexadecimal digits",
            NotCanonical::ForbiddenByte => "the target has a byte that is not allowed there",
        })
    }
}

/// The canonical form of a path; borrowed when it already is.
///
/// # Errors
/// When parsers would disagree on it.
pub fn canonical_path(raw: &str) -> Result<Cow<'_, str>, NotCanonical> {
    if !raw.starts_with('/') {
        return Err(NotCanonical::NotAbsolute);
    }
    let path = normalize(raw, Part::Path)?;
    if let Cow::Owned(path) = &path {
        // Escapes that hid digits can leave a second layer behind, as `%25%32e` leaves `%252e`: it must not go upstream.
        normalize(path, Part::Path)?;
    }
    if !has_plain_segments(&path) {
        check_segments(&path)?;
    }
    Ok(path)
}

/// The canonical form of a query (without `?`); borrowed when it already is.
///
/// # Errors
/// When parsers would disagree on it.
pub fn canonical_query(raw: &str) -> Result<Cow<'_, str>, NotCanonical> {
    normalize(raw, Part::Query)
}

/// Bytes as part of a target or a form, percent-encoded but for the unreserved characters (RFC 3986 section 2.3).
#[must_use]
pub fn percent_encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            byte if is_unreserved(*byte) => out.push(char::from(*byte)),
            byte => escape(*byte, &mut out),
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Query,
}

/// Whether no segment can be an empty one or a dot segment: most paths need no closer look.
fn has_plain_segments(path: &str) -> bool {
    let mut before = 0;
    path.bytes().all(|byte| {
        let odd = matches!(byte, b';' | b'%') || (before == b'/' && matches!(byte, b'/' | b'.'));
        before = byte;
        !odd
    })
}

fn check_segments(path: &str) -> Result<(), NotCanonical> {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // `;` starts path parameters in some servers, and in some of them after decoding: the segment is what stands
        // before it, in either spelling.
        let name = segment.split(';').next().unwrap_or_default();
        match name.split("%3B").next().unwrap_or_default() {
            "" if segments.peek().is_some() || !segment.is_empty() => return Err(NotCanonical::EmptySegment),
            "." | ".." => return Err(NotCanonical::DotSegment),
            _ => {}
        }
    }
    Ok(())
}

fn normalize(raw: &str, part: Part) -> Result<Cow<'_, str>, NotCanonical> {
    let clean =
        raw.bytes().all(|byte| is_plain_fast(byte) || (byte == b'/' || byte == b'?' && part == Part::Query));
    if clean {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = String::with_capacity(raw.len());
    let mut bytes = raw.as_bytes();
    while let Some((&byte, rest)) = bytes.split_first() {
        bytes = match byte {
            b'%' => normalize_escape(rest, part, &mut out)?,
            _ if part == Part::Query && is_odd_in_query(byte) => {
                escape(byte, &mut out);
                rest
            }
            _ => {
                check_raw(byte, part)?;
                out.push(char::from(byte));
                rest
            }
        };
    }
    Ok(if out == raw { Cow::Borrowed(raw) } else { Cow::Owned(out) })
}

/// Reads the two digits after `%`, appends the canonical spelling and returns what follows.
fn normalize_escape<'a>(rest: &'a [u8], part: Part, out: &mut String) -> Result<&'a [u8], NotCanonical> {
    let [high, low, after @ ..] = rest else { return Err(NotCanonical::BrokenEscape) };
    let value = match (hex(*high), hex(*low)) {
        (Some(high), Some(low)) => high << 4 | low,
        _ => return Err(NotCanonical::BrokenEscape),
    };
    match value {
        0..=0x1f | 0x7f if part == Part::Path => return Err(NotCanonical::Control),
        0 => return Err(NotCanonical::Control),
        b'/' | b'\\' if part == Part::Path => return Err(NotCanonical::EncodedSlash),
        b'%' if part == Part::Path
            && matches!(after, [a, b, ..] if hex(*a).is_some() && hex(*b).is_some()) =>
        {
            return Err(NotCanonical::DoubleEncoding);
        }
        value if is_unreserved(value) => out.push(char::from(value)),
        value => escape(value, out),
    }
    Ok(after)
}

fn escape(byte: u8, out: &mut String) {
    out.push('%');
    out.push(char::from(upper_hex(byte >> 4)));
    out.push(char::from(upper_hex(byte & 0xf)));
}

/// `;`, at which old servers split, and what RFC 3986 has in no query though browsers and tools send it raw: it is written with
/// escapes.
const fn is_odd_in_query(byte: u8) -> bool {
    matches!(byte, b';' | b'[' | b']' | b'{' | b'}' | b'|' | b'^' | b'\\' | b'"' | b'<' | b'>' | b'`')
}

fn check_raw(byte: u8, part: Part) -> Result<(), NotCanonical> {
    match byte {
        0..=0x1f | 0x7f => Err(NotCanonical::Control),
        b'\\' if part == Part::Path => Err(NotCanonical::EncodedSlash),
        b'?' | b'/' => {
            if byte == b'/' || part == Part::Query {
                Ok(())
            } else {
                Err(NotCanonical::ForbiddenByte)
            }
        }
        byte if is_plain(byte) || byte == b';' => Ok(()),
        _ => Err(NotCanonical::ForbiddenByte),
    }
}

/// Bytes that stand for themselves everywhere: unreserved, and the sub-delimiters but `;` (RFC 3986 section 2).
const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

/// [`is_plain`] by one look-up: every target of every call is read.
fn is_plain_fast(byte: u8) -> bool {
    PLAIN.get(usize::from(byte)).copied().unwrap_or(false)
}

static PLAIN: [bool; 256] = plain_bytes();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, within the table's length")]
const fn plain_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = is_plain(byte);
        byte += 1;
    }
    table
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

const fn upper_hex(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + nibble - 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NotCanonical::*;

    #[test]
    fn paths_have_one_spelling_or_none() {
        let cases: &[(&str, Result<&str, NotCanonical>)] = &[
            ("/", Ok("/")),
            ("/orders/7", Ok("/orders/7")),
            ("/orders/", Ok("/orders/")),
            ("/%6frders/%7e", Ok("/orders/~")),
            ("/a%c3%a9", Ok("/a%C3%A9")),
            ("/a%20b%3b", Ok("/a%20b%3B")),
            ("/a;v=1/b", Ok("/a;v=1/b")),
            ("/100%25", Ok("/100%25")),
            ("orders", Err(NotAbsolute)),
            ("*", Err(NotAbsolute)),
            ("//orders", Err(EmptySegment)),
            ("/orders//7", Err(EmptySegment)),
            ("/;a/b", Err(EmptySegment)),
            ("/orders/./7", Err(DotSegment)),
            ("/orders/..", Err(DotSegment)),
            ("/orders/%2e%2E/admin", Err(DotSegment)),
            ("/orders/..;/admin", Err(DotSegment)),
            ("/orders/..%3b/admin", Err(DotSegment)),
            ("/orders/.%3Bx", Err(DotSegment)),
            ("/a/%25%32e/b", Err(DoubleEncoding)),
            ("/orders%2f7", Err(EncodedSlash)),
            ("/orders%5C7", Err(EncodedSlash)),
            ("/orders\\7", Err(EncodedSlash)),
            ("/a%00", Err(Control)),
            ("/a%0d%0a", Err(Control)),
            ("/a%252e", Err(DoubleEncoding)),
            ("/a%", Err(BrokenEscape)),
            ("/a%g0", Err(BrokenEscape)),
            ("/a\u{e9}", Err(ForbiddenByte)),
            ("/a#b", Err(ForbiddenByte)),
            ("/a b", Err(ForbiddenByte)),
            ("/a?b", Err(ForbiddenByte)),
        ];
        for (raw, expected) in cases {
            assert_eq!(canonical_path(raw).as_deref(), expected.as_deref(), "{raw}");
        }
    }

    #[test]
    fn queries_keep_their_data_and_lose_their_ambiguity() {
        let cases: &[(&str, Result<&str, NotCanonical>)] = &[
            ("a=1&b=2", Ok("a=1&b=2")),
            ("a=%2f%0a%252e", Ok("a=%2F%0A%252e")),
            ("a=1;b=2", Ok("a=1%3Bb=2")),
            ("f[a]=1", Ok("f%5Ba%5D=1")),
            ("a={b}|c^\"<`\\>", Ok("a=%7Bb%7D%7Cc%5E%22%3C%60%5C%3E")),
            ("a=%61?/", Ok("a=a?/")),
            ("a=%00", Err(Control)),
            ("a=%zz", Err(BrokenEscape)),
            ("a=#", Err(ForbiddenByte)),
        ];
        for (raw, expected) in cases {
            assert_eq!(canonical_query(raw).as_deref(), expected.as_deref(), "{raw}");
        }
    }

    #[test]
    fn what_is_encoded_is_canonical_and_reads_back() {
        for (raw, encoded) in [
            ("a-Z_0.~", "a-Z_0.~"),
            ("a b+c%2e/?&=;", "a%20b%2Bc%252e%2F%3F%26%3D%3B"),
            ("é\n", "%C3%A9%0A"),
            ("", ""),
        ] {
            assert_eq!(percent_encoded(raw.as_bytes()), encoded);
            assert_eq!(canonical_query(encoded).as_deref(), Ok(encoded));
        }
    }

    #[test]
    fn canonical_is_a_fixed_point() {
        for raw in ["/%6f/a%c3%a9;x", "/a%25b", "/~a%7Eb"] {
            let once = canonical_path(raw).unwrap().into_owned();
            assert_eq!(canonical_path(&once).as_deref(), Ok(once.as_str()));
        }
    }
}
