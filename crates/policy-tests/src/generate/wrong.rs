//! Values that do not fit a schema, each for one reason.

use contract::raw::At;
use serde_json::{Value as Json, json};

use super::sample::{self, Extent, Way, Wish};

/// Most wrong values of one body.
const MOST: usize = 120;
/// Schemas within each other that are looked into.
const DEEP: usize = 5;
/// Longest text, and most items, that are sent to be one too many.
const LONG: u64 = 20_000;
/// A property, and a word, that no contract has.
pub(crate) const UNKNOWN: &str = "x-not-in-the-contract";

/// A value that is wrong, and why, in a few words.
#[derive(Debug, Clone)]
pub(crate) struct Wrong {
    pub(crate) why: String,
    pub(crate) value: Json,
}

/// The wrong values for one scalar or list, without looking into it.
pub(crate) fn here(schema: At<'_>, good: &Json) -> Vec<Wrong> {
    let Some(schema) = schema.resolve() else { return Vec::new() };
    let mut all: Vec<Wrong> = Vec::new();
    let mut add = |why: &str, value: Json| all.push(Wrong { why: why.to_owned(), value });
    if let Some(value) = other_type(schema, good) {
        add("of another type", value);
    }
    match good {
        Json::String(text) => strings(schema, text, &mut add),
        Json::Number(_) => numbers(schema, &mut add),
        Json::Array(items) => arrays(schema, items, &mut add),
        _ => {}
    }
    all
}

/// A value of a type that the schema does not name.
fn other_type(schema: At<'_>, good: &Json) -> Option<Json> {
    let types = sample::types(schema);
    let named = |kind: &str| types.contains(&kind);
    match good {
        Json::String(_) if !named("integer") && !named("number") => Some(json!(4711)),
        Json::String(_) if !named("object") => Some(json!({})),
        Json::Number(_) | Json::Bool(_) if !named("string") => Some(json!("no")),
        Json::Array(_) if !named("object") => Some(json!({})),
        Json::Object(_) if !named("string") => Some(json!("no")),
        _ => None,
    }
}

fn strings(schema: At<'_>, good: &str, add: &mut impl FnMut(&str, Json)) {
    let of = |key: &str| schema.value.get(key).and_then(Json::as_u64);
    if schema.value.get("enum").is_some() || schema.value.get("const").is_some() {
        return add("a word that is not listed", json!(UNKNOWN));
    }
    if schema.text("pattern").is_some() {
        add("not of the pattern", json!(format!("{good}\u{a7}")));
    }
    if let Some(format) = schema.text("format") {
        add(&format!("no {format}"), json!("!"));
    }
    let sized = |length: u64| {
        let length = usize::try_from(length).unwrap_or(0);
        let letters = good.chars().chain(std::iter::repeat('x'));
        json!(letters.take(length).collect::<String>())
    };
    if let Some(least) = of("minLength").filter(|least| *least > 0) {
        add("too short", sized(least - 1));
    }
    if let Some(most) = of("maxLength").filter(|most| *most < LONG) {
        add("too long", sized(most + 1));
    }
}

fn numbers(schema: At<'_>, add: &mut impl FnMut(&str, Json)) {
    let of = |key: &str| schema.value.get(key).and_then(Json::as_f64);
    let integer = sample::types(schema).contains(&"integer");
    let step = of("multipleOf").filter(|step| *step > 0.0).unwrap_or(1.0);
    let is_open = |key: &str| schema.value.get(key) == Some(&Json::Bool(true));
    if let Some(least) = of("minimum") {
        add(
            "too small",
            sample::whole(least - if is_open("exclusiveMinimum") { 0.0 } else { step }, integer),
        );
    }
    if let Some(least) = of("exclusiveMinimum") {
        add("too small", sample::whole(least, integer));
    }
    if let Some(most) = of("maximum") {
        add("too large", sample::whole(most + if is_open("exclusiveMaximum") { 0.0 } else { step }, integer));
    }
    if let Some(most) = of("exclusiveMaximum") {
        add("too large", sample::whole(most, integer));
    }
    if integer {
        add("with a fraction", json!(of("minimum").unwrap_or(1.0) + 0.5));
    } else if of("multipleOf").is_some() {
        add("no multiple", json!(of("minimum").unwrap_or(0.0) + step / 2.0));
    }
}

fn arrays(schema: At<'_>, good: &[Json], add: &mut impl FnMut(&str, Json)) {
    let of = |key: &str| schema.value.get(key).and_then(Json::as_u64);
    let Some(first) = good.first() else { return };
    let sized = |length: u64| Json::Array(vec![first.clone(); usize::try_from(length).unwrap_or(0)]);
    let unique = schema.value.get("uniqueItems") == Some(&Json::Bool(true));
    if let Some(least) = of("minItems").filter(|least| *least > 0) {
        add("too few items", sized(least - 1));
    }
    if let Some(most) = of("maxItems").filter(|most| *most < LONG / 10) {
        let different = |number: u64| match first {
            Json::String(text) if unique => json!(format!("{text}{number}")),
            Json::Number(from) if unique => {
                json!(from.as_i64().unwrap_or(0) + i64::try_from(number).unwrap_or(0))
            }
            other => other.clone(),
        };
        add("too many items", Json::Array((0..=most).map(different).collect()));
    }
    if unique {
        add("an item twice", sized(2));
    }
}

/// The wrong values of a whole body: one place is wrong in each.
pub(crate) fn anywhere(schema: At<'_>, good: &Json) -> Vec<Wrong> {
    let mut all = Vec::new();
    below(schema, good, "", DEEP, &mut |pointer, why, value| {
        if all.len() < MOST {
            let mut body = good.clone();
            put(&mut body, pointer, value);
            let at = if pointer.is_empty() { "the body" } else { pointer };
            all.push(Wrong { why: format!("{at} {why}"), value: body });
        }
    });
    all
}

type Found<'f> = &'f mut dyn FnMut(&str, &str, Option<Json>);

fn below(schema: At<'_>, good: &Json, at: &str, depth: usize, found: Found<'_>) {
    let Some(schema) = schema.resolve().filter(|_| depth > 0) else { return };
    for wrong in here(schema, good) {
        found(at, &wrong.why, Some(wrong.value));
    }
    for part in schema.get("allOf").map(At::items).unwrap_or_default() {
        below(part, good, at, depth - 1, found);
    }
    for key in ["oneOf", "anyOf"] {
        let branches = schema.get(key).map(At::items).unwrap_or_default();
        let is_null = |branch: &At<'_>| branch.resolve().is_some_and(|at| sample::types(at) == ["null"]);
        if let Some(branch) = branches.into_iter().find(|branch| !is_null(branch)) {
            below(branch, good, at, depth - 1, found);
        }
    }
    match good {
        Json::Object(members) => {
            let token = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            if schema.value.get("properties").is_some() {
                found(&token(UNKNOWN), "is not declared", Some(json!(1)));
            }
            for name in schema
                .get("required")
                .map(At::items)
                .unwrap_or_default()
                .iter()
                .filter_map(|at| at.value.as_str())
            {
                if members.contains_key(name) {
                    found(&token(name), "is missing", None);
                }
            }
            for (name, property) in schema.get("properties").into_iter().flat_map(At::members) {
                match members.get(name) {
                    Some(value) => below(property, value, &token(name), depth - 1, found),
                    None if sample::is_left_out(property, Way::Request) => {
                        let wish = Wish { extent: Extent::Least, way: Way::Response };
                        found(&token(name), "is for reading only", Some(sample::value(property, wish)));
                    }
                    None => {}
                }
            }
        }
        Json::Array(items) => {
            if let (Some(item), Some(first)) = (schema.get("items"), items.first()) {
                below(item, first, &format!("{at}/0"), depth - 1, found);
            }
        }
        _ => {}
    }
}

/// Puts a value at a pointer, or takes away what is there.
fn put(body: &mut Json, pointer: &str, value: Option<Json>) {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        *body = value.unwrap_or(Json::Null);
        return;
    };
    let last = last.replace("~1", "/").replace("~0", "~");
    match body.pointer_mut(parent) {
        Some(Json::Object(members)) => match value {
            Some(value) => drop(members.insert(last, value)),
            None => drop(members.remove(&last)),
        },
        Some(Json::Array(items)) => {
            if let (Some(slot), Some(value)) =
                (last.parse().ok().and_then(|at: usize| items.get_mut(at)), value)
            {
                *slot = value;
            }
        }
        _ => {}
    }
}

/// What is wrong with a candidate, without the place.
pub(super) fn kind(why: &str) -> String {
    const KINDS: [&str; 25] = [
        "is not declared",
        "is missing",
        "of another type",
        "too small",
        "too large",
        "too short",
        "too long",
        "not of the pattern",
        "a word that is not listed",
        "with a fraction",
        "no multiple",
        "too few items",
        "too many items",
        "an item twice",
        "is for reading only",
        "an injection into SQL",
        "a script",
        "a path to a file",
        "the scope",
        "the role",
        "is given twice",
        "a method that",
        "holds",
        "policy decision point",
        " no ",
    ];
    KINDS
        .iter()
        .find(|kind| why.contains(*kind))
        .map_or_else(|| why.to_owned(), |kind| kind.trim().to_owned())
}
