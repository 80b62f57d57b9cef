//! Both engines side by side, and what each difference comes of.

use std::collections::{BTreeMap, BTreeSet};

use seclang::{Engine, RuleFile};
use serde_json::{Value, json};

use super::facts::Facts;
use super::ftw::wire::Request;
use super::ftw::{self, rules};
use super::kinds::{Case, KINDS, SCORES};
use super::mutate::Seeds;
use super::peer::{self, Peer};

/// Reports of scores that the rules keep out of the audit log: libmodsecurity does not count them as logged.
const REPORTS: u64 = 980_170;

/// seclang with the rules as they are, and with anchors that stand at lines.
pub struct Ours {
    engine: Engine,
    at_lines: Engine,
    pub facts: Facts,
}

fn load(files: &[(String, String)], data: &BTreeMap<String, String>) -> Engine {
    let files: Vec<RuleFile<'_>> = files.iter().map(|(name, text)| RuleFile { name, text }).collect();
    let (engine, found, _) = Engine::load(&files, data);
    let mut engine = engine.unwrap_or_else(|| panic!("{:?}", found.iter().collect::<Vec<_>>()));
    engine.settings_mut().request_body_always = true;
    engine
}

impl Ours {
    pub fn new(files: &[(String, String)], data: &BTreeMap<String, String>) -> Ours {
        let with_lines = |(name, text): &(String, String)| (name.clone(), text.replace("@rx ", "@rx (?m)"));
        let at_lines: Vec<(String, String)> = files.iter().map(with_lines).collect();
        let facts = Facts::read(files.iter().map(|(_, text)| text.as_str()));
        Ours { engine: load(files, data), at_lines: load(&at_lines, data), facts }
    }

    /// With the Core Rule Set and more settings.
    pub fn with_rule_set(overrides: &str) -> Ours {
        Ours::new(&peer::texts(overrides), &rules::texts(overrides).1)
    }

    fn ids(engine: &Engine, request: &Request) -> BTreeSet<u64> {
        let call = ftw::inspect(engine, request);
        call.reports().iter().map(|report| report.id).filter(|id| *id != REPORTS).collect()
    }
}

/// What the two said of one request where they differ, and the kinds that explain it.
#[derive(Debug)]
pub struct Difference {
    pub only_ours: Vec<u64>,
    pub only_theirs: Vec<u64>,
    pub kinds: BTreeSet<&'static str>,
    pub unexplained: Vec<u64>,
}

/// Runs a request through both.
pub fn compare(ours: &Ours, peer: &mut Peer, request: &Request) -> Option<Difference> {
    let theirs = peer.inspect(request, true).set();
    let found = Ours::ids(&ours.engine, request);
    if found == theirs {
        return None;
    }
    let at_lines = Ours::ids(&ours.at_lines, request);
    let mut difference = Difference {
        only_ours: found.difference(&theirs).copied().collect(),
        only_theirs: theirs.difference(&found).copied().collect(),
        kinds: BTreeSet::new(),
        unexplained: Vec::new(),
    };
    let all: Vec<u64> = found.symmetric_difference(&theirs).copied().collect();
    // A score differs because a rule does.
    let causes: Vec<u64> = all.iter().copied().filter(|id| !SCORES.contains(id)).collect();
    for rule in if causes.is_empty() { all } else { causes } {
        let case =
            Case { facts: &ours.facts, request, rule, ours: &found, theirs: &theirs, at_lines: &at_lines };
        match KINDS.iter().find(|kind| (kind.explains)(&case)) {
            Some(kind) => drop(difference.kinds.insert(kind.name)),
            None => difference.unexplained.push(rule),
        }
    }
    Some(difference)
}

/// What became of many requests.
#[derive(Debug, Default)]
pub struct Tally {
    pub requests: usize,
    pub different: usize,
    pub kinds: BTreeMap<&'static str, usize>,
    /// Numbers of requests with the rules that nothing explains.
    pub unexplained: Vec<(u64, Vec<u64>)>,
}

impl Tally {
    fn note(&mut self, number: u64, difference: Option<Difference>) {
        self.requests += 1;
        let Some(difference) = difference else { return };
        self.different += 1;
        for kind in difference.kinds {
            *self.kinds.entry(kind).or_default() += 1;
        }
        if !difference.unexplained.is_empty() {
            self.unexplained.push((number, difference.unexplained));
        }
    }

    fn add(&mut self, other: Tally) {
        self.requests += other.requests;
        self.different += other.different;
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        self.unexplained.extend(other.unexplained);
    }

    /// Shares that no kind and all together may not pass, in requests of a thousand.
    pub fn misses(&self) -> Vec<String> {
        let over = |count: usize, per_mille: usize| count * 1000 > self.requests * per_mille;
        let mut misses: Vec<String> = self
            .kinds
            .iter()
            .filter(|(_, count)| over(**count, 5))
            .map(|(kind, count)| format!("{kind}: {count} of {} requests", self.requests))
            .collect();
        if over(self.different, 20) {
            misses.push(format!("{} of {} requests differ", self.different, self.requests));
        }
        misses.extend(
            self.unexplained
                .iter()
                .map(|(number, rules)| format!("request {number}: {rules:?} is not explained")),
        );
        misses
    }

    /// As evidence.
    pub fn json(&self, version: &str) -> Value {
        let kinds = KINDS.iter().map(|kind| {
            json!({
                "kind": kind.name,
                "requests": self.kinds.get(kind.name).copied().unwrap_or_default(),
                "right": format!("{:?}", kind.right).to_lowercase(),
                "why": kind.why,
            })
        });
        json!({
            "peer": version,
            "requests": self.requests,
            "different": self.different,
            "kinds": kinds.collect::<Vec<_>>(),
            "unexplained": self.unexplained,
            "misses": self.misses(),
            "configured_alike": [
                "REQUEST_BODY is there for every body, as libmodsecurity always has it (the manual: for URLENCODED bodies)",
                "no SecUnicodeMapFile and no SecPcreMatchLimit: seclang has neither a map nor a search that has to be cut off",
            ],
        })
    }
}

/// The tests' own requests (`grown` is none), or those grown from numbers, on two threads with a libmodsecurity each.
pub fn run(
    ours: &Ours,
    seeds: &Seeds,
    overrides: &str,
    numbers: std::ops::Range<u64>,
    grown: bool,
) -> (Tally, String) {
    let middle = numbers.start.midpoint(numbers.end);
    let mut tally = Tally::default();
    let mut version = String::new();
    std::thread::scope(|scope| {
        let halves = [numbers.start..middle, middle..numbers.end].map(|half| {
            scope.spawn(move || {
                let mut peer = Peer::start(overrides);
                let mut tally = Tally::default();
                for number in half {
                    let request = if grown { seeds.grown(number) } else { seeds.plain(number as usize) };
                    tally.note(number, compare(ours, &mut peer, &request));
                }
                (tally, peer.version.clone())
            })
        });
        for half in halves {
            let (half, of) = half.join().unwrap();
            tally.add(half);
            version = of;
        }
    });
    (tally, version)
}
