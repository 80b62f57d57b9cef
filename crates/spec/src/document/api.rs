//! A contract with an upstream and its settings.

use super::possession::{Dpop, OperationAuthentication, SenderConstrained};
use super::selector::{OperationRef, Selector};
use super::source::{AcceptUnenforced, Allow, ContractSource};
use super::websocket::{WebSocket, check};
use crate::merge::merge;
use crate::node::{Entry, Node, Value};
use crate::read::{Spanned, read};
use crate::units::{Strings, Url};
use diagnostics::{Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One API, resolved: its profile applied, the short form expanded.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its name, with the place of the key.
    pub name: Spanned<String>,
    /// Where its operations come from.
    pub contract: Spanned<ContractSource>,
    /// Operations, when there is no contract.
    pub allow: Vec<Spanned<Allow>>,
    /// Path put before the contract's; begins with `/` and does not end with it.
    pub base_path: Option<Spanned<String>>,
    /// Hosts it answers to; empty for any.
    pub hosts: Vec<Spanned<String>>,
    /// Under which clients reach it, without its base path, where that is not what the listener says.
    pub url: Option<Spanned<Url>>,
    /// Names of the listeners it is served on; empty for all.
    pub listeners: Vec<Spanned<String>>,
    /// What its callers' connections have to have, whatever the listener asks for.
    pub client_certificate: Option<Spanned<Demand>>,
    /// Name of its upstream.
    pub upstream: Spanned<String>,
    /// What proves a caller, by the contract's security scheme; `*` is for every scheme not named.
    pub authentication: BTreeMap<String, Spanned<Authentication>>,
    /// How proofs of possession are taken.
    pub dpop: Option<Spanned<Dpop>>,
    /// Who may call operations for which the contract says nothing.
    pub unsecured: Option<Spanned<Unsecured>>,
    /// Who is told about it.
    pub owner: Option<String>,
    /// Parts of the contract that are known not to be enforced.
    pub accept_unenforced: Option<Spanned<AcceptUnenforced>>,
    /// Settings for some operations, in the order written.
    pub operations: Vec<OperationSettings>,
    /// What controls own, unread.
    pub sections: Vec<(String, Node)>,
    /// The whole API.
    pub span: Span,
}

/// Settings for the operations that a selector selects.
#[derive(Debug, Clone)]
pub struct OperationSettings {
    /// Which operations, with the place of the key; whether it selects any is for the compiler to check.
    pub selector: Spanned<Selector>,
    /// Who may call them when the contract says nothing.
    pub unsecured: Option<Spanned<Unsecured>>,
    /// Set when they are WebSockets.
    pub websocket: Option<Spanned<WebSocket>>,
    /// How their callers are authenticated, beside what the API says.
    pub authentication: Option<Spanned<OperationAuthentication>>,
    /// What controls own, unread; laid over the API's own sections.
    pub sections: Vec<(String, Node)>,
}

/// The keys of an API that are read as they stand, all of them optional because a profile may hold any.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "Api")]
pub(crate) struct ApiKeys {
    /// path of the API's contract (OpenAPI, JSON or YAML), or `none`
    #[serde(default)]
    contract: Option<Spanned<ContractSource>>,
    /// operations of an API without a contract, as in `GET /status/*`
    #[serde(default)]
    allow: Vec<Spanned<Allow>>,
    /// path put before the contract's, as in `/v1`
    #[serde(default)]
    base_path: Option<Spanned<String>>,
    /// hosts the API answers to; empty for any
    #[serde(default)]
    hosts: Vec<Spanned<String>>,
    /// URL under which clients reach the API, without its base path: for an API behind a proxy that changes scheme, host or path;
    /// without it, what listener and call say
    #[serde(default)]
    url: Option<Spanned<Url>>,
    /// names of the listeners it is served on; empty for all
    #[serde(default)]
    listeners: Vec<Spanned<String>>,
    /// `required`: only connections with a client certificate may call, whatever the listener asks for
    #[serde(default)]
    client_certificate: Option<Spanned<Demand>>,
    /// name of an upstream, or its URL
    #[serde(default)]
    upstream: Option<Spanned<String>>,
    /// what proves a caller, by the contract's security scheme; `*` is for every scheme not named
    #[serde(default)]
    authentication: BTreeMap<String, Spanned<Authentication>>,
    /// how proofs of possession (DPoP) are taken
    #[serde(default)]
    dpop: Option<Spanned<Dpop>>,
    /// who may call operations for which the contract says nothing
    #[serde(default)]
    unsecured: Option<Spanned<Unsecured>>,
    /// address of the people who are told about this API
    #[serde(default)]
    owner: Option<String>,
    /// parts of the contract known not to be enforced: a file written by `yett init`, or JSON Pointers
    #[serde(default)]
    accept_unenforced: Option<Spanned<AcceptUnenforced>>,
}

/// What an API demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// It has to be there.
    Required,
}

/// How a security scheme of the contract is satisfied.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Authentication {
    /// names of the issuers whose tokens are taken
    #[serde(default)]
    pub issuers: Vec<Spanned<String>>,
    /// audience that a token must name (any one of them); without it the issuer's
    #[serde(default)]
    pub audience: Option<Spanned<Strings>>,
    /// what a token has to be bound to; without it a token need not be bound
    #[serde(default)]
    pub sender_constrained: Option<Spanned<SenderConstrained>>,
    /// `applications`: API keys of the gateway's own applications are taken (`yett app`, `yett key`)
    #[serde(default)]
    pub source: Option<Spanned<KeySource>>,
    /// names of the authorities whose client certificates are taken
    #[serde(default)]
    pub authorities: Vec<Spanned<String>>,
    /// names of the signers whose signatures over calls are taken
    #[serde(default)]
    pub signers: Vec<Spanned<String>>,
    /// names of the users whose passwords are taken (HTTP Basic)
    #[serde(default)]
    pub users: Vec<Spanned<String>>,
    /// name of the sender whose signed webhooks are taken
    #[serde(default)]
    pub webhook: Option<Spanned<String>>,
    /// whether an API key, a password, or the fields of a signature, are sent on to the service; without it, they end at the gateway
    #[serde(default)]
    pub forward: bool,
}

/// Where API keys are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeySource {
    /// In the gateway's own store.
    Applications,
}

/// Who may call an operation for which the contract has no `security` at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unsecured {
    /// Anyone.
    Anonymous,
    /// Anyone with a good credential, whatever its scopes.
    Authenticated,
}

/// Parts a mapping into what controls own and the rest.
fn split(node: &Node, sections: &[&'static str]) -> (Node, Vec<(String, Node)>) {
    let mut own = node.clone();
    let mut raw = Vec::new();
    if let Some(entries) = own.entries_mut() {
        entries.retain(|entry| {
            let section = sections.contains(&entry.key.as_str());
            if section {
                raw.push((entry.key.clone(), entry.value.clone()));
            }
            !section
        });
    }
    (own, raw)
}

/// Reports a `mode` of authentication, and takes it out. A scheme of the contract may have that name: then it is no word.
fn always_enforced(own: &mut Node, out: &mut Diagnostics) {
    let Some(authentication) = own.get_mut("authentication") else { return };
    let is_mode = |node: &Node| node.get("mode").is_some_and(|mode| !matches!(mode.value, Value::Mapping(_)));
    let mut found = Vec::new();
    if is_mode(authentication) {
        found.extend(authentication.remove("mode"));
    }
    for scheme in authentication.entries_mut().into_iter().flatten().filter(|scheme| is_mode(&scheme.value)) {
        found.extend(scheme.value.remove("mode"));
    }
    for mode in found {
        let message = "authentication has no `mode`: it is always enforced, since every later control judges by whom it has proven";
        let help = "take it out; what is added to the contract's demands can be tried in shadow under `authorization`";
        out.push(Diagnostic::error("authentication-mode", message).at(mode.key_span).help(help));
    }
}

impl Api {
    /// Reads one entry of `apis`, whose unknown keys have been reported and removed.
    pub(crate) fn from_entry(
        entry: &Entry,
        sections: &[&'static str],
        out: &mut Diagnostics,
    ) -> Option<Self> {
        let (mut own, raw) = split(&entry.value, sections);
        let operations = own.remove("operations");
        always_enforced(&mut own, out);
        let keys: ApiKeys = read(&own, out)?;
        let missing = |key: &str, help: &str, out: &mut Diagnostics| {
            let lost = own.entry(key).is_some();
            if !lost {
                let message = format!("the API `{}` has no `{key}`", entry.key);
                out.push(Diagnostic::error("missing-key", message).at(entry.key_span).help(help));
            }
        };
        if keys.contract.is_none() {
            let help = "write `contract: openapi.yaml`, or `contract: none` with `allow`";
            missing("contract", help, out);
        }
        if keys.upstream.is_none() {
            missing("upstream", "write `upstream: http://127.0.0.1:3000`", out);
        }
        let operations = operations
            .iter()
            .flat_map(|entry| entry.value.entries())
            .filter_map(|entry| OperationSettings::from_entry(entry, sections, out))
            .collect();
        Some(Self {
            name: Spanned::new(entry.key.clone(), entry.key_span),
            contract: keys.contract?,
            allow: keys.allow,
            base_path: keys.base_path,
            hosts: keys.hosts,
            url: keys.url,
            listeners: keys.listeners,
            client_certificate: keys.client_certificate,
            upstream: keys.upstream?,
            authentication: keys.authentication,
            dpop: keys.dpop,
            unsecured: keys.unsecured,
            owner: keys.owner,
            accept_unenforced: keys.accept_unenforced,
            operations,
            sections: raw,
            span: entry.value.span,
        })
    }

    /// The API's own section of a control, without any operation's.
    #[must_use]
    pub fn section(&self, section: &str) -> Option<&Node> {
        self.sections.iter().find(|(name, _)| name == section).map(|(_, node)| node)
    }

    /// A control's section for one operation: the API's own, with that of each selector that matches laid over it,
    /// the narrowest last. Mappings merge, lists and scalars replace.
    #[must_use]
    pub fn section_for(&self, section: &str, operation: &OperationRef<'_>) -> Option<Node> {
        let over = self.matching(operation).into_iter().filter_map(|settings| {
            settings.sections.iter().find(|(name, _)| name == section).map(|(_, node)| node.clone())
        });
        self.section(section).cloned().into_iter().chain(over).reduce(merge)
    }

    /// Who may call an operation for which the contract has no `security`; `None` refuses the document.
    #[must_use]
    pub fn unsecured_for(&self, operation: &OperationRef<'_>) -> Option<Spanned<Unsecured>> {
        let narrowest =
            self.matching(operation).into_iter().filter_map(|settings| settings.unsecured).next_back();
        narrowest.or(self.unsecured)
    }

    /// What makes an operation a WebSocket, when something does.
    #[must_use]
    pub fn websocket_for(&self, operation: &OperationRef<'_>) -> Option<&Spanned<WebSocket>> {
        self.matching(operation).into_iter().filter_map(|settings| settings.websocket.as_ref()).next_back()
    }

    /// What tokens for an operation have to be bound to, where its settings say so; the narrowest does.
    #[must_use]
    pub fn sender_constrained_for(&self, operation: &OperationRef<'_>) -> Option<Spanned<SenderConstrained>> {
        let said = |settings: &OperationSettings| settings.authentication.as_ref()?.sender_constrained;
        self.matching(operation).into_iter().filter_map(said).next_back()
    }

    /// How a security scheme of the contract is satisfied: by its own name, else by `*`.
    #[must_use]
    pub fn authentication_for(&self, scheme: &str) -> Option<&Spanned<Authentication>> {
        self.authentication.get(scheme).or_else(|| self.authentication.get("*"))
    }

    /// The settings that match, the narrowest last; of equals the later written.
    fn matching(&self, operation: &OperationRef<'_>) -> Vec<&OperationSettings> {
        let mut all: Vec<_> =
            self.operations.iter().filter(|settings| settings.selector.matches(operation)).collect();
        all.sort_by_key(|settings| settings.selector.narrowness());
        all
    }
}

/// The keys of an operation's settings that are not a control's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "Operation")]
pub(crate) struct OperationKeys {
    /// who may call the operation when the contract says nothing
    #[serde(default)]
    unsecured: Option<Spanned<Unsecured>>,
    /// the operation, a GET, goes on as a WebSocket under these rules; `{}` for the usual ones
    #[serde(default)]
    websocket: Option<Spanned<WebSocket>>,
    /// how callers of the operation are authenticated, beside what the API says
    #[serde(default)]
    authentication: Option<Spanned<OperationAuthentication>>,
}

impl OperationSettings {
    fn from_entry(entry: &Entry, sections: &[&'static str], out: &mut Diagnostics) -> Option<Self> {
        let (mut own, raw) = split(&entry.value, sections);
        always_enforced(&mut own, out);
        let keys: Option<OperationKeys> = read(&own, out);
        // A key with nothing after it means all defaults, as everywhere.
        let empty = own.entry("websocket").map(|entry| Spanned::new(WebSocket::default(), entry.key_span));
        let websocket = keys.as_ref().and_then(|keys| keys.websocket.clone()).or(empty);
        if let Some(websocket) = &websocket {
            check(websocket, out);
        }
        match entry.key.parse::<Selector>() {
            Ok(selector) => {
                let OperationKeys { unsecured, authentication, .. } = keys?;
                let selector = Spanned::new(selector, entry.key_span);
                Some(Self { selector, unsecured, websocket, authentication, sections: raw })
            }
            Err(error) => {
                out.push(
                    Diagnostic::error("invalid-selector", error.message).at(entry.key_span).help(error.help),
                );
                None
            }
        }
    }
}
