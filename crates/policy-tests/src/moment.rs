//! A moment as RFC 3339 section 5.6 writes it, without fractions.

use std::fmt;
use std::str::FromStr;

use engine::calendar;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub u64);

const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

fn length(year: u64, month: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let plain = *LENGTHS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    Some(if month == 2 && leap { 29 } else { plain })
}

impl FromStr for Moment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let shaped = text.bytes().zip(b"0000-00-00T00:00:00Z").all(|(byte, pattern)| match pattern {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        });
        if !shaped || text.len() != 20 {
            return Err(());
        }
        let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse().ok()).ok_or(());
        let (year, month, day): (u64, u64, u64) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second): (u64, u64, u64) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let fits = year >= 1970 && day >= 1 && day <= length(year, month).ok_or(())?;
        if !fits || hour > 23 || minute > 59 || second > 59 {
            return Err(());
        }
        Ok(Self(calendar::days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a moment")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
                text.parse().map_err(|()| {
                    spec::fault(
                        format_args!("`{text}` is not a moment"),
                        "write it in UTC, as in `2026-03-01T12:00:00Z`",
                    )
                })
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T23:59:59Z", Some(951_868_799)),
            ("2026-01-01T00:00:00Z", Some(1_767_225_600)),
            ("2026-03-01T00:00:00Z", Some(1_772_323_200)),
            ("2026-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-00-01T00:00:00Z", None),
            ("2026-01-01T24:00:00Z", None),
            ("2026-01-01 00:00:00Z", None),
            ("2026-01-01T00:00:00+01:00", None),
            ("1969-12-31T23:59:59Z", None),
            ("é", None),
        ] {
            assert_eq!(text.parse().ok(), seconds.map(Moment), "{text}");
        }
    }
}
