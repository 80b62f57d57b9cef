//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11): lists of structured fields (RFC 9651), each
//! member a string, the limit's name, with parameters: `q` quota, `w` window in seconds, `qu` unit, `r` remaining, `t`
//! seconds until there is more.

use std::fmt::Write;
use std::time::Duration;

use engine::cells::{Meter, Taken};
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
///
/// A caller who spreads `r` over `t` must not come faster than the rate (section 6): `t` is at least as long as the rate takes
/// to earn `r`, though they may be spent at once.
pub(super) fn push(out: &mut String, name: &str, taken: &Taken, meter: &Meter) {
    if !out.is_empty() {
        out.push_str(", ");
    }
    // Writing to a string does not fail.
    let _ = write!(out, "\"{name}\";r={}", taken.remaining.min(LARGEST));
    let earned = match meter {
        Meter::Concurrency { .. } => None,
        Meter::Window { .. } => Some(Duration::ZERO),
        Meter::Rate { interval, .. } => {
            Some(interval.saturating_mul(u32::try_from(taken.remaining).unwrap_or(u32::MAX)))
        }
    };
    if let Some(earned) = earned {
        let wait = if taken.allowed { taken.reset_after.max(earned) } else { taken.retry_after };
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        let _ = write!(out, ";t={}", seconds.min(LARGEST));
    }
}
