//! Whose an object is, where its id does not say so, before the real binary: a table of the operator's, and the service that has the
//! objects; and such a service that is dead, slow or lies.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::process::Command;
use std::time::Duration;

use crate::harness::*;
use testkit::{Answer, Fault, Recorded, Recorder, Reply, until};

const CONTRACT: &str = r##"
openapi: 3.1.0
info: { title: Shop, version: "1" }
security: [{ oauth: ["shop"] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { shop: s } } } }
paths:
  /orders/{order_id}:
    parameters: [{ name: order_id, in: path, required: true, schema: { type: string } }]
    get: { operationId: getOrder, responses: { "200": { description: ok } } }
    delete: { operationId: dropOrder, responses: { "200": { description: ok } } }
  /orders:
    get:
      operationId: getOrders
      parameters: [{ name: ids, in: query, required: true, schema: { type: array, items: { type: string } } }]
      responses: { "200": { description: ok } }
  /bundle:
    post:
      operationId: bundle
      requestBody: { required: true, content: { application/json: { schema: { type: object, properties: { orders: { type: array, items: { type: object, properties: { order_id: { type: [string, integer] } } } } } } } } }
      responses: { "200": { description: ok } }
"##;

/// Orders and whose they are.
const TABLE: &str = r#"{ "ord_1": "cus_1", "ord_2": ["cus_7", "cus_2"], "ord_8": "cus_8", "ord_9": null, "42": "cus_1", "a/b": "cus_1" }"#;

/// A gateway that finds owners so, and the service behind it.
fn start(owner: &str, more: &str) -> (Gateway, Recorder) {
    let recorder = Recorder::start();
    let objects = format!(
        "objects:\n  {more}\n  bindings:\n    order:\n      claim: customers\n      owner: {owner}\n      places:\n\
         \x20       - {{ in: path, name: order_id }}\n        - {{ in: query, name: ids }}\n\
         \x20       - {{ in: body, pointer: /orders/*/order_id }}\n      except: [support]\n"
    );
    let setup = Setup { contract: CONTRACT.to_owned(), ..Setup::api(&objects) };
    let files: &[(&str, &[u8])] = &[("owners.json", TABLE.as_bytes()), ("shop.token", b"s3cret\n")];
    (Gateway::with_files(&setup, &recorder.url(), files), recorder)
}

/// The service that has the orders, as it answers for one of them.
fn order(call: &Recorded) -> Answer {
    if call.head.get("authorization") != Some("Bearer s3cret") {
        return Answer::json(401, "{}");
    }
    let owner = match call.target() {
        "/internal/orders/ord_1" | "/internal/orders/42" | "/internal/orders/a%2Fb" => "\"cus_1\"",
        "/internal/orders/ord_2" => "[\"cus_7\",\"cus_2\"]",
        "/internal/orders/ord_8" => "\"cus_8\"",
        "/internal/orders/ord_9" => "null",
        _ => return Answer::json(404, "{}"),
    };
    Answer::json(200, format!("{{\"order\":{{\"customer_id\":{owner}}}}}"))
}

fn lookup(service: &Recorder, more: &str) -> String {
    format!(
        "{{ lookup: {{ url: \"{}/internal/orders/{{id}}\", pointer: /order/customer_id, token: \"file:shop.token\", deadline: 5s{more} }} }}",
        service.url()
    )
}

fn token(gateway: &Gateway, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(["token", "--subject", "alice", "--scope", "shop"])
        .args(more)
        .current_dir(gateway.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Who owns what `cus_1` and `cus_2` own.
fn mine(gateway: &Gateway) -> String {
    token(gateway, &["--claim", r#"customers=["cus_1","cus_2"]"#])
}

fn call(gateway: &Gateway, token: &str, (method, target, body): (&str, &str, &str)) -> Reply {
    let media = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    gateway.call(send(method, target, &format!("Authorization: Bearer {token}\r\n{media}"), body))
}

fn told(reply: &Reply) -> (u16, Option<String>) {
    (reply.status, reply.code())
}

fn refused(status: u16, code: &str) -> (u16, Option<String>) {
    (status, Some(code.to_owned()))
}

/// Method, target and body.
type Form = (&'static str, &'static str, &'static str);

/// What is not the caller's, and one like it that is.
const FORMS: [(&str, Form, Form); 12] = [
    ("another's", ("GET", "/orders/ord_8", ""), ("GET", "/orders/ord_1", "")),
    ("another's, to delete it", ("DELETE", "/orders/ord_8", ""), ("DELETE", "/orders/ord_2", "")),
    ("another's by HEAD", ("HEAD", "/orders/ord_8", ""), ("HEAD", "/orders/ord_1", "")),
    ("nobody's", ("GET", "/orders/ord_9", ""), ("GET", "/orders/ord_2", "")),
    ("one that there is not", ("GET", "/orders/ord_5", ""), ("GET", "/orders/ord_1", "")),
    ("the owner in the place of the object", ("GET", "/orders/cus_1", ""), ("GET", "/orders/ord_1", "")),
    ("another case", ("GET", "/orders/ORD_1", ""), ("GET", "/orders/%6Frd_1", "")),
    ("another number", ("GET", "/orders/042", ""), ("GET", "/orders/42", "")),
    (
        "one of several",
        ("GET", "/orders?ids=ord_1&ids=ord_8", ""),
        ("GET", "/orders?ids=ord_1&ids=ord_2", ""),
    ),
    (
        "one that is no segment",
        ("GET", "/orders?ids=ord_1%2F..%2Ford_1", ""),
        ("GET", "/orders?ids=a%2Fb", ""),
    ),
    (
        "one of a batch",
        ("POST", "/bundle", r#"{"orders":[{"order_id":"ord_1"},{"order_id":"ord_8"}]}"#),
        ("POST", "/bundle", r#"{"orders":[{"order_id":"ord_1"},{"order_id":42}]}"#),
    ),
    (
        "an object in the place of one",
        ("POST", "/bundle", r#"{"orders":[{"order_id":{"$ne":"ord_8"}}]}"#),
        ("POST", "/bundle", r#"{"orders":[{"order_id":"ord_2"}]}"#),
    ),
];

#[test]
fn threat_35_an_object_is_whose_a_table_or_its_service_says() {
    let service = Recorder::scripted(order);
    for owner in
        [String::from("{ table: owners.json }"), lookup(&service, ""), lookup(&service, ", max_age: 5m")]
    {
        let (gateway, recorder) = start(&owner, "");
        let (alice, nobody) = (mine(&gateway), token(&gateway, &[]));
        let mut arrived = 0;
        for (name, hostile, good) in FORMS {
            let reply = call(&gateway, &alice, hostile);
            // What does not fit the contract does not get so far.
            assert!([400, 403].contains(&reply.status), "{owner}: {name}: {}", reply.text());
            assert_eq!(recorder.count(), arrived, "{owner}: {name}");
            let reply = call(&gateway, &alice, good);
            assert_eq!(reply.status, 200, "{owner}: twin of {name}: {}", reply.text());
            arrived += 1;
            assert_eq!(recorder.count(), arrived, "{owner}: twin of {name}");
            let reply = call(&gateway, &nobody, good);
            assert!(reply.status == 403, "{owner}: {name}, without the claim: {}", reply.text());
        }
        let support = token(&gateway, &["--role", "support"]);
        assert_eq!(told(&call(&gateway, &support, ("GET", "/orders/ord_8", ""))), (200, None));
    }
    assert!(service.calls().iter().all(|call| call.method() == "GET"), "a question changes nothing");
}

#[test]
fn what_is_remembered_is_not_asked_about_and_what_is_not_is() {
    let service = Recorder::scripted(order);
    for (more, expected) in [("", 6), (", max_age: 5m", 2)] {
        let (gateway, recorder) = start(&lookup(&service, more), "");
        let (alice, before) = (mine(&gateway), service.count());
        for _ in 0..3 {
            assert_eq!(call(&gateway, &alice, ("GET", "/orders/ord_1", "")).status, 200);
            assert_eq!(
                told(&call(&gateway, &alice, ("GET", "/orders/ord_8", ""))),
                refused(403, "object_forbidden")
            );
        }
        assert_eq!((service.count() - before, recorder.count()), (expected, 3), "{more}");
        // Who is refused for another object in the same call is refused without a question.
        let body = r#"{"orders":[{"order_id":"ord_6"},{"order_id":{}}]}"#;
        assert_ne!(call(&gateway, &alice, ("POST", "/bundle", body)).status, 200);
        assert_eq!(service.count() - before, expected);
        // As many as are asked about, and one more.
        let ids = |count: usize| {
            let ids: Vec<String> = (0..count).map(|_| String::from("ids=ord_1")).collect();
            let others: Vec<String> = (0..count).map(|n| format!("ids=x{n}")).collect();
            (format!("/orders?{}", ids.join("&")), format!("/orders?{}", others.join("&")))
        };
        let (same, others) = ids(33);
        assert_eq!(call(&gateway, &alice, ("GET", &same, "")).status, 200, "one object 33 times");
        let before = service.count();
        assert_eq!(told(&call(&gateway, &alice, ("GET", &others, ""))), refused(403, "object_forbidden"));
        assert_eq!(service.count(), before, "33 objects are not asked about");
    }
}

#[test]
fn threat_19_what_a_service_does_not_say_does_not_pass() {
    let service = Recorder::scripted(order);
    let owner = lookup(&service, "").replace("deadline: 5s", "deadline: 500ms");
    let (gateway, recorder) = start(&owner, "refuse: not_found");
    let alice = mine(&gateway);
    let good = || Answer::json(200, r#"{"order":{"customer_id":"cus_1"}}"#);
    let with = |status: u16| Answer { status, ..good() };
    let plain = |media: &str| Answer { headers: vec![("content-type".into(), media.into())], ..good() };
    let rows: Vec<(&str, Answer)> = vec![
        ("reset", good().fault(Fault::Reset(0))),
        ("closed in the head", good().fault(Fault::Close(20))),
        ("silent", good().fault(Fault::Stall(0))),
        ("silent in the body", good().fault(Fault::Stall(80))),
        ("slow", good().fault(Fault::Slow(Duration::from_millis(50)))),
        ("less than is said", good().fault(Fault::Claim(4_000))),
        ("garbage", good().fault(Fault::Garbage(b"\x16\x03\x01\x02\0".to_vec()))),
        ("broken", with(500)),
        ("another token", with(401)),
        ("a redirect", with(307).header("location", "/internal/orders/ord_1")),
        ("a part", with(206)),
        ("a page", plain("text/html")),
        (
            "long",
            Answer::json(
                200,
                format!("{{\"order\":{{\"customer_id\":\"cus_1\"}},\"x\":\"{}\"}}", "x".repeat(300_000)),
            ),
        ),
        ("no JSON", Answer::json(200, "cus_1")),
        ("no owner", Answer::json(200, "{\"order\":{}}")),
        ("an object for an owner", Answer::json(200, r#"{"order":{"customer_id":{"id":"cus_1"}}}"#)),
        ("twice", Answer::json(200, r#"{"order":{"customer_id":"cus_1","customer_id":"cus_8"}}"#)),
    ];
    let mut passed = 0;
    for (number, (name, answer)) in rows.into_iter().enumerate() {
        service.answer(answer);
        // Each an order of its own, so that nothing remembered stands in the way.
        let target = format!("/orders/bad{number}");
        let reply = call(&gateway, &alice, ("GET", &target, ""));
        assert_eq!(told(&reply), refused(503, "owner_unavailable"), "{name}: {}", reply.text());
        assert_eq!(reply.head.get("retry-after"), Some("1"), "{name}");
        let line = gateway.log_of(&reply);
        let verdicts = line["verdicts"].as_array().unwrap();
        let said = verdicts.iter().find(|one| one["control"] == "objects").unwrap();
        let detail = said["detail"].as_str().unwrap();
        assert!(detail.starts_with("binding `order`") && !detail.contains("bad"), "{name}: {detail}");
        service.answer(good());
        let reply = call(&gateway, &alice, ("GET", &format!("/orders/good{number}"), ""));
        assert_eq!(reply.status, 200, "twin of {name}: {}", reply.text());
        passed += 1;
        assert_eq!(recorder.count(), passed, "{name}");
    }
    assert!(
        service.calls().iter().all(|call| !call.target().contains("ord_1")),
        "redirects are not followed"
    );
    service.answer(Answer::json(404, "{}"));
    assert_eq!(told(&call(&gateway, &alice, ("GET", "/orders/none", ""))), refused(404, "object_not_found"));
}

#[test]
fn in_shadow_what_nobody_owns_passes_and_is_said() {
    let service = Recorder::scripted(order);
    let (gateway, recorder) = start(&lookup(&service, ""), "mode: shadow");
    let alice = mine(&gateway);
    for (target, code) in [("/orders/ord_8", "object_forbidden"), ("/orders/ord_1", "")] {
        let reply = call(&gateway, &alice, ("GET", target, ""));
        assert_eq!(reply.status, 200);
        let line = gateway.log_of(&reply);
        let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
        let found = verdicts.iter().find(|one| one["control"] == "objects");
        assert_eq!(found.map_or("", |one| one["code"].as_str().unwrap()), code, "{line}");
    }
    assert_eq!(recorder.count(), 2);
}

#[test]
fn a_table_that_changes_is_in_effect_and_a_broken_one_leaves_the_old() {
    let (gateway, _recorder) = start("{ table: owners.json }", "");
    let alice = mine(&gateway);
    let status = |target: &str| call(&gateway, &alice, ("GET", target, "")).status;
    assert_eq!((status("/orders/ord_1"), status("/orders/ord_8")), (200, 403));
    std::fs::write(gateway.path("owners.json"), r#"{ "ord_1": "cus_9", "ord_8": "cus_1" }"#).unwrap();
    assert!(until(10, || (status("/orders/ord_8") == 200).then_some(())).is_some(), "{}", gateway.said());
    assert_eq!(status("/orders/ord_1"), 403);
    std::fs::write(gateway.path("owners.json"), r#"{ "ord_1": "cus_1", "ord_1": "cus_9" }"#).unwrap();
    let broken = until(10, || gateway.said().contains("is no table of owners").then_some(()));
    assert!(broken.is_some(), "{}", gateway.said());
    assert_eq!((status("/orders/ord_1"), status("/orders/ord_8")), (403, 200));
}
