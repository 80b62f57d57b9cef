//! Why something was not done, with what to do about it.

use std::fmt;
use std::io;

/// Why something was not done. Nothing was changed, but for [`StoreError::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// There is nothing of that name or id.
    Missing(String),
    /// It cannot be as asked, given what is there.
    Conflict(String),
    /// What was asked is not well-formed.
    Invalid(String),
    /// The database cannot be reached or used now.
    Unavailable(String),
    /// There is no room on its disk.
    Full(String),
    /// It is not a store that this process may use.
    Unfit(String),
    /// The connection broke when the change was about to be acknowledged: it may or may not have happened.
    Unknown(String),
}

impl StoreError {
    /// Whether it says something of the store, and not of what was asked.
    #[must_use]
    pub const fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_) | Self::Unfit(_) | Self::Unknown(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(text) | Self::Conflict(text) | Self::Invalid(text) | Self::Unfit(text) => {
                f.write_str(text)
            }
            Self::Unavailable(why) => write!(f, "the store cannot be used: {why}; nothing was changed"),
            Self::Full(why) => write!(f, "the store has no room left ({why}); nothing was changed"),
            Self::Unknown(why) => write!(
                f,
                "the store broke off when the change was about to be kept: {why}; look whether it was, and ask again"
            ),
        }
    }
}

impl std::error::Error for StoreError {}

/// SQLite: `SQLITE_FULL`, and `SQLITE_IOERR_WRITE` where the system says no to a longer file. PostgreSQL: `disk_full`.
const FULL: [&str; 3] = ["13", "778", "53100"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // Says what it read, and that may hold a password.
            sqlx::Error::Configuration(_) => Self::Unfit(String::from("the URL of the store cannot be read")),
            sqlx::Error::PoolTimedOut => Self::Unavailable(String::from("no connection in time")),
            sqlx::Error::Database(said) if said.code().is_some_and(|code| FULL.contains(&&*code)) => {
                Self::Full(said.message().to_owned())
            }
            sqlx::Error::Database(said) => Self::Unavailable(said.message().to_owned()),
            sqlx::Error::Io(why) if why.kind() == io::ErrorKind::StorageFull => Self::Full(why.to_string()),
            sqlx::Error::Io(why) => Self::Unavailable(why.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
