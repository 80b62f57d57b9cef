//! What was revoked of the tokens of others: by token, subject, session, application and issuer.

use serde::{Deserialize, Serialize};

/// What was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// `rev_` and letters and digits; what it is undone by.
    pub id: String,
    /// `token`, `digest` (a token without `jti`), `subject`, `session`, `application` or `issuer`.
    pub kind: String,
    /// `iss` of the tokens; empty for a digest.
    pub issuer: String,
    /// Which: `jti`, SHA-256, `sub`, `sid` or `client_id`; empty for an issuer.
    pub value: String,
    /// Only tokens that were issued in this second since 1970 or before it; without it all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<u64>,
    /// Why, for people; may be empty.
    pub reason: String,
    /// When, in seconds since 1970.
    pub created: u64,
    /// First second at which it is forgotten.
    pub expires: u64,
}

/// All that is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    /// The newest first.
    pub revocations: Vec<Revocation>,
    /// Whether others come behind the last.
    #[serde(default)]
    pub more: bool,
}

/// Which of the tokens that fit are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issued {
    /// Those that were issued until now: who proves who they are once more goes on.
    UntilNow,
    /// All, those that are issued later as well.
    Whenever,
}

/// What is to be revoked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRevocation {
    /// `token`, `digest`, `subject`, `session`, `application` or `issuer`.
    pub kind: String,
    /// The issuer, by its name in the document or by its URL.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Which: `jti`, SHA-256, `sub`, `sid` or `client_id`.
    #[serde(default)]
    pub value: Option<String>,
    /// The token itself, of the kind `token`, in the place of issuer and value.
    #[serde(default)]
    pub token: Option<String>,
    /// Which tokens are meant; without it those of a subject until now, and all of anything else.
    #[serde(default)]
    pub issued: Option<Issued>,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
    /// After how many seconds it is forgotten; without it when the token has ended, or after 90 days where that is not known.
    #[serde(default)]
    pub lasts: Option<u64>,
}

impl std::fmt::Debug for NewRevocation {
    /// A token is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("NewRevocation");
        shown.field("kind", &self.kind).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
