//! Days of the calendar: the proleptic Gregorian one in UTC, from 1970 on, in both directions.
//!
//! Years that begin in March put the leap day last, and 400 of them have 146,097 days (Howard Hinnant, "chrono-compatible
//! low-level date algorithms", `civil_from_days` and `days_from_civil`).

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;
/// Days of 400 years.
const ERA: u64 = 146_097;

/// Year, month (from 1) and day (from 1) of a count of days since 1970-01-01.
#[must_use]
pub const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + EPOCH;
    let (era, of_era) = (shifted / ERA, shifted % ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + (month <= 2) as u64, month, day)
}

/// Days from 1970-01-01 to a day of 1970 or later; its month and day count from 1.
#[must_use]
pub const fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - (month <= 2) as u64;
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // As of `date -u -d @N`, N in days.
        for (count, date) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_453, (2025, 12, 31)),
            (20_513, (2026, 3, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(count), date);
            assert_eq!(days(date.0, date.1, date.2), count);
        }
    }

    #[test]
    fn each_day_of_a_thousand_years_is_one_day_and_follows_the_one_before() {
        let mut before = civil(0);
        for count in 1..365_250 {
            let date = civil(count);
            assert_eq!(days(date.0, date.1, date.2), count);
            assert!(date > before, "{date:?}");
            before = date;
        }
    }
}
