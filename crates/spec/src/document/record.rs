//! What is kept of calls, and the dangers that a document may accept by name.

use crate::read::Spanned;
use crate::units::{Duration, FileRef, ParseError, Percent, Size, text_type};
use diagnostics::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is kept of calls.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Record {
    /// where the JSON access log goes
    pub access_log: AccessLog,
    /// what becomes of calls when the disk is full
    pub on_full: Spanned<OnFull>,
    /// which decisions are kept, to be asked for by `yett explain` and `yett events`
    pub decisions: Decisions,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            access_log: AccessLog::Stdout,
            on_full: Spanned::nowhere(OnFull::Serve),
            decisions: Decisions::default(),
        }
    }
}

/// Which decisions are kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Decisions {
    /// whether refusals, refusals of controls in shadow and faults are kept at all
    pub enabled: bool,
    /// how many of the calls that nothing was said against are kept beside them
    pub sample: Percent,
    /// how old a decision gets, at least `1m`; the oldest are removed
    pub keep: Spanned<Duration>,
    /// how much all of them take, at least `1MiB`; the oldest are removed
    pub size: Spanned<Size>,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            enabled: true,
            sample: Percent::new(1),
            keep: Spanned::nowhere(Duration::from_secs(30 * 24 * 3600)),
            size: Spanned::nowhere(Size::from_bytes(256 * 1024 * 1024)),
        }
    }
}

/// Reports what is wrong with it.
pub(super) fn check(record: &Record, out: &mut Diagnostics) {
    let Decisions { keep, size, .. } = &record.decisions;
    if keep.value < Duration::from_secs(60) {
        let message = format!("decisions are kept for `{}`, which is too short to ask for one", keep.value);
        out.push(
            Diagnostic::error("invalid-value", message)
                .at(keep.span)
                .help("write at least `1m`, or `enabled: false` to keep none"),
        );
    }
    if size.value < Size::from_bytes(1024 * 1024) {
        let message = format!("`{}` is too little to keep decisions in", size.value);
        out.push(
            Diagnostic::error("invalid-value", message)
                .at(size.span)
                .help("write at least `1MiB`, or `enabled: false` to keep none"),
        );
    }
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// `stdout`
    Stdout,
    /// `off`
    Off,
    /// A file, relative to the document.
    File(FileRef),
}

impl FromStr for AccessLog {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "stdout" => Ok(Self::Stdout),
            "off" => Ok(Self::Off),
            path if path.contains(['/', '.', ':']) => path.parse().map(Self::File),
            word => Err(ParseError::new(
                format!("`{word}` is not a place for the access log"),
                "write `stdout`, `off` or a path, as in `file:access.log`",
            )),
        }
    }
}

impl fmt::Display for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Off => f.write_str("off"),
            Self::File(file) => write!(f, "file:{file}"),
        }
    }
}

text_type!(
    AccessLog,
    "`stdout`, `off` or a path",
    "write `stdout`, `off` or a path, as in `file:access.log`",
    schemars::json_schema!({
        "type": "string",
        "description": "where the JSON access log goes: `stdout`, `off` or a file",
        "pattern": "^(stdout|off|.*[/.:].*)$",
        "examples": ["stdout", "off", "file:access.log"]
    })
);

/// What becomes of calls when the disk is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFull {
    /// Calls go on; what could not be written is counted and shown in readiness.
    Serve,
    /// Calls are refused until there is room.
    Refuse,
}

/// A danger that keeps a document from being served unless it is accepted by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Danger {
    /// A listener without TLS that other machines can reach.
    Cleartext,
    /// The built-in local issuer behind a listener that other machines can reach.
    LocalIssuer,
}

impl Danger {
    /// As written under `accept`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cleartext => "cleartext",
            Self::LocalIssuer => "local_issuer",
        }
    }
}
