//! Header fields of an answer that one caller sees otherwise than another.

use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, COOKIE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue,
    LAST_MODIFIED, VARY,
};
use smallvec::SmallVec;

use crate::scope::ApiScope;
use crate::security::{Where, key_schemes, takes_signatures, webhooks};

/// What tells caches otherwise, or only some of them: networks, and nginx, which takes it before `Cache-Control`.
const OTHERWISE: [&str; 3] = ["surrogate-control", "edge-control", "x-accel-expires"];

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

/// The same by other names: of stores of objects, of servers of artifacts, of signatures (RFC 9421), which are of digests.
const ALSO: [&str; 9] = [
    "x-goog-hash",
    "x-etag",
    "x-content-digest",
    "x-content-md5",
    "x-amz-content-sha256",
    "x-ms-content-crc64",
    "x-ms-blob-content-md5",
    "signature",
    "signature-input",
];

/// How names begin that are of one algorithm each.
const FAMILIES: [&str; 2] = ["x-amz-checksum-", "x-checksum-"];

/// The fields of a call by which callers are known, for `Vary`.
pub(crate) fn vary(api: &ApiScope<'_>) -> HeaderValue {
    let mut names = vec![AUTHORIZATION];
    for scheme in key_schemes(api) {
        let name = match scheme.place {
            Where::Header(name) => name,
            Where::Cookie(_) => COOKIE,
            Where::Authorization(_) | Where::Query(_) => AUTHORIZATION,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if takes_signatures(api.settings) {
        names.push(HeaderName::from_static("signature-input"));
    }
    if webhooks(api).next().is_some() {
        names.push(HeaderName::from_static("webhook-signature"));
    }
    let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("*"))
}

/// Keeps the answer out of caches that others are served from (RFC 9111 section 5.2.2.7), and says by which fields it depends on who
/// asks. Of what the upstream says only what forbids more is kept.
pub(crate) fn keep(headers: &mut HeaderMap, vary: &HeaderValue) {
    let says = |word: &str| {
        let words = headers.get_all(CACHE_CONTROL).iter().filter_map(|field| field.to_str().ok());
        words.flat_map(|field| field.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
    };
    // Of what makes caches ask again the strongest is kept, since how long an answer is fresh is not said any more.
    let asks_again = ["no-cache", "must-revalidate", "max-age=0"].into_iter().any(says);
    let value = match (says("no-store"), asks_again) {
        (true, _) => "private, no-store",
        (false, true) => "private, no-cache",
        (false, false) => "private",
    };
    let otherwise: SmallVec<[HeaderName; 4]> =
        headers.keys().filter(|name| is_otherwise(name)).cloned().collect();
    for name in &otherwise {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
    headers.append(VARY, vary.clone());
}

/// A field for some caches (RFC 9213: `CDN-Cache-Control` and names that end so), or a time.
fn is_otherwise(name: &HeaderName) -> bool {
    *name == EXPIRES || name.as_str().ends_with("-cache-control") || OTHERWISE.contains(&name.as_str())
}

/// Removes what describes the whole.
pub(crate) fn forget(headers: &mut HeaderMap) {
    for name in &OF_THE_WHOLE {
        headers.remove(name);
    }
    for name in ALSO {
        headers.remove(name);
    }
    let begins = |name: &&HeaderName| FAMILIES.iter().any(|family| name.as_str().starts_with(family));
    let others: SmallVec<[HeaderName; 4]> = headers.keys().filter(begins).cloned().collect();
    for name in &others {
        headers.remove(name);
    }
}
