//! The JSON tape: one pass over a JSON body that checks it, bounds it and leaves a flat index of it.
//!
//! What it is for: a body is read once, for all controls. The pass checks RFC 8259 strictly (UTF-8, no byte
//! order mark, no lone surrogate in a `\u` escape, no leading zero, no raw control character, nothing after
//! the value), refuses what RFC 8259 section 4 merely advises against (a member name that occurs twice, as
//! compared after unescaping), and holds every dimension within [`Bounds`] before anything else looks at it.
//!
//! What it promises:
//! - linear time and no recursion, in parsing, reading, serializing and dropping: depth costs no stack;
//! - one allocation for the index in the common case; strings without escapes are borrowed from the source;
//! - hashing of names is keyed per process, so that a sender cannot choose collisions;
//! - no panic on any input.
//!
//! The layout: one cell of 16 bytes per value and per member name, in document order. An array or object cell
//! carries its length and the index one past its last descendant, so that a reader skips it in one step.
//!
//! ```
//! let tape = tape::Tape::parse(r#"{"a":[1,2.0,"x"]}"#.into(), &tape::Bounds::default())?;
//! let second = tape.root().pointer("/a/1").and_then(|node| node.as_number());
//! assert_eq!(second.and_then(|number| number.as_i64()), Some(2));
//! # Ok::<(), tape::Error>(())
//! ```

mod bounds;
mod builder;
mod canonical;
mod cell;
mod duplicates;
mod error;
mod node;
mod number;
mod parse;
mod text;

pub use bounds::Bounds;
pub use builder::Builder;
pub use error::{Error, ErrorKind};
pub use node::{Entries, Items, Kind, Members, Name, Node};
pub use number::Number;

use bytes::Bytes;
use cell::Cell;

/// A checked JSON text and the index of it.
///
/// Owns its source, is `Send + Sync`, and never changes once made.
pub struct Tape {
    source: Bytes,
    cells: Vec<Cell>,
}

impl Tape {
    /// Checks `source` and indexes it.
    ///
    /// # Errors
    /// The first fault in document order, with its offset in bytes; a duplicate name is reported at the end of
    /// the object that has it, with the offset of its second occurrence.
    pub fn parse(source: Bytes, bounds: &Bounds) -> Result<Tape, Error> {
        let cells = parse::cells(&source, bounds)?;
        Ok(Tape { source, cells })
    }

    /// The value itself.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// Every value, containers included, in document order; member names are not among them.
    pub fn values(&self) -> impl Iterator<Item = Node<'_>> {
        let values = self.cells.iter().zip(0u32..).filter(|(cell, _)| cell.tag != cell::Tag::Name);
        values.map(|(_, index)| Node::new(self, index))
    }

    /// The text this was made from, as it came.
    #[must_use]
    pub fn source(&self) -> &Bytes {
        &self.source
    }

    /// Appends the value without insignificant space, members in their order, escapes only where JSON needs
    /// them, numbers as they were written.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        self.root().write_canonical(out);
    }

    /// Bytes that the index holds, the text apart.
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
    }

    fn cell(&self, index: u32) -> Cell {
        self.cells.get(index as usize).copied().unwrap_or(Cell::NULL)
    }

    /// The bytes between the quotes of a string or name, or the text of a number.
    fn text(&self, cell: Cell) -> &str {
        let start = cell.start as usize;
        let bytes = self.source.get(start..start + cell.size as usize).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl std::fmt::Debug for Tape {
    /// Sizes only: bodies do not belong in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").field("bytes", &self.source.len()).field("cells", &self.cells.len()).finish()
    }
}

#[cfg(test)]
mod tests;
