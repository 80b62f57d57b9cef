//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11): lists of structured fields (RFC 9651), each
//! member a string, the limit's name, with parameters: `q` quota, `w` window in seconds, `qu` unit, `r` remaining, `t`
//! seconds until there is more.

use std::fmt::Write;

use engine::cells::Taken;
use http::{HeaderName, HeaderValue};

/// What limits there are.
pub(super) const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them.
pub(super) const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Largest integer of a structured field (RFC 9651 section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// Whether a text can be a name: a string of a structured field that needs no escape, of at most 64 bytes.
pub(super) fn is_name(text: &str) -> bool {
    let good = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && byte != b'"' && byte != b'\\';
    (1..=64).contains(&text.len()) && text.bytes().all(good)
}

/// `RateLimit-Policy`, made when the document is compiled.
pub(super) fn policy<'p>(members: impl Iterator<Item = &'p str>) -> Option<HeaderValue> {
    let members: Vec<&str> = members.collect();
    HeaderValue::from_str(&members.join(", ")).ok()
}

/// Appends one member of `RateLimit`.
pub(super) fn push(out: &mut String, name: &str, taken: &Taken, timed: bool) {
    if !out.is_empty() {
        out.push_str(", ");
    }
    // Writing to a string does not fail.
    let _ = write!(out, "\"{name}\";r={}", taken.remaining.min(LARGEST));
    if timed {
        let wait = if taken.allowed { taken.reset_after } else { taken.retry_after };
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        let _ = write!(out, ";t={}", seconds.min(LARGEST));
    }
}
