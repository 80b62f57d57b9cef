//! The program's indexes: which rules look at what, through which transformations, and the one automaton that says which
//! rules a value can concern at all.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use diagnostics::Diagnostic;
use regex::bytes::Regex;

use crate::bits::Bits;
use crate::bytes::ByteSet;
use crate::rule::{Link, Members, Rule, Selector};
use crate::transform::{Kinds, Transformation, kinds};
use crate::variable::Variable;

/// One automaton over the literals of all rules.
#[derive(Debug)]
pub(crate) struct Prefilter {
    automaton: AhoCorasick,
    /// For each literal the rules that it lets run.
    rules: Vec<Box<[u16]>>,
    /// Rules that need no literal.
    always: Bits,
}

impl Prefilter {
    pub(super) fn new(rules: &[Rule]) -> Result<Prefilter, Diagnostic> {
        let mut literals: HashMap<Vec<u8>, Vec<u16>> = HashMap::new();
        let mut always = Bits::new(rules.len());
        for (at, rule) in rules.iter().enumerate() {
            let Some(link) = rule.links.first() else { continue };
            if link.gate.literals.is_empty() {
                always.insert(at);
                continue;
            }
            let number = u16::try_from(at)
                .map_err(|_| Diagnostic::error("seclang-too-many", "more than 65535 rules"))?;
            for literal in &link.gate.literals {
                let known = literals.entry(literal.clone()).or_default();
                if known.last() != Some(&number) {
                    known.push(number);
                }
            }
        }
        let mut literals: Vec<(Vec<u8>, Vec<u16>)> = literals.into_iter().collect();
        literals.sort();
        let automaton = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(literals.iter().map(|(literal, _)| literal))
            .map_err(|error| Diagnostic::error("seclang-too-many", format!("too many literals: {error}")))?;
        let rules = literals.into_iter().map(|(_, rules)| rules.into_boxed_slice()).collect();
        Ok(Prefilter { automaton, rules, always })
    }

    /// Sets the bits of the rules whose literals let them run on `text`.
    pub(crate) fn run(&self, text: &[u8], words: &mut [u64]) {
        words.iter_mut().zip(self.always.words()).for_each(|(word, always)| *word = *always);
        for found in self.automaton.find_overlapping_iter(text) {
            for rule in self.rules.get(found.pattern().as_usize()).into_iter().flatten() {
                if let Some(word) = words.get_mut(usize::from(*rule) / 64) {
                    *word |= 1 << (*rule % 64);
                }
            }
        }
    }

    /// Literals, for reports.
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }
}

/// What runs in one phase.
#[derive(Debug)]
pub(crate) struct PhaseIndex {
    /// Rules that run whatever the values are.
    pub(crate) unconditional: Bits,
    /// By number of the concrete variable.
    variables: Vec<Option<VariableIndex>>,
}

/// Which rules look at a variable, and how.
#[derive(Debug)]
pub(crate) struct VariableIndex {
    /// Rules that look at all members.
    pub(crate) all: Bits,
    /// By member.
    pub(crate) named: HashMap<Box<[u8]>, Bits>,
    pub(crate) matching: Vec<(Regex, Bits)>,
    pub(crate) not_named: HashMap<Box<[u8]>, Bits>,
    pub(crate) not_matching: Vec<(Regex, Bits)>,
    /// Rules that take all of the variable back.
    pub(crate) not_any: Bits,
    /// Distinct chains of transformations with the rules that use them; those without any are not listed.
    pub(crate) chains: Vec<ChainIndex>,
}

/// One chain of transformations.
#[derive(Debug)]
pub(crate) struct ChainIndex {
    pub(crate) transformations: Box<[Transformation]>,
    /// A value without bytes of these kinds comes out as it went in.
    pub(crate) triggers: Kinds,
    pub(crate) changes_empty: bool,
    /// Rules that look at the end of the chain.
    pub(crate) rules: Bits,
    /// Rules with `multiMatch`, which look at every step.
    pub(crate) every_step: Bits,
}

impl PhaseIndex {
    pub(super) fn new(phase: u8, rules: &[Rule]) -> PhaseIndex {
        let mut unconditional = Bits::new(rules.len());
        let mut variables: Vec<Option<VariableIndex>> = Vec::new();
        variables.resize_with(Variable::COUNT, || None);
        let active = rules.iter().enumerate().filter(|(_, rule)| rule.phase == phase);
        for (at, rule) in active {
            let Some(link) = rule.links.first() else { continue };
            if !link.gathered {
                unconditional.insert(at);
                continue;
            }
            for target in &link.targets {
                let one = [target.variable];
                let parts = target.variable.parts();
                for variable in if parts.is_empty() { &one } else { parts } {
                    if let Some(place) = variables.get_mut(*variable as usize) {
                        let index = place.get_or_insert_with(|| VariableIndex::new(rules.len()));
                        index.add(at, rules.len(), target, *variable, link);
                    }
                }
            }
        }
        PhaseIndex { unconditional, variables }
    }

    /// Which rules look at a variable.
    pub(crate) fn variable(&self, variable: Variable) -> Option<&VariableIndex> {
        self.variables.get(variable as usize)?.as_ref()
    }
}

fn insert(map: &mut HashMap<Box<[u8]>, Bits>, name: &[u8], rule: usize, count: usize) {
    map.entry(name.into()).or_insert_with(|| Bits::new(count)).insert(rule);
}

fn insert_matching(list: &mut Vec<(Regex, Bits)>, pattern: &Regex, rule: usize, count: usize) {
    if let Some((_, bits)) = list.iter_mut().find(|(known, _)| known.as_str() == pattern.as_str()) {
        return bits.insert(rule);
    }
    let mut bits = Bits::new(count);
    bits.insert(rule);
    list.push((pattern.clone(), bits));
}

impl VariableIndex {
    fn new(count: usize) -> VariableIndex {
        VariableIndex {
            all: Bits::new(count),
            named: HashMap::new(),
            matching: Vec::new(),
            not_named: HashMap::new(),
            not_matching: Vec::new(),
            not_any: Bits::new(count),
            chains: Vec::new(),
        }
    }

    fn add(&mut self, rule: usize, count: usize, target: &Selector, variable: Variable, link: &Link) {
        match &target.members {
            Members::All => self.all.insert(rule),
            Members::Named(name) => insert(&mut self.named, name, rule, count),
            Members::Matching(pattern) => insert_matching(&mut self.matching, pattern, rule, count),
        }
        for excluded in &link.excluded {
            if excluded.variable != variable && !excluded.variable.parts().contains(&variable) {
                continue;
            }
            match &excluded.members {
                Members::All => self.not_any.insert(rule),
                Members::Named(name) => insert(&mut self.not_named, name, rule, count),
                Members::Matching(pattern) => insert_matching(&mut self.not_matching, pattern, rule, count),
            }
        }
        self.add_chain(rule, count, link);
    }

    fn add_chain(&mut self, rule: usize, count: usize, link: &Link) {
        if link.transformations.is_empty() {
            return;
        }
        let known = self.chains.iter().position(|chain| *chain.transformations == *link.transformations);
        let at = known.unwrap_or_else(|| {
            let triggers =
                link.transformations.iter().fold(ByteSet::new(), |set, step| set.union(step.triggers()));
            self.chains.push(ChainIndex {
                transformations: link.transformations.clone().into_boxed_slice(),
                triggers: kinds(triggers),
                changes_empty: link.transformations.iter().any(|step| step.changes_empty()),
                rules: Bits::new(count),
                every_step: Bits::new(count),
            });
            self.chains.len() - 1
        });
        if let Some(chain) = self.chains.get_mut(at) {
            if link.multi_match { chain.every_step.insert(rule) } else { chain.rules.insert(rule) }
        }
    }

    /// The rules that look at the member `name`.
    pub(crate) fn rules_for(&self, name: &[u8], rules: &mut Bits) {
        rules.copy_from(&self.all);
        rules.subtract(&self.not_any);
        let plain = self.named.is_empty() && self.matching.is_empty();
        if plain && self.not_named.is_empty() && self.not_matching.is_empty() {
            return;
        }
        let lower = name.to_ascii_lowercase();
        if let Some(named) = self.named.get(lower.as_slice()) {
            rules.add(named);
        }
        self.matching
            .iter()
            .filter(|(pattern, _)| pattern.is_match(name))
            .for_each(|(_, more)| rules.add(more));
        rules.subtract(&self.not_any);
        if let Some(less) = self.not_named.get(lower.as_slice()) {
            rules.subtract(less);
        }
        self.not_matching
            .iter()
            .filter(|(pattern, _)| pattern.is_match(name))
            .for_each(|(_, less)| rules.subtract(less));
    }
}
