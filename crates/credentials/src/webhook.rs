//! Deliveries of Standard Webhooks 1.0 as their receiver checks them: HMAC-SHA-256 (`v1`) or Ed25519 (`v1a`) over
//! `id.timestamp.body`, the body being the bytes as they came.
//!
//! The three fields are read before anything is computed, and in one way only. An id with a dot is none: the same text could then be
//! signed for two deliveries.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, Engine};
use zeroize::Zeroizing;

/// Signatures of one delivery; a delivery with more is refused.
const SIGNATURES: usize = 8;
/// Those of them that are on a curve, each of which is verified for each key of that kind.
const CURVES: usize = 2;
/// Longest id, in bytes.
const ID_BYTES: usize = 256;
/// Bytes of a secret.
const SECRET: std::ops::RangeInclusive<usize> = 24..=64;
/// Bytes of a tag of HMAC-SHA-256, of an Ed25519 key, and of a signature by one.
const TAG: usize = 32;
const PUBLIC: usize = 32;
const SIGNATURE: usize = 64;

/// Secrets are shown with and without padding.
const SHOWN: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What deliveries are checked with.
pub enum WebhookKey {
    /// A secret that the sender has as well (`whsec_…`).
    Secret(Box<hmac::Key>),
    /// The public key of the sender (`whpk_…`).
    Public([u8; PUBLIC]),
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::Public(_) => "Public",
        })
    }
}

impl WebhookKey {
    /// Reads base64 of 24 to 64 bytes, with or without `whsec_` before it.
    #[must_use]
    pub fn secret(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        let bytes = Zeroizing::new(SHOWN.decode(encoded).ok()?);
        SECRET
            .contains(&bytes.len())
            .then(|| Self::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
    }

    /// Reads `whpk_` and base64 of 32 bytes.
    #[must_use]
    pub fn public(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix("whpk_")?).ok()?;
        bytes.try_into().ok().map(Self::Public)
    }

    /// Whether checking a signature by it costs as much as a signature on a curve does.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Public(_))
    }
}

/// A signature of a kind that is known.
#[derive(Debug, Clone)]
enum Signature {
    Tag([u8; TAG]),
    Curve(Box<[u8; SIGNATURE]>),
}

/// What the fields of a delivery say. Nothing of it is verified.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Which message; the same each time that it is sent again.
    pub id: Box<str>,
    /// When it was sent, in seconds since 1970.
    pub at: u64,
    signatures: Vec<Signature>,
}

/// Why fields are none of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDelivery {
    /// `webhook-id`.
    Id,
    /// `webhook-timestamp`.
    Timestamp,
    /// `webhook-signature`.
    Signature,
    /// There are too many signatures.
    TooMany,
    /// No signature is of a kind that is known.
    NoKnown,
}

impl NoDelivery {
    /// In words, as the sender may know them.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Id => "`webhook-id` is not one id without dots",
            Self::Timestamp => "`webhook-timestamp` is not a number of seconds",
            Self::Signature => "`webhook-signature` is malformed",
            Self::TooMany => "`webhook-signature` has too many signatures",
            Self::NoKnown => "`webhook-signature` has no signature of a kind that is known here",
        }
    }
}

impl Delivery {
    /// Reads the values of `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    ///
    /// # Errors
    /// [`NoDelivery`].
    pub fn read(id: &[u8], at: &[u8], signatures: &[u8]) -> Result<Self, NoDelivery> {
        let is_id = (1..=ID_BYTES).contains(&id.len())
            && id.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.');
        let id = std::str::from_utf8(id).ok().filter(|_| is_id).ok_or(NoDelivery::Id)?;
        // As it is signed: in one spelling, so that the number is the text.
        let digits = at.iter().all(u8::is_ascii_digit) && !at.starts_with(b"0") && at.len() <= 12;
        let at = std::str::from_utf8(at).ok().filter(|_| digits).and_then(|text| text.parse().ok());
        let at = at.ok_or(NoDelivery::Timestamp)?;
        let text = std::str::from_utf8(signatures).map_err(|_| NoDelivery::Signature)?;
        if text.split(' ').nth(SIGNATURES).is_some() {
            return Err(NoDelivery::TooMany);
        }
        let mut found = Vec::new();
        for one in text.split(' ') {
            let (kind, encoded) = one.split_once(',').ok_or(NoDelivery::Signature)?;
            let bytes = || STANDARD.decode(encoded).map_err(|_| NoDelivery::Signature);
            match kind {
                "v1" => found.push(Signature::Tag(bytes()?.try_into().map_err(|_| NoDelivery::Signature)?)),
                "v1a" => {
                    let bytes: [u8; SIGNATURE] = bytes()?.try_into().map_err(|_| NoDelivery::Signature)?;
                    found.push(Signature::Curve(Box::new(bytes)));
                }
                "" => return Err(NoDelivery::Signature),
                // Of a version to come, beside one that is known.
                _ => {}
            }
        }
        if found.is_empty() {
            return Err(NoDelivery::NoKnown);
        }
        if found.iter().filter(|one| matches!(one, Signature::Curve(_))).count() > CURVES {
            return Err(NoDelivery::TooMany);
        }
        Ok(Self { id: id.into(), at, signatures: found })
    }

    /// How many signatures on a curve have to be verified for these keys, at most.
    #[must_use]
    pub fn curves(&self, keys: &[WebhookKey]) -> usize {
        let public = keys.iter().filter(|key| key.is_public()).count();
        let signed = self.signatures.iter().filter(|one| matches!(one, Signature::Curve(_))).count();
        public.saturating_mul(signed)
    }

    /// Whether one of the signatures is by one of the keys, over this body.
    #[must_use]
    pub fn is_by(&self, keys: &[WebhookKey], body: &[u8]) -> bool {
        let head = format!("{}.{}.", self.id, self.at);
        let mut whole: Option<Vec<u8>> = None;
        let tagged = self.signatures.iter().any(|one| matches!(one, Signature::Tag(_)));
        keys.iter().any(|key| match key {
            WebhookKey::Secret(_) if !tagged => false,
            WebhookKey::Secret(secret) => {
                let mut context = hmac::Context::with_key(secret);
                context.update(head.as_bytes());
                context.update(body);
                let tag = context.sign();
                let same = |found: &[u8]| verify_slices_are_equal(found, tag.as_ref()).is_ok();
                self.signatures.iter().any(|one| matches!(one, Signature::Tag(found) if same(found)))
            }
            WebhookKey::Public(key) => {
                let key = UnparsedPublicKey::new(&ED25519, key);
                self.signatures.iter().any(|one| match one {
                    Signature::Tag(_) => false,
                    Signature::Curve(found) => {
                        let whole = whole.get_or_insert_with(|| [head.as_bytes(), body].concat());
                        key.verify(whole, &**found).is_ok()
                    }
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET_TEXT: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: &str = "1614265330";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const TAG_TEXT: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    /// By the key of which the reference library's own tests have the seed.
    const CURVE_TEXT: &str =
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==";
    const SEED: &str = "VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=";

    fn read(id: &str, at: &str, signatures: &str) -> Result<Delivery, NoDelivery> {
        Delivery::read(id.as_bytes(), at.as_bytes(), signatures.as_bytes())
    }

    fn public() -> WebhookKey {
        use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
        let pair = Ed25519KeyPair::from_seed_unchecked(&STANDARD.decode(SEED).unwrap()).unwrap();
        WebhookKey::public(&format!("whpk_{}", STANDARD.encode(pair.public_key().as_ref()))).unwrap()
    }

    fn secret() -> WebhookKey {
        WebhookKey::secret(SECRET_TEXT.as_bytes()).unwrap()
    }

    #[test]
    fn signatures_are_those_of_the_reference_library() {
        for signatures in [
            TAG_TEXT.to_owned(),
            CURVE_TEXT.to_owned(),
            format!("v2,whatever {TAG_TEXT}"),
            format!("v1,{} {TAG_TEXT}", STANDARD.encode([7; 32])),
            format!("{CURVE_TEXT} {TAG_TEXT}"),
        ] {
            let delivery = read(ID, AT, &signatures).unwrap();
            assert!(delivery.is_by(&[secret(), public()], BODY), "{signatures}");
            assert!(!delivery.is_by(&[secret(), public()], b"{}"), "{signatures}");
            assert!(!read("msg", AT, &signatures).unwrap().is_by(&[secret(), public()], BODY));
            assert!(!read(ID, "1614265331", &signatures).unwrap().is_by(&[secret(), public()], BODY));
            assert!(!delivery.is_by(&[], BODY));
        }
        assert!(!read(ID, AT, TAG_TEXT).unwrap().is_by(&[public()], BODY));
        assert!(!read(ID, AT, CURVE_TEXT).unwrap().is_by(&[secret()], BODY));
        assert_eq!(
            read(ID, AT, &format!("{CURVE_TEXT} {TAG_TEXT}")).unwrap().curves(&[secret(), public()]),
            1
        );
    }

    #[test]
    fn what_is_no_delivery_is_told_which_field_is_wrong() {
        use NoDelivery::{Id, NoKnown, Signature, Timestamp, TooMany};
        let many = [TAG_TEXT; SIGNATURES + 1].join(" ");
        let curves = [CURVE_TEXT; CURVES + 1].join(" ");
        assert!(read(ID, AT, &[CURVE_TEXT; CURVES].join(" ")).unwrap().is_by(&[secret(), public()], BODY));
        let long = "a".repeat(ID_BYTES + 1);
        for (id, at, signatures, why) in [
            ("", AT, TAG_TEXT, Id),
            ("a.b", AT, TAG_TEXT, Id),
            ("a b", AT, TAG_TEXT, Id),
            ("\u{e9}", AT, TAG_TEXT, Id),
            (long.as_str(), AT, TAG_TEXT, Id),
            (ID, "", TAG_TEXT, Timestamp),
            (ID, "-1", TAG_TEXT, Timestamp),
            (ID, "+1614265330", TAG_TEXT, Timestamp),
            (ID, "01614265330", TAG_TEXT, Timestamp),
            (ID, "1614265330.0", TAG_TEXT, Timestamp),
            (ID, "1e9", TAG_TEXT, Timestamp),
            (ID, "1614265330000", TAG_TEXT, Timestamp),
            (ID, AT, "", Signature),
            (ID, AT, "v1", Signature),
            (ID, AT, "v1,", Signature),
            (ID, AT, ",g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", Signature),
            (ID, AT, "v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=", Signature),
            (ID, AT, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", Signature),
            (ID, AT, "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", Signature),
            (ID, AT, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=, v2,a", Signature),
            (ID, AT, "V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", NoKnown),
            (ID, AT, "v2,whatever", NoKnown),
            (ID, AT, many.as_str(), TooMany),
            (ID, AT, curves.as_str(), TooMany),
        ] {
            assert_eq!(read(id, at, signatures).map(|_| ()), Err(why), "{id} {at} {signatures}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let (short, long) = (STANDARD.encode([7; 23]), STANDARD.encode([7; 65]));
        let padded = STANDARD.encode([7; 32]);
        for good in [SECRET_TEXT, &padded, padded.trim_end_matches('='), &format!("{padded}\n")] {
            assert!(WebhookKey::secret(good.as_bytes()).is_some(), "{good}");
        }
        for bad in ["", "whsec_", "hunter2", "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &short, &long] {
            assert!(WebhookKey::secret(bad.as_bytes()).is_none(), "{bad}");
        }
        for bad in ["", "whpk_", SECRET_TEXT, "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SEED] {
            assert!(WebhookKey::public(bad).is_none(), "{bad}");
        }
        assert_eq!(format!("{:?}", [secret(), public()]), "[Secret, Public]");
    }
}
