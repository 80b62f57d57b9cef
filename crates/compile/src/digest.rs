//! What a snapshot is made of, as one number: SHA-256 over the document as meant and all its files.
//!
//! Values only, each with a tag and its length before it, so that no two inputs run together. Comments, order of files
//! and spelling of the document do not count.

use aws_lc_rs::digest::{Context, SHA256};
use spec::{Node, Value};

use crate::Input;

/// The digest of a resolved document and what came with it.
pub(crate) fn of(tree: &Node, input: &Input<'_>) -> [u8; 32] {
    let mut hash = Hash(Context::new(&SHA256));
    hash.part(b"yett-snapshot-1", b"");
    hash.node(tree);
    for (name, bytes) in input.assets {
        hash.part(b"asset", name.as_bytes());
        hash.part(b"bytes", bytes);
    }
    hash.part(b"local", input.local_jwks.unwrap_or_default());
    hash.finish()
}

/// The digest of some named parts.
pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> [u8; 32] {
    let mut hash = Hash(Context::new(&SHA256));
    for (name, bytes) in parts {
        hash.part(b"name", name.as_bytes());
        hash.part(b"bytes", bytes);
    }
    hash.finish()
}

struct Hash(Context);

impl Hash {
    fn part(&mut self, tag: &[u8], bytes: &[u8]) {
        self.0.update(tag);
        self.0.update(&[0]);
        self.0.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
    }

    /// Recursion is bounded by [`spec::MAX_DEPTH`].
    fn node(&mut self, node: &Node) {
        match &node.value {
            Value::Null => self.part(b"null", b""),
            Value::Bool(value) => self.part(b"bool", &[u8::from(*value)]),
            Value::Integer(value) => self.part(b"integer", &value.to_be_bytes()),
            Value::Float(value) => self.part(b"float", &value.to_bits().to_be_bytes()),
            Value::String(text) => self.part(b"string", text.as_bytes()),
            Value::Sequence(items) => {
                self.part(b"sequence", &u64::try_from(items.len()).unwrap_or(u64::MAX).to_be_bytes());
                items.iter().for_each(|item| self.node(item));
            }
            Value::Mapping(entries) => {
                self.part(b"mapping", &u64::try_from(entries.len()).unwrap_or(u64::MAX).to_be_bytes());
                for entry in entries {
                    self.part(b"key", entry.key.as_bytes());
                    self.node(&entry.value);
                }
            }
        }
    }

    fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        for (slot, byte) in out.iter_mut().zip(self.0.finish().as_ref()) {
            *slot = *byte;
        }
        out
    }
}
