//! One PDP and what it was asked: questions under way, answers that still count, and whether it is asked at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::fetch::FetchError;
use engine::{Clock, CoreContext, Tick, bounds};
use http::{HeaderName, HeaderValue, StatusCode};
use parking_lot::Mutex;

use super::answer::{Answer, read};
use super::grpc;
use super::question::Question;
use crate::asked::{Flight, Hasher, Slot, Table, within};

/// How long a denial is remembered, at most.
const DENIED: Duration = Duration::from_secs(5);
/// How long it is remembered that there was no answer to a question.
const FAILED: Duration = Duration::from_secs(1);
/// How long an answer is there for a live stream, which looks for it once a second.
const AGAIN: Duration = Duration::from_secs(3);

/// What a PDP speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OPA's Data API.
    Opa,
    /// OpenID AuthZEN Authorization API 1.0.
    AuthZen,
    /// Envoy's `ext_authz` over HTTP.
    ExtAuthz,
    /// Envoy's `ext_authz` over gRPC.
    ExtAuthzGrpc,
}

/// Where a PDP is and how it is asked.
#[derive(Debug)]
pub struct Endpoint {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its URL, with that of the method where it is one of gRPC; with `ext_authz` what stands before the path of the call.
    pub url: String,
    /// `Authorization` of questions.
    pub token: Option<HeaderValue>,
    /// Longest time that an answer may take.
    pub deadline: Duration,
    /// How long an answer counts for other calls with the same question; zero: for none.
    pub max_age: Duration,
    /// Header fields of its answer that go upstream.
    pub headers: Vec<HeaderName>,
}

impl Endpoint {
    /// Names all of its settings, the token by its hash: who has the same asks together.
    #[must_use]
    pub fn settings(&self) -> String {
        let Self { protocol, url, token, deadline, max_age, headers } = self;
        let token = token.as_ref().map(|token| {
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
            jose::base64url_encode(hash.as_ref())
        });
        format!("{protocol:?} {url:?} {token:?} {deadline:?} {max_age:?} {headers:?}")
    }
}

/// An answer, and until when it counts for other calls.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) answer: Answer,
    counts_until: Tick,
}

impl Told {
    /// Whether it is an answer to who asks. For a live stream one of the last seconds will do, but that there was none is nothing to go
    /// by, unless it passes while nobody answers.
    fn counts(&self, whom: Whom, now: Tick) -> bool {
        match self.answer {
            _ if !whom.again => now < self.counts_until,
            Answer::Away(_) => whom.passes,
            Answer::Nonsense(_) => false,
            Answer::Allow(_) | Answer::Deny { .. } => true,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whom {
    /// When the first of the caller's credentials ends, in seconds since 1970.
    pub(super) expires: Option<u64>,
    /// Whether it is a live stream, of which one asks again.
    pub(super) again: bool,
    /// Whether it passes while nobody answers.
    pub(super) passes: bool,
}

/// What is known of a question now.
#[derive(Debug)]
pub(super) enum Known {
    /// This.
    Answer(Answer),
    /// It is being asked.
    Asking(Arc<Flight<Told>>),
    /// Too many are being asked.
    Busy,
    /// The PDP is left alone.
    Resting,
}

/// Failures in a row, and until when the PDP is left alone for them.
#[derive(Debug, Default)]
struct Breaker(Mutex<(u32, Tick)>);

impl Breaker {
    /// Whether one more may be asked. Of a PDP that is left alone one question tries after each pause.
    fn may_ask(&self, now: Tick) -> bool {
        let mut state = self.0.lock();
        let (failures, until) = *state;
        if failures < bounds::PDP_FAILURES {
            return true;
        }
        if now < until {
            return false;
        }
        state.1 = now.after(bounds::PDP_PAUSE);
        true
    }

    fn record(&self, is_there: bool, now: Tick) {
        let mut state = self.0.lock();
        *state = match is_there {
            true => (0, Tick(0)),
            false => (state.0.saturating_add(1), now.after(bounds::PDP_PAUSE)),
        };
    }
}

/// Asks one PDP; shared by all cores, and over reloads.
#[derive(Debug)]
pub(super) struct Asker {
    endpoint: Arc<Endpoint>,
    table: Table<Told, Told>,
    asking: AtomicUsize,
    hasher: Hasher,
    breaker: Breaker,
}

impl Asker {
    /// The one for a PDP; the same for all who have the same settings.
    pub(super) fn of(endpoint: &Arc<Endpoint>, core: &CoreContext) -> Arc<Self> {
        core.keyed.get_or_make("pdp", &endpoint.settings(), || Self {
            endpoint: Arc::clone(endpoint),
            table: Table::new(bounds::PDP_ANSWERS),
            asking: AtomicUsize::new(0),
            hasher: Hasher::new(&*core.clock),
            breaker: Breaker::default(),
        })
    }

    /// What is known of a question; asks when nothing is. Does not wait.
    pub(super) fn look(self: &Arc<Self>, question: Question, whom: Whom, core: &CoreContext) -> Known {
        let (key, now) = (self.hasher.hash(question.identity()), core.clock.now());
        match self.table.look(key, now) {
            Some(Slot::Known(told)) if told.counts(whom, now) => return Known::Answer(told.answer),
            Some(Slot::Asking(flight)) => return Known::Asking(flight),
            _ => {}
        }
        if self.asking.fetch_add(1, Ordering::AcqRel) >= bounds::PDP_ASKING {
            self.asking.fetch_sub(1, Ordering::AcqRel);
            return Known::Busy;
        }
        let (flight, mine) = self.table.begin(key, now);
        if !mine {
            self.asking.fetch_sub(1, Ordering::AcqRel);
            return Known::Asking(flight);
        }
        let asked =
            Asked { asker: Arc::clone(self), key, flight: Arc::clone(&flight), expires: whom.expires };
        if !self.breaker.may_ask(now) {
            // What was asked ends without an answer, for whoever waits for it by now as well.
            drop(asked);
            return Known::Resting;
        }
        let asking = ask(Arc::clone(&self.endpoint), question, core);
        core.side.spawn(Box::pin(asked.run(asking, Arc::clone(&core.clock))));
        Known::Asking(flight)
    }

    /// How long an answer counts, by itself.
    fn age(&self, answer: &Answer) -> Duration {
        match answer {
            Answer::Allow(_) => self.endpoint.max_age,
            Answer::Deny { .. } => self.endpoint.max_age.min(DENIED),
            Answer::Nonsense(_) | Answer::Away(_) => FAILED,
        }
    }
}

/// Asks; an answer, and whether the PDP is there at all, where that is known: what it cannot answer may be one caller's question, who is
/// not to have it left alone for all others, and what was not tried says nothing. To be polled on the side runtime.
fn ask(
    endpoint: Arc<Endpoint>,
    question: Question,
    core: &CoreContext,
) -> impl Future<Output = (Answer, Option<bool>)> + Send + use<> {
    let (clock, fetch) = (Arc::clone(&core.clock), Arc::clone(&core.fetch));
    async move {
        let request = question.request(&endpoint, clock.unix());
        let over = clock.sleep(endpoint.deadline);
        let read = match endpoint.protocol {
            Protocol::Opa | Protocol::AuthZen | Protocol::ExtAuthz => {
                let response = within(fetch.fetch(request), over).await;
                response.map(|response| (read(&endpoint, &response), response.status))
            }
            Protocol::ExtAuthzGrpc => {
                let trailed = within(fetch.fetch_trailed(request), over).await;
                trailed.map(|trailed| grpc::read(&endpoint, &trailed))
            }
        };
        match read {
            Ok((answer, status)) => {
                let is_there = !(answer.is_none() && is_gone(status));
                (answer, Some(is_there))
            }
            Err(FetchError::TooLarge) => {
                (Answer::Nonsense(FetchError::TooLarge.to_string().into()), Some(true))
            }
            Err(error) => {
                let tried = error != FetchError::BreakerOpen;
                (Answer::Away(error.to_string().into()), tried.then_some(false))
            }
        }
    }
}

/// Whether a status says that nobody answers now, whatever is asked.
fn is_gone(status: StatusCode) -> bool {
    [429, 502, 503, 504].contains(&status.as_u16())
}

/// One of those under way. However it ends, it gives its place back and wakes who waits.
struct Asked {
    asker: Arc<Asker>,
    key: [u8; 32],
    flight: Arc<Flight<Told>>,
    expires: Option<u64>,
}

impl Asked {
    async fn run(self, asking: impl Future<Output = (Answer, Option<bool>)> + Send, clock: Arc<dyn Clock>) {
        let (answer, is_there) = asking.await;
        let now = clock.now();
        is_there.into_iter().for_each(|is_there| self.asker.breaker.record(is_there, now));
        let left = self.expires.map(|expires| expires.saturating_sub(clock.unix().seconds()));
        let left = left.map_or(Duration::MAX, Duration::from_secs);
        let told = Told { counts_until: now.after(self.asker.age(&answer).min(left)), answer };
        self.flight.tell(told.clone());
        let until = told.counts_until.max(now.after(AGAIN.min(left)));
        self.asker.table.settle(self.key, told, until);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.asker.table.forget(self.key, &self.flight);
        self.asker.asking.fetch_sub(1, Ordering::AcqRel);
        self.flight.end();
    }
}
