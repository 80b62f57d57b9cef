//! Signatures over requests and digests of bodies: what is read has one meaning, and nothing that we did not sign verifies.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use engine::upstream::{SentHead, Sign};
use engine::{BoxFuture, Clock, Tick, UnixTime};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use signatures::{ContentDigest, Key, Message, Seal, Signature, SigningKey};

/// A key that no seed can know, since nobody signs with it.
fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::secret(&jose::SigningKey::generate().expect("a key").jwks_json().into_bytes()))
}

/// Lines of the data as the fields of a head.
fn fields(lines: &[&[u8]]) -> HeaderMap {
    let names = ["signature-input", "signature", "content-digest", "x-a", "priority"];
    let mut headers = HeaderMap::new();
    for (name, line) in names.iter().zip(lines) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 2) else { return };
    let lines: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').collect();
    let headers = fields(&lines);
    if selector == 0 {
        let _ = ContentDigest::read(&headers).map(|digest| digest.map(|digest| digest.is_of(rest)));
    }
    sealed(&headers, lines.get(5).copied().unwrap_or_default());
    let Ok(Some(read)) = Signature::read(&headers) else { return };
    let query = lines.get(5).and_then(|line| std::str::from_utf8(line).ok());
    let message = Message {
        method: "GET",
        scheme: "https",
        authority: Cow::Borrowed("api.example.com"),
        path: Cow::Borrowed("/v1/x"),
        query,
        headers: &headers,
    };
    again(&read, &headers);
    let Ok(base) = read.base(&message) else { return };
    assert!(!read.is_by(key(), &base), "a forged signature verifies");
    let text = std::str::from_utf8(&base).expect("a base is text");
    assert!(text.is_ascii() && !text.contains('\r'), "a base is ASCII");
    let (last, components) = text
        .lines()
        .rev()
        .collect::<Vec<_>>()
        .split_first()
        .map(|(last, rest)| ((*last).to_owned(), rest.len()))
        .expect("a last line");
    assert_eq!(
        last,
        format!("\"@signature-params\": {}", read.written()),
        "the last line are the parameters"
    );
    assert!(components <= engine::bounds::SIGNATURE_COMPONENTS, "more components than allowed");
}

/// What was read, written and read once more is the same.
fn again(read: &Signature, headers: &HeaderMap) {
    let signature = headers.get("signature").expect("it was read").to_str().expect("it is text");
    let label = signature.trim_start().split('=').next().unwrap_or_default();
    let input = format!("{label}={}", read.written());
    let mut other = headers.clone();
    other.insert("signature-input", HeaderValue::from_str(&input).expect("it is text"));
    let second = Signature::read(&other).expect("what we write").expect("is there");
    assert_eq!(read.written(), second.written(), "no fixed point");
    assert_eq!((read.created, read.expires), (second.created, second.expires));
    assert_eq!((&read.key, &read.nonce, &read.tag), (&second.key, &second.nonce, &second.tag));
}

/// What the gateway signs itself.
const OWN: [&str; 3] = ["content-digest", "x-a", "priority"];
const SECRET: &[u8] = b"a secret of our own, of 32 bytes";

/// It is always the same moment, and nothing is left to chance.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Tick {
        Tick(0)
    }

    fn unix(&self) -> UnixTime {
        UnixTime(1_618_884_473_000_000_000)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What we sign is read, covers what was sent, and verifies.
fn sealed(headers: &HeaderMap, query: &[u8]) {
    let Ok(target) = PathAndQuery::try_from([b"/v1/x?", query].concat()) else { return };
    let seal = Seal {
        key: SigningKey::secret(SECRET),
        keyid: "k".into(),
        label: "yett".into(),
        tag: None,
        lasts: 60,
        fields: OWN.map(HeaderName::from_static).into(),
    };
    let mut fields = headers.clone();
    ["signature", "signature-input"].iter().for_each(|name| drop(fields.remove(*name)));
    let authority = HeaderValue::from_static("api.example.com");
    let head =
        SentHead { method: &Method::GET, tls: true, authority: &authority, target: &target, fields: &fields };
    // A target that is not ASCII is not signed, and so not sent.
    let Some(signed) = seal.sign(&head, &Still) else { return };
    fields.extend(signed);
    let read = Signature::read(&fields).expect("what we sign").expect("is there");
    let message = Message {
        method: "GET",
        scheme: "https",
        authority: Cow::Borrowed("api.example.com"),
        path: Cow::Borrowed(target.path()),
        query: target.query(),
        headers: &fields,
    };
    let base = read.base(&message).expect("it has a base");
    assert!(read.is_by(&Key::secret(SECRET), &base), "what we sign does not verify");
    assert!(OWN.iter().all(|name| read.covers(name) == fields.contains_key(*name)), "a field is left out");
}
