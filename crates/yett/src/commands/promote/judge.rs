//! Whether what was seen in shadow speaks for enforcing it.

use std::collections::BTreeMap;
use std::str::FromStr;

use engine::Clock;
use manage_api::{Looked, ShadowReport, WouldRefuse};

use super::super::shadow::{number, share};
use crate::clock::SystemClock;
use crate::render::{day, printable};
use crate::switch::Judged;

/// Counts are by the hour after so long, in milliseconds.
const FOLDED: u64 = 2 * 3_600_000;
const HOUR: u64 = 3_600_000;
/// Good calls without a single harmed one, as a multiple of what one harmed call would be the share of, after which the share is below
/// that with 95 % confidence (the rule of three: `0.95 = 1 - (1 - p)^n`, `n ≈ 3 / p`).
const RULE_OF_THREE: u64 = 3;

/// A share of calls, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share(u64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a share: write it as in `0.1%`, with four decimals at most");
        let (whole, rest) = match text.strip_suffix('%').ok_or_else(wrong)?.split_once('.') {
            Some((_, "")) => return Err(wrong()),
            Some((whole, rest)) => (whole, rest),
            None => return Share::of_parts(text.trim_end_matches('%'), "").ok_or_else(wrong),
        };
        Self::of_parts(whole, rest).ok_or_else(wrong)
    }
}

impl Share {
    fn of_parts(whole: &str, rest: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || rest.len() > 4 || !digits(whole) || !digits(rest) {
            return None;
        }
        let millionths = format!("{whole}{rest:0<4}").parse::<u64>().ok()?;
        (millionths <= 1_000_000).then_some(Self(millionths))
    }

    /// Whether `part` of `whole` is more than it.
    fn is_exceeded(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1_000_000 > u128::from(self.0) * u128::from(whole)
    }

    fn shown(self) -> String {
        share(self.0, 1_000_000)
    }

    /// How many good calls it takes to say that no more are harmed, when none was.
    fn needed(self) -> u64 {
        (RULE_OF_THREE * 1_000_000).div_ceil(self.0.max(1))
    }
}

/// What is demanded of a report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) max_harm: Share,
    pub(super) min_calls: Option<u64>,
}

/// From when on counts are of the configuration that serves since a moment, and of no earlier one: an hour that was folded may hold
/// calls from before.
pub(super) fn counted_from(serving: u64) -> u64 {
    let now = SystemClock.unix().0 / 1_000_000;
    if now.saturating_sub(serving) < FOLDED { serving } else { serving.next_multiple_of(HOUR) }
}

/// What speaks for it, as lines.
///
/// # Errors
/// What speaks against it.
pub(super) fn judge(report: &ShadowReport, judged: &[Judged], bounds: Bounds) -> Result<Vec<String>, String> {
    let mut said = Vec::new();
    for one in judged {
        let line = one_part(report, one, bounds)?;
        // Of one nobody asks which.
        said.push(if judged.len() > 1 { format!("`{}`: {line}", printable(&one.name)) } else { line });
    }
    together(report, judged, bounds)?;
    if report.uncounted > 0 {
        said.push(format!(
            "note: {} calls since the gateway started are missing in these counts",
            number(report.uncounted)
        ));
    }
    if report.more {
        return Err(String::from(
            "there are more counts than one report holds: promote by `--api` or `--operation`",
        ));
    }
    Ok(said)
}

/// What several rules would refuse together: each may be harmless, and all of them not. A call that several of them would refuse is
/// counted for each, and looked at by each, so that the share is never less than it is.
fn together(report: &ShadowReport, judged: &[Judged], bounds: Bounds) -> Result<(), String> {
    let mut all: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    let is_judged = |of: &Looked| judged.iter().any(|one| one.is(of));
    for looked in report.looked.iter().filter(|looked| is_judged(looked)) {
        let (_, good) = all.entry((&looked.api, &looked.operation)).or_default();
        *good = looked.good.max(*good);
    }
    for row in report.refused.iter().filter(|row| is_judged(&row.of)) {
        let (harmed, _) = all.entry((&row.of.api, &row.of.operation)).or_default();
        *harmed += row.of.good;
    }
    let sum = all.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let mut rows =
        std::iter::once(("all operations", sum)).chain(all.iter().map(|((_, name), row)| (*name, *row)));
    match rows.find(|(_, (harmed, good))| *harmed > 0 && bounds.max_harm.is_exceeded(*harmed, *good)) {
        None => Ok(()),
        Some((name, (harmed, good))) => Err(format!(
            "together they would refuse {} of {} good calls ({}) of {}, and at most {} may be (`--max-harm`): promote one by one",
            number(harmed),
            number(good),
            share(harmed, good),
            printable(name),
            bounds.max_harm.shown()
        )),
    }
}

fn one_part(report: &ShadowReport, judged: &Judged, bounds: Bounds) -> Result<String, String> {
    let part = judged.part;
    let looked: Vec<&Looked> = report.looked.iter().filter(|one| judged.is(one)).collect();
    let refused: Vec<&WouldRefuse> = report.refused.iter().filter(|one| judged.is(&one.of)).collect();
    let good: u64 = looked.iter().map(|one| one.good).sum();
    let harmed: u64 = refused.iter().map(|one| one.of.good).sum();
    let first = looked.iter().map(|one| one.first).min().unwrap_or(report.since).max(report.since);
    let time = format!("since {} UTC ({})", day(first / 1_000), how_long(report.until.saturating_sub(first)));
    let allowed = bounds.max_harm.shown();
    let all = (String::from("all operations"), harmed, good);
    for (name, harmed, good) in
        std::iter::once(all).chain(looked.iter().map(|one| of_operation(one, &refused)))
    {
        if harmed > 0 && bounds.max_harm.is_exceeded(harmed, good) {
            let example =
                refused.iter().filter(|one| one.of.good > 0).flat_map(|one| one.examples.first()).next();
            let example =
                example.map_or_else(String::new, |id| format!("; `yett explain {id}` is one of them"));
            return Err(format!(
                "{} of {} good calls ({}) of {} {time} would be refused, and at most {allowed} may (`--max-harm`){example}",
                number(harmed),
                number(good),
                share(harmed, good),
                printable(&name)
            ));
        }
    }
    let needed = bounds.min_calls.unwrap_or_else(|| bounds.max_harm.needed());
    if good < needed {
        let wait = still(good, needed, report.until.saturating_sub(first));
        return Err(format!(
            "too few calls to say: {} good ones were looked at {time}, and it takes {} (`--min-calls`) to say that at most \
             {allowed} are harmed{wait}; earlier calls count with `--since`",
            number(good),
            number(needed)
        ));
    }
    Ok(format!(
        "{} of {} good calls ({}) {time} would have been refused by what it looks at in the {part}",
        number(harmed),
        number(good),
        share(harmed, good)
    ))
}

impl Judged {
    fn is(&self, of: &Looked) -> bool {
        of.control == self.name && of.part == self.part
    }
}

fn of_operation(one: &Looked, refused: &[&WouldRefuse]) -> (String, u64, u64) {
    let own = refused.iter().filter(|row| (&row.of.api, &row.of.operation) == (&one.api, &one.operation));
    (format!("`{}/{}`", one.api, one.operation), own.map(|row| row.of.good).sum(), one.good)
}

/// How much longer it takes at the rate so far, as a clause.
fn still(good: u64, needed: u64, elapsed: u64) -> String {
    if good == 0 || elapsed < 60_000 {
        return String::new();
    }
    let left = u128::from(needed - good) * u128::from(elapsed) / u128::from(good);
    format!("; at that rate it takes {} more", how_long(u64::try_from(left).unwrap_or(u64::MAX)))
}

/// A time in milliseconds as people say it.
fn how_long(millis: u64) -> String {
    let minutes = millis / 60_000;
    match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => String::from("less than a minute"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_people_write_them() {
        for (text, millionths) in [
            ("0%", 0),
            ("0.1%", 1_000),
            ("0.0001%", 1),
            ("1%", 10_000),
            ("12.5%", 125_000),
            ("100%", 1_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Share(millionths)), "{text}");
        }
        for text in ["", "%", "0.1", "-1%", "101%", "0.00001%", "1.%", ".1%", "1e3%", "100.0001%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert_eq!(Share(1_000).needed(), 3_000);
        assert_eq!(Share(1_000_000).needed(), 3);
    }

    fn looked(operation: &str, calls: u64, good: u64) -> Looked {
        let text = |text: &str| text.to_owned();
        Looked {
            api: text("notes"),
            operation: text(operation),
            control: text("limits"),
            part: text("request"),
            calls,
            good,
            first: 1_767_225_600_000,
            last: 0,
        }
    }

    fn limits() -> [Judged; 1] {
        [Judged { name: String::from("limits"), part: "request" }]
    }

    fn report(all: &[(&str, u64, u64)]) -> ShadowReport {
        let refused = |(operation, harmed, _): &(&str, u64, u64)| WouldRefuse {
            of: looked(operation, *harmed, *harmed),
            code: String::from("rate_limited"),
            examples: vec![String::from("ab")],
        };
        ShadowReport {
            since: 1_767_225_600_000,
            until: 1_767_225_600_000 + 90 * 60_000,
            looked: all.iter().map(|(operation, _, good)| looked(operation, *good, *good)).collect(),
            refused: all.iter().filter(|(_, harmed, _)| *harmed > 0).map(refused).collect(),
            ..ShadowReport::default()
        }
    }

    /// Each of two rules is harmless, and the two together are not; and what one of them looked at makes up for nothing of the other.
    #[test]
    fn rules_are_judged_one_by_one_and_together() {
        let named = |name: &str, rows: ShadowReport| {
            let mut rows = rows;
            rows.looked.iter_mut().for_each(|one| one.control = name.into());
            rows.refused.iter_mut().for_each(|one| one.of.control = name.into());
            rows
        };
        let both = |a: (u64, u64), b: (u64, u64)| {
            let (a, b) = (report(&[("addNote", a.0, a.1)]), report(&[("addNote", b.0, b.1)]));
            let (a, b) = (named("objects.bindings.a", a), named("objects.bindings.b", b));
            let (looked, refused) =
                ([a.looked.clone(), b.looked].concat(), [a.refused.clone(), b.refused].concat());
            ShadowReport { looked, refused, ..a }
        };
        let rule = |name: &str| Judged { name: format!("objects.bindings.{name}"), part: "request" };
        let bounds = Bounds { max_harm: Share(10_000), min_calls: Some(100) };
        let said = |rows: &ShadowReport, names: &[&str]| {
            let rules: Vec<Judged> = names.iter().map(|name| rule(name)).collect();
            judge(rows, &rules, bounds)
        };
        let harmed = both((1, 1_000), (900, 1_000));
        assert!(
            said(&harmed, &["a"]).unwrap()[0].starts_with("1 of 1,000"),
            "the other is none of its business"
        );
        assert!(said(&harmed, &["b"]).unwrap_err().contains("900 of 1,000"));
        let few = both((0, 1_000), (0, 50));
        assert!(said(&few, &["a", "b"]).unwrap_err().contains("50 good ones"));
        let together = both((6, 1_000), (6, 1_000));
        assert!(said(&together, &["a"]).is_ok() && said(&together, &["b"]).is_ok());
        let why = said(&together, &["a", "b"]).unwrap_err();
        assert!(why.contains("together they would refuse 12 of 1,000 good calls (1.2%)"), "{why}");
        let good = said(&both((1, 1_000), (2, 1_000)), &["a", "b"]).unwrap();
        assert!(good[1].starts_with("`objects.bindings.b`: 2 of 1,000"), "{good:?}");
    }

    #[test]
    fn harm_and_ignorance_decline_and_nothing_else_does() {
        let bounds = Bounds { max_harm: Share(1_000), min_calls: None };
        let judged = |all: &[(&str, u64, u64)], bounds: Bounds| judge(&report(all), &limits(), bounds);
        let good = judged(&[("addNote", 2, 2_500), ("getNote", 0, 501)], bounds);
        let told = good.unwrap();
        assert!(
            told[0].starts_with("2 of 3,001 good calls (0.0667%) since 2026-01-01 00:00 UTC (1 h 30 min)"),
            "{told:?}"
        );
        for (all, why) in [
            (&[("addNote", 4, 3_001)][..], "4 of 3,001 good calls (0.1333%) of all operations"),
            // All in all it is little, and of one operation it is all.
            (&[("addNote", 1, 1), ("getNote", 0, 9_999)], "1 of 1 good calls (100%) of `notes/addNote`"),
            (
                &[("addNote", 0, 2_999)],
                "2,999 good ones were looked at since 2026-01-01 00:00 UTC (1 h 30 min), and it takes 3,000",
            ),
            (&[], "0 good ones"),
        ] {
            let said = judged(all, bounds).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        assert!(judged(&[("addNote", 0, 1_000)], bounds).unwrap_err().contains("3 h 0 min more"));
        assert!(judged(&[("addNote", 1, 10)], bounds).unwrap_err().contains("`yett explain ab`"));
        let few = Bounds { min_calls: Some(5), ..bounds };
        assert!(judged(&[("addNote", 0, 5)], few).is_ok());
        let any = Bounds { max_harm: Share(1_000_000), min_calls: Some(0) };
        assert!(judged(&[("addNote", 9, 9)], any).is_ok() && judged(&[], any).is_ok());
        let none = Bounds { max_harm: Share(0), min_calls: Some(1) };
        assert!(judged(&[("addNote", 0, 1)], none).is_ok());
        assert!(judged(&[("addNote", 1, 1_000_000)], none).is_err());
        let cut = ShadowReport { more: true, ..report(&[("addNote", 0, 9_000)]) };
        assert!(judge(&cut, &limits(), bounds).is_err(), "what is not whole says nothing");
    }
}
