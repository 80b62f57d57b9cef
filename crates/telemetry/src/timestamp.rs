//! Moments as RFC 3339 text in UTC with milliseconds.

use engine::{UnixTime, calendar};

/// A moment's text up to its seconds, kept while the second lasts.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    second: Option<u64>,
    text: Vec<u8>,
}

impl Stamp {
    /// Appends `2026-01-02T03:04:05.678Z`.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, at: UnixTime) {
        let second = at.seconds();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text.clear();
            to_seconds(&mut self.text, second);
        }
        out.extend_from_slice(&self.text);
        out.push(b'.');
        digits(out, at.0 / 1_000_000 % 1_000, 3);
        out.push(b'Z');
    }
}

fn to_seconds(out: &mut Vec<u8>, seconds: u64) {
    let (year, month, day) = calendar::civil(seconds / 86_400);
    let within = seconds % 86_400;
    digits(out, year, 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b'T');
    digits(out, within / 3_600, 2);
    out.push(b':');
    digits(out, within / 60 % 60, 2);
    out.push(b':');
    digits(out, within % 60, 2);
}

fn digits(out: &mut Vec<u8>, value: u64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_u64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_the_calendar_says() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            let mut out = Vec::new();
            Stamp::default().push(&mut out, UnixTime(seconds * 1_000_000_000));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
