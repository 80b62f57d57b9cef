//! Upstreams that are down, slow, or lie: right status, right blame, nothing that looks whole and is not.

use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::bounds::Bound;
use engine::record::ConnectionEvent;

use super::world::{Backend, OK, Shape, World};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST /v1/a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi";

#[test]
fn an_upstream_that_is_down_is_502() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::start(&Shape::to(address));
    assert_eq!(world.call(GET).status, 502);
    assert_eq!(world.tape.calls(1)[0].code, "upstream_unreachable");
    world.tape.event(ConnectionEvent::UpstreamFailed, 1);
}

#[test]
fn an_upstream_that_misbehaves_before_its_head_is_named() {
    let cases: [(&'static str, &str); 5] = [
        ("", "upstream_reset"),
        ("HTTP/1.1 200 O", "upstream_reset"),
        ("garbage\r\n\r\n", "upstream_protocol"),
        ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "upstream_protocol"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            "upstream_protocol",
        ),
    ];
    for (answer, code) in cases {
        let backend = Backend::start(move |backend, _, mut client| {
            backend.take(&mut client);
            client.send(answer);
        });
        let world = World::start(&Shape::to(backend.address));
        let reply = world.call(GET);
        assert_eq!((reply.status, world.tape.calls(1)[0].code), (502, code), "{answer:?}");
        assert_eq!(backend.connections.load(Ordering::SeqCst), 1, "not asked twice: {answer:?}");
    }
}

#[test]
fn an_upstream_that_stalls_is_504() {
    let backend = Backend::start(|backend, _, mut client| {
        backend.take(&mut client);
        client.rest();
    });
    let mut shape = Shape::to(backend.address);
    shape.deadlines.first_byte = Duration::from_millis(100);
    let world = World::start(&shape);
    let mut client = world.connect();
    client.send(GET);
    assert_eq!(client.reply().status, 504);
    client.send(POST);
    assert_eq!(client.reply().status, 504);
    assert_eq!(world.tape.calls(2)[1].code, "upstream_timeout");
}

#[test]
fn an_answer_that_breaks_off_is_never_whole() {
    let cases: [(&'static str, bool, &str); 3] = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", true, "upstream_reset"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", true, "upstream_reset"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", false, "upstream_timeout"),
    ];
    for (answer, closes, code) in cases {
        let backend = Backend::start(move |backend, _, mut client| {
            backend.take(&mut client);
            client.send(answer);
            if !closes {
                client.rest();
            }
        });
        let mut shape = Shape::to(backend.address);
        shape.deadlines.idle = Duration::from_millis(300);
        let world = World::start(&shape);
        let mut client = world.connect();
        client.send(GET);
        assert!(client.head().starts_with("HTTP/1.1 200"));
        let rest = client.rest();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{answer:?}");
        let calls = world.tape.calls(1);
        assert_eq!((calls[0].status, calls[0].code, calls[0].aborted), (200, code, false), "{answer:?}");
        assert!(!world.tape.bounds().contains(&Bound::AnswerIdle), "its client took all that came");
    }
}

#[test]
fn an_answer_longer_than_it_says_does_not_reach_the_next_call() {
    let backend = Backend::start(|backend, _, mut client| {
        while backend.take(&mut client) {
            client.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
        }
    });
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    for _ in 0..3 {
        client.send(GET);
        assert_eq!(client.reply().text(), "ok");
    }
}

#[test]
fn an_answer_that_ends_with_its_connection_passes() {
    let backend = Backend::start(|backend, _, mut client| {
        backend.take(&mut client);
        client.send("HTTP/1.0 200 OK\r\n\r\nabc");
    });
    let world = World::start(&Shape::to(backend.address));
    assert_eq!(world.call(GET).text(), "abc");
    assert!(!world.tape.calls(1)[0].aborted);
}

/// An upstream that closes each connection when the second request on it is there.
fn closes_on_reuse() -> Backend {
    Backend::start(|backend, _, mut client| {
        if backend.take(&mut client) {
            client.send(OK);
            backend.take(&mut client);
        }
    })
}

#[test]
fn only_what_may_be_said_twice_is_said_twice() {
    let backend = closes_on_reuse();
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    client.send(GET);
    assert_eq!(client.reply().status, 200);
    client.send(GET);
    assert_eq!(client.reply().status, 200, "a GET is tried again");
    client.send(POST);
    assert_eq!(client.reply().status, 502, "a POST is not");
    assert_eq!(backend.requests().len(), 4);
    assert_eq!(world.tape.calls(3)[2].code, "upstream_reset");
}

#[test]
fn a_client_that_leaves_is_recorded_once() {
    let backend = Backend::start(|backend, _, mut client| {
        backend.take(&mut client);
        client.rest();
    });
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    client.send(GET);
    world.tape.event(ConnectionEvent::UpstreamOpened, 1);
    drop(client);
    let calls = world.tape.calls(1);
    assert_eq!((calls[0].status, calls[0].aborted), (0, true));

    let backend = Backend::start(|backend, _, mut client| {
        backend.take(&mut client);
        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
        client.rest();
    });
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    client.send(GET);
    client.head();
    client.exactly(3);
    drop(client);
    let calls = world.tape.calls(1);
    assert_eq!((calls[0].status, calls[0].aborted), (200, true));
}
