//! References: followed while a document is converted, and led to where things are afterwards.

use serde_json::{Map, Value, json};

use super::{Converter, PointerMap};
use crate::documents::Spot;
use crate::pointer;

/// References of one chain.
const MAX_CHAIN: usize = 64;

impl<'s> Converter<'s> {
    /// What a value refers to in the end, with its own references as seen from the file that is converted, and where it
    /// stands. A value whose reference leads nowhere is given back: the import says so.
    pub(super) fn resolved(&self, at: &Spot, value: &Value) -> (Spot, Value) {
        let mut from = self.file;
        let mut current = value;
        let mut found = None;
        for _ in 0..MAX_CHAIN {
            let Some(reference) = current.get("$ref").and_then(Value::as_str) else { break };
            let Some((spot, next)) = self.target(from, reference) else { return (at.clone(), value.clone()) };
            from = spot.file;
            current = next;
            found = Some(spot);
        }
        let Some(spot) = found.filter(|_| current.get("$ref").is_none()) else {
            return (at.clone(), value.clone());
        };
        let mut out = current.clone();
        self.rebase(&mut out, spot.file);
        (spot, out)
    }

    fn target(&self, from: usize, reference: &str) -> Option<(Spot, &'s Value)> {
        let (document, fragment) = pointer::split(reference);
        let file = if document.is_empty() {
            from
        } else {
            let path = pointer::relative(self.files.get(from)?.path, document);
            self.files.iter().position(|file| file.path == path)?
        };
        let value = pointer::get(self.files.get(file)?.value, &fragment)?;
        Some((Spot { file, pointer: fragment.into() }, value))
    }

    /// Rewrites the references of a value that was taken over from another file.
    fn rebase(&self, value: &mut Value, from: usize) {
        let (Some(base), Some(own)) = (self.files.get(from), self.files.get(self.file)) else { return };
        if from == self.file {
            return;
        }
        each_reference(value, &mut |reference| {
            let (document, fragment) = reference.split_once('#').unwrap_or((reference.as_str(), ""));
            if pointer::is_remote(document) {
                return;
            }
            let path = match document {
                "" => base.path.to_owned(),
                document => pointer::relative(base.path, document),
            };
            let document = if path == own.path { String::new() } else { seen_from(own.path, &path) };
            *reference = format!("{document}#{fragment}");
        });
    }
}

/// The reference by which `path` is named in the file `base`.
fn seen_from(base: &str, path: &str) -> String {
    let folder: Vec<&str> = base.split('/').collect();
    let folder = folder.split_last().map(|(_, folder)| folder).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let shared = folder.iter().zip(&parts).take_while(|(one, other)| one == other).count();
    let up = folder.len() - shared;
    let names = parts.iter().skip(shared).copied();
    let joined: Vec<&str> = std::iter::repeat_n("..", up).chain(names).collect();
    joined.join("/").replace('%', "%25")
}

fn each_reference(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                change(reference);
            }
            map.values_mut().for_each(|value| each_reference(value, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| each_reference(value, change)),
        _ => {}
    }
}

/// Leads the references of a file to where the parts of converted documents are now.
pub(super) fn follow(value: &mut Value, file: usize, paths: &[&str], maps: &[Option<PointerMap>]) {
    each_reference(value, &mut |reference| {
        let (document, fragment) = pointer::split(reference);
        let target = if document.is_empty() {
            Some(file)
        } else {
            let path = pointer::relative(paths.get(file).copied().unwrap_or_default(), document);
            paths.iter().position(|known| *known == path)
        };
        let Some(Some(map)) = target.and_then(|target| maps.get(target)) else { return };
        let moved = map.target(&fragment);
        if moved != fragment {
            *reference = format!("{document}#{}", moved.replace('%', "%25"));
        }
    });
}

/// Keys whose object names things, so that its own keys are no keywords.
const NAMES: [&str; 10] = [
    "properties",
    "patternProperties",
    "definitions",
    "schemas",
    "paths",
    "responses",
    "parameters",
    "headers",
    "content",
    "encoding",
];

/// Keys whose value is data, whatever it looks like.
const DATA: [&str; 5] = ["enum", "const", "default", "example", "examples"];

/// Brings schemas into the form of OpenAPI 3.0: `type: file`, a discriminator that is a name, and `x-nullable`.
pub(super) fn schemas(value: &mut Value) {
    match value {
        Value::Object(map) => {
            keywords(map);
            for (key, value) in map.iter_mut().filter(|(key, _)| !DATA.contains(&key.as_str())) {
                match value {
                    Value::Object(named) if NAMES.contains(&key.as_str()) => {
                        named.values_mut().for_each(schemas);
                    }
                    other => schemas(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(schemas),
        _ => {}
    }
}

fn keywords(map: &mut Map<String, Value>) {
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
}
