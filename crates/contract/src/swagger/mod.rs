//! Swagger 2.0 → OpenAPI 3.0.3, for the import and for a file that a person keeps.
//!
//! What moves: `definitions`, `parameters`, `responses`, `securityDefinitions` go under `components` and their references
//! follow; `host`, `basePath` and `schemes` become `servers`; `in: body` and `in: formData` become `requestBody`;
//! `collectionFormat` becomes `style` and `explode`; `produces` and `consumes` become `content`. Paths, parameters and
//! responses that stand in other files are taken over, since they are converted by what the operation says; schemas stay
//! where they are. A [`PointerMap`] knows where everything came from.

mod fields;
mod parameters;
mod paths;
mod pointers;
mod references;

use diagnostics::{Diagnostic, Diagnostics};
use serde_json::{Map, Value, json};

use crate::documents::Spot;
use crate::pointer;

use pointers::At;
pub(crate) use pointers::PointerMap;

/// A file as it was.
pub(crate) struct Source<'s> {
    pub(crate) path: &'s str,
    pub(crate) value: &'s Value,
}

/// What is wrong, by its place in the file as it was.
pub(crate) type Faults = Vec<(Spot, Diagnostic)>;

/// Converts a Swagger 2.0 document that stands alone; anything else is given back as it is.
///
/// # Errors
/// The document is not an object, or uses what OpenAPI 3.0 has no word for.
pub fn convert_swagger(value: Value) -> Result<Value, Diagnostics> {
    if !value.is_object() {
        let mut out = Diagnostics::new();
        out.push(Diagnostic::error("contract-version", "a contract is an object"));
        return Err(out);
    }
    if value.get("swagger").is_none() {
        return Ok(value);
    }
    match convert(&[Source { path: "", value: &value }], 0) {
        Ok((mut converted, map)) => {
            references::follow(&mut converted, 0, &[""], &[Some(map)]);
            references::schemas(&mut converted);
            Ok(converted)
        }
        Err(faults) => {
            let mut out = Diagnostics::new();
            faults.into_iter().for_each(|(at, fault)| out.push(fault.pointer(at.pointer.to_string())));
            Err(out)
        }
    }
}

/// Converts each file that is a document of Swagger 2.0, and brings the schemas of the others, which belong to them, into
/// the same form. Gives back the new values, where they changed, and the maps of those that moved.
///
/// # Errors
/// What OpenAPI 3.0 has no word for.
pub(crate) fn convert_all(files: &[Source<'_>]) -> Result<Vec<(Value, Option<PointerMap>)>, Faults> {
    let mut out = Vec::new();
    let mut faults = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if file.value.get("swagger").is_none() {
            out.push((file.value.clone(), None));
            continue;
        }
        match convert(files, index) {
            Ok((value, map)) => out.push((value, Some(map))),
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let paths: Vec<&str> = files.iter().map(|file| file.path).collect();
    let (mut values, maps): (Vec<Value>, Vec<Option<PointerMap>>) = out.into_iter().unzip();
    let is_root = maps.first().is_some_and(Option::is_some);
    for (index, value) in values.iter_mut().enumerate() {
        references::follow(value, index, &paths, &maps);
        if is_root || maps.get(index).is_some_and(Option::is_some) {
            references::schemas(value);
        }
    }
    Ok(values.into_iter().zip(maps).collect())
}

fn convert(files: &[Source<'_>], file: usize) -> Result<(Value, PointerMap), Faults> {
    let mut source = files.get(file).and_then(|file| file.value.as_object()).cloned().unwrap_or_default();
    source.remove("swagger");
    let mut converter = Converter::new(files, file, &mut source);
    let mut out = Map::new();
    out.insert(String::from("openapi"), json!("3.0.3"));
    out.insert(String::from("servers"), converter.servers(&mut source));
    let components = converter.components(&mut source);
    for (key, mut value) in source {
        if key == "paths" {
            converter.paths(&mut value);
        }
        out.insert(key, value);
    }
    out.insert(String::from("components"), components);
    let Converter { map, faults, .. } = converter;
    if faults.is_empty() { Ok((Value::Object(out), map)) } else { Err(faults) }
}

struct Converter<'s> {
    files: &'s [Source<'s>],
    /// Which of them is converted.
    file: usize,
    consumes: Vec<String>,
    produces: Vec<String>,
    map: PointerMap,
    faults: Faults,
}

impl<'s> Converter<'s> {
    fn new(files: &'s [Source<'s>], file: usize, source: &mut Map<String, Value>) -> Self {
        let map = PointerMap::default();
        let (consumes, produces) = (Vec::new(), Vec::new());
        let mut converter = Self { files, file, consumes, produces, map, faults: Vec::new() };
        let root = Spot::root(file);
        converter.consumes = converter.texts(&root.join("consumes"), source.remove("consumes"));
        converter.produces = converter.texts(&root.join("produces"), source.remove("produces"));
        converter
    }

    fn fault(&mut self, at: &Spot, message: impl Into<String>, help: &str) {
        let fault = Diagnostic::error("swagger-conversion", message).help(help);
        self.faults.push((at.clone(), fault));
    }

    fn came_from(&mut self, to: &str, from: &Spot) {
        self.map.came_from(to, from.clone());
    }

    /// References to what stands in another file still lead there.
    fn went_to(&mut self, from: &Spot, to: &str) {
        if from.file == self.file {
            self.map.went_to(&from.pointer, to);
        }
    }

    /// Puts what a value refers to in its place; a reference that leads nowhere stays, for the import to say so.
    fn take_over(&mut self, at: &mut At, value: &mut Value) {
        if value.get("$ref").is_none() {
            return;
        }
        let (spot, found) = self.resolved(&at.from, value);
        if found.get("$ref").is_none() {
            self.came_from(&at.to, &spot);
            at.from = spot;
            *value = found;
        }
    }

    /// A list of texts; what is not there is an empty one.
    fn texts(&mut self, at: &Spot, value: Option<Value>) -> Vec<String> {
        let Some(value) = value else { return Vec::new() };
        let texts: Option<Vec<String>> = value
            .as_array()
            .and_then(|list| list.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        texts.unwrap_or_else(|| {
            self.fault(at, "the value must be a list of texts", "correct it, or remove the key");
            Vec::new()
        })
    }

    fn servers(&mut self, source: &mut Map<String, Value>) -> Value {
        let root = Spot::root(self.file);
        let place = ["host", "basePath"].into_iter().find(|key| source.contains_key(*key));
        self.came_from("/servers", &root.join(place.unwrap_or("swagger")));
        self.came_from("/openapi", &root.join("swagger"));
        let host = source.remove("host").and_then(|host| host.as_str().map(str::to_owned));
        let base = source.remove("basePath").and_then(|base| base.as_str().map(str::to_owned));
        let base = base.unwrap_or_default();
        let schemes = self.texts(&root.join("schemes"), source.remove("schemes"));
        match host {
            None => json!([{ "url": if base.is_empty() { "/" } else { base.as_str() } }]),
            Some(host) if schemes.is_empty() => json!([{ "url": format!("https://{host}{base}") }]),
            Some(host) => {
                schemes.iter().map(|scheme| json!({ "url": format!("{scheme}://{host}{base}") })).collect()
            }
        }
    }

    fn components(&mut self, source: &mut Map<String, Value>) -> Value {
        let mut out = Map::new();
        for (from, to) in [
            ("definitions", "schemas"),
            ("responses", "responses"),
            ("parameters", "parameters"),
            ("securityDefinitions", "securitySchemes"),
        ] {
            let at = At { to: pointer::join("/components", to), from: Spot::root(self.file).join(from) };
            let mut value = source.remove(from).unwrap_or_else(|| json!({}));
            self.came_from(&at.to, &at.from);
            if from != "parameters" {
                self.went_to(&at.from, &at.to);
            }
            if let Some(entries) = value.as_object_mut() {
                match from {
                    "responses" => self.shared_responses(&at, entries),
                    "parameters" => self.shared_parameters(&at, entries),
                    "securityDefinitions" => {
                        entries.iter_mut().for_each(|(name, value)| self.scheme(&at.join(name), value));
                    }
                    _ => {}
                }
            }
            out.insert(to.to_owned(), value);
        }
        Value::Object(out)
    }

    fn shared_responses(&mut self, at: &At, responses: &mut Map<String, Value>) {
        let produces = self.produces.clone();
        for (name, response) in responses {
            let mut at = at.join(name);
            self.take_over(&mut at, response);
            self.response(&at, response, &produces);
        }
    }

    /// Parameters of bodies and forms have no place of their own: each operation takes them over.
    fn shared_parameters(&mut self, at: &At, parameters: &mut Map<String, Value>) {
        for (name, parameter) in parameters.iter_mut() {
            let mut at = at.join(name);
            self.went_to(&at.from, &at.to);
            self.take_over(&mut at, parameter);
            if !is_body(parameter) {
                self.parameter(&at, parameter);
            }
        }
        parameters.retain(|_, parameter| !is_body(parameter));
    }

    fn scheme(&mut self, at: &At, value: &mut Value) {
        let Some(map) = value.as_object_mut() else { return };
        match map.get("type").and_then(Value::as_str) {
            Some("basic") => {
                map.insert(String::from("type"), json!("http"));
                map.insert(String::from("scheme"), json!("basic"));
            }
            Some("oauth2") => {
                let name = match map.get("flow").and_then(Value::as_str) {
                    Some("implicit") => "implicit",
                    Some("password") => "password",
                    Some("application") => "clientCredentials",
                    Some("accessCode") => "authorizationCode",
                    // Told as a key that there is not.
                    _ => return,
                };
                map.remove("flow");
                let mut flow = Map::new();
                for key in ["authorizationUrl", "tokenUrl", "scopes"] {
                    if let Some(value) = map.remove(key) {
                        flow.insert(key.to_owned(), value);
                    }
                }
                map.insert(String::from("flows"), json!({ name: flow }));
                self.came_from(&format!("{}/flows/{name}", at.to), &at.from);
            }
            _ => {}
        }
    }
}

/// Whether a parameter is a body or a field of one.
fn is_body(parameter: &Value) -> bool {
    matches!(parameter.get("in").and_then(Value::as_str), Some("body" | "formData"))
}
