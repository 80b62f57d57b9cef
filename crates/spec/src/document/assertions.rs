//! What the gateway signs with when it tells services who calls.

use crate::read::Spanned;
use crate::units::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;

/// The key of assertions of identity.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Assertions {
    /// PEM private keys (PKCS #8, P-256): the first signs, all are published, so that one can follow another; without it, a key of the
    /// gateway's own in its data directory
    pub key: Spanned<SecretRef>,
}
