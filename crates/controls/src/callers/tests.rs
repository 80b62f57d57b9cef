use std::sync::Arc;

use engine::{Principal, ScopeSet};
use tape::{Bounds, Tape};
use testkit::CallBuilder;

use super::{Callers, ClaimPath, ClaimRule, Roles, Traits, scalar};

fn principal(claims: &str, roles: &[&str]) -> Principal {
    let claims = Arc::new(Tape::parse(claims.to_owned().into(), &Bounds::default()).unwrap());
    let roles = roles.iter().map(|role| Box::from(*role)).collect();
    let call = CallBuilder::get("/").principal("i", "s", None).build();
    Principal { claims, roles, ..Principal::clone(&call.proofs[0].principal) }
}

fn path(text: &str) -> ClaimPath {
    ClaimPath::parse(text).unwrap()
}

#[test]
fn claims_are_named_one_way() {
    for (text, good) in [
        ("tenant", true),
        ("/tenant", true),
        ("/realm_access/roles", true),
        ("/https:~1~1example.com~1roles", true),
        ("https://example.com/roles", false),
        ("realm_access.roles", false),
        ("a~1b", false),
        ("/a~2", false),
        ("/a~", false),
        ("", false),
    ] {
        assert_eq!(ClaimPath::parse(text).is_ok(), good, "{text}");
    }
    let principal = principal(r#"{"a/b":{"c~d":1},"a":{"b":2}}"#, &[]);
    let found = |text: &str| path(text).find(&principal).and_then(scalar).map(|text| text.into_owned());
    assert_eq!(found("/a~1b/c~0d").as_deref(), Some("1"));
    assert_eq!(found("/a/b").as_deref(), Some("2"));
    assert_eq!(found("/a/none"), None);
}

#[test]
fn roles_are_those_of_the_claims_that_are_named_and_no_others() {
    let keycloak = principal(
        r#"{"roles":["boss"],"realm_access":{"roles":["clerk","x"]},"words":"a b","mixed":["a",1],"one":"clerk"}"#,
        &["boss"],
    );
    let from = |text: &str| Roles::Claims([path(text)].into());
    for (roles, role, has) in [
        (Roles::Principal, "boss", true),
        (Roles::Principal, "clerk", false),
        (from("/realm_access/roles"), "clerk", true),
        (from("/realm_access/roles"), "boss", false),
        (from("/realm_access/roles"), "cler", false),
        (from("words"), "b", true),
        (from("words"), "a b", false),
        (from("one"), "clerk", true),
        (from("mixed"), "a", false),
        (from("none"), "boss", false),
        (Roles::Claims([].into()), "boss", false),
    ] {
        assert_eq!(roles.has(&keycloak, role), has, "{roles:?} {role}");
    }
}

#[test]
fn scalars_have_one_text() {
    let tape =
        Tape::parse(r#"["42",42,42.0,4.2e1,-0,-7,true,null,[],"",1e2]"#.into(), &Bounds::default()).unwrap();
    let texts: Vec<Option<String>> =
        tape.root().items().map(|item| scalar(item).map(|text| text.into_owned())).collect();
    let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
    let none = None;
    assert_eq!(
        texts,
        [Some("42"), Some("42"), none, none, none, Some("-7"), none, none, none, Some(""), none]
    );
}

fn rule(claim: &str, values: &[&str]) -> ClaimRule {
    ClaimRule { path: path(claim), values: values.iter().map(|value| Box::from(*value)).collect() }
}

#[test]
fn claims_have_one_of_the_values() {
    let claims = r#"{"s":"a","n":3,"b":true,"l":["x",7],"o":{"a":1},"z":null,"f":3.0}"#;
    let principal = principal(claims, &[]);
    for (claim, values, holds) in [
        ("s", &["a"][..], true),
        ("s", &["b", "a"], true),
        ("s", &["A"], false),
        ("s", &[], false),
        ("n", &["3"], true),
        ("n", &["4"], false),
        ("f", &["3"], false),
        ("b", &["true"], true),
        ("b", &["false"], false),
        ("l", &["7"], true),
        ("l", &["y"], false),
        ("o", &["a", "1"], false),
        ("z", &["null", ""], false),
        ("none", &["", "null"], false),
    ] {
        assert_eq!(rule(claim, values).holds(&principal), holds, "{claim} {values:?}");
    }
}

#[test]
fn one_principal_has_to_carry_all_of_it() {
    let mut wanted = Traits::new(Vec::new(), vec!["clerk".into()]);
    wanted.claims.push(rule("dept", &["sales"]));
    let call = |principals: &[Principal]| {
        let mut call = CallBuilder::get("/").principal("i", "s", None).build();
        let proof = call.proofs[0].clone();
        call.proofs = principals
            .iter()
            .map(|one| engine::principal::Proof { principal: Arc::new(one.clone()), ..proof.clone() })
            .collect();
        call
    };
    let callers = Callers::new(vec![wanted.clone()], Roles::Principal);
    let both = principal(r#"{"dept":"sales"}"#, &["clerk"]);
    let (role, claim) = (principal("{}", &["clerk"]), principal(r#"{"dept":"sales"}"#, &[]));
    assert!(callers.include(&call(std::slice::from_ref(&both))));
    assert!(callers.include(&call(&[role.clone(), both])));
    assert!(!callers.include(&call(&[role.clone(), claim])));
    assert!(!callers.include(&call(&[])));
    assert!(!Callers::default().include(&call(std::slice::from_ref(&role))), "no description means nobody");
    let missing = wanted.missing(&role, &Roles::Principal);
    assert_eq!((missing.scopes.len(), missing.roles.len(), missing.claims), (0, 0, vec!["dept"]));
    let scoped = Traits::new(vec![(3, "a".into())], Vec::new());
    assert!(!scoped.hold(&role, &Roles::Principal));
    let mut scopes = ScopeSet::default();
    scopes.insert(3);
    assert!(scoped.hold(&Principal { scopes, ..role }, &Roles::Principal));
}
