//! Reloads under load, open streams, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::bounds;
use engine::record::ConnectionEvent;
use engine::snapshot::Bind;
use testkit::FakeClock;

use super::world::{Backend, Client, OK, PATIENCE, Shape, World};
use crate::inbox::{Accepted, Command};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";

/// An upstream that streams until its client says so in a file of its own: a chunk for each byte on `go`.
fn streaming() -> (Backend, std::sync::mpsc::SyncSender<()>) {
    let (go, wait) = std::sync::mpsc::sync_channel::<()>(100);
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::start(move |backend, _, mut client| {
        while backend.take(&mut client) {
            let stream = backend.requests().last().unwrap().0.contains("x-stream");
            if !stream {
                client.send(OK);
                continue;
            }
            client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n");
            let _ = wait.lock().unwrap().recv();
            client.send("1\r\nb\r\n0\r\n\r\n");
        }
    });
    (backend, go)
}

#[test]
fn reloads_under_load_fail_no_call_and_leave_one_snapshot() {
    let backend = Backend::answering(OK);
    let mut shape = Shape::to(backend.address);
    let world = Arc::new(World::start(&shape));
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..2)
        .map(|_| {
            let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut client = world.connect();
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) || calls == 0 {
                    client.send(GET);
                    assert_eq!(client.reply().status, 200);
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for generation in 2..100 {
        shape.generation = generation;
        world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
    }
    stop.store(true, Ordering::Relaxed);
    let calls: usize = load.into_iter().map(|thread| thread.join().unwrap()).sum();
    world.tape.calls(calls);
    // A call is told just before it lets go of its snapshot; once a core takes another one, it has.
    shape.generation = 100;
    world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
    assert_eq!(world.live.count(), 1);
}

#[test]
fn an_open_stream_goes_over_to_the_new_snapshot() {
    let (backend, go) = streaming();
    let mut shape = Shape::to(backend.address);
    let world = World::start(&shape);
    let mut client = world.connect();
    client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\nx-stream: 1\r\n\r\n");
    client.head();
    client.exactly(6);
    for generation in 2..10 {
        shape.generation = generation;
        world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
    }
    assert_eq!(world.live.count(), 1);
    go.send(()).unwrap();
    assert_eq!(client.exactly(11), b"1\r\nb\r\n0\r\n\r\n");
    assert_eq!(world.tape.calls(1)[0].generation, 9);
    client.send(GET);
    assert_eq!(client.reply().status, 200);
}

#[test]
fn a_stream_whose_operation_is_gone_ends_within_the_drain_time() {
    let (backend, _go) = streaming();
    let mut shape = Shape::to(backend.address);
    let world = World::start(&shape);
    let mut client = world.connect();
    client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\nx-stream: 1\r\n\r\n");
    client.head();
    client.exactly(6);
    shape.operation = "other";
    world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
    assert_eq!(world.live.count(), 1);
    client.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(client.rest(), b"", "broken off, not ended");
    assert_eq!(world.tape.calls(1)[0].code, "stream_withdrawn");
}

#[test]
fn a_drain_lets_calls_end_and_then_there_is_nobody() {
    let (backend, go) = streaming();
    let mut world = World::start(&Shape::to(backend.address));
    let mut idle = world.connect();
    idle.send(GET);
    assert_eq!(idle.reply().status, 200);
    let mut client = world.connect();
    client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\nx-stream: 1\r\n\r\n");
    client.head();
    client.exactly(6);
    let plane = world.plane.take().unwrap();
    let end = std::thread::spawn(move || plane.drain());
    assert_eq!(idle.rest(), b"");
    go.send(()).unwrap();
    assert_eq!(client.exactly(11), b"1\r\nb\r\n0\r\n\r\n");
    assert_eq!(client.rest(), b"");
    end.join().unwrap();
    assert_eq!(world.tape.calls(2).iter().filter(|call| call.aborted).count(), 0);
    #[allow(clippy::disallowed_methods, reason = "a client of the tests")]
    let refused = std::net::TcpStream::connect(world.address);
    assert!(refused.is_err());
    assert_eq!(world.live.count(), 0);
}

/// Whoever has connected before the end was told wants to be served.
#[test]
fn a_drain_leaves_time_for_the_first_call_of_a_connection_and_no_more() {
    let backend = Backend::answering(OK);
    let mut world = World::start(&Shape::to(backend.address));
    // The second one is known to be accepted when the first call on it is answered.
    let (mut silent, mut used, mut late) = (world.connect(), world.connect(), world.connect());
    used.send(GET);
    assert_eq!(used.reply().status, 200);
    let plane = world.plane.take().unwrap();
    let end = std::thread::spawn(move || plane.drain());
    assert_eq!(used.rest(), b"");
    late.send(GET);
    let reply = late.reply();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.field("connection"), Some("close"));
    assert_eq!(late.rest(), b"");
    assert_eq!(silent.rest(), b"", "it is closed when its time is over");
    end.join().unwrap();
}

#[test]
fn an_address_in_use_is_an_error_and_leaves_nothing_behind() {
    let backend = Backend::answering(OK);
    let first = World::start(&Shape::to(backend.address));
    let from = (std::path::Path::new(""), &crate::Passed::default());
    let open = |text: &str| crate::listen::open(&Bind::Tcp(text.into()), from, 2);
    assert!(open(&first.address.to_string()).is_err());
    assert!(open("localhost").is_err());
}

/// The size of what a function's future holds.
fn room<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn a_connection_holds_no_room_for_a_call_while_there_is_none() {
    assert!(room(crate::connection::serve) <= 2048, "{}", room(crate::connection::serve));
}

#[test]
fn a_parked_connection_serves_on() {
    let backend = Backend::answering(OK);
    let clock = FakeClock::new();
    let world = World::at(&Shape::to(backend.address), Arc::new(clock.clone()), Arc::new(testkit::NoSpawn));
    let mut client = world.connect();
    client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    world.tape.calls(1);
    clock.advance(Duration::from_secs(2));
    world.tape.event(ConnectionEvent::Parked, 1);
    // A head in two pieces, and a second right behind it.
    client.send("GET /v1/a HTTP/1.1\r\nho");
    client.send("st: a\r\n\r\nGET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!([client.reply().status, client.reply().status], [200, 200]);
    world.tape.calls(3);
    clock.advance(bounds::IDLE_TIME - Duration::from_secs(1));
    client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.reply().status, 200, "it is idle since its last call, not since it was parked");
}

#[test]
fn a_core_serves_what_another_has_accepted() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let inboxes = world.plane.as_ref().unwrap().inboxes();
    for (number, inbox) in inboxes.iter().enumerate() {
        let mut client = Client::to(door.local_addr().unwrap());
        let (socket, address) = door.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        assert!(inbox.send(Command::Serve(0, Accepted::Tcp(socket, address))).is_ok());
        for _ in 0..2 {
            client.send(GET);
            assert_eq!(client.reply().status, 200);
        }
        let open: Vec<usize> = inboxes.iter().map(|inbox| inbox.open()).collect();
        assert_eq!(open.iter().sum::<usize>(), open[number], "{open:?}");
        drop(client);
        testkit::until(5, || (inbox.open() == 0).then_some(())).unwrap();
    }
}

/// Wherever the kernel puts them.
#[test]
fn connections_weigh_on_all_cores_alike() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let inboxes = world.plane.as_ref().unwrap().inboxes();
    let mut clients = Vec::new();
    for count in 1..=120 {
        let mut client = world.connect();
        client.send(GET);
        assert_eq!(client.reply().status, 200);
        clients.push(client);
        let open: Vec<usize> = inboxes.iter().map(|inbox| inbox.open()).collect();
        assert_eq!(open.iter().sum::<usize>(), count);
        let (least, most) = (open.iter().min().unwrap(), open.iter().max().unwrap());
        assert!(*most <= least + 8 + least / 8, "{open:?}");
    }
}
