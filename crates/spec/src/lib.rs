//! The configuration document `yett.yaml`: from text to a resolved, typed shape in which every value knows its place.
//!
//! 1. [`parse`] reads YAML into a tree of [`Node`]s with spans.
//! 2. [`resolve`] applies an environment's overlay, the profiles, presets and the short form, and fills in defaults, all on the tree,
//!    so that each value keeps its [`Origin`]; the result is a [`Resolved`] with the typed [`Document`].
//! 3. [`read`] reads any control's section into its own type, with all problems at once.
//! 4. [`print()`] shows the result and where each value came from; [`schema`] is the JSON Schema for editors.
//!
//! This crate does no IO and knows no control: those hand in their names and schemas as [`SectionSpec`]s, and get their
//! sections back as raw nodes. Each function collects every problem it can find instead of stopping at the first.

use diagnostics::Diagnostics;

mod dangers;
mod defaults;
pub mod document;
mod edit;
mod merge;
mod node;
mod parse;
mod patch;
pub mod presets;
mod print;
pub mod read;
mod resolve;
mod schema;
mod sections;
mod sugar;
mod tenants;
pub mod units;
mod unused;

pub use dangers::dangers;
pub use document::{
    AcceptUnenforced, AccessLog, Admin, Alert, Allow, Api, Assertions, Authentication, Authority,
    CertificateKey, CertificateSubject, ClientAuthentication, ClientCertificate, Compression, ContractSource,
    Counted, Danger, Deadlines, Decisions, Demand, Document, Dpop, EventOutcome, Grant, GroupBy, HealthCheck,
    HttpVersion, Introspected, Introspection, Issuer, IssuerKeys, KeySource, LimitsAlone, Listener,
    ListenerConnections, ListenerHttp, ListenerTls, Logs, Nonce, Notify, OnFull, Opaque,
    OperationAuthentication, OperationRef, OperationSettings, Otlp, Poll, Pool, Record, Redelivery, Redis,
    Revocation, RevocationClient, ScopesFrom, Selector, SenderConstrained, Severity, SharedState, Signer,
    Signers, Signing, Sink, Store, Target, Telemetry, Tell, TlsVersion, TokenEndpoint, TokenType,
    Transmitter, TypRule, Unsecured, Upstream, UpstreamTls, Users, Wanted, WebSocket, Webhook, is_name,
};
pub use edit::Edits;
pub use merge::merge;
pub use node::{Entry, Node, Origin, Value};
pub use parse::{MAX_BYTES, MAX_DEPTH, parse};
pub use patch::Patch;
pub use presets::{Preset, PresetName};
pub use print::{print, quoted};
pub use read::{Fault, SECRET_CODE, Spanned, fault, read};
pub use resolve::{Resolved, resolve};
pub use schema::schema;
pub use sections::check_sections;
pub use units::{
    Balance, Bind, Cidr, Duration, FileMode, FileOrUrl, FileRef, ListenAddress, Mode, ParseError, Percent,
    Pin, PublicKey, Rate, RateUnit, SecretRef, ServerName, Size, Strings, Url,
};

/// A section that a control owns: its key and the JSON Schema of what stands under it.
#[derive(Debug, Clone, Copy)]
pub struct SectionSpec {
    /// The key under an API, a profile or an operation; or at the top of the document.
    pub name: &'static str,
    /// Whether it stands at the top: settings of the whole gateway.
    pub top: bool,
    /// A root schema, as of `schemars::schema_for!`.
    pub schema: fn() -> schemars::Schema,
    /// Reads the section and reports all that is wrong with it, whatever it is a section of.
    pub check: fn(&Node, &mut Diagnostics),
}

#[cfg(test)]
mod tests;
