//! Who is told of what happens to calls: how sinks are, and what was given up. Fields are added, never given another meaning.

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::routes::{number, text};
use crate::types::Problem;

/// How a sink is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// `ok`, `failing`, or `gone`: it answered 410, and is not asked until the configuration is read again.
    pub state: String,
    /// Why the last try failed, until one succeeds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// Events that wait on the disk.
    pub waiting: u64,
    /// What they take, in bytes.
    pub waiting_bytes: u64,
    /// When the oldest of them came, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub oldest: Option<u64>,
    /// Events that were spooled since the process began.
    pub spooled: u64,
    /// Those that were delivered.
    pub delivered: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Events that were given up.
    pub dead: u64,
    /// Dead letters that are kept.
    pub dead_letters: u64,
}

/// How all sinks are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sinks {
    /// By name.
    pub sinks: Vec<SinkStatus>,
    /// Events of this process that were lost before they were on the disk.
    pub lost: u64,
    /// Why none can be put there now, or that some were lost a moment ago.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
}

/// An event that was given up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its number in the spool.
    pub sequence: u64,
    /// For whom it was.
    pub sink: String,
    /// Names the event: `webhook-id`, and the id of its call.
    pub id: String,
    /// When it came, in milliseconds since 1970.
    pub at: u64,
    /// When it was given up.
    pub dead: u64,
    /// How often it was tried before the last time.
    pub tries: u64,
    /// Why it was given up.
    pub why: String,
    /// What was to be sent.
    pub event: serde_json::Value,
}

/// Some dead letters, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// After which number to go on; without it there are no more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<u64>,
}

/// Which dead letters are to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Those of this sink.
    pub sink: String,
    /// Only the one of this event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// How many wait to be sent again.
    pub retried: u64,
    /// Dead letters of the sink that are left.
    pub left: u64,
}

/// What may be asked of sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskNotices {
    /// How they are.
    Sinks,
    /// A page of dead letters of one sink, or of all, after a number.
    Dead(Option<String>, u64),
    /// To send dead letters again.
    Retry(Retry),
}

/// What is said of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SaidNotices {
    /// To [`AskNotices::Sinks`].
    Sinks(Sinks),
    /// To [`AskNotices::Dead`].
    Dead(DeadLetters),
    /// To [`AskNotices::Retry`].
    Retried(Retried),
}

/// Reads which page of dead letters is asked for.
///
/// # Errors
/// What does not fit.
pub(crate) fn dead_asked(uri: &Uri) -> Result<AskNotices, Problem> {
    Ok(AskNotices::Dead(text(uri, "sink")?, number(uri, "after", 0)?))
}
