//! Where applications and their keys are kept.

use crate::document::Document;
use crate::read::Spanned;
use crate::units::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where applications and their keys are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Store {
    /// where the URL of a PostgreSQL database is kept (`postgres://…`); without it, a file of SQLite's in the data directory
    #[serde(default)]
    pub url: Option<Spanned<SecretRef>>,
    /// where the key is kept with which API keys are hashed, at least 32 bytes; without it a file in the data directory
    #[serde(default)]
    pub key: Option<Spanned<SecretRef>>,
}

impl Document {
    /// Whether the store is to be opened: an API takes keys of applications, `store` is written, or others may revoke tokens: issuers,
    /// their clients, or gateways that share their state.
    #[must_use]
    pub fn wants_store(&self) -> bool {
        let mut schemes = self.apis.values().flat_map(|api| api.authentication.values());
        let told = self.revocation.is_some() || self.state.is_some();
        self.store.is_some() || told || schemes.any(|scheme| scheme.source.is_some())
    }
}
