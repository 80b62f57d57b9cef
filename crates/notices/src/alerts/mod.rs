//! Alerts: rules over what happens to calls, each told once when it begins to hold, again from time to time while it does, and once
//! when it does not any more.
//!
//! A rule counts events of calls that fit its filter, group by group ([`Label`]), in a window that slides in [`SLICES`] steps. A share
//! is of all calls of the same group, those that nothing was said against among them. What it holds is bounded: of each rule
//! [`GROUPS`] groups, of which those that have nothing in their window give way to new ones; an event that finds no room is counted.

mod groups;
mod kept;
mod rule;
#[cfg(test)]
mod tests;
mod told;
mod window;

use std::time::Duration;

use engine::{CallId, Evidence, Kept};

pub use groups::GROUPS;
use groups::{Firing, Groups};
pub use rule::{Condition, Label, Rule};

/// Steps in which a window slides.
pub(crate) const SLICES: usize = 30;

/// What is told of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It holds now.
    Firing,
    /// It still does.
    Lasting,
    /// It does not any more.
    Resolved,
}

impl Change {
    /// Its name in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Change::Firing => "firing",
            Change::Lasting => "lasting",
            Change::Resolved => "resolved",
        }
    }
}

/// Something that is to be told of a group of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Number of the rule.
    pub rule: usize,
    /// What its group has in common, in the order of the rule's labels.
    pub group: Vec<Box<str>>,
    /// What is told.
    pub change: Change,
    /// When it began, in milliseconds since 1970.
    pub since: u64,
    /// Events in the window, or milliseconds since the last.
    pub count: u64,
    /// All calls of the group in the window, where a share is looked at.
    pub calls: u64,
    /// Calls that it is about, the newest last.
    pub examples: Vec<CallId>,
}

/// All rules and where they stand.
#[derive(Debug, Default)]
pub struct Alerts {
    rules: Vec<(Rule, Groups)>,
    overflow: u64,
}

impl Alerts {
    /// Rules that begin to count at `now`, in milliseconds since 1970.
    #[must_use]
    pub fn new(rules: Vec<Rule>, now: u64) -> Self {
        let begin = |rule: Rule| {
            let groups = Groups::new(&rule, now);
            (rule, groups)
        };
        Self { rules: rules.into_iter().map(begin).collect(), overflow: 0 }
    }

    /// The rule of a number.
    #[must_use]
    pub fn rule(&self, number: usize) -> Option<&Rule> {
        self.rules.get(number).map(|(rule, _)| rule)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether any of them wants to know of all calls.
    #[must_use]
    pub fn wants_calls(&self) -> bool {
        self.rules.iter().any(|(rule, _)| rule.wants_calls())
    }

    /// Events that were not counted, since there were too many groups.
    #[must_use]
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// How many alerts hold.
    #[must_use]
    pub fn firing(&self) -> usize {
        self.rules
            .iter()
            .flat_map(|(_, groups)| groups.values())
            .filter(|group| group.firing.is_some())
            .count()
    }

    /// Takes over what rules of the same kind and name knew: a reload ends no alert whose rule it did not change. What was not
    /// counted before stays counted as that.
    pub fn take_over(&mut self, before: Self) {
        self.overflow += before.overflow;
        let mut before = before.rules;
        for (rule, groups) in &mut self.rules {
            if let Some(at) = before.iter().position(|(old, _)| old == rule) {
                *groups = before.swap_remove(at).1;
            }
        }
    }

    /// An event came.
    pub fn event(&mut self, evidence: &Evidence, now: u64) {
        for (rule, groups) in &mut self.rules {
            // What is noted speaks against nobody: rules count it that name it.
            let is_meant = evidence.kept != Kept::Noted || !rule.filter.outcomes.is_empty();
            if !rule.counts_events() || !is_meant || !rule.filter.wants(evidence) {
                continue;
            }
            match groups.of(rule.group_of(evidence), now) {
                Some(group) => group.add(evidence.id, now),
                None => self.overflow += 1,
            }
        }
    }

    /// So many calls of an operation ended since this was told last, whatever came of them.
    pub fn calls(&mut self, api: &str, operation: &str, count: u64, now: u64) {
        if count == 0 {
            return;
        }
        for (rule, groups) in &mut self.rules {
            if !rule.wants_calls() || !rule.filter.is_of(api, operation) {
                continue;
            }
            match groups.of(rule.group_of_calls(api, operation), now) {
                Some(group) => {
                    group.calls.add(now, count);
                    if !rule.counts_events() {
                        group.last = now;
                    }
                }
                None => self.overflow += count,
            }
        }
    }

    /// What is to be told at `now`, `most` at a time: what finds no room among them is told the next time, as if it had changed then.
    #[must_use]
    pub fn tick(&mut self, now: u64, most: usize) -> Vec<Alert> {
        let mut told = Vec::new();
        for (number, (rule, groups)) in self.rules.iter_mut().enumerate() {
            for (key, group) in groups.iter_mut() {
                if told.len() >= most {
                    break;
                }
                let (events, calls) = (group.events.sum(now), group.calls.sum(now));
                let holds = rule.condition.holds(events, calls, now.saturating_sub(group.last));
                let Some((change, since)) = step(&mut group.firing, rule, holds, now) else { continue };
                let count = match rule.condition {
                    Condition::Absent(_) => now.saturating_sub(group.last),
                    _ => events,
                };
                let examples = group.examples.clone();
                told.push(Alert { rule: number, group: key.clone(), change, since, count, calls, examples });
            }
            if !rule.is_one_group() {
                groups.forget_idle(now);
            }
        }
        told.sort_by(|one, other| (one.rule, &one.group).cmp(&(other.rule, &other.group)));
        told
    }
}

/// Goes on to the next state; what is told of it, and since when it holds.
fn step(firing: &mut Option<Firing>, rule: &Rule, holds: bool, now: u64) -> Option<(Change, u64)> {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match firing {
        None if holds => {
            *firing = Some(Firing { since: now, held: now, told: now });
            Some((Change::Firing, now))
        }
        None => None,
        Some(state) => {
            if holds {
                state.held = now;
            } else if now.saturating_sub(state.held) >= millis(rule.hold) {
                let since = state.since;
                *firing = None;
                return Some((Change::Resolved, since));
            }
            if now.saturating_sub(state.told) >= millis(rule.repeat) {
                state.told = now;
                return Some((Change::Lasting, state.since));
            }
            None
        }
    }
}
