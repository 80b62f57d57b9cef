//! What callers have to show beside a token, so that a stolen one is worth nothing.

use crate::read::Spanned;
use crate::units::{Duration, SecretRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a token has to be bound to. Tokens that are bound are held to it whatever is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SenderConstrained {
    /// A key of the caller's, shown by a proof of possession (RFC 9449).
    Dpop,
    /// The client certificate of the connection (RFC 8705).
    Mtls,
    /// Either.
    Any,
}

/// Settings of authentication for some operations.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct OperationAuthentication {
    /// what a token has to be bound to, in place of what the scheme says
    #[serde(default)]
    pub sender_constrained: Option<Spanned<SenderConstrained>>,
}

/// How proofs of possession (DPoP, RFC 9449) are taken at an API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Dpop {
    /// how old a proof may be, from `1s` to `10m`
    #[serde(default = "default_window")]
    pub window: Spanned<Duration>,
    /// whether a proof has to carry a nonce of the gateway's
    #[serde(default)]
    pub nonce: Nonce,
    /// secret of at least 32 bytes that gateways beside each other share, so that each takes the nonces of all; without it,
    /// one of the process's own
    #[serde(default)]
    pub nonce_key: Option<Spanned<SecretRef>>,
    /// signature algorithms taken; without it all that are safe
    #[serde(default)]
    pub algorithms: Option<Vec<Spanned<String>>>,
}

fn default_window() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(60))
}

impl Default for Dpop {
    fn default() -> Self {
        Self { window: default_window(), nonce: Nonce::default(), nonce_key: None, algorithms: None }
    }
}

/// Whether a proof has to carry a nonce of ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Nonce {
    /// It need not; what stands there is not looked at.
    #[default]
    Off,
    /// It has to.
    Required,
}
