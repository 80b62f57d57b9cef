//! One rule from its directive.

use std::sync::Arc;

use diagnostics::{Diagnostic, Span};

use super::{Compiler, selector};
use crate::gate::Gate;
use crate::operator::{self, Capture};
use crate::rule::{Change, Control, Disruptive, Link, Rule, SetVar, VarName};
use crate::syntax::{
    Action, ActionList, Change as ChangeSyntax, RuleSyntax, SetVar as SetVarSyntax, Template,
};
use crate::template::Expand;
use crate::transform::Transformation;
use crate::variable::Variable;

/// Where a rule goes on after a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Skip {
    Count(u32),
    After(String),
}

/// What is in force where the reader stands: defaults by phase, and whether a chain is open.
#[derive(Debug, Default)]
pub(super) struct Open {
    chain: bool,
    defaults: [Option<ActionList>; 6],
}

impl Open {
    pub(super) fn is_open(&self) -> bool {
        self.chain
    }

    pub(super) fn close(&mut self) {
        self.chain = false;
    }

    pub(super) fn set_defaults(&mut self, actions: ActionList) {
        let phase = phase_of(&actions).unwrap_or(2);
        if let Some(slot) = self.defaults.get_mut(usize::from(phase)) {
            *slot = Some(actions);
        }
    }
}

fn phase_of(actions: &ActionList) -> Option<u8> {
    actions.items.iter().rev().find_map(|(action, _)| match action {
        Action::Phase(phase) => Some(*phase),
        _ => None,
    })
}

/// The parts of a rule that its actions decide.
struct Facts {
    id: Option<u64>,
    log: bool,
    disruptive: Option<Disruptive>,
    /// What `block` stands for.
    block: Disruptive,
    status: u16,
    message: Option<Template>,
    log_data: Option<Template>,
    tags: Vec<String>,
    severity: Option<u8>,
    skip: Option<Skip>,
    chain: bool,
    transformations: Vec<Transformation>,
    multi_match: bool,
    capture: bool,
    set_vars: Vec<SetVarSyntax>,
    controls: Vec<Control>,
}

impl Facts {
    fn new() -> Facts {
        Facts {
            id: None,
            log: true,
            disruptive: None,
            block: Disruptive::Pass,
            status: 403,
            message: None,
            log_data: None,
            tags: Vec::new(),
            severity: None,
            skip: None,
            chain: false,
            transformations: Vec::new(),
            multi_match: false,
            capture: false,
            set_vars: Vec::new(),
            controls: Vec::new(),
        }
    }

    fn take(&mut self, actions: &ActionList, compiler: &mut Compiler<'_>) {
        for (action, _) in &actions.items {
            match action {
                Action::Id(id) => self.id = Some(*id),
                Action::Log(on) => self.log = *on,
                Action::Block => self.disruptive = Some(self.block.clone()),
                Action::Deny => self.disruptive = Some(Disruptive::Deny),
                Action::Drop => self.disruptive = Some(Disruptive::Drop),
                Action::Pass => self.disruptive = Some(Disruptive::Pass),
                Action::Allow(scope) => self.disruptive = Some(Disruptive::Allow(*scope)),
                Action::Redirect(to) => {
                    self.disruptive = Some(Disruptive::Redirect(Expand::new(to, &mut compiler.names)));
                }
                Action::Status(status) => self.status = *status,
                Action::Message(text) => self.message = Some(text.clone()),
                Action::LogData(text) => self.log_data = Some(text.clone()),
                Action::Tag(tag) => self.tags.push(tag.clone()),
                Action::Severity(severity) => self.severity = Some(*severity),
                Action::Skip(count) => self.skip = Some(Skip::Count(*count)),
                Action::SkipAfter(name) => self.skip = Some(Skip::After(name.clone())),
                Action::Chain => self.chain = true,
                Action::Transform(transformation) => self.transformations.push(*transformation),
                Action::TransformNone => self.transformations.clear(),
                Action::MultiMatch => self.multi_match = true,
                Action::Capture => self.capture = true,
                Action::SetVar(set) => self.set_vars.push(set.clone()),
                Action::Control(control) => self.controls.push(Control::Plain(control.clone())),
                Action::Phase(_) | Action::Annotation | Action::Collection => {}
            }
        }
    }
}

impl Compiler<'_> {
    pub(super) fn rule(&mut self, syntax: &RuleSyntax, open: &mut Open) {
        let continues = open.chain;
        let phase = if continues {
            self.rules.last().map_or(2, |rule| rule.phase)
        } else {
            phase_of(&syntax.actions).unwrap_or(2)
        };
        let mut facts = Facts::new();
        if let Some(defaults) = open.defaults.get(usize::from(phase)).and_then(Option::as_ref) {
            facts.take(defaults, self);
            facts.block = facts.disruptive.take().unwrap_or(Disruptive::Pass);
        }
        let block = facts.block.clone();
        facts.take(&syntax.actions, self);
        open.chain = facts.chain;
        let link = self.link(syntax, &mut facts);
        if continues {
            self.check_chained(&facts, syntax.span);
            if let Some(rule) = self.rules.last_mut() {
                rule.links.push(link);
            }
            return;
        }
        let Some(id) = facts.id else {
            let error = Diagnostic::error("seclang-no-id", "this rule has no id").at(syntax.span);
            self.found.push(error.help("add `id:` with a number that no other rule has"));
            return;
        };
        let mut expand =
            |text: &Option<Template>| text.as_ref().map(|text| Expand::new(text, &mut self.names));
        let (message, log_data) = (expand(&facts.message), expand(&facts.log_data));
        self.skips.push(facts.skip);
        self.rules.push(Rule {
            id,
            phase,
            span: syntax.span,
            message,
            log_data,
            tags: Arc::from(facts.tags),
            severity: facts.severity,
            log: facts.log,
            disruptive: facts.disruptive.unwrap_or(block),
            status: facts.status,
            skip_to: None,
            links: vec![link],
        });
    }

    fn check_chained(&mut self, facts: &Facts, span: Span) {
        if facts.id.is_some() {
            let error = Diagnostic::error("seclang-chained-id", "a rule inside a chain has no id of its own");
            self.found.push(error.at(span).help("leave `id:` to the first rule of the chain"));
        }
        if facts.skip.is_some()
            || facts.disruptive.as_ref().is_some_and(|disruptive| *disruptive != Disruptive::Pass)
        {
            let message = "only the first rule of a chain can decide about the call or skip";
            self.found.push(Diagnostic::error("seclang-chained-action", message).at(span));
        }
    }

    fn link(&mut self, syntax: &RuleSyntax, facts: &mut Facts) -> Link {
        let (mut targets, mut excluded) = (Vec::new(), Vec::new());
        for target in &syntax.targets {
            if let Some(selector) = selector::compile(target, &mut self.names, &mut self.found) {
                if target.exclude { excluded.push(selector) } else { targets.push(selector) }
            }
        }
        let mut gate = Gate::default();
        let test = syntax.test.as_ref().and_then(|test| {
            let (operator, needs) = operator::build(test, self.assets, &mut self.names, &mut self.found)?;
            gate = if test.negated { Gate::default() } else { needs };
            Some((test.negated, operator))
        });
        let set_vars = std::mem::take(&mut facts.set_vars);
        Link {
            gathered: false,
            targets,
            excluded,
            test,
            gate,
            transformations: std::mem::take(&mut facts.transformations),
            multi_match: facts.multi_match,
            capture: if facts.capture { Capture::Groups } else { Capture::No },
            set_vars: set_vars.iter().map(|set| self.set_var(set)).collect(),
            controls: std::mem::take(&mut facts.controls),
        }
    }

    fn set_var(&mut self, set: &SetVarSyntax) -> SetVar {
        let name = match set.name.constant() {
            Some(name) if set.collection == Variable::Tx => VarName::Slot(self.names.slot(name.as_bytes())),
            _ => VarName::Dynamic(Expand::new(&set.name, &mut self.names)),
        };
        let mut expand = |text: &Template| Expand::new(text, &mut self.names);
        let change = match &set.change {
            ChangeSyntax::Set(text) => Change::Set(expand(text)),
            ChangeSyntax::Add(text) => Change::Add(expand(text)),
            ChangeSyntax::Subtract(text) => Change::Subtract(expand(text)),
            ChangeSyntax::Unset => Change::Unset,
        };
        SetVar { collection: set.collection, name, change }
    }

    /// `SecRuleUpdateActionById`: what is named replaces, lists grow.
    pub(super) fn update_actions(&mut self, at: usize, actions: &ActionList) {
        let mut facts = Facts::new();
        facts.take(actions, self);
        let Some(rule) = self.rules.get_mut(at) else { return };
        for (action, _) in &actions.items {
            match action {
                Action::Log(on) => rule.log = *on,
                Action::Status(status) => rule.status = *status,
                Action::Severity(severity) => rule.severity = Some(*severity),
                _ => {}
            }
        }
        if let Some(disruptive) = facts.disruptive {
            rule.disruptive = disruptive;
        }
        if !facts.tags.is_empty() {
            rule.tags = rule.tags.iter().cloned().chain(facts.tags).collect();
        }
        if let Some(link) = rule.links.first_mut().filter(|_| !facts.transformations.is_empty()) {
            link.transformations = facts.transformations;
        }
    }
}
