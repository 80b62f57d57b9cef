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
        if self.asked.get().is_none() {
            self.ask(clock).await?;
        } else if stale && !self.asking.get() {
            let (this, clock) = (Rc::clone(self), Arc::clone(clock));
            tokio::task::spawn_local(async move { this.ask(&clock).await.map_or((), |()| ()) });
        }
        let mut list = self.known.borrow().clone();
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        if let Some(first) = turn.checked_rem(list.len()) {
            list.rotate_left(first);
        }
        Ok(list)
    }

    async fn ask(&self, clock: &Arc<dyn Clock>) -> Result<(), Failure> {
        self.asking.set(true);
        let found = tokio::net::lookup_host((&*self.host, self.port)).await;
        self.asking.set(false);
        match found {
            Ok(found) => self.learn(found.take(MOST).collect(), clock.now()),
            Err(error) if self.known.borrow().is_empty() => {
                return Err(Failure::new(
                    &codes::UPSTREAM_UNREACHABLE,
                    format!("`{}` has no address: {error}", self.host),
                ));
            }
            // The old ones serve on, and the next call does not wait for a resolver that is down.
            Err(_) => self.asked.set(Some(clock.now())),
        }
        Ok(())
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
}
