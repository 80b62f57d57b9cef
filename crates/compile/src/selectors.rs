//! Selectors under `operations` that select nothing: a rule that is never applied is worse than none.

use std::collections::BTreeSet;

use diagnostics::{Diagnostic, Diagnostics, nearest};
use spec::{OperationRef, Selector};

/// Reports each selector of an API that matches none of its operations.
pub(crate) fn check(settings: &spec::Api, operations: &[OperationRef<'_>], out: &mut Diagnostics) {
    for wanted in &settings.operations {
        let selector = &wanted.selector;
        if operations.iter().any(|operation| selector.matches(operation)) {
            continue;
        }
        let candidates: BTreeSet<String> = match &selector.value {
            Selector::Tag(_) => operations
                .iter()
                .flat_map(|operation| operation.tags)
                .map(|tag| format!("tag:{tag}"))
                .collect(),
            Selector::Route { .. } => operations
                .iter()
                .map(|operation| format!("{} {}", operation.method, operation.template))
                .collect(),
            Selector::Id(_) => {
                operations.iter().filter_map(|operation| operation.id).map(str::to_owned).collect()
            }
        };
        let text = selector.value.to_string();
        let help = match nearest(&text, candidates.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                String::from("write an operationId, `METHOD /template` as in the contract, or `tag:name`")
            }
        };
        let message = format!("no operation of `{}` is `{text}`", settings.name.value);
        out.push(Diagnostic::error("unknown-operation", message).at(selector.span).help(help));
    }
}
