//! Reading a tape.

use crate::canonical::Strings;
use crate::cell::{Cell, Tag};
use crate::{Number, Tape, canonical, text};
use std::borrow::Cow;

/// The six kinds of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// a number
    Number,
    /// a string
    String,
    /// an array
    Array,
    /// an object
    Object,
}

/// One value of a tape: two words, copied freely.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    tape: &'a Tape,
    index: u32,
}

impl<'a> Node<'a> {
    pub(crate) fn new(tape: &'a Tape, index: u32) -> Node<'a> {
        Node { tape, index }
    }

    pub(crate) fn cell(self) -> Cell {
        self.tape.cell(self.index)
    }

    fn container(self) -> Option<Cell> {
        let cell = self.cell();
        matches!(cell.tag, Tag::Array | Tag::Object).then_some(cell)
    }

    /// What kind of value this is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.cell().tag {
            Tag::Null => Kind::Null,
            Tag::False | Tag::True => Kind::Bool,
            Tag::Number => Kind::Number,
            Tag::String | Tag::Name => Kind::String,
            Tag::Array => Kind::Array,
            Tag::Object => Kind::Object,
        }
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The value of a boolean.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.cell().tag {
            Tag::True => Some(true),
            Tag::False => Some(false),
            _ => None,
        }
    }

    /// The value of a string: borrowed, unless it is written with escapes.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let cell = self.cell();
        (cell.tag == Tag::String).then(|| text::unescape(self.tape.text(cell), cell.escaped))
    }

    /// The value of a number.
    #[must_use]
    pub fn as_number(self) -> Option<Number<'a>> {
        let cell = self.cell();
        (cell.tag == Tag::Number).then(|| Number::new(self.tape.text(cell)))
    }

    /// Items of an array, members of an object; 0 for all else.
    #[must_use]
    pub fn len(self) -> usize {
        self.container().map_or(0, |cell| cell.size as usize)
    }

    /// Whether there is nothing in it (true for scalars).
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The items of an array in order; nothing for all else.
    #[must_use]
    pub fn items(self) -> Items<'a> {
        match self.container() {
            Some(cell) if cell.tag == Tag::Array => {
                Items { tape: self.tape, next: self.index + 1, end: cell.end, left: cell.size }
            }
            _ => Items { tape: self.tape, next: 0, end: 0, left: 0 },
        }
    }

    /// The members of an object in document order; nothing for all else.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        match self.container() {
            Some(cell) if cell.tag == Tag::Object => {
                Members { tape: self.tape, next: self.index + 1, end: cell.end, left: cell.size }
            }
            _ => Members { tape: self.tape, next: 0, end: 0, left: 0 },
        }
    }

    /// The members of an object in document order, names as they are written; nothing for all else.
    #[must_use]
    pub fn entries(self) -> Entries<'a> {
        Entries(self.members())
    }

    /// The member called `name` of an object; scans the members, skipping over what is inside them.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        let object = self.cell();
        if object.tag != Tag::Object {
            return None;
        }
        let source = self.tape.source.as_ref();
        let mut next = self.index + 1;
        while next < object.end {
            let cell = self.tape.cell(next);
            let same = if cell.escaped {
                text::unescape(self.tape.text(cell), true) == name
            } else {
                let start = cell.start as usize;
                cell.size as usize == name.len()
                    && source.get(start..start + name.len()) == Some(name.as_bytes())
            };
            if same {
                return Some(Node::new(self.tape, next + 1));
            }
            next = self.tape.cell(next + 1).end;
        }
        None
    }

    /// The item at `index` of an array; skips from the front.
    #[must_use]
    pub fn at(self, index: usize) -> Option<Node<'a>> {
        self.items().nth(index)
    }

    /// The value that a JSON Pointer (RFC 6901) names, counted from here; none when it names nothing or is
    /// not a pointer.
    #[must_use]
    pub fn pointer(self, pointer: &str) -> Option<Node<'a>> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |node, token| match node.kind() {
            Kind::Array => node.at(array_index(token)?),
            Kind::Object => node.get(&pointer_token(token)?),
            _ => None,
        })
    }

    /// A number that no other value of the same tape has; the root's is 0.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// Offset in the source of the value's first byte (of a string, the byte after its quote).
    #[must_use]
    pub fn offset(self) -> usize {
        self.cell().start as usize
    }

    /// The tape this is a value of.
    #[must_use]
    pub fn tape(self) -> &'a Tape {
        self.tape
    }

    /// Appends this value as [`Tape::write_canonical`] does.
    pub fn write_canonical(self, out: &mut Vec<u8>) {
        canonical::write(self.tape, self.index, Strings::Canonical, out);
    }

    /// Appends this value without blanks, strings with the escapes that they came with: what was written `\u003c` for a page in which
    /// it stands does not become `<`.
    pub fn write_compact(self, out: &mut Vec<u8>) {
        canonical::write(self.tape, self.index, Strings::AsTheyCame, out);
    }
}

impl std::fmt::Debug for Node<'_> {
    /// Kind and place only: bodies do not belong in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({:?} #{})", self.kind(), self.index)
    }
}

fn array_index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|b| b.is_ascii_digit());
    (digits && (token == "0" || !token.starts_with('0'))).then(|| token.parse().ok()).flatten()
}

fn pointer_token(token: &str) -> Option<Cow<'_, str>> {
    if !token.contains('~') {
        return Some(Cow::Borrowed(token));
    }
    let mut parts = token.split('~');
    let mut out = String::from(parts.next()?);
    for part in parts {
        match part.split_at_checked(1)? {
            ("0", rest) => out.extend(["~", rest]),
            ("1", rest) => out.extend(["/", rest]),
            _ => return None,
        }
    }
    Some(Cow::Owned(out))
}

/// The items of an array.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    tape: &'a Tape,
    next: u32,
    end: u32,
    left: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.next >= self.end {
            return None;
        }
        let node = Node::new(self.tape, self.next);
        self.next = node.cell().end;
        self.left = self.left.saturating_sub(1);
        Some(node)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// The members of an object.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    tape: &'a Tape,
    next: u32,
    end: u32,
    left: u32,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Node<'a>);

    fn next(&mut self) -> Option<(Cow<'a, str>, Node<'a>)> {
        let (name, node) = self.entry()?;
        Some((name.text(), node))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl<'a> Members<'a> {
    fn entry(&mut self) -> Option<(Name<'a>, Node<'a>)> {
        if self.next >= self.end {
            return None;
        }
        let name = Name { tape: self.tape, cell: self.tape.cell(self.next) };
        let node = Node::new(self.tape, self.next + 1);
        self.next = node.cell().end;
        self.left = self.left.saturating_sub(1);
        Some((name, node))
    }
}

impl ExactSizeIterator for Members<'_> {}

/// The members of an object, names not read yet.
#[derive(Clone, Debug)]
pub struct Entries<'a>(Members<'a>);

impl<'a> Iterator for Entries<'a> {
    type Item = (Name<'a>, Node<'a>);

    fn next(&mut self) -> Option<(Name<'a>, Node<'a>)> {
        self.0.entry()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Entries<'_> {}

/// The name of a member.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    tape: &'a Tape,
    cell: Cell,
}

impl<'a> Name<'a> {
    /// The name: borrowed, unless it is written with escapes.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        text::unescape(self.tape.text(self.cell), self.cell.escaped)
    }

    /// Appends it in quotes, as [`Tape::write_canonical`] does.
    pub fn write_canonical(self, out: &mut Vec<u8>) {
        canonical::write_text(self.tape, self.cell, Strings::Canonical, out);
    }

    /// Appends it in quotes, as [`Node::write_compact`] does.
    pub fn write_compact(self, out: &mut Vec<u8>) {
        canonical::write_text(self.tape, self.cell, Strings::AsTheyCame, out);
    }

    /// Its bytes, UTF-8; none when it is written with escapes.
    #[must_use]
    pub fn plain(self) -> Option<&'a [u8]> {
        let start = self.cell.start as usize;
        let bytes = self.tape.source.get(start..start + self.cell.size as usize);
        bytes.filter(|_| !self.cell.escaped)
    }
}

impl std::fmt::Debug for Name<'_> {
    /// Length only: bodies do not belong in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name({} bytes)", self.cell.size)
    }
}
