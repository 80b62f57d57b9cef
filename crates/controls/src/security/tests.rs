//! What is said of security when a document is compiled.

use super::kit::{CONTRACT, DOCUMENT, Setup, World};
use diagnostics::Severity;

/// Codes of the errors of a document.
fn errors(document: &str, contract: Option<&str>) -> Vec<(&'static str, String)> {
    let world = World::new();
    let mut setup = Setup::new(document, CONTRACT);
    setup.contract = contract;
    let found = setup.attach(&world, 0).found;
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(|diagnostic| (diagnostic.code, diagnostic.message.clone())).collect()
}

fn codes(document: &str, contract: &str) -> Vec<&'static str> {
    errors(document, Some(contract)).into_iter().map(|(code, _)| code).collect()
}

#[test]
fn nobody_said_who_may_call() {
    assert!(codes(DOCUMENT, CONTRACT).is_empty());
    let silent = DOCUMENT.replace("    unsecured: anonymous\n", "");
    let found = errors(&silent, Some(CONTRACT));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "unsecured");
    assert!(found[0].1.contains("1 operation") && found[0].1.contains("`silent`"), "{}", found[0].1);
    // Refused while it is so.
    let world = World::new();
    let gateway = Setup::new(&silent, CONTRACT).attach(&world, 0);
    assert_eq!(gateway.send("silent", "/x", &[]).code(), "unsecured_operation");
    // Many are counted, some are named, once.
    let mut contract = CONTRACT.to_owned();
    for n in 0..30 {
        contract.push_str(&format!(
            "  /s{n}: {{ get: {{ operationId: s{n}, responses: {{ \"200\": {{ description: ok }} }} }} }}\n"
        ));
    }
    let found = errors(&silent, Some(&contract));
    assert_eq!(found.len(), 1);
    assert!(found[0].1.contains("31 operations") && found[0].1.ends_with("and 21 more"), "{}", found[0].1);
}

#[test]
fn what_cannot_be_verified_is_an_error_unless_accepted() {
    let open = DOCUMENT.replace("    accept_unenforced: [\"/paths/~1key/get/security\"]\n", "");
    let found = errors(&open, Some(CONTRACT));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "unenforced-security");
    assert!(found[0].1.contains("`key` (no API keys are bound to it)"), "{}", found[0].1);
    for accepted in
        ["/components/securitySchemes/key", "api.yaml#/paths/~1key/get", "/paths/~1key/get/security"]
    {
        let document = DOCUMENT.replace("/paths/~1key/get/security", accepted);
        assert!(codes(&document, CONTRACT).is_empty(), "{accepted}");
    }
    assert_eq!(codes(&DOCUMENT.replace("~1key/get", "~1other/get"), CONTRACT), ["unenforced-security"]);
    let unbound = DOCUMENT.replace("      other: { issuers: [shop], audience: other }\n", "");
    let found = errors(&unbound, Some(CONTRACT));
    assert_eq!(found.len(), 1);
    assert!(found[0].1.contains("`other` (no issuer is bound to it)") && found[0].1.contains("`and`"));
}

#[test]
fn an_acceptance_file() {
    let world = World::new();
    let document = DOCUMENT.replace("[\"/paths/~1key/get/security\"]", "file:accepted.yaml");
    for text in [
        "/paths/~1key/get/security: keys come later\n",
        "'/paths/~1key/get/security': keys come later\n",
        "# why\n\"/components/securitySchemes/key\": later\n",
    ] {
        let mut setup = Setup::new(&document, CONTRACT);
        setup.assets.insert("accepted.yaml".into(), text.as_bytes().into());
        assert!(setup.attach(&world, 0).found.iter().all(|one| one.severity == Severity::Note), "{text}");
    }
    assert_eq!(codes(&document, CONTRACT), ["unenforced-security"]);
}

#[test]
fn misspelled_and_pointless() {
    let misspelled = DOCUMENT.replace("      shop: { issuers", "      shpo: { issuers");
    let found = codes(&misspelled, CONTRACT);
    assert!(found.contains(&"unknown-scheme") && found.contains(&"unenforced-security"), "{found:?}");
    let pointless = DOCUMENT.replace("      required: {", "      open: {");
    assert_eq!(codes(&pointless, CONTRACT), ["require-without-security"]);
    let off = DOCUMENT.replace("mode: shadow", "mode: off");
    assert_eq!(codes(&off, CONTRACT).len(), 1, "there is no `off`");
}

#[test]
fn without_a_contract() {
    const BARE: &str = "
version: 1
listen: http://127.0.0.1:8080
apis:
  orders: { contract: none, allow: [\"GET /any\"], upstream: \"http://127.0.0.1:3000\", issuer: local }
";
    let found = errors(BARE, None);
    assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["unsecured"]);
    let world = World::new();
    let key = jose::SigningKey::generate().unwrap();
    let jwks = key.jwks_json();
    let token = |scope: &str| {
        let changes = [("iss", "\"urn:yett:local\""), ("scope", scope)];
        key.sign(&[], super::kit::claims(&changes).as_bytes()).unwrap()
    };
    for (said, without, with) in [("anonymous", "ok", "ok"), ("authenticated", "credential_missing", "ok")] {
        let document = BARE.replace("issuer: local", &format!("issuer: local, unsecured: {said}"));
        let mut setup = Setup::new(&document, CONTRACT);
        (setup.contract, setup.local_jwks) = (None, Some(jwks.as_str()));
        let gateway = setup.attach(&world, 0);
        assert!(!gateway.found.has_errors(), "{:?}", gateway.found);
        assert_eq!(gateway.send("any", "/any", &[]).code(), without);
        assert_eq!(gateway.bearer("any", &token("\"whatever\"")).code(), with);
    }
    let without_issuer = BARE.replace("issuer: local", "unsecured: authenticated");
    assert_eq!(errors(&without_issuer, None)[0].0, "no-issuer");
}

#[test]
fn words_under_scopes_are_found_at_any_depth_also_below_a_rule_of_that_name() {
    let (mut sources, mut found) = (diagnostics::Sources::default(), diagnostics::Diagnostics::new());
    let text = "answers: { scopes: { to: [{ scopes: admin }, { scopes: [read, write] }] } }";
    let file = sources.add("x.yaml", text);
    let node = spec::parse(text, file, &mut found).unwrap();
    let mut words = Vec::new();
    super::named_scopes(&node, &mut |word| words.push(word.to_owned()));
    assert_eq!(words, ["admin", "read", "write"]);
}
