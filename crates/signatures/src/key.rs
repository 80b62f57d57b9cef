//! A key under which signatures are verified, with the one algorithm that it serves.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jose::KeySet;
use zeroize::Zeroizing;

use crate::Algorithm;

/// A key and its algorithm.
pub struct Key {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Public(ParsedPublicKey),
    /// One of a set, by its name, for the algorithm of JOSE that is the same.
    OfSet(Arc<KeySet>, Box<str>, jose::Algorithm),
    Secret(Box<hmac::Key>),
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// Not one public key in PEM.
    NotPem,
    /// Not one private key in PKCS #8 and PEM.
    NotPrivatePem,
    /// No key that the algorithm can use; without one, none of P-256, P-384, Ed25519 or RSA.
    Unfit,
    /// An RSA key, which serves two algorithms.
    Undecided,
    /// The set has no key of this name that can be used.
    NotInSet,
    /// The set has more than one key of this name.
    Twice,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyFault::NotPem => "it is no public key in PEM",
            KeyFault::NotPrivatePem => "it is no private key in PKCS #8 and PEM",
            KeyFault::Unfit => "it is no key of the algorithm, or of none that is taken",
            KeyFault::Undecided => "an RSA key serves two algorithms: name one",
            KeyFault::NotInSet => "the key set has no usable key with this `kid`",
            KeyFault::Twice => "the key set has several keys with this `kid`",
        })
    }
}

impl Key {
    /// A secret, for HMAC.
    #[must_use]
    pub fn secret(bytes: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        Self { algorithm: Algorithm::HmacSha256, material: Material::Secret(Box::new(key)) }
    }

    /// A public key in PEM (`BEGIN PUBLIC KEY`, RFC 7468 section 13). Without an algorithm, that of its curve.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn pem(text: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        let der = between(text, "PUBLIC KEY").ok_or(KeyFault::NotPem)?;
        let of = |algorithm: Algorithm| {
            let public = ParsedPublicKey::new(verifier(algorithm)?, &der).ok()?;
            Some(Self { algorithm, material: Material::Public(public) })
        };
        if let Some(algorithm) = algorithm {
            return of(algorithm).ok_or(KeyFault::Unfit);
        }
        let curves = [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256, Algorithm::EcdsaP384Sha384];
        let found = curves.into_iter().find_map(of);
        let is_rsa = || of(Algorithm::RsaPssSha512).is_some();
        found.ok_or_else(|| if is_rsa() { KeyFault::Undecided } else { KeyFault::Unfit })
    }

    /// A public key of a set, by its `kid`. Without an algorithm, the one that the key serves.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn of_set(set: &Arc<KeySet>, kid: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        match set.kids().filter(|known| *known == kid).count() {
            0 => return Err(KeyFault::NotInSet),
            1 => {}
            _ => return Err(KeyFault::Twice),
        }
        let serves = |one: &Algorithm| one.of_jose().is_some_and(|own| set.serves(kid, own));
        let wanted = |one: &Algorithm| algorithm.is_none_or(|named| named == *one);
        let mut fitting = Algorithm::ALL.into_iter().filter(|one| wanted(one) && serves(one));
        let algorithm = fitting.next().ok_or(KeyFault::Unfit)?;
        if fitting.next().is_some() {
            return Err(KeyFault::Undecided);
        }
        let own = algorithm.of_jose().ok_or(KeyFault::Unfit)?;
        Ok(Self { algorithm, material: Material::OfSet(Arc::clone(set), kid.into(), own) })
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a signature over a base is good.
    #[must_use]
    pub fn verifies(&self, base: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Public(public) => public.verify_sig(base, signature).is_ok(),
            Material::OfSet(set, kid, own) => set.verifies(kid, *own, base, signature),
            Material::Secret(secret) => hmac::verify(secret, base, signature).is_ok(),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm.name()).finish_non_exhaustive()
    }
}

fn verifier(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::RsaV15Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::Ed25519 => &signature::ED25519,
        Algorithm::HmacSha256 => return None,
    })
}

/// What is between the lines of the one key of a PEM text, erased from memory when it is dropped.
pub(crate) fn between(text: &str, what: &str) -> Option<Zeroizing<Vec<u8>>> {
    let inner = text.trim().strip_prefix(&format!("-----BEGIN {what}-----"))?;
    let inner = inner.strip_suffix(&format!("-----END {what}-----"))?;
    let base64: Zeroizing<String> = Zeroizing::new(inner.split_ascii_whitespace().collect());
    STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
}
