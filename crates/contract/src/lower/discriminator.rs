//! `discriminator` (OpenAPI 3 §4.8.25): the value of one property picks exactly one schema, an unknown value none.
//!
//! Two shapes: beside `oneOf` or `anyOf`, where the branches are the choice; and on a base schema, where the schemas that
//! refer to it in their `allOf` are. Either becomes one `if`/`then` per schema, so that a violation speaks of the schema
//! that was meant. Where the values cannot be known, the plain `oneOf` is enforced instead.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::keywords::{Views, push_all_of};
use super::{Context, Lowering};
use crate::documents::Spot;

struct Choice {
    spot: Spot,
    values: BTreeSet<String>,
}

impl Lowering<'_> {
    /// Adds the selection to `out`; true when it replaces `oneOf` and `anyOf`.
    pub(super) fn discriminator(
        &mut self,
        spot: &Spot,
        map: &Map<String, Value>,
        views: &Views,
        out: &mut Map<String, Value>,
    ) -> bool {
        let Some(Value::Object(discriminator)) = map.get("discriminator") else { return false };
        let Some(name) = discriminator.get("propertyName").and_then(Value::as_str) else {
            self.issue(&spot.join("discriminator"), "`propertyName` is missing");
            return false;
        };
        for key in discriminator.keys().filter(|key| !key.starts_with("x-")) {
            let known =
                matches!(key.as_str(), "propertyName" | "mapping") || key == "defaultMapping" && !self.old;
            if !known {
                self.issue(&spot.at(&["discriminator", key]), format!("a discriminator has no `{key}`"));
            }
        }
        let mapping = self.mapping(spot, discriminator);
        let fallback = self.fallback(spot, discriminator);
        let fallback = fallback.as_ref();
        let branches = self.branches(spot, map);
        if branches.is_empty() {
            if views.reach {
                self.base(spot, name, &mapping, fallback, views, out);
            }
            return false;
        }
        if !views.reach && branches.iter().any(|branch| self.extends(branch, spot)) {
            // The base of an `allOf`: its choice leads back here.
            return true;
        }
        let Some(choices) = self.choices(&branches, name, &mapping) else { return false };
        self.select(name, choices, fallback, views, out);
        true
    }

    pub(super) fn branches(&self, spot: &Spot, map: &Map<String, Value>) -> Vec<Spot> {
        ["oneOf", "anyOf"]
            .iter()
            .filter_map(|key| map.get(*key).and_then(Value::as_array).map(|list| (*key, list.len())))
            .flat_map(|(key, count)| (0..count).map(move |index| (key, index)))
            .map(|(key, index)| spot.at(&[key, &index.to_string()]))
            .collect()
    }

    /// Explicit values by the schema they pick.
    pub(super) fn mapping(
        &mut self,
        spot: &Spot,
        discriminator: &Map<String, Value>,
    ) -> HashMap<Spot, BTreeSet<String>> {
        let mut out: HashMap<Spot, BTreeSet<String>> = HashMap::new();
        let Some(Value::Object(mapping)) = discriminator.get("mapping") else { return out };
        let at = spot.at(&["discriminator", "mapping"]);
        for (value, target) in mapping {
            if let Some(found) = self.mapped(&at.join(value), target) {
                out.entry(found).or_default().insert(value.clone());
            }
        }
        out
    }

    /// `defaultMapping` (OpenAPI 3.2): the schema of values that pick none.
    pub(super) fn fallback(&self, spot: &Spot, discriminator: &Map<String, Value>) -> Option<Spot> {
        let target = discriminator.get("defaultMapping").filter(|_| !self.old)?;
        self.mapped(&spot.at(&["discriminator", "defaultMapping"]), target)
    }

    /// The schema that a mapping names: one of `components`, whatever characters are in the name, else a reference.
    fn mapped(&self, at: &Spot, target: &Value) -> Option<Spot> {
        let help = "name a schema of `components` or give a reference";
        let Some(target) = target.as_str() else {
            self.documents.error(at, "bad-type", "a mapping names a schema", help);
            return None;
        };
        let named = Spot::root(at.file).at(&["components", "schemas", target]);
        let found = if self.documents.get(&named).is_some() {
            Ok(named)
        } else if target.contains(['/', '#', '.']) {
            self.documents.target(at, target)
        } else {
            self.documents.target(at, &format!("#/components/schemas/{target}"))
        };
        match found {
            Ok(found) => Some(self.settle(&found).unwrap_or(found)),
            Err(message) => {
                self.documents.error(at, "unresolved-ref", message, help);
                None
            }
        }
    }

    /// The values of each branch; `None` when one cannot be picked by any value.
    fn choices(
        &mut self,
        branches: &[Spot],
        name: &str,
        mapping: &HashMap<Spot, BTreeSet<String>>,
    ) -> Option<Vec<Choice>> {
        let mut choices = Vec::new();
        for branch in branches {
            let target = self.settle(branch)?;
            if !self.is_object_only(&target) {
                return None;
            }
            let values = match mapping.get(&target) {
                Some(values) => values.clone(),
                None => self.own_values(&target, name, &mut BTreeSet::new()).or_else(|| implicit(&target))?,
            };
            choices.push(Choice { spot: branch.clone(), values });
        }
        let total: usize = choices.iter().map(|choice| choice.values.len()).sum();
        let distinct: BTreeSet<&String> = choices.iter().flat_map(|choice| &choice.values).collect();
        (distinct.len() == total).then_some(choices)
    }

    fn is_object_only(&self, spot: &Spot) -> bool {
        let Some(value) = self.documents.get(spot) else { return false };
        value.get("nullable") != Some(&Value::Bool(true))
            && match value.get("type") {
                Some(Value::String(name)) => name == "object",
                Some(_) => false,
                None => value.get("properties").is_some() || value.get("allOf").is_some(),
            }
    }

    /// `const` or `enum` of the property, through `allOf`.
    fn own_values(&self, spot: &Spot, name: &str, seen: &mut BTreeSet<Spot>) -> Option<BTreeSet<String>> {
        let spot = self.settle(spot)?;
        if !seen.insert(spot.clone()) || seen.len() > 64 {
            return None;
        }
        let value = self.documents.get(&spot)?;
        if value.get("properties").and_then(|properties| properties.get(name)).is_some() {
            let property = self.settle(&spot.at(&["properties", name]))?;
            let property = self.documents.get(&property)?;
            if let Some(Value::String(only)) = property.get("const") {
                return Some(BTreeSet::from([only.clone()]));
            }
            if let Some(Value::Array(values)) = property.get("enum") {
                let values: BTreeSet<String> =
                    values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                return (!values.is_empty()).then_some(values);
            }
        }
        let parts = value.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
        (0..parts).find_map(|index| self.own_values(&spot.at(&["allOf", &index.to_string()]), name, seen))
    }

    /// A base schema: whichever subtype the value names applies as well.
    fn base(
        &mut self,
        spot: &Spot,
        name: &str,
        mapping: &HashMap<Spot, BTreeSet<String>>,
        fallback: Option<&Spot>,
        views: &Views,
        out: &mut Map<String, Value>,
    ) {
        let mut choices: BTreeMap<Spot, BTreeSet<String>> =
            mapping.iter().map(|(target, values)| (target.clone(), values.clone())).collect();
        for (implicit, target) in self.subtypes_of(spot) {
            let values = self.declared_here(&target, name);
            choices.entry(target).or_insert_with(|| values.unwrap_or_else(|| BTreeSet::from([implicit])));
        }
        if choices.is_empty() {
            return;
        }
        let own = choices.remove(spot).or_else(|| implicit(spot)).unwrap_or_default();
        let mut known: BTreeSet<String> = choices.values().flatten().cloned().collect();
        known.extend(own);
        if let Some(declared) = self.declared_here(spot, name) {
            if known.is_disjoint(&declared) {
                return;
            }
            known.extend(declared);
        }
        let view = Context { inherited: false, ..views.part.alternative() };
        match fallback {
            // The base itself, which applies anyway.
            Some(target) if target == spot => {}
            Some(target) => {
                let other = self.reference_to(target, &view);
                push_all_of(out, otherwise(name, &known, &other));
            }
            None => {
                push_all_of(out, json!({ "required": [name], "properties": { name: { "enum": known } } }));
            }
        }
        for (target, values) in choices {
            let then = self.reference_to(&target, &view);
            push_all_of(out, when(name, &values, &then));
        }
    }

    /// Values that the schema's own properties declare, not those of its base.
    fn declared_here(&self, spot: &Spot, name: &str) -> Option<BTreeSet<String>> {
        let own = |at: &Spot| {
            let value = self.documents.get(at)?;
            value.get("properties")?.get(name)?;
            self.own_values(at, name, &mut BTreeSet::new())
        };
        let parts = self.documents.get(spot)?.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
        own(spot).or_else(|| (0..parts).find_map(|index| own(&spot.at(&["allOf", &index.to_string()]))))
    }

    fn select(
        &mut self,
        name: &str,
        choices: Vec<Choice>,
        fallback: Option<&Spot>,
        views: &Views,
        out: &mut Map<String, Value>,
    ) {
        let known: BTreeSet<String> = choices.iter().flat_map(|choice| choice.values.clone()).collect();
        let view = views.part.alternative();
        let gate = match fallback {
            None => {
                json!({ "type": "object", "required": [name], "properties": { name: { "enum": known } } })
            }
            Some(target) => {
                let other = self.reference_to(target, &view);
                push_all_of(out, otherwise(name, &known, &other));
                json!({ "type": "object" })
            }
        };
        push_all_of(out, gate);
        for choice in choices {
            let then = self.lower(&choice.spot, &view);
            push_all_of(out, when(name, &choice.values, &then));
        }
    }

    fn reference_to(&mut self, target: &Spot, view: &Context) -> Value {
        let reference = format!("#{}", target.pointer);
        self.reference(&Spot::root(target.file), &reference, view)
    }

    /// Whether a schema names `base` in its `allOf`, directly or through another.
    pub(super) fn extends(&self, spot: &Spot, base: &Spot) -> bool {
        let mut seen = BTreeSet::new();
        let mut stack: Vec<Spot> = self.settle(spot).into_iter().collect();
        while let Some(spot) = stack.pop() {
            let parts =
                self.documents.get(&spot).and_then(|value| value.get("allOf")).and_then(Value::as_array);
            for index in 0..parts.map_or(0, Vec::len) {
                let part = self.settle(&spot.at(&["allOf", &index.to_string()]));
                if part.as_ref() == Some(base) {
                    return true;
                }
                stack.extend(part.filter(|part| seen.insert(part.clone())));
            }
        }
        false
    }

    /// Named schemas that refer to `base` in their `allOf`, directly or through one another.
    pub(super) fn subtypes_of(&mut self, base: &Spot) -> Vec<(String, Spot)> {
        let index = match self.subtypes.take() {
            Some(index) => index,
            None => self.index_subtypes(),
        };
        let mut out: Vec<(String, Spot)> = Vec::new();
        let mut stack = vec![base.clone()];
        while let Some(parent) = stack.pop() {
            for (name, child) in index.get(&parent).into_iter().flatten() {
                if child != base && !out.iter().any(|(_, known)| known == child) {
                    out.push((name.clone(), child.clone()));
                    stack.push(child.clone());
                }
            }
        }
        self.subtypes = Some(index);
        out
    }

    fn index_subtypes(&self) -> HashMap<Spot, Vec<(String, Spot)>> {
        let mut index: HashMap<Spot, Vec<(String, Spot)>> = HashMap::new();
        for (file, document) in self.documents.files.iter().enumerate() {
            let Some(Value::Object(schemas)) = document.value.pointer("/components/schemas") else {
                continue;
            };
            for (name, schema) in schemas {
                let child = Spot::root(file).at(&["components", "schemas", name]);
                for part in 0..schema.get("allOf").and_then(Value::as_array).map_or(0, Vec::len) {
                    let part = child.at(&["allOf", &part.to_string()]);
                    let is_reference =
                        self.documents.get(&part).is_some_and(|part| part.get("$ref").is_some());
                    if is_reference && let Some(parent) = self.settle(&part) {
                        index.entry(parent).or_default().push((name.clone(), child.clone()));
                    }
                }
            }
        }
        index
    }
}

/// The name of a schema in `components.schemas`.
fn implicit(spot: &Spot) -> Option<BTreeSet<String>> {
    let name = spot.pointer.strip_prefix("/components/schemas/").filter(|name| !name.contains('/'))?;
    Some(BTreeSet::from([name.replace("~1", "/").replace("~0", "~")]))
}

fn when(name: &str, values: &BTreeSet<String>, then: &Value) -> Value {
    json!({ "if": { "properties": { name: { "enum": values } }, "required": [name] }, "then": then })
}

fn otherwise(name: &str, known: &BTreeSet<String>, other: &Value) -> Value {
    json!({ "if": { "properties": { name: { "enum": known } }, "required": [name] }, "else": other })
}
