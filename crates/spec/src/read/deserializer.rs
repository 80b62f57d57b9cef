//! serde's view of a [`Node`].

use super::fault::{Fault, key_help};
use super::spanned;
use crate::node::{Entry, Node, Value};
use diagnostics::{Diagnostic, Diagnostics, Span};
use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;
use std::collections::HashSet;

/// What all rounds of one reading share. Nodes are known by their address: the tree stays borrowed and unmoved.
#[derive(Default)]
pub(super) struct Reader {
    found: RefCell<Diagnostics>,
    bad: RefCell<HashSet<*const Node>>,
    unknown: RefCell<HashSet<Span>>,
}

impl Reader {
    pub(super) fn into_diagnostics(self) -> Diagnostics {
        self.found.into_inner()
    }

    /// Grows with each new problem.
    pub(super) fn progress(&self) -> usize {
        self.bad.borrow().len()
    }

    pub(super) fn is_bad(&self, node: &Node) -> bool {
        self.bad.borrow().contains(&std::ptr::from_ref(node))
    }

    fn mark(&self, node: &Node) {
        self.bad.borrow_mut().insert(std::ptr::from_ref(node));
    }

    /// Gives a fault the place of the node it came out of, once, and leaves the node out of the next round.
    pub(super) fn locate(&self, node: &Node, fault: Fault) -> Fault {
        let diagnostic = match fault {
            Fault::Reported => return Fault::Reported,
            Fault::Missing(key) => {
                let lost = node.entry(key).is_some_and(|entry| self.is_bad(&entry.value));
                (!lost).then(|| {
                    Diagnostic::error("missing-key", format!("the key `{key}` is missing"))
                        .help(format!("write `{key}:` here"))
                })
            }
            Fault::Other { code, message, help } => {
                let diagnostic = Diagnostic::error(code, message);
                Some(match help {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                })
            }
        };
        if let Some(diagnostic) = diagnostic
            && !self.is_bad(node)
        {
            self.found.borrow_mut().push(diagnostic.at(node.span));
        }
        self.mark(node);
        Fault::Reported
    }

    fn unknown_key(&self, entry: &Entry, fields: &'static [&'static str]) {
        if self.unknown.borrow_mut().insert(entry.key_span) {
            let help = key_help(&entry.key, fields.iter().copied());
            self.found.borrow_mut().push(
                Diagnostic::error("unknown-key", format!("unknown key `{}`", entry.key))
                    .at(entry.key_span)
                    .help(help),
            );
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct NodeDeserializer<'a> {
    node: &'a Node,
    reader: &'a Reader,
}

impl<'a> NodeDeserializer<'a> {
    pub(super) fn new(node: &'a Node, reader: &'a Reader) -> Self {
        Self { node, reader }
    }

    fn map(self, fields: Option<&'static [&'static str]>) -> Map<'a> {
        Map { entries: self.node.entries().iter(), fields, value: None, reader: self.reader }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(text) => visitor.visit_str(text),
            Value::Sequence(items) => visitor.visit_seq(Items { items: items.iter(), reader: self.reader }),
            Value::Mapping(_) => visitor.visit_map(self.map(None)),
        }
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor).map_err(|fault| self.reader.locate(self.node, fault))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self).map_err(|fault| self.reader.locate(self.node, fault))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name != spanned::NAME {
            return self.deserialize_any(visitor);
        }
        let Span { file, start, end } = self.node.span;
        visitor.visit_seq(Placed { place: [file.0, start, end].into_iter(), inner: self })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match &self.node.value {
            Value::Mapping(_) => visitor.visit_map(self.map(Some(fields))),
            // `section:` with nothing after it means the section with its defaults.
            Value::Null => visitor.visit_map(self.map(Some(fields))),
            Value::Sequence(_) => Err(Fault::invalid_type(serde::de::Unexpected::Seq, &"a mapping")),
            _ => self.visit(visitor),
        };
        result.map_err(|fault| self.reader.locate(self.node, fault))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match &self.node.value {
            Value::String(text) => {
                visitor.visit_enum(Variant { name: text, value: None, reader: self.reader })
            }
            Value::Mapping(entries) => match entries.as_slice() {
                [entry] => visitor.visit_enum(Variant {
                    name: &entry.key,
                    value: Some(&entry.value),
                    reader: self.reader,
                }),
                _ => Err(Fault::custom(format_args!("expected one key of `{}`", variants.join("`, `")))),
            },
            _ => Err(Fault::Other {
                code: "wrong-type",
                message: format!("expected one of `{}`, found {}", variants.join("`, `"), self.node.kind()),
                help: Some(String::from("write one of them")),
            }),
        };
        // A variant's value cannot be left out on its own, so the whole goes.
        result.map_err(|fault| {
            let fault = self.reader.locate(self.node, fault);
            self.reader.mark(self.node);
            fault
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple map identifier
    }
}

struct Map<'a> {
    entries: std::slice::Iter<'a, Entry>,
    fields: Option<&'static [&'static str]>,
    value: Option<&'a Node>,
    reader: &'a Reader,
}

impl<'de> MapAccess<'de> for Map<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        for entry in self.entries.by_ref() {
            if let Some(fields) = self.fields
                && !fields.contains(&entry.key.as_str())
            {
                self.reader.unknown_key(entry, fields);
                continue;
            }
            if self.reader.is_bad(&entry.value) {
                continue;
            }
            self.value = Some(&entry.value);
            let key: StrDeserializer<'_, Fault> = entry.key.as_str().into_deserializer();
            return seed.deserialize(key).map(Some).map_err(|fault| self.reader.locate(&entry.value, fault));
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let node = self.value.take().ok_or_else(|| Fault::custom("a value without a key"))?;
        seed.deserialize(NodeDeserializer::new(node, self.reader))
            .map_err(|fault| self.reader.locate(node, fault))
    }
}

struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
    reader: &'a Reader,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(node) = self.items.by_ref().find(|node| !self.reader.is_bad(node)) else { return Ok(None) };
        seed.deserialize(NodeDeserializer::new(node, self.reader))
            .map(Some)
            .map_err(|fault| self.reader.locate(node, fault))
    }
}

/// The three numbers of a place, then the value itself.
struct Placed<'a> {
    place: std::array::IntoIter<u32, 3>,
    inner: NodeDeserializer<'a>,
}

impl<'de> SeqAccess<'de> for Placed<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        match self.place.next() {
            Some(number) => seed.deserialize(U32Deserializer::<Fault>::new(number)).map(Some),
            None => seed.deserialize(self.inner).map(Some),
        }
    }
}

struct Variant<'a> {
    name: &'a str,
    value: Option<&'a Node>,
    reader: &'a Reader,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'a> Variant<'a> {
    fn inner(&self) -> Result<NodeDeserializer<'a>, Fault> {
        let missing = || Fault::custom(format_args!("`{0}` needs a value: write `{0}: …`", self.name));
        self.value.map(|node| NodeDeserializer::new(node, self.reader)).ok_or_else(missing)
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None => Ok(()),
            Some(_) => Err(Fault::custom(format_args!("`{0}` takes no value: write `{0}` alone", self.name))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self.inner()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.inner()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.inner()?.deserialize_struct("", fields, visitor)
    }
}
