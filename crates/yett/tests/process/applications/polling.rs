//! Events that are asked for (RFC 8936), of a transmitter of our own that keeps to the protocol, and of one that does not.

use testkit::clock::Deadline;
use testkit::{Answer, Fault, Transmitter};

use super::feeds::{CREDENTIAL_CHANGE, EVENTS, HEADER, SECRET, changed, event, hostile, of, soon};
use super::revocations::{Idp, ask, claims, good, revoked};
use super::*;

fn section(url: &str, every: &str) -> String {
    format!(
        "revocation: {{ bind: 127.0.0.1:0, rate: 60000/min, transmitters: {{ corp: {{ audience: \"{EVENTS}\", \
         poll: {{ url: \"{url}\", secret: \"file:sender\", every: {every}, wait: 20s }} }} }} }}\n"
    )
}

/// A house whose transmitter is asked.
fn furnished(idp: &Idp, house: House, service: &Service, transmitter: &Transmitter) -> House {
    let house = idp.furnish(house, service);
    house.write("sender", SECRET);
    let section = section(&transmitter.url(), "1s");
    house.write("yett.yaml", &house.read("yett.yaml").replacen("issuers:", &format!("{section}issuers:"), 1));
    house
}

fn sign(idp: &Idp, payload: &Value) -> String {
    idp.0.jws(HEADER, &payload.to_string())
}

/// Offers an event that takes out a subject, and waits until it was acknowledged.
fn take(idp: &Idp, transmitter: &Transmitter, id: &str, sub: &str) {
    transmitter.offer(id, &sign(idp, &event(id, sub)));
    assert!(soon(|| transmitter.acknowledged().contains(id)), "{id} is not taken");
}

#[test]
fn events_that_are_asked_for_take_effect_and_are_acknowledged() {
    let (service, idp, transmitter) = (Service::start(), Idp::new(), Transmitter::start());
    let house = furnished(&idp, house(&service, ""), &service, &transmitter);
    let mut gateway = Gateway::start(&house);
    let (alice, bob) = (idp.token(&of("alice", "a1")), idp.token(&of("bob", "b1")));
    assert_eq!((ask(&gateway, &alice), ask(&gateway, &bob)), (good(), good()));
    // A question is there before there is anything to say, and is answered when there is.
    assert!(soon(|| !transmitter.questions().is_empty()));
    let asked = transmitter.questions().len();
    take(&idp, &transmitter, "e1", "alice");
    assert_eq!((ask(&gateway, &alice), ask(&gateway, &bob)), (revoked(), good()));
    assert!(transmitter.questions().len() > asked);
    for question in transmitter.questions() {
        assert_eq!((question.method(), question.target()), ("POST", "/poll"));
        let head = text(&question.raw).to_lowercase();
        assert!(head.contains(&format!("authorization: bearer {}", SECRET.to_lowercase())), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
    }
    let first: Value = serde_json::from_slice(&transmitter.questions()[0].body).unwrap();
    assert_eq!(first, json!({ "maxEvents": 32, "returnImmediately": false }));
    // Many, more than come with one answer, of which some have no effect.
    for number in 0..70 {
        let id = format!("m{number}");
        let nothing = json!({ CREDENTIAL_CHANGE: { "change_type": "create" } });
        transmitter.offer(&id, &sign(&idp, &changed(event(&id, "carol"), "events", nothing)));
    }
    assert!(soon(|| transmitter.acknowledged().len() == 71), "{:?}", transmitter.acknowledged());
    assert_eq!(gateway.metric("yett_event_polls_taken", "corp"), 71.0);
    assert_eq!(gateway.metric("yett_event_polls_failures", "corp"), 0.0);
    // What was taken comes again after a restart, and does nothing: it was undone by hand.
    let listed = as_json(&house.good(&["revocations", "list", "--json"]));
    house.good(&["revocations", "undo", listed[0]["id"].as_str().unwrap()]);
    drop(gateway);
    gateway = Gateway::start(&house);
    transmitter.offer("e1", &sign(&idp, &event("e1", "alice")));
    take(&idp, &transmitter, "e2", "bob");
    assert!(soon(|| gateway.metric("yett_event_polls_taken", "corp") >= 2.0));
    assert_eq!((ask(&gateway, &alice), ask(&gateway, &bob)), (good(), revoked()));
    assert!(transmitter.refused().is_empty());
    assert!(house.good(&["changes", "list"]).contains("transmitter:corp"));
}

#[test]
fn events_that_are_not_good_are_refused_by_name() {
    let (service, idp, transmitter) = (Service::start(), Idp::new(), Transmitter::start());
    let house = furnished(&idp, house(&service, ""), &service, &transmitter);
    let gateway = Gateway::start(&house);
    let mut wanted: Vec<(String, &str, &str)> = Vec::new();
    for (number, (name, header, payload, code)) in hostile("anna").into_iter().enumerate() {
        // Under its own name, where it has one that is a text.
        let id = payload["jti"].as_str().map_or_else(|| format!("h{number}"), |_| format!("bad {number}"));
        let payload = if payload["jti"].is_string() { changed(payload, "jti", json!(id)) } else { payload };
        transmitter.offer(&id, &idp.0.jws(&header, &payload.to_string()));
        wanted.push((id, name, code));
    }
    let stranger = testkit::Mint::new(testkit::Alg::Es256, "k1");
    for (name, event, code) in [
        ("under another key", stranger.jws(HEADER, &event("c1", "anna").to_string()), "invalid_key"),
        ("under another name", sign(&idp, &event("another", "anna")), "invalid_request"),
        (
            "of nobody",
            sign(&idp, &changed(event("c3", "anna"), "iss", json!("https://nobody"))),
            "invalid_issuer",
        ),
        ("no event", String::from("x"), "invalid_request"),
        ("an access token", idp.token(&claims("c5")), "invalid_request"),
    ] {
        let id = format!("c{}", wanted.len());
        transmitter.offer(&id, &event);
        wanted.push((id, name, code));
    }
    let count = wanted.len();
    assert_eq!(count, 52);
    assert!(soon(|| transmitter.refused().len() == count), "{:?}", transmitter.refused());
    let refused = transmitter.refused();
    for (id, name, code) in &wanted {
        assert_eq!(refused.get(id).map(String::as_str), Some(*code), "{name}");
    }
    assert!(transmitter.acknowledged().is_empty());
    assert_eq!(gateway.metric("yett_event_polls_refused", "corp"), count as f64);
    // None of it had an effect, and their twin has.
    let token = idp.token(&of("anna", "t1"));
    assert_eq!(ask(&gateway, &token), good());
    take(&idp, &transmitter, "twin", "anna");
    assert_eq!(ask(&gateway, &token), revoked());
}

#[test]
fn a_transmitter_that_misbehaves_is_left_alone_and_believed_when_it_behaves() {
    let (service, idp, transmitter) = (Service::start(), Idp::new(), Transmitter::start());
    let house = furnished(&idp, house(&service, ""), &service, &transmitter);
    let gateway = Gateway::start(&house);
    let again = sign(&idp, &event("again", "nobody"));
    let json = |body: String| Answer::json(200, body);
    let many: Vec<String> = (0..33).map(|number| format!("\"{number}\":\"x\"")).collect();
    let cases = [
        ("a megabyte", json(format!("{{\"sets\":{{}},\"x\":\"{}\"}}", "x".repeat(1 << 20)))),
        ("no JSON", json(String::from("{\"sets\":"))),
        ("no sets", json(String::from("{}"))),
        ("a list", json(String::from("{\"sets\":[\"x\"]}"))),
        ("an event of no text", json(String::from("{\"sets\":{\"a\":{}}}"))),
        ("two of one name", json(String::from("{\"sets\":{\"a\":\"x\",\"a\":\"y\"}}"))),
        ("more than were asked for", json(format!("{{\"sets\":{{{}}}}}", many.join(",")))),
        ("another status", Answer::json(500, "{\"sets\":{}}")),
        ("elsewhere", Answer::json(302, "{}").header("location", "/other")),
        ("half of it", json(String::from("{\"sets\":{}}")).fault(Fault::Close(20))),
        ("no HTTP", json(String::new()).fault(Fault::Garbage(b"nothing\r\n\r\n".to_vec()))),
        ("the same for ever", json(format!("{{\"sets\":{{\"again\":\"{again}\"}},\"moreAvailable\":true}}"))),
    ];
    assert_eq!(cases.len(), 12);
    for (number, (name, answer)) in cases.into_iter().enumerate() {
        transmitter.script(move |_| Some(answer.clone()));
        assert!(soon(|| gateway.metric("yett_event_polls_failures", "corp") >= 1.0), "{name}");
        transmitter.behave();
        let (sub, id) = (format!("u{number}"), format!("e{number}"));
        let token = idp.token(&of(&sub, &id));
        assert_eq!(ask(&gateway, &token), good(), "{name}");
        take(&idp, &transmitter, &id, &sub);
        assert_eq!(ask(&gateway, &token), revoked(), "{name}: the twin");
        assert!(soon(|| gateway.metric("yett_event_polls_failures", "corp") < 1.0), "{name}: forgiven");
    }
    // One that always has more, and says nothing, is asked once a second all the same.
    let seen = transmitter.questions().len();
    transmitter.script(|_| Some(Answer::json(200, "{\"sets\":{},\"moreAvailable\":true}")));
    assert!(soon(|| transmitter.questions().len() >= seen + 2));
    let two = Deadline::seconds(2);
    let seen = transmitter.questions().len();
    assert!(soon(|| transmitter.questions().len() >= seen + 3));
    assert!(two.is_over(), "three questions within two seconds");
    assert_eq!(gateway.metric("yett_event_polls_failures", "corp"), 0.0);
}

#[test]
fn a_reload_asks_another_transmitter_and_the_old_one_no_more() {
    let (service, idp) = (Service::start(), Idp::new());
    let [first, second] = [0, 1].map(|_| Transmitter::start());
    let house = furnished(&idp, house(&service, ""), &service, &first);
    let gateway = Gateway::start(&house);
    take(&idp, &first, "e1", "alice");
    let document = house.read("yett.yaml");
    house.write("yett.yaml", &document.replace(&first.url(), &second.url()));
    gateway.signal("HUP");
    assert!(soon(|| !second.questions().is_empty()));
    first.offer("e2", &sign(&idp, &event("e2", "bob")));
    take(&idp, &second, "e3", "carol");
    assert!(!first.acknowledged().contains("e2"));
    let [bob, carol] = ["bob", "carol"].map(|sub| idp.token(&of(sub, sub)));
    assert_eq!((ask(&gateway, &bob), ask(&gateway, &carol)), (good(), revoked()));
    // Without one, nobody is asked: what is sent is taken all the same.
    let (head, rest) = document.split_once("poll:").unwrap();
    let rest = rest.split_once("} ").unwrap().1;
    house.write("yett.yaml", &format!("{}{rest}", head.trim_end().trim_end_matches(',')));
    gateway.signal("HUP");
    assert!(soon(|| gateway.metric("yett_event_polls_taken", "corp") == 0.0));
    second.offer("e4", &sign(&idp, &event("e4", "bob")));
    let sent = super::feeds::send(&gateway, &sign(&idp, &event("e5", "dora")));
    assert_eq!((sent.0, second.acknowledged().contains("e4")), (202, false));
    for (poll, said) in [
        ("{ url: \"http://idp.example.com/poll\" }", "clear text"),
        ("{ url: \"https://idp.example.com/poll\", every: 0s }", "from `1s` to `1h`"),
        ("{ url: \"https://idp.example.com/poll\", wait: 6m }", "from `1s` to `5m`"),
        ("{ url: \"https://idp.example.com/poll\", secret: \"file:absent\" }", "absent"),
        ("{ url: \"https://idp.example.com/poll\", often: 1s }", "often"),
    ] {
        let wrong = format!("{}, poll: {poll} }} }} }}\n", head.trim_end().trim_end_matches(','));
        let at = document.find("issuers:").unwrap();
        house.write("wrong.yaml", &format!("{wrong}{}", &document[at..]));
        let refused = house.bad(&["check", "--config", "wrong.yaml"]);
        assert!(refused.contains(said), "{poll}: {refused}");
    }
}
