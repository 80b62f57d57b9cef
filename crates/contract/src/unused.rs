//! References that no operation follows: what is wrong with them changes no call, and is worth a warning.

use std::collections::BTreeSet;

use diagnostics::Diagnostic;
use serde_json::{Map, Value};

use crate::documents::{Documents, Spot};

/// Keys whose values are data, where `$ref` is a name like any other.
const DATA: [&str; 5] = ["example", "examples", "default", "enum", "const"];

/// References of one chain.
const MAX_CHAIN: usize = 64;

const HELP: &str = "nothing that is called uses it; correct it, or remove it";

impl Documents {
    /// Warns of the references of all files that lead nowhere or in a circle, and of which nothing was said yet;
    /// `reached` are the schemas that are used.
    pub(crate) fn unused_references(&self, reached: &BTreeSet<&Spot>) {
        let mut circular = BTreeSet::new();
        for (file, document) in self.files.iter().enumerate() {
            let mut stack = vec![(Spot::root(file), &document.value)];
            while let Some((at, value)) = stack.pop() {
                match value {
                    Value::Object(map) => {
                        if let Some(Value::String(reference)) = map.get("$ref") {
                            self.unused_reference(&at, reference, &mut circular);
                        }
                        let below = map
                            .iter()
                            .filter(|(key, _)| !DATA.contains(&key.as_str()) && !key.starts_with("x-"));
                        stack.extend(
                            below.filter(|(_, value)| is_deep(value)).map(|(key, v)| (at.join(key), v)),
                        );
                    }
                    Value::Array(items) => {
                        let items = items.iter().enumerate().filter(|(_, value)| is_deep(value));
                        stack.extend(items.map(|(index, value)| (at.join(&index.to_string()), value)));
                    }
                    _ => {}
                }
            }
        }
        for file in 0..self.files.len() {
            let at = Spot::root(file).at(&["components", "schemas"]);
            for name in self.get(&at).and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                let at = at.join(name);
                if !reached.contains(&at) && !circular.contains(&at) && self.applies_itself(&at) {
                    let message = "the schema applies itself to the same value";
                    self.say(Diagnostic::warning("cyclic-ref", message).help(HELP), &at);
                }
            }
        }
    }

    /// Each circle is told once, whichever of its references was told before.
    fn unused_reference(&self, at: &Spot, reference: &str, circular: &mut BTreeSet<Spot>) {
        let mut next = match self.target(at, reference) {
            Ok(next) => next,
            Err(message) => {
                self.say(Diagnostic::warning("unresolved-ref", message).help(HELP), &at.join("$ref"));
                return;
            }
        };
        if circular.contains(at) {
            return;
        }
        let mut chain = vec![at.clone()];
        while next != *at {
            let further = self.get(&next).and_then(|value| value.get("$ref")).and_then(Value::as_str);
            let further = further.and_then(|further| self.target(&next, further).ok());
            let Some(further) = further.filter(|_| chain.len() < MAX_CHAIN) else { return };
            chain.push(std::mem::replace(&mut next, further));
        }
        if !chain.iter().any(|one| self.has_said_at(&one.join("$ref"), "cyclic-ref")) {
            let message = format!("`{reference}` leads back to itself");
            self.say(Diagnostic::warning("cyclic-ref", message).help(HELP), &at.join("$ref"));
        }
        circular.extend(chain);
    }

    /// Whether the parts of a schema lead back to it without a step into a child.
    fn applies_itself(&self, schema: &Spot) -> bool {
        let mut seen = BTreeSet::new();
        let mut stack = vec![schema.clone()];
        while let Some(at) = stack.pop() {
            for part in self.same_value(&at) {
                if part == *schema {
                    return true;
                }
                if seen.insert(part.clone()) {
                    stack.push(part);
                }
            }
        }
        false
    }

    /// Schemas that apply to the same value as this one. Of the branches of a discriminator each value picks one, which
    /// ends.
    fn same_value(&self, at: &Spot) -> Vec<Spot> {
        let Some(map) = self.get(at).and_then(Value::as_object) else { return Vec::new() };
        let mut parts = Vec::new();
        let lists: &[&str] =
            if map.contains_key("discriminator") { &["allOf"] } else { &["allOf", "anyOf", "oneOf"] };
        for key in lists {
            let count = map.get(*key).and_then(Value::as_array).map_or(0, Vec::len);
            parts.extend((0..count).map(|index| at.at(&[key, &index.to_string()])));
        }
        parts.extend(
            ["if", "then", "else", "not"]
                .iter()
                .filter(|key| map.contains_key(**key))
                .map(|key| at.join(key)),
        );
        let dependents = map.get("dependentSchemas").and_then(Value::as_object);
        parts.extend(
            dependents.into_iter().flat_map(Map::keys).map(|name| at.at(&["dependentSchemas", name])),
        );
        let reference = map.get("$ref").and_then(Value::as_str);
        parts.extend(reference.and_then(|reference| self.target(at, reference).ok()));
        parts
    }
}

fn is_deep(value: &Value) -> bool {
    value.is_object() || value.is_array()
}
