//! The pool of compiled schemas of one contract: equal schemas are compiled once, shared definitions live in one registry.
//!
//! While the document is read, a use of a schema is a [`Slot`] to be filled; [`Pool::compile`] fills all of them at the
//! end. A slot that could not be filled refuses everything.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jsonschema::{Draft, Keyword, PatternCache, PatternOptions, Registry, ValidationError, ValidationOptions, Validator};
use serde_json::{Map, Value, json};

use crate::formats;
use crate::tape_json::{TapeJson, TapeNode};

/// Where the shared definitions live; not a place that could be fetched.
pub(crate) const BASE: &str = "yett:///contract";
/// Keyword of ours: the value must not be there at all; its argument is the reason.
pub(crate) const FORBIDDEN: &str = "x-yett-forbidden";
/// Bytes of one compiled pattern.
const PATTERN_SIZE: usize = 4 << 20;

/// One compiled schema.
#[derive(Debug, Default)]
pub(crate) struct Slot(OnceLock<Validator<TapeJson>>);

impl Slot {
    pub(crate) fn get(&self) -> Option<&Validator<TapeJson>> {
        self.0.get()
    }
}

/// All schemas of one contract.
pub(crate) struct Pool {
    by_text: HashMap<String, usize>,
    slots: Vec<(Value, Arc<Slot>)>,
    cache: PatternCache,
    patterns: HashMap<String, bool>,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self { by_text: HashMap::new(), slots: Vec::new(), cache: PatternCache::new(), patterns: HashMap::new() }
    }

    /// The slot of a lowered schema; equal schemas share one.
    pub(crate) fn intern(&mut self, schema: Value) -> Arc<Slot> {
        let text = schema.to_string();
        let next = self.slots.len();
        let index = *self.by_text.entry(text).or_insert(next);
        if index == next {
            self.slots.push((schema, Arc::default()));
        }
        self.slots.get(index).map(|(_, slot)| slot.clone()).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether the linear-time engine takes a pattern.
    pub(crate) fn accepts_pattern(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.patterns.get(pattern) {
            return *known;
        }
        let accepted = options(&self.cache).build(&json!({ "pattern": pattern })).is_ok();
        self.patterns.insert(pattern.to_owned(), accepted);
        accepted
    }

    /// Compiles every slot over one registry of `definitions`; what fails is returned with its reason.
    pub(crate) fn compile(self, definitions: Vec<Value>) -> Vec<String> {
        let named: Map<String, Value> =
            definitions.into_iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect();
        let document = json!({ "$defs": named });
        let registry =
            Registry::new().draft(Draft::Draft202012).add(BASE, &document).and_then(|builder| builder.prepare());
        let registry = match registry {
            Ok(registry) => registry,
            Err(error) => return vec![error.to_string()],
        };
        let options = options(&self.cache).with_registry(&registry);
        let mut failed = Vec::new();
        for (schema, slot) in self.slots {
            match options.build(&schema) {
                Ok(validator) => {
                    let _ = slot.0.set(validator);
                }
                Err(error) => failed.push(format!("{} at {}", error.masked(), error.schema_path())),
            }
        }
        failed
    }
}

fn options<'i>(cache: &PatternCache) -> ValidationOptions<'i, Arc<dyn jsonschema::Retrieve>, TapeJson> {
    let mut options = jsonschema::options_for::<TapeJson>()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE))
        .with_pattern_cache(cache.clone())
        .should_validate_formats(true)
        .offline()
        .with_keyword(FORBIDDEN, |_, value, _| {
            let reason = value.as_str().unwrap_or("must not be sent").to_owned();
            Ok(Box::new(Forbidden(reason)))
        });
    for (name, check) in formats::OWN {
        options = options.with_format(*name, *check);
    }
    options
}

/// Refuses whatever is there.
struct Forbidden(String);

impl<'i> Keyword<'i, TapeJson> for Forbidden {
    fn validate(&self, _: TapeNode<'i>) -> Result<(), ValidationError<'i>> {
        Err(ValidationError::custom(self.0.clone()))
    }

    fn is_valid(&self, _: TapeNode<'i>) -> bool {
        false
    }
}
