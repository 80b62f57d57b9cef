//! OPTIONS of a path for which the contract declares none: 204 with `Allow` (RFC 9110 section 9.3.7), answered by the gateway.
//!
//! Before authentication: what it says is what 405 says to anybody. Nothing goes upstream.

mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use engine::verdict::Refusal;
use engine::{Answer, Attached, Call, Control, CoreContext, Needs, Step, Verdict, codes};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

pub use config::compile;

/// The control, for one path.
#[derive(Debug)]
pub struct Options {
    allow: Option<HeaderValue>,
}

impl Options {
    /// With the methods of the path.
    #[must_use]
    pub fn new(methods: impl IntoIterator<Item = Method>) -> Self {
        let mut names: Vec<String> = methods.into_iter().map(|method| method.to_string()).collect();
        names.push(Method::OPTIONS.to_string());
        names.sort_unstable();
        names.dedup();
        Self { allow: HeaderValue::from_str(&names.join(", ")).ok() }
    }

    fn answer(&self) -> Verdict {
        match &self.allow {
            Some(allow) => Verdict::Answer(Box::new(Answer {
                status: StatusCode::NO_CONTENT,
                headers: vec![(ALLOW, allow.clone())],
                body: Bytes::new(),
            })),
            None => Verdict::Refuse(Refusal::new(&codes::CONTROL_FAILED, "the methods make no header field")),
        }
    }
}

impl Control for Options {
    fn name(&self) -> &'static str {
        "options"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Options>);

impl Attached for AtWork {
    fn head<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.answer())
    }
}
