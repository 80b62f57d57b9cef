//! Reloads under load, open streams, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::bounds::{self, Bound};
use engine::record::ConnectionEvent;
use engine::snapshot::Bind;
use testkit::FakeClock;

use super::two::{block, dial, get};
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
fn a_reload_waits_while_too_many_snapshots_are_alive_and_that_is_counted() {
    let mut shape = Shape::to(Backend::answering(OK).address);
    let world = World::start(&shape);
    let plane = world.plane.as_ref().unwrap();
    let counted = || world.tape.bounds().iter().filter(|bound| **bound == Bound::Snapshots).count();
    // Somebody keeps as many as may be alive, beside the one that serves.
    let held: Vec<_> = (1..bounds::LIVE_SNAPSHOTS).map(|_| shape.snapshot(&world.live)).collect();
    shape.generation = 2;
    let next = shape.snapshot(&world.live);
    std::thread::scope(|scope| {
        let published = scope.spawn(|| plane.publish(&next));
        world.tape.bound(Bound::Snapshots, 1);
        assert_eq!(world.call(GET).status, 200);
        assert_eq!(world.tape.calls(1)[0].generation, 1, "the old one serves meanwhile");
        assert!(!published.is_finished());
        drop(held);
        published.join().unwrap();
    });
    assert_eq!(world.call(GET).status, 200);
    assert_eq!(world.tape.calls(2)[1].generation, 2);
    assert_eq!(counted(), 1);
    // With room there is nothing to wait for.
    shape.generation = 3;
    plane.publish(&shape.snapshot(&world.live));
    assert_eq!(world.call(GET).status, 200);
    assert_eq!((world.tape.calls(3)[2].generation, counted()), (3, 1));
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

/// Whoever has connected, or keeps a connection, before the end was told wants to be served, and cannot know.
#[test]
fn a_drain_leaves_time_for_one_call_of_each_connection_and_no_more() {
    let backend = Backend::answering(OK);
    let mut world = World::start(&Shape::to(backend.address));
    let (mut silent, mut idle, mut busy, mut late) =
        (world.connect(), world.connect(), world.connect(), world.connect());
    for client in [&mut idle, &mut busy] {
        client.send(GET);
        assert_eq!(client.reply().field("connection"), None);
    }
    let plane = world.plane.take().unwrap();
    let end = std::thread::spawn(move || plane.drain());
    // One that calls all the time is told by an answer, however many it gets before the end has begun.
    for client in [&mut busy, &mut late] {
        loop {
            client.send(GET);
            let reply = client.reply();
            assert_eq!(reply.status, 200);
            if reply.field("connection") == Some("close") {
                break;
            }
        }
        assert_eq!(client.rest(), b"");
    }
    assert_eq!([silent.rest(), idle.rest()], [b"", b""], "they are closed when their time is over");
    end.join().unwrap();
}

/// The head of its answer said nothing of an end, so that its client may have sent the next call already.
#[test]
fn a_call_that_a_drain_meets_may_be_followed_by_one_more() {
    let (backend, go) = streaming();
    let mut world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\nx-stream: 1\r\n\r\n");
    assert!(!client.head().contains("connection:"));
    let mut idle = world.connect();
    idle.send(GET);
    assert_eq!(idle.reply().status, 200);
    let plane = world.plane.take().unwrap();
    let end = std::thread::spawn(move || plane.drain());
    assert_eq!(idle.rest(), b"", "the end has begun");
    client.send(GET);
    go.send(()).unwrap();
    assert_eq!(client.exactly(17), b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.field("connection")), (200, Some("close")));
    assert_eq!(client.rest(), b"");
    end.join().unwrap();
}

/// GOAWAY comes at once, and what was sent before its client has seen it is answered (RFC 9113 section 6.8).
#[test]
fn a_drain_tells_a_client_of_http2_and_answers_what_it_has_sent() {
    let (backend, go) = streaming();
    let mut world = World::start(&Shape::to(backend.address));
    let plane = world.plane.take().unwrap();
    let (end, answered) = block(async {
        let (mut client, connection) = h2::client::handshake(dial(world.address).await).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = get("http://a/v1/a");
        request.headers_mut().insert("x-stream", http::HeaderValue::from_static("1"));
        let mut open = client.send_request(request, true).unwrap().0.await.unwrap().into_body();
        let end = std::thread::spawn(move || plane.drain());
        let mut answered = 1;
        let told = loop {
            client = match client.ready().await {
                Ok(client) => client,
                Err(told) => break told,
            };
            let answer = client.send_request(get("http://a/v1/a"), true).unwrap().0;
            assert_eq!(answer.await.unwrap().status(), 200, "it was sent before");
            answered += 1;
        };
        assert!(told.is_go_away() && told.reason() == Some(h2::Reason::NO_ERROR), "{told}");
        go.send(()).unwrap();
        let mut body = Vec::new();
        while let Some(data) = open.data().await {
            body.extend_from_slice(&data.unwrap());
        }
        assert_eq!(body, b"ab");
        connection.await.unwrap().unwrap();
        (end, answered)
    });
    end.join().unwrap();
    assert_eq!(world.tape.calls(answered).iter().filter(|call| call.aborted).count(), 0);
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
