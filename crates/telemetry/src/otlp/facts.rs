//! What is said of a call in its span and in its log record alike: OpenTelemetry's semantic conventions for HTTP (all of them stable but
//! the sizes of bodies), and what only a gateway knows under `yett.`.
//!
//! It is what the access log may hold and no more (invariant 12): no query, no body, no credential, no header value but a bounded
//! user agent.

use engine::codes::Code;
use engine::text::push_address;
use engine::{Call, Snapshot};
use http::{Method, Version};

use super::wire::Any::{Bool, Int, Text};
use super::wire::{Any, attribute, bytes, message};

/// Methods that have a meaning; every other word is what a caller made up (semantic conventions for HTTP spans).
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
/// What stands for a method that is none of [`METHODS`].
pub(crate) const OTHER: &str = "_OTHER";

/// A method as attributes name it.
pub(crate) fn method(method: &Method) -> &'static str {
    METHODS.iter().find(|known| **known == method.as_str()).copied().unwrap_or(OTHER)
}

/// Version of HTTP as attributes name it.
fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// Appends what a call is and how it ended as attributes, `field` of a span or a log record.
pub(super) fn push(out: &mut Vec<u8>, field: u32, snapshot: &Snapshot, call: &Call) {
    request(out, field, call);
    outcome(out, field, snapshot, call);
    let mut say = |key: &str, value: Any<'_>| attribute(out, field, key, value);
    let id = call.id.text();
    say("yett.call.id", Text(str::from_utf8(&id).unwrap_or_default()));
    say("yett.generation", Int(snapshot.generation));
    if let Some(plan) = &call.operation {
        say("http.route", Text(&plan.template));
        say("yett.api", Text(&plan.api));
        say("yett.operation", Text(&plan.id));
    }
    if let Some(principal) = call.principal() {
        say("yett.issuer", Text(&principal.issuer));
        say("yett.subject", Text(&principal.subject));
        if let Some(application) = &principal.application {
            say("yett.application", Text(application));
        }
    }
}

fn request(out: &mut Vec<u8>, field: u32, call: &Call) {
    let request = &call.request;
    let mut say = |key: &str, value: Any<'_>| attribute(out, field, key, value);
    let verb = method(&request.method);
    say("http.request.method", Text(verb));
    if verb == OTHER {
        say("http.request.method_original", Text(request.method.as_str()));
    }
    say("url.path", Text(request.path()));
    say("url.scheme", Text(scheme(call)));
    let host = if request.host.is_empty() { &request.authority } else { &request.host };
    say("server.address", Text(host));
    let port = request.authority.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if let Some(port) = port {
        say("server.port", Int(u64::from(port)));
    }
    say("network.protocol.version", Text(version(request.version)));
    let agent = request.headers.get("user-agent").and_then(|value| value.to_str().ok());
    if let Some(agent) = agent {
        say("user_agent.original", Text(agent));
    }
    message(out, field, |out| {
        bytes(out, 1, b"client.address");
        message(out, 2, |out| message(out, 1, |out| push_address(out, call.client)));
    });
}

/// `https` or `http`, as the client came.
pub(super) fn scheme(call: &Call) -> &'static str {
    if call.peer.tls { "https" } else { "http" }
}

fn outcome(out: &mut Vec<u8>, field: u32, snapshot: &Snapshot, call: &Call) {
    let decision = &call.decision;
    if let Some(error) = error(decision.code, decision.status).text() {
        attribute(out, field, "error.type", Text(error));
    }
    let mut say = |key: &str, value: Any<'_>| attribute(out, field, key, value);
    if decision.status != 0 {
        say("http.response.status_code", Int(u64::from(decision.status)));
    }
    if let Some(code) = decision.code {
        say("yett.code", Text(code.name));
        say("yett.blame", Text(code.blame.name()));
    }
    if let Some(fault) = &decision.fault {
        say("yett.fault", Text(fault));
    }
    if let Some(verdict) = decision.refusal() {
        say("yett.control", Text(verdict.control));
        let place = snapshot.place(verdict.place);
        if !place.is_empty() {
            say("yett.place", Text(place));
        }
    }
    if decision.aborted {
        say("yett.aborted", Bool(true));
    }
    say("http.request.body.size", Int(decision.bytes_in));
    say("http.response.body.size", Int(decision.bytes_out));
}

/// Why a call failed: the code of ours, or the status of a service that failed; nothing when it did not.
pub(crate) enum Error {
    /// It did not.
    None,
    /// A code of ours.
    Code(&'static str),
    /// A status of 500 or more, in digits.
    Status([u8; 3]),
}

impl Error {
    /// As `error.type` names it.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Error::None => None,
            Error::Code(name) => Some(name),
            Error::Status(digits) => str::from_utf8(digits).ok(),
        }
    }
}

/// Why a call with this code and this status failed.
pub(crate) fn error(code: Option<&Code>, status: u16) -> Error {
    match code {
        Some(code) => Error::Code(code.name),
        None if status >= 500 => Error::Status(digits(status)),
        None => Error::None,
    }
}

/// A status in digits.
pub(super) fn digits(status: u16) -> [u8; 3] {
    let digit = |by: u16| b'0' + u8::try_from(status / by % 10).unwrap_or(0);
    [digit(100), digit(10), digit(1)]
}
