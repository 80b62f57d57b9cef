//! What can be said of sinks and alerts once everything else is known: whether their secrets are such, and whether there is what they want to
//! be told of. A name that nothing has would keep a receiver silent for ever.

use std::collections::BTreeSet;
use std::sync::Arc;

use controls::CONTROLS;
use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics, nearest};
use engine::{OperationPlan, codes};
use spec::{Document, SecretRef, Spanned, Wanted};

use crate::assets::secret_key;

/// What ends calls and is no control of the registry.
const ROUTE: &str = "route";

/// Reports what is wrong with the sinks and alerts of a document. Operations are known when nothing else is wrong.
pub(crate) fn check(
    document: &Document,
    assets: &Assets,
    operations: &[Arc<OperationPlan>],
    out: &mut Diagnostics,
) {
    let Some(notify) = &document.notify else { return };
    let whole = !out.has_errors();
    for (name, sink) in &notify.sinks {
        for reference in std::iter::once(&sink.secret).chain(&sink.previous_secret) {
            secret(name, reference, assets, out);
        }
    }
    let of_sinks = notify.sinks.values().map(|sink| &sink.events);
    for wanted in of_sinks.chain(notify.alerts.values().map(|alert| &alert.events)) {
        names(wanted, document, out);
        if whole {
            let known: BTreeSet<&str> = operations.iter().map(|plan| &*plan.id).collect();
            wanted.operation.iter().for_each(|name| known_as("operation", name, &known, out));
        }
    }
}

fn names(wanted: &Wanted, document: &Document, out: &mut Diagnostics) {
    let codes: BTreeSet<&str> = codes::TABLE.iter().map(|code| code.name).collect();
    let controls: BTreeSet<&str> = CONTROLS.iter().map(|entry| entry.name).chain([ROUTE]).collect();
    let apis: BTreeSet<&str> = document.apis.keys().map(String::as_str).collect();
    for (what, written, known) in
        [("code", &wanted.code, &codes), ("control", &wanted.control, &controls), ("API", &wanted.api, &apis)]
    {
        written.iter().for_each(|name| known_as(what, name, known, out));
    }
}

fn known_as(what: &str, name: &Spanned<String>, known: &BTreeSet<&str>, out: &mut Diagnostics) {
    if known.contains(name.as_str()) {
        return;
    }
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let some: Vec<String> = known.iter().take(20).map(|name| format!("`{name}`")).collect();
            format!("write one of those that there are, as in {}", some.join(", "))
        }
    };
    let message = format!("there is no {what} `{}`", name.value.escape_debug());
    out.push(Diagnostic::error("unknown-name", message).at(name.span).help(help));
}

fn secret(sink: &str, reference: &Spanned<SecretRef>, assets: &Assets, out: &mut Diagnostics) {
    // One that is not there is reported as that.
    let Some(bytes) = assets.get(&secret_key(reference)) else { return };
    if let Err(why) = notices::Secret::parse(bytes) {
        let message = format!("the secret of the sink `{sink}` cannot be used: {why}");
        let help = "make one by `openssl rand -base64 32`, and give it to the receiver too";
        out.push(Diagnostic::error("invalid-secret", message).at(reference.span).help(help));
    }
}
