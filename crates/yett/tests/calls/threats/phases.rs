//! Row 24: after a refusal nothing more of the chain runs; and what a caller and an operator learn of a call.

use serde_json::Value;
use testkit::{Answer, Naive, Recorder};

use crate::harness::*;

/// Stages in the order of a call's life.
const STAGES: &[&str] = &["admission", "head", "body", "message", "response_head", "response_body"];

fn verdicts(line: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    line["verdicts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|verdict| (text(&verdict["stage"]), text(&verdict["outcome"])))
        .collect()
}

/// Calls that are refused in one phase and would be in later ones too: a bad body, an undeclared parameter.
fn refused(read: &str, write: &str) -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let auth = |token: &str| format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    let post = |token: &str, body: &str| send("POST", "/secret", &auth(token), body);
    vec![
        ("path", send("POST", "/secret/../x", &auth(read), "{"), 400, "path_not_canonical"),
        ("route", send("POST", "/nowhere", &auth(read), "{"), 404, "operation_unknown"),
        ("method", send("DELETE", "/secret", &auth(read), "{"), 405, "method_not_allowed"),
        (
            "origin",
            send("POST", "/secret", "Origin: https://evil.test\r\nContent-Type: application/json\r\n", "{"),
            403,
            "origin_refused",
        ),
        (
            "authentication",
            send("POST", "/secret?x=1", "Content-Type: application/json\r\n", "{"),
            401,
            "credential_missing",
        ),
        ("authorization", send("POST", "/secret?x=1", &auth(read), "{"), 403, "insufficient_scope"),
        ("parameters", send("POST", "/secret?x=1", &auth(write), "{"), 400, "parameter_invalid"),
        ("body", post(write, "{"), 400, "body_malformed"),
        ("contract", post(write, r#"{"name":1}"#), 400, "body_invalid"),
        ("limits", post(write, "{"), 429, "rate_limited"),
    ]
}

#[test]
fn threat_24_the_same_calls_and_answers_get_through_a_naive_proxy() {
    let cases: Vec<Case> = refused("a.b.c", "a.b.c")
        .into_iter()
        .map(|(phase, request, status, code)| case(phase, request, Expect::Problem(status, code)))
        .collect();
    reaches_naive(&cases);
    let recorder = Recorder::start();
    recorder.answer(secretive());
    let naive = Naive::start(recorder.address());
    let reply = testkit::raw::exchange(naive.address(), get("/things", "Connection: close\r\n")).unwrap();
    assert!(reply.text().contains("Secret") && reply.head.get("x-secret").is_some(), "{reply:?}");
}

/// An answer that breaks the contract and tells what nobody should know.
fn secretive() -> Answer {
    Answer::json(200, r#"["stack trace of SecretService"]"#).header("x-secret", "SecretService")
}

#[test]
fn threat_24_nothing_runs_after_a_refusal() {
    let recorder = Recorder::start();
    let api = "limits: [{ per: subject, rate: 3/hour }]\ncors: { origins: [\"https://good.test\"] }";
    let gateway = Gateway::with(&Setup::api(api), &recorder.url());
    let read = gateway.token("alice", "things:read");
    let write = gateway.token("bob", "things:write");
    let phases = refused(&read, &write);
    for (phase, request, status, code) in &phases {
        let reply = gateway.call(request);
        assert_eq!(
            (reply.status, reply.code().as_deref()),
            (*status, Some(*code)),
            "{phase}: {}",
            reply.text()
        );
        let line = gateway.log_of(&reply);
        assert_eq!(
            (line["status"].as_u64(), line["code"].as_str()),
            (Some(u64::from(*status)), Some(*code)),
            "{phase}"
        );
        assert_eq!(line["blame"], "client", "{phase}");
        assert_eq!(line["upstream_us"], 0, "{phase}: {line}");
        let stops: Vec<_> = verdicts(&line)
            .into_iter()
            .filter(|(_, outcome)| !["allow", "note"].contains(&outcome.as_str()))
            .collect();
        assert!(stops.len() <= 1, "{phase}: something ran after the refusal: {line}");
        if let (Some(stop), Some(last)) = (stops.first(), verdicts(&line).last()) {
            assert_eq!(stop, last, "{phase}: {line}");
        }
    }
    assert_eq!(recorder.received(), 0, "nothing reached the upstream");
    assert_eq!(gateway.call(get_as("/secret", &read)).status, 200);
    // The refusals by what comes before limits took nothing from alice's three: two more calls pass.
    assert_eq!(gateway.call(get_as("/secret", &read)).status, 200);
    assert_eq!(gateway.call(get_as("/secret", &read)).status, 200);
    assert_eq!(gateway.call(get_as("/secret", &read)).status, 429);
    assert_eq!(recorder.count(), 3);
}

#[test]
fn threat_24_a_refused_answer_leaks_nothing() {
    let recorder = Recorder::start();
    recorder.answer(secretive());
    let gateway = Gateway::with(&Setup::api("validation: { response: enforce }"), &recorder.url());
    let reply = gateway.call(get("/things", ""));
    assert_eq!((reply.status, reply.code().as_deref()), (502, Some("response_invalid")));
    assert!(!reply.text().contains("Secret") && reply.head.get("x-secret").is_none(), "{reply:?}");
    let line = gateway.log_of(&reply);
    assert_eq!((line["blame"].as_str(), line["code"].as_str()), (Some("upstream"), Some("response_invalid")));
    let stage = verdicts(&line).last().cloned().unwrap_or_default().0;
    assert!(STAGES.contains(&stage.as_str()) && stage.starts_with("response"), "{line}");
    recorder.answer(Answer::json(200, "{}"));
    assert_eq!(gateway.call(get("/things", "")).status, 200);
    // In shadow, the same answer passes and is told of.
    recorder.answer(Answer::json(200, "[]"));
    let gateway = Gateway::start(&recorder);
    recorder.answer(Answer::json(200, "{}"));
    let reply = gateway.call(get("/things", ""));
    assert_eq!(verdicts(&gateway.log_of(&reply)), [], "a good answer is not called invalid");
    recorder.answer(Answer::json(200, "[]"));
    let reply = gateway.call(get("/things", ""));
    assert_eq!((reply.status, reply.text().as_str()), (200, "[]"));
    let line = gateway.log_of(&reply);
    assert_eq!(verdicts(&line).last().map(|(_, outcome)| outcome.as_str()), Some("refuse"), "{line}");
}

#[test]
fn a_call_has_one_id_everywhere() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    for request in [
        get("/things", ""),
        get("/nowhere", ""),
        get("/secret", "yett-call-id: 1\r\n"),
        get("/things", "A : b\r\n"),
    ] {
        let reply = gateway.call(&request);
        let ids: Vec<&str> = reply.head.all("yett-call-id").collect();
        assert!(
            ids.len() == 1 && ids[0].len() == 32 && ids[0].bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{ids:?}"
        );
        assert_eq!(gateway.log_of(&reply)["status"], reply.status);
    }
    // An upstream cannot set it either.
    recorder.answer(Answer::json(200, "{}").header("yett-call-id", "forged"));
    let reply = gateway.call(get("/things", ""));
    assert_eq!(reply.head.all("yett-call-id").count(), 1);
    let _ = gateway.log_of(&reply);
}

#[test]
fn a_trace_begins_at_an_untrusted_edge_and_goes_on_from_a_trusted_one() {
    let theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let reply = gateway.call(get("/things", &format!("traceparent: {theirs}\r\ntracestate: a=b\r\n")));
    let call = recorder.last();
    let seen: Vec<&str> = call.head.all("traceparent").collect();
    let id = reply.head.get("yett-call-id").unwrap();
    assert!(seen.len() == 1 && seen[0].starts_with(&format!("00-{id}-")), "{seen:?}, call {id}");
    assert_eq!(call.head.get("tracestate"), None, "another trace's state is not carried on");
    assert_eq!(gateway.log_of(&reply)["linked_trace"], "0af7651916cd43dd8448eb211c80319c");
    for broken in
        ["00-zz", "", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "x\r\ntraceparent: y"]
    {
        assert_eq!(
            gateway.call(get("/things", &format!("traceparent: {broken}\r\n"))).status,
            200,
            "{broken}"
        );
        assert_eq!(recorder.last().head.all("traceparent").count(), 1, "{broken}");
    }
    let setup = Setup { top: "trusted_hops: [127.0.0.1]\n".into(), ..Setup::default() };
    let gateway = Gateway::with(&setup, &recorder.url());
    assert_eq!(
        gateway.call(get("/things", &format!("traceparent: {theirs}\r\ntracestate: a=b\r\n"))).status,
        200
    );
    let call = recorder.last();
    let seen = call.head.get("traceparent").unwrap();
    assert!(seen.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && seen != theirs, "{seen}");
    assert_eq!(call.head.get("tracestate"), Some("a=b"));
}

#[test]
fn head_and_options_come_from_the_contract() {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, r#"{"a":1}"#));
    let gateway = Gateway::start(&recorder);
    let mut client = testkit::RawClient::connect(gateway.address);
    client.send("HEAD /things HTTP/1.1\r\nHost: api.test\r\n\r\n").unwrap();
    let reply = client.reply_to_head().unwrap();
    assert_eq!(
        (reply.status, reply.head.get("content-length"), client.held()),
        (200, Some("7"), b"".as_slice())
    );
    assert_eq!(recorder.last().method(), "HEAD");
    // The same connection goes on.
    client.send(get("/things", "")).unwrap();
    assert_eq!(client.reply().unwrap().text(), r#"{"a":1}"#);
    // HEAD asks for the rights of GET, and a refusal has no body either.
    client.send("HEAD /secret HTTP/1.1\r\nHost: api.test\r\n\r\n").unwrap();
    assert_eq!(client.reply_to_head().unwrap().status, 401);
    client.send(get("/things", "")).unwrap();
    assert_eq!(client.reply().unwrap().status, 200);
    let before = recorder.count();
    let reply = gateway.call("OPTIONS /things HTTP/1.1\r\nHost: api.test\r\n\r\n");
    assert_eq!((reply.status, reply.head.get("allow").is_some()), (204, true), "{reply:?}");
    assert_eq!(gateway.call("OPTIONS /nowhere HTTP/1.1\r\nHost: api.test\r\n\r\n").status, 404);
    assert_eq!(recorder.count(), before, "the gateway answers OPTIONS itself");
}

#[test]
fn cors_answers_preflights_and_refuses_foreign_origins() {
    let recorder = Recorder::start();
    let api = "cors: { origins: [\"https://good.test\"], expose: [x-total] }";
    let gateway = Gateway::with(&Setup::api(api), &recorder.url());
    let preflight = |origin: &str, method: &str| {
        gateway.call(format!(
            "OPTIONS /things HTTP/1.1\r\nHost: api.test\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n\
             Access-Control-Request-Headers: content-type\r\n\r\n"
        ))
    };
    let good = preflight("https://good.test", "POST");
    assert_eq!(good.status, 204, "{}", good.text());
    assert_eq!(good.head.get("access-control-allow-origin"), Some("https://good.test"));
    assert!(good.head.get("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
    assert!(good.head.get("vary").is_some_and(|vary| vary.to_ascii_lowercase().contains("origin")));
    for origin in
        ["https://evil.test", "null", "https://good.test.evil.test", "http://good.test", "https://GOOD.test"]
    {
        let reply = preflight(origin, "POST");
        assert_eq!(reply.head.get("access-control-allow-origin"), None, "{origin}: {reply:?}");
        let reply = gateway.call(get("/things", &format!("Origin: {origin}\r\n")));
        assert_eq!((reply.status, reply.code().as_deref()), (403, Some("origin_refused")), "{origin}");
    }
    assert_eq!(recorder.received(), 0);
    let reply = gateway.call(get("/things", "Origin: https://good.test\r\n"));
    assert_eq!(
        (reply.status, reply.head.get("access-control-allow-origin")),
        (200, Some("https://good.test"))
    );
    // The upstream's own opinion does not count.
    recorder.answer(
        Answer::json(200, "{}")
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-credentials", "true"),
    );
    let reply = gateway.call(get("/things", "Origin: https://good.test\r\n"));
    assert_eq!(reply.head.all("access-control-allow-origin").collect::<Vec<_>>(), ["https://good.test"]);
    assert_eq!(reply.head.get("access-control-allow-credentials"), None);
}

#[test]
fn limits_tell_how_much_is_left() {
    let recorder = Recorder::start();
    let gateway =
        Gateway::with(&Setup::api("limits: [{ per: subject, rate: 2/hour, name: hourly }]"), &recorder.url());
    let (alice, bob) = (gateway.token("alice", "things:read"), gateway.token("bob", "things:read"));
    for left in [1, 0] {
        let reply = gateway.call(get_as("/secret", &alice));
        assert_eq!(reply.status, 200);
        assert!(
            reply.head.get("ratelimit-policy").is_some_and(|policy| policy.contains("\"hourly\";q=2;w=3600")),
            "{reply:?}"
        );
        assert!(
            reply.head.get("ratelimit").is_some_and(|rate| rate.contains(&format!("\"hourly\";r={left}"))),
            "{reply:?}"
        );
    }
    let reply = gateway.call(get_as("/secret", &alice));
    assert_eq!((reply.status, reply.code().as_deref()), (429, Some("rate_limited")));
    let after: u64 = reply.head.get("retry-after").and_then(|value| value.parse().ok()).unwrap();
    assert!((1..=1800).contains(&after), "{after}");
    assert_eq!(gateway.call(get_as("/secret", &bob)).status, 200, "another subject has its own");
    assert_eq!(recorder.count(), 3);
    assert!(
        gateway.metric("yett_calls_total", &[("code", "rate_limited")]) >= 1.0,
        "{}",
        gateway.admin("/metrics").text()
    );
}

#[test]
fn a_401_says_where_to_learn_more() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let reply = gateway.call(get("/secret", ""));
    let challenge = reply.head.get("www-authenticate").unwrap().to_owned();
    let (_, rest) = challenge.split_once("resource_metadata=\"").expect("RFC 9728 section 5.1");
    let (url, _) = rest.split_once('"').unwrap();
    let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
    let document = gateway.call(get(&path, ""));
    assert_eq!(
        (document.status, document.head.get("content-type")),
        (200, Some("application/json")),
        "{path}"
    );
    let document: Value = serde_json::from_slice(&document.body).unwrap();
    assert!(
        url.contains(
            document["resource"].as_str().unwrap().trim_end_matches('/').split("://").nth(1).unwrap()
        ),
        "{url} {document}"
    );
    assert!(
        document["scopes_supported"]
            .as_array()
            .is_some_and(|scopes| scopes.iter().any(|scope| scope == "things:read"))
    );
    let token = gateway.token("alice", "other");
    let reply = gateway.call(get_as("/secret", &token));
    let challenge = reply.head.get("www-authenticate").unwrap();
    assert!(
        reply.status == 403
            && challenge.contains("error=\"insufficient_scope\"")
            && challenge.contains("scope=\"things:read\""),
        "{challenge}"
    );
    assert_eq!(recorder.count(), 0);
}

/// No answer is the parser's own: whatever a target looks like, its refusal has an id, a code and a line in the log.
#[test]
fn threat_24_every_target_byte_is_answered_by_the_gateway() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    for byte in 1..=255_u8 {
        for before in ["/public/a", "/things?q=", "http://api.test/public/", ""] {
            let request =
                [b"GET ", before.as_bytes(), &[byte], b" HTTP/1.1\r\nHost: api.test\r\n\r\n"].concat();
            let reply = gateway.call(&request);
            let id = reply.head.get("yett-call-id");
            assert!(id.is_some(), "`{before}` and {byte:#04x}: {} without an id", reply.status);
            assert!(
                reply.status == 200 || reply.code().is_some(),
                "`{before}` and {byte:#04x}: {}",
                reply.status
            );
        }
    }
    assert_eq!(recorder.faults(), Vec::<String>::new());
}
