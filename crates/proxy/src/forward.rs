//! The request as it goes upstream: written anew from what was checked, never copied from the wire.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use engine::pipeline::Permitted;
use engine::snapshot::{Deadlines, Upstream};
use engine::{Call, Tick, bounds, codes};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, StatusCode, Version};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::SendRequest;

use crate::alarm::Alarm;
use crate::exchange::{Failure, is_grpc};
use crate::flight::Flight;
use crate::http1::client::{AnswerBody, Connection, NoAnswer};
use crate::http1::encode;
use crate::incoming::Incoming;
use crate::outgoing::{Outgoing, Passed, Passing};
use crate::upstream::{Lease, Sender, classify, is_break};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The head of an answer, and its body to be read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
    pub(crate) lease: Lease,
}

/// Sends a call to its upstream and waits for the head of the answer. Nothing is sent without a proof that all checks
/// allowed it.
///
/// A connection that was idle may have been closed by the other side in the same moment. What was never written goes to a
/// new one; what may be said twice is said twice (RFC 9110 section 9.2.2), once.
///
/// # Errors
/// What became of it, with the code of the answer.
pub(crate) async fn send(
    flight: &mut Flight,
    permitted: &Permitted,
    mut outgoing: Outgoing,
) -> Result<Answer, Failure> {
    let plan = permitted.plan();
    let Some(upstream) = &plan.upstream else {
        return Err(Failure::new(&codes::CONTROL_FAILED, "no control answered in place of an upstream"));
    };
    let core = Rc::clone(&flight.core);
    let target = core.pool.target(upstream);
    let mut fresh = false;
    loop {
        let (sender, reused) = target.connection(&core, upstream, fresh).await?;
        // A connection that waited is there at once.
        let checked = flight.call.started.after(flight.call.decision.timings.checks);
        let started = if reused { checked } else { core.clock.now() };
        let attempt = Attempt {
            call: &flight.call,
            base_length: plan.base_length,
            upstream,
            wait: Wait {
                alarm: flight.alarm(),
                passing: flight.passing.as_deref(),
                deadlines: &upstream.deadlines,
                started,
            },
            again: reused && !fresh,
        };
        let outcome = match sender {
            Sender::One(connection) => attempt.one(connection, outgoing).await,
            // In a box: it is large, and most upstreams speak HTTP/1.
            Sender::Two(sender) => Box::pin(attempt.two(sender, outgoing, is_grpc(flight))).await,
        };
        flight.call.decision.timings.upstream = core.clock.now().since(started);
        match outcome {
            Ok((StatusCode::SWITCHING_PROTOCOLS, ..)) => {
                return Err(Failure::new(
                    &codes::UPSTREAM_PROTOCOL,
                    "switched protocols without being asked",
                ));
            }
            Ok((status, headers, body)) => {
                // Whoever reads the answer whole still has the deadline of the whole; a stream gets its own.
                flight.alarm().set(started.after(upstream.deadlines.total));
                return Ok(Answer { status, headers, body, lease: Lease::new(target, core) });
            }
            Err(Unanswered::Failed(failure)) => return Err(failure),
            Err(Unanswered::Again(body)) => outgoing = body,
        }
        fresh = true;
    }
}

/// One try to send a call on one connection.
struct Attempt<'a> {
    call: &'a Call,
    base_length: usize,
    upstream: &'a Arc<Upstream>,
    wait: Wait<'a>,
    /// Whether the call may be tried once more.
    again: bool,
}

type Answered = (StatusCode, HeaderMap, Incoming);

impl Attempt<'_> {
    /// Over HTTP/1.
    async fn one(&self, mut connection: Connection, outgoing: Outgoing) -> Result<Answered, Unanswered> {
        let request = &self.call.request;
        let target = target(self.call, self.base_length, self.upstream.path.as_deref());
        let target = target.map_err(|_| Unanswered::Failed(no_target()))?;
        let copy = if self.again { outgoing.copy() } else { None };
        connection.send(&request.method, outgoing, |out| {
            out.reserve(768);
            out.extend_from_slice(request.method.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(target.as_str().as_bytes());
            out.extend_from_slice(b" HTTP/1.1\r\n");
            encode::field(out, &header::HOST, &self.upstream.authority);
            each_field(self.call, |name, value| encode::field(out, name, value));
            encode::pair(out, TRACEPARENT.as_str().as_bytes(), &self.call.trace.current.write());
        });
        let why = match self.wait.head(|context| connection.poll_head(context)).await? {
            Ok(head) => {
                return Ok((head.status, head.headers, Incoming::Answer(AnswerBody::new(connection))));
            }
            Err(why) => why,
        };
        self.wait.client_at_fault()?;
        let failure = match why {
            NoAnswer::Broken(why) => {
                let unsent = connection.is_unsent();
                match copy {
                    Some(copy) if unsent || is_idempotent(&request.method) => {
                        return Err(Unanswered::Again(copy));
                    }
                    None if self.again => {
                        if let Some(body) = connection.into_unsent_body() {
                            return Err(Unanswered::Again(body));
                        }
                    }
                    _ => {}
                }
                Failure::new(&codes::UPSTREAM_RESET, why)
            }
            NoAnswer::Malformed(why) => Failure::new(&codes::UPSTREAM_PROTOCOL, why),
            NoAnswer::Client => passed_badly(Passed::Broken),
        };
        Err(Unanswered::Failed(failure))
    }

    /// Over HTTP/2.
    async fn two(
        &self,
        mut sender: SendRequest<Outgoing>,
        outgoing: Outgoing,
        grpc: bool,
    ) -> Result<Answered, Unanswered> {
        let request = self.build(outgoing, grpc).map_err(Unanswered::Failed)?;
        let may_repeat = self.again && is_idempotent(request.method());
        let copy = if may_repeat { request.body().copy() } else { None };
        let mut response = pin!(sender.try_send_request(request));
        let mut error: TrySendError<_> =
            match self.wait.head(|context| response.as_mut().poll(context)).await? {
                Ok(response) => {
                    let (parts, body) = response.into_parts();
                    return Ok((parts.status, parts.headers, Incoming::Two(body)));
                }
                Err(error) => error,
            };
        self.wait.client_at_fault()?;
        match (error.take_message(), copy) {
            (Some(request), _) if self.again => Err(Unanswered::Again(request.into_body())),
            (_, Some(copy)) if is_break(error.error()) => Err(Unanswered::Again(copy)),
            _ => Err(Unanswered::Failed(classify(error.error()))),
        }
    }

    fn build(&self, outgoing: Outgoing, grpc: bool) -> Result<Request<Outgoing>, Failure> {
        let upstream = self.upstream;
        let target =
            target(self.call, self.base_length, upstream.path.as_deref()).map_err(|_| no_target())?;
        let authority = Authority::try_from(upstream.authority.as_bytes())
            .map_err(|_| Failure::new(&codes::CONTROL_FAILED, "the upstream's host is no authority"))?;
        let scheme = if upstream.tls { Scheme::HTTPS } else { Scheme::HTTP };
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build();
        let mut headers = HeaderMap::with_capacity(self.call.request.headers.len() + 3);
        each_field(self.call, |name, value| {
            headers.append(name, value.clone());
        });
        if let Ok(value) = HeaderValue::from_bytes(&self.call.trace.current.write()) {
            headers.insert(TRACEPARENT.clone(), value);
        }
        if grpc {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        let mut request = Request::new(outgoing);
        *request.method_mut() = self.call.request.method.clone();
        *request.uri_mut() = uri.map_err(|_| no_target())?;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn no_target() -> Failure {
    Failure::new(&codes::CONTROL_FAILED, "the target for the upstream is no URI")
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

/// Why a try gave no answer.
enum Unanswered {
    Failed(Failure),
    /// Nothing is lost: the same body may be sent on another connection.
    Again(Outgoing),
}

/// Waits for the head of an answer under the deadlines.
struct Wait<'a> {
    alarm: &'a Alarm,
    passing: Option<&'a Passing>,
    deadlines: &'a Deadlines,
    started: Tick,
}

impl Wait<'_> {
    /// Polls for the answer's head until a deadline passes.
    async fn head<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Result<T, Unanswered> {
        let total = self.started.after(self.deadlines.total);
        let mut sent = self.passing.is_none();
        let first = self.started.after(self.deadlines.first_byte);
        self.alarm.set(if sent { total.min(first) } else { total });
        poll_fn(|context| {
            if let Poll::Ready(outcome) = poll(context) {
                return Poll::Ready(Ok(outcome));
            }
            if let Some(passing) = self.passing.filter(|_| !sent) {
                passing.watch(context);
                match passing.state.get() {
                    Passed::Open => self.alarm.set(passing.slow_at().map_or(total, |at| at.min(total))),
                    Passed::Whole => {
                        sent = true;
                        self.alarm.set_in(self.deadlines.first_byte);
                        self.alarm.set(self.alarm.at().map_or(total, |at| at.min(total)));
                    }
                    Passed::TooLarge | Passed::Broken | Passed::Slow => {
                        return Poll::Ready(Err(Unanswered::Failed(passed_badly(passing.state.get()))));
                    }
                }
            }
            self.alarm.poll(context).map(|()| {
                let slow = self.passing.is_some_and(Passing::is_too_slow);
                Err(Unanswered::Failed(if slow { passed_badly(Passed::Slow) } else { late(sent) }))
            })
        })
        .await
    }

    /// When the client's body is at fault, the upstream is not.
    fn client_at_fault(&self) -> Result<(), Unanswered> {
        match self.passing.map(|passing| passing.state.get()) {
            Some(state @ (Passed::TooLarge | Passed::Broken | Passed::Slow)) => {
                Err(Unanswered::Failed(passed_badly(state)))
            }
            _ => Ok(()),
        }
    }
}

fn passed_badly(state: Passed) -> Failure {
    match state {
        Passed::TooLarge => Failure::new(&codes::BODY_TOO_LARGE, "longer than the operation allows"),
        Passed::Slow => Failure::new(&codes::BODY_INCOMPLETE, "the body came too slowly"),
        _ => Failure::new(&codes::BODY_INCOMPLETE, "the client broke off in the body"),
    }
}

fn late(sent: bool) -> Failure {
    if sent {
        Failure::new(&codes::UPSTREAM_TIMEOUT, "no head of an answer in time")
    } else {
        Failure::new(&codes::BODY_INCOMPLETE, "the body did not arrive in time")
    }
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
fn each_field(call: &Call, mut write: impl FnMut(&HeaderName, &HeaderValue)) {
    for (name, value) in &call.request.headers {
        if *name == header::HOST || *name == header::CONTENT_LENGTH || *name == header::EXPECT {
            continue;
        }
        if name.as_str() == "traceparent" || (name.as_str() == "tracestate" && !call.trusted) {
            continue;
        }
        write(name, value);
    }
}
