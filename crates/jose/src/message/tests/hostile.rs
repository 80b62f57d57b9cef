//! Messages that are not what a good sender would write, each beside the good one that it was made of.

use super::{KEYS, open, opening};
use crate::base64url;
use crate::message::*;

/// A content key that is shared with the gateway (`d-A256GCM`).
fn shared() -> Vec<u8> {
    let keys: serde_json::Value = serde_json::from_str(KEYS).unwrap();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == "d-A256GCM").unwrap();
    base64url::decode(key["k"].as_str().unwrap()).unwrap()
}

/// A message whose tag is good, under whatever header.
fn sealed(header: &str) -> String {
    let protected = base64url::encode(header.as_bytes());
    let (ciphertext, tag) =
        ContentEncryption::A256Gcm.encrypt(&shared(), &[1; 12], protected.as_bytes(), b"{}").unwrap();
    let [iv, ciphertext, tag] = [&[1_u8; 12][..], &ciphertext[..], &tag[..]].map(base64url::encode);
    format!("{protected}..{iv}.{ciphertext}.{tag}")
}

const GOOD: &str = r#""alg":"dir","enc":"A256GCM","kid":"d-A256GCM""#;

#[test]
fn headers_that_say_something_else_are_refused() {
    use MessageFault::*;
    assert_eq!(open(&sealed(&format!("{{{GOOD}}}"))).unwrap(), b"{}");
    // What points to keys or carries them is not followed.
    let pointing =
        r#""jku":"https://evil.test/","jwk":{"kty":"oct","k":"AA"},"x5u":"https://evil.test/","x5c":["AA"]"#;
    assert_eq!(open(&sealed(&format!("{{{GOOD},{pointing}}}"))).unwrap(), b"{}");
    for (members, fault) in [
        (r#","zip":"DEF""#, ExtensionRefused),
        (r#","zip":null"#, ExtensionRefused),
        (r#","crit":["exp"],"exp":1"#, ExtensionRefused),
        (r#","crit":[]"#, ExtensionRefused),
        (r#","b64":true"#, ExtensionRefused),
        (r#","p2c":1000000000,"p2s":"AAAA""#, ExtensionRefused),
        (r#","alg":"dir""#, DuplicateMember),
        (r#","\u0061lg":"dir""#, DuplicateMember),
        (r#","typ":7"#, Malformed),
        (r#","cty":[]"#, Malformed),
        (r#","apu":7"#, Malformed),
        (r#","apu":"=""#, Malformed),
    ] {
        assert_eq!(open(&sealed(&format!("{{{GOOD}{members}}}"))).unwrap_err(), fault, "{members}");
    }
    for (header, fault) in [
        (r#"{"alg":"none","enc":"A256GCM"}"#, AlgNotAllowed),
        (r#"{"alg":"DIR","enc":"A256GCM"}"#, AlgNotAllowed),
        (r#"{"alg":"RSA1_5","enc":"A256GCM"}"#, AlgNotAllowed),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, AlgNotAllowed),
        (r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM"}"#, AlgNotAllowed),
        (r#"{"alg":"A256GCMKW","enc":"A256GCM"}"#, AlgNotAllowed),
        (r#"{"alg":"A192KW","enc":"A256GCM"}"#, AlgNotAllowed),
        (r#"{"alg":"ES256","enc":"A256GCM"}"#, AlgNotAllowed),
        (r#"{"alg":"dir","enc":"A192CBC-HS384"}"#, EncNotAllowed),
        (r#"{"alg":"dir","enc":"a256gcm"}"#, EncNotAllowed),
        (r#"{"alg":"dir","enc":"none"}"#, EncNotAllowed),
        (r#"{"enc":"A256GCM"}"#, Malformed),
        (r#"{"alg":"dir"}"#, Malformed),
        (r#"{"alg":["dir"],"enc":"A256GCM"}"#, Malformed),
        (r#"{"alg":"dir","enc":"A256GCM","kid":7}"#, Malformed),
        (r#"{"alg":"dir","enc":"A256GCM","kid":"who"}"#, UnknownKey),
        // A key of another type, of another length, for another algorithm.
        (r#"{"alg":"dir","enc":"A256GCM","kid":"r"}"#, KeyMismatch),
        (r#"{"alg":"dir","enc":"A256GCM","kid":"d-A128GCM"}"#, KeyMismatch),
        (r#"{"alg":"dir","enc":"A256GCM","kid":"d-A128CBC-HS256"}"#, KeyMismatch),
        (r#"{"alg":"dir","enc":"A256GCM","kid":"b"}"#, KeyMismatch),
        ("[]", Malformed),
        ("7", Malformed),
        ("", Malformed),
        (r#"{"alg":"dir","enc":"A256GCM""#, Malformed),
    ] {
        assert_eq!(open(&sealed(header)).unwrap_err(), fault, "{header}");
    }
    let long = format!(r#"{{{GOOD},"x":"{}"}}"#, "y".repeat(MAX_HEADER_BYTES));
    assert_eq!(open(&sealed(&long)).unwrap_err(), TooLarge);
    let deep = format!(r#"{{{GOOD},"x":{}{}}}"#, "[".repeat(20), "]".repeat(20));
    assert_eq!(open(&sealed(&deep)).unwrap_err(), TooLarge);
    let apu = format!(r#"{{{GOOD},"apu":"{}"}}"#, "y".repeat(600));
    assert_eq!(open(&sealed(&apu)).unwrap_err(), TooLarge);
}

#[test]
fn parts_that_are_not_the_sender_s_are_refused() {
    use MessageFault::*;
    let good = sealed(&format!("{{{GOOD}}}"));
    let other = sealed(&format!(r#"{{{GOOD},"cty":"json"}}"#));
    let parts: Vec<&str> = good.split('.').collect();
    let others: Vec<&str> = other.split('.').collect();
    let with = |index: usize, part: &str| {
        let mut parts = parts.clone();
        parts[index] = part;
        parts.join(".")
    };
    assert_eq!(open(&good).unwrap(), open(&other).unwrap());
    for (message, fault) in [
        (String::new(), Malformed),
        (String::from("...."), Malformed),
        (String::from("{}"), Malformed),
        (parts[..4].join("."), Malformed),
        (parts[..3].join("."), Malformed),
        (format!("{good}."), Malformed),
        (format!("{good}.AA"), Malformed),
        (format!(" {good}"), Malformed),
        (format!("{good}\n"), Malformed),
        (format!("{good}="), Malformed),
        (with(1, "AAAA"), Malformed),
        (with(2, ""), Malformed),
        (with(2, &base64url::encode(&[1; 11])), Malformed),
        (with(2, &base64url::encode(&[1; 16])), Malformed),
        (with(2, &"A".repeat(100)), Malformed),
        (with(2, &base64url::encode(&[2; 12])), Undecryptable),
        (with(4, &base64url::encode(&[0; 16])), Undecryptable),
        (with(4, &base64url::encode(&[0; 12])), Malformed),
        (with(4, ""), Malformed),
        (with(3, ""), Undecryptable),
        (with(3, "AAAA"), Undecryptable),
        // Read by a lax reader as the same.
        (with(3, &format!("{}==", parts[3])), Undecryptable),
        (with(3, &parts[3].replace('_', "/")), Undecryptable),
        (with(0, others[0]), Undecryptable),
        (with(4, others[4]), Undecryptable),
        (with(0, &base64url::encode(format!("{{ {GOOD}}}").as_bytes())), Undecryptable),
        (with(1, &"A".repeat(1_500)), TooLarge),
    ] {
        // One that says `/` for `_` is the good one where there is none.
        if message != good {
            assert_eq!(open(&message).unwrap_err(), fault, "{message}");
        }
    }
    // Nested in itself it is only its content.
    assert_eq!(open(&sealed(&format!("{{{GOOD}}}"))).unwrap(), b"{}");
}

/// All that needs a key to be seen is one fault, whichever step it was.
#[test]
fn wrong_keys_tell_nothing() {
    let mut tried = 0;
    for line in include_str!("joserfc.jwe").lines() {
        let message = line.rsplit(' ').next().unwrap();
        let parts: Vec<&str> = message.split('.').collect();
        for index in 1..5 {
            let Some(mut bytes) = base64url::decode(parts[index]).filter(|bytes| !bytes.is_empty()) else {
                continue;
            };
            for at in [0, bytes.len() / 2, bytes.len() - 1] {
                bytes[at] ^= 1;
                let mut changed = parts.clone();
                let text = base64url::encode(&bytes);
                changed[index] = &text;
                assert_eq!(open(&changed.join(".")).unwrap_err(), MessageFault::Undecryptable, "{line}");
                bytes[at] ^= 1;
                tried += 1;
            }
            // An encrypted key of another length is no key either.
            if index == 1 {
                let text = base64url::encode(&bytes[..bytes.len() - 8]);
                let mut changed = parts.clone();
                changed[1] = &text;
                assert_eq!(open(&changed.join(".")).unwrap_err(), MessageFault::Undecryptable, "{line}");
            }
        }
    }
    assert!(tried > 300);
}

/// A message by ECDH-ES with this `epk`, its tag whatever it is.
fn agreed(kid: &str, epk: &str) -> Result<Vec<u8>, MessageFault> {
    let header = format!(r#"{{"alg":"ECDH-ES","enc":"A256GCM","kid":"{kid}"{epk}}}"#);
    let [iv, tag] = [&[1; 12][..], &[1; 16]].map(base64url::encode);
    open(&format!("{}..{iv}.AAAA.{tag}", base64url::encode(header.as_bytes())))
}

#[test]
fn keys_of_senders_are_points_of_the_curve() {
    use MessageFault::*;
    let keys: serde_json::Value = serde_json::from_str(KEYS).unwrap();
    let point = |kid: &str| {
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
        let (crv, x, y) = (&key["crv"], &key["x"], &key["y"]);
        format!(r#"{{"kty":"EC","crv":{crv},"x":{x},"y":{y}}}"#)
    };
    let nine = base64url::encode(&[9; 32]);
    let good = point("p256");
    for (epk, fault) in [
        // Good by its form: what comes of it opens nothing.
        (good.clone(), Undecryptable),
        (point("p384"), Undecryptable),
        (format!(r#"{{"kty":"OKP","crv":"X25519","x":"{nine}"}}"#), Undecryptable),
        (format!(r#"{{"kty":"EC","crv":"P-256","x":"{nine}","y":"{nine}"}}"#), Malformed),
        (format!(r#"{{"kty":"EC","crv":"P-256","x":"{nine}"}}"#), Malformed),
        (format!(r#"{{"kty":"EC","crv":"secp256k1","x":"{nine}","y":"{nine}"}}"#), Malformed),
        (format!(r#"{{"kty":"oct","k":"{nine}"}}"#), Malformed),
        (good.replace("\"x\":\"", "\"x\":\"AA"), Malformed),
        (good.replace("}", r#","d":"AAAA"}"#), Malformed),
        (String::from("7"), Malformed),
        (String::from("{}"), Malformed),
    ] {
        assert_eq!(agreed("p256", &format!(r#","epk":{epk}"#)).unwrap_err(), fault, "{epk}");
    }
    assert_eq!(agreed("p256", "").unwrap_err(), Malformed);
    // RFC 7748 section 6.1: points of low order agree on zeros.
    for low in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let epk = format!(r#","epk":{{"kty":"OKP","crv":"X25519","x":"{}"}}"#, base64url::encode(&low));
        assert_eq!(agreed("x", &epk).unwrap_err(), Undecryptable);
    }
    // And a key for one algorithm is none for another.
    let swapped = |alg: &str, kid: &str| {
        let header = format!(r#"{{"alg":"{alg}","enc":"A256GCM","kid":"{kid}"}}"#);
        let [key, iv, tag] = [&[1; 40][..], &[1; 12], &[1; 16]].map(base64url::encode);
        open(&format!("{}.{key}.{iv}.AAAA.{tag}", base64url::encode(header.as_bytes())))
    };
    for (alg, kid) in [
        ("RSA-OAEP-256", "p256"),
        ("RSA-OAEP-256", "b"),
        ("A256KW", "r"),
        ("A256KW", "a"),
        ("A128KW", "b"),
        ("A256KW", "d-A256GCM"),
    ] {
        assert_eq!(swapped(alg, kid).unwrap_err(), KeyMismatch, "{alg} {kid}");
    }
    assert_eq!(swapped("A256KW", "b").unwrap_err(), Undecryptable);
}

/// A signed message is no encrypted one, and the other way round; neither is a token.
#[test]
fn kinds_of_messages_are_told_apart() {
    let bytes = || bytes::Bytes::from_static(KEYS.as_bytes());
    let signer = Signer::new(bytes(), Some("p256"), crate::Algorithm::Es256).unwrap();
    let signed = signer.sign(b"{}", None, None).unwrap();
    let encrypted = sealed(&format!("{{{GOOD}}}"));
    assert_eq!(open(&signed).unwrap_err(), MessageFault::Malformed);
    assert_eq!(Signed::parse(&encrypted).unwrap_err(), MessageFault::Malformed);
    assert!(Encrypted::is_one(&encrypted) && !Encrypted::is_one(&signed));
    let keys = crate::KeySet::parse(bytes()).unwrap();
    let with = |header: &str| {
        let header = base64url::encode(header.as_bytes());
        Signed::parse(&format!("{header}.e30.AAAA"))
            .and_then(|read| read.verify(&keys, &crate::Algorithm::ALL))
    };
    for (header, fault) in [
        (r#"{"alg":"none"}"#, MessageFault::AlgNotAllowed),
        (r#"{"alg":"HS256"}"#, MessageFault::AlgNotAllowed),
        (r#"{"alg":"dir","enc":"A256GCM"}"#, MessageFault::AlgNotAllowed),
        (r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#, MessageFault::ExtensionRefused),
        (r#"{"alg":"ES256","zip":"DEF"}"#, MessageFault::ExtensionRefused),
        (r#"{"alg":"ES256","alg":"ES256"}"#, MessageFault::DuplicateMember),
        (r#"{"alg":"ES256","kid":"who"}"#, MessageFault::UnknownKey),
        (r#"{"alg":"ES256","kid":"r"}"#, MessageFault::KeyMismatch),
        (r#"{"alg":"ES256","kid":"p256"}"#, MessageFault::BadSignature),
        ("{}", MessageFault::Malformed),
    ] {
        assert_eq!(with(header).unwrap_err(), fault, "{header}");
    }
    let long = format!(r#"{{"alg":"ES256","x":"{}"}}"#, "y".repeat(MAX_HEADER_BYTES));
    assert_eq!(with(&long).unwrap_err(), MessageFault::TooLarge);
    let only = r#"{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA","alg":"A128KW"}]}"#;
    let only = OpeningKeys::parse(only.into()).unwrap();
    assert!(opening().serve(KeyManagement::Dir, ContentEncryption::A256Gcm));
    assert!(!only.serve(KeyManagement::A256Kw, ContentEncryption::A256Gcm));
}
