//! Numbers of bytes: `64KiB`, `1MiB`, `10MB`, `512B`.

use super::{ParseError, number_and_rest, text_type};
use std::fmt;
use std::str::FromStr;

/// Largest size: one tebibyte.
const MAX: u64 = 1 << 40;
/// Units in the order in which one is chosen for printing.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes, from 0 to one tebibyte. `KiB`, `MiB`, `GiB` are powers of 1024, `KB`, `MB`, `GB` of 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// This many bytes, at most one tebibyte.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        if bytes > MAX { Self(MAX) } else { Self(bytes) }
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In bytes, as large as memory is addressed at most.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let help = "write a number with `B`, `KiB`, `MiB`, `GiB`, `KB`, `MB` or `GB`, as in `64KiB`";
            ParseError::new(format!("`{text}` is not a size"), help)
        };
        let (number, unit) = number_and_rest(text).ok_or_else(wrong)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        match number.checked_mul(*factor) {
            Some(bytes) if bytes <= MAX => Ok(Self(bytes)),
            _ => Err(ParseError::new(format!("`{text}` is too large"), "write at most `1024GiB`")),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().find(fits).copied().unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

text_type!(
    Size,
    "a size",
    "write the unit: `B`, `KiB`, `MiB` or `GiB`, as in `64KiB`",
    schemars::json_schema!({
        "type": "string",
        "description": "a number of bytes with its unit, as in `512B`, `64KiB`, `1MiB` or `10MB`",
        "pattern": "^[0-9]+(B|KiB|MiB|GiB|KB|MB|GB)$",
        "examples": ["64KiB"]
    })
);
