//! The section `pdp`.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Severity};
use engine::Control;
use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Duration, Mode, Node, SecretRef, Spanned, Url};

use super::check::{added, check, name_of, told};
use super::{Endpoint, Pdp, Protocol, Refuse, Telling, grpc};
use crate::callers::ClaimPath;
use crate::scope::{Compiled, HeldTo, NamedFile, OperationKind, OperationScope, mode};
use crate::security::{KeyScheme, Where, awaits_body, key_schemes};

/// A policy decision point elsewhere that says whether a call may go on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Pdp")]
pub struct PdpSection {
    /// whether calls are refused, or only recorded; in shadow the PDP is asked all the same
    pub mode: Mode,
    /// what it speaks: OPA's Data API, the OpenID AuthZEN Authorization API 1.0, or Envoy's `ext_authz` over HTTP or gRPC
    pub protocol: Option<ProtocolName>,
    /// its URL, whole; with `ext_authz` what stands before the path of the call, with `ext_authz_grpc` without a path
    pub url: Option<Spanned<Url>>,
    /// a token that is sent to it as `Authorization: Bearer`
    pub token: Option<Spanned<SecretRef>>,
    /// longest time that an answer may take, from `10ms` to `5s`
    pub deadline: Spanned<Duration>,
    /// how long an answer counts for calls of which the same is told, from `1s` to `5m`; without it every call is asked about. Never
    /// longer than the caller's credentials; a denial for 5s at most
    pub max_age: Option<Spanned<Duration>>,
    /// whether the body is told as well; then it is asked when that is there, about JSON only
    pub body: TellBody,
    /// header fields of the call that are told
    pub include: Vec<Spanned<String>>,
    /// claims that are told
    pub claims: Vec<ClaimPath>,
    /// header fields of an answer of `ext_authz` that go upstream, in the place of what the client sent
    pub headers: Vec<Spanned<String>>,
    /// how a denial is told: `forbidden` is 403, `not_found` is 404, as if there were no such thing, `as_told` is 404 where a service
    /// of `ext_authz` answers that, else 403
    pub refuse: Spanned<RefuseAs>,
    /// calls of which it says nothing, since it does not answer or not with a decision
    pub on_error: OnError,
}

impl Default for PdpSection {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            protocol: None,
            url: None,
            token: None,
            deadline: Spanned::nowhere(Duration::from_millis(200)),
            max_age: None,
            body: TellBody::None,
            include: Vec::new(),
            claims: Vec::new(),
            headers: Vec::new(),
            refuse: Spanned::nowhere(RefuseAs::Forbidden),
            on_error: OnError::Refuse,
        }
    }
}

/// What a PDP speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PdpProtocol")]
pub enum ProtocolName {
    /// OPA's Data API.
    Opa,
    /// OpenID AuthZEN Authorization API 1.0.
    Authzen,
    /// Envoy's `ext_authz` over HTTP.
    ExtAuthz,
    /// Envoy's `ext_authz` over gRPC.
    ExtAuthzGrpc,
}

impl ProtocolName {
    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Self::Opa => Protocol::Opa,
            Self::Authzen => Protocol::AuthZen,
            Self::ExtAuthz => Protocol::ExtAuthz,
            Self::ExtAuthzGrpc => Protocol::ExtAuthzGrpc,
        }
    }

    /// The URL that is asked, where a section has this one.
    pub(super) fn asked_at(self, url: &Url) -> String {
        match self {
            Self::Opa | Self::Authzen | Self::ExtAuthz => url.as_str().to_owned(),
            Self::ExtAuthzGrpc => format!("{}{}", url.as_str().trim_end_matches('/'), grpc::METHOD),
        }
    }
}

/// Whether the body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PdpBody")]
pub enum TellBody {
    /// It is not.
    None,
    /// It is, and has to be JSON.
    Json,
}

/// How a denial is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PdpRefuse")]
pub enum RefuseAs {
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 404 where the PDP answers that.
    AsTold,
}

/// What becomes of a call that is not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PdpOnError")]
pub enum OnError {
    /// It is refused.
    Refuse,
    /// It passes.
    Allow,
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(PdpSection)
}

/// The secret that it names.
#[must_use]
pub fn files(node: &Node) -> Vec<NamedFile> {
    node.get("token").and_then(NamedFile::secret).into_iter().collect()
}

/// Reports what is wrong with the section, wherever it stands: it may be a part of one.
pub fn check_section(node: &Node, out: &mut Diagnostics) {
    let section: Option<PdpSection> = spec::read(node, out);
    if let Some(section) = section {
        check(&section, out);
    }
}

/// What a whole section comes to, for all operations that have it.
struct Shared {
    endpoint: Arc<Endpoint>,
    include: Vec<HeaderName>,
    section: PdpSection,
}

/// Compiles it for an operation.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(node), OperationKind::Declared | OperationKind::ImpliedHead) = (scope.section, scope.kind)
    else {
        return Vec::new();
    };
    // Read, and reported, once for all operations that have the same section.
    let shared = scope.api.share(&scope.section_key("pdp"), || read(scope, node, out));
    // A section with errors keeps the document from being served.
    let Some(shared) = &*shared else { return Vec::new() };
    let section = &shared.section;
    let mode = mode(section.mode);
    let may_have = scope.contract.is_none_or(|operation| operation.request.has_body());
    let bodiless = matches!(scope.method.as_str(), "GET" | "HEAD") && scope.contract.is_none();
    let told = section.body == TellBody::Json && !scope.websocket;
    let body = told && may_have && !bodiless;
    let control: Arc<dyn Control> = Arc::new(Pdp {
        endpoint: Arc::clone(&shared.endpoint),
        telling: Telling {
            api: scope.api.name.into(),
            operation: scope.id.into(),
            template: format!("{}{}", scope.api.base_path, scope.template).into(),
            params: scope.params.to_vec(),
            include: shared.include.clone(),
            claims: distinct(section.claims.clone()),
            listeners: scope.api.gateway.document.listeners.keys().map(|name| name.as_str().into()).collect(),
            bound: scope.api.gateway.document.listeners.values().map(|one| grpc::bound(&one.bind)).collect(),
            keys: key_parameters(scope),
            body,
            contract: scope.contract.map(Arc::clone),
        },
        late: awaits_body(scope),
        refuse: match section.refuse.value {
            RefuseAs::Forbidden => Refuse::Forbidden,
            RefuseAs::NotFound => Refuse::NotFound,
            RefuseAs::AsTold => Refuse::AsTold,
        },
        bodiless: told && !body,
        allow_on_error: section.on_error == OnError::Allow,
        adds: mode == engine::Mode::Enforce,
    });
    vec![Compiled {
        control,
        mode,
        response_mode: mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(node.span),
    }]
}

/// Reads a whole section; none where it is off or wrong.
fn read(scope: &OperationScope<'_>, node: &Node, out: &mut Diagnostics) -> Option<Shared> {
    let before = out.count(Severity::Error);
    let section = spec::read::<PdpSection>(node, out).filter(|section| section.mode != Mode::Off)?;
    if out.count(Severity::Error) > before {
        // What cannot be read is not there for a reason that was reported: it is not asked for once more.
        return None;
    }
    check(&section, out);
    let url = whole(&section, node, out)?;
    let token = match &section.token {
        None => None,
        Some(kept) => Some(bearer(scope, kept, out)?),
    };
    keys_are_not_told(scope, &section, out);
    let mut ignored = Diagnostics::new();
    let include = section.include.iter().filter_map(|name| name_of(name, told, "", &mut ignored)).collect();
    let headers = section.headers.iter().filter_map(|name| name_of(name, added, "", &mut ignored)).collect();
    let (include, headers) = (distinct(include), distinct(headers));
    let protocol = section.protocol?;
    let endpoint = Endpoint {
        protocol: protocol.protocol(),
        url: protocol.asked_at(url),
        token,
        deadline: section.deadline.get(),
        max_age: section.max_age.map(|age| age.get()).unwrap_or_default(),
        headers,
    };
    (out.count(Severity::Error) == before).then(|| Shared { endpoint: Arc::new(endpoint), include, section })
}

/// Each once: what is told has no name twice.
fn distinct<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(all.len());
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

/// What a section lacks that is not off; its URL.
fn whole<'s>(section: &'s PdpSection, node: &Node, out: &mut Diagnostics) -> Option<&'s Url> {
    let mut error = |message: &str, help: &str, span| {
        out.push(Diagnostic::error("pdp", message).at(span).help(help));
    };
    let (Some(url), Some(protocol)) = (&section.url, section.protocol) else {
        let help = "write both, as in `protocol: opa` and `url: http://127.0.0.1:8181/v1/data/orders/allow`";
        error("a PDP wants a `protocol` and a `url`", help, node.span);
        return None;
    };
    let wanted = match protocol {
        ProtocolName::Opa if !url.path().contains("/v1/data/") => {
            Some("write it with the path of the decision, as in `http://127.0.0.1:8181/v1/data/orders/allow`")
        }
        ProtocolName::Authzen if url.path().len() < 2 => {
            Some("write it with its path, as in `https://pdp.example.com/access/v1/evaluation`")
        }
        _ => None,
    };
    if let Some(help) = wanted {
        error("the URL of the PDP is not whole", help, url.span);
    }
    if protocol == ProtocolName::ExtAuthzGrpc && url.path().len() > 1 {
        let help =
            "write it without a path, as in `https://authz.example.com:9001`: which method is asked is known";
        error("the URL of a PDP over gRPC has no path", help, url.span);
    }
    if !matches!(protocol, ProtocolName::ExtAuthz | ProtocolName::ExtAuthzGrpc) {
        let help = "leave it out, or write `protocol: ext_authz`";
        if let Some(name) = section.headers.first() {
            error("only `ext_authz` adds header fields", help, name.span);
        }
        if section.refuse.value == RefuseAs::AsTold {
            error("only `ext_authz` tells a status", help, section.refuse.span);
        }
    }
    Some(&url.value)
}

/// `Authorization` of questions. That a secret is missing has been reported with all that are.
fn bearer(
    scope: &OperationScope<'_>,
    kept: &Spanned<SecretRef>,
    out: &mut Diagnostics,
) -> Option<HeaderValue> {
    let bytes = scope.api.gateway.secret(&kept.value)?;
    let token = std::str::from_utf8(bytes).ok().map(|text| text.strip_suffix('\n').unwrap_or(text));
    let good = token.filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    let value = good.and_then(|token| {
        let field = zeroize::Zeroizing::new(format!("Bearer {token}"));
        HeaderValue::from_str(&field).ok()
    });
    let Some(mut value) = value else {
        let help = "write one word of visible ASCII to where it is kept";
        out.push(Diagnostic::error("pdp", "the token of the PDP cannot be sent").at(kept.span).help(help));
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}

/// Parameters of the query in which API keys are sent.
fn key_parameters(scope: &OperationScope<'_>) -> Vec<Box<str>> {
    let named = |scheme: KeyScheme| match scheme.place {
        Where::Query(name) => Some(name),
        Where::Header(_) | Where::Cookie(_) | Where::Authorization(_) => None,
    };
    key_schemes(scope.api).into_iter().filter_map(named).collect()
}

/// Reports a field in which API keys are sent.
fn keys_are_not_told(scope: &OperationScope<'_>, section: &PdpSection, out: &mut Diagnostics) {
    let schemes = key_schemes(scope.api);
    let holds_keys = |name: &str| {
        schemes.iter().any(|scheme| matches!(&scheme.place, Where::Header(field) if *field == *name))
    };
    for name in section.include.iter().filter(|name| holds_keys(&name.to_ascii_lowercase())) {
        let message = format!("`{}` holds API keys, which are not told to a PDP", name.value);
        out.push(Diagnostic::error("pdp", message).at(name.span).help("leave it out: who calls is told"));
    }
}
