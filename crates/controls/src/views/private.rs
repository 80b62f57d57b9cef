//! Header fields of an answer that one caller sees otherwise than another.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, VARY,
};

/// What tells shared caches of other ways (RFC 9213, and what some networks read).
const SHARED: [HeaderName; 3] =
    [HeaderName::from_static("cdn-cache-control"), HeaderName::from_static("surrogate-control"), EXPIRES];

/// What describes the whole as the upstream has it: validators (RFC 9110 section 8.8), ranges, digests (RFC 9530, RFC 1864).
const OF_THE_WHOLE: [HeaderName; 7] = [
    ETAG,
    LAST_MODIFIED,
    ACCEPT_RANGES,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Keeps the answer out of caches that others are served from (RFC 9111 section 5.2.2.7), and says that it depends on who asks. Of
/// what the upstream says only what forbids more is kept.
pub(super) fn keep(headers: &mut HeaderMap) {
    let says = |word: &str| {
        let words = headers.get_all(CACHE_CONTROL).iter().filter_map(|field| field.to_str().ok());
        words.flat_map(|field| field.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
    };
    let value = match (says("no-store"), says("no-cache")) {
        (true, _) => "private, no-store",
        (false, true) => "private, no-cache",
        (false, false) => "private",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
    for name in &SHARED {
        headers.remove(name);
    }
    headers.append(VARY, HeaderValue::from_static("authorization"));
}

/// Removes what describes the whole.
pub(super) fn forget(headers: &mut HeaderMap) {
    for name in &OF_THE_WHOLE {
        headers.remove(name);
    }
}
