//! Messages: nothing that was not encrypted or signed with our keys opens or verifies, and a header is read as another parser reads it.

use std::sync::OnceLock;

use bytes::Bytes;
use jose::{
    Algorithm, ContentEncryption, Encrypted, KeyManagement, KeySet, MessageFault, OpeningKeys, Recipient,
    Signed, Signer, SigningKey,
};
use serde_json::Value;

/// Keys that are nobody's secret: what is tried with them is not whether they can be guessed.
const KEYS: &str = r#"{"keys":[
    {"kty":"oct","kid":"w","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"},
    {"kty":"oct","kid":"d","alg":"A128CBC-HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"},
    {"kty":"EC","kid":"e","crv":"P-256","x":"Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0",
     "y":"HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw","d":"r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8"},
    {"kty":"OKP","kid":"x","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
     "d":"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}]}"#;

/// What is in every message of ours.
const CONTENT: &[u8] = br#"{"amount":1}"#;

struct Material {
    opening: OpeningKeys,
    /// Messages of ours, one of each way to come to a key.
    good: Vec<String>,
    signed: String,
    public: KeySet,
    /// Public keys that are not those of `signed`.
    foreign: KeySet,
}

fn material() -> &'static Material {
    static MATERIAL: OnceLock<Material> = OnceLock::new();
    MATERIAL.get_or_init(|| {
        let keys = Bytes::from_static(KEYS.as_bytes());
        let opening = OpeningKeys::parse(keys.clone()).expect("its own keys");
        let ways = [
            ("w", KeyManagement::A128Kw, ContentEncryption::A256Gcm),
            ("d", KeyManagement::Dir, ContentEncryption::A128CbcHs256),
            ("e", KeyManagement::EcdhEs, ContentEncryption::A256CbcHs512),
            ("x", KeyManagement::EcdhEsA256Kw, ContentEncryption::A128Gcm),
        ];
        let good = ways.map(|(kid, alg, enc)| {
            let recipient = Recipient::new(keys.clone(), Some(kid), alg, enc).expect("a key that fits");
            recipient.encrypt(CONTENT, None, Some("json")).expect("a message")
        });
        let signer = Signer::new(keys.clone(), Some("e"), Algorithm::Es256).expect("a key that signs");
        let other = SigningKey::generate().expect("a key");
        Material {
            opening,
            good: good.to_vec(),
            signed: signer.sign(CONTENT, None, None).expect("a signature"),
            public: KeySet::parse(keys).expect("its own keys"),
            foreign: KeySet::parse(other.jwks_json().into()).expect("its own key set"),
        }
    })
}

fn open(text: &str) -> Result<Vec<u8>, MessageFault> {
    Encrypted::parse(text)?.open(&material().opening, (&KeyManagement::ALL, &ContentEncryption::ALL))
}

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 4) else { return };
    match selector {
        0 => raw(rest),
        1 => keys(rest),
        2 => tampered(rest),
        _ => header(rest),
    }
}

/// Any text as a message. The keys are known here, so one may be good; what opens is not longer than what came.
fn raw(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(content) = open(text) {
        assert!(content.len() < text.len(), "a message grew");
        assert!(Encrypted::is_one(text), "another number of parts");
    }
    if let Ok(message) = Signed::parse(text) {
        assert!(message.verify(&material().foreign, &Algorithm::ALL).is_err(), "a forged message verifies");
    }
}

/// Any bytes as keys: bounded, and what they encrypt they open.
fn keys(data: &[u8]) {
    let keys = Bytes::copy_from_slice(data);
    let opening = OpeningKeys::parse(keys.clone());
    for management in KeyManagement::ALL {
        for encryption in ContentEncryption::ALL {
            let Ok(recipient) = Recipient::new(keys.clone(), None, management, encryption) else { continue };
            let Ok(message) = recipient.encrypt(CONTENT, None, None) else { continue };
            let read = Encrypted::parse(&message).expect("our own message");
            assert_eq!((read.header().alg, read.header().enc), (management, encryption), "another algorithm");
            if let Ok(opening) = &opening
                && let Ok(content) = read.open(opening, (&[management], &[encryption]))
            {
                assert_eq!(content, CONTENT, "another content");
            }
        }
    }
    for algorithm in Algorithm::ALL {
        let _ = Signer::new(keys.clone(), None, algorithm);
    }
}

/// A good message with one byte changed: never opens, unless the change is none.
fn tampered(data: &[u8]) {
    let Some(([which, high, low, byte], _)) = data.split_first_chunk::<4>() else { return };
    let Material { good, signed, public, .. } = material();
    let all = good.len() + 1;
    let which = usize::from(*which) % all;
    let message = good.get(which).unwrap_or(signed);
    let mut bytes = message.clone().into_bytes();
    let at = usize::from(u16::from_be_bytes([*high, *low])) % bytes.len();
    bytes[at] = *byte;
    let Ok(text) = String::from_utf8(bytes) else { return };
    let read = if which < good.len() {
        open(&text)
    } else {
        Signed::parse(&text).and_then(|message| message.verify(public, &Algorithm::ALL))
    };
    match read {
        Ok(content) => assert!(text == *message && content == CONTENT, "a changed message is good"),
        Err(fault) => assert_ne!(text, *message, "the good message is not: {}", fault.name()),
    }
}

/// Any header before parts that are right by their lengths: what is accepted says so to another parser, and needs nothing more.
fn header(data: &[u8]) {
    let encode = jose::base64url_encode;
    for (iv, tag) in [(12, 16), (16, 16), (16, 32)] {
        for key in [&[][..], &[1; 24]] {
            let [iv, tag] = [vec![1; iv], vec![1; tag]].map(|bytes| encode(&bytes));
            let text = format!("{}.{}.{iv}.AAAA.{tag}", encode(data), encode(key));
            let Ok(message) = Encrypted::parse(&text) else { continue };
            let read: Value = serde_json::from_slice(data).expect("an accepted header is JSON");
            assert_eq!(read["alg"], message.header().alg.name(), "another algorithm");
            assert_eq!(read["enc"], message.header().enc.name(), "another encryption");
            assert_eq!(read["kid"].as_str(), message.header().kid.as_deref(), "another key");
            for extension in ["crit", "zip", "b64", "p2c", "p2s"] {
                assert!(read.get(extension).is_none(), "`{extension}` is accepted");
            }
            assert!(open(&text).is_err(), "a message that nobody made");
        }
    }
}
