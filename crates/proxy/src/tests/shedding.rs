//! Cores that are late, since a control occupies them: a part of the new calls is refused at once, what is under way goes on, and
//! all is as before when the load is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::bounds::Bound;
use engine::shedding::Shedding;
use testkit::until;

use super::lifetimes::Gate;
use super::world::{Backend, Client, OK, Reply, SPIN, Shape, World};

const CALL: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\nx-toy: spin\r\n\r\n";
const BODY: &str = "POST /v1/a HTTP/1.1\r\nhost: a\r\nx-toy: spin\r\ncontent-length: 2\r\n\r\nhi";
const EVENTS: &str = "GET /v1/events HTTP/1.1\r\nhost: a\r\n\r\n";
/// Each of the two cores has half of them: it is late by as many times what a call occupies it.
const CLIENTS: usize = 16;
const LAG: Duration = Duration::from_millis(20);

/// An upstream that answers at once, and to who asks for events with one, and with the last when it is told to.
fn backend() -> (Backend, Arc<Gate>) {
    let gate = Arc::<Gate>::default();
    let held = Arc::clone(&gate);
    let backend = Backend::start(move |backend, _, mut client| {
        while backend.take(&mut client) {
            if !backend.requests().last().unwrap().0.contains("/events ") {
                client.send(OK);
                continue;
            }
            client.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            );
            held.wait();
            client.send("4\r\nlast\r\n0\r\n\r\n");
        }
    });
    (backend, gate)
}

/// So many calls of each client, one after another on its connection.
fn press(address: SocketAddr, calls: usize) -> Vec<Reply> {
    let one = |request: &'static str| {
        move || -> Vec<Reply> {
            let mut client = Client::to(address);
            let each = (0..calls).map(|_| {
                client.send(request);
                client.reply()
            });
            each.collect()
        }
    };
    let clients =
        (0..CLIENTS).map(|number| std::thread::spawn(one(if number % 4 == 0 { BODY } else { CALL })));
    let clients: Vec<_> = clients.collect();
    clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
}

#[test]
fn a_core_that_stays_late_refuses_a_part_and_no_longer_than_that() {
    let (backend, last) = backend();
    let mut shape = Shape::to(backend.address);
    shape.shedding = Some(Shedding { lag: LAG, interval: 3 * LAG });
    let world = World::start(&shape);
    let mut stream = world.connect();
    stream.send(EVENTS);
    stream.head();
    let replies = press(world.address, 60);
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 503).collect();
    let served = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(refused.len() + served, replies.len(), "{replies:?}");
    assert!(!refused.is_empty() && served > refused.len() / 64, "{served} of {}", replies.len());
    for reply in refused {
        assert!(reply.text().contains("\"code\":\"load_shed\""), "{reply:?}");
        let after: u64 = reply.field("retry-after").unwrap().parse().unwrap();
        assert!((1..=4).contains(&after), "{reply:?}");
    }
    assert!(world.tape.bounds().contains(&Bound::CoreLag));
    // What is asked of the upstream is what was let through.
    assert_eq!(backend.requests().len(), served + 1);
    // The load is over: nobody is refused any more, and the stream went on.
    let mut client = world.connect();
    let calm = until(20, || {
        let mut replies = (0..10).map(|_| {
            client.send(CALL);
            client.reply()
        });
        replies.all(|reply| reply.status == 200).then_some(())
    });
    assert!(calm.is_some());
    last.open();
    assert_eq!(stream.exactly(14), b"4\r\nlast\r\n0\r\n\r\n");
}

#[test]
fn who_does_not_want_it_waits_as_long_as_it_takes() {
    let (backend, _last) = backend();
    let world = World::start(&Shape::to(backend.address));
    let replies = press(world.address, 20);
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    // The twin: a core that is not late refuses nothing, however long its calls take.
    let mut shape = Shape::to(backend.address);
    shape.shedding = Some(Shedding { lag: 5 * SPIN, interval: LAG });
    let world = World::start(&shape);
    let mut client = world.connect();
    for _ in 0..50 {
        client.send(CALL);
        assert_eq!(client.reply().status, 200);
    }
}
