//! The audit as a command: what it finds where, in every format, and what it mends in place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use crate::common::{self, House, mode};
use serde_json::Value;

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
security: [{ oauth: ["notes:read"] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "notes:read": r, "notes:write": w } } } }
paths:
  /notes/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get:
      operationId: getNote
      responses: { "200": { description: ok, content: { application/json: { schema: { type: object, properties: { text: { type: string } } } } } } }
    put:
      operationId: putNote
      security: []
      requestBody:
        content: { application/json: { schema: { type: object, properties: { text: { type: string, maxLength: 9 } } } } }
      responses: { "200": { description: ok } }
"##;

const DOCUMENT: &str = "# ours
version: 1
listen: http://127.0.0.1:0
record: { decisions: { enabled: false } } # for now
issuers: { idp: { url: https://idp.example.com, audience: notes } }
profiles:
  loose:
    leaks: { mode: off } # later
apis:
  notes:
    profile: loose
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:1
    issuer: idp
    owner: team@example.com

    # tried first
    validation:
      request: enforce
      response: \"off\"
    inspection: { mode: off }
";

fn house() -> House {
    let house = House::new();
    house.write("openapi.yaml", CONTRACT);
    house.write("yett.yaml", DOCUMENT);
    house
}

fn json(house: &House, format: &str) -> Value {
    serde_json::from_str(&house.good(&["audit", "--format", format])).unwrap()
}

#[test]
fn what_is_open_is_found_where_it_stands_and_in_every_format() {
    let house = house();
    let audit = json(&house, "json");
    let finding = |rule: &str| {
        let all = audit["findings"].as_array().unwrap();
        all.iter().find(|one| one["rule"] == rule).unwrap_or_else(|| panic!("no {rule} in {audit:#}"))
    };
    for (rule, place, operations) in [
        ("anonymous-write", "openapi.yaml:13:5", 1),
        ("object-id-free", "openapi.yaml:10:5", 2),
        ("no-limit", "yett.yaml:10:3", 2),
        ("answers-unchecked", "yett.yaml:18:5", 1),
        ("attacks-unseen", "yett.yaml:21:5", 2),
        ("decisions-unkept", "yett.yaml:4:1", 0),
        ("properties-open", "yett.yaml:18:5", 1),
        ("any-host", "yett.yaml:10:3", 0),
    ] {
        let found = finding(rule);
        assert_eq!(found["place"], place, "{rule}");
        assert_eq!(found["operations"].as_array().unwrap().len(), operations, "{rule}");
    }
    assert!(audit["findings"].as_array().unwrap().iter().all(|one| one["rule"] != "no-owner"));
    // What gains most first.
    let gains: Vec<f64> =
        audit["findings"].as_array().unwrap().iter().map(|one| one["gain"].as_f64().unwrap()).collect();
    assert!(gains.is_sorted_by(|one, next| one >= next), "{gains:?}");
    let score = audit["score"].as_u64().unwrap();
    assert!((1..90).contains(&score), "{score}");
    let put = audit["coverage"].as_array().unwrap().iter().find(|row| row["operation"] == "putNote").unwrap();
    assert_eq!(
        (&put["covers"]["API2:2023"]["level"], &put["covers"]["API8:2023"]["level"]),
        (&"partly".into(), &"open".into())
    );

    let sarif = json(&house, "sarif");
    assert_eq!(
        (&sarif["version"], &sarif["runs"][0]["tool"]["driver"]["name"]),
        (&"2.1.0".into(), &"yett audit".into())
    );
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), gains.len());
    let write = results.iter().find(|one| one["ruleId"] == "anonymous-write").unwrap();
    let at = &write["locations"][0]["physicalLocation"];
    assert_eq!(
        (&at["artifactLocation"]["uri"], &at["region"]["startLine"]),
        (&"openapi.yaml".into(), &13.into())
    );
    let github = house.good(&["audit", "--format", "github"]);
    assert!(
        github.contains(
            "::error file=openapi.yaml,line=13,col=5,title=API2%3A2023 anyone may change something::"
        ),
        "{github}"
    );
    let human = house.good(&["audit"]);
    for part in [
        "score: ",
        "what gains most points first",
        "anonymous-write)",
        "beyond a gateway: ",
        "yett audit --fix",
    ] {
        assert!(human.contains(part), "`{part}` in\n{human}");
    }
    assert!(human.lines().all(|line| line.chars().count() <= 100), "{human}");

    let least = (score + 1).to_string();
    assert!(house.bad(&["audit", "--min-score", &least]).contains("has to be"));
    house.good(&["audit", "--min-score", &score.to_string()]);
    assert_eq!(house.read("yett.yaml"), DOCUMENT);
}

#[test]
fn what_is_safe_is_mended_in_place_and_nothing_else_changes() {
    let house = house();
    let path = house.path("yett.yaml");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let before = json(&house, "json")["score"].as_u64().unwrap();
    let shown = house.good(&["audit", "--fix", "--dry-run"]);
    assert!(shown.starts_with("--- yett.yaml\n+++ yett.yaml\n@@ ") && !shown.contains("weaker "), "{shown}");
    assert!(house.bad(&["audit", "--fix"]).contains("--yes"), "nobody is there to be asked");
    assert!(house.bad(&["audit", "--yes"]).contains("--fix"));
    assert_eq!(house.read("yett.yaml"), DOCUMENT);
    house.good(&["audit", "--fix", "--yes"]);
    // The profile may be others', so that its word is answered at the API.
    let expected = DOCUMENT
        .replace("enabled: false", "enabled: true")
        .replace("response: \"off\"", "response: \"shadow\"")
        .replace(
            "inspection: { mode: off }\n",
            "inspection: { mode: shadow }\n    leaks: { mode: shadow }\n",
        );
    assert_eq!(house.read("yett.yaml"), expected);
    assert_eq!(mode(&path), 0o600);
    let after = json(&house, "json");
    assert!(after["score"].as_u64().unwrap() > before);
    assert!(
        after["findings"].as_array().unwrap().iter().all(|one| one["fixed_by_fix"] == false),
        "{after:#}"
    );
    let again = house.yett(&["audit", "--fix", "--yes"]);
    assert!(again.status.success() && common::text(&again.stderr).contains("without a decision of yours"));
    assert_eq!(house.read("yett.yaml"), expected);
}

#[test]
fn what_nobody_wrote_is_written_where_it_is_missing() {
    let house = house();
    let text = DOCUMENT
        .replace("    inspection: { mode: off }\n", "")
        .replace("    leaks: { mode: off } # later\n", "    limits: []\n");
    house.write("yett.yaml", &text);
    house.good(&["audit", "--fix", "--yes"]);
    let expected = text.replace("enabled: false", "enabled: true").replace(
        "response: \"off\"\n",
        "response: \"shadow\"\n    inspection: { mode: shadow }\n    leaks: { mode: shadow }\n",
    );
    assert_eq!(house.read("yett.yaml"), expected);
    // A document elsewhere is named from here, and so are its contracts.
    std::fs::create_dir(house.path("sub")).unwrap();
    house.write("sub/openapi.yaml", CONTRACT);
    house.write("sub/yett.yaml", DOCUMENT);
    let audit = house.good(&["audit", "--config", "sub/yett.yaml", "--format", "github"]);
    assert!(
        audit.contains("file=sub/openapi.yaml,line=13") && audit.contains("file=sub/yett.yaml,line=4"),
        "{audit}"
    );
}

#[test]
fn without_a_contract_the_score_is_nothing() {
    let house = House::new();
    house.write(
        "yett.yaml",
        "version: 1\nlisten: http://127.0.0.1:0\napis:\n  any:\n    contract: none\n    allow: [GET /x/*]\n    unsecured: anonymous\n    \
         upstream: http://127.0.0.1:1\n",
    );
    let audit = json(&house, "json");
    assert_eq!((&audit["score"], &audit["apis"][0]["score"]), (&0.into(), &0.into()));
    assert_eq!(audit["findings"][0]["rule"], "no-contract");
    // One that is not good is not audited.
    house.write("yett.yaml", "version: 2\n");
    assert!(house.bad(&["audit"]).contains("not good"));
}
