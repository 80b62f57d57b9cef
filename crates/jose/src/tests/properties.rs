//! Properties: nothing panics, and nothing passes here that jsonwebtoken, told to check as much, refuses.

use super::mint::Mint;
use super::{ISSUER, lax, payload};
use crate::{Algorithm, KeySet, parse};
use proptest::prelude::*;
use std::sync::LazyLock;

static MINTS: LazyLock<Vec<(Mint, KeySet, jsonwebtoken::DecodingKey)>> = LazyLock::new(|| {
    let checked = [Algorithm::Rs256, Algorithm::Ps512, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa];
    let make = |algorithm| {
        let mint = Mint::new(algorithm);
        let jwk = serde_json::from_str(&format!("{{{}}}", mint.public())).unwrap();
        let theirs = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let ours = mint.set("");
        (mint, ours, theirs)
    };
    checked.into_iter().map(make).collect()
});

/// Whether jsonwebtoken accepts, without its clock.
fn theirs(token: &str, key: &jsonwebtoken::DecodingKey, algorithm: Algorithm) -> bool {
    let mut rules = jsonwebtoken::Validation::new(algorithm.name().parse().unwrap());
    rules.validate_exp = false;
    rules.set_audience(&["orders", "billing"]);
    rules.set_issuer(&[ISSUER]);
    rules.set_required_spec_claims(&["exp", "aud", "iss"]);
    jsonwebtoken::decode::<serde_json::Value>(token, key, &rules).is_ok()
}

fn no_laxer(token: &str, place: usize) {
    let (mint, keys, theirs_key) = &MINTS[place];
    if lax(token, keys).is_ok() {
        assert!(theirs(token, theirs_key, mint.algorithm), "only we accept {token}");
    }
}

/// A JSON value as a claim may have it.
fn claim() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "null",
            "true",
            "\"orders\"",
            "[\"orders\"]",
            "[\"x\",\"orders\"]",
            "\"https://idp.test\"",
            "2000000400",
            "2e9",
            "-1",
            "2000000400.5",
            "1e400",
            "\"2000000400\"",
            "{}",
            "[]",
            "\"\"",
            "{\"a\":1,\"a\":2}",
            "0",
        ])
        .prop_map(str::to_owned),
        any::<f64>().prop_map(|number| serde_json::json!(number).to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::json!(text).to_string()),
    ]
}

proptest! {
    #[test]
    fn parse_never_panics(token in any::<String>()) {
        let _ = parse(&token);
    }

    #[test]
    fn parse_never_panics_on_tokens(header in "\\PC{0,40}", claims in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        let encode = crate::base64url::encode;
        let _ = parse(&format!("{}.{}.{}", encode(header.as_bytes()), encode(&claims), encode(&signature)));
        let good = encode(br#"{"alg":"ES256"}"#);
        let _ = lax(&format!("{good}.{}.{}", encode(&claims), encode(&signature)), &MINTS[2].1);
    }

    #[test]
    fn key_sets_never_panic(bytes in any::<Vec<u8>>(), n in any::<Vec<u8>>(), e in any::<Vec<u8>>(), kty in "RSA|EC|OKP", crv in "P-256|P-384|P-521|Ed25519") {
        let _ = KeySet::parse(bytes.into());
        let (n, e) = (crate::base64url::encode(&n), crate::base64url::encode(&e));
        let key = format!(r#"{{"keys":[{{"kty":"{kty}","crv":"{crv}","n":"{n}","e":"{e}","x":"{n}","y":"{e}"}}]}}"#);
        prop_assert!(KeySet::parse(key.into()).is_ok());
    }

    #[test]
    fn odd_claims_pass_only_where_others_let_them(name in prop::sample::select(vec!["iss", "aud", "exp", "nbf", "iat", "sub", "jti", "x"]), value in claim(), place in 0usize..5) {
        let mint = &MINTS[place].0;
        no_laxer(&mint.token(&payload(&[(name, &value)])), place);
    }

    #[test]
    fn a_damaged_token_never_passes(at in any::<prop::sample::Index>(), with in any::<char>(), place in 0usize..5) {
        let (mint, keys, _) = &MINTS[place];
        let token = mint.token(&payload(&[]));
        prop_assert!(lax(&token, keys).is_ok());
        let mut chars: Vec<char> = token.chars().collect();
        let at = at.index(chars.len());
        prop_assume!(chars[at] != with);
        chars[at] = with;
        let damaged: String = chars.into_iter().collect();
        prop_assert!(lax(&damaged, keys).is_err(), "{}", damaged);
    }

    #[test]
    fn a_cut_or_spliced_token_never_passes(cut in any::<prop::sample::Index>(), insert in "[A-Za-z0-9_.=-]{1,3}", place in 0usize..5) {
        let (mint, keys, _) = &MINTS[place];
        let token = mint.token(&payload(&[]));
        let at = cut.index(token.len());
        prop_assert!(lax(&token[..at], keys).is_err());
        prop_assert!(lax(&token[at + 1..], keys).is_err());
        let spliced = format!("{}{insert}{}", &token[..at], &token[at..]);
        prop_assert!(lax(&spliced, keys).is_err());
    }

    #[test]
    fn a_token_passes_only_under_its_own_key(from in 0usize..5, to in 0usize..5, claimed in 0usize..5) {
        let header = format!(r#"{{"alg":"{}","kid":"k1"}}"#, MINTS[claimed].0.algorithm);
        let token = MINTS[from].0.jws(&header, &payload(&[]));
        let passes = lax(&token, &MINTS[to].1).is_ok();
        // The two RSA algorithms share a key pair, yet a signature of one is none of the other.
        prop_assert_eq!(passes, from == claimed && (from == to || (from < 2 && to < 2)));
        if passes {
            prop_assert!(theirs(&token, &MINTS[to].2, MINTS[claimed].0.algorithm));
        }
    }
}
