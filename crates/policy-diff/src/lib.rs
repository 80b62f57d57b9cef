//! What two configurations do differently, in terms of behavior: who may call what, how much, held to what.
//!
//! [`describe`] writes down what a compiled configuration does, as JSON without a secret in it; [`compare`] tells two such
//! descriptions apart and says of each difference whether the new one lets more through. So a running gateway can describe
//! itself, and be compared with a file.
//!
//! A difference whose direction is not known counts as one that lets more through: who reads it looks, who gates a build on
//! it is stopped.

mod access;
mod binding;
mod compare;
mod describe;
mod rules;
mod schema;
mod settings;
mod websocket;

#[cfg(test)]
mod tests;

use serde_json::Value as Json;

pub use compare::compare;
pub use describe::{VERSION, describe};

/// Which way a difference goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The new one lets more through, or that is not known.
    Weaker,
    /// It lets less through.
    Stricter,
    /// Neither.
    Neutral,
}

impl Effect {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Effect::Weaker => "weaker",
            Effect::Stricter => "stricter",
            Effect::Neutral => "neutral",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Which way it goes.
    pub effect: Effect,
    /// What it is about: an operation as `api.operation`, an API, `listener NAME` and the like.
    pub about: String,
    /// What is different, as a sentence without an end.
    pub what: String,
}

/// What lies along a path of keys; nothing where there is none.
fn at<'j>(value: &'j Json, path: &[&str]) -> &'j Json {
    static NOTHING: Json = Json::Null;
    path.iter().try_fold(value, |value, key| value.get(*key)).unwrap_or(&NOTHING)
}

/// Takes down changes about one thing.
struct Changes<'c> {
    about: String,
    all: &'c mut Vec<Change>,
}

impl Changes<'_> {
    fn add(&mut self, effect: Effect, what: impl Into<String>) {
        self.all.push(Change { effect, about: self.about.clone(), what: what.into() });
    }
}
