//! What the gateway signs itself, read and verified as it would be elsewhere.

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::upstream::{SentHead, Sign};
use engine::{BoxFuture, Clock, Tick, UnixTime};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::headers;
use crate::{Algorithm, ContentDigest, Key, KeyFault, Message, Seal, Signature, SigningKey};

const CREATED: u64 = 1_618_884_473;

/// It is always the same second, and chance is a count.
#[derive(Debug, Default)]
struct Still(std::sync::atomic::AtomicU8);

impl Clock for Still {
    fn now(&self) -> Tick {
        Tick(0)
    }

    fn unix(&self) -> UnixTime {
        UnixTime(CREATED * 1_000_000_000)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", STANDARD.encode(der))
}

/// Both halves of a new key, in PEM.
fn pair(algorithm: Algorithm) -> (String, String) {
    let (private, public): (Vec<u8>, Vec<u8>) = match algorithm {
        Algorithm::Ed25519 => {
            let pair = Ed25519KeyPair::generate().unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (pair.to_pkcs8v1().unwrap().as_ref().to_vec(), public.as_ref().to_vec())
        }
        Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP384Sha384 => {
            let curve = match algorithm {
                Algorithm::EcdsaP256Sha256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
                _ => &ECDSA_P384_SHA384_FIXED_SIGNING,
            };
            let pair = EcdsaKeyPair::generate(curve).unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (pair.to_pkcs8v1().unwrap().as_ref().to_vec(), public.as_ref().to_vec())
        }
        _ => {
            let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
            let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (private.as_ref().to_vec(), public.as_ref().to_vec())
        }
    };
    (pem("PRIVATE KEY", &private), pem("PUBLIC KEY", &public))
}

fn keys(algorithm: Algorithm) -> (SigningKey, Key) {
    if algorithm == Algorithm::HmacSha256 {
        return (SigningKey::secret(&[7; 32]), Key::secret(&[7; 32]));
    }
    let (private, public) = pair(algorithm);
    let named = Some(algorithm);
    (SigningKey::pem(&private, named).unwrap(), Key::pem(&public, named).unwrap())
}

fn seal(key: SigningKey, tag: Option<&str>) -> Seal {
    let fields = ["content-digest", "authorization", "x-a"].map(HeaderName::from_static);
    let (keyid, label) = ("yett \"1\"\\".into(), "yett".into());
    Seal { key, keyid, label, tag: tag.map(Into::into), lasts: 60, fields: fields.into() }
}

/// The fields of a request that a seal has signed, put beside its own.
fn sent(seal: &Seal, target: &str, fields: &HeaderMap) -> HeaderMap {
    let (target, authority) =
        (target.parse::<PathAndQuery>().unwrap(), HeaderValue::from_static("Orders:80"));
    let head = SentHead { method: &Method::POST, tls: false, authority: &authority, target: &target, fields };
    let mut all = fields.clone();
    all.extend(seal.sign(&head, &Still::default()).unwrap());
    all
}

#[test]
fn what_is_sealed_verifies_and_no_change_of_it_does() {
    for algorithm in Algorithm::ALL {
        let (private, public) = keys(algorithm);
        assert_eq!(private.algorithm(), algorithm);
        let seal = seal(private, Some("t"));
        let fields = headers(&[("content-digest", "sha-256=:AAAA:"), ("x-a", "1"), ("x-a", " 2 ")]);
        let all = sent(&seal, "/v1/x?a=%20", &fields);
        let read = Signature::read(&all).unwrap().unwrap();
        let mut message = Message {
            method: "POST",
            scheme: "http",
            authority: "orders".into(),
            path: "/v1/x".into(),
            query: Some("a=%20"),
            headers: &all,
        };
        assert!(read.is_by(&public, &read.base(&message).unwrap()), "{}", algorithm.name());
        assert_eq!((read.created, read.expires), (Some(CREATED), Some(CREATED + 60)));
        assert_eq!(read.key.as_deref(), Some("yett \"1\"\\"));
        assert_eq!(read.tag.as_deref(), Some("t"));
        assert_eq!(read.nonce.as_deref().map(str::len), Some(22));
        for covered in ["@method", "@authority", "@path", "@query", "content-digest", "x-a"] {
            assert!(read.covers(covered), "{covered}");
        }
        assert!(!read.covers("authorization"), "it was not sent");
        let changes: [fn(&mut Message<'_>); 4] = [
            |message| message.method = "PUT",
            |message| message.authority = "other".into(),
            |message| message.path = "/v1/y".into(),
            |message| message.query = None,
        ];
        for change in changes {
            let good = message.clone();
            change(&mut message);
            assert!(!read.is_by(&public, &read.base(&message).unwrap()));
            message = good;
        }
        let mut other = all.clone();
        other.insert("x-a", HeaderValue::from_static("1, 3"));
        message.headers = &other;
        assert!(!read.is_by(&public, &read.base(&message).unwrap()));
    }
}

#[test]
fn every_signature_has_a_nonce_of_its_own_and_odd_bytes_are_signed_as_bytes() {
    let seal = seal(SigningKey::secret(&[7; 32]), None);
    let mut fields = HeaderMap::new();
    fields.insert("authorization", HeaderValue::from_bytes(b"Basic \xe9").unwrap());
    // Lines of a field that is a list are joined, by whoever reads it.
    fields.append("x-a", HeaderValue::from_static("1"));
    fields.append("x-a", HeaderValue::from_static("2"));
    let (target, authority) = (PathAndQuery::from_static("/"), HeaderValue::from_static("orders"));
    let head =
        SentHead { method: &Method::GET, tls: true, authority: &authority, target: &target, fields: &fields };
    let clock = Still::default();
    let inputs: Vec<String> =
        (0..2).map(|_| seal.sign(&head, &clock).unwrap()[0].1.to_str().unwrap().to_owned()).collect();
    assert_ne!(inputs[0], inputs[1]);
    let expected = format!(
        "yett=(\"@method\" \"@authority\" \"@path\" \"@query\" \"authorization\";bs \"x-a\");created={CREATED};expires={};\
         nonce=\"AAAAAAAAAAAAAAAAAAAAAA\";keyid=\"yett \\\"1\\\"\\\\\"",
        CREATED + 60
    );
    assert_eq!(inputs[0], expected);
    for lines in [1, 2] {
        let mut fields = HeaderMap::new();
        for _ in 0..lines {
            fields.append("authorization", HeaderValue::from_static("Basic YTpi"));
        }
        let signed = seal.sign(&SentHead { fields: &fields, ..head }, &clock).unwrap();
        assert_eq!(signed[0].1.to_str().unwrap().contains("\"authorization\";bs"), lines == 2);
    }
}

#[test]
fn private_keys_are_what_they_say_and_nothing_else() {
    let (private, public) = pair(Algorithm::Ed25519);
    assert_eq!(SigningKey::pem(&private, None).unwrap().algorithm(), Algorithm::Ed25519);
    assert_eq!(SigningKey::pem(&private, Some(Algorithm::EcdsaP256Sha256)).unwrap_err(), KeyFault::Unfit);
    assert_eq!(SigningKey::pem(&private, Some(Algorithm::HmacSha256)).unwrap_err(), KeyFault::Unfit);
    let (rsa, _) = pair(Algorithm::RsaPssSha512);
    assert_eq!(SigningKey::pem(&rsa, None).unwrap_err(), KeyFault::Undecided);
    for wrong in [public.as_str(), "", "AAAA", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"] {
        assert_eq!(SigningKey::pem(wrong, None).unwrap_err(), KeyFault::NotPrivatePem, "{wrong}");
    }
    let shown = format!("{:?}", seal(SigningKey::pem(&private, None).unwrap(), None));
    assert!(shown.contains("SigningKey { algorithm: \"ed25519\", .. }"), "{shown}");
}

#[test]
fn the_digest_of_what_is_sent_is_that_of_what_comes() {
    let mut fields = HeaderMap::new();
    fields.insert("content-digest", ContentDigest::field(b"{}").unwrap());
    let read = ContentDigest::read(&fields).unwrap().unwrap();
    assert!(read.is_of(b"{}") && !read.is_of(b"{} "));
}
