//! From a contract's schemas to the ones that are compiled: OpenAPI 3.0, 3.1 and 3.2 become JSON Schema 2020-12.
//!
//! What changes on the way: `nullable`, boolean `exclusiveMinimum`, numeric formats, discriminators, `readOnly` in
//! requests and `writeOnly` in responses, undeclared properties where they are refused, and `$ref`, which becomes a
//! reference to a numbered definition. A definition is one schema as seen from one [`Context`]; only what operations
//! reach is made. What cannot be enforced is dropped keyword by keyword, never schema by schema, and noted as an
//! [`Issue`].

mod applicators;
mod assertions;
mod circles;
mod composition;
mod discriminator;
mod format;
mod issues;
mod keywords;
mod numbers;
mod sides;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value, json};

pub(crate) use keywords::is_known_dialect;

use crate::documents::{Documents, Spot};
use crate::schemas::{BASE, DELEGATE, Definition, Pool, Slot};

/// Which way the message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// `readOnly` properties must not be there.
    Request,
    /// `writeOnly` properties must not be there.
    Response,
}

/// How a schema is seen from where it is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    side: Side,
    /// Whether undeclared properties are refused below here.
    close: bool,
    /// Whether it is one part of a composition, so that the whole decides what is undeclared.
    part: bool,
    /// Whether the whole is closed, so that its parts have to say which properties they evaluated.
    marks: bool,
    /// Whether it is reached through `if` or `not`. They ask and do not demand, so a property that must not be sent is one
    /// like any other there.
    asks: bool,
    /// Whether it is reached through `allOf`, so that its own discriminator does not select.
    inherited: bool,
    /// Properties that must not be there and hence are not required either.
    exempt: Rc<sides::Exempt>,
}

impl Context {
    /// Of a value of its own, with objects open.
    fn of(side: Side) -> Self {
        Self {
            side,
            close: false,
            part: false,
            marks: false,
            asks: false,
            inherited: false,
            exempt: Rc::default(),
        }
    }

    /// Seen from an `if`: closing what only asks would change the answer, and so would what must not be sent.
    fn asking(&self) -> Self {
        Self { close: false, asks: true, exempt: Rc::default(), ..self.clone() }
    }
}

/// Something used and not enforced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Issue {
    pub(crate) spot: Spot,
    pub(crate) what: String,
}

/// What one lowered schema uses.
#[derive(Debug, Default, Clone)]
pub(crate) struct Used {
    pub(crate) issues: BTreeSet<usize>,
    definitions: BTreeSet<usize>,
}

/// A schema as an operation uses it.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) slot: Arc<Slot>,
    /// Accepts everything.
    pub(crate) trivial: bool,
    /// The lowered schema itself, for fast paths.
    pub(crate) schema: Value,
}

/// Inline schemas below each other; deeper ones are not a contract.
const MAX_DEPTH: usize = 128;

/// The state of one import.
pub(crate) struct Lowering<'d> {
    pub(crate) documents: &'d Documents,
    pub(crate) pool: Pool,
    /// OpenAPI 3.0: siblings of `$ref` are ignored, `nullable` counts.
    pub(crate) old: bool,
    /// Whether undeclared properties do more than being reported, so that where they are not found is to be said.
    pub(crate) must_close: bool,
    memo: HashMap<(Spot, Context), usize>,
    definitions: Vec<(Value, Used)>,
    /// Slots of the definitions that values are handed to.
    handed: HashMap<usize, Arc<Slot>>,
    queue: Vec<(usize, Spot, Context)>,
    current: Used,
    operation: Used,
    issues: Vec<Issue>,
    issue_index: HashMap<Issue, usize>,
    circular: HashMap<Spot, bool>,
    subtypes: Option<HashMap<Spot, Vec<(String, Spot)>>>,
    depth: usize,
}

impl<'d> Lowering<'d> {
    pub(crate) fn new(documents: &'d Documents, old: bool) -> Self {
        Self {
            documents,
            pool: Pool::new(),
            old,
            must_close: false,
            memo: HashMap::new(),
            definitions: Vec::new(),
            handed: HashMap::new(),
            queue: Vec::new(),
            current: Used::default(),
            operation: Used::default(),
            issues: Vec::new(),
            issue_index: HashMap::new(),
            circular: HashMap::new(),
            subtypes: None,
            depth: 0,
        }
    }

    /// A use of the schema at `spot`.
    pub(crate) fn root(&mut self, spot: &Spot, side: Side, close: bool) -> Root {
        let context = Context { side, close, ..Context::of(side) };
        let outer = std::mem::take(&mut self.current);
        let schema = self.lower(spot, &context);
        let used = std::mem::replace(&mut self.current, outer);
        self.operation.issues.extend(used.issues);
        self.operation.definitions.extend(used.definitions);
        while let Some((index, spot, context)) = self.queue.pop() {
            let outer = std::mem::take(&mut self.current);
            self.endless(&spot, context.inherited);
            let value = self.lower_body(&spot, &context);
            let used = std::mem::replace(&mut self.current, outer);
            if let Some(entry) = self.definitions.get_mut(index) {
                *entry = (value, used);
            }
        }
        let trivial = matches!(&schema, Value::Bool(true)) || schema.as_object().is_some_and(Map::is_empty);
        let slot = delegated(&schema).and_then(|index| self.handed.get(&index).cloned());
        let slot = slot.unwrap_or_else(|| self.pool.intern(schema.clone()));
        Root { slot, trivial, schema }
    }

    /// Schemas that were lowered because something that is used refers to them.
    pub(crate) fn reached(&self) -> BTreeSet<&Spot> {
        self.memo.keys().map(|(spot, _)| spot).collect()
    }

    pub(crate) fn definitions(&self) -> usize {
        self.definitions.len()
    }

    /// The pool and the definitions it refers to.
    pub(crate) fn into_parts(self) -> (Pool, Vec<Definition>) {
        let mut handed = self.handed;
        let definitions = self.definitions.into_iter().enumerate();
        (self.pool, definitions.map(|(index, (value, _))| (value, handed.remove(&index))).collect())
    }

    /// A schema where it stands: references become numbers, the rest is lowered in place.
    fn lower(&mut self, spot: &Spot, context: &Context) -> Value {
        if self.depth >= MAX_DEPTH {
            self.documents.error(
                spot,
                "schema-depth",
                "schemas are nested too deep",
                "move parts to `components`",
            );
            return Value::Bool(false);
        }
        self.depth += 1;
        let value = self.lower_body(spot, context);
        self.depth -= 1;
        value
    }

    fn lower_body(&mut self, spot: &Spot, context: &Context) -> Value {
        let documents = self.documents;
        let value = documents.get(spot);
        if !spot.pointer.is_empty() && value.is_some_and(rebases) {
            let what = "references below an `$id` are read from their file, not from what it names";
            self.issue(&spot.join("$id"), what);
        }
        match value {
            Some(Value::Bool(value)) => Value::Bool(*value),
            Some(Value::Object(map)) => match self.pure_reference(map) {
                Some(reference) => {
                    if !map.contains_key("$ref") {
                        self.issue(&spot.join("$dynamicRef"), keywords::DYNAMIC);
                    }
                    self.reference(spot, reference, context)
                }
                None => self.object(spot, map, context),
            },
            _ => {
                self.documents.error(
                    spot,
                    "bad-schema",
                    "a schema is an object or a boolean",
                    "correct the schema",
                );
                Value::Bool(false)
            }
        }
    }

    /// The `$ref` of a schema that says nothing else (in 3.0 everything else beside it is ignored).
    fn pure_reference<'v>(&self, map: &'v Map<String, Value>) -> Option<&'v str> {
        let reference = map.get("$ref").or_else(|| map.get("$dynamicRef"))?.as_str()?;
        let alone = map.keys().all(|key| {
            let other = key == "$dynamicRef" && map.contains_key("$ref");
            key.starts_with('$') && !other || keywords::is_annotation(key)
        });
        (self.old || alone).then_some(reference)
    }

    /// The definition behind a reference, whatever chain leads there.
    pub(crate) fn resolve(&self, from: &Spot, reference: &str) -> Option<Spot> {
        let documents = self.documents;
        let mut at = from.clone();
        let mut reference = reference;
        let mut seen = BTreeSet::new();
        loop {
            at = match documents.target(&at, reference) {
                Ok(next) => next,
                Err(message) => {
                    documents.bad_reference(&at, message);
                    return None;
                }
            };
            if !seen.insert(at.clone()) {
                let message = format!("`{reference}` leads back to itself");
                let help = "let one of the references name a schema with content";
                documents.error(&at.join("$ref"), "cyclic-ref", message, help);
                return None;
            }
            match documents.get(&at).and_then(Value::as_object).and_then(|map| self.pure_reference(map)) {
                Some(next) => reference = next,
                None => return Some(at),
            }
        }
    }

    fn reference(&mut self, from: &Spot, reference: &str, context: &Context) -> Value {
        let documents = self.documents;
        let Some(target) = self.resolve(from, reference) else { return Value::Bool(false) };
        let mut context = context.clone();
        // Equal views share a definition: what cannot matter for the target is left out of the key.
        let has_discriminator =
            self.documents.get(&target).is_some_and(|value| value.get("discriminator").is_some());
        context.inherited &= has_discriminator;
        let is_part = context.part && (context.marks || documents.unevaluated || self.is_circular(&target));
        let key = (target, context);
        let index = match self.memo.get(&key) {
            Some(index) => *index,
            None => {
                let index = self.definitions.len();
                self.definitions.push((Value::Bool(false), Used::default()));
                self.memo.insert(key.clone(), index);
                self.queue.push((index, key.0, key.1));
                index
            }
        };
        self.current.definitions.insert(index);
        if is_part {
            return json!({ "$ref": format!("{BASE}#/$defs/{index}") });
        }
        self.handed.entry(index).or_default();
        json!({ DELEGATE: index })
    }

    /// Follows a schema's own `$ref`, if that is all it says.
    pub(crate) fn settle(&self, spot: &Spot) -> Option<Spot> {
        let map = self.documents.get(spot)?.as_object();
        match map.and_then(|map| self.pure_reference(map)) {
            Some(reference) => self.resolve(spot, reference),
            None => Some(spot.clone()),
        }
    }

    /// The schema of a root that is only a reference, else the root itself.
    pub(crate) fn resolved<'r>(&'r self, root: &'r Root) -> &'r Value {
        let index = delegated(&root.schema);
        index.and_then(|index| self.definitions.get(index)).map_or(&root.schema, |(value, _)| value)
    }
}

/// The number of the definition, for a schema that is nothing but a reference to one.
fn delegated(schema: &Value) -> Option<usize> {
    let map = schema.as_object().filter(|map| map.len() == 1)?;
    map.get(DELEGATE)?.as_u64().and_then(|index| usize::try_from(index).ok())
}

/// Whether a schema is a resource of its own (`$id`) with references in it, which count from there.
fn rebases(schema: &Value) -> bool {
    fn refers(value: &Value) -> bool {
        match value {
            Value::Object(map) => map.get("$ref").is_some_and(Value::is_string) || map.values().any(refers),
            Value::Array(items) => items.iter().any(refers),
            _ => false,
        }
    }
    schema.get("$id").is_some_and(Value::is_string) && refers(schema)
}
