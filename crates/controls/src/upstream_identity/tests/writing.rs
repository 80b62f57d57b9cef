//! What is wrong with the section, or with what it names, and what is right.

use super::{document, setup};
use crate::security::kit::{CONTRACT, World};

/// The codes of what is wrong with a document.
fn codes(text: &str, contract: &str) -> Vec<&'static str> {
    let gateway = setup(text, contract).attach(&World::new(), 0);
    let mut codes = gateway.codes();
    // The kit's document is told of an alternative that nobody can verify, whatever is tried.
    codes.retain(|code| *code != "security-alternative");
    codes.dedup();
    codes
}

/// What [`super::super::config::check_section`] says of a section, or the compiler of its API.
fn of(section: &str) -> Vec<&'static str> {
    let text = document("", section);
    let mut found = diagnostics::Diagnostics::new();
    let mut sources = diagnostics::Sources::default();
    let file = sources.add("section.yaml", section);
    let node = spec::parse(section, file, &mut found).unwrap();
    super::super::check_section(&node, &mut found);
    let own: Vec<&'static str> = found.iter().map(|one| one.code).collect();
    if own.is_empty() { codes(&text, CONTRACT) } else { own }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn sections_are_checked_where_they_stand() {
    let own: &[&str] = &["upstream-identity"];
    let cases: &[(&str, &str, &[&str])] = &[
        ("{ credential: exchange }", "{ credential: exchange, issuer: shop }", own),
        ("{ credential: client_credentials }", "{ credential: client_credentials, issuer: shop }", own),
        (
            "{ credential: exchange, issuer: shop, audience: [a, \"b c\"] }",
            "{ credential: exchange, issuer: shop, audience: [a, b] }",
            own,
        ),
        (
            "{ credential: exchange, issuer: shop, resource: [orders] }",
            "{ credential: exchange, issuer: shop, resource: [\"urn:orders\", \"https://orders.internal\"] }",
            own,
        ),
        (
            "{ credential: exchange, issuer: shop, resource: [\"https://a.example/#b\"] }",
            "{ credential: exchange, issuer: shop, resource: [\"https://a.example/b\"] }",
            own,
        ),
        (
            "{ credential: exchange, issuer: shop, scope: \"a  b\" }",
            "{ credential: exchange, issuer: shop, scope: \"a b\" }",
            own,
        ),
        (
            "{ credential: exchange, issuer: shop, max_age: 25h }",
            "{ credential: exchange, issuer: shop, max_age: 24h }",
            own,
        ),
        (
            "{ credential: strip, assert: { audience: a, lifetime: 6m } }",
            "{ credential: strip, assert: { audience: a, lifetime: 5m } }",
            own,
        ),
        (
            "{ credential: strip, assert: { audience: a, lifetime: 1s } }",
            "{ credential: strip, assert: { audience: a, lifetime: 5s } }",
            own,
        ),
        (
            "{ credential: strip, assert: { audience: \"\" } }",
            "{ credential: strip, assert: { audience: a } }",
            own,
        ),
        (
            "{ credential: strip, assert: { audience: a, header: X-User } }",
            "{ credential: strip, assert: { audience: a, header: yett-user } }",
            own,
        ),
        (
            "{ credential: strip, assert: { audience: a, header: Authorization } }",
            "{ credential: strip, assert: { audience: a, header: TXN-TOKEN } }",
            own,
        ),
        (
            "{ credential: strip, assert: { audience: a, header: yett_user } }",
            "{ credential: strip, assert: { audience: a, header: Yett-User } }",
            own,
        ),
        (
            "{ credential: strip, assert: { audience: a, claims: [sub_iss] } }",
            "{ credential: strip, assert: { audience: a, claims: [sub] } }",
            own,
        ),
        (
            "{ credential: strip, assert: { audience: a, claims: [a, a] } }",
            "{ credential: strip, assert: { audience: a, claims: [a, b] } }",
            own,
        ),
        (
            "{ credential: exchange, issuer: nobody }",
            "{ credential: exchange, issuer: shop }",
            &["no-token-endpoint"],
        ),
        (
            "{ credential: client_credentials, issuer: staff }",
            "{ credential: client_credentials, issuer: shop }",
            &["no-token-endpoint"],
        ),
    ];
    for (wrong, right, expected) in cases {
        assert_eq!(of(wrong), *expected, "{wrong}");
        let right = right.replace("audience: a,", "audience: a, subject: qualified,");
        let right = right.replace("audience: a }", "audience: a, subject: qualified }");
        assert_eq!(of(&right), Vec::<&str>::new(), "twin of {wrong}");
    }
    for unknown in ["{ credential: none }", "{ credential: strip, asert: { audience: a } }", "{}", "strip"] {
        assert!(!of(unknown).is_empty(), "{unknown}");
    }
}

#[test]
fn what_cannot_be_told_apart_or_exchanged_is_an_error() {
    // `both` takes tokens of two issuers.
    assert_eq!(of("{ credential: strip, assert: { audience: a } }"), ["subject-not-unique"]);
    assert_eq!(of("{ credential: strip, assert: { audience: a, enabled: false } }"), Vec::<&str>::new());
    // `key` takes API keys once they are bound to it.
    let keys = |section: &str, more: &str| {
        let text = document("", section);
        let bound = format!("    authentication:\n      key: {{ source: applications{more} }}\n");
        text.replace("    authentication:\n", &bound)
    };
    let only = |codes: Vec<&'static str>, code: &str| codes.into_iter().filter(|one| *one == code).count();
    let exchange = "{ credential: exchange, issuer: shop }";
    assert_eq!(only(codes(&keys(exchange, ""), CONTRACT), "exchange-without-token"), 1);
    assert_eq!(only(codes(&keys("{ credential: strip }", ""), CONTRACT), "exchange-without-token"), 0);
    assert_eq!(only(codes(&keys("{ credential: strip }", ", forward: true"), CONTRACT), "conflict"), 1);
    assert_eq!(only(codes(&keys("{ credential: pass }", ", forward: true"), CONTRACT), "conflict"), 0);
}

#[test]
fn keys_that_cannot_sign_are_an_error() {
    let section = "{ credential: strip, assert: { audience: a, subject: qualified } }";
    let text =
        document("", section).replace("version: 1\n", "version: 1\nassertions: { key: \"env:SECRET\" }\n");
    assert_eq!(codes(&text, CONTRACT), ["invalid-keys"]);
    let endpoint = document(
        ", client_authentication: private_key_jwt, client_key: \"env:SECRET\"",
        "{ credential: client_credentials, issuer: shop }",
    );
    let endpoint = endpoint.replace("client_secret: \"env:SECRET\", ", "");
    assert_eq!(codes(&endpoint, CONTRACT), ["invalid-keys"]);
}
