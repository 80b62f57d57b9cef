//! Which rules have to know the groups of what their pattern matched. Most capture to tell the whole match (`TX.0`), which a
//! search finds by itself; the groups (`TX.1` to `TX.9`) cost a slower one.

use crate::operator::Capture;
use crate::rule::{Change, Disruptive, Link, Rule, VarName};
use crate::template::{Expand, Piece, Slot};

/// The slots of the groups.
const GROUPS: std::ops::RangeInclusive<Slot> = 1..=9;

/// Leaves out groups that no rule looks at.
pub(super) fn narrow(rules: &mut [Rule]) {
    // What a rule reads before it has captured itself, another one captured.
    if rules.iter().any(reads_of_others) {
        return;
    }
    for rule in rules {
        if !rule.links.iter().any(reads) && !tells(rule) {
            let captures = rule.links.iter_mut().filter(|link| link.capture == Capture::Groups);
            captures.for_each(|link| link.capture = Capture::Whole);
        }
    }
}

fn reads_of_others(rule: &Rule) -> bool {
    let mut before = rule.links.iter().take_while(|link| link.capture == Capture::No);
    let captures = rule.links.iter().any(|link| link.capture != Capture::No);
    // The targets of the link that captures are read before it does.
    let first = rule.links.iter().find(|link| link.capture != Capture::No);
    before.any(reads) || first.is_some_and(tests_group) || (!captures && tells(rule))
}

/// Whether a rule names a group in what it says of a match.
fn tells(rule: &Rule) -> bool {
    let redirect = matches!(&rule.disruptive, Disruptive::Redirect(to) if names_group(to));
    redirect || rule.message.iter().chain(&rule.log_data).any(names_group)
}

/// Whether a link looks at a group, or names one in what it does.
fn reads(link: &Link) -> bool {
    let sets = link.set_vars.iter().any(|set| {
        let name = matches!(&set.name, VarName::Dynamic(name) if names_group(name));
        name || matches!(&set.change, Change::Set(text) | Change::Add(text) | Change::Subtract(text) if names_group(text))
    });
    sets || tests_group(link)
}

/// Whether what a link tests is a group, or tested against one.
fn tests_group(link: &Link) -> bool {
    let mut slots = link.targets.iter().flat_map(|target| target.slot.iter().chain(&target.slots));
    let parameter = link.test.as_ref().and_then(|(_, operator)| operator.parameter());
    slots.any(|slot| GROUPS.contains(slot)) || parameter.is_some_and(names_group)
}

fn names_group(text: &Expand) -> bool {
    text.pieces.iter().any(|piece| matches!(piece, Piece::Tx(slot) if GROUPS.contains(slot)))
}
