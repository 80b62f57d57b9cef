//! A mint of tokens, good and hostile: it signs whatever it is told to, with whatever it is told to.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Base64 with padding.
#[must_use]
pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Base64url without padding.
#[must_use]
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An algorithm to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "names of RFC 7518 and RFC 8037")]
pub enum Alg {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

impl Alg {
    /// As in a token's header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Alg::Rs256 => "RS256",
            Alg::Rs384 => "RS384",
            Alg::Rs512 => "RS512",
            Alg::Ps256 => "PS256",
            Alg::Ps384 => "PS384",
            Alg::Ps512 => "PS512",
            Alg::Es256 => "ES256",
            Alg::Es384 => "ES384",
            Alg::Es512 => "ES512",
            Alg::EdDsa => "EdDSA",
        }
    }
}

enum Pair {
    Rsa(rsa::KeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// One key pair with its name.
pub struct Mint {
    /// `kid`.
    pub kid: String,
    /// What it signs with unless told otherwise.
    pub alg: Alg,
    pair: Pair,
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mint({}, {:?})", self.kid, self.alg)
    }
}

impl Mint {
    /// A new key.
    ///
    /// # Panics
    /// When the library cannot make one.
    #[must_use]
    pub fn new(alg: Alg, kid: &str) -> Self {
        let ec = |curve| Pair::Ec(EcdsaKeyPair::generate(curve).unwrap());
        let pair = match alg {
            Alg::Es256 => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Alg::Es384 => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Alg::Es512 => ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Alg::EdDsa => Pair::Ed(Ed25519KeyPair::generate().unwrap()),
            _ => Pair::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        Self { kid: kid.to_owned(), alg, pair }
    }

    /// The public key's members, without braces.
    #[must_use]
    pub fn public(&self) -> String {
        match &self.pair {
            Pair::Rsa(pair) => {
                // The RSAPublicKey of PKCS #1, for a modulus of 2048 bits and an exponent of three bytes.
                let der = pair.public_key().as_ref();
                let (n, e) = (&der[9..der.len() - 5], &der[der.len() - 3..]);
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, base64url(n), base64url(e))
            }
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                format!(r#""kty":"EC","crv":"{crv}","x":"{}","y":"{}""#, base64url(x), base64url(y))
            }
            Pair::Ed(pair) => {
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, base64url(pair.public_key().as_ref()))
            }
        }
    }

    /// The public key as a JWK with its name.
    #[must_use]
    pub fn jwk(&self) -> String {
        format!(r#"{{{},"kid":"{}","use":"sig"}}"#, self.public(), self.kid)
    }

    /// The public key as everybody could have it: DER and PEM, what an HMAC in the wrong hands is keyed with.
    ///
    /// # Panics
    /// When the library cannot encode it.
    #[must_use]
    pub fn public_texts(&self) -> Vec<Vec<u8>> {
        let mut texts = vec![self.jwk().into_bytes(), format!("{{{}}}", self.public()).into_bytes()];
        if let Pair::Rsa(pair) = &self.pair {
            let key = pair.public_key();
            let der = AsDer::<PublicKeyX509Der<'_>>::as_der(key).unwrap();
            let encoded = STANDARD.encode(der.as_ref());
            let lines: Vec<&str> =
                encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
            texts.extend([
                der.as_ref().to_vec(),
                key.as_ref().to_vec(),
                format!("{pem}\n").into(),
                pem.into(),
            ]);
        }
        texts
    }

    /// Signs bytes as `alg`, when the key can.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    pub fn sign(&self, alg: Alg, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &'static dyn signature::RsaEncoding = match alg {
                    Alg::Rs256 => &signature::RSA_PKCS1_SHA256,
                    Alg::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Alg::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Alg::Ps256 => &signature::RSA_PSS_SHA256,
                    Alg::Ps384 => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, input, &mut out).unwrap();
                out
            }
            Pair::Ec(pair) => pair.sign(&random, input).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }

    /// A token of exactly these two texts, signed with this key whatever the header says.
    #[must_use]
    pub fn jws(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", base64url(header), base64url(payload));
        let signature = base64url(self.sign(self.alg, input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// A token with a plain good header.
    #[must_use]
    pub fn token(&self, payload: &str) -> String {
        self.jws(&format!(r#"{{"alg":"{}","kid":"{}","typ":"at+jwt"}}"#, self.alg.name(), self.kid), payload)
    }
}

/// A token signed with an HMAC of this secret (RFC 7518 section 3.2).
#[must_use]
pub fn hmac_token(header: &str, payload: &str, secret: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{input}.{}", base64url(hmac::sign(&key, input.as_bytes())))
}
