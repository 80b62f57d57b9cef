//! What some rules do not look at: which rules, which parts of a call, for which operations and callers.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::Call;
use seclang::{Exclusion, Part, Transaction, Which};
use spec::{OperationRef, Selector, Spanned};

use super::config::{CallerSection, ExcludeSection, InspectionSection};
use crate::scope::{OperationKind, OperationScope};

/// One exclusion, compiled.
#[derive(Debug, Clone)]
pub(super) struct Excluded {
    rules: Exclusion,
    /// Those it holds for; none are all.
    callers: Arc<[CallerSection]>,
}

impl Excluded {
    /// Of rules, for some callers or, without any, for all.
    pub(super) fn new(rules: Exclusion, callers: impl IntoIterator<Item = CallerSection>) -> Excluded {
        Excluded { rules, callers: callers.into_iter().collect() }
    }

    /// Leaves out what it says, when it holds for who calls.
    pub(super) fn apply(&self, call: &Call, inspection: &mut Transaction<'_>) {
        if self.callers.is_empty() || self.callers.iter().any(|caller| is_caller(caller, call)) {
            inspection.exclude(&self.rules);
        }
    }
}

/// Whether one of the credentials proves this caller. Who is anonymous is nobody's.
pub(super) fn is_caller(caller: &CallerSection, call: &Call) -> bool {
    call.proofs.iter().any(|proof| {
        let principal = &proof.principal;
        let subject = caller.subject.as_deref().is_none_or(|subject| subject == &*principal.subject);
        let application =
            caller.application.as_deref().is_none_or(|known| principal.application.as_deref() == Some(known));
        caller.issuer == *principal.issuer && subject && application
    })
}

/// Reports what is wrong with an exclusion by itself.
pub(super) fn check(exclude: &Spanned<ExcludeSection>, out: &mut Diagnostics) {
    let mut error = |code: &'static str, message: String, span: Span, help: &str| {
        out.push(Diagnostic::error(code, message).at(span).help(help));
    };
    let everything =
        exclude.parameters.is_empty() && exclude.headers.is_empty() && exclude.cookies.is_empty();
    match (&exclude.rule, &exclude.tag) {
        (Some(_), Some(_)) => {
            let message = String::from("an exclusion has `rule` or `tag`, not both");
            error("inspection", message, exclude.span, "write two exclusions");
        }
        (None, None) if everything => {
            let message =
                String::from("an exclusion without `rule`, `tag` and parts would leave out everything");
            error("inspection", message, exclude.span, "say which rules, or write `mode: off`");
        }
        _ => {}
    }
    for caller in
        exclude.callers.iter().filter(|caller| caller.subject.is_none() && caller.application.is_none())
    {
        let message = String::from("a caller has `subject` or `application`, or both, beside `issuer`");
        error(
            "inspection",
            message,
            caller.span,
            "an issuer alone is everybody: leave `callers` out for that",
        );
    }
    check_selectors(&exclude.operations, out);
}

/// Reports selectors that cannot be read.
pub(super) fn check_selectors(operations: &[Spanned<String>], out: &mut Diagnostics) {
    for selector in operations.iter().filter(|text| text.parse::<Selector>().is_err()) {
        let message = format!("`{}` selects no operation", selector.value);
        let help = "write an operationId, `METHOD /template` or `tag:name`";
        out.push(Diagnostic::error("inspection", message).at(selector.span).help(help));
    }
}

/// Finds the rules that are meant.
pub(super) fn compile(
    engine: &seclang::Engine,
    exclude: &Spanned<ExcludeSection>,
    out: &mut Diagnostics,
) -> Option<Excluded> {
    let parameters = exclude.parameters.iter().map(|name| Part::Parameter(name));
    let headers = exclude.headers.iter().map(|name| Part::Header(name));
    let cookies = exclude.cookies.iter().map(|name| Part::Cookie(name));
    let parts: Vec<Part<'_>> = parameters.chain(headers).chain(cookies).collect();
    let callers = exclude.callers.iter().map(|caller| caller.value.clone());
    let rules = rules(engine, (&exclude.rule, &exclude.tag, exclude.span), &parts, out)?;
    Some(Excluded::new(rules, callers))
}

/// Which rules are meant, and where that is written.
pub(super) type Meant<'a> = (&'a Option<Spanned<u64>>, &'a Option<Spanned<String>>, Span);

/// The rules of an id or a tag, or all, for some parts of calls or, without any, altogether.
pub(super) fn rules(
    engine: &seclang::Engine,
    (rule, tag, span): Meant<'_>,
    parts: &[Part<'_>],
    out: &mut Diagnostics,
) -> Option<Exclusion> {
    let (which, what, span) = match (rule, tag) {
        (Some(id), _) => (Which::Id(id.value), format!("the id {}", id.value), id.span),
        (None, Some(tag)) => (Which::Tag(&tag.value), format!("the tag `{}`", tag.value), tag.span),
        (None, None) => (Which::All, String::new(), span),
    };
    let found = engine.exclusion(which, parts);
    if found.is_none() {
        let message = format!("no rule that was loaded has {what}");
        out.push(Diagnostic::error("inspection", message).at(span).help("take it out, or mend it"));
    }
    found
}

/// Numbers of the exclusions that hold for an operation.
pub(super) fn holding(section: &InspectionSection, scope: &OperationScope<'_>) -> Vec<usize> {
    let numbered = section.exclude.iter().enumerate();
    numbered.filter(|(_, exclude)| selects(&exclude.operations, scope)).map(|(at, _)| at).collect()
}

/// Whether what is said of these operations holds for one; without any it holds for all.
pub(super) fn selects(operations: &[Spanned<String>], scope: &OperationScope<'_>) -> bool {
    let tags: Vec<&str> = scope.contract.iter().flat_map(|op| &op.tags).map(String::as_str).collect();
    // A HEAD is its GET.
    let method = if scope.kind == OperationKind::ImpliedHead { "GET" } else { scope.method.as_str() };
    let reference = OperationRef { id: Some(scope.id), method, template: scope.template, tags: &tags };
    operations.is_empty() || selectors(operations).any(|(selector, _)| selector.matches(&reference))
}

fn selectors(operations: &[Spanned<String>]) -> impl Iterator<Item = (Selector, Span)> {
    operations.iter().filter_map(|text| Some((text.parse().ok()?, text.span)))
}

/// What is said of operations that the contract does not have is a mistake.
pub(super) fn check_operations(
    section: &InspectionSection,
    scope: &OperationScope<'_>,
    out: &mut Diagnostics,
) {
    let Some(contract) = scope.api.contract else { return };
    let excluded = section.exclude.iter().map(|exclude| &exclude.operations);
    let all = excluded.chain(section.modes.values().map(|one| &one.operations));
    for (selector, span) in all.flat_map(|operations| selectors(operations)) {
        let selected = contract.operations.iter().any(|operation| {
            let tags: Vec<&str> = operation.tags.iter().map(String::as_str).collect();
            selector.matches(&OperationRef {
                id: Some(&operation.id),
                method: operation.method.as_str(),
                template: &operation.template,
                tags: &tags,
            })
        });
        if !selected {
            let message = format!("`{selector}` selects no operation of the contract");
            out.push(
                Diagnostic::error("inspection", message).at(span).help("name operations that there are"),
            );
        }
    }
}
