//! Parts of a contract that are accepted as not enforced: a mapping from JSON Pointer to the reason, written by
//! `yett init` and kept by people. The import of the contract is told what is accepted; who else wants to know asks
//! [`contract::Api::accepted`].

use std::collections::BTreeSet;

use diagnostics::{Diagnostic, Diagnostics, Sources, Span};
use spec::{AcceptUnenforced, Api};

use crate::scope::Assets;

/// The accepted pointers of an API; a file's entries want a reason each.
pub fn pointers(
    api: &Api,
    assets: &Assets,
    sources: &mut Sources,
    out: &mut Diagnostics,
) -> BTreeSet<String> {
    match api.accept_unenforced.as_ref().map(|accept| &accept.value) {
        None => BTreeSet::new(),
        Some(AcceptUnenforced::Pointers(all)) => {
            all.iter().for_each(|pointer| check(&pointer.value, pointer.span, out));
            all.iter().map(|pointer| pointer.value.clone()).collect()
        }
        Some(AcceptUnenforced::File(file)) => {
            // A file that is not there was reported by `assets::check`.
            let Some(bytes) = assets.get(file.path()) else { return BTreeSet::new() };
            read(file.path(), bytes, sources, out)
        }
    }
}

fn read(path: &str, bytes: &[u8], sources: &mut Sources, out: &mut Diagnostics) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let file = match sources.find(path) {
        Some(file) => file,
        None => sources.add(path, text.clone()),
    };
    let Some(tree) = spec::parse(&text, file, out) else { return BTreeSet::new() };
    if tree.entries().is_empty() {
        let message = format!("`{path}` accepts nothing: it maps each pointer to the reason");
        let help = "write `\"/paths/~1a/get/security\": why it may be so`, or take `accept_unenforced` away";
        out.push(Diagnostic::error("bad-acceptance", message).at(tree.span).help(help));
    }
    let mut all = BTreeSet::new();
    for entry in tree.entries() {
        if entry.value.as_str().is_none_or(|reason| reason.trim().is_empty()) {
            let message = format!("`{}` is accepted without a reason", entry.key);
            let help = "write why it may stay unenforced after the colon";
            out.push(Diagnostic::error("missing-reason", message).at(entry.key_span).help(help));
        }
        check(&entry.key, entry.key_span, out);
        all.insert(entry.key.clone());
    }
    all
}

/// A JSON Pointer (RFC 6901), with the file that it is of before `#` where that is not the contract itself.
fn check(pointer: &str, span: Span, out: &mut Diagnostics) {
    let (file, rest) = pointer.split_once('#').map_or((None, pointer), |(file, rest)| (Some(file), rest));
    if !rest.starts_with('/') || file.is_some_and(str::is_empty) {
        let message = format!("`{pointer}` is not a pointer into the contract");
        let help = "write it as `yett check` does: `/paths/~1a/get`, or `other.yaml#/a` for another file";
        out.push(Diagnostic::error("bad-pointer", message).at(span).help(help));
    }
}
