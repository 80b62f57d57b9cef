//! Swagger 2.0 → OpenAPI 3.0.

use diagnostics::Diagnostics;
use serde_json::Value;

/// Converts.
///
/// # Errors
/// What cannot be converted.
pub fn convert_swagger(value: Value) -> Result<Value, Diagnostics> {
    Ok(value)
}
