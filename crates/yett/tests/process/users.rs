//! A user of a real provider: npm's `oidc-provider` takes requests that are pushed (RFC 9126) and nothing else of this client, and `oauth4webapi` reads what
//! the gateway says of a login and has the user log in as it asks (RFC 9470).

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::process::Command;

use crate::common::{Gateway, House, call, text};
use crate::holders::{ES256, Provider, document, house, outcome, peers, service};
use serde_json::{Value, json};
use testkit::Recorder;

/// A gateway whose only API has these lines beside the provider's tokens.
fn gateway(house: &House, service: &Recorder, provider: &Provider, api: &str) -> Gateway {
    let api = format!("    authentication: {{ oauth: {{ issuers: [idp] }} }}\n{api}");
    house.write("yett.yaml", &document(service, provider, "", &api));
    Gateway::start(house)
}

/// What the user's client was given, and what became of its calls.
fn user(provider: &Provider, more: Value) -> Value {
    let mut plan = json!({
        "issuer": provider.text("issuer"), "client": "portal", "secret": provider.secret("portal"),
        "redirect": "https://portal.example.com/callback", "resource": ES256, "scope": "openid orders:read",
    });
    if let (Some(plan), Value::Object(more)) = (plan.as_object_mut(), more) {
        plan.extend(more);
    }
    let output = Command::new("node").arg(peers("user.mjs")).arg(plan.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_token_by_a_pushed_request_is_good_and_nothing_else_that_came_with_it() {
    let (house, service, provider) = (house(), service(), Provider::start(&[]));
    let gateway = gateway(&house, &service, &provider, "");
    let url = format!("http://{}/notes", gateway.url);
    let plain = user(&provider, json!({ "calls": [{ "url": url }] }));
    assert_eq!(plain["unpushed"], "invalid_request", "the provider takes this client's requests pushed only");
    assert_eq!(outcome(&plain["calls"][0]), (200, "ok"), "{plain}");
    assert_eq!(service.count(), 1);
    let (status, answer) = call(&gateway.url, "GET", "/notes", plain["id_token"].as_str(), None);
    assert!(status == 401 && answer.contains("token_invalid"), "an ID token: {answer}");
    assert_eq!(service.count(), 1);
    // Bound to a key from the request that was pushed on (RFC 9449 section 10).
    let bound =
        user(&provider, json!({ "bound": true, "calls": [{ "url": url }, { "url": url, "as": "bearer" }] }));
    assert_eq!(bound["token_type"], "dpop");
    let calls: Vec<_> = bound["calls"].as_array().unwrap().iter().map(outcome).collect();
    assert_eq!(calls, [(200, "ok"), (401, "token_invalid")], "{bound}");
    assert_eq!(service.count(), 2);
}

#[test]
fn a_standard_client_reads_which_login_is_asked_for_and_comes_back_with_it() {
    let (house, service, provider) = (house(), service(), Provider::start(&[]));
    let rule = |acr: &str| {
        format!(
            "    operations: {{ listNotes: {{ authorization: {{ require: {{ acr_values: {acr}, max_age: 10m }} }} }} }}\n"
        )
    };
    for bound in [false, true] {
        for (acr, logins) in [("[pwd, phr]", 0), ("[phr, pwd2]", 1)] {
            let gateway = gateway(&house, &service, &provider, &rule(acr));
            let url = format!("http://{}/notes", gateway.url);
            let before = service.count();
            let told = user(&provider, json!({ "bound": bound, "calls": [{ "url": url }, { "url": url }] }));
            let calls = &told["calls"];
            assert_eq!((outcome(&calls[0]), &calls[0]["logins"]), ((200, "ok"), &json!(logins)), "{told}");
            assert_eq!((outcome(&calls[1]), &calls[1]["logins"]), ((200, "ok"), &json!(0)), "{told}");
            assert_eq!(service.count() - before, 2, "the first login went nowhere");
        }
    }
}
