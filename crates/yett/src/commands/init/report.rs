//! What `init` says: what it wrote, what the contract leaves open, what to do next.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use contract::{Api, Security};

use super::Arguments;
use super::contract::Imported;
use super::files::Files;
use crate::commands::check::refusing;
use crate::layout::fold;
use crate::render::{self, names, printable};
use crate::terminal;

/// An operation that declares request bodies which nothing here can read.
pub(super) struct Opaque {
    /// How `operations` names it: `METHOD /template`, which every operation has.
    pub(super) selector: String,
    media_types: BTreeSet<String>,
}

/// The operations with request bodies that nothing here can read, in the contract's order.
pub(super) fn opaque(api: &Api) -> Vec<Opaque> {
    let each = api.operations.iter().map(|operation| Opaque {
        selector: format!("{} {}", operation.method, operation.template),
        media_types: operation
            .request
            .media()
            .iter()
            .filter(|rules| rules.may_be_unread())
            .map(|rules| rules.media_type().to_owned())
            .collect(),
    });
    each.filter(|one| !one.media_types.is_empty()).collect()
}

/// Operations of which the contract does not say who may call them.
pub(super) fn unsecured(api: &Api) -> usize {
    api.operations.iter().filter(|operation| operation.security == Security::Absent).count()
}

/// A line of the report.
fn out(line: impl Display) {
    terminal::out(fold(&line.to_string()));
}

/// Prints the report.
pub(super) fn show(
    arguments: &Arguments,
    imported: &Imported,
    issuer: &str,
    passed_over: &[String],
    files: &Files,
) {
    let api = &imported.api;
    let written: Vec<String> = files.names().map(|name| format!("`{}`", printable(&name))).collect();
    out(format_args!("wrote {}", written.join(", ")));
    out(format_args!(
        "{}: {} operations, {} fully enforced; what is not in the contract is denied",
        if api.title.is_empty() { String::from("the contract") } else { printable(&api.title) },
        api.stats.operations,
        api.stats.fully_enforced
    ));
    base_paths(api);
    open(api);
    for why in passed_over {
        out(format_args!(
            "the contract's OpenID provider is not taken: {}; name the issuer with `--issuer`",
            printable(why)
        ));
    }
    if !imported.refusing.is_empty() {
        let ids: Vec<&str> = imported.refusing.iter().map(String::as_str).collect();
        out(refusing(&ids));
    }
    if !imported.accepted.is_empty() {
        out(format_args!(
            "{} parts of the contract are not enforced; each is accepted by pointer with its reason in the file of `accept_unenforced`",
            imported.accepted.len()
        ));
    }
    if issuer == "local" {
        out(
            "tokens come from the local issuer: good for the first minutes, refused on a listener that others can reach",
        );
    } else if arguments.audience.is_none() {
        out("`audience` is a guess: write what the issuer puts into `aud` of tokens for this API");
    }
    let config = if arguments.out.as_os_str() == "yett.yaml" {
        String::new()
    } else {
        format!(" --config {}", arguments.out.display())
    };
    out("");
    out(format_args!("next: yett check{config} && yett run{config}"));
    let token = if issuer == "local" { "`yett token` makes a token to call it with, " } else { "" };
    out(format_args!(
        "then: {token}`yett audit` says what is still open, `yett test --generate` writes tests"
    ));
}

/// Only one base path is served.
fn base_paths(api: &Api) {
    let Some((first, others)) = api.servers.split_first() else { return };
    let shown = |base: &str| if base.is_empty() { String::from("/") } else { printable(base) };
    let others: BTreeSet<String> = others
        .iter()
        .filter(|other| other.base_path != first.base_path)
        .map(|other| format!("`{}`", shown(&other.base_path)))
        .collect();
    if !others.is_empty() {
        let others: Vec<String> = others.into_iter().collect();
        out(format_args!(
            "the contract's servers have several base paths: `{}` is served, {} not; write `base_path` to choose another",
            shown(&first.base_path),
            others.join(", ")
        ));
    }
}

/// Operations that the contract opens to anyone, by how it says so: `[]`, or `{}` among other requirements.
fn anonymous(api: &Api) {
    let (mut always, mut also) = (Vec::new(), Vec::new());
    for operation in &api.operations {
        let Security::Alternatives(alternatives) = &operation.security else { continue };
        if alternatives.is_empty() {
            always.push(operation.id.as_str());
        } else if alternatives.iter().any(|requirement| requirement.schemes.is_empty()) {
            also.push(operation.id.as_str());
        }
    }
    for (operations, said) in [
        (always, "may be called by anyone, as the contract's `security: []` says"),
        (also, "may be called without a credential too, as `{}` in the contract's `security` says"),
    ] {
        if !operations.is_empty() {
            out(format_args!("open: {} operations {said}: {}", operations.len(), names(&operations)));
        }
    }
}

/// What the contract leaves open, by kind.
fn open(api: &Api) {
    let opaque = opaque(api);
    if !opaque.is_empty() {
        let types: BTreeSet<&str> =
            opaque.iter().flat_map(|one| &one.media_types).map(String::as_str).collect();
        let types: Vec<&str> = types.into_iter().take(render::NAMED).collect();
        let selectors: Vec<&str> = opaque.iter().map(|one| one.selector.as_str()).collect();
        out(format_args!(
            "open: {} operations take bodies that nothing here can read (`{}`); they pass unread, as `opaque: accept` \
             under `operations` says: {}",
            opaque.len(),
            printable(&types.join("`, `")),
            names(&selectors)
        ));
    }
    anonymous(api);
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in &api.open {
        kinds.entry(one.kind).or_default().push(&one.operation);
    }
    // Told by `unsecured` below, in words that say what was written.
    kinds.remove("no-security");
    let silent: Vec<&str> = api
        .operations
        .iter()
        .filter(|operation| operation.security == Security::Absent)
        .map(|operation| operation.id.as_str())
        .collect();
    if !silent.is_empty() {
        out(format_args!(
            "open: {} operations have no `security`; `unsecured: authenticated` asks for any valid token: is that what you want, or `anonymous`? {}",
            silent.len(),
            names(&silent)
        ));
    }
    for (kind, operations) in kinds {
        let what = match kind {
            "no-request-schema" => "take bodies without a schema",
            "no-response-schema" => "have answers without a schema",
            "property-not-closed" => "take objects with undeclared properties, which are reported",
            other => other,
        };
        let mut unique = operations.clone();
        unique.dedup();
        out(format_args!("open: {} operations {what}: {}", unique.len(), names(&unique)));
    }
}
