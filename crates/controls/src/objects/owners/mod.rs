//! Whose an object is, where its id does not say so itself: a table of the operator's, or the service that has the object.
//!
//! What it promises:
//! - an object is a caller's when one of its owners is in their claim; one that nobody knows is nobody's;
//! - a service says whose it is by a JSON answer of status 200 with the owner at one place, and that there is no such object by 404 or
//!   410. All else is no answer, and refuses the call as one that cannot be decided: there is no way to let it pass;
//! - an id becomes one segment of the path that is asked for, whatever stands in it; what could be another path is not asked about;
//! - of all calls about one object at one moment one asks; [`engine::bounds::OWNERS_ASKING`] questions are asked at one time, and a call
//!   names [`engine::bounds::OWNERS_PER_CALL`] objects at most;
//! - an answer is remembered only where `max_age` says so, by a keyed hash of the id; that there is no such object, or was no
//!   answer, for a second.

mod answer;
mod asking;
mod config;
mod lookup;
mod stand_in;
mod table;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::bounds;

use super::Why;
pub(super) use asking::{Asker, Known};
pub use config::{LookupSection, OwnerSection};
pub(super) use config::{check, compile, files};
pub(super) use lookup::Lookup;
pub use stand_in::{OwnerStandIn, stand_ins};
pub(super) use table::Table;

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// These own it, each of them; nobody, when there is none.
    Owners(Arc<[Box<str>]>),
    /// It could not be told.
    Unknown(Box<str>),
}

impl Answer {
    /// There is no such object.
    pub(super) fn nobody() -> Self {
        Self::Owners(Arc::default())
    }
}

/// Where the owners of a binding's objects are found.
#[derive(Debug)]
pub(super) enum Source {
    /// An id is its own owner: it is what the claim has.
    Id,
    /// In a table.
    Table(Arc<Table>),
    /// The service is asked.
    Lookup(Arc<Lookup>),
}

/// What services said of the objects that a call names, by the number of the binding.
pub(super) type Told = BTreeMap<(usize, Box<str>), Answer>;

/// The owners of a binding's objects as far as a call knows them, and the objects that have to be asked about.
#[derive(Debug)]
pub(super) struct Owners<'c> {
    source: &'c Source,
    binding: usize,
    told: &'c Told,
    wanted: RefCell<BTreeSet<Box<str>>>,
}

impl<'c> Owners<'c> {
    pub(super) fn of(source: &'c Source, binding: usize, told: &'c Told) -> Self {
        Self { source, binding, told, wanted: RefCell::default() }
    }

    /// Whether an object is somebody's, who is known by `is_theirs`. One that has to be asked about is for now: nobody goes on before
    /// it was.
    pub(super) fn check(&self, id: Cow<'_, str>, is_theirs: impl Fn(&str) -> bool) -> Result<(), Why> {
        let theirs = |owners: &[Box<str>]| owners.iter().any(|owner| is_theirs(owner));
        let passes = match self.source {
            Source::Id => is_theirs(&id),
            Source::Table(table) => theirs(table.owners(&id)),
            Source::Lookup(_) => {
                if !lookup::can_be_asked(&id) {
                    return Err(Why::Undecidable);
                }
                let key = (self.binding, Box::from(id));
                match self.told.get(&key) {
                    Some(Answer::Owners(owners)) => theirs(owners),
                    Some(Answer::Unknown(_)) => return Err(Why::Unknown),
                    None => return self.want(key.1),
                }
            }
        };
        if passes { Ok(()) } else { Err(Why::Other) }
    }

    fn want(&self, id: Box<str>) -> Result<(), Why> {
        let mut wanted = self.wanted.borrow_mut();
        wanted.insert(id);
        if wanted.len() > bounds::OWNERS_PER_CALL { Err(Why::TooMany) } else { Ok(()) }
    }

    /// The objects that have to be asked about.
    pub(super) fn wanted(self) -> impl Iterator<Item = (usize, Box<str>)> {
        let binding = self.binding;
        self.wanted.into_inner().into_iter().map(move |id| (binding, id))
    }
}
