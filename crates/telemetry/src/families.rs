//! What all cores counted as families of series: what `/metrics` shows and what is exported are both written of these, so that
//! neither can say something else than the other.

use std::borrow::Cow;

use engine::bounds::Bound;
use engine::record::ConnectionEvent;

use crate::counters::{Calls, Counters, Histogram, Tally};
use crate::otlp;
use crate::{Kind, Sample};

/// What a family does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in buckets.
    Histogram,
}

/// The value of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// A whole number.
    Count(u64),
    /// Any number.
    Number(f64),
    /// Durations.
    Durations(&'a Histogram),
}

/// One series.
#[derive(Debug, Clone)]
pub(crate) struct Series<'a> {
    pub(crate) labels: Vec<(&'static str, Cow<'a, str>)>,
    pub(crate) value: Value<'a>,
}

/// The series of one metric.
#[derive(Debug, Clone)]
pub(crate) struct Family<'a> {
    /// As `/metrics` has it.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) shape: Shape,
    pub(crate) series: Vec<Series<'a>>,
}

impl<'a> Family<'a> {
    fn new(name: &'static str, help: &'static str, shape: Shape) -> Self {
        Self { name, help, shape, series: Vec::new() }
    }

    fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Shape::Counter)
    }

    fn count<const N: usize>(&mut self, labels: [(&'static str, &'a str); N], count: u64) {
        let labels = labels.into_iter().map(|(label, value)| (label, Cow::Borrowed(value))).collect();
        self.series.push(Series { labels, value: Value::Count(count) });
    }
}

/// All families, those of `own` behind them; each metric's series stand together.
pub(crate) fn collect<'a>(total: &'a Counters, lost: u64, own: &'a [Sample]) -> Vec<Family<'a>> {
    let mut verdicts = Family::counter("yett_verdicts_total", "Verdicts other than allow, by control.");
    for ((control, outcome, mode, code), count) in &total.verdicts {
        let labels =
            [("control", *control), ("outcome", outcome.name()), ("mode", mode.name()), ("code", *code)];
        verdicts.count(labels, *count);
    }
    let help = "How often a bound of the data plane was reached.";
    let mut bounds = Family::counter("yett_bound_reached_total", help);
    for (bound, count) in Bound::ALL.iter().zip(total.bounds.0) {
        bounds.count([("bound", bound.name())], count);
    }
    let mut connections = Family::counter("yett_connections_total", "What happened to connections.");
    for (event, count) in ConnectionEvent::ALL.iter().zip(total.connections) {
        connections.count([("event", event.name())], count);
    }
    let help = "From the head to the last byte of the answer.";
    let duration = durations("yett_call_duration_seconds", help, &total.duration);
    let help = "What checks took, waiting for bodies included.";
    let checks = durations("yett_checks_duration_seconds", help, &total.overhead);
    let mut all = vec![calls(total), verdicts, duration, checks, bounds, connections];
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
        let mut family = Family::counter(name, help);
        family.count([], count);
        all.push(family);
    }
    let help = "Messages of WebSockets that went on, counted when one ends.";
    let mut messages = Family::counter("yett_messages_total", help);
    let (of_client, of_upstream) = total.messages;
    messages.count([("direction", "in")], of_client);
    messages.count([("direction", "out")], of_upstream);
    all.push(messages);
    samples(&mut all, own);
    all
}

fn durations<'a>(name: &'static str, help: &'static str, histogram: &'a Histogram) -> Family<'a> {
    let mut family = Family::new(name, help, Shape::Histogram);
    family.series.push(Series { labels: Vec::new(), value: Value::Durations(histogram) });
    family
}

fn calls(total: &Counters) -> Family<'_> {
    let help = "Calls by operation, status, code and who is to blame.";
    let mut family = Family::counter("yett_calls_total", help);
    let mut line = |api, operation, status: u16, code: &'static str, count| {
        let blame = engine::codes::find(code).map_or("", |code| code.blame.name());
        let labels = vec![
            ("api", Cow::Borrowed(api)),
            ("operation", Cow::Borrowed(operation)),
            ("status", Cow::Owned(status.to_string())),
            ("code", Cow::Borrowed(code)),
            ("blame", Cow::Borrowed(blame)),
        ];
        family.series.push(Series { labels, value: Value::Count(count) });
    };
    for ((api, operation), calls) in &total.calls {
        for ((status, code), tally) in &calls.by_outcome {
            line(&**api, &**operation, *status, code, tally.count);
        }
    }
    // One series each, whatever their methods.
    let mut unrouted: Vec<((u16, &'static str), u64)> = Vec::new();
    for (key, tally) in total.unrouted.values().flat_map(|calls| &calls.by_outcome) {
        match unrouted.iter_mut().find(|(known, _)| known == key) {
            Some((_, count)) => *count += tally.count,
            None => unrouted.push((*key, tally.count)),
        }
    }
    for ((status, code), count) in unrouted {
        line("", "", status, code, count);
    }
    family
}

/// `http.server.request.duration` of the semantic conventions for HTTP metrics: by operation it has too many series for a page
/// that is read every few seconds, so only collectors are told.
pub(crate) fn by_route(total: &Counters) -> Family<'_> {
    let help = "Duration of HTTP server requests.";
    let mut family = Family::new("http.server.request.duration", help, Shape::Histogram);
    for calls in total.calls.values() {
        if let Some((template, method)) = &calls.route {
            routed(&mut family, (Some(template), method), calls);
        }
    }
    for (method, calls) in &total.unrouted {
        routed(&mut family, (None, method), calls);
    }
    family
}

fn routed<'a>(family: &mut Family<'a>, (route, method): (Option<&'a str>, &'static str), calls: &'a Calls) {
    for ((status, code), Tally { durations, .. }) in &calls.by_outcome {
        for (scheme, durations) in ["http", "https"].iter().zip(durations) {
            let Some(durations) = durations else { continue };
            let mut labels =
                vec![("http.request.method", Cow::Borrowed(method)), ("url.scheme", Cow::Borrowed(*scheme))];
            if *status != 0 {
                labels.push(("http.response.status_code", Cow::Owned(status.to_string())));
            }
            labels.extend(route.map(|route| ("http.route", Cow::Borrowed(route))));
            let error = otlp::error(engine::codes::find(code), *status);
            labels.extend(error.text().map(|error| ("error.type", Cow::Owned(error.to_owned()))));
            family.series.push(Series { labels, value: Value::Durations(durations) });
        }
    }
}

fn samples<'a>(all: &mut Vec<Family<'a>>, own: &'a [Sample]) {
    for sample in own {
        let shape = if sample.kind == Kind::Counter { Shape::Counter } else { Shape::Gauge };
        if all.last().is_none_or(|last| last.name != sample.name) {
            all.push(Family::new(sample.name, sample.help, shape));
        }
        let labels =
            sample.labels.iter().map(|(label, value)| (*label, Cow::Borrowed(value.as_str()))).collect();
        if let Some(family) = all.last_mut() {
            family.series.push(Series { labels, value: Value::Number(sample.value) });
        }
    }
}
