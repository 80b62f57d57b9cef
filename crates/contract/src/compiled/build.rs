//! From a lowered schema (JSON Schema 2020-12 with keywords of ours) to [`Schema`].

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::number::Numbers;
use super::object::{Members, Parts as MemberParts};
use super::words::Words;
use super::{Items, Kinds, Lengths, Parts, Rules, Schema, narrowing};
use crate::schemas::{BASE, DELEGATE, FORBIDDEN, Pool};

const NUMERIC: &[&str] = &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const PROPERTIES: &[&str] = &["properties", "additionalProperties"];

/// Compiles the schemas of one contract.
pub(crate) struct Builder<'p> {
    /// Where validators for what has no rule come from.
    pool: &'p mut Pool,
    /// The lowered definitions, by number.
    definitions: &'p [Value],
    /// Definitions that are a part of themselves: of such a circle the validator says where it ends.
    circular: BTreeSet<usize>,
    /// Definitions that may accept more where they are closed.
    widening: BTreeSet<usize>,
}

impl<'p> Builder<'p> {
    pub(crate) fn new(pool: &'p mut Pool, definitions: &'p [Value]) -> Self {
        let circular: BTreeSet<usize> =
            (0..definitions.len()).filter(|index| is_circular(*index, definitions)).collect();
        let widening = narrowing::widening(definitions, &circular);
        Self { pool, definitions, circular, widening }
    }

    /// Whether closing the objects of this schema, which is closed, can only have made it refuse more.
    pub(crate) fn is_narrowing(&self, value: &Value) -> bool {
        narrowing::is_narrowing(value, self.definitions, &self.widening)
    }

    /// One schema.
    pub(crate) fn schema(&mut self, value: &Value) -> Schema {
        match value {
            Value::Bool(true) => Schema::Always,
            Value::Object(map) => self.object(value, map),
            _ => Schema::Never,
        }
    }

    fn object(&mut self, value: &Value, map: &Map<String, Value>) -> Schema {
        if map.is_empty() {
            return Schema::Always;
        }
        if map.contains_key(FORBIDDEN) {
            return Schema::Never;
        }
        let follows_properties = || self.marks_are_known(value, &mut BTreeSet::new());
        if map.contains_key("unevaluatedItems")
            || (map.contains_key("unevaluatedProperties") && !follows_properties())
        {
            return Schema::Other(self.pool.intern(value.clone()));
        }
        if map.len() == 1 {
            if let Some(index) = handed(map) {
                return Schema::HandOver(index);
            }
            if let Some(index) = self.part(map) {
                return Schema::Part(index);
            }
        }
        self.rules(map).map_or_else(|| Schema::Other(self.pool.intern(value.clone())), Schema::Rules)
    }

    /// `None` for a schema with a keyword whose value is not what it must be; the validator says what to make of it.
    fn rules(&mut self, map: &Map<String, Value>) -> Option<Box<Rules>> {
        let mut left = map.clone();
        let kinds = left.remove("type").map_or(Some(Kinds::ALL), |types| kinds(&types))?;
        let text = lengths(&mut left)?;
        let words = words(&mut left);
        let numbers = self.numbers(&mut left);
        let object = self.members(&mut left)?;
        let array = self.items(&mut left)?;
        let parts = self.parts(&mut left)?;
        let reach = left.keys().fold(Kinds::NONE, |all, key| all.and(reach(key)));
        let other = (!left.is_empty()).then(|| (reach, self.pool.intern(Value::Object(left))));
        Some(Box::new(Rules { kinds, words, text, numbers, array, object, parts, other }))
    }

    fn numbers(&mut self, left: &mut Map<String, Value>) -> Option<Box<Numbers>> {
        let taken: Map<String, Value> = NUMERIC.iter().filter_map(|key| left.remove_entry(*key)).collect();
        if taken.is_empty() {
            return None;
        }
        let other = self.pool.intern(Value::Object(taken.clone()));
        Some(Box::new(Numbers::new(&taken, other)))
    }

    fn members(&mut self, left: &mut Map<String, Value>) -> Option<Option<Box<Members>>> {
        // What a pattern matches is no additional property: the three stay together.
        let apart = left.contains_key("patternProperties");
        let mut take = |key: &str| if apart && PROPERTIES.contains(&key) { None } else { left.remove(key) };
        let taken = [
            take("properties"),
            take("required"),
            take("additionalProperties"),
            take("minProperties"),
            take("maxProperties"),
            take("unevaluatedProperties"),
        ];
        if taken.iter().all(Option::is_none) {
            return Some(None);
        }
        let [properties, required, additional, least, most, unevaluated] = taken;
        let mut named = Vec::new();
        if let Some(properties) = &properties {
            for (name, schema) in properties.as_object()? {
                named.push((name.as_str().into(), self.schema(schema)));
            }
        }
        let required = match &required {
            None => Vec::new(),
            Some(names) => {
                names.as_array()?.iter().map(|name| name.as_str().map(Into::into)).collect::<Option<_>>()?
            }
        };
        Some(Some(Box::new(Members::new(MemberParts {
            properties: named,
            required,
            additional: additional.map(|schema| self.schema(&schema)),
            unevaluated: unevaluated.map(|schema| self.schema(&schema)),
            least: count(least.as_ref(), 0)?,
            most: count(most.as_ref(), usize::MAX)?,
        }))))
    }

    fn items(&mut self, left: &mut Map<String, Value>) -> Option<Option<Box<Items>>> {
        let least = left.remove("minItems");
        let most = left.remove("maxItems");
        // `items` is for what `prefixItems` leaves.
        let each = if left.contains_key("prefixItems") { None } else { left.remove("items") };
        if least.is_none() && most.is_none() && each.is_none() {
            return Some(None);
        }
        Some(Some(Box::new(Items {
            least: count(least.as_ref(), 0)?,
            most: count(most.as_ref(), usize::MAX)?,
            each: each.map_or(Schema::Always, |schema| self.schema(&schema)),
        })))
    }

    fn parts(&mut self, left: &mut Map<String, Value>) -> Option<Option<Box<Parts>>> {
        let mut parts = Parts::default();
        if let Some(index) = handed(left) {
            left.remove(DELEGATE);
            parts.all.push(Schema::HandOver(index));
        }
        if let Some(index) = self.part(left) {
            left.remove("$ref");
            parts.all.push(Schema::Part(index));
        }
        for (key, list) in [("allOf", &mut parts.all), ("anyOf", &mut parts.any), ("oneOf", &mut parts.one)] {
            if let Some(schemas) = left.remove(key) {
                list.extend(schemas.as_array()?.iter().map(|schema| self.schema(schema)));
            }
        }
        parts.not = left.remove("not").map(|schema| self.schema(&schema));
        let empty =
            parts.all.is_empty() && parts.any.is_empty() && parts.one.is_empty() && parts.not.is_none();
        Some((!empty).then(|| Box::new(parts)))
    }

    /// The definition that a schema has as a part and that is followed here.
    fn part(&self, map: &Map<String, Value>) -> Option<usize> {
        part(map).filter(|index| !self.circular.contains(index))
    }

    /// Whether everything that evaluates properties of the same value is followed here.
    fn marks_are_known(&self, value: &Value, seen: &mut BTreeSet<usize>) -> bool {
        let Some(map) = value.as_object() else { return true };
        map.iter().all(|(key, value)| match key.as_str() {
            "patternProperties" | "if" | "then" | "else" | "dependentSchemas" | "unevaluatedItems" => false,
            "$ref" => self.part(map).is_some_and(|index| {
                !seen.insert(index)
                    || self.definitions.get(index).is_some_and(|next| self.marks_are_known(next, seen))
            }),
            "allOf" | "anyOf" | "oneOf" => value
                .as_array()
                .is_some_and(|schemas| schemas.iter().all(|schema| self.marks_are_known(schema, seen))),
            _ => true,
        })
    }
}

/// Whether a definition leads back to itself by keywords that judge the same value.
fn is_circular(start: usize, definitions: &[Value]) -> bool {
    let mut seen = BTreeSet::new();
    let mut stack: Vec<&Value> = definitions.get(start).into_iter().collect();
    while let Some(map) = stack.pop().map(Value::as_object) {
        let Some(map) = map else { continue };
        for index in part(map).into_iter().chain(handed(map)) {
            if index == start {
                return true;
            }
            stack.extend(definitions.get(index).filter(|_| seen.insert(index)));
        }
        let lists = ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| map.get(*key)?.as_array());
        let single = ["not", "if", "then", "else"].iter().filter_map(|key| map.get(*key));
        let dependent = map.get("dependentSchemas").and_then(Value::as_object);
        stack.extend(lists.flatten().chain(single).chain(dependent.into_iter().flat_map(Map::values)));
    }
    false
}

/// The kinds of value that a keyword can refuse.
fn reach(key: &str) -> Kinds {
    match key {
        "pattern" | "format" => Kinds::STRING,
        "uniqueItems" | "contains" | "minContains" | "maxContains" | "prefixItems" | "items" => Kinds::ARRAY,
        "patternProperties"
        | "properties"
        | "additionalProperties"
        | "propertyNames"
        | "dependentRequired"
        | "dependentSchemas" => Kinds::OBJECT,
        _ => Kinds::ALL,
    }
}

pub(super) fn handed(map: &Map<String, Value>) -> Option<usize> {
    usize::try_from(map.get(DELEGATE)?.as_u64()?).ok()
}

pub(super) fn part(map: &Map<String, Value>) -> Option<usize> {
    map.get("$ref")?.as_str()?.strip_prefix(BASE)?.strip_prefix("#/$defs/")?.parse().ok()
}

pub(super) fn kinds(types: &Value) -> Option<Kinds> {
    let one = |name: &Value| {
        Some(match name.as_str()? {
            "null" => Kinds::NULL,
            "boolean" => Kinds::BOOL,
            "string" => Kinds::STRING,
            "array" => Kinds::ARRAY,
            "object" => Kinds::OBJECT,
            "integer" => Kinds::INTEGER,
            "number" => Kinds::NUMBER,
            _ => return None,
        })
    };
    match types {
        Value::Array(names) => names.iter().try_fold(Kinds::NONE, |all, name| Some(all.and(one(name)?))),
        name => one(name),
    }
}

fn lengths(left: &mut Map<String, Value>) -> Option<Option<Lengths>> {
    let (least, most) = (left.remove("minLength"), left.remove("maxLength"));
    if least.is_none() && most.is_none() {
        return Some(None);
    }
    Some(Some(Lengths { least: count(least.as_ref(), 0)?, most: count(most.as_ref(), usize::MAX)? }))
}

/// A bound of a length; a number beyond memory is the end of memory.
fn count(value: Option<&Value>, otherwise: usize) -> Option<usize> {
    match value {
        None => Some(otherwise),
        Some(value) => value.as_u64().map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
    }
}

/// Takes `enum` or `const` away when it is made of words.
fn words(left: &mut Map<String, Value>) -> Option<Words> {
    let list = match (left.get("enum"), left.get("const")) {
        (Some(Value::Array(values)), None) => Words::of(values)?,
        (None, Some(value)) => Words::of([value])?,
        _ => return None,
    };
    left.remove("enum");
    left.remove("const");
    Some(list)
}
