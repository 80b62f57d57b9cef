//! One schema applied to one value: errors become [`Violations`], undeclared properties what the configuration says.

mod undeclared;
mod words;

use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};

use crate::documents::Spot;
use crate::lower::{Lowering, Root, Side};
use crate::model::OnUndeclared;
use crate::schemas::{Library, Slot};
use crate::tape_json::{TapeJson, TapeNode};
use crate::violation::{Place, Violations};
use crate::work;

/// A schema as written and, where undeclared properties matter, the same with its objects closed.
#[derive(Debug)]
pub(crate) struct Checker {
    plain: Option<Arc<Slot>>,
    closed: Option<Arc<Slot>>,
    undeclared: OnUndeclared,
    library: Arc<Library>,
}

/// Definitions within definitions that errors are looked for in.
const MAX_DELEGATION: usize = 64;

/// Said in place of a verdict that would take too long.
const TOO_MUCH_WORK: &str = "has more readings under the contract's schema than can be tried";

/// Errors read from one validator; what a body can produce beyond that is noise.
const MAX_ERRORS: usize = 256;

impl Checker {
    /// Compiles the schema at `spot`.
    pub(crate) fn new(
        lowering: &mut Lowering<'_>,
        spot: &Spot,
        side: Side,
        undeclared: OnUndeclared,
    ) -> (Self, Root) {
        let plain = lowering.root(spot, side, false);
        let closed = (undeclared != OnUndeclared::Allow)
            .then(|| lowering.root(spot, side, true))
            .filter(|closed| !Arc::ptr_eq(&closed.slot, &plain.slot))
            .map(|closed| closed.slot);
        let library = lowering.pool.library.clone();
        let checker =
            Self { plain: (!plain.trivial).then(|| plain.slot.clone()), closed, undeclared, library };
        (checker, plain)
    }

    /// One that accepts everything.
    pub(crate) fn free() -> Self {
        Self { plain: None, closed: None, undeclared: OnUndeclared::Allow, library: Arc::default() }
    }

    /// Whether nothing is ever refused, reported or stripped.
    pub(crate) fn is_trivial(&self) -> bool {
        self.plain.is_none() && self.closed.is_none()
    }

    /// Applies it; returns pointers of properties to strip.
    pub(crate) fn check(
        &self,
        node: tape::Node<'_>,
        place: Place,
        prefix: &str,
        out: &mut Violations,
    ) -> Vec<String> {
        if let Some(closed) = self.closed.as_ref().filter(|closed| closed.is_narrowing()) {
            work::begin(node.tape());
            if closed.holds(node, &self.library) && !work::is_spent() {
                return Vec::new();
            }
        }
        if let Some(slot) = &self.plain {
            work::begin(node.tape());
            let valid = slot.holds(node, &self.library);
            if work::is_spent() {
                out.push(place, prefix, "schema", TOO_MUCH_WORK);
                return Vec::new();
            }
            if !valid {
                self.refuse(slot, node, place, prefix, out);
                return Vec::new();
            }
        }
        work::begin(node.tape());
        let stripped = self.undeclared(node, place, prefix, out);
        // What is only reported was valid before.
        if work::is_spent() && matches!(self.undeclared, OnUndeclared::Refuse | OnUndeclared::Strip) {
            out.push(place, prefix, "undeclared", TOO_MUCH_WORK);
            return Vec::new();
        }
        stripped
    }

    /// Says why the value does not fit.
    fn refuse(&self, slot: &Slot, node: tape::Node<'_>, place: Place, prefix: &str, out: &mut Violations) {
        let Some(validator) = slot.validator() else {
            out.push(place, prefix, "schema", "the contract's schema could not be compiled");
            return;
        };
        let before = out.items().len();
        self.explain(validator, node, place, prefix, out, 0);
        if out.items().len() == before {
            out.push(place, prefix, "schema", "must match the contract's schema");
        }
    }

    /// All errors, those of definitions that values were handed to in their place.
    fn explain(
        &self,
        validator: &Validator<TapeJson>,
        node: tape::Node<'_>,
        place: Place,
        prefix: &str,
        out: &mut Violations,
        depth: usize,
    ) {
        for error in validator.iter_errors(TapeNode::Value(node)).take(MAX_ERRORS) {
            if out.is_full() {
                return;
            }
            match self.inner(&error, node).filter(|_| depth < MAX_DELEGATION) {
                Some((inner, below)) => {
                    let at = format!("{prefix}{}", error.instance_path().as_str());
                    self.explain(inner, below, place, &at, out, depth + 1);
                }
                None => words::push(&error, place, prefix, out),
            }
        }
    }

    /// The definition that an error stands for, and the value that it refused.
    fn inner<'n>(
        &self,
        error: &ValidationError<'_>,
        node: tape::Node<'n>,
    ) -> Option<(&Validator<TapeJson>, tape::Node<'n>)> {
        let ValidationErrorKind::Custom { message, .. } = error.kind() else { return None };
        let validator = self.library.of_message(message)?.validator()?;
        Some((validator, node.pointer(error.instance_path().as_str())?))
    }

    /// Only whether it fits, for choosing between readings of a parameter.
    pub(crate) fn fits(&self, node: tape::Node<'_>) -> bool {
        work::begin(node.tape());
        self.plain.as_ref().is_none_or(|slot| slot.holds(node, &self.library) && !work::is_spent())
    }
}
