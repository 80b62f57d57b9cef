//! One schema applied to one value: errors become [`Violations`], undeclared properties what the configuration says.

use std::borrow::Cow;
use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use tape::{Bounds, Tape};

use crate::documents::Spot;
use crate::lower::{Lowering, Root, Side};
use crate::model::OnUndeclared;
use crate::schemas::{Library, Slot};
use crate::tape_json::{TapeJson, TapeNode};
use crate::violation::{Place, Violations};
use crate::{pointer, rewrite, work};

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
                None => push(&error, place, prefix, out),
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

    fn undeclared(
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
}

/// Levels of undeclared properties that are told apart.
const ROUNDS: usize = 8;

impl Checker {
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
            let mut found = Vec::new();
            for error in validator.iter_errors(TapeNode::Value(current)).take(MAX_ERRORS) {
                self.unexpected(&error, current, "", &mut found, 0);
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
        depth: usize,
    ) -> bool {
        if depth >= MAX_DELEGATION || found.len() >= MAX_ERRORS {
            return false;
        }
        let at = format!("{prefix}{}", error.instance_path().as_str());
        if let Some((inner, below)) = self.inner(error, node) {
            let mut all = true;
            for error in inner.iter_errors(TapeNode::Value(below)).take(MAX_ERRORS) {
                all &= self.unexpected(&error, below, &at, found, depth + 1);
            }
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
                        .all(|error| self.unexpected(error, node, prefix, &mut inner, depth + 1));
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

/// One error in our words.
fn push(error: &ValidationError<'_>, place: Place, prefix: &str, out: &mut Violations) {
    let at = format!("{prefix}{}", error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let keyword: &'static str = match error.kind() {
                ValidationErrorKind::AdditionalProperties { .. } => "additionalProperties",
                _ => "unevaluatedProperties",
            };
            for name in unexpected.iter().take(MAX_ERRORS) {
                out.push(place, &pointer::join(&at, name), keyword, "the property is not allowed here");
            }
        }
        kind => {
            let (keyword, message) = describe(kind);
            out.push(place, &at, keyword, message);
        }
    }
}

fn describe(kind: &ValidationErrorKind) -> (Cow<'static, str>, String) {
    use ValidationErrorKind as K;
    let message = match kind {
        K::Type { kind } => format!("must be {}", types(kind)),
        K::Required { property } => format!("`{}` is required", plain(property)),
        K::Enum { options } => format!("must be one of {}", list(options)),
        K::Constant { expected_value } => format!("must be `{}`", plain(expected_value)),
        K::Format { format } => format!("must be of the format `{}`", format.trim_start_matches("yett-")),
        K::Pattern { pattern } => format!("must match the pattern `{pattern}`"),
        K::Minimum { limit } => format!("must be {} or more", plain(limit)),
        K::Maximum { limit } => format!("must be {} or less", plain(limit)),
        K::ExclusiveMinimum { limit } => format!("must be more than {}", plain(limit)),
        K::ExclusiveMaximum { limit } => format!("must be less than {}", plain(limit)),
        K::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        K::MinLength { limit } => format!("must have at least {limit} characters"),
        K::MaxLength { limit } => format!("must have at most {limit} characters"),
        K::MinItems { limit } => format!("must have at least {limit} items"),
        K::MaxItems { limit } => format!("must have at most {limit} items"),
        K::AdditionalItems { limit } => format!("must have at most {limit} items"),
        K::MinProperties { limit } => format!("must have at least {limit} properties"),
        K::MaxProperties { limit } => format!("must have at most {limit} properties"),
        K::UniqueItems => String::from("must not hold two equal items"),
        K::Contains => String::from("must hold an item that the contract asks for"),
        K::UnevaluatedItems { .. } => String::from("has items that the contract does not declare"),
        K::PropertyNames { .. } => String::from("has a property name that the contract does not allow"),
        K::Not { .. } => String::from("must not be what the contract excludes"),
        K::FalseSchema => String::from("must not be there"),
        K::AnyOf { context } => format!("must match at least one of {} alternatives", context.len()),
        K::OneOfNotValid { context } => format!("must match one of {} alternatives", context.len()),
        K::OneOfMultipleValid { .. } => {
            String::from("must match exactly one alternative, and matches several")
        }
        K::Custom { message, .. } => message.clone(),
        _ => String::from("must match the contract's schema"),
    };
    let keyword = match kind {
        K::Custom { .. } => Cow::Borrowed("forbidden"),
        other => Cow::Owned(other.keyword().to_owned()),
    };
    (keyword, message)
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => format!("of the type `{one}`"),
        TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| format!("`{one}`")).collect();
            format!("of one of the types {}", names.join(", "))
        }
    }
}

fn plain(value: &Value) -> String {
    let mut text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    crate::violation::cut(&mut text, 80);
    text
}

fn list(options: &Value) -> String {
    let Some(values) = options.as_array() else { return plain(options) };
    let mut names: Vec<String> = values.iter().take(8).map(|value| format!("`{}`", plain(value))).collect();
    if values.len() > names.len() {
        names.push(String::from("…"));
    }
    names.join(", ")
}
