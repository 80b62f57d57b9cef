//! Whether closing a schema can only refuse more.
//!
//! Where undeclared properties matter a schema is there twice, as written and with its objects closed. What fits the closed one
//! fits the other too, and need not be asked again, unless something turns a refusal below it into an acceptance: a `oneOf` of
//! which two alternatives fit as long as neither is closed, `maxContains`, or a circle, which the two end in different
//! ways. What is below a `not` or an `if` is never closed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Kinds;
use super::build::{handed, kinds, part};

/// References followed to learn the kinds that an alternative admits.
const MAX_STEPS: usize = 8;

/// Which of the definitions may accept more when they are closed.
pub(super) fn widening(definitions: &[Value], circular: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); definitions.len()];
    let mut stack: Vec<usize> = circular.iter().copied().collect();
    for (index, value) in definitions.iter().enumerate() {
        let mut used = Vec::new();
        if widens(value, definitions, &mut used) {
            stack.push(index);
        }
        for target in used {
            if let Some(users) = users.get_mut(target) {
                users.push(index);
            }
        }
    }
    let mut found = BTreeSet::new();
    while let Some(index) = stack.pop() {
        if found.insert(index) {
            stack.extend(users.get(index).into_iter().flatten());
        }
    }
    found
}

/// Whether the schema itself may; the definitions that it refers to are added to `used`.
pub(super) fn widens(value: &Value, definitions: &[Value], used: &mut Vec<usize>) -> bool {
    match value {
        Value::Object(map) => {
            used.extend(handed(map).into_iter().chain(part(map)));
            let mut found = map.contains_key("maxContains")
                || map.get("oneOf").is_some_and(|alternatives| overlap(alternatives, definitions));
            for value in map.values() {
                found |= widens(value, definitions, used);
            }
            found
        }
        Value::Array(values) => values.iter().filter(|value| widens(value, definitions, used)).count() > 0,
        _ => false,
    }
}

/// Whether a value may be of two alternatives.
fn overlap(alternatives: &Value, definitions: &[Value]) -> bool {
    let mut taken = Kinds::NONE;
    alternatives.as_array().into_iter().flatten().any(|alternative| {
        let kinds = admitted(alternative, definitions, MAX_STEPS);
        let shared = taken.has(kinds);
        taken = taken.and(kinds);
        shared
    })
}

/// The kinds that a schema admits at most.
fn admitted(schema: &Value, definitions: &[Value], steps: usize) -> Kinds {
    let Some(map) = schema.as_object() else { return Kinds::ALL };
    if let Some(types) = map.get("type") {
        return kinds(types).unwrap_or(Kinds::ALL);
    }
    let referred = handed(map).or_else(|| part(map)).and_then(|index| definitions.get(index));
    match referred {
        Some(next) if steps > 0 => admitted(next, definitions, steps - 1),
        _ => Kinds::ALL,
    }
}

/// Whether one use of a schema, and all that it refers to, can only refuse more.
pub(super) fn is_narrowing(schema: &Value, definitions: &[Value], widening: &BTreeSet<usize>) -> bool {
    let mut used = Vec::new();
    !widens(schema, definitions, &mut used) && used.iter().all(|index| !widening.contains(index))
}
