//! From an OpenAPI document to [`Api`]: one pass over the paths, everything that is wrong said at once.

mod content;
mod encoding;
mod keys;
mod names;
mod operation;
mod overlap;
mod parameters;
mod paths;
mod security;
mod servers;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Sources, Span};
use serde_json::Value;

use crate::documents::{Documents, Spot};
use crate::load::Assets;
use crate::lower::Lowering;
use crate::model::{
    Api, OnUndeclared, Open, Operation, Options, Parts, PlacedPart, SecurityScheme, Stats, Unenforced,
};
use crate::swagger::{self, Source};

/// What every part of the import needs.
pub(crate) struct Import<'d> {
    pub(crate) documents: &'d Documents,
    pub(crate) lowering: Lowering<'d>,
    pub(crate) options: &'d Options,
    pub(crate) schemes: BTreeMap<String, SecurityScheme>,
    /// What is not enforced of each scheme.
    scheme_issues: BTreeMap<String, BTreeSet<usize>>,
    pub(crate) open: Vec<Open>,
    /// Not enforced, and of no operation.
    loose: BTreeSet<usize>,
    /// 3.0, 3.1 or 3.2.
    pub(crate) minor: u32,
}

/// An operation before it is known whether all of it is enforced.
pub(crate) struct Draft {
    pub(crate) operation: Operation,
    spot: Spot,
    parts: PartSpots,
    issues: BTreeSet<usize>,
}

/// [`Parts`] before their places are known.
pub(crate) struct PartSpots {
    security: Option<Spot>,
    parameters: Option<Spot>,
    body: Option<Spot>,
    responses: Option<Spot>,
}

impl PartSpots {
    fn all(&self) -> impl Iterator<Item = &Spot> {
        [&self.security, &self.parameters, &self.body, &self.responses].into_iter().flatten()
    }

    fn placed(self, documents: &Documents, places: &HashMap<Spot, Span>) -> Parts {
        let part = |spot: Option<Spot>| {
            spot.map(|spot| PlacedPart {
                pointer: documents.display(&spot),
                span: places.get(&spot).copied(),
            })
        };
        Parts {
            security: part(self.security),
            parameters: part(self.parameters),
            body: part(self.body),
            responses: part(self.responses),
        }
    }
}

/// Imports the contract at `path`; every file that it refers to must be among `assets`.
///
/// `None` when there is an error, which is then in `out` together with everything else that was found. A part that the
/// document uses and that is not enforced is an error unless [`Options::accept_unenforced`] names its pointer, or all are accepted.
pub fn import(
    path: &str,
    assets: &Assets,
    sources: &mut Sources,
    options: &Options,
    out: &mut Diagnostics,
) -> Option<Api> {
    let mut documents = Documents::load(path, assets, sources, out)?;
    let loaded = !out.has_errors();
    if !upgrade(&mut documents) {
        documents.flush(sources, out);
        return None;
    }
    let version = documents.files.first().and_then(|file| file.value.get("openapi"));
    let Some(minor) = version.and_then(Value::as_str).and_then(minor) else {
        let message = version.map_or_else(
            || String::from("this is no API contract: it says neither `openapi` nor `swagger`"),
            |version| {
                let shown = version.to_string().replace('"', "");
                format!("`{shown}` is not a version of OpenAPI that is known here")
            },
        );
        documents.error(
            &Spot::root(0).join("openapi"),
            "contract-version",
            message,
            "the document needs `openapi: 3.0.x`, `3.1.x` or `3.2.x` (or `swagger: \"2.0\"`)",
        );
        documents.flush(sources, out);
        return None;
    };
    let mut import = Import::new(&documents, options, minor);
    import.security_schemes();
    let drafts = import.operations();
    import.outward(&Spot::root(0), "webhooks");
    documents.unused_references(&import.lowering.reached());
    let api = import.finish(drafts, sources, out)?;
    loaded.then_some(api)
}

/// Converts Swagger 2.0 in place; pointers of diagnostics are then of the converted document, places of what it was made of.
fn upgrade(documents: &mut Documents) -> bool {
    let mut is_swagger = false;
    for (index, file) in documents.files.iter().enumerate() {
        match file.value.get("swagger") {
            Some(Value::String(version)) if version == "2.0" => is_swagger = true,
            Some(other) => {
                let shown = other.to_string().replace('"', "");
                let message = format!("`{shown}` is not a version of Swagger that is known here");
                let help = "the document needs `swagger: \"2.0\"`, as text";
                documents.error(&Spot::root(index).join("swagger"), "contract-version", message, help);
                return false;
            }
            None => {}
        }
    }
    if !is_swagger {
        return true;
    }
    let sources: Vec<Source<'_>> =
        documents.files.iter().map(|file| Source { path: &file.path, value: &file.value }).collect();
    match swagger::convert_all(&sources) {
        Ok(converted) => {
            documents.replace(converted);
            true
        }
        Err(faults) => {
            faults.into_iter().for_each(|(at, fault)| documents.say_again(fault, &at));
            false
        }
    }
}

fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("3.")?;
    let minor = rest.split('.').next()?.parse().ok()?;
    (minor <= 2).then_some(minor)
}

impl<'d> Import<'d> {
    pub(crate) fn new(documents: &'d Documents, options: &'d Options, minor: u32) -> Self {
        let mut lowering = Lowering::new(documents, minor == 0);
        lowering.must_close =
            matches!(options.undeclared.property, OnUndeclared::Refuse | OnUndeclared::Strip);
        Self {
            documents,
            lowering,
            options,
            schemes: BTreeMap::new(),
            scheme_issues: BTreeMap::new(),
            open: Vec::new(),
            loose: BTreeSet::new(),
            minor,
        }
    }
}

impl Import<'_> {
    /// Says once that calls which the API itself makes do not come by here.
    fn outward(&self, owner: &Spot, key: &str) {
        let has = self.documents.get(owner).is_some_and(|value| value.get(key).is_some());
        if has && !self.documents.has_said("outward-calls") {
            let message = format!("`{key}` are calls that the API makes: they are not checked here");
            self.documents.say(Diagnostic::note("outward-calls", message), &owner.join(key));
        }
    }

    fn finish(self, drafts: Vec<Draft>, sources: &Sources, out: &mut Diagnostics) -> Option<Api> {
        let Import { documents, lowering, options, schemes, open, loose, .. } = self;
        let used = drafts.iter().flat_map(|draft| draft.issues.iter().copied()).chain(loose).collect();
        let accepted = documents.accepted(&options.accept_unenforced);
        let is_accepted = |pointer: &str| options.accept_all || accepted.contains(pointer);
        let unenforced = unenforced(documents, &lowering, used, is_accepted);
        let of_draft =
            |draft: &Draft| std::iter::once(&draft.spot).chain(draft.parts.all()).cloned().collect();
        let spots: Vec<Spot> = drafts.iter().flat_map(|draft| -> Vec<Spot> { of_draft(draft) }).collect();
        let mut stats =
            Stats { operations: drafts.len(), definitions: lowering.definitions(), ..Stats::default() };
        let ok = !documents.has_errors();
        if ok {
            let (pool, definitions) = lowering.into_parts();
            stats.validators = pool.len();
            for failure in pool.compile(definitions) {
                let message = format!("a schema cannot be compiled: {failure}");
                documents.error(&Spot::root(0), "schema-compile", message, "report it with the schema");
            }
        }
        let failed = documents.has_errors();
        documents.flush(sources, out);
        if failed {
            return None;
        }
        let places = documents.places(&spots, sources);
        let mut operations = Vec::new();
        for draft in drafts {
            let mut operation = draft.operation;
            operation.span = places.get(&draft.spot).copied();
            operation.parts = draft.parts.placed(documents, &places);
            operation.fully_enforced = draft.issues.is_empty();
            stats.fully_enforced += usize::from(operation.fully_enforced);
            operations.push(Arc::new(operation));
        }
        let root = documents.files.first().map(|file| &file.value);
        let info = |key: &str| {
            let text = root.and_then(|root| root.pointer(&format!("/info/{key}")));
            text.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let servers = servers::servers(root.and_then(|root| root.get("servers")));
        Some(Api {
            title: info("title"),
            version: info("version"),
            servers,
            operations,
            schemes,
            unenforced,
            accepted,
            open,
            stats,
        })
    }
}

/// Errors for what is not enforced and not accepted, notes for what is.
fn unenforced(
    documents: &Documents,
    lowering: &Lowering<'_>,
    used: BTreeSet<usize>,
    is_accepted: impl Fn(&str) -> bool,
) -> Vec<Unenforced> {
    let mut out = Vec::new();
    for index in used {
        let Some(issue) = lowering.issues().get(index) else { continue };
        let pointer = documents.display(&issue.spot);
        let accepted = is_accepted(&pointer);
        let diagnostic = if accepted {
            Diagnostic::note("unenforced", format!("not enforced, as accepted: {}", issue.what))
        } else {
            let help = format!("change the contract, or add `{pointer}` to `accept_unenforced`");
            Diagnostic::error("unenforced", issue.what.clone()).help(help)
        };
        documents.say_again(diagnostic, &issue.spot);
        out.push(Unenforced { pointer, what: issue.what.clone(), accepted });
    }
    out.sort();
    out
}
