//! A table of objects and their owners, as a JSON file has it.

use std::collections::HashMap;

use bytes::Bytes;
use engine::bounds;
use smallvec::SmallVec;
use tape::{Bounds, Kind, Tape};

use crate::callers::scalar;

/// As many entries as a file of the most bytes can have.
const INSIDE: Bounds = Bounds {
    depth: 2,
    values: 8_000_000,
    members: 4_000_000,
    items: bounds::OWNERS as u32,
    name_bytes: bounds::OWNER_ID_BYTES as u32,
    string_bytes: bounds::OWNER_ID_BYTES as u32,
    number_bytes: 32,
};

/// Objects and their owners.
#[derive(Debug, Default)]
pub(in crate::objects) struct Table(HashMap<Box<str>, SmallVec<[Box<str>; 1]>>);

impl Table {
    /// Reads `{"object": "owner", "object": ["owner", "owner"]}`; `null` and an empty list are nobody.
    ///
    /// # Errors
    /// What is wrong with it, and at which byte.
    pub(super) fn parse(text: &[u8]) -> Result<Self, (String, usize)> {
        let tape = Tape::parse(Bytes::copy_from_slice(text), &INSIDE).map_err(|error| {
            (format!("it is not JSON that can be read in one way: {error}"), error.offset)
        })?;
        let root = tape.root();
        if root.kind() != Kind::Object {
            return Err((String::from("it is no JSON object of objects with their owners"), 0));
        }
        let mut rows = HashMap::with_capacity(root.len());
        for (id, owner) in root.members() {
            let wrong = || {
                (format!("the owner of `{id}` is no text, whole number, or list of these"), owner.offset())
            };
            let one = |node| scalar(node).map(Box::<str>::from).ok_or_else(wrong);
            let mut owners: SmallVec<[Box<str>; 1]> = match owner.kind() {
                Kind::Null => SmallVec::new(),
                Kind::Array => owner.items().map(one).collect::<Result<_, _>>()?,
                _ => SmallVec::from_iter([one(owner)?]),
            };
            owners.retain(|owner| !owner.is_empty());
            rows.insert(Box::from(id), owners);
        }
        Ok(Self(rows))
    }

    /// Who owns an object; nobody, when it is not in the table.
    pub(in crate::objects) fn owners(&self, id: &str) -> &[Box<str>] {
        self.0.get(id).map_or(&[], SmallVec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_an_owner_or_several_or_none() {
        let text = r#"{ "a": "x", "b": ["x", 7], "c": null, "d": [], "42": 7, "e": "" }"#;
        let table = Table::parse(text.as_bytes()).unwrap();
        for (id, owners) in [
            ("a", &["x"] as &[&str]),
            ("b", &["x", "7"]),
            ("c", &[]),
            ("d", &[]),
            ("e", &[]),
            ("42", &["7"]),
            ("A", &[]),
            ("", &[]),
        ] {
            let found: Vec<&str> = table.owners(id).iter().map(|owner| &**owner).collect();
            assert_eq!(found, owners, "{id}");
        }
    }

    #[test]
    fn what_is_no_table_is_none() {
        for (text, at) in [
            ("", 0),
            ("[]", 0),
            (r#"{"a":"x","a":"y"}"#, 9),
            (r#"{"a":{"b":"x"}}"#, 5),
            (r#"{"a":[["x"]]}"#, 6),
            (r#"{"a":true}"#, 5),
            (r#"{"a":1.5}"#, 5),
        ] {
            assert_eq!(Table::parse(text.as_bytes()).unwrap_err().1, at, "{text}");
        }
    }
}
