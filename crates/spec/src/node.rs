//! The document as a tree in which every value knows where it stands and who put it there.
//!
//! Everything that follows (sugar, environments, profiles, defaults, typed reading, printing) works on this tree, so
//! that a problem found late still names the line a person wrote.

use diagnostics::Span;

/// Who put a value where it is, with the place where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Written in the document, in its place.
    File(Span),
    /// Not written anywhere; the reason says what made it so.
    Default(&'static str),
    /// Written in the short form there, and moved to its place in the full shape.
    Sugar(Span),
    /// Taken from the profile of this name, written there.
    Profile(String, Span),
    /// Taken from the overlay of the environment of this name, written there.
    Environment(String, Span),
    /// What the preset of this name says, which is named there.
    Preset(&'static str, Span),
}

/// One value of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands; for a default, where it would stand (the mapping around it).
    pub span: Span,
    /// Who put it there.
    pub origin: Origin,
}

/// What a value is, by the core schema of YAML 1.2.2 §10.3: `yes`, `no`, `on` and `off` are strings.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a fraction.
    Integer(i64),
    /// A number with one, always finite.
    Float(f64),
    /// Any other scalar, and all quoted ones.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order written; no key twice.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

impl Entry {
    /// A key and value at the value's place, for what is put in by the machine.
    #[must_use]
    pub fn new(key: impl Into<String>, value: Node) -> Self {
        Self { key: key.into(), key_span: value.span, value }
    }
}

impl Node {
    /// A value as written in a file.
    #[must_use]
    pub fn file(value: Value, span: Span) -> Self {
        Self { value, span, origin: Origin::File(span) }
    }

    /// A value that the short form stands for.
    #[must_use]
    pub fn sugar(value: Value, span: Span) -> Self {
        Self { value, span, origin: Origin::Sugar(span) }
    }

    /// A value that nobody wrote; `span` is where it would stand.
    #[must_use]
    pub fn default_at(value: Value, span: Span, reason: &'static str) -> Self {
        Self { value, span, origin: Origin::Default(reason) }
    }

    /// The value under a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry under a key of a mapping.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value under a key of a mapping, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Mapping(entries) => {
                entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
            }
            _ => None,
        }
    }

    /// The value along a path of keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The entries of a mapping, to change them; `None` for anything else.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether this is a mapping without entries.
    #[must_use]
    pub fn is_empty_mapping(&self) -> bool {
        matches!(&self.value, Value::Mapping(entries) if entries.is_empty())
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Sets a key of a mapping, replacing what was there; ignored when this is not a mapping.
    pub fn set(&mut self, key: &str, value: Node) {
        let Value::Mapping(entries) = &mut self.value else { return };
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = value,
            None => entries.push(Entry::new(key, value)),
        }
    }

    /// Takes a key out of a mapping.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let entries = self.entries_mut()?;
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(index))
    }

    /// The kind of value in a person's words, with its article.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// Gives this value and all below it another origin, made from where each is written.
    pub(crate) fn with_origin(self, make: &dyn Fn(Span) -> Origin) -> Self {
        self.map_origin(&|_, span| make(span))
    }

    /// Gives this value and all below it another origin, made from the one they have and where each is written.
    pub(crate) fn map_origin(mut self, make: &dyn Fn(&Origin, Span) -> Origin) -> Self {
        self.origin = make(&self.origin, self.span);
        self.value = match self.value {
            Value::Sequence(items) => {
                Value::Sequence(items.into_iter().map(|item| item.map_origin(make)).collect())
            }
            Value::Mapping(entries) => Value::Mapping(
                entries
                    .into_iter()
                    .map(|entry| Entry { value: entry.value.map_origin(make), ..entry })
                    .collect(),
            ),
            scalar => scalar,
        };
        self
    }
}
