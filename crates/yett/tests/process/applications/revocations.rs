//! What is revoked of the tokens of others, by command, at two gateways that share a database: calls and what is open.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::clock::Deadline;
use testkit::{Alg, Mint};

use super::streams::{Socket, sockets};
use super::*;

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Chat, version: "1" }
components: { securitySchemes: { oauth: { type: http, scheme: bearer } } }
security: [{ oauth: [] }]
paths:
  /chat: { get: { operationId: chat, responses: { "101": { description: ok } } } }
  /notes: { get: { operationId: listNotes, responses: { "200": { description: ok } } } }
"##;
pub(super) const ISSUER: &str = "https://idp.example.com";

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Claims of a token that is good for ten minutes.
pub(super) fn claims(id: &str) -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "notes", "exp": now() + 600, "iat": now() - 5, "jti": id,
        "client_id": "shop", "sid": "s1"
    })
}

fn with(id: &str, name: &str, value: &str) -> Value {
    let mut claims = claims(id);
    claims[name] = json!(value);
    claims
}

/// An issuer, and houses of gateways that take its tokens.
pub(super) struct Idp(pub(super) Mint);

impl Idp {
    pub(super) fn new() -> Self {
        Self(Mint::new(Alg::Es256, "k1"))
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.0.token(&claims.to_string())
    }

    pub(super) fn furnish(&self, house: House, service: &Service) -> House {
        house.write("openapi.yaml", CONTRACT);
        house.write("keys.json", &format!("{{\"keys\":[{}]}}", self.0.jwk()));
        let document = document(service, "").replace(
            "apis:\n",
            &format!("issuers: {{ corp: {{ url: \"{ISSUER}\", jwks: \"file:keys.json\" }} }}\nSTOREapis:\n"),
        );
        let document = document
            .replace("apiKey: { source: applications }", "oauth: { issuers: [corp], audience: notes }");
        let store = if house.path("store.url").exists() {
            "store: { url: \"file:store.url\", key: \"file:store.key\" }\n"
        } else {
            "store: {}\n"
        };
        let more = "    operations: { chat: { websocket: {} } }\n";
        house.write("yett.yaml", &format!("{}{more}", document.replace("STORE", store)));
        house
    }
}

/// Status and code of a call.
pub(super) fn ask(gateway: &Gateway, token: &str) -> (u16, String) {
    let (status, answer) = common::call(&gateway.url, "GET", "/notes", Some(token), None);
    let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
    (status, code.unwrap_or_default().to_owned())
}

fn ask_for(gateway: &Gateway, token: &str) -> Socket {
    Socket::ask_with(gateway, &format!("authorization: Bearer {token}"))
}

fn open(gateway: &Gateway, token: &str) -> Socket {
    let mut socket = ask_for(gateway, token);
    socket.is_open();
    socket
}

pub(super) fn good() -> (u16, String) {
    (200, String::new())
}

pub(super) fn revoked() -> (u16, String) {
    (401, String::from("token_revoked"))
}

/// Puts a token to the standard input of a command.
fn feed(house: &House, arguments: &[&str], token: &str) -> String {
    let mut child = house
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// By how much a thread wakes up late that wants to wake up often: what the machine is late by, and not the gateway.
struct Lateness(Arc<AtomicBool>, std::thread::JoinHandle<Duration>);

impl Lateness {
    fn watch() -> Self {
        let over: Arc<AtomicBool> = Arc::default();
        let told = Arc::clone(&over);
        let watching = std::thread::spawn(move || {
            let (pause, clock) = (Duration::from_millis(5), Deadline::seconds(3_600));
            let mut latest = Duration::ZERO;
            while !told.load(Ordering::SeqCst) {
                let before = clock.left();
                std::thread::park_timeout(pause);
                latest = latest.max((before - clock.left()).saturating_sub(pause));
            }
            latest
        });
        Self(over, watching)
    }

    fn end(self) -> Duration {
        self.0.store(true, Ordering::SeqCst);
        self.1.join().unwrap()
    }
}

/// Revokes a token at the first of two gateways, by one of its kinds. Whether what it had open ended at both within a second after
/// that; `None` where it did not on a machine that was late itself. A twin that is not revoked goes on.
pub(super) fn ends_in_time(
    (idp, house): (&Idp, &House),
    gateways: &[Gateway; 2],
    kind: &str,
    number: usize,
) -> Option<bool> {
    let own = format!("{kind}{number}");
    let mut gone = match kind {
        "subject" => with(&own, "sub", &own),
        "session" => with(&own, "sid", &own),
        "application" => with(&own, "client_id", &own),
        _ => claims(&own),
    };
    if kind == "digest" {
        gone.as_object_mut().unwrap().remove("jti");
        gone["own"] = json!(own);
    }
    let (gone, twin) = (idp.token(&gone), idp.token(&claims(&format!("twin of {own}"))));
    let mut ending = gateways.each_ref().map(|gateway| open(gateway, &gone));
    let mut staying = gateways.each_ref().map(|gateway| open(gateway, &twin));
    let late = Lateness::watch();
    match kind {
        "token" | "digest" => feed(house, &["revoke", "token"], &gone),
        "session" => house.good(&["revoke", kind, &own, "--issuer", ISSUER, "--reason", "lost"]),
        _ => house.good(&["revoke", kind, &own, "--issuer", "corp", "--reason", "lost"]),
    };
    let second = Deadline::seconds(1);
    assert_eq!((ending[0].closed(), ending[1].closed()), (1008, 1008), "{kind}");
    let in_time = !second.is_over();
    let late = late.end();
    for gateway in gateways {
        assert_eq!(ask_for(gateway, &gone).status(), 401, "{kind}");
    }
    staying.iter_mut().for_each(Socket::goes_on);
    // There are some ten wake-ups of threads and processes on the way.
    (in_time || late < Duration::from_millis(50)).then_some(in_time)
}

/// The other gateway looks every 100 ms and reads what is new with one question: what is left of the second is for the machine.
/// Where that takes more, it is asked once more.
#[test]
fn what_is_revoked_at_one_gateway_ends_calls_and_sockets_at_the_other_within_a_second() {
    let service = sockets(Arc::default());
    let (server, idp) = (Postgres::start(), Idp::new());
    let url = server.database("revoked");
    let [house, other] = [0, 1].map(|_| idp.furnish(shared(&service, &url), &service));
    let gateways = [Gateway::start(&house), Gateway::start(&other)];
    for kind in ["token", "subject", "session", "application", "digest"] {
        let told = (0..20).find_map(|number| ends_in_time((&idp, &house), &gateways, kind, number));
        assert_eq!(told, Some(true), "by {kind}");
    }
}

#[test]
fn tokens_are_revoked_listed_and_taken_back_by_command() {
    let service = Service::start();
    let (idp, server) = (Idp::new(), Postgres::start());
    for house in [house(&service, ""), shared(&service, &server.database("commands"))] {
        let house = idp.furnish(house, &service);
        let mut gateway = Gateway::start(&house);
        assert!(house.good(&["revocations", "list"]).contains("nothing is revoked"));
        let (first, second) = (idp.token(&claims("a1")), idp.token(&claims("a2")));
        let opaque = idp.token(&{
            let mut claims = claims("");
            claims.as_object_mut().unwrap().remove("jti");
            claims
        });
        for _ in 0..3 {
            for token in [&first, &second, &opaque] {
                assert_eq!(ask(&gateway, token), good());
            }
        }
        let seen = service.count();
        let done: Value = as_json(&feed(
            &house,
            &["revoke", "token", "--json", "--reason", "stolen"],
            &format!("Bearer {first}\n"),
        ));
        assert_eq!(
            (&done["kind"], &done["issuer"], &done["value"], &done["reason"]),
            (&json!("token"), &json!(ISSUER), &json!("a1"), &json!("stolen"))
        );
        assert_eq!((ask(&gateway, &first), ask(&gateway, &second)), (revoked(), good()));
        feed(&house, &["revoke", "token"], &opaque);
        assert_eq!((ask(&gateway, &opaque), ask(&gateway, &second)), (revoked(), good()));
        assert_eq!(service.count(), seen + 2, "nothing revoked reached the service");
        // A kill loses nothing that was acknowledged.
        gateway.kill();
        gateway = Gateway::start(&house);
        assert_eq!(
            (ask(&gateway, &first), ask(&gateway, &opaque), ask(&gateway, &second)),
            (revoked(), revoked(), good())
        );
        let listed = as_json(&house.good(&["revocations", "list", "--json"]));
        assert_eq!(listed.as_array().unwrap().len(), 2);
        assert!(!listed.to_string().contains(&opaque));
        let id = done["id"].as_str().unwrap();
        house.good(&["revocations", "undo", id]);
        assert_eq!((ask(&gateway, &first), ask(&gateway, &opaque)), (good(), revoked()));
        assert!(house.bad(&["revocations", "undo", id]).contains("there is no revocation"));
        // A subject proves who it is once more, and goes on.
        house.good(&["revoke", "subject", "alice", "--issuer", "corp"]);
        assert_eq!(ask(&gateway, &second), revoked());
        let mut later = claims("a3");
        later["iat"] = json!(now() + 2);
        assert_eq!(ask(&gateway, &idp.token(&later)), good());
        house.good(&["revoke", "subject", "alice", "--issuer", "corp", "--later"]);
        assert_eq!(ask(&gateway, &idp.token(&later)), revoked());
        assert_eq!(ask(&gateway, &idp.token(&with("a4", "sub", "bob"))), good());
        house.good(&["revoke", "issuer", "corp", "--until-now"]);
        assert_eq!(ask(&gateway, &idp.token(&with("a4", "sub", "bob"))), revoked());
        let (_, page) = common::call(&gateway.admin, "GET", "/metrics", None, None);
        assert!(page.contains("yett_revocations 3"), "{page}");
        let changes = house.good(&["changes", "list"]);
        assert!(changes.contains("revocation.add") && changes.contains("revocation.undo"), "{changes}");
        assert!(house.good(&["changes", "verify"]).contains("whole"));
    }
}

#[test]
fn what_cannot_be_revoked_is_said() {
    let service = Service::start();
    let idp = Idp::new();
    let house = idp.furnish(house(&service, ""), &service);
    let _gateway = Gateway::start(&house);
    let hex = "07".repeat(32);
    for (arguments, said) in [
        (vec!["revoke", "subject", "alice", "--issuer", "corpp"], "did you mean `corp`"),
        (vec!["revoke", "subject", "alice", "--issuer", "https://idp.example.com/"], "is no issuer"),
        (vec!["revoke", "subject", "app_1", "--issuer", "yett:applications"], "yett key revoke"),
        (vec!["revoke", "subject", "", "--issuer", "corp"], "is not a subject"),
        (vec!["revoke", "token", "--sha256", "07"], "64 hexadecimal digits"),
        (vec!["revoke", "token", "--id", "x"], "--issuer"),
        (vec!["revoke", "issuer", "corp", "--for", "0s"], "at least 1s"),
        (vec!["revoke", "token"], "one token"),
    ] {
        let refused = house.bad(&arguments);
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
    assert!(house.good(&["revocations", "list"]).contains("nothing is revoked"));
    // Their twins.
    house.good(&["revoke", "token", "--sha256", &hex, "--for", "1h"]);
    house.good(&["revoke", "token", "--id", "x", "--issuer", "corp"]);
    house.good(&["revoke", "subject", "alice", "--issuer", "corp", "--reason", "left"]);
    // Without a store there is nowhere to keep it.
    let bare = House::new();
    bare.write("yett.yaml", &bare.document(service.port));
    let _bare = Gateway::start(&bare);
    let refused = bare.bad(&["revoke", "token", "--sha256", &hex]);
    assert!(refused.contains("store: {}"), "{refused}");
}
