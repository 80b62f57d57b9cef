//! Policies in Cedar (<https://docs.cedarpolicy.com>, version 4 of the language): read, checked against what a contract has, cut per
//! operation, and asked about calls. Whatever a policy may name is [`names`]; what is told of a call is [`facts`].
//!
//! What it promises:
//! - a policy is checked strictly for each operation that it applies to, in a schema made of that operation alone: its parameters, the
//!   values of its body that are named, who may call it, the claims that are declared. What it names and nothing has is a [`Fault`] at its
//!   place in the file;
//! - a [`Slice`] holds the policies that can be satisfied in one operation and no others: those whose scope names it, or one of its
//!   groups, and of which the checker has not found that they are never satisfied there;
//! - without a policy that permits, nothing is; one that forbids wins over all that permit. One that forbids and cannot be evaluated forbids
//!   (Cedar would skip it); one that permits and cannot be evaluated does not;
//! - nothing is shared between decisions but what was compiled, and what was compiled is read only.
//!
//! How it stays cheap: a schema of all operations would be built and every policy checked in each of them, which is the product of both.
//! Here a policy is checked once for all operations of one [`Shape`], unless it tells actions apart in its condition. At a call only facts
//! are made that some policy of the slice reads ([`Wants`]); scopes are compared without the evaluator; conditions are kept without the
//! places that they were read from, which all cores would count references of.
//!
//! The evaluator, the parser and the checker are `cedar-policy-core`'s, behind the feature `engine`: without it [`Book::read`] says that
//! this build has none.

#[cfg(not(feature = "engine"))]
mod absent;
pub mod facts;
mod fault;
pub mod names;

#[cfg(feature = "engine")]
mod ask;
#[cfg(feature = "engine")]
mod bare;
#[cfg(feature = "engine")]
mod book;
#[cfg(feature = "engine")]
mod check;
#[cfg(feature = "engine")]
mod schema;
#[cfg(feature = "engine")]
mod slice;

#[cfg(not(feature = "engine"))]
pub use absent::{Book, Slice};
#[cfg(feature = "engine")]
pub use book::Book;
pub use facts::Facts;
pub use fault::{Fault, Severity};
pub use names::{Shape, Vocabulary, Wants};
#[cfg(feature = "engine")]
pub use slice::Slice;

/// Whether this build reads policies at all.
pub const AVAILABLE: bool = cfg!(feature = "engine");

/// A text with policies.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// Its name: policies without an `@id` are called by it and the line in which they begin.
    pub name: &'s str,
    /// The text.
    pub text: &'s str,
}

/// What policies say of a call. Policies are named by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'s> {
    /// This one permits it, and none forbids it.
    Permitted(&'s str),
    /// This one forbids it.
    Forbidden(&'s str),
    /// This one would forbid something and could not be evaluated.
    Undecided(&'s str),
    /// None permits it.
    Unpermitted,
}

/// A policy as it is told of to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'s> {
    /// Its id.
    pub id: &'s str,
    /// Whether it permits; else it forbids.
    pub permits: bool,
    /// As it is written.
    pub text: &'s str,
}
