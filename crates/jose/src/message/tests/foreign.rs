//! What `joserfc`, which shares no code with ours, wrote is read; what we write is read again. The end-to-end tests have `jose` of npm
//! read it.

use bytes::Bytes;

use super::{KEYS, open, opening};
use crate::message::*;
use crate::{Algorithm, KeySet};

fn keys() -> Bytes {
    Bytes::from_static(KEYS.as_bytes())
}

#[test]
fn what_another_implementation_encrypted_is_opened() {
    let mut seen = 0;
    for line in include_str!("joserfc.jwe").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [alg, enc, message] = words[..] else { panic!("{line}") };
        assert_eq!(open(message).unwrap(), format!("of joserfc: {alg} {enc}").into_bytes(), "{line}");
        let read = Encrypted::parse(message).unwrap();
        assert_eq!((read.header().alg.name(), read.header().enc.name()), (alg, enc));
        seen += 1;
    }
    assert_eq!(seen, 36);
}

#[test]
fn what_another_implementation_signed_is_verified() {
    let keys = KeySet::parse(keys()).unwrap();
    let mut seen = 0;
    for line in include_str!("joserfc.jws").lines() {
        let (alg, message) = line.split_once(' ').unwrap();
        let content = Signed::parse(message).unwrap().verify(&keys, &Algorithm::ALL);
        assert_eq!(content.unwrap(), format!("of joserfc: {alg}").into_bytes(), "{line}");
        seen += 1;
    }
    assert_eq!(seen, 8);
}

/// The names of the keys that an algorithm is tried with.
fn recipients(management: KeyManagement, encryption: ContentEncryption) -> Vec<String> {
    match management {
        KeyManagement::RsaOaep256 => vec![String::from("r")],
        KeyManagement::A128Kw => vec![String::from("a")],
        KeyManagement::A256Kw => vec![String::from("b")],
        KeyManagement::Dir => vec![format!("d-{encryption}")],
        _ => ["p256", "p384", "p521", "x"].map(String::from).to_vec(),
    }
}

#[test]
fn what_is_encrypted_is_opened_and_no_two_messages_are_alike() {
    for management in KeyManagement::ALL {
        for encryption in ContentEncryption::ALL {
            for kid in recipients(management, encryption) {
                let recipient = Recipient::new(keys(), Some(&kid), management, encryption).unwrap();
                for content in [&b""[..], b"{}", &[7; 10_000]] {
                    let message = recipient.encrypt(content, Some("JOSE"), Some("json")).unwrap();
                    let again = recipient.encrypt(content, Some("JOSE"), Some("json")).unwrap();
                    assert_ne!(message.rsplit('.').next(), again.rsplit('.').next());
                    assert_eq!(open(&message).unwrap(), content, "{management} {encryption} {kid}");
                    let read = Encrypted::parse(&message).unwrap();
                    let header = read.header();
                    assert_eq!(header.kid.as_deref(), Some(&*kid));
                    assert_eq!((header.typ.as_deref(), header.cty.as_deref()), (Some("JOSE"), Some("json")));
                    // What is allowed is a list, and nothing beside it is.
                    let others: Vec<_> =
                        KeyManagement::ALL.into_iter().filter(|one| *one != management).collect();
                    let refused = read.open(opening(), (&others, &ContentEncryption::ALL));
                    assert_eq!(refused.unwrap_err(), MessageFault::AlgNotAllowed);
                    let refused = read.open(opening(), (&KeyManagement::ALL, &[]));
                    assert_eq!(refused.unwrap_err(), MessageFault::EncNotAllowed);
                }
            }
        }
    }
}

#[test]
fn what_is_signed_is_verified() {
    let public = KeySet::parse(keys()).unwrap();
    for algorithm in Algorithm::ALL {
        let kid = match algorithm {
            Algorithm::Es256 => "p256",
            Algorithm::Es384 => "p384",
            Algorithm::Es512 => "p521",
            Algorithm::EdDsa => "ed",
            _ => "r",
        };
        let signer = Signer::new(keys(), Some(kid), algorithm).unwrap();
        assert_eq!(signer.algorithm(), algorithm);
        let message = signer.sign(b"\xff\x00 no text", Some("JOSE"), None).unwrap();
        let read = Signed::parse(&message).unwrap();
        assert_eq!((read.header().alg, read.header().kid.as_deref()), (algorithm, Some(kid)));
        assert_eq!(read.header().kind(), Some("jose"));
        assert_eq!(read.verify(&public, &[algorithm]).unwrap(), b"\xff\x00 no text");
        assert_eq!(read.verify(&public, &[]).unwrap_err(), MessageFault::AlgNotAllowed);
        let (input, signature) = message.rsplit_once('.').unwrap();
        for other in [format!("{input}."), format!("{input}.AAAA"), format!("x{input}.{signature}")] {
            let verified = Signed::parse(&other).and_then(|read| read.verify(&public, &[algorithm]));
            assert!(verified.is_err(), "{other}");
        }
    }
}
