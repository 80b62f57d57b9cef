//! The tape as the validator reads it: `jsonschema`'s `Json` trait over [`tape::Node`], without a copy of the body.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object, cmp, unique};
use serde_json::Value;
use tape::Kind;

/// The representation: instances are tapes, schemas stay `serde_json` values.
#[derive(Debug)]
pub struct TapeJson;

/// A value of a tape, or the name of a member while `propertyNames` looks at it.
#[derive(Debug, Clone, Copy)]
pub enum TapeNode<'a> {
    /// A value.
    Value(tape::Node<'a>),
    /// A name.
    Name(&'a str),
}

impl Json for TapeJson {
    type Node<'a> = TapeNode<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = String;
    const KEYS_PER_LOOKUP: usize = 4;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Self::PreparedKey {
        key.into()
    }

    fn with_string_node<T>(
        buffer: &mut Self::StringBuffer,
        string: &str,
        f: impl FnOnce(Self::Node<'_>) -> T,
    ) -> T {
        buffer.clear();
        buffer.push_str(string);
        f(TapeNode::Name(buffer))
    }
}

impl<'a> TapeNode<'a> {
    fn node(&self) -> Option<tape::Node<'a>> {
        match self {
            TapeNode::Value(node) => Some(*node),
            TapeNode::Name(_) => None,
        }
    }

    fn of_kind(&self, kind: Kind) -> Option<tape::Node<'a>> {
        self.node().filter(|node| node.kind() == kind)
    }
}

impl<'a> Node<'a, TapeJson> for TapeNode<'a> {
    type Object = TapeObject<'a>;
    type Array = TapeArray<'a>;
    type Number = TapeNumber<'a>;

    fn as_object(&self) -> Option<TapeObject<'a>> {
        self.of_kind(Kind::Object).map(TapeObject)
    }

    fn as_array(&self) -> Option<TapeArray<'a>> {
        self.of_kind(Kind::Array).map(TapeArray)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self {
            TapeNode::Value(node) => node.as_str(),
            TapeNode::Name(name) => Some(Cow::Borrowed(name)),
        }
    }

    fn as_number(&self) -> Option<TapeNumber<'a>> {
        self.node()?.as_number().map(TapeNumber)
    }

    fn as_boolean(&self) -> Option<bool> {
        self.node()?.as_bool()
    }

    fn is_null(&self) -> bool {
        self.node().is_some_and(tape::Node::is_null)
    }

    fn is_number(&self) -> bool {
        self.json_type() == JsonType::Number
    }

    fn json_type(&self) -> JsonType {
        match self.node().map(tape::Node::kind) {
            None | Some(Kind::String) => JsonType::String,
            Some(Kind::Null) => JsonType::Null,
            Some(Kind::Bool) => JsonType::Boolean,
            Some(Kind::Number) => JsonType::Number,
            Some(Kind::Array) => JsonType::Array,
            Some(Kind::Object) => JsonType::Object,
        }
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let text = self.as_string()?;
        let bytes = text.len() as u64;
        // A code point takes one to four bytes: most strings are decided without counting.
        if bytes < min || bytes.div_ceil(4) > max {
            return Some(false);
        }
        if bytes <= max && bytes.div_ceil(4) >= min {
            return Some(true);
        }
        Some((min..=max).contains(&(text.chars().count() as u64)))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match self {
            TapeNode::Name(name) => expected.as_str() == Some(name),
            TapeNode::Value(node) => equals(*node, expected, 0),
        }
    }

    /// Only errors ask for it, and a violation of ours never shows an instance: no error pays for a copy of the body.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        self.node().map(|node| NodeIdentity::tagged(1, node.index()))
    }
}

/// JSON equality: numbers by value, members in any order.
fn equals(node: tape::Node<'_>, expected: &Value, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match expected {
        Value::Null => node.is_null(),
        Value::Bool(expected) => node.as_bool() == Some(*expected),
        Value::String(expected) => node.as_str().is_some_and(|text| text == expected.as_str()),
        Value::Number(_) => match node.kind() {
            Kind::Number => cmp::equal(&to_value(node, depth), expected),
            _ => false,
        },
        Value::Array(expected) => {
            node.kind() == Kind::Array
                && node.len() == expected.len()
                && node.items().zip(expected).all(|(item, expected)| equals(item, expected, depth + 1))
        }
        Value::Object(expected) => {
            node.kind() == Kind::Object
                && node.len() == expected.len()
                && expected.iter().all(|(name, expected)| {
                    node.get(name).is_some_and(|item| equals(item, expected, depth + 1))
                })
        }
    }
}

/// Levels copied out for `uniqueItems`, or compared for `const` and `enum`; the tape's own bound is smaller.
const MAX_DEPTH: usize = 512;

fn to_value(node: tape::Node<'_>, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(node.as_bool().unwrap_or_default()),
        Kind::Number => {
            node.as_number().map_or(Value::Null, |number| Value::Number(TapeNumber(number).number()))
        }
        Kind::String => Value::String(node.as_str().unwrap_or_default().into_owned()),
        Kind::Array => node.items().map(|item| to_value(item, depth + 1)).collect(),
        Kind::Object => {
            node.members().map(|(name, member)| (name.into_owned(), to_value(member, depth + 1))).collect()
        }
    }
}

/// An object of a tape.
#[derive(Debug)]
pub struct TapeObject<'a>(tape::Node<'a>);

impl<'a> Object<'a, TapeJson> for TapeObject<'a> {
    type Node = TapeNode<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = TapeMembers<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &Box<str>) -> Option<TapeNode<'a>> {
        self.0.get(key).map(TapeNode::Value)
    }

    fn members(&self) -> TapeMembers<'a> {
        TapeMembers(self.0.members())
    }
}

/// Members in document order.
#[derive(Debug)]
pub struct TapeMembers<'a>(tape::Members<'a>);

impl<'a> Iterator for TapeMembers<'a> {
    type Item = (Cow<'a, str>, TapeNode<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, node)| (name, TapeNode::Value(node)))
    }
}

/// An array of a tape.
#[derive(Debug)]
pub struct TapeArray<'a>(tape::Node<'a>);

impl<'a> Array<'a, TapeJson> for TapeArray<'a> {
    type Node = TapeNode<'a>;
    type ElementsIter = TapeItems<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn elements(&self) -> TapeItems<'a> {
        TapeItems(self.0.items())
    }

    fn is_unique(&self) -> bool {
        let values: Vec<Cow<'a, Value>> = self.0.items().map(|item| Cow::Owned(to_value(item, 0))).collect();
        unique::is_unique(&values)
    }
}

/// Items in order.
#[derive(Debug)]
pub struct TapeItems<'a>(tape::Items<'a>);

impl<'a> Iterator for TapeItems<'a> {
    type Item = TapeNode<'a>;

    fn next(&mut self) -> Option<TapeNode<'a>> {
        self.0.next().map(TapeNode::Value)
    }
}

/// A number as written.
#[derive(Debug, Clone, Copy)]
pub struct TapeNumber<'a>(tape::Number<'a>);

impl TapeNumber<'_> {
    fn number(self) -> serde_json::Number {
        if let Some(value) = self.0.as_u64() {
            return value.into();
        }
        if let Some(value) = self.0.as_i64() {
            return value.into();
        }
        serde_json::Number::from_f64(self.float()).unwrap_or_else(|| 0.into())
    }

    /// Beyond the doubles the largest one stands in, so that every finite bound still refuses it.
    fn float(self) -> f64 {
        let limit = if self.0.text().starts_with('-') { f64::MIN } else { f64::MAX };
        self.0.as_f64().unwrap_or(limit)
    }
}

impl JsonNumber for TapeNumber<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.as_u64()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.as_i64()
    }

    fn as_f64(&self) -> Option<f64> {
        Some(self.float())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0.text())
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(self.number())
    }

    fn is_integer(&self) -> bool {
        self.0.is_integer()
    }
}
