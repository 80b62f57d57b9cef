//! How WebSockets and other live streams end that nobody broke.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::{Mode, Principal, ResponseMode, Withdrawn};

use super::kit::{End, answered, closed_with, echo, rules, shape};
use crate::tests::two::{block, dial};
use crate::tests::world::{Backend, PATIENCE, Shape, World};
use crate::websocket::frames::{Event, Opcode};

#[test]
fn who_says_nothing_is_closed_with_1001_and_who_lasts_too_long_with_1000() {
    let short = Duration::from_millis(300);
    for (idle, lifetime, code) in [(short, rules().lifetime, 1001), (rules().idle, short, 1000)] {
        let (backend, met) = echo();
        let world = World::start(&shape(&backend, engine::websocket::Rules { idle, lifetime, ..rules() }));
        let mut end = End::open(&world, "");
        end.send(Opcode::Text, b"hello");
        assert_eq!(end.text(), "hello");
        assert_eq!((end.closed(), closed_with(&met)), (Some(code), code));
        end.close(code);
        assert_eq!(end.next(), None);
        let call = &world.tape.calls(1)[0];
        assert_eq!((call.code, call.aborted, call.close), ("", false, Some(code)));
    }
}

#[test]
fn an_end_that_is_gone_without_a_close_is_told_to_the_other() {
    let (backend, met) = echo();
    let world = World::start(&shape(&backend, rules()));
    let mut end = End::open(&world, "");
    end.send(Opcode::Text, b"hello");
    assert_eq!(end.text(), "hello");
    drop(end);
    assert_eq!(closed_with(&met), 1001);
    assert!(world.tape.calls(1)[0].aborted);

    let backend = Backend::start(|backend, _, client| {
        let mut end = answered(backend, client, "").unwrap();
        end.next();
    });
    let world = World::start(&shape(&backend, rules()));
    let mut end = End::open(&world, "");
    end.send(Opcode::Text, b"hello");
    assert_eq!(end.closed(), Some(1014));
    let call = &world.tape.calls(1)[0];
    assert_eq!((call.code, call.aborted), ("upstream_reset", false));
}

#[test]
fn a_close_that_is_not_returned_ends_all_the_same() {
    let backend = Backend::start(|backend, _, client| {
        let mut end = answered(backend, client, "").unwrap();
        // Reads the close and just goes.
        assert_eq!(end.closed(), Some(1000));
    });
    let world = World::start(&shape(&backend, rules()));
    let mut end = End::open(&world, "");
    end.close(1000);
    assert!(end.closed().is_some());
    assert_eq!(end.next(), None);
    let call = &world.tape.calls(1)[0];
    assert_eq!((call.code, call.aborted, call.close), ("", false, Some(1000)));
}

#[test]
fn a_drain_closes_with_1001_and_does_not_wait_for_its_time() {
    let (backend, met) = echo();
    let mut world = World::start(&shape(&backend, rules()));
    let mut end = End::open(&world, "");
    let plane = world.plane.take().unwrap();
    let drained = std::thread::spawn(move || plane.drain());
    assert_eq!((end.closed(), closed_with(&met)), (Some(1001), 1001));
    end.close(1001);
    drop(end);
    drained.join().unwrap();
    assert!(!world.tape.calls(1)[0].aborted);
    assert_eq!(world.live.count(), 0);
}

#[test]
fn a_reload_takes_what_is_open_along_or_ends_it() {
    let (backend, met) = echo();
    let mut shape = shape(&backend, rules());
    let world = World::start(&shape);
    let publish = |shape: &_| world.plane.as_ref().unwrap().publish(&Shape::snapshot(shape, &world.live));
    let mut end = End::open(&world, "");
    for generation in 2..8 {
        shape.generation = generation;
        publish(&shape);
        end.send(Opcode::Text, b"hello");
        assert_eq!(end.text(), "hello");
        assert_eq!(world.live.count(), 1);
    }
    // Shorter messages from now on.
    shape.websocket = Some(Arc::new(engine::websocket::Rules { message: 4, frame: 4, ..rules() }));
    publish(&shape);
    end.send(Opcode::Text, b"hello");
    assert_eq!((end.closed(), closed_with(&met)), (Some(1009), 1009));
    drop(end);
    // Not allowed any more: by a control, since its operation is no WebSocket, or since it is gone.
    shape.websocket = Some(Arc::new(rules()));
    publish(&shape);
    let mut calls = 1;
    let forbidding: [fn(&mut Shape); 3] =
        [|shape| shape.closed = true, |shape| shape.websocket = None, |shape| shape.operation = "other"];
    for forbid in forbidding {
        let mut end = End::open(&world, "");
        let mut other = shape.clone();
        forbid(&mut other);
        publish(&other);
        assert_eq!((end.closed(), closed_with(&met)), (Some(1008), 1008));
        drop(end);
        calls += 1;
        assert_eq!(world.tape.calls(calls).last().unwrap().code, "stream_withdrawn");
        publish(&shape);
    }
}

#[test]
fn what_was_proven_is_read_by_its_names_after_a_reload() {
    let (backend, met) = echo();
    let mut shape = shape(&backend, rules());
    shape.names = (&["toy"], &["orders:read", "orders:write"]);
    shape.wanted = Some("orders:read");
    let world = World::start(&shape);
    let publish = |shape: &_| world.plane.as_ref().unwrap().publish(&Shape::snapshot(shape, &world.live));
    let fields = format!("x-until: {}\r\nx-scopes: orders:read\r\n", world.unix() + 1_000);
    let mut end = End::open(&world, &fields);
    // A scope and a scheme that come before in the order of their names: the proof is what it was.
    shape.names = (&["key", "toy"], &["orders:list", "orders:read", "orders:write"]);
    publish(&shape);
    end.send(Opcode::Text, b"hello");
    assert_eq!(end.text(), "hello");
    shape.names = (&["toy"], &["orders:read"]);
    publish(&shape);
    end.send(Opcode::Text, b"hello");
    assert_eq!(end.text(), "hello");
    // One that has the number of what the proof has, which the proof lacks.
    shape.names = (&["toy"], &["orders:admin", "orders:read"]);
    shape.wanted = Some("orders:admin");
    publish(&shape);
    assert_eq!((end.closed(), closed_with(&met)), (Some(1008), 1008));
    assert_eq!(world.tape.calls(1)[0].code, "stream_withdrawn");
}

/// Whoever is called so is to end.
#[derive(Debug)]
struct Gone(&'static str);

impl Withdrawn for Gone {
    fn is(&self, principal: &Principal, now: u64) -> bool {
        now > 0 && &*principal.issuer == "i" && &*principal.subject == self.0
    }
}

#[test]
fn a_credential_that_is_withdrawn_ends_what_it_opened_and_opens_nothing_more() {
    let (backend, met) = echo();
    let shape = shape(&backend, rules());
    let world = World::start(&shape);
    let until = format!("x-until: {}\r\n", world.unix() + 1_000);
    let mut open = End::open(&world, &until);
    let mut anonymous = End::open(&world, "");
    let plane = world.plane.as_ref().unwrap();
    let withdraw = |who| plane.withdraw(&(Arc::new(Gone(who)) as Arc<dyn Withdrawn>));
    withdraw("other");
    let goes_on = |end: &mut End| {
        end.send(Opcode::Text, b"hello");
        assert_eq!(end.text(), "hello");
    };
    goes_on(&mut open);
    withdraw("s");
    assert_eq!((open.closed(), closed_with(&met)), (Some(1008), 1008));
    assert_eq!(world.tape.calls(1)[0].code, "stream_withdrawn");
    goes_on(&mut anonymous);
    // The controls of this world let everybody in, as one does that was asked just before.
    let mut late = End::open(&world, &until);
    assert_eq!((late.closed(), closed_with(&met)), (Some(1008), 1008));
    // What is handed over last counts.
    withdraw("other");
    // Whoever publishes after it comes after it.
    plane.publish(&shape.snapshot(&world.live));
    let mut again = End::open(&world, &until);
    goes_on(&mut again);
    goes_on(&mut anonymous);
}

#[test]
fn a_credential_that_ends_and_a_principal_that_is_revoked_end_what_they_opened() {
    let (backend, met) = echo();
    let world = World::start(&shape(&backend, rules()));
    let now = world.unix();
    let mut expiring = End::open(&world, &format!("x-until: {}\r\n", now + 1));
    let mut lasting = End::open(&world, &format!("x-until: {}\r\n", now + 1_000));
    let mut anonymous = End::open(&world, "");
    assert_eq!((expiring.closed(), closed_with(&met)), (Some(1008), 1008));
    assert_eq!(world.tape.calls(1)[0].code, "token_expired");
    lasting.send(Opcode::Text, b"hello");
    assert_eq!(lasting.text(), "hello");
    let plane = world.plane.as_ref().unwrap();
    plane.revoke("i", "somebody else");
    plane.revoke("another issuer", "s");
    plane.revoke("i", "s");
    assert_eq!((lasting.closed(), closed_with(&met)), (Some(1008), 1008));
    assert_eq!(world.tape.calls(2)[1].code, "stream_withdrawn");
    anonymous.send(Opcode::Text, b"hello");
    assert_eq!(anonymous.text(), "hello");
}

/// An upstream that sends an event and then nothing more.
fn events(media: &'static str) -> Backend {
    Backend::start(move |backend, _, mut client| {
        while backend.take(&mut client) {
            client.send(format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nevent\r\n"
            ));
            if backend.requests().last().unwrap().0.contains("x-ends") {
                client.send("0\r\n\r\n");
            }
        }
    })
}

#[test]
fn events_break_off_when_their_credential_ends_and_downloads_do_not() {
    let backend = events("text/event-stream");
    let world = World::start(&Shape::to(backend.address));
    let get = |until: u64| format!("GET /v1/a HTTP/1.1\r\nhost: a\r\nx-until: {until}\r\n\r\n");
    let mut client = world.connect();
    client.send(get(world.unix() + 1));
    client.head();
    assert_eq!(client.exactly(10), b"5\r\nevent\r\n");
    assert_eq!(client.rest(), b"", "broken off, not ended");
    assert_eq!(world.tape.calls(1)[0].code, "token_expired");
    let mut client = world.connect();
    client.send(get(world.unix() + 1_000));
    client.head();
    assert_eq!(client.exactly(10), b"5\r\nevent\r\n");
    world.plane.as_ref().unwrap().revoke("i", "s");
    assert_eq!(client.rest(), b"", "broken off, not ended");
    assert_eq!(world.tape.calls(2)[1].code, "stream_withdrawn");
    // A download that was begun with a good credential is carried out.
    let backend = events("application/octet-stream");
    let mut shape = Shape::to(backend.address);
    shape.deadlines.idle = Duration::from_millis(1_500);
    let world = World::start(&shape);
    let mut client = world.connect();
    client.send(get(world.unix()));
    client.head();
    assert_eq!(client.exactly(10), b"5\r\nevent\r\n");
    world.plane.as_ref().unwrap().revoke("i", "s");
    assert_eq!(client.rest(), b"");
    assert_eq!(world.tape.calls(1)[0].code, "upstream_timeout", "nothing but the silence ended it");
}

/// A reload by which answers are read whole, as to hide fields: a stream that is open would pass all that by.
#[test]
fn events_end_when_answers_are_read_whole_and_others_go_on() {
    let whole = |shape: &Shape| Shape {
        generation: 3,
        response: ResponseMode::Whole { limit: 1 << 20 },
        response_toy: Some(Mode::Enforce),
        ..shape.clone()
    };
    for (media, ends) in [("text/event-stream", true), ("application/octet-stream", false)] {
        let backend = events(media);
        let mut shape = Shape::to(backend.address);
        shape.deadlines.idle = Duration::from_millis(1_500);
        let world = World::start(&shape);
        let mut client = world.connect();
        client.send("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n");
        client.head();
        assert_eq!(client.exactly(10), b"5\r\nevent\r\n");
        // Any other reload takes it along.
        let publish = |shape: &Shape| world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
        publish(&Shape { generation: 2, ..shape.clone() });
        publish(&whole(&shape));
        assert_eq!(client.rest(), b"", "broken off, not ended");
        let code = if ends { "stream_withdrawn" } else { "upstream_timeout" };
        assert_eq!((world.tape.calls(1)[0].code, world.tape.calls(1)[0].generation), (code, 3), "{media}");
    }
}

#[test]
fn grpc_is_told_by_its_own_status() {
    let backend = events("application/grpc");
    let world = World::start(&Shape::to(backend.address));
    for (until, status) in [(1, "16"), (1_000, "7")] {
        let request = http::Request::post("http://a/v1/a")
            .header("content-type", "application/grpc")
            .header("x-until", world.unix() + until)
            .body(())
            .unwrap();
        block(async {
            let (mut client, connection) = h2::client::handshake(dial(world.address).await).await.unwrap();
            tokio::spawn(connection);
            std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
            let (response, _) = client.send_request(request, true).unwrap();
            let mut body = response.await.unwrap().into_body();
            assert_eq!(body.data().await.unwrap().unwrap(), "event");
            if status == "7" {
                world.plane.as_ref().unwrap().revoke("i", "s");
            }
            assert!(body.data().await.is_none());
            let trailers = body.trailers().await.unwrap().unwrap();
            assert_eq!(trailers["grpc-status"], status);
        });
    }
    let codes: Vec<_> = world.tape.calls(2).iter().map(|call| call.code).collect();
    assert_eq!(codes, ["token_expired", "stream_withdrawn"]);
}

#[test]
fn nothing_grows_while_one_end_takes_nothing() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let backend = Backend::start(move |backend, _, client| {
        use std::io::Write;
        let mut end = answered(backend, client, "").unwrap();
        let mut frame = Vec::new();
        crate::websocket::write::write(&mut frame, Opcode::Binary, &[7; 60_000], None);
        while end.client.socket.write_all(&frame).is_ok() {
            count.fetch_add(frame.len(), Ordering::SeqCst);
        }
    });
    let world =
        World::start(&shape(&backend, engine::websocket::Rules { idle: Duration::from_secs(1), ..rules() }));
    let mut end = End::open(&world, "");
    // The client reads nothing: it is closed, which it cannot read either, and then let go.
    let call = &world.tape.calls(1)[0];
    assert_eq!(call.close, Some(1001));
    assert!(written.load(Ordering::SeqCst) < 64 << 20, "what nobody takes is not read on");
    end.client.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(end.next(), Some(Event::Message { .. })));
}
