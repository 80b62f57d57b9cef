//! What is said over the control socket. Fields are added, never given another meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the gateway is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Number of the snapshot that serves.
    pub generation: u64,
    /// Its digest: 64 lower-case hexadecimal digits.
    pub digest: String,
    /// When it began to serve, in seconds since 1970.
    pub since: u64,
    /// When the process started, in seconds since 1970.
    pub started: u64,
    /// Snapshots that are alive: more than one while calls that began under an older one go on.
    pub live_snapshots: usize,
    /// Where calls come in.
    pub listeners: Vec<ListenerStatus>,
    /// Where health, readiness and metrics are.
    pub admin: String,
    /// What is served.
    pub apis: Vec<ApiStatus>,
    /// What came of the last reload, when there was one.
    pub last_reload: Option<ReloadReport>,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Its name in the document.
    pub name: String,
    /// Address and port that it is bound to.
    pub address: String,
    /// The same as a URL.
    pub url: String,
}

/// One API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiStatus {
    /// Its name in the document.
    pub name: String,
    /// Title of its contract.
    pub title: String,
    /// Path under which it is served; empty for the root.
    pub base_path: String,
    /// Operations of its contract.
    pub operations: usize,
    /// Those of which each used part is enforced.
    pub fully_enforced: usize,
}

/// What became of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    /// A new snapshot serves.
    Changed,
    /// Document and files are what they were; nothing happened.
    Unchanged,
    /// The document has errors; the old snapshot goes on serving.
    Failed,
}

/// A reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// What became of it.
    pub outcome: ReloadOutcome,
    /// Number of the snapshot that serves since.
    pub generation: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// What was found in the document, bounded.
    pub diagnostics: Vec<DiagnosticView>,
    /// How many more were found.
    pub more: usize,
}

/// One diagnostic as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnosticView {
    /// `error`, `warning` or `note`.
    pub severity: String,
    /// Stable kebab-case name.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// File as the document calls it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// From 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u32>,
    /// JSON Pointer into the file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pointer: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
}

/// A token to be made by the local issuer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Whom it proves.
    pub subject: String,
    /// Scopes it carries.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Roles it carries.
    #[serde(default)]
    pub roles: Vec<String>,
    /// For whom it is; without it that of `api`.
    #[serde(default)]
    pub audience: Option<String>,
    /// API whose audience is meant; without it the only one that takes tokens of the local issuer.
    #[serde(default)]
    pub api: Option<String>,
    /// How long it is good, in seconds; at most [`crate::MAX_TTL`].
    pub ttl: u64,
    /// Further claims; none of those that the issuer sets itself.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
}

/// A token made by the local issuer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token itself.
    pub token: String,
    /// Who signed it.
    pub issuer: String,
    /// For whom it is.
    pub audience: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
}

impl std::fmt::Debug for Token {
    /// A token is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("audience", &self.audience)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Which operations returned personal data, and to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// Since when it is counted, in seconds since 1970: since the process began.
    pub since: u64,
    /// Those of one operation together.
    pub rows: Vec<ReturnedRow>,
    /// Whether there are more than are counted.
    pub more: bool,
}

/// Answers of an operation in which personal data of a class was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedRow {
    /// Name of the API.
    pub api: String,
    /// Name of the operation.
    pub operation: String,
    /// As in the document: `cards`, `mails`, …
    pub class: String,
    /// Who vouches for who asked; none for nobody.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer: Option<String>,
    /// The application that asked, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub application: Option<String>,
    /// How many answers.
    pub answers: u64,
    /// Those of them in which it was masked, or that were withheld.
    pub hidden: u64,
    /// When the last one was, in seconds since 1970.
    pub last: u64,
}

/// Why a call was not done (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:yett:error:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for everyone with this code.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable name, `snake_case`.
    pub code: String,
    /// What exactly, and what to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

impl Problem {
    /// A problem with its status, code, title and detail.
    #[must_use]
    pub fn new(status: u16, code: &str, title: &str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:yett:error:{code}");
        Self { kind, title: title.to_owned(), status, code: code.to_owned(), detail: Some(detail.into()) }
    }

    /// Something in the request that is not as it has to be.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(400, "request_invalid", "the request is not valid", detail)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(&self.title))
    }
}
