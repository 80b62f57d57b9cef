//! Who signs calls, and what signatures have to cover (HTTP Message Signatures, RFC 9421).

use super::possession::Nonce;
use crate::read::Spanned;
use crate::units::{Duration, FileRef, PublicKey, SecretRef, Strings};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How signatures over calls are taken for a security scheme.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Signing {
    /// who vouches for the signers: a name of your own, by which rules, limits and logs tell them from callers of other issuers
    pub issuer: Spanned<String>,
    /// JWK set with the public keys of those signers that have no key of their own here; found by `kid`
    #[serde(default)]
    pub jwks: Option<Spanned<FileRef>>,
    /// who signs, by the `keyid` of signatures
    pub keys: BTreeMap<String, Spanned<Signer>>,
    /// what a signature has to cover beside what it has to cover anyway: names of header fields, or derived components (`@…`)
    #[serde(default)]
    pub components: Vec<Spanned<String>>,
    /// how old a signature may be, from `1s` to `10m`
    #[serde(default = "default_age")]
    pub max_age: Spanned<Duration>,
    /// whether a signature has to carry a nonce, with which it is good once
    #[serde(default = "required")]
    pub nonce: Nonce,
    /// the `tag` that it has to carry; without it, any or none
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
}

fn default_age() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(60))
}

const fn required() -> Nonce {
    Nonce::Required
}

/// One who signs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Signer {
    /// who it is
    pub subject: Spanned<String>,
    /// the application that calls; without it, the subject
    #[serde(default)]
    pub application: Option<String>,
    /// scopes of the contract that it has
    #[serde(default)]
    pub scopes: Strings,
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
