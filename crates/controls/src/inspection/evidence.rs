//! What the decision keeps of an inspection: ids, scores, where it was found; never what stood there.

use std::fmt::Write as _;

use seclang::{Report, Transaction};

use super::rules::Loaded;

/// Longest name of a variable, in characters: half of it may be the caller's.
const NAME: usize = 64;

/// Which side a score counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Answer,
}

impl Side {
    /// `TX` variables of the score and its threshold, of version 4 of the Core Rule Set and of version 3.
    const fn variables(self) -> ([&'static str; 2], &'static str) {
        match self {
            Side::Request => {
                (["blocking_inbound_anomaly_score", "anomaly_score"], "inbound_anomaly_score_threshold")
            }
            Side::Answer => (
                ["blocking_outbound_anomaly_score", "outbound_anomaly_score"],
                "outbound_anomaly_score_threshold",
            ),
        }
    }
}

/// Ids of the rules that matched since `from` reports ago, the score, and the first place; `None` when none did.
pub(super) fn describe(
    inspection: &Transaction<'_>,
    from: usize,
    side: Side,
    loaded: &Loaded,
) -> Option<String> {
    let reports = inspection.reports().get(from..).unwrap_or_default();
    let mut ids: Vec<u64> = reports.iter().map(|report| report.id).collect();
    ids.dedup();
    let (first, rest) = ids.split_first()?;
    let mut text = format!("rules {first}");
    for id in rest {
        let _ = write!(text, " {id}");
    }
    if let Some((score, threshold)) = score(inspection, side) {
        let _ = write!(text, "; score {score} of {threshold}");
    }
    if let Some((report, variable)) = reports.iter().find_map(|report| Some((report, variable(report)?))) {
        let place = loaded.place(report.span);
        let file = place.rsplit('/').next().unwrap_or_default();
        let _ = write!(text, "; {} in `{variable}` ({file})", report.id);
    }
    Some(text)
}

/// The score so far and the threshold, where the rules keep one.
pub(super) fn score(inspection: &Transaction<'_>, side: Side) -> Option<(u64, u64)> {
    let number = |name: &str| -> Option<u64> { String::from_utf8(inspection.tx(name)?).ok()?.parse().ok() };
    let (scores, threshold) = side.variables();
    let score = scores.iter().filter_map(|name| number(name)).max()?;
    Some((score, number(threshold)?))
}

/// The first part of the call that a rule matched; what rules keep for themselves is none.
fn variable(report: &Report) -> Option<String> {
    let mut names = report.matches.iter().map(|found| found.variable.as_str());
    let name = names.find(|name| !name.is_empty() && !name.starts_with("TX:"))?;
    Some(
        name.chars()
            .map(|char| if char.is_control() || char == '`' { '?' } else { char })
            .take(NAME)
            .collect(),
    )
}
