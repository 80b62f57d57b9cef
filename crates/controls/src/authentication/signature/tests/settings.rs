//! What is said of settings when a document is compiled.

use diagnostics::Severity;

use super::client::{CONTRACT, DOCUMENT, SECRET, pem};
use crate::security::kit::{Setup, World};

fn errors(document: &str, contract: &str, secret: &str, jwks: Option<&str>) -> Vec<(&'static str, String)> {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let document = document.replace("PEM", &pem(&pair));
    let mut setup = Setup::new(&document, contract);
    setup.assets.insert("env:SHOP".into(), secret.as_bytes().into());
    setup.assets.extend(jwks.map(|text| ("keys.json".to_owned(), text.as_bytes().into())));
    let found = setup.attach(&World::new(), 0).found;
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(|diagnostic| (diagnostic.code, diagnostic.message.clone())).collect()
}

#[test]
fn keys_and_components_that_cannot_be_used() {
    assert_eq!(errors(DOCUMENT, CONTRACT, SECRET, None), []);
    let short = errors(DOCUMENT, CONTRACT, "short", None);
    assert!(short.iter().all(|(code, _)| *code == "weak-secret") && short.len() == 2, "{short:?}");
    assert!(!short.iter().any(|(_, text)| text.contains("short\"")));
    for (old, new, code) in [
        (
            "public: \"PEM\"",
            "public: \"-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----\"",
            "invalid-keys",
        ),
        ("public: \"PEM\"", "public: \"PEM\", algorithm: rsa-pss-sha512", "invalid-keys"),
        ("components: [x-request-id]", "components: [X-Request-Id]", "invalid-value"),
        ("components: [x-request-id]", "components: [\"@status\"]", "invalid-value"),
        ("components: [x-request-id]", "components: [signature]", "invalid-value"),
        ("hosts: [api.example.com]", "hosts: []", ""),
    ] {
        assert!(DOCUMENT.contains(old), "{old}");
        let found = errors(&DOCUMENT.replace(old, new), CONTRACT, SECRET, None);
        let codes: Vec<_> = found.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, if code.is_empty() { vec![] } else { vec![code] }, "{new}: {found:?}");
    }
    // Where any host is taken for the API, so is a call that was signed for another server.
    let open =
        DOCUMENT.replace("hosts: [api.example.com]", "hosts: []").replace("127.0.0.1:8080", "0.0.0.0:8080");
    assert_eq!(errors(&open, CONTRACT, SECRET, None)[0].0, "proofs-for-any-host");
}

#[test]
fn keys_of_a_set() {
    let document = DOCUMENT.replace("public: \"PEM\"", "algorithm: ecdsa-p256-sha256");
    let document = document.replace("  partners:\n", "  partners:\n    jwks: \"file:keys.json\"\n");
    let set = |kid: &str| {
        format!(
            "{{\"keys\":[{{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"{kid}\",\"x\":\"qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA\",\
             \"y\":\"Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0\"}}]}}"
        )
    };
    assert_eq!(errors(&document, CONTRACT, SECRET, Some(&set("bakery-1"))), []);
    let found = errors(&document, CONTRACT, SECRET, Some(&set("bakery-2")));
    assert!(found.len() == 1 && found[0].1.contains("no usable key"), "{found:?}");
    let other = document.replace("ecdsa-p256-sha256", "ed25519");
    assert_eq!(errors(&other, CONTRACT, SECRET, Some(&set("bakery-1")))[0].0, "invalid-keys");
    assert_eq!(errors(&document, CONTRACT, SECRET, Some("{}"))[0].0, "invalid-keys");
}

#[test]
fn schemes_of_another_type_are_not_satisfied() {
    let bearer = CONTRACT
        .replace("signed: { type: http, scheme: signature }", "signed: { type: http, scheme: bearer }");
    let found = errors(DOCUMENT, &bearer, SECRET, None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == "unenforced-security" && found[0].1.contains("signatures satisfy"), "{found:?}");
    let unbound = DOCUMENT
        .replace("      named: {", "      key2: {")
        .replace("apiKey, in: header, name: Signature", "");
    let codes: Vec<_> = errors(&unbound, CONTRACT, SECRET, None).into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"unknown-scheme"), "{codes:?}");
}
