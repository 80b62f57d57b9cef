//! Tokens of cases have the shape that the issuer's preset says, and pass; what a case says otherwise is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

mod common;

use common::{CONTRACT, failed, run, subject, suite};
use serde_json::Value;

const CASES: &str = r#"
version: 1
tests:
  - name: who may
    credential: { scopes: ["orders:read"] }
    request: GET /orders
    expect: allow
  - name: who has a role that grants it
    credential: { roles: [reader] }
    request: GET /orders
    expect: allow
  - name: who may not
    credential: { scopes: ["orders:none"] }
    request: GET /orders
    expect: { decision: refuse, code: insufficient_scope, upstream: none }
  - name: for others
    credential: { scopes: ["orders:read"], audience: other }
    request: GET /orders
    expect: { decision: refuse, code: token_invalid, upstream: none }
  - name: another kind
    credential: { scopes: ["orders:read"], typ: logout+jwt }
    request: GET /orders
    expect: { decision: refuse, code: token_invalid, upstream: none }
"#;

/// A preset, its URL, the claim without which its tokens are none, where it requires one.
const PRESETS: [(&str, &str, &str, &str); 10] = [
    ("auth0", "https://x.eu.auth0.com/", "", ""),
    ("cognito", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a", "", "token_use"),
    ("entra-v1", "https://sts.windows.net/8eaef023/", "", "appid"),
    ("entra-v2", "https://login.microsoftonline.com/8eaef023/v2.0", "", "azp"),
    ("firebase", "https://securetoken.google.com/orders", "", ""),
    (
        "github-actions",
        "https://token.actions.githubusercontent.com",
        "require_claims: { repository_owner_id: \"65\" }",
        "repository_owner_id",
    ),
    ("google", "https://accounts.google.com", "require_claims: { hd: example.com }", "hd"),
    ("keycloak", "https://idp.example.com/realms/a", "", "typ"),
    ("kubernetes", "https://kubernetes.default.svc.cluster.local", "", "kubernetes.io"),
    ("okta", "https://x.okta.com/oauth2/a", "", "cid"),
];

#[test]
fn cases_are_of_the_shape_of_the_preset() {
    for (preset, url, more, required) in PRESETS {
        // Of Google's tokens nothing is a role, so that the document has to say what is.
        let roles = if preset == "google" { "roles_from: [sub], " } else { "" };
        let role = if preset == "kubernetes" { "system:serviceaccount:orders:reader" } else { "reader" };
        let document = format!(
            "version: 1\nlisten: http://127.0.0.1:8080\nissuers:\n  idp: {{ preset: {preset}, url: \"{url}\", {roles}{more}{}roles: {{ \"{role}\": \
             [\"orders:read\"] }} }}\napis:\n  orders:\n    contract: ./openapi.yaml\n    upstream: http://127.0.0.1:3000\n    \
             authentication: {{ \"*\": {{ issuers: [idp], audience: orders }} }}\n",
            if more.is_empty() { "" } else { ", " }
        );
        let subject = subject(&document, CONTRACT).unwrap_or_else(|why| panic!("{preset}: {why}"));
        let mut cases = CASES.replace("roles: [reader]", &format!("roles: [\"{role}\"]"));
        if !required.is_empty() {
            cases.push_str(&format!(
                "  - name: without what is required\n    credential: {{ scopes: [\"orders:read\"], claims: {{ \"{required}\": null }} }}\n    \
                 request: GET /orders\n    expect: {{ decision: refuse, code: token_invalid, upstream: none }}\n"
            ));
        }
        let suite = suite(&cases);
        assert_eq!(failed(&suite, &run(&subject, &suite)), Vec::<String>::new(), "{preset}");
    }
}

/// The text of a section's block of code.
fn block<'s>(section: &'s str, language: &str) -> Option<&'s str> {
    section.split_once(&format!("```{language}\n"))?.1.split_once("```").map(|(text, _)| text)
}

/// Claims that are made for a case and that a token of the page may not have.
const MADE: [&str; 17] = [
    "aud",
    "scope",
    "scp",
    "client_id",
    "azp",
    "appid",
    "cid",
    "roles",
    "permissions",
    "groups",
    "cognito:groups",
    "typ",
    "token_use",
    "ver",
    "repository",
    "realm_access",
    "resource_access",
];

/// Each section has a document, and a token that passes under it as it stands there.
#[test]
fn the_page_of_providers_says_what_is_taken() {
    let page = include_str!("../../../docs/providers.md");
    let mut seen = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let Some(written) = block(section, "yaml") else { continue };
        let preset = written.split_once("preset: ").unwrap().1.lines().next().unwrap();
        let api = "  orders:\n    contract: ./openapi.yaml\n    upstream: http://127.0.0.1:3000\n";
        let written = written.replace("  orders:\n", api).replace("{ oauth:", "{ \"*\":");
        let document = format!("version: 1\nlisten: http://127.0.0.1:8080\n{written}");
        let subject = subject(&document, CONTRACT).unwrap_or_else(|why| panic!("{preset}: {why}"));
        let mut token: Value = serde_json::from_str(block(section, "json").unwrap()).unwrap();
        let claims = token.as_object_mut().unwrap();
        let audience = if claims.contains_key("aud") { "aud" } else { "client_id" };
        for name in MADE {
            claims.entry(name).or_insert(Value::Null);
        }
        let good = token.to_string();
        token[audience] = "of somebody else".into();
        let cases = format!(
            "version: 1\ntests:\n  - name: the token of the page\n    credential: {{ claims: {good} }}\n    request: GET /orders\n    expect: allow\n  \
             - name: the same for others\n    credential: {{ claims: {token} }}\n    request: GET /orders\n    \
             expect: {{ decision: refuse, code: token_invalid, upstream: none }}\n"
        );
        let suite = suite(&cases);
        assert_eq!(failed(&suite, &run(&subject, &suite)), Vec::<String>::new(), "{preset}");
        seen.push(preset.to_owned());
    }
    seen.sort();
    assert_eq!(seen, PRESETS.map(|(preset, ..)| preset), "the page has a section for each");
}

#[test]
fn tenants_are_issuers_of_cases_and_of_rules() {
    let document = "version: 1\nlisten: http://127.0.0.1:8080\nissuers:\n  corp: { url: \"https://login.example.com/{tid}/v2.0\", tenants: [t1, t2] }\n  \
                    other: { url: https://idp.example.com }\napis:\n  orders:\n    contract: ./openapi.yaml\n    upstream: http://127.0.0.1:3000\n    \
                    authentication: { \"*\": { issuers: [corp, other], audience: orders } }\n    \
                    authorization: { roles_issuer: corp }\n    operations:\n      \
                    deleteCustomer: { authorization: { require: { roles: [admin] } } }\n";
    let subject = subject(document, CONTRACT).unwrap();
    let cases = |credential: &str, expect: &str| {
        format!(
            "version: 1\ntests:\n  - name: a\n    credential: {{ {credential}, scopes: [\"orders:admin\"], roles: [admin] }}\n    \
             request: DELETE /customers/cus_000001\n    upstream: {{ status: 204 }}\n    expect: {expect}\n"
        )
    };
    let refused = |code: &str| format!("{{ decision: refuse, code: {code}, upstream: none }}");
    for (credential, expect) in [
        ("issuer: corp/t1", "allow".to_owned()),
        ("issuer: corp/t2", "allow".to_owned()),
        ("issuer: corp/t1, claims: { tid: t2 }", refused("token_invalid")),
        ("issuer: corp/t1, claims: { tid: null }", refused("token_invalid")),
        ("issuer: other", refused("privilege_missing")),
    ] {
        let suite = suite(&cases(credential, &expect));
        assert_eq!(failed(&suite, &run(&subject, &suite)), Vec::<String>::new(), "{credential}");
    }
}
