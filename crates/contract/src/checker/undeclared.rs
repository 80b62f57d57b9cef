//! Undeclared properties: which ones there are, and what the configuration makes of them.

use std::collections::HashMap;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use schema::TapeNode;
use tape::{Bounds, Tape};

use super::{Checker, MAX_DELEGATION, MAX_ERRORS};
use crate::model::OnUndeclared;
use crate::schemas::Slot;
use crate::violation::{Place, Violations};
use crate::{pointer, rewrite, work};

/// Levels of undeclared properties that are told apart.
const ROUNDS: usize = 8;

/// What definitions said of values: whether undeclared properties were all that they refused, and which. Every branch of a choice
/// asks the same of the same children.
type Known = HashMap<(usize, u32), (bool, Vec<String>)>;

impl Checker {
    pub(super) fn undeclared(
        &self,
        node: tape::Node<'_>,
        place: Place,
        prefix: &str,
        out: &mut Violations,
    ) -> Vec<String> {
        let Some(slot) = &self.closed else { return Vec::new() };
        if slot.holds(node, &self.library) {
            return Vec::new();
        }
        let found = self.undeclared_in(slot, node);
        let Some(found) = found else {
            if self.undeclared == OnUndeclared::Report {
                out.report(place, prefix, "has properties that the contract does not declare");
            } else {
                out.push(place, prefix, "undeclared", "has properties that the contract does not declare");
            }
            return Vec::new();
        };
        match self.undeclared {
            OnUndeclared::Strip => return found,
            OnUndeclared::Refuse => {
                for pointer in &found {
                    let message = "the property is not declared by the contract";
                    out.push(place, &format!("{prefix}{pointer}"), "undeclared", message);
                }
            }
            OnUndeclared::Report => {
                for pointer in &found {
                    let message = "the property is not declared by the contract";
                    out.report(place, &format!("{prefix}{pointer}"), message);
                }
            }
            OnUndeclared::Allow => {}
        }
        Vec::new()
    }

    /// Pointers of all undeclared properties; `None` when they cannot be told.
    ///
    /// A part of a composition that fails deep inside loses what it says about its own properties, and they would all
    /// look undeclared. Failures of the deepest level are certain: they are taken out, and the rest is looked at again.
    fn undeclared_in(&self, slot: &Slot, node: tape::Node<'_>) -> Option<Vec<String>> {
        let validator = slot.validator()?;
        let mut all: Vec<String> = Vec::new();
        let mut rest: Option<Tape> = None;
        for _ in 0..ROUNDS {
            let current = rest.as_ref().map_or(node, Tape::root);
            work::turn();
            if slot.holds(current, &self.library) {
                all.sort();
                all.dedup();
                return Some(all);
            }
            let (mut found, mut known) = (Vec::new(), Known::new());
            for error in schema::errors(validator, TapeNode::Value(current)).take(MAX_ERRORS) {
                self.unexpected(&error, current, "", &mut found, &mut known, 0);
            }
            if work::is_spent() {
                return None;
            }
            let depth = |pointer: &String| pointer.bytes().filter(|byte| *byte == b'/').count();
            let deepest = found.iter().map(depth).max()?;
            found.retain(|pointer| depth(pointer) == deepest);
            all.extend(found);
            let mut text = Vec::new();
            rewrite::without(node, &all.iter().map(String::as_str).collect(), &mut text)?;
            rest = Some(Tape::parse(text.into(), &Bounds::UNBOUNDED).ok()?);
        }
        None
    }

    /// Pointers of the properties that only the closed schema refuses; within a choice, those of the branch that is
    /// refused for nothing else. False when the error is of another kind.
    fn unexpected(
        &self,
        error: &ValidationError<'_>,
        node: tape::Node<'_>,
        prefix: &str,
        found: &mut Vec<String>,
        known: &mut Known,
        depth: usize,
    ) -> bool {
        if depth >= MAX_DELEGATION || found.len() >= MAX_ERRORS || !work::step() {
            return false;
        }
        let at = format!("{prefix}{}", error.instance_path().as_str());
        if let Some(inner) = self.inner(error, node) {
            if let Some((all, pointers)) = known.get(&inner.key()) {
                found.extend_from_slice(pointers);
                return *all;
            }
            let (mut all, mut own) = (true, Vec::new());
            for error in schema::errors(inner.validator, TapeNode::Value(inner.node)).take(MAX_ERRORS) {
                all &= self.unexpected(&error, inner.node, &at, &mut own, known, depth + 1);
            }
            found.extend_from_slice(&own);
            known.insert(inner.key(), (all, own));
            return all;
        }
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                found.extend(unexpected.iter().take(MAX_ERRORS).map(|name| pointer::join(&at, name)));
                true
            }
            ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
                for branch in context {
                    let mut inner = Vec::new();
                    let only = branch
                        .iter()
                        .all(|error| self.unexpected(error, node, prefix, &mut inner, known, depth + 1));
                    if only && !branch.is_empty() {
                        found.extend(inner);
                        return true;
                    }
                }
                false
            }
            _ => false,
        }
    }
}
