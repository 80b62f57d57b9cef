//! Schemas compiled to what a call needs to know of them: whether a value fits.
//!
//! Most values fit, and most schemas say little: types, names, lengths, bounds, references. [`Schema`] answers that over the
//! tape, without a copy and without an allocation (JSON Schema 2020-12, core §10 and validation §6). What it has no
//! rule for, and every explanation of a refusal, is left to the `jsonschema` validator of the same schema, which is
//! also the judge in the tests: both must give the same answer on any value.
//!
//! - A keyword without a rule here goes to a validator that holds only such keywords ([`Rules::other`]).
//! - A number that is not plain decimal, or has more digits than a double keeps, goes there too.
//! - `unevaluatedItems` goes there with its whole schema, and so does `unevaluatedProperties` when a part of it can mark
//!   properties in a way that is not followed here (`patternProperties`, `if`, `dependentSchemas`).
//!
//! A value that is handed to a definition costs a step of [`crate::work`], and its verdict is remembered there once
//! a check has become long: alternatives within alternatives stay linear.

mod build;
mod names;
mod narrowing;
mod number;
mod object;
mod words;

use std::sync::Arc;

use tape::{Kind, Node};

pub(crate) use build::Builder;
use number::Numbers;
use object::{Evaluated, Members};
use words::Words;

use crate::schemas::{Library, Slot};

/// One schema, or one place in it.
#[derive(Debug)]
pub(crate) enum Schema {
    /// `true`, and every schema without a rule.
    Always,
    /// `false`, and what must not be there.
    Never,
    /// The value is judged by the definition of this number, apart from everything around it.
    HandOver(usize),
    /// The definition of this number is a part of this schema: what it evaluated counts.
    Part(usize),
    /// Judged by the validator alone.
    Other(Arc<Slot>),
    /// Judged here.
    Rules(Box<Rules>),
}

/// What one schema object asks; all of it must hold.
#[derive(Debug)]
pub(crate) struct Rules {
    kinds: Kinds,
    words: Option<Words>,
    text: Option<Lengths>,
    numbers: Option<Box<Numbers>>,
    array: Option<Box<Items>>,
    object: Option<Box<Members>>,
    parts: Option<Box<Parts>>,
    /// Keywords without a rule here, and the kinds of value that they can refuse.
    other: Option<(Kinds, Arc<Slot>)>,
}

/// A set of kinds of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    const NULL: Self = Self(1);
    const BOOL: Self = Self(1 << 1);
    const STRING: Self = Self(1 << 2);
    const ARRAY: Self = Self(1 << 3);
    const OBJECT: Self = Self(1 << 4);
    const INTEGER: Self = Self(1 << 5);
    const FRACTION: Self = Self(1 << 6);
    const NUMBER: Self = Self(Self::INTEGER.0 | Self::FRACTION.0);
    const NONE: Self = Self(0);
    const ALL: Self = Self(0x7f);

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Null => Self::NULL,
            Kind::Bool => Self::BOOL,
            Kind::Number => Self::NUMBER,
            Kind::String => Self::STRING,
            Kind::Array => Self::ARRAY,
            Kind::Object => Self::OBJECT,
        }
    }

    /// Whether the value is of one of the kinds; `1.0` is an integer (validation §6.1.1).
    fn admits(self, node: Node<'_>) -> bool {
        let kind = Self::of(node.kind());
        if kind != Self::NUMBER || self.has(Self::FRACTION) {
            return self.has(kind);
        }
        self.has(Self::INTEGER) && node.as_number().is_some_and(|number| number.is_integer())
    }
}

/// `minLength`, `maxLength`: in code points.
#[derive(Debug)]
struct Lengths {
    least: usize,
    most: usize,
}

impl Lengths {
    fn hold(&self, text: &str) -> bool {
        // A code point takes one to four bytes: most strings are decided without counting.
        let (fewest, highest) = (text.len().div_ceil(4), text.len());
        if fewest >= self.least && highest <= self.most {
            return true;
        }
        highest >= self.least
            && fewest <= self.most
            && (self.least..=self.most).contains(&text.chars().count())
    }
}

/// `items`, `minItems`, `maxItems`.
#[derive(Debug)]
struct Items {
    least: usize,
    most: usize,
    each: Schema,
}

/// Schemas of the same value.
#[derive(Debug, Default)]
struct Parts {
    all: Vec<Schema>,
    any: Vec<Schema>,
    one: Vec<Schema>,
    not: Option<Schema>,
}

impl Schema {
    /// Whether the value fits.
    pub(crate) fn holds(&self, node: Node<'_>, library: &Library) -> bool {
        self.marks(node, library, None)
    }

    /// Whether the value fits; the members that were evaluated on the way are noted where somebody asks.
    fn marks(&self, node: Node<'_>, library: &Library, seen: Option<&mut Evaluated>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::HandOver(index) => library.hand_over(*index, node),
            Self::Part(index) => library.part(*index).is_some_and(|part| part.marks(node, library, seen)),
            Self::Other(slot) => slot.judges(node),
            Self::Rules(rules) => rules.marks(node, library, seen),
        }
    }
}

impl Rules {
    fn marks(&self, node: Node<'_>, library: &Library, seen: Option<&mut Evaluated>) -> bool {
        if self.kinds != Kinds::ALL && !self.kinds.admits(node) {
            return false;
        }
        if self.words.as_ref().is_some_and(|words| !words.hold(node)) {
            return false;
        }
        let holds = match node.kind() {
            Kind::String => {
                self.text.as_ref().is_none_or(|lengths| node.as_str().is_some_and(|text| lengths.hold(&text)))
            }
            Kind::Number => self.numbers.as_ref().is_none_or(|numbers| numbers.hold(node)),
            Kind::Array => self.array.as_ref().is_none_or(|items| {
                (items.least..=items.most).contains(&node.len())
                    && (matches!(items.each, Schema::Always)
                        || node.items().all(|item| items.each.holds(item, library)))
            }),
            Kind::Object => return self.object(node, library, seen),
            Kind::Null | Kind::Bool => true,
        };
        holds && self.parts(node, library, seen) && self.others(node)
    }

    fn object(&self, node: Node<'_>, library: &Library, seen: Option<&mut Evaluated>) -> bool {
        let Some(members) = &self.object else {
            return self.parts(node, library, seen) && self.others(node);
        };
        let Some(rest) = members.unevaluated() else {
            let mut seen = seen;
            return members.hold(node, library, seen.as_deref_mut())
                && self.parts(node, library, seen)
                && self.others(node);
        };
        let mut own = Evaluated::default();
        let holds = members.hold(node, library, Some(&mut own))
            && self.parts(node, library, Some(&mut own))
            && self.others(node)
            && node.entries().enumerate().all(|(at, (_, value))| own.has(at) || rest.holds(value, library));
        if let Some(seen) = seen {
            seen.all(node.len());
        }
        holds
    }

    fn parts(&self, node: Node<'_>, library: &Library, mut seen: Option<&mut Evaluated>) -> bool {
        let Some(parts) = &self.parts else { return true };
        parts.all.iter().all(|part| part.marks(node, library, seen.as_deref_mut()))
            && parts.not.as_ref().is_none_or(|not| !not.holds(node, library))
            && (parts.any.is_empty() || any(&parts.any, node, library, seen.as_deref_mut()))
            && (parts.one.is_empty() || one(&parts.one, node, library, seen))
    }

    fn others(&self, node: Node<'_>) -> bool {
        self.other
            .as_ref()
            .is_none_or(|(kinds, slot)| !kinds.has(Kinds::of(node.kind())) || slot.judges(node))
    }
}

/// `anyOf`: every alternative that fits tells what it evaluated (core §10.2.1.2).
fn any(schemas: &[Schema], node: Node<'_>, library: &Library, seen: Option<&mut Evaluated>) -> bool {
    let Some(seen) = seen else { return schemas.iter().any(|schema| schema.holds(node, library)) };
    schemas.iter().filter(|schema| branch(schema, node, library, seen)).count() > 0
}

/// `oneOf`: exactly one.
fn one(schemas: &[Schema], node: Node<'_>, library: &Library, mut seen: Option<&mut Evaluated>) -> bool {
    let mut found = 0_u8;
    for schema in schemas {
        let holds = match &mut seen {
            None => schema.holds(node, library),
            Some(seen) => branch(schema, node, library, seen),
        };
        found += u8::from(holds);
        if found > 1 {
            return false;
        }
    }
    found == 1
}

/// One alternative; what it evaluated counts only when it fits.
fn branch(schema: &Schema, node: Node<'_>, library: &Library, seen: &mut Evaluated) -> bool {
    let mut inner = Evaluated::default();
    let holds = schema.marks(node, library, Some(&mut inner));
    if holds {
        seen.merge(inner);
    }
    holds
}
