//! The rules of a phase, in order.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{Subject, Transaction};
use crate::operator::{Capture, Found, Operator};
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

/// Subjects with their transformed text, where that is known.
type WorkList = SmallVec<[(Subject, Option<Text>); 8]>;

/// A link while it is tested.
struct LinkRun<'r, 'm> {
    at: usize,
    rule: &'r Rule,
    link: &'r Link,
    /// Whether it is the first of its chain.
    head: bool,
    /// Of the last of its chain.
    reports: Option<&'m mut Vec<super::Match>>,
    hits: Vec<Subject>,
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
            if self.is_watched(at) {
                self.watch_rule(at, rule);
                if self.exhausted {
                    break;
                }
            } else if self.rule(at, rule) {
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
    pub(super) fn rule(&mut self, at: usize, rule: &Rule) -> bool {
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
    fn link(
        &mut self,
        at: usize,
        rule: &Rule,
        link: &Link,
        head: bool,
        last: bool,
        reports: &mut Vec<super::Match>,
    ) -> bool {
        let Some((negated, operator)) = &link.test else {
            self.act(link, last);
            if last && rule.log {
                let data = self.log_data(rule);
                reports.push(data);
            }
            return true;
        };
        if (!head || !link.gathered) && self.cannot_match(link, *negated, operator) {
            return false;
        }
        let parameter = match operator.parameter() {
            Some(parameter) => match parameter.constant() {
                Some(text) => Cow::Borrowed(text),
                None => Cow::Owned(self.expand(parameter)),
            },
            None => Cow::Borrowed(&b""[..]),
        };
        let mut run = LinkRun { at, rule, link, head, reports: last.then_some(reports), hits: Vec::new() };
        for (subject, transformed) in self.work_list(at, link, head) {
            if link.multi_match {
                self.every_step(&mut run, subject, &parameter);
            } else {
                let text = transformed.unwrap_or_else(|| self.chain(subject.value, &link.transformations));
                self.one(&mut run, subject, text, &parameter);
            }
        }
        if run.hits.is_empty() {
            return false;
        }
        self.matched.all = run.hits;
        true
    }

    /// With `multiMatch` every distinct step of the chain is tested.
    fn every_step(&mut self, run: &mut LinkRun<'_, '_>, subject: Subject, parameter: &[u8]) {
        let mut text = subject.value;
        let gathered = run.head && run.link.gathered;
        if !gathered || self.can_match(run.at, run.link, text) {
            self.one(run, subject, text, parameter);
        }
        for step in &run.link.transformations {
            let next = self.chain(text, std::slice::from_ref(step));
            if next != text && (!gathered || self.can_match(run.at, run.link, next)) {
                self.one(run, subject, next, parameter);
            }
            text = next;
        }
    }

    /// Tests one text and carries out what follows from a match.
    fn one(&mut self, run: &mut LinkRun<'_, '_>, subject: Subject, text: Text, parameter: &[u8]) {
        let Some((negated, operator)) = &run.link.test else { return };
        let Some(found) = self.test(*negated, operator, parameter, run.link.capture, text) else { return };
        let matched = Subject { value: text, ..subject };
        self.matched.last = Some(matched);
        run.hits.push(matched);
        let last = run.reports.is_some();
        if run.link.capture != Capture::No && !(last && self.is_watching()) {
            self.capture(text, found);
        }
        self.act(run.link, last);
        if let Some(reports) = run.reports.as_mut().filter(|_| run.rule.log) {
            let report = self.match_report(run.rule, Hit { source: subject, text });
            reports.push(report);
        }
    }

    /// What a link has to be tested on; with the transformed text where that is known.
    fn work_list(&mut self, at: usize, link: &Link, head: bool) -> WorkList {
        if !head || !link.gathered {
            return self.subjects(at, link).into_iter().map(|subject| (subject, None)).collect();
        }
        let mut found: SmallVec<[(usize, Subject, Text); 8]> = SmallVec::new();
        let mut place = self.candidates.first(at);
        while let Some((entry, text, next)) = self.candidates.at(place) {
            place = next;
            let Some(entry) = self.entries.get(entry).copied() else { continue };
            let name = self.texts.get(entry.name);
            let position = link.targets.iter().position(|target| target.select(entry.variable, name));
            let Some((position, target)) = position.and_then(|at| Some((at, link.targets.get(at)?))) else {
                continue;
            };
            if !self.removed_targets.is_empty() && self.is_excluded(at, link, entry.variable, name) {
                continue;
            }
            let subject =
                Subject { variable: target.variable, name: entry.name, value: entry.value, count: false };
            found.push((position, subject, text));
        }
        if found.len() > 1 && link.targets.len() > 1 {
            found.sort_by_key(|(position, ..)| *position);
        }
        found.into_iter().map(|(_, subject, text)| (subject, Some(text))).collect()
    }

    fn test(
        &mut self,
        negated: bool,
        operator: &Operator,
        parameter: &[u8],
        capture: Capture,
        text: Text,
    ) -> Option<Found> {
        let value = self.texts.get(text);
        let found = operator.test(value, parameter, if negated { Capture::No } else { capture });
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
                    .map(|group| {
                        group.map(|(start, end)| Value::from_text(value.get(start..end).unwrap_or_default()))
                    })
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
                if rule.phase == 5 {
                    return false;
                }
                let redirect = match &rule.disruptive {
                    Disruptive::Redirect(to) => Some(String::from_utf8_lossy(&self.expand(to)).into_owned()),
                    _ => None,
                };
                let status =
                    if redirect.is_some() && !(300..400).contains(&rule.status) { 302 } else { rule.status };
                self.stop(super::Intervention { status, rule: Some(rule.id), redirect, exhausted: false });
                self.mode == Mode::On
            }
        }
    }
}
