//! Swagger 2.0 → OpenAPI 3.0.3, for the import and for a file that a person keeps.
//!
//! What moves: `definitions`, `parameters`, `responses`, `securityDefinitions` go under `components` and their references
//! follow; `host`, `basePath` and `schemes` become `servers`; `in: body` and `in: formData` become `requestBody`;
//! `collectionFormat` becomes `style` and `explode`; `produces` and `consumes` become `content`.

use diagnostics::{Diagnostic, Diagnostics};
use serde_json::{Map, Value, json};

/// Converts a Swagger 2.0 document; anything else is given back as it is.
///
/// # Errors
/// The document is not an object, or uses what OpenAPI 3.0 has no word for.
pub fn convert_swagger(value: Value) -> Result<Value, Diagnostics> {
    let Value::Object(mut source) = value else {
        let mut out = Diagnostics::new();
        out.push(Diagnostic::error("contract-version", "a contract is an object"));
        return Err(out);
    };
    if source.remove("swagger").is_none() {
        return Ok(Value::Object(source));
    }
    let mut converter = Converter {
        consumes: list(source.remove("consumes").as_ref()),
        produces: list(source.remove("produces").as_ref()),
        global: source.remove("parameters").and_then(into_map).unwrap_or_default(),
        errors: Diagnostics::new(),
    };
    let mut out = Map::new();
    out.insert(String::from("openapi"), json!("3.0.3"));
    out.insert(String::from("servers"), servers(&mut source));
    let components = converter.components(&mut source);
    for (key, mut value) in source {
        if key == "paths" {
            converter.paths(&mut value);
        }
        out.insert(key, value);
    }
    out.insert(String::from("components"), components);
    let mut document = Value::Object(out);
    references(&mut document);
    if converter.errors.has_errors() { Err(converter.errors) } else { Ok(document) }
}

struct Converter {
    consumes: Vec<String>,
    produces: Vec<String>,
    /// Global parameters: those of bodies and forms have no place under `components.parameters`.
    global: Map<String, Value>,
    errors: Diagnostics,
}

fn into_map(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

fn list(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn servers(source: &mut Map<String, Value>) -> Value {
    let host = source.remove("host").and_then(|host| host.as_str().map(str::to_owned));
    let base =
        source.remove("basePath").and_then(|base| base.as_str().map(str::to_owned)).unwrap_or_default();
    let schemes = list(source.remove("schemes").as_ref());
    match host {
        None => json!([{ "url": if base.is_empty() { "/" } else { base.as_str() } }]),
        Some(host) if schemes.is_empty() => json!([{ "url": format!("https://{host}{base}") }]),
        Some(host) => {
            schemes.iter().map(|scheme| json!({ "url": format!("{scheme}://{host}{base}") })).collect()
        }
    }
}

/// References follow what was moved.
fn references(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                for (old, new) in [
                    ("#/definitions/", "#/components/schemas/"),
                    ("#/parameters/", "#/components/parameters/"),
                    ("#/responses/", "#/components/responses/"),
                ] {
                    if reference.contains(old) {
                        *reference = reference.replacen(old, new, 1);
                        break;
                    }
                }
            }
            if map.get("type").is_some_and(|name| name == "file") {
                map.insert(String::from("type"), json!("string"));
                map.insert(String::from("format"), json!("binary"));
            }
            if let Some(Value::String(name)) = map.get("discriminator") {
                let discriminator = json!({ "propertyName": name });
                map.insert(String::from("discriminator"), discriminator);
            }
            if map.remove("x-nullable") == Some(Value::Bool(true)) {
                map.insert(String::from("nullable"), Value::Bool(true));
            }
            map.values_mut().for_each(references);
        }
        Value::Array(items) => items.iter_mut().for_each(references),
        _ => {}
    }
}

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
fn schema_of(parameter: &mut Map<String, Value>) -> Value {
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

impl Converter {
    fn components(&mut self, source: &mut Map<String, Value>) -> Value {
        let mut out = Map::new();
        out.insert(String::from("schemas"), source.remove("definitions").unwrap_or_else(|| json!({})));
        let mut responses = source.remove("responses").and_then(into_map).unwrap_or_default();
        let produces = self.produces.clone();
        for response in responses.values_mut() {
            self.response(response, &produces);
        }
        out.insert(String::from("responses"), Value::Object(responses));
        let mut parameters = Map::new();
        for (name, parameter) in &self.global.clone() {
            let place = parameter.get("in").and_then(Value::as_str).unwrap_or_default();
            if !matches!(place, "body" | "formData") {
                let mut parameter = parameter.clone();
                self.parameter(&mut parameter);
                parameters.insert(name.clone(), parameter);
            }
        }
        out.insert(String::from("parameters"), Value::Object(parameters));
        let mut schemes = source.remove("securityDefinitions").and_then(into_map).unwrap_or_default();
        schemes.values_mut().for_each(scheme);
        out.insert(String::from("securitySchemes"), Value::Object(schemes));
        Value::Object(out)
    }

    fn paths(&mut self, paths: &mut Value) {
        for item in paths.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let Some(item) = item.as_object_mut() else { continue };
            let shared =
                item.remove("parameters").and_then(|value| value.as_array().cloned()).unwrap_or_default();
            let mut kept = Vec::new();
            let mut bodies = Vec::new();
            for parameter in shared {
                let resolved = self.resolved(&parameter);
                match resolved.get("in").and_then(Value::as_str) {
                    Some("body" | "formData") => bodies.push(resolved),
                    _ => kept.push(self.converted(parameter)),
                }
            }
            for (method, operation) in item.iter_mut() {
                let is_method = matches!(
                    method.as_str(),
                    "get" | "put" | "post" | "delete" | "options" | "head" | "patch"
                );
                if let Some(operation) = operation.as_object_mut().filter(|_| is_method) {
                    self.operation(operation, &bodies);
                }
            }
            if !kept.is_empty() {
                item.insert(String::from("parameters"), Value::Array(kept));
            }
        }
    }

    fn resolved(&self, parameter: &Value) -> Value {
        let name =
            parameter.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix("#/parameters/"));
        name.and_then(|name| self.global.get(name)).unwrap_or(parameter).clone()
    }

    fn converted(&mut self, mut parameter: Value) -> Value {
        if parameter.get("$ref").is_none() {
            self.parameter(&mut parameter);
        }
        parameter
    }

    fn operation(&mut self, operation: &mut Map<String, Value>, shared: &[Value]) {
        let own = |value: Option<Value>, global: &[String]| match value {
            Some(value) => list(Some(&value)),
            None => global.to_vec(),
        };
        let consumes = own(operation.remove("consumes"), &self.consumes);
        let produces = own(operation.remove("produces"), &self.produces);
        if let Some(schemes) = operation.remove("schemes") {
            operation.insert(String::from("x-schemes"), schemes);
        }
        let declared =
            operation.remove("parameters").and_then(|value| value.as_array().cloned()).unwrap_or_default();
        let mut kept = Vec::new();
        let mut body = shared.to_vec();
        for parameter in declared {
            let resolved = self.resolved(&parameter);
            match resolved.get("in").and_then(Value::as_str) {
                Some("body" | "formData") => {
                    body.retain(|known| known.get("name") != resolved.get("name"));
                    body.push(resolved);
                }
                _ => kept.push(self.converted(parameter)),
            }
        }
        if !kept.is_empty() {
            operation.insert(String::from("parameters"), Value::Array(kept));
        }
        if !body.is_empty() {
            operation.insert(String::from("requestBody"), request_body(body, &consumes));
        }
        if let Some(Value::Object(responses)) = operation.get_mut("responses") {
            for response in responses.values_mut() {
                self.response(response, &produces);
            }
        }
    }

    fn parameter(&mut self, parameter: &mut Value) {
        let Some(map) = parameter.as_object_mut() else { return };
        let format = map.remove("collectionFormat");
        let is_list = map.get("type").is_some_and(|name| name == "array");
        let schema = schema_of(map);
        map.insert(String::from("schema"), schema);
        let query = map.get("in").is_some_and(|place| place == "query");
        if !is_list {
            return;
        }
        let (style, explode) = match format.as_ref().and_then(Value::as_str).unwrap_or("csv") {
            "multi" => ("form", true),
            "ssv" => ("spaceDelimited", false),
            "pipes" => ("pipeDelimited", false),
            "tsv" => {
                let name = map.get("name").and_then(Value::as_str).unwrap_or_default();
                let message =
                    format!("the parameter `{name}` is separated by tabs, which OpenAPI 3 cannot say");
                let help = "use another `collectionFormat`";
                self.errors.push(Diagnostic::error("swagger-conversion", message).help(help));
                ("form", false)
            }
            _ if query => ("form", false),
            _ => ("simple", false),
        };
        map.insert(String::from("style"), json!(style));
        map.insert(String::from("explode"), json!(explode));
    }

    fn response(&mut self, response: &mut Value, produces: &[String]) {
        let Some(map) = response.as_object_mut() else { return };
        if map.contains_key("$ref") {
            return;
        }
        map.remove("examples");
        if let Some(schema) = map.remove("schema") {
            let is_file = schema.get("type").is_some_and(|name| name == "file");
            let fallback = if is_file { "*/*" } else { "application/json" };
            map.insert(String::from("content"), content(&schema, produces, fallback));
        }
        for header in
            map.get_mut("headers").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            if let Some(header) = header.as_object_mut() {
                header.remove("collectionFormat");
                let schema = schema_of(header);
                header.insert(String::from("schema"), schema);
            }
        }
    }
}

fn content(schema: &Value, types: &[String], fallback: &str) -> Value {
    if types.is_empty() {
        return json!({ fallback: { "schema": schema } });
    }
    Value::Object(types.iter().map(|name| (name.clone(), json!({ "schema": schema }))).collect())
}

/// One body parameter, or the fields of a form.
fn request_body(parameters: Vec<Value>, consumes: &[String]) -> Value {
    let body = parameters.iter().find(|parameter| parameter.get("in").is_some_and(|place| place == "body"));
    if let Some(body) = body {
        let schema = body.get("schema").cloned().unwrap_or_else(|| json!({}));
        let mut out = json!({ "content": content(&schema, consumes, "application/json") });
        if let (Some(out), Some(required)) = (out.as_object_mut(), body.get("required")) {
            out.insert(String::from("required"), required.clone());
        }
        return out;
    }
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut encoding = Map::new();
    let mut has_file = false;
    for parameter in parameters {
        let Value::Object(mut field) = parameter else { continue };
        let Some(name) = field.get("name").and_then(Value::as_str).map(str::to_owned) else { continue };
        if field.get("required") == Some(&Value::Bool(true)) {
            required.push(json!(name));
        }
        has_file |= field.get("type").is_some_and(|kind| kind == "file");
        if field.get("type").is_some_and(|kind| kind == "array") {
            let multi = field.get("collectionFormat").is_some_and(|format| format == "multi");
            encoding.insert(name.clone(), json!({ "style": "form", "explode": multi }));
        }
        properties.insert(name, schema_of(&mut field));
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if let Some(map) = schema.as_object_mut().filter(|_| !required.is_empty()) {
        map.insert(String::from("required"), Value::Array(required.clone()));
    }
    let form = |name: &&String| name.contains("form");
    let mut types: Vec<String> = consumes.iter().filter(form).cloned().collect();
    if has_file {
        types.retain(|name| name.starts_with("multipart/"));
    }
    if types.is_empty() {
        let kind = if has_file { "multipart/form-data" } else { "application/x-www-form-urlencoded" };
        types.push(kind.to_owned());
    }
    let mut content = Map::new();
    for name in types {
        let mut media = json!({ "schema": schema });
        if let Some(map) =
            media.as_object_mut().filter(|_| !encoding.is_empty() && name.contains("urlencoded"))
        {
            map.insert(String::from("encoding"), Value::Object(encoding.clone()));
        }
        content.insert(name, media);
    }
    json!({ "content": content, "required": !required.is_empty() })
}

fn scheme(value: &mut Value) {
    let Some(map) = value.as_object_mut() else { return };
    let kind = map.get("type").and_then(Value::as_str).map(str::to_owned);
    match kind.as_deref() {
        Some("basic") => {
            map.insert(String::from("type"), json!("http"));
            map.insert(String::from("scheme"), json!("basic"));
        }
        Some("oauth2") => {
            let name = match map.remove("flow").as_ref().and_then(Value::as_str) {
                Some("implicit") => "implicit",
                Some("password") => "password",
                Some("application") => "clientCredentials",
                _ => "authorizationCode",
            };
            let mut flow = Map::new();
            for key in ["authorizationUrl", "tokenUrl", "scopes"] {
                if let Some(value) = map.remove(key) {
                    flow.insert(key.to_owned(), value);
                }
            }
            map.insert(String::from("flows"), json!({ name: flow }));
        }
        _ => {}
    }
}
