//! The life of a call on the wire: head, checks, body, upstream, answer.
//!
//! [`engine::pipeline`] says in which order controls speak; this module gives them what they need and does what they say.
//! Every way through it ends in a [`Flight`] being dropped, which records the call.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::bounds::{self, Bound};
use engine::call::BodyLength;
use engine::digest::CallDigest;
use engine::pipeline::{Permitted, Stop};
use engine::{Body as WholeBody, BodyMode, Code, Refusal, codes};
use http::request::Parts;
use http::{Response, header};

use crate::answer::AnswerBody;
use crate::body::{self, Unread};
use crate::connection::Conn;
use crate::core::Core;
use crate::deliver;
use crate::flight::{Flight, has_body};
use crate::head;
use crate::http1::grammar::Fault;
use crate::incoming::Incoming;
use crate::listen::standing;
use crate::mirror;
use crate::outgoing::{Outgoing, Pass, Passing};
use crate::pace::Pace;
use crate::tries;
use crate::websocket::Opening;

/// Checks that took so long let others go first; cheaper calls lose more by it than they win (a GET a tenth).
const COSTLY: Duration = Duration::from_micros(10);

/// Why a call ends without the upstream's answer, when no control said so.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: &'static Code,
    pub(crate) detail: Box<str>,
}

impl Failure {
    pub(crate) fn new(code: &'static Code, detail: impl Into<Box<str>>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Answers one call, or the head of none.
pub(crate) async fn exchange(
    core: Rc<Core>,
    conn: Rc<Conn>,
    head: Result<(Parts, Incoming), Fault>,
) -> Response<AnswerBody> {
    let started = core.clock.now();
    conn.begin();
    let (head, mut incoming) = match head {
        Ok((parts, incoming)) => (head::read(parts, &incoming, &conn.peer), Some(incoming)),
        Err(fault) => (Err(head::refused_by_grammar(fault)), None),
    };
    match head {
        Ok(request) => {
            let mut flight = Flight::new(core, conn, started, request);
            if flight.conn.is_crowded() {
                flight.core.recorder.bound(Bound::SmallWindow);
                return deliver::bare(
                    flight,
                    &codes::OVERLOADED,
                    "too many calls of a client without room for answers",
                );
            }
            if flight.core.shed.refuses() {
                return Box::pin(shed(flight, incoming)).await;
            }
            match checks(&mut flight, &mut incoming).await {
                Ok((permitted, outgoing)) => beyond(flight, &permitted, outgoing).await,
                Err(stop) => {
                    let call = &mut flight.call;
                    call.decision.timings.checks = call.marked.since(call.started);
                    // Who wanted another protocol may have sent it ahead: what follows is no request (THREATS row 3).
                    let switching = flight.call.request.handshake.is_some();
                    let close = switching || Box::pin(settle(&flight, incoming.take())).await;
                    deliver::stopped(flight, stop, close)
                }
            }
        }
        Err(refused) => {
            let mut flight = Flight::new(core, conn, started, refused.request);
            let code = refused.refusal.code.name;
            if let Some(bound) = bound_of(code) {
                flight.core.recorder.bound(bound);
            }
            let switching = code == codes::UPGRADE_REFUSED.name;
            let (pipeline, call) = flight.pipeline();
            let stop = Box::pin(pipeline.refuse(call, refused.refusal)).await;
            let close = switching || incoming.is_none() || Box::pin(settle(&flight, incoming.take())).await;
            deliver::stopped(flight, stop, close)
        }
    }
}

/// Refuses a call since the core is late, before anything is looked at: who calls is not known, and no limit counts it.
async fn shed(flight: Flight, incoming: Option<Incoming>) -> Response<AnswerBody> {
    flight.core.recorder.bound(Bound::CoreLag);
    // Those who are refused together do not come back together.
    let after = Duration::from_secs(1 + (flight.call.id.0 % 4) as u64);
    let refusal =
        Refusal::new(&codes::LOAD_SHED, "the core is late with what it has taken on").retry_after(after);
    let close = flight.call.request.handshake.is_some() || settle(&flight, incoming).await;
    deliver::stopped(flight, Stop::Refuse(refusal), close)
}

/// The bound that a head has reached which is refused for its size.
fn bound_of(code: &str) -> Option<Bound> {
    if code == codes::TARGET_TOO_LONG.name {
        Some(Bound::Target)
    } else if code == codes::HEADERS_TOO_LARGE.name {
        Some(Bound::Headers)
    } else {
        None
    }
}

/// Asks all controls that speak before the upstream does, and readies the body.
async fn checks(flight: &mut Flight, incoming: &mut Option<Incoming>) -> Result<(Permitted, Outgoing), Stop> {
    let (pipeline, call) = flight.pipeline();
    let admitted = pipeline.admit(call).await?;
    flight.join_trace();
    standing::check(flight, flight.call.at.seconds()).map_err(Stop::Refuse)?;
    let (pipeline, call) = flight.pipeline();
    let routed = pipeline.route(call, admitted)?;
    let plan = Arc::clone(routed.plan());
    let whole = matches!(plan.request_mode, BodyMode::Whole { .. });
    if whole {
        let_others_go_first().await;
        // What they did meanwhile is not the work of this call's controls.
        call.marked = pipeline.clock.now();
    }
    let passed = pipeline.head(call, routed).await?;
    let length = call.request.length;
    let (BodyMode::Pass { limit } | BodyMode::Whole { limit }) = plan.request_mode;
    if let BodyLength::Known(length) = length
        && length > limit
    {
        return Err(unread(flight, Unread::TooLarge));
    }
    if let (BodyMode::Whole { limit }, true, Some(source)) =
        (plan.request_mode, has_body(length), incoming.as_mut())
    {
        Box::pin(read_whole(flight, source, limit)).await?;
        *incoming = None;
    }
    let (pipeline, call) = flight.pipeline();
    let permitted = pipeline.body(call, passed).await?;
    call.body.forget_parsed();
    let waited = whole && has_body(length);
    let checked = if waited { pipeline.clock.now() } else { call.marked };
    let took = checked.since(call.started);
    call.decision.timings.checks = took;
    if waited || took >= COSTLY {
        let_others_go_first().await;
    }
    let digest = flight.core.wants_digest.then(|| CallDigest::of_head(&flight.call.request));
    let outgoing = match (plan.request_mode, has_body(length), incoming.take()) {
        (BodyMode::Pass { limit }, true, Some(incoming)) => pass(flight, incoming, limit, digest),
        (mode, ..) => {
            let whole = matches!(mode, BodyMode::Whole { .. });
            let bytes = if whole { flight.call.body.bytes().clone() } else { Bytes::new() };
            kept(flight, bytes, digest)
        }
    };
    Ok((permitted, outgoing))
}

/// Puts the call behind all others that are ready on this core.
///
/// A turn of the core then has three parts: answers are passed on, calls are checked (those with a body last), and what was
/// checked is sent. Nothing cheap stands behind a signature, and who sleeps at the other end, client or upstream, is woken
/// once for a part and not for each call: where the gateway is the busier side, waking took a fifth of a call.
async fn let_others_go_first() {
    tokio::task::yield_now().await;
}

async fn read_whole(flight: &mut Flight, source: &mut Incoming, limit: u64) -> Result<(), Stop> {
    let mut share = flight.core.share();
    let alarm = flight.alarm();
    alarm.clear();
    let pace = Pace::new(bounds::BODY_GRACE, bounds::BODY_RATE);
    let read = body::read_whole(source, limit, &mut share, alarm, Some(pace)).await;
    alarm.clear();
    match read {
        Ok(bytes) => {
            flight.call.decision.bytes_in = bytes.len() as u64;
            flight.call.body = WholeBody::within(bytes, share);
            Ok(())
        }
        Err(why) => Err(unread(flight, why)),
    }
}

fn kept(flight: &mut Flight, bytes: Bytes, digest: Option<CallDigest>) -> Outgoing {
    if let Some(mut digest) = digest {
        digest.body(&bytes);
        flight.call.decision.digest = Some(digest.finish());
    }
    if bytes.is_empty() { Outgoing::Empty } else { Outgoing::Whole(bytes) }
}

fn pass(flight: &mut Flight, incoming: Incoming, limit: u64, digest: Option<CallDigest>) -> Outgoing {
    let passing = Rc::new(Passing::new(&flight.core, digest));
    flight.passing = Some(Rc::clone(&passing));
    let trailers = is_grpc(flight);
    Outgoing::Pass(Box::new(Pass { incoming, passing, limit, trailers }))
}

/// Whether the call is gRPC, whose trailers are part of its protocol.
pub(crate) fn is_grpc(flight: &Flight) -> bool {
    flight.call.request.version == http::Version::HTTP_2
        && flight
            .call
            .request
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn unread(flight: &Flight, why: Unread) -> Stop {
    let recorder = &flight.core.recorder;
    let (code, detail) = match why {
        Unread::TooLarge => {
            recorder.bound(Bound::Body);
            (&codes::BODY_TOO_LARGE, "longer than the operation allows")
        }
        Unread::NoRoom => (&codes::OVERLOADED, "no room for another body"),
        Unread::Late => {
            recorder.bound(Bound::BodyRate);
            (&codes::BODY_INCOMPLETE, "the body came too slowly")
        }
        Unread::Broken => (&codes::BODY_INCOMPLETE, "the client broke off in the body"),
        Unread::Malformed => (&codes::REQUEST_MALFORMED, "a chunk or trailer that breaks the grammar"),
    };
    Stop::Refuse(Refusal::new(code, detail))
}

/// All checks have passed: asks the upstream and delivers its answer.
async fn beyond(mut flight: Flight, permitted: &Permitted, outgoing: Outgoing) -> Response<AnswerBody> {
    if let (Some(rules), Some(asked)) = (&permitted.plan().websocket, &flight.call.request.handshake) {
        flight.opening = Some(Box::new(Opening::new(asked, rules, &*flight.core.clock)));
    }
    mirror::offer(&flight, permitted, &outgoing);
    match tries::send(&mut flight, permitted, outgoing).await {
        Ok(answer) => deliver::answered(flight, permitted, answer).await,
        Err(failure) => {
            let close = flight.passing.is_some() || flight.opening.is_some();
            deliver::failed(flight, failure, close)
        }
    }
}

/// Reads what is left of a body that nobody wants; true when the connection cannot be used again.
async fn settle(flight: &Flight, incoming: Option<Incoming>) -> bool {
    let Some(incoming) = incoming else { return false };
    let request = &flight.call.request;
    if request.version == http::Version::HTTP_2 || !has_body(request.length) {
        return false;
    }
    // The client waits for a word from us before it sends any of it.
    if request.headers.contains_key(header::EXPECT) {
        return true;
    }
    !body::drain(incoming, flight.alarm()).await
}

#[cfg(test)]
mod tests {
    fn size_of_future<F, A, B, C>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// An open connection has room for it all its life: what is rare belongs in a box (it was 9,760 bytes).
    #[test]
    fn the_future_of_a_call_stays_small() {
        let size = size_of_future(super::exchange);
        assert!(size < 3_000, "{size}");
    }
}
