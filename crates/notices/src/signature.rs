//! Signatures of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, in base64, `v1,` before it; several with spaces
//! between while a secret is replaced by another.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The header field with the event's id, the same each time that it is sent.
pub const ID: &str = "webhook-id";
/// The header field with the moment of sending, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header field with the signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// What secrets begin with.
const PREFIX: &str = "whsec_";

/// A secret that events are signed with.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// It is no such secret. What it is instead is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSecret;

impl fmt::Display for BadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not base64 of 24 to 64 bytes")
    }
}

impl Secret {
    /// Reads base64 of 24 to 64 bytes, with or without `whsec_` before it.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &[u8]) -> Result<Self, BadSecret> {
        let text = std::str::from_utf8(text).map_err(|_| BadSecret)?.trim();
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| BadSecret)?);
        if !(24..=64).contains(&bytes.len()) {
            return Err(BadSecret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(id.as_bytes());
        context.update(b".");
        context.update(seconds.to_string().as_bytes());
        context.update(b".");
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }

    /// The value of [`SIGNATURE`] for an event that is sent at `seconds` since 1970.
    #[must_use]
    pub fn sign_all(secrets: &[Self], id: &str, seconds: u64, body: &[u8]) -> String {
        let all: Vec<String> = secrets.iter().map(|secret| secret.sign(id, seconds, body)).collect();
        all.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    /// As the reference implementation's own tests have it.
    #[test]
    fn signatures_are_those_of_the_reference_library() {
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let known = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let secret = |text: &str| Secret::parse(text.as_bytes()).unwrap();
        assert_eq!(Secret::sign_all(&[secret(NEW)], id, at, body), known);
        for other in [
            Secret::sign_all(&[secret(OLD)], id, at, body),
            Secret::sign_all(&[secret(NEW)], "msg", at, body),
            Secret::sign_all(&[secret(NEW)], id, at + 1, body),
            Secret::sign_all(&[secret(NEW)], id, at, b"{}"),
        ] {
            assert_ne!(other, known);
        }
        // While a secret is replaced, either verifies.
        let both = Secret::sign_all(&[secret(OLD), secret(NEW)], id, at, body);
        let all: Vec<&str> = both.split(' ').collect();
        assert!(all.len() == 2 && all[1] == known && all[0].starts_with("v1,"), "{both}");
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for good in [NEW, NEW.strip_prefix(PREFIX).unwrap(), &format!("{OLD}\n")] {
            assert!(Secret::parse(good.as_bytes()).is_ok());
        }
        let (short, long) = (STANDARD.encode([7; 23]), STANDARD.encode([7; 65]));
        for bad in
            ["", "whsec_", "hunter2", "whsec_!!!!", &short, &long, "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
        {
            assert!(Secret::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Secret::parse(&[0xff; 40]).is_err());
        assert_eq!(format!("{:?}", Secret::parse(NEW.as_bytes())), "Ok(Secret)");
    }
}
