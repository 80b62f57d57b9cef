//! Ids in a JSON Patch (RFC 6902).

use tape::Node;

use super::owned::Owned;
use super::{Checked, Place, Why};
use crate::patch::{Patch, Touch, Use};
use crate::pattern::{self, Found, Pattern, Step};

/// Values that a patch puts where an id stands, or asks whether they are there. What it removes or brings from elsewhere is not known,
/// and what takes the place of something that an id may be in has to name one.
pub(super) fn check_patch(place: &Place, pattern: &Pattern, owned: &Owned<'_>, patch: &Patch<'_>) -> Checked {
    let mut checked = Ok(());
    patch.touches(pattern, &mut |with, touch| {
        let this = match touch {
            Touch::Value(node) => owned.check(node),
            Touch::Above(node, rest) => check_within(rest, node, owned, with == Use::Read || place.passes),
            Touch::Appended(node, rest) => check_within(rest, node, owned, true),
            Touch::Other | Touch::Malformed => Err(Why::Undecidable),
        };
        checked = checked.and(this);
    });
    checked
}

fn check_within(steps: &[Step], node: Node<'_>, owned: &Owned<'_>, may_be_absent: bool) -> Checked {
    let mut checked = Ok(());
    pattern::walk(steps, node, &mut |found| {
        let this = match found {
            Found::Value(node) => owned.check(node),
            Found::Absent if may_be_absent => Ok(()),
            Found::Absent => Err(Why::Absent),
            Found::Misplaced => Err(Why::Undecidable),
        };
        checked = checked.and(this);
    });
    checked
}
