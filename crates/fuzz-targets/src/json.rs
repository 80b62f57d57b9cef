//! JSON: the tape against `serde_json`, its canonical form, JSON Pointer (RFC 6901) and the builder.

use bytes::Bytes;
use serde_json::Value;
use tape::{Bounds, Builder, ErrorKind, Kind, Node, Tape};

/// Deeper than this, `serde_json` stops.
const DEPTH: u32 = 120;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 3) else { return };
    match selector {
        0 => differential(rest),
        1 => pointer(rest),
        _ => bounded(rest),
    }
}

/// Both read the same value, or both refuse; the differences that are meant are named here.
fn differential(text: &[u8]) {
    let bounds = Bounds { depth: DEPTH, ..Bounds::UNBOUNDED };
    let ours = Tape::parse(Bytes::copy_from_slice(text), &bounds);
    let theirs = serde_json::from_slice::<Value>(text);
    let tape = match (&ours, &theirs) {
        (Ok(tape), Ok(value)) => {
            assert!(same(tape.root(), value), "the two read different values");
            tape
        }
        (Ok(tape), Err(error)) => {
            assert!(error.to_string().contains("number out of range"), "only ours accepts: {error}");
            tape
        }
        (Err(error), Ok(_)) => {
            let meant = matches!(error.kind, ErrorKind::DuplicateKey | ErrorKind::Depth);
            assert!(meant, "only serde_json accepts: {error:?}");
            return;
        }
        (Err(error), Err(_)) => return assert!(error.offset <= text.len(), "the offset is outside"),
    };
    let mut canonical = Vec::new();
    tape.write_canonical(&mut canonical);
    let again = Tape::parse(canonical.clone().into(), &bounds).expect("the canonical form parses");
    let mut twice = Vec::new();
    again.write_canonical(&mut twice);
    assert_eq!(canonical, twice, "the canonical form is no fixed point");
    assert_eq!(rebuilt(tape.root()), canonical, "the builder makes something else");
}

fn same(node: Node<'_>, value: &Value) -> bool {
    match value {
        Value::Null => node.is_null(),
        Value::Bool(flag) => node.as_bool() == Some(*flag),
        Value::String(text) => node.as_str().as_deref() == Some(text),
        Value::Array(items) => {
            node.kind() == Kind::Array
                && node.len() == items.len()
                && node.items().zip(items).all(|(node, value)| same(node, value))
        }
        Value::Object(members) => {
            node.kind() == Kind::Object
                && node.len() == members.len()
                && members.iter().all(|(name, value)| node.get(name).is_some_and(|node| same(node, value)))
        }
        Value::Number(theirs) => node.as_number().is_some_and(|ours| {
            if let (Some(a), Some(b)) = (ours.as_i64(), theirs.as_i64()) {
                return a == b;
            }
            if let (Some(a), Some(b)) = (ours.as_u64(), theirs.as_u64()) {
                return a == b;
            }
            let exact = ours.text().parse::<f64>().ok();
            let near = |a: f64, b: f64| {
                a == b || (a - b).abs() <= a.abs().max(b.abs()) * 1e-12 || (a - b).abs() < 1e-300
            };
            match (ours.as_f64(), theirs.as_f64()) {
                // `serde_json` rounds carelessly without its feature; the standard library does not.
                (Some(a), Some(b)) => near(a, b) && Some(a) == exact,
                _ => true,
            }
        }),
    }
}

/// Writes the value again through the builder.
fn rebuilt(root: Node<'_>) -> Vec<u8> {
    let mut builder = Builder::new();
    append(&mut builder, root);
    let mut out = Vec::new();
    builder.try_finish().expect("a value was built").write_canonical(&mut out);
    out
}

fn append(builder: &mut Builder, node: Node<'_>) {
    match node.kind() {
        Kind::Object => {
            builder.begin_object();
            for (name, value) in node.members() {
                builder.key(&name);
                append(builder, value);
            }
            builder.end_object();
        }
        Kind::Array => {
            builder.begin_array();
            node.items().for_each(|item| append(builder, item));
            builder.end_array();
        }
        _ => append_scalar(builder, node),
    }
}

fn append_scalar(builder: &mut Builder, node: Node<'_>) {
    if let Some(flag) = node.as_bool() {
        builder.bool(flag);
    } else if let Some(text) = node.as_str() {
        builder.string(&text);
    } else if let Some(number) = node.as_number() {
        builder.number(number.text()).expect("a number of a tape is a number");
    } else {
        builder.null();
    }
}

/// A pointer, a line feed, a document: both find the same value, or none.
fn pointer(data: &[u8]) {
    let Some(at) = data.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(pointer) = std::str::from_utf8(&data[..at]) else { return };
    let document = &data[at + 1..];
    let Ok(tape) = Tape::parse(Bytes::copy_from_slice(document), &Bounds::default()) else { return };
    let Ok(value) = serde_json::from_slice::<Value>(document) else { return };
    match (tape.root().pointer(pointer), value.pointer(pointer)) {
        (Some(ours), Some(theirs)) => assert!(same(ours, theirs), "the pointer finds something else"),
        (None, None) => {}
        // RFC 6901 section 3: `~` is followed by `0` or `1`; `serde_json` lets others stand for themselves.
        (None, Some(_)) => assert!(pointer.contains('~'), "only serde_json finds it"),
        (Some(_), None) => panic!("only ours finds it"),
    }
}

/// No bound is ever passed.
fn bounded(data: &[u8]) {
    let Some((limits, text)) = data.split_at_checked(4) else { return };
    let bound = |index: usize| u32::from(limits[index] % 16) + 1;
    let bounds = Bounds {
        depth: bound(0),
        values: bound(1) * 4,
        members: bound(2),
        items: bound(2),
        name_bytes: bound(3),
        string_bytes: bound(3) * 2,
        number_bytes: bound(3),
    };
    let Ok(tape) = Tape::parse(Bytes::copy_from_slice(text), &bounds) else { return };
    assert!(tape.values().count() <= bounds.values as usize, "more values than allowed");
    for node in tape.values() {
        match node.kind() {
            Kind::Object => assert!(node.len() <= bounds.members as usize, "more members than allowed"),
            Kind::Array => assert!(node.len() <= bounds.items as usize, "more items than allowed"),
            _ => {}
        }
        let number = node.as_number().map_or(0, |number| number.text().len());
        assert!(number <= bounds.number_bytes as usize, "a longer number than allowed");
    }
    assert!(depth(tape.root()) <= bounds.depth, "deeper than allowed");
}

fn depth(node: Node<'_>) -> u32 {
    let below = node.items().chain(node.members().map(|(_, value)| value)).map(depth).max().unwrap_or(0);
    below + u32::from(matches!(node.kind(), Kind::Object | Kind::Array))
}
