//! Answers to the client: the upstream's, a control's, or a refusal as a problem document (RFC 9457).

use std::time::Duration;

use bytes::Bytes;
use engine::bounds::Bound;
use engine::pipeline::{Permitted, Stop};
use engine::{Answer as OwnAnswer, Body as WholeBody, Code, Refusal, ResponseMode, codes, problem};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body::Body;

use crate::answer::AnswerBody;
use crate::body::{self, Unread};
use crate::exchange::Failure;
use crate::flight::Flight;
use crate::forward::Answer;
use crate::hops;
use crate::incoming::Incoming;
use crate::live;
use crate::stream::Kind;
use crate::websocket;

/// Names the call on every answer.
static CALL_ID: HeaderName = HeaderName::from_static("yett-call-id");

/// What a control said in place of the upstream. `close`: the connection cannot be used again.
pub(crate) fn stopped(flight: Flight, stop: Stop, close: bool) -> Response<AnswerBody> {
    match stop {
        Stop::Refuse(refusal) => refuse(flight, *refusal, close),
        Stop::Answer(answer) => own(flight, *answer, close),
    }
}

/// A fault behind the checks.
pub(crate) fn failed(flight: Flight, failure: Failure, close: bool) -> Response<AnswerBody> {
    refuse(flight, *Refusal::new(failure.code, failure.detail), close)
}

/// A refusal without a document: its client would not take one.
pub(crate) fn bare(mut flight: Flight, code: &'static Code, why: &str) -> Response<AnswerBody> {
    let decision = &mut flight.call.decision;
    (decision.code, decision.fault) = (Some(code), Some(why.into()));
    let status = StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    known(flight, status, HeaderMap::new(), Bytes::new(), false)
}

fn refuse(mut flight: Flight, refusal: Refusal, close: bool) -> Response<AnswerBody> {
    let document = problem::render(&refusal, flight.call.id);
    let decision = &mut flight.call.decision;
    decision.code = Some(refusal.code);
    if decision.refusal().is_none() {
        decision.fault = Some(refusal.detail);
    }
    let mut headers = HeaderMap::with_capacity(8 + refusal.headers.len());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(problem::MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(after)));
    }
    for (name, value) in refusal.headers {
        headers.append(name, value);
    }
    let status = StatusCode::from_u16(refusal.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    known(flight, status, headers, document, close)
}

/// Whole seconds, rounded up, so that nobody comes back too early.
fn seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

fn own(flight: Flight, answer: OwnAnswer, close: bool) -> Response<AnswerBody> {
    if would_switch(&flight, answer.status) {
        let why = "a handshake was answered by a control, with a success that is no switch";
        return refuse(flight, *Refusal::new(&codes::UPGRADE_REFUSED, why), close);
    }
    let mut headers = HeaderMap::with_capacity(4 + answer.headers.len());
    for (name, value) in answer.headers {
        headers.append(name, value);
    }
    known(flight, answer.status, headers, answer.body, close)
}

/// An answer whose body is known whole.
fn known(
    mut flight: Flight,
    status: StatusCode,
    mut headers: HeaderMap,
    body: Bytes,
    close: bool,
) -> Response<AnswerBody> {
    if close && flight.call.request.version != http::Version::HTTP_2 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    finish_head(&mut flight, status, &mut headers);
    let bodyless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    let body = if flight.call.request.method == Method::HEAD || bodyless {
        if !bodyless {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Bytes::new()
    } else {
        body
    };
    respond(status, headers, AnswerBody::known(body, flight))
}

/// What every answer carries.
pub(crate) fn finish_head(flight: &mut Flight, status: StatusCode, headers: &mut HeaderMap) {
    let call = &mut *flight.call;
    call.decision.status = status.as_u16();
    for (name, value) in &call.answer_headers {
        headers.append(name, value.clone());
    }
    if let Ok(id) = HeaderValue::from_bytes(&call.id.text()) {
        headers.insert(CALL_ID.clone(), id);
    }
}

pub(crate) fn respond(status: StatusCode, headers: HeaderMap, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The upstream's answer, checked as the plan says.
pub(crate) async fn answered(
    mut flight: Flight,
    permitted: &Permitted,
    answer: Answer,
) -> Response<AnswerBody> {
    if let Some(opening) = flight.opening.take() {
        if answer.status == StatusCode::SWITCHING_PROTOCOLS {
            return Box::pin(websocket::accepted(flight, permitted, answer, *opening)).await;
        }
        if would_switch(&flight, answer.status) {
            let why = "a success that is no switch, as the answer to a handshake";
            return failed(flight, Failure::new(&codes::UPSTREAM_PROTOCOL, why), true);
        }
    }
    let plan = permitted.plan();
    let Answer { status, headers, body: mut incoming, lease } = answer;
    flight.call.response.status = status;
    flight.call.response.headers = headers;
    hops::strip(&mut flight.call.response.headers, true);
    let (pipeline, call) = flight.pipeline();
    if let Err(stop) = pipeline.response_head(call, plan).await {
        return withhold(flight, stop);
    }
    let sample = match plan.response_mode {
        ResponseMode::Pass => None,
        ResponseMode::Sample { limit } => Some(limit),
        ResponseMode::Whole { limit } => {
            if let Err(stop) = Box::pin(read_whole(&mut flight, &mut incoming, limit)).await {
                return withhold(flight, stop);
            }
            lease.give_back(&mut incoming);
            let (pipeline, call) = flight.pipeline();
            if let Err(stop) = pipeline.response_body(call, plan).await {
                return withhold(flight, stop);
            }
            return whole(flight);
        }
    };
    let kind = live::kind(&flight.call.response.headers, incoming.size_hint().exact().is_some());
    let status = flight.call.response.status;
    let sample = sample.filter(|_| !plan.response_body.is_empty());
    // Who checks the sample afterwards reads the media type off the head as it came.
    let mut headers = match sample {
        Some(_) => flight.call.response.headers.clone(),
        None => std::mem::take(&mut flight.call.response.headers),
    };
    finish_head(&mut flight, status, &mut headers);
    // Most answers are short, and there when their head is: nothing is on its way that would have to be looked after.
    if kind == Kind::Finite
        && let Some(bytes) = incoming.at_hand()
    {
        lease.give_back(&mut incoming);
        return respond(status, headers, AnswerBody::at_hand(bytes, flight, sample));
    }
    respond(status, headers, AnswerBody::streamed(incoming, lease, flight, (sample, kind)))
}

/// Whether a client on HTTP/2 would take this for the answer that opens its WebSocket: any success is (RFC 8441 section 5).
fn would_switch(flight: &Flight, status: StatusCode) -> bool {
    let request = &flight.call.request;
    request.version == http::Version::HTTP_2 && request.handshake.is_some() && status.is_success()
}

/// Nothing of an answer that was refused leaks.
pub(crate) fn withhold(mut flight: Flight, stop: Stop) -> Response<AnswerBody> {
    flight.call.response.headers.clear();
    flight.call.response.body = WholeBody::default();
    stopped(flight, stop, false)
}

fn whole(mut flight: Flight) -> Response<AnswerBody> {
    let status = flight.call.response.status;
    let mut headers = std::mem::take(&mut flight.call.response.headers);
    // It counts until the call is over, as the request's does.
    flight.call.response.body.forget_parsed();
    let body = flight.call.response.body.bytes().clone();
    let bodyless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if flight.call.request.method != Method::HEAD && !bodyless {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    headers.remove(header::TRAILER);
    finish_head(&mut flight, status, &mut headers);
    respond(status, headers, AnswerBody::known(body, flight))
}

async fn read_whole(flight: &mut Flight, incoming: &mut Incoming, limit: u64) -> Result<(), Stop> {
    if incoming.is_end_stream() {
        return Ok(());
    }
    let mut share = flight.core.share();
    let read = body::read_whole(incoming, limit, &mut share, flight.alarm(), None).await;
    let (code, detail) = match read {
        Ok(bytes) => {
            flight.call.response.body = WholeBody::within(bytes, share);
            return Ok(());
        }
        Err(Unread::TooLarge) => {
            flight.core.recorder.bound(Bound::Body);
            (&codes::RESPONSE_INVALID, "longer than can be checked")
        }
        Err(Unread::NoRoom) => (&codes::OVERLOADED, "no room for another body"),
        Err(Unread::Late) => (&codes::UPSTREAM_TIMEOUT, "the answer's body did not end in time"),
        Err(Unread::Broken | Unread::Malformed) => {
            (&codes::UPSTREAM_RESET, "the answer broke off in its body")
        }
    };
    Err(Stop::Refuse(Refusal::new(code, detail)))
}
