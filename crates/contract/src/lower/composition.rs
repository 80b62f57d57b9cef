//! What a composition (`allOf`, `anyOf`, `oneOf`, `if`, `$ref` with siblings) says as a whole: which properties it names
//! and how often.
//!
//! Why: whether a property is undeclared is for the whole composition to say, and a property that two parts describe
//! can only be closed by neither of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Lowering, Side};
use crate::documents::Spot;

/// What a composition says.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// Properties and how many parts describe each with something that may hold an object.
    counts: BTreeMap<String, u32>,
    /// Whether any property is named at all; an object that names none is a free-form map.
    pub(super) names_some: bool,
}

impl Whole {
    /// A property that two parts describe.
    pub(super) fn overlap(&self) -> Option<&str> {
        self.counts.iter().find(|(_, count)| **count > 1).map(|(name, _)| name.as_str())
    }

    fn merge_branch(&mut self, branches: &mut BTreeMap<String, u32>, branch: Whole) {
        for (name, count) in branch.counts {
            let entry = branches.entry(name).or_default();
            *entry = (*entry).max(count);
        }
        self.names_some |= branch.names_some;
    }
}

const DEPTH: usize = 24;

/// Whether a schema has parts that apply to the same value.
pub(super) fn is_composed(map: &Map<String, Value>) -> bool {
    const PARTS: [&str; 9] =
        ["allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas", "$ref", "discriminator"];
    PARTS.iter().any(|key| map.contains_key(*key))
}

impl Lowering<'_> {
    /// Reads a composition from its outermost schema.
    pub(super) fn whole(&mut self, spot: &Spot) -> Whole {
        let mut whole = Whole::default();
        self.gather(spot, &mut whole, &mut BTreeSet::new(), DEPTH);
        whole
    }

    fn gather(&mut self, spot: &Spot, whole: &mut Whole, seen: &mut BTreeSet<Spot>, depth: usize) {
        if depth == 0 || !seen.insert(spot.clone()) {
            return;
        }
        let documents = self.documents;
        let Some(map) = documents.get(spot).and_then(Value::as_object) else { return };
        if let Some(reference) = map.get("$ref").and_then(Value::as_str)
            && let Some(target) = self.resolve(spot, reference)
        {
            self.gather(&target, whole, seen, depth - 1);
            if self.pure_reference(map).is_some() {
                seen.remove(spot);
                return;
            }
        }
        self.gather_own(spot, map, whole);
        for key in ["allOf", "anyOf"] {
            for index in 0..map.get(key).and_then(Value::as_array).map_or(0, Vec::len) {
                self.gather(&spot.at(&[key, &index.to_string()]), whole, seen, depth - 1);
            }
        }
        for key in ["if", "then", "else"] {
            if map.contains_key(key) {
                self.gather(&spot.join(key), whole, seen, depth - 1);
            }
        }
        if let Some(Value::Object(dependents)) = map.get("dependentSchemas") {
            for name in dependents.keys() {
                self.gather(&spot.at(&["dependentSchemas", name]), whole, seen, depth - 1);
            }
        }
        let mut branches: Vec<Spot> = (0..map.get("oneOf").and_then(Value::as_array).map_or(0, Vec::len))
            .map(|index| spot.at(&["oneOf", &index.to_string()]))
            .collect();
        if map.contains_key("discriminator") && branches.is_empty() && !map.contains_key("anyOf") {
            branches.extend(self.subtypes_of(spot).into_iter().map(|(_, target)| target));
        }
        let mut merged = BTreeMap::new();
        for branch in branches {
            let mut one = Whole::default();
            self.gather(&branch, &mut one, seen, depth - 1);
            whole.merge_branch(&mut merged, one);
        }
        for (name, count) in merged {
            *whole.counts.entry(name).or_default() += count;
        }
        seen.remove(spot);
    }

    fn gather_own(&mut self, spot: &Spot, map: &Map<String, Value>, whole: &mut Whole) {
        whole.names_some |= map.get("patternProperties").is_some_and(Value::is_object);
        let Some(Value::Object(properties)) = map.get("properties") else { return };
        whole.names_some |= !properties.is_empty();
        for name in properties.keys() {
            let property = spot.at(&["properties", name]);
            if self.may_hold_objects(&property) {
                *whole.counts.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// Whether a property must not be sent this way.
    pub(super) fn is_flagged(&self, property: &Spot, side: Side) -> bool {
        let flag = match side {
            Side::Request => "readOnly",
            Side::Response => "writeOnly",
        };
        let is_set = |spot: &Spot| {
            self.documents.get(spot).and_then(|value| value.get(flag)).and_then(Value::as_bool) == Some(true)
        };
        let Some(value) = self.documents.get(property) else { return false };
        let ignored = self.old && value.get("$ref").is_some();
        (!ignored && is_set(property))
            || (value.get("$ref").is_some() && self.settle(property).is_some_and(|target| is_set(&target)))
    }

    /// Whether a schema applies to the same value again through its own parts. Handing a value on would never end there;
    /// plain references do, because the validator sees the circle.
    pub(super) fn is_circular(&mut self, target: &Spot) -> bool {
        if let Some(known) = self.circular.get(target) {
            return *known;
        }
        let mut seen = BTreeSet::new();
        let mut stack = vec![target.clone()];
        let mut found = false;
        while let Some(spot) = stack.pop() {
            let before = stack.len();
            self.parts(&spot, &mut stack);
            found |= stack.iter().skip(before).any(|next| next == target);
            let fresh: Vec<Spot> = stack.drain(before..).filter(|next| seen.insert(next.clone())).collect();
            stack.extend(fresh);
            if found {
                break;
            }
        }
        self.circular.insert(target.clone(), found);
        found
    }

    /// Schemas that apply to the same value as this one, references followed.
    fn parts(&self, spot: &Spot, out: &mut Vec<Spot>) {
        let Some(map) = self.documents.get(spot).and_then(Value::as_object) else { return };
        let mut add = |part: Spot| out.extend(self.settle(&part));
        for key in ["allOf", "anyOf", "oneOf"] {
            for index in 0..map.get(key).and_then(Value::as_array).map_or(0, Vec::len) {
                add(spot.at(&[key, &index.to_string()]));
            }
        }
        for key in ["if", "then", "else", "not"] {
            if map.contains_key(key) {
                add(spot.join(key));
            }
        }
        for name in map.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            add(spot.at(&["dependentSchemas", name]));
        }
        if let Some(reference) = map.get("$ref").and_then(Value::as_str)
            && let Some(target) = self.resolve(spot, reference)
        {
            out.push(target);
        }
    }

    fn may_hold_objects(&self, property: &Spot) -> bool {
        let Some(target) = self.settle(property) else { return true };
        let holds = |name: &Value| matches!(name.as_str(), Some("object" | "array") | None);
        match self.documents.get(&target).and_then(|value| value.get("type")) {
            Some(Value::Array(names)) => names.iter().any(holds),
            Some(name) => holds(name),
            None => self.documents.get(&target).is_some_and(|value| value.get("enum").is_none()),
        }
    }
}
