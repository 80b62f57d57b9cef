//! What the contract's `security` means, and what the added rule adds.

mod logins;

use crate::security::kit::{Ended, NOW, Reply, STAFF, claims, ready};

#[test]
fn alternatives_and_scopes() {
    let (world, gateway) = ready();
    let scope = |scope: &str| world.token(&[("scope", &format!("\"{scope}\""))]);
    // (operation, scopes of the token, code, missing scopes)
    let cases = [
        ("read", "orders:read", "ok", ""),
        ("read", "orders:write", "insufficient_scope", "orders:read"),
        ("read", "", "insufficient_scope", "orders:read"),
        ("admin", "orders:admin orders:read", "ok", ""),
        ("admin", "orders:admin", "insufficient_scope", "orders:read"),
        ("admin", "", "insufficient_scope", "orders:admin orders:read"),
        ("either", "orders:admin", "ok", ""),
        ("either", "orders:read orders:write", "ok", ""),
        ("either", "orders:read", "insufficient_scope", "orders:admin"),
        ("dropped", "orders:read", "ok", ""),
        ("dropped", "orders:write", "insufficient_scope", "orders:read"),
        ("or", "orders:write", "ok", ""),
        // `or` takes orders:read under another audience only.
        ("or", "orders:read", "insufficient_scope", "orders:write"),
        ("optional", "orders:read", "ok", ""),
        ("optional", "orders:write", "insufficient_scope", "orders:read"),
        ("silentAuthenticated", "", "ok", ""),
    ];
    for (operation, scopes, code, missing) in cases {
        let ended = gateway.bearer(operation, &scope(scopes));
        assert_eq!(ended.code(), code, "{operation} {scopes}");
        if !missing.is_empty() {
            let wanted = format!("scope=\"{missing}\"");
            assert!(ended.challenge().contains(&wanted), "{operation}: {}", ended.challenge());
        }
    }
}

#[test]
fn schemes_that_must_hold_together() {
    let (world, gateway) = ready();
    let token = |aud: &str, scope: &str| world.token(&[("aud", aud), ("scope", &format!("\"{scope}\""))]);
    let both = "[\"orders\",\"other\"]";
    assert_eq!(gateway.bearer("and", &token(both, "orders:read orders:write")).code(), "ok");
    assert_eq!(gateway.bearer("and", &token(both, "orders:read")).code(), "insufficient_scope");
    assert_eq!(
        gateway.bearer("and", &token("\"orders\"", "orders:read orders:write")).code(),
        "token_invalid"
    );
    assert_eq!(
        gateway.bearer("and", &token("\"other\"", "orders:read orders:write")).code(),
        "token_invalid"
    );
    assert_eq!(gateway.bearer("or", &token("\"other\"", "orders:read")).code(), "ok");
    assert_eq!(gateway.bearer("or", &token("\"other\"", "orders:write")).code(), "insufficient_scope");
}

#[test]
fn what_security_means() {
    let (world, gateway) = ready();
    let (good, bad) = (world.token(&[]), world.token(&[("exp", "1")]));
    // (operation, without a credential, with a good one, with a bad one)
    let cases = [
        ("read", "credential_missing", "ok", "token_expired"),
        ("open", "ok", "ok", "ok"),
        ("optional", "ok", "ok", "token_expired"),
        ("silent", "ok", "ok", "ok"),
        ("silentAuthenticated", "credential_missing", "ok", "token_expired"),
        ("key", "unsecured_operation", "unsecured_operation", "unsecured_operation"),
    ];
    for (operation, without, with, with_bad) in cases {
        assert_eq!(gateway.send(operation, "/v1/x", &[]).code(), without, "{operation}");
        assert_eq!(gateway.bearer(operation, &good).code(), with, "{operation}");
        assert_eq!(gateway.bearer(operation, &bad).code(), with_bad, "{operation}");
    }
    // A credential of another kind is a credential: it is not "none".
    let basic = gateway.send("optional", "/v1/x", &[("authorization", "Basic YTpi")]);
    assert_eq!(basic.code(), "credential_missing");
    let anonymous = gateway.send("optional", "/v1/x", &[]);
    assert!(anonymous.call.principal().is_none());
}

#[test]
fn roles_of_an_issuer_without_scopes() {
    let (world, gateway) = ready();
    let staff = |roles: &str| {
        let payload = claims(&[("iss", &format!("\"{STAFF}\"")), ("roles", roles), ("aud", "\"orders-v2\"")]);
        gateway.bearer("both", &world.staff.sign(&[], payload.as_bytes()).unwrap())
    };
    assert_eq!(staff("[\"clerk\"]").code(), "ok", "the role stands for the scope");
    assert_eq!(staff("[\"orders:read\"]").code(), "ok", "the role is the scope");
    // `scope` does not count where the issuer's roles do.
    assert_eq!(staff("[\"guest\"]").code(), "insufficient_scope");
    let principal = |ended: &Ended| ended.call.principal().cloned().unwrap();
    let clerk = principal(&staff("[\"clerk\",\"x\"]"));
    assert_eq!(
        (&*clerk.issuer, &*clerk.subject, clerk.application.as_deref()),
        (STAFF, "alice", Some("app"))
    );
    assert_eq!(clerk.roles.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["clerk", "x"]);
    assert_eq!(clerk.expires, NOW + 600);
}

#[test]
fn the_added_rule() {
    let (world, gateway) = ready();
    let token =
        |roles: &str, scope: &str| world.token(&[("roles", roles), ("scope", &format!("\"{scope}\""))]);
    let all = "orders:read orders:audit";
    assert_eq!(gateway.bearer("required", &token("[\"admin\",\"x\"]", all)).code(), "ok");
    let ended = gateway.bearer("required", &token("[\"x\"]", "orders:read"));
    assert_eq!(ended.code(), "insufficient_scope");
    let said = |ended: &Ended| {
        let refusal = ended.refusal.as_ref().unwrap();
        (refusal.public.as_deref().map(str::to_owned), refusal.detail.to_string())
    };
    let (public, detail) = said(&ended);
    assert_eq!(public.as_deref(), Some("missing scopes: `orders:audit`"), "roles are not told of");
    assert_eq!(detail, "missing scopes: `orders:audit`; missing roles: `admin`");
    assert_eq!(gateway.bearer("required", &token("[\"admin\"]", "orders:read")).code(), "insufficient_scope");
    // The contract's own scopes count all the same.
    assert_eq!(
        gateway.bearer("required", &token("[\"admin\"]", "orders:audit")).code(),
        "insufficient_scope"
    );

    // A role is no scope: a token with more scopes would not help.
    let ended = gateway.bearer("required", &token("[\"x\"]", all));
    assert_eq!((ended.code(), ended.challenge().as_str()), ("privilege_missing", ""));
    assert_eq!(said(&ended), (None, "missing roles: `admin`".to_owned()));

    let shadowed = gateway.bearer("shadowed", &token("[]", "orders:read"));
    assert_eq!((shadowed.code(), shadowed.shadowed), ("ok", vec!["privilege_missing"]));
    assert!(gateway.bearer("shadowed", &token("[\"admin\"]", "orders:read")).shadowed.is_empty());
    assert_eq!(gateway.bearer("shadowed", &token("[\"admin\"]", "")).code(), "insufficient_scope");
}

/// An operation, claims of a token, and what is missing from it.
type Rights<'a> = (&'a str, Vec<(&'a str, &'a str)>, Option<String>);

/// Operations of the kit's contract with rules of their own.
const RULES: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers: { shop: { url: "https://idp.example.com/realms/shop" } }
apis:
  orders:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    accept_unenforced: ["/paths/~1key/get/security"]
    authentication: { shop: { issuers: [shop], audience: orders }, both: { issuers: [shop], audience: orders }, other: { issuers: [shop], audience: other } }
    unsecured: authenticated
    authorization: { roles_from: [/realm_access/roles, /resource_access/orders~1x/roles] }
    operations:
      required: { authorization: { require: { roles: [clerk], claims: { department: [sales, support], /org/level: 3, verified: true } } } }
      read: { authorization: { require: { any: [boss, { roles: [clerk], scopes: "orders:audit" }, { claims: { department: audit } }] } } }
      either: { authorization: { roles_from: groups, require: { roles: clerk } } }
      shadowed: { authorization: { require: { max_age: 10m } } }
      silentAuthenticated: { authorization: { require: { max_age: 10m, by_issue: true } } }
"#;

#[test]
fn roles_and_claims_of_many_kinds() {
    use crate::security::kit::{CONTRACT, Setup, World};
    let world = World::new();
    let gateway = Setup::new(RULES, CONTRACT).attach(&world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    let clerk = ("realm_access", r#"{"roles":["clerk"]}"#);
    let good = [clerk, ("department", "\"support\""), ("org", r#"{"level":3}"#), ("verified", "true")];
    let but = |name: &'static str, value: &'static str| {
        let mut changed = good.to_vec();
        changed.retain(|(known, _)| *known != name);
        changed.push((name, value));
        changed
    };
    let none = String::from("none of the alternatives holds");
    // (operation, claims, what is missing)
    let cases: Vec<Rights<'_>> = vec![
        ("required", good.to_vec(), None),
        ("required", but("realm_access", r#"{"roles":"clerk x"}"#), None),
        ("required", but("resource_access", r#"{"orders/x":{"roles":["clerk"]}}"#), None),
        ("required", but("department", r#"["x","sales"]"#), None),
        ("required", but("org", r#"{"level":"3"}"#), None),
        ("required", but("realm_access", r#"{"roles":["Clerk"]}"#), Some("missing roles: `clerk`".into())),
        ("required", but("realm_access", r#"{"roles":{"clerk":1}}"#), Some("missing roles: `clerk`".into())),
        // The usual place of roles does not count when others are named.
        (
            "required",
            [&but("realm_access", "{}")[..], &[("roles", "[\"clerk\"]")]].concat(),
            Some("missing roles: `clerk`".into()),
        ),
        ("required", but("department", "\"Sales\""), Some("missing claims: `department`".into())),
        ("required", but("department", "{\"sales\":true}"), Some("missing claims: `department`".into())),
        ("required", but("org", r#"{"level":3.0}"#), Some("missing claims: `/org/level`".into())),
        ("required", but("org", r#"{"level":4}"#), Some("missing claims: `/org/level`".into())),
        ("required", but("verified", "false"), Some("missing claims: `verified`".into())),
        ("required", but("verified", "null"), Some("missing claims: `verified`".into())),
        ("read", vec![("realm_access", r#"{"roles":["boss"]}"#)], None),
        ("read", vec![clerk, ("scope", "\"orders:read orders:audit\"")], None),
        ("read", vec![("department", "\"audit\"")], None),
        ("read", vec![clerk], Some(none.clone())),
        ("read", vec![("scope", "\"orders:read orders:audit\"")], Some(none.clone())),
        ("read", vec![("department", "\"sales\"")], Some(none)),
        ("either", vec![("groups", "[\"clerk\"]")], None),
        ("either", vec![clerk], Some("missing roles: `clerk`".into())),
    ];
    for (operation, changes, missing) in cases {
        let ended = gateway.bearer(operation, &world.token(&changes));
        let detail = ended.refusal.as_ref().map(|refusal| &*refusal.detail);
        assert_eq!(detail, missing.as_deref(), "{operation} {changes:?}");
        assert_eq!(ended.code(), if missing.is_some() { "privilege_missing" } else { "ok" });
    }
}

#[test]
fn logins_have_to_be_fresh() {
    use crate::security::kit::{CONTRACT, Setup, World};
    let world = World::new();
    let gateway = Setup::new(RULES, CONTRACT).attach(&world, 0);
    world.side.run();
    let ago = |seconds: u64| (NOW - seconds).to_string();
    let (fresh, stale, future) = (ago(600), ago(601), (NOW + 5).to_string());
    for (changes, code) in [
        (vec![("auth_time", fresh.as_str())], "ok"),
        (vec![("auth_time", future.as_str())], "ok"),
        (vec![("auth_time", stale.as_str())], "login_stale"),
        // A token that was made anew does not make the login fresh.
        (vec![("auth_time", stale.as_str()), ("iat", fresh.as_str())], "login_stale"),
        (vec![("auth_time", "\"now\"")], "login_stale"),
        (vec![("auth_time", "null")], "login_stale"),
        // A refresh makes a new token of an old login.
        (vec![("iat", fresh.as_str())], "login_stale"),
        (vec![("iat", "")], "login_stale"),
    ] {
        let ended = gateway.bearer("shadowed", &world.token(&changes));
        assert_eq!(ended.code(), code, "{changes:?}");
        if code == "login_stale" {
            let challenge = ended.challenge();
            assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
            assert!(challenge.ends_with("max_age=\"600\""), "{challenge}");
        }
    }
}

#[test]
fn tokens_count_from_their_issue_where_that_is_said() {
    use crate::security::kit::{CONTRACT, Setup, World};
    let world = World::new();
    let gateway = Setup::new(RULES, CONTRACT).attach(&world, 0);
    world.side.run();
    let (fresh, stale) = ((NOW - 600).to_string(), (NOW - 601).to_string());
    for (changes, code) in [
        (vec![("iat", fresh.as_str())], "ok"),
        (vec![("iat", stale.as_str())], "login_stale"),
        (vec![("iat", "")], "login_stale"),
        (vec![("auth_time", stale.as_str()), ("iat", fresh.as_str())], "login_stale"),
        (vec![("auth_time", fresh.as_str()), ("iat", stale.as_str())], "ok"),
    ] {
        let ended = gateway.bearer("silentAuthenticated", &world.token(&changes));
        assert_eq!(ended.code(), code, "{changes:?}");
    }
}

#[test]
fn wrong_rules_are_told() {
    for (section, code) in [
        ("require: { claims: { realm_access.roles: x } }", Some("invalid-value")),
        ("require: { any: [{}] }", Some("invalid-value")),
        ("require: { any: [\"\"] }", Some("invalid-value")),
        ("require: { any: [{ role: x }] }", Some("unknown-key")),
        ("require: { max_age: 5 }", Some("invalid-value")),
        ("require: { acr_values: [] }", Some("invalid-value")),
        ("require: { acr_values: \"\" }", Some("invalid-value")),
        ("require: { acr_values: [a b] }", Some("invalid-value")),
        ("require: { acr_values: ['a\"b'] }", Some("invalid-value")),
        ("require: { acr_values: [a, 'b\\c'] }", Some("invalid-value")),
        ("require: { acr_values: [é] }", Some("invalid-value")),
        (
            "require: { acr_values: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] }",
            Some("invalid-value"),
        ),
        ("require: { acr_values: [\"1\", \"https://refeds.org/profile/mfa\"] }", None),
        ("roles_from: a.b", Some("invalid-value")),
        ("roles_from: [/a/b, groups]", None),
        ("require: { any: [x, { roles: y, claims: { z: [1, true, a] } }], max_age: 5m }", None),
    ] {
        let (mut sources, mut found) = (diagnostics::Sources::default(), diagnostics::Diagnostics::new());
        let file = sources.add("x.yaml", section);
        let node = spec::parse(section, file, &mut found).unwrap();
        super::check_section(&node, &mut found);
        let codes: Vec<&str> = found.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes.first().copied(), code, "{section}: {found:#?}");
    }
}

#[test]
fn authorization_alone_refuses() {
    use super::Authorization;
    use crate::security::kit::{Setup, World, call};
    // Were authentication ever left out, nothing would be proven, and nothing allowed.
    let world = World::new();
    world.net.set("", Reply::Fails);
    Setup::new(crate::security::kit::DOCUMENT, crate::security::kit::CONTRACT).attach_and(&world, 0, |api| {
        let control = Authorization::new(crate::security::Challenge::of(api), Vec::new(), false);
        let bare = call(&world.clock, "/v1/x", &[]);
        assert!(matches!(control.decide(&bare), engine::Verdict::Refuse(_)));
        let optional = Authorization::new(crate::security::Challenge::of(api), Vec::new(), true);
        assert!(matches!(optional.decide(&bare), engine::Verdict::Allow));
        let presenting = call(&world.clock, "/v1/x", &[("authorization", "Bearer x")]);
        assert!(matches!(optional.decide(&presenting), engine::Verdict::Refuse(_)));
    });
}
