//! Bounds of names that go further than the contract: decisions, logs, metrics and commands carry them whole.

use serde_json::Value;

use super::Import;
use crate::documents::Spot;

/// Longest method, template, tag, scheme, scope and `operationId`, in bytes: many times what anybody writes. An operation without an id is
/// called by its method and template.
pub(crate) const LONGEST_NAME: usize = 1_024;

impl Import<'_> {
    /// Says that a name is too long; false then.
    pub(super) fn name(&self, at: &Spot, what: &str, name: &str) -> bool {
        let is_short = name.len() <= LONGEST_NAME;
        if !is_short {
            let message = format!("{what} of {} bytes; at most {LONGEST_NAME} are read", name.len());
            let help = "shorten it: decisions, logs and metrics carry it";
            self.documents.error(at, "name-too-long", message, help);
        }
        is_short
    }

    /// The tags of an operation.
    pub(super) fn tags(&self, operation: &Spot, value: &Value) -> Vec<String> {
        let at = operation.join("tags");
        let tags = value.get("tags").and_then(Value::as_array).into_iter().flatten().enumerate();
        tags.filter_map(|(index, tag)| Some((index, tag.as_str()?)))
            .filter(|(index, tag)| self.name(&at.join(&index.to_string()), "a tag", tag))
            .map(|(_, tag)| tag.to_owned())
            .collect()
    }
}
