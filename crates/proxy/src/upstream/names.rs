//! Names and the addresses that they lead to: asked for on the side runtime, once for all cores, and read by calls.
//!
//! One task per name asks again when the answer's TTL is over, not sooner than [`bounds::NAME_LEAST`] and not later than
//! [`bounds::NAME_MOST`], and sooner when none of the addresses answers. What was known serves until there is something better,
//! however long that takes: neither a resolver that fails nor a name that is said to be gone takes a service away that answers.
//! The task ends when the last core lets go of its name.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use engine::control::CoreContext;
use engine::{Clock, Tick, bounds};
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::dns::{Found, Resolver};

/// Addresses as a call takes them.
pub(super) type List = SmallVec<[IpAddr; 2]>;

pub(super) const RESOLVER: &str = "name servers";
const NAME: &str = "addresses of a name";

/// Where a host is.
#[derive(Debug, Clone)]
pub(super) enum Host {
    /// It is an address.
    Fixed(IpAddr),
    /// It is a name.
    Named(Arc<Name>),
}

impl Host {
    /// Of a target's host; with `ask`, its addresses are asked for from now on.
    pub(super) fn of(host: &str, context: &CoreContext, ask: bool) -> Self {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return Self::Fixed(address);
        }
        let name = context.keyed.get_or_make(NAME, bare, || Name::new(bare));
        if ask {
            name.start(context);
        }
        Self::Named(name)
    }

    /// Its addresses. Waits for the first answer, and for no other.
    ///
    /// # Errors
    /// Why there are none, as a clause.
    pub(super) async fn addresses(&self, clock: &dyn Clock) -> Result<List, String> {
        match self {
            Self::Fixed(address) => Ok(List::from_iter([*address])),
            Self::Named(name) => name.addresses(clock).await,
        }
    }

    /// None of them answered: they are asked for anew, unless they just were.
    pub(super) fn doubt(&self, now: Tick) {
        if let Self::Named(name) = self {
            name.hurry(&mut name.state(), now);
        }
    }

    /// Whether it has this address. As long as nothing is known, it has any.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Named(name) => {
                let known = &name.state().known;
                known.is_empty() || known.contains(&address)
            }
        }
    }
}

/// A name.
#[derive(Debug)]
pub(super) struct Name {
    host: Box<str>,
    started: AtomicBool,
    state: Mutex<State>,
    /// Told of each answer, be it good or not.
    answered: Notify,
    /// Tells the task not to wait any longer.
    wanted: Arc<Notify>,
}

/// What is known of a name.
#[derive(Debug)]
struct State {
    known: Arc<[IpAddr]>,
    /// Whether an answer is on its way that was asked for out of turn, or is the first one.
    pending: bool,
    /// When the last answer came.
    answered: Tick,
    /// Why that was none.
    fault: Box<str>,
}

impl Name {
    fn new(host: &str) -> Self {
        let state = State { known: Arc::default(), pending: true, answered: Tick(0), fault: Box::default() };
        Self {
            host: host.into(),
            started: AtomicBool::new(false),
            state: Mutex::new(state),
            answered: Notify::new(),
            wanted: Arc::default(),
        }
    }

    /// Begins to ask, once however many cores want to know.
    fn start(self: &Arc<Self>, context: &CoreContext) {
        if !self.started.swap(true, Ordering::AcqRel) {
            let resolver = context.keyed.get_or_make(RESOLVER, "", Resolver::default);
            context.side.spawn(Box::pin(keep(Arc::downgrade(self), resolver, Arc::clone(&context.clock))));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn addresses(&self, clock: &dyn Clock) -> Result<List, String> {
        loop {
            // Before the look, so that no answer comes unseen between it and the wait.
            let answered = self.answered.notified();
            {
                let mut state = self.state();
                if !state.known.is_empty() {
                    return Ok(state.known.iter().copied().collect());
                }
                self.hurry(&mut state, clock.now());
                if !state.pending {
                    return Err(format!("`{}` has no address: {}", self.host, state.fault));
                }
            }
            answered.await;
        }
    }

    /// Asks out of turn, unless an answer has just come or is on its way.
    fn hurry(&self, state: &mut State, now: Tick) {
        if !state.pending && now.since(state.answered) >= bounds::NAME_LEAST {
            state.pending = true;
            self.wanted.notify_one();
        }
    }

    /// Takes down an answer, and says when to ask again.
    fn learn(&self, answer: Result<Found, Box<str>>, now: Tick) -> Duration {
        let again = {
            let mut state = self.state();
            (state.pending, state.answered) = (false, now);
            match answer {
                Ok(found) => {
                    state.known = found.addresses.into();
                    found.ttl.clamp(bounds::NAME_LEAST, bounds::NAME_MOST)
                }
                Err(why) => {
                    state.fault = why;
                    bounds::NAME_RETRY
                }
            }
        };
        self.answered.notify_waiters();
        again
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        self.wanted.notify_one();
    }
}

/// Asks for the addresses of a name for as long as somebody wants to know.
async fn keep(name: Weak<Name>, resolver: Arc<Resolver>, clock: Arc<dyn Clock>) {
    loop {
        let Some((host, had, wanted)) = name.upgrade().map(|name| {
            let known = Arc::clone(&name.state().known);
            (name.host.clone(), known, Arc::clone(&name.wanted))
        }) else {
            return;
        };
        let answer = ask(&resolver, host, had).await;
        let Some(again) = name.upgrade().map(|name| name.learn(answer, clock.now())) else { return };
        tokio::select! {
            () = clock.sleep(again) => {}
            () = wanted.notified() => {}
        }
    }
}

/// One question, in a task of its own: whatever comes over the network, the next one is asked.
async fn ask(resolver: &Arc<Resolver>, host: Box<str>, had: Arc<[IpAddr]>) -> Result<Found, Box<str>> {
    let question = tokio::spawn(Arc::clone(resolver).ask(host, had));
    let stop = question.abort_handle();
    match tokio::time::timeout(bounds::NAME_ANSWER, question).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(error.to_string().into()),
        Err(_) => {
            stop.abort();
            Err("no name server answered in time".into())
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
