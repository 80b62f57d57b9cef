//! What a receiver of Standard Webhooks does with a delivery before it believes it, and what a sender does before: written from the
//! specification, apart from what signs and what verifies.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::recorder::Recorded;

/// Whether a delivery has an id, a moment in seconds and a good signature (`v1`) of a secret (`whsec_…`).
///
/// # Panics
/// When the secret is none.
#[must_use]
pub fn is_signed(call: &Recorded, secret: &str) -> bool {
    let field = |name: &str| call.head.all(name).next().unwrap_or_default().to_owned();
    let (id, at) = (field("webhook-id"), field("webhook-timestamp"));
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", &call.body].concat();
    let good = |signature: &str| {
        let bytes = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        bytes.is_some_and(|bytes| hmac::verify(&key, &signed, &bytes).is_ok())
    };
    !id.is_empty() && at.parse::<u64>().is_ok() && field("webhook-signature").split(' ').any(good)
}

/// The signature (`v1`) over a delivery by the bytes of a secret.
#[must_use]
pub fn tag(secret: &[u8], id: &str, at: &str, body: &[u8]) -> String {
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &signed);
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

/// A sender with a key pair of its own.
#[derive(Debug)]
pub struct Curve(Ed25519KeyPair);

impl Curve {
    /// The one of a seed.
    ///
    /// # Panics
    /// When the library takes no seeds.
    #[must_use]
    pub fn of(seed: [u8; 32]) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&seed).unwrap())
    }

    /// Its public key, as bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// The same as it is written.
    #[must_use]
    pub fn public(&self) -> String {
        format!("whpk_{}", STANDARD.encode(self.bytes()))
    }

    /// Its signature (`v1a`) over a delivery.
    #[must_use]
    pub fn sign(&self, id: &str, at: &str, body: &[u8]) -> String {
        let signed = [id.as_bytes(), b".", at.as_bytes(), b".", body].concat();
        format!("v1a,{}", STANDARD.encode(self.0.sign(&signed).as_ref()))
    }
}
