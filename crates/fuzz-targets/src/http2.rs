//! Frames of HTTP/2 behind a client's preface, through a core as it serves: the guard, the library, the pipeline, and HTTP/1.1 to a
//! service behind.
//!
//! Whatever comes, the connection ends when its client has gone, the service gets nothing that no field block asked for and no head
//! that is not clean, and what is said to the client is frames of its own streams.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use compile::{Input, compile};
use diagnostics::Sources;
use engine::bounds::Bound;
use engine::record::{ConnectionEvent, CoreRecorder, Recorder};
use engine::snapshot::Live;
use engine::{Call, Peer, Snapshot};
use http::StatusCode;
use proxy::Services;
use proxy::offline::{Answer, Asked, Offline, Service};
use state::{MemoryCells, MemoryReplays};
use testkit::{FakeClock, NoFetch, NoSpawn};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const LAST_KNOWN: u8 = 9;
/// A frame's header.
const HEADER: usize = 9;
/// How long a connection may go on whose client has gone, in real time.
const PATIENCE: Duration = Duration::from_secs(9);

const DOCUMENT: &str = "version: 1
listen: http://127.0.0.1:8080
apis:
  all:
    contract: none
    allow: [\"GET /a\", \"POST /a\", \"GET /ws\"]
    unsecured: anonymous
    upstream: http://127.0.0.1:3000
    operations: { \"GET /ws\": { websocket: {} } }
";

pub(crate) fn run(data: &[u8]) {
    let Some((selector, frames)) = crate::select(data, 8) else { return };
    // All at once, frame by frame, or cut anywhere.
    let step = [usize::MAX, 0, 1, 2, 3, 7, 13, 64].get(usize::from(selector)).copied().unwrap_or(1);
    let heads = heads(frames);
    let opened: BTreeSet<u32> =
        heads.iter().filter(|head| head.kind == HEADERS).map(|head| head.stream).collect();
    let blocks = heads.iter().filter(|head| head.kind == HEADERS).count();
    let (said, arrived) = GATEWAY.with(|gateway| gateway.put(frames, step));
    assert!(arrived.len() <= blocks, "{} calls of {blocks} field blocks", arrived.len());
    arrived.iter().for_each(is_clean);
    is_an_answer(&said, &opened);
}

/// The header of a frame.
#[derive(Debug)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

/// The headers of all frames that begin; where one is cut off, it is the last.
fn heads(mut bytes: &[u8]) -> Vec<Head> {
    let mut found = Vec::new();
    while let Some(head) = bytes.first_chunk::<HEADER>() {
        let [a, b, c, kind, flags, d, e, f, g] = *head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        found.push(Head { length, kind, flags, stream: u32::from_be_bytes([d & 127, e, f, g]) });
        bytes = bytes.get(HEADER + length..).unwrap_or_default();
    }
    found
}

/// What goes on is HTTP/1.1 of an operation that is served, without a byte that ends a line.
fn is_clean(asked: &Asked) {
    let path = asked.target.split('?').next().unwrap_or_default();
    let served = matches!((asked.method.as_str(), path), ("GET" | "POST", "/a") | ("GET", "/ws"));
    assert!(served, "{} {} is not served", asked.method, asked.target);
    assert!(asked.target.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", asked.target);
    assert_eq!(asked.headers.get_all("host").iter().count(), 1, "{:?}", asked.headers);
    for (name, value) in &asked.headers {
        assert!(!name.as_str().starts_with(':'), "{name}");
        assert!(!value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)), "{name}: {value:?}");
    }
}

/// What is said begins with SETTINGS (RFC 9113 section 3.4), has frames that there are, and speaks on streams that the client began.
fn is_an_answer(said: &[u8], opened: &BTreeSet<u32>) {
    for (number, head) in heads(said).iter().enumerate() {
        assert!(number > 0 || (head.kind, head.flags) == (SETTINGS, 0), "begins with {head:?}");
        assert!(head.kind <= LAST_KNOWN && head.kind != PUSH_PROMISE, "{head:?}");
        if matches!(head.kind, HEADERS | DATA) {
            assert!(
                opened.contains(&head.stream) && head.stream % 2 == 1,
                "an answer that nobody asked for: {head:?}"
            );
        }
        assert!(head.kind != SETTINGS || head.length % 6 == 0, "{head:?}");
    }
}

/// Cuts `bytes` into pieces of `step`, or at the ends of frames.
fn pieces(bytes: &[u8], step: usize) -> Vec<&[u8]> {
    if step > 0 {
        return bytes.chunks(step.min(bytes.len().max(1))).collect();
    }
    let (mut rest, mut all) = (bytes, Vec::new());
    for head in heads(bytes) {
        let (frame, behind) = rest.split_at((HEADER + head.length).min(rest.len()));
        all.push(frame);
        rest = behind;
    }
    all.push(rest);
    all
}

/// A service that answers everything, and keeps it.
#[derive(Debug, Default)]
struct Behind(RefCell<Vec<Asked>>);

impl Service for Behind {
    fn listens(&self, _target: &str) -> bool {
        true
    }

    fn answer(&self, _target: &str, request: Asked) -> Answer {
        self.0.borrow_mut().push(request);
        Answer { status: StatusCode::OK, body: "ok".into(), ..Answer::default() }
    }
}

/// Takes nothing down.
#[derive(Debug)]
struct Deaf;

impl Recorder for Deaf {
    fn core(&self, _index: usize) -> Box<dyn CoreRecorder> {
        Box::new(Deaf)
    }
}

impl CoreRecorder for Deaf {
    fn call(&self, _snapshot: &Snapshot, _call: &Call) {}
    fn bound(&self, _bound: Bound) {}
    fn connection(&self, _event: ConnectionEvent) {}
}

thread_local! {
    static GATEWAY: Gateway = Gateway::new();
}

/// What inputs share; each has a core of its own, and counters at zero.
struct Gateway {
    runtime: Runtime,
    snapshot: Arc<Snapshot>,
    live: Live,
    threads: Offline,
    /// Of inputs so far, so that each has an address of its own.
    count: Cell<u16>,
}

impl Gateway {
    fn new() -> Self {
        let (assets, live) = (BTreeMap::new(), Live::default());
        let input = Input {
            path: "yett.yaml",
            text: DOCUMENT,
            assets: &assets,
            unreadable: &BTreeMap::new(),
            references: &BTreeMap::new(),
            environment: None,
            local_jwks: None,
            generation: 1,
            live: &live,
        };
        let compiled = compile(&input, None, &mut Sources::default()).expect("the document compiles");
        let threads = Offline::start(1, &services(&live)).expect("a thread");
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { runtime, snapshot: compiled.snapshot, live, threads, count: Cell::new(0) }
    }

    /// What a client is told who sends these frames, and what came to the service.
    fn put(&self, frames: &[u8], step: usize) -> (Vec<u8>, Vec<Asked>) {
        let behind = Rc::new(Behind::default());
        let service: Rc<dyn Service> = Rc::<Behind>::clone(&behind);
        let cut = std::iter::once(PREFACE).chain(pieces(frames, step));
        self.count.set(self.count.get().wrapping_add(1));
        let peer = Peer::new(([192, 0, 2, 1], self.count.get()).into(), 0);
        let whole = async {
            let core = self.threads.core(&self.snapshot, &services(&self.live), service);
            tokio::time::timeout(PATIENCE, core.feed(peer, cut)).await
        };
        let said = LocalSet::new().block_on(&self.runtime, whole);
        let said = said.expect("the connection ends when its client has gone");
        (said, behind.0.take())
    }
}

fn services(live: &Live) -> Services {
    Services {
        clock: Arc::new(FakeClock::new()),
        cells: Arc::new(MemoryCells::new()),
        replays: Arc::new(MemoryReplays::new()),
        fetch: Arc::new(NoFetch),
        side: Arc::new(NoSpawn),
        keyed: Arc::default(),
        recorder: Arc::new(Deaf),
        live: live.clone(),
        dying: Arc::new(|_| {}),
    }
}
