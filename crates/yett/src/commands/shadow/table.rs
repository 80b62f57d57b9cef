//! The report for people.

use std::collections::{BTreeMap, BTreeSet};

use manage_api::{Looked, ShadowReport, WouldRefuse};

use super::whole_of;
use crate::layout::{cut, wrap};
use crate::render::day;

/// Columns of a line.
const COLUMNS: usize = 100;
/// Column at which names begin.
const NAMES: usize = 38;

/// The whole report.
pub(super) fn lines(report: &ShadowReport, by: bool) -> Vec<String> {
    let mut out = vec![format!("{} to {} UTC", day(report.since / 1_000), day(report.until / 1_000))];
    now(report, &mut out);
    if report.looked.is_empty() {
        out.push(String::new());
        out.push(String::from("no control in shadow looked at a call in that time"));
    }
    let mut controls: BTreeMap<(&str, &str), Vec<&Looked>> = BTreeMap::new();
    for looked in &report.looked {
        controls.entry((&looked.control, &looked.part)).or_default().push(looked);
    }
    for ((control, part), looked) in controls {
        one_control(report, (control, part), &looked, &mut out);
    }
    if by {
        by_whom(report, &mut out);
    }
    rests_on(report, &mut out);
    next(report, &mut out);
    out
}

/// What is in shadow in the configuration that serves.
fn now(report: &ShadowReport, out: &mut Vec<String>) {
    let serving = day(report.serving_since);
    if report.in_shadow.is_empty() {
        out.push(format!("in shadow now: nothing (the configuration serves since {serving})"));
        return;
    }
    out.push(format!("in shadow now (the configuration serves since {serving})"));
    for one in &report.in_shadow {
        let operations = if one.operations == 1 { "operation" } else { "operations" };
        let place = if one.place.is_empty() { "(by default)" } else { &one.place };
        let what = format!("{} of the {}", one.control, side(&one.part));
        let line = format!("  {what:<28} {:<6} {operations:<11} {place}", one.operations);
        out.push(cut(line.trim_end(), COLUMNS));
    }
}

/// What to do about it.
fn next(report: &ShadowReport, out: &mut Vec<String>) {
    let controls: BTreeSet<&str> = report.in_shadow.iter().map(|one| one.control.as_str()).collect();
    let controls: Vec<&str> = controls.into_iter().collect();
    let (control, which) = match controls.as_slice() {
        [] => return,
        [one] => (*one, String::from("it")),
        several => ("CONTROL", format!("one of {}", several.join(", "))),
    };
    out.push(String::new());
    let text = format!(
        "next: `yett promote {control}` enforces {which} in the configuration itself, when these numbers speak for it"
    );
    wrap(out, 0, &text);
}

fn side(part: &str) -> &str {
    if part == "answer" { "answer" } else { "request" }
}

/// Refusals of one control, and how many operations have none.
fn one_control(
    report: &ShadowReport,
    (control, part): (&str, &str),
    looked: &[&Looked],
    out: &mut Vec<String>,
) {
    out.push(String::new());
    out.push(cut(&format!("{control} of the {} would have refused", side(part)), COLUMNS));
    out.push(format!("{:>12} {:>12} {:>10}  operation, code", "good calls", "of good", "share"));
    let rows: Vec<&WouldRefuse> =
        report.refused.iter().filter(|row| row.of.control == control && row.of.part == part).collect();
    for row in &rows {
        let whole = whole_of(report, &row.of).map_or(0, |looked| looked.good);
        let others = row.of.calls.saturating_sub(row.of.good);
        let others =
            if others > 0 { format!(" (and {} that were not good)", number(others)) } else { String::new() };
        let name = format!("{}, {}{others}", operation(&row.of), row.code);
        let line = format!(
            "{:>12} {:>12} {:>10}  {name}",
            number(row.of.good),
            number(whole),
            share(row.of.good, whole)
        );
        out.push(cut(&line, COLUMNS));
        for id in &row.examples {
            out.push(format!("{:NAMES$}yett explain {id}", ""));
        }
    }
    let refused = |one: &&&Looked| {
        rows.iter().any(|row| (&row.of.api, &row.of.operation) == (&one.api, &one.operation))
    };
    let clean: Vec<&&Looked> = looked.iter().filter(|one| !refused(one)).collect();
    let good: u64 = clean.iter().map(|one| one.good).sum();
    if let [only] = clean.as_slice() {
        let line = format!("{:>12} {:>12} {:>10}  {}", 0, number(good), share(0, good), operation(only));
        out.push(cut(&line, COLUMNS));
    } else if !clean.is_empty() {
        let (none, count) = (share(0, good), clean.len());
        out.push(format!("{:>12} {:>12} {none:>10}  {count} other operations", 0, number(good)));
    }
}

fn operation(one: &Looked) -> String {
    named(&one.api, &one.operation)
}

fn named(api: &str, operation: &str) -> String {
    if operation.is_empty() { String::from("(no operation)") } else { format!("{api}/{operation}") }
}

fn by_whom(report: &ShadowReport, out: &mut Vec<String>) {
    out.push(String::new());
    out.push(format!(
        "{:>12} {:>12} {:>10}  who, and of which operation, control, code",
        "good calls", "of records", ""
    ));
    for row in &report.by {
        let who = match (row.who.as_str(), row.issuer.as_str()) {
            ("", _) => String::from("(nobody)"),
            (who, "") => who.to_owned(),
            (who, issuer) => format!("{who} of {issuer}"),
        };
        // In two lines, so that no name of a caller pushes out what they called.
        let line = format!("{:>12} {:>12} {:>10}  {who}", number(row.good), number(row.calls), "");
        out.push(cut(&line, COLUMNS));
        let what = format!("{}, {}, {}", named(&row.api, &row.operation), row.control, row.code);
        out.push(cut(&format!("{:NAMES$}{what}", ""), COLUMNS));
        if let Some(id) = row.examples.first() {
            out.push(format!("{:NAMES$}yett explain {id}", ""));
        }
    }
    if report.by.is_empty() {
        out.push(String::from("no records of such calls are kept"));
    }
    let text = "There is no share by caller: what passes is counted by operation, and not by who called.";
    wrap(out, 0, text);
}

/// What the numbers are worth.
fn rests_on(report: &ShadowReport, out: &mut Vec<String>) {
    out.push(String::new());
    wrap(
        out,
        0,
        "A good call is one that the service answered with 2xx or 3xx (or 101) and that nothing enforced ended. Shares are of \
         all calls: each is counted, by the minute for two hours and then by the hour, whatever is sampled.",
    );
    let records = report.records;
    let oldest = records.oldest.map_or_else(String::new, |at| format!(", back to {} UTC", day(at / 1_000)));
    let reach = if records.all { "all that are kept" } else { "the newest only: there are more" };
    wrap(out, 0, &format!("Examples are from {} records{oldest} ({reach}).", number(records.read)));
    if report.uncounted > 0 {
        let text = format!(
            "NOT EXACT: {} calls since the gateway started are missing in the counts.",
            number(report.uncounted)
        );
        wrap(out, 0, &text);
    }
    if report.lost > 0 {
        let text = format!(
            "{} records were lost since the gateway started; counts are not touched by that.",
            report.lost
        );
        wrap(out, 0, &text);
    }
    if report.more {
        wrap(out, 0, "There are more rows than one report holds: ask by --control, --api or --operation.");
    }
}

/// With a comma between thousands.
pub(in crate::commands) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in percent, rounded up: what is not nothing is never shown as nothing.
pub(in crate::commands) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::from("-");
    }
    let millionths = (u128::from(part) * 1_000_000).div_ceil(u128::from(whole));
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use engine::text::is_hidden;
    use manage_api::{InShadow, RecordsRead, RefusedBy};

    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance_and_shares_round_up() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), text);
        }
        for (part, whole, text) in [
            (0, 0, "-"),
            (0, 7, "0%"),
            (1, 1_000_000_000, "0.0001%"),
            (1, 1_000, "0.1%"),
            (1, 3, "33.3334%"),
            (7, 7, "100%"),
        ] {
            assert_eq!(share(part, whole), text);
        }
    }

    fn looked(operation: &str, calls: u64, good: u64) -> Looked {
        Looked {
            api: "notes".into(),
            operation: operation.into(),
            control: "limits".into(),
            part: "request".into(),
            calls,
            good,
            first: 0,
            last: 0,
        }
    }

    #[test]
    fn a_report_says_who_is_harmed_and_what_it_rests_on() {
        let id = "0123456789abcdef0123456789abcdef";
        let mut report = ShadowReport {
            since: 1_767_225_600_000,
            until: 1_767_232_800_000,
            serving_since: 1_767_225_600,
            in_shadow: vec![InShadow {
                control: "limits".into(),
                part: "request".into(),
                place: "yett.yaml:7:5".into(),
                operations: 3,
            }],
            looked: vec![looked("addNote", 2_000, 1_500), looked("getNote", 7, 7), looked("putNote", 1, 1)],
            refused: vec![WouldRefuse {
                of: looked("addNote", 20, 15),
                code: "rate_limited".into(),
                examples: vec![id.into()],
            }],
            by: vec![RefusedBy {
                who: "alice".into(),
                issuer: "local".into(),
                api: "notes".into(),
                operation: "addNote".into(),
                control: "limits".into(),
                part: "request".into(),
                code: "rate_limited".into(),
                calls: 5,
                good: 4,
                examples: vec![id.into()],
            }],
            records: RecordsRead { read: 20, oldest: Some(1_767_225_600_000), all: true },
            ..ShadowReport::default()
        };
        let text = lines(&report, true).join("\n");
        for part in [
            "2026-01-01 00:00 to 2026-01-01 02:00 UTC",
            "limits of the request",
            "yett.yaml:7:5",
            "          15        1,500         1%  notes/addNote, rate_limited (and 5 that were not good)",
            "yett explain 0123456789abcdef0123456789abcdef",
            "           0            8         0%  2 other operations",
            "  alice of local\n                                      notes/addNote, limits, rate_limited",
            "20 records, back to 2026-01-01 00:00 UTC (all that",
        ] {
            assert!(text.contains(part), "`{part}` in\n{text}");
        }
        assert!(!text.contains("NOT EXACT"));
        (report.uncounted, report.more) = (3, true);
        let hostile = format!("\u{1b}[2J\r\n\u{202e}{}", "W".repeat(1 << 16));
        report.by[0].who = hostile.clone();
        report.refused[0].of.operation = hostile;
        let told = lines(&report, true);
        assert!(told.iter().any(|line| line.contains("NOT EXACT: 3 calls")));
        for line in told {
            assert!(!line.contains(is_hidden) && line.chars().count() <= COLUMNS, "{line:?}");
        }
        let nothing = lines(&ShadowReport::default(), false).join("\n");
        assert!(nothing.contains("no control in shadow looked at a call"), "{nothing}");
    }
}
