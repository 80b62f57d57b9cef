//! Attacks on the envelope: RFC 8725 section 2 and what has been seen in the field. Each has its valid twin.

use super::mint::{Mint, Pair, RSA};
use super::{lax, payload};
use crate::{Algorithm, Fault, MAX_TOKEN_BYTES, base64url, parse};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

/// P-256's order (FIPS 186-4 section D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn split(token: &str) -> [&str; 3] {
    let mut parts = token.split('.');
    [parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap()]
}

/// Another text that a lax decoder reads as the same bytes: a bit set that stands for nothing.
fn trailing_bits(part: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert!(!part.len().is_multiple_of(4), "no spare bits in {part}");
    let (head, last) = part.split_at(part.len() - 1);
    let value = ALPHABET.iter().position(|c| *c == last.as_bytes()[0]).unwrap();
    format!("{head}{}", char::from(ALPHABET[value ^ 1]))
}

/// One header against its twin: what is refused, what passes, why.
const HEADERS: &[(&str, &str, Fault)] = &[
    (r#"{"alg":"none","kid":"k1"}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::AlgNone),
    (r#"{"alg":"None"}"#, r#"{"alg":"ES256"}"#, Fault::AlgNone),
    (r#"{"alg":"nOnE"}"#, r#"{ "alg" : "ES256" }"#, Fault::AlgNone),
    (r#"{"alg":"n\u006fne"}"#, r#"{"alg":"ES\u003256"}"#, Fault::AlgNone),
    (r#"{"alg":""}"#, r#"{"kid":"k1","alg":"ES256"}"#, Fault::AlgNotAllowed),
    (r#"{"alg":"es256"}"#, r#"{"alg":"ES256"}"#, Fault::AlgNotAllowed),
    (r#"{"alg":"ES256 "}"#, r#"{"alg":"ES256"}"#, Fault::AlgNotAllowed),
    (r#"{"alg":"ES256K"}"#, r#"{"alg":"ES256"}"#, Fault::AlgNotAllowed),
    (r#"{"alg":"HS256"}"#, r#"{"alg":"ES256"}"#, Fault::AlgNotAllowed),
    (r#"{"alg":"RSA1_5"}"#, r#"{"alg":"ES256"}"#, Fault::AlgNotAllowed),
    (r#"{"alg":["ES256"]}"#, r#"{"alg":"ES256"}"#, Fault::Malformed),
    (r#"{"alg":null}"#, r#"{"alg":"ES256"}"#, Fault::Malformed),
    (r#"{"Alg":"ES256"}"#, r#"{"alg":"ES256","Alg":"none"}"#, Fault::Malformed),
    (r#"{}"#, r#"{"alg":"ES256","":1}"#, Fault::Malformed),
    (r#"[{"alg":"ES256"}]"#, r#"{"alg":"ES256"}"#, Fault::Malformed),
    (r#""ES256""#, r#"{"alg":"ES256"}"#, Fault::Malformed),
    (r#"{"alg":"RS256","kid":"k1"}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::KeyMismatch),
    (r#"{"alg":"ES384","kid":"k1"}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::KeyMismatch),
    (r#"{"alg":"ES512","kid":"k1"}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::KeyMismatch),
    (r#"{"alg":"EdDSA","kid":"k1"}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::KeyMismatch),
    (r#"{"alg":"EdDSA"}"#, r#"{"alg":"ES256"}"#, Fault::UnknownKey),
    (r#"{"alg":"none","alg":"ES256"}"#, r#"{"alg":"ES256"}"#, Fault::DuplicateMember),
    (r#"{"alg":"ES256","alg":"none"}"#, r#"{"alg":"ES256"}"#, Fault::DuplicateMember),
    (r#"{"alg":"ES256","\u0061lg":"none"}"#, r#"{"\u0061lg":"ES256"}"#, Fault::DuplicateMember),
    (r#"{"alg":"ES256","kid":"k1","kid":"k2"}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::DuplicateMember),
    (r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, r#"{"alg":"ES256","exp":1}"#, Fault::CritUnsupported),
    (r#"{"alg":"ES256","crit":[]}"#, r#"{"alg":"ES256","Crit":[]}"#, Fault::CritUnsupported),
    (r#"{"alg":"ES256","crit":null}"#, r#"{"alg":"ES256","critical":null}"#, Fault::CritUnsupported),
    (r#"{"alg":"ES256","cr\u0069t":["x"]}"#, r#"{"alg":"ES256","x":1}"#, Fault::CritUnsupported),
    (r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#, r#"{"alg":"ES256"}"#, Fault::CritUnsupported),
    (r#"{"alg":"ES256","b64":true}"#, r#"{"alg":"ES256","cty":"json"}"#, Fault::CritUnsupported),
    (r#"{"alg":"ES256","zip":"DEF"}"#, r#"{"alg":"ES256"}"#, Fault::CritUnsupported),
    (r#"{"alg":"ES256","enc":"A128GCM"}"#, r#"{"alg":"ES256"}"#, Fault::CritUnsupported),
    (r#"{"alg":"ES256","kid":"../../../../dev/null"}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::UnknownKey),
    (r#"{"alg":"ES256","kid":"' OR 1=1 --"}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::UnknownKey),
    (r#"{"alg":"ES256","kid":"k1\u0000"}"#, r#"{"alg":"ES256","kid":"k\u0031"}"#, Fault::UnknownKey),
    (r#"{"alg":"ES256","kid":"k1 "}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::UnknownKey),
    (r#"{"alg":"ES256","kid":""}"#, r#"{"alg":"ES256"}"#, Fault::UnknownKey),
    (r#"{"alg":"ES256","kid":1}"#, r#"{"alg":"ES256"}"#, Fault::Malformed),
    (r#"{"alg":"ES256","kid":null}"#, r#"{"alg":"ES256"}"#, Fault::Malformed),
    (r#"{"alg":"ES256","kid":["k1"]}"#, r#"{"alg":"ES256","kid":"k1"}"#, Fault::Malformed),
    (r#"{"alg":"ES256","typ":1}"#, r#"{"alg":"ES256","typ":"JWT"}"#, Fault::Malformed),
    (r#"{"alg":"ES256","x":"\ud800"}"#, r#"{"alg":"ES256","x":"\ud83d\ude00"}"#, Fault::Malformed),
    (r#"{"alg":"ES256",}"#, r#"{"alg":"ES256"}"#, Fault::Malformed),
    (r#"{"alg":"ES256"}{"alg":"none"}"#, r#"{"alg":"ES256"}"#, Fault::Malformed),
    ("\u{feff}{\"alg\":\"ES256\"}", r#"{"alg":"ES256"}"#, Fault::Malformed),
    (r#"{"alg":"ES256","x":[[[[[[[[[]]]]]]]]]}"#, r#"{"alg":"ES256","x":[[[[[[]]]]]]}"#, Fault::TooLarge),
];

#[test]
fn hostile_headers_are_refused_and_their_twins_pass() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    for (hostile, twin, fault) in HEADERS {
        let claims = payload(&[]);
        assert_eq!(lax(&mint.jws(hostile, &claims), &keys), Err(*fault), "{hostile}");
        assert_eq!(lax(&mint.jws(twin, &claims), &keys), Ok(Some("alice".into())), "{twin}");
    }
    let long = |bytes: usize| format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(bytes));
    assert_eq!(lax(&mint.jws(&long(257), &payload(&[])), &keys), Err(Fault::TooLarge));
    assert_eq!(lax(&mint.jws(&long(256), &payload(&[])), &keys), Err(Fault::UnknownKey));
}

#[test]
fn keys_inside_a_token_are_never_used() {
    let (ours, theirs) = (Mint::new(Algorithm::Es256), Mint::new(Algorithm::Es256));
    let keys = ours.set("");
    let jwk = theirs.public();
    for extra in [
        format!(r#""jwk":{{{jwk}}}"#),
        r#""jku":"https://evil.test/jwks.json""#.to_owned(),
        r#""x5u":"https://evil.test/cert.pem""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
        r#""jku":"file:///etc/passwd","x5t":"AAAA""#.to_owned(),
    ] {
        for kid in ["", r#","kid":"k1""#] {
            let header = format!(r#"{{"alg":"ES256",{extra}{kid}}}"#);
            assert_eq!(lax(&theirs.jws(&header, &payload(&[])), &keys), Err(Fault::BadSignature), "{header}");
            assert!(lax(&ours.jws(&header, &payload(&[])), &keys).is_ok(), "{header}");
        }
    }
}

#[test]
fn a_public_key_is_never_a_secret() {
    let mint = Mint::new(Algorithm::Rs256);
    let keys = mint.set("");
    let pkcs1 = RSA.public_key().as_ref().to_vec();
    let jwk = format!("{{{}}}", mint.public()).into_bytes();
    for secret in [pkcs1, jwk, mint.pem().into_bytes(), Vec::from(b"k1"), vec![0; 32]] {
        for (alg, hash) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            for claimed in [alg, "RS256"] {
                let header = base64url::encode(format!(r#"{{"alg":"{claimed}","kid":"k1"}}"#).as_bytes());
                let input = format!("{header}.{}", base64url::encode(payload(&[]).as_bytes()));
                let tag = hmac::sign(&hmac::Key::new(hash, &secret), input.as_bytes());
                let token = format!("{input}.{}", base64url::encode(tag.as_ref()));
                let fault = if claimed == "RS256" { Fault::BadSignature } else { Fault::AlgNotAllowed };
                assert_eq!(lax(&token, &keys), Err(fault));
            }
        }
    }
    assert!(lax(&mint.token(&payload(&[])), &keys).is_ok());
}

#[test]
fn forged_signatures_are_refused() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    let token = mint.token(&payload(&[]));
    let [header, claims, signature] = split(&token);
    let (input, signature) = (format!("{header}.{claims}"), base64url::decode(signature).unwrap());
    let (r, s) = signature.split_at(32);
    let Pair::Ec(_) = &mint.pair else { panic!("an elliptic curve") };
    let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &mint.pkcs8()).unwrap();
    let der = der.sign(&aws_lc_rs::rand::SystemRandom::new(), input.as_bytes()).unwrap();
    let other = mint.token(&payload(&[("sub", "\"mallory\"")]));
    let one = [&[0; 31][..], &[1]].concat();
    let forged: Vec<(&str, Vec<u8>)> = vec![
        ("none", vec![]),
        ("psychic: r = s = 0", vec![0; 64]),
        ("r = 0", [&[0; 32], s].concat()),
        ("s = 0", [r, &[0; 32]].concat()),
        ("r = s = n", [ORDER, ORDER].concat()),
        ("r = n", [&ORDER, s].concat()),
        ("s = n", [r, &ORDER].concat()),
        ("r = s = 1", [one.clone(), one].concat()),
        ("all ones", vec![255; 64]),
        ("swapped", [s, r].concat()),
        ("der", der.as_ref().to_vec()),
        ("truncated", signature[..63].to_vec()),
        ("half", r.to_vec()),
        ("longer", [signature.as_slice(), &[0]].concat()),
        ("padded halves", [&[0], r, &[0], s].concat()),
        ("of another payload", base64url::decode(split(&other)[2]).unwrap()),
        ("of the other curve", Mint::new(Algorithm::Es384).raw(input.as_bytes())),
    ];
    for (name, signature) in forged {
        let token = format!("{input}.{}", base64url::encode(&signature));
        assert_eq!(lax(&token, &keys), Err(Fault::BadSignature), "{name}");
    }
    let twin = format!("{input}.{}", base64url::encode(&signature));
    assert!(lax(&twin, &keys).is_ok());
    assert_eq!(
        lax(&format!("{}.{}.{}", header, split(&other)[1], split(&token)[2]), &keys),
        Err(Fault::BadSignature)
    );

    for algorithm in
        [Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa, Algorithm::Es384, Algorithm::Es512]
    {
        let mint = Mint::new(algorithm);
        let token = mint.token(&payload(&[]));
        let (input, text) = token.rsplit_once('.').unwrap();
        let good = base64url::decode(text).unwrap();
        let zeros = vec![0; good.len()];
        let ones = vec![255; good.len()];
        let short = good[..good.len() - 1].to_vec();
        let long = [good.as_slice(), &[0]].concat();
        let led = [&[0], good.as_slice()].concat();
        for bad in [vec![], zeros, ones, short, long, led, vec![0; 1024], vec![0; 4096]] {
            let token = format!("{input}.{}", base64url::encode(&bad));
            assert_eq!(lax(&token, &mint.set("")), Err(Fault::BadSignature), "{algorithm}");
        }
        assert!(lax(&token, &mint.set("")).is_ok());
    }
}

/// n − s, which makes the other valid signature of the same text.
fn mirrored(s: &[u8]) -> Vec<u8> {
    let mut borrow = 0i16;
    let mut out = [0u8; 32];
    for place in (0..32).rev() {
        let digit = i16::from(ORDER[place]) - i16::from(s[place]) - borrow;
        borrow = i16::from(digit < 0);
        out[place] = digit.rem_euclid(256) as u8;
    }
    out.to_vec()
}

#[test]
fn the_twin_of_an_ecdsa_signature_shares_its_signing_input() {
    // Documented in `verify`: whoever caches or checks for replay must know.
    let mint = Mint::new(Algorithm::Es256);
    let token = mint.token(&payload(&[]));
    let [header, claims, text] = split(&token);
    let signature = base64url::decode(text).unwrap();
    let twin = [&signature[..32], &mirrored(&signature[32..])].concat();
    let twin = format!("{header}.{claims}.{}", base64url::encode(&twin));
    assert_ne!(twin, token);
    assert!(lax(&twin, &mint.set("")).is_ok());
    let (one, other) = (parse(&token).unwrap(), parse(&twin).unwrap());
    assert_eq!(one.signing_input(), other.signing_input());
    assert!(!format!("{one:?}").contains(claims));
}

#[test]
fn the_text_of_a_token_has_one_spelling() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    // Lengths chosen so that every part has spare bits; `~~~` and `???` bring `-` and `_` into the payload.
    let claims = payload(&[("x", "\"~~~???>>>\"")]);
    let claims = if claims.len().is_multiple_of(3) { format!("{claims} ") } else { claims };
    let header = r#"{"alg":"ES256","kid":"k1"}"#;
    let token = mint.jws(header, &claims);
    let [h, p, s] = split(&token);
    assert!(p.contains(['-', '_']), "{p}");
    let spelled = [
        format!("{h}=.{p}.{s}"),
        format!("{h}.{p}=.{s}"),
        format!("{h}.{p}.{s}="),
        format!("{h}.{p}.{s}=="),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{h}.\t{p}.{s}"),
        format!("{h}.{p}\r\n.{s}"),
        format!("{h}.{}.{s}", p.replace('-', "+").replace('_', "/")),
        format!("{h}.{p}.{}", trailing_bits(s)),
        format!("{h}.{}.{s}", trailing_bits(p)),
        format!("{}.{p}.{s}", trailing_bits(h)),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{s}"),
        format!("{h}..{p}.{s}"),
        format!("{h}.{p}"),
        format!("{h}.{p}{s}"),
        h.to_owned(),
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!(".{p}.{s}"),
        format!("{h}..{s}"),
        format!("{h}A.{p}.{s}A"),
        format!("{h}.{p}.{s}\0"),
        format!("{h}.{p}.é"),
        format!("Bearer {token}"),
        // Five parts: a JWE (RFC 7516 section 7.1).
        format!("{h}.{p}.{s}.{s}.{s}"),
        // The JSON serialization (RFC 7515 section 7.2.2).
        format!(r#"{{"protected":"{h}","payload":"{p}","signature":"{s}"}}"#),
    ];
    for text in &spelled {
        assert_eq!(lax(text, &keys), Err(Fault::Malformed), "{text}");
    }
    assert!(lax(&token, &keys).is_ok());
    // Also where the signature was made over the odd spelling.
    for (h, p) in
        [(h.to_owned(), trailing_bits(p)), (trailing_bits(h), p.to_owned()), (h.to_owned(), format!("{p}="))]
    {
        assert_eq!(lax(&mint.parts(&h, &p), &keys), Err(Fault::Malformed));
    }
}

#[test]
fn hostile_payloads_are_refused_and_their_twins_pass() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    let with = |extra: &str| payload(&[]).replacen('{', &format!("{{{extra},"), 1);
    let cases: Vec<(String, String, Fault)> = vec![
        (with(r#""exp":1"#), with(r#""Exp":1"#), Fault::DuplicateMember),
        (with(r#""iss":"https://evil.test""#), with(r#""ISS":"x""#), Fault::DuplicateMember),
        (with(r#""sub":"root""#), with(r#""Sub":"root""#), Fault::DuplicateMember),
        (with(r#""\u0073ub":"root""#), with(r#""\u0073\u0075":"root""#), Fault::DuplicateMember),
        (with(r#""\u0069\u0073\u0073":"x""#), with(r#""i\\u0073s":"x""#), Fault::DuplicateMember),
        (with(r#""a":{"b":1,"b":2}"#), with(r#""a":{"b":1,"c":2}"#), Fault::DuplicateMember),
        (with(r#""a":NaN"#), with(r#""a":"NaN""#), Fault::Malformed),
        (with(r#""a":01"#), with(r#""a":0.1"#), Fault::Malformed),
        (with(r#""a":"\ud800""#), with(r#""a":"\ud83d\ude00""#), Fault::Malformed),
        (with("\"a\":\"\n\""), with(r#""a":"\n""#), Fault::Malformed),
        (format!("{}x", payload(&[])), format!("{}\n", payload(&[])), Fault::Malformed),
        (format!("[{}]", payload(&[])), format!(" {}", payload(&[])), Fault::Malformed),
        (format!("\u{feff}{}", payload(&[])), payload(&[]), Fault::Malformed),
        ("null".into(), payload(&[]), Fault::Malformed),
        (String::new(), payload(&[]), Fault::Malformed),
        (mint.token(&payload(&[])), payload(&[]), Fault::Malformed), // nested
        (
            with(&format!("\"a\":{}{}", "[".repeat(16), "]".repeat(16))),
            with(&format!("\"a\":{}{}", "[".repeat(15), "]".repeat(15))),
            Fault::TooLarge,
        ),
        (
            with(&format!("\"a\":{}", "9".repeat(65))),
            with(&format!("\"a\":{}", "9".repeat(64))),
            Fault::TooLarge,
        ),
    ];
    for (hostile, twin, fault) in cases {
        assert_eq!(lax(&mint.token(&hostile), &keys), Err(fault), "{hostile}");
        assert!(lax(&mint.token(&twin), &keys).is_ok(), "{twin}");
    }
    let raw = base64url::encode(b"{\"sub\":\"\xff\"}");
    let header = base64url::encode(mint.header().as_bytes());
    assert_eq!(lax(&mint.parts(&header, &raw), &keys), Err(Fault::Malformed));
}

#[test]
fn tokens_have_a_size() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    let of = |bytes: usize| mint.token(&payload(&[("x", &format!("\"{}\"", "x".repeat(bytes)))]));
    let spare = MAX_TOKEN_BYTES - of(0).len();
    let fits = of(spare / 4 * 3);
    assert!(fits.len() <= MAX_TOKEN_BYTES && lax(&fits, &keys).is_ok());
    let over = of(spare / 4 * 3 + 6);
    assert!(over.len() > MAX_TOKEN_BYTES);
    assert_eq!(lax(&over, &keys), Err(Fault::TooLarge));
    assert_eq!(parse(&"A".repeat(100_000_000)).unwrap_err(), Fault::TooLarge);
}

#[test]
fn faults_have_stable_distinct_names() {
    let mut names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Fault::ALL.len());
    assert!(names.iter().all(|name| name.bytes().all(|b| b == b'-' || b.is_ascii_lowercase())));
    assert!(Fault::ALL.iter().all(|fault| !fault.to_string().ends_with('.')));
}
