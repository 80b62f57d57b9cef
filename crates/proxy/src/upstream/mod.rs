//! The way to the services behind, per core.
//!
//! | module | what it promises |
//! |---|---|
//! | `group` | a target for each call, the one plain target without any computation |
//! | `balance` | who comes next, as pure functions |
//! | `health` | targets that fail are left alone for a while, never too many of them |
//! | `probe` | the same by asking, on the side runtime |
//! | `gate` | no target is given more at one time than it takes |
//! | `budget` | retries stay a share of the calls |
//! | `connections` | connections are used again only when nothing is left in them |
//! | `dns` | the system's name servers, and how long what they say holds |
//! | `names` | names are asked for again, without a call waiting for it |
//! | `services` | targets that are the records of a service come and go |
//! | `resolve` | the addresses of a target, by turns |
//! | `connect` | address, TCP, TLS, HTTP |
//! | `fault` | what an error says of the call: never sent, refused, broken |
//!
//! Connections and budgets belong to a core, health to the process ([`engine::keyed::Keyed`]); all of them outlive
//! snapshots, since they are found again by the names of upstream and target.

mod balance;
mod budget;
mod connect;
mod connections;
mod dns;
mod fault;
mod gate;
mod group;
mod health;
mod names;
mod probe;
mod resolve;
mod services;
mod tls;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::{Arc, Weak};

use engine::control::CoreContext;
use engine::upstream::{HealthCheck, Kept, Target, Trust, Upstream, UpstreamHttp};
use engine::{Snapshot, Tick, codes};
use hyper::client::conn::http2;

use crate::core::Core;
use crate::exchange::Failure;
use crate::http1::client::Connection;
use crate::outgoing::Outgoing;
use crate::tls::Tls;

pub(crate) use balance::Set;
pub(crate) use connections::{Lease, Wanted, Way, busy};
pub(crate) use fault::{classify, is_break, is_refusal};
pub(crate) use gate::Permit;
pub(crate) use group::Group;
pub(crate) use health::Met;
pub(crate) use tls::Clients;

use connections::{Connections, Shared, Stats};
use gate::Gate;
use health::{Health, Ward};
use names::Host;
use probe::Probe;
use services::Resolved;

/// A connection as calls use it.
#[derive(Debug)]
pub(crate) enum Sender {
    One(Connection),
    Two(http2::SendRequest<Outgoing>),
}

/// What connections have in common, so that a call of one upstream never comes upon those of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    upstream: Box<str>,
    target: Box<str>,
    http: UpstreamHttp,
    trust: Arc<Trust>,
}

type Known = (Weak<Upstream>, Rc<Group>);

/// All upstreams of a core.
#[derive(Debug)]
pub(crate) struct Pool {
    tls: Arc<Tls>,
    cores: u32,
    /// Whether targets are asked how they are, and name servers where they are.
    probes: bool,
    /// By the upstream's address; the weak count keeps that from being given to another.
    by_upstream: RefCell<HashMap<usize, Known>>,
    by_key: RefCell<HashMap<Key, Rc<Connections>>>,
    /// When [`Pool::sweep`] was called last: precise enough for what is counted in seconds.
    swept: Cell<Tick>,
}

impl Pool {
    /// The pool of one of so many cores.
    pub(crate) fn new(tls: &Arc<Tls>, cores: usize) -> Self {
        Self {
            tls: Arc::clone(tls),
            cores: u32::try_from(cores).unwrap_or(u32::MAX).max(1),
            probes: true,
            by_upstream: RefCell::default(),
            by_key: RefCell::default(),
            swept: Cell::default(),
        }
    }

    /// Asks no target how it is, and nobody where it is.
    pub(crate) fn without_probes(self) -> Self {
        Self { probes: false, ..self }
    }

    /// How many cores share what the circuit breakers allow.
    fn cores(&self) -> u32 {
        self.cores
    }

    /// Readies the upstreams of a snapshot before its first call.
    pub(crate) fn adopt(&self, snapshot: &Snapshot, context: &CoreContext) {
        for plan in &snapshot.operations {
            for upstream in plan.upstream.iter().flat_map(Upstream::with_mirror) {
                self.group(upstream, context);
            }
        }
    }

    /// The targets of an upstream.
    pub(crate) fn group(&self, upstream: &Arc<Upstream>, context: &CoreContext) -> Rc<Group> {
        let address = Arc::as_ptr(upstream).addr();
        if let Some((_, group)) =
            self.by_upstream.borrow().get(&address).filter(|(_, group)| group.is_current())
        {
            return Rc::clone(group);
        }
        let group = Rc::new(self.make(upstream, context));
        self.by_upstream.borrow_mut().insert(address, (Arc::downgrade(upstream), Rc::clone(&group)));
        group
    }

    /// The same once it has a target; waits for the first answer of the name servers, where they know the targets.
    ///
    /// # Errors
    /// When there is none, or no answer in time.
    pub(crate) async fn ready(&self, upstream: &Arc<Upstream>, core: &Core) -> Result<Rc<Group>, Failure> {
        let group = self.group(upstream, &core.context);
        let Some(resolved) = group.resolved.as_ref().filter(|_| group.is_empty()) else { return Ok(group) };
        let time = upstream.deadlines.connect;
        let failure = |why: String| Failure::new(&codes::UPSTREAM_UNREACHABLE, why);
        match tokio::time::timeout(time, resolved.service.current(&*core.clock)).await {
            Ok(Ok(_)) => Ok(self.group(upstream, &core.context)),
            Ok(Err(why)) => Err(failure(why)),
            Err(_) => Err(failure(String::from("no name server said in time where it runs"))),
        }
    }

    fn make(&self, configured: &Arc<Upstream>, context: &CoreContext) -> Group {
        let keyed = &context.keyed;
        let budget = self.like(configured).unwrap_or_default();
        // Whichever core comes first: to all that start with it the upstream is new.
        let own = Arc::as_ptr(configured).addr();
        let ward = keyed.get_or_make(WARD, &configured.name, || Ward::of(own));
        let had = self.by_upstream.borrow().get(&own).is_some_and(|(_, group)| !group.is_empty());
        let at = (had || !ward.is_of(own)).then(|| context.clock.now());
        let resolved = if self.probes { Resolved::of(configured, context) } else { None };
        let upstream = resolved.as_ref().map_or(configured, |resolved| &resolved.upstream);
        let upstream = &Arc::clone(upstream);
        let kept = self.kept(upstream);
        let targets = upstream.targets.iter().map(|target| {
            let key = Key {
                upstream: upstream.name.clone(),
                target: target.name.clone(),
                http: upstream.http,
                trust: Arc::clone(&upstream.trust),
            };
            let name = named(upstream, &target.name);
            let mut all = self.by_key.borrow_mut();
            let connections = all.entry(key).or_insert_with(|| {
                let health = keyed.get_or_make(HEALTH, &name, || Health::new(at));
                let stats = keyed.get_or_make(STATS, &format!("{} {name}", context.core), Stats::default);
                let gate = keyed.get_or_make(GATE, &name, Gate::default);
                let host = Host::of(&target.host, context, self.probes);
                Rc::new(Connections::new(target, kept, Shared { health, stats, gate, host }))
            });
            connections.keep(kept);
            (Rc::clone(connections), self.probe(upstream, target, context))
        });
        let mut seed = [0; 8];
        context.clock.fill(&mut seed);
        Group::new(upstream, (targets.collect(), resolved), (ward, budget), u64::from_le_bytes(seed))
    }

    /// Idle connections that a core may keep: never so many that another core could have none.
    fn kept(&self, upstream: &Upstream) -> Kept {
        let share = upstream.breakers.connections.max(self.cores) / self.cores;
        let share = usize::try_from(share).unwrap_or(usize::MAX);
        Kept { connections: upstream.kept.connections.min(share), ..upstream.kept }
    }

    /// The checks of a target, begun when nobody has yet; other settings mean other checks.
    fn probe(&self, upstream: &Upstream, target: &Target, context: &CoreContext) -> Option<Arc<Probe>> {
        let check = upstream.health.as_ref().filter(|_| self.probes)?;
        let name = probed(upstream, target, check);
        let probe = context.keyed.get_or_make(PROBE, &name, Probe::default);
        probe.start((upstream, target, check), (&self.tls.clients, context));
        Some(probe)
    }

    /// The budget of the upstream of this name in another snapshot.
    fn like(&self, upstream: &Upstream) -> Option<Rc<budget::Budget>> {
        let groups = self.by_upstream.borrow();
        let mut same = groups.values().filter(|(_, group)| group.name == upstream.name);
        same.next().map(|(_, group)| Rc::clone(&group.budget))
    }

    /// When idle connections were looked at last.
    fn swept(&self) -> Tick {
        self.swept.get()
    }

    /// Forgets upstreams that no snapshot has any more, and their connections.
    pub(crate) fn forget_unused(&self) {
        self.by_upstream.borrow_mut().retain(|_, (upstream, _)| upstream.strong_count() > 0);
        // The map itself holds one.
        self.by_key.borrow_mut().retain(|_, connections| Rc::strong_count(connections) > 1);
    }

    /// Closes what was idle for too long.
    pub(crate) fn sweep(&self, now: Tick) {
        self.forget_unused();
        self.swept.set(now);
        for connections in self.by_key.borrow().values() {
            connections.sweep(now);
        }
    }
}

const WARD: &str = "upstream";
const HEALTH: &str = "health of a target";
const STATS: &str = "calls at a target";
const GATE: &str = "breakers of a target";
const PROBE: &str = "checks of a target";

/// What state of a target is kept under.
fn named(upstream: &Upstream, target: &str) -> String {
    format!("{} {target}", upstream.name)
}

/// What the checks of a target are kept under.
fn probed(upstream: &Upstream, target: &Target, check: &HealthCheck) -> String {
    let trust = &upstream.trust;
    let mut hasher = std::hash::DefaultHasher::new();
    (trust, upstream.http, &target.authority).hash(&mut hasher);
    format!("{} {check:?} {:x}", named(upstream, &target.name), hasher.finish())
}

/// What calls met at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// An answer.
    pub good: u64,
    /// No connection.
    pub dead: u64,
    /// A fault, a silence, or a status that says so.
    pub ill: u64,
    /// How many of them were not the first try of their call.
    pub retries: u64,
    /// Those under way, as of the last second.
    pub busy: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.good += other.good;
        self.dead += other.dead;
        self.ill += other.ill;
        self.retries += other.retries;
        self.busy += other.busy;
    }
}

/// How a target is and what happened there, over all cores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// Its upstream's name.
    pub upstream: String,
    /// Its own: scheme, host and port.
    pub target: String,
    /// Whether calls are sent there.
    pub up: bool,
    /// Open connections.
    pub connections: u32,
    /// What calls met there.
    pub counts: Counts,
    /// How often it was taken out.
    pub ejections: u64,
}

/// The targets of a snapshot's upstreams, as `cores` of a data plane with this keyed state know them.
#[must_use]
pub fn target_states(snapshot: &Snapshot, context: (&engine::keyed::Keyed, usize, Tick)) -> Vec<TargetState> {
    let (keyed, cores, now) = context;
    let mut seen = std::collections::BTreeMap::new();
    let served = snapshot.operations.iter().filter_map(|plan| plan.upstream.as_ref());
    for upstream in served.flat_map(Upstream::with_mirror) {
        let upstream = services::current(upstream, keyed);
        for target in &upstream.targets {
            let key = (upstream.name.clone(), target.name.clone());
            seen.entry(key).or_insert_with(|| (Arc::clone(&upstream), target.clone()));
        }
    }
    let state = |(upstream, target): (Arc<Upstream>, Target)| {
        let (upstream, target) = (&upstream, &target);
        let name = named(upstream, &target.name);
        let health = keyed.get_or_make(HEALTH, &name, Health::default);
        let checked = upstream
            .health
            .as_ref()
            .map(|check| keyed.get_or_make(PROBE, &probed(upstream, target, check), Probe::default));
        let mut sum = Counts::default();
        for core in 0..cores {
            sum.add(keyed.get_or_make(STATS, &format!("{core} {name}"), Stats::default).read());
        }
        TargetState {
            upstream: upstream.name.to_string(),
            target: target.name.to_string(),
            up: health.is_up(now) && checked.is_none_or(|probe| probe.is_up()),
            connections: keyed.get_or_make(GATE, &name, Gate::default).connections(),
            counts: sum,
            ejections: health.ejections(),
        }
    };
    seen.into_values().map(state).collect()
}

/// Asks this name server, of all those that share the state, for as long as what is returned is held.
#[cfg(test)]
pub(crate) fn names_from(
    server: std::net::SocketAddr,
    keyed: &engine::keyed::Keyed,
) -> Arc<dyn std::any::Any + Send + Sync> {
    keyed.get_or_make(names::RESOLVER, "", || names::tests::resolver(server, &[]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::upstream::Deadlines;
    use http::HeaderValue;
    use testkit::FakeClock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn upstream(hosts: &[&str]) -> Arc<Upstream> {
        let target = |host: &&str| Target {
            name: format!("http://{host}").into(),
            tls: false,
            host: (*host).into(),
            port: 80,
            authority: HeaderValue::from_static("api.internal"),
            path: None,
            weight: 1,
        };
        let deadlines =
            Deadlines { connect: SECOND, first_byte: SECOND, total: SECOND, idle: SECOND, lifetime: SECOND };
        let mut made = Upstream::new("u", hosts.iter().map(target).collect(), deadlines);
        made.slow_start = 10 * SECOND;
        Arc::new(made)
    }

    fn weights(pool: &Pool, of: &Arc<Upstream>, context: &CoreContext) -> Vec<u64> {
        let (group, now) = (pool.group(of, context), context.clock.now());
        let weight = |number| {
            let member = group.member(number).unwrap();
            member.connections.health.weight(1, Tick(0), now, of.slow_start)
        };
        (0..of.targets.len()).map(weight).collect()
    }

    #[test]
    fn the_core_that_comes_second_takes_no_target_for_a_late_one() {
        let clock = FakeClock::new();
        clock.advance(1_000 * SECOND);
        let context = testkit::core(&clock, &Arc::default());
        let pool = Pool::new(&Arc::new(Tls::new(Arc::clone(&context.clock))), 2);
        let first = upstream(&["a", "b"]);
        // As far as the other core has come: the upstream is known, its targets not yet.
        let other = context.keyed.get_or_make(WARD, &first.name, || Ward::of(Arc::as_ptr(&first).addr()));
        assert_eq!(weights(&pool, &first, &context), [health::WHOLE; 2]);
        // Whom a reload brings is late.
        let reloaded = upstream(&["a", "b", "c"]);
        let late = health::WHOLE / 8;
        assert_eq!(weights(&pool, &reloaded, &context), [health::WHOLE, health::WHOLE, late]);
        drop(other);
    }
}
