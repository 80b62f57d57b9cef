//! Looking through schemas as they are described: references lead to the table of definitions, circles end.

use serde_json::Value as Json;

use crate::view::NOTHING;

/// Schemas nested more deeply are not looked at.
const DEPTH: usize = 32;
/// Schemas looked at for one question.
const MOST: usize = 20_000;

/// The definitions of an API.
#[derive(Clone, Copy)]
pub(crate) struct Schemas<'j>(pub(crate) &'j Json);

/// Keys under which one schema stands.
const ONE: [&str; 5] = ["items", "additionalProperties", "contains", "unevaluatedProperties", "then"];
/// Keys under which a list of schemas stands.
const SEVERAL: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

impl<'j> Schemas<'j> {
    /// The name of the first schema for which something holds, of all within one; the last property on the way to it.
    pub(crate) fn find(self, schema: &'j Json, holds: &dyn Fn(&str, &'j Json) -> bool) -> Option<String> {
        let mut walk = Walk { schemas: self, holds, seen: Vec::new(), left: MOST };
        walk.go("", schema, 0)
    }

    /// What a schema refers to; itself when it refers to nothing.
    pub(crate) fn target(self, schema: &'j Json) -> &'j Json {
        match schema["$ref"].as_str() {
            Some(name) => self.0.get(name).unwrap_or(&NOTHING),
            None => schema,
        }
    }
}

struct Walk<'j, 'h> {
    schemas: Schemas<'j>,
    holds: &'h dyn Fn(&str, &'j Json) -> bool,
    seen: Vec<&'j str>,
    left: usize,
}

impl<'j> Walk<'j, '_> {
    fn go(&mut self, name: &str, schema: &'j Json, depth: usize) -> Option<String> {
        if depth > DEPTH || self.left == 0 {
            return None;
        }
        self.left -= 1;
        if let Some(reference) = schema["$ref"].as_str() {
            if self.seen.contains(&reference) {
                return None;
            }
            self.seen.push(reference);
            if let Some(found) = self.go(name, self.schemas.target(schema), depth + 1) {
                return Some(found);
            }
        } else if (self.holds)(name, schema) {
            return Some(if name.is_empty() {
                String::from("the value itself")
            } else {
                format!("`{name}`")
            });
        }
        for (property, below) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(found) = self.go(property, below, depth + 1) {
                return Some(found);
            }
        }
        let single = ONE.iter().filter_map(|key| schema.get(key)).filter(|below| below.is_object());
        let several = SEVERAL.iter().filter_map(|key| schema[*key].as_array()).flatten();
        let below: Vec<&'j Json> = single.chain(several).collect();
        below.into_iter().find_map(|below| self.go(name, below, depth + 1))
    }
}

/// Whether a schema takes values of a type.
pub(crate) fn takes(schema: &Json, kind: &str) -> bool {
    match &schema["type"] {
        Json::String(text) => text == kind,
        Json::Array(kinds) => kinds.iter().any(|one| one == kind),
        _ => false,
    }
}

/// Whether any of these keys is there.
pub(crate) fn has(schema: &Json, keys: &[&str]) -> bool {
    keys.iter().any(|key| schema.get(key).is_some())
}
