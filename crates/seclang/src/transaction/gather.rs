//! Before a phase runs: which rules can match which values at all.

use super::Transaction;
use crate::bits::Bits;
use crate::compile::VariableIndex;
use crate::rule::Link;
use crate::texts::Text;
use crate::transform::Transformation;

const NONE: u32 = u32::MAX;

/// A value that a rule has to be tested on.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    entry: u32,
    text: Text,
    next: u32,
}

/// For each rule the values it has to be tested on, in order.
#[derive(Debug)]
pub(super) struct Candidates {
    first: Vec<u32>,
    last: Vec<u32>,
    list: Vec<Candidate>,
    /// Rules that have to run.
    pub(super) active: Bits,
    /// Used while gathering, kept for its memory.
    scratch: [Bits; 3],
}

impl Candidates {
    pub(super) fn new(rules: usize) -> Candidates {
        Candidates {
            first: vec![NONE; rules],
            last: vec![NONE; rules],
            list: Vec::with_capacity(64),
            active: Bits::new(rules),
            scratch: [Bits::new(rules), Bits::new(rules), Bits::new(rules)],
        }
    }

    fn push(&mut self, rule: usize, entry: u32, text: Text) {
        let at = u32::try_from(self.list.len()).unwrap_or(NONE);
        self.list.push(Candidate { entry, text, next: NONE });
        self.active.insert(rule);
        if let Some(last) = self.last.get_mut(rule) {
            match self.list.get_mut(*last as usize) {
                Some(previous) => previous.next = at,
                None => {
                    if let Some(first) = self.first.get_mut(rule) {
                        *first = at;
                    }
                }
            }
            *last = at;
        }
    }

    /// Where the values of a rule begin.
    pub(super) fn first(&self, rule: usize) -> u32 {
        self.first.get(rule).copied().unwrap_or(NONE)
    }

    /// Entry and transformed text at a place, and the next place.
    pub(super) fn at(&self, place: u32) -> Option<(usize, Text, u32)> {
        self.list
            .get(place as usize)
            .map(|candidate| (candidate.entry as usize, candidate.text, candidate.next))
    }
}

impl Transaction<'_> {
    pub(super) fn gather(&mut self, phase: u8) {
        let engine = self.engine;
        let Some(index) = engine.phases.get(usize::from(phase.saturating_sub(1))) else { return };
        self.candidates.list.clear();
        self.candidates.first.fill(NONE);
        self.candidates.last.fill(NONE);
        self.candidates.active.copy_from(&index.unconditional);
        let [mut rules, mut some, mut rest] = std::mem::take(&mut self.candidates.scratch);
        for at in 0..self.entries.len() {
            let Some(entry) = self.entries.get(at).copied() else { break };
            let Some(variable) = index.variable(entry.variable) else { continue };
            variable.rules_for(self.texts.get(entry.name), &mut rules);
            if rules.is_empty() {
                continue;
            }
            let number = u32::try_from(at).unwrap_or(NONE);
            rest.copy_from(&rules);
            self.changed(variable, number, entry.value, &rules, (&mut some, &mut rest));
            self.admit(number, entry.value, &rest);
            if self.exhausted {
                break;
            }
        }
        self.candidates.scratch = [rules, some, rest];
    }

    /// The chains that change the value: their rules look at what comes out, and are taken from `rest`.
    fn changed(
        &mut self,
        variable: &VariableIndex,
        entry: u32,
        text: Text,
        rules: &Bits,
        (some, rest): (&mut Bits, &mut Bits),
    ) {
        let kinds = self.texts.kinds(text);
        for chain in &variable.chains {
            if chain.triggers & kinds == 0 && (kinds != 0 || !chain.changes_empty) {
                continue;
            }
            if chain.rules.meets(rules) {
                let end = self.chain(text, &chain.transformations);
                // What comes out as it went in stays with the rest.
                if end != text {
                    some.copy_from(&chain.rules);
                    some.keep(rules.words());
                    rest.subtract(some);
                    self.admit(entry, end, some);
                }
            }
            if chain.every_step.meets(rules) {
                some.copy_from(&chain.every_step);
                some.keep(rules.words());
                rest.subtract(some);
                self.admit_steps(entry, text, &chain.transformations, some);
            }
        }
    }

    /// A value after a whole chain.
    pub(super) fn chain(&mut self, text: Text, steps: &[Transformation]) -> Text {
        let mut text = text;
        for step in steps {
            let (next, work) = self.texts.transformed(text, *step);
            self.spend(work);
            text = next;
        }
        text
    }

    /// Notes the rules with `multiMatch` that one of the steps lets run.
    fn admit_steps(&mut self, entry: u32, text: Text, steps: &[Transformation], rules: &Bits) {
        let engine = self.engine;
        for rule in rules.iter() {
            let Some(link) = engine.rules.get(rule).and_then(|rule| rule.links.first()) else { continue };
            let mut step = text;
            let mut can = self.can_match(rule, link, step);
            for transformation in steps {
                if can {
                    break;
                }
                let next = self.chain(step, std::slice::from_ref(transformation));
                can = next != step && self.can_match(rule, link, next);
                step = next;
            }
            if can {
                self.candidates.push(rule, entry, text);
            }
        }
    }

    /// Whether the test of a rule's first link can hold for a text.
    pub(super) fn can_match(&mut self, rule: usize, link: &Link, text: Text) -> bool {
        if !link.gate.allows(self.texts.present(text), self.texts.get(text).len()) {
            return false;
        }
        let engine = self.engine;
        let (words, work) = self.texts.candidates(text, &engine.prefilter);
        let can = words.get(rule / 64).is_some_and(|word| word >> (rule % 64) & 1 == 1);
        self.spend(work);
        can
    }

    /// Notes the rules that this text lets run.
    fn admit(&mut self, entry: u32, text: Text, rules: &Bits) {
        if rules.is_empty() {
            return;
        }
        let engine = self.engine;
        let present = self.texts.present(text);
        let length = self.texts.get(text).len();
        let (words, work) = self.texts.candidates(text, &engine.prefilter);
        for (number, (word, wanted)) in words.iter().zip(rules.words()).enumerate() {
            let mut both = word & wanted;
            while both != 0 {
                let rule = number * 64 + both.trailing_zeros() as usize;
                both &= both - 1;
                let gate = engine.rules.get(rule).and_then(|rule| rule.links.first()).map(|link| &link.gate);
                if gate.is_none_or(|gate| gate.allows(present, length)) {
                    self.candidates.push(rule, entry, text);
                }
            }
        }
        self.spend(work);
    }
}
