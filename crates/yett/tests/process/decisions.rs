//! Decisions as operators ask for them, on SQLite and on a real PostgreSQL: each refusal by its id, pages and filters, a kill in the
//! middle, a store that is gone, a disk that is full.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]
#![allow(clippy::too_many_lines, reason = "a story from beginning to end")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{Gateway, House, Service, call, mode, text};
use serde_json::{Value, json};
use testkit::{Postgres, until};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
security: [{ oauth: ["notes:read"] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "notes:read": r, "notes:write": w } } } }
  requestBodies:
    Note:
      required: true
      content: { application/json: { schema: { type: object, required: [text], properties: { text: { type: string } } } } }
paths:
  /notes:
    get:
      operationId: listNotes
      parameters: [{ name: q, in: query, schema: { type: string } }]
      responses: { "200": { description: ok } }
    post:
      operationId: addNote
      security: [{ oauth: ["notes:write"] }]
      requestBody: { $ref: "#/components/requestBodies/Note" }
      responses: { "200": { description: ok } }
  /drafts:
    post:
      operationId: addDraft
      requestBody: { $ref: "#/components/requestBodies/Note" }
      responses: { "200": { description: ok } }
  /export:
    get: { operationId: exportNotes, responses: { "200": { description: ok } } }
"##;

const GONE: &str = r##"openapi: 3.1.0
info: { title: Gone, version: "1" }
security: []
paths: { /thing: { get: { operationId: getThing, responses: { "200": { description: ok } } } } }
"##;

/// A document; `decisions` is what it says of them, `store` a line of it.
fn document(service: &Service, decisions: &str, store: &str) -> String {
    format!(
        "version: 1
listen: http://127.0.0.1:0
admin: {{ bind: \"127.0.0.1:0\" }}
record: {{ access_log: \"file:access.log\", decisions: {{ {decisions} }} }}
{store}admission: {{ anonymous: {{ rate: 600000/min }}, failures: {{ rate: 600000/min }} }}
apis:
  notes:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:{}
    issuer: local
    inspection: {{ rules: builtin, mode: enforce }}
    operations:
      addDraft: {{ validation: {{ request: shadow }} }}
      exportNotes: {{ limits: [{{ per: subject, rate: 1/hour }}] }}
  gone:
    contract: ./gone.yaml
    base_path: /gone
    upstream: http://127.0.0.1:9
",
        service.port
    )
}

fn house(service: &Service, decisions: &str) -> House {
    let house = House::new();
    house.write("openapi.yaml", CONTRACT);
    house.write("gone.yaml", GONE);
    house.write("yett.yaml", &document(service, decisions, ""));
    house
}

/// A house whose stores are in a database of a server.
fn shared(service: &Service, decisions: &str, url: &str) -> House {
    let house = house(service, decisions);
    let store = "store: { url: \"file:store.url\", key: \"file:store.key\" }\n";
    house.write("yett.yaml", &document(service, decisions, store));
    house.write("store.url", &format!("{url}\n"));
    house.write("store.key", &"k".repeat(40));
    house
}

/// Runs a story on both.
fn everywhere(decisions: &str, story: fn(&House, &Service)) {
    let service = Service::start();
    story(&house(&service, decisions), &service);
    let server = Postgres::start();
    story(&shared(&service, decisions, &server.database("story")), &service);
}

fn token(house: &House, scope: &str) -> String {
    house.good(&["token", "--subject", "alice", "--scope", scope]).trim().to_owned()
}

/// The id of a call, from its answer.
fn id_of(answer: &str) -> String {
    let line = answer
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("yett-call-id: ").map(str::to_owned));
    line.unwrap_or_else(|| panic!("no id in {answer}"))
}

fn explained(house: &House, id: &str) -> Value {
    as_json(&house.good(&["explain", id, "--json"]))
}

/// What the contract's rules refused points into the contract, and says which scopes there were where one was missing.
fn by_contract(said: &Value, control: &str, code: &str) {
    let verdicts = said["record"]["verdicts"].as_array().unwrap();
    let decisive = verdicts.iter().rfind(|one| one["control"] == control && one["code"] != Value::Null);
    let part = match code {
        "insufficient_scope" => "#/paths/~1notes/post/security",
        "body_invalid" | "body_missing" => "#/components/requestBodies/Note/content/application~1json/schema",
        "parameter_invalid" => "#/paths/~1notes/",
        _ => "",
    };
    let contract = decisive.and_then(|one| one["contract"].as_str()).unwrap_or_default();
    assert!(contract.contains(part), "{said}");
    let (_, line) =
        contract.split_once('#').map_or("", |(place, _)| place).split_once(':').unwrap_or_default();
    let is_placed = ["insufficient_scope", "body_invalid"].contains(&code);
    assert!(!is_placed || line.parse::<u32>().is_ok(), "{contract}");
    assert!(!["limits", "inspection", "route"].contains(&control) || contract.is_empty(), "{said}");
    let scopes = if code == "insufficient_scope" { json!(["notes:read"]) } else { Value::Null };
    assert_eq!(said["record"]["scopes"], scopes, "{said}");
}

fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn events(house: &House, arguments: &[&str]) -> Vec<Value> {
    house.good(&[&["events", "--json"], arguments].concat()).lines().map(as_json).collect()
}

fn ready(gateway: &Gateway) -> Value {
    let (_, answer) = call(&gateway.admin, "GET", "/ready", None, None);
    as_json(answer.split_once("\r\n\r\n").unwrap().1)
}

#[test]
fn each_refusal_is_found_by_its_id_with_its_rule() {
    everywhere("sample: 0%", |house, _| {
        let gateway = Gateway::start(house);
        let (read, write) = (token(house, "notes:read"), token(house, "notes:write"));
        let other = if read[..read.len() - 1].ends_with('A') { 'B' } else { 'A' };
        let forged = format!("{}{other}{}", &read[..read.len() - 2], &read[read.len() - 1..]);
        let (good, bad, broken) = (Some("{\"text\":\"x\"}"), Some("{\"text\":1}"), Some("{\"text\":"));
        let (read, write, forged) = (Some(&read), Some(&write), Some(&forged));
        // One uses up the limit.
        assert_eq!(call(&gateway.url, "GET", "/export", read.map(String::as_str), None).0, 200);
        let cases = [
            ("GET", "/admin", read, None, 404, "operation_unknown", "route", "refused"),
            ("DELETE", "/notes", read, None, 405, "method_not_allowed", "route", "refused"),
            ("GET", "/notes/../admin", read, None, 400, "path_not_canonical", "", "refused"),
            ("GET", "/notes", None, None, 401, "credential_missing", "authentication", "refused"),
            ("GET", "/notes", forged, None, 401, "token_invalid", "authentication", "refused"),
            ("POST", "/notes", read, good, 403, "insufficient_scope", "authorization", "refused"),
            ("GET", "/notes?other=1", read, None, 400, "parameter_invalid", "validation", "refused"),
            ("POST", "/notes", write, bad, 400, "body_invalid", "validation", "refused"),
            ("POST", "/notes", write, None, 400, "body_missing", "validation", "refused"),
            ("POST", "/notes", write, broken, 400, "body_malformed", "", "refused"),
            (
                "GET",
                "/notes?q=1'%20OR%20'1'='1'%20--%20",
                read,
                None,
                403,
                "payload_refused",
                "inspection",
                "refused",
            ),
            ("GET", "/export", read, None, 429, "rate_limited", "limits", "refused"),
            ("GET", "/gone/thing", None, None, 502, "upstream_unreachable", "", "failed"),
            ("POST", "/drafts", read, bad, 200, "", "validation", "shadowed"),
        ];
        let mut ids = BTreeSet::new();
        for (method, path, token, body, status, code, control, kept) in cases {
            let (found, answer) = call(&gateway.url, method, path, token.map(String::as_str), body);
            assert_eq!(found, status, "{method} {path}: {answer}");
            let id = id_of(&answer);
            if status != 200 {
                assert!(answer.contains(&format!("\"instance\":\"urn:yett:call:{id}\"")), "{answer}");
            }
            let said = explained(house, &format!("urn:yett:call:{id}"));
            let seen = |key: &str| said[key].as_str().unwrap_or_default();
            assert_eq!(
                (seen("id"), seen("code"), seen("kept")),
                (&*id, code, kept),
                "{method} {path}: {said}"
            );
            // The control that reads bodies may be one or another: it is said, and that it is one.
            assert!(control.is_empty() || seen("control") == control, "{method} {path}: {said}");
            let verdicts = said["record"]["verdicts"].as_array().unwrap();
            if !control.is_empty() {
                let decisive =
                    verdicts.iter().find(|one| one["control"] == control && one["outcome"] != "allow");
                assert!(decisive.is_some(), "{method} {path}: {said}");
            }
            if ["limits", "inspection"].contains(&control) || kept == "shadowed" {
                let place =
                    verdicts.iter().rev().find(|one| one["control"] == control).unwrap()["place"].clone();
                assert!(place.as_str().unwrap_or_default().starts_with("yett.yaml:"), "{place}: {said}");
            }
            by_contract(&said, control, code);
            // One id from the answer through the log to the decision, and no secret in either.
            let told = house.good(&["explain", &id]);
            assert!(
                told.contains(&id) && (code.is_empty() || told.contains(&format!("docs/errors/{code}.md"))),
                "{told}"
            );
            for secret in ["eyJ", "OR%20", "other=1", "\"text\""] {
                assert!(!told.contains(secret) && !said.to_string().contains(secret), "{secret} in {told}");
            }
            assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
            assert!(ids.insert(id));
        }
        // What nothing was said against is not kept.
        for (method, path, token, body) in
            [("GET", "/notes", read, None), ("POST", "/notes", write, good), ("POST", "/drafts", read, good)]
        {
            let (status, answer) = call(&gateway.url, method, path, token.map(String::as_str), body);
            assert_eq!(status, 200, "{answer}");
            let told = house.bad(&["explain", &id_of(&answer)]);
            assert!(told.contains("nothing is kept of the call"), "{told}");
        }
        let listed: BTreeSet<String> = events(house, &["--limit", "1000"])
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(listed, ids);
        for bad in ["", "12", "../../x", &"0".repeat(33)] {
            assert!(house.bad(&["explain", bad]).contains("not the id of a call"), "{bad}");
        }
        assert_eq!(ready(&gateway)["decisions"]["ok"], json!(true));
        // Ended well, nothing is left behind.
        let (_, last) = call(&gateway.url, "GET", "/admin", None, None);
        gateway.signal("TERM");
        assert_eq!(gateway.end(), 0);
        let gateway = Gateway::start(house);
        assert_eq!(explained(house, &id_of(&last))["code"], "operation_unknown");
        let log = house.read("access.log");
        assert!(ids.iter().all(|id| log.contains(id.as_str())));
        for file in ["data/decisions.db", "data/decisions.db-wal"] {
            let path = house.path(file);
            assert!(!path.exists() || mode(&path) == 0o600, "{file}");
        }
        drop(gateway);
    });
}

#[test]
fn a_sample_of_the_rest_is_kept_as_the_document_says_it_now() {
    let service = Service::start();
    let house = house(&service, "enabled: false");
    let gateway = Gateway::start(&house);
    let read = token(&house, "notes:read");
    let get = |path: &str| id_of(&call(&gateway.url, "GET", path, Some(&read), None).1);
    get("/admin");
    assert!(house.bad(&["events"]).contains("enabled: true"));
    assert!(!house.path("data/decisions.db").exists(), "nobody asked for it");
    let say = |decisions: &str| {
        house.write("yett.yaml", &document(&service, decisions, ""));
        house.good(&["reload"]);
    };
    say("sample: 100%");
    let passed = get("/notes");
    let said = explained(&house, &passed);
    assert_eq!(
        (&said["kept"], &said["status"], &said["subject"]),
        (&json!("passed"), &json!(200), &json!("alice"))
    );
    let order: Vec<_> = said["record"]["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["control"].as_str().unwrap())
        .collect();
    let place = |name: &str| order.iter().position(|control| *control == name);
    assert!(
        place("authentication").is_some() && place("authentication") < place("authorization"),
        "{order:?}"
    );
    assert_eq!(said["record"]["credential"], "jwt");
    assert!(house.good(&["explain", &passed]).contains("nothing was said against it"));
    say("sample: 50%");
    (0..20).for_each(|_| drop(get("/notes")));
    assert_eq!(events(&house, &["--outcome", "passed"]).len(), 11);
    say("enabled: false");
    let unseen = get("/admin");
    assert!(house.bad(&["explain", &unseen]).contains("enabled: false"));
    assert_eq!(explained(&house, &passed)["kept"], "passed", "what is kept can be asked for");
}

#[test]
fn events_are_found_by_what_they_say_and_followed() {
    everywhere("sample: 0%", |house, _| {
        let gateway = Gateway::start(house);
        let read = token(house, "notes:read");
        for number in 0..7 {
            call(&gateway.url, "GET", &format!("/nowhere/{number}"), None, None);
            call(&gateway.url, "POST", "/notes", Some(&read), Some("{\"text\":\"x\"}"));
        }
        let count = |arguments: &[&str]| events(house, arguments).len();
        assert_eq!(count(&[]), 14);
        assert_eq!(count(&["--principal", "alice"]), 7);
        assert_eq!(count(&["--principal", "bob"]), 0);
        assert_eq!(count(&["--code", "operation_unknown", "--address", "127.0.0.1"]), 7);
        assert_eq!(count(&["--control", "authorization", "--operation", "addNote", "--api", "notes"]), 7);
        assert_eq!(count(&["--outcome", "failed"]), 0);
        assert_eq!(count(&["--text", "NOWHERE/3"]), 1);
        assert_eq!(count(&["--since", "1h", "--until", "0s"]), 14);
        assert_eq!(count(&["--until", "2020-01-01T00:00:00Z"]), 0);
        let newest = events(house, &["--code", "operation_unknown", "--limit", "2"]);
        assert_eq!((&newest[0]["path"], &newest[1]["path"]), (&json!("/nowhere/5"), &json!("/nowhere/6")));
        let lines = house.good(&["events", "--principal", "alice"]);
        assert!(
            lines.lines().count() == 14 && lines.lines().all(|line| line.chars().count() <= 100),
            "{lines}"
        );
        assert!(house.bad(&["events", "--outcome", "lost"]).contains("shadowed"));
        assert!(house.bad(&["events", "--since", "yesterday"]).contains("15m"));

        // Followed: what is there first, then what comes, of what was asked for.
        let mut following = house
            .command(&["events", "--follow", "--json", "--limit", "1", "--code", "operation_unknown"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
        let mut next = || as_json(&lines.next().unwrap().unwrap());
        assert_eq!(next()["path"], "/nowhere/6");
        call(&gateway.url, "POST", "/notes", Some(&read), Some("{\"text\":\"x\"}"));
        for number in 7..9 {
            call(&gateway.url, "GET", &format!("/nowhere/{number}"), None, None);
            assert_eq!(next()["path"], format!("/nowhere/{number}"));
        }
        following.kill().unwrap();
        following.wait().unwrap();
    });
}

#[test]
fn events_are_followed_over_a_restart() {
    let service = Service::start();
    let house = house(&service, "sample: 0%");
    let gateway = Gateway::start(&house);
    call(&gateway.url, "GET", "/nowhere/1", None, None);
    assert_eq!(events(&house, &[]).len(), 1);
    let mut command = house.command(&["events", "--follow", "--json"]);
    let mut following = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut said = BufReader::new(following.stderr.take().unwrap()).lines();
    let mut next = || as_json(&lines.next().unwrap().unwrap())["path"].clone();
    assert_eq!(next(), "/nowhere/1");
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
    let told = said.next().unwrap().unwrap();
    assert!(told.contains("it is asked again, at the latest every 10 s"), "{told}");
    let gateway = Gateway::start(&house);
    call(&gateway.url, "GET", "/nowhere/2", None, None);
    assert_eq!(next(), "/nowhere/2");
    assert_eq!(said.next().unwrap().unwrap(), "the gateway answers again");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn an_alert_is_kept_and_explained_also_where_nobody_is_told() {
    everywhere("sample: 0%", |house, _| {
        house.write("hook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        let told = "notify:
  sinks: { calls: { url: \"https://soc.example/hook\", secret: \"file:hook.secret\", tell: [calls], events: { code: [answer_refused] } } }
  alerts:
    guessing: { events: { code: [credential_missing] }, by: [api, address], rate: 3/10s, hold: 0s }
";
        house.write("yett.yaml", &format!("{}{told}", house.read("yett.yaml")));
        let gateway = Gateway::start(house);
        let ids: BTreeSet<String> =
            (0..3).map(|_| id_of(&call(&gateway.url, "GET", "/notes", None, None).1)).collect();
        let alerts = || events(house, &["--outcome", "alert", "--control", "guessing"]);
        let kept = until(90, || Some(alerts()).filter(|all| all.len() > 1)).expect("it holds, and is over");
        let codes: Vec<&Value> = kept.iter().map(|one| &one["code"]).collect();
        assert_eq!(codes, ["alert_firing", "alert_resolved"]);
        for one in &kept {
            assert_eq!((&one["kept"], &one["control"]), (&json!("alert"), &json!("guessing")));
            assert_eq!((&one["api"], &one["address"]), (&json!("notes"), &json!("127.0.0.1")));
        }
        let id = |at: usize| kept[at]["id"].as_str().unwrap();
        let said = explained(house, id(0));
        let alert = &said["record"]["alert"];
        assert_eq!((&alert["state"], &alert["events"]), (&json!("firing"), &json!(3)), "{said}");
        let over = explained(house, id(1));
        assert_eq!(over["record"]["alert"]["alert"], alert["alert"], "one alert from beginning to end");
        let calls = alert["calls"].as_array().unwrap();
        assert!(calls.len() == 3 && calls.iter().all(|call| ids.contains(call.as_str().unwrap())), "{said}");
        let told = house.good(&["explain", id(0)]);
        for part in
            ["`guessing` holds", "3 events within 10 s; it holds from 3 on", "api notes", "yett explain "]
        {
            assert!(told.contains(part), "`{part}` in\n{told}");
        }
        assert!(house.good(&["explain", id(1)]).contains("`guessing` is over"));
        assert!(house.good(&["events"]).contains("alert_firing  guessing"));
        assert_eq!(events(house, &["--outcome", "refused"]).len(), 3, "calls stay calls");
    });
}

/// Puts the same refused call many times, and once more, on one connection; ends early when the gateway does. Each that is answered is
/// refused as it is without a flood; says how many are.
fn flood(address: &str, calls: usize) -> usize {
    let Ok(stream) = TcpStream::connect(address) else { return 0 };
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let (mut stream, mut answers) = (stream, Vec::new());
        // What came before a gateway was gone stands in it all the same.
        let _ = stream.read_to_end(&mut answers);
        answers
    });
    let request = "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".repeat(10);
    for _ in 0..calls.div_ceil(10) {
        if writer.write_all(request.as_bytes()).is_err() {
            break;
        }
    }
    let _ = writer.write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answers = text(&reader.join().unwrap());
    // The last may be cut off.
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").filter_map(|answer| answer.get(..3)).collect();
    let other = statuses.iter().find(|status| **status != "404");
    assert_eq!(other, None, "each is refused");
    statuses.len()
}

fn ids_of(events: &[Value]) -> BTreeSet<String> {
    events.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_kill_in_the_middle_loses_nothing_that_was_written() {
    everywhere("sample: 0%", |house, _| {
        let (mut gateway, mut before) = (Gateway::start(house), 0);
        for _ in 0..3 {
            let address = gateway.url.clone();
            let floods: Vec<_> = (0..2)
                .map(|_| {
                    let address = address.clone();
                    std::thread::spawn(move || flood(&address, 20_000))
                })
                .collect();
            let written = || gateway.metric("yett_decisions_written_total", "") as usize;
            assert!(until(60, || (written() > 500).then_some(())).is_some(), "{} were written", written());
            let known = ids_of(&events(house, &["--limit", "100000"]));
            let acknowledged = written();
            gateway.kill();
            for flood in floods {
                flood.join().unwrap();
            }
            gateway = Gateway::start(house);
            let all = events(house, &["--limit", "100000"]);
            let ids = ids_of(&all);
            assert_eq!(ids.len(), all.len(), "each is there once");
            assert!(known.len() > 500 && known.is_subset(&ids), "what was shown once is there");
            assert!(ids.len() >= before + acknowledged, "{} of {before} and {acknowledged}", ids.len());
            before = ids.len();
            assert_eq!(explained(house, all.last().unwrap()["id"].as_str().unwrap())["status"], 404);
        }
    });
}

#[test]
fn a_store_that_is_gone_stops_no_call_and_what_is_lost_is_said() {
    let service = Service::start();
    let mut server = Postgres::start();
    let house = shared(&service, "sample: 0%", &server.database("gone"));
    let gateway = Gateway::start(&house);
    let read = token(&house, "notes:read");
    let refused = || {
        let (status, answer) = call(&gateway.url, "GET", "/nowhere", Some(&read), None);
        assert_eq!(status, 404, "{answer}");
        id_of(&answer)
    };
    // Whose token is remembered is not taken for one of those who fail.
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&read), None).0, 200);
    assert_eq!(explained(&house, &refused())["status"], 404);
    server.stop();
    let meanwhile = refused();
    let told = house.bad(&["explain", &meanwhile]);
    assert!(told.contains("the store of decisions cannot be used"), "{told}");
    let fault = until(30, || ready(&gateway)["decisions"]["fault"].as_str().map(str::to_owned));
    let state = ready(&gateway);
    assert!(fault.is_some(), "{state}");
    assert_eq!((&state["ready"], &state["degraded"]), (&json!(true), &json!(true)));
    assert_eq!(gateway.metric("yett_decisions_up", "").to_string(), "0");
    assert_eq!(gateway.metric("yett_decisions_lost_total", "").to_string(), "0", "it waits");
    // More than fits: calls go on as before, and it is counted.
    assert_eq!(flood(&gateway.url, 12_000), 12_001, "each is answered");
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&read), None).0, 200);
    assert!(gateway.metric("yett_decisions_lost_total", "unavailable") > 0.0);
    assert!(gateway.metric("yett_bound_reached_total", "decision_queue") > 0.0);
    server.resume();
    let found = until(60, || house.yett(&["explain", &meanwhile]).status.success().then_some(()));
    assert!(found.is_some(), "what waited is written: {}", ready(&gateway));
    assert_eq!(explained(&house, &refused())["status"], 404);
    assert_eq!(gateway.metric("yett_decisions_lost_total", "rejected").to_string(), "0");
}

#[test]
fn a_full_disk_stops_no_call_and_what_is_lost_is_said() {
    let service = Service::start();
    let house = house(&service, "sample: 0%");
    let log_is_off = house.read("yett.yaml").replace("file:access.log", "off");
    house.write("yett.yaml", &log_is_off);
    // No file of this process may be longer than 400 KiB: the system says no as it does on a full disk.
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 800; exec \"$0\" run --cores 1";
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_yett")])
        .current_dir(house.dir.path())
        .env("NO_COLOR", "1");
    let gateway = Gateway::from_command(command);
    let read = token(&house, "notes:read");
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&read), None).0, 200);
    let (_, first) = call(&gateway.url, "GET", "/nowhere", Some(&read), None);
    assert_eq!(explained(&house, &id_of(&first))["status"], 404);
    let lost = until(60, || {
        assert_eq!(flood(&gateway.url, 4_000), 4_001, "each is answered");
        (gateway.metric("yett_decisions_lost_total", "disk_full") > 0.0).then_some(())
    });
    assert!(lost.is_some(), "{}", ready(&gateway));
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&read), None).0, 200, "calls go on");
    assert_eq!(ready(&gateway)["decisions"]["ok"], json!(false));
    gateway.kill();
    // With room again, what was written is there, and more is.
    let gateway = Gateway::start(&house);
    assert_eq!(explained(&house, &id_of(&first))["status"], 404);
    let (_, last) = call(&gateway.url, "GET", "/nowhere", Some(&read), None);
    assert_eq!(explained(&house, &id_of(&last))["status"], 404);
}

#[test]
fn hostile_content_moves_no_cursor() {
    let service = Service::start();
    let house = house(&service, "sample: 100%");
    let gateway = Gateway::start(&house);
    let subject = "\u{202e}\u{200b}alice\u{2066}\u{feff}";
    let token = house.good(&["token", "--subject", subject, "--scope", "notes:read"]).trim().to_owned();
    let agent = format!("{}\u{1b}", "A".repeat(8_000)).replace('\u{1b}', "]0;x%1b");
    let request = format!(
        "GET /notes/{}%1b%5B2J%E2%80%AE HTTP/1.1\r\nhost: x\r\nuser-agent: {agent}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n",
        "W".repeat(4_000)
    );
    let mut stream = TcpStream::connect(&gateway.url).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let (_, passed) = call(&gateway.url, "GET", "/notes", Some(&token), None);
    for id in [id_of(&text(&answer)), id_of(&passed)] {
        for output in [
            house.good(&["explain", &id]),
            house.good(&["explain", &id, "--json"]),
            house.good(&["events", "--text", &id]),
            house.good(&["events", "--text", &id, "--json"]),
        ] {
            let hidden = |char: char| char != '\n' && engine::text::is_hidden(char);
            assert!(!output.contains(hidden), "{output:?}");
            assert!(output.len() < 32 * 1024, "{} bytes", output.len());
            assert!(!output.lines().any(|line| line.starts_with("error:")), "{output}");
        }
    }
    // Asked for as it came.
    assert_eq!(events(&house, &["--principal", subject]).len(), 1);
}

/// What is said before the fact is what happens.
#[test]
fn a_call_is_explained_before_it_is_made() {
    let service = Service::start();
    let house = house(&service, "sample: 100%");
    let gateway = Gateway::start(&house);
    let scoped = |scope: &str| format!("{{\"sub\":\"alice\",\"scope\":\"{scope}\"}}");
    let (read, write) = (token(&house, "notes:read"), token(&house, "notes:write"));
    for (method, target, scope, body) in [
        ("GET", "/notes", Some(("notes:read", &read)), None),
        ("GET", "/notes", None, None),
        ("GET", "/notes", Some(("notes:write", &write)), None),
        ("GET", "/notes?other=1", Some(("notes:read", &read)), None),
        ("GET", "/admin", Some(("notes:read", &read)), None),
        ("DELETE", "/notes", Some(("notes:read", &read)), None),
        ("POST", "/notes", Some(("notes:write", &write)), Some("{\"text\":1}")),
        ("POST", "/notes", Some(("notes:write", &write)), Some("{\"text\":\"x\"}")),
        ("POST", "/drafts", Some(("notes:read", &read)), Some("{\"text\":1}")),
    ] {
        let request = format!("{method} {target}");
        let mut arguments = vec!["explain", "--api", "notes", "--request", &request];
        let claims = scope.map(|(scope, _)| scoped(scope));
        claims.iter().for_each(|claims| arguments.extend(["--claims", claims]));
        body.iter().for_each(|body| arguments.extend(["--body", body]));
        let told = house.good(&arguments);
        assert!(
            told.starts_with("this call would be") && told.lines().all(|line| line.chars().count() <= 80),
            "{told}"
        );
        arguments.push("--json");
        let ahead = as_json(&house.good(&arguments));
        let (_, answer) = call(&gateway.url, method, target, scope.map(|(_, token)| token.as_str()), body);
        let after = explained(&house, &id_of(&answer));
        for key in ["kept", "status", "code", "control", "api", "operation"] {
            assert_eq!(ahead[key], after[key], "{key} of {request}: {ahead} {after}");
        }
        let verdicts = |said: &Value| -> Vec<(Value, Value, Value, Value)> {
            let all = said["record"]["verdicts"].as_array().unwrap().iter();
            all.map(|one| {
                (one["control"].clone(), one["outcome"].clone(), one["mode"].clone(), one["place"].clone())
            })
            .collect()
        };
        assert_eq!(verdicts(&ahead), verdicts(&after), "{request}");
    }
    for (arguments, said) in [
        (vec!["--request", "/notes"], "GET /orders/7"),
        (vec!["--request", "GET /notes", "--claims", "7"], "no JSON object"),
        (vec!["--request", "GET /notes", "-H", "x"], "name: value"),
        (vec!["--request", "GET /notes", "--api", "nothing"], "nothing"),
        (vec!["--claims", "{}"], "required"),
    ] {
        let told = house.bad(&[vec!["explain"], arguments.clone()].concat());
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
}
