//! Bodies in both directions (THREATS rows 7, 21, 24, 44, 48).

use std::io::Write;
use std::sync::atomic::Ordering;

use engine::bounds::Bound;
use engine::{BodyMode, Mode, ResponseMode};

use super::world::{Backend, OK, PATIENCE, Shape, World};

fn post(fields: &str, body: &str) -> String {
    format!("POST /v1/a HTTP/1.1\r\nhost: a\r\n{fields}\r\n{body}")
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

#[test]
fn chunked_bodies_pass_in_both_directions() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    for request in [BodyMode::Whole { limit: 100 }, BodyMode::Pass { limit: 100 }] {
        let mut shape = Shape::to(backend.address);
        shape.request = request;
        let world = World::start(&shape);
        let reply = world.call(&post(CHUNKED, "3\r\nfoo\r\n3\r\nbar\r\n0\r\nx-evil: 1\r\n\r\n"));
        assert_eq!((reply.status, reply.text().as_str()), (200, "abcde"));
        assert_eq!(world.tape.calls(1)[0].bytes, (6, 5));
    }
    let seen = backend.requests();
    assert!(seen[0].0.contains("content-length: 6\r\n"), "{seen:?}");
    assert!(seen[1].0.contains("transfer-encoding: chunked\r\n"), "{seen:?}");
    assert!(seen.iter().all(|(head, body)| body == b"foobar" && !head.contains("evil")), "{seen:?}");
}

#[test]
fn trailers_of_an_answer_say_nothing_that_only_a_head_may() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-sum: 1\r\ncontent-length: 9\r\n\
         transfer-encoding: chunked\r\nset-cookie: a=b\r\n\r\n",
    );
    let world = World::start(&Shape::to(backend.address));
    for (fields, end) in [("te: trailers\r\n", "0\r\nx-sum: 1\r\n\r\n"), ("", "0\r\n\r\n")] {
        let mut client = world.connect();
        client.send(format!("GET /v1/a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n"));
        client.head();
        assert_eq!(String::from_utf8(client.rest()).unwrap(), format!("1\r\na\r\n{end}"));
    }
}

#[test]
fn bodies_over_the_bound_are_refused() {
    let backend = Backend::answering(OK);
    for request in [BodyMode::Whole { limit: 5 }, BodyMode::Pass { limit: 5 }] {
        let mut shape = Shape::to(backend.address);
        shape.request = request;
        let world = World::start(&shape);
        assert_eq!(world.call(&post("content-length: 6\r\n", "foobar")).status, 413);
        assert_eq!(world.call(&post(CHUNKED, "6\r\nfoobar\r\n0\r\n\r\n")).status, 413);
        assert_eq!(world.call(&post("content-length: 5\r\n", "fooba")).status, 200);
        // Two cores may have served them: their records come in any order.
        let records = world.tape.calls(3);
        assert_eq!(records.iter().filter(|record| record.code == "body_too_large").count(), 2);
    }
    assert!(backend.requests().iter().all(|(_, body)| body == b"fooba"));
}

#[test]
fn nothing_goes_upstream_before_the_body_was_checked() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    assert_eq!(world.call(&post("content-length: 5\r\n", "abbad")).status, 400);
    assert_eq!(world.call(&post(CHUNKED, "2\r\nab\r\n3\r\nbad\r\n0\r\n\r\n")).status, 400);
    assert_eq!(backend.connections.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(world.tape.calls(2)[0].code, "body_invalid");
}

#[test]
fn a_chunk_that_breaks_the_grammar_ends_the_call() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let reply = world.call(&post(CHUNKED, "3;x=y\r\nabc\r\n0\r\n\r\n"));
    assert_eq!((reply.status, reply.field("connection")), (400, Some("close")));
    assert_eq!(world.tape.calls(1)[0].code, "request_malformed");
    assert_eq!(backend.requests().len(), 0);
}

#[test]
fn continue_is_said_after_the_checks_on_the_head_only() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    client.send(post("expect: 100-continue\r\nx-toy: refuse\r\ncontent-length: 3\r\n", ""));
    assert_eq!(client.reply().status, 429);
    let mut client = world.connect();
    client.send(post("expect: 100-continue\r\ncontent-length: 3\r\n", ""));
    assert_eq!(client.reply().status, 100);
    client.send("abc");
    assert_eq!(client.reply().status, 200);
    assert!(!backend.requests()[0].0.contains("expect"));
}

#[test]
fn answers_without_a_body_have_none() {
    for (answer, status) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", 304),
        ("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
    ] {
        let backend = Backend::answering(answer);
        let world = World::start(&Shape::to(backend.address));
        let mut client = world.connect();
        for _ in 0..2 {
            client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n");
            assert_eq!(client.reply().status, status);
        }
        assert!(world.tape.calls(2).iter().all(|call| !call.aborted && call.status == status));
    }
    let backend = Backend::answering("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n");
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    for toy in ["none", "refuse", "none"] {
        client.send(format!("HEAD /v1/a HTTP/1.1\r\nhost: a\r\nx-toy: {toy}\r\n\r\n"));
        assert!(client.head().contains("content-length"), "{toy}");
    }
    assert!(world.tape.calls(3).iter().all(|call| !call.aborted));
}

#[test]
fn an_answer_that_fails_its_checks_does_not_leak() {
    let bad = [
        "HTTP/1.1 200 OK\r\nx-secret: s\r\ncontent-length: 6\r\n\r\n leak ",
        "HTTP/1.1 200 OK\r\nx-secret: s\r\nx-bad: 1\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nx-secret: s\r\ncontent-length: 200\r\n\r\n",
    ];
    for answer in bad {
        let backend = Backend::start(move |backend, _, mut client| {
            backend.take(&mut client);
            client.send(answer);
            client.send(vec![b'x'; if answer.contains("200\r\n") { 200 } else { 0 }]);
        });
        let mut shape = Shape::to(backend.address);
        shape.response = ResponseMode::Whole { limit: 100 };
        shape.response_toy = Some(Mode::Enforce);
        let world = World::start(&shape);
        let reply = world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(reply.status, 502);
        assert!(!reply.head.contains("secret") && !reply.text().contains("leak"), "{reply:?}");
        assert_eq!(world.tape.calls(1)[0].code, "response_invalid");
    }
    let backend = Backend::answering(OK);
    let mut shape = Shape::to(backend.address);
    shape.response = ResponseMode::Whole { limit: 100 };
    shape.response_toy = Some(Mode::Enforce);
    let world = World::start(&shape);
    assert_eq!(world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").text(), "ok");
}

#[test]
fn in_shadow_a_copy_is_checked_and_the_answer_goes() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n leak ");
    let mut shape = Shape::to(backend.address);
    shape.response = ResponseMode::Sample { limit: 6 };
    shape.response_toy = Some(Mode::Shadow);
    let world = World::start(&shape);
    assert_eq!(world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").text(), " leak ");
    let calls = world.tape.calls(1);
    assert_eq!((calls[0].status, calls[0].code, calls[0].verdicts), (200, "", 4));
    shape.response = ResponseMode::Sample { limit: 5 };
    let world = World::start(&shape);
    assert_eq!(world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").text(), " leak ");
    assert_eq!(world.tape.calls(1)[0].verdicts, 3);
    assert_eq!(world.tape.bounds(), [Bound::Unsampled]);
}

/// One that is there when its head is goes a shorter way: nobody may see by which.
#[test]
fn a_short_answer_is_the_same_in_one_piece_and_in_two() {
    let answers = [
        ("HTTP/1.1 200 OK\r\netag: x\r\ncontent-length: 5\r\n\r\n", "hello"),
        ("HTTP/1.1 500 Oh\r\ncontent-length: 1\r\n\r\n", "x"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n", "hello"),
    ];
    for (head, body) in answers {
        let seen = [true, false].map(|whole| {
            let (go, wait) = std::sync::mpsc::sync_channel::<()>(2);
            let wait = std::sync::Mutex::new(wait);
            let backend = Backend::start(move |backend, _, mut client| {
                while backend.take(&mut client) {
                    if whole {
                        client.send(format!("{head}{body}"));
                    } else {
                        client.send(head);
                        let _ = wait.lock().unwrap().recv();
                        client.send(body);
                    }
                }
            });
            let world = World::start(&Shape::to(backend.address));
            let mut client = world.connect();
            let replies = [(); 2].map(|()| {
                client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n");
                let head = client.head();
                go.try_send(()).unwrap();
                (head.replace(|byte: char| byte.is_ascii_hexdigit(), "0"), client.exactly(body.len()))
            });
            let calls = world.tape.calls(2).into_iter().map(|call| (call.status, call.aborted, call.bytes));
            (replies, calls.collect::<Vec<_>>(), backend.connections.load(Ordering::SeqCst))
        });
        assert_eq!(seen[0], seen[1], "{head}");
        assert_eq!(seen[0].0[1].1, body.as_bytes());
        assert_eq!(seen[0].2, if head.contains("close") { 2 } else { 1 }, "{head}");
    }
}

/// How many send a body, and do not end it.
const CLIENTS: usize = 8;

fn half() -> String {
    post("content-length: 220000\r\n", &"x".repeat(140_000))
}

/// Each is under its own bound; together they stop at the budget, whichever cores they are on, and the room of those that are
/// refused serves who is left.
#[test]
fn threat_48_half_sent_bodies_stop_at_the_budget() {
    let backend = Backend::answering(OK);
    let mut shape = Shape::to(backend.address);
    (shape.request, shape.bodies) = (BodyMode::Whole { limit: 400_000 }, 250_000);
    let world = World::start(&shape);
    let (answered, answers) = std::sync::mpsc::sync_channel(CLIENTS);
    let mut sockets = Vec::new();
    for number in 0..CLIENTS {
        let mut client = world.connect();
        sockets.push(client.socket.try_clone().unwrap());
        let answered = answered.clone();
        std::thread::spawn(move || {
            client.send(half());
            let reply = client.reply();
            answered.send((number, reply.status, reply.text().contains("overloaded"))).unwrap();
        });
    }
    let mut left: std::collections::BTreeSet<usize> = (0..CLIENTS).collect();
    for _ in 1..CLIENTS {
        let (number, status, overloaded) = answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!((status, overloaded), (503, true));
        left.remove(&number);
    }
    world.tape.bound(Bound::Bodies, CLIENTS - 1);
    assert_eq!(backend.requests().len(), 0);
    let last = left.pop_first().unwrap();
    sockets[last].write_all("y".repeat(80_000).as_bytes()).unwrap();
    assert_eq!(answers.recv_timeout(PATIENCE).unwrap(), (last, 200, false));
    assert_eq!(backend.requests()[0].1.len(), 220_000);
    // Nothing stays taken, once their core has let go of it: a client has its answer before that.
    let whole = post("content-length: 220000\r\n", &"x".repeat(220_000));
    for _ in 0..2 {
        let served = testkit::until(10, || (world.call(&whole).status == 200).then_some(()));
        assert!(served.is_some(), "what was taken is not given back");
    }
}

#[test]
fn threat_48_all_half_sent_bodies_get_through_a_naive_proxy() {
    let recorder = testkit::Recorder::start();
    let naive = testkit::Naive::start(recorder.address());
    let open: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = testkit::RawClient::connect(naive.address());
            client.send(half()).unwrap();
            client
        })
        .collect();
    let came = testkit::until(10, || (recorder.received() == CLIENTS * half().len()).then_some(()));
    assert!(came.is_some(), "{} bytes of {} bodies", recorder.received(), open.len());
}

/// An answer that is read whole holds its room until the client has it.
#[test]
fn threat_48_answers_that_are_checked_count_too() {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n{}", "x".repeat(90_000));
    let backend = Backend::answering(answer.leak());
    for (bodies, status) in [(80_000, 503), (100_000, 200)] {
        let mut shape = Shape::to(backend.address);
        (shape.response, shape.bodies) = (ResponseMode::Whole { limit: 200_000 }, bodies);
        let world = World::start(&shape);
        for _ in 0..2 {
            // The room of the first is given back when its core has let go of it, soon after the client has its answer.
            let get = || world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").status;
            assert!(testkit::until(10, || (get() == status).then_some(())).is_some(), "{bodies} {status}");
        }
        world.tape.bound(Bound::Bodies, usize::from(status == 503) * 2);
    }
}
