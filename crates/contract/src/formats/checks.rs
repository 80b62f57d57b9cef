//! The checks of formats on strings, each by the grammar it names.

use crate::media::{is_token, split_at_semicolon, unquote};

/// RFC 4648 §4, padded, line breaks refused.
pub(super) fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// RFC 4648 §5, padding optional.
pub(super) fn is_base64url(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len() - body.len() <= 2
        && body.len() % 4 != 1
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// RFC 9562 §4.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

pub(super) fn is_ip(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

pub(super) fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| {
        let bits = match address.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        length.parse::<u8>().is_ok_and(|length| length <= bits)
    })
}

pub(super) fn is_mac(text: &str) -> bool {
    text.len() == 17
        && text.bytes().enumerate().all(|(at, byte)| {
            if at % 3 == 2 { matches!(byte, b':' | b'-') } else { byte.is_ascii_hexdigit() }
        })
}

pub(super) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && all(fraction)
}

/// A URL with a scheme and no white space; the validator's `uri` is stricter than what is called `url` in the wild.
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    !rest.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// RFC 4648 §6 (base 32) and §7 (with the extended hexadecimal alphabet), padded; the encodings are made to be read
/// without regard to case.
pub(super) fn is_base32(text: &str) -> bool {
    padded_base32(text, |byte| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte))
}

pub(super) fn is_base32_hex(text: &str) -> bool {
    padded_base32(text, |byte| matches!(byte.to_ascii_uppercase(), b'0'..=b'9' | b'A'..=b'V'))
}

fn padded_base32(text: &str, is_digit: fn(u8) -> bool) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(8)
        && matches!(text.len() - body.len(), 0 | 1 | 3 | 4 | 6)
        && body.bytes().all(is_digit)
}

/// RFC 4648 §8, in either case.
pub(super) fn is_base16(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// RFC 9562 §5.4: version 4 of the variant of that document.
pub(super) fn is_uuid4(text: &str) -> bool {
    let bytes = text.as_bytes();
    is_uuid(text)
        && bytes.get(14) == Some(&b'4')
        && matches!(bytes.get(19).map(u8::to_ascii_lowercase), Some(b'8' | b'9' | b'a' | b'b'))
}

/// A finite number in digits.
pub(super) fn is_number(text: &str) -> bool {
    is_number_below(text, f64::MAX)
}

/// A number in digits whose magnitude is not above `limit`.
pub(super) fn is_number_below(text: &str, limit: f64) -> bool {
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes().all(plain) && text.parse::<f64>().is_ok_and(|number| number.abs() <= limit)
}

/// RFC 9110 §12.5.1: `*/*`, `type/*` or `type/subtype`, with parameters and without a weight of its own.
pub(super) fn is_media_range(text: &str) -> bool {
    let (essence, mut rest) = split_at_semicolon(text);
    let blank = [' ', '\t'];
    let Some((kind, subtype)) = essence.trim_end_matches(blank).split_once('/') else { return false };
    if !is_token(kind) || !is_token(subtype) || (kind == "*" && subtype != "*") {
        return false;
    }
    while let Some(parameter) = rest {
        let (one, next) = split_at_semicolon(parameter);
        rest = next;
        let one = one.trim_start_matches(blank);
        let one = if next.is_some() { one.trim_end_matches(blank) } else { one };
        let good = |(name, value): (&str, &str)| is_token(name) && unquote(value).is_some();
        if !one.is_empty() && !one.split_once('=').is_some_and(good) {
            return false;
        }
    }
    true
}

/// RFC 9110 §5.6.7: an IMF-fixdate, or one of the two older forms that recipients have to take as well.
pub(super) fn is_http_date(text: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const LONG_DAYS: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let parts: Vec<&str> = text.split(' ').collect();
    match *parts.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [name, day, month, year, time, "GMT"] => {
            name.strip_suffix(',').is_some_and(|name| DAYS.contains(&name))
                && year.len() == 4
                && is_date(day, month, year)
                && is_time(time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [name, date, time, "GMT"] => {
            let date: Vec<&str> = date.split('-').collect();
            let [day, month, year] = *date.as_slice() else { return false };
            name.strip_suffix(',').is_some_and(|name| LONG_DAYS.contains(&name))
                && year.len() == 2
                && is_date(day, month, year)
                && is_time(time)
        }
        // Sun Nov  6 08:49:37 1994
        [name, month, "", day, time, year] => {
            let padded = format!("0{day}");
            DAYS.contains(&name) && year.len() == 4 && is_date(&padded, month, year) && is_time(time)
        }
        [name, month, day, time, year] => {
            !day.starts_with('0')
                && DAYS.contains(&name)
                && year.len() == 4
                && is_date(day, month, year)
                && is_time(time)
        }
        _ => false,
    }
}

/// Two digits of a day that the month has (29 February of any year), the month's name, digits of a year.
fn is_date(day: &str, month: &str, year: &str) -> bool {
    let days = match month {
        "Feb" => 29,
        "Apr" | "Jun" | "Sep" | "Nov" => 30,
        "Jan" | "Mar" | "May" | "Jul" | "Aug" | "Oct" | "Dec" => 31,
        _ => return false,
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    day.len() == 2
        && digits(day)
        && digits(year)
        && day.parse::<u8>().is_ok_and(|day| (1..=days).contains(&day))
}

/// `hour:minute:second`; a leap second is 60.
fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let [hour, minute, second] = *parts.as_slice() else { return false };
    let within = |text: &str, highest: u8| {
        text.len() == 2
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse::<u8>().is_ok_and(|number| number <= highest)
    };
    within(hour, 23) && within(minute, 59) && within(second, 60)
}
