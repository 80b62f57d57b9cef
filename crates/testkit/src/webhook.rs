//! What a receiver of Standard Webhooks does with a delivery before it believes it: written from the specification, apart from
//! what signs.

use aws_lc_rs::hmac;
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
