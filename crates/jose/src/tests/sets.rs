//! Key sets: what is loaded, what is skipped, what is refused, and which key serves which token.

use super::mint::{Mint, rsa_public, set};
use super::{lax, payload};
use crate::{Algorithm, Fault, JwksError, KeySet, MAX_JWKS_BYTES, SigningKey, base64url, parse, verify};
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};

#[test]
fn every_algorithm_round_trips_from_our_mint_and_from_jsonwebtoken() {
    for algorithm in Algorithm::ALL {
        let mint = Mint::new(algorithm);
        let keys = mint.set("");
        let token = mint.token(&payload(&[]));
        assert_eq!(lax(&token, &keys), Ok(Some("alice".into())), "{algorithm}");
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        // Under the key of another pair of the same type it must not verify.
        if !Algorithm::RSA.contains(&algorithm) {
            assert_eq!(lax(&token, &Mint::new(algorithm).set("")), Err(Fault::BadSignature), "{algorithm}");
        }
        let Ok(theirs) = algorithm.name().parse::<jsonwebtoken::Algorithm>() else {
            assert_eq!(algorithm, Algorithm::Es512);
            continue;
        };
        let pem = mint.pem();
        let key = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => jsonwebtoken::EncodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDsa => jsonwebtoken::EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let mut header = jsonwebtoken::Header::new(theirs);
        header.kid = Some("k1".into());
        let claims: serde_json::Value = serde_json::from_str(&payload(&[])).unwrap();
        let token = jsonwebtoken::encode(&header, &claims, &key.unwrap()).unwrap();
        assert_eq!(lax(&token, &keys), Ok(Some("alice".into())), "{algorithm}");
    }
}

#[test]
fn an_algorithm_needs_to_be_allowed_and_to_fit_the_key() {
    let mints: Vec<Mint> = Algorithm::ALL.into_iter().map(Mint::new).collect();
    for mint in &mints {
        let token = mint.token(&payload(&[]));
        let unverified = parse(&token).unwrap();
        let others: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(|a| *a != mint.algorithm).collect();
        assert!(verify(&unverified, &mint.set(""), &[mint.algorithm]).is_ok());
        assert_eq!(verify(&unverified, &mint.set(""), &others).unwrap_err(), Fault::AlgNotAllowed);
        assert_eq!(verify(&unverified, &mint.set(""), &[]).unwrap_err(), Fault::AlgNotAllowed);
        for other in &mints {
            // The same RSA key serves another RSA algorithm, but never when it names its own.
            let bound = other.set(&format!(r#","alg":"{}""#, other.algorithm));
            let fits = other.algorithm == mint.algorithm;
            match verify(&unverified, &bound, &Algorithm::ALL) {
                Ok(_) => assert!(fits),
                Err(fault) => assert!(!fits && fault == Fault::KeyMismatch, "{fault}"),
            }
        }
    }
}

#[test]
fn keys_that_are_not_for_verifying_are_skipped() {
    let (rsa, ec, ed) =
        (Mint::new(Algorithm::Rs256), Mint::new(Algorithm::Es256), Mint::new(Algorithm::EdDsa));
    let x = base64url::encode(&[7; 32]);
    let weak = RsaPair::generate(KeySize::Rsa2048).unwrap();
    let (n, _) = rsa_public(&weak);
    let rsa_with = |n: &[u8], e: &str| format!(r#""kty":"RSA","n":"{}","e":"{e}""#, base64url::encode(n));
    let skipped = [
        r#""kty":"oct","k":"AAAA""#.to_owned(),
        r#""kty":"AKP","alg":"ML-DSA-44","pub":"AA""#.to_owned(),
        r#""kty":"rsa""#.to_owned(),
        r#""kty":1"#.to_owned(),
        r#""n":"AQAB""#.to_owned(),
        format!(r#"{},"use":"enc""#, rsa.public()),
        format!(r#"{},"use":1"#, rsa.public()),
        format!(r#"{},"key_ops":["encrypt"]"#, rsa.public()),
        format!(r#"{},"key_ops":"verify""#, rsa.public()),
        format!(r#"{},"key_ops":[]"#, rsa.public()),
        format!(r#"{},"alg":"RSA-OAEP""#, rsa.public()),
        format!(r#"{},"alg":"ES256""#, rsa.public()),
        format!(r#"{},"alg":"HS256""#, rsa.public()),
        format!(r#"{},"alg":null"#, rsa.public()),
        format!(r#"{},"kid":7"#, rsa.public()),
        rsa_with(&n[1..], "AQAB"),                            // 2040 bits
        rsa_with(&n[..128], "AQAB"),                          // 1024 bits
        rsa_with(&[&[1][..], &[255; 1024]].concat(), "AQAB"), // 8193 bits
        rsa_with(&n, "AQ"),                                   // e = 1
        rsa_with(&n, "Ag"),                                   // e = 2
        rsa_with(&n, "AA"),                                   // e = 0
        rsa_with(&n, "____________"),                         // e of 72 bits
        rsa_with(&n, "AQAB="),
        rsa_with(&[&n[..255], &[2]].concat(), "AQAB"), // even modulus
        r#""kty":"RSA","n":"","e":"AQAB""#.to_owned(),
        format!(r#""kty":"EC","crv":"P-256","x":"{x}","y":"{x}""#), // not on the curve
        format!(r#""kty":"EC","crv":"P-256","x":"{x}""#),
        format!(r#""kty":"EC","crv":"secp256k1","x":"{x}","y":"{x}""#),
        format!(r#""kty":"OKP","crv":"P-256","x":"{x}","y":"{x}""#),
        format!(r#""kty":"OKP","crv":"X25519","x":"{x}""#),
        format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, base64url::encode(&[7; 31])),
        ec.public().replace("P-256", "P-384"),
        ec.public().replace("P-256", "p-256"),
    ];
    for key in &skipped {
        let keys = set(&[format!("{{{key}}}"), format!("{{{}}}", ed.public())]);
        assert_eq!((keys.len(), keys.skipped()), (1, 1), "{key}");
    }
    let loaded = [
        format!(r#"{},"use":"sig","key_ops":["verify"],"alg":"PS384""#, rsa.public()),
        format!(r#"{},"key_ops":["sign","verify"]"#, rsa.public()),
        format!(r#"{},"x5c":["MIIB"],"x5u":"https://evil.test","unknown":{{"a":[1]}}"#, rsa.public()),
        format!(r#"{},"d":"AAAA","p":"AAAA""#, rsa.public()), // published by mistake: its public part only
        rsa_with(&[&[0], n.as_slice()].concat(), "AAEAAQ"),   // leading zeros
        format!(r#"{},"alg":"ES256""#, ec.public()),
        format!(r#"{},"alg":"EdDSA""#, ed.public()),
        format!(r#"{},"alg":"Ed25519""#, ed.public()),
    ];
    for key in &loaded {
        let keys = set(&[format!("{{{key}}}")]);
        assert_eq!((keys.len(), keys.skipped()), (1, 0), "{key}");
    }
    assert_eq!(set(&["1".into(), "null".into(), "[]".into(), "{}".into()]).skipped(), 4);
}

#[test]
fn documents_that_are_no_key_set_are_refused() {
    let key = format!("{{{}}}", Mint::new(Algorithm::EdDsa).public());
    let of = |count: usize| format!(r#"{{"keys":[{}]}}"#, vec![key.as_str(); count].join(","));
    assert_eq!(KeySet::parse(of(64).into()).unwrap().len(), 64);
    assert_eq!(KeySet::parse(of(65).into()).unwrap_err(), JwksError::TooManyKeys);
    let padded = |size: usize| format!("{}{}", of(1), " ".repeat(size - of(1).len()));
    assert_eq!(KeySet::parse(padded(MAX_JWKS_BYTES).into()).unwrap().len(), 1);
    assert_eq!(KeySet::parse(padded(MAX_JWKS_BYTES + 1).into()).unwrap_err(), JwksError::TooLarge);
    for text in ["[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, "1"] {
        assert_eq!(KeySet::parse(text.into()).unwrap_err(), JwksError::NoKeys, "{text}");
    }
    for text in ["", "<html>", r#"{"keys":[],"keys":[]}"#, "{\"keys\":[]}x", "\u{feff}{\"keys\":[]}"] {
        let error = KeySet::parse(text.into()).unwrap_err();
        assert!(matches!(error, JwksError::Json(_)), "{text}");
        assert!(!error.to_string().ends_with('.'));
    }
    assert!(KeySet::parse(r#"{"keys":[]}"#.into()).unwrap().is_empty());
}

#[test]
fn kid_chooses_the_key() {
    let mints: Vec<Mint> = (0..10).map(|_| Mint::new(Algorithm::Es256)).collect();
    let named = |kids: &[&str]| {
        let keys =
            mints.iter().zip(kids).map(|(mint, kid)| format!(r#"{{{},"kid":"{kid}"}}"#, mint.public()));
        set(&keys.collect::<Vec<_>>())
    };
    let claims = payload(&[]);
    let signed = |place: usize, kid: &str| mints[place].jws(&format!(r#"{{"alg":"ES256"{kid}}}"#), &claims);
    let two = named(&["a", "b"]);
    assert_eq!(two.kids().collect::<Vec<_>>(), ["a", "b"]);
    assert!(lax(&signed(1, r#","kid":"b""#), &two).is_ok());
    assert_eq!(lax(&signed(1, r#","kid":"a""#), &two), Err(Fault::BadSignature));
    assert_eq!(lax(&signed(1, r#","kid":"B""#), &two), Err(Fault::UnknownKey));
    assert_eq!(lax(&signed(1, r#","kid":"""#), &two), Err(Fault::UnknownKey));
    assert!(lax(&signed(1, ""), &two).is_ok());
    // One name for two keys: both are tried.
    assert!(lax(&signed(1, r#","kid":"a""#), &named(&["a", "a"])).is_ok());
    // Without a name at most eight are tried, whoever asks.
    let ten = named(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert!(lax(&signed(7, ""), &ten).is_ok());
    assert_eq!(lax(&signed(8, ""), &ten), Err(Fault::BadSignature));
    assert!(lax(&signed(8, r#","kid":"8""#), &ten).is_ok());
    // Keys of another type do not count among the eight.
    let mut mixed = vec![format!("{{{}}}", Mint::new(Algorithm::EdDsa).public()); 20];
    mixed.push(format!("{{{}}}", mints[0].public()));
    assert!(lax(&signed(0, ""), &set(&mixed)).is_ok());
    assert_eq!(lax(&signed(0, ""), &set(&mixed[..20])), Err(Fault::UnknownKey));
    assert_eq!(lax(&signed(0, ""), &set(&[])), Err(Fault::UnknownKey));
}

#[test]
fn what_we_sign_we_and_others_accept() {
    let key = SigningKey::generate().unwrap();
    let keys = KeySet::parse(key.jwks_json().into()).unwrap();
    let token = key.sign(&[], payload(&[]).as_bytes()).unwrap();
    assert_eq!(super::admit(&token, &keys, crate::TypPolicy::Rfc9068), Ok(Some("alice".into())));
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((header.typ.as_deref(), header.kid.as_deref()), (Some("at+jwt"), Some(key.thumbprint())));
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&key.jwks_json()).unwrap();
    let theirs = jsonwebtoken::DecodingKey::from_jwk(&set.keys[0]).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    rules.validate_exp = false;
    rules.set_audience(&["orders"]);
    assert!(jsonwebtoken::decode::<serde_json::Value>(&token, &theirs, &rules).is_ok());
    let jwt = key.sign(&[("typ", "JWT"), ("x", "a\"b")], payload(&[]).as_bytes()).unwrap();
    assert_eq!(parse(&jwt).unwrap().header().typ.as_deref(), Some("JWT"));
    assert!(key.sign(&[("alg", "none")], b"{}").is_err());
    assert!(key.sign(&[("kid", "x")], b"{}").is_err());
}

#[test]
fn a_key_for_another_issuer_is_not_there() {
    let mint = Mint::new(Algorithm::Es256);
    let text = |issuer: &str| format!(r#"{{"keys":[{{{},"kid":"k1"{issuer}}}]}}"#, mint.public());
    // What stands beside the key, how many are usable.
    for (member, usable) in [
        ("", 1),
        (r#","issuer":"https://idp.test/t1/v2.0""#, 1),
        (r#","issuer":"https://idp.test/{tenantid}/v2.0""#, 1),
        (r#","issuer":"https://idp.test/t2/v2.0""#, 0),
        (r#","issuer":"https://idp.test/t1""#, 0),
        (r#","issuer":7"#, 1),
    ] {
        let set = KeySet::parse_for(text(member).into(), "https://idp.test/t1/v2.0").unwrap();
        assert_eq!((set.len(), set.skipped()), (usable, 1 - usable), "{member}");
        assert_eq!(KeySet::parse(text(member).into()).unwrap().len(), 1, "{member}");
    }
}
