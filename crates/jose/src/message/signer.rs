//! Writing a signed message: RFC 7515 section 5.1.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaEncoding};
use bytes::Bytes;
use tape::{Builder, Node};
use zeroize::Zeroizing;

use super::MessageKeyError;
use super::keys::{private, rsa_pair};
use super::read::{self, Unused, is_for, text, thumbprint};
use crate::{Algorithm, KeyError, base64url, jwk};

/// A private key that signs messages by one algorithm.
pub struct Signer {
    algorithm: Algorithm,
    kid: Option<String>,
    thumbprint: [u8; 32],
    pair: Pair,
}

enum Pair {
    Rsa(rsa::KeyPair),
    Curve(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

impl Signer {
    /// The one private key of a JWK set that fits, of those with this `kid` when one is named.
    ///
    /// # Errors
    /// [`MessageKeyError`], also when none fits or more than one does.
    pub fn new(jwks_json: Bytes, kid: Option<&str>, algorithm: Algorithm) -> Result<Self, MessageKeyError> {
        let fitting = read::each(jwks_json, |jwk| {
            let own = text(jwk, "kid")?;
            if kid.is_some() && own.as_deref() != kid {
                return Err(Unused::Other);
            }
            let pair = Pair::read(jwk, algorithm)?;
            Ok(Self { algorithm, kid: own, thumbprint: thumbprint(jwk)?, pair })
        })?;
        read::only(fitting)
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The identifier of its key, which messages have.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What tells its key from every other.
    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }

    /// A message with this content. `typ` and `cty` are media types, without `application/` before them.
    ///
    /// # Errors
    /// [`KeyError`] when the cryptographic library fails.
    pub fn sign(&self, content: &[u8], typ: Option<&str>, cty: Option<&str>) -> Result<String, KeyError> {
        let mut header = Builder::new();
        header.begin_object().key("alg").string(self.algorithm.name());
        for (name, value) in [("kid", self.kid.as_deref()), ("typ", typ), ("cty", cty)] {
            if let Some(value) = value {
                header.key(name).string(value);
            }
        }
        header.end_object();
        let header = header.try_finish().map_err(|_| KeyError)?;
        let input = format!("{}.{}", base64url::encode(header.source()), base64url::encode(content));
        let signature = self.pair.sign(self.algorithm, input.as_bytes()).ok_or(KeyError)?;
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }
}

impl Pair {
    /// A key that is for this algorithm, out of a set in which others may be for others.
    fn read(jwk: Node<'_>, algorithm: Algorithm) -> Result<Self, Unused> {
        if text(jwk, "alg")?.is_some_and(|alg| Algorithm::from_name(&alg) != Some(algorithm)) {
            return Err(Unused::Other);
        }
        is_for(jwk, "sig", &["sign"])?;
        let kty = text(jwk, "kty")?;
        if Algorithm::RSA.contains(&algorithm) {
            return if kty.as_deref() == Some("RSA") {
                Ok(Pair::Rsa(rsa_pair(jwk)?))
            } else {
                Err(Unused::Other)
            };
        }
        let Some((_, public)) = jwk::curve(jwk).filter(|(serves, _)| *serves == algorithm) else {
            return Err(Unused::Other);
        };
        let secret = Zeroizing::new(private(jwk)?);
        let bad = Unused::Bad("its public and private parts differ");
        if algorithm == Algorithm::EdDsa {
            return match Ed25519KeyPair::from_seed_and_public_key(&secret, &public) {
                Ok(pair) => Ok(Pair::Edwards(pair)),
                Err(_) => Err(bad),
            };
        }
        let parameters = match algorithm {
            Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        };
        match EcdsaKeyPair::from_private_key_and_public_key(parameters, &secret, &public) {
            Ok(pair) => Ok(Pair::Curve(pair)),
            Err(_) => Err(bad),
        }
    }

    fn sign(&self, algorithm: Algorithm, input: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    _ => return None,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, input, &mut out).ok()?;
                Some(out)
            }
            Pair::Curve(pair) => Some(pair.sign(&random, input).ok()?.as_ref().to_vec()),
            Pair::Edwards(pair) => Some(pair.try_sign(input).ok()?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("alg", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}
