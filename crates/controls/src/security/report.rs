//! What is said of an API's security when a document is compiled: once per API, with the operations by name.
//!
//! An operation that nobody can call, or for which nobody said who may, is an error: such a document is not served.
//! What cannot be verified may be accepted by pointer (`accept_unenforced`); its operations then refuse every call.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Operation, Security};
use diagnostics::{Diagnostic, Diagnostics, Span, nearest};
use spec::{AcceptUnenforced, OperationRef, Unsecured};

use super::unsatisfiable;
use crate::scope::ApiScope;

/// Most operations named in one message.
const NAMED: usize = 10;

/// Reports what is wrong with the security of an API; does nothing from the second time on.
pub fn report(api: &ApiScope<'_>, out: &mut Diagnostics) {
    api.share("security-report", || {
        unknown_schemes(api, out);
        unsecured(api, out);
        unenforced(api, out);
    });
}

/// A scheme that is configured and that the contract does not have is a misspelled one.
fn unknown_schemes(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let Some(contract) = api.contract else { return };
    for (name, settings) in &api.settings.authentication {
        if name == "*" || contract.schemes.contains_key(name) {
            continue;
        }
        let help = match nearest(name, contract.schemes.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                String::from("write a name under the contract's `securitySchemes`, or `*` for all of them")
            }
        };
        let message = format!("the contract of `{}` has no security scheme `{name}`", api.name);
        out.push(Diagnostic::error("unknown-scheme", message).at(settings.span).help(help));
    }
}

/// Operations for which neither the contract nor the configuration says who may call them.
fn unsecured(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let mut silent: Vec<String> = Vec::new();
    let mut without_issuer = None;
    let mut look = |reference: &OperationRef<'_>, name: String| match api.settings.unsecured_for(reference) {
        None => silent.push(name),
        Some(said) if said.value == Unsecured::Authenticated && api.settings.authentication.is_empty() => {
            without_issuer = Some(said.span);
        }
        Some(_) => {}
    };
    match api.contract {
        Some(contract) => {
            for operation in contract.operations.iter().filter(|o| o.security == Security::Absent) {
                let tags: Vec<&str> = operation.tags.iter().map(String::as_str).collect();
                look(&reference(operation, &tags), operation.id.clone());
            }
        }
        None => {
            for allow in &api.settings.allow {
                let (method, template) = (allow.method.as_deref().unwrap_or("*"), allow.path.as_str());
                look(&OperationRef { id: None, method, template, tags: &[] }, allow.to_string());
            }
        }
    }
    if !silent.is_empty() {
        let message = format!(
            "nobody says who may call {} of `{}`: {}",
            count(silent.len()),
            api.name,
            names(silent.iter().map(String::as_str))
        );
        let help = "write `unsecured: anonymous` for anyone, or `unsecured: authenticated` for any valid token, \
                    under the API or under one of its `operations`; or add `security` to the contract";
        out.push(Diagnostic::error("unsecured", message).at(api.settings.name.span).help(help));
    }
    if let Some(span) = without_issuer {
        let message = format!("the API `{}` wants a valid token and names no issuer", api.name);
        let help = "write `issuer: https://…` with `audience: …`, or `issuer: local`";
        out.push(Diagnostic::error("no-issuer", message).at(span).help(help));
    }
}

fn reference<'a>(operation: &'a Operation, tags: &'a [&'a str]) -> OperationRef<'a> {
    OperationRef {
        id: Some(&operation.id),
        method: operation.method.as_str(),
        template: &operation.template,
        tags,
    }
}

/// What of the contract's security we cannot verify: per scheme, the operations that lose an alternative, and those that
/// lose all.
#[derive(Default)]
struct Lost<'a> {
    dropped: BTreeMap<&'a str, (&'static str, usize)>,
    closed: Vec<&'a Operation>,
    guilty: BTreeMap<&'a str, &'static str>,
}

fn lost<'a>(api: &ApiScope<'a>, accepted: &BTreeSet<String>) -> Lost<'a> {
    let mut lost = Lost::default();
    let Some(contract) = api.contract else { return lost };
    for operation in &contract.operations {
        let Security::Alternatives(list) = &operation.security else { continue };
        let bad: Vec<(&str, &'static str)> = list
            .iter()
            .flat_map(|requirement| &requirement.schemes)
            .filter_map(|(scheme, _)| Some((scheme.as_str(), unsatisfiable(api, scheme)?)))
            .collect();
        let is_bad = |scheme: &str| bad.iter().any(|(name, _)| *name == scheme);
        let good = |requirement: &contract::Requirement| {
            !requirement.schemes.is_empty() && !requirement.schemes.iter().any(|(scheme, _)| is_bad(scheme))
        };
        if bad.is_empty() {
            continue;
        }
        if list.iter().any(good) {
            for (scheme, why) in bad {
                lost.dropped.entry(scheme).or_insert((why, 0)).1 += 1;
            }
        } else if !is_accepted(accepted, operation, bad.iter().map(|(scheme, _)| *scheme)) {
            lost.closed.push(operation);
            lost.guilty.extend(bad);
        }
    }
    lost
}

fn is_accepted<'s>(
    accepted: &BTreeSet<String>,
    operation: &Operation,
    mut schemes: impl Iterator<Item = &'s str>,
) -> bool {
    accepted.contains(&operation.pointer)
        || accepted.contains(&format!("{}/security", operation.pointer))
        || schemes.all(|scheme| accepted.contains(&scheme_pointer(scheme)))
}

fn scheme_pointer(scheme: &str) -> String {
    format!("/components/securitySchemes/{}", scheme.replace('~', "~0").replace('/', "~1"))
}

fn unenforced(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let lost = lost(api, &accepted(api));
    if let Some(first) = lost.closed.first() {
        let guilty: Vec<String> =
            lost.guilty.iter().map(|(scheme, why)| format!("`{scheme}` ({why})")).collect();
        let message = format!(
            "{} of `{}` can be satisfied by no credential that is verified here: {}; the security schemes are {}",
            count(lost.closed.len()),
            api.name,
            names(lost.closed.iter().map(|operation| operation.id.as_str())),
            guilty.join(", ")
        );
        let unbound = lost.guilty.values().any(|why| why.starts_with("no issuer"));
        let help = if unbound {
            String::from("bind the scheme: `issuer: https://…` with `audience: …`, or under `authentication`")
        } else {
            format!(
                "add an alternative to the contract, or add `{}/security` (one operation) or `{}` (all of the scheme) \
                 to `accept_unenforced`: these operations then refuse every call",
                first.pointer,
                lost.guilty.keys().next().map(|scheme| scheme_pointer(scheme)).unwrap_or_default()
            )
        };
        let diagnostic = Diagnostic::error("unenforced-security", message);
        let place: Option<Span> = first.span.or(Some(api.settings.name.span));
        out.push(diagnostic.maybe_at(place).pointer(format!("{}/security", first.pointer)).help(help));
    }
    for (scheme, (why, operations)) in lost.dropped {
        let message = format!(
            "the alternative with security scheme `{scheme}` is left out of {} of `{}`: {why}; the others remain",
            count(operations),
            api.name
        );
        out.push(Diagnostic::note("security-alternative", message).at(api.settings.name.span));
    }
}

/// Pointers that the configuration accepts as not enforced, without a file before `#`.
fn accepted(api: &ApiScope<'_>) -> BTreeSet<String> {
    let plain = |text: &str| text.rsplit_once('#').map_or(text, |(_, pointer)| pointer).to_owned();
    match api.settings.accept_unenforced.as_ref().map(|accepted| &accepted.value) {
        None => BTreeSet::new(),
        Some(AcceptUnenforced::Pointers(list)) => list.iter().map(|pointer| plain(pointer)).collect(),
        Some(AcceptUnenforced::File(file)) => {
            let bytes = api.gateway.assets.get(file.path());
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
            text.lines().filter_map(pointer_of_line).map(plain).collect()
        }
    }
}

/// The pointer in one line of an acceptance file: a list item, or the key before a reason.
fn pointer_of_line(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches("- ").trim_start_matches("pointer:").trim();
    let line = line.trim_start_matches(['"', '\'']);
    let end = line.find(['"', '\'', ' ']).unwrap_or(line.len());
    let pointer = line.get(..end)?.trim_end_matches(':');
    pointer.contains('/').then_some(pointer)
}

fn count(operations: usize) -> String {
    if operations == 1 { String::from("1 operation") } else { format!("{operations} operations") }
}

fn names<'n>(all: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let mut text = all.take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
