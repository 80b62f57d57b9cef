//! Webhooks that PyPI's `standardwebhooks` signs, and somebody on the way who changes them; two gateways of which each knows what came to
//! the other are in `applications/sharing.rs`, by proofs of possession, which use the same table.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::path::Path;
use std::process::Command;

use crate::common::{Gateway, House, text};
use serde_json::{Value, json};
use testkit::{Answer, Recorder};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Hooks, version: "1" }
components: { securitySchemes: { billing: { type: apiKey, in: header, name: webhook-signature } } }
paths:
  /hooks/billing:
    post:
      operationId: paid
      security: [{ billing: [] }]
      requestBody: { content: { application/json: { schema: { type: object } } } }
      responses: { "200": { description: ok } }
"##;

const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const STRANGER: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl";

fn start(house: &House, service: &Recorder) -> Gateway {
    house.write("openapi.yaml", CONTRACT);
    house.write("new.secret", NEW);
    house.write("old.secret", OLD);
    house.write(
        "yett.yaml",
        &format!(
            "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\nwebhooks: {{ billing: {{ secrets: \
             [\"file:new.secret\", \"file:old.secret\"] }} }}\napis:\n  hooks:\n    contract: ./openapi.yaml\n    upstream: {}\n    \
             authentication: {{ billing: {{ webhook: billing }} }}\n",
            service.url()
        ),
    );
    Gateway::start(house)
}

/// What became of deliveries.
fn deliver(gateway: &Gateway, deliveries: &[Value]) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let plan = json!({ "url": format!("http://{}/hooks/billing", gateway.url), "deliveries": deliveries });
    let mut command = Command::new(root.join(".peers/venv/bin/python"));
    let output = command.arg(root.join("tests/peers/deliverer.py")).arg(plan.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn threat_33_another_implementation_delivers_and_nobody_else_does() {
    let (house, service) = (House::new(), Recorder::start());
    service.answer(Answer::json(200, "{}"));
    let gateway = start(&house, &service);
    let body = json!({ "type": "invoice.paid", "data": { "id": 7, "note": "größer" } }).to_string();
    let good = |id: &str, secrets: &[&str], age: i64| json!({ "secrets": secrets, "id": id, "age": age, "body": body });
    let deliveries = [
        good("msg_1", &[NEW], 0),
        good("msg_2", &[OLD], 0),
        good("msg_3", &[STRANGER, OLD, NEW], 0),
        good("msg_4", &[NEW], 250),
        good("msg_4", &[NEW], 120),
        good("msg_5", &[NEW], -200),
    ];
    for (delivery, ended) in deliveries.iter().zip(deliver(&gateway, &deliveries)) {
        assert_eq!((&ended["status"], &ended["code"]), (&json!(200), &json!("ok")), "{delivery}");
    }
    assert_eq!(service.count(), deliveries.len());
    assert_eq!(service.last().body, body.as_bytes());
    let changes = [
        json!({ "id": "msg_other" }),
        json!({ "timestamp": "1614265330" }),
        json!({ "body": "{}" }),
        json!({ "body": format!("{body}\n") }),
        json!({ "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" }),
        json!({ "signature": "v2,whatever" }),
        json!({ "drop": ["webhook-id"] }),
        json!({ "drop": ["webhook-timestamp"] }),
    ];
    let mut hostile: Vec<Value> = (0..)
        .zip(&changes)
        .map(|(number, then)| {
            let mut delivery = good(&format!("msg_h{number}"), &[NEW], 0);
            delivery["then"] = then.clone();
            delivery
        })
        .collect();
    hostile.extend([good("msg_s", &[STRANGER], 0), good("msg_o", &[NEW], 310), good("msg_f", &[NEW], -310)]);
    for (delivery, ended) in hostile.iter().zip(deliver(&gateway, &hostile)) {
        assert_eq!(
            (&ended["status"], &ended["code"]),
            (&json!(401), &json!("webhook_invalid")),
            "{delivery}"
        );
    }
    assert_eq!(service.count(), deliveries.len());
    let mut twice = good("msg_twice", &[NEW], 0);
    twice["then"] = json!({ "twice": true });
    let ended = deliver(&gateway, &[twice]);
    assert_eq!((&ended[0]["code"], &ended[0]["again"]["code"]), (&json!("ok"), &json!("webhook_invalid")));
    assert_eq!(service.count(), deliveries.len() + 1);
}
