//! What a suite says in short, written out in full before it is read, so that each value keeps its place.
//!
//! | short | full |
//! |---|---|
//! | `request: GET /x` | `request: { method: GET, target: /x }` |
//! | `credential: none` | `credential: { none: true }` |
//! | `dpop: bearer` (under `credential`) | `dpop: { proof: bearer }` |
//! | `pdp: deny` | `pdp: { says: deny }` |
//! | `expect: allow` | `expect: { decision: allow }` |
//! | `upstream: none` (under `expect`) | `upstream: { none: true }` |
//! | `defaults: { … }` at the top | the same keys in each case that does not say otherwise |

use spec::{Entry, Node, Value};

/// Writes it out.
pub(crate) fn expand(tree: &mut Node) {
    let defaults = tree.remove("defaults").map(|entry| entry.value);
    let Some(Value::Sequence(cases)) = tree.get_mut("tests").map(|tests| &mut tests.value) else { return };
    for case in cases.iter_mut().filter(|case| matches!(case.value, Value::Mapping(_))) {
        if let Some(defaults) = &defaults {
            let own = std::mem::replace(case, defaults.clone());
            let span = own.span;
            *case = Node { span, ..spec::merge(defaults.clone(), own) };
        }
        request(case);
        none(case, "credential");
        if let Some(credential) = case.get_mut("credential")
            && let Some(text) = word(credential, "dpop")
        {
            credential.set("dpop", mapping("proof", text));
        }
        if let Some(text) = word(case, "pdp") {
            case.set("pdp", mapping("says", text));
        }
        if let Some(text) = word(case, "expect") {
            case.set("expect", mapping("decision", text));
        }
        if let Some(expect) = case.get_mut("expect") {
            none(expect, "upstream");
        }
    }
}

fn word(node: &Node, key: &str) -> Option<Node> {
    node.get(key).filter(|value| value.as_str().is_some()).cloned()
}

fn mapping(key: &str, value: Node) -> Node {
    Node {
        span: value.span,
        origin: value.origin.clone(),
        value: Value::Mapping(vec![Entry::new(key, value)]),
    }
}

fn request(case: &mut Node) {
    let Some(written) = word(case, "request") else { return };
    let Some((method, target)) = written.as_str().and_then(|text| text.trim().split_once(' ')) else {
        return;
    };
    let part = |text: &str| Node { value: Value::String(text.trim().to_owned()), ..written.clone() };
    let entries = vec![Entry::new("method", part(method)), Entry::new("target", part(target))];
    case.set("request", Node { value: Value::Mapping(entries), ..written.clone() });
}

fn none(node: &mut Node, key: &str) {
    if let Some(written) = word(node, key).filter(|written| written.as_str() == Some("none")) {
        node.set(key, mapping("none", Node { value: Value::Bool(true), ..written }));
    }
}
