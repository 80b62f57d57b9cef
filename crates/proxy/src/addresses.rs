//! How many connections are open in the process: on each listener, and from each address, so that nobody takes the room of all others.
//!
//! All cores count together, when a connection is accepted and when it ends, and at no call.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::bounds::{self, Bound};
use engine::peer::network;
use engine::snapshot::Connections;
use smallvec::SmallVec;

/// Tables of addresses: cores seldom look into one at the same moment.
const SHARDS: usize = 16;

/// Connections of one address, by the listener that they came to.
type Open = SmallVec<[(u16, u32); 1]>;
type Shard = HashMap<IpAddr, Open>;

/// Open connections; of IPv6 by the /64, which one subscriber has whole.
#[derive(Debug)]
pub(crate) struct Addresses {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// By the number of the listener.
    listeners: Box<[AtomicU32]>,
    /// So many may one address have on all listeners.
    limit: u32,
}

/// A connection that counts; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    addresses: Arc<Addresses>,
    listener: u16,
    address: Option<IpAddr>,
}

impl Addresses {
    /// None open, on so many listeners of so many cores.
    pub(crate) fn new(listeners: usize, cores: usize) -> Arc<Self> {
        let cores = u32::try_from(cores).unwrap_or(u32::MAX).max(1);
        Self::with_limit(listeners, bounds::ADDRESS_CONNECTIONS.saturating_mul(cores))
    }

    fn with_limit(listeners: usize, limit: u32) -> Arc<Self> {
        Arc::new(Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            listeners: (0..listeners).map(|_| AtomicU32::new(0)).collect(),
            limit,
        })
    }

    /// One connection more on a listener that may have `most`; of an address, where it counts.
    ///
    /// # Errors
    /// The bound that was reached.
    pub(crate) fn take(
        self: &Arc<Self>,
        (listener, most): (u16, Connections),
        address: Option<IpAddr>,
    ) -> Result<Seat, Bound> {
        if let Some(open) = self.listeners.get(usize::from(listener)) {
            let total = most.total.unwrap_or(u32::MAX);
            let one_more = |open: u32| (open < total).then(|| open.saturating_add(1));
            open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
                .map_err(|_| Bound::Connections)?;
        }
        // From here on it is given back whatever comes.
        let mut seat = Seat { addresses: Arc::clone(self), listener, address: None };
        if let Some(address) = address.map(network) {
            self.enter(address, listener, most.address)?;
            seat.address = Some(address);
        }
        Ok(seat)
    }

    fn enter(&self, address: IpAddr, listener: u16, most: Option<u32>) -> Result<(), Bound> {
        let mut shard = self.shard(address).ok_or(Bound::AddressConnections)?;
        let open = shard.entry(address).or_default();
        let all: u32 = open.iter().map(|(_, count)| count).sum();
        let here = open.iter_mut().find(|(known, _)| *known == listener);
        let count = here.as_ref().map_or(0, |(_, count)| *count);
        if all >= self.limit || most.is_some_and(|most| count >= most) {
            if open.is_empty() {
                shard.remove(&address);
            }
            return Err(Bound::AddressConnections);
        }
        match here {
            Some((_, count)) => *count += 1,
            None => open.push((listener, 1)),
        }
        Ok(())
    }

    fn leave(&self, address: IpAddr, listener: u16) {
        let Some(mut shard) = self.shard(address) else { return };
        let Some(open) = shard.get_mut(&address) else { return };
        if let Some((_, count)) = open.iter_mut().find(|(known, _)| *known == listener) {
            *count = count.saturating_sub(1);
        }
        open.retain(|(_, count)| *count > 0);
        if open.is_empty() {
            shard.remove(&address);
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "any of the bits will do")]
    fn shard(&self, address: IpAddr) -> Option<MutexGuard<'_, Shard>> {
        let shard = self.shards.get(self.hasher.hash_one(address) as usize % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(open) = self.addresses.listeners.get(usize::from(self.listener)) {
            open.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(address) = self.address {
            self.addresses.leave(address, self.listener);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Connections = Connections { total: None, address: None };

    fn is_empty(addresses: &Addresses) -> bool {
        addresses.shards.iter().all(|shard| shard.lock().unwrap().is_empty())
            && addresses.listeners.iter().all(|open| open.load(Ordering::Relaxed) == 0)
    }

    #[test]
    fn an_address_has_so_many_and_leaves_room_for_others() {
        let addresses = Addresses::with_limit(2, 2);
        let take = |on: u16, text: &str| addresses.take((on, FREE), Some(text.parse().unwrap()));
        let (one, two) = (take(0, "192.0.2.1").unwrap(), take(1, "::ffff:192.0.2.1").unwrap());
        assert_eq!(take(0, "192.0.2.1").unwrap_err(), Bound::AddressConnections);
        let other = take(0, "192.0.2.2").unwrap();
        drop(one);
        let again = take(0, "192.0.2.1").unwrap();
        assert!(take(1, "192.0.2.1").is_err());
        let six = [take(0, "2001:db8:0:1::1"), take(0, "2001:db8:0:1:ffff::1"), take(0, "2001:db8:0:2::1")];
        assert!(six.iter().all(Result::is_ok) && take(0, "2001:db8:0:1::7").is_err());
        drop((two, other, again, six));
        assert!(is_empty(&addresses), "nothing is kept of who is gone");
    }

    #[test]
    fn a_listener_has_bounds_of_its_own() {
        let addresses = Addresses::with_limit(2, 100);
        let most = Connections { total: Some(3), address: Some(2) };
        let take = |on: u16, last: u8| addresses.take((on, most), Some([192, 0, 2, last].into()));
        let mut seats = vec![take(0, 1).unwrap(), take(0, 1).unwrap()];
        assert_eq!(take(0, 1).unwrap_err(), Bound::AddressConnections);
        // What was refused counts no more, and each listener counts alone.
        seats.push(take(0, 2).unwrap());
        assert_eq!(take(0, 3).unwrap_err(), Bound::Connections);
        assert_eq!(addresses.take((0, most), None).unwrap_err(), Bound::Connections, "whose it is not known");
        seats.push(take(1, 1).unwrap());
        // A reload that allows less ends nothing.
        let fewer = Connections { total: Some(1), address: None };
        assert_eq!(addresses.take((0, fewer), None).unwrap_err(), Bound::Connections);
        seats.truncate(1);
        seats.push(take(0, 3).unwrap());
        drop(seats);
        assert!(is_empty(&addresses));
    }

    #[test]
    fn all_cores_count_together() {
        let addresses = Addresses::with_limit(1, 50);
        let most = Connections { total: Some(60), address: None };
        let take = |last: u8| addresses.take((0, most), Some([192, 0, 2, last].into()));
        let taken: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8_u8)
                .map(|core| {
                    scope.spawn(move || {
                        let seats: Vec<Seat> = (0..1_000).filter_map(|_| take(core % 2).ok()).collect();
                        let most = seats.len();
                        drop(seats);
                        most
                    })
                })
                .collect();
            all.into_iter().map(|core| core.join().unwrap()).max().unwrap()
        });
        assert!((1..=50).contains(&taken), "{taken}");
        assert!(is_empty(&addresses));
    }
}
