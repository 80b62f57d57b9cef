//! The same samples as whole requests, through the Core Rule Set: what it finds and what it takes for an attack where the detectors do
//! the same.
//!
//! A value stands in the query of a browser's GET, a text in a JSON body, a line of an access log is the request that it tells of. A
//! request counts as found when the set, as it is shipped, refuses it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use seclang::{Engine, Mode, Verdict};

use crate::ftw::{self, requests, wire::Request};
use crate::model::Model;
use crate::report::Count;
use crate::sample::{Sample, Split};
use crate::{corpora, encodings};

/// Sources whose samples are texts.
const TEXTS: [&str; 4] = ["Debian documentation", "GraphQL", "Markdown", "source code"];
/// Every so many of the labelled values is written in each encoding.
const ENCODED: usize = 4;
const COLUMNS: [&str; 6] =
    ["own detectors", "CRS, level 1", "CRS, level 2", "model", "own and level 1", "own, level 1 and model"];

/// What each column says of one sample.
type Said = [bool; COLUMNS.len()];
type Counts = [Count; COLUMNS.len()];

struct Rules<'m> {
    one: Engine,
    two: Engine,
    model: &'m Model,
}

impl<'m> Rules<'m> {
    fn load(model: &'m Model) -> Self {
        let engine = |level| {
            let mut engine = ftw::rules::at_level(level);
            engine.settings_mut().mode = Mode::On;
            engine
        };
        Self { one: engine(1), two: engine(2), model }
    }

    fn of(&self, sample: &Sample) -> Said {
        let request = request(sample);
        let (own, one, two) = (sample.is_found(), refuses(&self.one, &request), refuses(&self.two, &request));
        let model = self.model.is_found(sample);
        [own, one, two, model, own || one, own || one || model]
    }

    /// What is said of each, on both cores.
    fn of_all(&self, samples: &[&Sample]) -> Vec<Said> {
        let half = samples.len().div_ceil(2).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = samples
                .chunks(half)
                .map(|samples| {
                    scope.spawn(move || samples.iter().map(|one| self.of(one)).collect::<Vec<_>>())
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        })
    }
}

fn refuses(engine: &Engine, request: &Request) -> bool {
    let mut call = engine.transaction();
    call.remote_address("192.0.2.1");
    call.request_line(&request.method, &request.target, &request.version);
    for (name, value) in &request.headers {
        call.request_header(name, value);
    }
    let _ = call.request_head_done();
    let _ = call.request_body(&request.body);
    *call.verdict() != Verdict::Pass || call.is_exhausted()
}

fn request(sample: &Sample) -> Request {
    let mut request = requests::browser_get();
    if let Some(line) = &sample.line {
        request.target = line.target.as_bytes().to_vec();
        for (name, value) in &line.headers {
            request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name.as_bytes()));
            // The log has a dash where there was no field.
            if value != "-" {
                request.headers.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
            }
        }
        return request;
    }
    let value = sample.values.first().map(|(_, value)| value.as_slice()).unwrap_or_default();
    if TEXTS.contains(&sample.source) {
        let text = serde_json::Value::String(String::from_utf8_lossy(value).into_owned());
        let body = format!("{{\"text\":{text}}}").into_bytes();
        request.method = b"POST".to_vec();
        request.target = b"/api/notes".to_vec();
        request.headers.push((b"Content-Type".to_vec(), b"application/json".to_vec()));
        request.headers.push((b"Content-Length".to_vec(), body.len().to_string().into_bytes()));
        request.body = body;
    } else {
        request.target = [b"/search?q=", encodings::percent(value).as_slice()].concat();
    }
    request
}

fn add(counts: &mut Counts, said: Said) {
    counts.iter_mut().zip(said).for_each(|(count, hit)| count.add(hit));
}

fn head(page: &mut String, first: &[&str]) {
    let columns = first.iter().chain(&["N"]).chain(&COLUMNS);
    let _ = writeln!(page, "\n| {} |", columns.copied().collect::<Vec<_>>().join(" | "));
    let _ = writeln!(page, "|{}--:|{}", "---|".repeat(first.len()), "---|".repeat(COLUMNS.len()));
}

fn row(page: &mut String, first: &[&str], counts: &Counts, digits: usize) {
    let rates: Vec<String> = counts.iter().map(|count| count.short(digits)).collect();
    let _ = writeln!(page, "| {} | {} | {} |", first.join(" | "), counts[0].of, rates.join(" | "));
}

/// Tables of what was found and what was taken for an attack, beside each other.
pub fn tables(page: &mut String, attacks: &[Sample], benign: &[Sample], model: &Model) {
    let rules = Rules::load(model);
    page.push_str(INTRODUCTION);
    // The set's own tests say nothing of the set.
    let of_others = |one: &&Sample| {
        one.split == Split::Report && [corpora::LABELLED, corpora::LEFT_OUT].contains(&one.source)
    };
    let attacks: Vec<&Sample> = attacks.iter().filter(of_others).collect();
    head(page, &["found", "class"]);
    grouped(page, &rules, &attacks, |one| vec![one.source, one.class], 1);
    let benign: Vec<&Sample> = benign.iter().filter(|one| one.split == Split::Report).collect();
    head(page, &["taken for an attack"]);
    grouped(page, &rules, &benign, |one| vec![one.source], 3);
    encoded(page, &rules, &attacks);
}

fn grouped(
    page: &mut String,
    rules: &Rules<'_>,
    samples: &[&Sample],
    group: impl Fn(&Sample) -> Vec<&'static str>,
    digits: usize,
) {
    let mut rows: BTreeMap<Vec<&str>, Counts> = BTreeMap::new();
    let mut all = Counts::default();
    for (sample, said) in samples.iter().zip(rules.of_all(samples)) {
        add(rows.entry(group(sample)).or_default(), said);
        add(&mut all, said);
    }
    let mut last = vec!["all"];
    for (names, counts) in &rows {
        row(page, names, counts, digits);
        last.resize(names.len(), "");
    }
    row(page, &last, &all, digits);
}

fn encoded(page: &mut String, rules: &Rules<'_>, attacks: &[&Sample]) {
    head(page, &["found, written in"]);
    let labelled = attacks.iter().filter(|one| one.source == corpora::LABELLED).step_by(ENCODED);
    let values: Vec<(&'static str, &[u8])> =
        labelled.filter_map(|one| Some((one.class, one.values.first()?.1.as_slice()))).collect();
    for (name, encode) in encodings::ALL {
        let samples: Vec<Sample> = values
            .iter()
            .map(|(class, value)| Sample::value(corpora::LABELLED, class, &encode(value)))
            .collect();
        let mut counts = Counts::default();
        let samples: Vec<&Sample> = samples.iter().collect();
        rules.of_all(&samples).into_iter().for_each(|said| add(&mut counts, said));
        row(page, &[name], &counts, 1);
    }
}

const INTRODUCTION: &str = "
## Beside the Core Rule Set

The same samples as whole requests, through the OWASP Core Rule Set 4.28 as it is shipped (threshold 5), at paranoia levels 1 and 2: a value stands
in the query of a browser's GET, a text in a JSON body of a POST, a line of the access log is the request that it tells of. What the set
refuses counts as found. Its own tests are left out here: they were written for it. With both in force, a call is refused when either refuses it.
Nothing of the set was tuned on these samples, and the detectors and the model of the next section were on the other half of most.
";
