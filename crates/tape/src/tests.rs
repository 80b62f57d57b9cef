//! Accept and refuse tables after JSONTestSuite, bounds, reading, building, and a differential with serde_json.

mod faults;
mod properties;
mod reading;
mod tables;

use crate::{Bounds, Kind, Node, Tape};
use serde_json::Value;

fn parse(text: impl AsRef<[u8]>) -> Result<Tape, crate::Error> {
    Tape::parse(bytes::Bytes::copy_from_slice(text.as_ref()), &Bounds::default())
}

fn ok(text: &str) -> Tape {
    parse(text).unwrap_or_else(|error| panic!("`{text}` refused: {error}"))
}

fn canonical(tape: &Tape) -> String {
    let mut out = Vec::new();
    tape.write_canonical(&mut out);
    String::from_utf8(out).unwrap()
}

/// What the tape says, as serde_json would hold it.
fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(node.as_bool().unwrap()),
        Kind::Number => serde_json::from_str(node.as_number().unwrap().text()).unwrap(),
        Kind::String => Value::String(node.as_str().unwrap().into_owned()),
        Kind::Array => node.items().map(value).collect(),
        Kind::Object => node.members().map(|(name, node)| (name.into_owned(), value(node))).collect(),
    }
}
