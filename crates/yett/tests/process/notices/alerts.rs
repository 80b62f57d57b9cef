//! Alerts: whom they are told, when, and when not.

use super::*;

#[test]
fn alerts_are_told_once_to_whom_they_concern_and_when_they_are_over() {
    let (service, soc, other) = (Service::start(), Receiver::start(), Receiver::start());
    let house = house(&service, &hook(&soc), &format!("tell: [alerts], {SOON}"));
    let told = format!(
        "    other: {{ url: \"{}\", secret: \"file:hook.secret\", allow_private: true, allow_cleartext: true, tell: [alerts], events: {{ owner: [others@example.com] }} }}
  alerts:
    flood: {{ events: {{ code: [credential_missing] }}, by: [api, address], rate: 5/20s, hold: 0s, severity: error }}
    refusing: {{ events: {{ outcome: [refused], api: [notes] }}, share: 50%, window: 10s, at_least: 6, hold: 0s }}
    few: {{ events: {{ code: [credential_missing] }}, rate: 100/min }}
    named: {{ events: {{ code: [operation_unknown] }}, rate: 1/10s, sinks: [other], hold: 1m }}
",
        hook(&other)
    );
    let document = house
        .read("yett.yaml")
        .replace("    issuer: local\n", "    issuer: local\n    owner: team@example.com\n");
    house.write("yett.yaml", &format!("{document}{told}"));
    let gateway = Gateway::start(&house);
    let mut ids = BTreeSet::new();
    for _ in 0..7 {
        ids.insert(id_of(&call(&gateway.url, "GET", "/notes", None, None).1));
    }
    // Both hold before one is over: the window is longer than this takes.
    let all = soc.wait_for(2);
    let find = |all: &[Taken], kind: &str, rule: &str| {
        let found = all.iter().filter(|one| one.event["type"] == kind && one.event["subject"] == rule);
        found.cloned().collect::<Vec<_>>()
    };
    let flood = find(&all, "yett.alert.firing", "flood").remove(0).event;
    assert_eq!(flood["severity"], "error");
    let data = &flood["data"];
    assert_eq!(data["group"], json!({ "api": "notes", "address": "127.0.0.1" }));
    assert_eq!((&data["owners"], &data["at_least"]), (&json!(["team@example.com"]), &json!(5)));
    // The calls that it is about are those that were refused, and can be explained.
    let named: Vec<&str> = data["calls"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert!(!named.is_empty() && named.iter().all(|id| ids.contains(*id)), "{data}");
    house.good(&["explain", named[0]]);
    let refusing = find(&all, "yett.alert.firing", "refusing").remove(0).event;
    assert_eq!(refusing["data"]["at_least_percent"], 50);
    assert!(gateway.metric("yett_alerts_firing", "") >= 1.0);
    // A rule that names its sinks tells them and nobody else.
    refused(&gateway, "/nowhere");
    let told = other.wait_for(1).remove(0).event;
    assert_eq!((&told["subject"], &told["type"]), (&json!("named"), &json!("yett.alert.firing")));
    // It is over when there are no more; good calls make a share sink.
    let token = house.good(&["token", "--subject", "alice", "--scope", "notes:read"]).trim().to_owned();
    for _ in 0..20 {
        assert_eq!(call(&gateway.url, "GET", "/notes", Some(&token), None).0, 200);
    }
    let all = soc.wait_for(4);
    let over = find(&all, "yett.alert.resolved", "flood").remove(0).event;
    assert_eq!((&over["data"]["alert"], &over["partitionkey"]), (&data["alert"], &flood["partitionkey"]));
    assert_eq!(find(&all, "yett.alert.resolved", "refusing").len(), 1);
    assert_eq!((soc.taken().len(), other.taken().len()), (4, 1), "each once, and no call");
    assert_eq!(gateway.metric("yett_alerts_firing", "").to_string(), "1");
    // What receivers were told is kept under the ids that they know.
    let kept = house.good(&["events", "--outcome", "alert", "--json"]);
    let known = |event: &Value| kept.contains(event["id"].as_str().unwrap());
    assert!(kept.lines().count() == 5 && known(&flood) && known(&over) && known(&told), "{kept}");
}

/// The shortest times that there are: this takes a minute.
#[test]
fn silence_is_told_what_lasts_again_and_what_is_over() {
    let (service, soc) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&soc), &format!("tell: [alerts], {SOON}"));
    let alerts = "  alerts:
    silent: { events: { api: [notes] }, of: calls, absent: 1m, hold: 0s }
    refusing: { events: { code: [credential_missing] }, rate: 1/300s, repeat: 1m }
";
    house.write("yett.yaml", &format!("{}{alerts}", house.read("yett.yaml")));
    let gateway = Gateway::start(&house);
    let token = house.good(&["token", "--subject", "alice", "--scope", "notes:read"]).trim().to_owned();
    assert_eq!(call(&gateway.url, "GET", "/notes", None, None).0, 401);
    let told = |count: usize| {
        let word = |one: &Taken, key: &str| one.event[key].as_str().unwrap().to_owned();
        let all = soc.wait_for(count);
        let mut words: Vec<[String; 2]> =
            all.iter().map(|one| [word(one, "subject"), word(one, "type")]).collect();
        words[1..].sort();
        (all, words.into_iter().map(|words| words.join(" ")).collect::<Vec<_>>())
    };
    assert_eq!(told(1).1, ["refusing yett.alert.firing"]);
    let (all, words) = told(3);
    assert_eq!(words[1..], ["refusing yett.alert.lasting", "silent yett.alert.firing"]);
    let of = |all: &[Taken], subject: &str, kind: &str| {
        let is = |one: &&Taken| one.event["subject"] == subject && one.event["type"] == kind;
        all.iter().find(is).unwrap().event["data"]["alert"].clone()
    };
    let alert = |kind: &str| of(&all, "refusing", kind);
    assert_eq!(alert("yett.alert.lasting"), alert("yett.alert.firing"), "it is the same");
    // A call that passes ends the silence, though nothing was refused.
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&token), None).0, 200);
    let all = testkit::until(30, || {
        let all = soc.taken();
        all.iter().any(|one| one.event["type"] == "yett.alert.resolved").then_some(all)
    })
    .expect("it is over");
    let silent = |kind: &str| of(&all, "silent", kind);
    assert_eq!(silent("yett.alert.resolved"), silent("yett.alert.firing"));
}

/// A contract whose callers have keys of applications.
const KEYS: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
components: { securitySchemes: { apiKey: { type: apiKey, in: header, name: X-Key } } }
security: [{ apiKey: ["notes:read"] }]
paths: { /notes: { get: { operationId: listNotes, responses: { "200": { description: ok } } } } }
"##;

#[test]
fn an_alert_goes_to_who_answers_for_the_application_and_for_the_api() {
    let service = Service::start();
    let [shop, team, others] = [(); 3].map(|()| Receiver::start());
    let house = house(
        &service,
        &hook(&shop),
        &format!("tell: [alerts], events: {{ owner: [shop@example.com] }}, {SOON}"),
    );
    house.write("openapi.yaml", KEYS);
    let sink = |name: &str, receiver: &Receiver, owner: &str| {
        format!(
            "    {name}: {{ url: \"{}\", secret: \"file:hook.secret\", allow_private: true, allow_cleartext: true, \
             tell: [alerts], events: {{ owner: [{owner}] }} }}\n",
            hook(receiver)
        )
    };
    let told = format!(
        "{}{}  alerts:\n    denied: {{ by: [api, application], events: {{ code: [insufficient_scope] }}, rate: 3/20s }}\n",
        sink("team", &team, "team@example.com"),
        sink("others", &others, "others@example.com"),
    );
    let document = house.read("yett.yaml").replace(
        "    issuer: local\n",
        "    owner: team@example.com\n    authentication: { apiKey: { source: applications } }\n",
    );
    house.write("yett.yaml", &format!("{document}{told}"));
    let gateway = Gateway::start(&house);
    let made = house.good(&["app", "create", "shop", "--owner", "shop@example.com", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let key =
        house.good(&["key", "create", "shop", "--scope", "notes:write", "--expires", "1d"]).trim().to_owned();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&gateway.url).unwrap();
        let request = format!("GET /notes HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-key: {key}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    for receiver in [&shop, &team] {
        let event = receiver.wait_for(1).remove(0).event;
        assert_eq!((&event["type"], &event["subject"]), (&json!("yett.alert.firing"), &json!("denied")));
        let data = &event["data"];
        assert_eq!(data["owners"], json!(["shop@example.com", "team@example.com"]));
        assert_eq!(data["group"], json!({ "api": "notes", "application": made["id"] }), "{data}");
    }
    assert!(others.taken().is_empty());
    assert_eq!(gateway.metric("yett_events_spooled_total", "others").to_string(), "0");
    // Decisions are found by the application, too.
    let of = |application: &str| {
        house
            .good(&["events", "--application", application, "--code", "insufficient_scope", "--json"])
            .lines()
            .count()
    };
    let id = made["id"].as_str().unwrap();
    assert!(until(15, || (of(id) == 3).then_some(())).is_some() && of("another") == 0);
}
