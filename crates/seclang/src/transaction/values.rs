//! Looking values up: targets of rules, and macros.

use super::{Subject, Transaction};
use crate::bytes::integer;
use crate::operator::Operator;
use crate::rule::{Link, Members, Selector};
use crate::store::Value;
use crate::template::{Expand, Piece};
use crate::variable::Variable as V;

impl Transaction<'_> {
    /// Whether it is plain, without building any value, that a numeric test does not hold.
    pub(super) fn cannot_match(&self, link: &Link, negated: bool, operator: &Operator) -> bool {
        let Operator::Compare(comparison, parameter) = operator else { return false };
        let parameter = match parameter.pieces.as_slice() {
            [Piece::Text(text)] => integer(text),
            [Piece::Tx(slot)] => self.tx.get(*slot).map_or(0, Value::number),
            _ => return false,
        };
        if !link.transformations.is_empty() || !link.excluded.is_empty() || !self.removed_targets.is_empty() {
            return false;
        }
        link.targets.iter().all(|target| {
            let value = match (target.slot, target.count) {
                (Some(slot), false) => match self.tx.get(slot) {
                    Some(value) => value.number(),
                    None => return true,
                },
                (Some(slot), true) => i64::from(self.tx.get(slot).is_some()),
                (None, true) if !target.variable.is_dynamic() => {
                    let entries = self.entries.get(self.range(target.variable)).unwrap_or_default().iter();
                    let count = entries
                        .filter(|entry| target.select(entry.variable, self.texts.get(entry.name)))
                        .count();
                    i64::try_from(count).unwrap_or(i64::MAX)
                }
                _ => return false,
            };
            comparison.holds(value, parameter) == negated
        })
    }

    /// What a link looks at, in the order its targets are written.
    pub(super) fn subjects(&mut self, rule: usize, link: &Link) -> Vec<Subject> {
        let mut found = Vec::new();
        for target in &link.targets {
            if target.count {
                found.push(self.count(rule, link, target));
            } else {
                self.select(rule, link, target, &mut found);
            }
        }
        found
    }

    /// Appends the values of one target.
    fn select(&mut self, rule: usize, link: &Link, target: &Selector, found: &mut Vec<Subject>) {
        match target.variable {
            V::MatchedVar => found.extend(self.matched.last.map(|last| Subject { count: false, ..last })),
            V::MatchedVars => found.extend(self.matched.all.iter().copied()),
            V::MatchedVarName => {
                let name = self.matched.last.map(|last| self.name_of(last)).unwrap_or_default();
                found.push(self.made(target.variable, b"", &name));
            }
            V::MatchedVarsNames => {
                for matched in self.matched.all.clone() {
                    let name = self.name_of(matched);
                    found.push(self.made(target.variable, b"", &name));
                }
            }
            V::Tx => self.select_tx(target, found),
            V::ReqbodyProcessor => {
                let name = self.processor.map_or("", |processor| processor.name());
                found.push(self.made(target.variable, b"", name.as_bytes()));
            }
            variable if variable.is_persistent() => self.select_persistent(target, found),
            _ => {
                for at in self.range(target.variable) {
                    let Some(entry) = self.entries.get(at).copied() else { break };
                    let name = self.texts.get(entry.name);
                    if target.select(entry.variable, name)
                        && !self.is_excluded(rule, link, entry.variable, name)
                    {
                        let (name, value) = (entry.name, entry.value);
                        found.push(Subject { variable: target.variable, name, value, count: false });
                    }
                }
            }
        }
    }

    fn made(&mut self, variable: V, name: &[u8], value: &[u8]) -> Subject {
        let (name, value) = (self.texts.add(name), self.texts.add(value));
        Subject { variable, name, value, count: false }
    }

    fn select_tx(&mut self, target: &Selector, found: &mut Vec<Subject>) {
        if let (Some(slot), Members::Named(name)) = (target.slot, &target.members) {
            if let Some(value) = self.tx.get(slot).map(Value::to_bytes) {
                found.push(self.made(V::Tx, name, &value));
            }
            return;
        }
        let engine = self.engine;
        for slot in &target.slots {
            if let Some(value) = self.tx.get(*slot).map(Value::to_bytes) {
                found.push(self.made(V::Tx, engine.names.name(*slot), &value));
            }
        }
        let members: Vec<(Vec<u8>, Vec<u8>)> = self
            .tx
            .dynamic()
            .filter(|(name, _)| !name.starts_with(b"\0") && target.members.select(name))
            .map(|(name, value)| (name.to_vec(), value.to_bytes()))
            .collect();
        for (name, value) in members {
            found.push(self.made(V::Tx, &name, &value));
        }
    }

    fn select_persistent(&mut self, target: &Selector, found: &mut Vec<Subject>) {
        let prefix = persistent_prefix(target.variable);
        let members: Vec<(Vec<u8>, Vec<u8>)> = self
            .tx
            .dynamic()
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix.as_slice())?, value)))
            .filter(|(name, _)| target.members.select(name))
            .map(|(name, value)| (name.to_vec(), value.to_bytes()))
            .collect();
        for (name, value) in members {
            found.push(self.made(target.variable, &name, &value));
        }
    }

    /// Whether a rule, or a rule that ran before it, took this out of its targets.
    pub(super) fn is_excluded(&self, rule: usize, link: &Link, variable: V, name: &[u8]) -> bool {
        link.excluded.iter().any(|excluded| excluded.select(variable, name))
            || self
                .removed_targets
                .iter()
                .any(|(rules, removed)| rules.contains(rule) && removed.select(variable, name))
    }

    fn count(&mut self, rule: usize, link: &Link, target: &Selector) -> Subject {
        let mut found = Vec::new();
        self.select(rule, link, target, &mut found);
        let name = match &target.members {
            Members::Named(name) => name.to_vec(),
            _ => Vec::new(),
        };
        let subject = self.made(target.variable, &name, found.len().to_string().as_bytes());
        Subject { count: true, ..subject }
    }

    /// As in `ARGS:q`.
    pub(super) fn name_of(&self, subject: Subject) -> Vec<u8> {
        let mut name = Vec::new();
        if subject.count {
            name.push(b'&');
        }
        name.extend_from_slice(subject.variable.name().as_bytes());
        let member = self.texts.get(subject.name);
        if subject.variable.is_collection() && !member.is_empty() {
            name.push(b':');
            name.extend_from_slice(member);
        }
        name
    }

    /// A template with its macros expanded.
    pub(super) fn expand(&self, template: &Expand) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in &template.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Tx(slot) => {
                    if let Some(value) = self.tx.get(*slot) {
                        value.write(&mut out);
                    }
                }
                Piece::Variable(variable, key) => self.expand_variable(*variable, key.as_deref(), &mut out),
            }
        }
        out
    }

    fn expand_variable(&self, variable: V, key: Option<&[u8]>, out: &mut Vec<u8>) {
        match variable {
            V::MatchedVar => {
                if let Some(last) = self.matched.last {
                    out.extend_from_slice(self.texts.get(last.value));
                }
            }
            V::MatchedVarName => {
                if let Some(last) = self.matched.last {
                    out.extend_from_slice(&self.name_of(last));
                }
            }
            V::ReqbodyProcessor => {
                out.extend_from_slice(self.processor.map_or("", |kind| kind.name()).as_bytes());
            }
            variable if variable.is_persistent() => {
                let mut name = persistent_prefix(variable);
                name.extend(key.unwrap_or_default().to_ascii_lowercase());
                if let Some(value) = self.tx.find(&self.engine.names, &name) {
                    value.write(out);
                }
            }
            _ => {
                let range = self.entries.get(self.range(variable)).unwrap_or_default();
                let entry = range.iter().find(|entry| {
                    (entry.variable == variable || variable.parts().contains(&entry.variable))
                        && key.is_none_or(|key| self.texts.get(entry.name).eq_ignore_ascii_case(key))
                });
                if let Some(entry) = entry {
                    out.extend_from_slice(self.texts.get(entry.value));
                }
            }
        }
    }
}

/// Members of `IP`, `SESSION` … are kept beside those of `TX`, under names that no member of `TX` has.
pub(super) fn persistent_prefix(variable: V) -> Vec<u8> {
    format!("\0{}\0", variable.name()).into_bytes()
}
