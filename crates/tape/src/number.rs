//! Numbers of RFC 8259 section 6, kept as written.

/// The greatest double has 309 digits before its point.
const MOST_DIGITS: usize = 308;

/// A number as written. Nothing is rounded until asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'a> {
    text: &'a str,
}

impl<'a> Number<'a> {
    pub(crate) fn new(text: &'a str) -> Number<'a> {
        Number { text }
    }

    /// The number as written.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The value when it is mathematically an integer (`1.0` and `1e2` are) that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.text.parse().ok().or_else(|| i64::try_from(self.integer()?).ok())
    }

    /// The value when it is mathematically an integer (`1.0`, `1e2` and `-0` are) that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.text.parse().ok().or_else(|| u64::try_from(self.integer()?).ok())
    }

    /// The nearest double; none when the number is beyond the range of doubles.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.text.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// Whether a double holds the value, rounded: [`Number::as_f64`] gives one.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        // Without an exponent the value is below ten to the number of its digits.
        let small = self.text.len() <= MOST_DIGITS && !self.text.contains(['e', 'E']);
        small || self.as_f64().is_some()
    }

    /// Whether the value is an integer mathematically: `1`, `1.0`, `1e2`, `10e-1` are, `1.5` and `1e-1` are not.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        let parts = self.parts();
        let whole = parts.whole_digits();
        parts.digits().enumerate().all(|(place, digit)| digit == b'0' || (place as i64) < whole)
    }

    /// The exact value of an integer below 10^38 or so; none when larger or not an integer.
    fn integer(&self) -> Option<i128> {
        if !self.is_integer() {
            return None;
        }
        let parts = self.parts();
        let whole = parts.whole_digits();
        let mut value: i128 = 0;
        let mut places: i64 = 0;
        for digit in parts.digits().take(usize::try_from(whole).unwrap_or(0)) {
            value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
            places += 1;
        }
        // Ends after at most 39 rounds: the product overflows, or is zero for ever.
        while value != 0 && places < whole {
            value = value.checked_mul(10)?;
            places += 1;
        }
        Some(if parts.negative { -value } else { value })
    }

    fn parts(&self) -> Parts<'a> {
        let (negative, unsigned) = match self.text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, self.text),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // An exponent beyond an i32 is clamped: no mantissa within the bounds is that long.
        let clamp = if exponent.starts_with('-') { i32::MIN } else { i32::MAX };
        let exponent = exponent.parse::<i32>().unwrap_or(clamp);
        Parts { negative, whole, fraction, exponent }
    }
}

impl std::fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text)
    }
}

struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

impl<'a> Parts<'a> {
    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    /// How many of the digits stand before the decimal point once the exponent is applied.
    fn whole_digits(&self) -> i64 {
        self.whole.len() as i64 + i64::from(self.exponent)
    }
}

/// The offset after the number that starts at `at`; an error's payload is the offset of the byte at fault.
pub(crate) fn scan(source: &[u8], at: usize) -> Result<usize, usize> {
    let mut at = at;
    if source.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match source.get(at) {
        Some(b'0') => at + 1,
        _ => digits(source, at)?,
    };
    if source.get(at) == Some(&b'.') {
        at = digits(source, at + 1)?;
    }
    if matches!(source.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(source.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(source, at)?;
    }
    Ok(at)
}

/// Skips one or more digits.
fn digits(source: &[u8], start: usize) -> Result<usize, usize> {
    let mut at = start;
    while let Some(b'0'..=b'9') = source.get(at) {
        at += 1;
    }
    if at == start { Err(at) } else { Ok(at) }
}
