//! Where the parts of a converted document came from, and where they went.

use std::collections::BTreeMap;

use crate::documents::Spot;
use crate::pointer;

/// Pairs of places by their beginnings: what has no entry of its own moved with what is around it.
#[derive(Debug, Default)]
pub(crate) struct PointerMap {
    /// From pointers of the converted document.
    sources: BTreeMap<String, Spot>,
    /// From pointers of the document as it was, to the first place that each went to.
    targets: BTreeMap<String, String>,
}

impl PointerMap {
    pub(super) fn came_from(&mut self, to: &str, from: Spot) {
        self.sources.insert(to.to_owned(), from);
    }

    pub(super) fn went_to(&mut self, from: &str, to: &str) {
        self.targets.entry(from.to_owned()).or_insert_with(|| to.to_owned());
    }

    /// Where a part of the converted document `file` was, in whatever file.
    pub(crate) fn origin(&self, file: usize, pointer: &str) -> Spot {
        match longest(&self.sources, pointer) {
            Some((spot, rest)) => Spot { file: spot.file, pointer: format!("{}{rest}", spot.pointer).into() },
            None => Spot { file, pointer: pointer.into() },
        }
    }

    /// Where a part of the document as it was is now.
    pub(super) fn target(&self, pointer: &str) -> String {
        longest(&self.targets, pointer)
            .map_or_else(|| pointer.to_owned(), |(target, rest)| format!("{target}{rest}"))
    }
}

/// The entry of the longest beginning of whole tokens, and what follows it.
fn longest<'m, 'p, T>(map: &'m BTreeMap<String, T>, pointer: &'p str) -> Option<(&'m T, &'p str)> {
    let mut end = pointer.len();
    loop {
        let head = pointer.get(..end)?;
        if let Some(found) = map.get(head) {
            return Some((found, pointer.get(end..)?));
        }
        end = head.rfind('/')?;
    }
}

/// A part on its way: where it goes, and where it was.
#[derive(Debug, Clone)]
pub(super) struct At {
    pub(super) to: String,
    pub(super) from: Spot,
}

impl At {
    pub(super) fn join(&self, token: &str) -> Self {
        Self { to: pointer::join(&self.to, token), from: self.from.join(token) }
    }
}
