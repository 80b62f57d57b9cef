//! From a message's head to a call's: one host, one framing, no fields of this hop, a canonical target.
//!
//! What HTTP/1 allows on the wire was judged by its grammar already; here is what both versions share (RFC 9110 sections
//! 4.2, 7.2, 7.6.1, 10.1.1; RFC 9113 section 8.3; THREATS rows 10, 11, 15, 42).

use engine::call::BodyLength;
use engine::{Code, Peer, Refusal, Request, bounds, codes};
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Version};
use http_body::Body;

use crate::hops;
use crate::http1::grammar::{Fault, is_token};
use crate::incoming::Incoming;
use crate::websocket::handshake;

/// A head that is refused: what is kept of it, and why.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) request: Request,
    pub(crate) refusal: Box<Refusal>,
}

/// Reads a head.
///
/// # Errors
/// When it breaks a rule, with what can be logged of it.
pub(crate) fn read(parts: Parts, body: &Incoming, peer: &Peer) -> Result<Request, Box<Refused>> {
    read_of(parts, length_of(body), peer)
}

/// Reads a head whose body is so long.
///
/// # Errors
/// When it breaks a rule, with what can be logged of it.
pub(crate) fn read_of(mut parts: Parts, length: BodyLength, peer: &Peer) -> Result<Request, Box<Refused>> {
    let (host, asked) = match check(&parts, peer, length) {
        Ok(checked) => checked,
        Err(refusal) => return Err(refused(parts, length, refusal)),
    };
    let handshake = asked.then(|| Box::new(handshake::take(&mut parts)));
    hops::strip(&mut parts.headers, false);
    if parts.version == Version::HTTP_2 {
        join_crumbs(&mut parts.headers);
    }
    let made = Request::new(parts.method, parts.version, parts.uri, host, parts.headers, length);
    match made {
        Ok(mut request) => {
            request.handshake = handshake;
            Ok(request)
        }
        Err((why, request)) => {
            let refusal = Refusal::new(&codes::PATH_NOT_CANONICAL, why.to_string()).public(why.to_string());
            Err(Box::new(Refused { request: *request, refusal }))
        }
    }
}

/// Makes one field of the crumbs in which HTTP/2 sends a cookie (RFC 9113 section 8.2.3): HTTP/1 has it once.
fn join_crumbs(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return };
    let rest = crumbs.flat_map(|crumb| [b"; ".as_slice(), crumb.as_bytes()]);
    let whole = [first.as_bytes(), b"; ", second.as_bytes()].into_iter().chain(rest);
    let whole: Vec<u8> = whole.flatten().copied().collect();
    if let Ok(whole) = HeaderValue::from_bytes(&whole) {
        headers.insert(header::COOKIE, whole);
    }
}

/// What is kept of a head that the grammar of HTTP/1 refused.
pub(crate) fn refused_by_grammar(fault: Fault) -> Box<Refused> {
    let refusal = match fault {
        Fault::Malformed(why) => Refusal::new(&codes::REQUEST_MALFORMED, why).public(why),
        Fault::TargetTooLong => Refusal::new(&codes::TARGET_TOO_LONG, "longer than the bound"),
        Fault::HeadersTooLarge => Refusal::new(&codes::HEADERS_TOO_LARGE, "more or longer than the bound"),
    };
    let nothing = (HeaderMap::new(), BodyLength::Empty);
    let request = Request::refused(Method::GET, Version::HTTP_11, ("/", ""), nothing.0, nothing.1);
    Box::new(Refused { request, refusal })
}

fn refused(parts: Parts, length: BodyLength, refusal: Box<Refusal>) -> Box<Refused> {
    let field = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = field.or(parts.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default();
    let kept = (parts.uri.path(), authority);
    let request = Request::refused(parts.method, parts.version, kept, parts.headers.clone(), length);
    Box::new(Refused { request, refusal })
}

fn length_of(body: &Incoming) -> BodyLength {
    if body.is_end_stream() {
        return BodyLength::Empty;
    }
    body.size_hint().exact().map_or(BodyLength::Unknown, BodyLength::Known)
}

fn malformed(why: &'static str) -> Box<Refusal> {
    Refusal::new(&codes::REQUEST_MALFORMED, why).public(why)
}

fn simple(code: &'static Code, why: &'static str) -> Box<Refusal> {
    Refusal::new(code, why)
}

type Host = (Box<str>, Box<str>);

/// The host, and whether a WebSocket is asked for.
fn check(parts: &Parts, peer: &Peer, length: BodyLength) -> Result<(Host, bool), Box<Refusal>> {
    let headers = &parts.headers;
    check_size(parts)?;
    let asked = handshake::is_asked(parts, length)?;
    if headers.get_all(header::CONTENT_LENGTH).iter().count() > 1 {
        return Err(malformed("more than one Content-Length"));
    }
    let mut expectations = headers.get_all(header::EXPECT).iter();
    if expectations.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(simple(&codes::EXPECTATION_FAILED, "an expectation other than `100-continue`"));
    }
    if parts.uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
        return Err(malformed("a target with a scheme other than http and https"));
    }
    let host = host_of(parts, peer.tls)?;
    match peer.server_name() {
        Some(name) if !name.trim_end_matches('.').eq_ignore_ascii_case(&host.0) => {
            Err(simple(&codes::MISDIRECTED, "another host than the TLS handshake named"))
        }
        _ => Ok((host, asked)),
    }
}

fn check_size(parts: &Parts) -> Result<(), Box<Refusal>> {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > bounds::TARGET_BYTES {
        return Err(simple(&codes::TARGET_TOO_LONG, "longer than the bound"));
    }
    // On HTTP/1 the grammar has counted already.
    if parts.version != Version::HTTP_2 {
        return Ok(());
    }
    // The library under HTTP/2 takes `"` for a character of a token (RFC 9110 section 5.6.2).
    if parts.headers.keys().any(|name| !name.as_str().bytes().all(is_token)) {
        return Err(malformed("a field name that is no token"));
    }
    // RFC 9113 section 8.2.1. In HTTP/1 what stands around a value is no part of it: what is checked would not be what is read.
    if parts.headers.values().any(|value| is_padded(value.as_bytes())) {
        return Err(malformed("white space around the value of a field"));
    }
    let bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if parts.headers.len() > bounds::HEADERS || bytes > bounds::HEADER_BYTES {
        return Err(simple(&codes::HEADERS_TOO_LARGE, "more or longer than the bound"));
    }
    Ok(())
}

fn is_padded(value: &[u8]) -> bool {
    let space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    space(value.first()) || space(value.last())
}

/// The one host that the head names: in `Host`, in the target, in `:authority`, all of them alike.
fn host_of(parts: &Parts, tls: bool) -> Result<Host, Box<Refusal>> {
    let mut fields = parts.headers.get_all(header::HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(malformed("more than one Host"));
    }
    let field = match field {
        Some(value) => Some(value.to_str().map_err(|_| malformed("a Host with a byte that is not allowed"))?),
        None if parts.version == Version::HTTP_11 => return Err(malformed("no Host")),
        None => None,
    };
    let target = parts.uri.authority().map(http::uri::Authority::as_str);
    let Some(text) = field.or(target) else {
        return if parts.version == Version::HTTP_2 {
            Err(malformed("no :authority and no Host"))
        } else {
            Ok((Box::default(), Box::default()))
        };
    };
    let (host, port) = split(text).ok_or_else(|| malformed("a Host that is no host"))?;
    if let (Some(_), Some(target)) = (field, target) {
        let (other, other_port) = split(target).ok_or_else(|| malformed("a target without a host"))?;
        let default = if tls { 443 } else { 80 };
        if other != host || other_port.unwrap_or(default) != port.unwrap_or(default) {
            return Err(malformed("a Host that differs from the target's"));
        }
    }
    Ok((host, text.into()))
}

/// Host in lower case without its trailing dot, and port.
fn split(text: &str) -> Option<(Box<str>, Option<u16>)> {
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at_checked(end + 1)?,
        None => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
    };
    let port = match port.strip_prefix(':') {
        Some("") => None,
        Some(digits) if digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
        }
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    if host.is_empty() || host.len() > 255 || !(name || literal) {
        return None;
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some((host.to_ascii_lowercase().into(), port));
    }
    Some((host.into(), port))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn hosts_have_one_spelling() {
        let cases = [
            ("example.com", Some(("example.com", None))),
            ("Example.COM.:8080", Some(("example.com", Some(8080)))),
            ("a_b-c:", Some(("a_b-c", None))),
            ("[::1]:80", Some(("[::1]", Some(80)))),
            ("[::1]", Some(("[::1]", None))),
            ("", None),
            (".", None),
            ("a b", None),
            ("a@b", None),
            ("a/b", None),
            ("a:b", None),
            ("a:99999", None),
            ("[::1", None),
            ("[x]", None),
            ("[::1]x", None),
            ("::1", None),
        ];
        for (text, expected) in cases {
            let found = split(text);
            assert_eq!(found.as_ref().map(|(host, port)| (&**host, *port)), expected, "{text}");
        }
    }
}
