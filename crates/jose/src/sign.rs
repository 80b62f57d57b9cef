//! Minting: the key of the local issuer, ES256 only (RFC 7518 section 3.4, RFC 9068 section 2).

use crate::base64url;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use std::fmt;
use tape::Builder;
use zeroize::Zeroizing;

/// A private ES256 key. Its own memory is zeroized by the cryptographic library.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    x: String,
    y: String,
    thumbprint: String,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError`] when the system gives no randomness.
    pub fn generate() -> Result<SigningKey, KeyError> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError).and_then(Self::new)
    }

    /// A key that [`SigningKey::to_pkcs8`] gave.
    ///
    /// # Errors
    /// [`KeyError`] when it is not a P-256 private key in PKCS #8.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<SigningKey, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8);
        pair.map_err(|_| KeyError).and_then(Self::new)
    }

    fn new(pair: EcdsaKeyPair) -> Result<SigningKey, KeyError> {
        // An uncompressed point: 4, then both coordinates (SEC 1 section 2.3.3).
        let (x, y) = match pair.public_key().as_ref().split_first() {
            Some((4, point)) if point.len() == 64 => point.split_at(32),
            _ => return Err(KeyError),
        };
        let (x, y) = (base64url::encode(x), base64url::encode(y));
        // RFC 7638 section 3: required members only, in this order, without space.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let thumbprint = base64url::encode(digest(&SHA256, canonical.as_bytes()).as_ref());
        Ok(SigningKey { pair, x, y, thumbprint })
    }

    /// The private key, to be stored where only its owner reads; erased from memory when dropped.
    ///
    /// # Errors
    /// [`KeyError`] when the cryptographic library fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self.pair.to_pkcs8v1().map_err(|_| KeyError)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// The key's thumbprint (RFC 7638), which is also its `kid`.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The public key as a JWK set.
    #[must_use]
    pub fn jwks_json(&self) -> String {
        format!(r#"{{"keys":[{}]}}"#, self.jwk_json())
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk_json(&self) -> String {
        let SigningKey { x, y, thumbprint, .. } = self;
        format!(
            r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","kid":"{thumbprint}","alg":"ES256","use":"sig"}}"#
        )
    }

    /// A signed token over `payload_json`, which is taken as it is.
    ///
    /// The header has `alg`, `kid` and `typ` (`at+jwt`); `header_extra` adds members of string type and may replace
    /// `typ`, never the other two.
    ///
    /// # Errors
    /// [`KeyError`] when a name occurs twice in `header_extra` or the cryptographic library fails.
    pub fn sign(&self, header_extra: &[(&str, &str)], payload_json: &[u8]) -> Result<String, KeyError> {
        let mut header = Builder::new();
        header.begin_object().key("alg").string("ES256").key("kid").string(&self.thumbprint);
        if !header_extra.iter().any(|(name, _)| *name == "typ") {
            header.key("typ").string("at+jwt");
        }
        for (name, value) in header_extra {
            header.key(name).string(value);
        }
        header.end_object();
        let header = header.try_finish().map_err(|_| KeyError)?;
        let input = format!("{}.{}", base64url::encode(header.source()), base64url::encode(payload_json));
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).map_err(|_| KeyError)?;
        Ok(format!("{input}.{}", base64url::encode(signature.as_ref())))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.thumbprint).finish_non_exhaustive()
    }
}

/// A private key could not be made, read or used. Says no more, so that nothing of a key can leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError;

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the signing key could not be made, read or used; it must be a p-256 private key in pkcs #8",
        )
    }
}

impl std::error::Error for KeyError {}
