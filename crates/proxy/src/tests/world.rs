//! A gateway, an upstream and a client for tests.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use engine::bounds::{self, Bound};
use engine::cells::{Cells, Meter, Taken};
use engine::control::{Job, Message, Needs};
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Spawn};
use engine::keyed::Keyed;
use engine::peer::PeerFacts;
use engine::plan::{PlaceId, PlannedStep};
use engine::principal::{Names, Proof};
use engine::record::{ConnectionEvent, CoreRecorder, Recorder};
use engine::replay::{Replays, Used};
use engine::route::{Mount, RouteTable, Template, Tree};
use engine::snapshot::{Bind, Connections, Listener, ListenerTls, Live, Network};
use engine::upstream::{Deadlines, Target, Trust, Upstream, UpstreamHttp};
use engine::verdict::Answer;
use engine::websocket::Rules;
use engine::{
    Attached, BodyMode, BoxFuture, Call, Clock, Control, CoreContext, Mode, OperationPlan, Refusal,
    ResponseMode, Snapshot, Step, Tick, UnixTime, Verdict, codes,
};
use http::{HeaderValue, Method, StatusCode};

use super::lifetimes::Gate;
use crate::{DataPlane, Passed, Services, Settings};

pub(super) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct System(Instant, AtomicU64);

#[allow(clippy::disallowed_methods, reason = "this is the clock")]
impl Clock for System {
    fn now(&self) -> Tick {
        Tick(self.0.elapsed().as_nanos() as u64)
    }
    fn unix(&self) -> UnixTime {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
        UnixTime(now + self.1.load(Ordering::SeqCst))
    }
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.now().0;
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[derive(Debug)]
pub(super) struct Nothing;

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

/// What is kept of a finished call.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) aborted: bool,
    pub(super) bytes: (u64, u64),
    pub(super) generation: u64,
    pub(super) verdicts: usize,
    pub(super) messages: (u64, u64),
    pub(super) close: Option<u16>,
    pub(super) link: bool,
    pub(super) facts: Option<Arc<PeerFacts>>,
    pub(super) client: IpAddr,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Tape {
    inner: Arc<(Mutex<Notes>, Condvar)>,
}

#[derive(Debug, Default)]
struct Notes {
    calls: Vec<Record>,
    bounds: Vec<Bound>,
    events: Vec<ConnectionEvent>,
}

impl Tape {
    /// Waits until so many calls are over.
    pub(super) fn calls(&self, count: usize) -> Vec<Record> {
        let (notes, changed) = &*self.inner;
        let wait = changed.wait_timeout_while(notes.lock().unwrap(), PATIENCE, |n| n.calls.len() < count);
        let calls = wait.unwrap().0.calls.clone();
        assert_eq!(calls.len(), count, "{calls:?}");
        calls
    }
    pub(crate) fn bounds(&self) -> Vec<Bound> {
        self.inner.0.lock().unwrap().bounds.clone()
    }
    /// Waits until a bound was reached so often.
    pub(super) fn bound(&self, bound: Bound, count: usize) {
        let (notes, changed) = &*self.inner;
        let wait = changed.wait_timeout_while(notes.lock().unwrap(), PATIENCE, |n| {
            n.bounds.iter().filter(|seen| **seen == bound).count() < count
        });
        assert!(!wait.unwrap().1.timed_out(), "{bound:?} not {count} times");
    }
    pub(super) fn event(&self, event: ConnectionEvent, count: usize) {
        let (notes, changed) = &*self.inner;
        let wait = changed.wait_timeout_while(notes.lock().unwrap(), PATIENCE, |n| {
            n.events.iter().filter(|seen| **seen == event).count() < count
        });
        assert!(!wait.unwrap().1.timed_out(), "{event:?} not {count} times");
    }
    pub(super) fn count(&self, event: ConnectionEvent) -> usize {
        self.inner.0.lock().unwrap().events.iter().filter(|seen| **seen == event).count()
    }
    fn note(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut self.inner.0.lock().unwrap());
        self.inner.1.notify_all();
    }
}

impl Recorder for Tape {
    fn core(&self, _index: usize) -> Box<dyn CoreRecorder> {
        Box::new(self.clone())
    }
}

impl CoreRecorder for Tape {
    fn call(&self, snapshot: &Snapshot, call: &Call) {
        let decision = &call.decision;
        self.note(|notes| {
            notes.calls.push(Record {
                status: decision.status,
                code: decision.code.map_or("", |code| code.name),
                aborted: decision.aborted,
                bytes: (decision.bytes_in, decision.bytes_out),
                generation: snapshot.generation,
                verdicts: decision.verdicts.len(),
                messages: decision.messages,
                close: decision.close,
                link: call.trace.link.is_some(),
                facts: call.peer.facts.clone(),
                client: call.client,
            });
        });
    }
    fn bound(&self, bound: Bound) {
        self.note(|notes| notes.bounds.push(bound));
    }
    fn connection(&self, event: ConnectionEvent) {
        self.note(|notes| notes.events.push(event));
    }
}

/// A control that does what the field `x-toy` says, and objects to `bad` bodies and messages and `leak`ing answers. Over a
/// message that begins with `hold` it never comes to an end. It takes `x-until` for a credential of the subject `s`, once, with
/// the scopes of `x-scopes`, and is against everything once it is closed.
#[derive(Debug)]
pub(super) struct Toy {
    closed: bool,
    names: Arc<Names>,
    wanted: Option<&'static str>,
    gate: Arc<Gate>,
}

impl Control for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }
    fn needs(&self) -> Needs {
        Needs {
            head: true,
            body: true,
            message: true,
            response_head: true,
            response_body: true,
            recheck: true,
            ..Needs::default()
        }
    }
    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        Box::new(ToyAt(self, Arc::clone(&core.clock)))
    }
}

#[derive(Debug)]
struct ToyAt(Arc<Toy>, Arc<dyn Clock>);

/// For how long the toy occupies its core when it is told to.
pub(super) const SPIN: Duration = Duration::from_millis(10);

impl Toy {
    /// What `x-until` proves: a subject up to a second since 1970.
    fn proof(&self, call: &Call) -> Option<Proof> {
        let field = |name| call.request.headers.get(name).map(|value| value.to_str().unwrap());
        let until = field("x-until")?.parse().unwrap();
        let mut principal = Arc::unwrap_or_clone(testkit::call::principal("i", "s", until));
        let scopes = field("x-scopes").into_iter().flat_map(|names| names.split(' '));
        scopes.filter_map(|name| self.bit(name)).for_each(|bit| principal.scopes.insert(bit));
        let scheme = self.names.schemes.iter().position(|name| **name == *"toy").unwrap_or_default();
        Some(Proof { scheme: scheme.try_into().unwrap(), principal: Arc::new(principal), certificate: None })
    }

    fn bit(&self, scope: &str) -> Option<usize> {
        self.names.scopes.iter().position(|name| **name == *scope)
    }

    /// Whether a proof of its scheme has the scope that is wanted.
    fn suffices(&self, call: &Call) -> bool {
        let Some(wanted) = self.wanted else { return true };
        let is_toy = |proof: &&Proof| *self.names.schemes[usize::from(proof.scheme)] == *"toy";
        let mut proofs = call.proofs.iter().filter(is_toy);
        proofs.any(|proof| proof.principal.scopes.contains(self.bit(wanted).unwrap()))
    }
}

fn job<'s>(run: impl FnOnce() -> Verdict + Send + 'static) -> Step<'s> {
    Step::Offload(Job { budget: 2 * PATIENCE, run: Box::new(|_| run()) })
}

impl Attached for ToyAt {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        call.answer_headers.push((http::HeaderName::from_static("x-limit"), HeaderValue::from_static("7")));
        if call.proofs.is_empty() {
            call.proofs.extend(self.0.proof(call));
        }
        if self.0.closed || !self.0.suffices(call) {
            return Step::Done(judge(true, &codes::INSUFFICIENT_SCOPE));
        }
        let toy = call.request.headers.get("x-toy").and_then(|value| value.to_str().ok());
        match toy {
            Some("refuse") => {
                let refusal = Refusal::new(&codes::RATE_LIMITED, "secret");
                Step::Done(Verdict::Throttle(refusal.retry_after(Duration::from_millis(1500))))
            }
            Some("wait") => Step::Wait(Box::pin(async {
                tokio::task::yield_now().await;
                Verdict::Allow
            })),
            Some("work") => job(|| Verdict::Allow),
            Some("spin") => {
                let began = self.1.now();
                while self.1.now().since(began) < SPIN {}
                Step::Done(Verdict::Allow)
            }
            Some("panic") => job(|| panic!("as planned")),
            Some("hold") => {
                let gate = Arc::clone(&self.0.gate);
                job(move || {
                    gate.wait();
                    own()
                })
            }
            Some("answer") => Step::Done(own()),
            _ => Step::Done(Verdict::Allow),
        }
    }
    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let bad = call.body.bytes().windows(3).any(|window| window == b"bad");
        Step::Done(judge(bad, &codes::BODY_INVALID))
    }
    fn message<'c>(&'c self, _call: &'c mut Call, message: &'c mut Message) -> Step<'c> {
        let bad = message.body.bytes().windows(3).any(|window| window == b"bad");
        if message.body.bytes().starts_with(b"hold") {
            return Step::Wait(Box::pin(std::future::pending()));
        }
        Step::Wait(Box::pin(async move {
            tokio::task::yield_now().await;
            judge(bad, &codes::BODY_INVALID)
        }))
    }
    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(judge(call.response.headers.contains_key("x-bad"), &codes::RESPONSE_INVALID))
    }
    fn response_body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let bad = call.response.body.bytes().windows(4).any(|window| window == b"leak");
        Step::Done(judge(bad, &codes::RESPONSE_INVALID))
    }
}

fn own() -> Verdict {
    Verdict::Answer(Box::new(Answer { status: StatusCode::OK, headers: Vec::new(), body: "own".into() }))
}

fn judge(bad: bool, code: &'static engine::Code) -> Verdict {
    if bad { Verdict::Refuse(Refusal::new(code, "secret")) } else { Verdict::Allow }
}

/// What a snapshot is made of.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) generation: u64,
    pub(super) upstream: SocketAddr,
    pub(super) http: UpstreamHttp,
    pub(super) roots: Option<Vec<Vec<u8>>>,
    pub(super) host: &'static str,
    pub(super) path: Option<&'static str>,
    /// Bytes that bodies may hold.
    pub(super) bodies: usize,
    pub(super) request: BodyMode,
    pub(super) response: ResponseMode,
    pub(super) response_toy: Option<Mode>,
    pub(super) tls: Option<Arc<ListenerTls>>,
    /// Of another listener.
    pub(super) second: Option<Arc<ListenerTls>>,
    pub(super) bind: Option<Bind>,
    pub(super) proxies: Arc<[Network]>,
    pub(super) connections: Connections,
    pub(super) client_certificate: bool,
    pub(super) deadlines: Deadlines,
    pub(super) operation: &'static str,
    /// In place of the one plain target that the fields above describe.
    pub(super) behind: Option<Arc<Upstream>>,
    /// Makes its GET a WebSocket.
    pub(super) websocket: Option<Arc<Rules>>,
    /// Whether the toy reads messages.
    pub(super) message_toy: bool,
    /// What comes of what the toy says at the head.
    pub(super) head_toy: Mode,
    /// Whether the toy is against everything.
    pub(super) closed: bool,
    /// Schemes and scopes, in their order.
    pub(super) names: (&'static [&'static str], &'static [&'static str]),
    /// The scope that the toy wants.
    pub(super) wanted: Option<&'static str>,
    pub(super) shedding: Option<engine::shedding::Shedding>,
    /// What the toy's jobs wait for that are told to hold.
    pub(super) gate: Arc<Gate>,
}

impl Shape {
    pub(super) fn to(upstream: SocketAddr) -> Self {
        Self {
            generation: 1,
            upstream,
            http: UpstreamHttp::Auto,
            roots: None,
            host: "127.0.0.1",
            path: None,
            bodies: bounds::BODIES_BYTES,
            request: BodyMode::Whole { limit: 100_000 },
            response: ResponseMode::Pass,
            response_toy: None,
            tls: None,
            second: None,
            bind: None,
            proxies: Arc::default(),
            connections: Connections::default(),
            client_certificate: false,
            deadlines: Deadlines {
                connect: Duration::from_secs(2),
                first_byte: Duration::from_secs(5),
                total: Duration::from_secs(20),
                idle: Duration::from_secs(20),
                lifetime: engine::bounds::STREAM_LIFETIME,
            },
            operation: "all",
            behind: None,
            websocket: None,
            message_toy: false,
            head_toy: Mode::Enforce,
            closed: false,
            names: (&["toy"], &[]),
            wanted: None,
            shedding: None,
            gate: Arc::default(),
        }
    }

    fn toy(&self) -> Toy {
        let gate = Arc::clone(&self.gate);
        Toy { closed: self.closed, names: self.names(), wanted: self.wanted, gate }
    }

    fn names(&self) -> Arc<Names> {
        let all = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        Arc::new(Names { schemes: all(self.names.0), scopes: all(self.names.1) })
    }

    fn plain(&self) -> Arc<Upstream> {
        let tls = self.roots.is_some();
        let target = Target {
            name: self.upstream.to_string().into(),
            tls,
            host: self.host.into(),
            port: self.upstream.port(),
            // Over TLS it has to be the name of the handshake.
            authority: HeaderValue::from_static(if tls { "localhost" } else { "orders.internal" }),
            path: self.path.map(Into::into),
            weight: 1,
        };
        let mut upstream = Upstream::new("test", vec![target], self.deadlines);
        upstream.http = self.http;
        upstream.trust =
            Arc::new(Trust { roots: self.roots.clone().unwrap_or_default(), ..Trust::default() });
        Arc::new(upstream)
    }

    fn listeners(&self) -> Vec<Listener> {
        let clear = |name: &str| Listener::clear(name, "127.0.0.1:0");
        let bind = self.bind.clone().unwrap_or_else(|| clear("").bind);
        let (proxies, connections) = (Arc::clone(&self.proxies), self.connections);
        let mut all = vec![Listener { tls: self.tls.clone(), bind, proxies, connections, ..clear("public") }];
        all.extend(self.second.clone().map(|tls| Listener { tls: Some(tls), ..clear("second") }));
        all
    }

    fn plan(&self, method: &Method) -> OperationPlan {
        let steps = |mode: Option<Mode>| -> Box<[PlannedStep]> {
            mode.map(|mode| PlannedStep {
                control: 0,
                mode,
                place: PlaceId(0),
                contract: PlaceId(0),
                contract_body: PlaceId(0),
            })
            .into_iter()
            .collect()
        };
        let reads = matches!(self.request, BodyMode::Whole { .. });
        OperationPlan {
            api: "orders".into(),
            names: self.names(),
            id: format!("{}-{method}", self.operation).as_str().into(),
            method: method.clone(),
            template: "/v1/*".into(),
            upstream: Some(self.behind.clone().unwrap_or_else(|| self.plain())),
            client_certificate: self.client_certificate,
            base_length: 3,
            head: steps(Some(self.head_toy)),
            body: steps(reads.then_some(Mode::Enforce)),
            message: steps(self.message_toy.then_some(Mode::Enforce)),
            response_head: steps(self.response_toy),
            before_upstream: Box::default(),
            response_body: steps(self.response_toy),
            observe: Box::default(),
            request_mode: self.request,
            response_mode: self.response,
            websocket: self.websocket.clone().filter(|_| *method == Method::GET),
        }
    }

    pub(super) fn snapshot(&self, live: &Live) -> Arc<Snapshot> {
        let mut tree = Tree::default();
        let mut operations = Vec::new();
        for (index, method) in [Method::GET, Method::POST, Method::PUT, Method::HEAD].iter().enumerate() {
            tree.insert(&Template::parse("/*", true).unwrap(), method.clone(), index as u32).unwrap();
            operations.push(Arc::new(self.plan(method)));
        }
        let mount = Mount { listeners: vec![], hosts: vec![], base: "/v1".into(), tree };
        Arc::new(Snapshot {
            generation: self.generation,
            digest: [0; 32],
            listeners: self.listeners(),
            routes: RouteTable::new(vec![mount]),
            operations,
            controls: vec![Arc::new(self.toy())],
            admission: vec![],
            places: vec!["yett.yaml:1:1".into()].into(),
            shedding: self.shedding,
            live: live.enter(),
        })
    }
}

/// What a gateway is given that has nothing beside it.
pub(super) fn services(clock: Arc<dyn Clock>, tape: &Tape, live: &Live) -> Services {
    Services {
        clock,
        cells: Arc::new(Nothing),
        replays: Arc::new(Nothing),
        fetch: Arc::new(Nothing),
        side: Arc::new(Nothing),
        keyed: Arc::default(),
        recorder: Arc::new(tape.clone()),
        live: live.clone(),
        dying: Arc::new(|why| eprintln!("{why}")),
    }
}

/// A running gateway.
pub(super) struct World {
    pub(super) plane: Option<DataPlane>,
    pub(super) address: SocketAddr,
    pub(super) tape: Tape,
    pub(super) live: Live,
    pub(super) keyed: Arc<Keyed>,
    /// The clock, unless somebody gave another.
    own: Option<Arc<System>>,
}

impl World {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub(super) fn start(shape: &Shape) -> Self {
        let clock = Arc::new(System(Instant::now(), AtomicU64::new(0)));
        let mut world = Self::at(shape, Arc::<System>::clone(&clock), super::Side::start());
        world.own = Some(clock);
        world
    }

    /// With this clock, and what starts work beside the cores.
    pub(super) fn at(shape: &Shape, clock: Arc<dyn Clock>, side: Arc<dyn Spawn>) -> Self {
        Self::among(shape, clock, side, &Arc::default())
    }

    /// The same, with state that others have left.
    pub(super) fn among(
        shape: &Shape,
        clock: Arc<dyn Clock>,
        side: Arc<dyn Spawn>,
        keyed: &Arc<Keyed>,
    ) -> Self {
        let (tape, live, keyed) = (Tape::default(), Live::default(), Arc::clone(keyed));
        let services = Services { side, keyed: Arc::clone(&keyed), ..services(clock, &tape, &live) };
        let (folder, passed) = (PathBuf::new(), Passed::default());
        let (bodies, drain) = (shape.bodies, Duration::from_secs(5));
        let settings = Settings { cores: 2, workers: 1, bodies, drain, folder, passed };
        let plane = DataPlane::start(&shape.snapshot(&live), &settings, &services).unwrap();
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let address = plane.addresses()[0].1.tcp().unwrap_or(local);
        Self { plane: Some(plane), address, tape, live, keyed, own: None }
    }

    /// Moves its own wall clock on to a second since 1970.
    pub(super) fn wait_for(&self, second: u64) {
        let clock = self.own.as_ref().unwrap();
        let ahead = second * 1_000_000_000 - clock.unix().0;
        clock.1.fetch_add(ahead, Ordering::SeqCst);
    }

    /// Seconds since 1970 on its own clock.
    pub(super) fn unix(&self) -> u64 {
        self.own.as_ref().unwrap().unix().seconds()
    }

    pub(super) fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// One request on one connection.
    pub(super) fn call(&self, request: &str) -> Reply {
        let mut client = self.connect();
        client.send(request);
        client.reply()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(plane) = self.plane.take() {
            plane.drain();
        }
    }
}

/// A moment that passes as the proxy's own timers do.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub(super) fn moment() -> Instant {
    Instant::now()
}

/// A client that speaks bytes.
pub(super) struct Client {
    pub(super) socket: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    #[allow(clippy::disallowed_methods, reason = "a client of the tests")]
    pub(super) fn to(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, buffer: Vec::new() }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads more; false at the end.
    fn more(&mut self) -> bool {
        let mut space = [0; 4096];
        match self.socket.read(&mut space) {
            Ok(0) => false,
            Ok(length) => {
                self.buffer.extend_from_slice(&space[..length]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }

    pub(super) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.buffer.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.more(), "no head: {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    pub(super) fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.more(), "broke off: {:?}", String::from_utf8_lossy(&self.buffer));
        }
        self.buffer.drain(..length).collect()
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            assert!(self.more());
        }
    }

    /// The answer to a request that is not HEAD.
    pub(super) fn reply(&mut self) -> Reply {
        let head = self.head();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: Vec::new() };
        if status < 200 || status == 204 || status == 304 {
            return reply;
        }
        if let Some(length) = reply.field("content-length") {
            reply.body = self.exactly(length.parse().unwrap());
        } else if reply.field("transfer-encoding").is_some() {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).unwrap();
                if size == 0 {
                    while !self.line().is_empty() {}
                    return reply;
                }
                reply.body.extend(self.exactly(size));
                self.line();
            }
        } else {
            while self.more() {}
            reply.body = std::mem::take(&mut self.buffer);
        }
        reply
    }

    /// Whatever comes next; nothing at the end of the connection.
    pub(super) fn some(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.more();
        }
        std::mem::take(&mut self.buffer)
    }

    /// Everything up to the end of the connection.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.buffer)
    }
}

/// Requests as an upstream saw them: heads, and their bodies.
type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// An upstream that runs `serve` for each connection, on a thread of its own.
#[derive(Clone)]
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    pub(super) connections: Arc<AtomicUsize>,
    seen: Seen,
}

impl Backend {
    pub(super) fn start(serve: impl Fn(&Self, usize, Client) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
    }

    pub(super) fn on(
        listener: TcpListener,
        serve: impl Fn(&Self, usize, Client) + Send + Sync + 'static,
    ) -> Self {
        let backend = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            seen: Arc::default(),
        };
        let (shared, serve) = (backend.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (shared, serve) = (shared.clone(), Arc::clone(&serve));
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let client = Client { socket: socket.unwrap(), buffer: Vec::new() };
                    serve(&shared, number, client);
                });
            }
        });
        backend
    }

    /// An upstream that answers `answer` to each request, keeping the connection.
    pub(super) fn answering(answer: &'static str) -> Self {
        Self::start(move |backend, _, mut client| {
            while backend.take(&mut client) {
                client.send(answer);
            }
        })
    }

    /// Reads one request; false at the end of the connection.
    pub(super) fn take(&self, client: &mut Client) -> bool {
        while !client.buffer.windows(4).any(|window| window == b"\r\n\r\n") {
            let mut space = [0; 4096];
            match client.socket.read(&mut space) {
                Ok(0) | Err(_) => return false,
                Ok(length) => client.buffer.extend_from_slice(&space[..length]),
            }
        }
        let head = client.head();
        let mut reply = Reply { status: 200, head, body: Vec::new() };
        if let Some(length) = reply.field("content-length") {
            reply.body = client.exactly(length.parse().unwrap());
        } else if reply.field("transfer-encoding").is_some() {
            loop {
                let size = usize::from_str_radix(&client.line(), 16).unwrap();
                if size == 0 {
                    while !client.line().is_empty() {}
                    break;
                }
                reply.body.extend(client.exactly(size));
                client.line();
            }
        }
        self.seen.lock().unwrap().push((reply.head, reply.body));
        true
    }

    pub(super) fn requests(&self) -> Vec<(String, Vec<u8>)> {
        self.seen.lock().unwrap().clone()
    }
}

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
