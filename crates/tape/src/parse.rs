//! The pass itself: an automaton over bytes whose stack is the tape (an open container's cell holds its parent).

use crate::cell::{Cell, Tag};
use crate::{Bounds, Error, ErrorKind, duplicates, number, text};

/// The parent of the root.
const NONE: u32 = u32::MAX;

/// Checks and indexes `source`.
pub(crate) fn cells(source: &[u8], bounds: &Bounds) -> Result<Vec<Cell>, Error> {
    if source.len() >= u32::MAX as usize {
        return Err(Error { kind: ErrorKind::TooLarge, offset: 0 });
    }
    if source.starts_with(b"\xef\xbb\xbf") {
        return Err(Error { kind: ErrorKind::Bom, offset: 0 });
    }
    if let Err(fault) = std::str::from_utf8(source) {
        return Err(Error { kind: ErrorKind::Utf8, offset: fault.valid_up_to() });
    }
    // One cell per eight bytes holds typical bodies in one allocation; what is denser grows as it is read.
    let cells = Vec::with_capacity((source.len() / 8 + 8).min(8192));
    let mut pass = Pass { source, bounds, cells, at: 0, open: NONE, depth: 0, values: 0 };
    pass.run()?;
    Ok(pass.cells)
}

struct Pass<'s> {
    source: &'s [u8],
    bounds: &'s Bounds,
    cells: Vec<Cell>,
    /// Offset of the next byte.
    at: usize,
    /// Index of the innermost open container.
    open: u32,
    depth: u32,
    values: u32,
}

impl Pass<'_> {
    fn run(&mut self) -> Result<(), Error> {
        if self.peek().is_none() {
            return Err(self.fault(ErrorKind::Empty));
        }
        loop {
            // A container that has something in it leads to its first value, all else to what follows a value.
            if !self.value()? {
                while self.open != NONE && !self.follow()? {}
                if self.open == NONE {
                    break;
                }
            }
        }
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault(ErrorKind::Trailing)),
        }
    }

    /// The next byte that is not white space; leaves `at` on it.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.source.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn fault(&self, kind: ErrorKind) -> Error {
        Error { kind, offset: self.at }
    }

    /// Reads a scalar, or the opening of a container. True: another value must follow at once.
    #[inline]
    fn value(&mut self) -> Result<bool, Error> {
        let first = self.peek();
        self.values += 1;
        if self.values > self.bounds.values {
            return Err(self.fault(ErrorKind::Values));
        }
        match first {
            Some(b'"') => self.string(Tag::String, self.bounds.string_bytes, ErrorKind::StringLength)?,
            Some(b'{') => return self.open(Tag::Object, b'}'),
            Some(b'[') => return self.open(Tag::Array, b']'),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal(b"true", Tag::True)?,
            Some(b'f') => self.literal(b"false", Tag::False)?,
            Some(b'n') => self.literal(b"null", Tag::Null)?,
            _ => return Err(self.fault(ErrorKind::Syntax)),
        }
        Ok(false)
    }

    /// Reads what follows a value inside a container: true after a comma, when a value must come next.
    #[inline]
    fn follow(&mut self) -> Result<bool, Error> {
        let next = self.peek();
        let tag = self.cells.get(self.open as usize).map(|cell| cell.tag);
        match (next, tag) {
            (Some(b','), Some(Tag::Object)) => {
                self.at += 1;
                self.name()?;
                Ok(true)
            }
            (Some(b','), Some(Tag::Array)) => {
                self.at += 1;
                self.count(self.bounds.items, ErrorKind::Items)?;
                Ok(true)
            }
            (Some(b'}'), Some(Tag::Object)) | (Some(b']'), Some(Tag::Array)) => {
                self.close()?;
                Ok(false)
            }
            _ => Err(self.fault(ErrorKind::Syntax)),
        }
    }

    /// Opens a container; true when it has something in it.
    #[inline]
    fn open(&mut self, tag: Tag, closing: u8) -> Result<bool, Error> {
        self.depth += 1;
        if self.depth > self.bounds.depth {
            return Err(self.fault(ErrorKind::Depth));
        }
        let index = self.cells.len() as u32;
        self.cells.push(Cell { start: self.at as u32, size: 0, end: self.open, tag, escaped: false });
        self.open = index;
        self.at += 1;
        if self.peek() == Some(closing) {
            self.close()?;
            return Ok(false);
        }
        match tag {
            Tag::Object => self.name()?,
            _ => self.count(self.bounds.items, ErrorKind::Items)?,
        }
        Ok(true)
    }

    /// Closes the innermost container, whose closing byte is next.
    #[inline]
    fn close(&mut self) -> Result<(), Error> {
        self.at += 1;
        self.depth -= 1;
        let index = self.open;
        let end = self.cells.len() as u32;
        if let Some(cell) = self.cells.get_mut(index as usize) {
            self.open = cell.end;
            cell.end = end;
            if cell.tag == Tag::Object && cell.size > 1 {
                return duplicates::refuse(self.source, &self.cells, index);
            }
        }
        Ok(())
    }

    /// Counts one more member or item of the innermost container.
    #[inline]
    fn count(&mut self, bound: u32, kind: ErrorKind) -> Result<(), Error> {
        if let Some(cell) = self.cells.get_mut(self.open as usize) {
            cell.size += 1;
            if cell.size > bound {
                return Err(self.fault(kind));
            }
        }
        Ok(())
    }

    /// Reads a member name and its colon.
    #[inline]
    fn name(&mut self) -> Result<(), Error> {
        if self.peek() != Some(b'"') {
            return Err(self.fault(ErrorKind::Syntax));
        }
        self.count(self.bounds.members, ErrorKind::Members)?;
        self.string(Tag::Name, self.bounds.name_bytes, ErrorKind::NameLength)?;
        if self.peek() != Some(b':') {
            return Err(self.fault(ErrorKind::Syntax));
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn string(&mut self, tag: Tag, bound: u32, kind: ErrorKind) -> Result<(), Error> {
        let start = self.at + 1;
        let (end, escaped) = text::scan(self.source, start)?;
        let size = (end - start) as u32;
        if size > bound {
            return Err(self.fault(kind));
        }
        self.push(tag, start, size, escaped);
        self.at = end + 1;
        Ok(())
    }

    #[inline]
    fn number(&mut self) -> Result<(), Error> {
        let end =
            number::scan(self.source, self.at).map_err(|offset| Error { kind: ErrorKind::Syntax, offset })?;
        let size = (end - self.at) as u32;
        if size > self.bounds.number_bytes {
            return Err(self.fault(ErrorKind::NumberLength));
        }
        self.push(Tag::Number, self.at, size, false);
        self.at = end;
        Ok(())
    }

    fn literal(&mut self, word: &[u8], tag: Tag) -> Result<(), Error> {
        if self.source.get(self.at..self.at + word.len()) != Some(word) {
            return Err(self.fault(ErrorKind::Syntax));
        }
        self.push(tag, self.at, word.len() as u32, false);
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn push(&mut self, tag: Tag, start: usize, size: u32, escaped: bool) {
        let end = self.cells.len() as u32 + 1;
        self.cells.push(Cell { start: start as u32, size, end, tag, escaped });
    }
}
