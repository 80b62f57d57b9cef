//! The rule engine that runs the OWASP Core Rule Set.
//!
//! SecLang is the language of ModSecurity's rules; its reference is the ModSecurity Reference Manual (v3.x), whose section
//! names the modules here quote. This crate reads rule files as text, compiles them once ([`Engine::load`]) and then
//! inspects calls ([`Engine::transaction`]). It stands alone: no IO, no runtime, no clock. Files that rules name
//! (`@pmFromFile`) come from the caller as [`Assets`].
//!
//! # How it is fast
//!
//! Rules become an index by variable and chain of transformations. A call's values are transformed once per distinct
//! (value, chain), and not at all by chains that cannot change them; one automaton over the literals that patterns require
//! says which rules a value can concern; only those are tested, in the order they were written. What rules decide about
//! themselves, such as paranoia levels, is decided when they are loaded. All patterns run in linear time.
//!
//! # What it promises
//!
//! - What it does not know is an error with a place, never ignored.
//! - No input makes it panic, and no call costs more than [`Settings::work_limit`]; one that reaches it is refused.
//! - What is left out of a pattern because it would need backtracking only widens the pattern, and is reported with its
//!   place and with what that means for the rule.

mod bits;
mod body;
mod bytes;
mod compile;
mod gate;
mod operator;
mod parse;
mod pcre;
mod rule;
mod settings;
mod store;
mod syntax;
mod template;
mod texts;
mod transaction;
mod transform;
mod variable;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diagnostics::{Diagnostics, Sources};

pub use settings::Settings;
pub use syntax::{Mode, Processor};
pub use transaction::{Exclusion, Intervention, Match, Part, Report, Suspended, Transaction, Verdict, Which};
pub use transform::Transformation;
pub use variable::Variable;

use compile::{PhaseIndex, Prefilter};
use rule::Rule;
use store::Value;
use template::Names;
use texts::Keys;

/// One rule file: its name for messages, and its text.
#[derive(Debug, Clone, Copy)]
pub struct RuleFile<'a> {
    /// As shown in messages.
    pub name: &'a str,
    /// SecLang.
    pub text: &'a str,
}

/// Files that rules name, by the name they use.
pub trait Assets {
    /// The text of a file; `None` when there is no such file.
    fn get(&self, name: &str) -> Option<&str>;
}

impl Assets for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        BTreeMap::get(self, name).map(String::as_str)
    }
}

impl Assets for HashMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        HashMap::get(self, name).map(String::as_str)
    }
}

/// A compiled set of rules. Immutable; calls share it.
#[derive(Debug)]
pub struct Engine {
    rules: Vec<Rule>,
    total: usize,
    names: Names,
    phases: [PhaseIndex; 5],
    prefilter: Prefilter,
    initial: Vec<Option<Value>>,
    folded: usize,
    settings: Settings,
    /// Whether a rule looks into uploaded files.
    reads_files: bool,
    keys: Keys,
    known: Known,
}

/// What rules there are, those decided at load included.
#[derive(Debug, Default)]
struct Known {
    ids: BTreeSet<u64>,
    tags: BTreeSet<String>,
}

/// What became of the rules when they were compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Rules, chains counted once.
    pub rules: usize,
    /// Of these decided at load.
    pub folded: usize,
    /// Literals in the prefilter.
    pub literals: usize,
}

impl Engine {
    /// Compiles rule files in order. The engine is there when none of the diagnostics is an error.
    #[must_use]
    pub fn load(files: &[RuleFile<'_>], assets: &dyn Assets) -> (Option<Engine>, Diagnostics, Sources) {
        compile::load(files, assets)
    }

    /// What the configuration directives said; change it before the first call.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// What the configuration directives said.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Names of what the last test of a rule undoes in a value before it looks at it, first to last; for who explains a match.
    #[must_use]
    pub fn transformations(&self, id: u64) -> Vec<&'static str> {
        let rule = self.rules.iter().find(|rule| rule.id == id);
        let link = rule.and_then(|rule| rule.links.last());
        link.map(|link| link.transformations.iter().map(|step| step.name()).collect()).unwrap_or_default()
    }

    /// What became of the rules.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics { rules: self.total, folded: self.folded, literals: self.prefilter.len() }
    }

    /// Begins the inspection of one call.
    #[must_use]
    pub fn transaction(&self) -> Transaction<'_> {
        Transaction::new(self)
    }
}
