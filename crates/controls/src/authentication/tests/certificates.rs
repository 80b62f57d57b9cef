//! Tokens that are bound to a client certificate (RFC 8705 section 3; THREATS row 32): good on a connection with that very
//! certificate, and on no other.

use std::sync::Arc;

use engine::peer::{AltName, ClientCertificate, PeerFacts};
use testkit::Alg;

use super::holder::{Attempt, Holder, field};
use crate::security::kit::{CONTRACT, DOCUMENT, Ended, Gateway, Setup, World, b64, call, ready};

/// A certificate of which the control sees nothing but the thumbprint.
fn certificate(first: u8) -> Arc<ClientCertificate> {
    let mut thumbprint = [7; 32];
    thumbprint[0] = first;
    let names = vec![AltName::Dns("client.example.com".into())];
    let (chain, subject) = (vec![Box::from(&b"leaf"[..])], "CN=client".into());
    let (common_name, begins, expires) = (None, 0, u64::MAX);
    Arc::new(ClientCertificate { chain, thumbprint, subject, common_name, names, begins, expires })
}

fn cnf(text: &str) -> String {
    format!("{{\"x5t#S256\":\"{text}\"}}")
}

fn bound(world: &World, certificate: &ClientCertificate) -> String {
    world.token(&[("cnf", &cnf(&b64(certificate.thumbprint)))])
}

fn send(gateway: &Gateway, operation: &str, token: &str, shown: Option<&Arc<ClientCertificate>>) -> Ended {
    let mut call = call(&gateway.clock, "/v1/x", &[("authorization", &format!("Bearer {token}"))]);
    let facts = PeerFacts { certificate: shown.cloned(), ..PeerFacts::default() };
    call.peer.facts = Some(Arc::new(facts));
    gateway.end(operation, call)
}

#[test]
fn a_bound_token_is_good_with_its_certificate_only() {
    let (world, gateway) = ready();
    let (own, other) = (certificate(1), certificate(2));
    let text = b64(own.thumbprint);
    let token = bound(&world, &own);
    // `cnf`, whether the token's own certificate is shown or another or none, what becomes of it.
    let whole = cnf(&text);
    let with = |cnf: &str| world.token(&[("cnf", cnf)]);
    let hex: String = own.thumbprint.iter().map(|byte| format!("{byte:02x}")).collect();
    let cases: Vec<(&str, String, Option<&Arc<ClientCertificate>>)> = vec![
        ("no certificate", token.clone(), None),
        ("another certificate", token.clone(), Some(&other)),
        ("a thumbprint of nothing", with(&cnf("")), Some(&own)),
        ("a thumbprint padded", with(&cnf(&format!("{text}="))), Some(&own)),
        ("a thumbprint cut", with(&cnf(&text[..42])), Some(&own)),
        ("a thumbprint too long", with(&cnf(&format!("{text}AA"))), Some(&own)),
        ("a thumbprint in hexadecimal", with(&cnf(&hex)), Some(&own)),
        ("a thumbprint in another alphabet", with(&cnf(&format!("+{}", &text[1..]))), Some(&own)),
        ("a thumbprint in another case", with(&cnf(&text.to_lowercase())), Some(&own)),
        ("a thumbprint that is a number", with("{\"x5t#S256\":7}"), Some(&own)),
        ("a thumbprint that is a list", with(&format!("{{\"x5t#S256\":[\"{text}\"]}}")), Some(&own)),
        ("a thumbprint that is null", with("{\"x5t#S256\":null}"), Some(&own)),
        ("a thumbprint by SHA-1", with(&format!("{{\"x5t\":\"{text}\"}}")), Some(&own)),
        ("a thumbprint under another name", with(&format!("{{\"x5t#s256\":\"{text}\"}}")), Some(&own)),
        ("a confirmation of nothing", with("{}"), Some(&own)),
        ("a confirmation that is null", with("null"), Some(&own)),
        ("a confirmation that is text", with(&format!("\"{text}\"")), Some(&own)),
        ("a confirmation that is a list", with(&format!("[{whole}]")), Some(&own)),
        ("a key as well, unusable", with(&format!("{{\"jkt\":\"x\",\"x5t#S256\":\"{text}\"}}")), Some(&own)),
        (
            "a key as well, not shown",
            with(&format!("{{\"jkt\":\"{text}\",\"x5t#S256\":\"{text}\"}}")),
            Some(&own),
        ),
    ];
    assert_eq!(cases.len(), 20);
    for round in ["first", "remembered"] {
        for (name, token, shown) in &cases {
            let refused = send(&gateway, "read", token, *shown);
            assert_eq!(refused.code(), "token_invalid", "{round}: {name}");
            assert_eq!(refused.refusal.as_ref().unwrap().code.status, 401);
            assert!(
                field(&refused, "www-authenticate").unwrap().contains("error=\"invalid_token\""),
                "{name}"
            );
            assert!(refused.call.proofs.is_empty(), "{name}");
            // The twin of all of them.
            assert_eq!(send(&gateway, "read", &bound(&world, &own), Some(&own)).code(), "ok", "{name}");
        }
        let passed = send(&gateway, "read", &token, Some(&own));
        assert_eq!(passed.code(), "ok", "{round}");
        let shown = passed.call.proofs[0].certificate.as_ref().expect("who it was is known");
        assert_eq!((&*shown.subject, shown.names.len()), ("CN=client", 1), "{round}");
        assert_eq!(passed.call.proofs[0].principal.binding.certificate, Some(own.thumbprint), "{round}");
    }
    assert_eq!(
        send(&gateway, "read", &world.token(&[]), Some(&other)).code(),
        "ok",
        "an unbound token needs none"
    );
    // A peer of which nothing is known at all has shown nothing.
    assert_eq!(gateway.bearer("read", &token).code(), "token_invalid");
    assert_eq!(send(&gateway, "read", &bound(&world, &other), Some(&other)).code(), "ok");
    assert_eq!(send(&gateway, "read", &bound(&world, &other), Some(&own)).code(), "token_invalid");
}

#[test]
fn a_certificate_does_not_prove_a_key_nor_a_key_a_certificate() {
    let (world, gateway) = ready();
    let own = certificate(1);
    let holder = Holder::new(Alg::Es256);
    let both = format!("{{\"jkt\":\"{}\",\"x5t#S256\":\"{}\"}}", holder.thumbprint(), b64(own.thumbprint));
    let both = world.token(&[("cnf", &both)]);
    let by_key = |token: &str, shown: Option<&Arc<ClientCertificate>>| {
        let mut call = Attempt::new(token, holder.proof(token, &[])).call(&gateway.clock);
        let facts = PeerFacts { certificate: shown.cloned(), ..PeerFacts::default() };
        call.peer.facts = Some(Arc::new(facts));
        gateway.end("read", call)
    };
    assert_eq!(by_key(&both, Some(&own)).code(), "ok", "bound to both, and shows both");
    assert_eq!(by_key(&both, None).code(), "token_invalid");
    assert_eq!(by_key(&both, Some(&certificate(2))).code(), "token_invalid");
    assert_eq!(send(&gateway, "read", &both, Some(&own)).code(), "token_invalid", "no proof of the key");
    assert_eq!(by_key(&bound(&world, &own), Some(&own)).code(), "token_invalid", "bound to no key");
    let key_only = holder.token(&world, &[]);
    assert_eq!(send(&gateway, "read", &key_only, Some(&own)).code(), "token_invalid");
    assert_eq!(by_key(&key_only, None).code(), "ok");
}

#[test]
fn what_is_demanded_is_demanded() {
    let world = World::new();
    let tls = "listeners: { a: { bind: \"0.0.0.0:8443\", hosts: [api.example.com], \
               tls: { certificate: c.pem, key: \"env:K\", client_ca: ca.pem } } }";
    let secure = DOCUMENT.replace("listen: http://127.0.0.1:8080", tls);
    let demand = "shop: { issuers: [shop], audience: orders";
    let (own, holder) = (certificate(1), Holder::new(Alg::Es256));
    for (kind, plain, by_certificate, by_key) in [
        ("mtls", "token_invalid", "ok", "token_invalid"),
        ("any", "token_invalid", "ok", "ok"),
        ("dpop", "token_invalid", "token_invalid", "ok"),
    ] {
        let document = secure.replace(demand, &format!("{demand}, sender_constrained: {kind}"));
        let gateway = Setup::new(&document, CONTRACT).attach(&world, 0);
        assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
        world.side.run();
        assert_eq!(send(&gateway, "read", &world.token(&[]), Some(&own)).code(), plain, "{kind}");
        assert_eq!(send(&gateway, "read", &bound(&world, &own), Some(&own)).code(), by_certificate, "{kind}");
        let token = holder.token(&world, &[]);
        let ended = Attempt::new(&token, holder.proof(&token, &[])).send(&gateway, "read");
        assert_eq!(ended.code(), by_key, "{kind}");
    }
    let nobody = DOCUMENT.replace(demand, &format!("{demand}, sender_constrained: mtls"));
    assert!(Setup::new(&nobody, CONTRACT).attach(&world, 0).codes().contains(&"certificates-not-asked-for"));
}
