//! One schema applied to one value: errors become [`Violations`], undeclared properties what the configuration says.

mod undeclared;
mod words;

use std::collections::HashSet;
use std::sync::Arc;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use schema::{TapeNode, Validator};

use crate::documents::Spot;
use crate::lower::{Lowering, Root, Side};
use crate::model::OnUndeclared;
use crate::schemas::{Library, Slot};
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
const MAX_DELEGATION: usize = 160;

/// Said in place of a verdict that would take too long.
const TOO_MUCH_WORK: &str = "has more readings under the contract's schema than can be tried";

/// Said where no keyword can be named.
const MISFIT: &str = "must match the contract's schema";

/// Errors read from one validator; what a body can produce beyond that is noise.
const MAX_ERRORS: usize = 256;

/// A definition that refused a value handed to it.
struct Inner<'s, 'n> {
    definition: usize,
    validator: &'s Validator,
    node: tape::Node<'n>,
}

impl Inner<'_, '_> {
    fn key(&self) -> (usize, u32) {
        (self.definition, self.node.index())
    }
}

/// Where errors of one value go.
struct Explaining<'o> {
    place: Place,
    out: &'o mut Violations,
    /// Definitions, with the values that they refused, whose errors were read.
    told: HashSet<(usize, u32)>,
}

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
        work::begin(node.tape());
        self.explain(validator, node, &mut Explaining { place, out, told: HashSet::new() }, prefix, 0);
        if out.items().len() == before {
            out.push(place, prefix, "schema", MISFIT);
        }
    }

    /// All errors, those of definitions that values were handed to in their place, each definition once for each value:
    /// where several parts of a schema lead to one child, there are as many ways down to it as there are levels to the power
    /// of two.
    fn explain(
        &self,
        validator: &Validator,
        node: tape::Node<'_>,
        explaining: &mut Explaining<'_>,
        prefix: &str,
        depth: usize,
    ) {
        for error in schema::errors(validator, TapeNode::Value(node)).take(MAX_ERRORS) {
            if explaining.out.is_full() || work::is_spent() {
                return;
            }
            let Some(inner) = self.inner(&error, node) else {
                words::push(&error, explaining.place, prefix, explaining.out);
                continue;
            };
            let at = format!("{prefix}{}", error.instance_path().as_str());
            if depth >= MAX_DELEGATION {
                explaining.out.push(explaining.place, &at, "schema", MISFIT);
            } else if work::step() && explaining.told.insert(inner.key()) {
                self.explain(inner.validator, inner.node, explaining, &at, depth + 1);
            }
        }
    }

    /// The definition that an error stands for, and the value that it refused.
    fn inner<'s, 'n>(&'s self, error: &ValidationError<'_>, node: tape::Node<'n>) -> Option<Inner<'s, 'n>> {
        let ValidationErrorKind::Custom { message, .. } = error.kind() else { return None };
        let (definition, slot) = self.library.of_message(message)?;
        let node = node.pointer(error.instance_path().as_str())?;
        Some(Inner { definition, validator: slot.validator()?, node })
    }

    /// Only whether it fits, for choosing between readings of a parameter.
    pub(crate) fn fits(&self, node: tape::Node<'_>) -> bool {
        work::begin(node.tape());
        self.plain.as_ref().is_none_or(|slot| slot.holds(node, &self.library) && !work::is_spent())
    }
}
