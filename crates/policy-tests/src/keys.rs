//! Keys that stand in for those of issuers, and those of clients: made for one run, kept in memory, of the algorithm that is taken.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use jose::{Algorithm, base64url_encode as encode};
use serde_json::{Value as Json, json};

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

    /// What of the public key a JWK has (RFC 7517, RFC 7518 section 6), in the order of RFC 7638.
    fn members(&self) -> Option<BTreeMap<&'static str, String>> {
        let own = |text: &str| text.to_owned();
        let members = match &self.pair {
            Pair::Rsa(pair) => {
                // RSAPublicKey of RFC 8017 appendix A.1.1, for a modulus of 2048 bits and an exponent of three bytes.
                let der = pair.public_key().as_ref();
                let modulus = der.get(9..der.len().checked_sub(5)?)?;
                let exponent = der.get(der.len().checked_sub(3)?..)?;
                vec![("kty", own("RSA")), ("n", encode(modulus)), ("e", encode(exponent))]
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref().get(1..)?;
                let (x, y) = point.split_at_checked(point.len() / 2)?;
                let curve = match self.algorithm {
                    Algorithm::Es256 => "P-256",
                    Algorithm::Es384 => "P-384",
                    _ => "P-521",
                };
                vec![("kty", own("EC")), ("crv", own(curve)), ("x", encode(x)), ("y", encode(y))]
            }
            Pair::Ed(pair) => {
                let x = encode(pair.public_key().as_ref());
                vec![("kty", own("OKP")), ("crv", own("Ed25519")), ("x", x)]
            }
        };
        Some(members.into_iter().collect())
    }

    /// The public key as a JWK (RFC 7517), named by its algorithm.
    pub(crate) fn jwk(&self) -> Option<String> {
        let name = self.algorithm.name().to_owned();
        let more = [("kid", name.clone()), ("alg", name), ("use", String::from("sig"))];
        Some(json!(self.members()?.into_iter().chain(more).collect::<BTreeMap<_, _>>()).to_string())
    }

    /// Its SHA-256 thumbprint (RFC 7638) in base64url, by which a token is bound to it.
    pub(crate) fn thumbprint(&self) -> Option<String> {
        Some(encode(digest(&SHA256, json!(self.members()?).to_string().as_bytes()).as_ref()))
    }

    /// A token in the compact form of RFC 7515 section 7.1.
    pub(crate) fn token(&self, typ: &str, payload: &str) -> Option<String> {
        let name = self.algorithm.name();
        self.signed(&json!({ "alg": name, "kid": name, "typ": typ }), payload)
    }

    /// A proof of possession (RFC 9449 section 4.2).
    pub(crate) fn proof(&self, payload: &str) -> Option<String> {
        let header = json!({ "alg": self.algorithm.name(), "typ": "dpop+jwt", "jwk": self.members()? });
        self.signed(&header, payload)
    }

    fn signed(&self, header: &Json, payload: &str) -> Option<String> {
        let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.as_bytes()));
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
