//! A preset before a real provider (npm's `oidc-provider`) whose tokens have the claims of Keycloak's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use serde_json::{Value, json};
use testkit::Recorder;

use crate::common::{Gateway, House, call};
use crate::holders::{ES256, Provider, house, service};

const RS256: &str = "urn:yett:orders:rs256";

/// A document whose issuer is the provider, with settings of its own.
fn write(house: &House, service: &Recorder, provider: &Provider, settings: &str) {
    house.write(
        "yett.yaml",
        &format!(
            "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\n\
             issuers:\n  idp: {{ url: \"{}\"{settings} }}\n\
             apis:\n  notes:\n    contract: ./openapi.yaml\n    upstream: {}\n    \
             authentication: {{ oauth: {{ issuers: [idp], audience: orders-api }} }}\n",
            provider.text("issuer"),
            service.url()
        ),
    );
}

/// A token of a client.
fn token(provider: &Provider, client: &str, resource: &str, scope: &str) -> String {
    let given = provider.client(client, resource, json!({ "plain": true, "scope": scope }));
    given["token"].as_str().unwrap().to_owned()
}

/// A token that the provider signs as it is told.
fn minted(provider: &Provider, claims: &Value) -> String {
    let body = json!({ "alg": "RS256", "claims": claims }).to_string();
    let control = provider.text("control").strip_prefix("http://").unwrap();
    let (status, answer) = call(control, "POST", "/mint", None, Some(&body));
    assert_eq!(status, 200, "{answer}");
    let start = answer.find("{\"access_token\"").unwrap();
    let end = answer.rfind('}').unwrap();
    let answer: Value = serde_json::from_str(&answer[start..=end]).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn tokens_in_the_shape_of_keycloak_are_taken_by_its_preset_and_others_are_not() {
    let (house, service) = (house(), service());
    let (provider, plain) = (Provider::start(&["--shape", "keycloak"]), Provider::start(&[]));
    let preset = ", preset: keycloak, roles: { admin: [\"orders:read\"], clerk: [\"orders:read\"] }";
    write(&house, &service, &provider, preset);
    let config = house.good(&["config"]);
    for line in [
        "      - RS256  # preset keycloak (yett.yaml:5:",
        "      - \"/resource_access/{audience}/roles\"  # preset keycloak (yett.yaml:5:",
        "        - DPoP  # preset keycloak (yett.yaml:5:",
        "      admin:",
    ] {
        assert!(config.lines().any(|said| said.starts_with(line)), "{line}\n{config}");
    }
    let gateway = Gateway::start(&house);
    let get = |gateway: &Gateway, token: &str| call(&gateway.url, "GET", "/notes", Some(token), None);
    let code = |gateway: &Gateway, token: &str| {
        let (status, answer) = get(gateway, token);
        let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
        (status, code.unwrap_or("ok").to_owned())
    };
    let said = |status: u16, code: &str| (status, code.to_owned());
    let (invalid, scope) = (said(401, "token_invalid"), said(403, "insufficient_scope"));
    let before = service.count();

    // Each by what it has: a scope, a role of the realm, a role of the API's client.
    for (client, wanted) in [("reader", "orders:read"), ("admin", "orders:write"), ("clerk", "orders:write")]
    {
        let token = token(&provider, client, RS256, wanted);
        assert_eq!(code(&gateway, &token), said(200, "ok"), "{client}");
    }
    assert_eq!(service.count() - before, 3);
    let good = json!({ "typ": "Bearer", "scope": "orders:read" });
    assert_eq!(code(&gateway, &minted(&provider, &good)), said(200, "ok"));
    for (what, claims, expected) in [
        ("an ID token", json!({ "typ": "ID", "scope": "orders:read" }), &invalid),
        ("a refresh token", json!({ "typ": "Refresh", "scope": "orders:read" }), &invalid),
        ("a token of no kind", json!({ "scope": "orders:read" }), &invalid),
        (
            "an audience of others",
            json!({ "typ": "Bearer", "aud": ["account"], "scope": "orders:read" }),
            &invalid,
        ),
        ("another realm", json!({ "typ": "Bearer", "iss": plain.text("issuer") }), &invalid),
        ("no role", json!({ "typ": "Bearer", "scope": "openid" }), &scope),
        (
            "a role of another client",
            json!({ "typ": "Bearer", "scope": "", "resource_access": { "account": { "roles": ["clerk"] } } }),
            &scope,
        ),
        ("roles at the top", json!({ "typ": "Bearer", "scope": "", "roles": ["admin"] }), &scope),
    ] {
        assert_eq!(code(&gateway, &minted(&provider, &claims)), *expected, "{what}");
    }
    // Another algorithm than the realm's own, and then by name.
    let elliptic = token(&provider, "reader", ES256, "orders:read");
    assert_eq!(code(&gateway, &elliptic), invalid);
    write(&house, &service, &provider, &format!("{preset}, algorithms: [ES256]"));
    drop(gateway);
    let other = Gateway::start(&house);
    assert_eq!(code(&other, &elliptic), said(200, "ok"));
    // A provider of another shape: its tokens say of no kind that they are.
    write(&house, &service, &plain, preset);
    drop(other);
    let foreign = Gateway::start(&house);
    let shapeless = token(&plain, "reader", RS256, "orders:read");
    assert_eq!(code(&foreign, &shapeless), invalid);
    write(&house, &service, &plain, "");
    drop(foreign);
    let lax = Gateway::start(&house);
    assert_eq!(code(&lax, &shapeless), said(200, "ok"));
}
