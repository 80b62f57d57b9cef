//! Fields of JSON that are messages, and the JSON with what is in them.

use std::collections::BTreeMap;

use tape::{Bounds, Builder, Kind, Node, Tape};

use crate::pattern::{Found, Pattern};

/// Most fields of one body: each is an operation with a key.
pub(super) const MAX_FIELDS: usize = 64;

/// What the content of a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// JSON: any value.
    Json,
    /// Text: the field is a string.
    Text,
}

/// Which fields.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) at: Box<[Pattern]>,
    pub(super) values: Values,
}

/// Why fields cannot be told from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unclear<'f> {
    /// On the way of this pattern stands a value that leads nowhere.
    Misplaced(&'f str),
    /// More than [`MAX_FIELDS`].
    TooMany,
}

/// Values by their place in the tape, with the pattern that leads to them.
pub(super) type Places<'f, 'a> = BTreeMap<u32, (&'f str, Node<'a>)>;

impl Fields {
    /// The values that stand where fields are.
    pub(super) fn find<'f, 'a>(&'f self, root: Node<'a>) -> Result<Places<'f, 'a>, Unclear<'f>> {
        let mut places = Places::new();
        let mut unclear = None;
        for pattern in &self.at {
            let name = pattern.as_str();
            pattern.walk(root, &mut |found| match found {
                _ if unclear.is_some() => {}
                Found::Value(_) if places.len() >= MAX_FIELDS => unclear = Some(Unclear::TooMany),
                Found::Value(node) => {
                    places.insert(node.index(), (name, node));
                }
                Found::Misplaced => unclear = Some(Unclear::Misplaced(name)),
                Found::Absent => {}
            });
        }
        unclear.map_or(Ok(places), Err)
    }

    /// How many messages are read or made here. By what is there, not by the patterns: one name of a pattern is found in every spelling.
    pub(super) fn count(&self, root: Node<'_>) -> usize {
        // What is unclear is refused, or let pass, before any key is used.
        self.find(root).map_or(0, |places| places.len())
    }
}

impl Values {
    /// What a content is in JSON; `None` when it is not what it should be.
    pub(super) fn to_json(self, content: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Json => {
                let tape = Tape::parse(content.into(), &Bounds::default()).ok()?;
                let mut out = Vec::with_capacity(tape.source().len());
                tape.root().write_compact(&mut out);
                Some(out)
            }
            Self::Text => {
                let mut text = Builder::new();
                text.string(std::str::from_utf8(&content).ok()?);
                Some(text.try_finish().ok()?.source().to_vec())
            }
        }
    }

    /// The content of a value; `None` when it is no text where it should be one.
    pub(super) fn content(self, value: Node<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Json => {
                let mut out = Vec::new();
                value.write_compact(&mut out);
                Some(out)
            }
            Self::Text => Some(value.as_str()?.into_owned().into_bytes()),
        }
    }

    /// What a message says of it in `cty`.
    pub(super) fn cty(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text/plain",
        }
    }
}

/// JSON with other values in these places. As deep as the JSON, which is bounded where it is read.
pub(super) fn write(node: Node<'_>, values: &BTreeMap<u32, Vec<u8>>, out: &mut Vec<u8>) {
    if let Some(value) = values.get(&node.index()) {
        out.extend_from_slice(value);
        return;
    }
    match node.kind() {
        Kind::Object => {
            out.push(b'{');
            for (number, (name, member)) in node.entries().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                name.write_compact(out);
                out.push(b':');
                write(member, values, out);
            }
            out.push(b'}');
        }
        Kind::Array => {
            out.push(b'[');
            for (number, item) in node.items().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                write(item, values, out);
            }
            out.push(b']');
        }
        _ => node.write_compact(out),
    }
}
