//! A YAML document as a tree that knows where each key and value stands.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Budget, DuplicateKeyPolicy, Error, Options, Spanned};

use crate::load::{Fault, without_place};

/// One value and where it starts.
pub(crate) struct Tree {
    pub(crate) offset: u32,
    pub(crate) kind: Kind,
}

/// What the value is; keys carry their own place.
pub(crate) enum Kind {
    Scalar(Value),
    Sequence(Vec<Tree>),
    Mapping(Vec<(String, u32, Tree)>),
}

/// Values below each other; a deeper document is refused.
const MAX_DEPTH: usize = 200;

/// Reads one document. Aliases are expanded within the reader's own budget.
pub(crate) fn parse(text: &str) -> Result<Tree, Fault> {
    let mut options = Options::default();
    let mut budget = Budget::default();
    budget.max_events = 20_000_000;
    budget.max_nodes = 10_000_000;
    budget.max_total_scalar_bytes = crate::load::MAX_FILE;
    budget.max_total_comment_bytes = crate::load::MAX_FILE;
    budget.max_depth = MAX_DEPTH;
    budget.max_documents = 1;
    options.budget = Some(budget);
    options.duplicate_keys = DuplicateKeyPolicy::Error;
    options.strict_booleans = true;
    options.with_snippet = false;
    options.emit_comments = false;
    serde_saphyr::from_str_with_options::<Spanned<Node>>(text, options)
        .map(tree)
        .map_err(|error| Fault { message: words(&error), offset: place(text, &error) })
}

/// The byte at which the reader stopped. It counts lines and, within them, characters.
fn place(text: &str, error: &Error) -> Option<usize> {
    let location = error.location().filter(|location| location.line() > 0)?;
    let (line, column) = (usize::try_from(location.line()).ok()?, usize::try_from(location.column()).ok()?);
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text.get(before..)?;
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    Some(before + within)
}

fn too_deep() -> String {
    format!("values lie in each other more than {MAX_DEPTH} deep")
}

/// What is wrong, in words for a person who writes a contract: the reader's own name its options.
fn words(error: &Error) -> String {
    match error.without_snippet() {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("duplicate key `{key}`"),
        Error::DuplicateMappingKey { .. } => String::from("duplicate key"),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(),
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } | Error::MultipleDocuments { .. } => {
            String::from("a second document begins here, and a contract is one")
        }
        Error::Budget { .. } => String::from("it is larger than any contract may be"),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            String::from("its aliases unfold to more than any contract may be")
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            String::from("an alias refers to a value that it stands in")
        }
        Error::UnknownAnchor { .. } => String::from("an alias refers to an anchor that is not there"),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            String::from("`<<` takes a mapping or a list of mappings")
        }
        Error::UnsupportedTag { tag, .. } => format!("the tag `{tag}` is not known"),
        Error::Eof { .. } => String::from("it ends too early"),
        Error::AliasError { error, .. } => words(error),
        Error::NullIntoString { .. } => String::from("a key is empty: give it a name, or quote it"),
        other => {
            let text = other.to_string();
            let line = text.lines().next().unwrap_or_default();
            match without_place(line.strip_prefix("error: ").unwrap_or(line)).trim_end_matches('.') {
                // The scanner's own bound, which is wider.
                "recursion limit exceeded" => too_deep(),
                said => said.to_owned(),
            }
        }
    }
}

impl Tree {
    /// Moves all places, for a text that begins later in its file.
    pub(crate) fn shift(&mut self, by: u32) {
        self.offset = self.offset.saturating_add(by);
        match &mut self.kind {
            Kind::Scalar(_) => {}
            Kind::Sequence(items) => items.iter_mut().for_each(|item| item.shift(by)),
            Kind::Mapping(members) => {
                for (_, offset, value) in members {
                    *offset = offset.saturating_add(by);
                    value.shift(by);
                }
            }
        }
    }

    /// The same document without places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::Sequence(items) => Value::Array(items.iter().map(Tree::to_value).collect()),
            Kind::Mapping(members) => Value::Object(
                members.iter().map(|(key, _, value)| (key.clone(), value.to_value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// Start and length of the key (of the value, in a sequence) that a pointer names.
    pub(crate) fn locate(&self, tokens: &[String]) -> Option<(u32, u32)> {
        let mut at = self;
        let mut place = (self.offset, 1);
        for token in tokens {
            match &at.kind {
                Kind::Scalar(_) => return None,
                Kind::Sequence(items) => {
                    at = items.get(token.parse::<usize>().ok()?)?;
                    place = (at.offset, 1);
                }
                Kind::Mapping(members) => {
                    let (key, offset, value) = members.iter().find(|(key, _, _)| key == token)?;
                    place = (*offset, u32::try_from(key.len()).unwrap_or(1));
                    at = value;
                }
            }
        }
        Some(place)
    }
}

fn offset<T>(spanned: &Spanned<T>) -> u32 {
    spanned.referenced.span().byte_offset().and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
}

fn tree(node: Spanned<Node>) -> Tree {
    let offset = offset(&node);
    Tree { offset, kind: node.value.0 }
}

struct Node(Kind);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::Bool(value))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::from(value))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::from(value))))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::from(value as f64))))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::from(value as f64))))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::from(value))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::String(value.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::Null)))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node(Kind::Scalar(Value::Null)))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Node>>()? {
            items.push(tree(item));
        }
        Ok(Node(Kind::Sequence(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let at = offset(&key);
            members.push((key.value, at, tree(map.next_value::<Spanned<Node>>()?)));
        }
        Ok(Node(Kind::Mapping(members)))
    }
}
