//! Streams last as long as they may and no longer (THREATS row 8), under a clock that tests move.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use engine::bounds;
use testkit::FakeClock;

use super::streams::endless;
use super::two::{block, dial};
use super::world::{Backend, Client, Nothing, Shape, World};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const DAY: Duration = bounds::STREAM_LIFETIME;
const SECOND: Duration = Duration::from_secs(1);

/// Holds upstreams, or jobs, up until it is opened.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub(super) fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    pub(super) fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// An upstream that sends an event, and the last one when it is told to.
fn events(media: &'static str) -> (Backend, Arc<Gate>) {
    let gate = Arc::<Gate>::default();
    let held = Arc::clone(&gate);
    let backend = Backend::start(move |backend, _, mut client| {
        while backend.take(&mut client) {
            client.send(format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nevent\r\n"
            ));
            held.wait();
            client.send("4\r\nlast\r\n0\r\n\r\n");
        }
    });
    (backend, gate)
}

fn shape(backend: &Backend) -> Shape {
    let mut shape = Shape::to(backend.address);
    shape.deadlines.idle = 30 * DAY;
    shape
}

fn world(shape: &Shape) -> (World, FakeClock) {
    let clock = FakeClock::new();
    (World::at(shape, Arc::new(clock.clone()), Arc::new(Nothing)), clock)
}

/// Asks for events, and takes the first.
fn begin(client: &mut Client) {
    client.send(GET);
    client.head();
    assert_eq!(client.exactly(10), b"5\r\nevent\r\n");
}

fn open(world: &World) -> Client {
    let mut client = world.connect();
    begin(&mut client);
    client
}

#[test]
fn events_end_whole_after_their_time_and_younger_ones_last() {
    let (backend, last) = events("text/event-stream");
    let (world, clock) = world(&shape(&backend));
    let mut old = open(&world);
    clock.advance(DAY - SECOND);
    let mut young: Vec<Client> = (0..4).map(|_| open(&world)).collect();
    clock.advance(SECOND);
    assert_eq!(old.exactly(5), b"0\r\n\r\n", "ended as events end");
    let calls = world.tape.calls(1);
    assert_eq!((calls[0].status, calls[0].code, calls[0].aborted), (200, "", false));
    // They are asked for again, on the same connection.
    begin(&mut old);
    young.push(old);
    last.open();
    for client in &mut young {
        assert_eq!(client.exactly(14), b"4\r\nlast\r\n0\r\n\r\n");
    }
    let calls = world.tape.calls(6);
    assert!(calls.iter().all(|call| call.code.is_empty() && !call.aborted), "{calls:?}");
}

#[test]
fn what_could_be_taken_for_whole_breaks_off_after_its_time() {
    for media in ["application/octet-stream", "application/x-ndjson"] {
        let (backend, _last) = events(media);
        let (world, clock) = world(&shape(&backend));
        let mut client = open(&world);
        clock.advance(DAY);
        assert_eq!(client.rest(), b"", "broken off, not ended");
        let call = &world.tape.calls(1)[0];
        assert_eq!((call.code, call.aborted), ("stream_too_long", false), "{media}");
    }
}

#[test]
fn who_takes_nothing_for_as_long_is_recorded_as_well() {
    let (backend, _) = endless();
    let (world, clock) = world(&shape(&backend));
    let mut client = world.connect();
    client.send(GET);
    client.head();
    clock.advance(DAY);
    assert_eq!(world.tape.calls(1)[0].code, "stream_too_long");
}

#[test]
fn a_reload_says_anew_how_long_streams_last() {
    let (backend, last) = events("text/event-stream");
    let usual = shape(&backend);
    let (world, clock) = world(&usual);
    let (mut one, mut other) = (open(&world), open(&world));
    let publish = |generation: u64, lifetime: Duration| {
        let mut shape = Shape { generation, ..usual.clone() };
        shape.deadlines.lifetime = lifetime;
        world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
    };
    publish(2, 2 * DAY);
    clock.advance(DAY + SECOND);
    let mut young = open(&world);
    publish(3, DAY);
    for client in [&mut one, &mut other] {
        assert_eq!(client.exactly(5), b"0\r\n\r\n", "longer than they may last now");
    }
    last.open();
    assert_eq!(young.exactly(14), b"4\r\nlast\r\n0\r\n\r\n");
}

/// What ended it: the status of gRPC, an end, or a reset.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Status(String),
    Whole,
    Reset,
}

#[test]
fn on_http_2_each_ends_by_its_own_close() {
    for (media, end, code) in [
        ("application/grpc", End::Status("4".into()), "stream_too_long"),
        ("text/event-stream", End::Whole, ""),
        ("application/octet-stream", End::Reset, "stream_too_long"),
    ] {
        let (backend, _last) = events(media);
        let (world, clock) = world(&shape(&backend));
        let request = http::Request::post("http://a/v1/a").header("content-type", media).body(()).unwrap();
        block(async {
            let (mut client, connection) = h2::client::handshake(dial(world.address).await).await.unwrap();
            tokio::spawn(connection);
            std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
            let (response, _) = client.send_request(request, true).unwrap();
            let mut body = response.await.unwrap().into_body();
            assert_eq!(body.data().await.unwrap().unwrap(), "event");
            clock.advance(DAY);
            let found = loop {
                match body.data().await {
                    // The frame that ends it.
                    Some(Ok(data)) if data.is_empty() => {}
                    Some(Err(error)) if error.is_reset() => break End::Reset,
                    Some(other) => panic!("{media}: {other:?}"),
                    None => match body.trailers().await.unwrap() {
                        Some(trailers) => {
                            break End::Status(trailers["grpc-status"].to_str().unwrap().into());
                        }
                        None => break End::Whole,
                    },
                }
            };
            assert_eq!(found, end, "{media}");
        });
        let call = &world.tape.calls(1)[0];
        assert_eq!((call.code, call.aborted), (code, false), "{media}");
    }
}
