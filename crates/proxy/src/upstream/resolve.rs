//! From a target's host to the addresses that a connection is tried at: all of the host's, another one first each time.

use std::cell::Cell;
use std::net::SocketAddr;

use engine::{Clock, Tick, codes};
use smallvec::SmallVec;

use super::names::Host;
use crate::exchange::Failure;

/// Addresses of one target.
#[derive(Debug)]
pub(super) struct Addresses {
    host: Host,
    port: u16,
    turn: Cell<usize>,
}

impl Addresses {
    pub(super) fn new(host: Host, port: u16) -> Self {
        Self { host, port, turn: Cell::new(0) }
    }

    /// The addresses of the host, another one first each time.
    ///
    /// # Errors
    /// When there are none.
    pub(super) async fn get(&self, clock: &dyn Clock) -> Result<SmallVec<[SocketAddr; 2]>, Failure> {
        let found = self.host.addresses(clock).await;
        let mut list = found.map_err(|why| Failure::new(&codes::UPSTREAM_UNREACHABLE, why))?;
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        if let Some(first) = turn.checked_rem(list.len()) {
            list.rotate_left(first);
        }
        Ok(list.into_iter().map(|address| SocketAddr::new(address, self.port)).collect())
    }

    /// None of them answered: ask again.
    pub(super) fn doubt(&self, now: Tick) {
        self.host.doubt(now);
    }

    /// Whether the host still has this address.
    pub(super) fn knows(&self, address: &SocketAddr) -> bool {
        self.host.has(address.ip())
    }
}
