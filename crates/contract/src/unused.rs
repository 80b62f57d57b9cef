//! References that no operation follows: what is wrong with them changes no call, and is worth a warning.

use diagnostics::Diagnostic;
use serde_json::Value;

use crate::documents::{Documents, Spot};

/// Keys whose values are data, where `$ref` is a name like any other.
const DATA: [&str; 5] = ["example", "examples", "default", "enum", "const"];

/// References of one chain.
const MAX_CHAIN: usize = 64;

impl Documents {
    /// Warns of the references of all files that lead nowhere and of which nothing was said yet.
    pub(crate) fn unused_references(&self) {
        let circles = !self.has_said("cyclic-ref");
        for (file, document) in self.files.iter().enumerate() {
            let mut stack = vec![(Spot::root(file), &document.value)];
            while let Some((at, value)) = stack.pop() {
                match value {
                    Value::Object(map) => {
                        if let Some(Value::String(reference)) = map.get("$ref") {
                            self.unused_reference(&at, reference, circles);
                        }
                        let below = map
                            .iter()
                            .filter(|(key, _)| !DATA.contains(&key.as_str()) && !key.starts_with("x-"));
                        stack.extend(
                            below.filter(|(_, value)| is_deep(value)).map(|(key, v)| (at.join(key), v)),
                        );
                    }
                    Value::Array(items) => {
                        let items = items.iter().enumerate().filter(|(_, value)| is_deep(value));
                        stack.extend(items.map(|(index, value)| (at.join(&index.to_string()), value)));
                    }
                    _ => {}
                }
            }
        }
    }

    fn unused_reference(&self, at: &Spot, reference: &str, circles: bool) {
        let help = "nothing that is called uses it; correct it, or remove it";
        let mut next = match self.target(at, reference) {
            Ok(next) => next,
            Err(message) => {
                self.say(Diagnostic::warning("unresolved-ref", message).help(help), &at.join("$ref"));
                return;
            }
        };
        if !circles {
            return;
        }
        for _ in 0..MAX_CHAIN {
            if next == *at {
                let message = format!("`{reference}` leads back to itself");
                self.say(Diagnostic::warning("cyclic-ref", message).help(help), &at.join("$ref"));
                return;
            }
            let Some(Value::String(further)) = self.get(&next).and_then(|value| value.get("$ref")) else {
                return;
            };
            match self.target(&next, further) {
                Ok(found) => next = found,
                Err(_) => return,
            }
        }
    }
}

fn is_deep(value: &Value) -> bool {
    value.is_object() || value.is_array()
}
