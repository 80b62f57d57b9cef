//! How many in what time: `60/min`, `5/s`, `10000/month`, `100/10s`.

use super::{ParseError, number_and_rest, text_type};
use std::fmt;
use std::str::FromStr;

/// Most calls a rate may name.
const MAX_COUNT: u64 = 1_000_000_000_000;
/// Most units one window may span.
const MAX_MULTIPLE: u64 = 100_000;

/// The unit of a rate's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RateUnit {
    /// `s`
    Second,
    /// `min`
    Minute,
    /// `hour`
    Hour,
    /// `day`
    Day,
    /// `month`: 30 days where a length is needed; a quota may take the calendar's.
    Month,
}

impl RateUnit {
    const ALL: [Self; 5] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Month];

    /// As written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// In seconds; a month has 30 days.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Month => 2_592_000,
        }
    }
}

/// A count in a window of time; neither is ever zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u64,
    multiple: u64,
    unit: RateUnit,
}

impl Rate {
    /// How many, from 1 to 10^12.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.count
    }

    /// The window's unit.
    #[must_use]
    pub const fn unit(self) -> RateUnit {
        self.unit
    }

    /// How many units the window spans, from 1 to 100000.
    #[must_use]
    pub const fn multiple(self) -> u64 {
        self.multiple
    }

    /// The window's length, a month being 30 days.
    #[must_use]
    pub const fn window(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.unit.seconds().saturating_mul(self.multiple))
    }
}

impl FromStr for Rate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let help = "write a count per `s`, `min`, `hour`, `day` or `month`, as in `60/min` or `100/10s`";
            ParseError::new(format!("`{text}` is not a rate"), help)
        };
        let (count, window) = text.split_once('/').ok_or_else(wrong)?;
        let (count, rest) = number_and_rest(count).ok_or_else(wrong)?;
        let (multiple, unit) = number_and_rest(window).unwrap_or((1, window));
        let unit = RateUnit::ALL.into_iter().find(|known| known.name() == unit).ok_or_else(wrong)?;
        if !rest.is_empty() {
            return Err(wrong());
        }
        if count == 0 || multiple == 0 {
            return Err(ParseError::new(
                format!("`{text}` lets nothing through"),
                "write a count and a window of at least 1, as in `60/min`",
            ));
        }
        if count > MAX_COUNT || multiple > MAX_MULTIPLE {
            let help = format!("write at most {MAX_COUNT} calls and {MAX_MULTIPLE} units");
            return Err(ParseError::new(format!("`{text}` is too large"), help));
        }
        Ok(Self { count, multiple, unit })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.count)?;
        if self.multiple > 1 {
            write!(f, "{}", self.multiple)?;
        }
        f.write_str(self.unit.name())
    }
}

text_type!(
    Rate,
    "a rate",
    "write count and window: `60/min`, `5/s`, `2/hour`, `10000/month` or `100/10s`",
    schemars::json_schema!({
        "type": "string",
        "description": "how many in what time, as in `60/min`, `5/s`, `2/hour`, `10000/month` or `100/10s`",
        "pattern": "^[0-9]+/[0-9]*(s|min|hour|day|month)$",
        "examples": ["60/min"]
    })
);
