//! Where the contract has the fields that a section names. A field that it has nowhere is protected nowhere, and one that it has in
//! another place as well goes through there in clear text.

use std::sync::Arc;

use contract::{Carries, Operation};
use diagnostics::{Diagnostics, Span};
use spec::{Mode, Node, OperationRef};

use super::check::{error, warning};
use super::config::MessageSecuritySection;
use crate::pattern::Pattern;
use crate::places::{elsewhere, first_of, withholds};
use crate::scope::{OperationKind, OperationScope};

/// The fields of one side of a section.
struct Side<'s> {
    /// As the document calls it.
    name: &'static str,
    /// Whether they are those of bodies, and not of answers.
    bodies: bool,
    fields: &'s [Pattern],
    clear_at: &'s [Pattern],
    undeclared: bool,
    span: Span,
}

/// Reports what the contract has of the fields, for one operation.
pub(super) fn check(
    scope: &OperationScope<'_>,
    node: &Node,
    section: &MessageSecuritySection,
    out: &mut Diagnostics,
) {
    let Some(operation) = scope.contract else { return };
    if section.mode == Mode::Off || scope.kind != OperationKind::Declared {
        return;
    }
    let request = section.request.as_ref().map(|one| Side {
        name: "request",
        bodies: true,
        fields: &one.fields,
        clear_at: &one.clear_at,
        undeclared: one.undeclared,
        span: one.span,
    });
    let answer = section.answer.as_ref().map(|one| Side {
        name: "answer",
        bodies: false,
        fields: &one.fields,
        clear_at: &one.clear_at,
        undeclared: one.undeclared,
        span: one.span,
    });
    for side in request.iter().chain(&answer).filter(|side| !side.fields.is_empty()) {
        // An operation that writes other keys of the section has the same list.
        let written = list(node, side.name).unwrap_or(side.span);
        scope.api.share(&format!("message-fields {} {written:?}", side.name), || {
            check_list(scope, side, written, out);
        });
        check_others(scope, operation, side, out);
    }
    let seals = answer.is_some_and(|side| !side.fields.is_empty()) && section.mode == Mode::Enforce;
    if seals && !withholds(scope) {
        scope.api.share(&format!("message-fields unvalidated {:?}", node.span), || {
            let message = "fields of answers are sealed where the contract has them, and answers of another shape are not withheld";
            warning(message, node.span, "write `validation: { response: enforce }` beside it", out);
        });
    }
}

/// Where the list of fields stands.
fn list(node: &Node, side: &str) -> Option<Span> {
    node.at(&[side, "fields"]).map(|list| list.span)
}

/// A field that is in no body, or in no answer, of those operations for which the list was written is misspelled, or is that of another
/// operation: it would be protected nowhere. One that schemas only leave room may be.
fn check_list(scope: &OperationScope<'_>, side: &Side<'_>, written: Span, out: &mut Diagnostics) {
    let Some(contract) = scope.api.contract else { return };
    let holders = holders(scope, side, written);
    let what = if side.bodies { "body" } else { "answer" };
    for pattern in side.fields {
        let place = pattern.as_str();
        match pattern.carried(holders.iter().copied(), side.bodies) {
            Carries::Yes => {}
            Carries::Open if side.undeclared => {}
            Carries::Open => {
                let message = format!("the contract declares `{place}` in no {what}");
                let help = "compare it with the contract, whose schemas only leave it room; where it is right, write `undeclared: true`";
                warning(message, side.span, help, out);
            }
            Carries::No if pattern.carried(&contract.operations, side.bodies) == Carries::No => {
                let message = format!("the contract has `{place}` in no {what}");
                error(message, side.span, "compare it with the contract: there it protects nothing", out);
            }
            Carries::No => {
                let message = format!(
                    "the contract has `{place}` in no {what} of `{}`, nor of others that have this list",
                    scope.id
                );
                let help = "it is a field of other operations: there, nothing protects it by this list";
                error(message, side.span, help, out);
            }
        }
    }
}

/// The operations for which a list of fields was written: that of an API is for all that write none of their own.
fn holders<'a>(scope: &OperationScope<'a>, side: &Side<'_>, written: Span) -> Vec<&'a Arc<Operation>> {
    let has_it = |operation: &Operation| {
        let tags: Vec<&str> = operation.tags.iter().map(String::as_str).collect();
        let reference = OperationRef {
            id: Some(&operation.id),
            method: operation.method.as_str(),
            template: &operation.template,
            tags: &tags,
        };
        let node = scope.api.settings.section_for("message_security", &reference);
        let is_on = |node: &Node| node.get("mode").and_then(Node::as_str) != Some("off");
        node.is_some_and(|node| is_on(&node) && list(&node, side.name) == Some(written))
    };
    let Some(contract) = scope.api.contract else { return Vec::new() };
    contract.operations.iter().filter(|operation| operation.id == scope.id || has_it(operation)).collect()
}

/// A value of the same name where no field leads, as in the list of what one operation has alone, is neither opened nor sealed.
fn check_others(scope: &OperationScope<'_>, operation: &Operation, side: &Side<'_>, out: &mut Diagnostics) {
    let known: Vec<&Pattern> = side.fields.iter().chain(side.clear_at).collect();
    let found = if side.bodies {
        elsewhere(operation.request.media().iter(), side.fields, &known)
    } else {
        elsewhere(operation.responses.media_of_all(), side.fields, &known)
    };
    let Some(places) = first_of(&found) else { return };
    let what = if side.bodies { "bodies" } else { "answers" };
    let message = format!("{what} of `{}` have {places} in clear text", scope.id);
    let help = "add it to `fields`; where the name stands for something else, to `clear_at`";
    warning(message, side.span, help, out);
}
