//! Numbers: `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, in decimal as they are written.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value};
use tape::Node;

use crate::schemas::Slot;

/// Digits that a double keeps whatever they are: up to here decimal and binary order agree.
const DIGITS: usize = 15;
/// Above every number of [`DIGITS`] digits.
const BEYOND: f64 = 1e16;

/// `mantissa` / 10^`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    mantissa: i64,
    scale: u32,
}

impl Decimal {
    /// Of a text without an exponent and with at most [`DIGITS`] digits.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        if digits.len() > DIGITS + 1 {
            return None;
        }
        let (mut mantissa, mut scale, mut fraction) = (0_i64, 0_u32, false);
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    mantissa = mantissa * 10 + i64::from(byte - b'0');
                    scale += u32::from(fraction);
                }
                b'.' if !fraction => fraction = true,
                _ => return None,
            }
        }
        (digits.len() - usize::from(fraction) <= DIGITS)
            .then(|| Self { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// Both as whole numbers of the finer of the two units; 15 digits and 15 places fit twice over.
    fn aligned(self, other: Self) -> (i128, i128) {
        let unit = self.scale.max(other.scale);
        let scaled = |one: Self| i128::from(one.mantissa) * 10_i128.pow(unit - one.scale);
        (scaled(self), scaled(other))
    }

    fn compare(self, other: Self) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        let (one, two) = self.aligned(other);
        one.cmp(&two)
    }

    /// `step` is above 0.
    fn is_multiple_of(self, step: Self) -> bool {
        let (value, step) = self.aligned(step);
        value.checked_rem(step) == Some(0)
    }
}

/// The bounds of a number.
#[derive(Debug)]
pub(super) struct Numbers {
    bounds: Option<Bounds>,
    /// The same keywords, for numbers that are not plain.
    other: Arc<Slot>,
}

#[derive(Debug, Default)]
struct Bounds {
    least: Option<Decimal>,
    most: Option<Decimal>,
    above: Option<Decimal>,
    below: Option<Decimal>,
    step: Option<Decimal>,
}

impl Numbers {
    /// From the keywords of a schema; `other` is the validator of the same.
    pub(super) fn new(keywords: &Map<String, Value>, other: Arc<Slot>) -> Self {
        Self { bounds: Bounds::of(keywords), other }
    }

    pub(super) fn hold(&self, node: Node<'_>) -> bool {
        let plain = node.as_number().and_then(|number| Decimal::of(number.text()));
        match (&self.bounds, plain) {
            (Some(bounds), Some(value)) => bounds.hold(value),
            _ => self.other.judges(node),
        }
    }
}

impl Bounds {
    fn of(keywords: &Map<String, Value>) -> Option<Self> {
        let mut all = Self::default();
        for (key, value) in keywords {
            let size = value.as_f64()?;
            // No plain number reaches so far: the bounds of `int64`, `double` and their like are none here.
            let (never_below, never_above) = (size <= -BEYOND, size >= BEYOND);
            let limit = || Decimal::of(&value.as_number()?.to_string());
            match key.as_str() {
                "minimum" | "exclusiveMinimum" if never_below => {}
                "maximum" | "exclusiveMaximum" if never_above => {}
                "minimum" => all.least = Some(limit()?),
                "maximum" => all.most = Some(limit()?),
                "exclusiveMinimum" => all.above = Some(limit()?),
                "exclusiveMaximum" => all.below = Some(limit()?),
                "multipleOf" => all.step = Some(limit().filter(|step| step.mantissa > 0)?),
                _ => return None,
            }
        }
        Some(all)
    }

    fn hold(&self, value: Decimal) -> bool {
        self.least.is_none_or(|least| value.compare(least).is_ge())
            && self.most.is_none_or(|most| value.compare(most).is_le())
            && self.above.is_none_or(|above| value.compare(above).is_gt())
            && self.below.is_none_or(|below| value.compare(below).is_lt())
            && self.step.is_none_or(|step| value.is_multiple_of(step))
    }
}
