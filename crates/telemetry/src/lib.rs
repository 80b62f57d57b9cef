//! What is told of calls: the access log, the metrics, the records of decisions on their way to a store, and what goes to a
//! collector by OTLP.
//!
//! Each core writes into memory of its own behind a lock that nobody else wants but a scrape and the log's writer, so a
//! call pays for formatting one line and adding a few numbers. Nothing here blocks a call or fails it: a log that cannot
//! be written is counted, shown in readiness, and the call goes on (invariant 15).
//!
//! Labels are bounded: names of APIs, operations, controls and codes, which come from configuration and code; never a
//! path, an address or a subject.

mod access_log;
mod consumers;
mod counters;
mod exposition;
mod families;
mod line;
mod otlp;
mod records;
mod shadow;
mod timestamp;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use engine::bounds::Bound;
use engine::record::{ConnectionEvent, CoreRecorder, Recorder};
use engine::{Call, Clock, Snapshot, UnixTime};
use parking_lot::Mutex;

pub use access_log::{AccessLog, Destination};
pub use exposition::{Kind, Sample};
pub use otlp::{Exporter, Logs, Lost as ExportLost, Settings as ExportSettings, Signal, Told as Exported};
pub use records::{Lost, RecordQueue};
pub use shadow::ShadowCounts;

use consumers::Consumers;
use counters::Counters;
use timestamp::Stamp;

/// All recorders of a process.
#[derive(Debug)]
pub struct Telemetry {
    log: Option<AccessLog>,
    decisions: Arc<RecordQueue>,
    shadow: Arc<ShadowCounts>,
    events: Arc<RecordQueue>,
    export: otlp::Queue,
    cores: Mutex<Vec<Arc<Mutex<Counters>>>>,
    /// Since when it counts.
    since: UnixTime,
}

impl Telemetry {
    /// Starts the log's writer.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub fn new(destination: &Destination, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let since = clock.unix();
        let log = match destination {
            Destination::Off => None,
            other => Some(AccessLog::open(other, clock)?),
        };
        let (decisions, events) = (RecordQueue::of_store(), RecordQueue::of_events());
        Ok(Self {
            log,
            decisions: Arc::new(decisions),
            shadow: Arc::default(),
            events: Arc::new(events),
            export: otlp::Queue::default(),
            cores: Mutex::default(),
            since,
        })
    }

    /// The records of decisions that wait for a store. Nothing is kept until it is told to.
    #[must_use]
    pub fn decisions(&self) -> &Arc<RecordQueue> {
        &self.decisions
    }

    /// The counts of what controls in shadow said. Nothing is counted while no decisions are kept.
    #[must_use]
    pub fn shadow(&self) -> &Arc<ShadowCounts> {
        &self.shadow
    }

    /// The same records, as they wait for those who are told of them. Nothing waits until somebody is.
    #[must_use]
    pub fn events(&self) -> &Arc<RecordQueue> {
        &self.events
    }

    /// Calls so far by API and operation, over all cores; those of no operation under empty names.
    #[must_use]
    pub fn calls(&self) -> Vec<(Arc<str>, Arc<str>, u64)> {
        let mut all = BTreeMap::new();
        for core in self.cores.lock().iter() {
            core.lock().add_calls(&mut all);
        }
        all.into_iter().map(|((api, id), calls)| (api, id, calls)).collect()
    }

    /// The metrics as text (Prometheus exposition format 0.0.4), with the caller's own samples behind them.
    #[must_use]
    pub fn render(&self, own: &[Sample]) -> String {
        exposition::render(&families::collect(&self.total(), self.lines_lost(), own))
    }

    fn total(&self) -> Counters {
        let mut total = Counters::default();
        for core in self.cores.lock().iter() {
            total.add(&core.lock());
        }
        total
    }

    fn lines_lost(&self) -> u64 {
        self.log.as_ref().map_or(0, AccessLog::lost)
    }

    /// Why the access log cannot be written at the moment.
    #[must_use]
    pub fn log_fault(&self) -> Option<String> {
        self.log.as_ref().and_then(AccessLog::fault)
    }

    /// Writes what waits; gives up after two seconds, when the log cannot be written.
    pub fn flush(&self) {
        if let Some(log) = &self.log {
            log.flush();
        }
    }

    /// Opens the log's file again, as after a rotation.
    pub fn reopen(&self) {
        if let Some(log) = &self.log {
            log.reopen();
        }
    }
}

impl Recorder for Telemetry {
    fn core(&self, _index: usize) -> Box<dyn CoreRecorder> {
        let counters = Arc::new(Mutex::new(Counters::default()));
        self.cores.lock().push(Arc::clone(&counters));
        Box::new(Core {
            counters,
            stamp: RefCell::default(),
            log: self.log.as_ref().map(AccessLog::buffer),
            consumers: Consumers {
                store: self.decisions.core(),
                tally: self.shadow.core(),
                events: self.events.core(),
            },
            export: self.export.core(),
        })
    }
}

/// The recorder of one core.
#[derive(Debug)]
struct Core {
    counters: Arc<Mutex<Counters>>,
    stamp: RefCell<Stamp>,
    log: Option<access_log::Buffer>,
    consumers: Consumers,
    export: otlp::Tracer,
}

impl CoreRecorder for Core {
    fn call(&self, snapshot: &Snapshot, call: &Call) {
        let mut counters = self.counters.lock();
        let shadow = counters.call(snapshot, call);
        if let Some(log) = &self.log
            && !log.append(|out| line::write(out, &mut self.stamp.borrow_mut(), snapshot, call))
        {
            counters.bound(Bound::LogQueue);
        }
        let full = self.consumers.hand_on(&mut self.stamp.borrow_mut(), snapshot, call, shadow);
        for (is_full, bound) in [
            (full.store, Bound::DecisionQueue),
            (full.tally, Bound::ShadowCounts),
            (full.events, Bound::EventQueue),
        ] {
            if is_full {
                counters.bound(bound);
            }
        }
        if !self.export.call(snapshot, call, call.decision.code.is_some() || shadow.ended) {
            counters.bound(Bound::Export);
        }
    }

    fn samples(&self, trace_id: u128) -> bool {
        self.export.samples(trace_id)
    }

    fn bound(&self, bound: Bound) {
        self.counters.lock().bound(bound);
    }

    fn bounds(&self, bound: Bound, times: u64) {
        self.counters.lock().bounds(bound, times);
    }

    fn connection(&self, event: ConnectionEvent) {
        self.counters.lock().connection(event);
    }
}

#[cfg(test)]
mod tests;
