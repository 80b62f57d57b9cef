//! What a control is told when it is compiled: the whole gateway, one API, one operation.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Sources, Span};
use engine::keyed::Keyed;
use engine::{Control, Mode};

/// Files by the path that the document calls them by; those of a folder by its path, a slash and their own below it.
pub type Assets = BTreeMap<String, Arc<[u8]>>;

/// A file or folder that a section names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// As written, relative to the document.
    pub path: String,
    /// Where it is named.
    pub span: Span,
    /// What it is.
    pub kind: NamedKind,
}

impl NamedFile {
    /// The secret that a value refers to; `None` when it is no such reference, which the section's reader reports.
    #[must_use]
    pub fn secret(value: &spec::Node) -> Option<Self> {
        let path = match value.as_str()?.parse::<spec::SecretRef>().ok()? {
            spec::SecretRef::Env(name) => format!("env:{name}"),
            spec::SecretRef::File(path) => path,
        };
        Some(Self { path, span: value.span, kind: NamedKind::Secret })
    }
}

/// What a section names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedKind {
    /// A file.
    File,
    /// A file of rules, or a folder of them: `*.conf` with the `*.data` that they name, in it or in its `rules`.
    Rules,
    /// A file that is much longer than others.
    Database,
    /// What is never shown: a file, or an environment variable, by `env:` and its name.
    Secret,
}

/// What holds for all APIs.
#[derive(Debug)]
pub struct GatewayScope<'a> {
    /// The resolved document.
    pub document: &'a spec::Document,
    /// Files that the document names, secrets included.
    pub assets: &'a Assets,
    /// Public keys of the built-in local issuer (a JWKS), when there is one.
    pub local_jwks: Option<&'a [u8]>,
    /// All files that diagnostics can point into; rule files are among them, under their names in the assets.
    pub sources: &'a Sources,
    /// What compilations share that costs much to make, for as long as a control of one of them holds it.
    pub made: &'a Keyed,
    /// What APIs share that are compiled together, as operations do by [`ApiScope::share`].
    pub shared: Shared,
}

/// What is made once for several, by its name.
#[derive(Debug, Default)]
pub struct Shared(RefCell<HashMap<String, Arc<dyn Any + Send + Sync>>>);

impl Shared {
    /// The value under `key`, made by the first that asks.
    pub fn get<T: Any + Send + Sync>(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let held = self.0.borrow().get(key).cloned();
        if let Some(held) = held.and_then(|held| held.downcast::<T>().ok()) {
            return held;
        }
        let made = Arc::new(make());
        self.0.borrow_mut().insert(key.to_owned(), Arc::clone(&made) as Arc<dyn Any + Send + Sync>);
        made
    }
}

impl GatewayScope<'_> {
    /// A secret, by where it is kept. That one is missing has been reported with all that is.
    #[must_use]
    pub fn secret(&self, kept: &spec::SecretRef) -> Option<&Arc<[u8]>> {
        match kept {
            spec::SecretRef::Env(name) => self.assets.get(&format!("env:{name}")),
            spec::SecretRef::File(path) => self.assets.get(path),
        }
    }
}

/// What holds for one API.
#[derive(Debug)]
pub struct ApiScope<'a> {
    /// The whole.
    pub gateway: &'a GatewayScope<'a>,
    /// Its name in the document.
    pub name: &'a str,
    /// Its settings.
    pub settings: &'a spec::Api,
    /// Its contract; `None` for `contract: none`.
    pub contract: Option<&'a contract::Api>,
    /// Base path of all its operations, without a slash at its end.
    pub base_path: &'a str,
    /// Absolute URL under which clients reach it, without base path: for metadata and `resource` identifiers.
    pub public_url: &'a str,
    /// Numbers of the scopes that the contract uses, in [`engine::ScopeSet`].
    pub scopes: &'a [String],
    /// Numbers of the contract's security schemes, in [`engine::principal::Proof`].
    pub schemes: &'a [String],
    /// What operations of this API share: see [`ApiScope::share`].
    pub shared: Shared,
}

impl ApiScope<'_> {
    /// The value under `key`, made by the first operation that asks; so that equal controls are one control.
    pub fn share<T: Any + Send + Sync>(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        self.shared.get(key, make)
    }
}

/// How an operation came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Declared by the contract, or listed under `allow`.
    Declared,
    /// HEAD of a declared GET.
    ImpliedHead,
    /// OPTIONS of a declared path: answered by us with `Allow`, or as a CORS preflight.
    ImpliedOptions,
    /// A document that the gateway serves itself (protected resource metadata).
    WellKnown,
}

/// One operation.
#[derive(Debug)]
pub struct OperationScope<'a> {
    /// Its API.
    pub api: &'a ApiScope<'a>,
    /// How it came to be.
    pub kind: OperationKind,
    /// Its rules; `None` for `contract: none`, for OPTIONS and for documents of our own. A HEAD has its GET's.
    pub contract: Option<&'a Arc<contract::Operation>>,
    /// Its `operationId`, or `METHOD /template`.
    pub id: &'a str,
    /// Its method.
    pub method: &'a http::Method,
    /// Its template without base path.
    pub template: &'a str,
    /// Names of its path parameters, in the order of the template.
    pub params: &'a [Box<str>],
    /// Methods of the same path, for `Allow`.
    pub siblings: &'a [http::Method],
    /// Whether it goes on as a WebSocket, which has messages in place of bodies.
    pub websocket: bool,
    /// The control's own section, merged for this operation from profile, API and operation.
    pub section: Option<&'a spec::Node>,
}

impl OperationScope<'_> {
    /// Names the section by all that it says: what operations with equal sections share is found by it. Its place is not
    /// enough, since sections that were laid over each other may differ and yet end at one place.
    #[must_use]
    pub fn section_key(&self, control: &str) -> String {
        format!("{control}:{:?}", self.section)
    }
}

/// What became of a section for one operation.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The control; the same `Arc` for operations that share it.
    pub control: Arc<dyn Control>,
    /// Whether its verdicts count, per stage group. Never [`Mode::Off`]: return no control instead.
    pub mode: Mode,
    /// Mode of its response stages, where that differs.
    pub response_mode: Mode,
    /// Longest request body that it reads, in bytes, when it says.
    pub body_limit: Option<u64>,
    /// Where it was configured.
    pub span: Option<Span>,
    /// Whose rules it holds calls to.
    pub held_to: HeldTo,
}

/// Whose rules a control holds calls to: decisions point there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeldTo {
    /// The configuration's.
    #[default]
    Configuration,
    /// Those of the contract's `security`.
    Security,
    /// What the contract says of requests and answers.
    Messages,
}

impl Compiled {
    /// A control that is enforced throughout.
    #[must_use]
    pub fn enforced(control: Arc<dyn Control>, span: Option<Span>) -> Self {
        Self {
            control,
            mode: Mode::Enforce,
            response_mode: Mode::Enforce,
            body_limit: None,
            span,
            held_to: HeldTo::Configuration,
        }
    }

    /// The same, which holds calls to the contract's `security`.
    #[must_use]
    pub fn by_security(self) -> Self {
        Self { held_to: HeldTo::Security, ..self }
    }
}

/// Longest name of a rule with a mode of its own, in bytes: counts and records have it.
pub const RULE_NAME: usize = 100;

/// Reports a rule with a mode of its own whose name is too long for counts and records.
pub fn rule_name(name: &str, mode: Option<spec::Mode>, span: Span, out: &mut Diagnostics) {
    if mode.is_some() && name.len() > RULE_NAME {
        let message = format!("the name of a rule with a `mode` has more than {RULE_NAME} bytes");
        out.push(Diagnostic::error("invalid-value", message).at(span).help("give it a shorter one"));
    }
}

/// A mode of the document as the engine's.
#[must_use]
pub const fn mode(mode: spec::Mode) -> Mode {
    match mode {
        spec::Mode::Off => Mode::Off,
        spec::Mode::Shadow => Mode::Shadow,
        spec::Mode::Enforce => Mode::Enforce,
    }
}
