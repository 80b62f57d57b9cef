//! Times as certificates write them (RFC 5280 section 4.1.2.5): `YYMMDDhhmmssZ` to 2049, `YYYYMMDDhhmmssZ` from 2050.

use crate::Malformed;
use crate::der::{GENERALIZED_TIME, Reader, UTC_TIME};

/// Whether a time comes next.
pub(crate) fn is_next(reader: &Reader<'_>) -> bool {
    matches!(reader.next(), Some(UTC_TIME | GENERALIZED_TIME))
}

/// Seconds since 1970; 0 for what is earlier.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    const WRONG: Malformed = Malformed("it has a time that is none");
    let (tag, text) = reader.any()?;
    let digits = text.strip_suffix(b"Z").ok_or(WRONG)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(WRONG);
    }
    let number = |digits: &[u8]| digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at_checked(2).ok_or(WRONG)?;
            let year = number(year);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at_checked(4).ok_or(WRONG)?;
            (number(year), rest)
        }
        _ => return Err(WRONG),
    };
    let mut pairs = rest.chunks_exact(2).map(number);
    let mut next = || pairs.next().unwrap_or_default();
    let (month, day, hour, minute, second) = (next(), next(), next(), next(), next());
    if !(1..=12).contains(&month)
        || !(1..=days_of(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return Err(WRONG);
    }
    let Some(days) = days_since_1970(year, month, day) else { return Ok(0) };
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `None` before 1970. Years have four digits, so the loops are short.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 {
        return None;
    }
    let years: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let months: u64 = (1..month).map(|month| days_of(year, month)).sum();
    Some(years + months + day - 1)
}
