//! Keys that an object of OpenAPI does not have: what was meant by a misspelled `required` or `security` is not enforced.

use serde_json::Value;

use super::Import;
use crate::documents::Spot;
use crate::lower::is_known_dialect;

pub(super) const OPERATION: &[&str] = &[
    "tags",
    "summary",
    "description",
    "externalDocs",
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "callbacks",
    "deprecated",
    "security",
    "servers",
];

pub(super) const PARAMETER: &[&str] = &[
    "name",
    "in",
    "description",
    "required",
    "deprecated",
    "allowEmptyValue",
    "style",
    "explode",
    "allowReserved",
    "schema",
    "content",
    "example",
    "examples",
    // Beside a reference.
    "$ref",
    "summary",
];

pub(super) const REQUEST_BODY: &[&str] = &["description", "content", "required", "$ref", "summary"];

impl Import<'_> {
    /// Notes keys that are neither known nor extensions.
    pub(super) fn keys(&mut self, at: &Spot, value: &Value, known: &[&str], owner: &str) {
        let Some(map) = value.as_object() else { return };
        for key in map.keys().filter(|key| !key.starts_with("x-") && !known.contains(&key.as_str())) {
            let hint = diagnostics::nearest(key, known.iter().copied())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            self.lowering.operation_issue(&at.join(key), format!("{owner} has no `{key}`{hint}"));
        }
    }

    /// Notes a document whose schemas are of another dialect than the one they are read in.
    pub(super) fn default_dialect(&mut self) {
        let root = self.documents.files.first().map(|file| &file.value);
        let Some(Value::String(uri)) = root.and_then(|root| root.get("jsonSchemaDialect")) else { return };
        if !is_known_dialect(uri) {
            let what = format!("the dialect `{uri}` is read as JSON Schema 2020-12");
            self.lowering.operation_issue(&Spot::root(0).join("jsonSchemaDialect"), what);
        }
    }

    /// A key that is true or false, and false when it is not there.
    pub(super) fn flag(&mut self, at: &Spot, value: &Value, key: &str) -> bool {
        match value.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                let help = "write `true` or `false`, without quotes";
                self.documents.error(&at.join(key), "bad-flag", format!("`{key}` is true or false"), help);
                false
            }
        }
    }
}
