//! Lengths of time: `500ms`, `5s`, `2m`, `1h30m`, `7d`.

use super::{ParseError, number_and_rest, text_type};
use std::fmt;
use std::str::FromStr;

/// Longest length of time: ten years of 365 days, in milliseconds.
const MAX_MS: u64 = 3650 * 86_400_000;
/// Units from the longest down, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time in whole milliseconds, from 0 to ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duration(std::time::Duration);

impl Duration {
    /// This many milliseconds, at most ten years.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        let bounded = if milliseconds > MAX_MS { MAX_MS } else { milliseconds };
        Self(std::time::Duration::from_millis(bounded))
    }

    /// This many seconds, at most ten years.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1_000))
    }

    /// As the standard library's.
    #[must_use]
    pub const fn get(self) -> std::time::Duration {
        self.0
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl FromStr for Duration {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let help = "write a number with `ms`, `s`, `m`, `h` or `d`, as in `500ms`, `5s` or `1h30m`";
            ParseError::new(format!("`{text}` is not a length of time"), help)
        };
        let too_long = || ParseError::new(format!("`{text}` is too long"), "write at most `3650d`");
        let (mut rest, mut total, mut last) = (text, 0_u64, u64::MAX);
        while !rest.is_empty() {
            let (number, after) = number_and_rest(rest).ok_or_else(wrong)?;
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at_checked(letters).ok_or_else(wrong)?;
            let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms).ok_or_else(wrong)?;
            if factor >= last {
                return Err(wrong());
            }
            last = factor;
            total = number.checked_mul(factor).and_then(|ms| total.checked_add(ms)).ok_or_else(too_long)?;
            rest = after;
        }
        match total {
            _ if text.is_empty() => Err(wrong()),
            total if total > MAX_MS => Err(too_long()),
            total => Ok(Self::from_millis(total)),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(MAX_MS);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in UNITS {
            let count = rest / factor;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
            rest %= factor;
        }
        Ok(())
    }
}

text_type!(
    Duration,
    "a length of time",
    "write the unit: `ms`, `s`, `m`, `h` or `d`, as in `5s`",
    schemars::json_schema!({
        "type": "string",
        "description": "a length of time with units, as in `500ms`, `5s`, `1h30m` or `7d`",
        "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
        "minLength": 2,
        "examples": ["5s"]
    })
);
