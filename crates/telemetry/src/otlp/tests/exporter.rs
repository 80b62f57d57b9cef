//! The sending, before a collector that does what a test says and a clock that the test moves.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io::Read;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::proto::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use bytes::Bytes;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use engine::{BoxFuture, Clock, bounds};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use testkit::FakeClock;

use super::super::state::Lost;
use super::*;

thread_local! {
    /// What was said: a test has a thread of its own.
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn said() -> Vec<String> {
    SAID.with(RefCell::take)
}

/// What a collector does with one request.
#[derive(Debug, Clone)]
enum Act {
    Answer(u16, &'static [(&'static str, &'static str)], Vec<u8>),
    Fail(FetchError),
    /// Takes the request and says nothing.
    Stall,
}

fn status(status: u16) -> Act {
    Act::Answer(status, &[], Vec::new())
}

#[derive(Debug, Default)]
struct Collector {
    /// What it does in turn; the last goes on for ever.
    acts: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<FetchRequest>>,
}

impl Fetch for Collector {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        self.seen.lock().push(request);
        let mut acts = self.acts.lock();
        let act = if acts.len() > 1 { acts.pop_front() } else { acts.front().cloned() };
        Box::pin(async move {
            match act.unwrap_or_else(|| status(200)) {
                Act::Stall => std::future::pending().await,
                Act::Fail(error) => Err(error),
                Act::Answer(status, fields, body) => {
                    let mut headers = HeaderMap::new();
                    fields
                        .iter()
                        .for_each(|(name, value)| drop(headers.insert(*name, value.parse().unwrap())));
                    Ok(FetchResponse {
                        status: StatusCode::from_u16(status).unwrap(),
                        headers,
                        body: body.into(),
                    })
                }
            }
        })
    }
}

struct World {
    clock: FakeClock,
    telemetry: Arc<Telemetry>,
    core: Box<dyn CoreRecorder>,
    collector: Arc<Collector>,
    exporter: Arc<Exporter>,
}

fn settings() -> Settings {
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_static("secret"));
    Settings {
        endpoint: String::from("https://collector.example/otlp"),
        headers,
        share: queue::WHOLE,
        traces: true,
        metrics: true,
        logs: Logs::All,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(7),
        gzip: true,
        resource: vec![(String::from("service.name"), String::from("edge"))],
    }
}

fn world(acts: impl IntoIterator<Item = Act>) -> World {
    let clock = FakeClock::new();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let telemetry = Arc::new(Telemetry::new(&Destination::Off, Arc::clone(&shared)).unwrap());
    let core = telemetry.core(0);
    let collector = Arc::new(Collector::default());
    collector.acts.lock().extend(acts);
    let fetch: Arc<dyn Fetch> = Arc::<Collector>::clone(&collector);
    let say: fn(&str) = |line| SAID.with(|said| said.borrow_mut().push(line.to_owned()));
    let exporter = Exporter::new(&telemetry, &shared, &fetch, say);
    exporter.apply(Some(settings()));
    World { clock, telemetry, core, collector, exporter }
}

impl World {
    fn calls(&self, count: usize) {
        (0..count).for_each(|_| self.core.call(&snapshot(1), &refused(&plan())));
    }

    /// Runs to its end, moving the clock a second on whenever it waits; gives how many it took.
    fn run(&self, future: impl Future<Output = ()>) -> u64 {
        let (mut future, mut seconds) = (pin!(future), 0);
        let mut context = Context::from_waker(Waker::noop());
        while future.as_mut().poll(&mut context) == Poll::Pending {
            assert!(seconds < 10_000, "it waits for ever");
            self.clock.advance(Duration::from_secs(1));
            seconds += 1;
        }
        seconds
    }

    fn told(&self, signal: Signal) -> Told {
        self.exporter.state().into_iter().find(|told| told.signal == signal).unwrap()
    }

    fn lost(&self, signal: Signal, why: Lost) -> u64 {
        self.told(signal).lost.into_iter().find(|(lost, _)| *lost == why).unwrap().1
    }

    fn bodies(&self) -> Vec<Bytes> {
        self.collector.seen.lock().iter().map(|request| request.body.clone()).collect()
    }
}

#[test]
fn requests_are_as_the_specification_has_them() {
    let world = world([status(200)]);
    world.calls(3);
    for signal in Signal::ALL {
        world.run(world.exporter.turn(signal));
    }
    let seen = world.collector.seen.lock();
    for (request, path) in seen.iter().zip(["traces", "metrics", "logs"]) {
        assert_eq!(request.url, format!("https://collector.example/otlp/v1/{path}"));
        assert_eq!((request.method.as_str(), request.deadline), ("POST", Duration::from_secs(7)));
        let field = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        assert_eq!(field("content-type"), "application/x-protobuf");
        assert_eq!(
            (field("content-encoding"), field("x-api-key")),
            (String::from("gzip"), String::from("secret"))
        );
    }
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&*seen[0].body).read_to_end(&mut body).unwrap();
    let request = ExportTraceServiceRequest::decode(&*body).unwrap();
    let resource = attributes(&request.resource_spans[0].resource.as_ref().unwrap().attributes);
    has(&resource, &[("service.name", "edge"), ("service.version", env!("CARGO_PKG_VERSION"))]);
    assert_eq!(resource["service.instance.id"].len(), 32);
    assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 3);
    assert_eq!(request.resource_spans[0].scope_spans[0].scope.as_ref().unwrap().name, "yett");
    drop(seen);
    for signal in Signal::ALL {
        let told = world.told(signal);
        assert!(told.fault.is_none() && told.exported >= 3 && told.waiting == 0, "{told:?}");
    }
    assert!(said().is_empty());
}

#[test]
fn what_may_be_tried_again_is_sent_as_it_was_until_it_is_taken() {
    let acts =
        [status(503), Act::Fail(FetchError::Deadline), Act::Fail(FetchError::BreakerOpen), status(200)];
    let world = world(acts);
    world.calls(2);
    let seconds = world.run(world.exporter.turn(Signal::Traces));
    assert!((4..=8).contains(&seconds), "pauses of 1, 2 and 4 s, half of each by chance: {seconds}");
    let bodies = world.bodies();
    assert!(bodies.len() == 4 && bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!((world.told(Signal::Traces).exported, world.told(Signal::Traces).fault), (2, None));
    let said = said();
    assert!(said.len() == 2 && said[0].contains("traces cannot be exported: it answered 503"), "{said:?}");
    assert_eq!(said[1], "traces are exported again");
}

#[test]
fn what_is_refused_is_not_sent_again() {
    for refused in [301, 400, 401, 404, 413, 500] {
        let world = world([status(refused), status(200)]);
        world.calls(2);
        assert_eq!(world.run(world.exporter.turn(Signal::Logs)), 0, "{refused}");
        assert_eq!((world.bodies().len(), world.lost(Signal::Logs, Lost::Refused)), (1, 2), "{refused}");
        assert_eq!(world.told(Signal::Logs).fault, Some(format!("it answered {refused}")));
        world.calls(1);
        world.run(world.exporter.turn(Signal::Logs));
        assert_eq!((world.told(Signal::Logs).fault, world.told(Signal::Logs).exported), (None, 1));
    }
}

#[test]
fn retry_after_is_obeyed() {
    let world = world([Act::Answer(429, &[("retry-after", "42")], Vec::new()), status(200)]);
    world.calls(1);
    assert_eq!(world.run(world.exporter.turn(Signal::Traces)), 42);
}

#[test]
fn a_success_that_is_not_whole_is_counted_and_said_once_a_minute() {
    let message = String::from("no\u{1b}[31m\nroom") + &"x".repeat(10_000);
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans: 2, error_message: message });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    let world = world([Act::Answer(200, &[], body)]);
    for _ in 0..3 {
        world.calls(5);
        world.run(world.exporter.turn(Signal::Traces));
    }
    assert_eq!(world.bodies().len(), 3, "nothing of it is sent again");
    assert_eq!((world.told(Signal::Traces).exported, world.lost(Signal::Traces, Lost::Rejected)), (9, 6));
    let said = said();
    assert!(said.len() == 1 && said[0].contains("2 of 5 not: no\u{fffd}[31m\u{fffd}room"), "{said:?}");
    assert!(said[0].len() < 400);
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.told(Signal::Traces).fault, None);
}

#[test]
fn a_collector_that_is_gone_costs_what_does_not_fit_and_nothing_else() {
    let world = world([Act::Fail(FetchError::Exchange(String::from("refused\u{1b}")))]);
    world.calls(1);
    let seconds = world.run(world.exporter.turn(Signal::Traces));
    assert!((270..=300).contains(&seconds), "{seconds}");
    assert_eq!(world.lost(Signal::Traces, Lost::Unavailable), 1);
    assert!(said()[0].contains("refused\u{fffd}"));
    // Meanwhile cores write until their room is full.
    while world.lost(Signal::Traces, Lost::Queue) == 0 {
        world.calls(1_000);
    }
    let told = world.told(Signal::Traces);
    assert!(told.waiting > 1_000 && told.fault.is_some());
    *world.collector.acts.lock() = [status(200)].into();
    world.run(world.exporter.turn(Signal::Traces));
    let sizes = world.bodies();
    assert!(sizes.iter().all(|body| body.len() <= 2 * bounds::EXPORT_REQUEST));
    assert_eq!(world.told(Signal::Traces).exported, told.waiting);
}

#[test]
fn other_settings_hold_from_the_next_try_on() {
    let world = world([status(503), status(200)]);
    world.calls(1);
    let mut turn = pin!(world.exporter.turn(Signal::Traces));
    let mut context = Context::from_waker(Waker::noop());
    assert!(turn.as_mut().poll(&mut context).is_pending());
    world.exporter.apply(Some(Settings { endpoint: String::from("https://other.example"), ..settings() }));
    assert!(turn.as_mut().poll(&mut context).is_ready(), "it does not wait for the pause");
    assert_eq!(world.collector.seen.lock()[1].url, "https://other.example/v1/traces");
}

#[test]
fn what_is_switched_off_is_neither_kept_nor_sent() {
    let world = world([status(200)]);
    world.calls(1);
    world.exporter.apply(None);
    world.calls(1);
    for signal in Signal::ALL {
        world.run(world.exporter.turn(signal));
    }
    assert!(world.bodies().is_empty() && world.exporter.state().is_empty());
    assert_eq!(world.telemetry.export.waiting(queue::Kind::Spans), 0);
    world.exporter.apply(Some(Settings { traces: false, ..settings() }));
    world.calls(1);
    world.run(world.exporter.turn(Signal::Traces));
    world.run(world.exporter.turn(Signal::Logs));
    assert_eq!(world.collector.seen.lock().len(), 1);
}

#[test]
fn the_end_sends_what_is_left_and_waits_for_nobody() {
    let world = world([status(200)]);
    world.calls(2);
    assert_eq!(world.run(world.exporter.close()), 0);
    assert_eq!(world.bodies().len(), 3, "traces, metrics and logs");
    assert!(said().is_empty());

    // One that is busy is asked once.
    let world = self::world([status(503)]);
    world.calls(2);
    assert_eq!(world.run(world.exporter.close()), 0);
    assert_eq!((world.bodies().len(), world.lost(Signal::Traces, Lost::Unavailable)), (3, 2));
    let lost =
        said().into_iter().filter(|line| line.ends_with("2 traces could not be exported and are lost"));
    assert_eq!(lost.count(), 1);

    // One that stalls is not waited for.
    let world = self::world([Act::Stall]);
    world.calls(2);
    assert_eq!(world.run(world.exporter.close()), 5);
    let said = said();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|line| line.ends_with("could not be exported and are lost")));
}

/// The tasks send at intervals, at once when there is much, and end with the exporter.
#[test]
fn tasks_send_at_intervals_and_when_there_is_much() {
    let world = world([status(200)]);
    let [mut traces, _, _] = world.exporter.tasks();
    let mut context = Context::from_waker(Waker::noop());
    let mut poll = || traces.as_mut().poll(&mut context).is_ready();
    // Other settings ring once.
    assert!(!poll());
    world.calls(1);
    world.clock.advance(Duration::from_secs(9));
    assert!(!poll() && world.bodies().is_empty());
    world.clock.advance(Duration::from_secs(1));
    assert!(!poll() && world.bodies().len() == 1);
    while world.telemetry.export.waiting(queue::Kind::Spans) < 400 {
        world.calls(1);
    }
    assert!(!poll() && world.bodies().len() == 2, "{}", world.bodies().len());
    let World { clock, exporter, .. } = world;
    drop(exporter);
    clock.advance(Duration::from_secs(10));
    assert!(poll());
}
