//! One schema object, keyword by keyword.

use serde_json::{Map, Value, json};

use super::{Context, Lowering, composition, numbers};
use crate::documents::Spot;

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
        let whole = (composed && !context.part).then(|| self.whole(spot));
        let own = if composed { None } else { Some(self.whole(spot)) };
        let overlap = whole.as_ref().and_then(composition::Whole::overlap);
        let close = context.close && overlap.is_none();
        if let Some(name) = overlap.filter(|_| context.close && self.must_close) {
            let what = format!(
                "two parts of the composition describe `{name}`, so that undeclared properties below it are not found"
            );
            self.issue(spot, what);
        }
        let exempt = self.exempt(spot, context);
        let child = Context { close, asks: context.asks, ..Context::of(context.side) };
        let marks = if context.part { context.marks } else { context.close };
        let part = Context { part: true, marks, exempt, ..child };
        let mut views = Views { child, part, reach: !context.inherited };
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
            "dependentSchemas" => self.schema_map(&at, value, &views.part.alternative()),
            "additionalProperties"
            | "unevaluatedProperties"
            | "propertyNames"
            | "unevaluatedItems"
            | "contains" => Some(self.lower(&at, &views.child)),
            "items" => self.items(&at, value, views, out),
            "prefixItems" => self.schema_list(&at, value, &views.child),
            "not" => Some(self.lower(&at, &Context { marks: false, ..views.part.asking() })),
            "if" => Some(self.lower(&at, &views.part.asking())),
            "then" | "else" => Some(self.lower(&at, &views.part.alternative())),
            "oneOf" | "anyOf" if views.reach => None,
            "oneOf" | "anyOf" => self.choice(&at, value, views, out),
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
            "dependentRequired" => self.dependent_required(&at, value, views),
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
