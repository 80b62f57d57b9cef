//! Fields that end at this hop (RFC 9110 section 7.6.1).
//!
//! They are removed as soon as a head is read, before any control sees it, so that a field that `Connection` names is
//! gone for the controls as it is for the upstream; and what controls add later cannot be named away by the client
//! (THREATS row 14).

use http::header::{self, HeaderMap, HeaderName};
use smallvec::SmallVec;

/// Removes all fields of this hop. Of an answer, `Trailer` stays, which announces what will be passed on, and `Alt-Svc`
/// goes, which would show clients a way around the gateway (RFC 7838), and so does what tells of the software behind it.
pub(crate) fn strip(headers: &mut HeaderMap, answer: bool) {
    let mut found: SmallVec<[HeaderName; 4]> = SmallVec::new();
    for name in headers.keys() {
        if *name == header::CONNECTION {
            named(headers, &mut found);
        }
        if ends_here(name) || (if answer { is_hidden(name) } else { *name == header::TRAILER }) {
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

/// Leaves of the trailers of a request what gRPC itself says there: no control has read them, and a service may take for a head's what
/// stands in them (THREATS row 44).
pub(crate) fn keep_grpc(trailers: &mut HeaderMap) {
    let others: Vec<HeaderName> =
        trailers.keys().filter(|name| !name.as_str().starts_with("grpc-")).cloned().collect();
    for name in others {
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

/// What clients have no use for, and those who look for known holes have.
fn is_hidden(name: &HeaderName) -> bool {
    *name == header::ALT_SVC
        || *name == header::SERVER
        || matches!(name.as_str(), "x-powered-by" | "x-aspnet-version" | "x-aspnetmvc-version")
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
        answer.insert("server", HeaderValue::from_static("nginx/1.2"));
        answer.insert("x-powered-by", HeaderValue::from_static("PHP/5"));
        strip(&mut answer, true);
        let mut kept: Vec<&str> = answer.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["host", "trailer", "x-bar"]);
        headers.insert("server", HeaderValue::from_static("a client's own"));
        strip(&mut headers, false);
        assert!(headers.remove("server").is_some());
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "x-bar"]);
    }
}
