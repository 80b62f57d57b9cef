//! Parameters outside of bodies: their keywords go into a schema, `collectionFormat` becomes a style.

use serde_json::{Map, Value, json};

use super::fields::Field;
use super::pointers::At;
use super::{Converter, is_body};
use crate::pointer;

const SCHEMA_KEYS: &[&str] = &[
    "type",
    "format",
    "items",
    "default",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "enum",
    "multipleOf",
    "x-nullable",
];

/// Moves the keywords of a value from a parameter, header or item into a schema of its own.
pub(super) fn schema_of(parameter: &mut Map<String, Value>) -> Value {
    let mut schema = Map::new();
    for key in SCHEMA_KEYS {
        if let Some(value) = parameter.remove(*key) {
            schema.insert((*key).to_owned(), value);
        }
    }
    let mut schema = Value::Object(schema);
    without_collection_format(&mut schema);
    schema
}

fn without_collection_format(schema: &mut Value) {
    if let Some(items) = schema.get_mut("items") {
        if let Some(items) = items.as_object_mut() {
            items.remove("collectionFormat");
        }
        without_collection_format(items);
    }
}

/// `collectionFormat` as style and `explode`; `None` for what OpenAPI 3 has no word for.
pub(super) fn style(format: &str, is_form: bool) -> Option<(&'static str, bool)> {
    Some(match format {
        "multi" => ("form", true),
        "ssv" => ("spaceDelimited", false),
        "pipes" => ("pipeDelimited", false),
        "csv" if is_form => ("form", false),
        "csv" => ("simple", false),
        _ => return None,
    })
}

impl Converter<'_> {
    /// Takes the parameters of a path or an operation apart: those that stay are converted in place, those of bodies and
    /// forms are given back.
    pub(super) fn parameter_list(&mut self, at: &At, owner: &mut Map<String, Value>) -> Vec<Field> {
        // Another type is put back, for the import to say so.
        let Some(Value::Array(list)) = owner.get("parameters") else { return Vec::new() };
        let list = list.clone();
        owner.remove("parameters");
        let from = at.from.join("parameters");
        let mut kept: Vec<Value> = Vec::new();
        let mut fields = Vec::new();
        for (index, parameter) in list.into_iter().enumerate() {
            let from = from.join(&index.to_string());
            let mut at = At { to: format!("{}/parameters/{}", at.to, kept.len()), from: from.clone() };
            let (spot, mut value) = self.resolved(&from, &parameter);
            if is_body(&value) {
                fields.push(Field { spot, value });
                continue;
            }
            self.went_to(&from, &at.to);
            let reference = parameter.get("$ref").and_then(Value::as_str);
            if reference.is_some_and(|reference| reference.starts_with("#/parameters/"))
                || value.get("$ref").is_some()
            {
                self.came_from(&at.to, &from);
                kept.push(parameter);
                continue;
            }
            self.came_from(&at.to, &spot);
            at.from = spot;
            self.parameter(&at, &mut value);
            kept.push(value);
        }
        if !kept.is_empty() {
            owner.insert(String::from("parameters"), Value::Array(kept));
        }
        fields
    }

    pub(super) fn parameter(&mut self, at: &At, parameter: &mut Value) {
        let Some(map) = parameter.as_object_mut() else { return };
        if map.contains_key("schema") {
            let help = "write the keywords of the schema beside `name`, without `schema`";
            self.fault(&at.from.join("schema"), "in Swagger 2.0 only a body has `schema`", help);
            return;
        }
        let format = map.remove("collectionFormat");
        let is_list = map.get("type").is_some_and(|name| name == "array");
        let schema = schema_of(map);
        self.moved_schema(at, &schema);
        // Without one the import says that any value passes.
        if schema.as_object().is_some_and(|schema| !schema.is_empty()) {
            map.insert(String::from("schema"), schema);
        }
        if !is_list {
            return;
        }
        let is_query = map.get("in").is_some_and(|place| place == "query");
        let format = format.as_ref().map_or(Some("csv"), Value::as_str).unwrap_or_default();
        match style(format, is_query) {
            Some((style, explode)) => {
                map.insert(String::from("style"), json!(style));
                map.insert(String::from("explode"), json!(explode));
            }
            None => self.no_style(at, map, format),
        }
    }

    pub(super) fn no_style(&mut self, at: &At, map: &Map<String, Value>, format: &str) {
        let name = map.get("name").and_then(Value::as_str).unwrap_or_default();
        let message = match format {
            "tsv" => format!("the parameter `{name}` is separated by tabs, which OpenAPI 3 cannot say"),
            _ => format!("the parameter `{name}` has a `collectionFormat` that is not known"),
        };
        self.fault(&at.from, message, "use another `collectionFormat`");
    }

    /// Notes that the keywords at `at.from` went into a schema.
    pub(super) fn moved_schema(&mut self, at: &At, schema: &Value) {
        let to = format!("{}/schema", at.to);
        self.moved_keywords(&At { to, from: at.from.clone() }, schema);
    }

    /// Notes that the keywords at `at.from` are those of the schema `at.to` now.
    pub(super) fn moved_keywords(&mut self, at: &At, schema: &Value) {
        self.came_from(&at.to, &at.from);
        for key in schema.as_object().into_iter().flat_map(Map::keys) {
            self.went_to(&at.from.join(key), &pointer::join(&at.to, key));
        }
    }
}
