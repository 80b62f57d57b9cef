//! Typed reading of a tree: any `#[derive(Deserialize)]` type from a [`Node`], with all problems at once.
//!
//! serde stops at the first error, and a person wants all of them. So a value that fails is reported, remembered as bad,
//! and the reading is done again without it, until nothing new comes up: each round finds at least one more problem.
//! A mapping leaves out bad entries, a list bad items; a key that is missing only because its value was bad is not
//! reported again.
//!
//! What types should know: `deserialize_struct` refuses unknown keys by itself (no `deny_unknown_fields` needed, though
//! it makes the JSON Schema say so); `flatten` and `untagged` lose places and unknown keys, so avoid them. An error made
//! with [`fault`] carries a help line of its own.

mod deserializer;
mod fault;
mod spanned;
#[cfg(test)]
mod tests;

pub(crate) use fault::key_help;
pub use fault::{Fault, SECRET_CODE, fault};
pub use spanned::Spanned;

use crate::node::Node;
use deserializer::{NodeDeserializer, Reader};
use diagnostics::Diagnostics;
use serde::de::DeserializeOwned;

/// Most problems reported of one section.
const MAX_ROUNDS: usize = 64;

/// Reads a value, reporting everything that is wrong with it. `None` exactly when an error was reported that leaves no
/// value; unknown keys and bad items are errors too, but a value may still come back beside them.
pub fn read<T: DeserializeOwned>(node: &Node, out: &mut Diagnostics) -> Option<T> {
    let reader = Reader::default();
    let mut known = 0;
    for _ in 0..MAX_ROUNDS {
        let result = T::deserialize(NodeDeserializer::new(node, &reader));
        match result {
            Ok(value) => {
                out.extend(reader.into_diagnostics());
                return Some(value);
            }
            Err(fault) => {
                reader.locate(node, fault);
                if reader.progress() == known || reader.is_bad(node) {
                    break;
                }
                known = reader.progress();
            }
        }
    }
    out.extend(reader.into_diagnostics());
    None
}
