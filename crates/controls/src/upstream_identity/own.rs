//! A token of the gateway's own (RFC 6749 section 4.4), asked for before it is needed again: once a part of its life is over, by
//! the next call, which goes on with the one that there is.

use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, CoreContext, Tick};
use http::HeaderValue;
use parking_lot::Mutex;

use super::exchange::Known;
use super::token::{Answer, Asked, Given, Grant, ask};
use crate::asked::Flight;

/// Longest pause after failures; the first is a second, each further one twice as long.
const PAUSE: Duration = Duration::from_secs(30);

/// Has a token for one service; shared by all cores.
#[derive(Debug)]
pub(super) struct Own {
    asked: Arc<Asked>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    flight: Option<Arc<Flight>>,
    failures: u32,
    /// Why there is no newer one.
    why: Option<Arc<str>>,
    /// When it may be asked for again.
    again: Tick,
}

#[derive(Debug, Clone)]
struct Token {
    field: HeaderValue,
    /// When it is asked for anew.
    renew: Tick,
    until: Tick,
}

impl Own {
    /// The one with these settings; the same for all who have the same.
    pub(super) fn of(asked: &Arc<Asked>, core: &CoreContext) -> Arc<Self> {
        core.keyed.get_or_make("client-credentials", &asked.settings(), || Self {
            asked: Arc::clone(asked),
            state: Mutex::default(),
        })
    }

    /// What there is now; asks when there is nothing, or soon will be. Does not wait.
    pub(super) fn look(self: &Arc<Self>, core: &CoreContext) -> Known {
        let now = core.clock.now();
        let mut state = self.state.lock();
        let token = state.token.clone().filter(|token| now < token.until);
        let due = token.as_ref().is_none_or(|token| token.renew <= now);
        let mut begun = None;
        if due && state.flight.is_none() && state.again <= now {
            let flight = Arc::new(Flight::default());
            state.flight = Some(Arc::clone(&flight));
            begun = Some(flight);
        }
        let known = match (token, &state.flight) {
            (Some(token), _) => Known::Given(Given::Token(token.field)),
            (None, Some(flight)) => Known::Asking(Arc::clone(flight)),
            (None, None) => {
                let why = state.why.clone().unwrap_or_else(|| "there is no token yet".into());
                Known::Given(Given::None(why))
            }
        };
        drop(state);
        if let Some(flight) = begun {
            let question = Question { own: Arc::clone(self), flight };
            let asking = ask(Arc::clone(&self.asked), Grant::Own, core);
            core.side.spawn(Box::pin(question.run(asking, Arc::clone(&core.clock))));
        }
        known
    }

    /// Takes an answer down. What there was goes on until its end, whatever became of the next.
    fn settle(&self, answer: Answer, now: Tick) {
        let Answer { given, lasts } = answer;
        let mut state = self.state.lock();
        match given {
            Given::Token(field) => {
                let lasts = lasts.unwrap_or_default();
                let token = Token { field, renew: now.after(lasts - lasts / 5), until: now.after(lasts) };
                *state = State { token: Some(token), flight: state.flight.take(), ..State::default() };
            }
            Given::Refused(why) | Given::None(why) => {
                let own = Duration::from_secs(1 << state.failures.min(5)).min(PAUSE);
                state.failures = state.failures.saturating_add(1);
                state.again = now.after(lasts.unwrap_or(own).max(own));
                state.why = Some(why);
            }
        }
    }

    /// How long it is not asked for again.
    pub(super) fn pause(&self, now: Tick) -> Duration {
        self.state.lock().again.since(now)
    }
}

/// One under way. However it ends, the next may begin, and who waits is woken.
struct Question {
    own: Arc<Own>,
    flight: Arc<Flight>,
}

impl Question {
    async fn run(self, asking: impl Future<Output = Answer> + Send, clock: Arc<dyn Clock>) {
        let answer = asking.await;
        self.own.settle(answer, clock.now());
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.own.state.lock().flight = None;
        self.flight.end();
    }
}
