//! Authenticated encryption of content: RFC 7518 section 5.

use std::fmt;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

/// How content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// AES GCM, 128 bits.
    A128Gcm,
    /// AES GCM, 192 bits.
    A192Gcm,
    /// AES GCM, 256 bits.
    A256Gcm,
    /// AES CBC of 128 bits and HMAC SHA-256.
    A128CbcHs256,
    /// AES CBC of 256 bits and HMAC SHA-512.
    A256CbcHs512,
}

impl ContentEncryption {
    /// All of them.
    pub const ALL: [ContentEncryption; 5] = [
        ContentEncryption::A128Gcm,
        ContentEncryption::A192Gcm,
        ContentEncryption::A256Gcm,
        ContentEncryption::A128CbcHs256,
        ContentEncryption::A256CbcHs512,
    ];

    /// The registered name, as in `enc`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ContentEncryption::A128Gcm => "A128GCM",
            ContentEncryption::A192Gcm => "A192GCM",
            ContentEncryption::A256Gcm => "A256GCM",
            ContentEncryption::A128CbcHs256 => "A128CBC-HS256",
            ContentEncryption::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// The encryption of a registered name; names are case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<ContentEncryption> {
        ContentEncryption::ALL.into_iter().find(|encryption| encryption.name() == name)
    }

    /// Bytes of a content key.
    pub(crate) fn key_bytes(self) -> usize {
        match self {
            ContentEncryption::A128Gcm => 16,
            ContentEncryption::A192Gcm => 24,
            ContentEncryption::A256Gcm | ContentEncryption::A128CbcHs256 => 32,
            ContentEncryption::A256CbcHs512 => 64,
        }
    }

    /// Bytes of an initialization vector.
    pub(crate) fn iv_bytes(self) -> usize {
        if self.gcm().is_some() { 12 } else { 16 }
    }

    /// Bytes of a tag; a shorter one is a weaker one.
    pub(crate) fn tag_bytes(self) -> usize {
        if self == ContentEncryption::A256CbcHs512 { 32 } else { 16 }
    }

    fn gcm(self) -> Option<&'static aead::Algorithm> {
        match self {
            ContentEncryption::A128Gcm => Some(&aead::AES_128_GCM),
            ContentEncryption::A192Gcm => Some(&aead::AES_192_GCM),
            ContentEncryption::A256Gcm => Some(&aead::AES_256_GCM),
            ContentEncryption::A128CbcHs256 | ContentEncryption::A256CbcHs512 => None,
        }
    }

    /// Ciphertext and tag; `None` when a length is wrong. The vector must be new for the key.
    pub(crate) fn encrypt(
        self,
        key: &[u8],
        iv: &[u8],
        aad: &[u8],
        content: &[u8],
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        if key.len() != self.key_bytes() {
            return None;
        }
        let mut out = Vec::with_capacity(content.len() + 16);
        out.extend_from_slice(content);
        if let Some(algorithm) = self.gcm() {
            let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
            let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut out).ok()?;
            return Some((out, tag.as_ref().to_vec()));
        }
        let (authentic, secret) = key.split_at_checked(key.len() / 2)?;
        let secret = UnboundCipherKey::new(self.cbc(), secret).ok()?;
        let context = EncryptionContext::Iv128(FixedLength::try_from(iv).ok()?);
        PaddedBlockEncryptingKey::cbc_pkcs7(secret).ok()?.less_safe_encrypt(&mut out, context).ok()?;
        let tag = self.authenticate(authentic, iv, aad, &out)?;
        Some((out, tag))
    }

    /// The content; `None` for whatever reason.
    pub(crate) fn decrypt(
        self,
        key: &[u8],
        (iv, tag): (&[u8], &[u8]),
        aad: &[u8],
        mut ciphertext: Vec<u8>,
    ) -> Option<Vec<u8>> {
        if key.len() != self.key_bytes() || tag.len() != self.tag_bytes() || iv.len() != self.iv_bytes() {
            return None;
        }
        let length = if let Some(algorithm) = self.gcm() {
            let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
            let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
            ciphertext.extend_from_slice(tag);
            key.open_in_place(nonce, Aad::from(aad), &mut ciphertext).ok()?.len()
        } else {
            let (authentic, secret) = key.split_at_checked(key.len() / 2)?;
            let expected = self.authenticate(authentic, iv, aad, &ciphertext)?;
            verify_slices_are_equal(&expected, tag).ok()?;
            let secret = UnboundCipherKey::new(self.cbc(), secret).ok()?;
            let context = DecryptionContext::Iv128(FixedLength::try_from(iv).ok()?);
            PaddedBlockDecryptingKey::cbc_pkcs7(secret).ok()?.decrypt(&mut ciphertext, context).ok()?.len()
        };
        ciphertext.truncate(length);
        Some(ciphertext)
    }

    fn cbc(self) -> &'static cipher::Algorithm {
        if self == ContentEncryption::A256CbcHs512 { &cipher::AES_256 } else { &cipher::AES_128 }
    }

    /// The tag of section 5.2.2.1: the first half of an HMAC of data, vector, ciphertext and the length of the data in bits.
    fn authenticate(self, key: &[u8], iv: &[u8], aad: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
        let algorithm =
            if self == ContentEncryption::A256CbcHs512 { hmac::HMAC_SHA512 } else { hmac::HMAC_SHA256 };
        let bits = u64::try_from(aad.len()).ok()?.checked_mul(8)?;
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        for part in [aad, iv, ciphertext, &bits.to_be_bytes()] {
            context.update(part);
        }
        Some(context.sign().as_ref().get(..self.tag_bytes())?.to_vec())
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
