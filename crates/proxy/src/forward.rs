//! The request as it goes upstream: written anew from what was checked, never copied from the wire.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use engine::pipeline::Permitted;
use engine::snapshot::{Deadlines, Upstream};
use engine::{Call, Tick, bounds, codes};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use crate::alarm::Alarm;
use crate::exchange::{Failure, is_grpc};
use crate::flight::Flight;
use crate::outgoing::{Outgoing, Passed, Passing};
use crate::upstream::{Lease, Sender, classify, is_break};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Sends a call to its upstream and waits for the head of the answer. Nothing is sent without a proof that all checks
/// allowed it.
///
/// # Errors
/// What became of it, with the code of the answer.
pub(crate) async fn send(
    flight: &mut Flight,
    permitted: &Permitted,
    mut outgoing: Outgoing,
) -> Result<(Response<Incoming>, Lease), Failure> {
    let plan = permitted.plan();
    let Some(upstream) = &plan.upstream else {
        return Err(Failure::new(&codes::CONTROL_FAILED, "no control answered in place of an upstream"));
    };
    let core = Rc::clone(&flight.core);
    let target = core.pool.target(upstream);
    let grpc = is_grpc(flight);
    let mut fresh = false;
    loop {
        let (mut sender, reused) = target.connection(&core, upstream, fresh).await?;
        let request = build(&flight.call, plan.base_length, upstream, (outgoing, grpc), &sender)?;
        let copy = if reused && is_idempotent(request.method()) { request.body().copy() } else { None };
        let started = core.clock.now();
        let wait = Wait {
            alarm: flight.alarm(),
            passing: flight.passing.as_deref(),
            deadlines: &upstream.deadlines,
            started,
        };
        let outcome = match &mut sender {
            Sender::One(sender) => wait.head(sender.try_send_request(request)).await,
            Sender::Two(sender) => wait.head(sender.try_send_request(request)).await,
        };
        flight.call.decision.timings.upstream = core.clock.now().since(started);
        let mut error = match outcome {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                return Err(Failure::new(
                    &codes::UPSTREAM_PROTOCOL,
                    "switched protocols without being asked",
                ));
            }
            Ok(response) => {
                flight.alarm().set(started.after(upstream.deadlines.total));
                return Ok((response, Lease::new(target, sender, core, flight.passing.clone())));
            }
            Err(Unanswered::Failed(failure)) => return Err(failure),
            Err(Unanswered::Broken(error)) => error,
        };
        // A connection that was idle may have been closed by the other side in the same moment. What was never written
        // goes to a new one; what may be said twice is said twice (RFC 9110 section 9.2.2), once.
        outgoing = match (error.take_message(), copy) {
            (Some(request), _) if reused && !fresh => request.into_body(),
            (_, Some(copy)) if !fresh && is_break(error.error()) => copy,
            _ => return Err(classify(error.error())),
        };
        fresh = true;
    }
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

enum Unanswered {
    Failed(Failure),
    Broken(Box<TrySendError<Request<Outgoing>>>),
}

/// Waits for the head of an answer under the deadlines.
struct Wait<'a> {
    alarm: &'a Alarm,
    passing: Option<&'a Passing>,
    deadlines: &'a Deadlines,
    started: Tick,
}

impl Wait<'_> {
    async fn head<F>(&self, response: F) -> Result<Response<Incoming>, Unanswered>
    where
        F: Future<Output = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>>,
    {
        let mut response = pin!(response);
        let total = self.started.after(self.deadlines.total);
        let mut sent = self.passing.is_none();
        let first = self.started.after(self.deadlines.first_byte);
        self.alarm.set(if sent { total.min(first) } else { total });
        poll_fn(|context| {
            if let Poll::Ready(outcome) = response.as_mut().poll(context) {
                return Poll::Ready(outcome.map_err(|error| self.explain(error)));
            }
            if let Some(passing) = self.passing.filter(|_| !sent) {
                passing.watch(context);
                match passing.state.get() {
                    Passed::Open => {}
                    Passed::Whole => {
                        sent = true;
                        self.alarm.set_in(self.deadlines.first_byte);
                        self.alarm.set(self.alarm.at().map_or(total, |at| at.min(total)));
                    }
                    Passed::TooLarge | Passed::Broken => {
                        return Poll::Ready(Err(Unanswered::Failed(passed_badly(passing.state.get()))));
                    }
                }
            }
            self.alarm.poll(context).map(|()| Err(Unanswered::Failed(late(sent))))
        })
        .await
    }

    /// When the client's body is at fault, the upstream is not.
    fn explain(&self, error: TrySendError<Request<Outgoing>>) -> Unanswered {
        match self.passing.map(|passing| passing.state.get()) {
            Some(state @ (Passed::TooLarge | Passed::Broken)) => Unanswered::Failed(passed_badly(state)),
            _ => Unanswered::Broken(Box::new(error)),
        }
    }
}

fn passed_badly(state: Passed) -> Failure {
    if state == Passed::TooLarge {
        Failure::new(&codes::BODY_TOO_LARGE, "longer than the operation allows")
    } else {
        Failure::new(&codes::BODY_INCOMPLETE, "the client broke off in the body")
    }
}

fn late(sent: bool) -> Failure {
    if sent {
        Failure::new(&codes::UPSTREAM_TIMEOUT, "no head of an answer in time")
    } else {
        Failure::new(&codes::BODY_INCOMPLETE, "the body did not arrive in time")
    }
}

fn build(
    call: &Call,
    base_length: usize,
    upstream: &Arc<Upstream>,
    (outgoing, grpc): (Outgoing, bool),
    sender: &Sender,
) -> Result<Request<Outgoing>, Failure> {
    let bad = |_| Failure::new(&codes::CONTROL_FAILED, "the target for the upstream is no URI");
    let target = target(call, base_length, upstream.path.as_deref()).map_err(bad)?;
    let mut headers = fields(call);
    let (uri, version) = match sender {
        Sender::One(_) => {
            headers.insert(header::HOST, upstream.authority.clone());
            (Uri::from(target), Version::HTTP_11)
        }
        Sender::Two(_) => {
            let authority = Authority::try_from(upstream.authority.as_bytes())
                .map_err(|_| Failure::new(&codes::CONTROL_FAILED, "the upstream's host is no authority"))?;
            let scheme = if upstream.tls { Scheme::HTTPS } else { Scheme::HTTP };
            let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build();
            if grpc {
                headers.insert(header::TE, HeaderValue::from_static("trailers"));
            }
            let bad = |_| Failure::new(&codes::CONTROL_FAILED, "the target for the upstream is no URI");
            (uri.map_err(bad)?, Version::HTTP_2)
        }
    };
    let mut request = Request::new(outgoing);
    *request.method_mut() = call.request.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    Ok(request)
}

fn target(
    call: &Call,
    base_length: usize,
    base: Option<&str>,
) -> Result<PathAndQuery, http::uri::InvalidUri> {
    let request = &call.request;
    if base.is_none()
        && let Some(target) = request.untouched_target()
    {
        return Ok(target.clone());
    }
    let path = request.path();
    let mut text = String::with_capacity(path.len() + bounds::DETAIL_BYTES);
    match base {
        Some(base) => {
            text.push_str(base);
            text.push_str(path.get(base_length..).unwrap_or_default());
        }
        None => text.push_str(path),
    }
    if text.is_empty() {
        text.push('/');
    }
    if let Some(query) = request.query().filter(|query| !query.is_empty()) {
        text.push('?');
        text.push_str(query);
    }
    PathAndQuery::try_from(text)
}

/// The call's fields but those that we write ourselves.
fn fields(call: &Call) -> HeaderMap {
    let from = &call.request.headers;
    let mut headers = HeaderMap::with_capacity(from.len() + 3);
    for (name, value) in from {
        if *name == header::HOST || *name == header::CONTENT_LENGTH || *name == header::EXPECT {
            continue;
        }
        if name.as_str() == "traceparent" || (name.as_str() == "tracestate" && !call.trusted) {
            continue;
        }
        headers.append(name, value.clone());
    }
    if let Ok(value) = HeaderValue::from_bytes(&call.trace.current.write()) {
        headers.insert(TRACEPARENT.clone(), value);
    }
    headers
}
