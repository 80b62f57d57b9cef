//! What the rules decide about themselves is decided when they are loaded.
//!
//! The Core Rule Set configures itself by rules: defaults are set when they are absent, and whole sections are skipped by
//! paranoia level. This pass runs the rules' conditions over the variables whose values cannot depend on a call, moves what
//! they set into the initial state, and takes out what they always skip. It is careful in one direction only: whatever a
//! call could change is unknown, and what is unknown stays a rule.

mod condition;

use std::collections::{HashMap, HashSet};

use crate::bits::Bits;
use crate::rule::{Change, Control, Disruptive, Rule, VarName};
use crate::store::Value;
use crate::syntax::{Control as ControlSyntax, Mode};
use crate::template::{Expand, Names, Piece, Slot};
use crate::variable::Variable;

/// What folding found.
pub(super) struct Folded {
    /// Rules that never have to run.
    pub(super) removed: Bits,
    /// Rules that stay, say nothing and match in every call.
    pub(super) certain: Bits,
    /// `TX` as every call begins with it.
    pub(super) initial: Vec<Option<Value>>,
}

struct Folder<'a> {
    rules: &'a [Rule],
    names: &'a Names,
    removed: Bits,
    certain: Bits,
    initial: Vec<Option<Value>>,
    /// Members whose value is the same in every call at this point; absent members are `None` inside.
    known: HashMap<Slot, Option<Value>>,
    /// Members that a rule that stays may have read or written before this point.
    touched: HashSet<Slot>,
    /// A rule that stays reads `TX` as a whole or by pattern.
    all_touched: bool,
    /// Rules up to here may be jumped over.
    uncertain_until: usize,
    /// Whether a call may have been stopped before this point.
    may_stop: bool,
    /// Rules that a rule that stays may have removed from the call.
    unsure: Bits,
    removals: Vec<Bits>,
}

/// Finds what can be decided at load.
pub(super) fn fold(rules: &[Rule], names: &Names) -> Folded {
    let mut folder = Folder {
        rules,
        names,
        removed: Bits::new(rules.len()),
        certain: Bits::new(rules.len()),
        initial: vec![None; names.len()],
        known: HashMap::new(),
        touched: HashSet::new(),
        all_touched: false,
        uncertain_until: 0,
        may_stop: false,
        unsure: Bits::new(rules.len()),
        removals: removals(rules),
    };
    folder.begin();
    for phase in 1..=5 {
        folder.phase(phase);
    }
    Folded { removed: folder.removed, certain: folder.certain, initial: folder.initial }
}

fn removals(rules: &[Rule]) -> Vec<Bits> {
    let controls = rules.iter().flat_map(|rule| &rule.links).flat_map(|link| &link.controls);
    controls
        .filter_map(|control| match control {
            Control::Remove(meant) => Some(meant.clone()),
            _ => None,
        })
        .collect()
}

impl Folder<'_> {
    /// Every member is absent, except for those that rules write under names which are only known in a call.
    fn begin(&mut self) {
        let mut prefixes: Vec<Vec<u8>> = Vec::new();
        for set in self.rules.iter().flat_map(|rule| &rule.links).flat_map(|link| &link.set_vars) {
            if let (Variable::Tx, VarName::Dynamic(name)) = (set.collection, &set.name) {
                prefixes.push(match name.pieces.first() {
                    Some(Piece::Text(text)) => text.to_ascii_lowercase(),
                    _ => Vec::new(),
                });
            }
        }
        for slot in 10..self.names.len() {
            let Ok(slot) = Slot::try_from(slot) else { continue };
            let name = self.names.name(slot);
            if !prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                self.known.insert(slot, None);
            }
        }
    }

    fn phase(&mut self, phase: u8) {
        self.uncertain_until = 0;
        let mut at = 0;
        while let Some(rule) = self.rules.get(at) {
            if rule.phase != phase || self.removed.contains(at) {
                at += 1;
                continue;
            }
            at = self.rule(at, rule);
        }
        // The logging phase also runs after a call was stopped: nothing that came later is certain there.
        if phase == 4 && self.may_stop {
            self.known.clear();
        }
    }

    /// Looks at one rule and says where to go on.
    fn rule(&mut self, at: usize, rule: &Rule) -> usize {
        match self.condition(rule) {
            Some(false) => {
                self.removed.insert(at);
                at + 1
            }
            Some(true) => self.certain(at, rule),
            None => {
                self.stays(rule);
                at + 1
            }
        }
    }

    /// A rule whose condition always holds.
    fn certain(&mut self, at: usize, rule: &Rule) -> usize {
        let sure = at >= self.uncertain_until && !self.unsure.contains(at);
        let silent = !rule.log
            && rule.disruptive == Disruptive::Pass
            && rule.links.iter().all(|link| link.controls.is_empty());
        let foldable = silent && rule.phase == 1 && sure && !self.may_stop && self.sets_are_constant(rule);
        let sets_nothing = rule.links.iter().all(|link| link.set_vars.is_empty());
        let skip = rule.skip_to.filter(|skip_to| silent && self.can_skip(at, *skip_to));
        if rule.skip_to.is_some() && skip.is_none() {
            self.stays(rule);
            return at + 1;
        }
        if foldable || (silent && sets_nothing) {
            self.apply(rule, foldable);
            self.removed.insert(at);
        } else {
            self.stays_certainly(rule, sure);
            if silent {
                self.certain.insert(at);
            }
        }
        let Some(skip_to) = skip else { return at + 1 };
        for between in at + 1..skip_to {
            if self.rules.get(between).is_some_and(|inner| inner.phase == rule.phase) {
                self.removed.insert(between);
            }
        }
        skip_to
    }

    /// Whether the rules between can be taken out: nothing that jumps over this rule lands among them, and whatever could
    /// remove this rule from a call removes them too.
    fn can_skip(&self, at: usize, skip_to: usize) -> bool {
        if at < self.uncertain_until && skip_to > self.uncertain_until {
            return false;
        }
        let phase = self.rules.get(at).map(|rule| rule.phase);
        self.removals.iter().filter(|meant| meant.contains(at)).all(|meant| {
            (at + 1..skip_to)
                .all(|inner| meant.contains(inner) || self.rules.get(inner).map(|rule| rule.phase) != phase)
        })
    }

    fn sets_are_constant(&self, rule: &Rule) -> bool {
        rule.links.iter().flat_map(|link| &link.set_vars).all(|set| {
            let VarName::Slot(slot) = &set.name else { return false };
            let untouched =
                !self.all_touched && !self.touched.contains(slot) && self.known.contains_key(slot);
            let constant = match &set.change {
                Change::Set(text) | Change::Add(text) | Change::Subtract(text) => self.expand(text).is_some(),
                Change::Unset => true,
            };
            set.collection == Variable::Tx && untouched && constant
        })
    }

    /// Carries out what a rule sets, in what is known and, if asked to, in the initial state.
    fn apply(&mut self, rule: &Rule, initially: bool) {
        for set in rule.links.iter().flat_map(|link| &link.set_vars) {
            let VarName::Slot(slot) = &set.name else { continue };
            let before = self.known.get(slot).cloned().flatten();
            let number = || before.as_ref().map_or(0, Value::number);
            let operand = |text: &Expand| self.expand(text).map(|text| Value::from_text(&text));
            let after = match &set.change {
                Change::Set(text) => operand(text),
                Change::Add(text) => {
                    operand(text).map(|by| Value::Number(number().saturating_add(by.number())))
                }
                Change::Subtract(text) => {
                    operand(text).map(|by| Value::Number(number().saturating_sub(by.number())))
                }
                Change::Unset => None,
            };
            self.known.insert(*slot, after.clone());
            if let Some(place) = self.initial.get_mut(usize::from(*slot)).filter(|_| initially) {
                *place = after;
            }
        }
    }

    /// A rule that stays and always matches: what it sets is still known when it is constant.
    fn stays_certainly(&mut self, rule: &Rule, sure: bool) {
        self.touch(rule);
        for set in rule.links.iter().flat_map(|link| &link.set_vars) {
            let VarName::Slot(slot) = &set.name else { continue };
            let constant = match (&set.change, sure) {
                (Change::Set(text), true) => self.expand(text),
                _ => None,
            };
            match constant.filter(|_| set.collection == Variable::Tx) {
                Some(text) => {
                    self.known.insert(*slot, Some(Value::from_text(&text)));
                }
                None => {
                    self.known.remove(slot);
                }
            }
        }
        self.stops(rule);
    }

    /// What a rule that stays can keep from running.
    fn stops(&mut self, rule: &Rule) {
        self.may_stop |= rule.disruptive != Disruptive::Pass;
        for control in rule.links.iter().flat_map(|link| &link.controls) {
            match control {
                Control::Remove(meant) => self.unsure.add(meant),
                Control::Plain(ControlSyntax::Engine(Mode::Off)) => {
                    (0..self.rules.len()).for_each(|rule| self.unsure.insert(rule));
                }
                _ => {}
            }
        }
    }

    /// A rule that depends on the call: what it sets is unknown from here on.
    fn stays(&mut self, rule: &Rule) {
        self.touch(rule);
        for set in rule.links.iter().flat_map(|link| &link.set_vars) {
            if let VarName::Slot(slot) = &set.name {
                self.known.remove(slot);
            }
        }
        if let Some(skip_to) = rule.skip_to {
            self.uncertain_until = self.uncertain_until.max(skip_to);
        }
        self.stops(rule);
    }

    fn touch(&mut self, rule: &Rule) {
        for link in &rule.links {
            for target in link.targets.iter().filter(|target| target.variable == Variable::Tx) {
                match target.slot {
                    Some(slot) => {
                        self.touched.insert(slot);
                    }
                    None => self.all_touched = true,
                }
            }
            let operand = link.test.as_ref().and_then(|(_, operator)| operator.parameter());
            let values = link.set_vars.iter().filter_map(|set| match &set.change {
                Change::Set(text) | Change::Add(text) | Change::Subtract(text) => Some(text),
                Change::Unset => None,
            });
            let texts = values.chain(operand).chain(rule.message.as_ref()).chain(rule.log_data.as_ref());
            for piece in texts.flat_map(|text| &text.pieces) {
                if let Piece::Tx(slot) = piece {
                    self.touched.insert(*slot);
                }
            }
            for set in &link.set_vars {
                if let VarName::Slot(slot) = &set.name {
                    self.touched.insert(*slot);
                }
            }
        }
    }
}
