//! The JSON Schema of the whole document (draft 2020-12), for editors and for defaults.
//!
//! Put together from the typed parts, the short forms, and the sections of the controls. Profiles, operations and
//! environments hold parts of the same, so they refer to copies of the definitions in which nothing is required.

use crate::SectionSpec;
use crate::document::{ApiKeys, OperationKeys, Top};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

/// The groups of named things that the short form fills: each may be a key with nothing after it.
pub(crate) const NAMED: [&str; 3] = ["listeners", "issuers", "upstreams"];
/// Prefix of the definitions in which nothing is required.
const PARTIAL: &str = "partial.";

/// The JSON Schema of a document in which these controls have their sections.
#[must_use]
pub fn schema(sections: &[SectionSpec]) -> Json {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let _ = generator.subschema_for::<ApiKeys>();
    let _ = generator.subschema_for::<OperationKeys>();
    let mut root: Json = generator.into_root_schema_for::<Top>().into();
    let mut defs = match root.get_mut("$defs").map(Json::take) {
        Some(Json::Object(defs)) => defs,
        _ => Map::new(),
    };
    let (top, own): (Vec<_>, Vec<_>) = sections
        .iter()
        .map(|section| (section.top, (section.name.to_owned(), section_schema(section, &mut defs))))
        .partition(|(top, _)| *top);
    short_forms(&mut root, &mut defs);
    if let Some(properties) = properties_mut(&mut root) {
        properties.extend(top.into_iter().map(|(_, section)| section));
    }
    for holder in ["Api", "Operation"] {
        if let Some(properties) = defs.get_mut(holder).and_then(properties_mut) {
            properties.extend(own.iter().map(|(_, section)| section.clone()));
        }
    }
    strict(&mut root);
    defs.values_mut().for_each(strict);
    let partial: Map<String, Json> =
        defs.iter().map(|(name, def)| (format!("{PARTIAL}{name}"), as_partial(def.clone()))).collect();
    defs.extend(partial);
    let overlay = overlay(&root);
    defs.insert(String::from("Environment"), overlay);
    let operations = json!({
        "type": ["object", "null"],
        "description": "settings by operation: operationId, `METHOD /template` or `tag:name`; the narrowest wins",
        "additionalProperties": { "$ref": format!("#/$defs/{PARTIAL}Operation") }
    });
    for holder in ["Api", "partial.Api"] {
        if let Some(properties) = defs.get_mut(holder).and_then(properties_mut) {
            properties.insert(String::from("operations"), operations.clone());
        }
    }
    if let Some(profile) = defs.get_mut("partial.Api").and_then(properties_mut) {
        profile.remove("profile");
    }
    if let Some(object) = root.as_object_mut() {
        object.insert(String::from("$defs"), Json::Object(defs));
    }
    root.sort_all_objects();
    root
}

/// The keys at the top of the document that its type knows.
pub(crate) fn top_keys() -> Vec<String> {
    keys(schemars::schema_for!(Top))
}

/// The keys of an API that its type knows.
pub(crate) fn api_keys() -> Vec<String> {
    keys(schemars::schema_for!(ApiKeys))
}

/// The keys of an operation's settings that its type knows.
pub(crate) fn operation_keys() -> Vec<String> {
    keys(schemars::schema_for!(OperationKeys))
}

fn keys(schema: schemars::Schema) -> Vec<String> {
    let mut json = Json::from(schema);
    properties_mut(&mut json).map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

fn properties_mut(schema: &mut Json) -> Option<&mut Map<String, Json>> {
    schema.get_mut("properties").and_then(Json::as_object_mut)
}

/// A control's schema, its definitions moved to the document's under the control's name.
fn section_schema(section: &SectionSpec, defs: &mut Map<String, Json>) -> Json {
    let mut json: Json = (section.schema)().into();
    let rename = |name: &str| format!("{}.{name}", section.name);
    rewrite_refs(&mut json, &rename);
    if let Some(object) = json.as_object_mut() {
        object.remove("$schema");
        if let Some(Json::Object(own)) = object.remove("$defs") {
            defs.extend(own.into_iter().map(|(name, def)| (rename(&name), def)));
        }
    }
    strict(&mut json);
    let name = format!("section.{}", section.name);
    let reference = json!({ "$ref": format!("#/$defs/{name}") });
    defs.insert(name, json);
    reference
}

fn rewrite_refs(json: &mut Json, rename: &dyn Fn(&str) -> String) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| rewrite_refs(item, rename)),
        Json::Object(members) => {
            if let Some(Json::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("#/$defs/{}", rename(name));
            }
            members.values_mut().for_each(|member| rewrite_refs(member, rename));
        }
        _ => {}
    }
}

/// Says of every object with known keys that it has no others, and of one that needs none of them that it may be a key with
/// nothing after it: all defaults, as the reader takes it.
fn strict(json: &mut Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(strict),
        Json::Object(members) => {
            let object = members.get("properties").is_some_and(Json::is_object);
            if object && !members.contains_key("additionalProperties") && members.contains_key("type") {
                members.insert(String::from("additionalProperties"), Json::Bool(false));
            }
            let needs = members.get("required").and_then(Json::as_array).is_some_and(|keys| !keys.is_empty());
            if object && !needs && members.get("type") == Some(&json!("object")) {
                members.insert(String::from("type"), json!(["object", "null"]));
            }
            members.values_mut().for_each(strict);
        }
        _ => {}
    }
}

/// A copy in which nothing is required and no default is promised, all the way down.
fn as_partial(mut json: Json) -> Json {
    fn walk(json: &mut Json) {
        match json {
            Json::Array(items) => items.iter_mut().for_each(walk),
            Json::Object(members) => {
                if members.get("required").is_some_and(Json::is_array) {
                    members.remove("required");
                }
                if members.contains_key("type") || members.contains_key("$ref") {
                    members.remove("default");
                }
                members.values_mut().for_each(walk);
            }
            _ => {}
        }
    }
    walk(&mut json);
    rewrite_refs(&mut json, &|name| match name.starts_with(PARTIAL) {
        true => name.to_owned(),
        false => format!("{PARTIAL}{name}"),
    });
    json
}

/// What an environment may change: everything but the environments.
fn overlay(root: &Json) -> Json {
    let mut properties = root.get("properties").cloned().unwrap_or_default();
    if let Some(properties) = properties.as_object_mut() {
        properties.remove("environments");
    }
    as_partial(json!({
        "type": ["object", "null"],
        "description": "what this environment has different: mappings merge, everything else is replaced",
        "additionalProperties": false,
        "properties": properties
    }))
}

/// The keys that stand for a longer form, and those that are resolved before reading.
fn short_forms(root: &mut Json, defs: &mut Map<String, Json>) {
    let by_name = |kind: Json, description: &str, of: &str| json!({ "type": kind, "description": description, "additionalProperties": { "$ref": format!("#/$defs/{of}") } });
    let maybe = || json!(["object", "null"]);
    if let Some(top) = properties_mut(root) {
        for group in NAMED {
            if let Some(group) = top.get_mut(group).and_then(Json::as_object_mut) {
                group.insert(String::from("type"), maybe());
            }
        }
        top.insert(String::from("listen"), json!({
            "type": "string",
            "description": "short for one listener named `default`: the URL to listen on, as in `http://127.0.0.1:8080`",
            "examples": ["http://127.0.0.1:8080"]
        }));
        top.insert(String::from("apis"), by_name(json!("object"), "APIs, by name", "Api"));
        top.insert(
            String::from("profiles"),
            by_name(maybe(), "settings of APIs to be shared, by name", "partial.Api"),
        );
        top.insert(
            String::from("environments"),
            by_name(maybe(), "what differs by environment (`yett run --env NAME`), by name", "Environment"),
        );
    }
    if let Some(api) = defs.get_mut("Api").and_then(properties_mut) {
        api.insert(
            String::from("profile"),
            json!({
                "type": "string",
                "description": "name of the profile whose settings these are laid over"
            }),
        );
        api.insert(String::from("issuer"), json!({
            "type": "string",
            "description": "short for `authentication` by one issuer: `local`, a URL with `audience`, or a name",
            "examples": ["local", "https://idp.example.com"]
        }));
        api.insert(
            String::from("audience"),
            json!({
                "description": "audience that tokens of `issuer` must name",
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
            }),
        );
    }
    if let Some(upstream) = defs.get_mut("Upstream") {
        if let Some(properties) = properties_mut(upstream) {
            let url = json!({ "$ref": "#/$defs/Url", "description": "short for one target" });
            properties.insert(String::from("url"), url);
            if let Some(health) = properties.get_mut("health") {
                let path = json!({ "type": "string", "description": "short for a path", "pattern": "^/[!-~]{0,2047}$" });
                let whole = health.take();
                *health = json!({ "description": "what is asked of each target from time to time", "anyOf": [path, whole] });
            }
        }
        if let Some(members) = upstream.as_object_mut() {
            members.remove("required");
            members
                .insert(String::from("anyOf"), json!([{ "required": ["url"] }, { "required": ["targets"] }]));
        }
    }
}
