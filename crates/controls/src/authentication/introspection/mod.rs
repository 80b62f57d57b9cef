//! Asking an issuer what a token says that cannot be read here: RFC 7662, with answers that are signed where they are wanted
//! to be (RFC 9701).
//!
//! What it promises:
//! - a token is shown to the one issuer that its scheme names for it, over the one way out, and to nobody else;
//! - of all calls with one token one asks and the others wait for the same answer; [`bounds::INTROSPECTING`] tokens are asked
//!   for at one time, more are refused at once;
//! - an answer counts for the configured time at most, and never past the end of the token; that a token is not active, and
//!   that the endpoint failed, is remembered for seconds only, so that a dead endpoint is not asked by every call;
//! - what is no answer (another status or media type, too long, not JSON, no verdict, in another's name, unsigned where
//!   signatures are wanted) proves nothing: such calls are refused as such that cannot be verified, not as bad ones;
//! - tokens are not kept: an answer is found by a keyed hash of (issuer, token).

mod ask;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::{CoreContext, Tick, UnixTime, bounds};
use tape::Tape;

use super::keys::KeySource;
pub use crate::asked::Flight;
use crate::asked::{Hasher, Slot, Table};
pub use ask::Endpoint;

/// How long it is remembered that a token is not active, at most.
const INACTIVE: Duration = Duration::from_secs(5);
/// How long it is remembered that the endpoint failed for a token.
const FAILED: Duration = Duration::from_secs(1);

/// What came of asking.
#[derive(Debug, Clone)]
pub enum Answer {
    /// What an active token says, and when that was said.
    Active(Arc<Tape>, UnixTime),
    /// The token is not active; nothing else is known of it.
    Inactive,
    /// There is no answer, and why.
    None(Arc<str>),
}

/// What is known of a token now.
#[derive(Debug)]
pub enum Known {
    /// This.
    Answer(Answer),
    /// It is being asked for.
    Asking(Arc<Flight>),
    /// Too many are being asked for.
    Busy,
}

/// Asks one issuer; shared by all cores.
#[derive(Debug)]
pub struct Introspector {
    endpoint: Arc<Endpoint>,
    table: Table<Answer>,
    asking: AtomicUsize,
    /// Each issuer has one of its own.
    hasher: Hasher,
}

impl Introspector {
    /// The one for an endpoint; the same for all who have the same settings.
    #[must_use]
    pub fn of(endpoint: &Arc<Endpoint>, core: &CoreContext) -> Arc<Self> {
        core.keyed.get_or_make("introspection", &endpoint.settings(), || Self {
            endpoint: Arc::clone(endpoint),
            table: Table::new(bounds::INTROSPECTED),
            asking: AtomicUsize::new(0),
            hasher: Hasher::new(&*core.clock),
        })
    }

    /// How long an answer counts.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        self.endpoint.max_age
    }

    /// What is known of a token; asks when nothing is. Does not wait.
    pub fn look(self: &Arc<Self>, token: &str, keys: &Arc<KeySource>, core: &CoreContext) -> Known {
        let key = self.hasher.hash(token);
        let now = core.clock.now();
        match self.table.look(key, now) {
            Some(Slot::Known(answer)) => return Known::Answer(answer),
            Some(Slot::Asking(flight)) => return Known::Asking(flight),
            None => {}
        }
        if self.asking.fetch_add(1, Ordering::AcqRel) >= bounds::INTROSPECTING {
            self.asking.fetch_sub(1, Ordering::AcqRel);
            return Known::Busy;
        }
        let (flight, mine) = self.table.begin(key, now);
        if !mine {
            self.asking.fetch_sub(1, Ordering::AcqRel);
            return Known::Asking(flight);
        }
        let question = Question { introspector: Arc::clone(self), key, flight: Arc::clone(&flight) };
        let asking = ask::ask(Arc::clone(&self.endpoint), token.into(), Arc::clone(keys), core);
        core.side.spawn(Box::pin(question.run(asking, Arc::clone(&core.clock))));
        Known::Asking(flight)
    }

    fn age(&self, answer: &Answer) -> Duration {
        match answer {
            Answer::Active(..) => self.endpoint.max_age,
            Answer::Inactive => self.endpoint.max_age.min(INACTIVE),
            Answer::None(_) => FAILED,
        }
    }
}

/// One of those under way. However it ends, it gives its place back and wakes who waits.
struct Question {
    introspector: Arc<Introspector>,
    key: [u8; 32],
    flight: Arc<Flight>,
}

impl Question {
    async fn run(self, asking: impl Future<Output = Answer> + Send, clock: Arc<dyn engine::Clock>) {
        let answer = asking.await;
        let until: Tick = clock.now().after(self.introspector.age(&answer));
        self.introspector.table.settle(self.key, answer, until);
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.introspector.table.forget(self.key, &self.flight);
        self.introspector.asking.fetch_sub(1, Ordering::AcqRel);
        self.flight.end();
    }
}
