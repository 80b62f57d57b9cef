//! HTTP/1.1 framing, hop-by-hop fields and what proxies say of the client, as they are read before anything trusts them.
//!
//! The sources of the first two are the proxy's own: they are private there, and stay so.

use std::net::{IpAddr, Ipv4Addr};

use controls::cors::Origin;
use controls::hops::{List, Node};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

#[allow(dead_code, unreachable_pub, reason = "the proxy uses the rest")]
#[path = "../../proxy/src/hops.rs"]
mod hops;
#[allow(dead_code, unreachable_pub, reason = "the proxy uses the rest")]
#[path = "../../proxy/src/http1/message.rs"]
mod message;

use message::Messages;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 10) else { return };
    match selector {
        9 => connection_fields(rest),
        8 => addresses(rest),
        step => messages(rest, usize::from(step) + 1),
    }
}

/// How bytes are cut into reads changes nothing of what is accepted, and accepted heads are what RFC 9112 allows.
fn messages(bytes: &[u8], step: usize) {
    let (accepted, heads, refused) = read(bytes, bytes.len().max(1), true);
    assert_eq!(
        (accepted, heads, refused),
        read(bytes, step, false),
        "cut into {step} bytes it reads otherwise"
    );
}

/// Feeds `bytes` in reads of `step`; gives (bytes accepted, heads, refused).
fn read(bytes: &[u8], step: usize, check: bool) -> (usize, u64, bool) {
    let mut messages = Messages::new();
    let (mut accepted, mut seen) = (0, 0);
    while seen < bytes.len() {
        seen = (seen + step).min(bytes.len());
        let before = (messages.heads, messages.in_head());
        let (taken, fault) = messages.scan(&bytes[accepted..seen]);
        assert!(accepted + taken <= seen, "more was accepted than there is");
        if check && before == (0, true) && messages.heads > 0 {
            first_head(&bytes[accepted..accepted + taken]);
        }
        accepted += taken;
        if fault.is_some() {
            return (accepted, messages.heads, true);
        }
    }
    (accepted, messages.heads, false)
}

fn first_head(bytes: &[u8]) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an accepted head ends");
    let head = &bytes[..end];
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    assert!(Method::from_bytes(method).is_ok(), "a method that `http` does not take");
    let mut framing = 0;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').expect("a field has a colon");
        let name = HeaderName::from_bytes(&line[..colon]).expect("a field name");
        assert!(
            HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).is_ok(),
            "a value that `http` does not take"
        );
        framing += usize::from(name == "content-length" || name == "transfer-encoding");
    }
    assert!(framing <= 1, "two fields that say how long the body is");
}

/// After stripping, no field of this hop is left, by whatever way it was named.
fn connection_fields(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(line[colon + 1..].trim_ascii()))
        {
            headers.append(name, value);
        }
    }
    let named: Vec<String> = headers
        .get_all("connection")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .filter(|name| !matches!(name.as_str(), "host" | "content-length" | "keep-alive" | "close"))
        .collect();
    let (host, length) = (headers.get("host").cloned(), headers.get("content-length").cloned());
    hops::strip(&mut headers, false);
    for name in ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"] {
        assert!(!headers.contains_key(name), "`{name}` is left");
    }
    for name in &named {
        assert!(
            HeaderName::from_bytes(name.as_bytes()).map_or(true, |name| !headers.contains_key(name)),
            "`{name}`"
        );
    }
    assert!(
        headers.get("host") == host.as_ref() && headers.get("content-length") == length.as_ref(),
        "named away"
    );
    let before = headers.clone();
    hops::strip(&mut headers, false);
    assert_eq!(before, headers, "no fixed point");
}

/// Nobody who is not trusted can choose the client's address, and lists are bounded.
fn addresses(bytes: &[u8]) {
    let _ = Origin::parse(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').take(8);
    let mut headers = HeaderMap::new();
    for value in lines.filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append("forwarded", value.clone());
        headers.append("x-forwarded-for", value);
    }
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for list in [List::Forwarded, List::XForwardedFor] {
        let nodes: Vec<Option<Node>> = list.entries(&headers).map(|entry| list.node(entry)).collect();
        let Some(found) = list.client(&headers, peer, |_| false) else { continue };
        match nodes.first() {
            Some(Some(Node::Address(last))) => assert!(found.address == *last && found.good, "not the last word"),
            Some(Some(Node::Hidden)) => assert!(found.address == peer && found.good, "not the last hop"),
            Some(None) | None => assert!(found.address == peer && !found.good, "what cannot be read was believed"),
        }
        let found = list.client(&headers, peer, |address| address.is_loopback());
        let named = found.is_some_and(|found| {
            found.address == peer || nodes.contains(&Some(Node::Address(found.address)))
        });
        assert!(named, "an address that nobody named");
    }
}
