//! Which keys are taken, and for what.

use super::{KEYS, set};
use crate::message::*;
use crate::{Algorithm, base64url};
use bytes::Bytes;

fn shared(bytes: usize, members: &str) -> String {
    format!(r#"{{"kty":"oct","k":"{}"{members}}}"#, base64url::encode(&vec![7; bytes]))
}

fn all() -> serde_json::Value {
    serde_json::from_str(KEYS).unwrap()
}

/// The key of this name with a member changed, or taken out.
fn changed(kid: &str, member: &str, value: Option<&str>) -> String {
    let keys = all();
    let mut key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone();
    match value {
        Some(value) => key[member] = value.into(),
        None => drop(key.as_object_mut().unwrap().remove(member)),
    }
    key.to_string()
}

#[test]
fn keys_that_open_say_what_they_are_for_and_are_whole() {
    let good = shared(16, r#","alg":"A128KW""#);
    assert!(OpeningKeys::parse(set(&[&good])).is_ok());
    for (key, why) in [
        (shared(16, ""), "a symmetric key has to name its `alg`"),
        (shared(15, r#","alg":"A128KW""#), "the length"),
        (shared(16, r#","alg":"A256KW""#), "the length"),
        (shared(32, r#","alg":"A512KW""#), "the length"),
        (shared(17, r#","alg":"dir""#), "the length"),
        (String::from(r#"{"kty":"oct","alg":"A128KW"}"#), "missing or malformed"),
        (changed("p256", "d", None), "it has no private part"),
        (changed("p256", "d", Some("AAAA")), "it is no private key of its curve"),
        (changed("p256", "x", Some("AAAA")), "its public and private parts differ"),
        (changed("x", "x", Some(&base64url::encode(&[9; 32]))), "its public and private parts differ"),
        (changed("r", "d", None), "it has no private part"),
        (changed("r", "p", None), "missing or malformed"),
        (changed("r", "dq", Some("AQAB")), "not those of one key"),
        (changed("r", "n", Some("AQAB")), "from 2048 to 8192 bits"),
        (changed("r", "alg", Some("RSA-OAEP")), "its `alg` is none"),
        (changed("r", "alg", Some("RSA1_5")), "its `alg` is none"),
        (changed("r", "alg", Some("ECDH-ES")), "its `alg` is none"),
        (changed("p256", "alg", Some("RSA-OAEP-256")), "its `alg` is none"),
        (String::from(r#"{"kty":"EC"}"#), "not of its type"),
        (String::from(r#"{"kty":7}"#), "not of its type"),
    ] {
        let error = OpeningKeys::parse(set(&[&good, &key])).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("key 2 of the set cannot be used: ") && text.contains(why), "{key}: {text}");
    }
    // Keys for something else are left out, and what is left has to be something.
    for key in [
        changed("r", "use", Some("sig")),
        changed("r", "alg", Some("PS256")),
        changed("p256", "alg", Some("ES256")),
        changed("ed", "kid", Some("ed")),
        shared(32, r#","alg":"HS256""#),
        shared(16, r#","alg":"A128KW","key_ops":["wrapKey"]"#),
        shared(16, r#","alg":"A128KW","key_ops":"unwrapKey""#),
        String::from(r#"{"kty":"AKP"}"#),
    ] {
        assert_eq!(OpeningKeys::parse(set(&[&key])).unwrap_err(), MessageKeyError::None, "{key}");
        assert!(OpeningKeys::parse(set(&[&key, &good])).is_ok(), "{key}");
    }
    assert!(matches!(OpeningKeys::parse(Bytes::from_static(b"{}")), Err(MessageKeyError::Set(_))));
    assert!(!format!("{:?}", super::opening()).contains("Zeroizing"));
}

#[test]
fn one_key_is_written_to_and_one_signs() {
    let wrap = |keys: &[&str], kid| {
        Recipient::new(set(keys), kid, KeyManagement::A128Kw, ContentEncryption::A128Gcm).map(|_| ())
    };
    let (one, two) = (shared(16, r#","alg":"A128KW","kid":"1""#), shared(16, r#","alg":"A128KW","kid":"2""#));
    assert_eq!(wrap(&[&one], None), Ok(()));
    assert_eq!(wrap(&[&one, &two], None), Err(MessageKeyError::Several));
    assert_eq!(wrap(&[&one, &two], Some("2")), Ok(()));
    assert_eq!(wrap(&[&one, &two], Some("3")), Err(MessageKeyError::None));
    assert_eq!(wrap(&[&shared(32, r#","alg":"dir""#)], None), Err(MessageKeyError::None));
    assert_eq!(wrap(&[&shared(16, r#","alg":"A128KW","use":"sig""#)], None), Err(MessageKeyError::None));
    // A public key is enough to write to somebody; a point beside its curve is nobody's.
    let agree = |key: &str| {
        let how = (KeyManagement::EcdhEs, ContentEncryption::A128Gcm);
        Recipient::new(set(&[key]), None, how.0, how.1).map(|_| ())
    };
    assert_eq!(agree(&changed("p256", "d", None)), Ok(()));
    let beside = changed("p256", "x", Some(&base64url::encode(&[9; 32])));
    assert!(matches!(agree(&beside), Err(MessageKeyError::Key(1, _))));
    // To sign takes the private part, and the key's own word.
    let sign = |key: &str| Signer::new(set(&[key]), None, Algorithm::Es256).map(|_| ());
    assert_eq!(sign(&changed("p256", "use", Some("sig"))), Ok(()));
    assert_eq!(sign(&changed("p256", "use", Some("enc"))), Err(MessageKeyError::None));
    assert_eq!(sign(&changed("p256", "alg", Some("ES384"))), Err(MessageKeyError::None));
    assert_eq!(sign(&changed("p384", "use", Some("sig"))), Err(MessageKeyError::None));
    assert!(matches!(sign(&changed("p256", "d", None)), Err(MessageKeyError::Key(1, _))));
    assert!(matches!(sign(&changed("p256", "d", Some("AQAB"))), Err(MessageKeyError::Key(1, _))));
}

#[test]
fn a_key_is_known_again_in_either_direction() {
    let open = |key: &str| OpeningKeys::parse(set(&[key])).unwrap();
    let (agreed, gcm) = (KeyManagement::EcdhEs, ContentEncryption::A128Gcm);
    let to = |key: &str, how| Recipient::new(set(&[key]), None, how, gcm).unwrap();
    let own = shared(16, r#","alg":"A128KW","kid":"1""#);
    let other = own.replace("Bwc", "CAc");
    assert_ne!(own, other);
    let renamed = own.replace("\"1\"", "\"2\"");
    for (ours, theirs, how, same) in [
        (own.clone(), own.clone(), KeyManagement::A128Kw, true),
        (own.clone(), renamed, KeyManagement::A128Kw, true),
        (own, other, KeyManagement::A128Kw, false),
        (changed("x", "kid", Some("x")), changed("x", "d", None), agreed, true),
        (changed("p256", "kid", Some("y")), changed("p256", "d", None), agreed, true),
        (changed("p384", "kid", Some("p384")), changed("p256", "d", None), agreed, false),
        (changed("r", "kid", Some("r")), changed("r", "d", None), KeyManagement::RsaOaep256, true),
    ] {
        assert_eq!(open(&ours).includes(&to(&theirs, how)), same, "{ours} {theirs}");
    }
    let sign = |key: &str, by| Signer::new(set(&[key]), None, by).unwrap();
    for (kid, by, same) in [
        ("p256", Algorithm::Es256, true),
        ("r", Algorithm::Ps256, true),
        ("ed", Algorithm::EdDsa, true),
        ("p384", Algorithm::Es384, false),
    ] {
        let known = ["p256", "r", "ed"].map(|kid| changed(kid, "kid", Some("other")));
        let known = crate::KeySet::parse(set(&known.each_ref().map(String::as_str))).unwrap();
        assert_eq!(known.includes(&sign(&changed(kid, "kid", Some(kid)), by)), same, "{kid}");
    }
}

#[test]
fn nobody_is_written_to_by_a_key_that_agrees_on_nothing() {
    let how = (KeyManagement::EcdhEs, ContentEncryption::A128Gcm);
    let to = |key: &str| Recipient::new(set(&[key]), None, how.0, how.1).map(|_| ());
    // Points of low order of Curve25519.
    for low in [[0; 32], std::array::from_fn(|at| u8::from(at == 0))] {
        let said = to(&changed("x", "x", Some(&base64url::encode(&low)))).unwrap_err().to_string();
        assert!(said.contains("agrees on nothing"), "{said}");
    }
    assert_eq!(to(&changed("x", "d", None)), Ok(()));
}
