//! The main job as a user does it: `init`, `check`, `run`, a token, calls; then reloads and the end.

use crate::common::{CONTRACT, Gateway, House, Service, call, mode};

fn token(house: &House, scope: &str) -> String {
    house.good(&["token", "--subject", "alice", "--scope", scope]).trim().to_owned()
}

#[test]
fn two_commands_protect_a_service() {
    let (house, service) = (House::new(), Service::start());
    let upstream = format!("http://127.0.0.1:{}/", service.port);
    let said = house.good(&["init", "openapi.yaml", "--upstream", &upstream]);
    assert!(said.contains("next: yett check && yett run"), "{said}");
    let written = house.read("yett.yaml");
    assert!(written.lines().count() <= 12, "{written}");
    assert!(house.good(&["check"]).contains("yett.yaml: good"));
    // The same with ports of the system's choice.
    let free = written.replace("http://127.0.0.1:8080", "http://127.0.0.1:0").replace("60/min", "1000/min");
    house.write("yett.yaml", &format!("{free}admin: {{ bind: \"127.0.0.1:0\" }}\n"));

    let gateway = Gateway::start(&house);
    let (read, write) = (token(&house, "notes:read"), token(&house, "notes:write"));
    let good = Some("{\"text\":\"x\"}");
    let cases = [
        ("GET", "/notes", Some(&read), None, 200),
        ("POST", "/notes", Some(&write), good, 200),
        ("HEAD", "/notes", Some(&read), None, 200),
        ("GET", "/notes", None, None, 401),
        ("POST", "/notes", Some(&read), good, 403),
        ("POST", "/notes", Some(&write), Some("{\"text\":1}"), 400),
        ("GET", "/admin", Some(&read), None, 404),
        ("DELETE", "/notes", Some(&read), None, 405),
        ("GET", "/notes/../admin", Some(&read), None, 400),
    ];
    for (method, path, token, body, expected) in cases {
        let (status, answer) = call(&gateway.url, method, path, token.map(String::as_str), body);
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
    assert_eq!(service.count(), 3, "only what passed reached the service: {:?}", service.seen);
    let forged = format!("{}A{}", &read[..read.len() - 2], &read[read.len() - 1..]);
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&forged), None).0, 401);

    assert_eq!(mode(&house.path("data")), 0o700);
    assert_eq!(mode(&house.path("data/yett.sock")), 0o600);
    assert_eq!(mode(&house.path("data/issuer.key")), 0o600);
    assert_eq!(call(&gateway.admin, "GET", "/health", None, None).0, 200);
    let (status, ready) = call(&gateway.admin, "GET", "/ready", None, None);
    assert!(status == 200 && ready.contains("\"ready\":true"), "{ready}");
    let (_, metrics) = call(&gateway.admin, "GET", "/metrics", None, None);
    assert!(metrics.contains("yett_config_generation 1"), "{metrics}");
    let status = house.good(&["status"]);
    assert!(status.contains("notes: 2 operations") && status.contains("configuration 1"), "{status}");
}

#[test]
fn reloads_swap_what_is_good_and_keep_the_old_for_the_rest() {
    let (house, service) = (House::new(), Service::start());
    let document = house.document(service.port);
    house.write("yett.yaml", &document);
    let mut gateway = Gateway::start(&house);
    let read = token(&house, "notes:read");
    let get = |path: &str| call(&gateway.url, "GET", path, Some(&read), None).0;
    assert_eq!((get("/notes"), get("/letters")), (200, 404));

    // A contract that changes is seen by itself.
    house.write("openapi.yaml", &CONTRACT.replace("/notes:", "/letters:"));
    gateway.line("reloaded: configuration 2");
    let get = |path: &str| call(&gateway.url, "GET", path, Some(&read), None).0;
    assert_eq!((get("/notes"), get("/letters")), (404, 200));

    // A broken one leaves the old serving, and says so everywhere.
    house.write("openapi.yaml", &CONTRACT[..CONTRACT.len() / 2]);
    gateway.line("reload failed");
    assert_eq!(call(&gateway.url, "GET", "/letters", Some(&read), None).0, 200);
    let (status, ready) = call(&gateway.admin, "GET", "/ready", None, None);
    assert!(
        status == 200 && ready.contains("\"outcome\":\"failed\"") && ready.contains("\"degraded\":true"),
        "{ready}"
    );
    assert!(call(&gateway.admin, "GET", "/metrics", None, None).1.contains("yett_config_reload_failed 1"));
    assert!(house.bad(&["reload"]).contains("openapi.yaml:"));

    // Mended, then asked for by hand: identical means that nothing happens.
    house.write("openapi.yaml", CONTRACT);
    gateway.line("reloaded: configuration 3");
    let said = house.good(&["reload"]);
    assert!(said.contains("nothing changed") || said.contains("configuration 3"), "{said}");
    house.write("yett.yaml", &format!("{document}# a comment that moves nothing\n"));
    assert!(house.good(&["reload"]).contains("configuration 3"));

    // A socket cannot move under a running gateway.
    house.write("yett.yaml", &document.replace("listen: http://127.0.0.1:0", "listen: http://127.0.0.1:1"));
    let said = house.bad(&["reload"]);
    assert!(said.contains("restart-needed") && said.contains("yett.yaml:2:"), "{said}");
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&read), None).0, 200);
    assert!(house.good(&["status"]).contains("1 alive"));
}

#[test]
fn a_comment_moves_the_places_and_resets_nothing() {
    let (house, service) = (House::new(), Service::start());
    let document = house.document(service.port).replace("1000/min", "1/hour")
        + "record: { access_log: \"file:access.log\" }\n";
    house.write("yett.yaml", &document);
    let gateway = Gateway::start(&house);
    let read = token(&house, "notes:read");
    let get = || call(&gateway.url, "GET", "/notes", Some(&read), None).0;
    assert_eq!((get(), get()), (200, 429));
    house.write("yett.yaml", &format!("# one\n# two\n{document}"));
    assert!(house.good(&["reload"]).contains("configuration 2"));
    assert_eq!(get(), 429, "the limit's count goes on");
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
    let log = house.read("access.log");
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("rate_limited")).collect();
    assert!(refused.len() == 2 && refused[0].contains("yett.yaml:9:"), "{log}");
    assert!(refused[1].contains("yett.yaml:11:"), "{log}");
}

#[test]
fn a_log_that_nobody_reads_does_not_keep_it_from_ending() {
    let (house, service) = (House::new(), Service::start());
    let path = house.path("log");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut pipe = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut pipe, &[b'\n'; 65_536]).unwrap();
    let document = house.document(service.port) + "record: { access_log: \"file:log\" }\n";
    house.write("yett.yaml", &document);
    let gateway = Gateway::start(&house);
    assert_eq!(call(&gateway.url, "GET", "/notes", None, None).0, 401);
    house.write("yett.yaml", &document.replace("1000/min", "1/hour"));
    assert!(house.good(&["reload"]).contains("configuration 2"), "the control socket answers");
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
    drop(pipe);
}

#[test]
fn signals_reload_and_drain() {
    let (house, service) = (House::new(), Service::start());
    house.write("yett.yaml", &house.document(service.port));
    let mut gateway = Gateway::start(&house);
    house.write("yett.yaml", &house.document(service.port).replace("1000/min", "1/hour"));
    gateway.signal("HUP");
    gateway.line("reloaded: configuration 2");
    let read = token(&house, "notes:read");
    let get = || call(&gateway.url, "GET", "/notes", Some(&read), None).0;
    assert_eq!((get(), get()), (200, 429));
    gateway.signal("TERM");
    gateway.line("draining");
    let socket = house.path("data/yett.sock");
    assert_eq!(gateway.end(), 0);
    assert!(!socket.exists(), "the socket is gone with its gateway");
    assert!(house.bad(&["status"]).contains("start `yett run` first"));
}

#[test]
fn tokens_are_bounded_and_for_one_audience() {
    let (house, service) = (House::new(), Service::start());
    house.write("yett.yaml", &house.document(service.port));
    let gateway = Gateway::start(&house);
    let cases: [(&[&str], &str); 6] = [
        (&["--ttl", "25h"], "at most 24h"),
        (&["--claim", "iss=https://evil"], "`iss` is set by the issuer"),
        (&["--scope", "a\"b"], "is not a scope"),
        (&["--api", "note"], "did you mean `notes`?"),
        (&["--claim", "x"], "name=value"),
        (&["--subject", ""], "cannot be used multiple times"),
    ];
    for (arguments, why) in cases {
        let all = [&["token", "--subject", "alice"], arguments].concat();
        let said = house.bad(&all);
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    let other = house.good(&["token", "--subject", "a", "--scope", "notes:read", "--audience", "other"]);
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(other.trim()), None).0, 401);
    let good = house.good(&[
        "token",
        "--subject",
        "a",
        "--scope",
        "notes:read notes:write",
        "--claim",
        "level=3",
        "--ttl",
        "24h",
    ]);
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(good.trim()), None).0, 200);
    // A second gateway on the same data directory would mint and reload behind the first one's back.
    assert!(house.bad(&["run", "--cores", "1"]).contains("another gateway"));
    drop(gateway);
}

/// An issuer whose keys cannot be had is told by name, with its reason, and one in a file is not asked for.
#[test]
fn the_keys_of_issuers_are_told() {
    let house = House::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let document =
        house.document(1).replace("issuer: local", &format!("issuer: {issuer}\n    audience: notes"));
    house.write(
        "yett.yaml",
        &format!("{document}issuers: {{ idp: {{ url: \"{issuer}\", keys: {{ max_age: 1h }} }} }}\n"),
    );
    let gateway = Gateway::start(&house);
    let detail = || {
        let (status, page) = call(&gateway.admin, "GET", "/ready", None, None);
        let detail: serde_json::Value = serde_json::from_str(page.split_once("\r\n\r\n").unwrap().1).unwrap();
        (status, detail)
    };
    let failed = testkit::until_every(std::time::Duration::from_millis(50), 20, || {
        let (_, detail) = detail();
        detail["issuers"]["idp"]["last_error"].is_string().then_some(detail)
    });
    let detail = failed.unwrap_or_else(|| panic!("{:?}", detail()));
    let idp = &detail["issuers"]["idp"];
    assert_eq!((&detail["ready"], &detail["degraded"]), (&true.into(), &true.into()), "{detail}");
    assert_eq!((&idp["ok"], &idp["keys"], &idp["age"]), (&false.into(), &0.into(), &serde_json::Value::Null));
    assert_eq!(idp["url"], issuer.as_str());
    assert!(idp["failures"].as_u64() > Some(0), "{idp}");
    let page = call(&gateway.admin, "GET", "/metrics", None, None).1;
    assert!(page.contains("yett_issuer_keys_usable{issuer=\"idp\"} 0"), "{page}");
    assert!(gateway.metric("yett_issuer_keys_failures", "idp") >= 1.0, "{page}");
    assert!(!page.contains("yett_issuer_keys_age_seconds"), "none came yet: {page}");
}
