//! One line of the access log: one JSON object per call, schema version in `v` ([`engine::decision::VERSION`]).
//!
//! What callers sent is bounded and escaped so that no reader of the log can be steered by it; queries, bodies,
//! credentials and header values are not in it (invariant 12).
//!
//! A record for the store of decisions ([`document`]) is the same object with every verdict, those that allowed among them, and
//! with what the call was judged by.

use std::time::Duration;

use engine::call::Call;
use engine::decision::{Recorded, VERSION};
use engine::evidence::{Kept, TEXT};
use engine::plan::Mode;
use engine::text::{bounded, push_address, push_json, push_number as number};
use engine::{Carried, Snapshot, bounds, codes, decision::Decision};

use crate::timestamp::Stamp;

/// Longest place in a contract, in bytes: pointers are long, and one that is cut leads nowhere.
const POINTER: usize = 1_024;

/// Which verdicts are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdicts {
    /// Those that end the call, or would, or say something.
    Telling,
    /// Every one.
    All,
}

/// Appends the line of a call with its line feed.
pub(crate) fn write(out: &mut Vec<u8>, stamp: &mut Stamp, snapshot: &Snapshot, call: &Call) {
    push_call(out, stamp, call);
    if call.decision.verdicts.iter().any(|verdict| verdict.outcome.stops() || verdict.detail.is_some()) {
        push_verdicts(out, snapshot, &call.decision, Verdicts::Telling);
    }
    out.extend_from_slice(b"}\n");
}

/// Appends the whole record of a decision.
pub(crate) fn document(
    out: &mut Vec<u8>,
    stamp: &mut Stamp,
    snapshot: &Snapshot,
    call: &Call,
    (kept, control): (Kept, &str),
) {
    push_call(out, stamp, call);
    text(out, "kept", kept.name());
    if !control.is_empty() {
        text(out, "control", control);
    }
    if let Some(plan) = &call.operation {
        text(out, "template", &plan.template);
    }
    if let Some(principal) = call.principal() {
        text(out, "credential", principal.credential.name());
    }
    if lacks_scope(&call.decision)
        && let Some(carried) = Carried::of(call)
    {
        texts(out, "scopes", &carried.counted);
        texts(out, "other_scopes", &carried.others);
    }
    key(out, "generation");
    number(out, snapshot.generation);
    out.extend_from_slice(b",\"digest\":\"");
    for half in snapshot.digest.chunks(16) {
        let half = <[u8; 16]>::try_from(half).map_or(0, u128::from_be_bytes);
        out.extend_from_slice(&engine::text::hex128(half));
    }
    out.push(b'"');
    push_verdicts(out, snapshot, &call.decision, Verdicts::All);
    out.push(b'}');
}

/// Whether a scope was missing, or would have been: only then is it kept which ones there were.
fn lacks_scope(decision: &Decision) -> bool {
    let mut codes = decision.verdicts.iter().filter_map(|verdict| verdict.code);
    codes.any(|code| code.name == codes::INSUFFICIENT_SCOPE.name)
}

/// What is said of a call, but for the verdicts and the end of the object.
fn push_call(out: &mut Vec<u8>, stamp: &mut Stamp, call: &Call) {
    let decision = &call.decision;
    out.extend_from_slice(b"{\"time\":\"");
    stamp.push(out, call.at);
    out.extend_from_slice(b"\",\"v\":");
    number(out, u64::from(VERSION));
    out.extend_from_slice(b",\"id\":\"");
    out.extend_from_slice(&call.id.text());
    out.extend_from_slice(b"\",\"client\":\"");
    push_address(out, call.client);
    out.push(b'"');
    push_request(out, call);
    push_outcome(out, decision);
    push_principal(out, call);
}

fn push_request(out: &mut Vec<u8>, call: &Call) {
    let request = &call.request;
    text(out, "method", request.method.as_str());
    text(out, "host", &request.authority);
    text(out, "path", request.path());
    if let Some(plan) = &call.operation {
        text(out, "api", &plan.api);
        text(out, "operation", &plan.id);
    }
    let agent = request.headers.get("user-agent").and_then(|value| value.to_str().ok());
    if let Some(agent) = agent {
        text(out, "agent", agent);
    }
    if call.trace.current.trace_id != call.id.0 {
        out.extend_from_slice(b",\"trace\":\"");
        out.extend_from_slice(&engine::text::hex128(call.trace.current.trace_id));
        out.push(b'"');
    }
    if let Some(link) = &call.trace.link {
        out.extend_from_slice(b",\"linked_trace\":\"");
        out.extend_from_slice(&engine::text::hex128(link.trace_id));
        out.push(b'"');
    }
}

fn push_outcome(out: &mut Vec<u8>, decision: &Decision) {
    out.extend_from_slice(b",\"status\":");
    number(out, u64::from(decision.status));
    if let Some(code) = decision.code {
        text(out, "code", code.name);
        text(out, "blame", code.blame.name());
    }
    if let Some(fault) = &decision.fault {
        text(out, "fault", fault);
    }
    if decision.aborted {
        out.extend_from_slice(b",\"aborted\":true");
    }
    for (name, bytes) in [("bytes_in", decision.bytes_in), ("bytes_out", decision.bytes_out)] {
        key(out, name);
        number(out, bytes);
    }
    if let Some(close) = decision.close {
        key(out, "close");
        number(out, u64::from(close));
    }
    if decision.messages != (0, 0) {
        let (of_client, of_upstream) = decision.messages;
        for (name, messages) in [("messages_in", of_client), ("messages_out", of_upstream)] {
            key(out, name);
            number(out, messages);
        }
    }
    micros(out, "checks_us", decision.timings.checks);
    micros(out, "upstream_us", decision.timings.upstream);
    micros(out, "total_us", decision.timings.total);
}

fn push_principal(out: &mut Vec<u8>, call: &Call) {
    let Some(principal) = call.principal() else { return };
    text(out, "issuer", &principal.issuer);
    text(out, "subject", &principal.subject);
    if let Some(application) = &principal.application {
        text(out, "application", application);
    }
}

fn push_verdicts(out: &mut Vec<u8>, snapshot: &Snapshot, decision: &Decision, which: Verdicts) {
    let start = out.len();
    out.extend_from_slice(b",\"verdicts\":[");
    let told = decision
        .verdicts
        .iter()
        .filter(|verdict| which == Verdicts::All || verdict.outcome.stops() || verdict.detail.is_some());
    for (index, verdict) in told.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        // A stream has any number of messages that something is said of.
        let room = which == Verdicts::Telling || out.len() - start < bounds::DECISION_BYTES;
        push_verdict(out, snapshot, verdict, (which, room));
    }
    out.push(b']');
}

fn push_verdict(
    out: &mut Vec<u8>,
    snapshot: &Snapshot,
    verdict: &Recorded,
    (which, detailed): (Verdicts, bool),
) {
    out.extend_from_slice(b"{\"control\":");
    push_json(out, verdict.control);
    if let Some(rule) = &verdict.rule {
        text(out, "rule", rule);
    }
    text(out, "stage", verdict.stage.name());
    text(out, "outcome", verdict.outcome.name());
    if verdict.mode == Mode::Shadow {
        text(out, "mode", verdict.mode.name());
    }
    if let Some(code) = verdict.code {
        text(out, "code", code.name);
    }
    let place = snapshot.place(verdict.place);
    if !place.is_empty() {
        text(out, "place", place);
    }
    let contract = snapshot.place(verdict.contract);
    if which == Verdicts::All && !contract.is_empty() && (verdict.outcome.stops() || verdict.detail.is_some())
    {
        key(out, "contract");
        push_json(out, bounded(contract, POINTER));
    }
    if let Some(detail) = verdict.detail.as_ref().filter(|_| detailed) {
        // Bounded when it was recorded.
        key(out, "detail");
        push_json(out, detail);
    }
    key(out, "cost_us");
    number(out, u64::from(verdict.cost / 1_000));
    out.push(b'}');
}

/// Inlined, as its callers are, since names are constants: they are a few stores then, and no copy by a function.
#[inline(always)]
fn key(out: &mut Vec<u8>, name: &str) {
    out.reserve(name.len() + 4);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

#[inline(always)]
fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    push_json(out, bounded(value, TEXT));
}

fn texts(out: &mut Vec<u8>, name: &str, values: &[Box<str>]) {
    key(out, name);
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_json(out, value);
    }
    out.push(b']');
}

#[inline(always)]
fn micros(out: &mut Vec<u8>, name: &str, value: Duration) {
    key(out, name);
    number(out, u64::try_from(value.as_micros()).unwrap_or(u64::MAX));
}
