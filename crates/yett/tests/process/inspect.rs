//! `yett inspect`: the decision and its reasons, and exclusions that let pass what was refused by mistake, and nothing else.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::io::Write;
use std::process::{Output, Stdio};

use crate::common::{House, text};
use serde_json::Value;

const BUILTIN: &str = "{ rules: builtin, mode: enforce }";
const RULES: &str = r#"
SecAction "id:10,phase:1,pass,nolog,setvar:tx.inbound_anomaly_score_threshold=5,setvar:tx.critical_anomaly_score=5"
SecRule ARGS|REQUEST_HEADERS "@rx ' or '" "id:12,phase:2,pass,log,t:none,t:urlDecodeUni,t:lowercase,severity:CRITICAL,msg:'words of SQL',setvar:tx.anomaly_score=+5"
SecRule ARGS|REQUEST_HEADERS "@rx <script" "id:13,phase:2,pass,log,t:none,severity:CRITICAL,msg:'script',setvar:tx.anomaly_score=+5"
SecRule TX:anomaly_score "@ge %{tx.inbound_anomaly_score_threshold}" "id:19,phase:2,deny,log"
"#;
const SQL: &str = "x' OR '1'='1";
const SCRIPT: &str = "<script>alert(1)</script>";

/// A folder with a document whose API has this section; what stands in it twice is for an API without a contract.
fn house(section: &str) -> House {
    let house = House::new();
    house.write("own.conf", RULES);
    house.write(
        "yett.yaml",
        &format!(
            "version: 1\nlisten: http://127.0.0.1:0\ndata: ./data # kept\napis:\n  notes:\n    contract: ./openapi.yaml\n    hosts: [x, localhost]\n    \
             upstream: http://127.0.0.1:1\n    issuer: local\n    inspection: {section}\n  raw:\n    contract: none\n    \
             hosts: [raw.example]\n    allow: [\"POST /raw\", \"GET /plain\"]\n    unsecured: anonymous\n    \
             upstream: http://127.0.0.1:1\n    operations: {{ \"POST /raw\": {{ inspection: {{ rules: builtin }} }} }}\n"
        ),
    );
    house
}

/// A request as it goes over the wire, with further fields.
fn note(text: &str, fields: &str) -> String {
    let body = serde_json::json!({ "text": text }).to_string();
    let length = body.len();
    format!(
        "POST /notes HTTP/1.1\r\nHost: x\r\n{fields}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn inspect(house: &House, request: &str) -> (Option<i32>, Value) {
    house.write("request.http", request);
    let output = house.yett(&["inspect", "request.http", "--format", "json"]);
    let said = serde_json::from_slice(&output.stdout);
    (output.status.code(), said.unwrap_or_else(|_| panic!("{}", text(&output.stderr))))
}

fn code(house: &House, request: &str) -> Option<i32> {
    inspect(house, request).0
}

fn tune(house: &House, arguments: &[&str]) -> Output {
    house.yett(&[&["inspect", "tune"], arguments].concat())
}

#[test]
fn a_refusal_is_explained_to_people_and_its_twin_is_allowed() {
    let house = house(BUILTIN);
    house.write("bad.http", &note(SQL, ""));
    let output = house.yett(&["inspect", "bad.http"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    for part in [
        "bad.http: POST /notes (addNote, notes)\n",
        "  `json:json.text`: sql/condition (tag attack-sqli), score ",
        "      seen as: plain; bytes ",
        "OR '1'='1\n",
        "  inspection refuses with payload_refused: score ",
        "\ndecision: refused (payload_refused), score ",
        " of 5\n",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    house.write("good.http", &note("its words or yours", ""));
    let said = house.good(&["inspect", "good.http"]);
    assert!(said.ends_with("  nothing matched\ndecision: allowed\n"), "{said}");
    // As an editor writes it, twice in one file.
    let lines = note("its words", "").replace("\r\n", "\n");
    house.write("two.http", &format!("{lines}\n\n{}\n", note(SQL, "").replace("\r\n", "\n")));
    let said = text(&house.yett(&["inspect", "two.http"]).stdout);
    assert!(said.contains("two.http#1: ") && said.contains("two.http#2: "), "{said}");
}

#[test]
fn machines_are_told_the_same() {
    let house = house(BUILTIN);
    let (code, said) = inspect(&house, &note("eCcgT1IgJzEnPScx", "X-Note: a%27 or %271%27=%271\r\n"));
    assert_eq!(
        (code, &said["decision"], &said["operation"]),
        (Some(1), &"refused".into(), &"addNote".into())
    );
    assert_eq!(said["refused"][0]["code"], "payload_refused");
    assert_eq!(said["threshold"], 5);
    assert!(said["score"].as_u64().is_some_and(|score| score >= 5), "{said}");
    let found = |place: &str| {
        let matches = said["matches"].as_array().unwrap().iter();
        matches.clone().find(|found| found["place"] == place).cloned().unwrap_or_else(|| panic!("{said}"))
    };
    let body = found("json:json.text");
    assert_eq!((&body["view"], &body["tag"]), (&serde_json::json!(["base64"]), &"attack-sqli".into()));
    assert!(body["matched"].as_str().unwrap().ends_with("OR '1'='1"), "{body}");
    assert_eq!(found("header:x-note")["view"], serde_json::json!(["percent"]));
    let (code, said) = inspect(&house, &note("fine", ""));
    assert_eq!(
        (code, &said["decision"], &said["matches"]),
        (Some(0), &"allowed".into(), &Value::Array(vec![]))
    );
}

#[test]
fn rules_of_a_file_say_what_they_transform_and_score() {
    let house = house("{ rules: \"file:own.conf\", mode: enforce }");
    let (code, said) = inspect(&house, &note("x%27 OR %271", ""));
    assert_eq!((code, &said["score"], &said["threshold"]), (Some(1), &5.into(), &5.into()), "{said}");
    let matches = said["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 1, "{said}");
    let one = &matches[0];
    assert_eq!(
        (&one["place"], &one["rule"], &one["score"]),
        (&"ARGS:json.text".into(), &12.into(), &5.into())
    );
    assert_eq!(one["view"], serde_json::json!(["urlDecodeUni", "lowercase"]));
    assert_eq!((&one["says"], &one["matched"]), (&"words of SQL".into(), &"x' or '1".into()));
    assert_eq!(code_of(&house, "its words"), Some(0));
}

fn code_of(house: &House, text: &str) -> Option<i32> {
    code(house, &note(text, ""))
}

#[test]
fn what_other_checks_and_the_front_door_refuse_is_told() {
    let house = house(BUILTIN);
    for (request, by, expected) in [
        ("GET /none HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "gateway", "operation_unknown"),
        ("GET /../notes HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "gateway", "path_not_canonical"),
        (note("fine", "").replace("Host: x\r\n", ""), "gateway", "request_malformed"),
        (note("fine", "").replace("\"text\"", "\"t\""), "validation", "body_invalid"),
    ] {
        let request = request.replace("Content-Length: 15", "Content-Length: 12");
        let (code, said) = inspect(&house, &request);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!((&said["refused"][0]["by"], &said["refused"][0]["code"]), (&by.into(), &expected.into()));
    }
    assert_eq!(code(&house, "GET /notes HTTP/1.1\r\nHost: x\r\n\r\n"), Some(0));
    // What cannot be said is neither.
    for arguments in [
        &["inspect", "none.http"][..],
        &["inspect"],
        &["inspect", "--target", "/plain", "--header", "Host: raw.example"],
        &["inspect", "--target", "/notes", "--config", "none.yaml"],
        &["inspect", "--method", "GET"],
    ] {
        let output = house.yett(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_request_comes_from_the_command_line_or_standard_input() {
    let house = house(BUILTIN);
    let data = format!("{{\"text\":\"{SQL}\"}}");
    let parts = ["inspect", "--target", "/notes", "--header", "Content-Type: application/json", "--data"];
    let with = |data: &str| house.yett(&[&parts[..], &[data]].concat()).status.code();
    assert_eq!(with(&data), Some(1));
    assert_eq!(with("{\"text\":\"fine\"}"), Some(0));
    house.write("body.json", &data);
    assert_eq!(with("@body.json"), Some(1));
    let mut child =
        house.command(&["inspect", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(note(SQL, "").as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let help = house.good(&["inspect", "--help"]);
    assert!(help.contains("--target") && help.contains("tune"), "{help}");
    assert!(house.good(&["completions", "bash"]).contains("inspect__subcmd__tune"), "completions know it");
}

#[test]
fn in_shadow_it_says_what_would_be() {
    let house = house("{ rules: builtin, mode: shadow }");
    house.write("bad.http", &note(SQL, ""));
    let output = house.yett(&["inspect", "bad.http"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("refused (payload_refused), were it enforced"));
}

#[test]
fn tuning_lets_exactly_the_recorded_pass() {
    let block = "\n      # of our own\n      rules: builtin\n      mode: enforce";
    let file = "\n      rules: file:own.conf\n      exclude:\n        - { rule: 13, headers: [x-template] }";
    for section in [BUILTIN, block, file, "{ rules: builtin, exclude: [{ headers: [x-template] }] }"] {
        let house = house(section);
        let good = [note(SQL, ""), note("fine", &format!("X-Comment: {SQL}\r\n"))];
        for good in &good {
            assert_eq!(code(&house, good), Some(1), "{section}");
        }
        house.write("good.http", &good.concat());
        let attacks = [
            note(SCRIPT, ""),
            note("fine", &format!("X-Other: {SQL}\r\n")),
            note("fine", &format!("X-Comment: {SCRIPT}\r\n")),
            format!("GET /notes HTTP/1.1\r\nHost: x\r\nX-Comment: {SQL}\r\n\r\n"),
        ];
        house.write("attacks.http", &attacks.concat());
        let output = tune(&house, &["good.http", "--refused", "attacks.http", "--format", "json"]);
        assert!(output.status.success(), "{section}: {}{}", text(&output.stdout), text(&output.stderr));
        let tuned: Value = serde_json::from_slice(&output.stdout).unwrap();
        let exclusions = tuned["exclusions"].as_array().unwrap();
        assert_eq!(exclusions.len(), 2, "{tuned}");
        assert!(
            exclusions.iter().all(|one| one["operation"] == "addNote" && one["api"] == "notes"),
            "{tuned}"
        );
        assert!(exclusions.iter().any(|one| one["parameter"] == "json.text"), "{tuned}");
        assert!(exclusions.iter().any(|one| one["header"] == "x-comment"), "{tuned}");
        // What was printed, applied.
        let document = tuned["document"].as_str().unwrap();
        let before = house.read("yett.yaml");
        house.write("yett.yaml", document);
        house.good(&["check"]);
        assert!(document.contains("data: ./data # kept"), "{document}");
        for good in &good {
            assert_eq!(code(&house, good), Some(0), "{document}");
        }
        for attack in &attacks {
            assert_eq!(code(&house, attack), Some(1), "{document}\n{attack}");
        }
        let added = |line: &&str| line.starts_with('+') && !line.starts_with("+++");
        let patch = tuned["patch"].as_str().unwrap();
        for line in patch.lines().filter(added) {
            assert!(document.lines().any(|known| known == &line[1..]), "{line} in\n{document}");
        }
        assert!(
            patch
                .lines()
                .filter(|line| line.starts_with('-'))
                .all(|line| line.starts_with("---") || before.contains(&line[1..]))
        );
        // Once applied there is nothing to do.
        let again = tune(&house, &["good.http"]);
        assert_eq!((again.status.code(), again.stdout.len()), (Some(0), 0), "{}", text(&again.stderr));
    }
}

#[test]
fn what_no_narrow_exclusion_lets_pass_is_told() {
    let house = house(BUILTIN);
    let raw = |body: &str| {
        format!(
            "POST /raw HTTP/1.1\r\nHost: raw.example\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    house.write("raw.http", &raw(SQL));
    house.write("invalid.http", &note("fine", "").replace("\"text\"", "\"TEXT\""));
    for (file, why) in [("raw.http", "which no exclusion can name"), ("invalid.http", "validation refuses")] {
        let output = tune(&house, &[file]);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.contains("still refused") && said.contains(why), "{said}");
        assert!(said.contains("0 of 1 good requests pass as it is"), "{said}");
    }
    house.write("good.http", &note(SQL, ""));
    house.write("same.http", &note(&format!("{SQL} and more"), ""));
    let output = tune(&house, &["good.http", "--refused", "same.http"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("passes, and is to be refused: same.http"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(tune(&house, &["none.http"]).status.code(), Some(2));
}
