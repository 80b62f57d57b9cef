//! The score: what findings take, of each API and of the whole, and what each of them would give back.

use std::collections::BTreeMap;

use crate::Finding;
use crate::rules::Home;
use crate::view::Whole;

/// All points of an API, in hundredths.
const ALL: u64 = 10_000;

/// The score of one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiScore {
    /// Its name.
    pub api: String,
    /// From 0 to 100.
    pub score: u8,
    /// How many operations it has.
    pub operations: usize,
}

/// What is lost, in hundredths of a point.
#[derive(Default, Clone)]
struct Lost {
    apis: BTreeMap<String, u64>,
    gateway: u64,
}

/// Works out what each finding takes and gains; says the score of the whole and of each API.
pub(crate) fn score(whole: &Whole<'_>, findings: &mut [Finding]) -> (u8, Vec<ApiScore>) {
    let counts: BTreeMap<&str, usize> =
        whole.apis.iter().map(|api| (api.name, api.operations.len())).collect();
    let per_rule = findings.iter().filter(|finding| finding.api.is_none()).fold(
        BTreeMap::<&str, u64>::new(),
        |mut all, finding| {
            *all.entry(finding.rule.id).or_default() += 1;
            all
        },
    );
    let mut lost = Lost::default();
    for finding in findings.iter_mut() {
        let weight = u64::from(finding.rule.weight) * 100;
        finding.loss = match &finding.api {
            None => weight / per_rule.get(finding.rule.id).copied().unwrap_or(1).max(1),
            Some(api) if !finding.operations.is_empty() => {
                let all = counts.get(api.as_str()).copied().unwrap_or(1).max(1) as u64;
                // What is there at all takes something.
                (weight * finding.operations.len() as u64).div_ceil(all)
            }
            Some(_) => weight,
        };
        match &finding.api {
            None => lost.gateway += finding.loss,
            Some(api) => *lost.apis.entry(api.clone()).or_default() += finding.loss,
        }
    }
    let total = of_all(&counts, &lost);
    for finding in findings.iter_mut() {
        let mut less = lost.clone();
        match &finding.api {
            None => less.gateway -= finding.loss,
            Some(api) => *less.apis.entry(api.clone()).or_default() -= finding.loss,
        }
        finding.gain = of_all(&counts, &less).saturating_sub(total);
    }
    let apis = whole.apis.iter().map(|api| ApiScore {
        api: api.name.to_owned(),
        score: points(of_api(&lost, api.name)),
        operations: api.operations.len(),
    });
    (points(total), apis.collect())
}

fn of_api(lost: &Lost, api: &str) -> u64 {
    ALL.saturating_sub(lost.apis.get(api).copied().unwrap_or_default())
}

/// The mean of the APIs by their operations, less what the gateway's own settings take.
fn of_all(counts: &BTreeMap<&str, usize>, lost: &Lost) -> u64 {
    // One without operations counts as one with one: it is there.
    let heavy = |count: usize| count.max(1) as u64;
    let all: u64 = counts.values().map(|count| heavy(*count)).sum();
    let sum: u64 = counts.iter().map(|(api, count)| of_api(lost, api) * heavy(*count)).sum();
    (sum / all.max(1)).saturating_sub(lost.gateway)
}

fn points(hundredths: u64) -> u8 {
    u8::try_from(hundredths / 100).unwrap_or(100)
}

/// Whether a finding is mended in the contract.
pub(crate) fn is_of_contract(finding: &Finding) -> bool {
    finding.rule.home == Home::Contract
}
