//! Compiled rules.

use std::sync::Arc;

use diagnostics::Span;
use regex::bytes::Regex;

use crate::gate::Gate;
use crate::operator::{Capture, Operator};
use crate::syntax::{AllowScope, Control as ControlSyntax, Select};
use crate::template::{Expand, Names, Slot};
use crate::transform::Transformation;
use crate::variable::Variable;

/// One rule with its chain.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    pub(crate) phase: u8,
    pub(crate) span: Span,
    pub(crate) message: Option<Expand>,
    pub(crate) log_data: Option<Expand>,
    pub(crate) tags: Arc<[String]>,
    pub(crate) severity: Option<u8>,
    pub(crate) log: bool,
    pub(crate) disruptive: Disruptive,
    pub(crate) status: u16,
    /// The rule to go on with after a match.
    pub(crate) skip_to: Option<usize>,
    /// At least one; more are a chain.
    pub(crate) links: Vec<Link>,
}

/// What a rule does to the call when it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disruptive {
    Pass,
    Deny,
    Drop,
    Redirect(Expand),
    Allow(AllowScope),
}

/// One test of a rule and what follows from it at once.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) targets: Vec<Selector>,
    pub(crate) excluded: Vec<Selector>,
    /// `None` matches once, always.
    pub(crate) test: Option<(bool, Operator)>,
    pub(crate) gate: Gate,
    pub(crate) transformations: Vec<Transformation>,
    /// Whether all it looks at is there before the rules of a phase run.
    pub(crate) gathered: bool,
    pub(crate) multi_match: bool,
    pub(crate) capture: Capture,
    pub(crate) set_vars: Vec<SetVar>,
    pub(crate) controls: Vec<Control>,
}

impl Link {
    /// Whether its test can be decided value by value before the rules of a phase run.
    pub(crate) fn is_static(&self) -> bool {
        self.test.is_some()
            && !self.targets.is_empty()
            && self.targets.iter().all(|target| !target.count && !target.variable.is_dynamic())
    }
}

/// A target.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) variable: Variable,
    pub(crate) members: Members,
    pub(crate) count: bool,
    /// Of a named member of `TX`.
    pub(crate) slot: Option<Slot>,
    /// The members of `TX` that the rules name and a pattern selects.
    pub(crate) slots: Box<[Slot]>,
}

/// Which members of a collection.
#[derive(Debug, Clone)]
pub(crate) enum Members {
    All,
    /// In lower case.
    Named(Box<[u8]>),
    Matching(Box<Regex>),
}

impl Members {
    /// Whether a member of this name is meant.
    pub(crate) fn select(&self, name: &[u8]) -> bool {
        match self {
            Members::All => true,
            Members::Named(wanted) => wanted.eq_ignore_ascii_case(name),
            Members::Matching(pattern) => pattern.is_match(name),
        }
    }
}

impl Selector {
    /// Finds what a pattern selects among the members of `TX` that the rules name.
    pub(crate) fn find_slots(&mut self, names: &Names) {
        if self.variable == Variable::Tx && self.slot.is_none() {
            let all = (0..names.len()).filter_map(|slot| Slot::try_from(slot).ok());
            self.slots = all.filter(|slot| self.members.select(names.name(*slot))).collect();
        }
    }

    /// Whether an entry of a concrete collection is meant.
    pub(crate) fn select(&self, variable: Variable, name: &[u8]) -> bool {
        let same = self.variable == variable || self.variable.parts().contains(&variable);
        same && self.members.select(name)
    }
}

/// `setvar`, compiled.
#[derive(Debug, Clone)]
pub(crate) struct SetVar {
    pub(crate) collection: Variable,
    pub(crate) name: VarName,
    pub(crate) change: Change,
}

/// The name of a variable that is set.
#[derive(Debug, Clone)]
pub(crate) enum VarName {
    Slot(Slot),
    Dynamic(Expand),
}

/// What is done to it.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Set(Expand),
    Add(Expand),
    Subtract(Expand),
    Unset,
}

/// `ctl`, compiled.
#[derive(Debug, Clone)]
pub(crate) enum Control {
    Plain(ControlSyntax),
    /// The rules that are meant are found when the rules are loaded.
    Remove(crate::bits::Bits),
    RemoveTarget(crate::bits::Bits, Selector),
}

/// Whether a rule is meant by an update or removal.
pub(crate) fn selects(select: &Select, rule: &Rule) -> bool {
    match select {
        Select::Ids(from, to) => (*from..=*to).contains(&rule.id),
        Select::Tag(tag) => rule.tags.iter().any(|known| known == tag),
        Select::Message(text) => {
            rule.message.as_ref().and_then(Expand::constant).is_some_and(|message| message == text.as_bytes())
        }
    }
}
