//! Applications and keys as operators handle them, on SQLite and on a real PostgreSQL: commands, a kill in the middle, a store
//! that is gone, a disk that is full.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]
#![allow(clippy::too_many_lines, reason = "a story from beginning to end")]

mod feeds;
mod kinds;
mod losses;
mod polling;
mod revocations;
mod sharing;
mod streams;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{self, Gateway, House, Service, mode, text};
use serde_json::{Value, json};
use testkit::{Postgres, until};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
components: { securitySchemes: { apiKey: { type: apiKey, in: header, name: X-Key } } }
security: [{ apiKey: ["notes:read"] }]
paths: { /notes: { get: { operationId: listNotes, responses: { "200": { description: ok } } } } }
"##;

/// A folder with a document whose API takes keys; `store` is a line of it.
fn house(service: &Service, store: &str) -> House {
    let house = House::new();
    house.write("openapi.yaml", CONTRACT);
    house.write("yett.yaml", &document(service, store));
    house
}

fn document(service: &Service, store: &str) -> String {
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\nrecord: {{ access_log: \"file:access.log\" }}\n\
         admission: {{ anonymous: {{ rate: 60000/min }}, failures: {{ rate: 60000/min }} }}\n{store}apis:\n  notes:\n    \
         contract: ./openapi.yaml\n    upstream: http://127.0.0.1:{}\n    authentication: {{ apiKey: {{ source: applications }} }}\n",
        service.port
    )
}

/// A house whose store is in a database of a server.
fn shared(service: &Service, url: &str) -> House {
    let house = house(service, "store: { url: \"file:store.url\", key: \"file:store.key\" }\n");
    house.write("store.url", &format!("{url}\n"));
    house.write("store.key", &"k".repeat(40));
    house
}

/// Runs a story on both.
fn everywhere(story: fn(&House, &Service)) {
    let service = Service::start();
    story(&house(&service, ""), &service);
    let server = Postgres::start();
    story(&shared(&service, &server.database("story")), &service);
}

fn call(gateway: &Gateway, key: &str) -> u16 {
    let mut stream = std::net::TcpStream::connect(&gateway.url).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!("GET /notes HTTP/1.1\r\nhost: x\r\nx-key: {key}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    text(&answer).split(' ').nth(1).unwrap().parse().unwrap()
}

fn ready(gateway: &Gateway) -> Value {
    let (_, answer) = common::call(&gateway.admin, "GET", "/ready", None, None);
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn key(house: &House, arguments: &[&str]) -> String {
    house.good(&[&["key"], arguments].concat()).trim().to_owned()
}

fn id(key: &str) -> &str {
    &key[5..17]
}

fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn an_application_lives_from_its_first_key_to_its_end() {
    everywhere(|house, _| {
        let gateway = Gateway::start(house);
        assert!(house.good(&["app", "list"]).contains("no application yet"));
        let said = house.good(&["app", "create", "shop", "--owner", "team-shop@example.com"]);
        assert!(said.contains("yett key create shop"), "{said}");
        let made = house.yett(&[
            "key",
            "create",
            "shop",
            "--scope",
            "notes:read",
            "--expires",
            "90d",
            "--label",
            "nightly",
        ]);
        let first = text(&made.stdout).trim().to_owned();
        assert!(made.status.success() && first.len() == 51 && first.starts_with("yett_"), "{first}");
        assert!(text(&made.stderr).contains("only time"), "{}", text(&made.stderr));
        assert_eq!(call(&gateway, &first), 200);

        let listed = as_json(&house.good(&["key", "list", "shop", "--json"]));
        assert_eq!(
            (&listed[0]["id"], &listed[0]["state"], &listed[0]["label"]),
            (&json!(id(&first)), &json!("active"), &json!("nightly"))
        );
        assert!(!house.good(&["key", "list"]).contains(&first[18..]));
        let shown = as_json(&house.good(&["app", "show", "shop", "--json"]));
        assert_eq!(
            (&shown["application"]["status"], shown["keys"].as_array().unwrap().len()),
            (&json!("active"), 1)
        );
        let application = shown["application"]["id"].as_str().unwrap().to_owned();

        // Each in effect when the command returns.
        house.good(&["app", "suspend", &application]);
        assert_eq!(call(&gateway, &first), 403);
        house.good(&["app", "resume", "shop"]);
        assert_eq!(call(&gateway, &first), 200);
        let second = key(house, &["rotate", id(&first), "--overlap", "1h"]);
        assert_eq!((call(&gateway, &first), call(&gateway, &second)), (200, 200));
        assert!(house.good(&["key", "list"]).contains("retiring"));
        let third = as_json(&house.good(&["key", "rotate", &second, "--overlap", "0s", "--json"]));
        let third = third["key"].as_str().unwrap().to_owned();
        assert_eq!((call(&gateway, &second), call(&gateway, &third)), (401, 200));
        assert!(house.good(&["key", "revoke", &first]).contains("no call passes"));
        assert_eq!((call(&gateway, &first), call(&gateway, &third)), (401, 200));

        // What cannot be is said, with what to do.
        for (arguments, said) in [
            (vec!["app", "create", "shop", "--owner", "me"], "app show shop"),
            (vec!["app", "create", "a b", "--owner", "me"], "letters, digits"),
            (vec!["app", "show", "nobody"], "app list"),
            (vec!["app", "delete", "shop"], "--keys"),
            (vec!["key", "create", "nobody"], "app create"),
            (vec!["key", "create", "shop", "--expires", "30y"], "invalid value"),
            (vec!["key", "rotate", id(&first)], "key create shop"),
            (vec!["key", "rotate", id(&second)], id(&third)),
            (vec!["key", "revoke", "000000000000"], "key list"),
        ] {
            let told = house.bad(&arguments);
            assert!(told.contains(said), "{arguments:?}: {told}");
        }
        assert!(house.good(&["changes", "verify"]).contains("whole: 7 changes"));
        let audit = as_json(&house.good(&["changes", "list", "--after", "4", "--limit", "2", "--json"]));
        let actions: Vec<_> =
            audit["entries"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
        assert_eq!(actions, [&json!("key.rotate"), &json!("key.rotate")]);
        assert!(audit["entries"][0]["actor"].as_str().unwrap().starts_with("unix:"));

        // Ended well, it knows when keys were last used; killed, it has lost nothing that was acknowledged.
        gateway.signal("TERM");
        assert_eq!(gateway.end(), 0);
        let gateway = Gateway::start(house);
        assert!(as_json(&house.good(&["key", "list", "--json"]))[0]["last_used"].as_u64().is_some());
        let fourth = key(house, &["create", "shop", "--scope", "notes:read"]);
        house.good(&["key", "revoke", &third]);
        gateway.kill();
        let gateway = Gateway::start(house);
        for (key, expected) in [(&first, 401), (&second, 401), (&third, 401), (&fourth, 200)] {
            assert_eq!(call(&gateway, key), expected, "{}", id(key));
        }
        assert_eq!(ready(&gateway)["store"]["ok"], json!(true));
        house.good(&["app", "delete", "shop", "--keys"]);
        assert_eq!(call(&gateway, &fourth), 401);
        let log = house.read("access.log");
        for key in [first, second, third, fourth] {
            assert!(!log.contains(&key[18..45]), "the log has a key");
        }
        for entry in std::fs::read_dir(house.path("data")).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    });
}

/// One question over the control socket; `None` when there is no whole answer, as when the gateway was killed.
fn ask(socket: &Path, path: &str, body: &str) -> Option<(u16, Value)> {
    exchange(socket, "POST", path, body)
}

/// The same by any method.
fn exchange(socket: &Path, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: y\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?))
}

/// What is known of a key to who asked for everything that happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Good,
    /// Its end was asked for, and nothing came back.
    Open,
    Over,
}

/// Makes, rotates and revokes keys until the gateway is gone.
fn work(socket: &Path, number: usize, acknowledged: &AtomicUsize, keys: &Mutex<Vec<(String, Known)>>) {
    let set = |key: &str, known| {
        let mut keys = keys.lock().unwrap();
        keys.iter_mut().filter(|(one, _)| one == key).for_each(|(_, state)| *state = known);
    };
    for round in number.. {
        let Some((status, made)) = ask(socket, "/v1/applications/shop/keys", r#"{"scopes":["notes:read"]}"#)
        else {
            return;
        };
        assert_eq!(status, 201, "{made}");
        acknowledged.fetch_add(1, Ordering::SeqCst);
        let key = made["key"].as_str().unwrap().to_owned();
        keys.lock().unwrap().push((key.clone(), Known::Good));
        let ends = match round % 3 {
            0 => "revoke",
            1 => "rotate",
            _ => continue,
        };
        set(&key, Known::Open);
        let Some((status, done)) = ask(socket, &format!("/v1/keys/{}/{ends}", id(&key)), r#"{"overlap":0}"#)
        else {
            return;
        };
        assert!([200, 201].contains(&status), "{done}");
        acknowledged.fetch_add(1, Ordering::SeqCst);
        set(&key, Known::Over);
        if let Some(next) = done["key"].as_str() {
            keys.lock().unwrap().push((next.to_owned(), Known::Good));
        }
    }
}

#[test]
fn a_kill_in_the_middle_loses_nothing_acknowledged_and_brings_nothing_back() {
    everywhere(|house, _| {
        let keys: Arc<Mutex<Vec<(String, Known)>>> = Arc::default();
        let mut gateway = Gateway::start(house);
        house.good(&["app", "create", "shop", "--owner", "me"]);
        for round in 0..4 {
            let acknowledged = Arc::new(AtomicUsize::new(0));
            let socket: PathBuf = house.path("data/yett.sock");
            let workers: Vec<_> = (0..4)
                .map(|number| {
                    let (socket, acknowledged, keys) =
                        (socket.clone(), Arc::clone(&acknowledged), Arc::clone(&keys));
                    std::thread::spawn(move || work(&socket, number, &acknowledged, &keys))
                })
                .collect();
            // Four ask all the time: whenever it ends, something is under way.
            let enough = until(60, || (acknowledged.load(Ordering::SeqCst) >= 11 + round * 7).then_some(()));
            assert!(enough.is_some(), "only {} in a minute", acknowledged.load(Ordering::SeqCst));
            gateway.kill();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            gateway = Gateway::start(house);
            for (key, known) in keys.lock().unwrap().iter() {
                match (known, call(&gateway, key)) {
                    (Known::Good, 200) | (Known::Over, 401) | (Known::Open, 200 | 401) => {}
                    (known, status) => panic!("{} is {known:?} and got {status}", id(key)),
                }
            }
            let report = house.good(&["changes", "verify"]);
            assert!(report.contains("whole"), "{report}");
        }
        let keys = keys.lock().unwrap();
        let count = |wanted| keys.iter().filter(|(_, known)| *known == wanted).count();
        assert!(count(Known::Good) > 10 && count(Known::Over) > 10, "{keys:?}");
    });
}

#[test]
fn a_store_that_is_gone_keeps_the_keys_that_are_known_and_refuses_changes() {
    let service = Service::start();
    let mut server = Postgres::start();
    let house = shared(&service, &server.database("gone"));
    server.stop();
    let refused = house.bad(&["run", "--cores", "1"]);
    assert!(refused.contains("cannot be opened") && refused.contains("PostgreSQL"), "{refused}");
    server.resume();
    let gateway = Gateway::start(&house);
    house.good(&["app", "create", "shop", "--owner", "me"]);
    let key = key(&house, &["create", "shop", "--scope", "notes:read"]);
    assert_eq!(call(&gateway, &key), 200);
    server.stop();
    let told = house.bad(&["key", "revoke", id(&key)]);
    assert!(told.contains("cannot be used") && told.contains("nothing was changed"), "{told}");
    assert_eq!((call(&gateway, &key), call(&gateway, "yett_x")), (200, 401));
    let state = ready(&gateway);
    assert_eq!(
        (&state["ready"], &state["degraded"], &state["store"]["ok"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(gateway.metric("yett_store_up", "").to_string(), "0");
    server.resume();
    assert!(until(30, || (ready(&gateway)["store"]["ok"] == json!(true)).then_some(())).is_some());
    assert_eq!(gateway.metric("yett_store_up", "").to_string(), "1");
    house.good(&["key", "revoke", id(&key)]);
    assert_eq!(call(&gateway, &key), 401);
}

#[test]
fn what_is_changed_at_one_gateway_holds_at_the_other_soon() {
    let service = Service::start();
    let server = Postgres::start();
    let url = server.database("two");
    let (one, two) = (shared(&service, &url), shared(&service, &url));
    let (first, second) = (Gateway::start(&one), Gateway::start(&two));
    one.good(&["app", "create", "shop", "--owner", "me"]);
    let key = key(&one, &["create", "shop", "--scope", "notes:read"]);
    assert_eq!(call(&first, &key), 200);
    let soon = |expected| until(10, || (call(&second, &key) == expected).then_some(())).is_some();
    assert!(soon(200));
    one.good(&["key", "revoke", id(&key)]);
    assert_eq!(call(&first, &key), 401);
    assert!(soon(401), "it is looked for twice a second");
    two.good(&["changes", "verify"]);
}

#[test]
fn another_change_under_a_number_that_is_known_is_in_effect_soon() {
    let service = Service::start();
    let server = Postgres::start();
    let house = shared(&service, &server.database("restored"));
    let gateway = Gateway::start(&house);
    house.good(&["app", "create", "shop", "--owner", "me"]);
    let make = || key(&house, &["create", "shop", "--scope", "notes:read"]);
    let (first, second) = (make(), make());
    house.good(&["key", "revoke", id(&first)]);
    assert_eq!((call(&gateway, &first), call(&gateway, &second)), (401, 200));
    // A replica that had not seen the last change takes over, and another one is made there: its number is the same.
    server.query(
        "restored",
        &format!(
            "UPDATE yett_api_keys SET revoked_at = CASE id WHEN '{}' THEN 1 END; \
             UPDATE yett_audit SET target = '{0}', hash = repeat('5', 64) WHERE sequence = 4; \
             UPDATE yett_chain SET hash = repeat('5', 64)",
            id(&second)
        ),
    );
    assert_eq!(server.query("restored", "SELECT sequence FROM yett_chain"), "4");
    assert!(until(10, || (call(&gateway, &second) == 401).then_some(())).is_some(), "a revoked key is good");
    assert_eq!(call(&gateway, &first), 200);
}

#[test]
fn all_keys_are_listed_however_many_there_are() {
    let service = Service::start();
    let server = Postgres::start();
    let house = shared(&service, &server.database("many"));
    let gateway = Gateway::start(&house);
    house.good(&["app", "create", "shop", "--owner", "me"]);
    let oldest = key(&house, &["create", "shop", "--scope", "notes:read"]);
    // More bytes than one answer may have, and more keys.
    server.query(
        "many",
        "INSERT INTO yett_api_keys (id, application, label, hash, scopes, created_at) \
         SELECT lpad(n::text, 12, '0'), a.id, repeat('l', 250), repeat('0', 64), repeat('s', 256), 3000000000 + n / 7 \
         FROM yett_applications a, generate_series(1, 12000) n",
    );
    let shown = as_json(&house.good(&["app", "show", "shop", "--json"]));
    let ids: Vec<_> =
        shown["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids[0], ids[12_000]), (12_001, "000000011998", id(&oldest)));
    for arguments in [&["key", "list", "--json"][..], &["key", "list", "shop", "--json"]] {
        assert_eq!(as_json(&house.good(arguments)), shown["keys"], "{arguments:?}");
    }
    house.good(&["key", "revoke", ids[12_000]]);
    assert_eq!(call(&gateway, &oldest), 401);
}

#[test]
fn a_full_disk_refuses_changes_and_no_calls() {
    let service = Service::start();
    let house = house(&service, "");
    // No file of this process may be longer than 400 KiB: the system says no as it does on a full disk.
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 800; exec \"$0\" run --cores 1";
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_yett")])
        .current_dir(house.dir.path())
        .env("NO_COLOR", "1");
    let gateway = Gateway::from_command(command);
    house.good(&["app", "create", "shop", "--owner", "me"]);
    let (mut kept, mut told) = (Vec::new(), None);
    for _ in 0..400 {
        let output = house.yett(&["key", "create", "shop", "--scope", "notes:read"]);
        if !output.status.success() {
            told = Some(text(&output.stderr));
            break;
        }
        kept.push(text(&output.stdout).trim().to_owned());
    }
    let told = told.unwrap();
    assert!(told.contains("no room left") && told.contains("nothing was changed"), "{told}");
    assert_eq!(ready(&gateway)["store"]["ok"], json!(false));
    for key in [&kept[0], &kept[kept.len() - 1]] {
        assert_eq!(call(&gateway, key), 200, "calls go on");
    }
    // A change that needs less may find room, and the journal may begin anew: it goes on until there is none for that either.
    let mut gone = Vec::new();
    loop {
        let output = house.yett(&["key", "revoke", id(&kept[kept.len() - 1])]);
        if !output.status.success() {
            assert!(text(&output.stderr).contains("no room left"), "{}", text(&output.stderr));
            break;
        }
        gone.push(kept.pop().unwrap());
        assert!(kept.len() > 1, "whatever was revoked found room");
    }
    gone.iter().for_each(|key| assert_eq!(call(&gateway, key), 401, "what found room is in effect"));
    assert_eq!(ready(&gateway)["store"]["ok"], json!(false));
    for key in [&kept[0], &kept[kept.len() - 1]] {
        assert_eq!(call(&gateway, key), 200, "what was refused has no effect, and calls go on");
    }
    gateway.kill();
    // With room again, all that was acknowledged is there.
    let gateway = Gateway::start(&house);
    kept.iter().for_each(|key| assert_eq!(call(&gateway, key), 200));
    gone.iter().for_each(|key| assert_eq!(call(&gateway, key), 401));
    house.good(&["key", "revoke", id(&kept[0])]);
    assert!(
        house
            .good(&["changes", "verify"])
            .contains(&format!("whole: {} changes", kept.len() + 2 * gone.len() + 2))
    );
}

#[test]
fn a_store_is_opened_when_it_is_wanted_and_only_with_its_own_key() {
    let service = Service::start();
    let house = house(&service, "");
    let keyless = CONTRACT.replace("[{ apiKey: [\"notes:read\"] }]", "[]");
    house.write("openapi.yaml", &keyless);
    let bare =
        document(&service, "").replace("    authentication: { apiKey: { source: applications } }\n", "");
    house.write("yett.yaml", &bare);
    let gateway = Gateway::start(&house);
    assert!(!house.path("data/store.db").exists(), "nobody asked for it");
    let told = house.bad(&["app", "list"]);
    assert!(told.contains("source: applications"), "{told}");
    // A reload that wants it opens it.
    house.write("openapi.yaml", CONTRACT);
    house.write("yett.yaml", &document(&service, ""));
    house.good(&["reload"]);
    house.good(&["app", "create", "shop", "--owner", "me"]);
    let key = key(&house, &["create", "shop", "--scope", "notes:read"]);
    assert_eq!(call(&gateway, &key), 200);
    // Another store cannot be put in its place while it runs.
    house.write("store.key", &"k".repeat(40));
    house.write("yett.yaml", &document(&service, "store: { key: \"file:store.key\" }\n"));
    assert!(house.bad(&["reload"]).contains("another one"));
    assert_eq!(call(&gateway, &key), 200);
    gateway.kill();
    let told = house.bad(&["run", "--cores", "1"]);
    assert!(told.contains("another key"), "{told}");
    house.write("store.key", "short");
    assert!(house.bad(&["run", "--cores", "1"]).contains("32 bytes"));
    house.write("yett.yaml", &document(&service, ""));
    let lost = std::fs::read(house.path("data/credentials.key")).unwrap();
    std::fs::remove_file(house.path("data/credentials.key")).unwrap();
    assert!(house.bad(&["run", "--cores", "1"]).contains("backup"));
    std::fs::write(house.path("data/credentials.key"), lost).unwrap();
    let told = house.bad(&["run", "--cores", "1"]);
    assert!(told.contains("chmod 600"), "{told}");
    assert!(
        Command::new("chmod").arg("600").arg(house.path("data/credentials.key")).status().unwrap().success()
    );
    assert_eq!(call(&Gateway::start(&house), &key), 200);
}
