//! The spans of one call: the call itself (kind `SERVER`), and its exchange with the service behind (kind `CLIENT`).
//!
//! The span of the exchange is the one that the service was told of as its parent. What each control said is an event of the call's
//! span, and no span of its own: how long a control took is known, when exactly it began is not, and a trace of ten spans per
//! call would cost its reader more than it says. An event's time is the call's start and what the controls before it took.

use std::time::Duration;

use engine::plan::Mode;
use engine::upstream::Target;
use engine::{Blame, Call, Outcome, Recorded, Snapshot, bounds};

use super::facts::{self, OTHER};
use super::wire::Any::{Int, Text};
use super::wire::{Any, attribute, bytes, fixed32, fixed64, foreign, message, number};

/// Kinds of spans.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
/// Status of a span that failed.
const ERROR: u64 = 2;
/// Field of a span's attributes.
const ATTRIBUTE: u32 = 9;
/// Field of an event's attributes, and of a link's.
const EVENT_ATTRIBUTE: u32 = 3;
/// In a span's flags: that it is known whether its parent, or what it is linked to, is elsewhere, and that it is.
const REMOTE: u32 = 0x300;
/// Known, and it is not.
const LOCAL: u32 = 0x100;

/// Appends the spans of a call as fields `spans` of a `ScopeSpans`; gives how many they are.
pub(super) fn write(out: &mut Vec<u8>, snapshot: &Snapshot, call: &Call) -> u64 {
    message(out, 2, |out| server(out, snapshot, call));
    if call.decision.timings.upstream.is_zero() {
        return 1;
    }
    message(out, 2, |out| client(out, call));
    2
}

/// The id of the span of a call: made of the one that the service is told, so that neither has to be kept beside the other.
/// SplitMix64's mixer is a bijection, so two calls share one only when they share the other.
pub(super) fn id(call: &Call) -> u64 {
    let mut mixed = call.trace.current.span_id.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ mixed >> 31).max(1)
}

/// A moment of a call, in nanoseconds since 1970.
pub(super) fn moment(call: &Call, offset: Duration) -> u64 {
    call.at.0.saturating_add(u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX))
}

fn head(out: &mut Vec<u8>, call: &Call, id: u64, kind: u64, (from, to): (Duration, Duration)) {
    bytes(out, 1, &call.trace.current.trace_id.to_be_bytes());
    bytes(out, 2, &id.to_be_bytes());
    number(out, 6, kind);
    fixed64(out, 7, moment(call, from));
    fixed64(out, 8, moment(call, to));
}

fn server(out: &mut Vec<u8>, snapshot: &Snapshot, call: &Call) {
    let decision = &call.decision;
    head(out, call, id(call), SERVER, (Duration::ZERO, decision.timings.total));
    if let Some(parent) = call.trace.parent {
        bytes(out, 4, &parent.to_be_bytes());
    }
    message(out, 5, |out| name(out, call));
    facts::push(out, ATTRIBUTE, snapshot, call);
    let told = decision.verdicts.iter().take(bounds::VIOLATIONS);
    let mut offset = Duration::ZERO;
    for verdict in told {
        message(out, 11, |out| event(out, snapshot, verdict, moment(call, offset)));
        offset += Duration::from_nanos(u64::from(verdict.cost));
    }
    let more = decision.verdicts.len().saturating_sub(bounds::VIOLATIONS);
    if more > 0 {
        number(out, 12, more as u64);
    }
    if let Some(link) = &call.trace.link {
        message(out, 13, |out| {
            bytes(out, 1, &link.trace_id.to_be_bytes());
            bytes(out, 2, &link.span_id.to_be_bytes());
            fixed32(out, 6, u32::from(link.flags) | REMOTE);
        });
    }
    // What a client did wrong is no failure of the server (semantic conventions for HTTP spans).
    failed(out, decision.status >= 500);
    let place = if call.trace.parent.is_some() { REMOTE } else { LOCAL };
    fixed32(out, 16, u32::from(call.trace.current.flags) | place);
}

/// The method and the route, which are few; never the path.
fn name(out: &mut Vec<u8>, call: &Call) {
    let verb = match facts::method(&call.request.method) {
        OTHER => "HTTP",
        known => known,
    };
    out.extend_from_slice(verb.as_bytes());
    if let Some(plan) = &call.operation {
        out.push(b' ');
        out.extend_from_slice(plan.template.as_bytes());
    }
}

fn event(out: &mut Vec<u8>, snapshot: &Snapshot, verdict: &Recorded, at: u64) {
    fixed64(out, 1, at);
    bytes(out, 2, b"yett.verdict");
    let mut say = |key: &str, value: Any<'_>| attribute(out, EVENT_ATTRIBUTE, key, value);
    say("yett.control", Text(verdict.control));
    say("yett.stage", Text(verdict.stage.name()));
    say("yett.outcome", Text(verdict.outcome.name()));
    say("yett.cost_ns", Int(u64::from(verdict.cost)));
    if verdict.mode == Mode::Shadow {
        say("yett.mode", Text(verdict.mode.name()));
    }
    if verdict.outcome == Outcome::Allow {
        return;
    }
    if let Some(code) = verdict.code {
        say("yett.code", Text(code.name));
    }
    let place = snapshot.place(verdict.place);
    if !place.is_empty() {
        say("yett.place", Text(place));
    }
    if let Some(detail) = &verdict.detail {
        say("yett.detail", Text(detail));
    }
}

fn client(out: &mut Vec<u8>, call: &Call) {
    let decision = &call.decision;
    let (sent, took) = (decision.timings.sent, decision.timings.upstream);
    head(out, call, call.trace.current.span_id, CLIENT, (sent, sent.saturating_add(took)));
    bytes(out, 4, &id(call).to_be_bytes());
    let verb = facts::method(&call.request.method);
    foreign(out, 5, if verb == OTHER { "HTTP" } else { verb });
    let mut say = |key: &str, value: Any<'_>| attribute(out, ATTRIBUTE, key, value);
    say("http.request.method", Text(verb));
    let upstream = call.operation.as_ref().and_then(|plan| plan.upstream.as_ref());
    if let Some(upstream) = upstream {
        say("yett.upstream", Text(&upstream.name));
        // Of several, the call does not remember which it was.
        if let [Target { host, port, .. }] = &*upstream.targets {
            say("server.address", Text(host));
            say("server.port", Int(u64::from(*port)));
        }
    }
    // Where a code ended the call, its status is the gateway's own.
    let status = if decision.code.is_none() { decision.status } else { 0 };
    if status != 0 {
        say("http.response.status_code", Int(u64::from(status)));
    }
    let failure = match decision.code {
        Some(code) if code.blame == Blame::Upstream => facts::Error::Code(code.name),
        // A client sees a failure in every 4xx too.
        None if status >= 400 => facts::Error::Status(facts::digits(status)),
        _ => facts::Error::None,
    };
    if let Some(error) = failure.text() {
        say("error.type", Text(error));
    }
    failed(out, failure.text().is_some());
    fixed32(out, 16, u32::from(call.trace.current.flags) | LOCAL);
}

fn failed(out: &mut Vec<u8>, failed: bool) {
    if failed {
        message(out, 15, |out| number(out, 3, ERROR));
    }
}
