//! Numeric keywords: bounds of formats merged with declared ones, and 3.0's boolean `exclusiveMinimum`.

use serde_json::{Map, Value, json};

use super::keywords::push_all_of;

/// Narrows the bounds of a schema to those of its format.
pub(super) fn narrow(out: &mut Map<String, Value>, low: Value, high: Value) {
    let float = |value: &Value| value.as_f64().unwrap_or(0.0);
    let keep_low = out.get("minimum").is_some_and(|own| float(own) > float(&low));
    let keep_high = out.get("maximum").is_some_and(|own| float(own) < float(&high));
    if !keep_low {
        out.insert(String::from("minimum"), low);
    }
    if !keep_high {
        out.insert(String::from("maximum"), high);
    }
}

/// `exclusiveMinimum: true` beside `minimum: 5` means `exclusiveMinimum: 5`.
pub(super) fn exclusive(source: &Map<String, Value>, out: &mut Map<String, Value>) {
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if source.get(flag) == Some(&Value::Bool(true))
            && let Some(limit) = out.remove(bound)
        {
            out.insert(flag.to_owned(), limit);
        }
    }
}

/// Refuses fractions.
pub(super) fn whole(out: &mut Map<String, Value>) {
    match out.get_mut("type") {
        None => push_all_of(out, json!({ "multipleOf": 1 })),
        Some(Value::Array(names)) => {
            names.retain(|name| name != "number");
            if !names.iter().any(|name| name == "integer") {
                names.push(json!("integer"));
            }
        }
        Some(name) => *name = json!("integer"),
    }
}
