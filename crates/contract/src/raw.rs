//! A contract as it is written: parsed, its references followed on demand, nothing compiled. For tools that write what a
//! contract says in other words (cases, differences); what is enforced comes from [`crate::import`] alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::load::{self, Assets};
use crate::{pointer, swagger};

/// Steps of one chain of references before it is called a loop.
const MAX_CHAIN: usize = 64;
/// Methods of a path item (OpenAPI 3.1 section 4.8.9).
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// All files of one contract.
#[derive(Debug)]
pub struct Raw {
    root: String,
    files: BTreeMap<String, Value>,
}

/// A value of a contract, with the file that its references count from.
#[derive(Debug, Clone, Copy)]
pub struct At<'r> {
    raw: &'r Raw,
    file: &'r str,
    /// As it is written, a reference included.
    pub value: &'r Value,
}

/// One method on one path, as it is written.
#[derive(Debug, Clone)]
pub struct RawOperation<'r> {
    /// As in the document.
    pub template: &'r str,
    /// In upper case.
    pub method: String,
    /// The operation itself.
    pub at: At<'r>,
    /// Its parameters, those of the path among them, references followed.
    pub parameters: Vec<At<'r>>,
}

impl Raw {
    /// Parses a contract and all files that it refers to; Swagger 2.0 becomes OpenAPI 3.0 when it stands in one file. `None`
    /// when it cannot be read.
    #[must_use]
    pub fn load(path: &str, assets: &Assets) -> Option<Self> {
        let mut files = BTreeMap::new();
        let mut open = vec![path.to_owned()];
        while let Some(name) = open.pop() {
            let Some(bytes) = assets.get(&name).filter(|_| !files.contains_key(&name)) else { continue };
            let (value, _) = load::parse(bytes).ok()?;
            open.extend(load::references_of(&name, &value));
            let value = if name == path { swagger::convert_swagger(value).ok()? } else { value };
            files.insert(name, value);
        }
        files.contains_key(path).then(|| Self { root: path.to_owned(), files })
    }

    /// The document itself.
    #[must_use]
    pub fn root(&self) -> Option<At<'_>> {
        let (file, value) = self.files.get_key_value(&self.root)?;
        Some(At { raw: self, file, value })
    }

    /// Every operation, in the order of paths and methods.
    #[must_use]
    pub fn operations(&self) -> Vec<RawOperation<'_>> {
        let Some(paths) = self.root().and_then(|root| root.get("paths")) else { return Vec::new() };
        let mut all = Vec::new();
        for (template, _) in paths.value.as_object().into_iter().flatten() {
            let Some(item) = paths.get(template).and_then(At::resolve) else { continue };
            let of_path = item.get("parameters").map(At::items).unwrap_or_default();
            for method in METHODS {
                let Some(at) = item.get(method) else { continue };
                let own = at.get("parameters").map(At::items).unwrap_or_default();
                let parameters = merged(&of_path, &own);
                all.push(RawOperation { template, method: method.to_ascii_uppercase(), at, parameters });
            }
        }
        all
    }
}

/// The path's parameters, less those that the operation has of the same name and place, and its own.
fn merged<'r>(of_path: &[At<'r>], own: &[At<'r>]) -> Vec<At<'r>> {
    let known = |at: &At<'r>| Some((at.text("name")?, at.text("in")?));
    let own: Vec<At<'r>> = own.iter().filter_map(|at| at.resolve()).collect();
    let taken: Vec<_> = own.iter().filter_map(known).collect();
    let kept = of_path.iter().filter_map(|at| at.resolve());
    kept.filter(|at| known(at).is_none_or(|name| !taken.contains(&name))).chain(own.iter().copied()).collect()
}

impl<'r> At<'r> {
    /// A member, as it is written.
    #[must_use]
    pub fn get(self, key: &str) -> Option<At<'r>> {
        Some(At { value: self.value.get(key)?, ..self })
    }

    /// A member that is text.
    #[must_use]
    pub fn text(self, key: &str) -> Option<&'r str> {
        self.value.get(key)?.as_str()
    }

    /// Items of a list.
    #[must_use]
    pub fn items(self) -> Vec<At<'r>> {
        self.value.as_array().into_iter().flatten().map(|value| At { value, ..self }).collect()
    }

    /// Members of an object, in the order of their names.
    pub fn members(self) -> impl Iterator<Item = (&'r str, At<'r>)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(move |(key, value)| (key.as_str(), At { value, ..self }))
    }

    /// What the value refers to, itself when it refers to nothing; `None` when that is not there or a loop.
    #[must_use]
    pub fn resolve(self) -> Option<At<'r>> {
        let mut at = self;
        for _ in 0..MAX_CHAIN {
            let Some(reference) = at.text("$ref") else { return Some(at) };
            let (document, fragment) = pointer::split(reference);
            let file =
                if document.is_empty() { at.file.to_owned() } else { pointer::relative(at.file, document) };
            let (file, root) = self.raw.files.get_key_value(&file)?;
            at = At { raw: self.raw, file, value: root.pointer(&fragment)? };
        }
        None
    }

    /// Names the place that a reference leads to, so that a circle is known; `None` where there is none.
    #[must_use]
    pub fn reference(self) -> Option<String> {
        let (document, fragment) = pointer::split(self.text("$ref")?);
        let file =
            if document.is_empty() { self.file.to_owned() } else { pointer::relative(self.file, document) };
        Some(format!("{file}#{fragment}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_over_files_and_paths_lend_parameters() {
        let mut assets = Assets::new();
        let root = r##"{"openapi":"3.1.0","paths":{"/a/{b}":{"parameters":[{"$ref":"parts.yaml#/B"},{"name":"c","in":"query"}],
            "get":{"parameters":[{"name":"c","in":"query","required":true}]}, "post":{}}},"loop":{"$ref":"#/loop"}}"##;
        assets.insert(String::from("x/api.json"), root.as_bytes().into());
        assets.insert(
            String::from("x/parts.yaml"),
            b"B: { name: b, in: path, schema: { $ref: '#/S' } }\nS: { type: integer }\n".as_slice().into(),
        );
        let raw = Raw::load("x/api.json", &assets).unwrap();
        let operations = raw.operations();
        let names: Vec<(&str, &str)> =
            operations.iter().map(|one| (one.method.as_str(), one.template)).collect();
        assert_eq!(names, [("GET", "/a/{b}"), ("POST", "/a/{b}")]);
        let [b, c] = operations[0].parameters.as_slice() else { panic!("{:?}", operations[0]) };
        assert_eq!(b.get("schema").unwrap().resolve().unwrap().text("type"), Some("integer"));
        assert_eq!(b.get("schema").unwrap().reference().as_deref(), Some("x/parts.yaml#/S"));
        assert_eq!(c.value.get("required"), Some(&Value::Bool(true)));
        assert!(raw.root().unwrap().get("loop").unwrap().resolve().is_none());
        assert!(Raw::load("none", &assets).is_none());
    }
}
