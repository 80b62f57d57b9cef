//! Calls and answers are held to the contract: parameters, headers, cookies and media type with the head, then the body,
//! then the same for the answer.
//!
//! The rules are the contract's, compiled once. A violation is said by place and pointer with what was expected, never what
//! stood there; nothing is said of the upstream: an answer that violates the contract is a bare 502 when that is enforced.
//! What is undeclared is refused, stripped, reported or allowed as configured; stripping and canonical spelling change the
//! call in place, so that what was checked is what is sent. In shadow nothing is changed.
//!
//! The body is read from the tape that an earlier control left, so that JSON is parsed once. When answers are enforced,
//! the upstream is asked for answers without a content coding, since what cannot be read cannot be checked.

mod config;
mod request;
mod response;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::Violations;
use engine::verdict::{Refusal, Violation};
use engine::{Attached, Call, Code, Control, CoreContext, Mode, Needs, Step, Verdict, bounds};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

pub use config::{
    Opaque, UndeclaredSection, ValidationSection, Word, check_section, compile, schema, undeclared,
};

/// What a section comes to for one operation.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Mode of the request's checks.
    pub request: Mode,
    /// Mode of the answer's checks.
    pub response: Mode,
    /// Whether bodies are written anew.
    pub canonical: bool,
    /// Whether bodies that nothing reads pass.
    pub opaque: bool,
}

/// The control, for one operation.
#[derive(Debug)]
pub struct Validation {
    operation: Arc<contract::Operation>,
    params: Vec<Box<str>>,
    settings: Settings,
    /// Declared media types, for `Accept` in a 415.
    accept: Option<HeaderValue>,
}

impl Validation {
    /// For an operation, with the names of its path parameters.
    #[must_use]
    pub fn new(operation: Arc<contract::Operation>, params: &[Box<str>], settings: Settings) -> Self {
        let types: Vec<&str> =
            operation.request.media().iter().map(contract::MediaRules::media_type).collect();
        let accept = HeaderValue::from_str(&types.join(", ")).ok().filter(|value| !value.is_empty());
        Self { operation, params: params.to_vec(), settings, accept }
    }

    fn changes(&self) -> bool {
        self.settings.request == Mode::Enforce
    }
}

impl Control for Validation {
    fn name(&self) -> &'static str {
        "validation"
    }

    fn needs(&self) -> Needs {
        let request = self.settings.request != Mode::Off;
        let response = self.settings.response != Mode::Off;
        Needs {
            // Asking for an answer that can be read is done with the head, whatever the request's mode.
            head: request || self.settings.response == Mode::Enforce,
            body: request && self.operation.request.has_body(),
            response_head: response,
            response_body: response,
            ..Needs::default()
        }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Validation>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        if self.0.settings.response == Mode::Enforce {
            response::ask_for_readable(call);
        }
        match self.0.settings.request {
            Mode::Off => Step::Done(Verdict::Allow),
            Mode::Shadow | Mode::Enforce => Step::Done(self.0.check_head(call)),
        }
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_body(call)
    }

    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check_response_head(call))
    }

    fn response_body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_response_body(call)
    }
}

/// The one `Content-Type` of a message; more than one, or one that is not text, is an error.
fn content_type(headers: &HeaderMap) -> Result<Option<&str>, ()> {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    let Some(field) = fields.next() else { return Ok(None) };
    match (field.to_str(), fields.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(()),
    }
}

/// What a check found: nothing, something to note, or violations.
fn verdict(code: &'static Code, found: &Violations) -> Verdict {
    if found.is_empty() {
        return match found.reports() {
            [] => Verdict::Allow,
            reports => Verdict::Note(describe("undeclared", reports, found.dropped()).into()),
        };
    }
    let mut refusal = Refusal::new(code, describe("violations", found.items(), found.dropped()));
    refusal.violations = found
        .items()
        .iter()
        .take(bounds::VIOLATIONS)
        .map(|one| Violation {
            place: one.place.as_str(),
            pointer: one.pointer.clone(),
            message: one.message.clone(),
        })
        .collect();
    Verdict::Refuse(refusal)
}

/// For the operator: where and by which rule; the first few, then how many more.
fn describe(what: &str, found: &[contract::Violation], dropped: u32) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|one| format!("{} `{}` ({})", one.place.as_str(), one.pointer, one.keyword))
        .collect();
    let more = found.len().saturating_sub(SHOWN) + dropped as usize;
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{what}: {}{rest}", shown.join(", "))
}
