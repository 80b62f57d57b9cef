//! How users have to have logged in (RFC 9470).

use crate::security::kit::{CONTRACT, NOW, Setup, World};

/// Operations that want a login of a kind, alone and beside one that is fresh, and of one of two issuers.
const STRONG: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers: { shop: { url: "https://idp.example.com/realms/shop" }, staff: { url: "https://login.example.org/v2.0" } }
apis:
  orders:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    accept_unenforced: ["/paths/~1key/get/security"]
    authentication: { shop: { issuers: [shop], audience: orders }, both: { issuers: [shop, staff], audience: orders }, other: { issuers: [shop], audience: other } }
    unsecured: authenticated
    operations:
      required: { authorization: { require: { acr_values: [phr, "urn:example:gold"] } } }
      read: { authorization: { require: { acr_values: phr, max_age: 10m } } }
      shadowed: { authorization: { require: { acr_values: [phr] }, mode: shadow } }
"#;

/// RFC 9470 section 3: `acr_values` are the issuer's own words, one of which `acr` of the token has to be, to the letter.
#[test]
fn logins_have_to_be_of_a_kind() {
    let world = World::new();
    let gateway = Setup::new(STRONG, CONTRACT).attach(&world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    let rows = [
        ("\"phr\"", "ok"),
        ("\"urn:example:gold\"", "ok"),
        ("\"p\\u0068r\"", "ok"),
        ("", "login_weak"),
        ("null", "login_weak"),
        ("\"\"", "login_weak"),
        ("0", "login_weak"),
        ("true", "login_weak"),
        ("\"pwd\"", "login_weak"),
        ("\"PHR\"", "login_weak"),
        ("\"phr \"", "login_weak"),
        ("\"phrh\"", "login_weak"),
        // One value, and no list of them: who writes both says neither.
        ("\"phr urn:example:gold\"", "login_weak"),
        ("[\"phr\"]", "login_weak"),
        ("{\"phr\":true}", "login_weak"),
    ];
    assert_eq!(rows.iter().filter(|(_, code)| *code != "ok").count(), 12);
    for (acr, code) in rows {
        for name in ["acr", "Acr"] {
            let ended = gateway.bearer("required", &world.token(&[(name, acr)]));
            let code = if name == "acr" { code } else { "login_weak" };
            assert_eq!(ended.code(), code, "{name} {acr}");
            let challenge = ended.challenge();
            let asked = challenge.contains("error=\"insufficient_user_authentication\"")
                && challenge.ends_with("acr_values=\"phr urn:example:gold\"");
            assert_eq!(asked, code != "ok", "{challenge}");
        }
    }
    let ended = gateway.bearer("shadowed", &world.token(&[]));
    assert_eq!((ended.code(), ended.shadowed), ("ok", vec!["login_weak"]));
}

#[test]
fn a_login_has_to_be_of_a_kind_and_fresh() {
    let world = World::new();
    let gateway = Setup::new(STRONG, CONTRACT).attach(&world, 0);
    world.side.run();
    let (fresh, stale) = ((NOW - 600).to_string(), (NOW - 601).to_string());
    for (acr, since, code) in [
        ("\"phr\"", &fresh, "ok"),
        ("\"phr\"", &stale, "login_stale"),
        ("\"pwd\"", &fresh, "login_weak"),
        ("\"pwd\"", &stale, "login_weak"),
    ] {
        let ended = gateway.bearer("read", &world.token(&[("acr", acr), ("auth_time", since)]));
        assert_eq!(ended.code(), code, "{acr} {since}");
        // Whatever is missing, all is told, so that one more login will do.
        let asked = ended.challenge().ends_with("acr_values=\"phr\", max_age=\"600\"");
        assert_eq!(asked, code != "ok", "{}", ended.challenge());
    }
}

/// What one issuer calls strong may be another's weakest.
#[test]
fn a_kind_of_login_is_an_issuers_own() {
    for (issuer, told) in [("", true), ("issuer: shop, ", false), ("issuer: [shop, staff], ", false)] {
        let rule = format!("either: {{ authorization: {{ require: {{ {issuer}acr_values: phr }} }} }}");
        let both = STRONG.replace("shop: { issuers: [shop],", "shop: { issuers: [shop, staff],");
        let document = both.replace("      required: {", &format!("      {rule}\n      required: {{"));
        let document = document.replace(
            "required: { authorization: { require: { acr",
            "required: { authorization: { require: { issuer: shop, acr_values",
        );
        let document = document.replace(
            "require: { acr_values: phr, max_age",
            "require: { issuer: shop, acr_values: phr, max_age",
        );
        let document = document
            .replace("require: { acr_values: [phr] }", "require: { issuer: shop, acr_values: [phr] }");
        let gateway = Setup::new(&document, CONTRACT).attach(&World::new(), 0);
        let said = gateway.found.iter().any(|one| one.message.contains("each could give its own"));
        assert_eq!(said, told, "{issuer} {:#?}", gateway.found);
    }
}
