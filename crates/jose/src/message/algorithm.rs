//! How sender and recipient come to a content key: RFC 7518 section 4, RFC 8037 section 3.2.

use std::fmt;

use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap};
use zeroize::Zeroizing;

/// How a content key is made known to the recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256.
    RsaOaep256,
    /// Agreed on by ECDH with a key that is made for the one message.
    EcdhEs,
    /// The same, and what was agreed on wraps the content key (AES, 128 bits).
    EcdhEsA128Kw,
    /// The same with 256 bits.
    EcdhEsA256Kw,
    /// Wrapped by a shared key of 128 bits.
    A128Kw,
    /// Wrapped by a shared key of 256 bits.
    A256Kw,
    /// A shared key is the content key.
    Dir,
}

impl KeyManagement {
    /// All of them.
    pub const ALL: [KeyManagement; 7] = [
        KeyManagement::RsaOaep256,
        KeyManagement::EcdhEs,
        KeyManagement::EcdhEsA128Kw,
        KeyManagement::EcdhEsA256Kw,
        KeyManagement::A128Kw,
        KeyManagement::A256Kw,
        KeyManagement::Dir,
    ];

    /// The registered name, as in `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyManagement::RsaOaep256 => "RSA-OAEP-256",
            KeyManagement::EcdhEs => "ECDH-ES",
            KeyManagement::EcdhEsA128Kw => "ECDH-ES+A128KW",
            KeyManagement::EcdhEsA256Kw => "ECDH-ES+A256KW",
            KeyManagement::A128Kw => "A128KW",
            KeyManagement::A256Kw => "A256KW",
            KeyManagement::Dir => "dir",
        }
    }

    /// The algorithm of a registered name; names are case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<KeyManagement> {
        KeyManagement::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether the key is agreed on by ECDH.
    pub(crate) fn agrees(self) -> bool {
        matches!(self, KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw)
    }

    /// Whether a message has no encrypted key (RFC 7516 section 5.2, step 10).
    pub(crate) fn is_direct(self) -> bool {
        matches!(self, KeyManagement::EcdhEs | KeyManagement::Dir)
    }

    /// Bytes of the key that wraps the content key, where one does.
    pub(crate) fn wrapping_bytes(self) -> Option<usize> {
        match self {
            KeyManagement::A128Kw | KeyManagement::EcdhEsA128Kw => Some(16),
            KeyManagement::A256Kw | KeyManagement::EcdhEsA256Kw => Some(32),
            _ => None,
        }
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// AES key wrap (RFC 3394) under a key of 128 or 256 bits.
pub(crate) fn wrap(wrapping: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; key.len() + 8];
    let length = kek(wrapping)?.wrap(key, &mut out).ok()?.len();
    out.truncate(length);
    Some(out)
}

/// Undoes [`wrap`].
pub(crate) fn unwrap(wrapping: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(vec![0; wrapped.len()]);
    let length = kek(wrapping)?.unwrap(wrapped, &mut out).ok()?.len();
    out.truncate(length);
    Some(out)
}

fn kek(key: &[u8]) -> Option<AesKek> {
    match key.len() {
        16 => AesKek::new(&key_wrap::AES_128, key).ok(),
        32 => AesKek::new(&key_wrap::AES_256, key).ok(),
        _ => None,
    }
}
