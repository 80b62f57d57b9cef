//! Fields that end at this hop (RFC 9110 section 7.6.1).
//!
//! They are removed as soon as a head is read, before any control sees it, so that a field that `Connection` names is
//! gone for the controls as it is for the upstream; and what controls add later cannot be named away by the client
//! (THREATS row 14).

use http::header::{self, HeaderMap, HeaderName};
use smallvec::SmallVec;

/// Removes all fields of this hop. Of an answer, `Trailer` stays, which announces what will be passed on, and `Alt-Svc`
/// goes, which would show clients a way around the gateway (RFC 7838).
pub(crate) fn strip(headers: &mut HeaderMap, answer: bool) {
    let mut found: SmallVec<[HeaderName; 4]> = SmallVec::new();
    for name in headers.keys() {
        if *name == header::CONNECTION {
            named(headers, &mut found);
        }
        if ends_here(name) || (if answer { *name == header::ALT_SVC } else { *name == header::TRAILER }) {
            found.push(name.clone());
        }
    }
    for name in &found {
        headers.remove(name);
    }
}

/// Removes from the trailers of an answer what only a head may say: framing, routing, the fields of this hop, cookies (RFC 9110
/// section 6.5.1).
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    strip(trailers, true);
    for name in [header::CONTENT_LENGTH, header::HOST, header::SET_COOKIE, header::TRAILER, header::LOCATION]
    {
        trailers.remove(name);
    }
}

/// Whether `Connection` asks for `option`.
pub(crate) fn connection_asks(headers: &HeaderMap, option: &str) -> bool {
    options(headers).any(|token| token.eq_ignore_ascii_case(option))
}

fn options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn named(headers: &HeaderMap, found: &mut SmallVec<[HeaderName; 4]>) {
    for token in options(headers) {
        if token.eq_ignore_ascii_case("keep-alive") || token.eq_ignore_ascii_case("close") {
            continue;
        }
        // Framing and host are ours: they are checked on their own and never taken over as they came.
        if let Ok(name) = HeaderName::from_bytes(token.as_bytes())
            && name != header::HOST
            && name != header::CONTENT_LENGTH
        {
            found.push(name);
        }
    }
}

fn ends_here(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::TE
        || *name == header::UPGRADE
        || matches!(name.as_str(), "keep-alive" | "http2-settings")
        || name.as_str().starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_connection_names_goes_and_the_rest_stays() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, Authorization"),
            ("connection", "x-foo,host"),
            ("authorization", "Bearer x"),
            ("x-foo", "1"),
            ("x-bar", "2"),
            ("host", "a"),
            ("keep-alive", "5"),
            ("proxy-authorization", "x"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("upgrade", "x"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers, false);
        let mut answer = headers.clone();
        answer.insert("alt-svc", HeaderValue::from_static("h2=\":444\""));
        answer.insert("trailer", HeaderValue::from_static("x"));
        strip(&mut answer, true);
        assert!(!answer.contains_key("alt-svc") && answer.contains_key("trailer"));
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "x-bar"]);
    }
}
