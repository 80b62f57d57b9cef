//! Policies in Cedar before the real binary: what they refuse never gets to the service, its valid twin does; what is wrong with them is
//! told at its place; tests of policies and `yett diff` know them.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

#[path = "../calls/harness/mod.rs"]
mod harness;

use std::process::{Command, Output};

use harness::{Gateway, Setup, send};
use serde_json::Value;
use testkit::{Answer, Recorder, Reply};

const SAMPLE: &str = include_str!("../../../../examples/orders/policies.yaml");
const SAMPLE_POLICIES: &str = include_str!("../../../../examples/orders/policies.cedar");
const SAMPLE_CONTRACT: &str = include_str!("../../../../examples/orders/openapi.yaml");

/// The sample, with ports of the system's choice.
fn sample(upstream: &str) -> String {
    let head =
        "admin: { bind: 127.0.0.1:0 }\ndata: ./data\nrecord: { access_log: \"file:access.log\" }\napis:";
    SAMPLE
        .replacen("listen: http://127.0.0.1:8080", "listen: http://127.0.0.1:0", 1)
        .replacen("apis:", head, 1)
        .replacen("http://127.0.0.1:3000", upstream, 1)
        .replacen("rate: 60/min", "rate: 1000/s", 1)
}

fn service() -> Recorder {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, "{}"));
    recorder
}

/// A gateway with this section and this file of policies, and the service behind it.
fn gateway(section: &str, policies: &str) -> (Gateway, Recorder) {
    let recorder = service();
    let setup = Setup::api(&format!("policies: {section}"));
    let files: &[(&str, &[u8])] = &[("own.cedar", policies.as_bytes())];
    (Gateway::with_files(&setup, &recorder.url(), files), recorder)
}

fn yett(gateway: &Gateway, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(arguments)
        .current_dir(gateway.path(""))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn token(gateway: &Gateway, subject: &str, more: &[&str]) -> String {
    let scopes = "things:read things:write admin orders:read orders:write orders:admin";
    let output = yett(gateway, &[&["token", "--subject", subject, "--scope", scopes], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn told(reply: &Reply) -> (u16, Option<String>) {
    (reply.status, reply.code())
}

fn refused(status: u16, code: &str) -> (u16, Option<String>) {
    (status, Some(code.to_owned()))
}

/// What `policies` said of a call.
fn verdict(gateway: &Gateway, reply: &Reply) -> Value {
    let line = gateway.log_of(reply);
    let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
    let found = verdicts.into_iter().find(|one| one["control"] == "policies");
    found.unwrap_or_else(|| panic!("nothing of policies in {line}"))
}

#[test]
fn what_no_policy_permits_and_what_one_forbids_never_arrives() {
    let policies = "@id(\"alice-reads\")\npermit (principal, action == Action::\"readSecret\", resource) when { principal.subject == \"alice\" };\n\
                    @id(\"no-evil\")\nforbid (principal, action, resource) when { principal is Caller && principal.roles.contains(\"evil\") };";
    let (gateway, recorder) = gateway("{ files: [own.cedar] }", policies);
    let read = |token: &str| gateway.call(send("GET", "/secret", &bearer(token), ""));
    let alice = token(&gateway, "alice", &[]);
    let reply = read(&alice);
    assert_eq!(told(&reply), (200, None));
    assert_eq!(recorder.count(), 1);
    let bob = read(&token(&gateway, "bob", &[]));
    assert_eq!(told(&bob), refused(403, "policy_denied"));
    assert_eq!(verdict(&gateway, &bob)["detail"], "no policy permits it");
    assert!(!bob.text().contains("permits it"), "{}", bob.text());
    let evil = read(&token(&gateway, "alice", &["--role", "evil"]));
    assert_eq!(told(&evil), refused(403, "policy_denied"));
    assert_eq!(verdict(&gateway, &evil)["detail"], "forbidden by `no-evil`");
    // What the contract's scopes do not let in is not judged at all, and what nothing is said of is refused.
    assert_eq!(read("no-token").status, 401);
    assert_eq!(told(&gateway.call(send("GET", "/things", "", ""))), refused(403, "policy_denied"));
    assert_eq!(recorder.count(), 1, "what is refused does not arrive");
}

#[test]
fn paths_are_judged_as_the_service_reads_them() {
    let policies =
        "permit (principal, action == Action::\"getPublic\", resource) when { resource.id == \"a b\" };";
    let (gateway, recorder) = gateway("{ files: [own.cedar], refuse: not_found }", policies);
    let get = |path: &str| told(&gateway.call(send("GET", path, "", "")));
    for good in ["/public/a%20b", "/public/%61%20%62"] {
        assert_eq!(get(good), (200, None), "{good}");
    }
    assert_eq!(recorder.count(), 2);
    for bad in ["/public/A%20b", "/public/a+b", "/public/a%20b%20", "/public/x"] {
        assert_eq!(get(bad), refused(404, "policy_not_found"), "{bad}");
    }
    // What is encoded twice does not come so far.
    assert_eq!(get("/public/a%2520b"), refused(400, "path_not_canonical"));
    assert_eq!(get("/public/%FF"), refused(403, "policy_undecided"));
    let head = gateway.call(send("HEAD", "/public/x", "", ""));
    assert_eq!(head.status, 404, "HEAD is as its GET");
    assert_eq!(recorder.count(), 2);
}

#[test]
fn values_of_bodies_are_judged_when_they_fit_the_contract() {
    let section = "{ files: [own.cedar], claims: { names: strings, most: long }, body: { name: /name, count: { pointer: /count, type: long, absent: pass } } }";
    let policies = "permit (principal, action == Action::\"writeSecret\", resource)\n\
                    when { context.claims has names && context.claims.names.contains(resource.name) };\n\
                    @id(\"most\")\nforbid (principal, action == Action::\"writeSecret\", resource)\n\
                    when { resource has count }\n\
                    unless { context.claims has most && resource.count <= context.claims.most };";
    let (gateway, recorder) = gateway(section, policies);
    let alice = token(&gateway, "alice", &["--claim", "names=[\"a\",\"b\"]", "--claim", "most=5"]);
    let json = |body: &str| {
        let fields = format!("{}Content-Type: application/json\r\n", bearer(&alice));
        told(&gateway.call(send("POST", "/secret", &fields, body)))
    };
    for good in ["{\"name\":\"a\"}", "{\"name\":\"b\",\"count\":5}"] {
        assert_eq!(json(good), (200, None), "{good}");
    }
    assert_eq!(recorder.count(), 2);
    for bad in ["{\"name\":\"c\"}", "{\"name\":\"a\",\"count\":6}", "{\"name\":\"A\"}"] {
        assert_eq!(json(bad), refused(403, "policy_denied"), "{bad}");
    }
    assert_eq!(json("{\"name\":7}"), refused(400, "body_invalid"), "the contract comes first");
    // A claim that is not what it was declared to be.
    let odd = token(&gateway, "alice", &["--claim", "names={\"a\":1}"]);
    let fields = format!("{}Content-Type: application/json\r\n", bearer(&odd));
    let reply = gateway.call(send("POST", "/secret", &fields, "{\"name\":\"a\"}"));
    assert_eq!(told(&reply), refused(403, "policy_undecided"));
    assert!(verdict(&gateway, &reply)["detail"].as_str().unwrap().contains("the claim `names`"));
    assert_eq!(recorder.count(), 2);
}

#[test]
fn templates_are_linked_by_a_few_lines() {
    let section = "{ links: { all: { template: everyone }, ops: { template: networks, ranges: [192.0.2.0/24], actions: [listThings] }, \
                   never: { template: hours, from: \"00:00\", to: \"00:01\", days: [mon], actions: [addThing], except: [boss] }, \
                   audit: { template: read_only, roles: [auditor] } } }";
    let (gateway, recorder) = gateway(section, "");
    let read =
        gateway.call(send("GET", "/secret", &bearer(&token(&gateway, "a", &["--role", "auditor"])), ""));
    assert_eq!(told(&read), (200, None));
    assert_eq!(recorder.count(), 1);
    let json = format!(
        "{}Content-Type: application/json\r\n",
        bearer(&token(&gateway, "a", &["--role", "auditor"]))
    );
    let write = gateway.call(send("POST", "/secret", &json, "{\"name\":\"a\"}"));
    assert_eq!(told(&write), refused(403, "policy_denied"));
    assert_eq!(verdict(&gateway, &write)["detail"], "forbidden by `audit`");
    let things = gateway.call(send("GET", "/things", "", ""));
    assert_eq!(told(&things), refused(403, "policy_denied"));
    assert_eq!(verdict(&gateway, &things)["detail"], "forbidden by `ops`");
    let twin =
        format!("{}Content-Type: application/json\r\n", bearer(&token(&gateway, "a", &["--role", "clerk"])));
    assert_eq!(told(&gateway.call(send("POST", "/secret", &twin, "{\"name\":\"a\"}"))), (200, None));
    assert_eq!(recorder.count(), 2);
}

#[test]
fn in_shadow_calls_pass_and_what_would_be_refused_is_recorded() {
    let (gateway, recorder) = gateway("{ mode: shadow, files: [own.cedar] }", "");
    let reply = gateway.call(send("GET", "/things", "", ""));
    assert_eq!(told(&reply), (200, None));
    assert_eq!(recorder.count(), 1);
    let verdict = verdict(&gateway, &reply);
    assert_eq!((verdict["mode"].as_str(), verdict["code"].as_str()), (Some("shadow"), Some("policy_denied")));
}

#[test]
fn the_sample_by_role() {
    let recorder = service();
    let files: &[(&str, &[u8])] = &[("policies.cedar", SAMPLE_POLICIES.as_bytes())];
    let gateway = Gateway::with_document_and(&sample(&recorder.url()), SAMPLE_CONTRACT, files);
    let customer =
        ["--role", "customer", "--claim", "orders=[\"ord_000001\"]", "--claim", "customers=[\"cus_000001\"]"];
    let customer = token(&gateway, "isla", &customer);
    let clerk = token(&gateway, "carl", &["--role", "clerk"]);
    let auditor = token(&gateway, "ann", &["--role", "auditor"]);
    let get = |who: &str, path: &str| told(&gateway.call(send("GET", path, &bearer(who), "")));
    let cancel = |who: &str| told(&gateway.call(send("POST", "/orders/ord_000001/cancel", &bearer(who), "")));
    for who in [&customer, &clerk, &auditor] {
        assert_eq!(get(who, "/orders/ord_000001"), (200, None));
    }
    assert_eq!(get(&customer, "/customers/cus_000001"), (200, None));
    assert_eq!(told(&gateway.call(send("GET", "/products", "", ""))), (200, None));
    assert_eq!(cancel(&customer), (200, None));
    assert_eq!(cancel(&clerk), (200, None));
    assert_eq!(recorder.count(), 7);
    for path in ["/orders/ord_000002", "/customers/cus_000002", "/orders"] {
        assert_eq!(get(&customer, path), refused(403, "policy_denied"), "{path}");
        assert_ne!(get(&clerk, path).0, 403, "{path}");
    }
    assert_eq!(cancel(&auditor), refused(403, "policy_denied"));
    let place = |who: &str, customer: &str| {
        let body = format!(
            r#"{{"customer_id":"{customer}","lines":[{{"product_id":"prd_000001","quantity":1}}],"ship_to":{{"line1":"1 Castle Street","city":"Edinburgh","postal_code":"EH1 2ND","country":"GB"}}}}"#
        );
        let key = "Idempotency-Key: 7f1e0a3c-0f4a-4b7e-9a43-6c4c7b6f0f10\r\n";
        let fields = format!("{}{key}Content-Type: application/json\r\n", bearer(who));
        told(&gateway.call(send("POST", "/orders", &fields, &body)))
    };
    assert_eq!(place(&customer, "cus_000001"), (200, None));
    assert_eq!(place(&customer, "cus_000002"), refused(403, "policy_denied"));
    assert_eq!(place(&clerk, "cus_000002"), (200, None));
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let (gateway, _) = gateway("{ links: { all: { template: everyone } } }", "");
    let check = |policies: &str| {
        let document = Setup::api("policies: { files: [wrong.cedar] }").document("http://127.0.0.1:1");
        std::fs::write(gateway.path("wrong.cedar"), policies).unwrap();
        std::fs::write(gateway.path("wrong.yaml"), document).unwrap();
        let output = yett(&gateway, &["check", "--config", "wrong.yaml"]);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
    };
    for (policies, place, said) in [
        ("permit (principal, action, resource)\nwhen { resource.idd == \"a\" };", "wrong.cedar:2:8", "idd"),
        ("permit (principal, action, resource)\n  wen { true };", "wrong.cedar:2:3", "wen"),
        (
            "permit (principal, action == Action::\"readSecrt\", resource);",
            "wrong.cedar:1:1",
            "did you mean `readSecret`?",
        ),
        ("permit (principal, action, resource)\nwhen { principal.subject == 7 };", "wrong.cedar:2:8", "type"),
    ] {
        let said_of = check(policies);
        assert!(said_of.contains(place) && said_of.contains(said), "{policies}:\n{said_of}");
    }
}

#[test]
fn tests_of_policies_and_the_difference_know_them() {
    let policies = "@id(\"alice\")\npermit (principal, action == Action::\"readSecret\", resource) when { principal.subject == \"alice\" };";
    let (gateway, _) = gateway("{ files: [own.cedar] }", policies);
    let cases = "version: 1\ntests:\n  - { name: alice, request: GET /secret, credential: { subject: alice, scopes: [\"things:read\"] }, expect: allow }\n  \
                 - { name: bob, request: GET /secret, credential: { subject: bob, scopes: [\"things:read\"] }, expect: { decision: refuse, control: policies, code: policy_denied, status: 403, upstream: none } }\n";
    std::fs::write(gateway.path("cases.yaml"), cases).unwrap();
    let tested = yett(&gateway, &["test", "cases.yaml"]);
    let said =
        String::from_utf8_lossy(&tested.stdout).into_owned() + &String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{said}");

    let other =
        std::fs::read_to_string(gateway.path("yett.yaml")).unwrap().replace("own.cedar", "other.cedar");
    std::fs::write(gateway.path("other.yaml"), other).unwrap();
    let diff = |policies: &str| {
        std::fs::write(gateway.path("other.cedar"), policies).unwrap();
        let output = yett(&gateway, &["diff", "yett.yaml", "other.yaml"]);
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let weaker =
        diff(&format!("{policies}\npermit (principal, action == Action::\"readSecret\", resource);"));
    assert!(weaker.contains("policies.permits") && weaker.contains("weaker"), "{weaker}");
    let stricter =
        diff(&format!("{policies}\nforbid (principal, action == Action::\"readSecret\", resource);"));
    assert!(stricter.contains("policies.forbids") && stricter.contains("stricter"), "{stricter}");
    assert!(!diff(policies).contains("policies.permits"));
}
