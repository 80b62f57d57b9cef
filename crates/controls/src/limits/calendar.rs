//! Windows of a quota: aligned to the calendar in UTC, so that "10000/month" starts anew on the first of each month.

use engine::{UnixTime, calendar};
use spec::{Rate, RateUnit};

const DAY: u64 = 86_400;

/// How a quota's windows follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Of equal length, in seconds; the first begins `offset` seconds after 1970-01-01T00:00:00Z.
    Even {
        /// In seconds.
        length: u64,
        /// In seconds.
        offset: u64,
    },
    /// So many calendar months; twelve begin in January.
    Months(u64),
}

impl Window {
    /// The windows of a quota; `None` when its months do not divide a year.
    #[must_use]
    pub fn new(quota: Rate) -> Option<Self> {
        match (quota.unit(), quota.multiple()) {
            (RateUnit::Month, months) => (12 % months == 0).then_some(Self::Months(months)),
            // Weeks begin on Monday (ISO 8601): 1970-01-05 was the first.
            (RateUnit::Day, days) if days.is_multiple_of(7) => {
                Some(Self::Even { length: days * DAY, offset: 4 * DAY })
            }
            _ => Some(Self::Even { length: quota.window().as_secs(), offset: 0 }),
        }
    }

    /// Start and end of the window that `now` is in.
    #[must_use]
    pub fn around(self, now: UnixTime) -> (UnixTime, UnixTime) {
        let at = |seconds: u64| UnixTime(seconds.saturating_mul(1_000_000_000));
        match self {
            Self::Even { length, offset } => {
                let length = length.max(1);
                let into = now.seconds().saturating_sub(offset) % length;
                let start = now.seconds() - into;
                (at(start), at(start.saturating_add(length)))
            }
            Self::Months(months) => {
                let months = months.max(1);
                let first = month_of(now.seconds() / DAY) / months * months;
                (at(first_day(first) * DAY), at(first_day(first + months) * DAY))
            }
        }
    }
}

/// Months from January 1970 to the month of a day, days counted from 1970-01-01.
const fn month_of(day: u64) -> u64 {
    let (year, month, _) = calendar::civil(day);
    (year - 1970) * 12 + month - 1
}

/// Day of the first of a month, both counted from January 1970.
const fn first_day(month: u64) -> u64 {
    calendar::days(1970 + month / 12, month % 12 + 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_the_calendar() {
        // Moments and borders as of `date -u -d @N`.
        let cases: &[(&str, u64, u64, u64)] = &[
            ("1/min", 1_767_225_659, 1_767_225_600, 1_767_225_660),
            ("1/hour", 1_767_229_199, 1_767_225_600, 1_767_229_200),
            ("1/day", 1_767_311_999, 1_767_225_600, 1_767_312_000),
            // Thursday 2026-01-01 belongs to the week of Monday 2025-12-29.
            ("1/7day", 1_767_225_600, 1_766_966_400, 1_767_571_200),
            // January 2026, February 2026, February 2024 (a leap year), December 2025.
            ("1/month", 1_767_225_600, 1_767_225_600, 1_769_904_000),
            ("1/month", 1_769_904_000, 1_769_904_000, 1_772_323_200),
            ("1/month", 1_709_164_800, 1_706_745_600, 1_709_251_200),
            ("1/month", 1_767_225_599, 1_764_547_200, 1_767_225_600),
            ("1/3month", 1_769_904_000, 1_767_225_600, 1_775_001_600),
            ("1/12month", 1_775_001_600, 1_767_225_600, 1_798_761_600),
            ("1/month", 0, 0, 31 * DAY),
        ];
        for (quota, now, start, end) in cases {
            let window = Window::new(quota.parse().unwrap()).unwrap();
            let around = window.around(UnixTime(now * 1_000_000_000));
            assert_eq!((around.0.seconds(), around.1.seconds()), (*start, *end), "{quota} at {now}");
        }
        assert_eq!(Window::new("1/5month".parse().unwrap()), None);
    }

    #[test]
    fn months_lie_side_by_side_for_a_thousand_years() {
        for month in 0..12_000 {
            let (start, end) = (first_day(month), first_day(month + 1));
            assert!((28..=31).contains(&(end - start)));
            assert_eq!((month_of(start), month_of(end - 1)), (month, month));
        }
    }
}
