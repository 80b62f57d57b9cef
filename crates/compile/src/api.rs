//! One API: its numbers, its operations' plans and its mounts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use controls::scope::{ApiScope, GatewayScope, OperationKind, OperationScope, Shared};
use controls::security::{Access, access, names};
use controls::{metadata, upstream_identity};
use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::OperationPlan;
use engine::route::{Mount, Template};
use engine::snapshot::Upstream;
use http::Method;
use spec::{Api, ContractSource, OperationRef};

use crate::contracts::Contract;
use crate::mounts::{self, Claims, Site, Way};
use crate::operations::{self, Draft};
use crate::plan::{Origin, Planner, Sections};
use crate::{ApiSummary, selectors, websocket};

/// What an API is built from, and into.
pub(crate) struct Build<'b, 'a> {
    pub(crate) gateway: &'b GatewayScope<'b>,
    pub(crate) settings: &'b Api,
    pub(crate) contract: Option<&'b Contract>,
    /// `None` when it was reported as broken or unknown.
    pub(crate) upstream: Option<&'b Arc<Upstream>>,
    pub(crate) planner: &'b mut Planner<'a>,
    pub(crate) claims: &'b mut Claims,
    /// Of each API.
    pub(crate) mounts: &'b mut Vec<Vec<Mount>>,
    /// Mounts of documents of our own; they come before all others, so that no `/*` hides them.
    pub(crate) well_known: &'b mut Vec<Mount>,
}

impl Build<'_, '_> {
    /// `None` when the contract could not be imported, which has been reported; what is wrong beside it is said all the same.
    pub(crate) fn run(&mut self, out: &mut Diagnostics) -> Option<ApiSummary> {
        let (settings, gateway) = (self.settings, self.gateway);
        let name = settings.name.value.as_str();
        let contract = self.contract.map(|contract| &**contract.api());
        let sites = mounts::sites(gateway.document, settings, out);
        if contract.is_none() && settings.contract.value != ContractSource::None {
            let nothing = Numbers::default();
            let scope = scope((gateway, settings, None), "", "", &nothing);
            controls::authentication::check_issuers(&scope, out);
            return None;
        }
        let base = base_path(settings, contract, out);
        let declared = match contract {
            Some(contract) => operations::declared(contract, &base, out),
            None => operations::allowed(settings, &base, out),
        };
        check_selectors(settings, &declared, out);
        let bases: BTreeSet<String> = declared.iter().map(|draft| draft.base.clone()).collect();
        for site in &sites {
            for base in &bases {
                self.claims.take(name, site, base, settings.name.span, out);
            }
        }
        let mut summary = ApiSummary {
            name: name.to_owned(),
            title: contract.map(|contract| contract.title.clone()).unwrap_or_default(),
            base_path: base.clone(),
            operations: declared.len(),
            fully_enforced: contract.map_or(0, |contract| contract.stats.fully_enforced),
            refusing: Vec::new(),
        };
        let numbers = numbers(contract);
        let url = public_url(gateway.document, settings, sites.first());
        let scope = scope((gateway, settings, contract), &base, &url, &numbers);
        controls::authentication::check_issuers(&scope, out);
        let shared: Arc<str> = name.into();
        let mut ways = Vec::new();
        let mut spans: HashMap<u32, (String, Option<Span>)> = HashMap::new();
        for (draft, siblings) in operations::with_implied(declared) {
            let (plan, refuses) = self.plan(&scope, &shared, &draft, &siblings, out);
            if refuses && draft.kind == OperationKind::Declared {
                summary.refusing.push(draft.id.clone());
            }
            let operation = self.planner.add(plan);
            spans.insert(operation, (format!("{} {}", draft.method, draft.template), draft.span));
            ways.push(Way { base: draft.base, template: draft.parsed, method: draft.method, operation });
        }
        let mut reported = BTreeSet::new();
        let mut own = Vec::new();
        for site in &sites {
            let laid = mounts::lay_out(site, &ways, |new, old| {
                if reported.insert((new, old)) {
                    collision(spans.get(&new), spans.get(&old), out);
                }
            });
            own.extend(laid);
        }
        self.mounts.push(own);
        if metadata::control(&scope).is_some() {
            self.document((&scope, &shared), &metadata::path(&base), &sites, out);
        }
        if upstream_identity::publishes(settings) {
            self.document((&scope, &shared), &upstream_identity::keys_path(&base), &sites, out);
        }
        Some(summary)
    }

    /// An operation's plan, and whether it refuses every call.
    fn plan(
        &mut self,
        api: &ApiScope<'_>,
        name: &Arc<str>,
        draft: &Draft,
        siblings: &[Method],
        out: &mut Diagnostics,
    ) -> (OperationPlan, bool) {
        let tags: Vec<&str> = draft.contract.iter().flat_map(|op| &op.tags).map(String::as_str).collect();
        let websocket = self.settings.websocket_for(&reference(draft, &tags));
        let websocket = websocket::rules(websocket, draft, self.upstream, out);
        let scope = OperationScope {
            api,
            kind: draft.kind,
            contract: draft.contract.as_ref(),
            id: &draft.id,
            method: &draft.method,
            template: &draft.template,
            params: &draft.parsed.params,
            siblings,
            websocket: websocket.is_some(),
            section: None,
        };
        let refuses = matches!(access(&scope), Access::Closed(_));
        let sections = Sections { settings: self.settings, operation: reference(draft, &tags) };
        let answers = Planner::ask(&scope, &sections, out);
        let origin = origin(draft, self.settings);
        let steps = self.planner.plan(&answers, &origin, draft.method == Method::HEAD, out);
        let plan = OperationPlan {
            api: Arc::clone(name),
            names: names(api),
            id: draft.id.as_str().into(),
            method: draft.method.clone(),
            template: format!("{}{}", draft.base, draft.template).into(),
            upstream: match draft.kind {
                OperationKind::Declared | OperationKind::ImpliedHead => self.upstream.cloned(),
                OperationKind::ImpliedOptions | OperationKind::WellKnown => None,
            },
            client_certificate: self.settings.client_certificate.is_some(),
            base_length: draft.base.len(),
            head: steps.head,
            body: steps.body,
            message: steps.message,
            before_upstream: steps.before_upstream,
            response_head: steps.response_head,
            response_body: steps.response_body,
            observe: steps.observe,
            request_mode: steps.request_mode,
            response_mode: steps.response_mode,
            websocket,
        };
        (plan, refuses)
    }

    /// A document of our own about the API, at the root of the same sites: what describes it to its clients (RFC 9728), the keys by
    /// which its service knows who calls.
    fn document(
        &mut self,
        (api, name): (&ApiScope<'_>, &Arc<str>),
        path: &str,
        sites: &[Site],
        out: &mut Diagnostics,
    ) {
        let Ok(parsed) = Template::parse(path, false) else { return };
        let methods = [Method::GET, Method::HEAD];
        let ways = methods.clone().map(|method| {
            let draft = Draft {
                kind: OperationKind::WellKnown,
                contract: None,
                id: format!("GET {path}"),
                selected_as: Method::GET,
                template: path.to_owned(),
                parsed: parsed.clone(),
                base: String::new(),
                span: None,
                method,
            };
            let (plan, _) = self.plan(api, name, &draft, &methods, out);
            let operation = self.planner.add(plan);
            Way { base: draft.base, template: draft.parsed, method: draft.method, operation }
        });
        for site in sites {
            self.well_known.extend(mounts::lay_out(site, &ways, |_, _| {}));
        }
    }
}

/// Where an operation and its parts are declared.
fn origin<'a>(draft: &'a Draft, settings: &'a Api) -> Origin<'a> {
    let Some(operation) = &draft.contract else {
        return Origin { place: format!("{} {}", draft.method, draft.template), parts: None };
    };
    let file = match &settings.contract.value {
        ContractSource::File(file) => file.path(),
        _ => "",
    };
    let is_own = operation.pointer.starts_with('/') && !file.is_empty();
    let place = if is_own { format!("{file}#{}", operation.pointer) } else { operation.pointer.clone() };
    Origin { place, parts: Some((file, &operation.parts)) }
}

fn reference<'a>(draft: &'a Draft, tags: &'a [&'a str]) -> OperationRef<'a> {
    let own_id = draft.kind == OperationKind::Declared || draft.kind == OperationKind::ImpliedHead;
    OperationRef {
        id: own_id.then_some(draft.id.as_str()),
        method: draft.selected_as.as_str(),
        template: &draft.template,
        tags,
    }
}

fn check_selectors(settings: &Api, declared: &[Draft], out: &mut Diagnostics) {
    let tags: Vec<Vec<&str>> = declared
        .iter()
        .map(|draft| draft.contract.iter().flat_map(|op| &op.tags).map(String::as_str).collect())
        .collect();
    let references: Vec<OperationRef<'_>> =
        declared.iter().zip(&tags).map(|(draft, tags)| reference(draft, tags)).collect();
    selectors::check(settings, &references, out);
}

/// The base path of an API: as the document says, else as its contract's first server says.
fn base_path(settings: &Api, contract: Option<&contract::Api>, out: &mut Diagnostics) -> String {
    if let Some(base) = &settings.base_path {
        return base.value.trim_end_matches('/').to_owned();
    }
    let Some((first, others)) = contract.and_then(|contract| contract.servers.split_first()) else {
        return String::new();
    };
    if let Some(other) = others.iter().find(|other| other.base_path != first.base_path) {
        let message = format!(
            "the contract's servers have several base paths; `{}` is served, `{}` is not",
            shown(&first.base_path),
            shown(&other.base_path)
        );
        let help = "write `base_path` to choose another";
        let diagnostic = Diagnostic::warning("several-base-paths", message).at(settings.contract.span);
        out.push(diagnostic.help(help));
    }
    let canonical =
        engine::path::canonical_path(&format!("{}/", first.base_path)).map(std::borrow::Cow::into_owned);
    match canonical {
        Ok(path) if path == format!("{}/", first.base_path) => first.base_path.clone(),
        _ => {
            let message =
                format!("the base path `{}` of the contract's server cannot be served", first.base_path);
            let help = "write `base_path` with the path under which the API is to be served";
            out.push(Diagnostic::error("base-path", message).at(settings.contract.span).help(help));
            String::new()
        }
    }
}

fn shown(base: &str) -> &str {
    if base.is_empty() { "/" } else { base }
}

fn scope<'s>(
    (gateway, settings, contract): (&'s GatewayScope<'s>, &'s Api, Option<&'s contract::Api>),
    base_path: &'s str,
    public_url: &'s str,
    numbers: &'s Numbers,
) -> ApiScope<'s> {
    ApiScope {
        gateway,
        name: &settings.name.value,
        settings,
        contract,
        base_path,
        public_url,
        scopes: &numbers.scopes,
        schemes: &numbers.schemes,
        shared: Shared::default(),
    }
}

/// Scopes and schemes get their numbers by the order of their names.
#[derive(Default)]
struct Numbers {
    scopes: Vec<String>,
    schemes: Vec<String>,
}

fn numbers(contract: Option<&contract::Api>) -> Numbers {
    let Some(contract) = contract else { return Numbers::default() };
    let mut scopes = BTreeSet::new();
    let mut schemes: BTreeSet<String> = contract.schemes.keys().cloned().collect();
    for operation in &contract.operations {
        let contract::Security::Alternatives(alternatives) = &operation.security else { continue };
        for (scheme, wanted) in alternatives.iter().flat_map(|requirement| &requirement.schemes) {
            schemes.insert(scheme.clone());
            scopes.extend(wanted.iter().cloned());
        }
    }
    Numbers { scopes: scopes.into_iter().collect(), schemes: schemes.into_iter().collect() }
}

/// Where clients find the API: as it says, else scheme, host and port of the first listener that serves it.
fn public_url(document: &spec::Document, settings: &Api, site: Option<&Site>) -> String {
    if let Some(url) = &settings.url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let number = site.and_then(|site| site.listeners.first()).map_or(0, |number| usize::from(*number));
    let Some(listener) = document.listeners.values().nth(number) else {
        return String::from("http://localhost");
    };
    let known = settings.hosts.iter().chain(&listener.hosts).find(|host| !host.starts_with("*."));
    let Some(address) = listener.bind.address() else {
        let host = known.map_or("localhost", |host| host.value.as_str());
        return format!("http://{host}");
    };
    let tls = listener.tls.is_some();
    let host = match known {
        Some(host) => host.value.clone(),
        None if address.ip().is_unspecified() => String::from("localhost"),
        None if address.is_ipv6() => format!("[{}]", address.ip()),
        None => address.ip().to_string(),
    };
    let (scheme, usual) = if tls { ("https", 443) } else { ("http", 80) };
    if address.port() == usual {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{}", address.port())
    }
}

fn collision(
    new: Option<&(String, Option<Span>)>,
    old: Option<&(String, Option<Span>)>,
    out: &mut Diagnostics,
) {
    let (Some((new, span)), Some((old, _))) = (new, old) else { return };
    let message = if new == old {
        format!("`{new}` is there twice")
    } else {
        format!("`{new}` and `{old}` match the same calls")
    };
    let help = "keep one of them: names of parameters do not tell paths apart";
    out.push(Diagnostic::error("path-collision", message).maybe_at(*span).help(help));
}
