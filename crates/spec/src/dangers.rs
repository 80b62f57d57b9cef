//! Dangers that a document has to accept by name before it is served (DESIGN invariant 14).

use crate::document::{Danger, Document, Listener};
use crate::read::Spanned;
use diagnostics::{Diagnostic, Diagnostics};

/// Reports what is dangerous and not accepted: cleartext on a listener that other machines can reach, and the local
/// issuer behind one. A danger that is accepted without being there is a warning.
pub fn dangers(document: &Document, out: &mut Diagnostics) {
    let mut used: Vec<Danger> = Vec::new();
    for (name, listener) in &document.listeners {
        if listener.bind.is_loopback() {
            continue;
        }
        if listener.tls.is_none() {
            used.push(Danger::Cleartext);
            cleartext(document, name, listener, out);
        }
        let local = document.apis.values().find(|api| {
            let here = api.listeners.is_empty() || api.listeners.iter().any(|on| on.value == *name);
            let mut issuers = api.authentication.values().flat_map(|scheme| &scheme.issuers);
            here && issuers.any(|issuer| document.issuers.get(&issuer.value).is_some_and(|known| known.local))
        });
        if let Some(api) = local {
            used.push(Danger::LocalIssuer);
            if !accepted(document, listener, Danger::LocalIssuer) {
                let message = format!(
                    "the API `{}` takes tokens of the local issuer on `{}`, which other machines can reach",
                    api.name.value, listener.bind.value
                );
                let help =
                    "write `issuer: https://…` of a real provider, or `accept: [local_issuer]` at the top";
                out.push(Diagnostic::error("local-issuer", message).at(listener.bind.span).help(help));
            }
        }
    }
    for danger in &document.accept {
        if !used.contains(&danger.value) {
            let message = format!("`{}` is accepted, but nothing here is so", danger.value.name());
            let help = "take it out, so that it is not there when it matters";
            out.push(Diagnostic::warning("unused-accept", message).at(danger.span).help(help));
        }
    }
}

fn cleartext(document: &Document, name: &str, listener: &Listener, out: &mut Diagnostics) {
    if accepted(document, listener, Danger::Cleartext) {
        return;
    }
    let address = &listener.bind.value;
    let message =
        format!("the listener `{name}` speaks cleartext on `{address}`, which other machines can reach");
    let help = "give it `tls: { certificate: file:…, key: file:… }`, bind it to 127.0.0.1, \
                or write `accept: [cleartext]` at the top or in the listener";
    out.push(Diagnostic::error("cleartext", message).at(listener.bind.span).help(help));
}

fn accepted(document: &Document, listener: &Listener, danger: Danger) -> bool {
    let by = |list: &[Spanned<Danger>]| list.iter().any(|accepted| accepted.value == danger);
    by(&document.accept) || by(&listener.accept)
}
