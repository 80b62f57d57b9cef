//! What is said of an API's security when a document is compiled: once per API, with the operations by name.
//!
//! An operation that nobody can call, or for which nobody said who may, is an error: such a document is not served.
//! What cannot be verified may be accepted by pointer (`accept_unenforced`); its operations then refuse every call.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Operation, Security};
use diagnostics::{Diagnostic, Diagnostics, Span, nearest};
use spec::{OperationRef, Unsecured};

use super::unsatisfiable;
use crate::scope::ApiScope;

/// Most operations named in one message.
const NAMED: usize = 10;

/// How a scheme is bound for which there is nobody: how the reason begins, what is written under it, and what beside.
const BOUND: [(&str, &str, &str); 4] = [
    ("no API keys", "source: applications", ""),
    ("no authorities", "authorities: [name]", ", with the `client_ca` of a listener under `authorities`"),
    ("no users", "users: [name]", ", with their file of passwords under `users`"),
    ("no signers", "signers: [name]", ", with their keys under `signers`"),
];

/// Reports what is wrong with the security of an API; does nothing from the second time on.
pub fn report(api: &ApiScope<'_>, out: &mut Diagnostics) {
    api.share("security-report", || {
        unknown_schemes(api, out);
        unsecured(api, out);
        unenforced(api, out);
        super::possession::report(api, out);
        super::signatures::report(api, out);
        super::certificates::report(api, out);
        super::passwords::report(api, out);
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
    /// Accepted pointers that say something of these operations and schemes.
    used: BTreeSet<String>,
}

fn lost<'a>(api: &ApiScope<'a>) -> Lost<'a> {
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
        let own = [operation.pointer.clone(), format!("{}/security", operation.pointer)];
        let of_schemes = bad.iter().map(|(scheme, _)| scheme_pointer(scheme));
        let is_accepted = |pointer: &String| contract.accepted.contains(pointer);
        let accepted = own.iter().any(is_accepted) || of_schemes.clone().all(|one| is_accepted(&one));
        lost.used.extend(own.iter().cloned().chain(of_schemes).filter(is_accepted));
        if list.iter().any(good) {
            for (scheme, why) in bad {
                lost.dropped.entry(scheme).or_insert((why, 0)).1 += 1;
            }
        } else if !accepted {
            lost.closed.push(operation);
            lost.guilty.extend(bad);
        }
    }
    lost
}

fn scheme_pointer(scheme: &str) -> String {
    format!("/components/securitySchemes/{}", scheme.replace('~', "~0").replace('/', "~1"))
}

fn unenforced(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let lost = lost(api);
    stale(api, &lost.used, out);
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
        let unbound =
            |what: &str| lost.guilty.iter().find(|(_, why)| why.starts_with(what)).map(|(scheme, _)| scheme);
        let bound = BOUND.iter().find_map(|(what, how, with)| Some((unbound(what)?, how, with)));
        let help = if unbound("no issuer").is_some() {
            String::from("bind the scheme: `issuer: https://…` with `audience: …`, or under `authentication`")
        } else if let Some((scheme, how, with)) = bound {
            format!(
                "bind the scheme: `authentication: {{ {scheme}: {{ {how} }} }}`{with}; or add `{}/security` (one operation) or \
                 `{}` (all of the scheme) to `accept_unenforced`: these operations then refuse every call",
                first.pointer,
                scheme_pointer(scheme)
            )
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

/// Pointers that are accepted and that nothing which is not enforced has: the contract changed, or they are misspelled.
fn stale(api: &ApiScope<'_>, used: &BTreeSet<String>, out: &mut Diagnostics) {
    let (Some(contract), Some(place)) = (api.contract, &api.settings.accept_unenforced) else { return };
    let known: BTreeSet<&String> = contract.unenforced.iter().map(|part| &part.pointer).chain(used).collect();
    let stale: Vec<&str> =
        contract.accepted.iter().filter(|one| !known.contains(one)).map(String::as_str).collect();
    if stale.is_empty() {
        return;
    }
    let message = format!(
        "`accept_unenforced` of `{}` names what is not there or is enforced: {}",
        api.name,
        names(stale.into_iter())
    );
    let help = "remove it, or correct it: what it meant is told as an error of its own";
    out.push(Diagnostic::warning("stale-acceptance", message).at(place.span).help(help));
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
