//! The rules: one table, and a small pure function for each.
//!
//! A rule that is about operations says of one operation whether it finds anything, and what; it takes of an API's points by the share of
//! operations. To add one, write its function beside its like, a row here, a case and its twin in the tests: the table's own test
//! sees to the rest.

mod access;
mod data;
mod gateway;
mod guards;
mod inventory;

use std::collections::BTreeMap;

pub(crate) use data::free_address;

use crate::view::{Api, Operation, Whole};
use crate::{Finding, Repair, Risk, Severity};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable kebab-case name.
    pub id: &'static str,
    /// Which of the ten it is about.
    pub risk: Risk,
    /// Points that it takes at most.
    pub weight: u32,
    /// What is open, in a few words.
    pub title: &'static str,
    /// Why that matters, as a sentence.
    pub why: &'static str,
    /// What to do, as a sentence.
    pub fix: &'static str,
    /// Where the fix goes.
    pub home: Home,
    pub(crate) check: Check,
}

/// Where something is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In the contract, at the operation.
    Contract,
    /// In the document, along these keys; at an API, from the API on.
    Document(&'static [&'static str]),
}

/// What is wrong with one thing, as a sentence without an end.
type Hit = Option<String>;

/// What is wrong with things of the gateway, each with its name where it has one.
type Hits = Vec<(Option<String>, String)>;

/// What a rule looks at.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// Each operation.
    Operation(fn(&Operation<'_>) -> Hit),
    /// The same, and what `--fix` does when it finds one: a control goes from `off` to `shadow`.
    Watched(fn(&Operation<'_>) -> Hit, &'static str, &'static str),
    /// Each API.
    Api(fn(&Api<'_>) -> Hit),
    /// The gateway's own settings: each thing that is found, with its name in the document where it has one.
    Gateway(fn(&Whole<'_>) -> Hits),
    /// The same, and the key that `--fix` sets, with its value.
    Settable(fn(&Whole<'_>) -> Hits, &'static [&'static str], &'static str),
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Check")
    }
}

impl Rule {
    /// How bad it is, by its weight.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self.weight {
            0..=3 => Severity::Low,
            4..=7 => Severity::Medium,
            _ => Severity::High,
        }
    }

    /// Whether `--fix` can do something about it.
    #[must_use]
    pub const fn is_repaired(&self) -> bool {
        matches!(self.check, Check::Watched(..) | Check::Settable(..))
    }
}

/// All rules.
pub static RULES: &[&[Rule]] = &[access::RULES, data::RULES, guards::RULES, gateway::RULES, inventory::RULES];

/// Every rule, in the order of the tables.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().flatten()
}

/// Runs them all.
pub(crate) fn run(whole: &Whole<'_>) -> Vec<Finding> {
    all().flat_map(|rule| run_one(rule, whole)).collect()
}

/// Runs one.
pub(crate) fn run_one(rule: &'static Rule, whole: &Whole<'_>) -> Vec<Finding> {
    match rule.check {
        Check::Operation(find) => of_operations(rule, whole, find, None),
        Check::Watched(find, control, setting) => of_operations(rule, whole, find, Some((control, setting))),
        Check::Api(find) => {
            let hits = whole.apis.iter().filter_map(|api| find(api).map(|what| (api.name, what)));
            hits.map(|(api, what)| finding(rule, Some(api), what)).collect()
        }
        Check::Gateway(find) => find(whole).into_iter().map(|hit| of_gateway(rule, hit)).collect(),
        Check::Settable(find, path, value) => {
            let repair = || Repair::Set {
                path: path.iter().map(|key| (*key).to_owned()).collect(),
                value: value.to_owned(),
            };
            let hits = find(whole).into_iter().map(|hit| of_gateway(rule, hit));
            hits.map(|found| Finding { repair: Some(repair()), ..found }).collect()
        }
    }
}

fn of_operations(
    rule: &'static Rule,
    whole: &Whole<'_>,
    find: fn(&Operation<'_>) -> Hit,
    watch: Option<(&'static str, &'static str)>,
) -> Vec<Finding> {
    let mut all = Vec::new();
    for api in &whole.apis {
        let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut watch = watch.map(|of| (of, false));
        for operation in &api.operations {
            if let Some(what) = find(operation) {
                if let Some(((control, setting), is_off)) = &mut watch {
                    *is_off |=
                        operation.mode(control).is_none() || operation.setting(&[control, setting]) == "off";
                }
                said.entry(what).or_default().push(operation.id().to_owned());
            }
        }
        let Some((what, _)) = said.iter().max_by_key(|(_, operations)| operations.len()) else { continue };
        let more = said.len() - 1;
        let what = if more > 0 { format!("{what} (and {more} other reasons)") } else { what.clone() };
        let operations = said.into_values().flatten().collect();
        let repair = watch.filter(|(_, is_off)| *is_off).map(|((control, setting), _)| Repair::Watch {
            control,
            setting,
            api: api.name.to_owned(),
        });
        all.push(Finding { operations, repair, ..finding(rule, Some(api.name), what) });
    }
    all
}

fn of_gateway(rule: &'static Rule, (name, what): (Option<String>, String)) -> Finding {
    let what = match name {
        Some(name) => format!("`{name}`: {what}"),
        None => what,
    };
    finding(rule, None, what)
}

fn finding(rule: &'static Rule, api: Option<&str>, what: String) -> Finding {
    Finding {
        rule,
        api: api.map(str::to_owned),
        operations: Vec::new(),
        place: None,
        others: Vec::new(),
        what,
        gain: 0,
        loss: 0,
        repair: None,
    }
}
