//! Nonces for proofs (RFC 9449 sections 8 and 9), of which nothing is kept: each is a keyed hash of the minute that it was
//! given in, so that whoever has the key knows its own.
//!
//! They bound how long before its use a proof can have been made. One is taken in its own minute and the next, so from one
//! to two minutes; who shows one of the last minute is given the new one with the answer.

use std::sync::Arc;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use engine::CoreContext;
use http::HeaderValue;

use crate::security::possession::NonceKey;

/// How long the same nonce is given, in seconds.
const SPAN: u64 = 60;
/// What else the key may hash never begins so.
const PURPOSE: &[u8] = b"yett: nonce of proofs, by its number since 1970: ";

/// How old a nonce is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// The one that is given now.
    Current,
    /// The one that was given before it, still good.
    Last,
    /// Older, or none of ours.
    Unknown,
}

/// Gives nonces and knows them again.
#[derive(Debug)]
pub(super) struct Nonces(Key);

impl Nonces {
    /// Those of a key; all cores and reloads give the same.
    pub(super) fn of(core: &CoreContext, key: &NonceKey) -> Arc<Self> {
        match key {
            NonceKey::Shared(secret) => Arc::new(Self(Key::new(HMAC_SHA256, secret))),
            NonceKey::Own => core.keyed.get_or_make("proof-nonces", "", || {
                let mut secret = zeroize::Zeroizing::new([0; 32]);
                core.clock.fill(&mut *secret);
                Self(Key::new(HMAC_SHA256, &*secret))
            }),
        }
    }

    /// The nonce that is given now.
    pub(super) fn current(&self, now: u64) -> Option<HeaderValue> {
        let tag = sign(&self.0, &input(now / SPAN));
        HeaderValue::from_str(&jose::base64url_encode(tag.as_ref())).ok()
    }

    /// How old a nonce is; takes the same time for all that are as long as ours.
    pub(super) fn age(&self, nonce: &str, now: u64) -> Age {
        let Some(tag) = jose::base64url_decode(nonce) else { return Age::Unknown };
        let number = now / SPAN;
        if verify(&self.0, &input(number), &tag).is_ok() {
            return Age::Current;
        }
        match number.checked_sub(1).map(|last| verify(&self.0, &input(last), &tag)) {
            Some(Ok(())) => Age::Last,
            _ => Age::Unknown,
        }
    }
}

fn input(number: u64) -> Vec<u8> {
    [PURPOSE, &number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_in_their_minute_and_the_next() {
        let of = |secret: &[u8]| Nonces(Key::new(HMAC_SHA256, secret));
        let (ours, others) = (of(&[1; 32]), of(&[2; 32]));
        let given = ours.current(600).unwrap();
        let text = given.to_str().unwrap();
        assert_eq!(text.len(), 43);
        for (now, age) in [
            (600, Age::Current),
            (659, Age::Current),
            (660, Age::Last),
            (719, Age::Last),
            (720, Age::Unknown),
            (599, Age::Unknown),
            (0, Age::Unknown),
        ] {
            assert_eq!(ours.age(text, now), age, "{now}");
        }
        assert_eq!(others.age(text, 600), Age::Unknown, "another key's");
        assert_ne!(ours.current(660), Some(given.clone()), "they rotate");
        assert_eq!(of(&[1; 32]).age(text, 601), Age::Current, "gateways with one key take each other's");
        let zeros = "A".repeat(43);
        for other in ["", "A", &text[1..], &format!("{text}A"), &format!("{text}="), &zeros] {
            assert_eq!(ours.age(other, 600), Age::Unknown, "{other}");
        }
    }
}
