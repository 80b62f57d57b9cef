//! `paths`: which operations there are, and templates that cannot be told apart.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diagnostics::Diagnostic;
use http::Method;
use serde_json::{Map, Value};

use super::{Draft, Import};
use crate::documents::{Documents, Spot};

const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// A path item: what stands at its template and what that refers to, no key in two of them.
pub(super) struct Item<'d> {
    template: Spot,
    pub(super) layers: Vec<Spot>,
    documents: &'d Documents,
}

impl Item<'_> {
    /// The layer that has `key`, else the first.
    pub(super) fn owner(&self, key: &str) -> &Spot {
        let has = |at: &&Spot| self.documents.get(at).is_some_and(|value| value.get(key).is_some());
        self.layers.iter().find(has).unwrap_or(&self.template)
    }
}

impl<'d> Import<'d> {
    /// All operations in document order.
    pub(crate) fn operations(&mut self) -> Vec<Draft> {
        let at = Spot::root(0).join("paths");
        let documents = self.documents;
        self.loose_of(&[]);
        let Some(paths) = documents.get(&at).and_then(Value::as_object) else {
            self.without_paths();
            return Vec::new();
        };
        let mut drafts = Vec::new();
        let mut shapes: HashMap<(String, String), (String, Spot)> = HashMap::new();
        for template in paths.keys() {
            if template.starts_with("x-") {
                continue;
            }
            let spot = at.join(template);
            if let Err(message) = check_template(template) {
                let help =
                    "a template starts with `/` and is canonical; parameters are whole names in braces";
                documents.error(&spot, "bad-template", message, help);
                continue;
            }
            if !self.name(&spot, "a path", template) {
                continue;
            }
            let Some(item) = self.item(&spot) else { continue };
            self.loose_of(&item.layers);
            self.path_item(template, &item, &mut shapes, &mut drafts);
        }
        if drafts.is_empty() && !documents.has_errors() {
            let help = "every call is refused; declare operations under `paths`";
            let message = "the contract declares no operation";
            documents.say(Diagnostic::warning("no-operations", message).help(help), &at);
        }
        self.duplicate_ids(&drafts);
        self.ambiguous(&mut drafts);
        drafts
    }

    /// What is wrong around operations is said even where there are none.
    fn loose_of(&mut self, layers: &[Spot]) {
        self.lowering.begin_operation();
        self.around(layers);
        let found = self.lowering.end_operation();
        self.loose.extend(found);
    }

    fn without_paths(&self) {
        let root = Spot::root(0);
        let Some(value) = self.documents.get(&root) else { return };
        if value.get("webhooks").is_none()
            && value.get("components").is_none()
            && value.get("paths").is_none()
        {
            let message = "the contract declares no `paths`";
            self.documents.error(&root, "no-paths", message, "add at least one operation");
        }
    }

    /// Follows the references of a path; what stands beside them counts too, as OpenAPI 3.1 has it.
    fn item(&self, spot: &Spot) -> Option<Item<'d>> {
        let documents = self.documents;
        documents.follow_quietly(spot)?;
        let mut layers = vec![spot.clone()];
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(at) = layers.last().cloned() {
            let value = documents.get(&at)?;
            let keys = value.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
            for key in keys.filter(|key| !is_prose(key)) {
                if !seen.insert(key) {
                    let message = format!("`{key}` stands beside `$ref` and in what it refers to");
                    documents.error(spot, "ref-siblings", message, "keep one of them");
                }
            }
            let Some(Value::String(reference)) = value.get("$ref") else { break };
            let mut beside = value.as_object().into_iter().flat_map(Map::keys).filter(|key| !is_prose(key));
            if self.minor == 0
                && let Some(key) = beside.next()
            {
                let message = format!("OpenAPI 3.0 has nothing beside the `$ref` of a path, here `{key}`");
                documents.error(&at, "ref-siblings", message, "move it to where the reference leads");
            }
            layers.push(documents.target(&at, reference).ok()?);
        }
        Some(Item { template: spot.clone(), layers, documents })
    }

    fn path_item(
        &mut self,
        template: &str,
        item: &Item<'_>,
        shapes: &mut HashMap<(String, String), (String, Spot)>,
        drafts: &mut Vec<Draft>,
    ) {
        let documents = self.documents;
        let mut found: Vec<(String, Spot)> = Vec::new();
        for layer in &item.layers {
            for (key, value) in documents.get(layer).and_then(Value::as_object).into_iter().flatten() {
                if key == "query" && self.minor < 2 {
                    // Told as a key of a later version.
                } else if METHODS.contains(&key.as_str()) {
                    found.push((key.to_ascii_uppercase(), layer.join(key)));
                } else if key == "additionalOperations" && self.minor >= 2 {
                    for name in value.as_object().into_iter().flat_map(Map::keys) {
                        found.push((name.clone(), layer.at(&["additionalOperations", name])));
                    }
                }
            }
        }
        for (method, at) in found {
            if !self.name(&at, "a method", &method) {
                continue;
            }
            let shape = shape(template);
            if let Some((other, _)) = shapes.get(&(method.clone(), shape.clone())) {
                let message = format!("`{method} {template}` matches the same calls as `{method} {other}`");
                let help = "two templates that differ only in parameter names are one path: merge them";
                documents.error(&item.template, "ambiguous-template", message, help);
                continue;
            }
            shapes.insert((method.clone(), shape), (template.to_owned(), at.clone()));
            let Ok(parsed) = Method::from_bytes(method.as_bytes()) else {
                let message = format!("`{method}` is not a method");
                documents.error(&at, "bad-method", message, "use a token of RFC 9110");
                continue;
            };
            if let Some(draft) = self.operation(template, parsed, &at, item) {
                drafts.push(draft);
            }
        }
    }

    fn duplicate_ids(&mut self, drafts: &[Draft]) {
        let mut seen: BTreeMap<&str, &Spot> = BTreeMap::new();
        for draft in drafts {
            if let Some(first) = seen.insert(&draft.operation.id, &draft.spot) {
                let message = format!("the operationId `{}` is used twice", draft.operation.id);
                let help = format!("rename it here or at `{}`", self.documents.display(first));
                self.documents.error(
                    &draft.spot.join("operationId"),
                    "duplicate-operation-id",
                    message,
                    &help,
                );
            }
        }
    }
}

/// Keys of a path that say nothing about calls, and the reference itself.
fn is_prose(key: &str) -> bool {
    matches!(key, "$ref" | "summary" | "description") || key.starts_with("x-")
}

/// Templates with equal shapes match the same paths.
fn shape(template: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in template.chars() {
        match c {
            '{' => {
                inside = true;
                out.push_str("{}");
            }
            '}' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// The parameter names of a template, in order.
pub(super) fn names(template: &str) -> Vec<&str> {
    template.split('{').skip(1).filter_map(|piece| piece.split_once('}').map(|(name, _)| name)).collect()
}

fn check_template(template: &str) -> Result<(), String> {
    if !template.starts_with('/') {
        return Err(format!("the path template `{template}` does not start with `/`"));
    }
    let segments: Vec<&str> = template.split('/').skip(1).collect();
    let inner = segments.len().saturating_sub(1);
    if segments.iter().take(inner).any(|one| one.is_empty())
        || segments.iter().any(|one| matches!(*one, "." | ".."))
    {
        return Err(format!(
            "no call reaches `{template}`: paths are canonical, without `//`, `/./` and `/../`"
        ));
    }
    let mut open = false;
    for c in template.chars() {
        let good = match c {
            '{' => !std::mem::replace(&mut open, true),
            '}' => std::mem::replace(&mut open, false),
            '/' => !open,
            '?' | '#' => false,
            _ => true,
        };
        if !good {
            return Err(format!("the path template `{template}` is malformed at `{c}`"));
        }
    }
    let names = names(template);
    if open || names.iter().any(|name| name.is_empty()) {
        return Err(format!("the path template `{template}` has a parameter without a name or an end"));
    }
    let adjacent = template.contains("}{");
    if adjacent {
        return Err(format!("the path template `{template}` has two parameters with nothing between them"));
    }
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|earlier| earlier == name) {
            return Err(format!("the path template `{template}` has the parameter `{name}` twice"));
        }
    }
    Ok(())
}
