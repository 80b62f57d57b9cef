//! Bodies: one body parameter, or the fields of a form.

use serde_json::{Map, Value, json};

use super::Converter;
use super::parameters::{schema_of, style};
use super::pointers::At;
use crate::documents::Spot;
use crate::media::{ContentType, MediaKind};
use crate::pointer;

/// A parameter of a body, and where it stands.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) spot: Spot,
    pub(super) value: Value,
}

impl Field {
    fn text(&self, key: &str) -> Option<&str> {
        self.value.get(key).and_then(Value::as_str)
    }

    fn is_whole(&self) -> bool {
        self.text("in") == Some("body")
    }
}

impl Converter<'_> {
    /// The path's fields with the operation's own over them.
    pub(super) fn merged(&mut self, shared: &[Field], own: Vec<Field>) -> Vec<Field> {
        let same = |one: &Field, other: &Field| {
            one.text("name") == other.text("name") && one.text("in") == other.text("in")
        };
        let mut all: Vec<Field> =
            shared.iter().filter(|one| !own.iter().any(|other| same(one, other))).cloned().collect();
        for field in own {
            if all.iter().any(|known| same(known, &field)) {
                let name = field.text("name").unwrap_or_default();
                let message = format!("the parameter `{name}` is declared twice");
                self.fault(&field.spot, message, "remove one of them");
            }
            all.push(field);
        }
        if all.len() > 1
            && let Some(whole) = all.iter().rfind(|field| field.is_whole())
        {
            let spot = whole.spot.clone();
            let help = "keep one `in: body`, or `in: formData` only";
            self.fault(&spot, "an operation has one body: a body parameter stands alone", help);
        }
        all
    }

    pub(super) fn request_body(&mut self, at: &At, fields: Vec<Field>, consumes: &[String]) -> Value {
        let at = At { to: format!("{}/requestBody", at.to), from: at.from.clone() };
        if let Some(first) = fields.first() {
            self.came_from(&at.to, &first.spot);
        }
        match fields.iter().find(|field| field.is_whole()) {
            Some(body) => self.whole_body(&at, body, consumes),
            None => self.form(&at, fields, consumes),
        }
    }

    fn whole_body(&mut self, at: &At, body: &Field, consumes: &[String]) -> Value {
        let mut out = body.value.as_object().cloned().unwrap_or_default();
        // What is left over is a key that there is not, and is told as such.
        for key in ["name", "in"] {
            out.remove(key);
        }
        let schema = out.remove("schema");
        let types = (consumes, "application/json");
        let content = self.content(at, &body.spot.join("schema"), schema.as_ref(), types);
        out.insert(String::from("content"), content);
        Value::Object(out)
    }

    fn form(&mut self, at: &At, fields: Vec<Field>, consumes: &[String]) -> Value {
        let has_file = fields.iter().any(|field| field.text("type") == Some("file"));
        let types = form_types(consumes, has_file);
        let mut properties = Map::new();
        let mut required = Vec::new();
        let mut encoding = Map::new();
        for Field { spot, value } in fields {
            let Value::Object(mut field) = value else { continue };
            let Some(name) = field.get("name").and_then(Value::as_str).map(str::to_owned) else {
                self.fault(&spot, "a parameter needs `name` and `in`", "give it `name`");
                continue;
            };
            match field.remove("required") {
                Some(Value::Bool(true)) => required.push(json!(name)),
                None | Some(Value::Bool(false)) => {}
                Some(_) => {
                    let help = "write `true` or `false`, without quotes";
                    self.fault(&spot.join("required"), "`required` is true or false", help);
                }
            }
            let format = field.remove("collectionFormat");
            if field.get("type").is_some_and(|kind| kind == "array") {
                let format = format.as_ref().map_or(Some("csv"), Value::as_str).unwrap_or_default();
                match style(format, true) {
                    Some((style, explode)) => {
                        encoding.insert(name.clone(), json!({ "style": style, "explode": explode }));
                    }
                    None => self.no_style(&At { to: String::new(), from: spot.clone() }, &field, format),
                }
            }
            let below = self.allowed_empty(&spot, &mut field, format.as_ref());
            let mut schema = property(&mut field);
            for media in &types {
                let media = pointer::join(&format!("{}/content", at.to), media);
                let to = format!("{}{below}", pointer::join(&format!("{media}/schema/properties"), &name));
                self.moved_keywords(&At { to, from: spot.clone() }, &schema);
                self.came_from(&pointer::join(&format!("{media}/encoding"), &name), &spot);
            }
            if !below.is_empty() {
                schema = json!({ "anyOf": [schema, { "type": "string", "maxLength": 0 }] });
            }
            properties.insert(name, schema);
        }
        let needed = !required.is_empty();
        let mut media = json!({ "schema": { "type": "object", "properties": properties } });
        if needed && let Some(schema) = media.get_mut("schema").and_then(Value::as_object_mut) {
            schema.insert(String::from("required"), Value::Array(required));
        }
        if let Some(media) = media.as_object_mut().filter(|_| !encoding.is_empty()) {
            media.insert(String::from("encoding"), Value::Object(encoding));
        }
        let content: Map<String, Value> = types.into_iter().map(|name| (name, media.clone())).collect();
        json!({ "content": content, "required": needed })
    }

    /// Where the schema of a field stands below its property: in an alternative, beside the empty text, when an empty
    /// value is allowed. OpenAPI 3 has `allowEmptyValue` for queries only.
    fn allowed_empty(
        &mut self,
        spot: &Spot,
        field: &mut Map<String, Value>,
        format: Option<&Value>,
    ) -> &'static str {
        match field.remove("allowEmptyValue") {
            Some(Value::Bool(true)) => {}
            None | Some(Value::Bool(false)) => return "",
            Some(_) => {
                let help = "write `true` or `false`, without quotes";
                self.fault(&spot.join("allowEmptyValue"), "`allowEmptyValue` is true or false", help);
                return "";
            }
        }
        match field.get("type").and_then(Value::as_str) {
            // No bytes are a file.
            Some("file") => "",
            Some("array") => {
                let is_multi = format.is_some_and(|format| format == "multi");
                if is_multi || field.contains_key("minItems") {
                    let message = "a list whose items come apart or must be there has no empty value";
                    let help = "remove `allowEmptyValue`, or `minItems` and `collectionFormat: multi`";
                    self.fault(&spot.join("allowEmptyValue"), message, help);
                }
                // An empty text is the list without items.
                ""
            }
            _ => "/anyOf/0",
        }
    }
}

/// The schema of a field. Keys that a parameter does not have stay in it, and are told as unknown keywords.
fn property(field: &mut Map<String, Value>) -> Value {
    for key in ["name", "in", "description", "example", "examples"] {
        field.remove(key);
    }
    let mut schema = schema_of(field);
    if let Some(map) = schema.as_object_mut() {
        map.append(field);
    }
    schema
}

/// The media types of a form: those that the operation consumes, else what its fields need.
fn form_types(consumes: &[String], has_file: bool) -> Vec<String> {
    let is_form = |name: &&String| {
        ContentType::parse(name).is_some_and(|parsed| match parsed.kind() {
            MediaKind::Multipart => true,
            MediaKind::Form => !has_file,
            MediaKind::Json | MediaKind::Text | MediaKind::Binary | MediaKind::Opaque => false,
        })
    };
    let mut types: Vec<String> = consumes.iter().filter(is_form).cloned().collect();
    if types.is_empty() {
        let kind = if has_file { "multipart/form-data" } else { "application/x-www-form-urlencoded" };
        types.push(kind.to_owned());
    }
    types
}
