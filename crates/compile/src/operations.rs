//! The operations of one API: those of its contract or its `allow` list, and those that HTTP implies (a HEAD for each
//! GET, RFC 9110 section 9.3.2; OPTIONS for each path, section 9.3.7).

use std::collections::BTreeMap;
use std::sync::Arc;

use controls::scope::OperationKind;
use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::route::{Segment, Template};
use http::Method;

/// Methods that `*` in `allow` stands for.
const ANY: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// An operation before it has a plan.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) kind: OperationKind,
    pub(crate) contract: Option<Arc<contract::Operation>>,
    /// `operationId`, or `METHOD /template`; that of its GET for a HEAD.
    pub(crate) id: String,
    pub(crate) method: Method,
    /// What selectors compare: that of its GET for a HEAD.
    pub(crate) selected_as: Method,
    pub(crate) template: String,
    pub(crate) parsed: Template,
    /// Base path of its own, without a slash at its end.
    pub(crate) base: String,
    pub(crate) span: Option<Span>,
}

/// Operations of the contract, in its order.
pub(crate) fn declared(api: &contract::Api, base: &str, out: &mut Diagnostics) -> Vec<Draft> {
    let mut all = Vec::with_capacity(api.operations.len());
    for operation in &api.operations {
        match Template::parse(&operation.template, false) {
            Ok(parsed) => all.push(Draft {
                kind: OperationKind::Declared,
                contract: Some(Arc::clone(operation)),
                id: operation.id.clone(),
                method: operation.method.clone(),
                selected_as: operation.method.clone(),
                template: operation.template.clone(),
                parsed,
                base: operation.base_path.clone().unwrap_or_else(|| base.to_owned()),
                span: operation.span,
            }),
            Err(why) => out.push(
                Diagnostic::error("path-template", format!("the path template {why}"))
                    .maybe_at(operation.span)
                    .pointer(operation.pointer.clone())
                    .help("mend the template in the contract"),
            ),
        }
    }
    all
}

/// Operations that an API without a contract allows.
pub(crate) fn allowed(settings: &spec::Api, base: &str, out: &mut Diagnostics) -> Vec<Draft> {
    let mut all = Vec::new();
    for allow in &settings.allow {
        let template = format!("{}{}", allow.path, if allow.prefix { "*" } else { "" });
        let methods: Vec<Method> = match &allow.method {
            None => ANY.to_vec(),
            Some(name) => Method::from_bytes(name.as_bytes()).into_iter().collect(),
        };
        match Template::parse(&template, true) {
            Ok(parsed) => all.extend(methods.into_iter().map(|method| Draft {
                kind: OperationKind::Declared,
                contract: None,
                id: format!("{method} {template}"),
                selected_as: method.clone(),
                method,
                template: template.clone(),
                parsed: parsed.clone(),
                base: base.to_owned(),
                span: Some(allow.span),
            })),
            Err(why) => out.push(
                Diagnostic::error("path-template", format!("the path {why}"))
                    .at(allow.span)
                    .help("write a path such as `/status` or `/files/*`"),
            ),
        }
    }
    all
}

/// Adds what HTTP implies, and says for each operation which methods its path has.
pub(crate) fn with_implied(declared: Vec<Draft>) -> Vec<(Draft, Arc<[Method]>)> {
    let mut paths: BTreeMap<(String, Vec<Segment>), Vec<usize>> = BTreeMap::new();
    for (index, draft) in declared.iter().enumerate() {
        paths.entry((draft.base.clone(), draft.parsed.segments.clone())).or_default().push(index);
    }
    let mut implied: Vec<Draft> = Vec::new();
    let mut siblings: BTreeMap<(String, Vec<Segment>), Arc<[Method]>> = BTreeMap::new();
    for (path, members) in paths {
        let here: Vec<&Draft> = members.iter().filter_map(|index| declared.get(*index)).collect();
        let has = |method: &Method| here.iter().find(|draft| draft.method == *method);
        let mut methods: Vec<Method> = here.iter().map(|draft| draft.method.clone()).collect();
        if let (Some(get), None) = (has(&Method::GET), has(&Method::HEAD)) {
            implied.push(Draft { kind: OperationKind::ImpliedHead, method: Method::HEAD, ..(*get).clone() });
            methods.push(Method::HEAD);
        }
        if let (Some(first), None) = (here.first(), has(&Method::OPTIONS)) {
            implied.push(Draft {
                kind: OperationKind::ImpliedOptions,
                contract: None,
                id: format!("OPTIONS {}", first.template),
                method: Method::OPTIONS,
                selected_as: Method::OPTIONS,
                ..(*first).clone()
            });
            methods.push(Method::OPTIONS);
        }
        methods.sort_by(|left, right| left.as_str().cmp(right.as_str()));
        methods.dedup();
        siblings.insert(path, methods.into());
    }
    declared
        .into_iter()
        .chain(implied)
        .map(|draft| {
            let path = (draft.base.clone(), draft.parsed.segments.clone());
            let methods = siblings.get(&path).cloned().unwrap_or_default();
            (draft, methods)
        })
        .collect()
}
