//! Scalars that are checked without a validator: most parameters are a bounded integer, a boolean, a UUID or a word of a
//! list, and for those a tape and a validator cost more than the check.

use serde_json::{Map, Value};

use crate::formats;
use crate::style::Wrong;

/// A scalar and its bounds.
#[derive(Debug)]
pub(crate) enum Fast {
    Integer { minimum: i64, maximum: i64 },
    Boolean,
    Text { minimum: usize, maximum: usize, uuid: bool },
    Words(Vec<String>),
}

impl Fast {
    /// From a lowered schema, when it says nothing else.
    pub(crate) fn of(schema: &Value) -> Option<Self> {
        let map = schema.as_object()?;
        let only = |allowed: &[&str]| map.keys().all(|key| allowed.contains(&key.as_str()));
        match map.get("type")?.as_str()? {
            "boolean" if only(&["type"]) => Some(Self::Boolean),
            "integer" if only(&["type", "minimum", "maximum"]) => Some(Self::Integer {
                minimum: bound(map, "minimum", i64::MIN)?,
                maximum: bound(map, "maximum", i64::MAX)?,
            }),
            "string" if only(&["type", "enum"]) => {
                let words = map.get("enum")?.as_array()?;
                words
                    .iter()
                    .map(|word| word.as_str().map(str::to_owned))
                    .collect::<Option<_>>()
                    .map(Self::Words)
            }
            "string" if only(&["type", "minLength", "maxLength", "format"]) => {
                let uuid = match map.get("format") {
                    None => false,
                    Some(format) if format == "uuid" => true,
                    Some(_) => return None,
                };
                Some(Self::Text {
                    minimum: length(map, "minLength", 0)?,
                    maximum: length(map, "maxLength", usize::MAX)?,
                    uuid,
                })
            }
            _ => None,
        }
    }

    /// Whether a value is one of those that a contract leaves no room in.
    pub(crate) fn settles(&self, text: &str) -> bool {
        !matches!(self, Self::Text { uuid: false, .. }) && self.check(text).is_ok()
    }

    pub(crate) fn check(&self, text: &str) -> Result<(), Wrong> {
        const TYPE: &str = "type";
        match self {
            Self::Boolean if matches!(text, "true" | "false") => Ok(()),
            Self::Boolean => Err((TYPE, "must be `true` or `false`")),
            Self::Integer { minimum, maximum } => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let plain = digits == "0" || (!digits.starts_with('0') && !digits.is_empty());
                if !plain || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err((TYPE, "must be of the type `integer`"));
                }
                match text.parse::<i64>() {
                    Ok(value) if value < *minimum => {
                        Err(("minimum", "must not be below the contract's minimum"))
                    }
                    Ok(value) if value > *maximum => {
                        Err(("maximum", "must not be above the contract's maximum"))
                    }
                    Ok(_) => Ok(()),
                    Err(_) => Err(("maximum", "must be within the contract's bounds")),
                }
            }
            Self::Words(words) if words.iter().any(|word| word == text) => Ok(()),
            Self::Words(_) => Err(("enum", "must be one of the contract's values")),
            Self::Text { minimum, maximum, uuid } => {
                if text.contains('\0') {
                    return Err(("encoding", "must not hold a null character"));
                }
                if *minimum > 0 || *maximum < usize::MAX {
                    let count = text.chars().count();
                    if count < *minimum {
                        return Err(("minLength", "must not be shorter than the contract's minimum"));
                    }
                    if count > *maximum {
                        return Err(("maxLength", "must not be longer than the contract's maximum"));
                    }
                }
                if *uuid && !formats::is_uuid(text) {
                    return Err(("format", "must be of the format `uuid`"));
                }
                Ok(())
            }
        }
    }
}

fn bound(map: &Map<String, Value>, key: &str, otherwise: i64) -> Option<i64> {
    map.get(key).map_or(Some(otherwise), Value::as_i64)
}

fn length(map: &Map<String, Value>, key: &str, otherwise: usize) -> Option<usize> {
    map.get(key).map_or(Some(otherwise), |value| value.as_u64().and_then(|value| usize::try_from(value).ok()))
}
