//! The metrics as text: Prometheus exposition format 0.0.4, counters with `_total`, durations in seconds.

use std::fmt::Write;

use engine::bounds::Bound;
use engine::record::ConnectionEvent;

use crate::counters::{BUCKETS, Counters, Histogram};

/// What a metric does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One value that somebody else measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name of the metric.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// What it does over time.
    pub kind: Kind,
    /// Labels; values from configuration or code only.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

pub(crate) fn render(total: &Counters, lost: u64, own: &[Sample]) -> String {
    let mut out = Page { text: String::new() };
    calls(&mut out, total);
    out.head("yett_verdicts_total", "Verdicts other than allow, by control.", "counter");
    for ((control, outcome, mode, code), count) in &total.verdicts {
        let labels =
            [("control", *control), ("outcome", outcome.name()), ("mode", mode.name()), ("code", *code)];
        out.line("yett_verdicts_total", &labels, *count);
    }
    histogram(
        &mut out,
        "yett_call_duration_seconds",
        "From the head to the last byte of the answer.",
        &total.duration,
    );
    histogram(
        &mut out,
        "yett_checks_duration_seconds",
        "What checks took, waiting for bodies included.",
        &total.overhead,
    );
    out.head("yett_bound_reached_total", "How often a bound of the data plane was reached.", "counter");
    for (bound, count) in Bound::ALL.iter().zip(total.bounds) {
        out.line("yett_bound_reached_total", &[("bound", bound.name())], count);
    }
    out.head("yett_connections_total", "What happened to connections.", "counter");
    for (event, count) in ConnectionEvent::ALL.iter().zip(total.connections) {
        out.line("yett_connections_total", &[("event", event.name())], count);
    }
    for (name, help, count) in [
        (
            "yett_calls_aborted_total",
            "Calls whose client went away before the answer was whole.",
            total.aborted,
        ),
        ("yett_request_bytes_total", "Bytes of request bodies.", total.bytes_in),
        ("yett_response_bytes_total", "Bytes of answers' bodies.", total.bytes_out),
        ("yett_log_lines_lost_total", "Lines of the access log that could not be kept or written.", lost),
    ] {
        out.head(name, help, "counter");
        out.line(name, &[], count);
    }
    let (of_client, of_upstream) = total.messages;
    out.head("yett_messages_total", "Messages of WebSockets that went on, counted when one ends.", "counter");
    for (way, count) in [("in", of_client), ("out", of_upstream)] {
        out.line("yett_messages_total", &[("direction", way)], count);
    }
    samples(&mut out, own);
    out.text
}

fn calls(out: &mut Page, total: &Counters) {
    out.head("yett_calls_total", "Calls by operation, status, code and who is to blame.", "counter");
    let mut line = |api: &str, operation: &str, status: u16, code: &str, count: u64| {
        let status = status.to_string();
        let blame = engine::codes::find(code).map_or("", |code| code.blame.name());
        let labels = [
            ("api", api),
            ("operation", operation),
            ("status", status.as_str()),
            ("code", code),
            ("blame", blame),
        ];
        out.line("yett_calls_total", &labels, count);
    };
    for ((api, operation), calls) in &total.calls {
        for ((status, code), count) in &calls.by_outcome {
            line(api, operation, *status, code, *count);
        }
    }
    for ((status, code), count) in &total.unrouted.by_outcome {
        line("", "", *status, code, *count);
    }
}

fn histogram(out: &mut Page, name: &str, help: &str, histogram: &Histogram) {
    out.head(name, help, "histogram");
    let bucket_name = format!("{name}_bucket");
    let mut count = 0;
    for (index, in_bucket) in histogram.buckets.iter().enumerate() {
        count += in_bucket;
        let bound = BUCKETS.get(index).map_or_else(|| String::from("+Inf"), |micros| seconds(*micros));
        out.line(&bucket_name, &[("le", &bound)], count);
    }
    // Writing to a string does not fail.
    let _ = writeln!(out.text, "{name}_sum {}\n{name}_count {count}", seconds(histogram.sum));
}

fn samples(out: &mut Page, own: &[Sample]) {
    let mut last = "";
    for sample in own {
        if sample.name != last {
            out.head(
                sample.name,
                sample.help,
                if sample.kind == Kind::Counter { "counter" } else { "gauge" },
            );
            last = sample.name;
        }
        let labels: Vec<(&str, &str)> =
            sample.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        out.line(sample.name, &labels, sample.value);
    }
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{label}=\"{escaped}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}
