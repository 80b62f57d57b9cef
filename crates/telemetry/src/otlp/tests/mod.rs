//! What is exported, read back by the types of OpenTelemetry's own library; `exporter` is about the sending.

mod exporter;
mod hostile;
mod proto;

use std::collections::BTreeMap;
use std::time::Duration;

use engine::decision::Recorded;
use engine::plan::{Mode, PlaceId, Stage};
use engine::record::{CoreRecorder, Recorder};
use engine::trace::TraceParent;
use engine::upstream::{Deadlines, Target, Upstream};
use engine::{Call, Outcome, codes};
use http::HeaderValue;
use prost::Message;
use proto::collector::logs::v1::ExportLogsServiceRequest;
use proto::collector::metrics::v1::ExportMetricsServiceRequest;
use proto::collector::trace::v1::ExportTraceServiceRequest;
use proto::common::v1::any_value::Value;
use proto::common::v1::{AnyValue, KeyValue};
use proto::logs::v1::LogRecord;
use proto::metrics::v1::Metric;
use proto::metrics::v1::metric::Data;
use proto::metrics::v1::number_data_point::Value as Point;
use proto::trace::v1::Span;

use super::*;
use crate::tests::{call, plan, refused, snapshot};
use crate::{Destination, Sample, Telemetry};

const ALL: queue::Want = queue::Want { share: queue::WHOLE, traces: true, logs: Logs::All };

fn telemetry(want: queue::Want) -> (Telemetry, Box<dyn CoreRecorder>) {
    let clock = std::sync::Arc::new(testkit::FakeClock::new());
    let telemetry = Telemetry::new(&Destination::Off, clock).unwrap();
    telemetry.export.want(want);
    let core = telemetry.core(0);
    (telemetry, core)
}

fn body(telemetry: &Telemetry, kind: queue::Kind) -> Vec<u8> {
    let chunks = telemetry.export.take(kind, true);
    request::body(&request::resource(&[], "me"), chunks.iter().map(|chunk| &*chunk.bytes))
}

fn spans(telemetry: &Telemetry) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(&*body(telemetry, queue::Kind::Spans)).unwrap();
    request.resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
}

fn records(telemetry: &Telemetry) -> Vec<LogRecord> {
    let request = ExportLogsServiceRequest::decode(&*body(telemetry, queue::Kind::Records)).unwrap();
    request.resource_logs.into_iter().flat_map(|of| of.scope_logs).flat_map(|of| of.log_records).collect()
}

/// Attributes as texts, by name.
fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    all.iter().map(|one| (one.key.clone(), text(one.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        other => panic!("{other:?}"),
    }
}

fn has(attributes: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(attributes.get(*key).map(String::as_str), Some(*value), "{key} of {attributes:#?}");
    }
}

/// A call that was sent to a service, on from a trusted caller's trace.
fn exchanged() -> Call {
    let target = Target {
        name: "http://orders:3000".into(),
        tls: false,
        host: "orders".into(),
        port: 3000,
        authority: HeaderValue::from_static("orders:3000"),
        path: None,
        weight: 1,
    };
    let deadlines = Deadlines {
        connect: Duration::ZERO,
        first_byte: Duration::ZERO,
        total: Duration::ZERO,
        idle: Duration::ZERO,
        lifetime: Duration::ZERO,
    };
    let upstream = Upstream::new("orders", vec![target], deadlines);
    let mut plan = std::sync::Arc::into_inner(plan()).unwrap();
    plan.upstream = Some(upstream.into());
    let mut call = call("curl/8", &plan.into());
    call.trace.current = TraceParent { trace_id: 0xcafe, span_id: 0xbeef, flags: 1 };
    call.trace.parent = Some(0xfeed);
    call.decision.timings.sent = Duration::from_micros(20);
    call.decision.timings.upstream = Duration::from_micros(80);
    call
}

#[test]
fn a_call_has_a_span_with_the_conventional_attributes() {
    let (telemetry, core) = telemetry(ALL);
    core.call(&snapshot(3), &refused(&plan()));
    let [span] = &spans(&telemetry)[..] else { panic!("one span") };
    assert_eq!((&*span.name, span.kind), ("GET /orders/{id}", 2));
    assert_eq!(span.trace_id, 0xab_u128.to_be_bytes());
    assert_eq!((span.span_id.len(), span.parent_span_id.len()), (8, 0));
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 120_000);
    assert_eq!(span.flags, 0x101, "sampled, and its parent is not elsewhere");
    assert!(span.status.is_none(), "what a client did wrong is no failure of the server");
    has(
        &attributes(&span.attributes),
        &[
            ("http.request.method", "GET"),
            ("http.route", "/orders/{id}"),
            ("url.path", "/orders/7"),
            ("url.scheme", "http"),
            ("server.address", "a"),
            ("server.port", "80"),
            ("client.address", "192.0.2.7"),
            ("network.protocol.version", "1.1"),
            ("user_agent.original", "x"),
            ("http.response.status_code", "429"),
            ("error.type", "rate_limited"),
            ("yett.call.id", "000000000000000000000000000000ab"),
            ("yett.code", "rate_limited"),
            ("yett.blame", "client"),
            ("yett.control", "limits"),
            ("yett.place", "yett.yaml:7:5"),
            ("yett.api", "orders"),
            ("yett.operation", "getOrder"),
            ("yett.generation", "3"),
        ],
    );
    let [event] = &span.events[..] else { panic!("one verdict") };
    assert_eq!((&*event.name, event.time_unix_nano), ("yett.verdict", span.start_time_unix_nano));
    let expected = [
        ("yett.control", "limits"),
        ("yett.stage", "head"),
        ("yett.outcome", "throttle"),
        ("yett.code", "rate_limited"),
        ("yett.cost_ns", "1500"),
        ("yett.detail", "subject"),
    ];
    has(&attributes(&event.attributes), &expected);
}

#[test]
fn an_exchange_is_the_span_that_the_service_was_told_of() {
    let (telemetry, core) = telemetry(ALL);
    core.call(&snapshot(1), &exchanged());
    let [server, client] = &spans(&telemetry)[..] else { panic!("two spans") };
    assert_eq!(server.trace_id, 0xcafe_u128.to_be_bytes());
    assert_eq!(server.parent_span_id, 0xfeed_u64.to_be_bytes());
    assert_eq!(server.flags, 0x301, "its parent is elsewhere");
    assert_eq!(client.trace_id, server.trace_id);
    assert_eq!(client.span_id, 0xbeef_u64.to_be_bytes());
    assert_eq!(client.parent_span_id, server.span_id);
    assert_eq!((&*client.name, client.kind, client.flags), ("GET", 3, 0x101));
    assert_eq!(client.start_time_unix_nano - server.start_time_unix_nano, 20_000);
    assert_eq!(client.end_time_unix_nano - client.start_time_unix_nano, 80_000);
    let expected = [
        ("http.request.method", "GET"),
        ("server.address", "orders"),
        ("server.port", "3000"),
        ("http.response.status_code", "200"),
        ("yett.upstream", "orders"),
    ];
    has(&attributes(&client.attributes), &expected);
}

/// What failed, as the conventions for HTTP spans have it: a server's span by 5xx, a client's by 4xx too.
#[test]
fn spans_fail_by_who_is_to_blame() {
    for (status, code, of_server, of_client) in [
        (200, None, None, None),
        (404, None, None, Some("404")),
        (500, None, Some("500"), Some("500")),
        (504, Some(&codes::UPSTREAM_TIMEOUT), Some("upstream_timeout"), Some("upstream_timeout")),
        // The gateway's own doing: the exchange was well.
        (429, Some(&codes::RATE_LIMITED), None, None),
    ] {
        let (telemetry, core) = telemetry(ALL);
        let mut call = exchanged();
        (call.decision.status, call.decision.code) = (status, code);
        core.call(&snapshot(1), &call);
        let [server, client] = &spans(&telemetry)[..] else { panic!("two spans") };
        let failed = |span: &Span| span.status.as_ref().is_some_and(|status| status.code == 2);
        assert_eq!(failed(server), of_server.is_some(), "{status}");
        assert_eq!(failed(client), of_client.is_some(), "{status}");
        let error = attributes(&client.attributes).get("error.type").cloned();
        assert_eq!(error.as_deref(), of_client, "{status}");
    }
}

#[test]
fn a_strangers_trace_is_a_link() {
    let (telemetry, core) = telemetry(ALL);
    let mut call = call("x", &plan());
    call.trace.link = Some(TraceParent { trace_id: 0x77, span_id: 0x88, flags: 1 });
    core.call(&snapshot(1), &call);
    let [span] = &spans(&telemetry)[..] else { panic!("one span") };
    let [link] = &span.links[..] else { panic!("one link") };
    assert_eq!(
        (&link.trace_id[..], &link.span_id[..]),
        (&0x77_u128.to_be_bytes()[..], &0x88_u64.to_be_bytes()[..])
    );
    assert_eq!(link.flags, 0x301);
    assert_eq!(span.trace_id, 0xab_u128.to_be_bytes());
}

#[test]
fn a_record_says_the_same_under_the_same_ids() {
    let (telemetry, core) = telemetry(ALL);
    core.call(&snapshot(1), &refused(&plan()));
    let (spans, records) = (spans(&telemetry), records(&telemetry));
    let ([span], [record]) = (&spans[..], &records[..]) else { panic!("one of each") };
    assert_eq!((&record.trace_id, &record.span_id), (&span.trace_id, &span.span_id));
    assert_eq!((record.severity_number, &*record.severity_text), (13, "WARN"));
    assert_eq!((&*record.event_name, record.flags), ("yett.call", 1));
    assert_eq!(record.time_unix_nano, span.end_time_unix_nano);
    assert_eq!(text(record.body.as_ref()), "GET /orders/{id} 429 rate_limited");
    assert_eq!(record.attributes, span.attributes);
}

#[test]
fn what_is_sampled_is_decided_by_the_trace_and_what_went_wrong_is_kept() {
    let half = queue::Want { share: 500_000, traces: true, logs: Logs::None };
    let (telemetry, core) = telemetry(half);
    let (kept, left) = (1_u128 << 55, (1_u128 << 55) - 1);
    assert!(core.samples(kept) && !core.samples(left));
    assert!(core.samples(7 << 56 | kept) && !core.samples(7 << 56 | left), "by its last 56 bits");
    let plan = plan();
    // The data plane puts into the flag what was decided.
    for (flags, status) in [(1, 200), (0, 201)] {
        let mut call = call("x", &plan);
        (call.trace.current.flags, call.decision.status) = (flags, status);
        core.call(&snapshot(1), &call);
    }
    let mut bad = refused(&plan);
    bad.trace.current.flags = 0;
    core.call(&snapshot(1), &bad);
    let mut shadowed = call("x", &plan);
    (shadowed.trace.current.flags, shadowed.decision.status) = (0, 202);
    shadowed.decision.verdicts.push(Recorded {
        control: "limits",
        rule: None,
        stage: Stage::Head,
        mode: Mode::Shadow,
        outcome: Outcome::Throttle,
        code: Some(&codes::RATE_LIMITED),
        place: PlaceId(1),
        contract: PlaceId::default(),
        cost: 1,
        detail: None,
    });
    core.call(&snapshot(1), &shadowed);
    let statuses: Vec<String> = spans(&telemetry)
        .iter()
        .map(|span| attributes(&span.attributes)["http.response.status_code"].clone())
        .collect();
    assert_eq!(statuses, ["200", "429", "202"]);
    assert_eq!(records(&telemetry).len(), 0);
    for (share, sampled) in [(0, false), (queue::WHOLE, true)] {
        assert_eq!(queue::is_of_the_share(0, share), sampled && share == queue::WHOLE);
        assert_eq!(queue::is_of_the_share(u128::MAX, share), sampled);
    }
}

#[test]
fn records_are_of_the_calls_that_are_wanted() {
    use Logs::{All, None, Sampled};
    let half = 500_000;
    let (above, below) = (1_u128 << 55, (1_u128 << 55) - 1);
    // Good calls by flag and trace, then one that was refused and is not sampled.
    let good = [(200, 1, above), (201, 0, above), (202, 1, below), (203, 0, below)];
    for (traces, logs, kept) in [
        (true, None, &[] as &[&str]),
        (true, Sampled, &["200", "202", "429"]),
        (true, All, &["200", "201", "202", "203", "429"]),
        // The flag is for others then: the trace alone decides.
        (false, Sampled, &["200", "429"]),
        (false, All, &["200", "201", "202", "203", "429"]),
    ] {
        let (telemetry, core) = telemetry(queue::Want { share: half, traces, logs });
        assert_eq!(core.samples(below), !traces, "others may record it where nobody here does");
        let plan = plan();
        for (status, flags, trace) in good {
            let mut call = call("x", &plan);
            call.decision.status = status;
            (call.trace.current.flags, call.trace.current.trace_id) = (flags, trace);
            core.call(&snapshot(1), &call);
        }
        let mut bad = refused(&plan);
        bad.trace.current.flags = 0;
        core.call(&snapshot(1), &bad);
        let records = records(&telemetry);
        let statuses: Vec<String> = records
            .iter()
            .map(|one| attributes(&one.attributes)["http.response.status_code"].clone())
            .collect();
        assert_eq!(statuses, kept, "{traces} {logs:?}");
    }
}

#[test]
fn nothing_is_written_where_nothing_is_exported() {
    let (telemetry, core) = telemetry(queue::Want::default());
    core.call(&snapshot(1), &refused(&plan()));
    assert!(core.samples(0), "others may record it");
    for kind in [queue::Kind::Spans, queue::Kind::Records] {
        assert_eq!((telemetry.export.waiting(kind), telemetry.export.lost(kind)), (0, 0));
    }
}

/// Every series of `/metrics` is exported with the same number, and durations by route beside them.
#[test]
fn metrics_are_those_of_the_page() {
    let (telemetry, core) = telemetry(ALL);
    core.call(&snapshot(1), &refused(&plan()));
    core.call(&snapshot(1), &exchanged());
    let labels = vec![("issuer", String::from("corp"))];
    let (name, help) = ("yett_issuer_keys_age_seconds", "Age.");
    let own = [Sample { name, help, kind: crate::Kind::Gauge, labels, value: 1.5 }];
    let page = telemetry.render(&own);
    let (all, points) = measured(&telemetry, &own);
    let mut seen = 0;
    for metric in &all {
        let (suffix, series) = match metric.data.clone().unwrap() {
            Data::Sum(sum) => {
                assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (2, true));
                assert!(sum.data_points.iter().all(|point| point.start_time_unix_nano == 5));
                ("_total", sum.data_points)
            }
            Data::Gauge(gauge) => ("", gauge.data_points),
            Data::Histogram(histogram) => {
                seen += histogram.data_points.len() as u64;
                continue;
            }
            other => panic!("{other:?}"),
        };
        seen += series.len() as u64;
        let unit = if metric.unit == "s" { "_seconds" } else { "" };
        let name = format!("{}{unit}{suffix}", metric.name.replacen("yett.", "yett_", 1));
        for point in series {
            assert_eq!(point.time_unix_nano, 9);
            let value = match point.value.unwrap() {
                Point::AsInt(count) => count as f64,
                Point::AsDouble(value) => value,
            };
            shown(&page, &name, &attributes(&point.attributes), value);
        }
    }
    assert_eq!(seen, points);
    assert!(all.iter().any(|metric| metric.name == "yett.issuer_keys_age" && metric.unit == "s"));
}

/// The metrics as they are exported, from 5 until 9 ns since 1970, and how many points were said to be in them.
fn measured(telemetry: &Telemetry, own: &[Sample]) -> (Vec<Metric>, u64) {
    let total = telemetry.total();
    let mut families = crate::families::collect(&total, 0, own);
    families.push(crate::families::by_route(&total));
    let parts = metrics::encode(&families, (5, 9));
    let body = request::body(&request::resource(&[], "me"), parts.iter().map(|part| &*part.bytes));
    let request = ExportMetricsServiceRequest::decode(&*body).unwrap();
    let all = request.resource_metrics[0].scope_metrics[0].metrics.clone();
    (all, parts.iter().map(|part| part.points).sum())
}

/// A page has a series with these labels and this value.
fn shown(page: &str, name: &str, labels: &BTreeMap<String, String>, value: f64) {
    let has_all =
        |line: &&str| labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")));
    let mut same = page.lines().filter(|line| line.starts_with(name)).filter(has_all);
    assert!(same.any(|line| line.ends_with(&format!(" {value}"))), "{name} {labels:?} {value}\n{page}");
}

#[test]
fn durations_are_by_route_method_status_and_scheme() {
    let (telemetry, core) = telemetry(ALL);
    core.call(&snapshot(1), &refused(&plan()));
    core.call(&snapshot(1), &exchanged());
    let mut unknown = call("x", &plan());
    (unknown.operation, unknown.peer.tls) = (None, true);
    core.call(&snapshot(1), &unknown);
    let (all, _) = measured(&telemetry, &[]);
    let durations = all.iter().find(|metric| metric.name == "http.server.request.duration").unwrap();
    let Some(Data::Histogram(durations)) = durations.data.clone() else { panic!() };
    let mut found = Vec::new();
    for point in &durations.data_points {
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        assert_eq!((point.bucket_counts.iter().sum::<u64>(), point.count), (1, 1));
        found.push(attributes(&point.attributes));
    }
    assert_eq!(found.len(), 3, "{found:#?}");
    let of = |status: &str, scheme: &str| {
        let wanted = [("http.response.status_code", status), ("url.scheme", scheme)];
        let same =
            |labels: &&BTreeMap<String, String>| wanted.iter().all(|(label, value)| labels[*label] == *value);
        found.iter().find(same).unwrap()
    };
    has(
        of("429", "http"),
        &[("http.request.method", "GET"), ("http.route", "/orders/{id}"), ("error.type", "rate_limited")],
    );
    assert!(!of("200", "https").contains_key("http.route") && of("200", "http").contains_key("http.route"));
}
