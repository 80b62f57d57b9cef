//! Why a text is refused.

use std::fmt;

/// Why a text is refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Offset in bytes of the first byte at fault.
    pub offset: usize,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Not JSON (RFC 8259), or it ends early.
    Syntax,
    /// Deeper than [`crate::Bounds::depth`].
    Depth,
    /// More values than [`crate::Bounds::values`].
    Values,
    /// An object with more members than [`crate::Bounds::members`].
    Members,
    /// An array with more items than [`crate::Bounds::items`].
    Items,
    /// A name longer than [`crate::Bounds::name_bytes`].
    NameLength,
    /// A string longer than [`crate::Bounds::string_bytes`].
    StringLength,
    /// A number longer than [`crate::Bounds::number_bytes`].
    NumberLength,
    /// A member name occurs twice in one object.
    DuplicateKey,
    /// Not UTF-8.
    Utf8,
    /// Begins with a byte order mark.
    Bom,
    /// A `\u` escape gives half of a surrogate pair.
    LoneSurrogate,
    /// Something follows the value.
    Trailing,
    /// No value at all.
    Empty,
    /// More than 4 GiB.
    TooLarge,
}

impl ErrorKind {
    /// A stable name in kebab case, for codes and metric labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Syntax => "syntax",
            ErrorKind::Depth => "depth",
            ErrorKind::Values => "values",
            ErrorKind::Members => "members",
            ErrorKind::Items => "items",
            ErrorKind::NameLength => "name-length",
            ErrorKind::StringLength => "string-length",
            ErrorKind::NumberLength => "number-length",
            ErrorKind::DuplicateKey => "duplicate-key",
            ErrorKind::Utf8 => "utf8",
            ErrorKind::Bom => "bom",
            ErrorKind::LoneSurrogate => "lone-surrogate",
            ErrorKind::Trailing => "trailing",
            ErrorKind::Empty => "empty",
            ErrorKind::TooLarge => "too-large",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Syntax => "not valid json",
            ErrorKind::Depth => "nested too deep",
            ErrorKind::Values => "too many values",
            ErrorKind::Members => "an object has too many members",
            ErrorKind::Items => "an array has too many items",
            ErrorKind::NameLength => "a member name is too long",
            ErrorKind::StringLength => "a string is too long",
            ErrorKind::NumberLength => "a number is too long",
            ErrorKind::DuplicateKey => "a member name occurs twice in one object",
            ErrorKind::Utf8 => "not utf-8",
            ErrorKind::Bom => "begins with a byte order mark",
            ErrorKind::LoneSurrogate => "an escape gives half of a surrogate pair",
            ErrorKind::Trailing => "something follows the value",
            ErrorKind::Empty => "no value at all",
            ErrorKind::TooLarge => "more than 4 gib",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.kind, self.offset)
    }
}

impl std::error::Error for Error {}
