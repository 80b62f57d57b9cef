//! seclang logs the rules that libmodsecurity logs, but for differences that have a name, an example and a judge.
//!
//! `make long` runs many more requests (`examples/differential.rs`).

#![allow(clippy::panic, reason = "a test fails by panicking")]

#[path = "differential/mod.rs"]
mod differential;

use std::collections::{BTreeMap, BTreeSet};

use differential::compare::{self, Ours};
use differential::kinds::KINDS;
use differential::mutate::Seeds;
use differential::peer::Peer;

const OVERRIDES: &str = include_str!("data/overrides.conf");

#[test]
fn each_kind_of_difference_has_an_example() {
    let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), KINDS.len(), "two kinds have one name");
    for kind in KINDS {
        let rules = kind.example.rules();
        let ours = Ours::new(&[("rules.conf".to_owned(), rules.clone())], &BTreeMap::new());
        let mut peer = Peer::with_rules(&rules);
        let difference = compare::compare(&ours, &mut peer, &kind.example.request());
        let difference = difference.unwrap_or_else(|| panic!("{}: there is no difference", kind.name));
        let (one, other): (BTreeSet<u64>, BTreeSet<u64>) =
            (kind.example.ours.iter().copied().collect(), kind.example.theirs.iter().copied().collect());
        let only =
            |one: &BTreeSet<u64>, other: &BTreeSet<u64>| one.difference(other).copied().collect::<Vec<_>>();
        assert_eq!(difference.only_ours, only(&one, &other), "{}", kind.name);
        assert_eq!(difference.only_theirs, only(&other, &one), "{}", kind.name);
        assert_eq!(difference.kinds, BTreeSet::from([kind.name]), "{:?}", difference.unexplained);
    }
}

#[test]
fn grown_requests_differ_in_known_ways_only() {
    let ours = Ours::with_rule_set(OVERRIDES);
    let (tally, _) = compare::run(&ours, &Seeds::read(), OVERRIDES, 0..1500, true);
    assert_eq!(tally.requests, 1500);
    assert!(tally.unexplained.is_empty(), "{:?}", tally.unexplained);
    // Shares of so few are chance; that all is compared shows in that most is alike.
    assert!(tally.different > 0 && tally.different * 20 < tally.requests, "{tally:?}");
}
