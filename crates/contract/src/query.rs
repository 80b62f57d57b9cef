//! Queries, cookies and forms as pairs, decoded strictly and bounded.

use std::ops::Range;

use crate::percent;

/// Pairs of one query, of one form and of all cookies of a call; more are refused.
pub const MAX_PAIRS: usize = 1024;

/// Pieces of one query or form, and cookies of a call, empty ones among them, up to which a value is read that something is decided by.
/// Well below 1000, where many services stop reading without a word (qs and Node's `querystring`, PHP's `max_input_vars`).
pub const MAX_READ_PAIRS: usize = 256;

/// Whether a text has more pieces than are read alike everywhere.
pub(crate) fn is_long(text: impl AsRef<[u8]>) -> bool {
    text.as_ref().iter().filter(|byte| **byte == b'&').count() >= MAX_READ_PAIRS
}

/// One `name=value`.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// In the raw text, without the separator.
    pub range: Range<usize>,
    /// Decoded.
    pub name: String,
    /// As written.
    pub raw: &'a str,
    /// Decoded.
    pub value: String,
}

/// Why a text is not a list of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A malformed escape, a NUL, or no UTF-8.
    Encoding,
    /// More than [`MAX_PAIRS`].
    TooMany,
}

/// Splits at `&`, decodes `%` and `+`. Empty pairs are skipped.
///
/// # Errors
/// See [`Fault`].
pub fn pairs(text: &str) -> Result<Vec<Pair<'_>>, Fault> {
    let mut out = Vec::new();
    let mut start = 0;
    for piece in text.split('&') {
        let range = start..start + piece.len();
        start = range.end + 1;
        if piece.is_empty() {
            continue;
        }
        if out.len() >= MAX_PAIRS {
            return Err(Fault::TooMany);
        }
        let (name, raw) = piece.split_once('=').unwrap_or((piece, ""));
        let name = percent::decode(name.as_bytes(), true).ok_or(Fault::Encoding)?;
        let value = percent::decode(raw.as_bytes(), true).ok_or(Fault::Encoding)?;
        if name.contains('\0') || value.contains('\0') {
            return Err(Fault::Encoding);
        }
        out.push(Pair { range, name, raw, value });
    }
    Ok(out)
}

/// Splits a `Cookie` field (RFC 6265 §4.2.1). All of it: what is not listed here is sent unchecked, so the caller counts.
/// Values keep their text, quotes too: some servers drop them and some do not.
pub(crate) fn cookies(text: &str) -> impl Iterator<Item = (&str, &str)> {
    cookie_pieces(text).map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        (name.trim_matches(BLANK), value.trim_matches(BLANK))
    })
}

/// The pieces of a `Cookie` field that are not empty.
pub(crate) fn cookie_pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(|piece| piece.trim_matches(BLANK)).filter(|piece| !piece.is_empty())
}

/// White space of HTTP (RFC 9110 §5.6.3). Others are text: a server that does not drop them reads another name.
pub(crate) const BLANK: [char; 2] = [' ', '\t'];
