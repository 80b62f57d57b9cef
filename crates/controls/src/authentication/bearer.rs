//! Finding the one token of a call: RFC 6750 section 2.1 and no other of its ways, or RFC 9449 section 7.1.
//!
//! Two credentials in one call are two readings of it, so exactly one `Authorization` field is taken, and a token in the
//! query (section 2.3) is refused even beside a good one. A token in a form body (section 2.2) is never looked for: it
//! is no credential here.

use engine::Request;
use http::header::AUTHORIZATION;

use crate::security::Scheme;

/// What a call presents.
#[derive(Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No credential at all.
    Nothing,
    /// A token of good syntax.
    Token(Scheme, &'a str),
    /// One credential of a scheme of ours that no token can be.
    NoToken(Scheme),
    /// A credential of another scheme than `Bearer` and `DPoP`.
    OtherScheme,
    /// More than one, or one that cannot be read; says what is wrong.
    Malformed(&'static str),
}

/// Looks for the token of a call.
#[must_use]
pub fn presented(request: &Request) -> Presented<'_> {
    if request.query().is_some_and(query_has_token) {
        return Presented::Malformed(
            "a token in the query is not accepted: send it in the `Authorization` header",
        );
    }
    let mut fields = request.headers.get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else { return Presented::Nothing };
    if fields.next().is_some() {
        return Presented::Malformed("there is more than one `Authorization` header");
    }
    credential(field.as_bytes())
}

/// `auth-scheme 1*SP b64token`; the scheme's name is case-insensitive (RFC 9110 section 11.1).
fn credential(field: &[u8]) -> Presented<'_> {
    let space = field.iter().position(|byte| *byte == b' ').unwrap_or(field.len());
    let (scheme, rest) = field.split_at_checked(space).unwrap_or((field, &[]));
    let ours = Scheme::of(scheme);
    let is_text = || field.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    // Beside our own schemes anything is one credential, if one that no token is.
    if (ours.is_none() || rest.is_empty()) && !is_text() {
        return Presented::Malformed("the `Authorization` header is not ASCII");
    }
    let Some(ours) = ours else {
        let named = !scheme.is_empty() && scheme.iter().copied().all(is_token_char);
        return match named {
            true => Presented::OtherScheme,
            false => Presented::Malformed("the `Authorization` header names no scheme"),
        };
    };
    let start = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    let token = rest.get(start..).unwrap_or_default();
    let body = token.len() - token.iter().rev().take_while(|byte| **byte == b'=').count();
    if token.is_empty() {
        return Presented::Malformed("the `Authorization` header has no token");
    }
    let found = token.iter().take(body).fold(0, |all, byte| all | class(*byte));
    if found & PARTS != 0 {
        return Presented::Malformed("the `Authorization` header has more than one credential");
    }
    match std::str::from_utf8(token) {
        Ok(text) if body > 0 && found == 0 => Presented::Token(ours, text),
        // One credential, forged or broken on the way: a token that is not valid (RFC 6750 section 3.1).
        _ => Presented::NoToken(ours),
    }
}

/// What follows the scheme is a list, or has parts: readers differ on which of them counts.
const PARTS: u8 = 1;
/// A byte that no token has.
const FOREIGN: u8 = 2;

/// Of every byte, what it says of the text that it occurs in: a token of a kilobyte is read on every call.
static CLASSES: [u8; 256] = classes();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, within the table's length")]
const fn classes() -> [u8; 256] {
    let mut classes = [FOREIGN; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let class = match byte {
            b',' | b' ' | b'\t' => PARTS,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' => 0,
            _ => FOREIGN,
        };
        classes[byte as usize] = class;
        byte += 1;
    }
    classes
}

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(FOREIGN)
}

fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether the query has the parameter `access_token`, however its name is spelled.
pub(super) fn query_has_token(query: &str) -> bool {
    query.split('&').any(|pair| is_access_token(pair.split('=').next().unwrap_or_default()))
}

fn is_access_token(name: &str) -> bool {
    const NAME: &[u8] = b"access_token";
    let bytes = name.as_bytes();
    if !bytes.contains(&b'%') {
        return bytes.eq_ignore_ascii_case(NAME);
    }
    let mut decoded = Vec::with_capacity(NAME.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => return false,
            },
            _ => (*first, after),
        };
        decoded.push(byte);
        if decoded.len() > NAME.len() {
            return false;
        }
        rest = after;
    }
    decoded.eq_ignore_ascii_case(NAME)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
