//! A gateway without a single control in front of one upstream, to measure what the proxy itself costs.
//!
//! `plain 127.0.0.1:8080 127.0.0.1:3000 [cores]`

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use engine::cells::{Cells, Meter, Taken};
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Spawn};
use engine::record::{ConnectionEvent, CoreRecorder, Recorder};
use engine::replay::{Replays, Used};
use engine::route::{Mount, RouteTable, Template, Tree};
use engine::snapshot::{Listener, Live};
use engine::upstream::{Deadlines, Target, Upstream, UpstreamHttp};
use engine::{BodyMode, BoxFuture, Call, Clock, OperationPlan, ResponseMode, Snapshot, Tick, UnixTime};
use http::{HeaderValue, Method};
use proxy::{DataPlane, Services, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug)]
struct System(Instant);

#[allow(clippy::disallowed_methods, reason = "this is the clock")]
impl Clock for System {
    fn now(&self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
    fn unix(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
    fn fill(&self, bytes: &mut [u8]) {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(self.unix().0 >> (index % 8 * 8) & 0xff).unwrap_or(0);
        }
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[derive(Debug)]
struct Nothing;

impl Cells for Nothing {
    fn take(&self, _key: u128, _meter: &Meter, _now: UnixTime) -> Taken {
        Taken { allowed: true, remaining: 0, reset_after: Duration::ZERO, retry_after: Duration::ZERO }
    }
    fn peek(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        Cells::take(self, key, meter, now)
    }
    fn release(&self, _key: u128) {}
    fn key(&self, _parts: &[&[u8]]) -> u128 {
        0
    }
}

impl Replays for Nothing {
    fn take(&self, _use: (u128, u128), _until: UnixTime, _now: UnixTime) -> Used {
        Used::Unknown
    }
    fn key(&self, _parts: &[&[u8]]) -> u128 {
        0
    }
}

impl Fetch for Nothing {
    fn fetch(&self, _request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::Deadline)))
    }
}

impl Spawn for Nothing {
    fn spawn(&self, _task: BoxFuture<'static, ()>) {}
}

impl Recorder for Nothing {
    fn core(&self, _index: usize) -> Box<dyn CoreRecorder> {
        Box::new(Nothing)
    }
}

impl CoreRecorder for Nothing {
    fn call(&self, _snapshot: &Snapshot, _call: &Call) {}
    fn bound(&self, _bound: engine::bounds::Bound) {}
    fn connection(&self, _event: ConnectionEvent) {}
}

fn snapshot(bind: &str, upstream: &str, live: &Live) -> Option<Snapshot> {
    let (host, port) = upstream.rsplit_once(':')?;
    let target = Target {
        name: upstream.into(),
        tls: false,
        host: host.into(),
        port: port.parse().ok()?,
        authority: HeaderValue::from_str(upstream).ok()?,
        path: None,
        weight: 1,
    };
    let deadlines = Deadlines {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(15),
        total: Duration::from_secs(60),
        idle: Duration::from_secs(60),
        lifetime: engine::bounds::STREAM_LIFETIME,
    };
    let upstream =
        Arc::new(Upstream { http: UpstreamHttp::One, ..Upstream::new(upstream, vec![target], deadlines) });
    let mut tree = Tree::default();
    let mut operations = Vec::new();
    for (index, method) in
        (0_u32..).zip([Method::GET, Method::POST, Method::PUT, Method::HEAD, Method::DELETE])
    {
        tree.insert(&Template::parse("/*", true).ok()?, method.clone(), index).ok()?;
        operations.push(Arc::new(OperationPlan {
            api: "plain".into(),
            names: Arc::default(),
            id: method.as_str().into(),
            method,
            template: "/*".into(),
            upstream: Some(Arc::clone(&upstream)),
            client_certificate: false,
            base_length: 0,
            head: Box::default(),
            body: Box::default(),
            message: Box::default(),
            response_head: Box::default(),
            before_upstream: Box::default(),
            response_body: Box::default(),
            observe: Box::default(),
            request_mode: BodyMode::Pass { limit: 1 << 26 },
            response_mode: ResponseMode::Pass,
            websocket: None,
        }));
    }
    let mount = Mount { listeners: Vec::new(), hosts: Vec::new(), base: "".into(), tree };
    Some(Snapshot {
        generation: 1,
        digest: [0; 32],
        listeners: vec![Listener::clear("public", bind)],
        routes: RouteTable::new(vec![mount]),
        operations,
        controls: Vec::new(),
        admission: Vec::new(),
        places: engine::snapshot::Places::default(),
        shedding: None,
        live: live.enter(),
    })
}

#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for measuring"
)]
fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, bind, upstream, rest @ ..] = args.as_slice() else {
        return Err(std::io::Error::other("usage: plain BIND UPSTREAM [CORES]"));
    };
    let live = Live::default();
    let first = snapshot(bind, upstream, &live).ok_or_else(|| std::io::Error::other("bad upstream"))?;
    let services = Services {
        clock: Arc::new(System(Instant::now())),
        cells: Arc::new(Nothing),
        replays: Arc::new(Nothing),
        fetch: Arc::new(Nothing),
        side: Arc::new(Nothing),
        keyed: Arc::default(),
        recorder: Arc::new(Nothing),
        live,
        dying: Arc::new(|why| eprintln!("{why}")),
    };
    let cores = rest.first().and_then(|cores| cores.parse().ok()).unwrap_or(1);
    let settings = Settings {
        cores,
        workers: 1,
        bodies: engine::bounds::BODIES_BYTES,
        drain: Duration::from_secs(5),
        folder: std::path::PathBuf::new(),
        passed: proxy::Passed::default(),
    };
    let plane = DataPlane::start(&Arc::new(first), &settings, &services)?;
    println!("{:?}", plane.addresses());
    loop {
        std::thread::park();
    }
}
