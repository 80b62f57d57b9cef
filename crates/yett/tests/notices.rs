//! Events as receivers get them: from a refusal in front of a real gateway to a receiver that verifies signatures, one that is down, one that misbehaves in ten ways, a kill in the middle, and a disk that is full.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]
#![allow(clippy::too_many_lines, reason = "a story from beginning to end")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Gateway, House, Service, call};
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
        let (all, now) = (Arc::clone(&taken), Arc::clone(&answer));
        let recorder = Recorder::scripted(move |call| {
            let one = verified(call, SECRET);
            let answer = now.lock().unwrap().clone();
            if answer.fault == Fault::None && (200..300).contains(&answer.status) {
                all.lock().unwrap().push(one);
            }
            answer
        });
        Self { recorder, taken, answer }
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

/// Puts refused calls on one connection: in the name of who holds a token, or `/nowhere/0` and on.
fn burst(address: &str, token: Option<&str>, calls: usize) {
    let Ok(stream) = TcpStream::connect(address) else { return };
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let (mut stream, mut buffer) = (stream, [0; 65_536]);
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let credential = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    for number in 0..calls {
        let last = if number + 1 == calls { "connection: close\r\n" } else { "" };
        let line =
            if token.is_some() { String::from("POST /notes") } else { format!("GET /nowhere/{number}") };
        let request = format!("{line} HTTP/1.1\r\nhost: x\r\n{credential}content-length: 0\r\n{last}\r\n");
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
    let tokens = (0..12).map(|number| (Some(token(number).trim().to_owned()), 500));
    let bursts: Vec<_> = tokens
        .chain([(None, 4_000)])
        .map(|(token, calls)| {
            let address = gateway.url.clone();
            std::thread::spawn(move || burst(&address, token.as_deref(), calls))
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
fn a_receiver_that_misbehaves_loses_nothing_and_stops_nothing() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), "retry: { first: 10ms, most: 60ms }, deadline: 300ms");
    let gateway = Gateway::start(&house);
    let trap = Recorder::start();
    let ok = || Answer::json(200, "");
    let ways = [
        ("hangs", Answer::json(200, "").fault(Fault::Stall(0))),
        ("resets", ok().fault(Fault::Reset(0))),
        ("resets in the head", ok().fault(Fault::Reset(9))),
        ("closes", ok().fault(Fault::Close(0))),
        ("fails", Answer::json(500, "x".repeat(100_000))),
        ("is busy", Answer::json(429, "").header("retry-after", "0")),
        ("redirects", Answer::json(307, "").header("location", &format!("{}/steal", trap.url()))),
        ("says garbage", ok().fault(Fault::Garbage(b"\x00\xffHTTP\r\n\r\n{}".to_vec()))),
        ("drips", ok().fault(Fault::Slow(Duration::from_millis(50)))),
        ("has a huge head", ok().header("x-huge", &"h".repeat(1 << 20))),
    ];
    for (number, (way, answer)) in ways.into_iter().enumerate() {
        let before = receiver.recorder.count();
        receiver.answers(answer);
        let id = refused(&gateway, &format!("/{number}"));
        let tried = until(30, || (receiver.recorder.count() > before + 1).then_some(()));
        let taken = || receiver.taken().into_iter().filter(|one| one.id == id).collect::<Vec<_>>();
        if tried.is_none() {
            panic!("one that {way}: not tried again, {} tries", receiver.recorder.count() - before);
        }
        receiver.is_up();
        let came = until(30, || taken().last().cloned());
        let came = came.unwrap_or_else(|| panic!("one that {way}: {}", ready(&gateway)));
        assert!(came.repeated, "one that {way}");
        let after = refused(&gateway, "/after");
        let came = until(30, || receiver.taken().iter().any(|one| one.id == after).then_some(()));
        assert!(came.is_some(), "calls and events go on");
    }
    assert_eq!(trap.count(), 0, "redirects are not followed");
    // A huge answer to what was taken is not read, and what was taken is taken.
    let (before, tries) = (receiver.taken().len(), receiver.recorder.count());
    receiver.answers(Answer { body: vec![b'x'; 64 << 20], ..ok() });
    let id = refused(&gateway, "/huge");
    assert_eq!(receiver.wait_for(before + 1).last().unwrap().id, id);
    refused(&gateway, "/after");
    receiver.wait_for(before + 2);
    assert_eq!(receiver.recorder.count(), tries + 2);
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
    let gateway = Gateway::start(&house);
    let all = house.good(&["notify", "dead", "list", "--json"]);
    assert_eq!(all.lines().count(), 1, "{all}");
    assert!(house.good(&["notify", "dead", "retry", "soc"]).starts_with("1 wait"));
    let last = receiver.wait_for(2).remove(1);
    assert_eq!((last.id.as_str(), last.repeated), (&*ids[0], true));
    // And when nobody wants them any more.
    receiver.is_down();
    refused(&gateway, "/c");
    assert!(until(30, || (waiting(&gateway) == 1).then_some(())).is_some());
    let without = house.read("yett.yaml").split("notify:").next().unwrap().to_owned();
    house.write("yett.yaml", &without);
    house.good(&["reload"]);
    let given_up = until(30, || {
        let told = house.good(&["notify", "dead", "list"]);
        told.contains("taken out").then_some(())
    });
    assert!(given_up.is_some(), "{}", house.good(&["notify", "dead", "list"]));
}

#[test]
fn a_kill_in_the_middle_loses_nothing_that_was_spooled() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), SOON);
    let (mut gateway, mut owed) = (Gateway::start(&house), 0);
    for round in 0..4 {
        let address = gateway.url.clone();
        let floods: Vec<_> = (0..2)
            .map(|_| {
                let address = address.clone();
                std::thread::spawn(move || burst(&address, None, 5_000))
            })
            .collect();
        if round % 2 == 0 {
            receiver.is_down();
        }
        let spooled = || gateway.metric("yett_events_spooled_total", "") as usize;
        assert!(until(60, || (spooled() > 300).then_some(())).is_some(), "{} are on the disk", spooled());
        owed += spooled();
        gateway.kill();
        floods.into_iter().for_each(|flood| flood.join().unwrap());
        receiver.is_up();
        gateway = Gateway::start(&house);
        // What came after the number was read is there too.
        let empty = || waiting(&gateway) == 0;
        let distinct = || receiver.taken().iter().map(|one| one.id.clone()).collect::<BTreeSet<_>>().len();
        assert!(
            until(120, || (distinct() >= owed && empty()).then_some(())).is_some(),
            "{} of {owed}",
            distinct()
        );
        owed = distinct();
    }
    // Whatever came twice is marked the second time.
    let mut seen = BTreeSet::new();
    for one in receiver.taken() {
        assert!(seen.insert(one.id.clone()) || one.repeated, "{} came again without a mark", one.id);
    }
    // An orderly end is no reason to send anything again.
    let count = receiver.taken().len();
    receiver.is_down();
    let id = refused(&gateway, "/last");
    assert!(until(30, || (waiting(&gateway) == 1).then_some(())).is_some());
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
    receiver.is_up();
    let _gateway = Gateway::start(&house);
    let last = receiver.wait_for(count + 1);
    assert_eq!((last.len(), &*last[count].id), (count + 1, &*id));
}

#[test]
fn a_full_disk_stops_no_call_and_what_is_lost_is_said() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), SOON);
    let off =
        house.read("yett.yaml").replace("file:access.log", "off").replace("sample: 0%", "enabled: false");
    house.write("yett.yaml", &off);
    receiver.is_down();
    // No file of this process may be longer than 400 KiB: the system says no as it does on a full disk.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 800; exec \"$0\" run --cores 1", env!("CARGO_BIN_EXE_yett")])
        .current_dir(house.dir.path())
        .env("NO_COLOR", "1");
    let gateway = Gateway::from_command(command);
    let first = refused(&gateway, "/first");
    assert!(until(30, || (gateway.metric("yett_events_spooled_total", "") == 1.0).then_some(())).is_some());
    let lost = until(120, || {
        burst(&gateway.url, None, 4_000);
        (gateway.metric("yett_events_lost_total", "disk_full") > 0.0).then_some(())
    });
    assert!(lost.is_some(), "{}", ready(&gateway));
    let token = house.good(&["token", "--subject", "alice", "--scope", "notes:read"]).trim().to_owned();
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&token), None).0, 200, "calls go on");
    assert_eq!(ready(&gateway)["notices"]["ok"], json!(false));
    gateway.kill();
    // With room again, what was spooled is delivered, and more is.
    receiver.is_up();
    let gateway = Gateway::start(&house);
    let last = refused(&gateway, "/last");
    let came = |id: &str| until(120, || receiver.taken().iter().any(|one| one.id == id).then_some(()));
    assert!(came(&first).is_some() && came(&last).is_some());
}

#[test]
fn more_than_may_wait_is_lost_and_counted() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), &format!("{SOON}, size: 1MiB"));
    let gateway = Gateway::start(&house);
    receiver.is_down();
    burst(&gateway.url, None, 3_000);
    let lost = || gateway.metric("yett_events_lost_total", "spool_full");
    assert!(until(60, || (lost() > 0.0).then_some(())).is_some());
    assert!(gateway.metric("yett_events_waiting_bytes", "soc") <= 1_048_576.0);
    receiver.is_up();
    assert!(until(60, || (waiting(&gateway) == 0).then_some(())).is_some());
    let all = receiver.taken();
    assert_eq!(all.len() as f64 + lost(), 3_000.0, "nobody is told less than is counted");
}

/// Who must not be reached is not, however the URL is written; and a certificate that nobody trusts ends it.
#[test]
fn private_addresses_and_strangers_certificates_are_refused() {
    let service = Service::start();
    let trap = Recorder::start();
    let port = trap.address().port();
    // A name that leads to this machine is found when it is connected to, and not before.
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    for host in [&*own, "no-such-host.invalid"] {
        let house = house(&service, &format!("http://{host}:{port}/hook"), SOON);
        let private = house.read("yett.yaml").replace("allow_private: true", "allow_private: false");
        house.write("yett.yaml", &private);
        let gateway = Gateway::start(&house);
        refused(&gateway, "/x");
        let failed = || ready(&gateway)["notices"]["sinks"]["soc"]["last_error"].as_str().map(str::to_owned);
        let why = until(30, failed).unwrap_or_else(|| panic!("{host}: nothing failed"));
        assert!(why.contains("no address"), "{host}: {why}");
    }
    assert_eq!(trap.received(), 0);

    let tls = Secure::start();
    let house = house(&service, &format!("https://localhost:{}/hook", tls.port), SOON);
    let gateway = Gateway::start(&house);
    refused(&gateway, "/x");
    let failed = || ready(&gateway)["notices"]["sinks"]["soc"]["last_error"].as_str().map(str::to_owned);
    let why = until(30, failed).expect("a failure");
    assert!(why.to_ascii_lowercase().contains("certificate"), "{why}");
    assert!(tls.requests.lock().unwrap().is_empty());
    drop(gateway);
    // The same receiver, once its certificate is trusted.
    house.write("ca.pem", &tls.certificate);
    let mut command = house.command(&["run", "--cores", "1"]);
    command.env("SSL_CERT_FILE", house.path("ca.pem"));
    let _gateway = Gateway::from_command(command);
    let came = until(30, || tls.requests.lock().unwrap().first().cloned());
    let came = came.expect("the event that waited");
    assert!(came.starts_with("POST /hook HTTP/1.1\r\n") && came.contains("yett-repeated: true"), "{came}");
}

/// A receiver with TLS and a certificate of its own making for `localhost`.
struct Secure {
    port: u16,
    certificate: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Secure {
    fn start() -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec![String::from("localhost")]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, stream);
                let mut buffer = vec![0; 65_536];
                let Ok(count) = stream.read(&mut buffer) else { continue };
                seen.lock().unwrap().push(common::text(&buffer[..count]));
                let _ = stream.write_all(b"HTTP/1.1 204 Taken\r\n\r\n");
                let _ = stream.flush();
            }
        });
        Self { port, certificate: cert.pem(), requests }
    }
}

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
    assert_eq!((&data["owner"], &data["at_least"]), (&json!("team@example.com"), &json!(5)));
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
}
