//! The control API: its types, its server and its client. The CLI uses nothing else (invariant 11).
//!
//! The first nouns are spoken in HTTP/1.1 over a unix socket in the data directory, which only its owner can open:
//!
//! | call | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `POST /v1/reload` | [`ReloadReport`] |
//! | `POST /v1/tokens` with [`TokenRequest`] | [`Token`] |
//! | `GET /v1/applications[?behind=NAME]` | [`Applications`] |
//! | `POST /v1/applications` with [`NewApplication`] | [`Application`] |
//! | `GET /v1/applications/NAME[?behind=ID&created=N]` | [`ApplicationDetail`] |
//! | `POST /v1/applications/NAME/suspend`, `…/resume`, `DELETE /v1/applications/NAME[?keys=true]` | [`Application`] |
//! | `POST /v1/applications/NAME/keys` with [`NewKey`] | [`CreatedKey`] |
//! | `GET /v1/keys[?behind=ID&created=N]` | [`Keys`] |
//! | `POST /v1/keys/ID/rotate` with [`Rotation`] | [`CreatedKey`] |
//! | `POST /v1/keys/ID/revoke` | [`ApiKey`] |
//! | `GET /v1/revocations[?behind=ID&created=N]` | [`Revocations`] |
//! | `POST /v1/revocations` with [`NewRevocation`] | [`Revocation`] |
//! | `DELETE /v1/revocations/ID` | [`Revocation`] |
//! | `GET /v1/audit[?after=N&limit=N]` | [`Audit`] |
//! | `POST /v1/audit/verify` | [`AuditReport`] |
//! | `GET /v1/decisions/ID` | [`Explained`] |
//! | `GET /v1/decisions[?limit=N&before=N or after=N&principal=…]` | [`Events`] |
//! | `GET /v1/notices` | [`Sinks`] |
//! | `GET /v1/notices/dead[?sink=NAME&after=N]` | [`DeadLetters`] |
//! | `POST /v1/notices/retry` with [`Retry`] | [`Retried`] |
//! | `GET /v1/returned` | [`Returned`] |
//! | `GET /v1/shadow[?since=N&control=NAME&api=NAME&operation=NAME&by=…]` | [`ShadowReport`] |
//!
//! Everything else is answered with a problem document ([`Problem`], RFC 9457). Bodies, connections and times are
//! bounded: [`MAX_REQUEST`], [`MAX_ANSWER`], [`CONNECTIONS`], [`PATIENCE`]. Lists come in answers that fit ([`page()`]), each of which
//! says whether there is more.

mod client;
mod decisions;
mod notices;
mod nouns;
mod page;
mod revocations;
mod routes;
mod server;
mod shadow;
mod socket;
mod types;

use std::pin::Pin;
use std::time::Duration;

pub use client::{Client, ClientError};
pub use decisions::{
    Alert, AskDecisions, Begin, Event, EventFilter, Events, Explained, Record, SaidDecisions, Verdict,
};
pub use notices::{AskNotices, DeadLetter, DeadLetters, Retried, Retry, SaidNotices, SinkStatus, Sinks};
pub use nouns::{
    ApiKey, Application, ApplicationDetail, Applications, Ask, Audit, AuditEntry, AuditReport, Behind,
    CreatedKey, Keys, NewApplication, NewKey, Rotation, Said,
};
pub use page::page;
pub use revocations::{Issued, NewRevocation, Revocation, Revocations};
pub use server::{Handler, serve};
pub use shadow::{AskShadow, By, InShadow, Looked, RecordsRead, RefusedBy, ShadowReport, WouldRefuse};
pub use socket::bind;
pub use types::{
    ApiStatus, DiagnosticView, ListenerStatus, Problem, ReloadOutcome, ReloadReport, Returned, ReturnedRow,
    Status, Token, TokenRequest,
};

/// Longest request body, in bytes; more is 413.
pub const MAX_REQUEST: usize = 64 * 1024;
/// Longest answer that a client reads, in bytes.
pub const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Longest description of a configuration that a client reads, in bytes: that of a large contract is long.
pub const MAX_BEHAVIOR: usize = 256 * 1024 * 1024;
/// Connections served at one time; further ones wait.
pub const CONNECTIONS: usize = 16;
/// How long one exchange may take, a reload of a large contract included.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Longest life of a token of the local issuer.
pub const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// Decisions of one page: in short, whatever is in them, as many fit into [`MAX_ANSWER`].
pub const MAX_DECISIONS: usize = 200;
/// Dead letters of one answer, the events with them: as many fit into [`MAX_ANSWER`].
pub const MAX_DEAD_LETTERS: usize = 50;
/// Most entries of a list in one answer.
pub const MAX_PAGE: usize = 1_000;
/// Bytes of entries after which an answer is full: with any entry more, it is within [`MAX_ANSWER`].
const FULL_PAGE: usize = 2 * 1024 * 1024;
/// Diagnostics told of one reload; the rest is counted.
pub const MAX_DIAGNOSTICS: usize = 200;

/// A boxed future that may cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[cfg(test)]
mod tests;
