//! Macros: `%{tx.score}`, `%{MATCHED_VAR_NAME}` (reference manual, "Macro Expansion").

use diagnostics::{Diagnostic, Span};

use super::error;
use crate::syntax::{Part, Template};
use crate::variable::Variable;

/// Splits text into what stands for itself and what is expanded.
pub(crate) fn template(text: &str, span: Span) -> Result<Template, Diagnostic> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("%{") {
        let Some((name, tail)) = after.split_once('}') else { break };
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(macro_of(name, span)?);
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(Template { parts })
}

fn macro_of(name: &str, span: Span) -> Result<Part, Diagnostic> {
    let unknown = || error("seclang-unknown-macro", format!("`%{{{name}}}` names no variable"), span);
    if let Some(variable) = Variable::parse(name) {
        return Ok(Part::Macro(variable, None));
    }
    let (collection, key) = name.split_once(['.', ':']).ok_or_else(unknown)?;
    let variable =
        Variable::parse(collection).filter(|variable| variable.is_collection()).ok_or_else(unknown)?;
    Ok(Part::Macro(variable, Some(key.to_owned())))
}
