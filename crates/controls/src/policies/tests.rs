//! What links are written out to, what is wrong with sections, what policies are told of calls, and what the control says of them. The
//! language itself is tried in `cedar/tests`, hostile calls are put to the binary in `yett/tests/cedar`.

use std::sync::Arc;

use cedar::Wants;
use cedar::facts::{Facts, Term};
use cedar::names::Kind;
use diagnostics::{Diagnostics, Sources};
use engine::{Call, Principal, UnixTime};
use http::Method;
use tape::{Bounds, Tape};
use testkit::CallBuilder;
use testkit::clock::START;

use super::facts::{Claim, Telling, Value};
use super::{check_section, config, links, offset};
use crate::callers::{ClaimPath, Roles};
use crate::pattern::Pattern;
use crate::read_body;
use crate::security::Issuers;

fn node(section: &str, found: &mut Diagnostics) -> spec::Node {
    let mut sources = Sources::default();
    let file = sources.add("section.yaml", section);
    spec::parse(section, file, found).unwrap()
}

/// What is wrong with a section.
fn wrong(section: &str) -> Vec<String> {
    let mut found = Diagnostics::new();
    let node = node(section, &mut found);
    check_section(&node, &mut found);
    found.iter().map(|one| one.message.to_string()).collect()
}

/// Its one link in Cedar.
fn written(link: &str) -> String {
    let text = format!(
        "claims: {{ tenant: string, tenants: strings }}\nbody: {{ owners: {{ pointer: /owners/*, type: strings }} }}\nlinks: {{ a: {link} }}"
    );
    assert_eq!(wrong(&text), Vec::<String>::new(), "{link}");
    let node = node(&text, &mut Diagnostics::new());
    let section: config::PoliciesSection = spec::read(&node, &mut Diagnostics::new()).unwrap();
    let (name, link) = section.links.iter().next().unwrap();
    links::written(name, &link.value, &section).unwrap()
}

#[test]
fn links_are_written_out_in_cedar() {
    let forbid = "@id(\"a\")\nforbid (principal, action, resource)";
    let permit = "@id(\"a\")\npermit (principal, ";
    for (link, text) in [
        ("{ template: everyone }", format!("{permit}action, resource);\n")),
        (
            "{ template: roles, roles: [clerk, 'a\"b'], actions: [getOrder, \"tag:x\"] }",
            format!(
                "{permit}action in [Action::\"getOrder\", Action::\"tag:x\"], resource)\nwhen {{ principal in Role::\"clerk\" || principal in Role::\"a\\\"b\" }};\n"
            ),
        ),
        (
            "{ template: read_only, roles: [auditor] }",
            "@id(\"a\")\nforbid (principal in Role::\"auditor\", action in Action::\"group:write\", resource);\n".to_owned(),
        ),
        (
            "{ template: read_only, except: [boss] }",
            "@id(\"a\")\nforbid (principal, action in Action::\"group:write\", resource)\nunless { principal in Role::\"boss\" };\n".to_owned(),
        ),
        (
            "{ template: tenants, resource: tenant_id, claim: tenant }",
            format!(
                "{forbid}\nwhen {{ resource has \"tenant_id\" }}\nunless {{ context.claims has \"tenant\" && context.claims[\"tenant\"] == resource[\"tenant_id\"] }};\n"
            ),
        ),
        (
            "{ template: tenants, resource: tenant_id, claim: tenants }",
            format!(
                "{forbid}\nwhen {{ resource has \"tenant_id\" }}\nunless {{ context.claims has \"tenants\" && context.claims[\"tenants\"].contains(resource[\"tenant_id\"]) }};\n"
            ),
        ),
        (
            "{ template: tenants, resource: owners, claim: tenant }",
            format!(
                "{forbid}\nwhen {{ resource has \"owners\" }}\nunless {{ context.claims has \"tenant\" && [context.claims[\"tenant\"]].containsAll(resource[\"owners\"]) }};\n"
            ),
        ),
        (
            "{ template: hours, days: [mon, sun], from: \"08:00\", to: \"18:30\" }",
            format!(
                "{forbid}\nunless {{ (context.time.weekday == 1 || context.time.weekday == 7) && context.time.minute >= 480 && context.time.minute < 1110 }};\n"
            ),
        ),
        (
            "{ template: hours, from: \"22:00\", to: \"06:00\", except: [oncall] }",
            format!(
                "{forbid}\nunless {{ (context.time.minute >= 1320 || context.time.minute < 360) }}\nunless {{ principal in Role::\"oncall\" }};\n"
            ),
        ),
        (
            "{ template: hours, from: \"18:00\", to: \"00:00\" }",
            format!("{forbid}\nunless {{ context.time.minute >= 1080 && context.time.minute < 1440 }};\n"),
        ),
        (
            "{ template: networks, ranges: [10.0.0.0/8, \"2001:db8::/32\"] }",
            format!(
                "{forbid}\nunless {{ context.client.located && (context.client.address.isInRange(ip(\"10.0.0.0/8\")) || context.client.address.isInRange(ip(\"2001:db8::/32\"))) }};\n"
            ),
        ),
    ] {
        assert_eq!(written(link), text, "{link}");
    }
}

#[test]
fn wrong_sections_are_told() {
    for (section, said) in [
        ("links: { a: { template: roles } }", "the template of `a` wants `roles`"),
        ("links: { a: { template: everyone, roles: [b] } }", "the template of `a` takes no `roles`"),
        (
            "links: { a: { template: everyone, except: [b] } }",
            "`a` permits, and there is nothing to except from",
        ),
        ("links: { a: { template: everyone, actions: [] } }", "`a` is about no operation"),
        (
            "links: { a: { template: read_only, actions: [b] } }",
            "`a` is about all operations that change something",
        ),
        ("links: { a: { template: hours } }", "`a` names no time"),
        ("links: { a: { template: hours, from: \"08:00\" } }", "`a` has one of `from` and `to`"),
        ("links: { a: { template: hours, from: \"8:00\", to: \"24:00\" } }", "`8:00` is no time of the day"),
        ("links: { a: { template: networks } }", "the template of `a` wants `ranges`"),
        (
            "claims: { n: long }\nlinks: { a: { template: tenants, resource: b, claim: n } }",
            "the claim `n` of `a` is neither `string` nor `strings`",
        ),
        (
            "claims: { n: string }\nlinks: { a: { template: tenants, resource: b, claim: m } }",
            "`a` reads the claim `m`, which `claims` does not have",
        ),
        ("claims: { a/b: string }", "`a/b` is not the name of one claim"),
        ("claims: { a: text }", "`text` is no type of a claim"),
        ("body: { a: /b/* }", "`a` may stand in several places"),
        ("body: { a: b }", "`b` is no JSON Pointer into a body (RFC 6901)"),
        ("utc_offset: CET", "`CET` is no distance from UTC"),
        ("utc_offset: \"+15:00\"", "`+15:00` is no distance from UTC"),
    ] {
        let found = wrong(section);
        assert!(found.iter().any(|one| one == said), "{section}: {found:?}");
    }
    let good = "files: [a.cedar]\nclaims: { a: strings, b: { claim: /x/y, type: long } }\nbody: { c: /c, d: { pointer: \"/d/*\", type: strings, absent: pass } }\nutc_offset: \"-05:30\"";
    assert_eq!(wrong(good), Vec::<String>::new());
}

#[test]
fn days_begin_where_the_api_is_at_home() {
    // 1970-01-01T00:00:00Z was a Thursday, 2024-05-06T09:30:00Z a Monday.
    assert_eq!(offset::local(0, 0), (4, 0));
    assert_eq!(offset::local(0, -1), (3, 1_439));
    assert_eq!(offset::local(1_714_987_800, 0), (1, 570));
    assert_eq!(offset::local(1_714_987_800, 14 * 60 + 30), (2, 0));
    assert_eq!(offset::of("+02:00"), Some(120));
    assert_eq!(offset::of("-05:30"), Some(-330));
    for none in ["", "2", "02:00", "+2:00", "+02:60", "+24:00", "+14:01", "±01:00", "+0x:00"] {
        assert_eq!(offset::of(none), None, "{none}");
    }
}

const ALL: Wants = Wants {
    claims: true,
    roles: true,
    scopes: true,
    client: true,
    request: true,
    time: true,
    token: true,
    assurance: true,
    credentials: true,
};

fn value(name: &str, pointer: &str, kind: Kind, required: bool) -> Value {
    Value { name: name.into(), pointer: Pattern::parse(pointer).unwrap(), kind, required }
}

fn telling() -> Telling {
    let claim = |name: &str, kind| Claim { name: name.into(), path: ClaimPath::parse(name).unwrap(), kind };
    Telling {
        params: Box::from([Some("id".into())]),
        values: Box::from([]),
        claims: Arc::from([
            claim("tenant", Kind::Text),
            claim("level", Kind::Long),
            claim("staff", Kind::Bool),
            claim("teams", Kind::Texts),
        ]),
        believed: Issuers::These(Box::from(["https://idp".into()])),
        roles: Roles::default(),
        issuers: Arc::from([("https://idp".into(), "shop".into())]),
        listeners: Arc::from(["public".into()]),
        offset: 60,
        contract: None,
    }
}

fn call_of(issuer: &str, claims: &str, target: &str, param: &str) -> Call {
    let mut call = CallBuilder::get(target).params(&[param]).principal(issuer, "alice", Some("web")).build();
    let claims = Arc::new(Tape::parse(claims.as_bytes().to_vec().into(), &Bounds::default()).unwrap());
    let roles = Arc::from([Box::from("clerk")]);
    let proven = &mut call.proofs[0].principal;
    *proven = Arc::new(Principal { claims, roles, expires: START + 100, ..Principal::clone(proven) });
    call
}

const NOW: UnixTime = UnixTime(START * 1_000_000_000);

#[test]
fn what_a_call_proves_is_told_and_of_believed_issuers_only() {
    let claims = format!(
        r#"{{"tenant":"acme","level":3,"staff":true,"teams":["a",7],"iat":{},"auth_time":{}.5,"acr":"high","amr":["mfa"]}}"#,
        START - 10,
        START - 31
    );
    let telling = telling();
    let call = call_of("https://idp", &claims, "/x/%41%20b", "A%20b");
    let facts = telling.facts(&ALL, &call, None, NOW).unwrap();
    let caller = facts.caller.as_ref().unwrap();
    assert_eq!((caller.issuer_name, caller.subject, caller.application), ("shop", "alice", Some("web")));
    assert_eq!(caller.roles.as_slice(), ["clerk"]);
    assert_eq!(facts.resource.as_slice(), [("id", Term::Text("A b".into()))]);
    let expected = [
        ("tenant", Term::Text("acme".into())),
        ("level", Term::Long(3)),
        ("staff", Term::Bool(true)),
        ("teams", Term::Texts(["a".into(), "7".into()].into_iter().collect())),
    ];
    assert_eq!(facts.claims.as_slice(), expected);
    assert_eq!((facts.token_age, facts.token_left), (Some(10), Some(100)));
    assert_eq!((facts.assurance.login_age, facts.assurance.bound), (Some(31), false));
    assert_eq!((facts.assurance.acr.as_deref(), facts.assurance.amr.len()), (Some("high"), 1));
    assert_eq!((facts.listener, facts.credentials.as_slice()), ("public", &["jwt"][..]));

    let stranger = call_of("https://other", &claims, "/x/1", "1");
    let facts = telling.facts(&ALL, &stranger, None, NOW).unwrap();
    let caller = facts.caller.unwrap();
    assert_eq!((caller.issuer_name, caller.roles.len()), ("https://other", 0));
    assert!(facts.claims.is_empty() && facts.assurance.acr.is_none());

    let nobody = CallBuilder::get("/x/1").params(&["1"]).build();
    let facts = telling.facts(&ALL, &nobody, None, NOW).unwrap();
    assert!(facts.caller.is_none() && facts.claims.is_empty() && facts.token_left.is_none());
}

#[test]
fn what_is_not_as_declared_is_not_told() {
    let telling = telling();
    let told = |claims: &str| {
        let call = call_of("https://idp", claims, "/x/1", "1");
        telling.facts(&ALL, &call, None, NOW).map(|facts| facts.claims.len())
    };
    for good in [
        r#"{"tenant":5}"#,
        r#"{"level":-9223372036854775808}"#,
        r#"{"teams":"one"}"#,
        r#"{"teams":[]}"#,
        r#"{"staff":false}"#,
    ] {
        assert_eq!(told(good), Ok(1), "{good}");
    }
    assert_eq!(told(r#"{"tenant":null}"#), Ok(0));
    for bad in [
        r#"{"tenant":["acme"]}"#,
        r#"{"tenant":true}"#,
        r#"{"tenant":1.5}"#,
        r#"{"level":"3"}"#,
        r#"{"level":3.0}"#,
        r#"{"level":9223372036854775808}"#,
        r#"{"staff":"true"}"#,
        r#"{"teams":[["a"]]}"#,
        r#"{"teams":{}}"#,
    ] {
        assert!(told(bad).is_err(), "{bad}");
    }
    let call = call_of("https://idp", "{}", "/x/%FF", "%FF");
    assert_eq!(&*telling.facts(&ALL, &call, None, NOW).unwrap_err().what, "the parameter `id`");
}

/// What is told of a body.
fn body_of(values: &[Value], media: &str, body: &str) -> Result<Vec<(String, Term<'static>)>, String> {
    let telling = Telling { params: Box::from([]), values: values.into(), ..telling() };
    let mut call = CallBuilder::new(Method::POST, "/x").body(media, body.to_owned()).build();
    let content = read_body::read(None, &mut call);
    let facts: Result<Facts<'_>, _> = telling.facts(&ALL, &call, Some(&content), NOW);
    let owned = |term: &Term<'_>| match term {
        Term::Text(text) => Term::Text(text.clone().into_owned().into()),
        Term::Texts(all) => Term::Texts(all.iter().map(|one| one.clone().into_owned().into()).collect()),
        Term::Long(number) => Term::Long(*number),
        Term::Bool(value) => Term::Bool(*value),
    };
    let told = |facts: Facts<'_>| {
        facts.resource.iter().map(|(name, term)| ((*name).to_owned(), owned(term))).collect()
    };
    facts.map(told).map_err(|untold| untold.what.into())
}

#[test]
fn values_of_bodies_are_told_as_they_stand_and_in_one_way() {
    const JSON: &str = "application/json";
    let id = [value("owner", "/owner", Kind::Text, true)];
    let text = |text: &str| vec![(String::from("owner"), Term::Text(text.to_owned().into()))];
    assert_eq!(body_of(&id, JSON, r#"{"owner":"a"}"#), Ok(text("a")));
    assert_eq!(body_of(&id, JSON, r#"{"owner":7}"#), Ok(text("7")));
    assert_eq!(body_of(&id, JSON, r#"{"Owner":"a"}"#), Ok(text("a")), "as services read it");
    for bad in [
        r#"{"owner":"a","OWNER":"b"}"#,
        r#"{"owner":["a"]}"#,
        r#"{"owner":{"id":"a"}}"#,
        r#"{"owner":true}"#,
        r#"{"owner":null}"#,
        "{}",
        "[]",
        "7",
        "{",
    ] {
        assert!(body_of(&id, JSON, bad).is_err(), "{bad}");
    }
    assert!(body_of(&id, "text/plain", "owner").is_err());
    assert!(
        body_of(&id, "application/json-patch+json", r#"[{"op":"add","path":"/owner","value":"a"}]"#).is_err()
    );
    assert!(
        body_of(&id, JSON, r#"[{"op":"add","path":"/owner","value":"a"}]"#).is_err(),
        "a patch under another name"
    );

    let passes = [value("owner", "/owner", Kind::Text, false)];
    assert_eq!(body_of(&passes, JSON, "{}"), Ok(Vec::new()));
    assert_eq!(body_of(&passes, JSON, r#"{"owner":null}"#), Ok(Vec::new()));
    assert!(body_of(&passes, JSON, r#"{"owner":["a"]}"#).is_err());

    let all = [value("lines", "/lines/*/sku", Kind::Texts, true), value("total", "/total", Kind::Long, true)];
    let told = body_of(&all, JSON, r#"{"lines":[{"sku":"a"},{"sku":7}],"total":12}"#).unwrap();
    assert_eq!(told[0].1, Term::Texts(["a".into(), "7".into()].into_iter().collect()));
    assert_eq!(told[1].1, Term::Long(12));
    assert!(body_of(&all, JSON, r#"{"lines":[{"sku":"a"}],"total":12.0}"#).is_err());
    assert!(body_of(&all, JSON, r#"{"lines":[{"sku":{}}],"total":12}"#).is_err());
}

#[test]
fn roles_in_claims_are_told_word_by_word() {
    let roles = Roles::in_claims([ClaimPath::parse("groups").unwrap(), ClaimPath::parse("role").unwrap()]);
    let of = |claims: &str| {
        let call = call_of("https://idp", claims, "/x/1", "1");
        let told = roles.of_principal(call.principal().unwrap());
        told.iter().map(|role| role.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of(r#"{"groups":["a","b c"],"role":"d e"}"#), ["a", "b c", "d", "e"]);
    assert_eq!(of(r#"{"groups":["a",1]}"#), Vec::<String>::new(), "as `has` reads them");
}

mod compiled {
    //! Through [`super::super::compile`].

    use super::*;
    use crate::scope::{Compiled, OperationKind, OperationScope};
    use crate::security::kit::{Setup, World};

    const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers: { shop: { url: "https://idp.example.com/realms/shop" } }
apis:
  t:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    authentication: { oauth: { issuers: [shop], audience: t } }
"#;

    const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: t, version: "1" }
security: [{ oauth: [a] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://x.example/t", scopes: { a: a } } } }
paths:
  /x/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { operationId: one, responses: { "200": { description: ok } } }
    put:
      operationId: change
      requestBody: { content: { application/json: { schema: { type: object, properties: { owner: { type: string } } } } } }
      responses: { "200": { description: ok } }
"#;

    pub(super) fn of(section: &str, operation: &str) -> (Vec<Compiled>, Vec<String>) {
        let mut found = Diagnostics::new();
        let node = node(section, &mut found);
        let mut all = Vec::new();
        Setup::new(DOCUMENT, CONTRACT).attach_and(&World::new(), 0, |api| {
            let contract = api.contract.unwrap();
            let operation = contract.operations.iter().find(|one| one.id == operation).unwrap();
            let scope = OperationScope {
                api,
                kind: OperationKind::Declared,
                contract: Some(operation),
                id: &operation.id,
                method: &operation.method,
                template: &operation.template,
                params: &["id".into()],
                siblings: &[],
                websocket: false,
                section: Some(&node),
            };
            all = super::super::compile(&scope, &mut found);
        });
        (all, found.iter().map(|one| one.message.to_string()).collect())
    }

    #[test]
    fn off_is_no_control() {
        let (all, found) = of("mode: \"off\"\nlinks: { a: { template: everyone } }", "one");
        assert!(all.is_empty() && found.is_empty(), "{found:?}");
    }

    #[cfg(not(feature = "cedar"))]
    #[test]
    fn a_build_without_cedar_refuses_a_document_with_policies() {
        let (all, found) = of("links: { a: { template: everyone } }", "one");
        assert!(all.is_empty());
        assert_eq!(found, ["this build of `yett` has no policies in Cedar"]);
    }
}

#[cfg(feature = "cedar")]
mod decided {
    //! Through the control, at its stages.

    use engine::{Step, Verdict};
    use state::MemoryCells;
    use testkit::{FakeClock, core};

    use super::compiled::of;
    use super::*;
    use crate::security::kit::SHOP;

    fn says(section: &str, operation: &str, mut call: Call) -> String {
        let (all, found) = of(section, operation);
        assert_eq!((all.len(), found), (1, Vec::new()), "{section}");
        let control = Arc::clone(&all[0].control);
        let needs = control.needs();
        let attached = control.attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
        let step = if needs.body { attached.body(&mut call) } else { attached.head(&mut call) };
        let Step::Done(verdict) = step else { panic!("policies do not wait") };
        match verdict {
            Verdict::Note(note) => note.into(),
            Verdict::Refuse(refusal) => format!("{}: {}", refusal.code.name, refusal.detail),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_speaks_at_the_head_and_of_values_of_the_body_at_the_body() {
        let links =
            "links: { all: { template: everyone }, own: { template: tenants, resource: id, claim: tenant } }";
        let section = format!("claims: {{ tenant: string }}\n{links}");
        let call = |claims: &str| call_of(SHOP, claims, "/x/acme", "acme");
        assert_eq!(says(&section, "one", call(r#"{"tenant":"acme"}"#)), "permitted by `all`");
        assert_eq!(says(&section, "one", call(r#"{"tenant":"other"}"#)), "policy_denied: forbidden by `own`");
        assert_eq!(says(&section, "one", call("{}")), "policy_denied: forbidden by `own`");
        assert_eq!(
            says(&section, "one", call(r#"{"tenant":["acme"]}"#)),
            "policy_undecided: the claim `tenant` is not of the type that is declared for it"
        );
        let section = section.replace("resource: id", "resource: owner")
            + "\nbody: { owner: /owner }\nrefuse: not_found";
        let put = |body: &str| {
            let mut call =
                CallBuilder::new(Method::PUT, "/x/1").params(&["1"]).principal(SHOP, "alice", None);
            call = call.body("application/json", body.to_owned());
            let mut call = call.build();
            call.proofs[0].principal =
                Arc::clone(&call_of(SHOP, r#"{"tenant":"acme"}"#, "/x/1", "1").proofs[0].principal);
            call
        };
        assert_eq!(says(&section, "change", put(r#"{"owner":"acme"}"#)), "permitted by `all`");
        assert_eq!(says(&section, "change", put(r#"{"owner":"x"}"#)), "policy_not_found: forbidden by `own`");
        assert_eq!(says(&section, "change", put("{}")), "policy_undecided: `owner` of the body is not there");
        assert_eq!(says(&section, "one", call("{}")), "permitted by `all`", "which has no body");
    }

    #[test]
    fn what_permits_nothing_is_a_warning_and_refuses() {
        let (all, found) = of("links: { a: { template: read_only } }", "one");
        assert_eq!(all.len(), 1);
        assert_eq!(found, ["no policy permits `one`, so that every call to it is refused"]);
        let (_, found) = of("links: { a: { template: roles, roles: [b], actions: [two] } }", "one");
        assert_eq!(found, ["the API has no operation and no group `two`"]);
    }
}
