//! Who sign calls, and what signatures have to cover (HTTP Message Signatures, RFC 9421); and how the gateway signs its own.

use super::possession::Nonce;
use crate::read::Spanned;
use crate::units::{Duration, FileRef, PublicKey, SecretRef, Strings};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Callers whose signatures over calls prove who they are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Signers {
    /// who is let in, with its key, scopes and roles, by the `keyid` of signatures
    pub keys: BTreeMap<String, Spanned<Signer>>,
    /// JWK set with the public keys of those that have no key of their own here; found by `kid`
    #[serde(default)]
    pub jwks: Option<Spanned<FileRef>>,
    /// what a signature has to cover beside what it has to cover anyway: names of header fields, or derived components (`@…`)
    #[serde(default)]
    pub components: Vec<Spanned<String>>,
    /// how old a signature may be, from `1s` to `10m`
    #[serde(default = "one_minute")]
    pub max_age: Spanned<Duration>,
    /// whether a signature has to carry a nonce, with which it is good once
    #[serde(default = "required")]
    pub nonce: Nonce,
    /// the `tag` that it has to carry; without it, any or none
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
}

fn one_minute() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(60))
}

const fn required() -> Nonce {
    Nonce::Required
}

/// One who signs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Signer {
    /// who it is; one may have several keys, as while it changes them
    pub subject: Spanned<String>,
    /// the application that calls; without it, the subject
    #[serde(default)]
    pub application: Option<String>,
    /// scopes
    #[serde(default)]
    pub scopes: Strings,
    /// roles
    #[serde(default)]
    pub roles: Strings,
    /// its public key in PEM, or a file with it
    #[serde(default)]
    pub public: Option<Spanned<PublicKey>>,
    /// where the secret is kept that it shares with the gateway (HMAC), at least 32 bytes
    #[serde(default)]
    pub secret: Option<Spanned<SecretRef>>,
    /// the one algorithm of its key; of a key on a curve and of a secret there is one only
    #[serde(default)]
    pub algorithm: Option<Spanned<String>>,
}

/// How calls to an upstream are signed, so that the service knows that they came through the gateway.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Signing {
    /// where the private key is kept (PKCS #8 in PEM), or with `algorithm: hmac-sha256` the secret, at least 32 bytes
    pub key: Spanned<SecretRef>,
    /// by which name the service knows the key
    pub keyid: Spanned<String>,
    /// the algorithm of the key; of a key on a curve there is one only
    #[serde(default)]
    pub algorithm: Option<Spanned<String>>,
    /// what the signature is called in its fields
    #[serde(default = "label")]
    #[schemars(regex(pattern = r"^[a-z*][a-z0-9_.*-]{0,63}$"))]
    pub label: Spanned<String>,
    /// header fields that it covers where they are there, beside what it covers anyway
    #[serde(default)]
    pub components: Vec<Spanned<String>>,
    /// for how long it is good, from `1s` to `10m`
    #[serde(default = "one_minute")]
    pub expires: Spanned<Duration>,
    /// the `tag` that it carries; without it, none
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
}

fn label() -> Spanned<String> {
    Spanned::nowhere(String::from("yett"))
}
