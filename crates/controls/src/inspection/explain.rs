//! All that the control sees in one call, with what stood there: for the people who write rules and exclusions, on calls of their own. A
//! running gateway never asks.

use std::any::Any;

use engine::{Call, Control};
use seclang::Transaction;

use super::builtin::Builtin;
use super::evidence::{self, Side};
use super::{Inspection, view};
use crate::coding::is_encoded;

/// What an exclusion calls the place of a match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// One of `parameters`.
    Parameter(String),
    /// One of `headers`.
    Header(String),
    /// One of `cookies`.
    Cookie(String),
    /// No exclusion can name it.
    Nothing,
}

/// What an exclusion calls the rule of a match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleName {
    /// A rule of a file, by its id.
    Id(u64),
    /// A family of detectors of our own, by its tag.
    Tag(&'static str),
}

/// A rule and what it matched.
#[derive(Debug, Clone)]
pub struct Matched {
    /// `query:q`, or `ARGS:q` for rules of a file.
    pub place: String,
    /// The same for an exclusion.
    pub named: Named,
    /// For an exclusion.
    pub rule: RuleName,
    /// The detector and what it takes this for, or what the rule says of itself.
    pub says: String,
    /// What was undone or transformed before it matched, first to last; empty for the value itself.
    pub view: Vec<&'static str>,
    /// Where in that view it begins and ends, in bytes, where that is known.
    pub at: Option<(usize, usize)>,
    /// What matched; of rules of a file the whole value, as the rule saw it, and what it says of the match.
    pub piece: Vec<u8>,
    /// What it adds to the score, or is held against the threshold; 0 for rules that score nothing.
    pub score: u64,
}

/// What one call comes to.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The score: of our own detectors that of the surest, of rules of a file their sum, where they keep one.
    pub score: Option<u64>,
    /// The score from which on a call is refused.
    pub threshold: Option<u64>,
    /// The surest first, or in the order of the rules.
    pub matches: Vec<Matched>,
}

/// Looks at a call as the control does, whose body is there and whose proofs are known; `None` for another control.
#[must_use]
pub fn explain(control: &(dyn Control + 'static), call: &mut Call) -> Option<Explanation> {
    let control: &dyn Any = control;
    match control.downcast_ref::<Builtin>() {
        Some(builtin) => Some(builtin.explain(call)),
        None => control.downcast_ref::<Inspection>()?.explain(call),
    }
}

impl Inspection {
    fn explain(&self, call: &Call) -> Option<Explanation> {
        let engine = self.loaded.engine()?;
        let mut inspection = engine.transaction();
        // All that match are wanted, also behind the first that would end the call.
        inspection.set_mode(seclang::Mode::DetectionOnly);
        for exclusion in &self.exclusions {
            exclusion.apply(call, &mut inspection);
        }
        self.watched.iter().for_each(|rules| inspection.watch(rules));
        let _ = view::head(&mut inspection, call);
        let _ = inspection.request_head_done();
        let bytes = call.body.bytes();
        if bytes.is_empty() || !is_encoded(&call.request.headers) {
            let beginning = if bytes.len() > self.settings.body { self.beginning.as_slice() } else { &[] };
            beginning.iter().for_each(|exclusion| inspection.exclude(exclusion));
            let _ = inspection.request_body(bytes);
        }
        let (score, threshold) = evidence::score(&inspection, Side::Request).unzip();
        let matches = inspection.reports().iter().flat_map(|report| {
            let score = worth(&inspection, report.severity);
            let of_the_call = report.matches.iter().filter(|found| is_of_the_call(&found.variable));
            of_the_call.map(move |found| Matched {
                place: found.variable.clone(),
                named: named(&found.variable),
                rule: RuleName::Id(report.id),
                says: report.message.clone(),
                view: engine.transformations(report.id),
                at: None,
                piece: if found.data.is_empty() {
                    found.transformed.clone().unwrap_or_else(|| found.value.clone())
                } else {
                    found.data.clone().into_bytes()
                },
                score,
            })
        });
        Some(Explanation { score, threshold, matches: matches.collect() })
    }
}

/// What rules keep for themselves is no part of the call.
fn is_of_the_call(variable: &str) -> bool {
    !variable.is_empty() && variable != "TX" && !variable.starts_with("TX:")
}

/// What the Core Rule Set adds to its score for a severity.
fn worth(inspection: &Transaction<'_>, severity: Option<u8>) -> u64 {
    let name = match severity {
        Some(2) => "critical_anomaly_score",
        Some(3) => "error_anomaly_score",
        Some(4) => "warning_anomaly_score",
        Some(5) => "notice_anomaly_score",
        _ => return 0,
    };
    let value = inspection.tx(name).and_then(|value| String::from_utf8(value).ok());
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn named(variable: &str) -> Named {
    let Some((collection, name)) = variable.split_once(':') else { return Named::Nothing };
    let name = name.to_owned();
    match collection {
        "ARGS" | "ARGS_GET" | "ARGS_POST" => Named::Parameter(name),
        "REQUEST_HEADERS" => Named::Header(name),
        "REQUEST_COOKIES" => Named::Cookie(name),
        _ => Named::Nothing,
    }
}
