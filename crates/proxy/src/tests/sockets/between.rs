//! Reloads and revocations between a call that was allowed and the answer that opens its stream.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::kit::{ASK, End, answer, rules, shape};
use crate::tests::world::{Backend, Client, PATIENCE, Shape, World};
use crate::websocket::frames::{Event, From, Opcode};

/// An upstream that says of each call that it came, and answers it when it may.
fn hesitant(
    answers: impl Fn(&Backend, Client) + Send + Sync + 'static,
) -> (Backend, Receiver<()>, SyncSender<()>) {
    let (asked, was_asked) = sync_channel(10);
    let (may, wait) = sync_channel(10);
    let both = Mutex::new((asked, wait));
    let backend = Backend::start(move |backend, _, mut client| {
        if backend.take(&mut client) {
            let both = both.lock().unwrap();
            both.0.send(()).unwrap();
            both.1.recv().unwrap();
            answers(backend, client);
        }
    });
    (backend, was_asked, may)
}

/// Sends a call, lets something happen once it came to the upstream, and lets the upstream answer then.
fn meanwhile(
    world: &World,
    (asked, may): (&Receiver<()>, &SyncSender<()>),
    call: &str,
    happens: impl FnOnce(),
) -> Client {
    let mut client = world.connect();
    client.send(call);
    asked.recv_timeout(PATIENCE).unwrap();
    happens();
    may.send(()).unwrap();
    client
}

#[test]
fn a_reload_before_the_handshake_is_answered_holds_for_what_it_opens() {
    let (backend, asked, may) = hesitant(|backend, client| {
        let mut end = answer(backend, client, "").unwrap();
        while let Some(event) = end.next() {
            match event {
                Event::Message { payload, .. } => end.send(Opcode::Text, &payload),
                Event::Close(_) => return end.close(1000),
                _ => {}
            }
        }
    });
    let shape = shape(&backend, rules());
    let world = World::start(&shape);
    let publish = |shape: &Shape| world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
    let call = format!("{ASK}\r\n");
    let open = |happens: &dyn Fn()| {
        let mut client = meanwhile(&world, (&asked, &may), &call, happens);
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        End::new(client, From::Server)
    };
    // The twin: it is in the new one as it was.
    let mut end = open(&|| publish(&Shape { generation: 2, ..shape.clone() }));
    end.send(Opcode::Text, b"hello");
    assert_eq!(end.text(), "hello");
    assert_eq!(world.live.count(), 1);
    end.close(1000);
    assert_eq!(end.closed(), Some(1000));
    assert_eq!(world.tape.calls(1)[0].generation, 2);
    let mut calls = 1;
    let forbidding: [fn(&mut Shape); 3] =
        [|shape| shape.closed = true, |shape| shape.websocket = None, |shape| shape.operation = "other"];
    for forbid in forbidding {
        let mut other = shape.clone();
        forbid(&mut other);
        let mut end = open(&|| publish(&other));
        assert_eq!(end.closed(), Some(1008));
        drop(end);
        calls += 1;
        assert_eq!(world.tape.calls(calls).last().unwrap().code, "stream_withdrawn");
        publish(&shape);
    }
}

#[test]
fn a_principal_that_is_revoked_before_the_answer_opens_nothing() {
    let (backend, asked, may) = hesitant(|backend, mut client| {
        if backend.requests().last().unwrap().0.contains("upgrade") {
            let mut end = answer(backend, client, "").unwrap();
            while !matches!(end.next(), Some(Event::Close(_)) | None) {}
            end.close(1000);
        } else {
            client.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent");
            client.rest();
        }
    });
    let shape = shape(&backend, rules());
    let world = World::start(&shape);
    let until = world.unix() + 1_000;
    let plane = world.plane.as_ref().unwrap();
    // Whoever publishes after it comes after it.
    let revoke = |subject: &str| {
        plane.revoke("i", subject);
        plane.publish(&shape.snapshot(&world.live));
    };
    let call = format!("{ASK}x-until: {until}\r\n\r\n");
    let mut client = meanwhile(&world, (&asked, &may), &call, || revoke("s"));
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(End::new(client, From::Server).closed(), Some(1008));
    assert_eq!(world.tape.calls(1)[0].code, "stream_withdrawn");
    // Twins: somebody else is revoked, nobody is known, and who comes later is for the controls to refuse.
    let nothing: fn(&str) = |_| {};
    for (subject, call) in [("other", call.clone()), ("s", format!("{ASK}\r\n")), ("", call)] {
        let happens = || if subject.is_empty() { nothing(subject) } else { revoke(subject) };
        let mut client = meanwhile(&world, (&asked, &may), &call, happens);
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        let mut end = End::new(client, From::Server);
        end.close(4_000);
        assert_eq!(end.closed(), Some(1000));
    }
    // Events.
    let mut plain = shape.clone();
    plain.websocket = None;
    plane.publish(&plain.snapshot(&world.live));
    let revoke = || {
        plane.revoke("i", "s");
        plane.publish(&plain.snapshot(&world.live));
    };
    let call = format!("GET /v1/a HTTP/1.1\r\nhost: a\r\nx-until: {until}\r\n\r\n");
    let mut client = meanwhile(&world, (&asked, &may), &call, revoke);
    client.head();
    let rest = client.rest();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "broken off, not ended");
    assert_eq!(world.tape.calls(5)[4].code, "stream_withdrawn");
}
