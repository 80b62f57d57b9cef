//! The error of the reader: what serde found wrong, in a person's words, and whether its place is known yet.

use serde::de::{Error, Expected, Unexpected};
use std::fmt;

/// Between message and help in the text of a custom error; see [`fault`].
const HELP_MARK: &str = "\nhelp: ";

/// Code of the diagnostics whose source line must not be shown: it may hold a secret.
pub const SECRET_CODE: &str = "secret-literal";
/// The messages that get that code.
const SECRET: [&str; 2] = [crate::units::SECRET_IN_CLEAR, "expected a reference to a secret, found"];

/// An error for a `Deserialize` implementation, with what to do about it. The reader splits them again.
pub fn fault<E: Error>(message: impl fmt::Display, help: impl fmt::Display) -> E {
    E::custom(format_args!("{message}{HELP_MARK}{help}"))
}

/// What went wrong while reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Reported already, with its place.
    Reported,
    /// A key that must be there is not.
    Missing(&'static str),
    /// Anything else, whose place the reader adds.
    Other {
        /// Stable code of the diagnostic.
        code: &'static str,
        /// What is wrong.
        message: String,
        /// What to do.
        help: Option<String>,
    },
}

impl Fault {
    fn other(code: &'static str, message: String) -> Self {
        Self::Other { code, message, help: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported => f.write_str("reported"),
            Self::Missing(key) => write!(f, "the key `{key}` is missing"),
            Self::Other { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        let text = text.to_string();
        let secret = SECRET.iter().any(|message| text.starts_with(message));
        match text.split_once(HELP_MARK) {
            Some((message, help)) => Self::Other {
                code: if secret { SECRET_CODE } else { "invalid-value" },
                message: message.to_owned(),
                help: Some(help.to_owned()),
            },
            None => Self::other("invalid-value", text),
        }
    }

    /// Names the kind found, never the value: it may be a secret in the wrong place.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let kind = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
            Unexpected::Float(_) => "a number with a fraction",
            Unexpected::Str(_) | Unexpected::Char(_) => "a string",
            Unexpected::Unit | Unexpected::Option => "nothing",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a mapping",
            _ => "something else",
        };
        let expected = plain(expected);
        let help = match (kind, expected.as_str()) {
            ("nothing", _) => String::from("give it a value, or leave the key out"),
            (_, "a list") => String::from("write a list, as in `[a, b]`"),
            (_, "a mapping") => String::from("write keys and values under it, as in `key: value`"),
            ("a list" | "a mapping", _) => format!("write {expected}"),
            (_, "a string") => String::from("quote it"),
            ("a string", _) => format!("write {expected}, without quotes"),
            _ => format!("write {expected}"),
        };
        let message = format!("expected {expected}, found {kind}");
        let secret = SECRET.iter().any(|known| message.starts_with(known));
        let code = if secret { SECRET_CODE } else { "wrong-type" };
        Self::Other { code, message, help: Some(help) }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(value) => format!("`{value}`"),
            Unexpected::Unsigned(value) => format!("`{value}`"),
            Unexpected::Signed(value) => format!("`{value}`"),
            Unexpected::Float(value) => format!("`{value}`"),
            _ => String::from("another value"),
        };
        let expected = plain(expected);
        let message = format!("expected {expected}, found {found}");
        Self::Other { code: "invalid-value", message, help: Some(format!("write {expected}")) }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::other("invalid-value", format!("expected {}, found {length} items", plain(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = match diagnostics::nearest(variant, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", list(expected)),
        };
        Self::Other { code: "unknown-value", message: format!("unknown value `{variant}`"), help: Some(help) }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Other {
            code: "unknown-key",
            message: format!("unknown key `{field}`"),
            help: Some(key_help(field, expected.iter().copied())),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::other("duplicate-key", format!("the key `{field}` is there twice"))
    }
}

/// What to say of an unknown key: the nearest known one, that it comes later, or all there are.
pub(crate) fn key_help<'a>(key: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = diagnostics::nearest(key, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    if crate::document::LATER.contains(&key) {
        return String::from("not in this version");
    }
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    if known.is_empty() {
        String::from("no key is known here")
    } else {
        format!("known here: {}", list(&known))
    }
}

/// What serde's own visitors expect, without the names of Rust's types.
fn plain(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    let words = match expected.as_str() {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "a boolean" => "`true` or `false`",
        other if other.starts_with("struct ") => "a mapping",
        other => other,
    };
    words.to_owned()
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
