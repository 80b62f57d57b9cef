//! `TX` and the other collections that rules write: they live as long as the call.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bytes::integer;
use crate::template::{Names, Slot};

/// The value of a variable that rules set; numbers stay numbers, because most are scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(i64),
    Text(Arc<[u8]>),
}

impl Value {
    /// A number when the text is exactly how the number is written.
    pub(crate) fn from_text(text: &[u8]) -> Value {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let plain = match digits {
            [b'1'..=b'9', rest @ ..] => rest.len() < 17 && rest.iter().all(u8::is_ascii_digit),
            [b'0'] => digits.len() == text.len(),
            _ => false,
        };
        if plain { Value::Number(integer(text)) } else { Value::Text(text.into()) }
    }

    pub(crate) fn number(&self) -> i64 {
        match self {
            Value::Number(number) => *number,
            Value::Text(text) => integer(text),
        }
    }

    /// Appends the text.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Text(text) => out.extend_from_slice(text),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

/// Members that a call may add beyond those the rules name.
const MAX_DYNAMIC: usize = 4096;

/// The variables of one call.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    slots: Vec<Option<Value>>,
    /// Names that came up while rules ran; those of other collections than `TX` begin with its name between NULs.
    dynamic: Vec<(Vec<u8>, Option<Value>)>,
    places: HashMap<Vec<u8>, usize>,
}

impl Store {
    pub(crate) fn new(initial: &[Option<Value>]) -> Store {
        Store { slots: initial.to_vec(), dynamic: Vec::new(), places: HashMap::new() }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Value> {
        self.slots.get(usize::from(slot))?.as_ref()
    }

    pub(crate) fn set(&mut self, slot: Slot, value: Option<Value>) {
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            *place = value;
        }
    }

    /// A member by its lower-case name.
    pub(crate) fn find(&self, names: &Names, name: &[u8]) -> Option<&Value> {
        match names.find(name) {
            Some(slot) => self.get(slot),
            None => self.dynamic.get(*self.places.get(name)?)?.1.as_ref(),
        }
    }

    /// Sets a member by its lower-case name.
    pub(crate) fn set_named(&mut self, names: &Names, name: &[u8], value: Option<Value>) {
        if let Some(slot) = names.find(name) {
            return self.set(slot, value);
        }
        let at = self.places.get(name).copied();
        let is_room = self.dynamic.len() < MAX_DYNAMIC;
        match at.and_then(|at| self.dynamic.get_mut(at)) {
            Some(place) => place.1 = value,
            None if value.is_some() && is_room => {
                self.places.insert(name.to_vec(), self.dynamic.len());
                self.dynamic.push((name.to_vec(), value));
            }
            None => {}
        }
    }

    /// About what a copy reads, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let length = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
        let slots = self.slots.iter().map(|value| 32 + value.as_ref().map_or(0, length));
        let dynamic = self.dynamic.iter();
        // A name stands among the places too.
        let dynamic = dynamic.map(|(name, value)| 96 + 2 * name.len() + value.as_ref().map_or(0, length));
        slots.chain(dynamic).sum::<usize>() as u64
    }

    /// The members whose names came up while rules ran.
    pub(crate) fn dynamic(&self) -> impl Iterator<Item = (&[u8], &Value)> {
        self.dynamic.iter().filter_map(|(name, value)| Some((name.as_slice(), value.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_were_read() {
        for text in ["0", "5", "-3", "05", "+1", "", "1a", "99999999999999999999", "-0"] {
            assert_eq!(Value::from_text(text.as_bytes()).to_bytes(), text.as_bytes(), "{text}");
        }
        assert_eq!(Value::from_text(b"5"), Value::Number(5));
    }

    #[test]
    fn members_are_found_by_slot_and_by_name() {
        let mut names = Names::default();
        let slot = names.slot(b"Score");
        let mut store = Store::new(&vec![None; names.len()]);
        store.set(slot, Some(Value::Number(1)));
        store.set_named(&names, b"other", Some(Value::Number(2)));
        assert_eq!(store.find(&names, b"score"), Some(&Value::Number(1)));
        assert_eq!(store.dynamic().count(), 1);
        store.set_named(&names, b"other", None);
        assert_eq!(store.find(&names, b"other"), None);
    }
}
