//! A YAML document as a tree that knows where each key and value stands.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::{Budget, DuplicateKeyPolicy, Options, Spanned};

use crate::load::Fault;

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
    serde_saphyr::from_str_with_options::<Spanned<Node>>(text, options).map(tree).map_err(|error| Fault {
        message: error.to_string().lines().next().unwrap_or_default().trim_end_matches('.').to_owned(),
        offset: error
            .location()
            .and_then(|location| location.span().byte_offset())
            .and_then(|offset| usize::try_from(offset).ok()),
    })
}

impl Tree {
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
