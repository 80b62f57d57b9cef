use std::sync::Arc;

use diagnostics::{Diagnostics, Sources};
use engine::{Principal, ScopeSet};
use tape::{Bounds, Tape};
use testkit::CallBuilder;

use super::trust::Trust;
use super::{Callers, ClaimPath, ClaimRule, Roles, Traits, scalar};
use crate::security::kit::{SHOP, STAFF, Setup, World};
use crate::security::{APPLICATIONS, Issuers};

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
    let from = |text: &str| Roles::in_claims([path(text)]);
    for (roles, role, has) in [
        (Roles::default(), "boss", true),
        (Roles::default(), "clerk", false),
        (from("/realm_access/roles"), "clerk", true),
        (from("/realm_access/roles"), "boss", false),
        (from("/realm_access/roles"), "cler", false),
        (from("words"), "b", true),
        (from("words"), "a b", false),
        (from("one"), "clerk", true),
        (from("mixed"), "a", false),
        (from("none"), "boss", false),
        (Roles::in_claims([]), "boss", false),
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
    let callers = Callers::new(vec![wanted.clone()], Roles::default());
    let both = principal(r#"{"dept":"sales"}"#, &["clerk"]);
    let (role, claim) = (principal("{}", &["clerk"]), principal(r#"{"dept":"sales"}"#, &[]));
    assert!(callers.include(&call(std::slice::from_ref(&both))));
    assert!(callers.include(&call(&[role.clone(), both])));
    assert!(!callers.include(&call(&[role.clone(), claim])));
    assert!(!callers.include(&call(&[])));
    assert!(!Callers::default().include(&call(std::slice::from_ref(&role))), "no description means nobody");
    let missing = wanted.missing(&role, &Roles::default());
    assert_eq!((missing.scopes.len(), missing.roles.len(), missing.claims), (0, 0, vec!["dept"]));
    let scoped = Traits::new(vec![(3, "a".into())], Vec::new());
    assert!(!scoped.hold(&role, &Roles::default()));
    let mut scopes = ScopeSet::default();
    scopes.insert(3);
    assert!(scoped.hold(&Principal { scopes, ..role }, &Roles::default()));
}

#[test]
fn who_vouches_is_one_that_is_believed() {
    let (mine, other) = (principal(r#"{"dept":"sales"}"#, &["clerk"]), "j");
    let theirs = Principal { issuer: other.into(), ..mine.clone() };
    let believed = || Issuers::These(["i".into()].into());
    let by_role = Traits { issuers: believed(), ..Traits::new(Vec::new(), vec!["clerk".into()]) };
    let by_claim =
        Traits { issuers: believed(), claims: vec![rule("dept", &["sales"])], ..Traits::default() };
    let by_issuer = Traits { issuers: believed(), ..Traits::default() };
    for traits in [by_role, by_claim, by_issuer] {
        assert!(traits.hold(&mine, &Roles::default()) && !traits.hold(&theirs, &Roles::default()));
        assert!(!traits.is_empty(), "it leaves somebody out");
        let missing = |principal: &Principal| traits.missing(principal, &Roles::default()).issuer;
        assert_eq!((missing(&mine), missing(&theirs)), (false, true));
    }
    let roles = Roles::default().of(believed());
    assert!(roles.has(&mine, "clerk") && !roles.has(&theirs, "clerk"));
    assert!(!Roles::default().of(Issuers::These(Box::default())).has(&mine, "clerk"), "nobody is believed");
}

/// Two issuers and API keys at `both`, one issuer at `one`, keys at `keys`.
const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers:
  shop: { url: "https://idp.example.com/realms/shop" }
  staff: { url: "https://login.example.org/v2.0" }
  spare: { url: "https://spare.example" }
apis:
  t:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    authentication:
      oauth: { issuers: [shop, staff], audience: t }
      shop: { issuers: [shop], audience: t }
      key: { source: applications }
"#;

const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: t, version: "1" }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://x.example/t", scopes: {} } } }
    shop: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://x.example/t", scopes: {} } } }
    key: { type: apiKey, in: header, name: X-Key }
paths:
  /both: { get: { operationId: both, security: [{ oauth: [] }, { key: [] }], responses: { "200": { description: ok } } } }
  /one: { get: { operationId: one, security: [{ shop: [] }, { key: [] }], responses: { "200": { description: ok } } } }
  /keys: { get: { operationId: keys, security: [{ key: [] }], responses: { "200": { description: ok } } } }
"#;

/// What a caller comes to at an operation, as who is believed, or what is wrong with it.
fn believed(operation: &str, authorization: &str, caller: &str) -> Result<(Issuers, Roles), String> {
    use crate::scope::{OperationKind, OperationScope};
    let document = format!("{DOCUMENT}    authorization: {authorization}\n");
    let mut found = Diagnostics::new();
    let mut sources = Sources::default();
    let file = sources.add("caller.yaml", caller);
    let node = spec::parse(caller, file, &mut found).unwrap();
    let section: Option<super::config::CallerSection> = spec::read(&node, &mut found);
    let mut all = None;
    let gateway = Setup::new(&document, CONTRACT).attach_and(&World::new(), 0, |api| {
        let declared = api.contract.unwrap();
        let declared = declared.operations.iter().find(|one| one.id == operation).unwrap();
        let scope = OperationScope {
            api,
            kind: OperationKind::Declared,
            contract: Some(declared),
            id: &declared.id,
            method: &declared.method,
            template: &declared.template,
            params: &[],
            siblings: &[],
            websocket: false,
            section: None,
        };
        let trust = Trust::of(&scope, &mut found);
        let traits = trust.each(section.as_slice(), None, node.span, &mut found);
        all = traits.first().map(|traits| (traits.issuers.clone(), trust.roles().clone()));
        // A second operation with the same rule says nothing twice.
        drop(trust.each(section.as_slice(), None, node.span, &mut found));
    });
    // What was said of the section is not said again.
    let before = gateway.found.iter().filter(|one| one.code == "issuer");
    let said: Vec<&str> = before.chain(found.iter()).map(|one| one.message.as_str()).collect();
    if said.is_empty() { Ok(all.unwrap()) } else { Err(said.join("; ")) }
}

#[test]
fn with_several_issuers_a_rule_says_whom_it_believes() {
    const UNSAID: &str = "each could give its own the roles and claims";
    let these = |all: &[&str]| Issuers::These(all.iter().map(|one| Box::from(*one)).collect());
    let none = "{}";
    for (operation, authorization, caller, expected) in [
        // Of several none is meant.
        ("both", none, "boss", Err(UNSAID)),
        ("both", none, "{ claims: { level: 9 } }", Err(UNSAID)),
        ("both", none, "{ scopes: [a] }", Ok(Issuers::Any)),
        ("both", none, "{ issuer: staff, roles: [boss] }", Ok(these(&[STAFF]))),
        ("both", none, "{ issuer: [shop, staff], claims: { level: 9 } }", Ok(these(&[SHOP, STAFF]))),
        ("both", none, "{ issuer: any, roles: [boss] }", Ok(Issuers::Any)),
        ("both", none, "{ issuer: applications, claims: { name: robot } }", Ok(these(&[APPLICATIONS]))),
        ("both", none, "{ issuer: staff }", Ok(these(&[STAFF]))),
        // Said once for roles, which is nothing for claims.
        ("both", "{ roles_issuer: staff }", "boss", Ok(Issuers::Any)),
        ("both", "{ roles_issuer: staff }", "{ claims: { level: 9 } }", Err(UNSAID)),
        ("both", "{ roles_issuer: staff }", "{ roles: [boss], claims: { level: 9 } }", Err(UNSAID)),
        // The one whose tokens are taken is meant, and no API key beside it.
        ("one", none, "boss", Ok(these(&[SHOP]))),
        ("one", none, "{ claims: { level: 9 } }", Ok(these(&[SHOP]))),
        ("one", none, "{ issuer: staff, roles: [boss] }", Ok(these(&[STAFF]))),
        ("keys", none, "{ claims: { name: robot } }", Ok(these(&[APPLICATIONS]))),
        // What names nobody.
        ("both", none, "{ issuer: spare, roles: [boss] }", Err("no tokens of an issuer `spare`")),
        ("both", none, "{ issuer: stff, roles: [boss] }", Err("did you mean `staff`?")),
        ("both", none, "{ issuer: [], roles: [boss] }", Err("names no issuer")),
        ("both", none, "{ issuer: [any, shop], roles: [boss] }", Err("`any` stands beside no other")),
        ("both", none, "{ issuer: any }", Err("means every caller")),
        ("both", "{ roles_issuer: stff }", "{ scopes: [a] }", Err("did you mean `staff`?")),
    ] {
        match (believed(operation, authorization, caller), expected) {
            (Ok((issuers, _)), Ok(expected)) => assert_eq!(issuers, expected, "{operation} {caller}"),
            (Err(said), Err(expected)) => {
                assert_eq!(said.matches(expected).count(), 1, "{operation} {caller}: {said}");
            }
            (found, _) => panic!("{operation} {caller}: {found:?}"),
        }
    }
    let roles = believed("both", "{ roles_issuer: staff }", "boss").unwrap().1;
    assert_eq!(roles, Roles::default().of(these(&[STAFF])));
}
