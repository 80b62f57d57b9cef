//! The parser: text → directives, and everything that is wrong with it.
//!
//! What it does not know is an error with a place, never ignored: a rule that silently does nothing is a hole.

mod action;
mod directive;
mod lex;
mod target;
mod template;

use diagnostics::{Diagnostic, Diagnostics, FileId, Span};

use crate::syntax::Directive;

pub(crate) use target::targets;
pub(crate) use template::template;

/// Parses one file.
pub(crate) fn file(text: &str, file: FileId, found: &mut Diagnostics) -> Vec<Directive> {
    let mut directives = Vec::new();
    for line in lex::lines(text, file) {
        if line.open_quote {
            let error = Diagnostic::error("seclang-open-quote", "a quote is opened and not closed");
            found.push(error.at(line.span).help("close it with `\"`"));
            continue;
        }
        match directive::directive(&line) {
            Ok(parsed) => directives.extend(parsed),
            Err(errors) => errors.into_iter().for_each(|error| found.push(error)),
        }
    }
    directives
}

/// An error at a place.
pub(crate) fn error(code: &'static str, message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::error(code, message).at(span)
}
