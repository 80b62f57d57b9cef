//! How keys are kept: HMAC-SHA-256 under a key that is not in the store (RFC 2104, FIPS 180-4).

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA256};

use crate::key::Presented;

/// Bytes of a key that hashes keys, at least.
pub const HASH_KEY_BYTES: usize = 32;

/// Goes before what is no API key, so that no such hash can pass for that of one: no key begins with it.
const DOMAIN: &[u8] = b"\0yett\0";

/// The keyed hash of one key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Of 64 hexadecimal digits in lower case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut out = [0; 32];
        let bytes = text.as_bytes();
        if bytes.len() != 64 || bytes.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
            *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(out))
    }

    /// As bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// As hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

/// Why bytes cannot be the key that hashes keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashKeyError;

impl fmt::Display for HashKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has less than {HASH_KEY_BYTES} bytes")
    }
}

/// The key that hashes keys. The cryptographic library wipes what it holds of it.
pub struct HashKey(hmac::Key);

impl HashKey {
    /// Of secret bytes, which the caller wipes.
    ///
    /// # Errors
    /// When there are less than [`HASH_KEY_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Self, HashKeyError> {
        if bytes.len() < HASH_KEY_BYTES {
            return Err(HashKeyError);
        }
        Ok(Self(hmac::Key::new(HMAC_SHA256, bytes)))
    }

    /// The hash of a key that was presented or just made.
    #[must_use]
    pub fn hash(&self, key: &Presented<'_>) -> Hash {
        Hash(to_array(&hmac::sign(&self.0, key.text())))
    }

    /// Whether a key is the one that was hashed; in constant time.
    #[must_use]
    pub fn is(&self, key: &Presented<'_>, kept: &Hash) -> bool {
        verify_slices_are_equal(hmac::sign(&self.0, key.text()).as_ref(), &kept.0).is_ok()
    }

    /// The hash of something that is no API key, for one purpose; each part counts with its length.
    #[must_use]
    pub fn seal(&self, purpose: &str, parts: &[&[u8]]) -> Hash {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(DOMAIN);
        for part in [purpose.as_bytes()].iter().chain(parts) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        Hash(to_array(&context.sign()))
    }

    /// What a store remembers of this key, to know it again.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        self.seal("fingerprint", &[])
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

fn to_array(tag: &hmac::Tag) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(tag.as_ref()).for_each(|(slot, byte)| *slot = *byte);
    out
}
