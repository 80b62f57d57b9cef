//! From where calls may come: networks that are let in, and networks that are not.
//!
//! Asked first, before anything is computed for the call. The address is the client's as admission found it: that of the connection, or
//! what a trusted hop says; whom it hides, or names in a way that cannot be read, is in no network of `allow`. A network of `deny` goes before all of `allow`; where there is an `allow`, nobody else is let in. An IPv4
//! address in IPv6 clothes (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is the IPv4 address.
//!
//! Countries and autonomous systems are the networks that databases give them.
//!
//! Networks are compiled to sorted ranges that do not touch, so that a call costs two binary searches, however long the lists are. Lists
//! in files are part of the document: read, checked and watched with it. An open stream is asked again when they change.

mod config;
mod places;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict, codes};

pub use config::{NetworksSection, Source, check_section, compile, files, schema};
pub use places::Place;

/// Addresses, as ranges from the first to the last; sorted, with others between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Ranges {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl Ranges {
    fn new(all: &[places::Network]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (address, prefix) in all {
            let prefix = u32::from(*prefix);
            match *address {
                IpAddr::V4(address) => v4.push(range(u32::from(address), u32::MAX.checked_shr(prefix))),
                IpAddr::V6(address) => match (address.to_ipv4_mapped(), prefix.checked_sub(96)) {
                    (Some(inner), Some(prefix)) => {
                        v4.push(range(u32::from(inner), u32::MAX.checked_shr(prefix)));
                    }
                    _ => v6.push(range(u128::from(address), u128::MAX.checked_shr(prefix))),
                },
            }
        }
        Self { v4: merged(v4), v6: merged(v6) }
    }

    fn contain(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => has(&self.v4, u32::from(address)),
            IpAddr::V6(address) => has(&self.v6, u128::from(address)),
        }
    }
}

/// From a network's address, whatever its other bits are, to the last of it; `hosts` has a one for each bit that is free, or is none.
fn range<N>(address: N, hosts: Option<N>) -> (N, N)
where
    N: Copy
        + Default
        + std::ops::BitOr<Output = N>
        + std::ops::BitAnd<Output = N>
        + std::ops::Not<Output = N>,
{
    let hosts = hosts.unwrap_or_default();
    (address & !hosts, address | hosts)
}

fn merged<N>(mut all: Vec<(N, N)>) -> Box<[(N, N)]>
where
    N: Copy + Ord + From<u8> + std::ops::Sub<Output = N>,
{
    all.sort_unstable();
    let mut out: Vec<(N, N)> = Vec::with_capacity(all.len());
    for (first, last) in all {
        match out.last_mut() {
            Some((_, end)) if first <= *end || first - *end == N::from(1) => *end = last.max(*end),
            _ => out.push((first, last)),
        }
    }
    out.into()
}

fn has<N: Copy + Ord>(ranges: &[(N, N)], address: N) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    let before = after.checked_sub(1).and_then(|at| ranges.get(at));
    before.is_some_and(|(_, last)| address <= *last)
}

/// The control, for all operations with one section.
#[derive(Debug)]
pub struct Networks {
    /// Those that are let in; without it all.
    allow: Option<Ranges>,
    deny: Ranges,
}

impl Networks {
    fn decide(&self, call: &Call) -> Verdict {
        let why = if self.deny.contain(call.client) {
            "the client's address is in a network of `deny`"
        } else if self.allow.is_some() && !call.located {
            "a trusted hop hides the client's address, or says it in a way that cannot be read"
        } else if self.allow.as_ref().is_some_and(|allow| !allow.contain(call.client)) {
            "the client's address is in no network of `allow`"
        } else {
            return Verdict::Allow;
        };
        Verdict::Refuse(Refusal::new(&codes::ADDRESS_REFUSED, why))
    }
}

impl Control for Networks {
    fn name(&self) -> &'static str {
        "networks"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, recheck: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Networks>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.decide(call))
    }
}
