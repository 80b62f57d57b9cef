//! The opening handshake of RFC 6455 section 4, by RFC 9110's Upgrade on HTTP/1.1 and by the extended CONNECT of RFC 8441 on
//! HTTP/2: the client's is taken apart here, and that to the upstream is made anew.
//!
//! Nothing of the client's own handshake goes on: the key is ours, and the answer has to prove that it read it; of the
//! subprotocols those go on that the operation lists; extensions never do, so that no frame is compressed
//! (permessage-deflate would hide from every check what a message says, and spends memory on each connection).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::call::BodyLength;
use engine::websocket::{Handshake, Rules};
use engine::{Clock, Refusal, codes};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Version};
use hyper::ext::Protocol;

use crate::hops;
use crate::http1::encode;

/// What the key is hashed with (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The one version there is.
const VERSION: &str = "13";
/// Subprotocols of a client that are looked at.
const OFFERS: usize = 16;

/// Whether the head asks to go on as a WebSocket.
///
/// # Errors
/// When it asks for anything else than HTTP in any other way, or for a WebSocket not as the standard says.
pub(crate) fn is_asked(parts: &Parts, length: BodyLength) -> Result<bool, Box<Refusal>> {
    let headers = &parts.headers;
    let upgrade = headers.contains_key(header::UPGRADE)
        || headers.contains_key("http2-settings")
        || hops::connection_asks(headers, "upgrade");
    if !upgrade && parts.method != Method::CONNECT {
        return Ok(false);
    }
    let asked = match parts.version {
        Version::HTTP_2 if !upgrade && parts.method == Method::CONNECT => {
            parts.extensions.get::<Protocol>().is_some_and(|protocol| protocol.as_str() == "websocket")
        }
        Version::HTTP_11 if parts.method == Method::GET && !headers.contains_key("http2-settings") => {
            only(headers, &header::UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
                && hops::connection_asks(headers, "upgrade")
        }
        _ => false,
    };
    if !asked {
        return Err(Refusal::new(&codes::UPGRADE_REFUSED, "CONNECT or an upgrade"));
    }
    let wrong = |why: &'static str| Err(Refusal::new(&codes::UPGRADE_REFUSED, why).public(why));
    if length != BodyLength::Empty {
        return wrong("a handshake of a WebSocket has no body");
    }
    if only(headers, &header::SEC_WEBSOCKET_VERSION) != Some(VERSION.as_bytes()) {
        let why = "the version of WebSocket is 13, said once";
        let refusal = Refusal::new(&codes::UPGRADE_REFUSED, why).public(why);
        return Err(refusal.header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION)));
    }
    if parts.version == Version::HTTP_11 && !only(headers, &header::SEC_WEBSOCKET_KEY).is_some_and(is_key) {
        return wrong("the key of a handshake is 16 bytes in base64, said once");
    }
    Ok(true)
}

/// The one value of a field.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut fields = headers.get_all(name).iter();
    fields.next().filter(|_| fields.next().is_none()).map(HeaderValue::as_bytes)
}

fn is_key(text: &[u8]) -> bool {
    text.len() == 24 && STANDARD.decode(text).is_ok_and(|key| key.len() == 16)
}

/// Takes a handshake that was found good out of a head: what is left is the GET of RFC 6455, on either version of HTTP.
pub(crate) fn take(parts: &mut Parts) -> Handshake {
    parts.method = Method::GET;
    let headers = &mut parts.headers;
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let names = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let subprotocols = names.map(|name| Box::from(name.trim())).take(OFFERS).collect();
    let key = headers.remove(header::SEC_WEBSOCKET_KEY).filter(|_| parts.version != Version::HTTP_2);
    for name in
        [header::SEC_WEBSOCKET_VERSION, header::SEC_WEBSOCKET_PROTOCOL, header::SEC_WEBSOCKET_EXTENSIONS]
    {
        headers.remove(name);
    }
    Handshake { key, subprotocols }
}

/// The handshake to the upstream.
#[derive(Debug)]
pub(crate) struct Opening {
    key: [u8; 24],
    /// Those that the client speaks and the operation lists.
    subprotocols: Vec<Box<str>>,
}

impl Opening {
    /// With a key of its own.
    pub(crate) fn new(handshake: &Handshake, rules: &Rules, clock: &dyn Clock) -> Self {
        let mut random = [0; 16];
        clock.fill(&mut random);
        let mut key = [b'='; 24];
        // 16 bytes are 24 characters: they have room.
        let _ = STANDARD.encode_slice(random, &mut key);
        let listed = handshake.subprotocols.iter().filter(|name| rules.subprotocols.contains(name));
        Self { key, subprotocols: listed.cloned().collect() }
    }

    /// Appends the fields of the request.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n");
        encode::pair(out, b"sec-websocket-key", &self.key);
        if let Some((first, rest)) = self.subprotocols.split_first() {
            out.extend_from_slice(b"sec-websocket-protocol: ");
            out.extend_from_slice(first.as_bytes());
            for name in rest {
                out.extend_from_slice(b", ");
                out.extend_from_slice(name.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The subprotocol that the upstream chose by its answer with status 101.
    ///
    /// # Errors
    /// Why the answer does not open a WebSocket (section 4.1).
    pub(crate) fn verify(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, &'static str> {
        let upgrade = only(headers, &header::UPGRADE);
        if !upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
            || !hops::connection_asks(headers, "upgrade")
        {
            return Err("switched to another protocol than WebSocket");
        }
        if only(headers, &header::SEC_WEBSOCKET_ACCEPT) != Some(accept(&self.key).as_bytes()) {
            return Err("an answer to a handshake without the proof that the key was read");
        }
        if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
            return Err("an extension that nobody offered");
        }
        if !headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
            return Ok(None);
        }
        let offered = |name: &&[u8]| self.subprotocols.iter().any(|own| own.as_bytes() == *name);
        let chosen = only(headers, &header::SEC_WEBSOCKET_PROTOCOL).filter(offered);
        let chosen = chosen.ok_or("a subprotocol that nobody offered")?;
        HeaderValue::from_bytes(chosen).map(Some).map_err(|_| "a subprotocol that is none")
    }
}

/// The proof that a key was read (section 4.2.2).
pub(crate) fn accept(key: &[u8]) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_that_of_section_1_3() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in
            [&b"dGhlIHNhbXBsZSBub25jZQ="[..], b"dGhlIHNhbXBsZSBub25jZ===", b"dGhlIHNhbXBsZSBub25jZQAA", b""]
        {
            assert!(!is_key(bad), "{}", bad.escape_ascii());
        }
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let mut all = HeaderMap::new();
        for (name, value) in fields.iter().map(field) {
            all.append(name, value);
        }
        all
    }

    #[test]
    fn only_an_answer_to_our_own_handshake_opens() {
        let opening = Opening { key: *b"dGhlIHNhbXBsZSBub25jZQ==", subprotocols: vec!["chat".into()] };
        let good = [
            ("connection", "Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ];
        let with = |more: &[(&'static str, &str)]| headers(&[&good[..], more].concat());
        assert_eq!(opening.verify(&with(&[])), Ok(None));
        let chat = HeaderValue::from_static("chat");
        assert_eq!(opening.verify(&with(&[("sec-websocket-protocol", "chat")])), Ok(Some(chat)));
        for bad in [
            with(&[("sec-websocket-protocol", "other")]),
            with(&[("sec-websocket-protocol", "chat, chat")]),
            with(&[("sec-websocket-protocol", "chat"), ("sec-websocket-protocol", "chat")]),
            with(&[("sec-websocket-extensions", "permessage-deflate")]),
            with(&[("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]),
            headers(&good[..2]),
            headers(&[good[0], good[2]]),
            headers(&good[1..]),
            headers(&[good[0], good[1], ("sec-websocket-accept", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]),
            headers(&[good[0], ("upgrade", "websocket, h2c"), good[2]]),
        ] {
            assert!(opening.verify(&bad).is_err(), "{bad:?}");
        }
    }
}
