//! Base64url of RFC 7515 section 2: no padding, no space, no other alphabet, no bits left over.
//!
//! Strictness makes the encoding one-to-one: nobody can respell a part of a token. The signature of ECDSA itself can
//! still be turned into a second valid one by anybody, see [`crate::verify`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Decodes; none when `text` is not the one encoding of some bytes.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
