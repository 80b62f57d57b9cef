//! Who may call an operation, before and after.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::{Changes, Effect};

type Ways<'j> = Vec<BTreeSet<&'j str>>;

/// What has to be shown, one of these sets whole; and whether nothing has to be.
fn read(access: &Json) -> (bool, Ways<'_>) {
    let ways = access["any_of"].as_array().into_iter().flatten();
    let ways =
        ways.map(|needs| needs.as_array().into_iter().flatten().filter_map(Json::as_str).collect()).collect();
    (access["anonymous"] == Json::Bool(true), ways)
}

fn said(ways: &Ways<'_>) -> String {
    let one = |needs: &BTreeSet<&str>| needs.iter().copied().collect::<Vec<_>>().join(" and ");
    match ways.as_slice() {
        [] => String::from("nothing that anyone has"),
        ways => ways.iter().map(one).collect::<Vec<_>>().join(", or "),
    }
}

/// Compares two.
pub(crate) fn compare(old: &Json, new: &Json, out: &mut Changes<'_>) {
    let ((was_open, before), (is_open, after)) = (read(old), read(new));
    match (was_open, is_open) {
        (false, true) => return out.add(Effect::Weaker, "became anonymous: nobody has to say who calls"),
        (true, false) => {
            return out.add(Effect::Stricter, format!("is not anonymous any more: wants {}", said(&after)));
        }
        _ => {}
    }
    if before == after {
        return;
    }
    // Who has what the new one wants had what the old one wanted, unless a way is new.
    let opened = after.iter().any(|way| !before.iter().any(|known| known.is_subset(way)));
    let closed = before.iter().any(|way| !after.iter().any(|known| known.is_subset(way)));
    let effect = match (opened, closed) {
        (true, _) => Effect::Weaker,
        (false, true) => Effect::Stricter,
        (false, false) => Effect::Neutral,
    };
    let what = if after.is_empty() {
        String::from("refuses every call: none of its credentials can be verified")
    } else {
        format!("now demands {} instead of {}", said(&after), said(&before))
    };
    out.add(effect, what);
}
