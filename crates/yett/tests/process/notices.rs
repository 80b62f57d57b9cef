//! Events as receivers get them: from a refusal in front of a real gateway to a receiver that verifies signatures, one that is down, one that is gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]
#![allow(clippy::too_many_lines, reason = "a story from beginning to end")]

mod alerts;
mod alone;
mod hostile;
mod losses;
mod misbehaving;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{self, Gateway, House, Service, call};
use serde_json::{Value, json};
use testkit::recorder::Recorded;
use testkit::{Answer, Fault, Recorder, until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Settings of a sink that is tried again soon.
const SOON: &str = "retry: { first: 20ms, most: 100ms }, deadline: 1s";

/// An event as a receiver took it.
#[derive(Debug, Clone)]
struct Taken {
    id: String,
    repeated: bool,
    event: Value,
}

/// A receiver: what it took, and what it answers with.
struct Receiver {
    recorder: Recorder,
    taken: Arc<Mutex<Vec<Taken>>>,
    answer: Arc<Mutex<Answer>>,
    answered: Arc<AtomicUsize>,
}

/// Reads a delivery, and verifies it against a secret.
fn verified(call: &Recorded, secret: &str) -> Taken {
    let field = |name: &str| call.head.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
    let text = |name: &str| field(name).map(|(_, value)| value.clone());
    assert!(testkit::webhook::is_signed(call, secret), "a bad signature: {}", common::text(&call.raw));
    assert_eq!(text("content-type").as_deref(), Some("application/cloudevents+json; charset=utf-8"));
    assert_eq!((call.method(), call.target()), ("POST", "/hook"));
    assert!(!common::text(&call.body).contains(engine::text::is_hidden));
    let event: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!((&event["specversion"], &event["id"]), (&json!("1.0"), &json!(text("webhook-id").unwrap())));
    Taken { id: text("webhook-id").unwrap(), repeated: field("yett-repeated").is_some(), event }
}

impl Receiver {
    fn start() -> Self {
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let answer = Arc::new(Mutex::new(Answer::json(204, "")));
        let answered: Arc<AtomicUsize> = Arc::default();
        let (all, now, count) = (Arc::clone(&taken), Arc::clone(&answer), Arc::clone(&answered));
        let recorder = Recorder::scripted(move |call| {
            let one = verified(call, SECRET);
            let answer = now.lock().unwrap().clone();
            // The others it is not heard with.
            if answer.fault == Fault::None && answer.status == 204 {
                all.lock().unwrap().push(one);
            }
            count.fetch_add(1, Ordering::SeqCst);
            answer
        });
        Self { recorder, taken, answer, answered }
    }

    /// How many deliveries have got their answer: what they are answered with next is for others.
    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Waits for so many of them; whether they came.
    fn waits_for(&self, count: usize) -> bool {
        until(60, || (self.answered() >= count).then_some(())).is_some()
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn is_down(&self) {
        self.answers(Answer::json(500, "").fault(Fault::Reset(0)));
    }

    fn is_up(&self) {
        self.answers(Answer::json(204, ""));
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// Waits for so many events in all.
    fn wait_for(&self, count: usize) -> Vec<Taken> {
        let there = until(120, || (self.taken.lock().unwrap().len() >= count).then_some(()));
        assert!(there.is_some(), "{} of {count} came", self.taken().len());
        self.taken()
    }
}

/// A house whose gateway tells a receiver at a URL; `sink` is the rest of what is said of it.
fn house(service: &Service, url: &str, sink: &str) -> House {
    let house = House::new();
    house.write("hook.secret", &format!("{SECRET}\n"));
    house.write("yett.yaml", &document(&house, service, url, sink));
    house
}

fn document(house: &House, service: &Service, url: &str, sink: &str) -> String {
    let own = house.document(service.port);
    let own = own.replace("rate: 1000/min", "rate: 600000/min");
    format!(
        "{own}record: {{ access_log: \"file:access.log\", decisions: {{ sample: 0% }} }}
admission: {{ anonymous: {{ rate: 6000000/min }}, failures: {{ rate: 6000000/min }} }}
notify:
  sinks:
    soc: {{ url: \"{url}\", secret: \"file:hook.secret\", allow_private: true, allow_cleartext: true, {sink} }}
"
    )
}

fn hook(receiver: &Receiver) -> String {
    format!("{}/hook", receiver.recorder.url())
}

fn id_of(answer: &str) -> String {
    let line = answer
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("yett-call-id: ").map(str::to_owned));
    line.unwrap_or_else(|| panic!("no id in {answer}"))
}

/// A call that is refused; its id.
fn refused(gateway: &Gateway, path: &str) -> String {
    let (status, answer) = call(&gateway.url, "GET", path, None, None);
    assert_eq!(status, 404, "{answer}");
    id_of(&answer)
}

/// Events that wait for the sink.
fn waiting(gateway: &Gateway) -> u64 {
    ready(gateway)["notices"]["sinks"]["soc"]["waiting"].as_u64().unwrap()
}

fn ready(gateway: &Gateway) -> Value {
    let (_, answer) = call(&gateway.admin, "GET", "/ready", None, None);
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Whose calls are refused.
enum Caller {
    /// That of a token.
    Token(String),
    /// Nobody, who asks for `/path/0` and on.
    Stranger(String),
}

impl Caller {
    fn nowhere() -> Self {
        Self::Stranger(String::from("nowhere"))
    }
}

/// Puts refused calls on one connection.
fn burst(address: &str, caller: &Caller, calls: usize) {
    let Ok(stream) = TcpStream::connect(address) else { return };
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let (mut stream, mut buffer) = (stream, [0; 65_536]);
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    for number in 0..calls {
        let last = if number + 1 == calls { "connection: close\r\n" } else { "" };
        let head = match caller {
            Caller::Token(token) => format!("POST /notes HTTP/1.1\r\nauthorization: Bearer {token}\r\n"),
            Caller::Stranger(path) => format!("GET /{path}/{number} HTTP/1.1\r\n"),
        };
        let request = format!("{head}host: x\r\ncontent-length: 0\r\n{last}\r\n");
        if writer.write_all(request.as_bytes()).is_err() {
            break;
        }
    }
    reader.join().unwrap();
}

#[test]
fn a_refusal_is_delivered_under_the_calls_own_id() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), SOON);
    let gateway = Gateway::start(&house);
    let mut ids = Vec::new();
    let mut took = Vec::new();
    for number in 0..20 {
        let before = receiver.taken().len();
        ids.push(refused(&gateway, &format!("/nowhere/{number}")));
        let begin = testkit::Deadline::seconds(30);
        receiver.wait_for(before + 1);
        took.push(30_000 - begin.left().as_millis());
    }
    took.sort_unstable();
    assert!(took[took.len() / 2] < 1_000, "from the refusal to the receiver, in milliseconds: {took:?}");
    let all = receiver.taken();
    assert_eq!(all.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), ids);
    let event = &all[0].event;
    assert!(!all[0].repeated);
    for (name, expected) in [
        ("type", "yett.call.refused"),
        ("source", "urn:yett:gateway"),
        ("severity", "notice"),
        ("datacontenttype", "application/json"),
    ] {
        assert_eq!(event[name], expected, "{name}");
    }
    let data = &event["data"];
    assert_eq!(
        (&data["code"], &data["path"], &data["id"]),
        (&json!("operation_unknown"), &json!("/nowhere/0"), &json!(ids[0]))
    );
    // One id from the answer through the log and the decision to the event, and the same record in the last two.
    let explained: Value = serde_json::from_str(&house.good(&["explain", &ids[0], "--json"])).unwrap();
    assert_eq!(explained["record"]["verdicts"], data["verdicts"]);
    assert!(house.read("access.log").contains(&ids[0]));
    // What nothing was said against is not told.
    let token = house.good(&["token", "--subject", "alice", "--scope", "notes:read"]).trim().to_owned();
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&token), None).0, 200);
    refused(&gateway, "/last");
    assert_eq!(receiver.wait_for(21).last().unwrap().event["data"]["path"], "/last");
    let delivered = || gateway.metric("yett_events_delivered_total", "sink=\"soc\"");
    assert!(until(30, || (delivered() == 21.0).then_some(())).is_some(), "{}", delivered());
    let status: Value = serde_json::from_str(&house.good(&["notify", "status", "--json"])).unwrap();
    assert_eq!((&status["sinks"][0]["name"], &status["sinks"][0]["state"]), (&json!("soc"), &json!("ok")));
    assert_eq!(ready(&gateway)["notices"]["sinks"]["soc"]["ok"], json!(true));
}

#[test]
fn only_what_is_wanted_is_told_and_both_secrets_sign() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let wanted = "previous_secret: \"file:old.secret\", events: { severity: notice, code: [credential_missing, token_invalid], api: [notes] }";
    let house = house(&service, &hook(&receiver), &format!("{SOON}, {wanted}"));
    house.write("old.secret", OTHER);
    let gateway = Gateway::start(&house);
    refused(&gateway, "/nowhere");
    let (_, answer) = call(&gateway.url, "GET", "/notes", None, None);
    let (_, forged) = call(&gateway.url, "GET", "/notes", Some("eyJhbGciOiJFUzI1NiJ9.e30.AAAA"), None);
    let ids: BTreeSet<String> = receiver.wait_for(2).into_iter().map(|one| one.id).collect();
    assert_eq!(ids, [id_of(&answer), id_of(&forged)].into());
    let call = receiver.recorder.last();
    verified(&call, OTHER);
    // A reload changes what is told, and to whom.
    let other = Receiver::start();
    house.write(
        "yett.yaml",
        &document(&house, &service, &hook(&other), "events: { code: [operation_unknown] }"),
    );
    house.good(&["reload"]);
    let id = refused(&gateway, "/nowhere");
    assert_eq!(other.wait_for(1)[0].id, id);
    assert_eq!(receiver.taken().len(), 2);
}

#[test]
fn ten_thousand_events_wait_for_a_receiver_that_is_down_and_arrive_in_order() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), SOON);
    let gateway = Gateway::start(&house);
    receiver.is_down();
    let token = |number| house.good(&["token", "--subject", &format!("u{number}"), "--scope", "notes:read"]);
    let tokens = (0..12).map(|number| (Caller::Token(token(number).trim().to_owned()), 500));
    let bursts: Vec<_> = tokens
        .chain([(Caller::nowhere(), 4_000)])
        .map(|(caller, calls)| {
            let address = gateway.url.clone();
            std::thread::spawn(move || burst(&address, &caller, calls))
        })
        .collect();
    bursts.into_iter().for_each(|burst| burst.join().unwrap());
    let spooled = || gateway.metric("yett_events_spooled_total", "");
    assert!(until(120, || (spooled() >= 10_000.0).then_some(())).is_some(), "{} are on the disk", spooled());
    let tried = until(60, || (receiver.recorder.count() > 5).then_some(()));
    assert!(tried.is_some() && receiver.taken().is_empty());
    let state = ready(&gateway);
    assert_eq!((&state["ready"], &state["degraded"]), (&json!(true), &json!(true)), "{state}");
    receiver.is_up();
    let all = receiver.wait_for(10_000);
    assert_eq!(all.iter().map(|one| &one.id).collect::<BTreeSet<_>>().len(), 10_000, "each once");
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for one in &all {
        // Times are those at which calls began: on one connection they never go back.
        let actor = one.event["partitionkey"].as_str().unwrap().to_owned();
        let time = one.event["time"].as_str().unwrap().to_owned();
        let before = last.insert(actor, time.clone()).unwrap_or_default();
        assert!(before <= time, "{before} came before {time}");
    }
    assert_eq!(last.len(), 13);
    let paths = all.iter().filter_map(|one| one.event["data"]["path"].as_str()?.strip_prefix("/nowhere/"));
    assert_eq!(
        paths.map(str::to_owned).collect::<Vec<_>>(),
        (0..4_000).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    // Marked are those that the receiver may have had: it reset the connection after it had read them.
    let before: BTreeSet<String> =
        receiver.recorder.calls()[..5].iter().map(|call| verified(call, SECRET).id).collect();
    assert!(all.iter().filter(|one| before.contains(&one.id)).all(|one| one.repeated));
    let marked = all.iter().filter(|one| one.repeated).count();
    assert!(marked >= before.len() && marked < 1_000, "{marked}");
    let lost = gateway.metric("yett_events_lost_total", "");
    assert_eq!(lost.to_string(), "0");
    assert!(until(30, || (waiting(&gateway) == 0).then_some(())).is_some());
    assert_eq!(ready(&gateway)["notices"]["sinks"]["soc"]["ok"], json!(true));
}

#[test]
fn a_receiver_that_is_gone_is_left_alone_until_the_configuration_is_read_again() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), SOON);
    let mut gateway = Gateway::start(&house);
    receiver.answers(Answer::json(410, ""));
    let first = refused(&gateway, "/first");
    gateway.line("the sink `soc` is gone (410)");
    let second = refused(&gateway, "/second");
    let state = until(30, || {
        Some(ready(&gateway)["notices"]["sinks"]["soc"].clone()).filter(|sink| sink["waiting"] == 2)
    });
    assert_eq!(state.expect("both wait")["state"], "gone");
    assert_eq!(gateway.metric("yett_sink_up", "soc").to_string(), "0");
    assert!(house.good(&["notify", "status"]).contains("gone"));
    receiver.is_up();
    assert_eq!(receiver.recorder.count(), 1, "nothing was sent since");
    // One that changes nothing will do.
    house.good(&["reload"]);
    let all = receiver.wait_for(2);
    assert_eq!(
        all.iter().map(|one| (one.id.as_str(), one.repeated)).collect::<Vec<_>>(),
        [(&*first, true), (&*second, false)]
    );
}

#[test]
fn what_is_given_up_is_kept_and_can_be_sent_again() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), "retry: { first: 10ms, most: 10ms, tries: 3 }");
    let gateway = Gateway::start(&house);
    assert!(house.good(&["notify", "dead", "list", "--json"]).is_empty());
    receiver.answers(Answer::json(400, ""));
    let ids = [refused(&gateway, "/a"), refused(&gateway, "/b")];
    let dead = || gateway.metric("yett_events_dead_letters", "soc");
    assert!(until(60, || (dead() == 2.0).then_some(())).is_some(), "{} letters", dead());
    assert_eq!(receiver.recorder.count(), 6);
    let letters = house.good(&["notify", "dead", "list", "--json"]);
    let letters: Vec<Value> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    assert_eq!(
        (&letters[0]["why"], &letters[0]["event"]["data"]["path"]),
        (&json!("it answered 400"), &json!("/a"))
    );
    let listed = house.good(&["notify", "dead", "list", "--sink", "soc"]);
    assert!(listed.lines().count() == 4 && listed.contains("it answered 400"), "{listed}");
    receiver.is_up();
    assert!(house.good(&["notify", "dead", "retry", "soc", "--id", &ids[1]]).starts_with("1 wait"));
    assert_eq!(receiver.wait_for(1)[0].id, ids[1]);
    assert!(house.bad(&["notify", "dead", "retry", "nobody"]).contains("no sink"));
    // They are there after a restart too.
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
    let mut gateway = Gateway::start(&house);
    let all = house.good(&["notify", "dead", "list", "--json"]);
    assert_eq!(all.lines().count(), 1, "{all}");
    assert!(house.good(&["notify", "dead", "retry", "soc"]).starts_with("1 wait"));
    let last = receiver.wait_for(2).remove(1);
    assert_eq!((last.id.as_str(), last.repeated), (&*ids[0], true));
    // And when nobody wants them any more.
    receiver.answers(Answer::json(410, ""));
    refused(&gateway, "/c");
    gateway.line("the sink `soc` is gone (410)");
    let without = house.read("yett.yaml").split("notify:").next().unwrap().to_owned();
    house.write("yett.yaml", &without);
    house.good(&["reload"]);
    let given_up = until(30, || {
        let told = house.good(&["notify", "dead", "list"]);
        told.contains("taken out").then_some(())
    });
    assert!(given_up.is_some(), "{}", house.good(&["notify", "dead", "list"]));
}
