//! A value that fits a schema, made of what the schema itself says.
//!
//! What is made is a proposal: whoever uses it puts it to the gateway, which is the judge.

use contract::raw::At;
use serde_json::{Map, Value as Json, json};

use super::pattern::text_for;

/// Schemas within each other; what lies deeper is left out.
const DEEP: usize = 8;

/// How much of a value is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is required.
    Least,
    /// Every property, and an item in each list.
    All,
}

/// Which way it travels: readers write other properties than writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Request,
    Response,
}

/// What a value is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) extent: Extent,
    pub(crate) way: Way,
}

/// The types that a schema names; of OpenAPI 3.0 too.
pub(crate) fn types(schema: At<'_>) -> Vec<&str> {
    let mut types: Vec<&str> = match schema.value.get("type") {
        Some(Json::String(one)) => vec![one.as_str()],
        Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    if types.is_empty() {
        let implied = [
            ("properties", "object"),
            ("required", "object"),
            ("items", "array"),
            ("pattern", "string"),
            ("minimum", "number"),
        ];
        types.extend(implied.iter().find(|(key, _)| schema.value.get(*key).is_some()).map(|(_, kind)| *kind));
    }
    if schema.value.get("nullable") == Some(&Json::Bool(true)) {
        types.push("null");
    }
    types
}

/// Whether a property does not travel this way.
pub(crate) fn is_left_out(property: At<'_>, way: Way) -> bool {
    let key = match way {
        Way::Request => "readOnly",
        Way::Response => "writeOnly",
    };
    let says = |at: At<'_>| at.value.get(key) == Some(&Json::Bool(true));
    says(property) || property.resolve().is_some_and(says)
}

/// A value that should fit.
pub(crate) fn value(schema: At<'_>, wish: Wish) -> Json {
    made(schema, wish, 0).unwrap_or(Json::Null)
}

fn made(schema: At<'_>, wish: Wish, depth: usize) -> Option<Json> {
    if depth > DEEP {
        return None;
    }
    let schema = schema.resolve()?;
    let first = |key: &str| {
        schema.value.get(key).and_then(Json::as_array).and_then(|all| all.iter().find(|one| !one.is_null()))
    };
    if let Some(known) = schema.value.get("const").or_else(|| first("enum")) {
        return Some(known.clone());
    }
    if let Some(parts) = schema.get("allOf") {
        return all_of(schema, parts, wish, depth);
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(branches) = schema.get(key) {
            return one_of(schema, branches, wish, depth);
        }
    }
    let kinds = types(schema);
    match *kinds.iter().find(|kind| **kind != "null").unwrap_or(&"object") {
        "object" => Some(Json::Object(object(schema, wish, depth))),
        "array" => Some(array(schema, wish, depth)),
        "integer" => Some(number(schema, true)),
        "number" => Some(number(schema, false)),
        "boolean" => Some(Json::Bool(true)),
        _ => Some(Json::String(text(schema))),
    }
}

fn all_of(schema: At<'_>, parts: At<'_>, wish: Wish, depth: usize) -> Option<Json> {
    let mut whole = object(schema, wish, depth);
    let mut other = None;
    for part in parts.items() {
        match made(part, wish, depth + 1)? {
            Json::Object(members) => whole.extend(members),
            value => other = Some(value),
        }
    }
    Some(if whole.is_empty() { other.unwrap_or(Json::Object(whole)) } else { Json::Object(whole) })
}

fn one_of(schema: At<'_>, branches: At<'_>, wish: Wish, depth: usize) -> Option<Json> {
    let mut branches = branches.items().into_iter();
    let is_null = |branch: &At<'_>| branch.resolve().is_some_and(|at| types(at) == ["null"]);
    let branch = branches.find(|branch| !is_null(branch))?;
    let mut value = made(branch, wish, depth + 1)?;
    if let (Some(discriminator), Json::Object(members)) = (schema.get("discriminator"), &mut value) {
        let property = discriminator.text("propertyName")?;
        let target = branch.text("$ref").unwrap_or_default();
        let mapping = discriminator.get("mapping").into_iter().flat_map(At::members);
        let mut named = mapping.filter(|(_, at)| at.value.as_str() == Some(target)).map(|(name, _)| name);
        let name = named.next().or_else(|| target.rsplit('/').next()).unwrap_or_default();
        if !name.is_empty() {
            members.insert(property.to_owned(), json!(name));
        }
    }
    if let Json::Object(members) = &mut value {
        members.extend(object(schema, wish, depth));
    }
    Some(value)
}

fn object(schema: At<'_>, wish: Wish, depth: usize) -> Map<String, Json> {
    let required: Vec<&str> = schema
        .get("required")
        .map(At::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|at| at.value.as_str())
        .collect();
    let least = schema.value.get("minProperties").and_then(Json::as_u64).unwrap_or(0);
    let mut members = Map::new();
    for (name, property) in schema.get("properties").into_iter().flat_map(At::members) {
        let missing = (members.len() as u64) < least;
        if (wish.extent == Extent::Least && !required.contains(&name) && !missing)
            || is_left_out(property, wish.way)
        {
            continue;
        }
        members.extend(made(property, wish, depth + 1).map(|value| (name.to_owned(), value)));
    }
    members
}

fn array(schema: At<'_>, wish: Wish, depth: usize) -> Json {
    let least = schema.value.get("minItems").and_then(Json::as_u64).unwrap_or(0);
    let most = schema.value.get("maxItems").and_then(Json::as_u64).unwrap_or(u64::MAX);
    let count = if wish.extent == Extent::All { least.max(1).min(most) } else { least };
    let item = schema.get("items").and_then(|items| made(items, wish, depth + 1));
    let unique = schema.value.get("uniqueItems") == Some(&Json::Bool(true));
    let each = |number: u64| match (&item, unique && number > 0) {
        (Some(Json::String(text)), true) => json!(format!("{text}{number}")),
        (Some(Json::Number(first)), true) => {
            json!(first.as_i64().unwrap_or(0) + i64::try_from(number).unwrap_or(0))
        }
        (Some(item), _) => item.clone(),
        (None, _) => Json::Null,
    };
    Json::Array((0..count.min(100)).filter(|_| item.is_some()).map(each).collect())
}

/// The least number that a schema allows, as a multiple of what it wants.
fn number(schema: At<'_>, integer: bool) -> Json {
    let of = |key: &str| schema.value.get(key).and_then(Json::as_f64);
    let open = schema.value.get("exclusiveMinimum") == Some(&Json::Bool(true));
    let step = of("multipleOf").filter(|step| *step > 0.0).unwrap_or(1.0);
    let least = match (of("minimum"), of("exclusiveMinimum")) {
        (Some(least), _) if open => least + step,
        (Some(least), None) => least,
        (least, Some(above)) => (above + step).max(least.unwrap_or(f64::MIN)),
        (None, None) => of("maximum").map_or(1.0, |most| most.min(1.0)),
    };
    let number = (least / step).ceil() * step;
    whole(number, integer)
}

/// A number without a fraction where it has none.
#[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number within the range")]
pub(crate) fn whole(number: f64, integer: bool) -> Json {
    if (integer || number.fract() == 0.0) && number.abs() < 9e15 {
        json!(number as i64)
    } else {
        json!(number)
    }
}

/// A text of a format that is known (JSON Schema validation section 7.3, OpenAPI).
fn formatted(format: &str) -> Option<&'static str> {
    Some(match format {
        "date-time" => "2026-01-01T00:00:00Z",
        "date" => "2026-01-01",
        "time" => "00:00:00Z",
        "duration" => "P1D",
        "email" | "idn-email" => "someone@example.com",
        "hostname" | "idn-hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" | "iri" | "url" => "https://example.com/",
        "uri-reference" | "iri-reference" | "json-pointer" => "/a",
        "uri-template" => "/{a}",
        "uuid" => "00000000-0000-4000-8000-000000000001",
        "byte" => "eHg=",
        "regex" => "^a$",
        _ => return None,
    })
}

fn text(schema: At<'_>) -> String {
    let of = |key: &str| {
        schema.value.get(key).and_then(Json::as_u64).and_then(|count| usize::try_from(count).ok())
    };
    let made = schema.text("pattern").and_then(text_for);
    let made = made.or_else(|| schema.text("format").and_then(formatted).map(str::to_owned));
    let mut text = made.unwrap_or_else(|| String::from("text"));
    let (least, most) = (of("minLength").unwrap_or(0).min(4_096), of("maxLength").unwrap_or(usize::MAX));
    while text.chars().count() < least {
        text.push('x');
    }
    if text.chars().count() > most && schema.text("pattern").is_none() {
        text = text.chars().take(most).collect();
    }
    text
}
