//! The pool of compiled schemas of one contract: equal schemas are compiled once, shared definitions live in one registry.
//!
//! While the document is read, a use of a schema is a [`Slot`] to be filled; [`Pool::compile`] fills all of them at the
//! end. A slot that could not be filled refuses everything.
//!
//! A schema is compiled twice: to rules of our own ([`crate::compiled`]), which say whether a value fits, and to a
//! `jsonschema` validator, which knows every keyword and says why a value does not fit.
//!
//! A reference to a definition is a keyword of ours that hands the value to that definition's
//! own validator: with plain `$ref`s every validator compiles all it reaches once more, which costs gigabytes where
//! schemas refer to one another in circles (Stripe's: 1.9 GiB, this way a few dozen MiB). References between parts of one
//! composition stay `$ref`s where what they evaluated counts for the whole, or where they lead in a circle.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use jsonschema::{Draft, Keyword, PatternCache, PatternOptions, Registry, ValidationError};
use schema::{TapeJson, TapeNode, Validator};
use serde_json::{Map, Value, json};

use crate::compiled::{Builder, Schema};
use crate::formats;
use crate::work;

/// Where the shared definitions live; not a place that could be fetched.
pub(crate) const BASE: &str = "yett:///contract";
/// Keyword of ours: the value must not be there at all; its argument is the reason.
pub(crate) const FORBIDDEN: &str = "x-yett-forbidden";
/// Keyword of ours: the value is checked by the definition of this number.
pub(crate) const DELEGATE: &str = "x-yett-definition";
/// Bytes of one compiled pattern.
const PATTERN_SIZE: usize = 4 << 20;

/// One schema, compiled.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    rules: OnceLock<Schema>,
    validator: OnceLock<Validator>,
    narrowing: OnceLock<bool>,
}

impl Slot {
    /// What explains a refusal; `None` when the schema could not be compiled.
    pub(crate) fn validator(&self) -> Option<&Validator> {
        self.validator.get()
    }

    /// Whether a value fits; nothing fits what could not be compiled.
    pub(crate) fn holds(&self, node: tape::Node<'_>, library: &Library) -> bool {
        self.rules.get().is_some_and(|rules| rules.holds(node, library))
    }

    /// Whether what fits the schema fits it as well with its objects open.
    pub(crate) fn is_narrowing(&self) -> bool {
        self.narrowing.get().copied().unwrap_or_default()
    }

    /// What the validator says, our own rules aside.
    pub(crate) fn judges(&self, node: tape::Node<'_>) -> bool {
        self.validator.get().is_some_and(|validator| schema::fits(validator, TapeNode::Value(node)))
    }
}

/// The shared definitions, by number. Keeps them alive: what refers to them does so by number or weakly.
#[derive(Debug, Default)]
pub(crate) struct Library(OnceLock<Vec<Arc<Slot>>>);

impl Library {
    /// The definition that an error of [`DELEGATE`] names, and its number.
    pub(crate) fn of_message(&self, message: &str) -> Option<(usize, &Arc<Slot>)> {
        let index = message.strip_prefix(DELEGATE)?.parse().ok()?;
        Some((index, self.get(index)?))
    }

    fn get(&self, index: usize) -> Option<&Arc<Slot>> {
        self.0.get()?.get(index)
    }

    /// The rules of a definition that is a part of another schema.
    pub(crate) fn part(&self, index: usize) -> Option<&Schema> {
        self.get(index)?.rules.get()
    }

    /// Judges a value by the definition of this number. One that is not there or could not be compiled refuses.
    pub(crate) fn hand_over(&self, index: usize, node: tape::Node<'_>) -> bool {
        work::once(index, node, || self.get(index).is_some_and(|slot| slot.holds(node, self)))
    }
}

/// A shared definition, and its slot when values are handed to it.
pub(crate) type Definition = (Value, Option<Arc<Slot>>);

/// All schemas of one contract.
pub(crate) struct Pool {
    pub(crate) library: Arc<Library>,
    by_text: HashMap<String, usize>,
    slots: Vec<(Value, Arc<Slot>)>,
    cache: PatternCache,
    patterns: HashMap<String, bool>,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self {
            library: Arc::default(),
            by_text: HashMap::new(),
            slots: Vec::new(),
            cache: PatternCache::new(),
            patterns: HashMap::new(),
        }
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
        let accepted = schema::build(&options(&self.cache), &json!({ "pattern": pattern })).is_ok();
        self.patterns.insert(pattern.to_owned(), accepted);
        accepted
    }

    /// Compiles every slot over one registry of `definitions`, those with a slot too; what fails is returned with its
    /// reason.
    pub(crate) fn compile(mut self, definitions: Vec<Definition>) -> Vec<String> {
        let (mut values, slots): (Vec<Value>, Vec<Option<Arc<Slot>>>) = definitions.into_iter().unzip();
        // Keywords speak in the order of their names, so that what is said first does not hang on how a schema was lowered.
        let schemas = self.slots.iter_mut().map(|(schema, _)| schema);
        values.iter_mut().chain(schemas).for_each(Value::sort_all_objects);
        self.compile_rules(&values, &slots);
        let reference = |index: usize| json!({ "$ref": format!("{BASE}#/$defs/{index}") });
        let handed: Vec<_> = slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| Some((reference(index), slot.clone()?)))
            .collect();
        let named: Map<String, Value> =
            values.into_iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect();
        let document = json!({ "$defs": named });
        let registry = Registry::new()
            .draft(Draft::Draft202012)
            .add(BASE, &document)
            .and_then(|builder| builder.prepare());
        let registry = match registry {
            Ok(registry) => registry,
            Err(error) => return vec![error.to_string()],
        };
        let library = Arc::downgrade(&self.library);
        let options =
            options(&self.cache).with_registry(&registry).with_keyword(DELEGATE, move |_, value, _| {
                let index =
                    value.as_u64().and_then(|index| usize::try_from(index).ok()).unwrap_or(usize::MAX);
                Ok(Box::new(Delegate { index, library: library.clone() }))
            });
        let mut failed = Vec::new();
        for (schema, slot) in self.slots.into_iter().chain(handed) {
            match schema::build(&options, &schema) {
                Ok(validator) => {
                    let _ = slot.validator.set(validator);
                }
                Err(error) => failed.push(format!("{} at {}", error.masked(), error.schema_path())),
            }
        }
        failed
    }

    /// Compiles the rules of every slot and definition, and gives the library its definitions.
    fn compile_rules(&mut self, values: &[Value], slots: &[Option<Arc<Slot>>]) {
        let uses = self.slots.clone();
        let mut builder = Builder::new(self, values);
        for (schema, slot) in &uses {
            let _ = slot.rules.set(builder.schema(schema));
            let _ = slot.narrowing.set(builder.is_narrowing(schema));
        }
        let mut all = Vec::with_capacity(values.len());
        for (value, slot) in values.iter().zip(slots) {
            let slot = slot.clone().unwrap_or_default();
            let _ = slot.rules.set(builder.schema(value));
            let _ = slot.narrowing.set(builder.is_narrowing(value));
            all.push(slot);
        }
        let _ = self.library.0.set(all);
    }
}

fn options<'i>(cache: &PatternCache) -> schema::Options<'i> {
    let mut options = schema::options()
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

/// Hands the value to a definition. One that is gone refuses.
struct Delegate {
    index: usize,
    library: Weak<Library>,
}

impl<'i> Keyword<'i, TapeJson> for Delegate {
    fn validate(&self, node: TapeNode<'i>) -> Result<(), ValidationError<'i>> {
        if Keyword::<TapeJson>::is_valid(self, node) {
            return Ok(());
        }
        Err(ValidationError::custom(format!("{DELEGATE}{}", self.index)))
    }

    fn is_valid(&self, node: TapeNode<'i>) -> bool {
        let Some(library) = self.library.upgrade() else { return false };
        match node {
            TapeNode::Value(node) => library.hand_over(self.index, node),
            TapeNode::Name(_) => {
                let slot = library.get(self.index);
                work::step()
                    && slot
                        .and_then(|slot| slot.validator())
                        .is_some_and(|validator| schema::fits(validator, node))
            }
        }
    }
}
