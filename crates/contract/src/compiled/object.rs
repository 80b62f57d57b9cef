//! Objects: `properties`, `required`, `additionalProperties`, `minProperties`, `maxProperties`, `unevaluatedProperties`.

use tape::{Name, Node};

use super::Schema;
use super::names::{self, Names};
use crate::schemas::Library;

/// Required names that one word counts; further ones are looked up one by one.
const COUNTED: usize = 64;

/// One declared property.
#[derive(Debug)]
pub(super) struct Property {
    name: Box<str>,
    schema: Schema,
    /// Its bit among the counted required names, or none.
    bit: u64,
}

/// What an object must look like.
#[derive(Debug)]
pub(super) struct Members {
    properties: Vec<Property>,
    names: Names,
    /// Bits that must all have been met.
    counted: u64,
    /// Required names that are no property, or beyond the counted ones.
    looked_up: Vec<Box<str>>,
    additional: Option<Schema>,
    unevaluated: Option<Schema>,
    least: usize,
    most: usize,
}

/// What [`Members`] is made of.
pub(super) struct Parts {
    pub(super) properties: Vec<(Box<str>, Schema)>,
    pub(super) required: Vec<Box<str>>,
    pub(super) additional: Option<Schema>,
    pub(super) unevaluated: Option<Schema>,
    pub(super) least: usize,
    pub(super) most: usize,
}

impl Members {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { properties, mut required, additional, unevaluated, least, most } = parts;
        let mut properties: Vec<Property> =
            properties.into_iter().map(|(name, schema)| Property { name, schema, bit: 0 }).collect();
        properties.sort_by(|one, other| names::order(one.name.as_bytes(), other.name.as_bytes()));
        let list: Vec<&[u8]> = properties.iter().map(|property| property.name.as_bytes()).collect();
        let names = Names::of(&list);
        let (mut counted, mut looked_up) = (0_u64, Vec::new());
        required.sort();
        required.dedup();
        for name in required {
            let bits = counted.count_ones() as usize;
            match find(&names, &properties, name.as_bytes()).and_then(|at| properties.get_mut(at)) {
                Some(property) if bits < COUNTED => {
                    property.bit = 1 << bits;
                    counted |= property.bit;
                }
                _ => looked_up.push(name),
            }
        }
        Self { properties, names, counted, looked_up, additional, unevaluated, least, most }
    }

    fn find(&self, name: Name<'_>) -> Option<usize> {
        match name.plain() {
            Some(bytes) => find(&self.names, &self.properties, bytes),
            None => find(&self.names, &self.properties, name.text().as_bytes()),
        }
    }

    pub(super) fn unevaluated(&self) -> Option<&Schema> {
        self.unevaluated.as_ref()
    }

    /// Everything but `unevaluatedProperties`.
    pub(super) fn hold(&self, node: Node<'_>, library: &Library, mut seen: Option<&mut Evaluated>) -> bool {
        if !(self.least..=self.most).contains(&node.len()) {
            return false;
        }
        let mut met = 0;
        if !self.properties.is_empty() || self.additional.is_some() {
            for (at, (name, value)) in node.entries().enumerate() {
                let schema = match self.find(name).and_then(|at| self.properties.get(at)) {
                    Some(property) => {
                        met |= property.bit;
                        Some(&property.schema)
                    }
                    None => self.additional.as_ref(),
                };
                let Some(schema) = schema else { continue };
                if !schema.holds(value, library) {
                    return false;
                }
                if let Some(seen) = &mut seen {
                    seen.mark(at);
                }
            }
        }
        met == self.counted && self.looked_up.iter().all(|name| node.get(name).is_some())
    }
}

fn find(names: &Names, properties: &[Property], name: &[u8]) -> Option<usize> {
    names.find(name, properties.len(), |at| {
        properties.get(at).map(|property| property.name.as_bytes()).unwrap_or_default()
    })
}

/// The members of one object that were evaluated, by their place in it.
#[derive(Debug, Default)]
pub(super) struct Evaluated {
    /// Of the first 64 members, which most objects do not exceed.
    first: u64,
    further: Vec<u64>,
}

impl Evaluated {
    pub(super) fn mark(&mut self, at: usize) {
        let Some(beyond) = at.checked_sub(64) else {
            self.first |= 1 << at;
            return;
        };
        let (word, bit) = (beyond / 64, beyond % 64);
        if self.further.len() <= word {
            self.further.resize(word + 1, 0);
        }
        if let Some(bits) = self.further.get_mut(word) {
            *bits |= 1 << bit;
        }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        match at.checked_sub(64) {
            None => self.first & (1 << at) != 0,
            Some(beyond) => {
                self.further.get(beyond / 64).is_some_and(|bits| bits & (1 << (beyond % 64)) != 0)
            }
        }
    }

    pub(super) fn all(&mut self, members: usize) {
        for at in 0..members {
            self.mark(at);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.first |= other.first;
        if self.further.len() < other.further.len() {
            self.further.resize(other.further.len(), 0);
        }
        for (bits, more) in self.further.iter_mut().zip(other.further) {
            *bits |= more;
        }
    }
}
