//! Making a tape of something that was not JSON: a form, a query, decoded parameters.

use crate::{Bounds, Error, ErrorKind, Tape, number, text};

/// Builds a tape value by value, in document order.
///
/// The result goes through the same pass as any body, so that it keeps the same promises (no duplicate names
/// among them); only [`Bounds`] do not apply, since the maker has bounded its input.
#[derive(Default)]
pub struct Builder {
    out: Vec<u8>,
    comma: bool,
}

impl Builder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// `null`
    pub fn null(&mut self) -> &mut Builder {
        self.value(b"null", true)
    }

    /// `true` or `false`
    pub fn bool(&mut self, value: bool) -> &mut Builder {
        self.value(if value { b"true" } else { b"false" }, true)
    }

    /// A number, as written.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] when `text` is not a number of RFC 8259; nothing is added then.
    pub fn number(&mut self, text: &str) -> Result<&mut Builder, Error> {
        match number::scan(text.as_bytes(), 0) {
            Ok(end) if end == text.len() => Ok(self.value(text.as_bytes(), true)),
            Ok(offset) | Err(offset) => Err(Error { kind: ErrorKind::Syntax, offset }),
        }
    }

    /// A string.
    pub fn string(&mut self, value: &str) -> &mut Builder {
        self.value(b"", true);
        text::write(value, &mut self.out);
        self
    }

    /// Opens an object; [`Builder::key`] before each of its values.
    pub fn begin_object(&mut self) -> &mut Builder {
        self.value(b"{", false)
    }

    /// The name of the member whose value comes next.
    pub fn key(&mut self, name: &str) -> &mut Builder {
        self.value(b"", false);
        text::write(name, &mut self.out);
        self.out.push(b':');
        self
    }

    /// Closes an object.
    pub fn end_object(&mut self) -> &mut Builder {
        self.comma = false;
        self.value(b"}", true)
    }

    /// Opens an array.
    pub fn begin_array(&mut self) -> &mut Builder {
        self.value(b"[", false)
    }

    /// Closes an array.
    pub fn end_array(&mut self) -> &mut Builder {
        self.comma = false;
        self.value(b"]", true)
    }

    /// The tape.
    ///
    /// # Errors
    /// What was called does not make one JSON value (nothing at all, an unclosed container, a value without its
    /// key), or a name occurs twice in one object; offsets are of the text that was made.
    pub fn try_finish(self) -> Result<Tape, Error> {
        Tape::parse(self.out.into(), &Bounds::UNBOUNDED)
    }

    /// The tape; `null` where [`Builder::try_finish`] would refuse, so that whatever checks it fails closed.
    #[must_use]
    pub fn finish(self) -> Tape {
        self.try_finish().unwrap_or_else(|_| Tape {
            source: bytes::Bytes::from_static(b"null"),
            cells: vec![crate::cell::Cell { size: 4, end: 1, ..crate::cell::Cell::NULL }],
        })
    }

    fn value(&mut self, text: &[u8], complete: bool) -> &mut Builder {
        if self.comma {
            self.out.push(b',');
        }
        self.out.extend_from_slice(text);
        self.comma = complete;
        self
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("bytes", &self.out.len()).finish()
    }
}
