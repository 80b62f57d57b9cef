//! The export of traces, metrics and logs beside the running gateway: what the document says of it, and how it is told.

use std::sync::{Arc, Weak};

use engine::Clock;
use engine::fetch::Fetch;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};
use telemetry::{ExportSettings, Exported, Exporter, Kind, Logs, Sample, Telemetry};
use tokio::runtime::Handle;

use super::admin;
use super::gateway::Gateway;
use crate::load::Loaded;
use crate::terminal;

/// Begins to export what the document says.
pub(super) fn start(
    document: &spec::Document,
    loaded: &Loaded,
    (telemetry, clock, fetch, side): (&Arc<Telemetry>, &Arc<dyn Clock>, &Arc<dyn Fetch>, &Handle),
) -> Arc<Exporter> {
    let exporter = Exporter::new(telemetry, clock, fetch, |line| terminal::say(line));
    exporter.apply(settings(document, loaded));
    exporter.tasks().into_iter().for_each(|task| drop(side.spawn(task)));
    exporter
}

/// Hands the exporter what the gateway measures beside calls.
pub(super) fn measure(gateway: &Arc<Gateway>) {
    let gone = Arc::downgrade(gateway);
    let samples = move || Weak::upgrade(&gone).map_or_else(Vec::new, |gateway| admin::samples(&gateway));
    gateway.exporter().measure(Box::new(samples));
}

/// What a document says. That its secrets are there and can be sent was checked when it was compiled.
pub(super) fn settings(document: &spec::Document, loaded: &Loaded) -> Option<ExportSettings> {
    let otlp = document.telemetry.otlp.as_ref()?;
    let mut headers = HeaderMap::new();
    for (name, reference) in &otlp.headers {
        let value = compile::header_secret(loaded.secret(reference).ok()?)?;
        headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    Some(ExportSettings {
        endpoint: otlp.endpoint.as_str().trim_end_matches('/').to_owned(),
        headers,
        share: u32::from(otlp.sample.get()) * 10_000,
        traces: otlp.traces,
        metrics: otlp.metrics,
        logs: match otlp.logs {
            spec::Logs::Sampled => Logs::Sampled,
            spec::Logs::All => Logs::All,
            spec::Logs::None => Logs::None,
        },
        interval: otlp.interval.get(),
        timeout: otlp.timeout.get(),
        gzip: otlp.compression == spec::Compression::Gzip,
        resource: otlp.resource.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect(),
    })
}

/// How it is, for readiness, one entry per signal; nothing where nothing is exported.
pub(super) fn detail(told: &[Exported]) -> Value {
    let one = |told: &Exported| {
        let lost: u64 = told.lost.iter().map(|(_, count)| count).sum();
        json!({
            "ok": told.fault.is_none(),
            "fault": told.fault,
            "exported": told.exported,
            "waiting": told.waiting,
            "lost": lost,
        })
    };
    let all: Map<String, Value> =
        told.iter().map(|told| (told.signal.name().to_owned(), one(told))).collect();
    if all.is_empty() { Value::Null } else { Value::Object(all) }
}

/// The same as metrics.
pub(super) fn samples(told: &[Exported]) -> Vec<Sample> {
    let mut all = Vec::new();
    for told in told {
        let mut add = |name, help, kind, more: Option<&str>, value: u64| {
            let mut labels = vec![("signal", told.signal.name().to_owned())];
            labels.extend(more.map(|reason| ("reason", reason.to_owned())));
            // Exact to 2^53, as every number in this format.
            all.push(Sample { name, help, kind, labels, value: value as f64 });
        };
        let help = "Whether the last request to the collector was taken, and nothing was lost lately.";
        add("yett_export_up", help, Kind::Gauge, None, u64::from(told.fault.is_none()));
        let help = "Spans, metric points and log records that the collector took.";
        add("yett_exported_total", help, Kind::Counter, None, told.exported);
        let help = "Spans and log records that wait to be exported.";
        add("yett_export_waiting", help, Kind::Gauge, None, told.waiting);
        for (why, count) in told.lost {
            let help = "Spans, metric points and log records that were not exported, by why; of a full queue, calls.";
            add("yett_export_lost_total", help, Kind::Counter, Some(why.name()), count);
        }
    }
    // A metric's series stand together.
    all.sort_by_key(|sample| sample.name);
    all
}
