//! Keys that stand in for those of issuers: made for one run, kept in memory, of the algorithm that an issuer wants.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use jose::{Algorithm, base64url_encode as encode};

enum Pair {
    Rsa(rsa::KeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A key with the algorithm that it signs by.
pub(crate) struct Key {
    algorithm: Algorithm,
    pair: Pair,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.algorithm.name())
    }
}

impl Key {
    /// A new key; `None` when the library cannot make one.
    pub(crate) fn generate(algorithm: Algorithm) -> Option<Self> {
        let ec = |curve| EcdsaKeyPair::generate(curve).ok().map(Pair::Ec);
        let pair = match algorithm {
            Algorithm::Es256 => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::Es512 => ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::EdDsa => Ed25519KeyPair::generate().ok().map(Pair::Ed),
            _ => rsa::KeyPair::generate(KeySize::Rsa2048).ok().map(Pair::Rsa),
        };
        Some(Self { algorithm, pair: pair? })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key as a JWK (RFC 7517), named by its algorithm.
    pub(crate) fn jwk(&self) -> Option<String> {
        let public = match &self.pair {
            Pair::Rsa(pair) => {
                // RSAPublicKey of RFC 8017 appendix A.1.1, for a modulus of 2048 bits and an exponent of three bytes.
                let der = pair.public_key().as_ref();
                let modulus = der.get(9..der.len().checked_sub(5)?)?;
                let exponent = der.get(der.len().checked_sub(3)?..)?;
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, encode(modulus), encode(exponent))
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref().get(1..)?;
                let (x, y) = point.split_at_checked(point.len() / 2)?;
                let curve = match self.algorithm {
                    Algorithm::Es256 => "P-256",
                    Algorithm::Es384 => "P-384",
                    _ => "P-521",
                };
                format!(r#""kty":"EC","crv":"{curve}","x":"{}","y":"{}""#, encode(x), encode(y))
            }
            Pair::Ed(pair) => {
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, encode(pair.public_key().as_ref()))
            }
        };
        let name = self.algorithm.name();
        Some(format!(r#"{{{public},"kid":"{name}","alg":"{name}","use":"sig"}}"#))
    }

    /// A token in the compact form of RFC 7515 section 7.1.
    pub(crate) fn token(&self, typ: &str, payload: &str) -> Option<String> {
        let name = self.algorithm.name();
        let header = serde_json::json!({ "alg": name, "kid": name, "typ": typ }).to_string();
        let input = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        Some(format!("{input}.{}", encode(&self.sign(input.as_bytes())?)))
    }

    fn sign(&self, input: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &'static dyn signature::RsaEncoding = match self.algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, input, &mut out).ok()?;
                Some(out)
            }
            Pair::Ec(pair) => Some(pair.sign(&random, input).ok()?.as_ref().to_vec()),
            Pair::Ed(pair) => Some(pair.sign(input).as_ref().to_vec()),
        }
    }
}
