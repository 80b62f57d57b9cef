//! What follows from a match: variables, controls, reports.

use super::run::Hit;
use super::{Match, Report, Transaction};
use crate::bits::Bits;
use crate::rule::{Change, Control, Link, Rule, SetVar, VarName};
use crate::store::Value;
use crate::syntax::Control as ControlSyntax;
use crate::template::Expand;
use crate::variable::Variable;

use super::values::persistent_prefix;

/// Matches of one rule that are reported.
const MAX_MATCHES: usize = 64;

impl Transaction<'_> {
    /// The actions that a single match carries out at once.
    pub(super) fn act(&mut self, link: &Link, last: bool) {
        // Of a rule that is watched only what its own next links may look at.
        if last && self.is_watching() {
            return;
        }
        for set in &link.set_vars {
            self.set_var(set);
        }
        // What it sets is taken back after it; what it switches could not be.
        let controls = if self.is_watching() { &[][..] } else { &link.controls };
        for control in controls {
            self.control(control);
        }
    }

    fn set_var(&mut self, set: &SetVar) {
        let names = &self.engine.names;
        let mut name = Vec::new();
        let before = match &set.name {
            VarName::Slot(slot) => self.tx.get(*slot),
            VarName::Dynamic(template) => {
                if set.collection != Variable::Tx {
                    name = persistent_prefix(set.collection);
                }
                name.extend(self.expand(template).to_ascii_lowercase());
                self.tx.find(names, &name)
            }
        };
        let number = before.map_or(0, Value::number);
        let value = match &set.change {
            Change::Set(text) => Some(self.value(text)),
            Change::Add(text) => Some(Value::Number(number.saturating_add(self.value(text).number()))),
            Change::Subtract(text) => Some(Value::Number(number.saturating_sub(self.value(text).number()))),
            Change::Unset => None,
        };
        match &set.name {
            VarName::Slot(slot) => self.tx.set(*slot, value),
            VarName::Dynamic(_) => self.tx.set_named(names, &name, value),
        }
    }

    fn value(&self, template: &Expand) -> Value {
        if let [crate::template::Piece::Tx(slot)] = template.pieces.as_slice() {
            return self.tx.get(*slot).cloned().unwrap_or_else(|| Value::from_text(b""));
        }
        match template.constant() {
            Some(text) => Value::from_text(text),
            None => Value::from_text(&self.expand(template)),
        }
    }

    fn control(&mut self, control: &Control) {
        match control {
            Control::Plain(ControlSyntax::Engine(mode)) => self.mode = *mode,
            Control::Plain(ControlSyntax::ForceRequestBody(on)) => self.force_body = *on,
            Control::Plain(ControlSyntax::BodyProcessor(processor)) => self.processor = Some(*processor),
            Control::Plain(ControlSyntax::RequestBodyAccess(on)) => self.request_body_access = *on,
            Control::Plain(ControlSyntax::ResponseBodyAccess(on)) => self.response_body_access = *on,
            Control::Plain(_) => {}
            Control::Remove(rules) => {
                let count = self.engine.rules.len();
                self.removed.get_or_insert_with(|| Bits::new(count)).add(rules);
            }
            Control::RemoveTarget(rules, selector) => {
                self.removed_targets.push((rules.clone(), selector.clone()));
            }
        }
    }

    /// What a rule without a test says.
    pub(super) fn log_data(&self, rule: &Rule) -> Match {
        let data = rule.log_data.as_ref().map(|data| self.text(data)).unwrap_or_default();
        Match { variable: String::new(), value: Vec::new(), transformed: None, data }
    }

    pub(super) fn match_report(&self, rule: &Rule, hit: Hit) -> Match {
        let data = rule.log_data.as_ref().map(|data| self.text(data)).unwrap_or_default();
        let value = self.texts.get(hit.source.value).to_vec();
        let transformed = (hit.text != hit.source.value).then(|| self.texts.get(hit.text).to_vec());
        let variable = String::from_utf8_lossy(&self.name_of(hit.source)).into_owned();
        Match { variable, value, transformed, data }
    }

    fn text(&self, template: &Expand) -> String {
        String::from_utf8_lossy(&self.expand(template)).into_owned()
    }

    pub(super) fn report(&mut self, rule: &Rule, matches: Vec<Match>) {
        if self.reports.len() >= self.engine.settings.report_limit {
            return;
        }
        let message = rule.message.as_ref().map(|message| self.text(message)).unwrap_or_default();
        let mut matches = matches;
        matches.truncate(MAX_MATCHES);
        self.reports.push(Report {
            id: rule.id,
            phase: rule.phase,
            message,
            severity: rule.severity,
            tags: rule.tags.clone(),
            span: rule.span,
            matches,
        });
    }
}
