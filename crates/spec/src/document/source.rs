//! Where an API's operations come from, and what of them is known not to be enforced.

use crate::read::{Spanned, fault};
use crate::units::{FileRef, ParseError, text_type};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// Where an API's operations come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractSource {
    /// `none`: from `allow`.
    None,
    /// From a file.
    File(FileRef),
}

impl FromStr for ContractSource {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::File) }
    }
}

impl fmt::Display for ContractSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::File(file) => file.fmt(f),
        }
    }
}

text_type!(
    ContractSource,
    "the path of a contract, or `none`",
    "write a path, as in `./openapi.yaml`, or `none` with `allow`",
    schemars::json_schema!({
        "type": "string",
        "description": "path of a contract (OpenAPI, JSON or YAML), or `none`",
        "minLength": 1,
        "pattern": "^(?!https?://)",
        "examples": ["./openapi.yaml", "none"]
    })
);

/// One operation of an API without a contract: a method, or `*` for any, and a path whose last segment may be `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Allow {
    /// Upper-case method; `None` for any.
    pub method: Option<String>,
    /// Path without the final `*`; begins with `/`.
    pub path: String,
    /// Whether anything may follow the path.
    pub prefix: bool,
}

impl FromStr for Allow {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let help = "write a method and a path, as in `GET /status` or `* /files/*`";
            ParseError::new(format!("`{text}` names no operation"), help)
        };
        let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
        let method = match method {
            "*" => None,
            method if !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Some(method.to_owned())
            }
            _ => return Err(wrong()),
        };
        let (path, prefix) = match path.strip_suffix('*') {
            Some(path) if path.ends_with('/') => (path, true),
            _ => (path, false),
        };
        let clean = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"*?#{}\\".contains(&byte));
        if !path.starts_with('/') || !clean {
            return Err(wrong());
        }
        Ok(Self { method, path: path.to_owned(), prefix })
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_deref().unwrap_or("*");
        write!(f, "{method} {}{}", self.path, if self.prefix { "*" } else { "" })
    }
}

text_type!(
    Allow,
    "a method and a path",
    "write a method and a path, as in `GET /status/*`",
    schemars::json_schema!({
        "type": "string",
        "description": "an operation: a method (or `*`) and a path whose last segment may be `*`",
        "pattern": "^(\\*|[A-Z]+) /[^*?#{}\\\\ ]*\\*?$",
        "examples": ["GET /status/*"]
    })
);

/// Parts of a contract that are known not to be enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptUnenforced {
    /// A file with a pointer and a reason each.
    File(FileRef),
    /// JSON Pointers (RFC 6901) into the contract.
    Pointers(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for AcceptUnenforced {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AcceptVisitor;

        impl<'de> serde::de::Visitor<'de> for AcceptVisitor {
            type Value = AcceptUnenforced;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`file:path` or a list of pointers")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AcceptUnenforced, E> {
                match text.strip_prefix("file:") {
                    Some(path) if !path.is_empty() => Ok(AcceptUnenforced::File(FileRef::new(path))),
                    _ => Err(fault(
                        format_args!("`{text}` is not a file reference"),
                        "write `file:path`, or a list of pointers into the contract",
                    )),
                }
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<AcceptUnenforced, A::Error> {
                let mut pointers = Vec::new();
                while let Some(pointer) = seq.next_element()? {
                    pointers.push(pointer);
                }
                Ok(AcceptUnenforced::Pointers(pointers))
            }
        }

        deserializer.deserialize_any(AcceptVisitor)
    }
}

impl JsonSchema for AcceptUnenforced {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AcceptUnenforced".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "parts of the contract known not to be enforced",
            "anyOf": [
                { "type": "string", "pattern": "^file:.+$" },
                { "type": "array", "items": { "type": "string", "pattern": "^([^#]+#)?/" } }
            ]
        })
    }
}
