//! Need-to-know with the sample API before the real binary: one GET has three views, administrators do what others may not, and what was
//! hidden does not come out another way.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::process::Command;

use crate::harness::*;
use serde_json::{Value, json};
use testkit::{Answer, Recorder, Reply};

const CONTRACT: &str = include_str!("../../../../examples/orders/openapi.yaml");
const NEED_TO_KNOW: &str = include_str!("../../../../examples/orders/need-to-know.yaml");

/// The document of the example, with ports of the system's choice.
fn document(upstream: &str) -> String {
    let head =
        "admin: { bind: 127.0.0.1:0 }\ndata: ./data\nrecord: { access_log: \"file:access.log\" }\napis:";
    NEED_TO_KNOW
        .replacen("listen: http://127.0.0.1:8080", "listen: http://127.0.0.1:0", 1)
        .replacen("apis:", head, 1)
        .replacen("http://127.0.0.1:3000", upstream, 1)
        .replacen("rate: 60/min", "rate: 1000/s", 1)
}

/// An order with a discount, which is not for customers to give.
const DISCOUNTED: &str = r#"{"customer_id":"cus_000001","lines":[{"product_id":"prd_000001","quantity":1,"discount_percent":50}],"ship_to":{"line1":"1 Castle Street","city":"Edinburgh","postal_code":"EH1 2ND","country":"GB"}}"#;

struct Shop {
    recorder: Recorder,
    gateway: Gateway,
}

const CUSTOMER: &[&str] =
    &["--role", "customer", "--claim", r#"customers=["cus_000001"]"#, "--claim", r#"orders=["ord_000001"]"#];
const CLERK: &[&str] = &["--role", "clerk"];
const ADMIN: &[&str] = &["--role", "admin"];

impl Shop {
    /// With nothing but `views` between the service's answer and the caller.
    fn open() -> Self {
        Self::with(|document| document.replace("response: enforce", "response: shadow"))
    }

    fn as_written() -> Self {
        Self::with(|document| document)
    }

    fn with(change: impl Fn(String) -> String) -> Self {
        let recorder =
            Recorder::scripted(|_| Answer::json(200, order().to_string()).header("etag", "\"r1\""));
        let document = change(document(&recorder.url()));
        let gateway = Gateway::with_both(&document, CONTRACT);
        Self { recorder, gateway }
    }

    fn token(&self, who: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_yett"))
            .args(["token", "--subject", "someone", "--scope", "orders:read orders:write orders:admin"])
            .args(who)
            .current_dir(self.gateway.path(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn ask(&self, who: &[&str], method: &str, target: &str, fields: &str) -> Reply {
        let token = self.token(who);
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{fields}\r\n"
        );
        self.gateway.call(head)
    }

    fn get(&self, who: &[&str], target: &str) -> Reply {
        self.ask(who, "GET", target, "")
    }

    fn send(&self, who: &[&str], method: &str, target: &str, media: &str, body: &str) -> Reply {
        let token = self.token(who);
        let key = "Idempotency-Key: 0b9c1a4e-6f0d-4e0a-9a53-5a3c6c1d2e3f\r\n";
        let key = if target == "/orders" { key } else { "" };
        let fields =
            format!("Authorization: Bearer {token}\r\nConnection: close\r\nContent-Type: {media}\r\n{key}");
        self.gateway.call(send(method, target, &fields, body))
    }

    fn say(&self, answer: Answer) {
        self.recorder.answer(answer);
    }
}

fn order() -> Value {
    json!({
        "id": "ord_000001", "customer_id": "cus_000001", "status": "placed",
        "lines": [{ "product_id": "prd_000001", "quantity": 1, "discount_percent": 12.5, "gift_note": null,
            "unit_price": { "amount": 48_900, "currency": "EUR" } }],
        "ship_to": { "line1": "1 Castle Street", "line2": null, "city": "Edinburgh", "postal_code": "EH1 2ND", "country": "GB" },
        "bill_to": null, "note": "pays late", "total": { "amount": 48_900, "currency": "EUR" },
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z",
    })
}

/// The order without some fields, and with the street masked.
fn view(without: &[&str], masked: bool) -> Value {
    let mut order = order();
    for name in without {
        match *name {
            "discount_percent" => drop(order["lines"][0].as_object_mut().unwrap().remove(*name)),
            name => drop(order.as_object_mut().unwrap().remove(name)),
        }
    }
    if masked {
        order["ship_to"]["line1"] = json!("***");
    }
    order
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("{} {}", reply.status, reply.text()))
}

#[test]
fn one_get_has_three_views() {
    let shop = Shop::as_written();
    let views = [
        (CUSTOMER, view(&["note", "created_at", "discount_percent", "updated_at"], false)),
        (CLERK, view(&["updated_at"], true)),
        (ADMIN, view(&[], false)),
    ];
    for (who, expected) in &views {
        let reply = shop.get(who, "/orders/ord_000001");
        assert_eq!((reply.status, json_of(&reply)), (200, expected.clone()), "{who:?}");
        assert_eq!(reply.head.get("cache-control"), Some("private"), "{who:?}");
        assert_eq!(reply.head.get("vary"), Some("authorization"), "{who:?}");
        // The validator is of the whole: who sees the whole has it.
        assert_eq!(reply.head.get("etag"), (*who == ADMIN).then_some("\"r1\""), "{who:?}");
        let page = json!({ "items": [order(), order()], "next": null });
        shop.say(Answer::json(200, page.to_string()));
        let reply = shop.get(who, "/orders?id=ord_000001");
        assert_eq!(json_of(&reply), json!({ "items": [expected, expected], "next": null }), "{who:?}");
        shop.say(Answer::json(200, order().to_string()).header("etag", "\"r1\""));
    }
    let reply = shop.get(CLERK, "/orders/ord_000001");
    let line = shop.gateway.log_of(&reply);
    let verdicts = line["verdicts"].as_array().unwrap();
    let told =
        verdicts.iter().find(|one| one["control"] == "views" && one["stage"] == "response_body").unwrap();
    assert_eq!(told["detail"], "hidden: `addresses` (1), `history` (1)");
    assert!(!line.to_string().contains("Castle"), "{line}");
}

/// Without validation of answers pointers may find nothing where the field is all the same.
#[test]
fn who_hides_fields_of_answers_that_nothing_validates_is_told() {
    for (shop, warned) in [(Shop::as_written(), false), (Shop::open(), true)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yett"));
        let output = command.arg("check").current_dir(shop.gateway.path("")).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(said.contains("views-unvalidated"), warned, "{said}");
    }
}

#[test]
fn administrators_change_and_others_only_read() {
    let shop = Shop::open();
    let refund = r#"{"amount":{"amount":1,"currency":"EUR"},"reason":"late"}"#;
    let json = "application/json";
    for (who, status) in [(CUSTOMER, 403), (CLERK, 403), (ADMIN, 200)] {
        let reply = shop.send(who, "POST", "/payments/pay_000001/refunds", json, refund);
        assert_eq!(reply.status, status, "{who:?} {}", reply.text());
        let code = reply.code();
        assert_eq!(code.as_deref(), (status == 403).then_some("privilege_missing"), "{who:?}");
        let reply = shop.ask(who, "DELETE", "/customers/cus_000001", "");
        assert_eq!(reply.status, status, "{who:?} {}", reply.text());
    }
    assert_eq!(shop.recorder.count(), 2);
    let old = shop.token(&["--role", "admin", "--claim", "auth_time=1000"]);
    let reply = shop.gateway.call(send(
        "DELETE",
        "/customers/cus_000001",
        &format!("Authorization: Bearer {old}\r\nConnection: close\r\n"),
        "",
    ));
    assert_eq!((reply.status, reply.code().as_deref()), (401, Some("login_stale")));
    let challenge = reply.head.get("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_user_authentication") && challenge.contains("max_age=\"3600\""));
    assert_eq!(shop.recorder.count(), 2);
}

#[test]
fn customers_reach_their_own_objects() {
    let shop = Shop::open();
    for (target, mine) in [
        ("/orders/ord_000001", true),
        ("/orders/ord_000002", false),
        ("/orders?id=ord_000001", true),
        ("/orders?id=ord_000001|ord_000002", false),
        ("/orders?id=ord_000001%7Cord_000002", false),
        ("/orders", false),
        ("/orders?id=ord_000001&filter[customer_id]=cus_000002", false),
        ("/orders?id=ord_000001&filter[customer_id]=cus_000001", true),
        ("/orders/ord_000002/payments", false),
        ("/customers/cus_000002", false),
    ] {
        let before = shop.recorder.count();
        let reply = shop.get(CUSTOMER, target);
        assert_eq!(reply.status == 403, !mine, "{target}: {} {}", reply.status, reply.text());
        assert_eq!(shop.recorder.count() - before, usize::from(mine), "{target}");
        assert_ne!(shop.get(CLERK, target).status, 403, "{target}");
    }
}

#[test]
fn discounts_are_not_for_everybody_to_give() {
    let shop = Shop::open();
    shop.say(Answer::json(201, order().to_string()));
    let order = |line: &str| {
        let address =
            r#"{"line1":"1 Castle Street","city":"Edinburgh","postal_code":"EH1 2ND","country":"GB"}"#;
        format!(r#"{{"customer_id":"cus_000001","lines":[{line}],"ship_to":{address}}}"#)
    };
    let plain = r#"{"product_id":"prd_000001","quantity":1}"#;
    let reduced = r#"{"product_id":"prd_000001","quantity":1,"discount_percent":50}"#;
    let escaped = r#"{"product_id":"prd_000001","quantity":1,"discount\u005fpercent":0}"#;
    for (line, allowed) in [
        (plain, true),
        (reduced, false),
        (escaped, false),
        (&*format!("{plain},{plain}"), true),
        (&*format!("{plain},{reduced}"), false),
    ] {
        let before = shop.recorder.count();
        let reply = shop.send(CUSTOMER, "POST", "/orders", "application/json", &order(line));
        let code = (!allowed).then_some("property_forbidden");
        assert_eq!(reply.code().as_deref(), code, "{line}: {}", reply.text());
        assert_eq!(shop.recorder.count() - before, usize::from(allowed), "{line}");
        assert_eq!(
            shop.send(CLERK, "POST", "/orders", "application/json", &order(line)).status,
            201,
            "{line}"
        );
    }
    let reply = shop.send(CUSTOMER, "POST", "/orders", "application/json", &order(reduced));
    assert_eq!(json_of(&reply)["violations"][0]["pointer"], "/lines/*/discount_percent");
}

/// Answers and questions by which what is hidden could come out: each tells the clerk nothing, and the administrator all.
#[test]
fn what_is_hidden_does_not_come_out_another_way() {
    let shop = Shop::open();
    let whole = order().to_string();
    let gzip = Answer::json(200, whole.clone()).header("content-encoding", "gzip");
    let part = Answer::json(206, &whole[..40]).header("content-range", "bytes 0-39/900");
    let unmarked = Answer::json(200, &whole[..40]).header("content-range", "bytes 0-39/900");
    let text = |media: &str, body: &str| {
        let mut answer = Answer::json(200, body.to_owned());
        answer.headers = vec![("content-type".to_owned(), media.to_owned())];
        answer
    };
    let bare = Answer { headers: Vec::new(), ..Answer::json(200, whole.clone()) };
    let twice = whole.replacen("\"note\"", "\"updated_at\":\"x\",\"note\"", 1);
    for (what, answer) in [
        ("an encoded answer", gzip),
        ("a part", part),
        ("a part that is not said to be one", unmarked),
        ("text", text("text/plain", &whole)),
        ("lines of JSON", text("application/x-ndjson", &whole)),
        ("events", text("text/event-stream", &format!("data: {whole}\n\n"))),
        ("another character set", text("application/json; charset=utf-16", &whole)),
        ("no media type", bare),
        ("half of it", Answer::json(200, &whole[..200])),
        ("a name twice", Answer::json(200, twice)),
        ("a page that says no", text("text/html", "<p>1 Castle Street</p>")),
        ("an error that is no JSON", Answer { status: 500, ..text("text/plain", "1 Castle Street") }),
    ] {
        shop.say(answer);
        let reply = shop.get(CLERK, "/orders/ord_000001");
        assert_eq!((reply.status, reply.code().as_deref()), (502, Some("answer_unreadable")), "{what}");
        assert!(!reply.text().contains("Castle"), "{what}: {}", reply.text());
        assert_ne!(shop.get(ADMIN, "/orders/ord_000001").status, 502, "{what}");
    }
    // Errors are answers too.
    let mut problem = Answer::json(404, r#"{"type":"x","title":"x","status":404,"note":"pays late"}"#);
    problem.headers = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
    shop.say(problem);
    let reply = shop.get(CUSTOMER, "/orders/ord_000001");
    assert_eq!((reply.status, json_of(&reply)), (404, json!({"type":"x","title":"x","status":404})));
    // Names in another case, and written with escapes.
    shop.say(Answer::json(200, r#"{"Note":"a","n\u006fte":"b","id":"ord_000001"}"#));
    assert_eq!(json_of(&shop.get(CUSTOMER, "/orders/ord_000001")), json!({"id":"ord_000001"}));
}

#[test]
fn the_service_is_asked_for_a_whole_answer_without_conditions() {
    let shop = Shop::open();
    shop.say(
        Answer::json(200, order().to_string())
            .header("etag", "\"r1\"")
            .header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            .header("accept-ranges", "bytes")
            .header("repr-digest", "sha-256=:AAAA:")
            .header("expires", "Thu, 01 Jan 2037 00:00:00 GMT")
            .header("cdn-cache-control", "max-age=600")
            .header("x-accel-expires", "600")
            .header("cache-control", "public, max-age=600, s-maxage=600"),
    );
    let asked = "Range: bytes=0-9\r\nIf-Range: \"r1\"\r\nIf-None-Match: \"r1\"\r\nIf-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\nIf-Match: \"r1\"\r\nAccept-Encoding: gzip\r\n";
    let names = ["range", "if-range", "if-none-match", "if-modified-since", "if-match"];
    for method in ["GET", "HEAD"] {
        let reply = shop.ask(CLERK, method, "/orders/ord_000001", asked);
        assert_eq!(reply.status, 200);
        let sent = shop.recorder.last();
        assert!(names.iter().all(|name| sent.head.get(name).is_none()), "{:?}", sent.head);
        assert_eq!(sent.head.get("accept-encoding"), Some("identity"));
        let other_caches = ["expires", "cdn-cache-control", "x-accel-expires"];
        for gone in ["etag", "last-modified", "accept-ranges", "repr-digest"].iter().chain(&other_caches) {
            assert_eq!(reply.head.get(gone), None, "{method} {gone}");
        }
        assert_eq!(reply.head.get("cache-control"), Some("private"));
        let own = (method == "GET").then(|| reply.body.len().to_string());
        assert_eq!(reply.head.get("content-length"), own.as_deref(), "{method}");

        let reply = shop.ask(ADMIN, method, "/orders/ord_000001", asked);
        let sent = shop.recorder.last();
        assert!(names.iter().all(|name| sent.head.get(name).is_some()), "{:?}", sent.head);
        assert_eq!(reply.head.get("etag"), Some("\"r1\""));
        assert_eq!(reply.head.get("cache-control"), Some("private"), "no cache may serve it to others");
    }
    // Whether a change is made on a condition tells of what is hidden: who sees all may ask for that.
    let patch = r#"{"note":"x"}"#;
    for (who, condition, status) in [(CLERK, "\"r1\"", 403), (ADMIN, "\"r1\"", 200)] {
        let token = shop.token(who);
        let before = shop.recorder.count();
        let fields = format!(
            "Authorization: Bearer {token}\r\nConnection: close\r\nContent-Type: application/merge-patch+json\r\nIf-Match: {condition}\r\n"
        );
        let reply = shop.gateway.call(send("PATCH", "/orders/ord_000001", &fields, patch));
        assert_eq!(reply.status, status, "{who:?} {condition}: {}", reply.text());
        assert_eq!(shop.recorder.count() - before, usize::from(status == 200));
        if status == 200 {
            assert_eq!(shop.recorder.last().head.get("if-match"), Some(condition));
        }
    }
}

/// Pointers are for what the contract says: another answer is withheld from who may not see all.
#[test]
fn answers_of_another_shape_are_withheld() {
    let shop = Shop::open();
    let typed = |status: u16, media: &str, body: Value| {
        let mut answer = Answer::json(status, body.to_string());
        answer.headers = vec![("content-type".to_owned(), media.to_owned())];
        answer
    };
    for (what, answer) in [
        (
            "another media type",
            typed(200, "application/hal+json", json!({ "_embedded": { "order": order() } })),
        ),
        (
            "a patch",
            typed(200, "application/json-patch+json", json!([{ "op": "add", "path": "", "value": order() }])),
        ),
        ("another status", typed(203, "application/json", order())),
        ("an error that repeats it", typed(409, "application/json", json!({ "current": order() }))),
        ("a list of it", typed(200, "application/json", json!([order()]))),
        (
            "a list where there is one",
            typed(200, "application/json", json!({ "ship_to": [order()["ship_to"]] })),
        ),
        ("a status without content", typed(205, "application/json", order())),
        ("an envelope", typed(200, "application/json", json!({ "data": order() }))),
        ("a copy beside it", typed(200, "application/json", json!({ "id": "ord_000001", "was": order() }))),
    ] {
        shop.say(answer);
        let reply = shop.get(CLERK, "/orders/ord_000001");
        assert_eq!((reply.status, reply.code().as_deref()), (502, Some("answer_unreadable")), "{what}");
        let reply = shop.get(ADMIN, "/orders/ord_000001");
        assert!(reply.status != 502 && reply.text().contains("Castle"), "{what}: {}", reply.text());
    }
    shop.say(typed(
        409,
        "application/problem+json",
        json!({ "type": "x", "title": "x", "status": 409, "note": "n" }),
    ));
    assert_eq!(shop.get(CLERK, "/orders/ord_000001").status, 409);
}

/// A digest after the body is of the whole as well (RFC 9530 section 6.6).
#[test]
fn what_follows_the_body_ends_here() {
    let shop = Shop::open();
    let whole = order().to_string();
    let trailers = "Repr-Digest: sha-256=:AAAA:\r\nX-Updated: 2026-01-02T00:00:00Z\r\n";
    let body = format!("{:x}\r\n{whole}\r\n0\r\n{trailers}\r\n", whole.len());
    let chunked = Answer::json(200, body).header("transfer-encoding", "chunked");
    shop.say(chunked.header("trailer", "Repr-Digest, X-Updated"));
    for (who, expected) in [(CLERK, view(&["updated_at"], true)), (ADMIN, order())] {
        let reply = shop.ask(who, "GET", "/orders/ord_000001", "TE: trailers\r\n");
        assert_eq!(json_of(&reply), expected);
        assert_eq!(reply.head.get("content-length"), Some(&*reply.body.len().to_string()));
        assert_eq!((reply.head.get("trailer"), reply.head.get("transfer-encoding")), (None, None));
    }
}

#[test]
fn caches_are_told_no_less_than_the_service_says() {
    let shop = Shop::open();
    for (said, expected) in [
        ("no-store", "private, no-store"),
        ("public, No-Cache", "private, no-cache"),
        ("max-age=60, immutable", "private"),
        ("max-age=0", "private, no-cache"),
        ("max-age=60, Must-Revalidate", "private, no-cache"),
    ] {
        shop.say(Answer::json(200, order().to_string()).header("cache-control", said));
        let reply = shop.get(CLERK, "/orders/ord_000001");
        assert_eq!(reply.head.get("cache-control"), Some(expected), "{said}");
    }
}

#[test]
fn nobody_asks_by_what_is_hidden() {
    let shop = Shop::open();
    for (filter, code) in [
        ("filter[placed_after]=2026-01-01T00:00:00Z", Some("property_forbidden")),
        ("filter%5Bplaced_after%5D=2026-01-01T00:00:00Z", Some("property_forbidden")),
        ("filter[status]=paid", None),
    ] {
        let target = format!("/orders?id=ord_000001&{filter}");
        assert_eq!(shop.get(CUSTOMER, &target).code().as_deref(), code, "{target}");
        assert_eq!(shop.get(CLERK, &target).status, 200, "{target}");
    }
}

#[test]
fn a_rule_in_shadow_changes_nothing_and_those_beside_it_hide() {
    let shop = Shop::with(|document| {
        let shadowed = document
            .replace("response: enforce", "response: shadow")
            .replace("            addresses:\n", "            addresses:\n              mode: shadow\n");
        shadowed
            .replace("discount: { at:", "discount: { mode: shadow, at:")
            .replace("placing: { at:", "placing: { mode: 'off', at:")
    });
    let reply = shop.get(CLERK, "/orders/ord_000001");
    assert_eq!(json_of(&reply), view(&["updated_at"], false), "the street is there, and the time is not");
    assert_eq!((reply.head.get("etag"), reply.head.get("cache-control")), (None, Some("private")));
    let line = shop.gateway.log_of(&reply);
    let told = line["verdicts"].as_array().unwrap().iter();
    let told: Vec<[&str; 3]> = told
        .filter(|one| one["control"] == "views" && one["stage"] == "response_body")
        .map(|one| ["rule", "mode", "detail"].map(|key| one[key].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [["", "", "hidden: `history` (1)"], ["answers.addresses", "shadow", "hidden: `addresses` (1)"]]
    );
    // What is off is not looked at.
    assert_eq!(
        json_of(&shop.get(CUSTOMER, "/orders/ord_000001")),
        view(&["note", "discount_percent", "updated_at"], false)
    );
    // A field that they may not set goes on, and the decision says that it would not.
    shop.say(Answer::json(201, order().to_string()));
    let before = shop.recorder.count();
    let reply = shop.send(CUSTOMER, "POST", "/orders", "application/json", DISCOUNTED);
    assert_eq!((reply.status, shop.recorder.count() - before), (201, 1), "{}", reply.text());
    let line = shop.gateway.log_of(&reply);
    let told =
        line["verdicts"].as_array().unwrap().iter().find(|one| one["rule"] == "requests.discount").cloned();
    let told = told.unwrap_or_else(|| panic!("{line}"));
    assert_eq!((&told["code"], &told["mode"]), (&json!("property_forbidden"), &json!("shadow")));
    let twin = Shop::open().send(CUSTOMER, "POST", "/orders", "application/json", DISCOUNTED);
    assert_eq!((twin.status, twin.code().as_deref()), (403, Some("property_forbidden")));
}

#[test]
fn in_shadow_nothing_changes() {
    let shop = Shop::with(|document| {
        document.replace("        views:\n", "        views:\n          mode: shadow\n")
    });
    let reply = shop.ask(CLERK, "GET", "/orders/ord_000001", "Range: bytes=0-9\r\n");
    assert_eq!((json_of(&reply), reply.head.get("etag")), (order(), Some("\"r1\"")));
    assert_eq!(reply.head.get("cache-control"), None);
    assert_eq!(shop.recorder.last().head.get("range"), Some("bytes=0-9"));
    let line = shop.gateway.log_of(&reply);
    let told = line["verdicts"].as_array().unwrap().iter().find(|one| one["control"] == "views").cloned();
    assert_eq!(
        told.map(|told| told["detail"].clone()),
        Some(json!("hidden: `addresses` (1), `history` (1)"))
    );
}
