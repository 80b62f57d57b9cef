//! Formats (JSON Schema 2020-12 §7 asserted, and the OpenAPI format registry): what each one means for a string or a
//! number. A format that is neither here nor the validator's own is not enforced, and the import says so.

use serde_json::{Value, json};

/// How a format is enforced.
pub(crate) enum Meaning {
    /// By the validator or a check of ours on strings.
    Asserted,
    /// By bounds on numbers: lowest and highest value.
    Range(Value, Value),
    /// Only says something to people.
    Annotation,
    /// Nobody here knows it.
    Unknown,
}

/// Spellings in the wild that leave no doubt about what is meant.
pub(crate) fn plain_name(format: &str) -> &str {
    match format {
        "dateTime" | "datetime" | "DateTime" | "date_time" => "date-time",
        "Date" => "date",
        "URL" | "Url" => "url",
        "URI" => "uri",
        "UUID" | "Uuid" => "uuid",
        "e-mail" => "email",
        "Int32" => "int32",
        "Int64" | "long" => "int64",
        other => other,
    }
}

/// What a format means for a schema that may hold numbers, strings or both.
pub(crate) fn meaning(format: &str) -> Meaning {
    match format {
        "date"
        | "date-time"
        | "duration"
        | "email"
        | "hostname"
        | "idn-email"
        | "idn-hostname"
        | "ipv4"
        | "ipv6"
        | "iri"
        | "iri-reference"
        | "json-pointer"
        | "regex"
        | "relative-json-pointer"
        | "time"
        | "uri"
        | "uri-reference"
        | "uri-template"
        | "uuid" => Meaning::Asserted,
        name if OWN.iter().any(|(own, _)| *own == name) => Meaning::Asserted,
        "int8" => Meaning::Range(json!(i8::MIN), json!(i8::MAX)),
        "int16" => Meaning::Range(json!(i16::MIN), json!(i16::MAX)),
        "int32" => Meaning::Range(json!(i32::MIN), json!(i32::MAX)),
        "int64" => Meaning::Range(json!(i64::MIN), json!(i64::MAX)),
        "uint8" => Meaning::Range(json!(0), json!(u8::MAX)),
        "uint16" => Meaning::Range(json!(0), json!(u16::MAX)),
        "uint32" => Meaning::Range(json!(0), json!(u32::MAX)),
        "uint64" => Meaning::Range(json!(0), json!(u64::MAX)),
        "double-int" => Meaning::Range(json!(-((1_i64 << 53) - 1)), json!((1_i64 << 53) - 1)),
        "float" => Meaning::Range(json!(f64::from(f32::MIN)), json!(f64::from(f32::MAX))),
        "double" => Meaning::Range(json!(f64::MIN), json!(f64::MAX)),
        "unixtime" | "unix-time" | "unix-timestamp" => Meaning::Range(json!(i64::MIN), json!(i64::MAX)),
        "binary" | "password" | "html" | "commonmark" | "markdown" | "string" | "text" | "int"
        | "integer" | "number" | "boolean" | "bool" | "object" | "array" | "enum" | "multi-line"
        | "multiline" | "file" | "style" | "color" | "media-range" | "http-date" => Meaning::Annotation,
        _ => Meaning::Unknown,
    }
}

type Check = fn(&str) -> bool;

/// Checks of ours, given to the validator by name.
pub(crate) const OWN: &[(&str, Check)] = &[
    ("byte", is_base64),
    ("base64", is_base64),
    ("base64url", is_base64url),
    ("char", |text| text.chars().count() == 1),
    ("uuid4", is_uuid),
    ("guid", is_uuid),
    ("ip", is_ip),
    ("ip-address", is_ip),
    ("cidr", is_cidr),
    ("ipv4-cidr", is_cidr),
    ("mac", is_mac),
    ("decimal", is_decimal),
    ("decimal128", is_decimal),
    ("url", is_url),
    ("country-code", |text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())),
    ("yett-int64", |text| text.parse::<i64>().is_ok()),
    ("yett-int32", |text| text.parse::<i32>().is_ok()),
    ("yett-uint64", |text| text.parse::<u64>().is_ok()),
    ("yett-double", |text| text.parse::<f64>().is_ok()),
];

/// What a numeric format asks of a string that carries the number (`type: string, format: int64`).
pub(crate) fn for_string(format: &str) -> Option<&'static str> {
    match format {
        "int64" | "int" | "integer" | "unixtime" | "unix-time" | "unix-timestamp" => Some("yett-int64"),
        "int32" | "int16" | "int8" => Some("yett-int32"),
        "uint64" | "uint32" => Some("yett-uint64"),
        "double" | "float" => Some("yett-double"),
        _ => None,
    }
}

/// RFC 4648 §4, padded, line breaks refused.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// RFC 4648 §5, padding optional.
fn is_base64url(text: &str) -> bool {
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

fn is_ip(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| {
        let bits = match address.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        length.parse::<u8>().is_ok_and(|length| length <= bits)
    })
}

fn is_mac(text: &str) -> bool {
    text.len() == 17
        && text.bytes().enumerate().all(|(at, byte)| {
            if at % 3 == 2 { matches!(byte, b':' | b'-') } else { byte.is_ascii_hexdigit() }
        })
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && all(fraction)
}

/// A URL with a scheme and no white space; the validator's `uri` is stricter than what is called `url` in the wild.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    !rest.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
