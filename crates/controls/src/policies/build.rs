//! From the section to the policies of each operation.

use std::sync::Arc;

use cedar::names::{Actions, Attribute, READ, Vocabulary, WRITE};
use cedar::{Book, Fault, Severity as Bad, Shape, Slice, Source};
use contract::Carries;
use diagnostics::{Diagnostic, Diagnostics, FileId, Severity, Span};
use engine::Control;
use spec::{Mode, Node, Strings};

use super::config::{BodySection, OnAbsent, PoliciesSection, RefuseAs};
use super::facts::{Claim, Telling, Value};
use super::{Policies, Refuse, config, links, offset};
use crate::callers::ClaimPath;
use crate::callers::trust::Trust;
use crate::pattern::Step;
use crate::scope::{ApiScope, Compiled, HeldTo, OperationKind, OperationScope, mode};
use crate::security::{Access, Issuers, access, awaits_body, iss};

/// Methods that change nothing (RFC 9110 section 9.2.1).
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

/// Where a text with policies comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// A file, which diagnostics point into.
    File(FileId),
    /// Somewhere in the document: a link, or the name of a file.
    Document(Span),
}

/// What a whole section comes to, for all operations that have it.
struct Shared {
    section: PoliciesSection,
    read: Arc<Option<Read>>,
    claims: Arc<[Claim]>,
    issuers: Arc<[(Box<str>, Box<str>)]>,
    listeners: Arc<[Box<str>]>,
    offset: i64,
}

/// Policies and where they were read from.
struct Read {
    book: Book,
    origins: Vec<Origin>,
}

/// Compiles it for an operation: the policies that are about it.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(node), OperationKind::Declared | OperationKind::ImpliedHead) = (scope.section, scope.kind)
    else {
        return Vec::new();
    };
    let shared = scope.api.share(&scope.section_key("policies"), || share(scope.api, node, out));
    // A section with errors keeps the document from being served.
    let Some(shared) = &*shared else { return Vec::new() };
    let Some(read) = &*shared.read else { return Vec::new() };
    let access = access(scope);
    let values = values(scope, &shared.section, out);
    let shape = shape(scope, &access, &values);
    let (slice, faults) = read.book.slice(scope.id, &shape);
    faults.into_iter().for_each(|fault| report(fault, &read.origins, out));
    if !slice.permits() && scope.kind == OperationKind::Declared {
        permits_nothing(scope, node.span, out);
    }
    vec![control(scope, (node, shared, &access), slice, values, out)]
}

fn control(
    scope: &OperationScope<'_>,
    (node, shared, access): (&Node, &Shared, &Access),
    slice: Slice,
    values: Vec<Value>,
    out: &mut Diagnostics,
) -> Compiled {
    let section = &shared.section;
    let wants = *slice.wants();
    let trust = Trust::of(scope, out);
    // Roles may have a word of their own for whom to believe; who is not known has neither.
    let reads_claims = wants.claims || wants.assurance || (wants.roles && !trust.says_of_roles);
    let issuers = match (reads_claims && *access != Access::Open, &section.issuer) {
        (true, Some(issuer)) => trust.issuers(Some(&issuer.value), issuer.span, out),
        (true, None) => trust.issuers(None::<&Strings>, node.span, out),
        (false, _) => Issuers::default(),
    };
    let values: Box<[Value]> = values.into_iter().filter(|value| slice.reads(&value.name)).collect();
    let params = scope.params.iter().map(|name| slice.reads(name).then(|| name.clone())).collect();
    let telling = Telling {
        params,
        contract: (!values.is_empty()).then(|| scope.contract.map(Arc::clone)).flatten(),
        values,
        claims: if wants.claims { Arc::clone(&shared.claims) } else { Arc::from([]) },
        believed: issuers,
        roles: trust.roles().clone(),
        issuers: Arc::clone(&shared.issuers),
        listeners: Arc::clone(&shared.listeners),
        offset: shared.offset,
    };
    let late = awaits_body(scope) || !telling.values.is_empty();
    let refuse = match section.refuse {
        RefuseAs::Forbidden => Refuse::Forbidden,
        RefuseAs::NotFound => Refuse::NotFound,
    };
    let mode = mode(section.mode);
    Compiled {
        control: Arc::new(Policies { slice, telling, late, refuse }) as Arc<dyn Control>,
        mode,
        response_mode: mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(node.span),
    }
}

/// Once for a whole section.
fn share(api: &ApiScope<'_>, node: &Node, out: &mut Diagnostics) -> Option<Shared> {
    let before = out.count(Severity::Error);
    let section = spec::read::<PoliciesSection>(node, out).filter(|section| section.mode != Mode::Off)?;
    if out.count(Severity::Error) == before {
        config::check(&section, node, out);
    }
    if out.count(Severity::Error) > before {
        return None;
    }
    // Sections that differ in what else they say have the same policies.
    let policies = ["files", "links", "claims", "body"].map(|key| node.get(key));
    let read = api.share(&format!("policies of {policies:?}"), || read(api, &section, node, out));
    let claims = section.claims.iter().filter_map(|(name, claim)| {
        let path = claim.value.claim.clone().or_else(|| ClaimPath::parse(name).ok())?;
        Some(Claim { name: name.as_str().into(), path, kind: claim.value.of.kind() })
    });
    let claims = claims.collect();
    let document = api.gateway.document;
    let issuers = document.issuers.iter().map(|(name, issuer)| (iss(issuer).into(), name.as_str().into()));
    Some(Shared {
        claims,
        issuers: issuers.collect(),
        listeners: document.listeners.keys().map(|name| name.as_str().into()).collect(),
        offset: section.utc_offset.as_ref().and_then(|text| offset::of(&text.value)).unwrap_or_default(),
        read,
        section,
    })
}

/// Reads all policies of a section; `None` where something is wrong with them, which is reported.
fn read(api: &ApiScope<'_>, section: &PoliciesSection, node: &Node, out: &mut Diagnostics) -> Option<Read> {
    let before = out.count(Severity::Error);
    let mut texts: Vec<(&str, String, Origin)> = Vec::new();
    for file in &section.files {
        // That one is missing has been reported with all that are.
        let Some(bytes) = api.gateway.assets.get(file.path()) else { continue };
        let Ok(text) = std::str::from_utf8(bytes) else {
            let message = format!("`{}` is no text in UTF-8", file.value);
            out.push(Diagnostic::error("policies", message).at(file.span).help("write it in UTF-8"));
            continue;
        };
        let origin = api.gateway.sources.find(file.path()).map_or(Origin::Document(file.span), Origin::File);
        texts.push((file.path(), text.to_owned(), origin));
    }
    for (name, link) in &section.links {
        match links::written(name, &link.value, section) {
            Some(text) => texts.push((name, text, Origin::Document(link.span))),
            None => {
                let message = format!("`{name}` does not say all that its template wants");
                let help = "compare it with docs/controls/policies.md";
                out.push(Diagnostic::error("policies", message).at(link.span).help(help));
            }
        }
    }
    let actions = actions(api);
    if let Some(name) = actions.ambiguous() {
        let message = format!("`{name}` is an operation and a group of operations");
        let help = "give the operation another `operationId`: a policy could mean either";
        out.push(Diagnostic::error("policies", message).at(node.span).help(help));
    }
    let claims = section.claims.iter().map(|(name, claim)| Attribute {
        name: name.as_str().into(),
        kind: claim.value.of.kind(),
        required: false,
    });
    let vocabulary = Vocabulary { actions, claims: claims.collect() };
    let sources: Vec<Source<'_>> = texts.iter().map(|(name, text, _)| Source { name, text }).collect();
    let mut origins: Vec<Origin> = texts.iter().map(|(_, _, origin)| *origin).collect();
    // What is about no text is about the section.
    origins.push(Origin::Document(node.span));
    let (book, faults) = match Book::read(&sources, vocabulary) {
        Ok((book, faults)) => (Some(book), faults),
        Err(faults) => (None, faults),
    };
    faults.into_iter().for_each(|fault| report(fault, &origins, out));
    let good = out.count(Severity::Error) == before;
    book.filter(|_| good).map(|book| Read { book, origins })
}

/// Operations of an API and their groups.
fn actions(api: &ApiScope<'_>) -> Actions {
    let mut actions = Actions::default();
    actions.declare([READ, WRITE]);
    let group = |method: &str| if SAFE.contains(&method) { READ } else { WRITE };
    for operation in api.contract.iter().flat_map(|contract| &contract.operations) {
        let tags: Vec<String> = operation.tags.iter().map(|tag| format!("tag:{tag}")).collect();
        let groups = tags.iter().map(String::as_str).chain([group(operation.method.as_str())]);
        actions.add(&operation.id, groups);
    }
    if api.contract.is_none() {
        for allow in &api.settings.allow {
            let template = format!("{}{}", allow.path, if allow.prefix { "*" } else { "" });
            let any = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
            let methods = allow.method.as_deref().map_or_else(|| any.to_vec(), |method| vec![method]);
            for method in methods {
                actions.add(&format!("{method} {template}"), [group(method)]);
            }
        }
    }
    actions
}

/// Values of the body that an operation has.
fn values(scope: &OperationScope<'_>, section: &PoliciesSection, out: &mut Diagnostics) -> Vec<Value> {
    let mut all = Vec::new();
    for (name, value) in &section.body {
        let carries = carries(scope, &value.value);
        if carries == Carries::No {
            continue;
        }
        if scope.params.iter().any(|param| **param == **name) {
            let message =
                format!("`{name}` is a value of the body and a parameter of the path of `{}`", scope.id);
            let help = "call the one of the body otherwise: policies read both as attributes of `resource`";
            out.push(Diagnostic::error("policies", message).at(value.span).help(help));
            continue;
        }
        let BodySection { pointer, of, absent } = &value.value;
        all.push(Value {
            name: name.as_str().into(),
            pointer: pointer.clone(),
            kind: of.kind(),
            required: carries == Carries::Yes && *absent == OnAbsent::Refuse,
        });
    }
    all
}

fn carries(scope: &OperationScope<'_>, value: &BodySection) -> Carries {
    let Some(contract) = scope.contract else { return Carries::No };
    if scope.websocket || !contract.request.has_body() {
        return Carries::No;
    }
    let steps: Vec<Option<&str>> = value.pointer.steps().iter().map(Step::name).collect();
    contract.request.media().iter().map(|media| media.carries(&steps)).max().unwrap_or(Carries::No)
}

fn shape(scope: &OperationScope<'_>, access: &Access, values: &[Value]) -> Shape {
    let params = scope.params.iter().map(|name| Attribute {
        name: name.clone(),
        kind: cedar::names::Kind::Text,
        required: true,
    });
    let of_body = values.iter().map(|value| Attribute {
        name: value.name.clone(),
        kind: value.kind,
        required: value.required,
    });
    let (callers, anonymous) = match access {
        Access::Open => (false, true),
        Access::Closed(_) | Access::Authenticated => (true, false),
        Access::OneOf { anonymous, .. } => (true, *anonymous),
    };
    Shape { resource: params.chain(of_body).collect(), callers, anonymous }
}

fn permits_nothing(scope: &OperationScope<'_>, at: Span, out: &mut Diagnostics) {
    let message = format!("no policy permits `{}`, so that every call to it is refused", scope.id);
    let help = "write a policy that permits it, link `{ template: everyone }`, or write `policies: { mode: off }` for it";
    out.push(Diagnostic::warning("policies-permit-nothing", message).at(at).help(help));
}

fn report(fault: Fault, origins: &[Origin], out: &mut Diagnostics) {
    let Fault { source, range, severity, message, help } = fault;
    let origin = origins.get(source).or(origins.last()).copied();
    let place = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let at = origin.map(|origin| match (origin, range) {
        (Origin::File(file), Some(range)) => Span { file, start: place(range.start), end: place(range.end) },
        (Origin::File(file), None) => Span { file, start: 0, end: 0 },
        (Origin::Document(span), _) => span,
    });
    let found = match severity {
        Bad::Error => Diagnostic::error("policies", message),
        Bad::Warning => Diagnostic::warning("policies", message),
    };
    let found = found.maybe_at(at);
    out.push(match help {
        Some(help) => found.help(help),
        None => found,
    });
}
