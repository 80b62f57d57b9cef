//! Keywords that assert something of a value (JSON Schema 2020-12 validation §6). One whose own value is malformed asserts
//! nothing, which is an issue.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Lowering;
use super::keywords::{Views, short};
use crate::documents::Spot;

impl Lowering<'_> {
    pub(super) fn checked(&mut self, at: &Spot, value: &Value, fits: bool, expected: &str) -> Option<Value> {
        if fits {
            return Some(value.clone());
        }
        self.issue(at, format!("the value must be {expected}"));
        None
    }

    pub(super) fn count(&mut self, at: &Spot, value: &Value) -> Option<Value> {
        let whole = value.as_u64().or_else(|| {
            let number = value.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0)?;
            // Guarded: not negative, no fraction; a larger one saturates.
            Some(number as u64)
        });
        let lowered = whole.map(Value::from);
        if lowered.is_none() {
            self.issue(at, "the value must be a whole number of 0 or more");
        }
        lowered
    }

    pub(super) fn types(&mut self, at: &Spot, value: &Value) -> Option<Value> {
        let names: Vec<&str> = match value {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let known = |name: &&str| {
            matches!(*name, "null" | "boolean" | "integer" | "number" | "string" | "array" | "object")
        };
        if names.is_empty() || !names.iter().all(known) {
            self.issue(at, format!("{} is not a type", short(value)));
            return None;
        }
        let unique: BTreeSet<&str> = names.into_iter().collect();
        match (unique.len(), unique.first()) {
            (1, Some(name)) => Some(json!(name)),
            _ => Some(json!(unique)),
        }
    }

    pub(super) fn required(&mut self, at: &Spot, value: &Value, views: &Views) -> Option<Value> {
        let Some(names) = value.as_array().filter(|names| names.iter().all(Value::is_string)) else {
            self.issue(at, "the value must be a list of property names");
            return None;
        };
        let kept = self.kept(at, names, views);
        (!kept.is_empty()).then(|| json!(kept))
    }

    pub(super) fn dependent_required(&mut self, at: &Spot, value: &Value, views: &Views) -> Option<Value> {
        let Some(map) = value.as_object() else {
            self.issue(at, "the value must be an object of lists");
            return None;
        };
        let mut out = Map::new();
        for (name, list) in map {
            let kept = match list.as_array().filter(|names| names.iter().all(Value::is_string)) {
                Some(names) => json!(self.kept(&at.join(name), names, views)),
                None => list.clone(),
            };
            out.insert(name.clone(), kept);
        }
        Some(Value::Object(out))
    }

    /// Names that are required: not those that must not be there.
    fn kept<'n>(&mut self, at: &Spot, names: &'n [Value], views: &Views) -> BTreeSet<&'n str> {
        let mut kept = BTreeSet::new();
        for name in names.iter().filter_map(Value::as_str) {
            match views.part.exempt.get(name) {
                None => {
                    kept.insert(name);
                }
                Some(true) => {}
                Some(false) => {
                    let what =
                        format!("`{name}` must not be there in some alternatives and is required in none");
                    self.issue(at, what);
                }
            }
        }
        kept
    }

    pub(super) fn pattern(&mut self, at: &Spot, value: &Value) -> Option<Value> {
        let Some(pattern) = value.as_str() else {
            self.issue(at, "the value must be a regular expression");
            return None;
        };
        if self.pool.accepts_pattern(pattern) {
            return Some(value.clone());
        }
        self.issue(at, format!("the pattern {} cannot be matched in linear time", short(value)));
        None
    }
}
