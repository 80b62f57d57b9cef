//! The log record of one call: the line of the access log as OTLP has it, with the ids of the call's span.

use engine::{Blame, Call, Snapshot};

use super::facts;
use super::span::{id, moment};
use super::wire::{bytes, fixed32, fixed64, message, number};

/// Field of a record's attributes.
const ATTRIBUTE: u32 = 6;

/// Appends the record of a call as a field `log_records` of a `ScopeLogs`.
pub(super) fn write(out: &mut Vec<u8>, snapshot: &Snapshot, call: &Call) {
    let at = moment(call, call.decision.timings.total);
    let (severity, name) = severity(call);
    message(out, 2, |out| {
        fixed64(out, 1, at);
        number(out, 2, severity);
        bytes(out, 3, name.as_bytes());
        message(out, 5, |out| message(out, 1, |out| body(out, call)));
        facts::push(out, ATTRIBUTE, snapshot, call);
        fixed32(out, 8, u32::from(call.trace.current.flags));
        bytes(out, 9, &call.trace.current.trace_id.to_be_bytes());
        bytes(out, 10, &id(call).to_be_bytes());
        fixed64(out, 11, at);
        bytes(out, 12, b"yett.call");
    });
}

/// `ERROR` for what somebody has to mend, `WARN` for what was refused, else `INFO` (Logs Data Model, severity fields).
fn severity(call: &Call) -> (u64, &'static str) {
    match call.decision.code.map(|code| code.blame) {
        Some(Blame::Client) => (13, "WARN"),
        Some(_) => (17, "ERROR"),
        None if call.decision.status >= 500 => (17, "ERROR"),
        None => (9, "INFO"),
    }
}

/// One line for people, of words that are ours: `GET /orders/{id} 403 insufficient_scope`.
fn body(out: &mut Vec<u8>, call: &Call) {
    out.extend_from_slice(facts::method(&call.request.method).as_bytes());
    let mut word = |text: &str| {
        out.push(b' ');
        out.extend_from_slice(text.as_bytes());
    };
    word(call.operation.as_ref().map_or("(no operation)", |plan| &plan.template));
    word(str::from_utf8(&facts::digits(call.decision.status)).unwrap_or_default());
    if let Some(code) = call.decision.code {
        word(code.name);
    }
    if call.decision.aborted {
        word("aborted");
    }
}
