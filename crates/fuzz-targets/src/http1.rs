//! HTTP/1.1 framing, hop-by-hop fields and what proxies say of the client, as they are read before anything trusts them.
//!
//! The sources of the first two are the proxy's own ([`crate::wire`]): they are private there, and stay so.

use std::net::{IpAddr, Ipv4Addr};

use bytes::{Bytes, BytesMut};
use controls::cors::Origin;
use controls::hops::{List, Node};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::wire::chunks::{Chunks, Piece};
use crate::wire::grammar::{Framing, find_end};
use crate::wire::rest::Rest;
use crate::wire::{answer, request};

#[allow(dead_code, unreachable_pub, reason = "the proxy uses the rest")]
#[path = "../../proxy/src/hops.rs"]
mod hops;
pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 12) else { return };
    match selector {
        // `;` and `:` in a seed.
        11 => tolerant_chunks(rest),
        10 => answers(rest),
        9 => connection_fields(rest),
        8 => addresses(rest),
        step => messages(rest, usize::from(step) + 1),
    }
}

/// How bytes are cut into reads changes nothing of what is accepted, and accepted heads are what RFC 9112 allows.
fn messages(bytes: &[u8], step: usize) {
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, step), "cut into {step} bytes it reads otherwise");
}

/// Feeds `bytes` in reads of `step`, as a connection does; gives heads, bodies and whether it was refused.
fn read(bytes: &[u8], step: usize) -> (u64, Vec<u8>, bool) {
    let (mut inbox, mut heads, mut rest, mut searched) =
        (BytesMut::new(), 0, Rest::of_request(Framing::Empty), 0);
    let mut bodies = Vec::new();
    for read in bytes.chunks(step) {
        inbox.extend_from_slice(read);
        loop {
            if !rest.is_nothing() {
                match rest.next(&mut inbox) {
                    Ok(Piece::Data(data)) => bodies.extend_from_slice(&data),
                    Ok(Piece::End(trailers)) => assert!(trailers.is_none(), "trailers of a client are kept"),
                    Ok(Piece::More) => break,
                    Err(_) => return (heads, bodies, true),
                }
                continue;
            }
            match find_end(&inbox, searched) {
                Ok(Some(end)) => {
                    searched = 0;
                    let bytes = inbox.split_to(end).freeze();
                    let Ok(head) = request::parse(&bytes) else { return (heads, bodies, true) };
                    accepted(&bytes, &head);
                    rest = Rest::of_request(head.framing);
                    heads += 1;
                }
                Ok(None) => {
                    searched = inbox.len();
                    break;
                }
                Err(_) => return (heads, bodies, true),
            }
        }
    }
    (heads, bodies, false)
}

/// What was made of a head is what stands in it, and says once how long the body is.
fn accepted(bytes: &[u8], head: &request::Head) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an accepted head ends");
    assert_eq!(end + 4, bytes.len(), "bytes of the body were taken for the head");
    let mut lines = bytes[..end].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.next().unwrap_or_default();
    let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    assert_eq!(head.parts.method.as_str().as_bytes(), method);
    let mut fields = 0;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').expect("a field has a colon");
        let name = HeaderName::from_bytes(&line[..colon]).expect("a field name");
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).expect("a field value");
        assert!(head.parts.headers.get_all(&name).iter().any(|known| *known == value), "a field is lost");
        fields += 1;
    }
    assert_eq!(fields, head.parts.headers.len(), "a field was invented");
    one_framing(&head.parts.headers);
}

fn one_framing(headers: &HeaderMap) {
    let count = |name: &str| headers.get_all(name).iter().count();
    assert!(count("content-length") + count("transfer-encoding") <= 1, "two fields say how long the body is");
}

/// An answer means the same however it comes in, says once how long its body is, and to HEAD it has none.
fn answers(bytes: &[u8]) {
    let Some((selector, bytes)) = bytes.split_first() else { return };
    let method = if selector % 2 == 0 { Method::GET } else { Method::HEAD };
    let step = usize::from(selector / 2 % 8) + 1;
    let mut spans = answer::Spans::new();
    let Ok(Some(found)) = answer::find(bytes, &mut spans) else { return };
    let bytes = Bytes::copy_from_slice(bytes);
    // Up to here nobody complains of the length of a head that is not whole.
    let length = found.length;
    let mut again = answer::Spans::new();
    if length <= engine::bounds::HEADER_BYTES {
        for end in (0..length).step_by(step) {
            let part = answer::find(&bytes[..end], &mut again);
            assert!(matches!(part, Ok(None)), "a part of a head is taken otherwise");
        }
        assert_eq!(answer::find(&bytes[..length], &mut again), Ok(Some(found)));
        assert_eq!(again, spans);
    }
    let Ok(head) = answer::read(&bytes, found, &spans, &method) else { return };
    assert!((100..1000).contains(&head.status.as_u16()));
    assert!(method != Method::HEAD || head.framing == Framing::Empty, "an answer to HEAD with a body");
    assert!(head.framing != Framing::Close || !head.keep_alive, "what ends with the connection is kept open");
    one_framing(&head.headers);
    let body = &bytes[length..];
    let whole = body_of(Rest::of_answer(head.framing), body, body.len().max(1));
    assert_eq!(
        whole,
        body_of(Rest::of_answer(head.framing), body, step),
        "cut into {step} bytes it reads otherwise"
    );
}

fn tolerant_chunks(bytes: &[u8]) {
    let whole = body_of(Rest::Chunked(Chunks::tolerant()), bytes, bytes.len().max(1));
    for step in [1, 2, 3, 7] {
        let parted = body_of(Rest::Chunked(Chunks::tolerant()), bytes, step);
        assert_eq!(whole, parted, "cut into {step} bytes it reads otherwise");
    }
}

/// How a body went.
#[derive(Debug, PartialEq)]
enum Ended {
    /// It is not whole.
    Open,
    /// With these trailers, and so many bytes behind it.
    Whole(Option<HeaderMap>, usize),
    Refused,
}

/// Feeds a body in reads of `step`; gives its data, and how it ended.
fn body_of(mut rest: Rest, bytes: &[u8], step: usize) -> (Vec<u8>, Ended) {
    let (mut inbox, mut data, mut seen) = (BytesMut::new(), Vec::new(), 0);
    // The first look comes before the first byte: a body may be empty.
    for read in std::iter::once(&[][..]).chain(bytes.chunks(step)) {
        inbox.extend_from_slice(read);
        seen += read.len();
        loop {
            match rest.next(&mut inbox) {
                Ok(Piece::Data(more)) => data.extend_from_slice(&more),
                Ok(Piece::More) => break,
                Ok(Piece::End(trailers)) => {
                    assert!(rest.is_nothing() && rest.exact() == Some(0), "it goes on behind its end");
                    return (data, Ended::Whole(trailers, inbox.len() + bytes.len() - seen));
                }
                Err(_) => {
                    assert!(!rest.is_nothing() && rest.next(&mut inbox).is_err(), "a fault is forgotten");
                    return (data, Ended::Refused);
                }
            }
        }
    }
    (data, Ended::Open)
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
            Some(Some(Node::Address(last))) => {
                assert!(found.address == *last && found.good, "not the last word");
            }
            Some(Some(Node::Hidden)) => assert!(found.address == peer && found.good, "not the last hop"),
            Some(None) | None => {
                assert!(found.address == peer && !found.good, "what cannot be read was believed");
            }
        }
        let found = list.client(&headers, peer, |address| address.is_loopback());
        let named = found.is_some_and(|found| {
            found.address == peer || nodes.contains(&Some(Node::Address(found.address)))
        });
        assert!(named, "an address that nobody named");
    }
}
