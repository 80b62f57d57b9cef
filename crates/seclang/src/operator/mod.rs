//! Operators, compiled (reference manual, section "Operators").

mod address;
mod build;
mod check;
mod injection;

use aho_corasick::AhoCorasick;
use regex_automata::meta::Regex;

use crate::bytes::{ByteSet, find, integer};
use crate::gate::Gate;
use crate::template::Expand;

pub(crate) use address::Networks;
pub(crate) use build::build;

/// A compiled test of a value.
#[derive(Debug)]
pub(crate) enum Operator {
    Regex(Box<Regex>),
    /// Any of many literals, in any case.
    Phrases(AhoCorasick),
    Compare(Comparison, Expand),
    Text(TextTest, Expand),
    Networks(Networks),
    /// Bytes that are not in the allowed ranges.
    OutsideRange(ByteSet),
    BrokenUrlEncoding,
    BrokenUtf8,
    SqlInjection,
    CrossSiteScripting,
    Always,
    Never,
}

/// Numeric operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
}

/// Operators that compare text with text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    BeginsWith,
    Contains,
    ContainsWord,
    EndsWith,
    Equals,
    /// The value occurs in the parameter.
    Within,
}

/// What of a match is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    No,
    /// What matched.
    Whole,
    /// And the groups of the pattern, which cost a slower search.
    Groups,
}

/// What an operator found, for `capture` and reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It matched as a whole.
    Value,
    /// Group by group, ranges of the value.
    Groups(Vec<Option<(usize, usize)>>),
    /// Something that is not a part of the value.
    Text(Vec<u8>),
}

impl Operator {
    /// Tests a value; with `capture`, says what matched.
    pub(crate) fn test(&self, value: &[u8], parameter: &[u8], capture: Capture) -> Option<Found> {
        let plain = |matched: bool| matched.then_some(Found::Value);
        match self {
            Operator::Regex(regex) if capture == Capture::Whole => {
                let found = regex.find(value)?;
                Some(Found::Groups(vec![Some((found.start(), found.end()))]))
            }
            Operator::Regex(regex) if capture == Capture::Groups => {
                if !regex.is_match(value) {
                    return None;
                }
                let mut captures = regex.create_captures();
                regex.captures(value, &mut captures);
                let groups =
                    captures.iter().take(10).map(|group| group.map(|group| (group.start, group.end)));
                Some(Found::Groups(groups.collect()))
            }
            Operator::Regex(regex) => plain(regex.is_match(value)),
            Operator::Phrases(phrases) => {
                let found = phrases.find(value)?;
                Some(Found::Groups(vec![Some((found.start(), found.end()))]))
            }
            Operator::Compare(comparison, _) => plain(comparison.holds(integer(value), integer(parameter))),
            Operator::Text(test, _) => plain(test.holds(value, parameter)),
            Operator::Networks(networks) => plain(networks.contain(value)),
            Operator::OutsideRange(outside) => plain(value.iter().any(|byte| outside.contains(*byte))),
            Operator::BrokenUrlEncoding => plain(crate::transform::has_broken_escape(value)),
            Operator::BrokenUtf8 => plain(std::str::from_utf8(value).is_err()),
            Operator::SqlInjection => injection::sql(value).map(Found::Text),
            Operator::CrossSiteScripting => plain(injection::script(value)),
            Operator::Always => Some(Found::Value),
            Operator::Never => None,
        }
    }

    /// The operand that may have macros in it.
    pub(crate) fn parameter(&self) -> Option<&Expand> {
        match self {
            Operator::Compare(_, parameter) | Operator::Text(_, parameter) => Some(parameter),
            _ => None,
        }
    }

    /// What a value must have for the test to hold.
    pub(crate) fn gate(&self, source: &Gate) -> Gate {
        match self {
            Operator::Regex(_) | Operator::Phrases(_) => source.clone(),
            Operator::OutsideRange(outside) => Gate { sets: vec![*outside], min_len: 1, ..Gate::default() },
            Operator::BrokenUrlEncoding => {
                Gate { sets: vec![ByteSet::of(b"%")], min_len: 1, ..Gate::default() }
            }
            Operator::BrokenUtf8 => {
                let mut high = ByteSet::new();
                high.insert_range(0x80, 0xff);
                Gate { sets: vec![high], min_len: 1, ..Gate::default() }
            }
            Operator::CrossSiteScripting => {
                Gate { sets: vec![injection::SCRIPT_NEEDS], min_len: 1, ..Gate::default() }
            }
            Operator::SqlInjection => {
                Gate { sets: vec![injection::SQL_NEEDS], min_len: 2, ..Gate::default() }
            }
            Operator::Text(
                TextTest::Contains | TextTest::BeginsWith | TextTest::EndsWith | TextTest::Equals,
                text,
            ) => text.constant().map_or_else(Gate::default, |text| Gate::of_literals(&[text.to_vec()])),
            _ => Gate::default(),
        }
    }

    /// How many times longer than reading the value once it takes at worst, for the budget.
    pub(crate) fn cost(&self) -> u64 {
        match self {
            Operator::Regex(_) => 2,
            Operator::CrossSiteScripting => 16,
            Operator::SqlInjection => 64,
            _ => 1,
        }
    }
}

impl Comparison {
    pub(crate) fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::GreaterOrEqual => left >= right,
            Comparison::Greater => left > right,
            Comparison::LessOrEqual => left <= right,
            Comparison::Less => left < right,
        }
    }
}

impl TextTest {
    fn holds(self, value: &[u8], parameter: &[u8]) -> bool {
        match self {
            TextTest::BeginsWith => value.starts_with(parameter),
            TextTest::Contains => find(value, parameter).is_some(),
            TextTest::ContainsWord => check::contains_word(value, parameter),
            TextTest::EndsWith => value.ends_with(parameter),
            TextTest::Equals => value == parameter,
            TextTest::Within => find(parameter, value).is_some(),
        }
    }
}

#[cfg(test)]
mod tests;
