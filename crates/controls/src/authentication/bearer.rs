//! Finding the one bearer token of a call: RFC 6750 section 2.1, and no other of its ways.
//!
//! Two credentials in one call are two readings of it, so exactly one `Authorization` field is taken, and a token in the
//! query (section 2.3) is refused even beside a good one. A token in a form body (section 2.2) is never looked for: it
//! is no credential here.

use engine::Request;
use http::header::AUTHORIZATION;

/// What a call presents.
#[derive(Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No credential at all.
    Nothing,
    /// A bearer token of good syntax.
    Token(&'a str),
    /// One bearer credential that no token can be.
    NoToken,
    /// A credential of another scheme than `Bearer`.
    OtherScheme,
    /// More than one, or one that cannot be read; says what is wrong.
    Malformed(&'static str),
}

/// Looks for the bearer token of a call.
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
    match field.to_str() {
        Ok(text) => credential(text),
        Err(_) => match field.as_bytes().split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") && !is_several(rest) => {
                Presented::NoToken
            }
            _ => Presented::Malformed("the `Authorization` header is not ASCII"),
        },
    }
}

/// `auth-scheme 1*SP b64token`; the scheme's name is case-insensitive (RFC 9110 section 11.1).
fn credential(text: &str) -> Presented<'_> {
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        let named = !scheme.is_empty() && scheme.bytes().all(is_token_char);
        return match named {
            true => Presented::OtherScheme,
            false => Presented::Malformed("the `Authorization` header names no scheme"),
        };
    }
    let token = rest.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if token.is_empty() {
        return Presented::Malformed("the `Authorization` header has no token");
    }
    if is_several(token.as_bytes()) {
        return Presented::Malformed("the `Authorization` header has more than one credential");
    }
    // One credential, forged or broken on the way: a token that is not valid (RFC 6750 section 3.1).
    if body.is_empty() || !body.bytes().all(good) {
        return Presented::NoToken;
    }
    Presented::Token(token)
}

/// Whether what follows the scheme is a list, or has parts: readers differ on which of them counts.
fn is_several(rest: &[u8]) -> bool {
    rest.iter().any(|byte| matches!(byte, b',' | b' ' | b'\t'))
}

fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether the query has the parameter `access_token`, however its name is spelled.
fn query_has_token(query: &str) -> bool {
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
