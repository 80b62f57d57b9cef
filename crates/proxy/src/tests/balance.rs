//! Several targets: who gets which call, what happens when one of them is dead or ill, and what is tried again.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::bounds::Bound;
use engine::upstream::{Balance, HashBy, Target, Upstream};
use http::HeaderValue;
use testkit::{Answer, FakeClock, Fault, Recorder, until};

use super::world::{Reply, Shape, World};
use crate::TargetState;

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST /v1/a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi";
const CHUNKED: &str =
    "PUT /v1/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";

pub(super) fn target(address: SocketAddr, weight: u32) -> Target {
    Target {
        name: format!("http://{address}").into(),
        tls: false,
        host: address.ip().to_string().into(),
        port: address.port(),
        authority: HeaderValue::from_static("orders.internal"),
        path: None,
        weight,
    }
}

/// A gateway in front of several targets, with a clock that stands still.
pub(super) struct Farm {
    pub(super) world: World,
    pub(super) clock: FakeClock,
    pub(super) shape: Shape,
}

impl Farm {
    pub(super) fn new(targets: &[(SocketAddr, u32)], change: impl FnOnce(&mut Upstream)) -> Self {
        Self::started(targets, change, |shape, clock| {
            World::at(shape, Arc::new(clock.clone()), Arc::new(testkit::NoSpawn))
        })
    }

    pub(super) fn started(
        targets: &[(SocketAddr, u32)],
        change: impl FnOnce(&mut Upstream),
        start: impl FnOnce(&Shape, &FakeClock) -> World,
    ) -> Self {
        let clock = FakeClock::new();
        clock.advance(Duration::from_secs(1000));
        let mut shape = Shape::to(targets[0].0);
        shape.behind = Some(Arc::new(upstream(&shape, targets, change)));
        Self { world: start(&shape, &clock), clock, shape }
    }

    /// Publishes the same with other targets.
    pub(super) fn reload(&mut self, targets: &[(SocketAddr, u32)], change: impl FnOnce(&mut Upstream)) {
        self.shape.behind = Some(Arc::new(upstream(&self.shape, targets, change)));
        self.shape.generation += 1;
        self.world.plane.as_ref().unwrap().publish(&self.shape.snapshot(&self.world.live));
    }

    /// Several calls over one connection, so that one core has them all.
    pub(super) fn calls(&self, request: &str, count: usize) -> Vec<Reply> {
        let mut client = self.world.connect();
        (0..count)
            .map(|_| {
                client.send(request);
                client.reply()
            })
            .collect()
    }

    /// Whether a target gets calls.
    pub(super) fn is_up(&self, address: SocketAddr) -> bool {
        self.states().iter().any(|state| state.target == format!("http://{address}") && state.up)
    }

    pub(super) fn states(&self) -> Vec<TargetState> {
        use engine::Clock;
        let snapshot = self.shape.snapshot(&engine::snapshot::Live::default());
        crate::target_states(&snapshot, (&self.world.keyed, 2, self.clock.now()))
    }
}

fn upstream(shape: &Shape, targets: &[(SocketAddr, u32)], change: impl FnOnce(&mut Upstream)) -> Upstream {
    let targets = targets.iter().map(|(address, weight)| target(*address, *weight)).collect();
    let mut upstream = Upstream::new("farm", targets, shape.deadlines);
    change(&mut upstream);
    upstream
}

fn recorders<const N: usize>() -> [Recorder; N] {
    std::array::from_fn(|_| Recorder::start())
}

/// A target that resets each connection as soon as it is there; counts them.
fn resetting() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&count);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
            drop(socket);
            seen.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, count)
}

/// An address where nobody listens.
pub(super) fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn all_well(replies: &[Reply]) {
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
}

#[test]
fn calls_are_spread_by_weight() {
    let [a, b] = recorders();
    let farm = Farm::new(&[(a.address(), 3), (b.address(), 1)], |_| {});
    all_well(&farm.calls(GET, 40));
    assert_eq!((a.count(), b.count()), (30, 10));
    assert_eq!((a.connections(), b.connections()), (1, 1), "each has its own connections, used again");
    let counts: Vec<u64> = farm.states().iter().map(|state| state.counts.good).collect();
    assert_eq!(counts.iter().sum::<u64>(), 40);
}

#[test]
fn the_less_busy_target_gets_the_call() {
    let (slow, quick) = (Recorder::start(), Recorder::start());
    slow.answer(Answer::json(200, "{}").fault(Fault::Stall(0)));
    let farm = Farm::new(&[(slow.address(), 1), (quick.address(), 1)], |upstream| {
        upstream.balance = Balance::LeastBusy;
    });
    // Each core knows what itself has under way, so one call of each has to wait there.
    let mut waiting = Vec::new();
    while slow.count() < 2 {
        let mut client = farm.world.connect();
        client.send(GET);
        waiting.push(client);
        assert!(until(10, || (slow.count() + quick.count() >= waiting.len()).then_some(())).is_some());
    }
    let before = slow.count();
    all_well(&farm.calls(GET, 20));
    assert_eq!(slow.count(), before, "all of 20 go where nobody waits");
}

#[test]
fn the_same_key_gets_the_same_target_until_it_dies() {
    // So many that none of four targets, whose ports are by chance, can be without one.
    const KEYS: usize = 100;
    let all: [Recorder; 4] = recorders();
    let targets: Vec<_> = all.iter().map(|one| (one.address(), 1)).collect();
    let field = http::HeaderName::from_static("x-cart");
    let farm =
        Farm::new(&targets, |upstream| upstream.balance = Balance::Hash(HashBy::Header(field.clone())));
    let of = |key: usize| {
        let before: Vec<usize> = all.iter().map(Recorder::count).collect();
        let request = format!("GET /v1/a HTTP/1.1\r\nhost: a\r\nx-cart: {key}\r\n\r\n");
        assert_eq!(farm.world.call(&request).status, 200);
        all.iter().zip(before).position(|(one, before)| one.count() > before).unwrap()
    };
    let homes: Vec<usize> = (0..KEYS).map(of).collect();
    assert!((0..4).all(|number| homes.contains(&number)), "{homes:?}");
    assert_eq!((0..KEYS).map(of).collect::<Vec<_>>(), homes, "on whichever core");
    // Without the field, by the client's address: always the same.
    let first = farm.calls(GET, 6);
    all_well(&first);
    // One of them dies: its keys go elsewhere, all others stay.
    let gone = homes[0];
    all[gone].answer(Answer::json(503, "{}"));
    for _ in 0..5 {
        let request = "GET /v1/a HTTP/1.1\r\nhost: a\r\nx-cart: 0\r\n\r\n";
        assert_eq!(farm.world.call(request).status, 503);
    }
    let after: Vec<usize> = (0..KEYS).map(of).collect();
    for (before, after) in homes.iter().zip(&after) {
        assert!(if *before == gone { after != before } else { after == before }, "{homes:?} {after:?}");
    }
}

#[test]
fn what_is_left_of_a_body_is_no_request() {
    let (ill, resets) = resetting();
    let well = Recorder::start();
    let mut farm = Farm::new(&[(ill, 1), (well.address(), 1)], |upstream| {
        upstream.outliers.failures = 1000;
    });
    farm.shape.request = engine::BodyMode::Pass { limit: 1000 };
    farm.world.plane.as_ref().unwrap().publish(&farm.shape.snapshot(&farm.world.live));
    for _ in 0..40 {
        let before = resets.load(Ordering::SeqCst) + well.connections();
        let mut client = farm.world.connect();
        client.send("POST /v1/a HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n01234");
        let there = || resets.load(Ordering::SeqCst) + well.connections() > before || well.connections() > 0;
        assert!(until(10, || there().then_some(())).is_some());
        client.send("56789");
        assert!(matches!(client.reply().status, 200 | 502));
    }
    assert!(well.count() > 0);
    assert!(well.calls().iter().all(|call| call.body == b"0123456789"), "a tail arrived as a whole");
    assert!(well.faults().is_empty());
}

#[test]
fn a_dead_target_fails_no_call_whatever_its_method() {
    let well = Recorder::start();
    let dead = nowhere();
    let farm = Farm::new(&[(dead, 1), (well.address(), 1)], |_| {});
    for request in [GET, POST, CHUNKED] {
        all_well(&farm.calls(request, 20));
    }
    assert_eq!(well.count(), 60);
    assert!(well.calls().iter().all(|call| call.complete) && well.faults().is_empty());
    let found = farm.states().into_iter().find(|state| state.target.ends_with(&dead.to_string())).unwrap();
    assert!(!found.up && found.ejections >= 1 && found.counts.dead >= 5, "{found:?}");
    assert!(found.counts.dead < 20, "it is not asked any more: {found:?}");
}

#[test]
fn all_targets_dead_is_502_and_each_is_asked_once() {
    let farm = Farm::new(&[(nowhere(), 1), (nowhere(), 1), (nowhere(), 1)], |_| {});
    let reply = farm.world.call(POST);
    assert_eq!(reply.status, 502);
    assert_eq!(farm.world.tape.calls(1)[0].code, "upstream_unreachable");
    let asked: u64 = farm.states().iter().map(|state| state.counts.dead).sum();
    assert_eq!(asked, 3);
}

#[test]
fn a_target_that_breaks_is_left_alone_and_comes_back_slowly() {
    let [ill, well] = recorders();
    let mut farm = Farm::new(&[(ill.address(), 1), (well.address(), 1)], |_| {});
    ill.answer(Answer::json(200, "{}").fault(Fault::Close(5)));
    all_well(&farm.calls(GET, 30));
    assert_eq!(ill.count(), 5, "each GET that broke was answered by the other one");
    assert!(!farm.is_up(ill.address()));
    // A reload keeps what is known.
    farm.reload(&[(ill.address(), 1), (well.address(), 1)], |_| {});
    all_well(&farm.calls(POST, 10));
    assert_eq!(ill.count(), 5);
    ill.answer(Answer::json(200, "{}"));
    farm.clock.advance(Duration::from_secs(30));
    assert!(farm.is_up(ill.address()));
    all_well(&farm.calls(GET, 18));
    let slowly = ill.count() - 5;
    assert_eq!(slowly, 2, "an eighth of its share at first");
    farm.clock.advance(Duration::from_secs(10));
    all_well(&farm.calls(GET, 18));
    assert_eq!(ill.count() - 5 - slowly, 9, "and all of it in the end");
}

#[test]
fn what_may_not_be_said_twice_is_not() {
    let answer = Answer::json(200, r#"{"a":1}"#);
    let head = answer.bytes("GET").len() - answer.body.len();
    for at in [0, 1, head - 1] {
        let [ill, well] = recorders();
        let farm = Farm::new(&[(ill.address(), 1), (well.address(), 1)], |upstream| {
            upstream.outliers.failures = 1000;
        });
        for fault in [Fault::Reset(at), Fault::Close(at)] {
            let before = (ill.count(), well.count());
            ill.answer(answer.clone().fault(fault));
            let posts = farm.calls(POST, 10);
            let broken = posts.iter().filter(|reply| reply.status == 502).count();
            let arrived = (ill.count() - before.0, well.count() - before.1);
            let told = format!("at {at}: {arrived:?} {posts:?} {:?}", farm.states());
            assert_eq!(arrived, (5, 5), "every other POST meets the one that breaks, once: {told}");
            assert_eq!(broken, 5, "what met it went nowhere else: {told}");
        }
    }
}

#[test]
fn a_body_that_was_sent_in_part_is_not_sent_again() {
    let [ill, well] = recorders();
    ill.answer(Answer::json(200, "{}").fault(Fault::Reset(0)));
    let mut farm = Farm::new(&[(ill.address(), 1), (well.address(), 1)], |_| {});
    farm.shape.request = engine::BodyMode::Pass { limit: 1000 };
    farm.world.plane.as_ref().unwrap().publish(&farm.shape.snapshot(&farm.world.live));
    let statuses: Vec<u16> = (0..4).map(|_| farm.world.call(CHUNKED).status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), ill.count());
    assert!(ill.count() >= 1 && ill.count() + well.count() == 4, "{statuses:?}");
    assert!(well.calls().iter().all(|call| call.body == b"hi"));
}

#[test]
fn retries_stay_within_their_budget() {
    let all: [Recorder; 2] = recorders();
    for one in &all {
        one.answer(Answer::json(200, "{}").fault(Fault::Close(0)));
    }
    let targets: Vec<_> = all.iter().map(|one| (one.address(), 1)).collect();
    let farm = Farm::new(&targets, |upstream| {
        upstream.outliers.failures = 1000;
        upstream.retries.budget = 10;
    });
    let replies = farm.calls(GET, 100);
    assert!(replies.iter().all(|reply| reply.status == 502));
    let retries: usize = all.iter().map(Recorder::count).sum::<usize>() - 100;
    assert_eq!(retries, 19, "a tenth of the calls, and what was saved up");
    assert_eq!(farm.states().iter().map(|state| state.counts.retries).sum::<u64>(), 19);
    assert_eq!(farm.world.tape.bounds().iter().filter(|bound| **bound == Bound::Retries).count(), 81);
}

#[test]
fn one_target_is_asked_again_only_when_told_to() {
    let one = Recorder::start();
    let times = std::sync::atomic::AtomicUsize::new(0);
    one.script(move |_| {
        let fault = match times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 {
            0 => Fault::Close(0),
            _ => Fault::None,
        };
        Answer::json(200, "{}").fault(fault)
    });
    let farm = Farm::new(&[(one.address(), 1)], |_| {});
    assert_eq!(farm.world.call(GET).status, 502);
    assert_eq!(farm.world.call(GET).status, 200);
    let farm = Farm::new(&[(one.address(), 1)], |upstream| upstream.retries.most = 1);
    assert_eq!(farm.world.call(GET).status, 200);
    assert_eq!(farm.world.call(POST).status, 502, "a POST has arrived, perhaps");
}

#[test]
fn statuses_are_retried_where_told_and_the_last_one_passes() {
    let [ill, well] = recorders();
    ill.answer(Answer::json(503, r#"{"busy":1}"#));
    let with = |upstream: &mut Upstream| {
        upstream.outliers.failures = 1000;
        upstream.retries.statuses = Box::new([http::StatusCode::SERVICE_UNAVAILABLE]);
    };
    let farm = Farm::new(&[(ill.address(), 1), (well.address(), 1)], with);
    all_well(&farm.calls(GET, 10));
    assert_eq!((ill.count(), well.count()), (5, 10));
    let posts = farm.calls(POST, 4);
    assert_eq!(
        posts.iter().filter(|reply| reply.status == 503 && reply.text() == r#"{"busy":1}"#).count(),
        2
    );
    let farm = Farm::new(&[(ill.address(), 1)], with);
    assert_eq!(farm.world.call(GET).status, 503);
}

#[test]
fn a_try_that_is_late_gives_way_to_another_and_all_have_one_deadline() {
    let [stalls, well] = recorders();
    stalls.answer(Answer::json(200, "{}").fault(Fault::Stall(3)));
    let shape = Shape::to(stalls.address());
    let with = |upstream: &mut Upstream| {
        upstream.retries.per_try = Some(Duration::from_millis(50));
        upstream.retries.most = 5;
        upstream.deadlines.total = Duration::from_millis(400);
        upstream.outliers.failures = 1000;
    };
    // The deadlines of this one pass as time does.
    let behind = |targets: &[(SocketAddr, u32)]| {
        let mut shape = shape.clone();
        shape.behind = Some(Arc::new(upstream(&shape, targets, with)));
        World::start(&shape)
    };
    let world = behind(&[(stalls.address(), 1), (well.address(), 1)]);
    let mut client = world.connect();
    for _ in 0..4 {
        client.send(GET);
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!((stalls.count(), well.count()), (2, 4));
    client.send(POST);
    client.send(POST);
    let statuses = [client.reply().status, client.reply().status];
    assert!(statuses.contains(&504) && statuses.contains(&200), "a POST is not tried again: {statuses:?}");
    let world = behind(&[(stalls.address(), 1)]);
    let before = stalls.count();
    assert_eq!(world.call(GET).status, 504);
    assert_eq!(world.tape.calls(1)[0].code, "upstream_timeout");
    assert!((2..=6).contains(&(stalls.count() - before)), "{}", stalls.count() - before);
}

#[test]
fn a_target_that_a_reload_brings_starts_slowly() {
    let [old, new] = recorders();
    let mut farm = Farm::new(&[(old.address(), 1)], |_| {});
    let mut client = farm.world.connect();
    let mut calls = |count: usize| {
        for _ in 0..count {
            client.send(GET);
            assert_eq!(client.reply().status, 200);
        }
    };
    calls(3);
    farm.reload(&[(old.address(), 1), (new.address(), 1)], |_| {});
    calls(18);
    assert_eq!(new.count(), 2);
    assert_eq!(old.connections(), 1, "a reload keeps connections warm");
    farm.clock.advance(Duration::from_secs(10));
    all_well(&farm.calls(GET, 18));
    assert_eq!(new.count(), 11);
}

#[test]
fn fields_are_set_and_removed_as_told() {
    use engine::upstream::Rewrites;
    use http::HeaderName;
    let one = Recorder::start();
    let farm = Farm::new(&[(one.address(), 1)], |upstream| {
        let set = [(HeaderName::from_static("x-key"), HeaderValue::from_static("ours"))];
        let without = [HeaderName::from_static("x-key"), HeaderName::from_static("cookie")];
        upstream.headers = Rewrites { without: Box::new(without), set: Box::new(set) };
    });
    let request = "GET /v1/a HTTP/1.1\r\nhost: a\r\nX-Key: theirs\r\nx-key: again\r\ncookie: a=b\r\nx-other: stays\r\n\r\n";
    assert_eq!(farm.world.call(request).status, 200);
    let head = String::from_utf8(one.last().raw).unwrap();
    let of = |name: &str| head.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(of("x-key: "), ["x-key: ours"], "{head}");
    assert_eq!((of("cookie"), of("x-other")), (vec![], vec!["x-other: stays"]), "{head}");
}
