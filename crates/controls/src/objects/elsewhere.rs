//! Ids under their own name in a value where no place is: in a filter within a filter, or in an object that nothing describes. A service
//! that looks for the name finds them.

use std::borrow::Cow;

use tape::{Kind, Name, Node};

use super::owned::Owned;
use super::{Checked, Place, Why};
use crate::pattern::{PLAIN, Step, ends_in, is_name};

/// A step that was taken: a member, or an item.
type Taken<'a> = Option<Name<'a>>;

struct Search<'s, 'c, 'a> {
    leaf: &'s str,
    places: Vec<&'s [Step]>,
    owned: &'s Owned<'c>,
    declares: &'s dyn Fn(&[Option<&str>]) -> bool,
    at: Vec<(Taken<'a>, usize)>,
}

/// Checks the values of a place's name that are at none of the places of its part; those that `declares` knows are left out.
pub(super) fn check<'s>(
    (place, all): (&'s Place, impl Iterator<Item = &'s Place>),
    owned: &'s Owned<'_>,
    root: Node<'_>,
    declares: &'s dyn Fn(&[Option<&str>]) -> bool,
) -> Checked {
    let last = place.pointer.as_ref().and_then(|pointer| pointer.steps().last());
    let Some(leaf) = last.and_then(Step::name) else { return Ok(()) };
    if place.part == contract::Place::Body && PLAIN.contains(&leaf) {
        return Ok(());
    }
    let same = all.filter(|other| other.part == place.part && other.name == place.name);
    let places = same.filter_map(|other| other.pointer.as_ref()).map(|pointer| pointer.steps()).collect();
    Search { leaf, places, owned, declares, at: Vec::new() }.look(root)
}

impl<'a> Search<'_, '_, 'a> {
    /// As deep as the value, which is bounded where it is read.
    fn look(&mut self, node: Node<'a>) -> Checked {
        match node.kind() {
            Kind::Object => node.entries().enumerate().try_for_each(|(index, (name, member))| {
                self.at.push((Some(name), index));
                let checked = self.member(name, member).and_then(|()| self.look(member));
                self.at.pop();
                checked
            }),
            Kind::Array => node.items().enumerate().try_for_each(|(index, item)| {
                self.at.push((None, index));
                let checked = self.look(item);
                self.at.pop();
                checked
            }),
            _ => Ok(()),
        }
    }

    fn member(&self, name: Name<'a>, member: Node<'a>) -> Checked {
        if !ends_in(self.leaf, name) || self.is_known() {
            return Ok(());
        }
        match self.owned.check(member) {
            Err(Why::Absent) => Ok(()),
            checked => checked,
        }
    }

    /// Whether a place is there, or the contract declares what is.
    fn is_known(&self) -> bool {
        self.places.iter().any(|steps| self.is_at(steps)) || {
            let names: Vec<Option<Cow<'_, str>>> =
                self.at.iter().map(|(taken, _)| taken.as_ref().map(|name| name.text())).collect();
            let steps: Vec<Option<&str>> = names.iter().map(Option::as_deref).collect();
            (self.declares)(&steps)
        }
    }

    fn is_at(&self, steps: &[Step]) -> bool {
        let mut both = steps.iter().zip(&self.at);
        steps.len() == self.at.len()
            && both.all(|(step, (taken, index))| match (step, taken) {
                (Step::Any, _) | (Step::Item, None) => true,
                (Step::Item, Some(_)) => false,
                (Step::Name(name), Some(written)) => is_name(name, *written),
                (Step::Name(name), None) => name.parse::<usize>() == Ok(*index),
            })
    }
}
