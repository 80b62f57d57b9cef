//! Finding the API key of a call: in the place that the contract's scheme names, once, and read in one way only, by whoever
//! verifies it and by whoever asks whether somebody does.
//!
//! What is found is raw: a key has letters, digits and `_` only, so nothing has to be decoded to read one, and what would have
//! to be is none.

use credentials::PREFIX;
use engine::{Call, Request};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::Where;

/// What stands in a place.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'r> {
    /// Nothing.
    Nothing,
    /// One value, which may be anything.
    One(&'r [u8]),
    /// More than one: readers differ on which of them counts.
    Several,
}

impl<'r> Found<'r> {
    fn of(mut values: impl Iterator<Item = &'r [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(value), None) => Self::One(value),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// Looks into a place. `tokens` says that bearer tokens are taken as well, so that a bearer credential is only a key when it
/// begins as one.
#[must_use]
pub fn find<'r>(request: &'r Request, place: &Where, tokens: bool) -> Found<'r> {
    match place {
        Where::Header(name) => {
            let found = Found::of(request.headers.get_all(name).iter().map(HeaderValue::as_bytes));
            match found {
                // One that reads `Authorization` as a plain field, beside another that reads tokens from it.
                Found::One(text)
                    if name == AUTHORIZATION && tokens && !text.starts_with(PREFIX.as_bytes()) =>
                {
                    Found::Nothing
                }
                found => found,
            }
        }
        Where::Query(name) => {
            let pairs = request.query().unwrap_or_default().split('&');
            Found::of(pairs.filter_map(|pair| value_of(pair, name)).map(str::as_bytes))
        }
        Where::Cookie(name) => {
            let fields = request.headers.get_all(COOKIE).iter();
            let pieces = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
            Found::of(pieces.filter_map(|piece| cookie(piece, name)))
        }
        Where::Authorization(scheme) => authorization(request, scheme, tokens),
    }
}

/// The value of a pair of the query when it has this name, however that is encoded.
fn value_of<'p>(pair: &'p str, wanted: &str) -> Option<&'p str> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    is_name(name.as_bytes(), wanted.as_bytes()).then_some(value)
}

/// Whether an encoded name is this one; decodes without a copy.
fn is_name(mut encoded: &[u8], wanted: &[u8]) -> bool {
    for expected in wanted {
        let (byte, rest) = match encoded {
            [b'%', high, low, rest @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, rest),
                _ => return false,
            },
            [b'+', rest @ ..] => (b' ', rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return false,
        };
        if byte != *expected {
            return false;
        }
        encoded = rest;
    }
    encoded.is_empty()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The value of one cookie when it has this name (RFC 6265 section 5.4: names are compared as they stand).
fn cookie<'p>(piece: &'p [u8], wanted: &str) -> Option<&'p [u8]> {
    let piece = piece.trim_ascii();
    let end = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
    let (name, value) = piece.split_at_checked(end)?;
    let value = value.strip_prefix(b"=").unwrap_or(value);
    (name.trim_ascii() == wanted.as_bytes()).then(|| value.trim_ascii())
}

/// `auth-scheme 1*SP key` (RFC 9110 section 11.4).
fn authorization<'r>(request: &'r Request, scheme: &str, tokens: bool) -> Found<'r> {
    let mut fields = request.headers.get_all(AUTHORIZATION).iter();
    let ours = |field: &'r http::HeaderValue| {
        let (name, rest) = split(field.as_bytes());
        let is_scheme = name.eq_ignore_ascii_case(scheme.as_bytes());
        (is_scheme && (!tokens || rest.starts_with(PREFIX.as_bytes()))).then_some(rest)
    };
    let Some(first) = fields.next().and_then(ours) else { return Found::Nothing };
    if fields.next().is_some() { Found::Several } else { Found::One(first) }
}

/// Takes out of a call whatever stands in a place.
pub fn remove(call: &mut Call, place: &Where) {
    match place {
        Where::Header(name) => drop(call.request.headers.remove(name)),
        Where::Authorization(_) => drop(call.request.headers.remove(AUTHORIZATION)),
        Where::Query(name) => {
            let query = call.request.query().unwrap_or_default();
            if query.split('&').any(|pair| value_of(pair, name).is_some()) {
                let kept = query_without(query, name);
                call.request.set_query(kept);
            }
        }
        Where::Cookie(name) => remove_cookie(call, name),
    }
}

/// Takes out every field that some reader makes one variable of with this name: CGI, WSGI and Rack take `_` for `-`.
pub fn spellings(call: &mut Call, name: &HeaderName) {
    let fold = |byte| if byte == b'_' { b'-' } else { byte };
    let same = |known: &&HeaderName| known.as_str().bytes().map(fold).eq(name.as_str().bytes().map(fold));
    let found: SmallVec<[HeaderName; 2]> = call.request.headers.keys().filter(same).cloned().collect();
    for name in found {
        call.request.headers.remove(name);
    }
}

fn remove_cookie(call: &mut Call, name: &str) {
    let fields: Vec<HeaderValue> = call.request.headers.get_all(COOKIE).iter().cloned().collect();
    call.request.headers.remove(COOKIE);
    for field in fields {
        let kept = cookies_without(field.as_bytes(), name);
        if let Some(kept) = kept.and_then(|kept| HeaderValue::from_bytes(&kept).ok()) {
            call.request.headers.append(COOKIE, kept);
        }
    }
}

fn split(field: &[u8]) -> (&[u8], &[u8]) {
    let space = field.iter().position(|byte| *byte == b' ').unwrap_or(field.len());
    let (name, rest) = field.split_at_checked(space).unwrap_or((field, &[]));
    let start = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    (name, rest.get(start..).unwrap_or_default())
}

/// The query without the pairs of a name.
#[must_use]
pub fn query_without(query: &str, name: &str) -> String {
    let mut kept = String::with_capacity(query.len());
    for pair in query.split('&').filter(|pair| value_of(pair, name).is_none()) {
        if !kept.is_empty() {
            kept.push('&');
        }
        kept.push_str(pair);
    }
    kept
}

/// A `Cookie` field without the cookies of a name; `None` when nothing is left.
#[must_use]
pub fn cookies_without(field: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(field.len());
    for piece in field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
        if piece.is_empty() || cookie(piece, name).is_some() {
            continue;
        }
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(piece);
    }
    (!kept.is_empty()).then_some(kept)
}
