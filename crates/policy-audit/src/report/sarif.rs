//! SARIF 2.1.0 (OASIS), as code scanning reads it.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use serde_json::{Value as Json, json};

use crate::places::Place;
use crate::rules::{self, Rule};
use crate::{Audit, Finding, Severity};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Places beside the first that are told of one finding.
const RELATED: usize = 50;

/// A log with one run; `version` is the program's.
#[must_use]
pub fn sarif(audit: &Audit, version: &str) -> Json {
    let all: Vec<&Rule> = rules::all().collect();
    let results: Vec<Json> = audit.findings.iter().map(|finding| result(finding, &all)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "yett audit",
                "semanticVersion": version,
                "rules": all.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// `reportingDescriptor` (section 3.49).
fn descriptor(rule: &Rule) -> Json {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.why },
        "help": { "text": rule.fix },
        "defaultConfiguration": { "level": level(rule) },
        "properties": { "tags": ["security", rule.risk.id()], "owasp": rule.risk.title(), "security-severity": severity(rule) },
    })
}

/// `result` (section 3.27).
fn result(finding: &Finding, all: &[&Rule]) -> Json {
    let mut result = json!({
        "ruleId": finding.rule.id,
        "ruleIndex": all.iter().position(|rule| rule.id == finding.rule.id),
        "level": level(finding.rule),
        "message": { "text": format!("{}. To do: {}", super::sentence(finding), finding.rule.fix) },
        "locations": finding.place.iter().map(|place| json!({ "physicalLocation": location(place) })).collect::<Vec<_>>(),
        "partialFingerprints": { "finding/v1": format!("{}:{}", finding.rule.id, finding.api.as_deref().unwrap_or_default()) },
        "properties": { "gain": super::hundredths(finding.gain) },
    });
    let related: Vec<Json> = finding
        .others
        .iter()
        .zip(&finding.operations)
        .take(RELATED)
        .map(|(place, operation)| json!({ "physicalLocation": location(place), "message": { "text": operation } }))
        .collect();
    if let (Some(members), false) = (result.as_object_mut(), related.is_empty()) {
        members.insert(String::from("relatedLocations"), Json::Array(related));
    }
    result
}

/// `physicalLocation` (section 3.29).
fn location(place: &Place) -> Json {
    json!({
        "artifactLocation": { "uri": uri(&place.file) },
        "region": { "startLine": place.line, "startColumn": place.column },
    })
}

/// A path as a relative reference (RFC 3986 section 4.2): what may not stand in one is encoded.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn level(rule: &Rule) -> &'static str {
    match rule.severity() {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// What code scanning sorts by, from 0.1 to 10.
fn severity(rule: &Rule) -> &'static str {
    match rule.severity() {
        Severity::High => "8.0",
        Severity::Medium => "5.0",
        Severity::Low => "2.0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_reference() {
        assert_eq!(uri("./a b/é:1.yaml"), "a%20b/%C3%A9%3A1.yaml");
    }
}
