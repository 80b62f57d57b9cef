//! From a target's host to addresses, asked again every 30 seconds.
//!
//! Calls do not wait for that: the old addresses serve while new ones are asked for, and when there are none. Only the
//! first call, and one after a time when none of the addresses answered, waits for the answer. Connections are spread over
//! the addresses by turns; those to addresses that the name has no more carry no further calls.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::upstream::Target;
use engine::{Clock, Tick, codes};
use smallvec::SmallVec;
use tokio::sync::Notify;

use crate::exchange::Failure;

const FRESH: Duration = Duration::from_secs(30);
/// More addresses of one name are not tried.
const MOST: usize = 8;

type List = SmallVec<[SocketAddr; 2]>;

/// Addresses of one target.
#[derive(Debug)]
pub(super) struct Addresses {
    host: Box<str>,
    port: u16,
    fixed: Option<SocketAddr>,
    known: RefCell<List>,
    /// When they were asked for; `None` when they are in doubt.
    asked: Cell<Option<Tick>>,
    asking: Cell<bool>,
    /// Told when an answer has come.
    answered: Notify,
    /// Why there was none.
    fault: RefCell<Box<str>>,
    turn: Cell<usize>,
}

impl Addresses {
    pub(super) fn new(target: &Target) -> Self {
        let host = target.host.trim_start_matches('[').trim_end_matches(']');
        let fixed = host.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, target.port));
        Self {
            host: host.into(),
            port: target.port,
            fixed,
            known: RefCell::default(),
            asked: Cell::new(None),
            asking: Cell::new(false),
            answered: Notify::new(),
            fault: RefCell::default(),
            turn: Cell::new(0),
        }
    }

    /// The addresses of the host, another one first each time.
    ///
    /// # Errors
    /// When there are none.
    pub(super) async fn get(self: &Rc<Self>, clock: &Arc<dyn Clock>) -> Result<List, Failure> {
        if let Some(address) = self.fixed {
            return Ok(List::from_iter([address]));
        }
        let stale = self.asked.get().is_none_or(|asked| clock.now().since(asked) >= FRESH);
        if stale {
            self.ask(clock);
        }
        // One question for all who wait, and it goes on when they leave: a resolver that is slow or down is not asked more for it.
        while self.asked.get().is_none() && self.asking.get() {
            self.answered.notified().await;
        }
        let mut list = self.known.borrow().clone();
        if list.is_empty() {
            let why = format!("`{}` has no address: {}", self.host, self.fault.borrow());
            return Err(Failure::new(&codes::UPSTREAM_UNREACHABLE, why));
        }
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        if let Some(first) = turn.checked_rem(list.len()) {
            list.rotate_left(first);
        }
        Ok(list)
    }

    /// Asks, unless somebody does already.
    fn ask(self: &Rc<Self>, clock: &Arc<dyn Clock>) {
        if self.asking.replace(true) {
            return;
        }
        let (this, clock) = (Rc::clone(self), Arc::clone(clock));
        tokio::task::spawn_local(async move {
            let found = tokio::net::lookup_host((&*this.host, this.port)).await;
            match found {
                Ok(found) => this.learn(found.take(MOST).collect(), clock.now()),
                Err(error) => {
                    *this.fault.borrow_mut() = error.to_string().into();
                    // The old ones serve on, and the next call does not wait for a resolver that is down.
                    if !this.known.borrow().is_empty() {
                        this.asked.set(Some(clock.now()));
                    }
                }
            }
            this.asking.set(false);
            this.answered.notify_waiters();
        });
    }

    fn learn(&self, found: List, now: Tick) {
        if !found.is_empty() {
            *self.known.borrow_mut() = found;
        }
        self.asked.set(Some(now));
    }

    /// None of them answered: ask again next time.
    pub(super) fn doubt(&self) {
        self.asked.set(None);
    }

    /// Whether the host still has this address.
    pub(super) fn knows(&self, address: &SocketAddr) -> bool {
        let known = self.known.borrow();
        known.is_empty() || known.contains(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_gone_are_not_known_and_none_means_all() {
        let target = Target {
            name: "http://orders:1".into(),
            tls: false,
            host: "orders".into(),
            port: 1,
            authority: http::HeaderValue::from_static("orders"),
            path: None,
            weight: 1,
        };
        let addresses = Addresses::new(&target);
        let one = SocketAddr::from(([10, 0, 0, 1], 1));
        let two = SocketAddr::from(([10, 0, 0, 2], 1));
        assert!(addresses.knows(&one), "nothing was asked yet");
        addresses.learn(List::from_iter([one]), Tick(1));
        assert!(addresses.knows(&one) && !addresses.knows(&two));
        addresses.learn(List::new(), Tick(2));
        assert!(addresses.knows(&one), "an empty answer takes nothing away");
    }

    /// A host that nobody has (RFC 6761 section 6.4), or one that everybody has.
    fn of(host: &str) -> Rc<Addresses> {
        Rc::new(Addresses::new(&Target {
            name: "t".into(),
            tls: false,
            host: host.into(),
            port: 1,
            authority: http::HeaderValue::from_static("t"),
            path: None,
            weight: 1,
        }))
    }

    #[test]
    fn all_who_wait_ask_once_and_who_leaves_ends_no_question() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(testkit::FakeClock::new());
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let addresses = of("localhost");
            let left = {
                let waiting = addresses.get(&clock);
                tokio::pin!(waiting);
                left_at_once(waiting).await
            };
            assert!(left && addresses.asking.get(), "the question goes on");
            let all = (0..100).map(|_| {
                let (addresses, clock) = (Rc::clone(&addresses), Arc::clone(&clock));
                tokio::task::spawn_local(async move { addresses.get(&clock).await.map(|list| list.len()) })
            });
            for one in all.collect::<Vec<_>>() {
                assert!(one.await.unwrap().unwrap() > 0);
            }
            assert!(!addresses.asking.get() && addresses.asked.get().is_some());
            let nobody = of("nobody.invalid");
            let failure = nobody.get(&clock).await.unwrap_err();
            assert_eq!(failure.code.name, "upstream_unreachable");
            assert!(!nobody.asking.get());
        });
    }

    /// Polls once and lets go; whether there was nothing yet.
    async fn left_at_once(mut future: std::pin::Pin<&mut impl Future>) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending()))
            .await
    }
}
