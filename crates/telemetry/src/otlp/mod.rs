//! Traces, metrics and logs for a collector: OTLP 1.x over HTTP, in Protocol Buffers, with OpenTelemetry's semantic conventions.
//!
//! Cores write spans and log records as they go over the wire into memory of their own ([`queue`]); an [`Exporter`] puts a head
//! before them and sends them by the one way out. Metrics are the families that `/metrics` shows. The encoding is ours, 150 lines, since the types
//! of a library would cost each call an allocation per attribute; the library's types read it back in tests.
//!
//! Nothing here slows or fails a call: a collector that is gone, busy or stalls loses what does not fit, and it is counted.

mod answer;
mod exporter;
mod facts;
mod metrics;
mod queue;
mod record;
mod request;
mod retry;
mod span;
mod state;
mod wire;

pub use exporter::{Exporter, Settings};
pub use queue::Logs;
pub use state::{Lost, Signal, Told};

pub(crate) use facts::{error, method};
pub(crate) use queue::{Queue, Tracer};

#[cfg(test)]
mod tests;
