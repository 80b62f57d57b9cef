//! Signatures that the gateway makes itself, over calls as it sends them: the other side of [`crate::Signature`].
//!
//! Covered are method, authority, path and query of what a target gets, and of the fields that are vouched for those that are sent, in one
//! order. A nonce stands in each, so that a service can take it once.

use std::fmt::{self, Write};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use engine::Clock;
use engine::upstream::{SentHead, Sign};
use http::{HeaderName, HeaderValue};

use crate::component::Component;
use crate::key::between;
use crate::signature::{SIGNATURE, SIGNATURE_INPUT};
use crate::{Algorithm, KeyFault, Message, base, normal_authority};

/// What is covered of every call.
const ALWAYS: [&str; 4] = ["@method", "@authority", "@path", "@query"];
/// Bytes of a nonce.
const NONCE: usize = 16;

/// A private key, or a secret, and its algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<rsa::KeyPair>, &'static dyn RsaEncoding),
    Secret(Box<hmac::Key>),
}

impl SigningKey {
    /// A secret, for HMAC.
    #[must_use]
    pub fn secret(bytes: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        Self { algorithm: Algorithm::HmacSha256, material: Material::Secret(Box::new(key)) }
    }

    /// A private key in PKCS #8 and PEM (`BEGIN PRIVATE KEY`, RFC 7468 section 10). Without an algorithm, that of its curve.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn pem(text: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        let der = between(text, "PRIVATE KEY").ok_or(KeyFault::NotPrivatePem)?;
        let of = |algorithm: Algorithm| Some(Self { algorithm, material: material(algorithm, &der)? });
        if let Some(algorithm) = algorithm {
            return of(algorithm).ok_or(KeyFault::Unfit);
        }
        let curves = [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256, Algorithm::EcdsaP384Sha384];
        let is_rsa = || of(Algorithm::RsaPssSha512).is_some();
        let found = curves.into_iter().find_map(of);
        found.ok_or_else(|| if is_rsa() { KeyFault::Undecided } else { KeyFault::Unfit })
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The signature over a base; `None` when the library fails.
    #[must_use]
    pub fn sign(&self, base: &[u8]) -> Option<Vec<u8>> {
        Some(match &self.material {
            Material::Ed25519(pair) => pair.try_sign(base).ok()?.as_ref().to_vec(),
            Material::Ecdsa(pair) => pair.sign(&SystemRandom::new(), base).ok()?.as_ref().to_vec(),
            Material::Rsa(pair, encoding) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), base, &mut out).ok()?;
                out
            }
            Material::Secret(secret) => hmac::sign(secret, base).as_ref().to_vec(),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm.name()).finish_non_exhaustive()
    }
}

fn material(algorithm: Algorithm, der: &[u8]) -> Option<Material> {
    let ecdsa = |curve: &'static EcdsaSigningAlgorithm| {
        EcdsaKeyPair::from_pkcs8(curve, der).ok().map(Material::Ecdsa)
    };
    let rsa = |encoding: &'static dyn RsaEncoding| {
        let pair = rsa::KeyPair::from_pkcs8(der).ok()?;
        Some(Material::Rsa(Box::new(pair), encoding))
    };
    match algorithm {
        Algorithm::Ed25519 => Ed25519KeyPair::from_pkcs8(der).ok().map(Material::Ed25519),
        Algorithm::EcdsaP256Sha256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::EcdsaP384Sha384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::RsaPssSha512 => rsa(&RSA_PSS_SHA512),
        Algorithm::RsaV15Sha256 => rsa(&RSA_PKCS1_SHA256),
        Algorithm::HmacSha256 => None,
    }
}

/// How calls to an upstream are signed.
#[derive(Debug)]
pub struct Seal {
    /// The key.
    pub key: SigningKey,
    /// What the service knows it by.
    pub keyid: Box<str>,
    /// What the signature is called in its fields.
    pub label: Box<str>,
    /// Its `tag`.
    pub tag: Option<Box<str>>,
    /// For how many seconds it is good.
    pub lasts: u64,
    /// The fields that it covers where they are sent.
    pub fields: Box<[HeaderName]>,
}

impl Seal {
    fn write(&self, head: &SentHead<'_>, clock: &dyn Clock) -> Option<[(HeaderName, HeaderValue); 2]> {
        let mut components: Vec<Component> =
            ALWAYS.iter().filter_map(|name| Component::named(name)).collect();
        components.extend(self.fields.iter().filter_map(|name| Component::sent(name, head.fields)));
        let parameters = self.parameters(&components, clock);
        let message = Message {
            method: head.method.as_str(),
            scheme: if head.tls { "https" } else { "http" },
            authority: normal_authority(head.authority.to_str().ok()?, head.tls),
            path: head.target.path().into(),
            query: head.target.query(),
            headers: head.fields,
        };
        let base = base::write(&components, &parameters, &message).ok()?;
        let signature = STANDARD.encode(self.key.sign(&base)?);
        let input = HeaderValue::from_str(&format!("{}={parameters}", self.label)).ok()?;
        let signature = HeaderValue::from_str(&format!("{}=:{signature}:", self.label)).ok()?;
        Some([(SIGNATURE_INPUT, input), (SIGNATURE, signature)])
    }

    /// Components and parameters as they stand in the field and at the end of the base.
    fn parameters(&self, components: &[Component], clock: &dyn Clock) -> String {
        let mut nonce = [0; NONCE];
        clock.fill(&mut nonce);
        let created = clock.unix().seconds();
        let mut out = String::with_capacity(256);
        for component in components {
            out.push(if out.is_empty() { '(' } else { ' ' });
            out.push_str(&component.text);
        }
        let expires = created.saturating_add(self.lasts);
        let _ =
            write!(out, ");created={created};expires={expires};nonce=\"{}\"", URL_SAFE_NO_PAD.encode(nonce));
        push_text(&mut out, "keyid", &self.keyid);
        if let Some(tag) = &self.tag {
            push_text(&mut out, "tag", tag);
        }
        out
    }
}

/// A parameter that is a string of ASCII (RFC 9651 section 4.1.6).
fn push_text(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, ";{name}=\"");
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            out.push('\\');
        }
        out.push(char);
    }
    out.push('"');
}

impl Sign for Seal {
    fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    fn sign(&self, head: &SentHead<'_>, clock: &dyn Clock) -> Option<Vec<(HeaderName, HeaderValue)>> {
        self.write(head, clock).map(Vec::from)
    }
}
