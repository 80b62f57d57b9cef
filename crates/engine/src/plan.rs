//! What is decided about an operation when its document is compiled, so that nothing of it is computed per call.

use std::sync::Arc;

use http::Method;

use crate::codes::{self, Code};
use crate::principal::Names;
use crate::snapshot::Upstream;
use crate::websocket::Rules;

/// Whether a control's verdicts count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// It is not asked.
    Off,
    /// It is asked, its verdict is kept, the call goes on.
    Shadow,
    /// Its verdict counts.
    Enforce,
}

impl Mode {
    /// Its name in documents and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Shadow => "shadow",
            Mode::Enforce => "enforce",
        }
    }
}

/// A point in the life of a call where controls speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Before the call has an operation, and before any cryptography.
    Admission,
    /// The head is there, the operation known.
    Head,
    /// The request's body is there, whole.
    Body,
    /// One message of a stream is there, whole.
    Message,
    /// Every check has passed, and nothing has gone upstream yet.
    Upstream,
    /// The head of the upstream's answer is there.
    ResponseHead,
    /// The body of the upstream's answer is there, whole or as a sample.
    ResponseBody,
}

impl Stage {
    /// Its name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Admission => "admission",
            Stage::Head => "head",
            Stage::Body => "body",
            Stage::Message => "message",
            Stage::Upstream => "upstream",
            Stage::ResponseHead => "response_head",
            Stage::ResponseBody => "response_body",
        }
    }
}

/// Number of a place (`file:line:column`, or a pointer into a contract) in [`crate::Snapshot::places`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PlaceId(pub u32);

/// One control at one point of an operation's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedStep {
    /// Number of the control in [`crate::Snapshot::controls`].
    pub control: u32,
    /// Whether its verdict counts. Never [`Mode::Off`]: such a step is not planned.
    pub mode: Mode,
    /// Where it was configured.
    pub place: PlaceId,
    /// The part of the contract whose rules it holds calls to, when these are the contract's.
    pub contract: PlaceId,
    /// The same where it refuses a request for its body, before that is there.
    pub contract_body: PlaceId,
}

impl PlannedStep {
    /// The part of the contract that a verdict with this code goes by.
    #[must_use]
    pub fn contract_of(&self, code: Option<&'static Code>) -> PlaceId {
        let of_body =
            [codes::BODY_MISSING.name, codes::BODY_NOT_DECLARED.name, codes::MEDIA_TYPE_UNSUPPORTED.name];
        match code {
            Some(code) if of_body.contains(&code.name) => self.contract_body,
            _ => self.contract,
        }
    }
}

/// How a request's body is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyMode {
    /// Nothing reads it; at most `limit` bytes pass.
    Pass {
        /// Bytes.
        limit: u64,
    },
    /// Buffered, checked, then sent; more than `limit` bytes are refused.
    Whole {
        /// Bytes.
        limit: u64,
    },
}

/// How the body of an answer is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// Nothing reads it.
    Pass,
    /// It passes; a copy of at most `limit` bytes is checked afterwards, off the core's thread.
    Sample {
        /// Bytes.
        limit: usize,
    },
    /// Buffered, checked, then sent; more than `limit` bytes are refused.
    Whole {
        /// Bytes.
        limit: u64,
    },
}

/// All that is known of an operation.
#[derive(Debug)]
pub struct OperationPlan {
    /// Name of its API.
    pub api: Arc<str>,
    /// What the numbers in the proofs of its calls mean.
    pub names: Arc<Names>,
    /// Its `operationId`, or `METHOD /template`.
    pub id: Arc<str>,
    /// Its method.
    pub method: Method,
    /// Its path template with the base path: what metrics and logs call it.
    pub template: Arc<str>,
    /// Who answers; `None` when a control of ours does.
    pub upstream: Option<Arc<Upstream>>,
    /// Whether the connection has to have a client certificate.
    pub client_certificate: bool,
    /// Length of the API's base path, which an upstream with a path of its own replaces.
    pub base_length: usize,
    /// Checks on the head, in order.
    pub head: Box<[PlannedStep]>,
    /// Checks on the body, in order.
    pub body: Box<[PlannedStep]>,
    /// Checks on each message of a stream, in order.
    pub message: Box<[PlannedStep]>,
    /// What is done when every check has passed, before anything goes upstream, in order.
    pub before_upstream: Box<[PlannedStep]>,
    /// Checks on the answer's head, in order.
    pub response_head: Box<[PlannedStep]>,
    /// Checks on the answer's body, in order.
    pub response_body: Box<[PlannedStep]>,
    /// Numbers of the controls that see the finished decision.
    pub observe: Box<[u32]>,
    /// How the request's body is handled.
    pub request_mode: BodyMode,
    /// How the answer's body is handled.
    pub response_mode: ResponseMode,
    /// Set when the operation is a WebSocket: it wants a handshake, and no other operation takes one.
    pub websocket: Option<Arc<Rules>>,
}
