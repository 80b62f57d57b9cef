//! The typed shape of the document after [`resolve`](crate::resolve): only the full form, the short one is gone.
//!
//! The names of things (listeners, issuers, upstreams, APIs) are the keys of maps; references between them have been
//! checked when a [`Document`] comes without errors.

mod alert;
mod api;
mod assertions;
mod authority;
mod caller;
mod check;
mod check_issuer;
mod check_possession;
mod check_signers;
mod check_upstream;
pub(crate) use check::audience_missing;
pub use check::is_name;
pub(crate) use check_upstream::is_secret_field;
mod issuer;
mod listener;
mod notify;
mod possession;
mod record;
mod revocation;
mod selector;
mod shared;
mod shedding;
mod signers;
mod source;
mod store;
mod telemetry;
mod transport;
mod upstream;
mod websocket;

pub use alert::{Alert, Counted, GroupBy};
pub use api::{Api, Authentication, Demand, KeySource, OperationSettings, Unsecured};
pub(crate) use api::{ApiKeys, OperationKeys};
pub use assertions::Assertions;
pub use authority::{Authority, CertificateSubject, Grant};
pub use caller::{Users, Webhook};
pub use issuer::{
    ClientAuthentication, Introspected, Introspection, Issuer, IssuerKeys, ScopesFrom, TokenEndpoint,
    TokenType, TypRule,
};
pub use listener::{
    Admin, CertificateKey, ClientCertificate, Listener, ListenerConnections, ListenerHttp, ListenerTls,
    TlsVersion,
};
pub use notify::{EventOutcome, Notify, Redelivery, Severity, Sink, Tell, Wanted};
pub use possession::{Dpop, Nonce, OperationAuthentication, SenderConstrained};
pub use record::{AccessLog, Danger, Decisions, OnFull, Record};
pub use revocation::{Opaque, Poll, Revocation, RevocationClient, Transmitter};
pub use selector::{OperationRef, Selector};
pub use shared::{LimitsAlone, Redis, SharedState};
pub use shedding::Shedding;
pub use signers::{Signer, Signers, Signing};
pub use source::{AcceptUnenforced, Allow, ContractSource};
pub use store::Store;
pub use telemetry::{Compression, Logs, Otlp, Telemetry};
pub use upstream::{
    Breakers, Deadlines, HealthCheck, HttpVersion, Mirror, Outliers, Pool, Retries, Target, Upstream,
    UpstreamHeaders, UpstreamTls,
};
pub use websocket::WebSocket;

use crate::node::Node;
use crate::read::{Spanned, read};
use crate::units::{Cidr, FileRef};
use diagnostics::{Diagnostics, Span};
use std::collections::BTreeMap;

/// Keys that the design names and this version does not have: told apart from misspelled ones.
pub(crate) const LATER: [&str; 12] = [
    "include",
    "plans",
    "behavior",
    "versions",
    "deprecated",
    "sunset",
    "acme",
    "require",
    "max_age",
    "data_protection",
    "step_up",
    "extension",
];

/// The keys of an API that this crate reads beside those of [`ApiKeys`].
pub(crate) const API_EXTRA: [&str; 4] = ["operations", "profile", "issuer", "audience"];
/// The keys of the document that this crate reads beside those of [`Top`].
pub(crate) const TOP_EXTRA: [&str; 4] = ["listen", "profiles", "apis", "environments"];

/// A whole configuration.
#[derive(Debug, Clone)]
pub struct Document {
    /// Version of the format: 1.
    pub version: Spanned<u32>,
    /// Directory for keys, the control socket and state; relative to the document.
    pub data: FileRef,
    /// Where calls come in, by name.
    pub listeners: BTreeMap<String, Spanned<Listener>>,
    /// The listener for health, readiness and metrics.
    pub admin: Admin,
    /// Proxies whose `Forwarded` headers are believed.
    pub trusted_hops: Vec<Cidr>,
    /// Who signs tokens, by name.
    pub issuers: BTreeMap<String, Spanned<Issuer>>,
    /// Who signs certificates of clients that prove who calls, by name.
    pub authorities: BTreeMap<String, Spanned<Authority>>,
    /// Who sign their calls, by name.
    pub signers: BTreeMap<String, Spanned<Signers>>,
    /// Who is known by a password, in groups by name.
    pub users: BTreeMap<String, Spanned<Users>>,
    /// Who sends webhooks, by name.
    pub webhooks: BTreeMap<String, Spanned<Webhook>>,
    /// Where calls go, by name.
    pub upstreams: BTreeMap<String, Spanned<Upstream>>,
    /// APIs, by name.
    pub apis: BTreeMap<String, Api>,
    /// What is kept of calls.
    pub record: Record,
    /// What is told of calls to others.
    pub telemetry: Telemetry,
    /// Where applications and their keys are kept, when something is said of it.
    pub store: Option<Spanned<Store>>,
    /// Who is told of what happens to calls, when somebody is.
    pub notify: Option<Notify>,
    /// What assertions of identity are signed with, when something is said of it.
    pub assertions: Option<Spanned<Assertions>>,
    /// Where others say what is revoked, when they may.
    pub revocation: Option<Spanned<Revocation>>,
    /// Where state is kept that several gateways share, when it is.
    pub state: Option<Spanned<SharedState>>,
    /// What a core does whose calls wait for it.
    pub shedding: Shedding,
    /// Dangers accepted by name, for the whole document.
    pub accept: Vec<Spanned<Danger>>,
    /// What controls own at the top of the document, unread.
    pub sections: Vec<(String, Node)>,
    /// The whole document.
    pub span: Span,
}

/// The keys at the top of the document, less what is resolved before reading.
#[derive(Debug, Clone, serde::Deserialize, schemars::JsonSchema)]
#[schemars(title = "yett.yaml", description = "configuration of a Yett gateway")]
pub(crate) struct Top {
    /// version of this format: always 1
    #[schemars(range(min = 1, max = 1))]
    version: Spanned<u32>,
    /// directory for keys, the control socket and state; relative to this document
    #[serde(default = "default_data")]
    data: FileRef,
    /// where calls come in, by name
    #[serde(default)]
    listeners: BTreeMap<String, Spanned<Listener>>,
    /// the listener for health, readiness and metrics
    #[serde(default)]
    admin: Admin,
    /// proxies whose `Forwarded` and `X-Forwarded-*` headers are believed
    #[serde(default)]
    trusted_hops: Vec<Cidr>,
    /// who signs tokens, by name
    #[serde(default)]
    issuers: BTreeMap<String, Spanned<Issuer>>,
    /// who signs certificates of clients that prove who calls, by name
    #[serde(default)]
    authorities: BTreeMap<String, Spanned<Authority>>,
    /// who sign their calls, by name
    #[serde(default)]
    signers: BTreeMap<String, Spanned<Signers>>,
    /// who is known by a password, in groups by name
    #[serde(default)]
    users: BTreeMap<String, Spanned<Users>>,
    /// who sends webhooks, by name
    #[serde(default)]
    webhooks: BTreeMap<String, Spanned<Webhook>>,
    /// where calls go, by name
    #[serde(default)]
    upstreams: BTreeMap<String, Spanned<Upstream>>,
    /// what is kept of calls
    #[serde(default)]
    record: Record,
    /// what is told of calls to others
    #[serde(default)]
    telemetry: Telemetry,
    /// where applications and their keys are kept; without it in the data directory, when an API asks for them
    #[serde(default)]
    store: Option<Spanned<Store>>,
    /// who is told of what happens to calls
    #[serde(default)]
    notify: Option<Notify>,
    /// what services are told by who calls is signed with (`assert` of `upstream_identity`)
    #[serde(default)]
    assertions: Option<Spanned<Assertions>>,
    /// where others say what is revoked: applications, and issuers by events
    #[serde(default)]
    revocation: Option<Spanned<Revocation>>,
    /// where state is kept that several gateways share; without it each has its own
    #[serde(default)]
    state: Option<Spanned<SharedState>>,
    /// when a core that is late refuses a share of its new calls
    #[serde(default)]
    shedding: Shedding,
    /// dangers accepted by name, for the whole document
    #[serde(default)]
    accept: Vec<Spanned<Danger>>,
}

fn default_data() -> FileRef {
    FileRef::new("./data")
}

impl Document {
    /// What a control owns at the top of the document.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Node> {
        self.sections.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// Reads the resolved tree. `sections` are the keys of APIs that controls own, `top_sections` those at the top.
    pub(crate) fn from_tree(
        tree: &Node,
        sections: &[&'static str],
        top_sections: &[&'static str],
        out: &mut Diagnostics,
    ) -> Option<Self> {
        let mut top_tree = tree.clone();
        let of_controls = top_sections
            .iter()
            .filter_map(|name| top_tree.remove(name).map(|entry| ((*name).to_owned(), entry.value)))
            .collect();
        let apis_node = top_tree.remove("apis");
        let top: Option<Top> = read(&top_tree, out);
        let mut apis = BTreeMap::new();
        for entry in apis_node.iter().flat_map(|entry| entry.value.entries()) {
            if let Some(api) = Api::from_entry(entry, sections, out) {
                apis.insert(entry.key.clone(), api);
            }
        }
        let top = top?;
        let document = Self {
            version: top.version,
            data: top.data,
            listeners: top.listeners,
            admin: top.admin,
            trusted_hops: top.trusted_hops,
            issuers: top.issuers,
            authorities: top.authorities,
            signers: top.signers,
            users: top.users,
            webhooks: top.webhooks,
            upstreams: top.upstreams,
            apis,
            record: top.record,
            telemetry: top.telemetry,
            store: top.store,
            notify: top.notify,
            assertions: top.assertions,
            revocation: top.revocation,
            state: top.state,
            shedding: top.shedding,
            accept: top.accept,
            sections: of_controls,
            span: tree.span,
        };
        check::check(&document, tree, out);
        Some(document)
    }
}
