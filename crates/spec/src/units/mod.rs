//! Scalars with units: each is a string in the document that says what it measures, and is refused as a bare number.
//!
//! Every type parses from text ([`std::str::FromStr`]), prints in the same notation ([`std::fmt::Display`]), and
//! describes itself in the JSON Schema by a pattern and an example.

mod address;
mod balance;
mod duration;
mod mode;
mod percent;
mod pin;
mod rate;
mod reference;
mod size;
mod socket;
#[cfg(test)]
mod tests;

pub use address::{Bind, Cidr, Url};
pub use balance::Balance;
pub use duration::Duration;
pub use mode::Mode;
pub use percent::Percent;
pub use pin::{Pin, ServerName};
pub use rate::{Rate, RateUnit};
pub(crate) use reference::SECRET_IN_CLEAR;
pub use reference::{FileOrUrl, FileRef, PublicKey, SecretRef, Strings};
pub use size::Size;
pub use socket::{FileMode, ListenAddress};

use std::fmt;

/// Why a text is not what it should be. Neither part echoes what may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl ParseError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

impl std::error::Error for ParseError {}

/// serde and schemars for a type that is a string in the document: `what` names it in messages, `units` says how to
/// write it when a bare number is found.
macro_rules! text_type {
    ($name:ident, $what:literal, $units:literal, $schema:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct TextVisitor;

                impl serde::de::Visitor<'_> for TextVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|error: $crate::units::ParseError| {
                            $crate::read::fault(error.message, error.help)
                        })
                    }

                    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<$name, E> {
                        Err($crate::read::fault(concat!("expected ", $what, ", found a bare number"), $units))
                    }

                    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<$name, E> {
                        self.visit_u64(0)
                    }

                    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<$name, E> {
                        self.visit_u64(0)
                    }
                }

                deserializer.deserialize_str(TextVisitor)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(crate) use text_type;

/// Splits a number from what follows it.
pub(crate) fn number_and_rest(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    number.parse().ok().map(|number| (number, rest))
}
