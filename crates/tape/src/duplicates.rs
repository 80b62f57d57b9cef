//! Refusing a member name that occurs twice in one object (RFC 8259 section 4; RFC 7493 section 2.3).
//!
//! Two parsers that meet such an object may see two different values, which is how checks are bypassed.
//! Names are compared after unescaping. Small objects are compared directly behind a one-word filter; others
//! go through an open-addressing table under a hash keyed per process, so that the whole stays linear whatever
//! the sender chooses.

use crate::cell::Cell;
use crate::{Error, ErrorKind, text};
use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Objects up to this many members are compared without hashing.
const SMALL: usize = 16;

static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Refuses the closed object at `index` when a name occurs twice in it.
pub(crate) fn refuse(source: &[u8], cells: &[Cell], index: u32) -> Result<(), Error> {
    let Some(object) = cells.get(index as usize) else { return Ok(()) };
    let names = Names { cells, next: index + 1, end: object.end };
    let small = (object.size as usize <= SMALL).then(|| refuse_small(source, names.clone())).flatten();
    small.unwrap_or_else(|| refuse_large(source, names, object.size as usize))
}

/// The name cells of one object.
#[derive(Clone)]
struct Names<'t> {
    cells: &'t [Cell],
    next: u32,
    end: u32,
}

impl Iterator for Names<'_> {
    type Item = Cell;

    #[inline]
    fn next(&mut self) -> Option<Cell> {
        if self.next >= self.end {
            return None;
        }
        let name = *self.cells.get(self.next as usize)?;
        self.next = self.cells.get(self.next as usize + 1)?.end;
        Some(name)
    }
}

#[inline]
fn raw(source: &[u8], name: Cell) -> &[u8] {
    source.get(name.start as usize..name.start as usize + name.size as usize).unwrap_or_default()
}

fn meaning(source: &[u8], name: Cell) -> Cow<'_, str> {
    text::unescape(std::str::from_utf8(raw(source, name)).unwrap_or_default(), name.escaped)
}

fn duplicate(name: Cell) -> Error {
    Error { kind: ErrorKind::DuplicateKey, offset: (name.start as usize).saturating_sub(1) }
}

/// None when a name has escapes, or when there are more names than fit: then the table decides.
fn refuse_small(source: &[u8], names: Names<'_>) -> Option<Result<(), Error>> {
    let mut seen: [&[u8]; SMALL] = [&[]; SMALL];
    let mut filter = 0u64;
    for (place, name) in names.enumerate() {
        if name.escaped {
            return None;
        }
        let bytes = raw(source, name);
        let first = bytes.first().copied().unwrap_or(0);
        let last = bytes.last().copied().unwrap_or(0);
        let print = u32::from(first)
            .wrapping_mul(7)
            .wrapping_add(u32::from(last).wrapping_mul(13))
            .wrapping_add(name.size.wrapping_mul(29));
        let bit = 1u64 << (print % 64);
        if filter & bit != 0 && seen.get(..place)?.contains(&bytes) {
            return Some(Err(duplicate(name)));
        }
        filter |= bit;
        *seen.get_mut(place)? = bytes;
    }
    Some(Ok(()))
}

fn refuse_large(source: &[u8], names: Names<'_>, count: usize) -> Result<(), Error> {
    let slots = (count * 2).next_power_of_two();
    let mut table: Vec<Option<(u32, Cell)>> = vec![None; slots];
    for name in names {
        let key = meaning(source, name);
        let hash = KEYED.hash_one(key.as_ref());
        let tag = (hash >> 32) as u32;
        let mut slot = hash as usize & (slots - 1);
        while let Some(Some((other_tag, other))) = table.get(slot) {
            if *other_tag == tag && meaning(source, *other) == key {
                return Err(duplicate(name));
            }
            slot = (slot + 1) & (slots - 1);
        }
        if let Some(free) = table.get_mut(slot) {
            *free = Some((tag, name));
        }
    }
    Ok(())
}
