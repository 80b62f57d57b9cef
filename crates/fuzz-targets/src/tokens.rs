//! Tokens and key sets: nothing that we did not sign verifies, and nothing is accepted that says something else.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use jose::{Algorithm, Expectations, KeySet, SigningKey, TypPolicy};
use serde_json::Value;

const NOW: u64 = 1_800_000_000;
const LEEWAY: u64 = 30;
const ISSUER: &str = "https://issuer.example";

struct Material {
    key: SigningKey,
    keys: KeySet,
    audiences: Vec<String>,
}

/// A key of this process; no seed can know it.
fn material() -> &'static Material {
    static MATERIAL: OnceLock<Material> = OnceLock::new();
    MATERIAL.get_or_init(|| {
        let key = SigningKey::generate().expect("a key");
        let keys = KeySet::parse(key.jwks_json().into()).expect("its own key set");
        Material { key, keys, audiences: vec![String::from("orders")] }
    })
}

fn expectations(material: &Material, strict: bool) -> Expectations<'_> {
    Expectations {
        issuer: ISSUER,
        audiences: &material.audiences,
        audience_from: None,
        typ: if strict { TypPolicy::Rfc9068 } else { TypPolicy::Common },
        leeway: Duration::from_secs(LEEWAY),
        now: NOW,
        max_age: strict.then_some(Duration::from_secs(3600)),
    }
}

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 5) else { return };
    match selector {
        0 => raw(rest),
        1 => key_set(rest),
        2 => claims(rest, false),
        3 => claims(rest, true),
        _ => tampered(rest),
    }
}

/// Any text as a token: it may parse, it must never verify.
fn raw(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    proof(text);
    let Ok(token) = jose::parse(text) else { return };
    assert!(text.len() <= jose::MAX_TOKEN_BYTES, "a longer token than allowed");
    assert!(text.starts_with(token.signing_input()), "the signing input is not what came");
    let _ = token.issuer();
    assert!(jose::verify(&token, &material().keys, &Algorithm::ALL).is_err(), "a forged token verifies");
}

/// Any text as a proof of possession: what is read is within its bounds, and whatever verifies is no token of an issuer.
fn proof(text: &str) {
    let Ok(proof) = jose::Proof::read(text, &Algorithm::ALL) else { return };
    assert!(text.len() <= jose::MAX_PROOF_BYTES, "a longer proof than allowed");
    let _ = proof.claims();
    if proof.verify().is_ok()
        && let Ok(token) = jose::parse(text)
    {
        assert_eq!(token.header().typ.as_deref(), Some("dpop+jwt"), "a proof of another type");
    }
}

/// Any bytes as a key set: bounded, and its keys verify nothing of ours.
fn key_set(data: &[u8]) {
    let Ok(keys) = KeySet::parse(Bytes::copy_from_slice(data)) else { return };
    assert!(keys.len() <= jose::MAX_KEYS && data.len() <= jose::MAX_JWKS_BYTES, "a larger set than allowed");
    static SIGNED: OnceLock<String> = OnceLock::new();
    let text = SIGNED.get_or_init(|| material().key.sign(&[("typ", "at+jwt")], b"{}").expect("a signature"));
    let token = jose::parse(text).expect("our own token");
    assert!(jose::verify(&token, &keys, &Algorithm::ALL).is_err(), "foreign keys verify our token");
}

/// Any payload, properly signed: what is accepted says what was expected, as another parser reads it.
fn claims(payload: &[u8], strict: bool) {
    let material = material();
    let typ = if strict { "at+jwt" } else { "JWT" };
    let Ok(text) = material.key.sign(&[("typ", typ)], payload) else { return };
    let Ok(token) = jose::parse(&text) else { return };
    let verified = jose::verify(&token, &material.keys, &[Algorithm::Es256]).expect("our own signature");
    let Ok(claims) = jose::validate(&verified, &expectations(material, strict)) else { return };
    let read: Value = serde_json::from_slice(payload).expect("an accepted payload is JSON");
    assert_eq!(read["iss"], ISSUER, "another issuer");
    let aimed =
        read["aud"] == "orders" || read["aud"].as_array().is_some_and(|all| all.contains(&"orders".into()));
    assert!(aimed, "another audience");
    let expires = read["exp"].as_f64().expect("an accepted token ends");
    assert!(expires + LEEWAY as f64 >= NOW as f64 && claims.expires as f64 <= expires, "an expired token");
    if let Some(not_before) = read.get("nbf") {
        assert!(not_before.as_f64().expect("a date") <= (NOW + LEEWAY) as f64, "a token of the future");
    }
    assert_eq!(claims.subject.as_deref(), read["sub"].as_str(), "another subject");
    for name in ["scope", "scp", "roles"] {
        let whole = read[name].as_str().map(str::to_owned);
        for word in claims.words(name) {
            let listed = read[name].as_array().is_some_and(|all| all.iter().any(|item| item == &*word));
            assert!(
                listed || whole.as_ref().is_some_and(|whole| whole.contains(&*word)),
                "a word of its own"
            );
        }
    }
}

/// A good token with one byte changed: never verifies, unless the change is none.
fn tampered(data: &[u8]) {
    let Some(([high, low, byte], _)) = data.split_first_chunk::<3>() else { return };
    static GOOD: OnceLock<String> = OnceLock::new();
    let good = GOOD.get_or_init(|| {
        let payload = format!(r#"{{"iss":"{ISSUER}","aud":"orders","exp":{},"sub":"alice"}}"#, NOW + 60);
        material().key.sign(&[("typ", "at+jwt")], payload.as_bytes()).expect("a signature")
    });
    let mut bytes = good.clone().into_bytes();
    let at = usize::from(u16::from_be_bytes([*high, *low])) % bytes.len();
    bytes[at] = *byte;
    let Ok(text) = String::from_utf8(bytes) else { return };
    let verified = jose::parse(&text)
        .and_then(|token| jose::verify(&token, &material().keys, &Algorithm::ALL).map(|_| ()));
    match verified {
        Ok(()) => assert_eq!(&text, good, "a changed token verifies"),
        Err(fault) => assert_ne!(&text, good, "the good token does not verify: {}", fault.name()),
    }
}
