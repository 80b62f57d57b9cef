//! Fills in what nobody wrote, from the `default`s of the JSON Schema: editors, `yett config` and the typed reading
//! then agree by construction.

use crate::node::{Entry, Node, Value};
use diagnostics::Span;
use serde_json::Value as Json;

/// Why a value filled in here is there.
const REASON: &str = "default";
/// Keys under which settings are partial: a default there would hide what lies below.
const PARTIAL: [&str; 3] = ["operations", "profiles", "environments"];

/// Fills the defaults of a whole document.
pub(crate) fn fill(tree: &mut Node, schema: &Json) {
    fill_node(tree, schema, schema);
}

/// Follows `$ref` and the one branch of an `anyOf` that is not `null`.
fn target<'a>(schema: &'a Json, root: &'a Json) -> &'a Json {
    let mut at = schema;
    for _ in 0..16 {
        if let Some(pointer) = at.get("$ref").and_then(Json::as_str) {
            match pointer.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
                Some(next) => at = next,
                None => break,
            }
        } else if let Some(branches) = at.get("anyOf").and_then(Json::as_array) {
            let is_null = |branch: &&Json| branch.get("type").and_then(Json::as_str) == Some("null");
            let mut real = branches.iter().filter(|branch| !is_null(branch));
            match (real.next(), real.next()) {
                (Some(only), None) => at = only,
                _ => break,
            }
        } else {
            break;
        }
    }
    at
}

fn fill_node(node: &mut Node, schema: &Json, root: &Json) {
    let schema = target(schema, root);
    let span = node.span;
    match &mut node.value {
        Value::Sequence(items) => {
            if let Some(of) = schema.get("items") {
                items.iter_mut().for_each(|item| fill_node(item, of, root));
            }
        }
        Value::Mapping(entries) => {
            let properties = schema.get("properties").and_then(Json::as_object);
            for (key, property) in properties.into_iter().flatten() {
                if PARTIAL.contains(&key.as_str()) {
                    continue;
                }
                if !entries.iter().any(|entry| entry.key == *key)
                    && let Some(value) = default_of(property, root, span)
                {
                    entries.push(Entry::new(key.clone(), value));
                }
            }
            for entry in entries {
                let own =
                    properties.and_then(|all| all.get(&entry.key)).or(schema.get("additionalProperties"));
                if !PARTIAL.contains(&entry.key.as_str())
                    && let Some(own) = own
                {
                    fill_node(&mut entry.value, own, root);
                }
            }
        }
        _ => {}
    }
}

/// The default of a property; nothing when it is nothing, an empty list or an empty mapping.
fn default_of(property: &Json, root: &Json, span: Span) -> Option<Node> {
    let default = property.get("default").or_else(|| target(property, root).get("default"))?;
    node_of(default, span)
}

fn node_of(json: &Json, span: Span) -> Option<Node> {
    let value = match json {
        Json::Null => return None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Float(number.as_f64()?),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) if items.is_empty() => return None,
        Json::Array(items) => Value::Sequence(items.iter().filter_map(|item| node_of(item, span)).collect()),
        Json::Object(members) => {
            let entries: Vec<Entry> = members
                .iter()
                .filter_map(|(key, value)| Some(Entry::new(key.clone(), node_of(value, span)?)))
                .collect();
            if entries.is_empty() {
                return None;
            }
            Value::Mapping(entries)
        }
    };
    Some(Node::default_at(value, span, REASON))
}
