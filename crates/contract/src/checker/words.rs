//! The validator's errors in our words.

use std::borrow::Cow;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::MAX_ERRORS;
use crate::pointer;
use crate::violation::{Place, Violations};

/// One error in our words.
pub(super) fn push(error: &ValidationError<'_>, place: Place, prefix: &str, out: &mut Violations) {
    let at = format!("{prefix}{}", error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let keyword: &'static str = match error.kind() {
                ValidationErrorKind::AdditionalProperties { .. } => "additionalProperties",
                _ => "unevaluatedProperties",
            };
            for name in unexpected.iter().take(MAX_ERRORS) {
                out.push(place, &pointer::join(&at, name), keyword, "the property is not allowed here");
            }
        }
        kind => {
            let (keyword, message) = describe(kind);
            out.push(place, &at, keyword, message);
        }
    }
}

fn describe(kind: &ValidationErrorKind) -> (Cow<'static, str>, String) {
    use ValidationErrorKind as K;
    let message = match kind {
        K::Type { kind } => format!("must be {}", types(kind)),
        K::Required { property } => format!("`{}` is required", plain(property)),
        K::Enum { options } => format!("must be one of {}", list(options)),
        K::Constant { expected_value } => format!("must be `{}`", plain(expected_value)),
        K::Format { format } => format!("must be of the format `{}`", format.trim_start_matches("yett-")),
        K::Pattern { pattern } => format!("must match the pattern `{pattern}`"),
        K::Minimum { limit } => format!("must be {} or more", plain(limit)),
        K::Maximum { limit } => format!("must be {} or less", plain(limit)),
        K::ExclusiveMinimum { limit } => format!("must be more than {}", plain(limit)),
        K::ExclusiveMaximum { limit } => format!("must be less than {}", plain(limit)),
        K::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        K::MinLength { limit } => format!("must have at least {limit} characters"),
        K::MaxLength { limit } => format!("must have at most {limit} characters"),
        K::MinItems { limit } => format!("must have at least {limit} items"),
        K::MaxItems { limit } => format!("must have at most {limit} items"),
        K::AdditionalItems { limit } => format!("must have at most {limit} items"),
        K::MinProperties { limit } => format!("must have at least {limit} properties"),
        K::MaxProperties { limit } => format!("must have at most {limit} properties"),
        K::UniqueItems => String::from("must not hold two equal items"),
        K::Contains => String::from("must hold an item that the contract asks for"),
        K::UnevaluatedItems { .. } => String::from("has items that the contract does not declare"),
        K::PropertyNames { .. } => String::from("has a property name that the contract does not allow"),
        K::Not { .. } => String::from("must not be what the contract excludes"),
        K::FalseSchema => String::from("must not be there"),
        K::AnyOf { context } => format!("must match at least one of {} alternatives", context.len()),
        K::OneOfNotValid { context } => format!("must match one of {} alternatives", context.len()),
        K::OneOfMultipleValid { .. } => {
            String::from("must match exactly one alternative, and matches several")
        }
        K::Custom { message, .. } => message.clone(),
        _ => String::from("must match the contract's schema"),
    };
    let keyword = match kind {
        K::Custom { .. } => Cow::Borrowed("forbidden"),
        other => Cow::Owned(other.keyword().to_owned()),
    };
    (keyword, message)
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => format!("of the type `{one}`"),
        TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| format!("`{one}`")).collect();
            format!("of one of the types {}", names.join(", "))
        }
    }
}

fn plain(value: &Value) -> String {
    let mut text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    crate::violation::cut(&mut text, 80);
    text
}

fn list(options: &Value) -> String {
    let Some(values) = options.as_array() else { return plain(options) };
    let mut names: Vec<String> = values.iter().take(8).map(|value| format!("`{}`", plain(value))).collect();
    if values.len() > names.len() {
        names.push(String::from("…"));
    }
    names.join(", ")
}
