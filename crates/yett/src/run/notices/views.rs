//! How sinks are, for readiness and as metrics.

use serde_json::{Map, Value, json};
use telemetry::{Kind, Sample};

use super::{SinkTold, Told};

/// For readiness.
pub(in crate::run) fn detail(told: &Told) -> Value {
    let sinks: Map<String, Value> =
        told.sinks.iter().map(|sink| (sink.name.clone(), sink_detail(sink))).collect();
    let lost: u64 = told.lost.iter().map(|(_, count)| count).sum();
    let alerts = told.alerts.map(|(firing, _)| firing);
    json!({ "ok": told.fault.is_none(), "fault": told.fault, "lost": lost, "sinks": sinks, "alerts_firing": alerts })
}

fn sink_detail(sink: &SinkTold) -> Value {
    json!({ "ok": sink.state == "ok", "state": sink.state, "waiting": sink.waiting, "last_error": sink.error })
}

/// As metrics, one series for each sink of the document; none where there is no sink.
pub(in crate::run) fn samples(told: &Told) -> Vec<Sample> {
    if told.sinks.is_empty() {
        return Vec::new();
    }
    let lost = told.lost.iter().map(|(why, count)| Sample {
        name: "yett_events_lost_total",
        help: "Events that were not spooled, by why.",
        kind: Kind::Counter,
        labels: vec![("reason", (*why).to_owned())],
        value: *count as f64,
    });
    let mut all: Vec<Sample> = lost.collect();
    if let Some((firing, overflow)) = told.alerts {
        let one = |name, help, kind, value| Sample { name, help, kind, labels: Vec::new(), value };
        all.push(one("yett_alerts_firing", "Alerts that hold.", Kind::Gauge, firing as f64));
        let help = "Events that no rule counted, since it had too many groups.";
        all.push(one("yett_alerts_overflow_total", help, Kind::Counter, overflow as f64));
    }
    for (name, help, kind, of) in COLUMNS {
        all.extend(told.sinks.iter().map(|sink| Sample {
            name,
            help,
            kind: *kind,
            labels: vec![("sink", sink.name.clone())],
            value: of(sink),
        }));
    }
    all
}

/// Name, help, kind and value of a metric of sinks.
type Column = (&'static str, &'static str, Kind, fn(&SinkTold) -> f64);

/// The metrics of sinks.
const COLUMNS: &[Column] = &[
    ("yett_events_spooled_total", "Events on the disk for a sink, since the start.", Kind::Counter, |sink| {
        sink.spooled as f64
    }),
    ("yett_events_delivered_total", "Events that a sink took.", Kind::Counter, |sink| sink.delivered as f64),
    ("yett_events_failed_tries_total", "Deliveries to a sink that failed.", Kind::Counter, |sink| {
        sink.failed as f64
    }),
    ("yett_events_dead_total", "Events that were given up.", Kind::Counter, |sink| sink.dead as f64),
    ("yett_events_waiting", "Events that wait for a sink.", Kind::Gauge, |sink| sink.waiting as f64),
    ("yett_events_waiting_bytes", "Bytes that they take on the disk.", Kind::Gauge, |sink| sink.bytes as f64),
    ("yett_events_dead_letters", "Events that were given up and are kept.", Kind::Gauge, |sink| {
        sink.letters as f64
    }),
    ("yett_sink_up", "Whether a sink takes events.", Kind::Gauge, |sink| {
        f64::from(u8::from(sink.state == "ok"))
    }),
];
