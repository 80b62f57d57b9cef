//! Formats (JSON Schema 2020-12 §7 asserted, and the OpenAPI format registry): what each one means for a string or a
//! number. A format that is neither here nor the validator's own is not enforced, and the import says so.

mod checks;

use serde_json::{Value, json};

pub(crate) use checks::is_uuid;
use checks::{
    is_base16, is_base32, is_base32_hex, is_base64, is_base64url, is_cidr, is_decimal, is_http_date, is_ip,
    is_mac, is_media_range, is_number, is_number_below, is_url, is_uuid4,
};

/// How a format is enforced.
pub(crate) enum Meaning {
    /// By the validator or a check of ours on strings.
    Asserted,
    /// On numbers by bounds, on strings by a check of the number that they carry.
    Number(Number),
    /// Says no more than that the value is of this type.
    Type(&'static str),
    /// No value of the type fails it, or it only says something to people.
    Annotation,
    /// Nobody here knows it.
    Unknown,
}

/// A format of numbers.
pub(crate) struct Number {
    /// Whether a fraction is refused.
    pub(crate) whole: bool,
    /// Lowest and highest value.
    pub(crate) range: Option<(Value, Value)>,
    /// The check of a string that carries the number (`type: string, format: int64`).
    pub(crate) text: &'static str,
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

/// What a format means.
///
/// `idn-email` and `idn-hostname` are not here: which labels are valid is for the tables of IDNA (RFC 5892) to say,
/// which this build does not have.
pub(crate) fn meaning(format: &str) -> Meaning {
    match format {
        "date"
        | "date-time"
        | "duration"
        | "email"
        | "hostname"
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
        "boolean" | "bool" => Meaning::Type("boolean"),
        "object" => Meaning::Type("object"),
        "array" => Meaning::Type("array"),
        // Any text is HTML and CommonMark; `binary` and `file` are bytes of any kind.
        "binary" | "password" | "html" | "commonmark" | "markdown" | "string" | "text" | "enum"
        | "multi-line" | "multiline" | "file" => Meaning::Annotation,
        name => number(name).map_or(Meaning::Unknown, Meaning::Number),
    }
}

fn number(format: &str) -> Option<Number> {
    let whole = |low: Value, high: Value, text| Number { whole: true, range: Some((low, high)), text };
    let any = |range, text| Number { whole: false, range, text };
    Some(match format {
        "int8" => whole(json!(i8::MIN), json!(i8::MAX), "yett-int8"),
        "int16" => whole(json!(i16::MIN), json!(i16::MAX), "yett-int16"),
        "int32" => whole(json!(i32::MIN), json!(i32::MAX), "yett-int32"),
        "int64" => whole(json!(i64::MIN), json!(i64::MAX), "yett-int64"),
        "uint8" => whole(json!(0), json!(u8::MAX), "yett-uint8"),
        "uint16" => whole(json!(0), json!(u16::MAX), "yett-uint16"),
        "uint32" => whole(json!(0), json!(u32::MAX), "yett-uint32"),
        "uint64" => whole(json!(0), json!(u64::MAX), "yett-uint64"),
        "double-int" => whole(json!(-DOUBLE_INT), json!(DOUBLE_INT), "yett-double-int"),
        "int" | "integer" => Number { whole: true, range: None, text: "yett-int64" },
        "number" => any(None, "yett-double"),
        "float" => any(Some((json!(f64::from(f32::MIN)), json!(f64::from(f32::MAX)))), "yett-float"),
        "double" => any(Some((json!(f64::MIN), json!(f64::MAX))), "yett-double"),
        "unixtime" | "unix-time" | "unix-timestamp" => {
            any(Some((json!(i64::MIN), json!(i64::MAX))), "yett-int64")
        }
        _ => return None,
    })
}

/// The check of a string in a content encoding (RFC 4648, RFC 2045 §6); `Ok(None)` for one that any string fits, `Err`
/// for one that is not checked. Names are compared without regard to case, as those of RFC 2045 are.
pub(crate) fn of_encoding(encoding: &str) -> Result<Option<&'static str>, ()> {
    match encoding.to_ascii_lowercase().as_str() {
        "base64" => Ok(Some("byte")),
        "base64url" => Ok(Some("base64url")),
        "base32" => Ok(Some("yett-base32")),
        "base32hex" => Ok(Some("yett-base32hex")),
        "base16" | "hex" => Ok(Some("yett-base16")),
        "binary" => Ok(None),
        _ => Err(()),
    }
}

/// The largest integer that a double tells from its neighbors.
const DOUBLE_INT: i64 = (1 << 53) - 1;

type Check = fn(&str) -> bool;

/// Checks of ours, given to the validator by name.
pub(crate) const OWN: &[(&str, Check)] = &[
    ("byte", is_base64),
    ("base64", is_base64),
    ("base64url", is_base64url),
    ("char", |text| text.chars().count() == 1),
    ("uuid4", is_uuid4),
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
    ("http-date", is_http_date),
    ("media-range", is_media_range),
    ("yett-base16", is_base16),
    ("yett-base32", is_base32),
    ("yett-base32hex", is_base32_hex),
    ("yett-int8", |text| text.parse::<i8>().is_ok()),
    ("yett-int16", |text| text.parse::<i16>().is_ok()),
    ("yett-int32", |text| text.parse::<i32>().is_ok()),
    ("yett-int64", |text| text.parse::<i64>().is_ok()),
    ("yett-uint8", |text| text.parse::<u8>().is_ok()),
    ("yett-uint16", |text| text.parse::<u16>().is_ok()),
    ("yett-uint32", |text| text.parse::<u32>().is_ok()),
    ("yett-uint64", |text| text.parse::<u64>().is_ok()),
    ("yett-double-int", |text| {
        text.parse::<i64>().is_ok_and(|number| (-DOUBLE_INT..=DOUBLE_INT).contains(&number))
    }),
    ("yett-float", |text| is_number_below(text, f64::from(f32::MAX))),
    ("yett-double", is_number),
];
