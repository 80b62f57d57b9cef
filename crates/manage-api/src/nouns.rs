//! Applications, their API keys, and the chain of changes. Fields are added, never given another meaning.

use serde::{Deserialize, Serialize};

use crate::revocations::{NewRevocation, Revocation, Revocations};

/// Who calls with keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// `app_` and letters and digits; what decisions and logs name.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// `active` or `suspended`.
    pub status: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it was last changed.
    pub changed: u64,
}

/// An application to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewApplication {
    /// What people call it.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
}

/// All applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applications {
    /// By name.
    pub applications: Vec<Application>,
    /// Whether others come behind the last.
    #[serde(default)]
    pub more: bool,
}

/// One application with its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationDetail {
    /// The application.
    pub application: Application,
    /// Its keys, the newest first.
    pub keys: Vec<ApiKey>,
    /// Whether others come behind the last.
    #[serde(default)]
    pub more: bool,
}

/// One key, less the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its public id, which stands in the key as well.
    pub id: String,
    /// Id of its application.
    pub application: String,
    /// Name of its application.
    pub application_name: String,
    /// What people call it; may be empty.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// `active`, `retiring` (good until its overlap ends), `suspended`, `replaced`, `expired` or `revoked`.
    pub state: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// First second at which it is over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<u64>,
    /// First second at which it is over because another took its place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retires: Option<u64>,
    /// Id of the key that took its place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaced_by: Option<String>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked: Option<u64>,
    /// When it was last used; up to a minute late.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used: Option<u64>,
}

/// Keys of all applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The newest first.
    pub keys: Vec<ApiKey>,
    /// Whether others come behind the last.
    #[serde(default)]
    pub more: bool,
}

/// The key behind which a list of keys goes on, whether it is still there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// Its public id.
    pub id: String,
}

/// A key to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What people call it.
    #[serde(default)]
    pub label: String,
    /// What it may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How long it is good, in seconds; without it as long as nobody revokes it.
    #[serde(default)]
    pub ttl: Option<u64>,
}

/// How a key is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How long the old one stays good, in seconds.
    pub overlap: u64,
}

/// A key that was just made: the only answer that holds one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedKey {
    /// The key itself.
    pub key: String,
    /// What is kept of it.
    pub details: ApiKey,
}

impl std::fmt::Debug for CreatedKey {
    /// A key is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey").field("details", &self.details).finish_non_exhaustive()
    }
}

/// One change, as the chain keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// From 1, without gaps.
    pub sequence: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Who asked: `unix:` and the number of the user.
    pub actor: String,
    /// What was done, as in `key.revoke`.
    pub action: String,
    /// To what, by id.
    pub target: String,
    /// How, as `name=value` with spaces between.
    pub detail: String,
    /// Seal over all of this and the entry before.
    pub hash: String,
}

/// Some changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The oldest first.
    pub entries: Vec<AuditEntry>,
    /// Whether fewer were told than were asked for, since they would not have fit: ask for those after the last.
    #[serde(default)]
    pub more: bool,
}

/// What became of looking at the whole chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Whether every entry is what was written.
    pub whole: bool,
    /// How many entries there are, or the number of the first that is not what was written.
    pub entries: u64,
}

/// What may be asked of the store. An application is named by its name or id, a key by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The applications behind a name, or the first.
    Applications(Option<String>),
    /// One, with its keys behind a key, or the first.
    Application(String, Option<Behind>),
    /// A new one.
    CreateApplication(NewApplication),
    /// None of its keys is good until it is resumed.
    Suspend(String),
    /// Its keys are good again.
    Resume(String),
    /// It is taken out; with keys that are not over only when this says so.
    DeleteApplication(String, bool),
    /// Keys of all applications behind a key, or the first.
    Keys(Option<Behind>),
    /// A new one for an application.
    CreateKey(String, NewKey),
    /// One that takes the place of another.
    RotateKey(String, Rotation),
    /// It is not good any more.
    RevokeKey(String),
    /// What is revoked of the tokens of others, behind one, or the first.
    Revocations(Option<Behind>),
    /// One more is revoked.
    Revoke(NewRevocation),
    /// One is taken back, by its id.
    UndoRevocation(String),
    /// The changes after a number, at most so many.
    Audit(u64, u64),
    /// Whether the chain of changes is whole.
    VerifyAudit,
}

impl Ask {
    /// Whether something new is made.
    #[must_use]
    pub fn creates(&self) -> bool {
        matches!(self, Ask::CreateApplication(_) | Ask::CreateKey(..) | Ask::RotateKey(..) | Ask::Revoke(_))
    }
}

/// What the store says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// To [`Ask::Applications`].
    Applications(Applications),
    /// To [`Ask::Application`].
    Detail(ApplicationDetail),
    /// To what concerns one application.
    Application(Application),
    /// To [`Ask::Keys`].
    Keys(Keys),
    /// To [`Ask::CreateKey`] and [`Ask::RotateKey`].
    Created(CreatedKey),
    /// To [`Ask::RevokeKey`].
    Key(ApiKey),
    /// To [`Ask::Revocations`].
    Revocations(Revocations),
    /// To [`Ask::Revoke`] and [`Ask::UndoRevocation`].
    Revocation(Revocation),
    /// To [`Ask::Audit`].
    Audit(Audit),
    /// To [`Ask::VerifyAudit`].
    Report(AuditReport),
}
