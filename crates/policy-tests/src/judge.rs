//! What a case expects against what was seen.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, header};
use serde_json::Value as Json;

use crate::document::{Arrived, Decision, Expect};
use crate::world::Seen;

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What: a key of `expect`.
    pub what: String,
    /// As the case has it.
    pub expected: String,
    /// As it was.
    pub got: String,
}

/// Longest value that is shown, in characters.
const SHOWN: usize = 400;

/// What became of a call.
#[must_use]
pub fn decision(seen: &Seen) -> Decision {
    match (seen.decided.code, seen.decided.stop()) {
        (Some(_), _) => Decision::Refuse,
        (None, Some(_)) => Decision::Answer,
        (None, None) => Decision::Allow,
    }
}

/// Everything that is not as expected.
#[must_use]
pub fn judge(expect: &Expect, seen: &Seen, upstream_body: &[u8]) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut compare = |what: &str, expected: &str, got: &str| {
        if expected != got {
            found.push(Mismatch { what: what.to_owned(), expected: shown(expected), got: shown(got) });
        }
    };
    let decided = &seen.decided;
    compare("decision", expect.decision.name(), decision(seen).name());
    if let Some(control) = &expect.control {
        compare("control", control, decided.stop().map_or("none", |stop| stop.control));
    }
    if let Some(code) = &expect.code {
        compare("code", code, decided.code.unwrap_or("none"));
    }
    if let Some(status) = expect.status {
        compare("status", &status.to_string(), seen.status.as_str());
    }
    if let Some(scopes) = &expect.missing_scopes {
        let wanted: BTreeSet<&str> = scopes.0.iter().flat_map(|text| text.split_whitespace()).collect();
        compare("missing_scopes", &listed(&wanted), &listed(&missing_scopes(seen)));
    }
    if let Some(shadow) = &expect.shadow {
        let wanted: BTreeSet<&str> = shadow.iter().map(|code| code.value.as_str()).collect();
        compare("shadow", &listed(&wanted), &listed(&decided.shadowed().into_iter().collect()));
    }
    headers("headers", &expect.headers, &seen.headers, &mut found);
    content(expect, seen, upstream_body, &mut found);
    if let Some(arrived) = &expect.upstream {
        upstream(arrived, seen, &mut found);
    }
    found
}

fn listed(words: &BTreeSet<&str>) -> String {
    let words: Vec<&str> = words.iter().copied().collect();
    format!("[{}]", words.join(", "))
}

/// Scopes that the challenge of the answer names (RFC 6750 section 3).
#[must_use]
pub fn missing_scopes(seen: &Seen) -> BTreeSet<&str> {
    let challenge = seen.headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let named =
        challenge.and_then(|text| text.split_once("scope=\"")).and_then(|(_, rest)| rest.split_once('"'));
    named.map(|(scopes, _)| scopes.split(' ').collect()).unwrap_or_default()
}

fn headers(what: &str, expected: &BTreeMap<String, String>, got: &HeaderMap, found: &mut Vec<Mismatch>) {
    for (name, pattern) in expected {
        let values: Vec<String> = got
            .get_all(name.to_ascii_lowercase())
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        let fits = match pattern.as_str() {
            "absent" => values.is_empty(),
            "present" => !values.is_empty(),
            pattern => values.iter().any(|value| matches(pattern, value)),
        };
        if !fits {
            let got = if values.is_empty() { String::from("absent") } else { values.join(" | ") };
            found.push(Mismatch {
                what: format!("{what}.{name}"),
                expected: pattern.clone(),
                got: shown(&got),
            });
        }
    }
}

fn content(expect: &Expect, seen: &Seen, upstream_body: &[u8], found: &mut Vec<Mismatch>) {
    let text = String::from_utf8_lossy(&seen.body);
    let mut differ = |what: String, expected: String, got: String| {
        found.push(Mismatch { what, expected: shown(&expected), got: shown(&got) });
    };
    if let Some(pattern) = &expect.body {
        if pattern == "as-upstream" {
            if seen.body != upstream_body {
                let sent = String::from_utf8_lossy(upstream_body).into_owned();
                differ(String::from("body"), sent, text.clone().into_owned());
            }
        } else if !matches(pattern, &text) {
            differ(String::from("body"), pattern.clone(), text.clone().into_owned());
        }
    }
    let json = || serde_json::from_slice::<Json>(&seen.body).ok();
    if let Some(expected) = &expect.json
        && json().as_ref() != Some(expected)
    {
        differ(String::from("json"), expected.to_string(), text.clone().into_owned());
    }
    if expect.problem.is_empty() {
        return;
    }
    let problem = json().unwrap_or_default();
    for (member, expected) in &expect.problem {
        let got = problem.get(member).unwrap_or(&Json::Null);
        if !contains(expected, got) {
            differ(format!("problem.{member}"), expected.to_string(), got.to_string());
        }
    }
}

fn upstream(expected: &Arrived, seen: &Seen, found: &mut Vec<Mismatch>) {
    let mut differ = |what: &str, expected: &str, got: &str| {
        found.push(Mismatch { what: format!("upstream.{what}"), expected: shown(expected), got: shown(got) });
    };
    let Some(got) = &seen.arrived else {
        if !expected.none {
            differ("none", "a request", "nothing came to the service");
        }
        return;
    };
    if expected.none {
        differ("none", "nothing", &format!("{} {}", got.method, got.target));
        return;
    }
    if let Some(method) = expected.method.as_ref().filter(|method| **method != got.method) {
        differ("method", method, &got.method);
    }
    if let Some(target) = expected.target.as_ref().filter(|target| !matches(target, &got.target)) {
        differ("target", target, &got.target);
    }
    let text = String::from_utf8_lossy(&got.body);
    if let Some(body) = expected.body.as_ref().filter(|body| !matches(body, &text)) {
        differ("body", body, &text);
    }
    if let Some(json) = &expected.json
        && serde_json::from_slice::<Json>(&got.body).ok().as_ref() != Some(json)
    {
        differ("json", &json.to_string(), &text);
    }
    headers("upstream.headers", &expected.headers, &got.headers, found);
}

/// Whether all that is expected is there: of an object each member, of a list each item in some place, of a text its pattern.
fn contains(expected: &Json, got: &Json) -> bool {
    match (expected, got) {
        (Json::Object(expected), Json::Object(got)) => {
            expected.iter().all(|(key, value)| got.get(key).is_some_and(|found| contains(value, found)))
        }
        (Json::Array(expected), Json::Array(got)) => {
            expected.iter().all(|value| got.iter().any(|found| contains(value, found)))
        }
        (Json::String(pattern), Json::String(text)) => matches(pattern, text),
        (expected, got) => expected == got,
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters. Linear in their lengths' product at worst.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
            ("*scope=\"x\"*", "Bearer scope=\"x\", y", true),
            ("aa*aa", "aaa", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} on {text}");
        }
    }

    #[test]
    fn members_that_are_not_expected_may_be_there() {
        let got =
            json!({ "violations": [{ "in": "body", "pointer": "/a" }, { "in": "query", "pointer": "b" }] });
        assert!(contains(&json!({ "violations": [{ "pointer": "b" }] }), &got));
        assert!(!contains(&json!({ "violations": [{ "in": "body", "pointer": "b" }] }), &got));
        assert!(!contains(&json!({ "other": 1 }), &got));
    }
}
