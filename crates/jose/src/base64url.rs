//! Base64url of RFC 7515 section 2: no padding, no space, no other alphabet, no bits left over.
//!
//! Strictness makes the encoding one-to-one, so that a token has a single spelling: caches and replay checks that key
//! on the text rely on it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Decodes; none when `text` is not the one encoding of some bytes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
