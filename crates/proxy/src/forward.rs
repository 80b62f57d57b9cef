//! The request as it goes upstream: written anew from what was checked, never copied from the wire.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use engine::bounds::Bound;
use engine::record::CoreRecorder;
use engine::upstream::{Rewrites, SentHead, Sign, Target};
use engine::{Call, Clock, Tick, bounds, codes};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Request, StatusCode, Version};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::SendRequest;

use crate::alarm::Alarm;
use crate::exchange::Failure;
use crate::http1::client::{AnswerBody, Connection, NoAnswer};
use crate::http1::encode;
use crate::incoming::Incoming;
use crate::outgoing::{Outgoing, Passed, Passing};
use crate::upstream::{Lease, classify, is_break, is_refusal};
use crate::websocket::Opening;

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The head of an answer, and its body to be read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
    pub(crate) lease: Lease,
}

/// One try to send a call on one connection.
pub(crate) struct Attempt<'a> {
    pub(crate) call: &'a Call,
    pub(crate) base_length: usize,
    pub(crate) target: &'a Target,
    pub(crate) headers: &'a Rewrites,
    /// What vouches for the call.
    pub(crate) sign: Option<&'a dyn Sign>,
    pub(crate) wait: Wait<'a>,
    pub(crate) recorder: &'a dyn CoreRecorder,
    /// Set when the call is to go on as a WebSocket.
    pub(crate) opening: Option<&'a Opening>,
}

pub(crate) type Answered = (StatusCode, HeaderMap, Incoming);

impl Attempt<'_> {
    /// Over HTTP/1.
    pub(crate) async fn one(
        &self,
        mut connection: Connection,
        outgoing: Outgoing,
    ) -> Result<Answered, Unanswered> {
        self.write(&mut connection, outgoing).map_err(Unanswered::from)?;
        if self.opening.is_some() {
            connection.ends_with_this();
        }
        let why = match self.wait.head(|context| connection.poll_head(context)).await? {
            Ok(head) => {
                return Ok((head.status, head.headers, Incoming::Answer(AnswerBody::new(connection))));
            }
            Err(why) => why,
        };
        self.wait.client_at_fault()?;
        Err(match why {
            NoAnswer::Broken(why) => Unanswered {
                failure: Failure::new(&codes::UPSTREAM_RESET, why),
                ended: if connection.is_unsent() { Ended::Unsent } else { Ended::Broken },
                body: connection.into_unsent_body(),
            },
            NoAnswer::Malformed(why) => Failure::new(&codes::UPSTREAM_PROTOCOL, why).into(),
            NoAnswer::Interim => {
                self.recorder.bound(Bound::InterimAnswers);
                Failure::new(&codes::UPSTREAM_PROTOCOL, "too many interim answers").into()
            }
            NoAnswer::Client => passed_badly(Passed::Broken).into(),
        })
    }

    fn write(&self, connection: &mut Connection, outgoing: Outgoing) -> Result<(), Failure> {
        let request = &self.call.request;
        let target = self.request_target()?;
        let signed = self.signed(&target)?;
        connection.send(&request.method, outgoing, |out| {
            out.reserve(768);
            out.extend_from_slice(request.method.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(target.as_str().as_bytes());
            out.extend_from_slice(b" HTTP/1.1\r\n");
            encode::field(out, &header::HOST, &self.target.authority);
            each_field(self.call, self.headers, |name, value| encode::field(out, name, value));
            signed.iter().for_each(|(name, value)| encode::field(out, name, value));
            encode::pair(out, TRACEPARENT.as_str().as_bytes(), &self.call.trace.current.write());
            if let Some(opening) = self.opening {
                opening.write(out);
            }
        });
        Ok(())
    }

    /// Over HTTP/2.
    pub(crate) async fn two(
        &self,
        mut sender: SendRequest<Outgoing>,
        outgoing: Outgoing,
        grpc: bool,
    ) -> Result<Answered, Unanswered> {
        let request = self.build(outgoing, grpc).map_err(Unanswered::from)?;
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
        let body = error.take_message().map(Request::into_body);
        let ended = match &body {
            Some(_) => Ended::Unsent,
            None if is_refusal(error.error()) => Ended::Refused,
            None if is_break(error.error()) => Ended::Broken,
            None => Ended::Otherwise,
        };
        Err(Unanswered { failure: classify(error.error()), ended, body })
    }

    fn build(&self, outgoing: Outgoing, grpc: bool) -> Result<Request<Outgoing>, Failure> {
        let target = self.request_target()?;
        let signed = self.signed(&target)?;
        let authority = Authority::try_from(self.target.authority.as_bytes())
            .map_err(|_| Failure::new(&codes::CONTROL_FAILED, "the upstream's host is no authority"))?;
        let scheme = if self.target.tls { Scheme::HTTPS } else { Scheme::HTTP };
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build();
        let mut headers = HeaderMap::with_capacity(self.call.request.headers.len() + 3);
        each_field(self.call, self.headers, |name, value| {
            headers.append(name, value.clone());
        });
        headers.extend(signed);
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

    fn request_target(&self) -> Result<PathAndQuery, Failure> {
        target(self.call, self.base_length, self.target.path.as_deref()).map_err(|_| no_target())
    }

    /// The fields that vouch for the call as it is sent; of each try its own.
    fn signed(&self, target: &PathAndQuery) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let Some(sign) = self.sign else { return Ok(Vec::new()) };
        let mut fields = HeaderMap::new();
        each_field(self.call, self.headers, |name, value| {
            if sign.fields().contains(name) {
                fields.append(name, value.clone());
            }
        });
        let (method, authority) = (&self.call.request.method, &self.target.authority);
        let head = SentHead { method, tls: self.target.tls, authority, target, fields: &fields };
        let unsigned =
            || Failure::new(&codes::CONTROL_FAILED, "the call to the upstream could not be signed");
        sign.sign(&head, self.wait.clock).ok_or_else(unsigned)
    }
}

fn no_target() -> Failure {
    Failure::new(&codes::CONTROL_FAILED, "the target for the upstream is no URI")
}

/// How a try ended that gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The connection was gone before any of the call was written.
    Unsent,
    /// The upstream says that it did nothing with the call (RFC 9113 section 8.7).
    Refused,
    /// The connection broke before an answer.
    Broken,
    /// The try took longer than one may, and there is time for another.
    Late,
    /// In a way that another try would not mend.
    Otherwise,
}

/// Why a try gave no answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) failure: Failure,
    pub(crate) ended: Ended,
    /// The body, when none of it was read.
    pub(crate) body: Option<Outgoing>,
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self { failure, ended: Ended::Otherwise, body: None }
    }
}

/// Waits for the head of an answer under the deadlines.
pub(crate) struct Wait<'a> {
    pub(crate) alarm: &'a Alarm,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) passing: Option<&'a Passing>,
    /// When all tries have to be over.
    pub(crate) overall: Tick,
    /// When this one has to be over, if another may follow.
    pub(crate) this: Option<Tick>,
    pub(crate) first_byte: Duration,
    pub(crate) started: Tick,
}

impl Wait<'_> {
    /// Polls for the answer's head until a deadline passes.
    async fn head<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Result<T, Unanswered> {
        let mut sent = self.passing.is_none();
        let end = self.this.map_or(self.overall, |this| this.min(self.overall));
        self.alarm.set(if sent { end.min(self.started.after(self.first_byte)) } else { end });
        poll_fn(|context| {
            if let Poll::Ready(outcome) = poll(context) {
                return Poll::Ready(Ok(outcome));
            }
            if let Some(passing) = self.passing.filter(|_| !sent) {
                passing.watch(context);
                match passing.state.get() {
                    Passed::Open => self.alarm.set(passing.slow_at().map_or(end, |at| at.min(end))),
                    Passed::Whole => {
                        sent = true;
                        self.alarm.set_in(self.first_byte);
                        self.alarm.set(self.alarm.at().map_or(end, |at| at.min(end)));
                    }
                    Passed::TooLarge | Passed::Broken | Passed::Slow => {
                        return Poll::Ready(Err(passed_badly(passing.state.get()).into()));
                    }
                }
            }
            self.alarm.poll(context).map(|()| {
                let slow = self.passing.is_some_and(Passing::is_too_slow);
                Err(if slow { passed_badly(Passed::Slow).into() } else { self.late(sent) })
            })
        })
        .await
    }

    fn late(&self, sent: bool) -> Unanswered {
        if !sent {
            return Failure::new(&codes::BODY_INCOMPLETE, "the body did not arrive in time").into();
        }
        let now = self.clock.now();
        let again = now < self.overall && self.this.is_some_and(|this| this <= now);
        let failure = Failure::new(&codes::UPSTREAM_TIMEOUT, "no head of an answer in time");
        Unanswered { failure, ended: if again { Ended::Late } else { Ended::Otherwise }, body: None }
    }

    /// When the client's body is at fault, the upstream is not.
    fn client_at_fault(&self) -> Result<(), Unanswered> {
        match self.passing.map(|passing| passing.state.get()) {
            Some(state @ (Passed::TooLarge | Passed::Broken | Passed::Slow)) => {
                Err(passed_badly(state).into())
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

/// The call's fields but those that we write ourselves, and those that the upstream is to have in their place.
fn each_field(call: &Call, rewrites: &Rewrites, mut write: impl FnMut(&HeaderName, &HeaderValue)) {
    for (name, value) in &call.request.headers {
        if *name == header::HOST || *name == header::CONTENT_LENGTH || *name == header::EXPECT {
            continue;
        }
        if name.as_str() == "traceparent" || (name.as_str() == "tracestate" && !call.trusted) {
            continue;
        }
        if !rewrites.without.contains(name) {
            write(name, value);
        }
    }
    for (name, value) in &rewrites.set {
        write(name, value);
    }
}
