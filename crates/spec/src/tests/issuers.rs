//! Presets and tenants: what they write, what the document says otherwise, and what is wrong.

use super::*;

fn with(issuers: &str, named: &str) -> String {
    format!(
        "version: 1\nlisten: 127.0.0.1:0\nissuers:\n{issuers}apis:\n  a:\n    contract: a.yaml\n    upstream: http://u\n    \
         authentication: {{ oauth: {{ issuers: [{named}], audience: a }} }}\n"
    )
}

fn strings(list: &[&str]) -> Strings {
    Strings(list.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn a_preset_says_what_the_document_does_not_and_the_config_says_so() {
    let text = with(
        "  corp: { preset: keycloak, url: https://idp.example.com/realms/a, algorithms: [ES256], require_claims: { acr: [gold] } }\n",
        "corp",
    );
    let outcome = good(&text, None);
    let resolved = outcome.resolved.as_ref().expect("resolved");
    let issuer = &resolved.document.issuers["corp"];
    assert_eq!(issuer.preset.as_ref().map(|name| name.preset().name), Some("keycloak"));
    assert_eq!(issuer.algorithms.as_ref().map(Vec::len), Some(1));
    assert_eq!(issuer.roles_from.as_ref().expect("places").value.0.len(), 2);
    let required: Vec<_> = issuer.require_claims.iter().collect();
    assert_eq!(
        required,
        [(&String::from("acr"), &strings(&["gold"])), (&String::from("typ"), &strings(&["Bearer", "DPoP"]))]
    );
    let printed = print(resolved, &outcome.sources);
    for line in [
        "      - ES256  # yett.yaml:4:81",
        "    scopes_from: scope  # preset keycloak (yett.yaml:4:19)",
        "      - /realm_access/roles  # preset keycloak (yett.yaml:4:19)",
        "        - gold  # yett.yaml:4:113",
        "        - DPoP  # preset keycloak (yett.yaml:4:19)",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    // What is printed means the same.
    let again = good(&printed, None).resolved.expect("resolved");
    assert_eq!(again.document.issuers["corp"].require_claims, issuer.require_claims);
}

#[test]
fn what_a_preset_requires_can_be_taken_back() {
    let text = with(
        "  corp: { preset: okta, url: https://x.okta.com/oauth2/a, require_claims: { cid: [] } }\n",
        "corp",
    );
    let resolved = good(&text, None).resolved.expect("resolved");
    assert_eq!(resolved.document.issuers["corp"].require_claims["cid"], strings(&[]));
    let text = with("  corp: { preset: google, typ: lenient, roles_from: groups }\n", "corp");
    let issuer = good(&text, None).resolved.expect("resolved").document.issuers.remove("corp").expect("one");
    assert_eq!(issuer.url.as_ref().expect("a URL").as_str(), "https://accounts.google.com");
    let roles = &issuer.roles_from.as_ref().expect("places").value;
    assert_eq!((issuer.typ, roles), (TypRule::Lenient, &strings(&["groups"])));
}

#[test]
fn every_preset_can_be_used_as_it_is() {
    for (preset, url, more) in [
        ("auth0", "https://x.eu.auth0.com/", ""),
        ("cognito", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a", ""),
        ("entra-v1", "https://sts.windows.net/8eaef023/", ""),
        ("entra-v2", "https://login.microsoftonline.com/8eaef023/v2.0", ""),
        ("firebase", "https://securetoken.google.com/shop", ""),
        ("github-actions", "", ", require_claims: { repository_owner_id: \"1\" }"),
        ("google", "", ""),
        ("keycloak", "https://idp.example.com/realms/a", ""),
        ("kubernetes", "https://kubernetes.default.svc.cluster.local", ""),
        ("okta", "https://x.okta.com/oauth2/a", ""),
    ] {
        let url = if url.is_empty() { String::new() } else { format!(", url: \"{url}\"") };
        good(&with(&format!("  corp: {{ preset: {preset}{url}{more} }}\n"), "corp"), None);
    }
}

#[test]
fn one_issuer_for_each_tenant_and_whoever_names_them_names_all() {
    let text = "\
version: 1
listen: 127.0.0.1:0
issuers:
  corp: { preset: entra-v2, url: \"https://login.microsoftonline.com/{tid}/v2.0\", tenants: [t1, t2], jwks: \"https://login.microsoftonline.com/{tid}/keys\" }
  other: { url: https://idp.example.com }
apis:
  a:
    contract: a.yaml
    upstream: http://u
    authentication: { oauth: { issuers: [other, corp], audience: a } }
  b: { contract: a.yaml, upstream: http://u, issuer: corp, audience: b }
";
    let resolved = good(text, None).resolved.expect("resolved");
    let document = &resolved.document;
    let names: Vec<&String> = document.issuers.keys().collect();
    assert_eq!(names, ["corp/t1", "corp/t2", "other"]);
    for tenant in ["t1", "t2"] {
        let issuer = &document.issuers[&format!("corp/{tenant}")];
        let url = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        assert_eq!(issuer.url.as_ref().expect("a URL").as_str(), url);
        let jwks = issuer.jwks.as_ref().expect("keys").value.to_string();
        assert_eq!(jwks, format!("https://login.microsoftonline.com/{tenant}/keys"));
        assert_eq!(issuer.require_claims["tid"], strings(&[tenant]));
        assert_eq!(issuer.require_claims["ver"], strings(&["2.0"]));
    }
    let named = |api: &str, scheme: &str| -> Vec<String> {
        document.apis[api].authentication[scheme].issuers.iter().map(|name| name.value.clone()).collect()
    };
    assert_eq!(named("a", "oauth"), ["other", "corp/t1", "corp/t2"]);
    assert_eq!(named("b", "*"), ["corp/t1", "corp/t2"]);
}
