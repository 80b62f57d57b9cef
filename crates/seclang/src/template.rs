//! Compiled templates and the names of `TX` members.

use std::collections::HashMap;

use crate::syntax::{Part, Template};
use crate::variable::Variable;

/// A member of `TX` whose name is known when the rules are loaded.
pub(crate) type Slot = u16;

/// All names of `TX` members that the rules spell out, in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    slots: HashMap<Box<[u8]>, Slot>,
    list: Vec<Box<[u8]>>,
}

impl Default for Names {
    /// `0` to `9`, which `capture` fills, have the slots of their number.
    fn default() -> Self {
        let mut names = Names { slots: HashMap::new(), list: Vec::new() };
        for digit in b'0'..=b'9' {
            names.slot(&[digit]);
        }
        names
    }
}

impl Names {
    /// The slot of a name, new if need be.
    pub(crate) fn slot(&mut self, name: &[u8]) -> Slot {
        let name = name.to_ascii_lowercase();
        if let Some(slot) = self.slots.get(name.as_slice()) {
            return *slot;
        }
        let slot = Slot::try_from(self.list.len()).unwrap_or(Slot::MAX);
        self.list.push(name.clone().into_boxed_slice());
        self.slots.insert(name.into_boxed_slice(), slot);
        slot
    }

    /// The slot of a lower-case name, if it has one.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Slot> {
        self.slots.get(name).copied()
    }

    /// The name of a slot.
    pub(crate) fn name(&self, slot: Slot) -> &[u8] {
        self.list.get(usize::from(slot)).map_or(b"", |name| name)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}

/// A template ready to be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expand {
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Box<[u8]>),
    Tx(Slot),
    Variable(Variable, Option<Box<[u8]>>),
}

impl Expand {
    /// Compiles a template.
    pub(crate) fn new(template: &Template, names: &mut Names) -> Expand {
        let piece = |part: &Part| match part {
            Part::Text(text) => Piece::Text(text.as_bytes().into()),
            Part::Macro(Variable::Tx, Some(key)) => Piece::Tx(names.slot(key.as_bytes())),
            Part::Macro(variable, key) => {
                Piece::Variable(*variable, key.as_ref().map(|key| key.as_bytes().into()))
            }
        };
        Expand { pieces: template.parts.iter().map(piece).collect() }
    }

    /// The text when nothing has to be expanded.
    pub(crate) fn constant(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }
}
