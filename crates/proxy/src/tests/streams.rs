//! Answers that stream: they may last, but somebody has to move (THREATS row 8, slow readers).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::bounds::Bound;

use super::two::{block, dial, get};
use super::world::{Backend, Shape, World};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const CHUNK: usize = 64 * 1024;

/// An upstream whose answer has no end; counts the chunks that it could write.
pub(super) fn endless() -> (Backend, Arc<AtomicUsize>) {
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let backend = Backend::start(move |backend, _, mut client| {
        use std::io::Write;
        backend.take(&mut client);
        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("{CHUNK:x}\r\n{}\r\n", "x".repeat(CHUNK));
        while client.socket.write_all(chunk.as_bytes()).is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (backend, written)
}

fn shape(backend: &Backend) -> Shape {
    let mut shape = Shape::to(backend.address);
    shape.deadlines.total = Duration::from_millis(200);
    shape.deadlines.idle = Duration::from_millis(300);
    shape
}

/// How many clients were let go since they took nothing.
fn let_go(world: &World) -> usize {
    world.tape.bounds().iter().filter(|bound| **bound == Bound::AnswerIdle).count()
}

#[test]
fn a_stream_that_moves_outlives_the_deadline_of_the_whole() {
    let (ticks, wait) = std::sync::mpsc::sync_channel::<()>(1);
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::start(move |backend, _, mut client| {
        backend.take(&mut client);
        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while wait.lock().unwrap().recv().is_ok() {
            client.send("1\r\na\r\n");
        }
        client.send("0\r\n\r\n");
    });
    let world = World::start(&shape(&backend));
    let mut client = world.connect();
    client.send(GET);
    client.head();
    let end = std::time::Duration::from_millis(600);
    let begun = super::world::moment();
    while super::world::moment() - begun < end {
        ticks.send(()).unwrap();
        assert_eq!(client.exactly(6), b"1\r\na\r\n");
    }
    drop(ticks);
    assert_eq!(client.exactly(5), b"0\r\n\r\n");
    let call = &world.tape.calls(1)[0];
    assert_eq!((call.status, call.code, call.aborted), (200, "", false));
    assert_eq!(let_go(&world), 0);
}

#[test]
fn a_client_that_takes_nothing_is_let_go_on_http_1() {
    let (backend, written) = endless();
    let world = World::start(&shape(&backend));
    let mut client = world.connect();
    client.send(GET);
    client.head();
    // The record comes only when the call is over; the client has read nothing and stays connected.
    let call = &world.tape.calls(1)[0];
    assert_eq!((call.status, call.aborted), (200, true));
    assert_eq!(let_go(&world), 1);
    assert!(written.load(Ordering::SeqCst) * CHUNK < 64 * 1024 * 1024, "what nobody takes is not read on");
}

#[test]
fn a_client_that_takes_nothing_of_a_known_answer_holds_neither_a_place_nor_a_snapshot() {
    const LONG: usize = 24 * 1024 * 1024;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {LONG}\r\n\r\n{}", "x".repeat(LONG));
    let backend = Backend::answering(answer.leak());
    let mut shape = shape(&backend);
    shape.deadlines.total = Duration::from_secs(20);
    shape.response = engine::plan::ResponseMode::Whole { limit: 2 * LONG as u64 };
    shape.response_toy = Some(engine::Mode::Enforce);
    let world = World::start(&shape);
    let mut stuck = Vec::new();
    for _ in 0..5 {
        let mut client = world.connect();
        client.send(GET);
        client.head();
        stuck.push(client);
        shape.generation += 1;
        // More than there may be alive: each has to be let go before the next but three is taken.
        world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
    }
    let calls = world.tape.calls(5);
    assert!(calls.iter().all(|call| call.status == 200 && call.aborted), "{calls:?}");
    assert_eq!(let_go(&world), 5);
}

#[test]
fn a_client_that_keeps_its_window_shut_is_let_go_on_http_2_and_its_connection_goes_on() {
    let (backend, written) = endless();
    let mut shape = shape(&backend);
    shape.deadlines.total = Duration::from_secs(5);
    let world = World::start(&shape);
    block(async {
        let (mut client, connection) = h2::client::handshake(dial(world.address).await).await.unwrap();
        tokio::spawn(connection);
        std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (response, _) = client.send_request(get("http://a/v1/a"), true).unwrap();
        let mut body = response.await.unwrap().into_body();
        // What came is never released: the window stays shut, and the stream is reset.
        let broken = loop {
            match body.data().await {
                Some(Ok(_)) => {}
                other => break other,
            }
        };
        assert!(matches!(broken, Some(Err(error)) if error.is_reset()));
        std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (response, _) = client.send_request(get("http://a/nothing"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 404);
    });
    assert!(world.tape.calls(2)[0].aborted);
    assert_eq!(let_go(&world), 1);
    assert!(written.load(Ordering::SeqCst) * CHUNK < 64 * 1024 * 1024, "what nobody takes is not read on");
}
