//! What is wrong with policies, and where.

use std::ops::Range;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The policies cannot be kept as they are.
    Error,
    /// They can, and somebody should look at them.
    Warning,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Number of the source.
    pub source: usize,
    /// Bytes in it; `None` where it is about the whole.
    pub range: Option<Range<usize>>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, without a final dot.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// An error.
    #[must_use]
    pub fn error(source: usize, range: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self { source, range, severity: Severity::Error, message: message.into(), help: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
