//! `enum` and `const` of words, `null` and booleans; lists with anything else are the validator's.

use serde_json::Value;
use tape::{Kind, Node};

/// The values that are allowed.
#[derive(Debug)]
pub(super) struct Words {
    /// In order.
    words: Vec<Box<str>>,
    null: bool,
    truth: bool,
    falsehood: bool,
}

impl Words {
    /// `None` when there is a value of another kind among them.
    pub(super) fn of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Option<Self> {
        let mut all = Self { words: Vec::new(), null: false, truth: false, falsehood: false };
        for value in values {
            match value {
                Value::String(word) => all.words.push(word.as_str().into()),
                Value::Null => all.null = true,
                Value::Bool(true) => all.truth = true,
                Value::Bool(false) => all.falsehood = true,
                Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
            }
        }
        all.words.sort();
        Some(all)
    }

    pub(super) fn hold(&self, node: Node<'_>) -> bool {
        match node.kind() {
            Kind::Null => self.null,
            Kind::Bool => node.as_bool().is_some_and(|value| if value { self.truth } else { self.falsehood }),
            Kind::String => node
                .as_str()
                .is_some_and(|text| self.words.binary_search_by(|word| word.as_ref().cmp(&*text)).is_ok()),
            Kind::Number | Kind::Array | Kind::Object => false,
        }
    }
}
