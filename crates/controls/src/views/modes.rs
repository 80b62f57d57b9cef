//! Rules by whether they hold: a section has them in any mode beside each other.

use diagnostics::Span;
use http::HeaderValue;
use spec::Mode;

use super::{Rule, Rules};

/// A rule as one operation has it.
pub(super) struct Bound {
    pub(super) rule: Rule,
    pub(super) mode: Mode,
    /// Where it is written, when its mode is its own.
    pub(super) own: Option<Span>,
    /// Of answers, and not of requests.
    pub(super) answer: bool,
}

/// Rules that are one control.
pub(super) struct Group {
    pub(super) rules: Rules,
    pub(super) mode: engine::Mode,
    pub(super) rule: Option<Box<str>>,
    pub(super) span: Span,
}

/// Those that are in shadow by themselves are a control each, since each is judged by itself. What is enforced speaks first: it knows
/// nothing of them, and they see what it has left of an answer.
pub(super) fn groups(bound: Vec<Bound>, vary: &HeaderValue, span: Span) -> Vec<Group> {
    let empty = || Rules { answers: Vec::new(), requests: Vec::new(), vary: vary.clone() };
    let group = |mode| Group { rules: empty(), mode, rule: None, span };
    let (mut enforced, mut shadowed) = (group(engine::Mode::Enforce), group(engine::Mode::Shadow));
    let mut alone = Vec::new();
    for one in bound {
        let part = if one.answer { "answers" } else { "requests" };
        match (one.mode, one.own) {
            (Mode::Off, _) => {}
            (Mode::Enforce, _) => enforced.add(one),
            (Mode::Shadow, None) => shadowed.add(one),
            (Mode::Shadow, Some(span)) => {
                let rule = Some(format!("{part}.{}", one.rule.name).into());
                let mut own = Group { rule, span, ..group(engine::Mode::Shadow) };
                own.add(one);
                alone.push(own);
            }
        }
    }
    let has = |group: &Group| !group.rules.answers.is_empty() || !group.rules.requests.is_empty();
    [enforced, shadowed].into_iter().chain(alone).filter(has).collect()
}

impl Group {
    fn add(&mut self, one: Bound) {
        let rules = if one.answer { &mut self.rules.answers } else { &mut self.rules.requests };
        rules.push(one.rule);
    }
}
