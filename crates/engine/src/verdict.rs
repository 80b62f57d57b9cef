//! What a control says of a call.
//!
//! A verdict is a value that must be used, never a bool: a refusal is not an error of ours, and an `Err` is never a
//! refusal.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::codes::Code;

/// What a control says of a call at one of its steps.
#[derive(Debug)]
#[must_use = "a verdict that is dropped lets a call pass unchecked"]
pub enum Verdict {
    /// Nothing against it.
    Allow,
    /// Nothing against it, and something worth keeping in the decision.
    Note(Box<str>),
    /// The call ends here.
    Refuse(Box<Refusal>),
    /// The caller may come back with a stronger or fresher credential (RFC 9470).
    StepUp(Box<Refusal>),
    /// The caller may come back later.
    Throttle(Box<Refusal>),
    /// The gateway itself has the answer (a preflight, a metadata document); nothing goes upstream.
    Answer(Box<Answer>),
}

/// Why a call ends, for the caller and for the operator.
#[derive(Debug)]
pub struct Refusal {
    /// Row of the table of codes.
    pub code: &'static Code,
    /// For the operator: kept in the decision, never sent.
    pub detail: Box<str>,
    /// For the caller: what exactly was wrong, when that is safe to say.
    pub public: Option<Box<str>>,
    /// For the caller: violations of the contract.
    pub violations: Vec<Violation>,
    /// Header fields of the answer, such as `WWW-Authenticate`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

/// One violation of the contract, as the caller may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `path`, `query`, `header`, `cookie` or `body`.
    pub place: &'static str,
    /// JSON Pointer into the body, or the parameter's name.
    pub pointer: String,
    /// What was expected; never what stood there.
    pub message: String,
}

impl Refusal {
    /// A refusal with a code and the operator's detail.
    #[must_use]
    pub fn new(code: &'static Code, detail: impl Into<Box<str>>) -> Box<Self> {
        Box::new(Self {
            code,
            detail: detail.into(),
            public: None,
            violations: Vec::new(),
            headers: Vec::new(),
            retry_after: None,
        })
    }

    /// Says to the caller what exactly was wrong.
    #[must_use]
    pub fn public(mut self: Box<Self>, text: impl Into<Box<str>>) -> Box<Self> {
        self.public = Some(text.into());
        self
    }

    /// Adds a header field to the answer.
    #[must_use]
    pub fn header(mut self: Box<Self>, name: HeaderName, value: HeaderValue) -> Box<Self> {
        self.headers.push((name, value));
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(mut self: Box<Self>, after: Duration) -> Box<Self> {
        self.retry_after = Some(after);
        self
    }
}

/// An answer of the gateway's own that is no refusal.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its content.
    pub body: Bytes,
}
