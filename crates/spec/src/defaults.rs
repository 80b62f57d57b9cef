//! Fills in what nobody wrote, from the `default`s of the JSON Schema: editors, `yett config` and the typed reading
//! then agree by construction.

use crate::SectionSpec;
use crate::node::{Entry, Node, Value};
use diagnostics::Span;
use serde_json::Value as Json;

/// Why a value filled in here is there.
const REASON: &str = "default";
/// In a schema: the key beside which alone the default of this one holds.
const WITH: &str = "x-default-with";
/// Keys under which settings are partial: a default there would hide what lies below.
const PARTIAL: [&str; 3] = ["operations", "profiles", "environments"];

/// Fills the defaults of a whole document.
pub(crate) fn fill(tree: &mut Node, schema: &Json) {
    fill_node(tree, schema, schema);
}

/// Adds the sections of controls that nobody wrote and that work all the same: those that need no key. An API without a
/// contract has only what it writes, since controls hold calls to a contract.
pub(crate) fn complete(tree: &mut Node, schema: &Json, sections: &[SectionSpec]) {
    let names = |top: bool| sections.iter().filter(move |section| section.top == top);
    for section in names(true) {
        add_section(tree, section.name, schema);
    }
    for api in tree.get_mut("apis").and_then(Node::entries_mut).into_iter().flatten() {
        if api.value.get("contract").and_then(Node::as_str) != Some("none") {
            for section in names(false) {
                add_section(&mut api.value, section.name, schema);
            }
        }
    }
}

fn add_section(holder: &mut Node, name: &str, root: &Json) {
    let Some(schema) = root.pointer(&format!("/$defs/section.{name}")) else { return };
    if holder.get(name).is_some() || !holds_defaults(schema) {
        return;
    }
    let mut section = Node::default_at(Value::Mapping(Vec::new()), holder.span, REASON);
    fill_node(&mut section, schema, root);
    if !section.is_empty_mapping() {
        holder.set(name, section);
    }
}

/// Whether a mapping without keys is one with its defaults.
fn holds_defaults(schema: &Json) -> bool {
    let needs = schema.get("required").and_then(Json::as_array).is_some_and(|keys| !keys.is_empty());
    schema.get("properties").is_some_and(Json::is_object) && !needs
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

/// The branch of an `anyOf` that a mapping is read by: the one with keys.
fn mapping_branch<'a>(schema: &'a Json, root: &'a Json) -> &'a Json {
    let branches = schema.get("anyOf").and_then(Json::as_array);
    let mut with_keys =
        branches.into_iter().flatten().map(|one| target(one, root)).filter(|one| holds_defaults(one));
    match (with_keys.next(), with_keys.next()) {
        (Some(only), None) => only,
        _ => schema,
    }
}

fn fill_node(node: &mut Node, schema: &Json, root: &Json) {
    let nullable = schema.get("anyOf").is_some();
    let schema = target(schema, root);
    if node.value == Value::Null && !nullable && holds_defaults(schema) {
        node.value = Value::Mapping(Vec::new());
    }
    let is_mapping = matches!(node.value, Value::Mapping(_));
    let schema = if is_mapping { mapping_branch(schema, root) } else { schema };
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
                    fill_from(&mut entry.value, own.get("default"), target(own, root));
                    fill_node(&mut entry.value, own, root);
                }
            }
        }
        _ => {}
    }
}

/// Fills a mapping from the default of the whole that it is a part of: one allowance is unlike another, though both are
/// read by one type. A key that stands `with` another has its default only beside that one's.
fn fill_from(node: &mut Node, default: Option<&Json>, schema: &Json) {
    let span = node.span;
    let (Some(default), Value::Mapping(entries)) = (default.and_then(Json::as_object), &mut node.value)
    else {
        return;
    };
    let written: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    for (key, value) in default {
        let with = schema.get("properties").and_then(|all| all.get(key)?.get(WITH)?.as_str());
        let apart = with.is_some_and(|with| written.iter().any(|key| key == with));
        if !apart
            && !written.contains(key)
            && let Some(value) = node_of(value, span)
        {
            entries.push(Entry::new(key.clone(), value));
        }
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
