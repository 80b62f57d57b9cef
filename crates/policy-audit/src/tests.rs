//! Every rule finds what it is for, and nothing where that is mended; the score follows; reports are what their readers want.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]
#![allow(clippy::too_many_lines, reason = "a table has a row for each rule")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::rules::{Check, all, run, run_one};
use crate::view::{Facts, Whole};
use crate::{Audit, Finding, Level, Place, Repair, Risk, Severity, coverage, report, score};

/// A configuration that leaves nothing open.
fn good() -> (Json, Facts) {
    let controls = json!({
        "authentication": "enforce", "authorization": "enforce", "limits": "enforce", "bodies": "enforce", "validation": "enforce",
        "inspection": "enforce", "leaks": "enforce", "uploads": "enforce", "cors": "enforce",
    });
    let settings = json!({
        "limits": [{ "per": "subject", "rate": "60/min", "mode": "enforce" }],
        "bodies": { "mode": "enforce" },
        "validation": { "request": "enforce", "response": "enforce", "undeclared": { "property": "refuse" }, "opaque": "refuse" },
        "inspection": { "mode": "enforce" },
        "leaks": { "mode": "enforce" },
        "uploads": { "mode": "enforce" },
        "cors": { "origins": ["https://shop.example.com"] },
    });
    let operation = |id: &str, scope: &str| {
        json!({
            "id": id,
            "access": { "anonymous": false, "any_of": [["a credential of `oauth`", format!("the scope `{scope}`")]] },
            "certificate": false,
            "sender_constrained": { "own": null, "demanded": { "*": "dpop" } },
            "controls": controls.clone(),
            "settings": settings.clone(),
            "request": { "parameters": {
                "path id": { "required": true, "schema": { "type": "string", "format": "uuid" } },
                "query limit": { "required": false, "schema": { "type": "integer", "maximum": 100 } },
            }, "body": null },
            "responses": { "200": { "media": { "application/json": { "$ref": "a#/Note" } } } },
        })
    };
    let mut write = operation("putNote", "notes:write");
    write["request"]["body"] = json!({ "required": true, "media": {
        "application/json": { "$ref": "a#/Note" },
        "multipart/form-data": { "type": "object", "properties": { "file": { "type": "string", "format": "binary" } }, "additionalProperties": false },
    } });
    let described = json!({
        "version": 2,
        "gateway": {
            "admin": { "bind": "127.0.0.1:9901" },
            "admission": { "anonymous": { "mode": "enforce" }, "failures": { "mode": "enforce" } },
            "record": { "access_log": "stdout", "decisions": { "enabled": true } },
            "accept": [],
        },
        "listeners": { "public": {
            "bind": "0.0.0.0:443", "accept": [],
            "tls": { "min_version": "1.3", "client_ca": "file:ca.pem", "client_crls": ["ca.crl"] },
        } },
        "authorities": { "partners": { "client_ca": "ca.pem", "subject": "uri-san" } },
        "signers": { "shops": { "keys": {}, "nonce": "required" } },
        "issuers": { "idp": { "url": "https://idp.example.com", "typ": "rfc9068", "leeway": "10s", "local": false } },
        "upstreams": { "notes": { "targets": [{ "url": "https://notes.internal:8443" }], "deadlines": { "first_byte": "30s" } } },
        "apis": { "notes": {
            "settings": { "owner": "team@example.com", "hosts": ["api.example.com"] },
            "contract": true,
            "operations": { "GET /v1/notes/{id}": operation("getNote", "notes:read"), "PUT /v1/notes/{id}": write },
            "schemas": { "a#/Note": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "text": { "type": "string", "maxLength": 100 },
                    "tags": { "type": "array", "maxItems": 9, "items": { "type": "string", "enum": ["a"] } },
                    "next": { "$ref": "a#/Note" },
                    "homepage": { "type": "string", "format": "uri", "pattern": "^https://example\\.com/" },
                },
            } },
        } },
    });
    (described, Facts::default())
}

fn whole<'j>(described: &'j Json, facts: &Facts) -> Whole<'j> {
    Whole::with(described, [(String::from("notes"), facts.clone())].into())
}

const READ: &str = "/apis/notes/operations/GET ~1v1~1notes~1{id}";
const WRITE: &str = "/apis/notes/operations/PUT ~1v1~1notes~1{id}";

/// A change of the good configuration.
enum Change {
    /// Of the value at a pointer.
    Json(String, Json),
    Facts(fn(&mut Facts)),
    /// Both operations change.
    Both(&'static str, Json),
    /// An operation is called otherwise.
    Rename(&'static str),
    /// The operation that writes has the rights of the one that reads, and there are more of both.
    Alike,
}

fn apply(change: Change, described: &mut Json, facts: &mut Facts) {
    let set = |described: &mut Json, pointer: &str, value: Json| {
        // A new member is put where its holder is.
        let (holder, key) = pointer.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        described.pointer_mut(holder).unwrap_or_else(|| panic!("{holder}"))[key.as_str()] = value;
    };
    match change {
        Change::Json(pointer, value) => set(described, &pointer, value),
        Change::Facts(change) => change(facts),
        Change::Both(below, value) => {
            for operation in [READ, WRITE] {
                set(described, &format!("{operation}{below}"), value.clone());
            }
        }
        Change::Rename(name) => {
            let operations = described["apis"]["notes"]["operations"].as_object_mut().unwrap();
            let write = operations.remove("PUT /v1/notes/{id}").unwrap();
            operations.insert(name.to_owned(), write);
        }
        Change::Alike => {
            let operations = described["apis"]["notes"]["operations"].as_object_mut().unwrap();
            let read = operations["GET /v1/notes/{id}"].clone();
            operations["PUT /v1/notes/{id}"]["access"] = read["access"].clone();
            for number in 0..3 {
                operations.insert(format!("GET /v1/more/{number}"), read.clone());
            }
        }
    }
}

/// What makes each rule find something.
fn cases() -> Vec<(&'static str, Change)> {
    let json = |base: &str, below: &str, value: Json| Change::Json(format!("{base}{below}"), value);
    let note = |below: &str, value: Json| Change::Json(format!("/apis/notes/schemas/a#~1Note{below}"), value);
    let anonymous = || json!({ "anonymous": true, "any_of": [] });
    let any = || json!({ "anonymous": false, "any_of": [["a credential of `oauth`"]] });
    let off = |control: &str| json(WRITE, &format!("/controls/{control}"), Json::Null);
    let gateway = |below: &str, value: Json| Change::Json(format!("/gateway{below}"), value);
    vec![
        (
            "object-id-free",
            json(READ, "/request/parameters/path id", json!({ "schema": { "type": "string" } })),
        ),
        ("object-id-guessable", Change::Both("/settings/limits", json!([]))),
        (
            "objects-in-shadow",
            json(WRITE, "/rules_in_shadow", json!(["objects.bindings.a", "objects.bindings.b"])),
        ),
        ("anonymous-write", json(WRITE, "/access", anonymous())),
        ("anonymous-read", json(READ, "/access", anonymous())),
        ("key-in-query", Change::Facts(|facts| facts.keys_in_query.push(String::from("key")))),
        ("tokens-unbound", json(WRITE, "/sender_constrained/demanded", json!({ "*": null }))),
        ("write-without-right", json(WRITE, "/access", any())),
        ("admin-without-right", Change::Rename("PUT /v1/admin/notes/{id}")),
        ("policy-in-shadow", json(WRITE, "/controls/pdp", json!("shadow"))),
        ("policies-in-shadow", json(WRITE, "/controls/policies", json!("shadow"))),
        ("policy-fails-open", json(WRITE, "/settings/pdp", json!({ "on_error": "allow" }))),
        ("one-right-for-all", Change::Alike),
        ("flow-unlimited", Change::Rename("POST /v1/resetPassword")),
        ("request-schema-missing", json(WRITE, "/request/body/media", json!({ "application/json": null }))),
        (
            "answer-schema-missing",
            json(READ, "/responses/200/media", json!({ "application/problem+json": null })),
        ),
        ("properties-open", json(WRITE, "/settings/validation/undeclared", json!("report"))),
        ("answer-properties-open", note("/additionalProperties", json!(true))),
        (
            "list-unbounded",
            note("/properties/tags", json!({ "type": "array", "items": { "type": "integer" } })),
        ),
        ("text-unbounded", note("/properties/text", json!({ "type": ["string", "null"] }))),
        (
            "page-unbounded",
            json(READ, "/request/parameters/query limit", json!({ "schema": { "type": "integer" } })),
        ),
        ("address-free", note("/properties/homepage", json!({ "type": "string", "format": "uri" }))),
        ("requests-unchecked", json(WRITE, "/settings/validation/request", json!("off"))),
        ("requests-in-shadow", json(WRITE, "/settings/validation/request", json!("shadow"))),
        ("answers-unchecked", json(WRITE, "/settings/validation/response", json!("off"))),
        ("answers-in-shadow", json(WRITE, "/settings/validation/response", json!("shadow"))),
        ("no-limit", off("limits")),
        ("limits-by-everyone", json(WRITE, "/settings/limits", json!([{ "per": "api", "rate": "9/s" }]))),
        ("bodies-in-shadow", json(WRITE, "/settings/bodies/mode", json!("shadow"))),
        ("attacks-unseen", off("inspection")),
        ("views-in-shadow", json(WRITE, "/controls/views", json!("shadow"))),
        ("attacks-in-shadow", json(WRITE, "/settings/inspection/mode", json!("shadow"))),
        ("leaks-unseen", off("leaks")),
        ("uploads-unchecked", json(WRITE, "/controls/uploads", json!("shadow"))),
        ("origins-any", json(READ, "/settings/cors/origins", json!(["*"]))),
        ("unread-bodies", json(WRITE, "/settings/validation/opaque", json!("accept"))),
        ("contract-unenforced", Change::Facts(|facts| facts.accepted = 2)),
        (
            "clear-text",
            Change::Json(
                "/listeners/public".into(),
                json!({ "bind": "0.0.0.0:80", "accept": ["cleartext"] }),
            ),
        ),
        ("tls-old", Change::Json("/listeners/public/tls/min_version".into(), json!("1.2"))),
        ("admin-reachable", gateway("/admin/bind", json!("0.0.0.0:9901"))),
        ("local-issuer", Change::Json("/issuers/idp/local".into(), json!(true))),
        ("token-type-lenient", Change::Json("/issuers/idp/typ".into(), json!("lenient"))),
        ("clock-leeway", Change::Json("/issuers/idp/leeway".into(), json!("5m"))),
        ("caller-by-common-name", Change::Json("/authorities/partners/subject".into(), json!("common-name"))),
        ("certificates-unlisted", Change::Json("/listeners/public/tls/client_crls".into(), json!([]))),
        ("signatures-repeatable", Change::Json("/signers/shops/nonce".into(), json!("off"))),
        ("guessing-unlimited", gateway("/admission/failures/mode", json!("off"))),
        ("anonymous-unlimited", gateway("/admission/anonymous/mode", json!("shadow"))),
        ("decisions-unkept", gateway("/record/decisions/enabled", json!(false))),
        ("access-unlogged", gateway("/record/access_log", json!("off"))),
        (
            "sink-clear-text",
            gateway("/notify", json!({ "sinks": { "soc": { "url": "http://soc.internal/x" } } })),
        ),
        (
            "upstream-clear-text",
            Change::Json(
                "/upstreams/notes/targets".into(),
                json!([{ "url": "http://notes.internal:8080/x" }]),
            ),
        ),
        ("upstream-patient", Change::Json("/upstreams/notes/deadlines/first_byte".into(), json!("10m"))),
        ("no-contract", Change::Json("/apis/notes/contract".into(), json!(false))),
        ("deprecated-served", Change::Facts(|facts| facts.deprecated.push(String::from("GET /notes/{id}")))),
        ("no-owner", Change::Json("/apis/notes/settings/owner".into(), Json::Null)),
        ("any-host", Change::Json("/apis/notes/settings/hosts".into(), json!([]))),
        ("operation-unreachable", json(READ, "/access", json!({ "anonymous": false, "any_of": [] }))),
    ]
}

#[test]
fn some_rules_of_inspection_in_shadow_are_found() {
    let rule = all().find(|rule| rule.id == "attacks-in-shadow").unwrap();
    // The second is what answers in shadow come to, which is no matter of attacks.
    for (names, found) in [(json!(["inspection.modes.new-sql"]), 1), (json!(["inspection"]), 0)] {
        let (mut described, mut facts) = good();
        apply(Change::Json(format!("{WRITE}/rules_in_shadow"), names), &mut described, &mut facts);
        assert_eq!(run_one(rule, &whole(&described, &facts)).len(), found);
    }
}

#[test]
fn every_rule_finds_its_case_and_nothing_in_its_twin() {
    let (described, facts) = good();
    let nothing: Vec<&str> = run(&whole(&described, &facts)).iter().map(|found| found.rule.id).collect();
    assert_eq!(nothing, [""; 0], "the good one is good");
    let mut seen = BTreeSet::new();
    for (id, change) in cases() {
        let rule = all().find(|rule| rule.id == id).unwrap_or_else(|| panic!("no rule `{id}`"));
        let (mut described, mut facts) = good();
        if id == "object-id-guessable" {
            let number = json!({ "schema": { "type": "integer" } });
            apply(Change::Both("/request/parameters/path id", number), &mut described, &mut facts);
            assert!(
                run_one(rule, &whole(&described, &facts)).is_empty(),
                "numbers with a limit are its twin"
            );
        }
        if id == "properties-open" {
            let open =
                Change::Json(String::from("/apis/notes/schemas/a#~1Note/additionalProperties"), json!(true));
            apply(open, &mut described, &mut facts);
            assert!(
                run_one(rule, &whole(&described, &facts)).is_empty(),
                "what is undeclared is refused: its twin"
            );
        }
        if id == "flow-unlimited" {
            apply(Change::Rename("POST /v1/resetPassword"), &mut described, &mut facts);
            assert!(run_one(rule, &whole(&described, &facts)).is_empty(), "one with a limit is its twin");
            let write = &mut described["apis"]["notes"]["operations"]["POST /v1/resetPassword"];
            write["settings"]["limits"] = json!([{ "per": "subject", "rate": "1/s", "mode": "shadow" }]);
        } else {
            apply(change, &mut described, &mut facts);
        }
        let found = run_one(rule, &whole(&described, &facts));
        assert_eq!(found.len(), 1, "`{id}`: {found:?}");
        assert!(!found[0].what.is_empty() && found[0].what.len() < 200, "{}", found[0].what);
        // What is in shadow is looked at already.
        let is_looked_at = matches!(id, "bodies-in-shadow" | "uploads-unchecked");
        assert_eq!(found[0].repair.is_some(), rule.is_repaired() && !is_looked_at, "`{id}`");
        assert!(seen.insert(id), "`{id}` stands there twice");
    }
    let rules: BTreeSet<&str> = all().map(|rule| rule.id).collect();
    assert_eq!(rules, seen, "each rule has its case");
    assert_eq!(rules.len(), all().count(), "no two rules have one name");
    assert!(rules.len() >= 25);
}

#[test]
fn every_rule_says_what_and_why_and_what_to_do() {
    for rule in all() {
        let kebab = rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(kebab && (1..=100).contains(&rule.weight), "{}", rule.id);
        for text in [rule.title, rule.why, rule.fix] {
            assert!(text.len() > 10 && !text.ends_with('.') && !text.contains('\n'), "{}: {text}", rule.id);
        }
    }
    let risks: BTreeSet<Risk> = all().map(|rule| rule.risk).collect();
    assert_eq!(risks.len(), 10, "each of the ten has a rule");
    assert_eq!(all().find(|rule| rule.id == "anonymous-write").unwrap().severity(), Severity::High);
}

#[test]
fn what_is_named_otherwise_is_not_found() {
    let rule = |id: &str| all().find(|rule| rule.id == id).unwrap();
    let found = |id: &str, name: &'static str| {
        let (mut described, mut facts) = good();
        apply(Change::Rename(name), &mut described, &mut facts);
        !run_one(rule(id), &whole(&described, &facts)).is_empty()
    };
    for (name, is) in [
        ("PUT /v1/admin", true),
        ("PUT /v1/site-admin/x", true),
        ("PUT /internal/x", true),
        ("PUT /v1/administered", false),
        ("PUT /v1/managers", false),
    ] {
        assert_eq!(found("admin-without-right", name), is, "{name}");
    }
    // A role, or a scope that says so, is a right of its own.
    let (mut described, mut facts) = good();
    apply(Change::Rename("PUT /v1/admin"), &mut described, &mut facts);
    let write = &mut described["apis"]["notes"]["operations"]["PUT /v1/admin"];
    let scoped =
        json!({ "anonymous": false, "any_of": [["a credential of `oauth`", "the scope `notes:admin`"]] });
    let before = std::mem::replace(&mut write["access"], scoped);
    assert!(run_one(rule("admin-without-right"), &whole(&described, &facts)).is_empty());
    let write = &mut described["apis"]["notes"]["operations"]["PUT /v1/admin"];
    write["access"] = before;
    write["settings"]["authorization"] = json!({ "require": { "roles": ["operator"] } });
    assert!(run_one(rule("admin-without-right"), &whole(&described, &facts)).is_empty());
    // Loopback is not another machine, in whatever spelling.
    for url in ["http://127.0.0.1:3000", "http://localhost", "http://[::1]:80/x", "https://a.example"] {
        let (mut described, facts) = good();
        described["upstreams"]["notes"]["targets"] = json!([{ "url": url }]);
        described["gateway"]["notify"] = json!({ "sinks": { "soc": { "url": url } } });
        for id in ["upstream-clear-text", "sink-clear-text"] {
            assert!(run_one(rule(id), &whole(&described, &facts)).is_empty(), "{id}: {url}");
        }
    }
    for bind in ["127.0.0.1:80", "[::1]:80", "unix:/run/yett.sock"] {
        let (mut described, facts) = good();
        described["listeners"]["public"] = json!({ "bind": bind, "accept": ["cleartext"] });
        assert!(run_one(rule("clear-text"), &whole(&described, &facts)).is_empty(), "{bind}");
    }
}

/// Findings with their scores, of the good configuration with these changes.
fn scored(changes: Vec<Change>) -> (u8, Vec<Finding>) {
    let (mut described, mut facts) = good();
    changes.into_iter().for_each(|change| apply(change, &mut described, &mut facts));
    let whole = whole(&described, &facts);
    let mut findings = run(&whole);
    let (score, _) = score::score(&whole, &mut findings);
    (score, findings)
}

#[test]
fn the_score_is_what_is_documented() {
    let weight = |id: &str| all().find(|rule| rule.id == id).unwrap().weight;
    assert_eq!(scored(Vec::new()).0, 100);
    // One of two operations: half of the weight.
    let anonymous = || Change::Json(format!("{WRITE}/access"), json!({ "anonymous": true, "any_of": [] }));
    let (score, findings) = scored(vec![anonymous()]);
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].loss, findings[0].gain),
        (u64::from(weight("anonymous-write")) * 50, findings[0].loss)
    );
    assert_eq!(u64::from(score), (10_000 - findings[0].loss) / 100);
    // The gateway's own settings take their weight once, however often.
    let two = json!({ "a": { "local": true }, "b": { "local": true } });
    let (score, findings) = scored(vec![Change::Json("/issuers".into(), two)]);
    assert_eq!((findings.len(), u32::from(score)), (2, 100 - weight("local-issuer")));
    // Without a contract there is nothing, and no finding alone brings anything back.
    let (score, findings) =
        scored(vec![Change::Json("/apis/notes/contract".into(), json!(false)), anonymous()]);
    assert_eq!(score, 0);
    let gain = |id: &str| findings.iter().find(|found| found.rule.id == id).unwrap().gain;
    assert!(gain("no-contract") > 0 && gain("anonymous-write") == 0);
}

#[test]
fn apis_weigh_as_they_have_operations() {
    let (mut described, _) = good();
    let mut other = described["apis"]["notes"].clone();
    other["contract"] = json!(false);
    let operations = other["operations"].as_object_mut().unwrap();
    operations.remove("PUT /v1/notes/{id}");
    described["apis"]["other"] = other;
    let facts = Facts::default();
    let facts = BTreeMap::from([(String::from("notes"), facts.clone()), (String::from("other"), facts)]);
    let whole = Whole::with(&described, facts);
    let (score, apis) = score::score(&whole, &mut run(&whole));
    assert_eq!(apis.iter().map(|api| api.score).collect::<Vec<_>>(), [100, 0]);
    assert_eq!(score, 66, "two of three operations are good");
}

#[test]
fn coverage_says_what_protects_and_never_more_than_a_gateway_can() {
    let (described, facts) = good();
    let rows = coverage::cover(&whole(&described, &facts));
    assert_eq!(rows.len(), 2);
    let levels = |row: &crate::Row| row.covers.iter().map(|cover| cover.level).collect::<Vec<_>>();
    use Level::{Held, Nothing, Open, Partly};
    assert_eq!(levels(&rows[0]), [Partly, Held, Held, Held, Held, Nothing, Nothing, Held, Held, Held]);
    assert_eq!(levels(&rows[1]), [Partly, Held, Held, Held, Held, Partly, Nothing, Held, Held, Held]);
    let (mut described, mut facts) = good();
    for (below, value) in [
        ("/access", json!({ "anonymous": true, "any_of": [] })),
        ("/controls", json!({})),
        ("/settings", json!({})),
    ] {
        apply(Change::Both(below, value), &mut described, &mut facts);
    }
    let free = json!({ "type": "string", "format": "uri" });
    apply(
        Change::Json("/apis/notes/schemas/a#~1Note/properties/homepage".into(), free),
        &mut described,
        &mut facts,
    );
    described["gateway"]["admission"]["failures"]["mode"] = json!("off");
    let rows = coverage::cover(&whole(&described, &facts));
    assert_eq!(levels(&rows[1]), [Open, Open, Open, Open, Open, Open, Open, Open, Held, Open]);
    for risk in Risk::ALL {
        assert!(risk.beyond().len() > 20 && risk.id().ends_with(":2023"));
    }
}

fn audited() -> Audit {
    let (mut described, mut facts) = good();
    cases()
        .into_iter()
        .filter(|(id, _)| {
            !matches!(
                *id,
                "no-contract" | "clear-text" | "one-right-for-all" | "admin-without-right" | "flow-unlimited"
            )
        })
        .for_each(|(_, change)| apply(change, &mut described, &mut facts));
    let whole = whole(&described, &facts);
    let mut findings = run(&whole);
    let (score, apis) = score::score(&whole, &mut findings);
    let place = Place { file: String::from("a b/yett.yaml"), line: 7, column: 3 };
    for finding in &mut findings {
        finding.place = Some(place.clone());
        finding.others = finding.operations.iter().map(|_| place.clone()).collect();
    }
    Audit { score, apis, findings, coverage: coverage::cover(&whole) }
}

/// Members that the schema of SARIF 2.1.0 demands, by what they are of, and of which kind the others are that we write.
fn check_sarif(log: &Json) {
    let text = |value: &Json, key: &str| {
        value[key].as_str().unwrap_or_else(|| panic!("`{key}` of {value}")).to_owned()
    };
    let message = |value: &Json| assert!(!text(value, "text").is_empty());
    // sarifLog: version, runs.
    assert_eq!(text(log, "version"), "2.1.0");
    assert!(text(log, "$schema").starts_with("https://"));
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    // run: tool; tool: driver; toolComponent: name.
    let driver = &runs[0]["tool"]["driver"];
    assert!(!text(driver, "name").is_empty());
    let levels = ["none", "note", "warning", "error"];
    let mut ids = BTreeSet::new();
    for rule in driver["rules"].as_array().unwrap() {
        // reportingDescriptor: id, unique within the component; multiformatMessageString: text.
        assert!(ids.insert(text(rule, "id")));
        ["shortDescription", "fullDescription", "help"].iter().for_each(|key| message(&rule[*key]));
        assert!(levels.contains(&&*text(&rule["defaultConfiguration"], "level")));
        assert!(rule["properties"]["tags"].as_array().unwrap().iter().all(Json::is_string));
    }
    let results = runs[0]["results"].as_array().unwrap();
    for result in results {
        // result: message; ruleIndex names the rule that ruleId does.
        message(&result["message"]);
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(text(&driver["rules"][index], "id"), text(result, "ruleId"));
        assert!(levels.contains(&&*text(result, "level")));
        assert!(result["partialFingerprints"].as_object().unwrap().values().all(Json::is_string));
        let related = result["relatedLocations"].as_array().into_iter().flatten();
        for location in result["locations"].as_array().unwrap().iter().chain(related) {
            let physical = &location["physicalLocation"];
            let uri = text(&physical["artifactLocation"], "uri");
            assert!(!uri.contains([' ', ':', '\\']) && !uri.starts_with('/'), "{uri}");
            assert!(physical["region"]["startLine"].as_u64().unwrap() >= 1);
            assert!(physical["region"]["startColumn"].as_u64().unwrap() >= 1);
        }
    }
}

#[test]
fn reports_are_what_their_readers_want() {
    let audit = audited();
    assert!(audit.findings.len() > 30, "{}", audit.findings.len());
    let log = report::sarif(&audit, "1.2.3");
    check_sarif(&log);
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), audit.findings.len());
    let lines = report::github(&audit);
    assert_eq!(lines.lines().count(), audit.findings.len());
    for line in lines.lines() {
        let (head, text) = line.trim_start_matches(':').split_once("::").unwrap();
        let command = head.split(' ').next().unwrap();
        assert!(["error", "warning", "notice"].contains(&command) && text.contains("To do: "), "{line}");
        assert!(head.contains("file=a b/yett.yaml,line=7,col=3,title=API"), "{line}");
    }
    let json = report::as_json(&audit);
    assert_eq!(json["findings"].as_array().unwrap().len(), audit.findings.len());
    assert_eq!(json["coverage"][0]["covers"].as_object().unwrap().len(), 10);
    assert_eq!(json["risks"]["API7:2023"]["title"], "Server Side Request Forgery");
}

#[test]
fn what_is_repaired_lets_no_less_through() {
    // From `off` to `shadow`, or a record that is kept: nothing that is refused afterwards passed before.
    for rule in all() {
        match rule.check {
            Check::Settable(_, path, value) => {
                assert!(path.first() == Some(&"record"), "{}: {path:?} {value}", rule.id);
            }
            Check::Watched(_, control, setting) => assert!(!control.is_empty() && !setting.is_empty()),
            _ => assert!(!rule.is_repaired()),
        }
    }
    let (_, findings) =
        scored(vec![Change::Json(format!("{WRITE}/settings/validation/response"), json!("off"))]);
    let expected = Repair::Watch { control: "validation", setting: "response", api: String::from("notes") };
    assert_eq!(findings[0].repair, Some(expected));
}

#[test]
fn the_page_has_every_rule() {
    let page = include_str!("../../../docs/audit.md");
    let rows: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let repaired = |is: bool| if is { " yes " } else { "  " };
    let row = |rule: &crate::Rule| {
        let risk = rule.risk.id().trim_end_matches(":2023");
        format!(
            "| `{}` | {risk} | {} | {} |{}|",
            rule.id,
            rule.weight,
            rule.title,
            repaired(rule.is_repaired())
        )
    };
    for rule in all() {
        assert!(rows.contains(row(rule).as_str()), "docs/audit.md lacks\n{}", row(rule));
    }
}
