//! Client certificates as credentials (THREATS rows 16 and 47): who is named by which, on which listener, beside which tokens. Each
//! that is refused has a twin that passes.

use std::collections::HashMap;
use std::sync::Arc;

use credentials::{HashKey, Kind, Published, Revoked, Rule, Table};
use engine::peer::{AltName, ClientCertificate, PeerFacts};
use engine::principal::CredentialKind;
use engine::{Call, Step, Verdict};

use super::super::{apikey, revoked};
use crate::security::kit::{Ended, Gateway, NOW, Setup, World, b64, call};

const DOCUMENT: &str = r#"
version: 1
store: {}
listeners:
  a: { bind: "127.0.0.1:1", tls: { certificate: c.pem, key: "env:K", client_ca: ca.pem, client_certificate: optional } }
  b: { bind: "127.0.0.1:2", tls: { certificate: c.pem, key: "env:K", client_ca: other.pem, client_certificate: optional } }
issuers:
  shop: { url: "https://idp.example.com/realms/shop" }
authorities:
  partners:
    client_ca: ca.pem
    grants:
      "spiffe://example.com/shop": { scopes: ["orders:read", "orders:write", unknown], roles: [clerk] }
      "spiffe://example.com/ns/prod/*": { scopes: "orders:read" }
      "*.example.com": { roles: host }
      "spiffe://example.com/guest":
apis:
  orders:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    authentication:
      shop: { issuers: [shop], audience: orders }
      mtls: { authorities: [partners] }
      old: { authorities: [partners] }
    unsecured: authenticated
    operations:
      clerks: { authorization: { require: { roles: [clerk], issuer: partners } } }
"#;

const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: Orders, version: "1" }
components:
  securitySchemes:
    shop: { type: openIdConnect, openIdConnectUrl: "https://idp.example.com/realms/shop/.well-known/openid-configuration" }
    mtls: { type: mutualTLS }
    old: { type: http, scheme: basic }
paths:
  /read: { get: { operationId: read, security: [{ mtls: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /any: { get: { operationId: any, security: [{ mtls: [] }], responses: { "200": { description: ok } } } }
  /and: { get: { operationId: and, security: [{ mtls: ["orders:read"], shop: ["orders:write"] }], responses: { "200": { description: ok } } } }
  /or: { get: { operationId: or, security: [{ shop: ["orders:write"] }, { mtls: ["orders:write"] }], responses: { "200": { description: ok } } } }
  /optional: { get: { operationId: optional, security: [{}, { mtls: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /old: { get: { operationId: old, security: [{ old: [] }], responses: { "200": { description: ok } } } }
  /clerks: { get: { operationId: clerks, security: [{ mtls: [] }], responses: { "200": { description: ok } } } }
  /silent: { get: { operationId: silent, responses: { "200": { description: ok } } } }
"#;

const SHOP: &str = "spiffe://example.com/shop";

fn setup(document: &str) -> Setup<'_> {
    let mut setup = Setup::new(document, CONTRACT);
    for (name, content) in [("ca.pem", "partners"), ("other.pem", "others"), ("same.pem", "partners")] {
        setup.assets.insert(name.into(), content.as_bytes().into());
    }
    setup
}

fn ready() -> (World, Gateway) {
    let world = World::new();
    let gateway = setup(DOCUMENT).attach(&world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    (world, gateway)
}

fn certificate(names: &[AltName]) -> ClientCertificate {
    let mut thumbprint = [7; 32];
    // Told apart by what they name.
    for (place, byte) in format!("{names:?}").bytes().enumerate() {
        thumbprint[place % 32] ^= byte.rotate_left(u32::try_from(place / 32 % 8).unwrap());
    }
    ClientCertificate {
        chain: vec![Box::from(&b"leaf"[..])],
        thumbprint,
        subject: "CN=robot,O=Shop".into(),
        common_name: Some("robot".into()),
        names: names.to_vec(),
        begins: NOW - 100,
        expires: NOW + 1_000,
    }
}

fn uri(text: &str) -> AltName {
    AltName::Uri(text.into())
}

fn host(text: &str) -> AltName {
    AltName::Dns(text.into())
}

fn showing(gateway: &Gateway, shown: &ClientCertificate, fields: &[(&str, &str)]) -> Call {
    let mut call = call(&gateway.clock, "/v1/x", fields);
    let shown = ClientCertificate {
        chain: shown.chain.clone(),
        subject: shown.subject.clone(),
        common_name: shown.common_name.clone(),
        names: shown.names.clone(),
        ..*shown
    };
    let facts = PeerFacts { certificate: Some(Arc::new(shown)), ..PeerFacts::default() };
    call.peer.facts = Some(Arc::new(facts));
    call
}

fn show(gateway: &Gateway, operation: &str, names: &[AltName]) -> Ended {
    gateway.end(operation, showing(gateway, &certificate(names), &[]))
}

fn with_token(gateway: &Gateway, operation: &str, names: &[AltName], token: &str) -> Ended {
    let field = format!("Bearer {token}");
    gateway.end(operation, showing(gateway, &certificate(names), &[("authorization", &field)]))
}

#[test]
fn a_certificate_proves_its_subject_under_its_authorities() {
    let (_world, gateway) = ready();
    for round in ["first", "remembered"] {
        let passed = show(&gateway, "read", &[uri(SHOP), host("shop.example.com"), host("b.example.com")]);
        assert_eq!(passed.code(), "ok", "{round}");
        let proof = &passed.call.proofs[0];
        let principal = &proof.principal;
        assert_eq!((&*principal.issuer, &*principal.subject), ("yett:authorities:partners", SHOP));
        assert_eq!((principal.credential, principal.taken_until), (CredentialKind::Certificate, NOW + 1_000));
        assert_eq!((principal.roles.len(), &*principal.roles[0]), (1, "clerk"));
        assert_eq!(principal.application, None);
        let cnf = principal.claims.root().pointer("/cnf/x5t#S256").unwrap().as_str().unwrap().into_owned();
        assert_eq!(cnf, b64(proof.certificate.as_ref().unwrap().thumbprint));
    }
    let by_host = show(&gateway, "any", &[host("orders.example.com"), AltName::Email("a@b.example".into())]);
    assert_eq!(by_host.code(), "ok");
    assert_eq!(&*by_host.call.proofs[0].principal.subject, "orders.example.com");
}

#[test]
fn threat_16_a_certificate_that_names_nobody_or_two_is_refused() {
    let (_world, gateway) = ready();
    let long = format!("{SHOP}/{}", "a".repeat(1_024));
    let cases: Vec<(&str, Vec<AltName>)> = vec![
        ("no name", vec![]),
        ("two URIs", vec![uri(SHOP), uri("spiffe://example.com/guest")]),
        ("the same URI twice", vec![uri(SHOP), uri(SHOP)]),
        ("two hosts and no URI", vec![host("a.example.com"), host("b.example.com")]),
        ("a wildcard", vec![host("*.example.com")]),
        ("an address as a host", vec![host("10.0.0.1")]),
        ("a mail address alone", vec![AltName::Email("shop@example.com".into())]),
        ("an address alone", vec![AltName::Address("10.0.0.1".parse().unwrap())]),
        ("a URI that is none, beside a good host", vec![uri("spiffe://example.com"), host("a.example.com")]),
        ("a NUL", vec![uri("spiffe://example.com/shop\0")]),
        ("a control", vec![uri("spiffe://example.com/shop\n")]),
        ("a letter that looks the same", vec![uri("spiffe://example.com/sh\u{43e}p")]),
        ("an encoded letter", vec![uri("spiffe://example.com/sho%70")]),
        ("upper case in the domain", vec![uri("spiffe://Example.com/shop")]),
        ("upper case in the path", vec![uri("spiffe://example.com/Shop")]),
        ("a slash more", vec![uri("spiffe://example.com/shop/")]),
        ("a way up", vec![uri("spiffe://example.com/ns/prod/../../shop")]),
        ("beside a boundary", vec![uri("spiffe://example.com/ns/production")]),
        ("above a boundary", vec![uri("spiffe://example.com/ns")]),
        ("another domain", vec![uri("spiffe://example.org/shop")]),
        ("another scheme", vec![uri("https://example.com/shop")]),
        ("the domain alone", vec![host("example.com")]),
        ("a domain within another", vec![host("a.example.com.evil.org")]),
        ("a pattern itself", vec![uri("spiffe://example.com/ns/prod/*")]),
        ("what is too long", vec![uri(&long)]),
        ("nobody of the table", vec![uri("spiffe://example.com/other")]),
    ];
    assert_eq!(cases.len(), 26);
    for (name, names) in &cases {
        let refused = show(&gateway, "any", names);
        assert_eq!(refused.code(), "certificate_invalid", "{name}");
        let refusal = refused.refusal.as_ref().unwrap();
        assert_eq!(
            (refusal.code.status, refused.challenge().as_str()),
            (401, "ClientCertificate realm=\"orders\"")
        );
        assert!(refused.call.proofs.is_empty(), "{name}");
        // The twin of all of them.
        assert_eq!(show(&gateway, "any", &[uri(SHOP)]).code(), "ok", "{name}");
    }
    for good in
        ["spiffe://example.com/guest", "spiffe://example.com/ns/prod/a", "spiffe://example.com/ns/prod/a/B.c"]
    {
        assert_eq!(show(&gateway, "any", &[uri(good)]).code(), "ok", "{good}");
    }
}

#[test]
fn scopes_and_roles_are_those_of_the_table() {
    let (_world, gateway) = ready();
    let refused = show(&gateway, "read", &[uri("spiffe://example.com/guest")]);
    assert_eq!((refused.code(), refused.refusal.as_ref().unwrap().code.status), ("insufficient_scope", 403));
    let challenge = refused.challenge();
    assert!(
        challenge.starts_with("ClientCertificate realm=\"orders\", error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains("scope=\"orders:read\""), "{challenge}");
    assert_eq!(show(&gateway, "read", &[uri("spiffe://example.com/ns/prod/a")]).code(), "ok");
    assert_eq!(show(&gateway, "clerks", &[uri(SHOP)]).code(), "ok");
    assert_eq!(show(&gateway, "clerks", &[host("a.example.com")]).code(), "privilege_missing");
    // A scheme that the contract could not call `mutualTLS`, and an operation for which it says nothing.
    for operation in ["old", "silent"] {
        assert_eq!(show(&gateway, operation, &[uri(SHOP)]).code(), "ok", "{operation}");
        assert_eq!(
            show(&gateway, operation, &[uri("spiffe://example.com/other")]).code(),
            "certificate_invalid"
        );
        assert_eq!(gateway.send(operation, "/v1/x", &[]).code(), "credential_missing", "{operation}");
    }
}

#[test]
fn no_certificate_or_one_of_other_authorities_is_no_credential() {
    let (_world, gateway) = ready();
    let missing = gateway.send("read", "/v1/x", &[]);
    assert_eq!(
        (missing.code(), missing.challenge().as_str()),
        ("credential_missing", "ClientCertificate realm=\"orders\"")
    );
    let mut elsewhere = showing(&gateway, &certificate(&[uri(SHOP)]), &[]);
    elsewhere.peer.listener = 1;
    assert_eq!(gateway.end("read", elsewhere).code(), "credential_missing", "verified by others");
    // What proves nobody here goes no further in another way.
    for field in ["Bearer x", "Basic eDp5", "DPoP x"] {
        let call = showing(&gateway, &certificate(&[uri(SHOP)]), &[("authorization", field)]);
        assert_eq!(gateway.end("read", call).code(), "credential_missing", "{field}");
    }
    let either = gateway.send("or", "/v1/x", &[]).challenge();
    assert!(
        either.starts_with("Bearer ") && either.ends_with("|ClientCertificate realm=\"orders\""),
        "{either}"
    );
    // Whoever shows nothing may call here, and whoever shows something has to be known.
    assert_eq!(gateway.send("optional", "/v1/x", &[]).code(), "ok");
    assert_eq!(show(&gateway, "optional", &[uri(SHOP)]).code(), "ok");
    assert_eq!(
        show(&gateway, "optional", &[uri("spiffe://example.com/other")]).code(),
        "certificate_invalid"
    );
    assert_eq!(show(&gateway, "optional", &[uri("spiffe://example.com/guest")]).code(), "insufficient_scope");
}

#[test]
fn certificates_and_tokens_hold_together_or_each_alone() {
    let (world, gateway) = ready();
    let token = world.token(&[]);
    let names = [uri(SHOP)];
    let both = with_token(&gateway, "and", &names, &token);
    assert_eq!(both.code(), "ok");
    let issuers: Vec<&str> = both.call.proofs.iter().map(|proof| &*proof.principal.issuer).collect();
    assert_eq!(issuers, ["https://idp.example.com/realms/shop", "yett:authorities:partners"]);
    assert_eq!(show(&gateway, "and", &names).code(), "credential_missing");
    assert_eq!(gateway.bearer("and", &token).code(), "credential_missing");
    assert_eq!(
        with_token(&gateway, "and", &[uri("spiffe://example.com/other")], &token).code(),
        "certificate_invalid"
    );
    assert_eq!(
        with_token(&gateway, "and", &[uri("spiffe://example.com/guest")], &token).code(),
        "insufficient_scope"
    );
    assert_eq!(
        with_token(&gateway, "and", &names, &world.token(&[("scope", "\"orders:read\"")])).code(),
        "insufficient_scope"
    );
    assert_eq!(with_token(&gateway, "and", &names, "forged").code(), "token_invalid");
    // Bound to the very certificate, and to another.
    let own = format!("{{\"x5t#S256\":\"{}\"}}", b64(certificate(&names).thumbprint));
    let other = format!("{{\"x5t#S256\":\"{}\"}}", b64([1; 32]));
    assert_eq!(with_token(&gateway, "and", &names, &world.token(&[("cnf", &own)])).code(), "ok");
    assert_eq!(with_token(&gateway, "and", &names, &world.token(&[("cnf", &other)])).code(), "token_invalid");
    // Either: who is not known by the certificate is known by the token, and a bad token is bad beside a good certificate.
    assert_eq!(show(&gateway, "or", &names).code(), "ok");
    assert_eq!(gateway.bearer("or", &token).code(), "ok");
    assert_eq!(with_token(&gateway, "or", &[uri("spiffe://example.com/other")], &token).code(), "ok");
    assert_eq!(with_token(&gateway, "or", &names, "forged").code(), "token_invalid");
}

#[test]
fn threat_47_an_end_is_looked_at_on_each_call() {
    let (_world, gateway) = ready();
    let ends = |expires| ClientCertificate { expires, ..certificate(&[uri(SHOP)]) };
    assert_eq!(gateway.end("read", showing(&gateway, &ends(NOW + 1), &[])).code(), "ok");
    assert_eq!(gateway.end("read", showing(&gateway, &ends(NOW), &[])).code(), "certificate_expired");
    // The same leaf with a chain that lasts longer is remembered apart.
    let longer = gateway.end("read", showing(&gateway, &ends(NOW + 9), &[]));
    assert_eq!((longer.code(), longer.call.proofs[0].principal.expires), ("ok", NOW + 9));
    gateway.clock.advance(std::time::Duration::from_secs(9));
    assert_eq!(gateway.end("read", showing(&gateway, &ends(NOW + 9), &[])).code(), "certificate_expired");
    assert_eq!(show(&gateway, "read", &[uri(SHOP)]).code(), "ok");
}

#[test]
fn each_kind_of_subject_is_read() {
    let world = World::new();
    let names = [uri(SHOP), host("shop.example.com"), AltName::Email("Robot@EXAMPLE.com".into())];
    let print: String = certificate(&names).thumbprint.iter().map(|byte| format!("{byte:02x}")).collect();
    for (kind, subject) in [
        ("uri-san", SHOP),
        ("dns-san", "shop.example.com"),
        ("email-san", "Robot@example.com"),
        ("common-name", "robot"),
        ("subject-dn", "CN=robot,O=Shop"),
        ("fingerprint", print.as_str()),
    ] {
        let table = DOCUMENT.split("    grants:").next().unwrap();
        let rest = DOCUMENT.split("spiffe://example.com/guest\":\n").nth(1).unwrap();
        let of = |key: &str| {
            format!(
                "{table}    subject: {kind}\n    grants: {{ {key:?}: {{ scopes: \"orders:read\" }} }}\n{rest}"
            )
        };
        let named = of(subject);
        let gateway = setup(&named).attach(&world, 0);
        assert!(!gateway.found.has_errors(), "{kind}: {:#?}", gateway.found);
        let passed = show(&gateway, "read", &names);
        assert_eq!(passed.code(), "ok", "{kind}");
        assert_eq!(&*passed.call.proofs[0].principal.subject, subject);
        let others: Vec<AltName> = names.iter().filter(|name| !says(name, subject)).cloned().collect();
        let by_name = others.len() < names.len();
        let expected = if by_name || kind == "fingerprint" { "certificate_invalid" } else { "ok" };
        let shown = if kind == "fingerprint" { &names[1..] } else { &others };
        assert_eq!(show(&gateway, "read", shown).code(), expected, "{kind}");
    }
}

/// Whether a name is what a certificate is known by.
fn says(name: &AltName, subject: &str) -> bool {
    match name {
        AltName::Dns(text) | AltName::Uri(text) | AltName::Email(text) => text.eq_ignore_ascii_case(subject),
        AltName::Address(_) => false,
    }
}

/// Publishes that this is revoked, and nothing else.
fn revoke(published: &Published, kind: Kind, (issuer, value): (&str, &str), before: Option<u64>) {
    let mut revoked = Revoked::default();
    assert!(revoked.insert(kind, (issuer, value), Rule { before, until: NOW + 9_000 }));
    publish(published, revoked);
}

fn publish(published: &Published, revoked: Revoked) {
    let key = Arc::new(HashKey::new(&[7; 32]).unwrap());
    published.publish(Table::new(key, 1, Vec::new(), HashMap::new()).revoking(revoked));
}

#[test]
fn what_was_revoked_is_refused_and_ends_streams() {
    let (world, gateway) = ready();
    let published = apikey::published(&world.keyed);
    let issuer = "yett:authorities:partners";
    let print: String =
        certificate(&[uri(SHOP)]).thumbprint.iter().map(|byte| format!("{byte:02x}")).collect();
    for (kind, named, before, takes_other) in [
        (Kind::Subject, (issuer, SHOP), None, false),
        (Kind::Subject, (issuer, SHOP), Some(NOW - 100), false),
        (Kind::Issuer, (issuer, ""), None, true),
        (Kind::Digest, ("", print.as_str()), None, false),
    ] {
        revoke(&published, kind, named, before);
        let refused = show(&gateway, "read", &[uri(SHOP)]);
        assert_eq!(refused.code(), "certificate_revoked", "{kind:?}");
        assert_eq!(refused.refusal.as_ref().unwrap().code.status, 401);
        let other = show(&gateway, "read", &[uri("spiffe://example.com/ns/prod/a")]).code();
        assert_eq!(other, if takes_other { "certificate_revoked" } else { "ok" }, "{kind:?}");
        // A token beside it does not hide it.
        let beside = with_token(&gateway, "or", &[uri(SHOP)], &world.token(&[]));
        assert_eq!(beside.code(), "certificate_revoked", "{kind:?}");
        publish(&published, Revoked::default());
        assert_eq!(show(&gateway, "read", &[uri(SHOP)]).code(), "ok", "{kind:?}");
    }
    // One that was given out after the revocation goes on, and so does its stream.
    revoke(&published, Kind::Subject, (issuer, SHOP), Some(NOW - 101));
    let passed = show(&gateway, "read", &[uri(SHOP)]);
    assert_eq!(passed.code(), "ok");
    let withdrawn = revoked::withdrawn(&published).unwrap();
    assert!(!withdrawn.is(&passed.call.proofs[0].principal, NOW));
    revoke(&published, Kind::Subject, (issuer, SHOP), Some(NOW));
    let withdrawn = revoked::withdrawn(&published).unwrap();
    assert!(withdrawn.is(&passed.call.proofs[0].principal, NOW));
}

/// Asks the first control of an operation about a live stream once more.
fn again(gateway: &Gateway, operation: &str, call: &mut Call) -> &'static str {
    match gateway.operations[operation][0].0.head(call) {
        Step::Done(Verdict::Allow) => "ok",
        Step::Done(Verdict::Refuse(refusal)) => refusal.code.name,
        _ => panic!("it waits"),
    }
}

#[test]
fn threat_47_a_live_stream_is_asked_about_the_certificate_again() {
    let (world, gateway) = ready();
    let token = world.token(&[]);
    let none = DOCUMENT
        .replace("      \"spiffe://example.com/shop\": {", "      \"spiffe://example.com/shopping\": {");
    let less = DOCUMENT.replace("scopes: [\"orders:read\", \"orders:write\", unknown]", "scopes: []");
    let (none, less) = (setup(&none).attach(&world, 0), setup(&less).attach(&world, 0));
    for operation in ["read", "and"] {
        let field = format!("Bearer {token}");
        let fields: &[(&str, &str)] = if operation == "and" { &[("authorization", &field)] } else { &[] };
        let open = || gateway.end(operation, showing(&gateway, &certificate(&[uri(SHOP)]), fields)).call;
        assert_eq!(again(&gateway, operation, &mut open()), "ok");
        assert_eq!(again(&none, operation, &mut open()), "certificate_invalid", "{operation}");
        // Who is let in with fewer scopes is left to authorization.
        let mut call = open();
        assert_eq!(again(&less, operation, &mut call), "ok");
        let carried = call.proofs.iter().filter(|proof| &*proof.principal.subject == SHOP);
        assert!(
            carried.clone().count() == 1 && carried.clone().all(|proof| !proof.principal.scopes.contains(0))
        );
    }
}

#[test]
fn what_is_wrong_with_authorities_is_said() {
    let world = World::new();
    let codes = |from: &str, to: &str| {
        assert!(DOCUMENT.contains(from), "{from}");
        let document = DOCUMENT.replace(from, to);
        setup(&document).attach(&world, 0).codes()
    };
    assert!(
        codes("client_ca: ca.pem, client_cert", "client_ca: other.pem, client_cert")
            .contains(&"certificates-not-asked-for")
    );
    assert!(
        codes("    upstream:", "    listeners: [b]\n    upstream:").contains(&"certificates-not-asked-for")
    );
    assert!(codes("    upstream:", "    listeners: [a]\n    upstream:").is_empty());
    // By what is in the file, not by its name.
    assert!(codes("    client_ca: ca.pem\n", "    client_ca: same.pem\n").is_empty());
    let two = codes("authorities:\n  partners:", "authorities:\n  again: { client_ca: ca.pem }\n  partners:");
    assert!(two.is_empty(), "{two:?}");
    let document = DOCUMENT
        .replace("authorities:\n  partners:", "authorities:\n  again: { client_ca: ca.pem }\n  partners:")
        .replace("mtls: { authorities: [partners] }", "mtls: { authorities: [partners, again] }");
    assert_eq!(setup(&document).attach(&world, 0).codes(), ["conflict"]);
    // Nobody vouches for the scheme.
    let unbound = codes("      mtls: { authorities: [partners] }\n", "");
    assert!(unbound.contains(&"unenforced-security"), "{unbound:?}");
}
