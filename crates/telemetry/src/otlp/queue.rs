//! Spans and log records on their way to a collector: each core appends to buffers of its own, in the form in which they go over
//! the wire, and whoever exports takes them in pieces of the size of a request.
//!
//! Which traces are recorded is decided when they begin, so that the service behind can be told: a trusted caller's flag says so, else
//! the trace's own randomness does. What was refused, failed, or would have been refused by a control in shadow is kept all the
//! same. A buffer that is full drops what comes and counts it, and the call knows nothing of it (invariant 15).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use engine::{Call, Snapshot, bounds};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{record, span};

/// A whole, of which [`Want::share`] says how much is recorded.
pub(super) const WHOLE: u32 = 1_000_000;
/// In what cores read: that spans are wanted, log records of traces that are recorded, and those of all calls. The bits below are the
/// share of traces.
const SPANS: u32 = 1 << 29;
const LOGS: u32 = 1 << 30;
const ALL_LOGS: u32 = 1 << 31;
const SHARE: u32 = SPANS - 1;
/// Bytes of spans or records of a core that are worth a request of their own.
const CHUNK: usize = 256 * 1024;

/// What of calls is exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Want {
    /// How many of a million traces that begin here are recorded.
    pub(super) share: u32,
    /// Their spans.
    pub(super) traces: bool,
    /// Log records.
    pub(super) logs: Logs,
}

/// Of which calls a log record is exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Logs {
    /// Of none.
    #[default]
    None,
    /// Of those whose trace is recorded, and of those that ended otherwise than well.
    Sampled,
    /// Of all.
    All,
}

/// Spans or log records, one after the other, as fields of a `ScopeSpans` or `ScopeLogs`.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// How many they are.
    pub(super) items: u64,
}

/// Which of two kinds of buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Spans.
    Spans,
    /// Log records.
    Records,
}

/// What waits of one core and one kind.
#[derive(Debug, Default)]
struct Lane {
    full: VecDeque<Chunk>,
    open: Chunk,
    bytes: usize,
}

/// The two lanes of one core.
#[derive(Debug, Default)]
struct Lanes {
    spans: Mutex<Lane>,
    records: Mutex<Lane>,
}

impl Lanes {
    fn of(&self, kind: Kind) -> &Mutex<Lane> {
        match kind {
            Kind::Spans => &self.spans,
            Kind::Records => &self.records,
        }
    }
}

/// The buffers of all cores.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    cores: Mutex<Vec<Arc<Lanes>>>,
    shared: Arc<Shared>,
}

/// What cores read of it, and write when they lose something or have much.
#[derive(Debug, Default)]
struct Shared {
    want: AtomicU32,
    lost_spans: AtomicU64,
    lost_records: AtomicU64,
    /// Told when a core has much.
    spans: Notify,
    records: Notify,
}

impl Shared {
    fn lost(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Spans => &self.lost_spans,
            Kind::Records => &self.lost_records,
        }
    }

    fn bell(&self, kind: Kind) -> &Notify {
        match kind {
            Kind::Spans => &self.spans,
            Kind::Records => &self.records,
        }
    }
}

impl Queue {
    /// Says what is exported from now on.
    pub(super) fn want(&self, want: Want) {
        let spans = if want.traces { SPANS } else { 0 };
        let logs = match want.logs {
            Logs::None => 0,
            Logs::Sampled => LOGS,
            Logs::All => ALL_LOGS,
        };
        let share = if spans | logs == 0 { 0 } else { want.share.min(WHOLE) };
        self.shared.want.store(spans | logs | share, Ordering::Relaxed);
    }

    /// Takes what waits, at most about [`bounds::EXPORT_REQUEST`] of it: the buffers that are full, and the others with `all`.
    /// Nothing when nothing waits.
    pub(super) fn take(&self, kind: Kind, all: bool) -> Vec<Chunk> {
        let cores: Vec<_> = self.cores.lock().iter().map(Arc::clone).collect();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        for core in &cores {
            let mut lane = core.of(kind).lock();
            while bytes < bounds::EXPORT_REQUEST {
                let chunk = match lane.full.pop_front() {
                    None if all && lane.open.items > 0 => std::mem::take(&mut lane.open),
                    None => break,
                    Some(chunk) => chunk,
                };
                lane.bytes = lane.bytes.saturating_sub(chunk.bytes.len());
                bytes += chunk.bytes.len();
                taken.push(chunk);
            }
        }
        taken
    }

    /// How many wait.
    pub(super) fn waiting(&self, kind: Kind) -> u64 {
        let cores: Vec<_> = self.cores.lock().iter().map(Arc::clone).collect();
        let of = |lane: &Lane| lane.open.items + lane.full.iter().map(|chunk| chunk.items).sum::<u64>();
        cores.iter().map(|core| of(&core.of(kind).lock())).sum()
    }

    /// How many found no room so far.
    pub(super) fn lost(&self, kind: Kind) -> u64 {
        self.shared.lost(kind).load(Ordering::Relaxed)
    }

    /// Ends once a core has much.
    pub(super) async fn much(&self, kind: Kind) {
        self.shared.bell(kind).notified().await;
    }

    /// A new core's end.
    pub(crate) fn core(&self) -> Tracer {
        let lanes = Arc::<Lanes>::default();
        self.cores.lock().push(Arc::clone(&lanes));
        Tracer { lanes, shared: Arc::clone(&self.shared) }
    }
}

/// One core's end.
#[derive(Debug)]
pub(crate) struct Tracer {
    lanes: Arc<Lanes>,
    shared: Arc<Shared>,
}

impl Tracer {
    /// Whether a trace that begins here is recorded. Where no spans are exported, others may record it.
    pub(crate) fn samples(&self, trace_id: u128) -> bool {
        let want = self.shared.want.load(Ordering::Relaxed);
        want & SPANS == 0 || is_of_the_share(trace_id, want & SHARE)
    }

    /// Writes what is exported of a call; `false` when there was no room for all of it. `notable` are those that ended
    /// otherwise than well, or would have.
    pub(crate) fn call(&self, snapshot: &Snapshot, call: &Call, notable: bool) -> bool {
        let want = self.shared.want.load(Ordering::Relaxed);
        if want == 0 {
            return true;
        }
        // Where no spans are wanted, the flag is for others, and says nothing of what is recorded here.
        let sampled = call.trace.current.flags & 1 == 1
            && (want & SPANS != 0 || is_of_the_share(call.trace.current.trace_id, want & SHARE));
        let recorded = notable || sampled;
        let spans = !(recorded && want & SPANS != 0)
            || self.append(Kind::Spans, |out| span::write(out, snapshot, call));
        let record = |out: &mut Vec<u8>| {
            record::write(out, snapshot, call);
            1
        };
        let logged = want & ALL_LOGS != 0 || (recorded && want & LOGS != 0);
        (!logged || self.append(Kind::Records, record)) && spans
    }

    fn append(&self, kind: Kind, write: impl FnOnce(&mut Vec<u8>) -> u64) -> bool {
        let mut lane = self.lanes.of(kind).lock();
        if lane.bytes >= bounds::EXPORT_BYTES {
            drop(lane);
            self.shared.lost(kind).fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let before = lane.open.bytes.len();
        let items = write(&mut lane.open.bytes);
        lane.open.items += items;
        lane.bytes += lane.open.bytes.len() - before;
        let much = lane.open.bytes.len() >= CHUNK;
        if much {
            let chunk = std::mem::take(&mut lane.open);
            lane.full.push_back(chunk);
        }
        drop(lane);
        if much {
            self.shared.bell(kind).notify_one();
        }
        true
    }
}

/// A trace is recorded when its randomness, its last 56 bits (W3C Trace Context Level 2, section 3.2.2.3), is above the share that is
/// not: so that others who sample by it choose the same traces (OpenTelemetry, consistent probability sampling).
pub(super) fn is_of_the_share(trace_id: u128, share: u32) -> bool {
    const RANDOM: u128 = (1 << 56) - 1;
    let rejected = u128::from(WHOLE - share.min(WHOLE));
    (trace_id & RANDOM) * u128::from(WHOLE) >= rejected << 56
}
