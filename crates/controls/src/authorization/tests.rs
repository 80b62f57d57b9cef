//! What the contract's `security` means, and what the added rule adds.

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
    let public = ended.refusal.as_ref().and_then(|refusal| refusal.public.as_deref());
    assert_eq!(public, Some("missing scopes: `orders:audit`; missing roles: `admin`"));
    assert_eq!(gateway.bearer("required", &token("[\"admin\"]", "orders:read")).code(), "insufficient_scope");
    // The contract's own scopes count all the same.
    assert_eq!(
        gateway.bearer("required", &token("[\"admin\"]", "orders:audit")).code(),
        "insufficient_scope"
    );

    let shadowed = gateway.bearer("shadowed", &token("[]", "orders:read"));
    assert_eq!((shadowed.code(), shadowed.shadowed), ("ok", vec!["insufficient_scope"]));
    assert!(gateway.bearer("shadowed", &token("[\"admin\"]", "orders:read")).shadowed.is_empty());
    assert_eq!(gateway.bearer("shadowed", &token("[\"admin\"]", "")).code(), "insufficient_scope");
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
