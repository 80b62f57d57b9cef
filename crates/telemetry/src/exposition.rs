//! The metrics as text: Prometheus exposition format 0.0.4, counters with `_total`, durations in seconds.

use std::borrow::Cow;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use engine::text::is_hidden;

use crate::counters::{BUCKETS, Histogram};
use crate::families::{Family, Shape, Value};

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

pub(crate) fn render(families: &[Family<'_>]) -> String {
    let mut out = Page { text: String::new() };
    for family in families {
        let kind = match family.shape {
            Shape::Counter => "counter",
            Shape::Gauge => "gauge",
            Shape::Histogram => "histogram",
        };
        out.head(family.name, family.help, kind);
        for series in &family.series {
            match series.value {
                Value::Count(count) => out.line(family.name, &series.labels, count),
                Value::Number(value) => out.line(family.name, &series.labels, value),
                Value::Durations(durations) => histogram(&mut out, family.name, durations),
            }
        }
    }
    out.text
}

fn histogram(out: &mut Page, name: &str, histogram: &Histogram) {
    let bucket_name = format!("{name}_bucket");
    let mut count = 0;
    for (index, in_bucket) in histogram.buckets.iter().enumerate() {
        count += in_bucket;
        let bound = BUCKETS.get(index).map_or_else(|| String::from("+Inf"), |micros| seconds(*micros));
        out.line(&bucket_name, &[("le", Cow::Owned(bound))], count);
    }
    // Writing to a string does not fail.
    let _ = writeln!(out.text, "{name}_sum {}\n{name}_count {count}", seconds(histogram.sum));
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

/// Longest value of a label, in bytes, before it is escaped as the format wants.
const LONGEST: usize = 256;

/// What a label says of a text that a contract or a document may hold: hidden characters by their number, a long one cut. Different
/// texts stay different, since two series with the same labels would cost the whole page.
fn shown(text: &str) -> Cow<'_, str> {
    let is_plain = |char| char != '\\' && !is_hidden(char);
    if text.len() <= LONGEST && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut whole = true;
    for char in text.chars() {
        if out.len() >= LONGEST {
            whole = false;
            break;
        }
        if is_plain(char) {
            out.push(char);
        } else {
            out.extend(char.escape_default());
        }
    }
    if !whole {
        let mut digest = DefaultHasher::new();
        text.hash(&mut digest);
        let _ = write!(out, "…{:016x}", digest.finish());
    }
    Cow::Owned(out)
}

struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, Cow<'_, str>)], value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            let escaped = shown(text).replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(self.text, "{label}=\"{escaped}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_show_what_they_are_of_and_stay_different() {
        let (long, hidden) = ("ä".repeat(LONGEST), "\u{1}".repeat(300));
        let texts = [
            "GET /a",
            "a\u{202e}b",
            "a\\u{202e}b",
            "a\u{fffd}b",
            "a\nb",
            "a\\nb",
            "a\u{1b}[31m",
            &long,
            &long[..510],
            &hidden,
            &hidden[..299],
            "日本",
        ];
        let all: Vec<_> = texts.iter().map(|text| shown(text)).collect();
        for (number, one) in all.iter().enumerate() {
            assert!(!one.contains(is_hidden) && one.len() <= LONGEST + 10 + 19, "{one}");
            assert!(!all[..number].contains(one), "{one}");
        }
        assert_eq!(all[..3], ["GET /a", "a\\u{202e}b", "a\\\\u{202e}b"]);
        assert_eq!(all.last().map(AsRef::as_ref), Some("日本"));
    }
}
