//! Laying one tree over another.

use crate::node::{Entry, Node, Origin, Value};

/// Lays `over` on `base`: mappings merge key by key, everything else is replaced. Each value keeps its origin; a merged
/// mapping stands where the document itself has it. A key with nothing after it is an empty mapping, which changes
/// nothing of the one below: it must not put stricter settings back to their defaults.
#[must_use]
pub fn merge(base: Node, over: Node) -> Node {
    match (&base.value, &over.value) {
        (Value::Mapping(_), Value::Mapping(_)) => {}
        (Value::Mapping(_), Value::Null) => return base,
        _ => return over,
    }
    let (span, origin) = match (&base.origin, &over.origin) {
        (Origin::File(_), Origin::Environment(..)) => (base.span, base.origin.clone()),
        _ => (over.span, over.origin.clone()),
    };
    let (mut entries, over) = match (base.value, over.value) {
        (Value::Mapping(base), Value::Mapping(over)) => (base, over),
        (_, value) => return Node { value, span, origin },
    };
    for entry in over {
        match entries.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                let below = std::mem::replace(
                    &mut known.value,
                    Node { value: Value::Null, span, origin: origin.clone() },
                );
                *known = Entry { value: merge(below, entry.value), ..entry };
            }
            None => entries.push(entry),
        }
    }
    Node { value: Value::Mapping(entries), span, origin }
}
