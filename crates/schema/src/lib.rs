//! The `jsonschema` validator over our tape: no value is built to be validated.
//!
//! What it promises: a value on the tape is judged as the same text would be that was read to a `serde_json::Value`.
//!
//! How it is used: `contract` makes [`Options`] with its formats and keywords, and [`build`]s a validator of each schema.
//!
//! It is a crate of its own because of what it costs to compile: the validator is generic over the kind of document, and
//! this is the one place where all of it is compiled for the tape.

mod tape_json;

use std::sync::Arc;

use jsonschema::{ErrorIterator, Retrieve, ValidationError, ValidationOptions};
use serde_json::Value;

pub use tape_json::{TapeArray, TapeItems, TapeJson, TapeMembers, TapeNode, TapeNumber, TapeObject};

/// A compiled schema.
pub type Validator = jsonschema::Validator<TapeJson>;

/// What a schema is compiled with.
pub type Options<'i> = ValidationOptions<'i, Arc<dyn Retrieve>, TapeJson>;

/// Options as the validator has them by itself.
#[must_use]
pub fn options<'i>() -> Options<'i> {
    jsonschema::options_for::<TapeJson>()
}

/// Compiles a schema.
///
/// # Errors
///
/// Why it is none.
pub fn build(options: &Options<'_>, schema: &Value) -> Result<Validator, ValidationError<'static>> {
    options.build(schema)
}

/// Whether a value fits.
#[must_use]
pub fn fits(validator: &Validator, node: TapeNode<'_>) -> bool {
    validator.is_valid(node)
}

/// All that does not fit, one after another.
#[must_use]
pub fn errors<'i>(validator: &'i Validator, node: TapeNode<'i>) -> ErrorIterator<'i> {
    validator.iter_errors(node)
}
