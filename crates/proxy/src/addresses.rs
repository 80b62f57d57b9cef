//! How many connections each address has open on a core, so that nobody takes the room of all others.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use engine::peer::network;

/// Open connections by address; of IPv6 by the /64, which one subscriber has whole.
#[derive(Debug)]
pub(crate) struct Addresses {
    open: RefCell<HashMap<IpAddr, u32>>,
    limit: u32,
}

/// One connection of an address; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    addresses: Rc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// None open; each address may have so many.
    pub(crate) fn new(limit: u32) -> Rc<Self> {
        Rc::new(Self { open: RefCell::default(), limit })
    }

    /// One more of an address; `None` when it has as many as it may.
    pub(crate) fn take(self: &Rc<Self>, address: IpAddr) -> Option<Seat> {
        let address = network(address);
        let mut addresses = self.open.borrow_mut();
        let open = addresses.entry(address).or_insert(0);
        if *open >= self.limit {
            return None;
        }
        *open += 1;
        Some(Seat { addresses: Rc::clone(self), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut addresses = self.addresses.open.borrow_mut();
        match addresses.get_mut(&self.address) {
            Some(open @ 2..) => *open -= 1,
            _ => {
                addresses.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_and_leaves_room_for_others() {
        let addresses = Addresses::new(2);
        let take = |text: &str| addresses.take(text.parse().unwrap());
        let (one, two) = (take("192.0.2.1").unwrap(), take("::ffff:192.0.2.1").unwrap());
        assert!(take("192.0.2.1").is_none());
        let other = take("192.0.2.2").unwrap();
        drop(one);
        let again = take("192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        let six = [take("2001:db8:0:1::1"), take("2001:db8:0:1:ffff::1"), take("2001:db8:0:2::1")];
        assert!(six.iter().all(Option::is_some) && take("2001:db8:0:1::7").is_none());
        drop((two, other, again, six));
        assert!(addresses.open.borrow().is_empty(), "nothing is kept of who is gone");
    }
}
