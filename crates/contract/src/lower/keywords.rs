//! One schema object, keyword by keyword.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::{Context, Lowering, Side, composition, numbers};
use crate::documents::Spot;
use crate::schemas::FORBIDDEN;

/// Keywords that say something to people only, or that another keyword reads.
const ANNOTATIONS: &[&str] = &[
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "xml",
    "externalDocs",
    "nullable",
    "definitions",
    "collectionFormat",
    "id",
    "summary",
];

const KNOWN: &[&str] = &[
    "type",
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "required",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "items",
    "prefixItems",
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "enum",
    "const",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "discriminator",
    "nullable",
];

/// What is said of every `$dynamicRef`.
pub(super) const DYNAMIC: &str = "`$dynamicRef` is followed as a plain `$ref`";

pub(super) fn is_annotation(key: &str) -> bool {
    key.starts_with("x-") || ANNOTATIONS.contains(&key)
}

impl Lowering<'_> {
    pub(super) fn object(&mut self, spot: &Spot, map: &Map<String, Value>, context: &Context) -> Value {
        let composed = composition::is_composed(map);
        let whole = (composed && !context.part).then(|| self.whole(spot, context.side));
        let own = if composed { None } else { Some(self.whole(spot, context.side)) };
        let overlap = whole.as_ref().and_then(composition::Whole::overlap);
        let close = context.close && overlap.is_none();
        if let Some(name) = overlap.filter(|_| context.close && self.must_close) {
            let what = format!(
                "two parts of the composition describe `{name}`, so that undeclared properties below it are not found"
            );
            self.issue(spot, what);
        }
        let mut exempt = context.exempt.clone();
        if let Some(seen) = whole.as_ref().or(own.as_ref())
            && seen.flagged.iter().any(|name| !exempt.contains(name))
        {
            exempt = Rc::new(exempt.iter().chain(&seen.flagged).cloned().collect());
        }
        let child =
            Context { side: context.side, close, part: false, inherited: false, exempt: Rc::default() };
        let part = Context { part: true, exempt: exempt.clone(), ..child };
        let mut views = Views { child, part, exempt, reach: !context.inherited };
        let mut out = Map::new();
        let selected = self.discriminator(spot, map, &views, &mut out);
        views.reach = selected;
        for (key, value) in map {
            self.keyword(spot, key, value, &views, &mut out);
        }
        numbers::exclusive(map, &mut out);
        self.format(spot, map, &mut out);
        self.content(spot, map, &mut out);
        if context.close && !context.part && !map.contains_key("additionalProperties") {
            let named = whole.as_ref().or(own.as_ref()).is_some_and(|whole| whole.names_some);
            if named && !map.contains_key("unevaluatedProperties") {
                let keyword = if composed { "unevaluatedProperties" } else { "additionalProperties" };
                out.insert(keyword.to_owned(), Value::Bool(false));
            }
        }
        self.nullable(map, composed, out)
    }

    fn keyword(
        &mut self,
        spot: &Spot,
        key: &str,
        value: &Value,
        views: &Views,
        out: &mut Map<String, Value>,
    ) {
        if is_annotation(key) {
            return;
        }
        let at = spot.join(key);
        let lowered = match key {
            "$ref" | "$dynamicRef" => self.sibling_reference(spot, key, value, views, out),
            "$schema" => {
                self.dialect(&at, value);
                None
            }
            "$id" | "$anchor" | "$dynamicAnchor" | "$defs" | "$comment" | "$vocabulary" => None,
            "type" => self.types(&at, value),
            "properties" => self.properties(&at, value, views),
            "patternProperties" => self.pattern_properties(&at, value, views),
            "dependentSchemas" => self.schema_map(&at, value, &views.part),
            "additionalProperties"
            | "unevaluatedProperties"
            | "propertyNames"
            | "unevaluatedItems"
            | "contains" => Some(self.lower(&at, &views.child)),
            "items" => self.items(&at, value, views, out),
            "prefixItems" => self.schema_list(&at, value, &views.child),
            // Closing what must not match would open it.
            "not" => Some(self.lower(&at, &Context { close: false, ..views.part.clone() })),
            "if" => Some(self.lower(&at, &Context { close: false, ..views.part.clone() })),
            "then" | "else" => Some(self.lower(&at, &views.part)),
            "oneOf" | "anyOf" if views.reach => None,
            "oneOf" | "anyOf" => self.schema_list(&at, value, &views.part),
            "allOf" => self.all_of(&at, value, views, out),
            "discriminator" => None,
            "required" => self.required(&at, value, views),
            "enum" => self.checked(&at, value, value.is_array(), "a list of values"),
            "const" => Some(value.clone()),
            "pattern" => self.pattern(&at, value),
            "format" | "contentEncoding" | "contentMediaType" | "contentSchema" => None,
            "uniqueItems" => self.checked(&at, value, value.is_boolean(), "true or false"),
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => None,
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
                self.checked(&at, value, value.is_number(), "a number")
            }
            "multipleOf" => self.checked(
                &at,
                value,
                value.as_f64().is_some_and(|number| number > 0.0),
                "a number above 0",
            ),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
            | "minContains" | "maxContains" => self.count(&at, value),
            "dependentRequired" => self.checked(&at, value, value.is_object(), "an object of lists"),
            _ => {
                self.unknown(&at, key);
                None
            }
        };
        if let Some(lowered) = lowered {
            out.insert(key.to_owned(), lowered);
        }
    }

    /// Schemas of older dialects mean other things by some of the same keywords.
    fn dialect(&mut self, at: &Spot, value: &Value) {
        let known = value.as_str().is_some_and(is_known_dialect);
        if !known {
            self.issue(at, format!("the dialect {} is read as JSON Schema 2020-12", short(value)));
        }
    }

    fn unknown(&mut self, at: &Spot, key: &str) {
        let hint = diagnostics::nearest(key, KNOWN.iter().copied())
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        self.issue(at, format!("`{key}` is not a schema keyword{hint}"));
    }

    fn checked(&mut self, at: &Spot, value: &Value, fits: bool, expected: &str) -> Option<Value> {
        if fits {
            return Some(value.clone());
        }
        self.issue(at, format!("the value must be {expected}"));
        None
    }

    fn count(&mut self, at: &Spot, value: &Value) -> Option<Value> {
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

    fn sibling_reference(
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

    fn types(&mut self, at: &Spot, value: &Value) -> Option<Value> {
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

    fn properties(&mut self, at: &Spot, value: &Value, views: &Views) -> Option<Value> {
        let Some(map) = value.as_object() else {
            self.issue(at, "the value must be an object of schemas");
            return None;
        };
        let mut out = Map::new();
        for name in map.keys() {
            let property = at.join(name);
            let lowered = if self.is_flagged(&property, views.child.side) {
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

    fn pattern_properties(&mut self, at: &Spot, value: &Value, views: &Views) -> Option<Value> {
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

    fn schema_map(&mut self, at: &Spot, value: &Value, view: &Context) -> Option<Value> {
        let map = value.as_object()?;
        Some(Value::Object(map.keys().map(|name| (name.clone(), self.lower(&at.join(name), view))).collect()))
    }

    fn schema_list(&mut self, at: &Spot, value: &Value, view: &Context) -> Option<Value> {
        let count = value.as_array().map_or(0, Vec::len);
        if count == 0 {
            self.issue(at, "the value must be a list of schemas");
            return None;
        }
        Some((0..count).map(|index| self.lower(&at.join(&index.to_string()), view)).collect())
    }

    fn all_of(
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

    fn items(
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

    fn required(&mut self, at: &Spot, value: &Value, views: &Views) -> Option<Value> {
        let Some(names) = value.as_array().filter(|names| names.iter().all(Value::is_string)) else {
            self.issue(at, "the value must be a list of property names");
            return None;
        };
        let kept: BTreeSet<&str> =
            names.iter().filter_map(Value::as_str).filter(|name| !views.exempt.contains(*name)).collect();
        (!kept.is_empty()).then(|| json!(kept))
    }

    fn pattern(&mut self, at: &Spot, value: &Value) -> Option<Value> {
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

    /// 3.0's `nullable`, which later versions do not have; where a composition would refuse null on its own, null stands beside it.
    fn nullable(&self, map: &Map<String, Value>, composed: bool, mut out: Map<String, Value>) -> Value {
        if !self.old || map.get("nullable") != Some(&Value::Bool(true)) {
            return Value::Object(out);
        }
        if composed || !out.contains_key("type") || out.contains_key("const") {
            if out.is_empty() {
                return Value::Object(out);
            }
            return json!({ "anyOf": [out, { "type": "null" }] });
        }
        if let Some(Value::Array(values)) = out.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
        let mut types = match out.remove("type") {
            Some(Value::Array(types)) => types,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        if !types.contains(&json!("null")) {
            types.push(json!("null"));
        }
        out.insert(String::from("type"), Value::Array(types));
        Value::Object(out)
    }
}

/// How the places below one schema are seen.
pub(super) struct Views {
    /// Of another value: a property, an item.
    pub(super) child: Context,
    /// Of the same value.
    pub(super) part: Context,
    /// Not required here.
    pub(super) exempt: Rc<BTreeSet<String>>,
    /// Before the discriminator: whether it may select. After: whether it stands for `oneOf` and `anyOf`.
    pub(super) reach: bool,
}

/// Adds one part to `allOf`.
pub(super) fn push_all_of(out: &mut Map<String, Value>, part: Value) {
    if let Value::Array(parts) = out.entry("allOf").or_insert_with(|| json!([])) {
        parts.push(part);
    }
}

/// JSON Schema 2020-12 and what OpenAPI 3.1 and 3.2 make of it.
pub(crate) fn is_known_dialect(uri: &str) -> bool {
    let uri = uri.trim_end_matches('#');
    uri == "https://json-schema.org/draft/2020-12/schema"
        || uri
            .strip_prefix("https://spec.openapis.org/oas/3.")
            .is_some_and(|rest| rest.contains("/dialect/") || rest.contains("/schema/"))
}

pub(super) fn short(value: &Value) -> String {
    let mut text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    crate::violation::cut(&mut text, 80);
    format!("`{text}`")
}
