//! Circuit breakers: no target is given more than it is to have, and what is too much goes elsewhere or is told.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use engine::bounds::Bound;
use engine::upstream::{Breakers, Upstream, UpstreamHttp};
use http::StatusCode;
use testkit::{Answer, Recorder, until};

use super::balance::Farm;
use super::two::moody_two;
use super::world::{Backend, Client, World};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";

/// A target that answers each call when it is told to.
fn held() -> (Recorder, SyncSender<()>) {
    let (go, wait) = sync_channel(100);
    let wait = Mutex::new(wait);
    let recorder = Recorder::scripted(move |_| {
        let _ = wait.lock().unwrap().recv();
        Answer::json(200, "{}")
    });
    (recorder, go)
}

fn asking(world: &World) -> Client {
    let mut client = world.connect();
    client.send(GET);
    client
}

fn with(breakers: Breakers) -> impl FnOnce(&mut Upstream) {
    move |upstream| {
        upstream.breakers = breakers;
        upstream.deadlines.connect = Duration::from_secs(10);
    }
}

const TWO: Breakers = Breakers { connections: 2, pending: 1, calls: None };

#[test]
fn calls_wait_for_a_connection_and_no_more_than_may() {
    let (target, go) = held();
    let farm = Farm::new(&[(target.address(), 1)], with(TWO));
    let mut served: Vec<Client> = (0..2).map(|_| asking(&farm.world)).collect();
    assert!(target.wait_for(2));
    let mut pending = asking(&farm.world);
    let waits =
        || farm.world.tape.bounds().iter().filter(|bound| **bound == Bound::UpstreamConnections).count();
    assert!(until(10, || (waits() == 1).then_some(())).is_some());
    let refused = farm.world.call(GET);
    assert_eq!((refused.status, farm.world.tape.calls(1)[0].code), (503, "upstream_busy"));
    assert_eq!(target.count(), 2, "nothing of either was sent");
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    assert_eq!(pending.reply().status, 200, "it is served when one comes free, on whichever core");
    assert!(served.iter_mut().all(|client| client.reply().status == 200));
    // And there is room again.
    (0..4).for_each(|_| go.send(()).unwrap());
    for _ in 0..4 {
        assert_eq!(farm.world.call(GET).status, 200);
    }
    assert!(farm.states()[0].connections <= 2);
}

#[test]
fn who_waits_too_long_for_a_connection_is_told() {
    let (target, go) = held();
    let farm = Farm::new(&[(target.address(), 1)], |upstream| {
        upstream.breakers = TWO;
        upstream.deadlines.connect = Duration::from_millis(50);
    });
    let mut served: Vec<Client> = (0..2).map(|_| asking(&farm.world)).collect();
    assert!(target.wait_for(2));
    assert_eq!(farm.world.call(GET).status, 503);
    assert_eq!(farm.world.tape.calls(1)[0].code, "upstream_busy");
    (0..2).for_each(|_| go.send(()).unwrap());
    assert!(served.iter_mut().all(|client| client.reply().status == 200));
}

#[test]
fn who_waited_for_a_connection_has_the_whole_time_of_a_try_for_the_answer() {
    let (go, wait) = sync_channel(100);
    let wait = Mutex::new(wait);
    // Its head comes at once, and its end when it is told to.
    let target = Backend::start(move |backend, _, mut client| {
        while backend.take(&mut client) {
            client.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na");
            let _: Result<(), _> = wait.lock().unwrap().recv();
            client.send("b");
        }
    });
    let farm = Farm::new(&[(target.address, 1)], |upstream| {
        with(Breakers { connections: 2, pending: 10, calls: None })(upstream);
        upstream.retries.per_try = Some(Duration::from_secs(5));
        upstream.deadlines.total = Duration::from_secs(60);
        upstream.outliers.failures = 1;
    });
    let mut served: Vec<Client> = (0..2).map(|_| asking(&farm.world)).collect();
    for client in &mut served {
        assert!(client.head().starts_with("HTTP/1.1 200"));
    }
    let mut pending = asking(&farm.world);
    let waits = || farm.world.tape.bounds().contains(&Bound::UpstreamConnections);
    assert!(until(10, || waits().then_some(())).is_some());
    farm.clock.advance(Duration::from_secs(6));
    (0..3).for_each(|_| go.send(()).unwrap());
    assert!(served.iter_mut().all(|client| client.exactly(2) == b"ab"));
    assert_eq!(pending.reply().status, 200);
    assert_eq!(target.requests().len(), 3, "it is not tried again");
    assert!(farm.is_up(target.address), "the wait was not the target's");
}

#[test]
fn a_call_that_wants_a_new_connection_does_not_wait_for_the_place_of_the_kept_one() {
    // One connection a core: the shared one has it.
    let farm = Farm::new(&[(moody_two(), 1)], |upstream| {
        with(Breakers { connections: 1, pending: 10, calls: None })(upstream);
        upstream.http = UpstreamHttp::Two;
        upstream.retries.most = 1;
        upstream.retries.budget = 100;
        upstream.retries.statuses = Box::new([StatusCode::SERVICE_UNAVAILABLE]);
        upstream.outliers.failures = 1000;
    });
    for _ in 0..16 {
        assert_eq!(farm.world.call(GET).status, 200);
    }
}

#[test]
fn a_client_that_leaves_gives_its_place_back() {
    let (target, go) = held();
    let farm =
        Farm::new(&[(target.address(), 1)], with(Breakers { connections: 2, pending: 1, calls: Some(3) }));
    let served: Vec<Client> = (0..2).map(|_| asking(&farm.world)).collect();
    assert!(target.wait_for(2));
    let pending = asking(&farm.world);
    let waits = || farm.world.tape.bounds().contains(&Bound::UpstreamConnections);
    assert!(until(10, || waits().then_some(())).is_some());
    drop((served, pending));
    assert_eq!(farm.world.tape.calls(3).iter().filter(|call| call.aborted).count(), 3);
    (0..10).for_each(|_| go.send(()).unwrap());
    for _ in 0..4 {
        assert_eq!(farm.world.call(GET).status, 200);
    }
}

#[test]
fn calls_over_the_cap_go_to_another_target_or_are_refused() {
    let (full, go) = held();
    let (other, go_on) = held();
    let cap = || with(Breakers { connections: 100, pending: 100, calls: Some(1) });
    let targets: [(SocketAddr, u32); 2] = [(full.address(), 1), (other.address(), 1)];
    let farm = Farm::new(&targets, cap());
    let mut served: Vec<Client> = (0..2).map(|_| asking(&farm.world)).collect();
    assert!(full.wait_for(1) && other.wait_for(1), "the second goes where there is room");
    assert_eq!(farm.world.call(GET).status, 503);
    assert_eq!(farm.world.tape.calls(1)[0].code, "upstream_busy");
    assert!(farm.world.tape.bounds().contains(&Bound::UpstreamCalls));
    go.send(()).unwrap();
    go_on.send(()).unwrap();
    assert!(served.iter_mut().all(|client| client.reply().status == 200));
    farm.world.tape.calls(3);
    go.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(farm.world.call(GET).status, 200);
    assert!(farm.is_up(full.address()) && farm.is_up(other.address()), "busy is not ill");
}

#[test]
fn breakers_hold_over_a_reload() {
    let (target, go) = held();
    let targets = [(target.address(), 1)];
    let cap = || with(Breakers { connections: 100, pending: 100, calls: Some(1) });
    let mut farm = Farm::new(&targets, cap());
    let mut first = asking(&farm.world);
    assert!(target.wait_for(1));
    farm.reload(&targets, cap());
    assert_eq!(farm.world.call(GET).status, 503, "the call of the old snapshot counts");
    go.send(()).unwrap();
    assert_eq!(first.reply().status, 200);
    farm.world.tape.calls(2);
    go.send(()).unwrap();
    assert_eq!(farm.world.call(GET).status, 200);
}
