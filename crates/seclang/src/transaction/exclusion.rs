//! What is not looked at in some calls, as `ctl:ruleRemoveById` and `ctl:ruleRemoveTargetById` say it in rules: for who embeds
//! the engine, so that calls that differ in nothing else share one.

use super::Transaction;
use crate::Engine;
use crate::bits::Bits;
use crate::rule::{Members, Selector, selects};
use crate::syntax::Select;
use crate::variable::Variable;

/// Rules that an exclusion is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// All of them.
    All,
    /// That of an id.
    Id(u64),
    /// Those with a tag.
    Tag(&'a str),
}

/// A part of a call that an exclusion is about; names in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A parameter of the query or the body, under the name that rules know it by (`ARGS`).
    Parameter(&'a str),
    /// A header field.
    Header(&'a str),
    /// A cookie.
    Cookie(&'a str),
}

impl Part<'_> {
    fn selector(self) -> Selector {
        let (variable, name) = match self {
            Part::Parameter(name) => (Variable::Args, name),
            Part::Header(name) => (Variable::RequestHeaders, name),
            Part::Cookie(name) => (Variable::RequestCookies, name),
        };
        let members = Members::Named(name.to_ascii_lowercase().into_bytes().into_boxed_slice());
        Selector { variable, members, count: false, slot: None, slots: Box::default() }
    }
}

/// Rules that do not run, or do not look at some parts. Only for calls of the engine that made it.
#[derive(Debug, Clone)]
pub struct Exclusion {
    pub(super) rules: Bits,
    parts: Vec<Selector>,
}

impl Exclusion {
    /// Whether a rule is meant by both.
    #[must_use]
    pub fn overlaps(&self, other: &Exclusion) -> bool {
        self.rules.intersects(&other.rules)
    }
}

impl Engine {
    /// The exclusion of rules for some parts of a call, or altogether when there are none. `None` when no rule that was
    /// loaded is meant, which is a mistake in what was asked for.
    #[must_use]
    pub fn exclusion(&self, which: Which<'_>, parts: &[Part<'_>]) -> Option<Exclusion> {
        let (select, known) = match which {
            Which::All => (Select::Ids(0, u64::MAX), true),
            Which::Id(id) => (Select::Ids(id, id), self.known.ids.contains(&id)),
            Which::Tag(tag) => (Select::Tag(tag.to_owned()), self.known.tags.contains(tag)),
        };
        if !known {
            return None;
        }
        let mut rules = Bits::new(self.rules.len());
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| selects(&select, rule)) {
            // What rules decide about themselves goes on, or nothing would count any more.
            if which != Which::All || rule.log {
                rules.insert(at);
            }
        }
        Some(Exclusion { rules, parts: parts.iter().map(|part| part.selector()).collect() })
    }
}

impl Transaction<'_> {
    /// Leaves out what the exclusion says, from here on.
    pub fn exclude(&mut self, exclusion: &Exclusion) {
        if exclusion.parts.is_empty() {
            let count = self.engine.rules.len();
            self.removed.get_or_insert_with(|| Bits::new(count)).add(&exclusion.rules);
        }
        for part in &exclusion.parts {
            self.removed_targets.push((exclusion.rules.clone(), part.clone()));
        }
    }
}
