//! What does not fit the contract, in words that name the expectation and never echo what was sent.

use std::borrow::Cow;

/// Violations kept per call; more are counted.
pub const MAX_VIOLATIONS: usize = 64;
/// Bytes of one message; longer ones are cut.
pub const MAX_MESSAGE: usize = 256;
/// Bytes of one pointer; longer ones are cut.
pub const MAX_POINTER: usize = 256;

/// Which part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A parameter of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
    /// The status of an answer.
    Status,
}

impl Place {
    /// The word for it in documents and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Cookie => "cookie",
            Place::Body => "body",
            Place::Status => "status",
        }
    }
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which part of the message.
    pub place: Place,
    /// JSON Pointer into the body, else the parameter's name (with a pointer into its value after it).
    pub pointer: String,
    /// The rule: a JSON Schema keyword or `undeclared`, `duplicate`, `encoding`, `style`, `media-type`, …
    pub keyword: Cow<'static, str>,
    /// What is expected.
    pub message: String,
}

/// All that did not fit, bounded.
#[derive(Debug, Clone, Default)]
pub struct Violations {
    items: Vec<Violation>,
    reports: Vec<Violation>,
    dropped: u32,
}

impl Violations {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the message fits the contract (reports do not count).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// At most [`MAX_VIOLATIONS`], in the order found.
    #[must_use]
    pub fn items(&self) -> &[Violation] {
        &self.items
    }

    /// What is undeclared and only reported, bounded alike.
    #[must_use]
    pub fn reports(&self) -> &[Violation] {
        &self.reports
    }

    /// How many more there were than are kept.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Whether no more are kept, so that a checker may stop.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.items.len() >= MAX_VIOLATIONS
    }

    /// Adds one, within the bounds.
    pub fn push(
        &mut self,
        place: Place,
        pointer: &str,
        keyword: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) {
        if self.is_full() {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let one = violation(place, pointer, keyword.into(), message.into());
        // Several parts of one composition often ask for the same.
        if !self.items.contains(&one) {
            self.items.push(one);
        }
    }

    /// Adds one that is only reported.
    pub fn report(&mut self, place: Place, pointer: &str, message: impl Into<String>) {
        if self.reports.len() >= MAX_VIOLATIONS {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.reports.push(violation(place, pointer, Cow::Borrowed("undeclared"), message.into()));
    }
}

fn violation(place: Place, pointer: &str, keyword: Cow<'static, str>, mut message: String) -> Violation {
    cut(&mut message, MAX_MESSAGE);
    let mut pointer = printable(pointer);
    cut(&mut pointer, MAX_POINTER);
    Violation { place, pointer, keyword, message }
}

/// Cuts at a character boundary and says so.
pub(crate) fn cut(text: &mut String, bound: usize) {
    if text.len() > bound {
        let mut end = bound.saturating_sub(3);
        while end > 0 && !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}

/// Names come from the caller: control characters never reach a log or a console.
fn printable(text: &str) -> String {
    text.chars().take(MAX_POINTER).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
