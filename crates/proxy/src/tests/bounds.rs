//! Bounds that are reached without a call, or before one: each bites, and each is counted.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bytes::Bytes;
use engine::bounds::{self, Bound};
use engine::cells::{Cells, Meter, Taken};
use engine::control::{Job, Offload};
use engine::record::ConnectionEvent;
use engine::snapshot::{Bind, Connections, Live, Network};
use engine::{UnixTime, Verdict};
use testkit::{FakeClock, until};

use super::two::{block, dial, get};
use super::world::{Backend, Client, OK, Shape, Tape, World, services};
use crate::offload::{self, CoreOffload};
use crate::{DataPlane, Passed, Services, Settings};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";

fn job(run: impl FnOnce() -> Verdict + Send + 'static) -> Job {
    Job { budget: Duration::from_secs(20), run: Box::new(|_| run()) }
}

#[test]
fn a_job_that_finds_the_queue_full_comes_to_nothing_and_is_counted() {
    let tape = Tape::default();
    let offload = CoreOffload { queue: offload::start(1).unwrap(), recorder: Rc::new(tape.clone()) };
    let ((begin, begun), (open, opened)) = (sync_channel(1), sync_channel::<()>(1));
    block(async {
        // The only thread is busy.
        let first = offload.run(job(move || {
            begin.send(()).unwrap();
            opened.recv().unwrap();
            Verdict::Allow
        }));
        begun.recv().unwrap();
        let waiting: Vec<_> =
            (0..bounds::OFFLOAD_QUEUE).map(|_| offload.run(job(|| Verdict::Allow))).collect();
        assert_eq!(tape.bounds(), []);
        assert!(offload.run(job(|| Verdict::Allow)).await.is_none());
        assert_eq!(tape.bounds(), [Bound::OffloadQueue]);
        // All that found a place are done.
        open.send(()).unwrap();
        assert!(matches!(first.await, Some(Verdict::Allow)));
        for job in waiting {
            assert!(matches!(job.await, Some(Verdict::Allow)));
        }
        assert!(offload.run(job(|| Verdict::Allow)).await.is_some());
        assert_eq!(tape.bounds(), [Bound::OffloadQueue]);
    });
}

/// Status and body of a call of HTTP/2 whose job holds its thread.
async fn held(answer: h2::client::ResponseFuture) -> (u16, String) {
    let (head, mut body) = answer.await.unwrap().into_parts();
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        text.extend_from_slice(&data.unwrap());
    }
    (head.status.as_u16(), String::from_utf8(text).unwrap())
}

/// Of all that come together one runs and as many wait as may; the others are refused at once, and those that wait are not.
#[test]
fn a_call_that_finds_no_room_in_the_pool_is_refused_and_those_that_wait_are_served() {
    const CONNECTIONS: usize = 3;
    const WINDOW: u32 = 2 * bounds::WIDE_WINDOW;
    let shape = Shape::to(Backend::answering(OK).address);
    let world = World::start(&shape);
    let all = CONNECTIONS * bounds::STREAMS as usize;
    let refused = all - bounds::OFFLOAD_QUEUE - 1;
    block(async {
        let (tell, mut told) = tokio::sync::mpsc::channel(all);
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
            let io = dial(world.address).await;
            let (mut client, connection) = builder.handshake::<_, Bytes>(io).await.unwrap();
            tokio::spawn(connection);
            for _ in 0..bounds::STREAMS {
                std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
                let mut request = get("http://a/v1/a");
                request.headers_mut().insert("x-toy", http::HeaderValue::from_static("hold"));
                let (answer, tell) = (client.send_request(request, true).unwrap().0, tell.clone());
                tokio::spawn(async move {
                    let _ = tell.send(held(answer).await).await;
                });
            }
            clients.push(client);
        }
        for _ in 0..refused {
            let (status, text) = told.recv().await.unwrap();
            assert!(status == 503 && text.contains("\"code\":\"overloaded\""), "{status} {text}");
        }
        shape.gate.open();
        for _ in refused..all {
            assert_eq!(told.recv().await, Some((200, String::from("own"))));
        }
    });
    let counted = world.tape.bounds().into_iter().filter(|bound| *bound == Bound::OffloadQueue).count();
    assert_eq!(counted, refused);
}

fn toy(what: &str) -> String {
    format!("GET /v1/a HTTP/1.1\r\nhost: a\r\nx-toy: {what}\r\n\r\n")
}

fn long_work(world: &World) -> usize {
    world.tape.bounds().iter().filter(|bound| **bound == Bound::LongWork).count()
}

/// A control that holds its core is counted once for its call, and the call goes on.
#[test]
fn work_that_holds_its_core_is_counted() {
    let world = World::start(&Shape::to(Backend::answering(OK).address));
    let mut calls = 0;
    let mut counts = |what: &str| {
        let before = long_work(&world);
        assert_eq!(world.call(&toy(what)).status, 200);
        calls += 1;
        world.tape.calls(calls);
        long_work(&world) - before
    };
    assert_eq!([counts("spin"), counts("spin")], [1, 1]);
    // What is quick, or goes to another thread, is not counted; when the system takes the core from it, it may be, but not each time.
    for what in ["none", "work"] {
        assert!((0..20).any(|_| counts(what) == 0), "{what}");
    }
}

/// Calls with a body let others go first: what those do meanwhile is counted for nobody else.
#[test]
fn a_call_that_waits_for_others_is_not_counted_for_their_work() {
    const CLIENTS: usize = 8;
    const EACH: usize = 10;
    let world = World::start(&Shape::to(Backend::answering(OK).address));
    let calls = |what: &'static str| {
        let address = world.address;
        std::thread::spawn(move || {
            let mut client = Client::to(address);
            for _ in 0..EACH {
                client.send(toy(what));
                assert_eq!(client.reply().status, 200);
            }
        })
    };
    let clients: Vec<_> = (0..CLIENTS).flat_map(|_| [calls("spin"), calls("none")]).collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    world.tape.calls(2 * CLIENTS * EACH);
    let spun = CLIENTS * EACH;
    // The system may take the core from a few of the others.
    assert!((spun..spun + EACH).contains(&long_work(&world)), "{} of {spun}", long_work(&world));
}

fn bounded(total: Option<u32>, address: Option<u32>) -> Shape {
    let mut shape = Shape::to(Backend::answering(OK).address);
    shape.connections = Connections { total, address };
    shape
}

#[test]
fn a_listener_has_no_more_connections_than_it_may() {
    for (shape, bound) in [
        (bounded(Some(2), None), Bound::Connections),
        (bounded(None, Some(2)), Bound::AddressConnections),
        (bounded(Some(9), Some(2)), Bound::AddressConnections),
    ] {
        let world = World::start(&shape);
        // On all cores together: which one accepts is the system's choice.
        let mut open: Vec<_> = (0..2).map(|_| world.connect()).collect();
        for client in &mut open {
            client.send(GET);
            assert_eq!(client.reply().status, 200);
        }
        for count in 1..4 {
            let mut one_more = world.connect();
            assert_eq!(one_more.rest(), b"", "{bound:?}");
            assert_eq!(world.tape.bounds(), vec![bound; count]);
        }
        // Those that were there go on, and who leaves makes room.
        for client in &mut open {
            client.send(GET);
            assert_eq!(client.reply().status, 200);
        }
        open.pop();
        let served = until(10, || {
            let mut client = world.connect();
            let _ = client.socket.write_all(GET.as_bytes());
            client.some().starts_with(b"HTTP/1.1 200").then_some(())
        });
        assert!(served.is_some(), "{bound:?}");
    }
}

#[test]
fn a_trusted_proxy_counts_for_the_listener_and_for_no_address() {
    let own = [127, 0, 0, 1].into();
    let mut shape = bounded(Some(3), Some(1));
    shape.proxies = Arc::new([Network { first: own, last: own }]);
    let world = World::start(&shape);
    let proxied = format!("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n{GET}");
    let mut open: Vec<_> = (0..3).map(|_| world.connect()).collect();
    for client in &mut open {
        client.send(&proxied);
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!(world.connect().rest(), b"");
    assert_eq!(world.tape.bounds(), [Bound::Connections]);
}

#[test]
fn a_reload_changes_how_many_connections_may_be_open() {
    let mut shape = bounded(None, Some(1));
    let world = World::start(&shape);
    let mut first = world.connect();
    first.send(GET);
    assert_eq!(first.reply().status, 200);
    assert_eq!(world.connect().rest(), b"");
    (shape.generation, shape.connections) = (2, Connections { total: None, address: Some(2) });
    world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
    assert_eq!(world.call(GET).status, 200);
    first.send(GET);
    assert_eq!(first.reply().status, 200);
}

#[test]
fn a_unix_socket_counts_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("yett.sock");
    let mut shape = bounded(Some(1), None);
    shape.bind = Some(Bind::Unix { path: path.clone(), mode: 0o600 });
    let world = World::start(&shape);
    let mut first = UnixStream::connect(&path).unwrap();
    first.write_all(GET.as_bytes()).unwrap();
    first.read_exact(&mut [0; 15]).unwrap();
    let mut rest = Vec::new();
    let _ = UnixStream::connect(&path).unwrap().read_to_end(&mut rest);
    assert_eq!((rest, world.tape.bounds()), (Vec::new(), vec![Bound::Connections]));
}

#[test]
fn threat_26_a_trusted_proxy_that_says_nothing_is_closed_in_time() {
    let mut shape = Shape::to(Backend::answering(OK).address);
    let own = [127, 0, 0, 1].into();
    shape.proxies = Arc::new([Network { first: own, last: own }]);
    let world = World::start(&shape);
    // One that says nothing, and one that says too little: neither is waited for longer than it may take.
    let (mut silent, mut slow) = (world.connect(), world.connect());
    slow.send("PROXY TCP4 192.0.2.1");
    assert_eq!((silent.rest(), slow.rest()), (Vec::new(), Vec::new()));
    world.tape.event(ConnectionEvent::ProxyHeaderRefused, 2);
    assert_eq!(world.tape.bounds(), [Bound::ProxyHeaderTime; 2]);
    let mut good = world.connect();
    good.send(format!("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n{GET}"));
    assert_eq!(good.reply().status, 200);
}

/// Counters of which somebody else says that keys share cells.
#[derive(Debug)]
struct Crowded(AtomicU64);

impl Cells for Crowded {
    fn take(&self, _key: u128, _meter: &Meter, _now: UnixTime) -> Taken {
        Taken { allowed: true, remaining: 0, reset_after: Duration::ZERO, retry_after: Duration::ZERO }
    }
    fn peek(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        Cells::take(self, key, meter, now)
    }
    fn release(&self, _key: u128) {}
    fn key(&self, _parts: &[&[u8]]) -> u128 {
        0
    }
    fn take_crowded(&self) -> u64 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn keys_that_share_cells_are_counted() {
    let (tape, live) = (Tape::default(), Live::default());
    let shape = Shape::to(Backend::answering(OK).address);
    let cells = Arc::new(Crowded(AtomicU64::new(3)));
    let cores = services(Arc::new(FakeClock::new()), &tape, &live);
    let services = Services { cells: Arc::<Crowded>::clone(&cells), ..cores };
    let (folder, passed) = (PathBuf::new(), Passed::default());
    let (bodies, drain) = (shape.bodies, Duration::ZERO);
    let settings = Settings { cores: 2, workers: 1, bodies, drain, folder, passed };
    let plane = DataPlane::start(&shape.snapshot(&live), &settings, &services).unwrap();
    let told = |count| until(10, || (tape.bounds().len() == count).then_some(())).is_some();
    assert!(told(3), "{:?}", tape.bounds());
    cells.0.store(1, Ordering::SeqCst);
    assert!(told(4), "{:?}", tape.bounds());
    assert_eq!(tape.bounds(), [Bound::Cells; 4]);
    plane.drain();
}
