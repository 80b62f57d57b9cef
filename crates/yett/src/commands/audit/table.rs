//! The audit for people.

use std::collections::BTreeMap;

use policy_audit::{Audit, Finding, Level, Place, Risk, Row};

use crate::layout::{MESSAGE, cut, wrap};

/// Columns of a line that is cut.
const COLUMNS: usize = 100;
/// Column at which the words of a finding begin.
const INDENT: usize = 8;
/// Columns of a name.
const NAME: usize = 80;
/// Operations that are named of one finding, and of one row of the table.
const NAMED: usize = 4;

/// All of it.
pub(super) fn lines(audit: &Audit) -> Vec<String> {
    let mut out = vec![format!("score: {} of 100", audit.score)];
    for api in &audit.apis {
        let operations = if api.operations == 1 { "operation" } else { "operations" };
        out.push(cut(&format!("  {:<3} {} ({} {operations})", api.score, api.api, api.operations), COLUMNS));
    }
    if !audit.findings.is_empty() {
        out.push(String::new());
        out.push(String::from("what to do, what gains most points first"));
    }
    audit.findings.iter().for_each(|finding| one(finding, &mut out));
    coverage(audit, &mut out);
    let repaired = audit.findings.iter().filter(|finding| finding.repair.is_some()).count();
    if repaired > 0 {
        out.push(String::new());
        let of = if repaired == 1 { "finding is" } else { "findings are" };
        out.push(format!(
            "{repaired} {of} mended by `yett audit --fix`, which refuses no call that passes now"
        ));
    }
    out
}

fn one(finding: &Finding, out: &mut Vec<String>) {
    let rule = finding.rule;
    out.push(String::new());
    let gain = format!("+{}.{:02}", finding.gain / 100, finding.gain % 100);
    let about = finding.api.as_ref().map_or_else(String::new, |api| format!("{api}: "));
    let head = format!(
        "{gain:>6}  {about}{} ({}, {}, {})",
        rule.title,
        rule.severity().name(),
        rule.risk.id(),
        rule.id
    );
    out.push(cut(&head, COLUMNS));
    if let Some(place) = &finding.place {
        out.push(cut(&format!("{:INDENT$}{place}", ""), COLUMNS));
    }
    let what = match finding.operations.len() {
        0 => finding.what.clone(),
        _ => format!("{}: {}", operations(&finding.operations), finding.what),
    };
    wrap(out, INDENT, &cut(&what, MESSAGE));
    wrap(out, INDENT, &format!("why: {}", rule.why));
    wrap(out, INDENT, &cut(&format!("to do: {}{}", rule.fix, others(finding)), MESSAGE));
}

fn operations(all: &[String]) -> String {
    let mut text = all.iter().take(NAMED).map(|one| cut(one, NAME)).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        text.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    text
}

/// Where the other operations stand, when something is to be done there.
fn others(finding: &Finding) -> String {
    let is_there = |place: &&Place| {
        finding.place.as_ref() == finding.others.first() && Some(*place) != finding.place.as_ref()
    };
    let places: Vec<String> =
        finding.others.iter().filter(is_there).take(NAMED).map(ToString::to_string).collect();
    if places.is_empty() { String::new() } else { format!(" (also at {})", places.join(", ")) }
}

/// What protects operations: those of which the same holds in one row.
fn coverage(audit: &Audit, out: &mut Vec<String>) {
    out.push(String::new());
    out.push(String::from("coverage of the OWASP API Security Top 10 (2023)"));
    let head: String =
        Risk::ALL.iter().map(|risk| format!("{:<7}", risk.id().trim_end_matches(":2023"))).collect();
    out.push(format!("  {}", head.trim_end()));
    let mut alike: BTreeMap<Vec<&str>, Vec<&Row>> = BTreeMap::new();
    for row in &audit.coverage {
        alike.entry(row.covers.iter().map(|cover| cover.level.name()).collect()).or_default().push(row);
    }
    for (levels, rows) in alike {
        let levels: String = levels.iter().map(|level| format!("{level:<7}")).collect();
        out.push(format!("  {}", levels.trim_end()));
        let names: Vec<String> = rows.iter().map(|row| format!("{}/{}", row.api, row.operation)).collect();
        out.push(cut(&format!("    {}", operations(&names)), COLUMNS));
    }
    for (number, risk) in Risk::ALL.into_iter().enumerate() {
        let covers = audit.coverage.iter().filter_map(|row| row.covers.get(number));
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        let mut count = 0;
        for cover in covers.filter(|cover| cover.level != Level::Nothing) {
            count += 1;
            cover.by.iter().for_each(|what| *by.entry(what).or_default() += 1);
        }
        out.push(String::new());
        out.push(format!("  {} {}", risk.id(), risk.title()));
        let held = by
            .iter()
            .map(|(what, times)| format!("{what} ({times} of {count})"))
            .collect::<Vec<_>>()
            .join(", ");
        let held = match (count, held.is_empty()) {
            (0, _) => String::from("no operation has anything of the kind"),
            (_, true) => String::from("nothing"),
            _ => held,
        };
        wrap(out, 4, &format!("protected by: {held}"));
        wrap(out, 4, &format!("beyond a gateway: {}", risk.beyond()));
    }
}
