//! What the service gets in place of the caller's credential: tokens of a real provider (npm's `oidc-provider`), exchanged or the
//! gateway's own, and assertions that another implementation (npm's `jose`) verifies by the published keys.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use crate::common::{Gateway, House, call, mode, text};
use crate::holders::{Provider, document, house, peers, service};
use serde_json::{Value, json};
use testkit::{Recorded, Recorder};

const BOUND: &str = "    authentication: { oauth: { issuers: [idp] } }\n";

/// Asks the provider to do something.
fn control(provider: &Provider, action: &str, what: &Value) -> Value {
    let url = format!("{}{action}", provider.text("control"));
    let output =
        Command::new("curl").args(["--silent", "--fail", "--data", &what.to_string(), &url]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{action}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn mint(provider: &Provider, what: &Value) -> String {
    control(provider, "/mint", what)["access_token"].as_str().unwrap().to_owned()
}

/// How often the provider was asked for a token.
fn asked(provider: &Provider) -> u64 {
    control(provider, "/count", &json!({}))["token"].as_u64().unwrap()
}

/// What a service makes of a token.
fn verify(plan: &Value) -> Value {
    let output = Command::new("node").arg(peers("verifier.mjs")).arg(plan.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The values of a field of what came to the service.
fn fields(came: &Recorded, name: &str) -> Vec<String> {
    let head = text(&came.raw);
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
}

/// The one bearer token that came to the service.
fn bearer(came: &Recorded) -> String {
    let found = fields(came, "authorization");
    assert_eq!(found.len(), 1, "{}", text(&came.raw));
    found[0].strip_prefix("Bearer ").unwrap().to_owned()
}

/// What the service makes of it, by the provider's keys.
fn as_service(provider: &Provider, token: &str) -> Value {
    let issuer = provider.text("issuer");
    verify(
        &json!({ "keys": format!("{issuer}/jwks"), "token": token, "audience": "orders-service", "issuer": issuer,
        "typ": "at+jwt" }),
    )
}

fn endpoint(provider: &Provider, settings: &str) -> String {
    format!(", token_endpoint: {{ url: \"{}\", {settings} }}", provider.text("token_endpoint"))
}

const BY_SECRET: &str = "client_id: gateway, client_secret: \"file:gateway.secret\"";

/// A house with the gateway's secret and key at the provider.
fn prepared() -> (House, Recorder, Provider) {
    let house = house();
    let key = house.path("client.key");
    pem(&house, "client.key");
    let provider = Provider::start(&["--gateway-key", key.to_str().unwrap()]);
    house.write("gateway.secret", &format!("{}\n", provider.secret("gateway")));
    house.write("actor.token", "the-gateway\n");
    (house, service(), provider)
}

/// A new P-256 key in PEM.
fn pem(house: &House, name: &str) {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"])
        .arg(house.path(name))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
}

#[test]
fn a_service_gets_a_token_of_the_same_caller_for_itself() {
    let (house, service, provider) = prepared();
    let api = format!(
        "{BOUND}    upstream_identity: {{ credential: exchange, issuer: idp, audience: orders-service, scope: \"orders:read\" }}\n"
    );
    for settings in [
        format!("{BY_SECRET}, actor_token: \"file:actor.token\""),
        String::from(
            "client_id: gateway-key, client_key: \"file:client.key\", client_authentication: private_key_jwt",
        ),
    ] {
        house.write("yett.yaml", &document(&service, &provider, &endpoint(&provider, &settings), &api));
        let gateway = Gateway::start(&house);
        let get = |token: &str| call(&gateway.url, "GET", "/notes", Some(token), None);
        let (before, asked_before) = (service.count(), asked(&provider));
        let token = mint(&provider, &json!({ "subject": "alice" }));
        for _ in 0..4 {
            let (status, answer) = get(&token);
            assert_eq!(status, 200, "{settings}: {answer}");
        }
        assert_eq!((service.count() - before, asked(&provider) - asked_before), (4, 1), "{settings}");
        let told = as_service(&provider, &bearer(&service.last()));
        assert_eq!(
            (&told["claims"]["sub"], &told["claims"]["scope"]),
            (&json!("alice"), &json!("orders:read")),
            "{told}"
        );
        if settings.contains("actor") {
            assert_eq!(told["claims"]["act"]["sub"], "the-gateway");
        }
        assert!(!text(&service.bytes()).contains(&token), "the caller's token went nowhere");
        // Good here, and not to the issuer, which exchanges access tokens by their own name only.
        let before = service.count();
        let odd = mint(&provider, &json!({ "subject": "mallory", "header": { "typ": "JWT" } }));
        let (status, answer) = get(&odd);
        assert!(status == 401 && answer.contains("exchange_refused"), "{answer}");
        assert!(answer.contains("error=\"invalid_token\"") && !answer.contains("invalid_grant"), "{answer}");
        assert_eq!(service.count(), before);
        let bob = mint(&provider, &json!({ "subject": "bob" }));
        assert_eq!(get(&bob).0, 200);
        assert_eq!(as_service(&provider, &bearer(&service.last()))["claims"]["sub"], "bob");
    }
}

#[test]
fn an_issuer_that_is_gone_lets_nobody_pass_but_who_is_remembered() {
    let (house, service, provider) = prepared();
    let api = format!(
        "{BOUND}    upstream_identity: {{ credential: exchange, issuer: idp, audience: orders-service }}\n"
    );
    house.write("yett.yaml", &document(&service, &provider, &endpoint(&provider, BY_SECRET), &api));
    let gateway = Gateway::start(&house);
    let get = |token: &str| call(&gateway.url, "GET", "/notes", Some(token), None);
    let (known, new) = (mint(&provider, &json!({})), mint(&provider, &json!({ "subject": "bob" })));
    assert_eq!(get(&known).0, 200);
    control(&provider, "/stop", &json!({}));
    let before = service.count();
    let (status, answer) = get(&new);
    assert!(status == 503 && answer.contains("identity_unavailable"), "{answer}");
    assert!(answer.to_lowercase().contains("retry-after: "), "{answer}");
    assert_eq!(service.count(), before);
    assert_eq!(get(&known).0, 200, "what is remembered needs no issuer");
    control(&provider, "/start", &json!({}));
    assert!(testkit::until(60, || (get(&new).0 == 200).then_some(())).is_some(), "it recovers by itself");
    drop(gateway);
    // What the issuer does not give to anybody is no fault of the caller's.
    let nowhere = api.replace("orders-service", "elsewhere");
    house.write("yett.yaml", &document(&service, &provider, &endpoint(&provider, BY_SECRET), &nowhere));
    let gateway = Gateway::start(&house);
    let (status, answer) = call(&gateway.url, "GET", "/notes", Some(&known), None);
    assert!(status == 503 && answer.contains("identity_unavailable"), "{answer}");
}

#[test]
fn a_service_gets_a_token_of_the_gateways_own() {
    let (house, service, provider) = prepared();
    let api = format!(
        "{BOUND}    upstream_identity: {{ credential: client_credentials, issuer: idp, resource: [\"urn:yett:service\"] }}\n"
    );
    house.write("yett.yaml", &document(&service, &provider, &endpoint(&provider, BY_SECRET), &api));
    let gateway = Gateway::start(&house);
    let before = asked(&provider);
    for subject in ["alice", "bob"] {
        let token = mint(&provider, &json!({ "subject": subject }));
        let (status, answer) = call(&gateway.url, "GET", "/notes", Some(&token), None);
        assert_eq!(status, 200, "{answer}");
        let told = as_service(&provider, &bearer(&service.last()));
        assert_eq!(told["claims"]["sub"], "gateway", "{told}");
    }
    assert_eq!(asked(&provider) - before, 1);
    let (status, answer) = call(&gateway.url, "GET", "/notes", None, None);
    assert!(
        status == 401 && answer.contains("credential_missing"),
        "it is for callers who may call: {answer}"
    );
    assert_eq!(service.count(), 2);
    drop(gateway);
    // A gateway that is nobody to the issuer lets nobody pass.
    house.write("gateway.secret", "wrong");
    let gateway = Gateway::start(&house);
    let token = mint(&provider, &json!({}));
    let (status, answer) = call(&gateway.url, "GET", "/notes", Some(&token), None);
    assert!(status == 503 && answer.contains("identity_unavailable"), "{answer}");
    assert_eq!(service.count(), 2);
}

/// Sends what a client would who says it is somebody else, in every spelling; the answer.
fn spoof(gateway: &Gateway, token: &str) -> String {
    let mut stream = TcpStream::connect(&gateway.url).unwrap();
    let mut request = format!("GET /notes HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", gateway.url);
    request.push_str(&format!("authorization: Bearer {token}\r\n"));
    for name in
        ["Txn-Token", "txn-token", "TXN-TOKEN", "Txn_Token", "txn_token", "Yett-Caller", "yett_caller"]
    {
        request.push_str(&format!("{name}: forged\r\n"));
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    text(&answer)
}

#[test]
fn threat_14_a_service_is_told_who_calls_by_the_gateway_and_by_nobody_else() {
    let (house, service, provider) = prepared();
    let api = format!(
        "{BOUND}    upstream_identity: {{ credential: strip, assert: {{ audience: shop.internal, issuer: \"https://gateway.example\", \
         claims: [email] }} }}\n"
    );
    house.write("yett.yaml", &document(&service, &provider, "", &api));
    let mut gateway = Gateway::start(&house);
    assert_eq!(mode(&house.path("data/assertion.key")), 0o600);
    let token = mint(&provider, &json!({ "subject": "alice", "claims": { "email": "alice@example.com" } }));
    let told = |gateway: &Gateway| {
        let answer = spoof(gateway, &token);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let came = service.last();
        let head = text(&came.raw);
        assert!(!head.contains("forged") && !head.to_lowercase().contains("authorization"), "{head}");
        let found = fields(&came, "txn-token");
        assert_eq!(found.len(), 1, "{head}");
        let keys = format!("http://{}/.well-known/yett-assertion-keys", gateway.url);
        let plan = |audience: &str| {
            json!({ "keys": keys, "token": found[0], "audience": audience, "issuer": "https://gateway.example",
                "typ": "txntoken+jwt" })
        };
        assert_eq!(verify(&plan("elsewhere.internal"))["error"], "ERR_JWT_CLAIM_VALIDATION_FAILED");
        let told = verify(&plan("shop.internal"));
        let id = answer
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("yett-call-id: ").map(str::to_owned));
        assert_eq!(told["claims"]["txn"].as_str(), id.as_deref(), "{told}");
        told
    };
    let first = told(&gateway);
    assert_eq!(
        (&first["claims"]["sub"], &first["claims"]["scope"]),
        (&json!("alice"), &json!("orders:read")),
        "{first}"
    );
    assert_eq!(first["claims"]["tctx"]["email"], "alice@example.com");
    assert_eq!(first["claims"]["rctx"]["req_ip"], "127.0.0.1");
    let again = told(&gateway);
    assert_ne!(first["claims"]["txn"], again["claims"]["txn"], "each names its own call");
    // One key follows another: both are published, the first signs.
    pem(&house, "new.key");
    pem(&house, "old.key");
    house.write("keys.pem", &format!("{}{}", house.read("new.key"), house.read("old.key")));
    let own = document(&service, &provider, "", &api);
    let by_reference = own.replace("version: 1\n", "version: 1\nassertions: { key: \"file:keys.pem\" }\n");
    house.write("yett.yaml", &by_reference);
    gateway.line("reloaded: configuration 2");
    let next = told(&gateway);
    assert_ne!(next["kid"], first["kid"]);
    let (status, page) = call(&gateway.url, "GET", "/.well-known/yett-assertion-keys", None, None);
    assert_eq!((status, page.matches("\"kid\"").count(), page.contains("\"d\"")), (200, 2, false), "{page}");
    house.write("yett.yaml", &own);
    gateway.line("reloaded: configuration 3");
    assert_eq!(told(&gateway)["kid"], first["kid"], "the gateway's own key is the same");
    // Where nobody is told, nobody tells: the fields of a client end here all the same.
    house.write("yett.yaml", &document(&service, &provider, "", BOUND));
    gateway.line("reloaded: configuration 4");
    assert!(spoof(&gateway, &token).starts_with("HTTP/1.1 200"));
    assert!(!text(&service.last().raw).contains("forged"));
    assert_eq!(bearer(&service.last()), token, "without the setting it passes as it came");
    assert_eq!(call(&gateway.url, "GET", "/.well-known/yett-assertion-keys", None, None).0, 404);
}

/// A service that answers with events as it is told, where it is asked for them.
fn streaming() -> (u16, std::sync::mpsc::Sender<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, events) = std::sync::mpsc::channel::<&'static str>();
    let events = std::sync::Arc::new(std::sync::Mutex::new(events));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let events = std::sync::Arc::clone(&events);
            std::thread::spawn(move || serve(stream, &events));
        }
    });
    (port, sender)
}

fn serve(stream: TcpStream, events: &std::sync::Mutex<std::sync::mpsc::Receiver<&'static str>>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        assert!(!head.to_lowercase().contains("authorization"), "{head}");
        if !head.contains("x-stream") {
            writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            continue;
        }
        let begun =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        writer.write_all(begun.as_bytes()).unwrap();
        for event in events.lock().unwrap().iter() {
            let written = writer.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
            if written.is_err() {
                return;
            }
        }
    }
}

#[test]
fn a_stream_goes_on_at_a_reload_though_its_credential_went_nowhere() {
    let (house, provider) = (house(), Provider::start(&[]));
    let (port, events) = streaming();
    let written = |more: &str| {
        let api = format!("{BOUND}    upstream_identity: {{ credential: strip }}\n{more}");
        let text = document(&service(), &provider, "", &api);
        let upstream = text.lines().find(|line| line.contains("upstream: ")).unwrap().to_owned();
        text.replace(&upstream, &format!("    upstream: http://127.0.0.1:{port}"))
    };
    house.write("yett.yaml", &written(""));
    let mut gateway = Gateway::start(&house);
    let token = mint(&provider, &json!({}));
    let mut stream = TcpStream::connect(&gateway.url).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let request =
        format!("GET /notes HTTP/1.1\r\nhost: a\r\nx-stream: 1\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut next = |wanted: &str| {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the stream ended before `{wanted}`");
        }
    };
    events.send("data: one\n\n").unwrap();
    next("data: one");
    for (number, owner) in [(2, "a@example.com"), (3, "b@example.com")] {
        house.write("yett.yaml", &written(&format!("    owner: {owner}\n")));
        gateway.line(&format!("reloaded: configuration {number}"));
        assert_eq!(call(&gateway.url, "GET", "/notes", Some(&token), None).0, 200);
        events.send("data: more\n\n").unwrap();
        next("data: more");
    }
    // Its twin: who may not call any more does not go on.
    house.write("yett.yaml", &written("    authorization: { require: { roles: [nobody] } }\n"));
    gateway.line("reloaded: configuration 4");
    let mut rest = Vec::new();
    let ended = reader.read_to_end(&mut rest);
    let waits = ended.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!waits, "the stream ends: {ended:?}");
}
