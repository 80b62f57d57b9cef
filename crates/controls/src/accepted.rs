//! Parts of a contract that are accepted as not enforced: a mapping from JSON Pointer to the reason, written by
//! `yett init` and kept by people.

use std::collections::BTreeSet;

use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics, Sources};
use spec::{AcceptUnenforced, Api};

/// The accepted pointers of an API; a file's entries want a reason each.
pub(crate) fn pointers(
    api: &Api,
    assets: &Assets,
    sources: &mut Sources,
    out: &mut Diagnostics,
) -> BTreeSet<String> {
    match api.accept_unenforced.as_ref().map(|accept| &accept.value) {
        None => BTreeSet::new(),
        Some(AcceptUnenforced::Pointers(all)) => all.iter().map(|pointer| pointer.value.clone()).collect(),
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
    let mut all = BTreeSet::new();
    for entry in tree.entries() {
        if entry.value.as_str().is_none_or(|reason| reason.trim().is_empty()) {
            let message = format!("`{}` is accepted without a reason", entry.key);
            let help = "write why it may stay unenforced after the colon";
            out.push(Diagnostic::error("missing-reason", message).at(entry.key_span).help(help));
        }
        all.insert(entry.key.clone());
    }
    all
}
