//! Targets that are names, of hosts and of services: calls go where they lead now.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use engine::keyed::Keyed;
use engine::upstream::{Target, Upstream};
use testkit::dns::{A, Record, SRV};
use testkit::{Dns, FakeClock, until};

use super::probes::Side;
use super::world::{Backend, OK, Shape, World};
use crate::upstream::names_from;

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Two services on one port, at both addresses.
fn twins() -> (Backend, Backend) {
    until(20, || {
        let here = Backend::answering(OK);
        let there = TcpListener::bind(SocketAddr::from((THERE, here.address.port()))).ok()?;
        let there = Backend::on(there, |backend, _, mut client| {
            while backend.take(&mut client) {
                client.send(OK);
            }
        });
        Some((here, there))
    })
    .unwrap()
}

#[test]
fn calls_go_where_the_name_leads_now() {
    let (here, there) = twins();
    let moved = Arc::new(AtomicBool::new(false));
    let has_moved = Arc::clone(&moved);
    let dns = Dns::start(move |question| {
        let address = if has_moved.load(Ordering::SeqCst) { THERE } else { HERE };
        let records = [Record::address(address.into(), 5)];
        vec![question.answer(if question.kind == A { &records } else { &[] })]
    });
    let keyed = Arc::<Keyed>::default();
    let _servers = names_from(dns.address(), &keyed);
    let (clock, mut shape) = (FakeClock::new(), Shape::to(here.address));
    shape.host = "orders.test";
    let world = World::among(&shape, Arc::new(clock.clone()), Side::start(), &keyed);
    let calls = || (here.requests().len(), there.requests().len());
    let mut client = world.connect();
    let mut call = |count: usize| {
        for _ in 0..count {
            client.send(GET);
            let reply = client.reply();
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    };
    call(3);
    assert_eq!(calls(), (3, 0));
    moved.store(true, Ordering::SeqCst);
    // The connection that is kept leads where the name does not any more: it carries no further calls once that is known.
    let arrived = until(20, || {
        clock.advance(Duration::from_secs(1));
        call(1);
        (calls().1 > 0).then_some(())
    });
    assert!(arrived.is_some(), "{:?}", calls());
    let before = calls();
    call(3);
    assert_eq!(calls(), (before.0, before.1 + 3), "and none goes back");
}

/// In the place of a backend, where nobody listens.
const DEAD: usize = 9;
const NOBODY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// A service of three backends, behind a name server that says by turns where it runs.
struct Farm {
    world: World,
    clock: FakeClock,
    backends: Vec<Backend>,
    turn: Arc<AtomicUsize>,
    keyed: Arc<Keyed>,
    shape: Shape,
    _servers: Arc<dyn std::any::Any + Send + Sync>,
}

/// Priority and weight of each backend by its number, in each turn; `None` when the service is said not to be available.
type Says = fn(usize) -> Option<Vec<(usize, (u16, u16))>>;

impl Farm {
    fn new(says: Says, change: impl FnOnce(&mut Upstream)) -> Self {
        let backends: Vec<Backend> = (0..3).map(|_| Backend::answering(OK)).collect();
        let ports: Vec<u16> = backends.iter().map(|backend| backend.address.port()).collect();
        let turn = Arc::<AtomicUsize>::default();
        let now = Arc::clone(&turn);
        let dns = Dns::start(move |question| {
            let records = match (question.kind, question.name.as_str()) {
                (SRV, "_http._tcp.orders.test") => match says(now.load(Ordering::SeqCst)) {
                    Some(places) => {
                        let place = |(number, order): (usize, (u16, u16))| match ports.get(number) {
                            Some(port) => Record::place(order, &format!("b{number}.orders.test"), *port, 1),
                            None => Record::place(order, "dead.orders.test", ports[0], 1),
                        };
                        places.into_iter().map(place).collect()
                    }
                    None => vec![Record::place((0, 0), "", 0, 1)],
                },
                (A, "dead.orders.test") => vec![Record::address(NOBODY.into(), 60)],
                (A, name) if name.starts_with('b') => vec![Record::address(HERE.into(), 60)],
                _ => Vec::new(),
            };
            vec![question.answer(&records)]
        });
        let keyed = Arc::<Keyed>::default();
        let servers = names_from(dns.address(), &keyed);
        let (clock, mut shape) = (FakeClock::new(), Shape::to(backends[0].address));
        clock.advance(Duration::from_secs(1_000));
        let target = Target {
            name: "http://_http._tcp.orders.test".into(),
            tls: false,
            host: "orders.test".into(),
            port: 80,
            authority: http::HeaderValue::from_static("orders.test"),
            path: None,
            weight: 1,
        };
        let mut upstream = Upstream::new("farm", vec![target], shape.deadlines);
        upstream.service = Some("_http._tcp.orders.test".into());
        upstream.retries.most = 1;
        upstream.slow_start = Duration::ZERO;
        change(&mut upstream);
        shape.behind = Some(Arc::new(upstream));
        let world = World::among(&shape, Arc::new(clock.clone()), Side::start(), &keyed);
        Self { world, clock, backends, turn, keyed, shape, _servers: servers }
    }

    /// So many calls of one connection; their statuses.
    fn calls(&self, count: usize) -> Vec<u16> {
        let mut client = self.world.connect();
        let status = |_| {
            client.send(GET);
            client.reply().status
        };
        (0..count).map(status).collect()
    }

    /// How many calls each backend has had since it was asked last.
    fn had(&self, before: &mut [usize; 3]) -> [usize; 3] {
        let now = [0, 1, 2].map(|number| self.backends[number].requests().len());
        let had = [0, 1, 2].map(|number| now[number] - before[number]);
        *before = now;
        had
    }

    /// Goes on to the next turn, and lets time pass until that is known.
    fn next(&self, knows: impl Fn(&[String]) -> bool) {
        self.turn.fetch_add(1, Ordering::SeqCst);
        let known = until(20, || {
            self.clock.advance(Duration::from_secs(1));
            knows(&self.targets()).then_some(())
        });
        assert!(known.is_some(), "{:?}", self.targets());
    }

    /// Its targets, as they are told.
    fn targets(&self) -> Vec<String> {
        use engine::Clock;
        let snapshot = self.shape.snapshot(&engine::snapshot::Live::default());
        let states = crate::target_states(&snapshot, (&self.keyed, 2, self.clock.now()));
        states.into_iter().map(|state| state.target).collect()
    }
}

#[test]
fn a_service_has_the_weights_and_the_targets_of_its_records() {
    let farm = Farm::new(
        |turn| {
            Some(match turn {
                0 => vec![(0, (0, 3)), (1, (0, 1))],
                _ => vec![(1, (0, 1)), (2, (0, 1))],
            })
        },
        |_| {},
    );
    let mut before = [0; 3];
    assert_eq!(farm.calls(40), [200; 40]);
    assert_eq!(farm.had(&mut before), [30, 10, 0]);
    let heads = farm.backends[0].requests();
    assert!(heads[0].0.contains("host: orders.test\r\n"), "{}", heads[0].0);
    let place =
        |number: usize| format!("http://b{number}.orders.test:{}", farm.backends[number].address.port());
    assert_eq!(farm.targets().len(), 2);
    assert!(farm.targets().contains(&place(0)));
    farm.next(|targets| targets.contains(&place(2)));
    assert!(!farm.targets().contains(&place(0)));
    assert_eq!(farm.calls(40), [200; 40]);
    assert_eq!(farm.had(&mut before), [0, 20, 20]);
}

#[test]
fn the_lowest_priority_that_is_up_has_all_calls() {
    let farm = Farm::new(
        |turn| {
            Some(match turn {
                0 => vec![(0, (1, 0)), (1, (2, 5)), (2, (2, 5))],
                // Where nobody listens, and then two that somebody does.
                _ => vec![(DEAD, (0, 9)), (1, (2, 5)), (2, (3, 5))],
            })
        },
        |upstream| upstream.outliers.failures = 1,
    );
    let mut before = [0; 3];
    assert_eq!(farm.calls(10), [200; 10]);
    assert_eq!(farm.had(&mut before), [10, 0, 0]);
    farm.next(|targets| targets.iter().any(|target| target.contains("dead")));
    assert_eq!(farm.calls(10), [200; 10]);
    assert_eq!(farm.had(&mut before), [0, 10, 0]);
}

#[test]
fn a_service_that_is_not_available_is_said_to_be_so_and_comes_back() {
    let farm = Farm::new(|turn| (turn != 1).then(|| vec![(0, (0, 0))]), |_| {});
    assert_eq!(farm.calls(2), [200; 2]);
    farm.next(<[String]>::is_empty);
    assert_eq!(farm.calls(2), [502; 2]);
    farm.next(|targets| targets.len() == 1);
    assert_eq!(farm.calls(2), [200; 2]);
    let calls = farm.world.tape.calls(6);
    let unreachable = calls.iter().filter(|call| call.code == "upstream_unreachable").count();
    assert_eq!(unreachable, 2, "{calls:?}");
}
