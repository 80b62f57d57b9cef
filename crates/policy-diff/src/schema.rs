//! Schemas before and after: whether more fits.
//!
//! Keyword by keyword: what a keyword says can be compared without knowing the values. A keyword that is not understood
//! here and differs counts as weaker.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::{Changes, Effect};

/// Where each more lets more through, and where it lets less.
const UPPER: [&str; 7] =
    ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains", "-"];
const LOWER: [&str; 6] =
    ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"];
/// Keywords that hold one schema.
const ONE: [&str; 6] =
    ["items", "contains", "propertyNames", "not", "unevaluatedItems", "unevaluatedProperties"];
/// Keywords that only say something to people, or that are read with others.
const SILENT: [&str; 8] = [
    "$ref",
    "$comment",
    "$id",
    "$anchor",
    "discriminator",
    "contentMediaType",
    "contentEncoding",
    "nullable",
];
/// Schemas within each other.
const DEEP: usize = 64;

/// Both sides' definitions, and pairs that were compared.
pub(crate) struct Comparison<'j> {
    pub(crate) old: &'j Json,
    pub(crate) new: &'j Json,
    pub(crate) seen: BTreeSet<(String, String)>,
}

fn say(out: &mut Changes<'_>, effect: Effect, at: &str, what: String) {
    out.add(effect, if at.is_empty() { what } else { format!("{at}: {what}") });
}

impl Comparison<'_> {
    /// Compares two schemas at a place.
    pub(crate) fn compare(&mut self, old: &Json, new: &Json, at: &str, out: &mut Changes<'_>) {
        self.below(old, new, at, 0, out);
    }

    fn below(&mut self, old: &Json, new: &Json, at: &str, depth: usize, out: &mut Changes<'_>) {
        if depth > DEEP {
            return;
        }
        let name = |schema: &Json| schema["$ref"].as_str().map(str::to_owned);
        let (from, to) = (name(old), name(new));
        if let (Some(from), Some(to)) = (&from, &to) {
            if !self.seen.insert((from.clone(), to.clone())) {
                return;
            }
            // What many operations share is told of the schema, once.
            let short = to.rsplit('/').next().unwrap_or(to).to_owned();
            let (before, after) = (definition(self.old, from), definition(self.new, to));
            self.keywords(&before, &after, &short, depth, out);
            return self.siblings(old, new, at, depth, out);
        }
        let before = from.map_or_else(|| old.clone(), |name| definition(self.old, &name));
        let after = to.map_or_else(|| new.clone(), |name| definition(self.new, &name));
        if before != after {
            self.keywords(&before, &after, at, depth, out);
        }
    }

    /// What stands beside a reference.
    fn siblings(&mut self, old: &Json, new: &Json, at: &str, depth: usize, out: &mut Changes<'_>) {
        if old.as_object().map(serde_json::Map::len) != Some(1)
            || new.as_object().map(serde_json::Map::len) != Some(1)
        {
            self.keywords(old, new, at, depth, out);
        }
    }

    fn keywords(&mut self, old: &Json, new: &Json, at: &str, depth: usize, out: &mut Changes<'_>) {
        let (Json::Object(before), Json::Object(after)) = (old, new) else {
            return booleans(old, new, at, out);
        };
        types(old, new, at, out);
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let (was, is) = (before.get(key), after.get(key));
            if was == is && !holds_schemas(key) {
                continue;
            }
            let place = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            match key.as_str() {
                "type" => {}
                key if SILENT.contains(&key) => {}
                key if UPPER.contains(&key) => bound(key, was, is, true, at, out),
                key if LOWER.contains(&key) => bound(key, was, is, false, at, out),
                "enum" | "const" => words(key, was, is, at, out),
                "required" => required(was, is, at, out),
                "readOnly" | "writeOnly" | "uniqueItems" => flag(key, is == Some(&Json::Bool(true)), at, out),
                "properties" => self.properties((old, new), was, is, (at, depth), out),
                "additionalProperties" => self.additional(was, is, (at, depth), out),
                "allOf" | "prefixItems" => self.parts(was, is, &place, depth, out),
                "anyOf" | "oneOf" => self.branches(was, is, &place, depth, out),
                key if ONE.contains(&key) && was.is_some() && is.is_some() => {
                    if let (Some(was), Some(is)) = (was, is) {
                        self.below(was, is, &place, depth + 1, out);
                    }
                }
                _ => other(key, was, is, at, out),
            }
        }
    }

    fn properties(
        &mut self,
        (old, new): (&Json, &Json),
        was: Option<&Json>,
        is: Option<&Json>,
        (at, depth): (&str, usize),
        out: &mut Changes<'_>,
    ) {
        let nothing = serde_json::Map::new();
        let of = |value: Option<&Json>| {
            value.and_then(Json::as_object).cloned().unwrap_or_else(|| nothing.clone())
        };
        let (before, after) = (of(was), of(is));
        for (name, schema) in &after {
            match before.get(name) {
                Some(known) => self.below(known, schema, &joined(at, name), depth + 1, out),
                None => say(out, Effect::Neutral, at, format!("has a property more: `{name}`")),
            }
        }
        let closed = |schema: &Json| schema["additionalProperties"] == Json::Bool(false);
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            let effect = if closed(old) && closed(new) { Effect::Stricter } else { Effect::Weaker };
            say(out, effect, at, format!("has a property less: `{name}`"));
        }
    }

    fn additional(
        &mut self,
        was: Option<&Json>,
        is: Option<&Json>,
        (at, depth): (&str, usize),
        out: &mut Changes<'_>,
    ) {
        let (open, shut) = (Json::Bool(true), Json::Bool(false));
        let (was, is) = (was.unwrap_or(&open), is.unwrap_or(&open));
        if was == is {
            return;
        }
        if *is == shut {
            say(out, Effect::Stricter, at, String::from("takes no property that is not declared any more"));
        } else if *was == shut {
            say(out, Effect::Weaker, at, String::from("takes properties that are not declared"));
        } else {
            self.below(was, is, &joined(at, "additionalProperties"), depth + 1, out);
        }
    }

    /// Parts that hold all at once.
    fn parts(
        &mut self,
        was: Option<&Json>,
        is: Option<&Json>,
        at: &str,
        depth: usize,
        out: &mut Changes<'_>,
    ) {
        let of = |value: Option<&Json>| value.and_then(Json::as_array).cloned().unwrap_or_default();
        let (before, after) = (of(was), of(is));
        for (was, is) in before.iter().zip(&after) {
            self.below(was, is, at, depth + 1, out);
        }
        match before.len().cmp(&after.len()) {
            std::cmp::Ordering::Greater => say(out, Effect::Weaker, at, String::from("has a part less")),
            std::cmp::Ordering::Less => say(out, Effect::Stricter, at, String::from("has a part more")),
            std::cmp::Ordering::Equal => {}
        }
    }

    /// Parts of which one has to hold.
    fn branches(
        &mut self,
        was: Option<&Json>,
        is: Option<&Json>,
        at: &str,
        depth: usize,
        out: &mut Changes<'_>,
    ) {
        let of = |value: Option<&Json>| value.and_then(Json::as_array).cloned().unwrap_or_default();
        let (before, after) = (of(was), of(is));
        match (was, is) {
            (Some(_), None) => return say(out, Effect::Weaker, at, String::from("is gone")),
            (None, Some(_)) => return say(out, Effect::Stricter, at, String::from("is new")),
            _ => {}
        }
        for (was, is) in before.iter().zip(&after) {
            self.below(was, is, at, depth + 1, out);
        }
        match before.len().cmp(&after.len()) {
            std::cmp::Ordering::Greater => say(out, Effect::Stricter, at, String::from("has a branch less")),
            std::cmp::Ordering::Less => say(out, Effect::Weaker, at, String::from("has a branch more")),
            std::cmp::Ordering::Equal => {}
        }
    }
}

fn definition(all: &Json, name: &str) -> Json {
    all.get(name).cloned().unwrap_or(Json::Bool(true))
}

fn joined(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Whether a keyword holds schemas, which may refer to others that differ.
fn holds_schemas(key: &str) -> bool {
    ONE.contains(&key)
        || ["properties", "additionalProperties", "allOf", "prefixItems", "anyOf", "oneOf"].contains(&key)
}

fn booleans(old: &Json, new: &Json, at: &str, out: &mut Changes<'_>) {
    let open = |schema: &Json| {
        *schema == Json::Bool(true)
            || schema.is_null()
            || schema.as_object().is_some_and(serde_json::Map::is_empty)
    };
    match (open(old), open(new)) {
        (false, true) => say(out, Effect::Weaker, at, String::from("is held to nothing any more")),
        (true, false) => say(out, Effect::Stricter, at, String::from("is held to a schema")),
        (false, false) if old != new => {
            say(
                out,
                Effect::Weaker,
                at,
                String::from("is another schema (which way that goes is not known)"),
            );
        }
        _ => {}
    }
}

fn types(old: &Json, new: &Json, at: &str, out: &mut Changes<'_>) {
    let of = |schema: &Json| -> BTreeSet<String> {
        let mut all: BTreeSet<String> = match &schema["type"] {
            Json::String(one) => BTreeSet::from([one.clone()]),
            Json::Array(several) => several.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            _ => BTreeSet::new(),
        };
        if schema["nullable"] == Json::Bool(true) && !all.is_empty() {
            all.insert(String::from("null"));
        }
        if all.contains("number") {
            all.insert(String::from("integer"));
        }
        all
    };
    let (before, after) = (of(old), of(new));
    if before == after {
        return;
    }
    let listed = |all: &BTreeSet<String>| {
        if all.is_empty() {
            String::from("any")
        } else {
            all.iter().cloned().collect::<Vec<_>>().join(" or ")
        }
    };
    let narrower = !after.is_empty() && (before.is_empty() || after.is_subset(&before));
    let effect = if narrower { Effect::Stricter } else { Effect::Weaker };
    say(out, effect, at, format!("type {} → {}", listed(&before), listed(&after)));
}

fn shown(value: Option<&Json>) -> String {
    value.map_or_else(
        || String::from("nothing"),
        |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    )
}

fn bound(key: &str, was: Option<&Json>, is: Option<&Json>, upper: bool, at: &str, out: &mut Changes<'_>) {
    let number = |value: Option<&Json>| value.and_then(Json::as_f64);
    let effect = match (number(was), number(is)) {
        (Some(was), Some(is)) if (is > was) == upper => Effect::Weaker,
        (Some(_), Some(_)) => Effect::Stricter,
        // OpenAPI 3.0 has booleans here.
        _ if is == Some(&Json::Bool(true)) => Effect::Stricter,
        (None, Some(_)) => Effect::Stricter,
        _ => Effect::Weaker,
    };
    say(out, effect, at, format!("{key} {} → {}", shown(was), shown(is)));
}

fn words(key: &str, was: Option<&Json>, is: Option<&Json>, at: &str, out: &mut Changes<'_>) {
    let of = |value: Option<&Json>| -> Option<BTreeSet<String>> {
        match value? {
            Json::Array(all) if key == "enum" => Some(all.iter().map(Json::to_string).collect()),
            one => Some(BTreeSet::from([one.to_string()])),
        }
    };
    let effect = match (of(was), of(is)) {
        (None, Some(_)) => Effect::Stricter,
        (Some(before), Some(after)) if after.is_subset(&before) => Effect::Stricter,
        _ => Effect::Weaker,
    };
    say(out, effect, at, format!("{key} {} → {}", shown(was), shown(is)));
}

fn required(was: Option<&Json>, is: Option<&Json>, at: &str, out: &mut Changes<'_>) {
    let of = |value: Option<&Json>| -> BTreeSet<String> {
        value
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect()
    };
    let (before, after) = (of(was), of(is));
    for name in before.difference(&after) {
        say(out, Effect::Weaker, at, format!("`{name}` need not be there any more"));
    }
    for name in after.difference(&before) {
        say(out, Effect::Stricter, at, format!("`{name}` must be there now"));
    }
}

fn flag(key: &str, is: bool, at: &str, out: &mut Changes<'_>) {
    let (effect, what) = if is { (Effect::Stricter, "is new") } else { (Effect::Weaker, "is gone") };
    say(out, effect, at, format!("{key} {what}"));
}

fn other(key: &str, was: Option<&Json>, is: Option<&Json>, at: &str, out: &mut Changes<'_>) {
    let known = ["pattern", "format", "multipleOf"].contains(&key);
    let effect = if was.is_none() { Effect::Stricter } else { Effect::Weaker };
    let unsure =
        if was.is_some() && is.is_some() && !known { " (which way that goes is not known)" } else { "" };
    say(out, effect, at, format!("{key} {} → {}{unsure}", shown(was), shown(is)));
}
