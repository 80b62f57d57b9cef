//! Tokens in the place of callers' tokens (RFC 8693), asked for once and remembered.
//!
//! A remembered token is found by the hash of the caller's, so only who presents that, good and not revoked by now, is ever sent on
//! with it; it counts for no longer than the issuer said, than the caller's token does, and than `max_age`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use engine::{Clock, CoreContext, Tick, bounds};
use zeroize::Zeroizing;

use super::token::{Answer, Asked, Given, Grant, ask};
use crate::asked::{Flight, Hasher, Slot, Table};

/// How long it is remembered that the issuer does not take a token.
const REFUSED: Duration = Duration::from_secs(5);
/// How long it is remembered that there was no answer for a token.
const FAILED: Duration = Duration::from_secs(1);

/// What is known of the token for a call now.
#[derive(Debug)]
pub(super) enum Known {
    /// This.
    Given(Given),
    /// It is being asked for.
    Asking(Arc<Flight>),
    /// Nobody asks now, and why.
    Not(&'static str, Duration),
}

/// Exchanges tokens for one service; shared by all cores.
#[derive(Debug)]
pub(super) struct Exchanger {
    asked: Arc<Asked>,
    table: Table<Given>,
    asking: AtomicUsize,
    /// Until when the issuer wants to be left alone, as a tick.
    pause: AtomicU64,
    hasher: Hasher,
}

impl Exchanger {
    /// The one with these settings; the same for all who have the same.
    pub(super) fn of(asked: &Arc<Asked>, core: &CoreContext) -> Arc<Self> {
        core.keyed.get_or_make("token-exchange", &asked.settings(), || Self {
            asked: Arc::clone(asked),
            table: Table::new(bounds::EXCHANGED),
            asking: AtomicUsize::new(0),
            pause: AtomicU64::new(0),
            hasher: Hasher::new(&*core.clock),
        })
    }

    /// What is known for a token that ends at `expires`, in seconds since 1970; asks when nothing is. Does not wait.
    pub(super) fn look(self: &Arc<Self>, token: &str, expires: u64, core: &CoreContext) -> Known {
        let (key, now) = (self.hasher.hash(token), core.clock.now());
        match self.table.look(key, now) {
            Some(Slot::Known(given)) => return Known::Given(given),
            Some(Slot::Asking(flight)) => return Known::Asking(flight),
            None => {}
        }
        let pause = Tick(self.pause.load(Ordering::Acquire)).since(now);
        if !pause.is_zero() {
            return Known::Not("the issuer asked to be left alone", pause);
        }
        if self.asking.fetch_add(1, Ordering::AcqRel) >= bounds::EXCHANGING {
            self.asking.fetch_sub(1, Ordering::AcqRel);
            return Known::Not("too many tokens are being exchanged", FAILED);
        }
        let (flight, mine) = self.table.begin(key, now);
        if !mine {
            self.asking.fetch_sub(1, Ordering::AcqRel);
            return Known::Asking(flight);
        }
        let question = Question { exchanger: Arc::clone(self), key, flight: Arc::clone(&flight) };
        let grant = Grant::Exchange(Zeroizing::new(token.to_owned()));
        let asking = ask(Arc::clone(&self.asked), grant, core);
        let left = expires.saturating_sub(core.clock.unix().seconds());
        core.side.spawn(Box::pin(question.run(
            asking,
            now.after(Duration::from_secs(left)),
            Arc::clone(&core.clock),
        )));
        Known::Asking(flight)
    }
}

/// One of those under way. However it ends, it gives its place back and wakes who waits.
struct Question {
    exchanger: Arc<Exchanger>,
    key: [u8; 32],
    flight: Arc<Flight>,
}

impl Question {
    /// `ends` is when the caller's token does.
    async fn run(self, asking: impl Future<Output = Answer> + Send, ends: Tick, clock: Arc<dyn Clock>) {
        let Answer { given, lasts } = asking.await;
        let now = clock.now();
        let until = match &given {
            // Who waits has to find it: of a token that ends in this second it is kept for another.
            Given::Token(_) => now.after(lasts.unwrap_or_default()).min(ends.max(now.after(FAILED))),
            Given::Refused(_) => now.after(REFUSED),
            Given::None(_) => now.after(FAILED),
        };
        if let (Given::None(_), Some(pause)) = (&given, lasts) {
            self.exchanger.pause.fetch_max(now.after(pause).0, Ordering::AcqRel);
        }
        self.exchanger.table.settle(self.key, given, until);
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.exchanger.table.forget(self.key, &self.flight);
        self.exchanger.asking.fetch_sub(1, Ordering::AcqRel);
        self.flight.end();
    }
}
