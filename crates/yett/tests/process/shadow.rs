//! Controls in shadow, from a report to enforcement: real calls through a real gateway, on SQLite and on a real PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]
#![allow(clippy::too_many_lines, reason = "a story from beginning to end")]

use crate::common::{self, Gateway, House, Service, call};
use serde_json::{Value, json};
use testkit::{Postgres, until};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
security: [{ oauth: ["notes:read"] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "notes:read": r } } } }
  requestBodies:
    Note:
      required: true
      content: { application/json: { schema: { type: object, required: [text], properties: { text: { type: string }, more: { type: string } } } } }
paths:
  /notes:
    get:
      operationId: listNotes
      parameters: [{ name: q, in: query, schema: { type: integer } }]
      responses: { "200": { description: ok } }
    post:
      operationId: addNote
      requestBody: { $ref: "#/components/requestBodies/Note" }
      responses: { "200": { description: ok } }
  /drafts:
    post:
      operationId: addDraft
      requestBody: { $ref: "#/components/requestBodies/Note" }
      responses: { "200": { description: ok } }
"##;

/// A document with comments, a profile, and controls in shadow at several places.
fn document(service: &Service, store: &str) -> String {
    format!(
        "# The notes service.
version: 1
listen: http://127.0.0.1:0
admin: {{ bind: \"127.0.0.1:0\" }}
record: {{ access_log: \"off\", decisions: {{ sample: 0% }} }}   # nothing of the rest
{store}profiles:
  careful:
    inspection: {{ rules: builtin, mode: enforce }}
apis:
  notes:
    profile: careful
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:{}
    issuer: local
    validation:
      request: shadow # until clients are mended
      response: 'off'
    leaks: {{ mode: 'off' }}
    operations:
      addDraft:
        validation: {{ request: enforce }}
      listNotes:
        limits:
          - {{ per: subject, rate: 2/hour, mode: shadow }}
",
        service.port
    )
}

fn house(service: &Service, store: &str) -> House {
    let house = House::new();
    house.write("openapi.yaml", CONTRACT);
    house.write("yett.yaml", &document(service, store));
    house
}

/// Runs a story on both.
fn everywhere(story: fn(&House, &Service)) {
    let service = Service::start();
    story(&house(&service, ""), &service);
    let server = Postgres::start();
    let shared = house(&service, "store: { url: \"file:store.url\", key: \"file:store.key\" }\n");
    shared.write("store.url", &format!("{}\n", server.database("story")));
    shared.write("store.key", &"k".repeat(40));
    story(&shared, &service);
}

fn token(house: &House, subject: &str) -> String {
    house.good(&["token", "--subject", subject, "--scope", "notes:read"]).trim().to_owned()
}

fn report(house: &House, arguments: &[&str]) -> Value {
    let text = house.good(&[&["shadow", "--format", "json"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn row<'r>(report: &'r Value, list: &str, control: &str, operation: &str) -> &'r Value {
    let rows = report[list].as_array().unwrap();
    let found = rows.iter().find(|row| row["control"] == control && row["operation"] == operation);
    found.unwrap_or_else(|| panic!("no {control} of {operation} in {report:#}"))
}

#[test]
fn a_report_counts_every_call_and_names_some() {
    everywhere(|house, _| {
        let gateway = Gateway::start(house);
        let (alice, bob) = (token(house, "alice"), token(house, "bob"));
        let post = |token: &str, body: &str| call(&gateway.url, "POST", "/notes", Some(token), Some(body)).0;
        // Of alice's calls eight are as the contract wants them and two are not; bob's is an attack beside.
        for _ in 0..8 {
            assert_eq!(post(&alice, "{\"text\":\"x\"}"), 200);
        }
        for _ in 0..2 {
            assert_eq!(post(&alice, "{\"text\":1}"), 200);
        }
        assert_eq!(post(&bob, "{\"text\":1,\"more\":\"1' OR '1'='1' --\"}"), 403);
        assert_eq!(call(&gateway.url, "GET", "/notes", None, None).0, 401);
        for _ in 0..5 {
            assert_eq!(call(&gateway.url, "GET", "/notes", Some(&alice), None).0, 200);
        }
        assert_eq!(call(&gateway.url, "POST", "/drafts", Some(&alice), Some("{\"text\":1}")).0, 400);

        let said = report(house, &["--by", "principal"]);
        let looked = row(&said, "looked", "validation", "addNote");
        assert_eq!(
            (&looked["calls"], &looked["good"], &looked["part"]),
            (&json!(11), &json!(10), &json!("request"))
        );
        let refused = row(&said, "refused", "validation", "addNote");
        assert_eq!(
            (&refused["calls"], &refused["good"], &refused["code"]),
            (&json!(3), &json!(2), &json!("body_invalid"))
        );
        assert_eq!((&refused["good_looked_at"], &refused["share_of_good"]), (&json!(10), &json!(0.2)));
        let limited = row(&said, "refused", "limits", "listNotes");
        assert_eq!((&limited["good"], &limited["share_of_good"]), (&json!(3), &json!(0.6)));
        // What is enforced for an operation is no shadow of it.
        assert!(said["looked"].as_array().unwrap().iter().all(|row| row["operation"] != "addDraft"));
        // What is in shadow is told with its place.
        let places: Vec<&str> =
            said["in_shadow"].as_array().unwrap().iter().map(|one| one["place"].as_str().unwrap()).collect();
        assert!(places.iter().all(|place| place.starts_with("yett.yaml:")), "{places:?}");
        let who = &said["by"].as_array().unwrap();
        assert!(who.iter().all(|one| one["who"] == "alice" && one["api"] == "notes"), "{said:#}");
        // Who, which operation and why are had in one.
        let whose: Vec<[&str; 3]> = who
            .iter()
            .map(|one| ["operation", "control", "code"].map(|name| one[name].as_str().unwrap()))
            .collect();
        assert!(whose.contains(&["addNote", "validation", "body_invalid"]), "{said:#}");
        assert!(whose.contains(&["listNotes", "limits", "rate_limited"]), "{said:#}");
        assert_eq!(who.iter().map(|one| one["good"].as_u64().unwrap()).sum::<u64>(), 5);
        assert_eq!((&said["uncounted"], &said["lost"]), (&json!(0), &json!(0)));
        // Examples can be asked for.
        let examples = refused["examples"].as_array().unwrap();
        assert_eq!(examples.len(), 2);
        let told = house.good(&["explain", examples[0].as_str().unwrap()]);
        assert!(told.contains("body_invalid") && told.contains("validation"), "{told}");

        let human = house.good(&["shadow", "--by", "address"]);
        for part in [
            "validation of the request",
            "20%",
            "notes/addNote, body_invalid (and 1 that were not good)",
            "notes/listNotes, limits, rate_limited",
        ] {
            assert!(human.contains(part), "`{part}` in\n{human}");
        }
        assert!(human.lines().all(|line| line.chars().count() <= 100), "{human}");

        // Filters, and a time before anything happened.
        assert_eq!(report(house, &["--control", "limits"])["refused"].as_array().unwrap().len(), 1);
        assert_eq!(
            report(house, &["--operation", "addNote", "--api", "notes"])["looked"].as_array().unwrap().len(),
            1
        );
        assert!(report(house, &["--operation", "none"])["looked"].as_array().unwrap().is_empty());
        assert!(report(house, &["--since", "1h"])["refused"].as_array().unwrap().len() == 2);

        // Counts outlive the process, and are one with those of the next.
        gateway.signal("TERM");
        assert_eq!(gateway.end(), 0);
        let gateway = Gateway::start(house);
        assert_eq!(call(&gateway.url, "POST", "/notes", Some(&alice), Some("{\"text\":\"x\"}")).0, 200);
        let said = report(house, &["--control", "validation", "--operation", "addNote"]);
        assert_eq!(row(&said, "looked", "validation", "addNote")["good"], json!(11));
    });
}

#[test]
fn nothing_in_shadow_is_said() {
    let service = Service::start();
    let house = house(&service, "");
    let text = house.read("yett.yaml").replace("shadow", "enforce");
    house.write("yett.yaml", &text);
    let _gateway = Gateway::start(&house);
    let told = house.good(&["shadow"]);
    assert!(
        told.contains("in shadow now: nothing") && told.contains("no control in shadow looked"),
        "{told}"
    );
    house.write("yett.yaml", &text.replace("sample: 0%", "enabled: false"));
    house.good(&["reload"]);
}

#[test]
fn what_harms_nobody_is_promoted_in_place_and_then_enforced() {
    let service = Service::start();
    let house = house(&service, "");
    let path = house.path("yett.yaml");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let before = house.read("yett.yaml");
    let dead = house.bad(&["promote", "validation.request", "--yes"]);
    assert!(dead.contains("declined") && dead.contains("no gateway listens"), "{dead}");

    let gateway = Gateway::start(&house);
    let alice = token(&house, "alice");
    let post = |path: &str, body: &str| call(&gateway.url, "POST", path, Some(&alice), Some(body)).0;
    (0..29).for_each(|_| assert_eq!(post("/notes", "{\"text\":\"x\"}"), 200));
    let declined =
        |arguments: &[&str]| house.bad(&[&["promote", "validation.request", "--yes"], arguments].concat());
    let few = declined(&["--max-harm", "10%"]);
    assert!(few.contains("too few calls to say: 29 good ones") && few.contains("it takes 30"), "{few}");
    assert!(declined(&[]).contains("it takes 3,000"));
    assert_eq!(post("/notes", "{\"text\":1}"), 200);
    let harm = declined(&["--max-harm", "1%"]);
    assert!(harm.contains("1 of 30 good calls (3.3334%)") && harm.contains("yett explain "), "{harm}");
    // What it would change is named before anything of it is.
    assert!(house.bad(&["promote", "validation.response"]).contains("is not in shadow"));
    assert!(house.bad(&["promote", "inspection"]).contains("is not in shadow"));
    assert!(house.bad(&["promote", "validatoin"]).contains("did you mean `validation`?"));
    assert!(house.bad(&["promote", "validation", "--max-harm", "10"]).contains("0.1%"));
    assert!(
        house.bad(&["promote", "validation", "--max-harm", "10%"]).contains("--yes"),
        "nobody is there to be asked"
    );
    assert_eq!(house.read("yett.yaml"), before);

    // For one operation it is written where that is; for all of them in its place.
    let patch = house.good(&[
        "promote",
        "validation.request",
        "--operation",
        "addNote",
        "--max-harm",
        "10%",
        "--dry-run",
    ]);
    assert!(patch.contains("\n+      addNote: { validation: { request: enforce } }\n"), "{patch}");
    assert!(patch.contains("stricter"), "{patch}");
    let patch = house.good(&["promote", "validation", "--max-harm", "10%", "--dry-run"]);
    let lines = "\n-      request: shadow # until clients are mended\n+      request: enforce # until clients are mended\n";
    assert!(patch.contains(lines) && patch.starts_with("--- yett.yaml\n+++ yett.yaml\n@@ "), "{patch}");
    assert_eq!(house.read("yett.yaml"), before);

    house.good(&["promote", "validation", "--max-harm", "10%", "--yes"]);
    assert_eq!(house.read("yett.yaml"), before.replace("request: shadow #", "request: enforce #"));
    assert_eq!(common::mode(&path), 0o640);
    // The gateway takes it up by itself.
    until(30, || (post("/notes", "{\"text\":1}") == 400).then_some(())).expect("the change is in effect");
    assert_eq!(post("/notes", "{\"text\":\"x\"}"), 200, "the others pass");
    assert!(house.bad(&["promote", "validation", "--yes"]).contains("is not in shadow"));

    // A limit in a list: in its place too, and the list of the operation is its own.
    let get = || call(&gateway.url, "GET", "/notes", Some(&alice), None).0;
    assert_eq!([get(), get()], [200, 200]);
    let all = ["--max-harm", "50%", "--min-calls", "2", "--yes"];
    house.good(&[&["promote", "limits", "--operation", "listNotes", "--api", "notes"][..], &all].concat());
    let text =
        before.replace("request: shadow #", "request: enforce #").replace("mode: shadow", "mode: enforce");
    assert_eq!(house.read("yett.yaml"), text);
    until(30, || (get() == 429).then_some(())).expect("the limit is in effect");
    assert!(house.good(&["shadow"]).contains("in shadow now: nothing"));
}

#[test]
fn settings_of_profiles_and_defaults_are_promoted_where_they_belong() {
    let service = Service::start();
    let house = house(&service, "");
    let text = house.read("yett.yaml").replace("mode: enforce }", "mode: \"shadow\" } # ours");
    let text = text.replace("      response: 'off'\n", "").replace("request: shadow", "request: enforce");
    house.write("yett.yaml", &text);
    let _gateway = Gateway::start(&house);
    let any = ["--max-harm", "100%", "--min-calls", "0"];
    let patch = |arguments: &[&str]| house.good(&[&["promote", "--dry-run"], arguments, &any].concat());
    // For all who use the profile, in its quotes; for one API beside it.
    assert!(
        patch(&["inspection"]).contains("+    inspection: { rules: builtin, mode: \"enforce\" } # ours\n")
    );
    let alone = patch(&["inspection", "--api", "notes"]);
    assert!(alone.contains("\n+    inspection: { mode: enforce }\n"), "{alone}");
    let alone = patch(&["inspection", "--operation", "addDraft"]);
    assert!(alone.contains("+        inspection: { mode: enforce }\n"), "{alone}");
    // Shadow by default is written where it is to hold.
    let default = patch(&["validation"]);
    assert!(default.contains("\n+      response: enforce\n"), "{default}");
    assert_eq!(house.read("yett.yaml"), text);
}
