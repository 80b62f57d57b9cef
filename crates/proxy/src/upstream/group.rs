//! An upstream as one core sees it: its targets, and which of them a call goes to.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::upstream::{Balance, HashBy, Outliers, Upstream};
use engine::{Call, Tick};

use super::balance::{self, Set};
use super::budget::Budget;
use super::connections::Connections;
use super::health::{Met, Ward};
use super::probe::Probe;
use super::services::Resolved;

/// A target, and its place among the others.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) connections: Rc<Connections>,
    probe: Option<Arc<Probe>>,
    weight: u32,
    /// Of those that are up, only those with the lowest one are asked.
    priority: u16,
    /// Of round robin.
    credit: Cell<i64>,
    /// Of hashing.
    seed: u64,
}

impl Member {
    fn is_up(&self, now: Tick) -> bool {
        self.connections.health.is_up(now) && self.probe.as_ref().is_none_or(|probe| probe.is_up())
    }

    fn share(&self, now: Tick, slow: Duration) -> u64 {
        let back = self.probe.as_ref().map_or(Tick(0), |probe| probe.up_at());
        self.connections.health.weight(self.weight, back, now, slow)
    }
}

/// The connections of a target, and its checks.
type Place = (Rc<Connections>, Option<Arc<Probe>>);

/// The targets of an upstream. It does not hold the upstream itself, whose end is how the pool knows of its own.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) name: Box<str>,
    /// Where the targets are the records of a service.
    pub(super) resolved: Option<Resolved>,
    balance: Balance,
    outliers: Outliers,
    slow_start: Duration,
    pub(super) calls: Option<u32>,
    members: Box<[Member]>,
    ward: Arc<Ward>,
    pub(crate) budget: Rc<Budget>,
    /// Hundredths of a call that are still to be copied.
    copied: Cell<u8>,
    dice: Cell<u64>,
}

impl Group {
    /// The targets in the order of the configuration, each with its connections.
    pub(super) fn new(
        upstream: &Upstream,
        (targets, resolved): (Vec<Place>, Option<Resolved>),
        (ward, budget): (Arc<Ward>, Rc<Budget>),
        seed: u64,
    ) -> Self {
        let priority =
            |number: usize| resolved.as_ref().and_then(|resolved| resolved.priorities.get(number)).copied();
        let members = upstream.targets.iter().zip(targets).enumerate();
        let members = members.map(|(number, (target, (connections, probe)))| Member {
            connections,
            probe,
            weight: target.weight,
            priority: priority(number).unwrap_or_default(),
            credit: Cell::new(0),
            seed: balance::hash(&[target.name.as_bytes()]),
        });
        let members: Box<[Member]> = members.collect();
        Self {
            members,
            resolved,
            name: upstream.name.clone(),
            balance: upstream.balance.clone(),
            outliers: upstream.outliers,
            slow_start: upstream.slow_start,
            calls: upstream.breakers.calls,
            ward,
            budget,
            copied: Cell::new(0),
            dice: Cell::new(seed),
        }
    }

    pub(super) fn member(&self, number: usize) -> Option<&Member> {
        self.members.get(number)
    }

    /// The upstream with the targets that it has now.
    pub(crate) fn upstream<'a>(&'a self, configured: &'a Arc<Upstream>) -> &'a Arc<Upstream> {
        self.resolved.as_ref().map_or(configured, |resolved| &resolved.upstream)
    }

    /// Whether its targets are those of now.
    pub(super) fn is_current(&self) -> bool {
        self.resolved.as_ref().is_none_or(Resolved::is_current)
    }

    /// Whether it has no target at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The target for a call; one that was tried already, or is not well, when there is no other.
    pub(crate) fn pick(&self, call: &Call, tried: Set, now: Tick) -> usize {
        match &*self.members {
            [] | [_] => 0,
            all => self.choose(all, call, tried, now),
        }
    }

    /// Whether a target is left that was not tried.
    pub(crate) fn has_other(&self, tried: Set) -> bool {
        !Set::first(self.members.len()).without(tried).is_empty()
    }

    #[cold]
    #[inline(never)]
    fn choose(&self, members: &[Member], call: &Call, tried: Set, now: Tick) -> usize {
        let all = Set::first(members.len());
        let mut up = Set::default();
        for (number, member) in members.iter().enumerate() {
            if member.is_up(now) {
                up.add(number);
            }
        }
        let set = self.nearest(up.without(tried).or(all.without(tried)).or(all));
        if let Some(only) = set.only() {
            return only;
        }
        let slow = self.slow_start;
        let candidates = set.iter().filter_map(|number| {
            let member = members.get(number)?;
            Some((number, member.share(now, slow), member))
        });
        let chosen = match &self.balance {
            Balance::RoundRobin => {
                balance::in_turn(candidates.map(|(n, weight, of)| (n, weight, &of.credit)))
            }
            Balance::LeastBusy => {
                let busy = candidates.map(|(n, weight, of)| (n, weight, of.connections.busy.get()));
                balance::of_two(&busy, || self.roll())
            }
            Balance::Hash(by) => {
                let seeds = candidates.map(|(n, weight, of)| (n, weight, of.seed));
                balance::by_hash(seeds, key(call, by))
            }
        };
        chosen.unwrap_or_default()
    }

    /// Those with the lowest priority.
    fn nearest(&self, set: Set) -> Set {
        if self.resolved.is_none() {
            return set;
        }
        let of = |number: usize| self.members.get(number).map_or(u16::MAX, |member| member.priority);
        let lowest = set.iter().map(of).min();
        let mut nearest = Set::default();
        set.iter().filter(|number| Some(of(*number)) == lowest).for_each(|number| nearest.add(number));
        nearest
    }

    /// SplitMix64: good enough to spread calls, and nothing else hangs on it.
    fn roll(&self) -> u64 {
        let next = self.dice.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.dice.set(next);
        balance::mix(next)
    }

    /// Whether the next call is one of `share` of a hundred that are copied: they are spread evenly, and neither by chance nor by
    /// anything that a caller could choose.
    pub(crate) fn is_copied(&self, share: u8) -> bool {
        let sum = self.copied.get().saturating_add(share.min(100));
        self.copied.set(sum.checked_sub(100).unwrap_or(sum));
        sum >= 100
    }

    /// Takes down what a call met at a target.
    pub(crate) fn report(&self, number: usize, met: Met, now: Tick) {
        let Some(member) = self.members.get(number) else { return };
        let connections = &member.connections;
        connections.stats.count(met);
        if self.members.len() > 1 {
            let all = self.members.iter().map(|member| member.is_up(now));
            self.ward.report(&connections.health, all, met, now, &self.outliers);
        }
    }
}

/// What calls are kept together by.
fn key(call: &Call, by: &HashBy) -> u64 {
    let found = match by {
        HashBy::Address => None,
        HashBy::Subject => call
            .principal()
            .map(|principal| balance::hash(&[principal.issuer.as_bytes(), principal.subject.as_bytes()])),
        HashBy::Header(name) => {
            call.request.headers.get(name).map(|value| balance::hash(&[value.as_bytes()]))
        }
    };
    found.unwrap_or_else(|| match call.client {
        std::net::IpAddr::V4(address) => balance::hash(&[&address.octets()]),
        std::net::IpAddr::V6(address) => balance::hash(&[&address.octets()]),
    })
}
