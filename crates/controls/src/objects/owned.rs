//! Values of a call beside what the caller owns.

use std::borrow::Cow;

use contract::Reading;
use engine::Call;
use smallvec::SmallVec;
use tape::{Kind, Node};

use super::owners::Owners;
use super::patches::check_patch;
use super::{Binding, Checked, Place, Why};
use crate::callers::scalar;
use crate::patch::Patch;
use crate::pattern::Found;
use crate::read_body::{self, Content};

/// What the claim of a binding has, sorted, and how an id comes to that.
pub(super) struct Owned<'c> {
    claim: SmallVec<[Cow<'c, str>; 4]>,
    owners: Owners<'c>,
}

impl<'c> Owned<'c> {
    /// What the claim says of every credential that was proven by an issuer that is believed. A claim that is empty names nothing.
    pub(super) fn of(binding: &Binding, call: &'c Call, owners: Owners<'c>) -> Self {
        let mut claim = SmallVec::new();
        let principals = call.proofs.iter().map(|proof| &*proof.principal);
        let believed = principals.filter(|principal| binding.issuers.vouch_for(principal));
        for found in believed.filter_map(|principal| binding.claim.find(principal)) {
            match found.kind() {
                Kind::Array => claim.extend(found.items().filter_map(scalar)),
                _ => claim.extend(scalar(found)),
            }
        }
        claim.retain(|id: &mut Cow<'_, str>| !id.is_empty());
        claim.sort_unstable();
        Self { claim, owners }
    }

    fn has(&self, id: &str) -> bool {
        self.claim.binary_search_by(|known| (**known).cmp(id)).is_ok()
    }

    /// The objects that have to be asked about.
    pub(super) fn wanted(self) -> impl Iterator<Item = (usize, Box<str>)> {
        self.owners.wanted()
    }

    /// An id, or a list of ids.
    pub(super) fn check(&self, node: Node<'_>) -> Checked {
        match node.kind() {
            Kind::Null => Err(Why::Absent),
            Kind::Array if node.is_empty() => Err(Why::Absent),
            Kind::Array => node.items().try_for_each(|item| self.one(item)),
            _ => self.one(node),
        }
    }

    fn one(&self, node: Node<'_>) -> Checked {
        let id = scalar(node).ok_or(Why::Undecidable)?;
        self.owners.check(id, |owner| self.has(owner))
    }
}

/// Nothing is no fault where there need not be an id.
fn absent(place: &Place, checked: Checked) -> Checked {
    if checked == Err(Why::Absent) && !place.required { Ok(()) } else { checked }
}

/// Every value that stands at a place.
fn check_value(place: &Place, owned: &Owned<'_>, root: Node<'_>) -> Checked {
    let Some(pattern) = &place.pointer else { return absent(place, owned.check(root)) };
    let mut checked = Ok(());
    pattern.walk(root, &mut |found| {
        let this = match found {
            Found::Value(node) => owned.check(node),
            Found::Absent => Err(Why::Absent),
            // A schema that has no such place says that the value is something else.
            Found::Misplaced if !place.possible => Ok(()),
            Found::Misplaced => Err(Why::Undecidable),
        };
        checked = checked.and(absent(place, this));
    });
    checked
}

/// A parameter.
pub(super) fn check_reading(place: &Place, owned: &Owned<'_>, reading: &Reading) -> Checked {
    match reading {
        Reading::Absent => absent(place, Err(Why::Absent)),
        Reading::Unreadable => Err(Why::Undecidable),
        Reading::Values(tapes) => tapes.iter().try_for_each(|tape| check_value(place, owned, tape.root())),
    }
}

/// A place in a body.
pub(super) fn check_place(
    place: &Place,
    owned: &Owned<'_>,
    (body, patch): (&Content, Option<&Patch<'_>>),
) -> Checked {
    let patched =
        |pattern| patch.map_or(Err(Why::Undecidable), |patch| check_patch(place, pattern, owned, patch));
    match (body, &place.pointer) {
        (Content::Empty, _) => absent(place, Err(Why::Absent)),
        (Content::Unread, _) => Err(Why::Undecidable),
        // Bytes and plain text have no places, unless the same operation has them in another form: then they may be that.
        (Content::Flat, _) => {
            if place.possible {
                Err(Why::Undecidable)
            } else {
                Ok(())
            }
        }
        (Content::Patch(_), Some(pattern)) => patched(pattern),
        (Content::Both(tape), Some(pattern)) => check_value(place, owned, tape.root()).and(patched(pattern)),
        (Content::Fields(tape), Some(pattern)) if read_body::has_alias(tape, pattern) => {
            Err(Why::Undecidable)
        }
        (Content::Json(tape) | Content::Merge(tape), _) => check_value(place, owned, tape.root()),
        (Content::Fields(tape), _) => check_value(place, owned, tape.root()),
        (Content::Patch(_) | Content::Both(_), None) => Err(Why::Undecidable),
    }
}
