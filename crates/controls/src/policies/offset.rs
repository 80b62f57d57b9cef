//! Where a day begins: a distance from UTC, and times of the day.

/// Minutes of `+hh:mm` or `-hh:mm`, up to fourteen hours, which is as far as any place is.
pub(super) fn of(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    Some(sign * minute(rest)?).filter(|minutes| minutes.abs() <= 14 * 60)
}

/// Minutes since midnight of `hh:mm`; `24:00` is none.
pub(super) fn minute(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: i64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| digits && *number < below)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

/// Day of the week, from 1 for Monday (ISO 8601), and minutes since midnight, of seconds since 1970 and a distance from UTC in
/// minutes. 1970-01-01 was a Thursday.
pub(super) fn local(unix: i64, offset: i64) -> (i64, i64) {
    let seconds = unix.saturating_add(offset * 60);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    ((days + 3).rem_euclid(7) + 1, of_day / 60)
}
