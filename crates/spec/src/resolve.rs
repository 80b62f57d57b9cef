//! From the tree as written to the tree as meant: overlay, profiles, short form, defaults, then the typed document.
//!
//! Order: the environment's overlay first, over everything, so that it can change profiles; then each API is laid over
//! its profile; then presets, short forms and tenants are written out; then unknown keys are reported and defaults filled in from the
//! JSON Schema, so that [`print()`](crate::print()) and the schema cannot differ. What an operation sets stays apart until asked for.
//! Environments that were not chosen and profiles that nobody uses are resolved too, for what is wrong in them.

use crate::SectionSpec;
use crate::document::{API_EXTRA, Api, Document, OperationRef, TOP_EXTRA};
use crate::merge::merge;
use crate::node::{Entry, Node, Origin, Value};
use crate::read::key_help;
use crate::{defaults, presets, schema, sugar, tenants, unused};
use diagnostics::{Diagnostic, Diagnostics, nearest};

/// A document as meant: typed, and as a tree that knows where each value came from.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The typed document.
    pub document: Document,
    /// The same as a tree, with the defaults of all that is written.
    pub tree: Node,
    /// The same with the sections of controls that nobody wrote and that work by their defaults: for people to read.
    pub complete: Node,
}

impl Resolved {
    /// A control's section for one operation of an API; see [`Api::section_for`].
    #[must_use]
    pub fn operation_settings(&self, api: &str, operation: &OperationRef<'_>, section: &str) -> Option<Node> {
        self.document.apis.get(api)?.section_for(section, operation)
    }

    /// An API by its name.
    #[must_use]
    pub fn api(&self, name: &str) -> Option<&Api> {
        self.document.apis.get(name)
    }
}

/// Resolves a document for an environment, or for none. All problems go to `out`; a document comes back whenever one can
/// be made, so that later stages can add theirs, but it must not be served while `out` has errors.
pub fn resolve(
    node: &Node,
    environment: Option<&str>,
    sections: &[SectionSpec],
    out: &mut Diagnostics,
) -> Option<Resolved> {
    if !matches!(node.value, Value::Mapping(_)) {
        let (message, help) = match node.value {
            Value::Null => {
                (String::from("the document is empty"), "begin with `version: 1`, or run `yett init`")
            }
            _ => (format!("expected a mapping, found {}", node.kind()), "begin with `version: 1`"),
        };
        out.push(Diagnostic::error("wrong-type", message).at(node.span).help(help));
        return None;
    }
    let shape = Shape::new(sections);
    let (base, overlays) = part_environments(node.clone(), &shape.keys, out);
    let root = match environment {
        Some(chosen) => overlay(base.clone(), &overlays, chosen, out),
        None => base.clone(),
    };
    let mut further = Diagnostics::new();
    unused::profiles(&root, &shape, &mut further);
    unused::environments(&base, &overlays, environment, &shape, &mut further);
    let mut found = Diagnostics::new();
    let whole = shape.whole(root, &mut found);
    found.extend(further);
    out.extend(found.without_repeats());
    let (document, tree) = whole?;
    let mut complete = tree.clone();
    defaults::complete(&mut complete, &shape.schema, sections);
    order(&mut complete);
    Some(Resolved { document, tree, complete })
}

/// What documents are read by: the keys of each level, the sections of controls, and the schema with the defaults.
pub(crate) struct Shape<'a> {
    keys: Keys,
    pub(crate) sections: &'a [SectionSpec],
    names: Vec<&'static str>,
    top_names: Vec<&'static str>,
    schema: serde_json::Value,
}

impl<'a> Shape<'a> {
    fn new(sections: &'a [SectionSpec]) -> Self {
        let names = |top: bool| -> Vec<&'static str> {
            sections.iter().filter(|section| section.top == top).map(|section| section.name).collect()
        };
        let (names, top_names) = (names(false), names(true));
        let keys = Keys::new(&names, &top_names);
        Self { keys, sections, names, top_names, schema: schema::schema(sections) }
    }

    /// A document without environments, or with one laid over it, from profiles to types.
    pub(crate) fn whole(&self, mut root: Node, out: &mut Diagnostics) -> Option<(Document, Node)> {
        let profiles = root.remove("profiles").map(|entry| entry.value);
        self.keys.refuse_unknown(&mut root, &self.keys.top, out);
        for group in schema::NAMED {
            if let Some(node) = root.get_mut(group).filter(|node| node.value == Value::Null) {
                node.value = Value::Mapping(Vec::new());
            }
        }
        apply_profiles(&mut root, profiles, &self.keys, out);
        essentials(&root, out);
        presets::fill(&mut root);
        sugar::expand(&mut root, out);
        tenants::expand(&mut root, out);
        defaults::fill(&mut root, &self.schema);
        order(&mut root);
        let document = Document::from_tree(&root, &self.names, &self.top_names, out)?;
        Some((document, root))
    }
}

/// Says what no document can do without, before the short form is written out: what is there and broken is reported
/// as that.
fn essentials(root: &Node, out: &mut Diagnostics) {
    let none = |key: &str| {
        root.get(key).is_none_or(|node| matches!(node.value, Value::Null) || node.is_empty_mapping())
    };
    if none("listen") && none("listeners") {
        let diagnostic = Diagnostic::error("missing-key", "there is no listener").at(root.span);
        out.push(diagnostic.help("write `listen: http://127.0.0.1:8080`"));
    }
    if none("apis") {
        let diagnostic = Diagnostic::error("missing-key", "there is no API").at(root.span);
        out.push(diagnostic.help("write `apis:` with one entry per API"));
    }
}

/// Puts the keys at the top in the order in which a person reads them: in, who, out, what.
fn order(root: &mut Node) {
    const ORDER: [&str; 17] = [
        "version",
        "data",
        "listeners",
        "admin",
        "trusted_hops",
        "issuers",
        "authorities",
        "signers",
        "users",
        "webhooks",
        "upstreams",
        "apis",
        "record",
        "notify",
        "telemetry",
        "shedding",
        "accept",
    ];
    if let Some(entries) = root.entries_mut() {
        // What controls own stands before whom they let in.
        let sections = ORDER.iter().position(|key| *key == "issuers");
        entries.sort_by_key(|entry| match ORDER.iter().position(|key| *key == entry.key) {
            None => (sections, 0),
            place => (place, 1),
        });
    }
}

/// The keys known at each level.
struct Keys {
    top: Vec<String>,
    api: Vec<String>,
    operation: Vec<String>,
}

impl Keys {
    fn new(sections: &[&'static str], top_sections: &[&'static str]) -> Self {
        let with = |own: Vec<String>, extra: &[&str], sections: &[&str]| {
            own.into_iter().chain(extra.iter().chain(sections).map(|key| (*key).to_owned())).collect()
        };
        Self {
            top: with(schema::top_keys(), &TOP_EXTRA, top_sections),
            api: with(schema::api_keys(), &API_EXTRA, sections),
            operation: with(schema::operation_keys(), &[], sections),
        }
    }

    /// Reports keys that are not known and takes them out, so that they are not reported again.
    fn refuse_unknown(&self, node: &mut Node, known: &[String], out: &mut Diagnostics) {
        let Some(entries) = node.entries_mut() else { return };
        entries.retain(|entry| {
            let good = known.contains(&entry.key);
            if !good {
                let help = self.help(&entry.key, known);
                out.push(
                    Diagnostic::error("unknown-key", format!("unknown key `{}`", entry.key))
                        .at(entry.key_span)
                        .help(help),
                );
            }
            good
        });
    }

    /// What to say of an unknown key: also that it belongs to another level.
    fn help(&self, key: &str, known: &[String]) -> String {
        if nearest(key, known.iter().map(String::as_str)).is_none() {
            let elsewhere = [(&self.api, "an API"), (&self.top, "the document itself")];
            for (keys, place) in elsewhere {
                if keys.iter().any(|known| known == key) {
                    return format!("it is a key of {place}");
                }
            }
        }
        key_help(key, known.iter().map(String::as_str))
    }

    /// The settings of an API or a profile, and of its operations.
    fn refuse_unknown_in_api(&self, node: &mut Node, out: &mut Diagnostics) {
        self.refuse_unknown(node, &self.api, out);
        let Some(operations) = node.get_mut("operations") else { return };
        expect_mapping(operations, "a mapping of operations", out);
        for entry in operations.entries_mut().into_iter().flatten() {
            expect_mapping(&mut entry.value, "a mapping", out);
            self.refuse_unknown(&mut entry.value, &self.operation, out);
        }
    }
}

/// Reports what is not a mapping and makes it an empty one. Nothing at all is an empty mapping without a report.
fn expect_mapping(node: &mut Node, what: &str, out: &mut Diagnostics) {
    match node.value {
        Value::Mapping(_) => return,
        Value::Null => {}
        _ => {
            let message = format!("expected {what}, found {}", node.kind());
            let help = "write keys and values under it, as in `key: value`";
            out.push(Diagnostic::error("wrong-type", message).at(node.span).help(help));
        }
    }
    node.value = Value::Mapping(Vec::new());
}

/// Takes `environments` out: the document without them, and the overlay of each.
fn part_environments(mut root: Node, keys: &Keys, out: &mut Diagnostics) -> (Node, Vec<Entry>) {
    let Some(mut environments) = root.remove("environments").map(|entry| entry.value) else {
        return (root, Vec::new());
    };
    expect_mapping(&mut environments, "a mapping of environments", out);
    let known: Vec<String> = keys.top.iter().filter(|key| *key != "environments").cloned().collect();
    let mut overlays = environments.entries_mut().map(std::mem::take).unwrap_or_default();
    for entry in &mut overlays {
        expect_mapping(&mut entry.value, "a mapping", out);
        keys.refuse_unknown(&mut entry.value, &known, out);
    }
    (root, overlays)
}

/// Lays the chosen environment over the rest.
fn overlay(root: Node, overlays: &[Entry], chosen: &str, out: &mut Diagnostics) -> Node {
    if let Some(entry) = overlays.iter().find(|entry| entry.key == chosen) {
        return lay_over(root, entry);
    }
    let help = match nearest(chosen, overlays.iter().map(|entry| entry.key.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => String::from("write it under `environments`"),
    };
    let message = format!("there is no environment `{chosen}`");
    out.push(Diagnostic::error("unknown-name", message).at(root.span).help(help));
    root
}

/// Lays one environment over the rest.
pub(crate) fn lay_over(root: Node, overlay: &Entry) -> Node {
    let origin = |span| Origin::Environment(overlay.key.clone(), span);
    merge(root, overlay.value.clone().with_origin(&origin))
}

/// Lays each API over its profile.
fn apply_profiles(root: &mut Node, profiles: Option<Node>, keys: &Keys, out: &mut Diagnostics) {
    let mut profiles = profiles.unwrap_or_else(|| Node { value: Value::Null, ..root.clone() });
    expect_mapping(&mut profiles, "a mapping of profiles", out);
    for entry in profiles.entries_mut().into_iter().flatten() {
        expect_mapping(&mut entry.value, "a mapping", out);
        keys.refuse_unknown_in_api(&mut entry.value, out);
        if let Some(nested) = entry.value.remove("profile") {
            let diagnostic = Diagnostic::error("unknown-key", "a profile cannot have a `profile`");
            out.push(diagnostic.at(nested.key_span).help("write its settings out"));
        }
    }
    let Some(apis) = root.get_mut("apis") else { return };
    expect_mapping(apis, "a mapping of APIs", out);
    for Entry { value: api, .. } in apis.entries_mut().into_iter().flatten() {
        expect_mapping(api, "a mapping", out);
        keys.refuse_unknown_in_api(api, out);
        let Some(chosen) = api.remove("profile").map(|entry| entry.value) else { continue };
        let Some(name) = chosen.as_str() else {
            let message = format!("expected the name of a profile, found {}", chosen.kind());
            out.push(Diagnostic::error("wrong-type", message).at(chosen.span).help("write one name"));
            continue;
        };
        match profiles.get(name) {
            Some(profile) => {
                let origin = |span| Origin::Profile(name.to_owned(), span);
                let profile = keep_environment(profile.clone(), &origin);
                let own = std::mem::replace(api, Node { value: Value::Null, ..chosen.clone() });
                *api = merge(profile, own);
            }
            None => {
                let help = match nearest(name, profiles.entries().iter().map(|entry| entry.key.as_str())) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => String::from("write it under `profiles`"),
                };
                let message = format!("there is no profile `{name}`");
                out.push(Diagnostic::error("unknown-name", message).at(chosen.span).help(help));
            }
        }
    }
}

/// Marks a profile's values as such, except those that an environment's overlay put there.
fn keep_environment(node: Node, origin: &dyn Fn(diagnostics::Span) -> Origin) -> Node {
    node.map_origin(&|origin_now, span| match origin_now {
        Origin::Environment(..) | Origin::Default(_) => origin_now.clone(),
        _ => origin(span),
    })
}
