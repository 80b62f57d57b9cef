//! Callers whom the document itself names: users by their passwords, and senders of webhooks by their signatures.

use super::authority::Grant;
use crate::document::Document;
use crate::read::Spanned;
use crate::units::{Duration, FileRef, SecretRef, Strings};
use diagnostics::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Secrets and keys of one sender: those in use, and those that take their place.
const KEYS: usize = 4;

/// Users who are known by a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Users {
    /// file with a line for each: a name, `:` and the Argon2id hash of the password (`yett user hash`)
    pub passwords: Spanned<FileRef>,
    /// who of them is let in, with scopes and roles, by name, or `*` for all; without it everybody is, without scopes
    #[serde(default)]
    pub grants: BTreeMap<String, Spanned<Grant>>,
}

/// Who sends webhooks, signed as Standard Webhooks says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Webhook {
    /// where the secrets are kept that deliveries are signed with: base64 of 24 to 64 bytes, with or without `whsec_` before it. Each of
    /// several is good, so that one can take the place of another
    #[serde(default)]
    pub secrets: Vec<Spanned<SecretRef>>,
    /// public keys of the sender (`whpk_…`, Ed25519), each of which is good
    #[serde(default)]
    pub keys: Vec<Spanned<String>>,
    /// how old a delivery may be, and how far its clock ahead, from `1s` to `10m`
    #[serde(default = "default_tolerance")]
    pub tolerance: Spanned<Duration>,
    /// scopes of the sender
    #[serde(default)]
    pub scopes: Strings,
    /// roles of the sender
    #[serde(default)]
    pub roles: Strings,
}

fn default_tolerance() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(5 * 60))
}

/// Reports what is wrong with them.
pub(super) fn check(document: &Document, out: &mut Diagnostics) {
    for (name, webhook) in &document.webhooks {
        let keys = webhook.secrets.len().saturating_add(webhook.keys.len());
        if keys == 0 {
            let message = format!("nothing says how the webhooks of `{name}` are signed");
            let help = "write `secrets: [env:NAME]` with a `whsec_…`, or `keys: [whpk_…]`";
            out.push(Diagnostic::error("missing-key", message).at(webhook.span).help(help));
        }
        if keys > KEYS {
            let message = format!("`{name}` has more than {KEYS} secrets and keys");
            let help = "take out those that nobody signs with any more";
            out.push(Diagnostic::error("invalid-value", message).at(webhook.span).help(help));
        }
        let tolerance = &webhook.tolerance;
        if !(1..=600).contains(&tolerance.get().as_secs()) {
            let message = format!("a delivery cannot be good for `{}`", tolerance.value);
            let diagnostic = Diagnostic::error("invalid-value", message).at(tolerance.span);
            out.push(diagnostic.help("write from `1s` to `10m`"));
        }
    }
}
