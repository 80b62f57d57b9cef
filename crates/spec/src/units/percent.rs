//! Shares of a whole: `20%`.

use super::{ParseError, number_and_rest, text_type};
use std::fmt;
use std::str::FromStr;

/// A whole number of hundredths, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// So many hundredths, at most 100.
    #[must_use]
    pub const fn new(hundredths: u8) -> Self {
        if hundredths > 100 { Self(100) } else { Self(hundredths) }
    }

    /// In hundredths.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let whole = number_and_rest(text).filter(|(number, rest)| *rest == "%" && *number <= 100);
        let whole = whole.and_then(|(number, _)| u8::try_from(number).ok());
        whole.map(Self).ok_or_else(|| {
            ParseError::new(format!("`{text}` is not a share"), "write a whole number from `0%` to `100%`")
        })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

text_type!(
    Percent,
    "a share",
    "write it as in `20%`",
    schemars::json_schema!({
        "type": "string",
        "description": "a share of a whole, from `0%` to `100%`",
        "pattern": "^0*([0-9]|[1-9][0-9]|100)%$",
        "examples": ["20%"]
    })
);
