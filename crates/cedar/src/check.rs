//! Checking policies strictly in the operations that they apply to: each once for all operations of one shape, unless it tells actions
//! apart in its condition.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy_core::validator::typecheck::{PolicyCheck, Typechecker};
use cedar_policy_core::validator::{
    ValidationError, ValidationMode, Validator, ValidatorSchema, confusable_string_checks,
};

use crate::book::{Book, Policy, fault, range};
use crate::names::Shape;
use crate::{Fault, Severity, schema};

/// What came of checking, so far.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    shapes: HashMap<Shape, usize>,
    /// Whether a policy can be satisfied, by its number and where it was checked.
    found: HashMap<(usize, Place), bool>,
    /// Policies of which the names were checked.
    names: HashSet<usize>,
    said: HashSet<(usize, Option<usize>, String)>,
    /// Of each policy how many operations it is about that were not seen yet, and whether it can be satisfied in one that was.
    reach: Vec<(usize, bool)>,
    /// Operations that were seen.
    seen: HashSet<Box<str>>,
}

impl Checked {
    /// Nothing is checked; of each policy, how many operations it is about.
    pub(crate) fn new(reach: Vec<usize>) -> Self {
        Self { reach: reach.into_iter().map(|operations| (operations, false)).collect(), ..Self::default() }
    }
}

/// Where a policy was checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    /// In operations of the shape of this number.
    Shape(usize),
    /// In this one only.
    Operation(Box<str>),
}

/// Those of `policies` that can be satisfied in an operation, and what is wrong with them there that was not said before.
pub(crate) fn check(
    book: &Book,
    checked: &mut Checked,
    (operation, shape): (&str, &Shape),
    policies: &[usize],
) -> (Vec<usize>, Vec<Fault>) {
    let next = checked.shapes.len();
    let number = *checked.shapes.entry(shape.clone()).or_insert(next);
    let place = |policy: &Policy| {
        if policy.tells_actions { Place::Operation(operation.into()) } else { Place::Shape(number) }
    };
    let all: Vec<(usize, &Policy)> =
        policies.iter().filter_map(|index| Some((*index, book.policies.get(*index)?))).collect();
    let new: Vec<(usize, &Policy)> = all
        .iter()
        .filter(|(index, policy)| !checked.found.contains_key(&(*index, place(policy))))
        .copied()
        .collect();
    let mut faults = Vec::new();
    if !new.is_empty() {
        let mentioned: BTreeSet<&str> =
            new.iter().flat_map(|(_, policy)| &policy.actions).map(|name| &**name).collect();
        match schema::of_operation(&book.vocabulary, operation, shape, mentioned.into_iter()) {
            Ok(schema) => {
                for (index, policy) in new {
                    if checked.names.insert(index) {
                        of_names(&schema, policy, &mut faults);
                    }
                    let can_be = in_schema(&schema, policy, &mut faults);
                    checked.found.insert((index, place(policy)), can_be);
                }
            }
            Err(error) => {
                let message = format!("what policies may name in `{operation}` cannot be told: {error}");
                faults.push(Fault::error(0, None, message));
            }
        }
    }
    faults.sort_by_key(|fault| (fault.source, fault.range.as_ref().map(|range| range.start)));
    faults.retain(|fault| {
        let start = fault.range.as_ref().map(|range| range.start);
        checked.said.insert((fault.source, start, fault.message.clone()))
    });
    for fault in &mut faults {
        let help = fault.help.take();
        let place = format!("this is so in `{operation}`");
        fault.help = Some(help.map_or_else(|| place.clone(), |help| format!("{help}; {place}")));
    }
    let can_be = |(index, policy): &(usize, &Policy)| {
        // What was not checked is kept: its faults keep the document from being served.
        checked.found.get(&(*index, place(policy))).copied().unwrap_or(true)
    };
    let judged: Vec<(usize, &Policy, bool)> = all.iter().map(|one| (one.0, one.1, can_be(one))).collect();
    if checked.seen.insert(operation.into()) {
        for (index, policy, can_be) in &judged {
            if is_nowhere(checked, *index, *can_be) {
                faults.push(satisfied_nowhere(policy));
            }
        }
    }
    (judged.into_iter().filter(|(_, _, can_be)| *can_be).map(|(index, ..)| index).collect(), faults)
}

/// Counts an operation of a policy; whether it was the last one and the policy can be satisfied in none of them.
fn is_nowhere(checked: &mut Checked, policy: usize, can_be: bool) -> bool {
    let Some((left, alive)) = checked.reach.get_mut(policy) else { return false };
    *left = left.saturating_sub(1);
    *alive |= can_be;
    *left == 0 && !*alive
}

fn satisfied_nowhere(policy: &Policy) -> Fault {
    let message = format!("no call can satisfy `{}`, so that it does nothing", policy.rule.id);
    let help = "compare what it asks for (`has`, `is`, `in`) with what its operations have";
    let fault = Fault::error(policy.source, range(policy.template.loc()), message).help(help);
    Fault { severity: Severity::Warning, ..fault }
}

/// Types of entities that are not there, and texts that look like others. Actions were looked for in the whole API already.
fn of_names(schema: &ValidatorSchema, policy: &Policy, faults: &mut Vec<Fault>) {
    let wrong = Validator::validate_entity_types_and_literals(schema, &policy.template);
    let wrong = wrong.filter(|error| !matches!(error, ValidationError::UnrecognizedActionId(_)));
    faults.extend(wrong.map(|error| fault(policy.source, &error)));
    let odd = confusable_string_checks(std::iter::once(&policy.template));
    faults.extend(odd.map(|warning| Fault { severity: Severity::Warning, ..fault(policy.source, &warning) }));
}

/// Whether it can be satisfied in the one operation that a schema is of.
fn in_schema(schema: &ValidatorSchema, policy: &Policy, faults: &mut Vec<Fault>) -> bool {
    let checker = Typechecker::new(schema, ValidationMode::Strict);
    let mut can_be = false;
    for (_, check) in checker.typecheck_by_request_env(&policy.template) {
        let errors = match check {
            PolicyCheck::Success(_) => {
                can_be = true;
                continue;
            }
            PolicyCheck::Irrelevant(errors, _) => errors,
            PolicyCheck::Fail(errors) => {
                can_be = true;
                errors
            }
        };
        can_be |= !errors.is_empty();
        faults.extend(errors.iter().map(|error| fault(policy.source, error)));
    }
    can_be
}
