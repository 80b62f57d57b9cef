//! The rules of a phase, in order.

use super::{Subject, Transaction, Verdict};
use crate::operator::{Found, Operator};
use crate::rule::{Disruptive, Link, Rule};
use crate::store::Value;
use crate::syntax::{AllowScope, Mode};
use crate::template::Slot;
use crate::texts::Text;

/// A value that matched: as it came, and as the operator saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) source: Subject,
    pub(super) text: Text,
}

impl Transaction<'_> {
    pub(super) fn run(&mut self, phase: u8) {
        let engine = self.engine;
        let mut next = 0;
        while let Some(at) = self.candidates.active.next(next) {
            next = at + 1;
            let Some(rule) = engine.rules.get(at) else { break };
            if self.removed.as_ref().is_some_and(|removed| removed.contains(at)) || rule.phase != phase {
                continue;
            }
            self.spend(16);
            if self.exhausted {
                break;
            }
            if self.rule(at, rule) {
                if let Some(skip_to) = rule.skip_to {
                    next = skip_to;
                }
                if self.decide(rule) {
                    break;
                }
            }
            if self.mode == Mode::Off {
                break;
            }
        }
    }

    /// Whether the rule with its whole chain matched.
    fn rule(&mut self, at: usize, rule: &Rule) -> bool {
        let mut reports = Vec::new();
        for (number, link) in rule.links.iter().enumerate() {
            let last = number + 1 == rule.links.len();
            if !self.link(at, rule, link, number == 0, last, &mut reports) {
                return false;
            }
        }
        self.matched_ids.push(rule.id);
        if rule.log {
            self.report(rule, reports);
        }
        true
    }

    /// Tests all that a link looks at and carries out what follows from each match.
    fn link(&mut self, at: usize, rule: &Rule, link: &Link, head: bool, last: bool, reports: &mut Vec<super::Match>) -> bool {
        let Some((negated, operator)) = &link.test else {
            self.act(link);
            if last && rule.log {
                let data = self.log_data(rule);
                reports.push(data);
            }
            return true;
        };
        let parameter = match operator.parameter() {
            Some(parameter) => match parameter.constant() {
                Some(text) => std::borrow::Cow::Borrowed(text),
                None => std::borrow::Cow::Owned(self.expand(parameter)),
            },
            None => std::borrow::Cow::Borrowed(&b""[..]),
        };
        let mut hits: Vec<Subject> = Vec::new();
        for (subject, transformed) in self.work_list(at, link, head) {
            for text in self.steps(link, subject, transformed) {
                let Some(found) = self.test(*negated, operator, &parameter, link.capture, text) else { continue };
                let matched = Subject { value: text, ..subject };
                self.matched.last = Some(matched);
                hits.push(matched);
                if link.capture {
                    self.capture(text, found);
                }
                self.act(link);
                if last && rule.log {
                    let report = self.match_report(rule, Hit { source: subject, text });
                    reports.push(report);
                }
            }
        }
        if hits.is_empty() {
            return false;
        }
        self.matched.all = hits;
        true
    }

    /// What a link has to be tested on; with the transformed text where that is known.
    fn work_list(&mut self, at: usize, link: &Link, head: bool) -> Vec<(Subject, Option<Text>)> {
        let is_gathered = head && link.targets.iter().all(|target| !target.count && !target.variable.is_dynamic());
        if !is_gathered {
            return self.subjects(at, link).into_iter().map(|subject| (subject, None)).collect();
        }
        let mut found = Vec::new();
        for (entry, text) in self.candidates.of(at) {
            let Some(entry) = self.entries.get(entry).copied() else { continue };
            let name = self.texts.get(entry.name);
            let position = link.targets.iter().position(|target| target.select(entry.variable, name));
            let Some((position, target)) = position.and_then(|at| Some((at, link.targets.get(at)?))) else { continue };
            if !self.removed_targets.is_empty() && self.is_excluded(at, link, entry.variable, name) {
                continue;
            }
            let subject = Subject { variable: target.variable, name: entry.name, value: entry.value, count: false };
            found.push((position, subject, text));
        }
        found.sort_by_key(|(position, ..)| *position);
        found.into_iter().map(|(_, subject, text)| (subject, Some(text))).collect()
    }

    /// The texts to test: the end of the chain, or with `multiMatch` every distinct step of it.
    fn steps(&mut self, link: &Link, subject: Subject, transformed: Option<Text>) -> Vec<Text> {
        if !link.multi_match {
            let text = transformed.unwrap_or_else(|| self.chain(subject.value, &link.transformations));
            return vec![text];
        }
        let mut texts = vec![subject.value];
        let mut text = subject.value;
        for step in &link.transformations {
            let next = self.chain(text, std::slice::from_ref(step));
            if next != text {
                texts.push(next);
                text = next;
            }
        }
        texts
    }

    fn test(&mut self, negated: bool, operator: &Operator, parameter: &[u8], capture: bool, text: Text) -> Option<Found> {
        let value = self.texts.get(text);
        let found = operator.test(value, parameter, capture && !negated);
        let work = (value.len() as u64).saturating_add(16).saturating_mul(operator.cost());
        self.spend(work);
        match (found, negated) {
            (Some(found), false) => Some(found),
            (None, true) => Some(Found::Value),
            _ => None,
        }
    }

    /// `TX.0` to `TX.9`.
    fn capture(&mut self, text: Text, found: Found) {
        let groups: Vec<Option<Value>> = {
            let value = self.texts.get(text);
            match found {
                Found::Value => vec![Some(Value::from_text(value))],
                Found::Text(text) => vec![Some(Value::from_text(&text))],
                Found::Groups(groups) => groups
                    .into_iter()
                    .map(|group| group.map(|(start, end)| Value::from_text(value.get(start..end).unwrap_or_default())))
                    .collect(),
            }
        };
        let mut groups = groups.into_iter();
        for slot in 0..10 as Slot {
            self.tx.set(slot, groups.next().flatten());
        }
    }

    /// What a matched rule means for the call; whether the phase ends.
    fn decide(&mut self, rule: &Rule) -> bool {
        match &rule.disruptive {
            Disruptive::Pass => false,
            Disruptive::Allow(scope) => {
                if self.mode != Mode::On {
                    return false;
                }
                self.allowed = Some(*scope);
                *scope != AllowScope::Request || rule.phase < 3
            }
            Disruptive::Deny | Disruptive::Drop | Disruptive::Redirect(_) => {
                if self.mode != Mode::On || rule.phase == 5 {
                    return false;
                }
                let redirect = match &rule.disruptive {
                    Disruptive::Redirect(to) => Some(String::from_utf8_lossy(&self.expand(to)).into_owned()),
                    _ => None,
                };
                let status = if redirect.is_some() && !(300..400).contains(&rule.status) { 302 } else { rule.status };
                self.verdict =
                    Verdict::Deny(super::Intervention { status, rule: Some(rule.id), redirect, exhausted: false });
                true
            }
        }
    }
}
