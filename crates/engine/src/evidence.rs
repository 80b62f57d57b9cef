//! What is kept of a finished call for those who ask later: redacted, bounded, and inert in whatever shows it.
//!
//! It holds what the access log may hold and no more (invariant 12): no query, no body, no credential, no header value but a
//! bounded user agent. Its texts have no hidden characters ([`crate::text::inert`]); its document is JSON in which they are
//! escaped ([`crate::text::push_json`]).

use crate::call::CallId;

/// Longest text of a record, in bytes, as it came.
pub const TEXT: usize = 256;

/// Why a decision is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The call, or its answer, was refused.
    Refused,
    /// It failed without a refusal: the gateway, an issuer or the service behind is to blame.
    Failed,
    /// It went on, and a control in shadow would have ended it.
    Shadowed,
    /// It went on, and is worth telling: as the first use of an administrative operation by somebody.
    Noted,
    /// It is of the sample of the rest.
    Passed,
    /// It is no call: a rule over many of them began to hold, or ceased to.
    Alert,
}

impl Kept {
    /// All.
    pub const ALL: [Kept; 6] =
        [Kept::Refused, Kept::Failed, Kept::Shadowed, Kept::Noted, Kept::Passed, Kept::Alert];

    /// Its name in stores, filters and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kept::Refused => "refused",
            Kept::Failed => "failed",
            Kept::Shadowed => "shadowed",
            Kept::Noted => "noted",
            Kept::Passed => "passed",
            Kept::Alert => "alert",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kept| kept.name() == name)
    }
}

/// The record of one decision, or of an alert. A text that there is none of is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Of the call; of an alert, of the event that tells it.
    pub id: CallId,
    /// When the call began, in milliseconds since 1970.
    pub at: u64,
    /// Why it is kept.
    pub kept: Kept,
    /// Status of the answer; 0 when there was none.
    pub status: u16,
    /// Its code.
    pub code: Box<str>,
    /// The control that ended it; where it was not ended, the first that would have, or that wants it told of. Of an alert, its rule.
    pub control: Box<str>,
    /// Method of the request.
    pub method: Box<str>,
    /// Its canonical path, without the query.
    pub path: Box<str>,
    /// Name of the API.
    pub api: Box<str>,
    /// Name of the operation.
    pub operation: Box<str>,
    /// Address of the client.
    pub address: Box<str>,
    /// Who vouches for the caller.
    pub issuer: Box<str>,
    /// Who called.
    pub subject: Box<str>,
    /// Which application called.
    pub application: Box<str>,
    /// What it took in all, in microseconds.
    pub micros: u64,
    /// Everything, with all verdicts in order: one JSON object ([`crate::decision::VERSION`]). Empty in a list.
    pub document: Box<str>,
}

impl Evidence {
    /// What it takes to hold it, in bytes: its texts, and as much again as indexes and bookkeeping take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let texts = [
            &self.code,
            &self.control,
            &self.method,
            &self.path,
            &self.api,
            &self.operation,
            &self.address,
            &self.issuer,
            &self.subject,
            &self.application,
            &self.document,
        ];
        texts.iter().map(|text| text.len()).sum::<usize>() + OVERHEAD
    }
}

/// What a record takes beside its texts, in bytes: measured on the files of a store.
const OVERHEAD: usize = 256;
