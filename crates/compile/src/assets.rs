//! Which files a document is made of, and what is said when one is not there.
//!
//! The loader asks [`needed_assets`], reads them, and follows the references of contracts by
//! [`contract::references`] until nothing new comes up.

use std::sync::Arc;

use controls::CONTROLS;
use controls::scope::{Assets, NamedKind};
use diagnostics::{Diagnostic, Diagnostics, Sources, Span};
use http::HeaderValue;
use spec::{
    AcceptUnenforced, AccessLog, Api, ContractSource, Document, FileOrUrl, ListenAddress, PublicKey,
    SecretRef, Spanned,
};

use crate::Input;

/// What an asset is, so that the loader treats it as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeededKind {
    /// An API description, which may refer to further files.
    Contract,
    /// A file that may be shown.
    File,
    /// The same, much longer than others.
    Database,
    /// A file of rules, or a folder of such files: its `*.conf`, `*.data` and `*.conf.example`, and those in its `rules`.
    Rules,
    /// A file that is never shown.
    Secret,
    /// The same, with as many lines as there are users.
    Passwords,
    /// An environment variable, never shown; its name in the assets begins with `env:`.
    Env,
}

/// One asset that a document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// The name under which it is looked for in the assets: a path relative to the document, or `env:NAME`.
    pub name: String,
    /// What it is.
    pub kind: NeededKind,
    /// Where the document names it.
    pub span: Span,
}

/// The name of a secret in the assets.
#[must_use]
pub fn secret_key(secret: &SecretRef) -> String {
    match secret {
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::File(path) => path.clone(),
    }
}

fn secret_kind(secret: &SecretRef) -> NeededKind {
    match secret {
        SecretRef::Env(_) => NeededKind::Env,
        SecretRef::File(_) => NeededKind::Secret,
    }
}

/// What has to be known of a document before it can be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// What it names directly, without repetition.
    pub needed: Vec<Needed>,
    /// Whether it has a local issuer, whose key lies in the data directory.
    pub local_issuer: bool,
    /// Whether it signs assertions with a key of its own, which lies in the data directory.
    pub assertion_key: bool,
    /// The data directory, relative to the document.
    pub data: String,
    /// Where the admin listener is to be.
    pub admin: std::net::SocketAddr,
    /// Files and sockets outside of the data directory that it makes, relative to the document.
    pub made: Vec<String>,
    /// Where the URL of its database is kept.
    pub store_url: Option<SecretRef>,
}

/// The outline of a document, whatever else may be wrong with it; `None` when nothing can be made of it.
#[must_use]
pub fn outline(path: &str, text: &str, environment: Option<&str>) -> Option<Outline> {
    let mut sources = Sources::default();
    let mut ignored = Diagnostics::new();
    let file = sources.add(path, text);
    let tree = spec::parse(text, file, &mut ignored)?;
    let document = spec::resolve(&tree, environment, &crate::sections(), &mut ignored)?.document;
    let mut needed = named_by(&document);
    needed.sort_by(|left, right| (&left.name, left.kind).cmp(&(&right.name, right.kind)));
    needed.dedup_by(|later, first| later.name == first.name && later.kind == first.kind);
    Some(Outline {
        needed,
        local_issuer: document.issuers.values().any(|issuer| issuer.local),
        assertion_key: controls::upstream_identity::wants_own_key(&document),
        data: document.data.path().to_owned(),
        admin: document.admin.bind.address(),
        made: made_by(&document),
        store_url: document.store.as_ref().and_then(|store| Some(store.url.as_ref()?.value.clone())),
    })
}

/// Files and sockets that a gateway with this document makes outside of its data directory.
fn made_by(document: &Document) -> Vec<String> {
    let log = match &document.record.access_log {
        AccessLog::File(file) => Some(file.path().to_owned()),
        AccessLog::Stdout | AccessLog::Off => None,
    };
    let sockets = document.listeners.values().filter_map(|listener| match &listener.bind.value {
        ListenAddress::Unix(path) => Some(path.clone()),
        ListenAddress::Tcp(_) => None,
    });
    sockets.chain(log).collect()
}

/// What the document names directly, without repetition, whatever else may be wrong with it.
#[must_use]
pub fn needed_assets(path: &str, text: &str, environment: Option<&str>) -> Vec<Needed> {
    outline(path, text, environment).map(|outline| outline.needed).unwrap_or_default()
}

/// Reports what is named and not there.
pub(crate) fn check(document: &Document, input: &Input<'_>, out: &mut Diagnostics) {
    for needed in named_by(document) {
        if files_of(&needed, input.assets).next().is_some() {
            continue;
        }
        let why = input.unreadable.get(&needed.name).map_or("it was not found", String::as_str);
        let diagnostic = match needed.kind {
            NeededKind::Env => {
                let name = needed.name.strip_prefix("env:").unwrap_or(&needed.name);
                Diagnostic::error("secret-missing", format!("the environment variable `{name}` is not set"))
                    .help(format!("set `{name}` where `yett` is started"))
            }
            kind => Diagnostic::error("file-missing", format!("`{}` cannot be read: {why}", needed.name))
                .help(match kind {
                    NeededKind::Rules => {
                        "write `builtin`, or `file:` and the folder of the rules, relative to this document"
                    }
                    _ => "paths are relative to the document that names them",
                }),
        };
        out.push(diagnostic.at(needed.span));
    }
}

/// The assets that came of one that is needed: itself, or the files of a folder.
fn files_of<'a>(needed: &'a Needed, assets: &'a Assets) -> impl Iterator<Item = (&'a String, &'a Arc<[u8]>)> {
    let below = format!("{}/", needed.name);
    let found = assets.range(needed.name.clone()..);
    found.filter(move |(name, _)| {
        **name == needed.name || (needed.kind == NeededKind::Rules && name.starts_with(&below))
    })
}

/// Makes rule files known to diagnostics.
pub(crate) fn register(document: &Document, input: &Input<'_>, sources: &mut Sources) {
    for needed in named_by(document).iter().filter(|needed| needed.kind == NeededKind::Rules) {
        for (name, bytes) in files_of(needed, input.assets).filter(|(name, _)| !name.ends_with(".data")) {
            if sources.find(name).is_none() {
                sources.add(name.as_str(), String::from_utf8_lossy(bytes));
            }
        }
    }
}

fn named_by_sections(document: &Document) -> impl Iterator<Item = Needed> {
    let sections = document.apis.values().flat_map(|api| {
        api.sections.iter().chain(api.operations.iter().flat_map(|operation| &operation.sections))
    });
    let named = sections.flat_map(|(name, node)| {
        let entry = CONTROLS.iter().find(|entry| entry.name == name.as_str());
        entry.and_then(|entry| entry.section.as_ref()).map_or_else(Vec::new, |section| (section.files)(node))
    });
    named.map(|file| Needed {
        kind: match file.kind {
            NamedKind::File => NeededKind::File,
            NamedKind::Rules => NeededKind::Rules,
            NamedKind::Database => NeededKind::Database,
            NamedKind::Secret if file.path.starts_with("env:") => NeededKind::Env,
            NamedKind::Secret => NeededKind::Secret,
        },
        name: file.path,
        span: file.span,
    })
}

/// A secret, without the line end of a file, as the value of a header field, marked so that it is shown nowhere; `None` when it
/// cannot be one.
#[must_use]
pub fn header_secret(bytes: &[u8]) -> Option<HeaderValue> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut value = HeaderValue::from_bytes(bytes).ok().filter(|value| !value.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

/// Secrets of stores, of those who are told, collectors among them, of those who sign calls, ourselves among them, of senders of webhooks,
/// of assertions, and of those who say what is revoked.
fn secrets_beside_apis(document: &Document) -> Vec<&Spanned<SecretRef>> {
    let of_store = document.store.iter().flat_map(|store| store.url.iter().chain(&store.key));
    let sinks = document.notify.iter().flat_map(|notify| notify.sinks.values());
    let of_sinks = sinks.flat_map(|sink| std::iter::once(&sink.secret).chain(&sink.previous_secret));
    let of_collector = document.telemetry.otlp.iter().flat_map(|otlp| otlp.headers.values());
    let redis = document.state.iter().map(|state| &state.redis);
    let of_state = redis.filter_map(|redis| redis.password.as_ref());
    let signers = document.signers.values().flat_map(|signers| signers.keys.values());
    let of_signers = signers.filter_map(|signer| signer.secret.as_ref());
    let of_senders = document.webhooks.values().flat_map(|webhook| &webhook.secrets);
    let signing = document.upstreams.values().filter_map(|upstream| upstream.sign.as_ref());
    let of_upstreams = signing.map(|signing| &signing.key);
    let of_assertions = document.assertions.iter().map(|assertions| &assertions.key);
    let mut all: Vec<_> = of_store.chain(of_sinks).chain(of_collector).chain(of_state).collect();
    all.extend(of_signers.chain(of_senders).chain(of_upstreams).chain(of_assertions));
    if let Some(revocation) = &document.revocation {
        let senders = || revocation.transmitters.values();
        all.extend(revocation.clients.values().filter_map(|client| client.secret.as_ref()));
        all.extend(senders().filter_map(|sender| sender.secret.as_ref()));
        all.extend(senders().filter_map(|sender| sender.poll.as_ref()?.secret.as_ref()));
    }
    all
}

/// What an API names, but for what its sections do.
fn named_by_api(api: &Api, add: &mut impl FnMut(&str, NeededKind, Span)) {
    if let ContractSource::File(file) = &api.contract.value {
        add(file.path(), NeededKind::Contract, api.contract.span);
    }
    if let Some(key) = api.dpop.as_ref().and_then(|dpop| dpop.nonce_key.as_ref()) {
        add(&secret_key(key), secret_kind(key), key.span);
    }
    if let Some(accept) = &api.accept_unenforced
        && let AcceptUnenforced::File(file) = &accept.value
    {
        add(file.path(), NeededKind::File, accept.span);
    }
}

/// What the document names, but for what its sections do.
fn named_by(document: &Document) -> Vec<Needed> {
    let mut all = Vec::new();
    let mut add = |name: &str, kind: NeededKind, span: Span| {
        all.push(Needed { name: name.to_owned(), kind, span });
    };
    for listener in document.listeners.values() {
        let Some(tls) = &listener.tls else { continue };
        let further = tls.certificates.iter();
        let public = tls.certificate.iter().chain(further.clone().map(|entry| &entry.certificate));
        for file in public.chain(&tls.client_ca).chain(&tls.client_crls) {
            add(file.path(), NeededKind::File, file.span);
        }
        for key in tls.key.iter().chain(further.map(|entry| &entry.key)) {
            add(&secret_key(key), secret_kind(key), key.span);
        }
    }
    if let Some(ca) = document.state.as_ref().and_then(|state| state.redis.ca.as_ref()) {
        add(ca.path(), NeededKind::File, ca.span);
    }
    for secret in secrets_beside_apis(document) {
        add(&secret_key(secret), secret_kind(secret), secret.span);
    }
    for issuer in document.issuers.values() {
        if let Some(jwks) = &issuer.jwks
            && let FileOrUrl::File(file) = &jwks.value
        {
            add(file.path(), NeededKind::File, jwks.span);
        }
        let asked = issuer.introspection.as_ref();
        let of_asked = asked.iter().flat_map(|asked| asked.client_secret.iter().chain(&asked.client_key));
        let gives = issuer.token_endpoint.as_ref();
        let of_giving = gives
            .iter()
            .flat_map(|gives| gives.client_secret.iter().chain(&gives.client_key).chain(&gives.actor_token));
        for secret in of_asked.chain(of_giving) {
            add(&secret_key(secret), secret_kind(secret), secret.span);
        }
    }
    for authority in document.authorities.values() {
        add(authority.client_ca.path(), NeededKind::File, authority.client_ca.span);
    }
    for group in document.users.values() {
        add(group.passwords.path(), NeededKind::Passwords, group.passwords.span);
    }
    for upstream in document.upstreams.values() {
        if let Some(ca) = &upstream.tls.ca {
            add(ca.path(), NeededKind::File, ca.span);
        }
        for secret in upstream.headers.secrets.values() {
            add(&secret_key(secret), secret_kind(secret), secret.span);
        }
        if let Some(certificate) = &upstream.tls.certificate {
            add(certificate.path(), NeededKind::File, certificate.span);
        }
        if let Some(key) = &upstream.tls.key {
            add(&secret_key(key), secret_kind(key), key.span);
        }
    }
    for signers in document.signers.values() {
        if let Some(jwks) = &signers.jwks {
            add(jwks.path(), NeededKind::File, jwks.span);
        }
        for public in signers.keys.values().filter_map(|signer| signer.public.as_ref()) {
            if let PublicKey::File(file) = &public.value {
                add(file.path(), NeededKind::File, public.span);
            }
        }
    }
    document.apis.values().for_each(|api| named_by_api(api, &mut add));
    all.extend(named_by_sections(document));
    all
}
