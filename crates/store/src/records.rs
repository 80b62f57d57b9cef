//! Applications and keys as they are shown, and what their words may be.

use std::fmt;
use std::time::Duration;

use credentials::KeyId;

use crate::fault::StoreError;
use crate::link::{Row, damaged};

/// Longest life of a key.
pub const MAX_TTL: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// Most scopes of a key.
const SCOPES: usize = 100;
/// Longest scope, owner and label, in bytes.
const WORD: usize = 256;

/// Whether an application may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// None of its keys is good until it is resumed.
    Suspended,
}

impl Status {
    /// As kept and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            _ => Err(damaged()),
        }
    }
}

/// Who calls with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// `app_` and letters and digits: never given to another.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Whether it may call.
    pub status: Status,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it was last changed.
    pub changed: u64,
}

impl Application {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text(0)?,
            name: row.text(1)?,
            owner: row.text(2)?,
            status: Status::parse(&row.text(3)?)?,
            created: row.number(4)?,
            changed: row.number(5)?,
        })
    }
}

/// What a key is good for at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is good.
    Active,
    /// It is good until another has taken its place for good.
    Retiring,
    /// It is one of a suspended application.
    Suspended,
    /// Another has taken its place.
    Replaced,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyState {
    /// As shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Suspended => "suspended",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Whether a call with it passes.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Active | Self::Retiring)
    }
}

/// One key, less the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public id.
    pub id: KeyId,
    /// Id of its application.
    pub application: String,
    /// Name of its application.
    pub name: String,
    /// Whether its application may call.
    pub status: Status,
    /// What people call it; may be empty.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// First second at which it is over.
    pub expires: Option<u64>,
    /// First second at which it is over because another took its place.
    pub retires: Option<u64>,
    /// The key that took its place.
    pub replaced_by: Option<KeyId>,
    /// When it was revoked.
    pub revoked: Option<u64>,
    /// When it was last used; written from time to time, so up to a minute late.
    pub last_used: Option<u64>,
}

impl ApiKey {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let id = |text: String| KeyId::parse(&text).ok_or_else(damaged);
        Ok(Self {
            id: id(row.text(0)?)?,
            application: row.text(1)?,
            name: row.text(2)?,
            status: Status::parse(&row.text(3)?)?,
            label: row.text(4)?,
            scopes: row.text(5)?.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
            created: row.number(6)?,
            expires: row.maybe_number(7)?,
            retires: row.maybe_number(8)?,
            replaced_by: row.maybe_text(9)?.map(id).transpose()?,
            revoked: row.maybe_number(10)?,
            last_used: row.maybe_number(11)?,
        })
    }

    /// What it is good for at a second.
    #[must_use]
    pub fn state(&self, now: u64) -> KeyState {
        let over = |end: Option<u64>| end.is_some_and(|end| end <= now);
        if self.revoked.is_some() {
            KeyState::Revoked
        } else if over(self.expires) {
            KeyState::Expired
        } else if over(self.retires) {
            KeyState::Replaced
        } else if self.status == Status::Suspended {
            KeyState::Suspended
        } else if self.retires.is_some() {
            KeyState::Retiring
        } else {
            KeyState::Active
        }
    }
}

/// Checks what an application is to be called.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    let good = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && !name.starts_with("app_");
    if good {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "`{}` is not the name of an application: write 1 to 64 letters, digits, `-`, `_` and `.`, a letter or digit \
         first, and not `app_`, which ids begin with",
        Short(name)
    )))
}

/// Checks a text for people: an owner or a label.
pub(crate) fn check_text(what: &str, text: &str, may_be_empty: bool) -> Result<(), StoreError> {
    let good = (may_be_empty || !text.trim().is_empty())
        && text.len() <= WORD
        && !text.chars().any(char::is_control);
    if good {
        return Ok(());
    }
    let least = if may_be_empty { "at most" } else { "1 to" };
    Err(StoreError::Invalid(format!("the {what} has to have {least} {WORD} bytes and no control characters")))
}

/// Checks scopes (RFC 6749 section 3.3).
pub(crate) fn check_scopes(scopes: &[String]) -> Result<(), StoreError> {
    let good = |scope: &String| {
        (1..=WORD).contains(&scope.len())
            && scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
    };
    if let Some(bad) = scopes.iter().find(|scope| !good(scope)) {
        return Err(StoreError::Invalid(format!("`{}` is not a scope", Short(bad))));
    }
    if scopes.len() > SCOPES {
        return Err(StoreError::Invalid(format!("a key has at most {SCOPES} scopes")));
    }
    Ok(())
}

/// Somebody's text in a message: bounded, and inert.
pub(crate) struct Short<'a>(pub(crate) &'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", engine::text::bounded(self.0, 80).escape_debug())
    }
}
