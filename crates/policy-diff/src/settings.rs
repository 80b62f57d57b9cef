//! Settings that are trees of keys, before and after.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use crate::rules::{self, Kind, RANKS};
use crate::{Changes, Effect};

/// Lists whose entries are limits.
const LIMITS: &str = "limits";

/// A tree with its leaves by their paths in dots; lists are leaves.
fn flat(value: &Json) -> BTreeMap<String, &Json> {
    let mut all = BTreeMap::new();
    let mut open = vec![(String::new(), value)];
    while let Some((path, value)) = open.pop() {
        match value {
            Json::Object(members) => {
                let join = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                open.extend(members.iter().map(|(key, value)| (join(key), value)));
            }
            Json::Null => {}
            // What asks nothing of a claim takes back what a preset asks of it.
            Json::Array(items) if items.is_empty() && path.starts_with("require_claims.") => {}
            _ => drop(all.insert(path, value)),
        }
    }
    all
}

fn shown(value: Option<&Json>) -> String {
    match value {
        None => String::from("nothing"),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// One word for all, where the other side has a word for each.
fn spread<'j>(one: &mut BTreeMap<String, &'j Json>, other: &BTreeMap<String, &'j Json>) {
    let words: Vec<(String, &'j Json)> = one
        .iter()
        .filter(|(_, value)| value.is_string())
        .map(|(path, value)| (path.clone(), *value))
        .collect();
    for (path, word) in words {
        let start = format!("{path}.");
        let below: Vec<String> = other.keys().filter(|known| known.starts_with(&start)).cloned().collect();
        if !below.is_empty() {
            one.remove(&path);
            one.extend(below.into_iter().map(|path| (path, word)));
        }
    }
}

/// A section with the mode of each rule that has one of its own on the other side: without it a rule does as its section says.
fn with_modes(section: &str, one: &Json, other: &Json) -> Json {
    let mut one = one.clone();
    if section == "inspection" {
        in_force(&mut one, other);
    }
    let groups: &[&str] = match section {
        "objects" => &["bindings"],
        "views" => &["answers", "requests"],
        _ => &[],
    };
    let of_section = one.get("mode").cloned().unwrap_or_else(|| Json::from("enforce"));
    for group in groups {
        let rules = one.get_mut(*group).and_then(Json::as_object_mut);
        for (name, rule) in rules.into_iter().flatten() {
            let named = other.get(*group).and_then(|rules| rules.get(name));
            let said = named.is_some_and(|rule| rule.get("mode").is_some_and(|mode| !mode.is_null()));
            if let Some(rule) = rule.as_object_mut().filter(|rule| said && !rule.contains_key("mode")) {
                rule.insert(String::from("mode"), of_section.clone());
            }
        }
    }
    one
}

/// Rules that have a mode of their own on the other side only, as they are without one: in force.
fn in_force(one: &mut Json, other: &Json) {
    let (Some(one), Some(modes)) = (one.as_object_mut(), other.get("modes").and_then(Json::as_object)) else {
        return;
    };
    let own = one.entry("modes").or_insert(Json::Null);
    if own.is_null() {
        *own = Json::Object(Map::new());
    }
    for (name, rules) in modes {
        let mut rules = rules.clone();
        if let Some(rules) = rules.as_object_mut() {
            rules.insert(String::from("mode"), Json::from("enforce"));
        }
        if let Some(own) = own.as_object_mut() {
            own.entry(name.clone()).or_insert(rules);
        }
    }
}

/// Compares two trees; `prefix` is put before each key.
pub(crate) fn compare(prefix: &str, old: &Json, new: &Json, out: &mut Changes<'_>) {
    if prefix == LIMITS {
        return limits(old, new, out);
    }
    let (was, is) = (with_modes(prefix, old, new), with_modes(prefix, new, old));
    let (mut before, mut after) = (flat(&was), flat(&is));
    spread(&mut before, &after);
    spread(&mut after, &before);
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let (old, new) = (before.get(path).copied(), after.get(path).copied());
        if old == new {
            continue;
        }
        let whole = match (prefix.is_empty(), path.is_empty()) {
            (true, _) => path.clone(),
            (false, true) => prefix.to_owned(),
            (false, false) => format!("{prefix}.{path}"),
        };
        one(&whole, old, new, out);
    }
}

fn one(path: &str, old: Option<&Json>, new: Option<&Json>, out: &mut Changes<'_>) {
    let text = |value: Option<&Json>| value.map_or_else(|| String::from("-"), |value| shown(Some(value)));
    let (before, after) = (text(old), text(new));
    let said = format!("{path}: {} → {}", shown(old), shown(new));
    for rank in RANKS {
        let place = |word: &str| rank.iter().position(|known| *known == word);
        if let (Some(was), Some(is)) = (place(&before), place(&after)) {
            return out.add(if is > was { Effect::Weaker } else { Effect::Stricter }, said);
        }
    }
    // A word in the place of a word for each is the same word for all.
    let kind = rules::kind(path);
    match kind {
        Kind::Grants | Kind::GrantsOrAll | Kind::Believes | Kind::Demands => {
            return set(path, (old, new), kind, out);
        }
        Kind::Neutral => return out.add(Effect::Neutral, said),
        _ => {}
    }
    let figures = (rules::figure(&before), rules::figure(&after));
    let effect = match (kind, figures) {
        (Kind::MoreIsWeaker, (Some(was), Some(is))) => {
            if is > was {
                Effect::Weaker
            } else {
                Effect::Stricter
            }
        }
        (Kind::MoreIsStricter, (Some(was), Some(is))) => {
            if is > was {
                Effect::Stricter
            } else {
                Effect::Weaker
            }
        }
        (Kind::MoreIsWeaker | Kind::MoreIsStricter, _) if old.is_none() => Effect::Stricter,
        (Kind::TrueIsWeaker, _) => {
            if after == "true" {
                Effect::Weaker
            } else {
                Effect::Stricter
            }
        }
        (Kind::TrueIsStricter, _) => {
            if after == "true" {
                Effect::Stricter
            } else {
                Effect::Weaker
            }
        }
        _ => Effect::Weaker,
    };
    let unknown = kind == Kind::Unknown;
    out.add(effect, if unknown { format!("{said} (which way that goes is not known)") } else { said });
}

fn entries(value: Option<&Json>) -> BTreeSet<String> {
    match value {
        Some(Json::Array(items)) => items.iter().map(|item| shown(Some(item))).collect(),
        Some(other) => BTreeSet::from([shown(Some(other))]),
        None => BTreeSet::new(),
    }
}

fn set(path: &str, (old, new): (Option<&Json>, Option<&Json>), kind: Kind, out: &mut Changes<'_>) {
    if kind == Kind::GrantsOrAll && (old.is_none() || new.is_none()) {
        let effect = if new.is_none() { Effect::Weaker } else { Effect::Stricter };
        let all =
            |value: Option<&Json>| value.map_or_else(|| String::from("all"), |value| shown(Some(value)));
        return out.add(effect, format!("{path}: {} → {}", all(old), all(new)));
    }
    if kind == Kind::Believes && (old.is_none() || new.is_none()) {
        return out.add(believes(&entries(new)), format!("{path}: {} → {}", shown(old), shown(new)));
    }
    let (before, after) = (entries(old), entries(new));
    let more = if kind == Kind::Demands { Effect::Stricter } else { Effect::Weaker };
    let less = if kind == Kind::Demands { Effect::Weaker } else { Effect::Stricter };
    for entry in after.difference(&before) {
        out.add(more, format!("{path}: `{entry}` is new"));
    }
    for entry in before.difference(&after) {
        out.add(less, format!("{path}: `{entry}` is gone"));
    }
}

/// What it means to name issuers where none were, or no more: one by name is at most the one that there was.
fn believes(named: &BTreeSet<String>) -> Effect {
    let one = named.len() == 1 && !named.contains("any") && !named.contains("applications");
    if one { Effect::Stricter } else { Effect::Weaker }
}

/// What makes two limits the same limit.
fn limit_key(limit: &Json) -> String {
    let kind =
        ["rate", "quota", "concurrency"].into_iter().find(|kind| !limit[*kind].is_null()).unwrap_or("limit");
    let name = limit["name"].as_str().map(|name| format!(" `{name}`")).unwrap_or_default();
    // A quota of a day and one of a month are two limits.
    let window = limit[kind].as_str().filter(|_| kind == "quota").and_then(|text| text.split_once('/'));
    let window = window.map(|(_, window)| format!(" of a {window}")).unwrap_or_default();
    format!("{kind}{window} per {}{name}", limit["per"].as_str().unwrap_or("subject"))
}

fn limits(old: &Json, new: &Json, out: &mut Changes<'_>) {
    let index = |value: &Json| {
        let mut all: BTreeMap<String, Json> = BTreeMap::new();
        for limit in value.as_array().into_iter().flatten() {
            let (key, mut number) = (limit_key(limit), 2);
            let mut unique = key.clone();
            while all.contains_key(&unique) {
                unique = format!("{key} ({number})");
                number += 1;
            }
            all.insert(unique, limit.clone());
        }
        all
    };
    let (before, after) = (index(old), index(new));
    for (key, limit) in &after {
        match before.get(key) {
            None => out.add(Effect::Stricter, format!("has a limit more: {key} ({})", amount(limit))),
            Some(known) if known != limit => changed(key, known, limit, out),
            Some(_) => {}
        }
    }
    for (key, limit) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        out.add(Effect::Weaker, format!("has a limit less: {key} ({})", amount(limit)));
    }
}

fn amount(limit: &Json) -> String {
    ["rate", "quota", "concurrency"]
        .iter()
        .find_map(|kind| Some(shown(Some(limit.get(*kind).filter(|value| !value.is_null())?))))
        .unwrap_or_default()
}

fn changed(key: &str, old: &Json, new: &Json, out: &mut Changes<'_>) {
    let (before, after) = (flat(old), flat(new));
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let (old, new) = (before.get(path).copied(), after.get(path).copied());
        if old == new {
            continue;
        }
        let said = format!("limit {key}: {path} {} → {}", shown(old), shown(new));
        let counted = ["rate", "quota", "concurrency", "burst"].contains(&path.as_str());
        let figure = |value: Option<&Json>| rules::figure(&shown(value));
        let effect = match (counted, figure(old), figure(new)) {
            (true, Some(was), Some(is)) => {
                if is > was {
                    Effect::Weaker
                } else {
                    Effect::Stricter
                }
            }
            (true, ..) => Effect::Weaker,
            (false, ..) => {
                let place = |value: Option<&Json>| {
                    RANKS.first().and_then(|rank| rank.iter().position(|word| *word == shown(value)))
                };
                match (place(old).unwrap_or(0), place(new).unwrap_or(0)) {
                    (was, is) if is < was => Effect::Stricter,
                    _ => Effect::Weaker,
                }
            }
        };
        out.add(effect, said);
    }
}
