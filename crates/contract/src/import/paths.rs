//! `paths`: which operations there are, and templates that cannot be told apart.

use std::collections::{BTreeMap, HashMap};

use http::Method;
use serde_json::Value;

use super::{Draft, Import};
use crate::documents::Spot;

const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

impl Import<'_> {
    /// All operations in document order.
    pub(super) fn operations(&mut self) -> Vec<Draft> {
        let at = Spot::root(0).join("paths");
        let documents = self.documents;
        let Some(paths) = documents.get(&at).and_then(Value::as_object) else {
            let root = Spot::root(0);
            if documents
                .get(&root)
                .is_some_and(|value| value.get("webhooks").is_none() && value.get("components").is_none())
            {
                documents.error(
                    &root,
                    "no-paths",
                    "the contract declares no `paths`",
                    "add at least one operation",
                );
            }
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
                let help = "a template starts with `/`; parameters are whole names in braces";
                documents.error(&spot, "bad-template", message, help);
                continue;
            }
            let Some((item_spot, item)) = documents.follow(&spot) else { continue };
            self.path_item(template, &spot, &item_spot, item, &mut shapes, &mut drafts);
        }
        self.duplicate_ids(&drafts);
        drafts
    }

    fn path_item(
        &mut self,
        template: &str,
        spot: &Spot,
        item_spot: &Spot,
        item: &Value,
        shapes: &mut HashMap<(String, String), (String, Spot)>,
        drafts: &mut Vec<Draft>,
    ) {
        let mut found: Vec<(String, Spot)> = Vec::new();
        for (key, value) in item.as_object().into_iter().flatten() {
            if METHODS.contains(&key.as_str()) {
                found.push((key.to_ascii_uppercase(), item_spot.join(key)));
            } else if key == "additionalOperations" && self.minor >= 2 {
                for name in value.as_object().into_iter().flat_map(serde_json::Map::keys) {
                    found.push((name.clone(), item_spot.at(&["additionalOperations", name])));
                }
            }
        }
        for (method, at) in found {
            let shape = shape(template);
            if let Some((other, _)) = shapes.get(&(method.clone(), shape.clone())) {
                let message = format!("`{method} {template}` matches the same calls as `{method} {other}`");
                let help = "two templates that differ only in parameter names are one path: merge them";
                self.documents.error(spot, "ambiguous-template", message, help);
                continue;
            }
            shapes.insert((method.clone(), shape), (template.to_owned(), at.clone()));
            let Ok(parsed) = Method::from_bytes(method.as_bytes()) else {
                let message = format!("`{method}` is not a method");
                self.documents.error(&at, "bad-method", message, "use a token of RFC 9110");
                continue;
            };
            if let Some(draft) = self.operation(template, parsed, &at, item_spot, item) {
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
