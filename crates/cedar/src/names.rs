//! What policies may name: the actions of an API, claims, and attributes of what a call is about.

use std::collections::{BTreeMap, BTreeSet};

/// The group of operations that change nothing (RFC 9110 section 9.2.1).
pub const READ: &str = "group:read";
/// The group of all others.
pub const WRITE: &str = "group:write";

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A text: `String`.
    Text,
    /// A whole number of 64 bits: `Long`.
    Long,
    /// `Bool`.
    Bool,
    /// Texts without an order: `Set<String>`.
    Texts,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// Its name.
    pub name: Box<str>,
    /// Its type.
    pub kind: Kind,
    /// Whether it is always there; else policies have to ask by `has` first.
    pub required: bool,
}

/// Operations of an API and the groups that they are in, as policies name both: entities of the type `Action`.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    operations: BTreeMap<Box<str>, Vec<Box<str>>>,
    groups: BTreeSet<Box<str>>,
}

impl Actions {
    /// Adds an operation with its groups; what is there twice has the groups of both.
    pub fn add<'g>(&mut self, operation: &str, groups: impl IntoIterator<Item = &'g str>) {
        let own = self.operations.entry(operation.into()).or_default();
        for group in groups {
            if !own.iter().any(|known| **known == *group) {
                own.push(group.into());
            }
            self.groups.insert(group.into());
        }
    }

    /// Makes groups known that may have no operation.
    pub fn declare<'g>(&mut self, groups: impl IntoIterator<Item = &'g str>) {
        self.groups.extend(groups.into_iter().map(Box::from));
    }

    /// Whether there is such an operation or group.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.operations.contains_key(name) || self.groups.contains(name)
    }

    /// Whether it is a group.
    #[must_use]
    pub fn is_group(&self, name: &str) -> bool {
        self.groups.contains(name)
    }

    /// The groups of an operation; none of what is no operation.
    #[must_use]
    pub fn groups_of(&self, operation: &str) -> &[Box<str>] {
        self.operations.get(operation).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first name that is an operation's and a group's.
    #[must_use]
    pub fn ambiguous(&self) -> Option<&str> {
        self.operations.keys().find(|name| self.groups.contains(*name)).map(|name| &**name)
    }

    /// All operations.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(|name| &**name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().chain(&self.groups).map(|name| &**name)
    }
}

/// What all policies of an API may name.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// Its operations.
    pub actions: Actions,
    /// Claims: members of `context.claims`.
    pub claims: Vec<Attribute>,
}

/// What policies may name in one operation beside that: operations of one shape are checked once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Attributes of `resource`: parameters of the path, and values of the body.
    pub resource: Vec<Attribute>,
    /// Whether who calls may be known: a `Caller`.
    pub callers: bool,
    /// Whether who calls may be unknown: the one entity of the type `Anonymous`.
    pub anonymous: bool,
}

/// What policies of one operation read of a call. What nobody reads need not be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// `context.claims`.
    pub claims: bool,
    /// Roles of who calls.
    pub roles: bool,
    /// Scopes of who calls.
    pub scopes: bool,
    /// `context.client`.
    pub client: bool,
    /// `context.request`.
    pub request: bool,
    /// `context.time`.
    pub time: bool,
    /// `context.token`.
    pub token: bool,
    /// `context.assurance`.
    pub assurance: bool,
    /// `context.credentials`.
    pub credentials: bool,
}
