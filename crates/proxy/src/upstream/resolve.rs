//! From an upstream's host to addresses, asked again every 30 seconds.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use engine::snapshot::Upstream;
use engine::{Tick, codes};
use smallvec::SmallVec;

use crate::core::Core;
use crate::exchange::Failure;

const FRESH: Duration = Duration::from_secs(30);
/// More addresses of one name are not tried.
const MOST: usize = 8;

type List = SmallVec<[SocketAddr; 2]>;

/// Addresses of one target.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: RefCell<Option<(List, Option<Tick>)>>,
}

impl Addresses {
    /// The addresses of an upstream's host. When they cannot be asked for, the old ones serve on.
    ///
    /// # Errors
    /// When there are none.
    pub(super) async fn of(&self, core: &Core, upstream: &Upstream) -> Result<List, Failure> {
        let host = upstream.host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(List::from_iter([SocketAddr::new(address, upstream.port)]));
        }
        let now = core.clock.now();
        if let Some((list, Some(asked))) = &*self.known.borrow()
            && now.since(*asked) < FRESH
        {
            return Ok(list.clone());
        }
        match tokio::net::lookup_host((host, upstream.port)).await {
            Ok(found) => {
                let list: List = found.take(MOST).collect();
                *self.known.borrow_mut() = Some((list.clone(), Some(now)));
                Ok(list)
            }
            Err(error) => match &*self.known.borrow() {
                Some((list, _)) => Ok(list.clone()),
                None => Err(Failure::new(
                    &codes::UPSTREAM_UNREACHABLE,
                    format!("`{host}` has no address: {error}"),
                )),
            },
        }
    }

    /// None of them answered: ask again next time.
    pub(super) fn doubt(&self) {
        if let Some((_, asked)) = &mut *self.known.borrow_mut() {
            *asked = None;
        }
    }
}
