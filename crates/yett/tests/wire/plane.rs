//! A gateway in this process: a document compiled by [`compile::compile`], served by [`proxy::DataPlane`], and a recorder
//! that keeps every decision. Its clock stands still, so that no bound is given back and no deadline passes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use compile::Input;
use controls::scope::Assets;
use diagnostics::Sources;
use engine::bounds::Bound;
use engine::fetch::Spawn;
use engine::record::{ConnectionEvent, CoreRecorder, Recorder as Records};
use engine::snapshot::Live;
use engine::{BoxFuture, Call, Snapshot};
use proxy::{DataPlane, Services, Settings};
use testkit::{FakeClock, Recorder};

const CONTRACT: &str = include_str!("openapi.yaml");

/// Everything at its default but the allowance of callers that prove nothing: all of them have one address here.
fn document(upstream: &str) -> String {
    let open = "{ rate: 1000000/s }";
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmission: {{ anonymous: {open}, failures: {open} }}\n\
         upstreams:\n  up: {{ targets: [{{ url: \"{upstream}\" }}] }}\n\
         apis:\n  json:\n    contract: openapi.yaml\n    upstream: up\n    hosts: [api.test]\n    unsecured: anonymous\n  \
         files:\n    contract: none\n    upstream: up\n    hosts: [files.test]\n    unsecured: anonymous\n    \
         allow: [{}]\n    validation: {{ request: off, response: off }}\n",
        ["GET", "POST", "PUT", "PATCH", "DELETE"].map(|method| format!("\"{method} /m/*\"")).join(", ")
    )
}

/// What is kept of a finished call.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Trace id that went upstream: names the call there.
    pub(crate) trace: u128,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) digest: Option<[u8; 32]>,
}

#[derive(Debug, Default)]
struct Notes {
    calls: Mutex<Vec<Kept>>,
    bounds: Mutex<Vec<Bound>>,
    events: Mutex<Vec<ConnectionEvent>>,
}

/// Keeps what the data plane tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notebook(Arc<Notes>);

impl Records for Notebook {
    fn core(&self, _index: usize) -> Box<dyn CoreRecorder> {
        Box::new(self.clone())
    }
}

impl CoreRecorder for Notebook {
    fn call(&self, _snapshot: &Snapshot, call: &Call) {
        self.0.calls.lock().unwrap().push(Kept {
            trace: call.trace.current.trace_id,
            status: call.decision.status,
            code: call.decision.code.map_or("", |code| code.name),
            digest: call.decision.digest,
        });
    }
    fn wants_digest(&self) -> bool {
        true
    }
    fn bound(&self, bound: Bound) {
        self.0.bounds.lock().unwrap().push(bound);
    }
    fn connection(&self, event: ConnectionEvent) {
        self.0.events.lock().unwrap().push(event);
    }
}

impl Notebook {
    pub(crate) fn calls(&self) -> Vec<Kept> {
        self.0.calls.lock().unwrap().clone()
    }

    /// How often a bound was reached.
    pub(crate) fn bound(&self, bound: Bound) -> usize {
        self.0.bounds.lock().unwrap().iter().filter(|seen| **seen == bound).count()
    }

    /// How often something happened to a connection.
    pub(crate) fn event(&self, event: ConnectionEvent) -> usize {
        self.0.events.lock().unwrap().iter().filter(|seen| **seen == event).count()
    }
}

#[derive(Debug)]
struct Nowhere;

impl Spawn for Nowhere {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(task);
    }
}

/// A running gateway; it drains when dropped.
pub(crate) struct Plane {
    plane: Option<DataPlane>,
    pub(crate) address: SocketAddr,
    pub(crate) notes: Notebook,
}

impl Plane {
    /// In front of the recorder, at the default configuration.
    pub(crate) fn start(recorder: &Recorder) -> Self {
        Self::with(&document(&recorder.url()), &[])
    }

    /// As the document says, with these files beside the contract.
    pub(crate) fn with(text: &str, files: &[(&str, &[u8])]) -> Self {
        let (notes, live) = (Notebook::default(), Live::default());
        let mut assets = Assets::from([(String::from("openapi.yaml"), Arc::from(CONTRACT.as_bytes()))]);
        assets.extend(files.iter().map(|(name, bytes)| ((*name).to_owned(), Arc::from(*bytes))));
        let nothing = (BTreeMap::new(), BTreeMap::new());
        let input = Input {
            path: "yett.yaml",
            text,
            assets: &assets,
            unreadable: &nothing.0,
            references: &nothing.1,
            environment: None,
            local_jwks: None,
            generation: 1,
            live: &live,
        };
        let compiled = compile::compile(&input, None, &mut Sources::default());
        let compiled = compiled.unwrap_or_else(|found| panic!("{found:?}"));
        let services = Services {
            clock: Arc::new(FakeClock::new()),
            cells: Arc::new(state::MemoryCells::new()),
            replays: Arc::new(state::MemoryReplays::new()),
            fetch: Arc::new(testkit::NoFetch),
            side: Arc::new(Nowhere),
            keyed: Arc::default(),
            recorder: Arc::new(notes.clone()),
            live: live.clone(),
            dying: Arc::new(|why| eprintln!("{why}")),
        };
        let settings = Settings {
            cores: 1,
            workers: 1,
            bodies: engine::bounds::BODIES_BYTES,
            drain: Duration::from_secs(5),
            folder: "".into(),
            passed: proxy::Passed::default(),
        };
        let plane = DataPlane::start(&compiled.snapshot, &settings, &services).unwrap();
        let address = plane.addresses()[0].1.tcp().unwrap();
        Self { plane: Some(plane), address, notes }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if let Some(plane) = self.plane.take() {
            plane.drain();
        }
    }
}
