//! Keywords that apply schemas to a value, its children or its parts (JSON Schema 2020-12 core §10).

use serde_json::{Map, Value, json};

use super::keywords::{DYNAMIC, Views, push_all_of};
use super::{Context, Lowering, Side};
use crate::documents::Spot;
use crate::schemas::FORBIDDEN;

impl Lowering<'_> {
    pub(super) fn sibling_reference(
        &mut self,
        spot: &Spot,
        key: &str,
        value: &Value,
        views: &Views,
        out: &mut Map<String, Value>,
    ) -> Option<Value> {
        let Some(reference) = value.as_str() else {
            self.issue(&spot.join(key), "the value must be a reference");
            return None;
        };
        if key == "$dynamicRef" {
            self.issue(&spot.join(key), DYNAMIC);
        }
        let lowered = self.reference(spot, reference, &Context { inherited: true, ..views.part.clone() });
        push_all_of(out, lowered);
        None
    }

    pub(super) fn properties(&mut self, at: &Spot, value: &Value, views: &Views) -> Option<Value> {
        let Some(map) = value.as_object() else {
            self.issue(at, "the value must be an object of schemas");
            return None;
        };
        let mut out = Map::new();
        for name in map.keys() {
            let property = at.join(name);
            let lowered = if !views.child.asks && self.is_flagged(&property, views.child.side) {
                json!({ FORBIDDEN: match views.child.side {
                    Side::Request => "the property is read-only and must not be sent",
                    Side::Response => "the property is write-only and must not be returned",
                } })
            } else {
                self.lower(&property, &views.child)
            };
            out.insert(name.clone(), lowered);
        }
        Some(Value::Object(out))
    }

    pub(super) fn pattern_properties(&mut self, at: &Spot, value: &Value, views: &Views) -> Option<Value> {
        let Some(map) = value.as_object() else {
            self.issue(at, "the value must be an object of schemas");
            return None;
        };
        let mut out = Map::new();
        for pattern in map.keys() {
            let property = at.join(pattern);
            if self.pool.accepts_pattern(pattern) {
                let lowered = self.lower(&property, &views.child);
                out.insert(pattern.clone(), lowered);
            } else {
                self.issue(&property, "the pattern cannot be matched in linear time");
            }
        }
        Some(Value::Object(out))
    }

    pub(super) fn schema_map(&mut self, at: &Spot, value: &Value, view: &Context) -> Option<Value> {
        let map = value.as_object()?;
        Some(Value::Object(map.keys().map(|name| (name.clone(), self.lower(&at.join(name), view))).collect()))
    }

    pub(super) fn schema_list(&mut self, at: &Spot, value: &Value, view: &Context) -> Option<Value> {
        let count = value.as_array().map_or(0, Vec::len);
        if count == 0 {
            self.issue(at, "the value must be a list of schemas");
            return None;
        }
        Some((0..count).map(|index| self.lower(&at.join(&index.to_string()), view)).collect())
    }

    pub(super) fn all_of(
        &mut self,
        at: &Spot,
        value: &Value,
        views: &Views,
        out: &mut Map<String, Value>,
    ) -> Option<Value> {
        let view = Context { inherited: true, ..views.part.clone() };
        if let Some(Value::Array(parts)) = self.schema_list(at, value, &view) {
            for part in parts {
                push_all_of(out, part);
            }
        }
        None
    }

    pub(super) fn items(
        &mut self,
        at: &Spot,
        value: &Value,
        views: &Views,
        out: &mut Map<String, Value>,
    ) -> Option<Value> {
        if value.is_array() {
            // The tuple form of older drafts.
            if let Some(tuple) = self.schema_list(at, value, &views.child) {
                out.insert(String::from("prefixItems"), tuple);
            }
            return None;
        }
        Some(self.lower(at, &views.child))
    }
}
