//! Metrics as OTLP has them: cumulative sums and histograms since the process began, and gauges.
//!
//! A metric is called as `/metrics` calls it, with a dot behind `yett`, and without what OpenTelemetry says otherwise: `_total` of a
//! counter, `_seconds` of a time (its unit is `s`). A collector that writes Prometheus' format makes the same names of them again.

use engine::bounds;

use super::wire::{Any, attribute, bytes, double, fixed64, message, number};
use crate::counters::{BUCKETS, Histogram};
use crate::families::{Family, Series, Shape, Value};

/// Aggregation temporality: since the start.
const CUMULATIVE: u64 = 2;
/// Series that one message carries: a metric of more is several messages of its name.
const SERIES: usize = 1_000;

/// One request's share: fields `metrics` of a `ScopeMetrics`, and of how many points.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    pub(super) points: u64,
}

/// Writes families, measured since `start` until `now` (nanoseconds since 1970), in parts of the size of a request.
pub(super) fn encode(families: &[Family<'_>], (start, now): (u64, u64)) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    for family in families {
        for series in family.series.chunks(SERIES) {
            if parts.last().is_none_or(|part| part.bytes.len() >= bounds::EXPORT_REQUEST) {
                parts.push(Part::default());
            }
            let Some(part) = parts.last_mut() else { continue };
            part.points += series.len() as u64;
            message(&mut part.bytes, 2, |out| metric(out, family, series, (start, now)));
        }
    }
    parts.retain(|part| part.points > 0);
    parts
}

fn metric(out: &mut Vec<u8>, family: &Family<'_>, series: &[Series<'_>], times: (u64, u64)) {
    let (name, unit) = named(family);
    bytes(out, 1, name.as_bytes());
    bytes(out, 2, family.help.as_bytes());
    bytes(out, 3, unit.as_bytes());
    match family.shape {
        Shape::Counter => message(out, 7, |out| {
            series.iter().for_each(|one| message(out, 1, |out| point(out, one, Some(times.0), times.1)));
            number(out, 2, CUMULATIVE);
            number(out, 3, 1);
        }),
        Shape::Gauge => message(out, 5, |out| {
            series.iter().for_each(|one| message(out, 1, |out| point(out, one, None, times.1)));
        }),
        Shape::Histogram => message(out, 9, |out| {
            series.iter().for_each(|one| message(out, 1, |out| histogram(out, one, times)));
            number(out, 2, CUMULATIVE);
        }),
    }
}

/// Name and unit (UCUM); no unit where it counts.
fn named(family: &Family<'_>) -> (String, &'static str) {
    let Some(own) = family.name.strip_prefix("yett_") else { return (family.name.to_owned(), "s") };
    let own = own.strip_suffix("_total").filter(|_| family.shape == Shape::Counter).unwrap_or(own);
    match own.strip_suffix("_seconds") {
        Some(own) => (format!("yett.{own}"), "s"),
        None => (format!("yett.{own}"), if own.ends_with("_bytes") { "By" } else { "" }),
    }
}

fn labels(out: &mut Vec<u8>, field: u32, series: &Series<'_>) {
    for (label, value) in series.labels.iter().filter(|(_, value)| !value.is_empty()) {
        let value = match value.parse() {
            Ok(status) if *label == "http.response.status_code" => Any::Int(status),
            _ => Any::Text(value),
        };
        attribute(out, field, label, value);
    }
}

fn point(out: &mut Vec<u8>, series: &Series<'_>, start: Option<u64>, now: u64) {
    if let Some(start) = start {
        fixed64(out, 2, start);
    }
    fixed64(out, 3, now);
    match series.value {
        Value::Count(count) => fixed64(out, 6, count),
        Value::Number(value) => double(out, 4, value),
        Value::Durations(_) => {}
    }
    labels(out, 7, series);
}

fn histogram(out: &mut Vec<u8>, series: &Series<'_>, (start, now): (u64, u64)) {
    let Value::Durations(Histogram { buckets, sum }) = series.value else { return };
    fixed64(out, 2, start);
    fixed64(out, 3, now);
    fixed64(out, 4, buckets.iter().sum());
    double(out, 5, seconds(*sum));
    message(out, 6, |out| buckets.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes())));
    let bounds = BUCKETS.iter().map(|micros| seconds(*micros).to_bits().to_le_bytes());
    message(out, 7, |out| bounds.for_each(|bound| out.extend_from_slice(&bound)));
    labels(out, 9, series);
}

fn seconds(micros: u64) -> f64 {
    // Exact to 2^53 microseconds: 285 years.
    micros as f64 / 1e6
}
