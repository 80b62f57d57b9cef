//! Reading a signed message: RFC 7515 sections 5.2 and 7.1.

use std::fmt;

use super::{MAX_HEADER_BYTES, MessageFault};
use crate::{Algorithm, Header, KeySet, base64url, token, verify};

/// Longest signature as it is written: one of an RSA key of 8192 bits.
const MAX_SIGNATURE_BYTES: usize = 1400;

/// A signed message as it came.
pub struct Signed<'a> {
    header: Header,
    input: &'a str,
    content: &'a str,
    signature: Vec<u8>,
}

impl<'a> Signed<'a> {
    /// Reads a message without any key. How long it may be is whoever's business who has it whole.
    ///
    /// # Errors
    /// Any of [`MessageFault`] but those that need a key.
    pub fn parse(text: &'a str) -> Result<Self, MessageFault> {
        let (input, header, content, signature) = token::parts(text)?;
        if header.len() > MAX_HEADER_BYTES || signature.len() > MAX_SIGNATURE_BYTES {
            return Err(MessageFault::TooLarge);
        }
        let header = Header::decode(header)?;
        let signature = base64url::decode(signature).ok_or(MessageFault::Malformed)?;
        Ok(Self { header, input, content, signature })
    }

    /// What the header claims; proven once the message was verified.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// With how many keys it is tried at most.
    #[must_use]
    pub fn tried(&self, keys: &KeySet) -> usize {
        verify::fitting(&self.header, keys).count()
    }

    /// The content, when the signature is that of one of these keys: of those with the header's `kid`, when it has one.
    ///
    /// # Errors
    /// [`MessageFault::AlgNotAllowed`], [`MessageFault::UnknownKey`], [`MessageFault::KeyMismatch`], [`MessageFault::BadSignature`];
    /// [`MessageFault::Malformed`] when the content is not base64url.
    pub fn verify(&self, keys: &KeySet, allowed: &[Algorithm]) -> Result<Vec<u8>, MessageFault> {
        verify::signature(&self.header, (self.input, &self.signature), keys, allowed)?;
        base64url::decode(self.content).ok_or(MessageFault::Malformed)
    }
}

impl fmt::Debug for Signed<'_> {
    /// The header only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("header", &self.header).finish_non_exhaustive()
    }
}
