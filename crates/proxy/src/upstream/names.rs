//! What name servers say of a name, its addresses or the records of a service: asked for on the side runtime, once for all cores, and
//! read by calls.
//!
//! One task per name asks again when the answer's TTL is over, not sooner than [`bounds::NAME_LEAST`] and not later than
//! [`bounds::NAME_MOST`], and sooner when none of the addresses answers. What was known serves until there is something better,
//! however long that takes: neither a resolver that fails nor a name that is said to be gone takes a service away that answers.
//! The task ends when the last core lets go of its name.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use engine::control::CoreContext;
use engine::{BoxFuture, Clock, Tick, bounds};
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::dns::{Answer, Resolver};

/// Addresses as a call takes them.
pub(super) type List = SmallVec<[IpAddr; 2]>;

pub(super) const RESOLVER: &str = "name servers";
const NAME: &str = "addresses of a name";

/// A name and its addresses.
pub(super) type Name = Watched<IpAddr>;
/// How it is asked for.
type Ask<T> = fn(Arc<Resolver>, Box<str>, Arc<[T]>) -> BoxFuture<'static, Answer<T>>;

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
            name.start(context, |resolver, host, had| Box::pin(resolver.addresses(host, had)));
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
            Self::Named(name) => Ok(name.current(clock).await?.iter().copied().collect()),
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
                let state = name.state();
                state.known.is_empty() || state.known.contains(&address)
            }
        }
    }
}

/// What is said of a name.
#[derive(Debug)]
pub(super) struct Watched<T> {
    name: Box<str>,
    started: AtomicBool,
    state: Mutex<State<T>>,
    /// Counts what was said that is something else than before.
    version: AtomicU64,
    /// Told of each answer, be it good or not.
    answered: Notify,
    /// Tells the task not to wait any longer.
    wanted: Arc<Notify>,
}

/// What is known of it.
#[derive(Debug)]
struct State<T> {
    known: Arc<[T]>,
    /// Whether an answer is on its way that was asked for out of turn, or is the first one.
    pending: bool,
    /// When the last answer came.
    answered: Tick,
    /// Why that was none.
    fault: Box<str>,
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Watched<T> {
    pub(super) fn new(name: &str) -> Self {
        let state = State { known: Arc::default(), pending: true, answered: Tick(0), fault: Box::default() };
        Self {
            name: name.into(),
            started: AtomicBool::new(false),
            state: Mutex::new(state),
            version: AtomicU64::new(0),
            answered: Notify::new(),
            wanted: Arc::default(),
        }
    }

    /// Begins to ask, once however many cores want to know.
    pub(super) fn start(self: &Arc<Self>, context: &CoreContext, ask: Ask<T>) {
        if !self.started.swap(true, Ordering::AcqRel) {
            let resolver = context.keyed.get_or_make(RESOLVER, "", Resolver::default);
            let clock = Arc::clone(&context.clock);
            context.side.spawn(Box::pin(keep(Arc::downgrade(self), (resolver, ask), clock)));
        }
    }

    /// Counts up with what is known.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What is known, and its version.
    pub(super) fn known(&self) -> (u64, Arc<[T]>) {
        let state = self.state();
        (self.version(), Arc::clone(&state.known))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known. Waits for the first answer, and for no other.
    ///
    /// # Errors
    /// Why there is none, as a clause.
    pub(super) async fn current(&self, clock: &dyn Clock) -> Result<Arc<[T]>, String> {
        loop {
            // Before the look, so that no answer comes unseen between it and the wait.
            let answered = self.answered.notified();
            {
                let mut state = self.state();
                if !state.known.is_empty() {
                    return Ok(Arc::clone(&state.known));
                }
                self.hurry(&mut state, clock.now());
                if !state.pending {
                    return Err(format!("`{}` leads nowhere: {}", self.name, state.fault));
                }
            }
            answered.await;
        }
    }

    /// Asks out of turn, unless an answer has just come or is on its way.
    fn hurry(&self, state: &mut State<T>, now: Tick) {
        if !state.pending && now.since(state.answered) >= bounds::NAME_LEAST {
            state.pending = true;
            self.wanted.notify_one();
        }
    }

    /// Takes down an answer, and says when to ask again.
    fn learn(&self, answer: Answer<T>, now: Tick) -> Duration {
        let again = {
            let mut state = self.state();
            (state.pending, state.answered) = (false, now);
            match answer {
                Ok(found) => {
                    if *state.known != *found.items {
                        state.known = found.items.into();
                        self.version.fetch_add(1, Ordering::Release);
                    }
                    // No longer than until there is something.
                    state.fault = "it is said to be nowhere".into();
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

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        self.wanted.notify_one();
    }
}

/// Asks for as long as somebody wants to know.
async fn keep<T: Clone + PartialEq + Send + Sync + 'static>(
    name: Weak<Watched<T>>,
    (resolver, ask): (Arc<Resolver>, Ask<T>),
    clock: Arc<dyn Clock>,
) {
    loop {
        let Some((question, wanted)) = name.upgrade().map(|name| {
            let (_, known) = name.known();
            (ask(Arc::clone(&resolver), name.name.clone(), known), Arc::clone(&name.wanted))
        }) else {
            return;
        };
        let answer = answer(question).await;
        let Some(again) = name.upgrade().map(|name| name.learn(answer, clock.now())) else { return };
        tokio::select! {
            () = clock.sleep(again) => {}
            () = wanted.notified() => {}
        }
    }
}

/// One question, in a task of its own: whatever comes over the network, the next one is asked.
async fn answer<T: Send + 'static>(question: BoxFuture<'static, Answer<T>>) -> Answer<T> {
    let question = tokio::spawn(question);
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
