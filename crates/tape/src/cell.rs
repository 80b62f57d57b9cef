//! The unit of the tape.

/// What a cell stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tag {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
    /// A member name; the member's value is the next cell.
    Name,
}

/// One value or one member name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// Offset of the value's first byte; of strings and names, of the first byte after the quote.
    pub(crate) start: u32,
    /// Bytes of a string, name or number as written; members of an object; items of an array.
    pub(crate) size: u32,
    /// Index one past the last descendant. While a container is still being read: index of its parent.
    pub(crate) end: u32,
    pub(crate) tag: Tag,
    /// Whether a string or name is written with at least one escape.
    pub(crate) escaped: bool,
}

impl Cell {
    pub(crate) const NULL: Cell = Cell { start: 0, size: 0, end: 0, tag: Tag::Null, escaped: false };
}
