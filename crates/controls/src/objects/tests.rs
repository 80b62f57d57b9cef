//! What a binding comes to for an operation, and what it says of calls; hostile forms are put to the binary in `yett/tests/calls/objects.rs`.

use std::sync::Arc;

use diagnostics::{Diagnostics, Sources};
use engine::{Attached, Call, Principal, Step, Verdict};
use http::Method;
use state::MemoryCells;
use tape::{Bounds, Tape};
use testkit::{CallBuilder, FakeClock, core};

use crate::scope::{Compiled, OperationKind, OperationScope};
use crate::security::kit::{Reply, SHOP, STAFF, Setup, World};

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
  /c/{id}: { get: { operationId: one, parameters: [{ name: id, in: path, required: true, schema: { type: string } }], responses: { "200": { description: ok } } } }
  /list: { get: { operationId: list, parameters: [{ name: id, in: query, schema: { type: string } }], responses: { "200": { description: ok } } } }
  /open: { get: { operationId: open, security: [], parameters: [{ name: id, in: query, schema: { type: string } }], responses: { "200": { description: ok } } } }
  /plain: { get: { operationId: plain, responses: { "200": { description: ok } } } }
  /body:
    post:
      operationId: body
      requestBody:
        content:
          application/json: { schema: { type: object, properties: { id: { type: string } } } }
          text/plain: { schema: { type: string } }
      responses: { "200": { description: ok } }
  /replace/{customer_id}:
    put:
      operationId: replace
      parameters:
        - { name: customer_id, in: path, required: true, schema: { type: string } }
        - { name: where, in: query, style: deepObject, schema: { type: object, properties: { customer_id: { type: string } } } }
        - { name: Customer_ID, in: header, schema: { type: string } }
      requestBody: { content: { application/json: { schema: { type: object, properties: { customer_id: { type: string }, orders: { type: array, items: { type: object, properties: { Customer_Id: { type: string } } } } } } } } }
      responses: { "200": { description: ok } }
  /any: { post: { operationId: any, requestBody: { content: { "*/*": {} } }, responses: { "200": { description: ok } } } }
  /words: { post: { operationId: words, requestBody: { content: { text/plain: { schema: { type: string } } } }, responses: { "200": { description: ok } } } }
  /deep: { get: { operationId: deep, parameters: [{ name: filter, in: query, style: deepObject, schema: { type: object, additionalProperties: false, properties: { id: { type: string } } } }], responses: { "200": { description: ok } } } }
  /other: { get: { operationId: other, parameters: [{ name: filter, in: query, style: deepObject, schema: { type: object, additionalProperties: false, properties: { status: { type: string } } } }], responses: { "200": { description: ok } } } }
  /flat: { get: { operationId: flat, parameters: [{ name: "filter[id]", in: query, schema: { type: string } }, { name: "filter[status]", in: query, schema: { type: string } }], responses: { "200": { description: ok } } } }
  /patch: { patch: { operationId: patch, requestBody: { content: { application/json: { schema: { type: array, items: { type: object } } } } }, responses: { "200": { description: ok } } } }
  /many: { post: { operationId: many, requestBody: { content: { application/json: { schema: { type: object, properties: { ids: { type: array, items: { type: string } } } } } } }, responses: { "200": { description: ok } } } }
  /orders: { post: { operationId: orders, requestBody: { content: { application/json: { schema: { type: object, properties: { customer_id: { type: string }, billed: { type: object, properties: { customer_id: { type: string } } } } } } } }, responses: { "200": { description: ok } } } }
  /search: { get: { operationId: search, parameters: [{ name: doc, in: query, content: { application/json: { schema: { type: object, properties: { customer_id: { type: string } } } } } }, { name: find, in: query, style: deepObject, schema: { type: object, properties: { customer_id: { type: string } } } }], responses: { "200": { description: ok } } } }
  /json-patch: { patch: { operationId: jsonPatch, requestBody: { content: { application/json-patch+json: { schema: { type: array, items: { type: object } } } } }, responses: { "200": { description: ok } } } }
  /two: { get: { operationId: two, parameters: [{ name: customer_id, in: query, schema: { type: string } }, { name: "customer_id[]", in: query, schema: { type: array, items: { type: string } } }], responses: { "200": { description: ok } } } }
  /tags: { post: { operationId: tags, requestBody: { content: { application/json: { schema: { type: array, items: { type: string } } } } }, responses: { "200": { description: ok } } } }
"#;

/// What a section comes to for an operation of the contract, and the codes of what is wrong with it.
fn compiled(section: &str, operation: &str, kind: OperationKind) -> (Vec<Compiled>, Vec<&'static str>) {
    let mut found = Diagnostics::new();
    let mut sources = Sources::default();
    let file = sources.add("section.yaml", section);
    let node = spec::parse(section, file, &mut found).unwrap();
    super::check_section(&node, &mut found);
    let mut all = Vec::new();
    Setup::new(DOCUMENT, CONTRACT).attach_and(&World::new(), 0, |api| {
        let contract = api.contract.unwrap();
        let operation = contract.operations.iter().find(|one| one.id == operation).unwrap();
        let params: Vec<Box<str>> = match operation.template.split_once('{') {
            Some((_, name)) => vec![name.trim_end_matches('}').into()],
            None => Vec::new(),
        };
        let scope = OperationScope {
            api,
            kind,
            contract: Some(operation),
            id: &operation.id,
            method: &operation.method,
            template: &operation.template,
            params: &params,
            siblings: &[],
            websocket: false,
            section: Some(&node),
        };
        all = super::compile(&scope, &mut found);
    });
    (all, found.iter().map(|diagnostic| diagnostic.code).collect())
}

fn section(place: &str) -> String {
    format!(
        "bindings: {{ own: {{ claim: ids, places: [{place}], except: [boss, {{ claims: {{ level: 9 }} }}] }} }}"
    )
}

const PATH: &str = "{ in: path, name: id }";
const QUERY: &str = "{ in: query, name: id }";
const BODY: &str = "{ in: body, pointer: /id }";

#[test]
fn wrong_bindings_are_told() {
    for (section, operation, code) in [
        (section("{ in: path, name: other }"), "one", "objects"),
        (section("{ in: query, name: other }"), "list", "objects"),
        (section("{ in: header, name: id }"), "list", "objects"),
        (section("{ in: query, name: filter, pointer: /a/b }"), "deep", "objects"),
        (section("{ in: body, pointer: /a/b/c, name: x }"), "body", "objects"),
        (section("{ in: body }"), "body", "objects"),
        (section("{ in: query }"), "list", "objects"),
        (section(""), "list", "objects"),
        (section("{ in: body, pointer: id }"), "body", "invalid-value"),
        (section("{ in: body, pointer: /id, absent: maybe }"), "body", "unknown-value"),
        (section(QUERY).replace("claim: ids", "claim: a.b"), "list", "invalid-value"),
        (section(QUERY), "open", "objects-without-security"),
    ] {
        let (_, codes) = compiled(&section, operation, OperationKind::Declared);
        assert!(codes.contains(&code), "{section}: {codes:?}");
    }
    for place in [PATH, QUERY, BODY, "{ in: body, pointer: /id, absent: pass }"] {
        let (_, codes) = compiled(&section(place), "one", OperationKind::Declared);
        assert_eq!(codes, Vec::<&str>::new(), "{place}");
    }
}

#[test]
fn places_that_nothing_declares_are_told() {
    for (place, codes) in [
        ("{ in: body, pointer: /idd }", &["objects"][..]),
        ("{ in: body, pointer: /idd, undeclared: true }", &[]),
        ("{ in: query, name: doc, pointer: /customer }", &["objects"]),
        ("{ in: query, name: doc, pointer: /customer, undeclared: true }", &[]),
        // What no schema leaves room is wrong whatever is said.
        ("{ in: query, name: filter, pointer: /a, undeclared: true }", &["objects"]),
    ] {
        assert_eq!(compiled(&section(place), "body", OperationKind::Declared).1, codes, "{place}");
    }
}

/// A name that is bound in one place and stands in others too.
#[test]
fn what_no_place_guards_is_told() {
    let told = |places: &str, operation: &str| {
        let (_, codes) = compiled(&section(places), operation, OperationKind::Declared);
        codes
    };
    let (path, body, batch) = (
        "{ in: path, name: customer_id }",
        "{ in: body, pointer: /customer_id }",
        "{ in: body, pointer: /orders/*/customer_id }",
    );
    let (filter, header) =
        ("{ in: query, name: where, pointer: /customer_id }", "{ in: header, name: Customer_Id }");
    let warned = ["objects-unguarded"];
    assert_eq!(told(path, "replace"), warned);
    assert_eq!(told(&format!("{path}, {body}"), "replace"), warned);
    assert_eq!(told(&format!("{path}, {body}, {batch}"), "replace"), warned);
    assert_eq!(told(&format!("{path}, {body}, {batch}, {filter}"), "replace"), warned);
    let all = format!("{path}, {body}, {batch}, {filter}, {header}");
    assert_eq!(told(&all, "replace"), Vec::<&str>::new());
    assert_eq!(told(&all.replace("/*/", "/-/"), "replace"), Vec::<&str>::new());
    assert_eq!(told(&all.replace("/orders/*", "/orders/0"), "replace"), warned, "one of many");
    // Two parameters that are one to some services.
    let (one, other) = ("{ in: query, name: customer_id }", "{ in: query, name: \"customer_id[]\" }");
    assert_eq!(told(one, "two"), warned);
    assert_eq!(told(&format!("{one}, {other}"), "two"), Vec::<&str>::new());
    // Without a name of its own an id may be anything's.
    assert_eq!(told(PATH, "body"), Vec::<&str>::new());
}

#[test]
fn operations_have_what_of_it_they_carry() {
    let needs = |place: &str, operation: &str| {
        let (all, _) = compiled(&section(place), operation, OperationKind::Declared);
        all.first().map(|one| {
            let needs = one.control.needs();
            (needs.head, needs.body)
        })
    };
    assert_eq!(needs(PATH, "one"), Some((true, false)));
    assert_eq!(needs(PATH, "list"), None, "an operation without the parameter has nothing to check");
    assert_eq!(needs(QUERY, "list"), Some((true, false)));
    assert_eq!(needs(QUERY, "plain"), Some((true, false)), "what is undeclared may be let through");
    assert_eq!(needs(BODY, "body"), Some((false, true)));
    assert_eq!(needs(BODY, "plain"), Some((true, false)), "a body where none is declared");
    let head = compiled(&section(PATH), "one", OperationKind::ImpliedHead).0;
    assert_eq!(head.len(), 1, "HEAD is as its GET");
    assert!(compiled(&section(PATH), "one", OperationKind::ImpliedOptions).0.is_empty());
    let off = "mode: off\nbindings: { own: { claim: ids, places: [{ in: path, name: id }] } }";
    assert!(compiled(off, "one", OperationKind::Declared).0.is_empty());
}

fn attached(place: &str, operation: &str) -> Box<dyn Attached> {
    let (all, codes) = compiled(&section(place), operation, OperationKind::Declared);
    assert_eq!(codes, Vec::<&str>::new(), "{place}");
    let control = Arc::clone(&all.first().unwrap().control);
    control.attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

fn caller(call: CallBuilder, claims: &str, roles: &[&str]) -> Call {
    let mut call = call.principal(SHOP, "s", None).build();
    let principal = Arc::unwrap_or_clone(Arc::clone(&call.proofs[0].principal));
    let claims = Arc::new(Tape::parse(claims.to_owned().into(), &Bounds::default()).unwrap());
    let roles = roles.iter().map(|role| Box::from(*role)).collect();
    call.proofs[0].principal = Arc::new(Principal { claims, roles, ..principal });
    call
}

fn code(step: Step<'_>) -> &'static str {
    match step {
        Step::Done(verdict) => said(&verdict),
        other => panic!("{other:?}"),
    }
}

fn said(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "ok",
        Verdict::Refuse(refusal) => refusal.code.name,
        other => panic!("{other:?}"),
    }
}

const REFUSED: &str = "object_forbidden";

#[test]
fn claims_say_whose_an_id_is() {
    let control = attached(PATH, "one");
    for (claims, roles, expected) in [
        (r#"{"ids":"c1"}"#, &[][..], "ok"),
        (r#"{"ids":["c0","c1"]}"#, &[], "ok"),
        (r#"{"ids":["c0",["c1"],{"c1":1},null]}"#, &[], REFUSED),
        (r#"{"ids":"C1"}"#, &[], REFUSED),
        (r#"{"ids":{"c1":true}}"#, &[], REFUSED),
        (r#"{"ids":null}"#, &[], REFUSED),
        (r#"{}"#, &[], REFUSED),
        (r#"{}"#, &["boss"], "ok"),
        (r#"{"level":9}"#, &[], "ok"),
        (r#"{"level":8}"#, &["bos"], REFUSED),
    ] {
        let mut call = caller(CallBuilder::get("/c/c1").params(&["c1"]), claims, roles);
        assert_eq!(code(control.head(&mut call)), expected, "{claims} {roles:?}");
    }
    // What another issuer says of its own users.
    for (issuer, expected) in [(SHOP, "ok"), (STAFF, REFUSED)] {
        for (claims, role) in [(r#"{"ids":"c1"}"#, ""), ("{}", "boss"), (r#"{"level":9}"#, "")] {
            let mut call = caller(CallBuilder::get("/c/c1").params(&["c1"]), claims, &[role]);
            let principal = Arc::unwrap_or_clone(Arc::clone(&call.proofs[0].principal));
            call.proofs[0].principal = Arc::new(Principal { issuer: issuer.into(), ..principal });
            assert_eq!(code(control.head(&mut call)), expected, "{issuer} {claims} {role}");
        }
    }
    let mut anonymous = CallBuilder::get("/c/c1").params(&["c1"]).build();
    assert_eq!(code(control.head(&mut anonymous)), REFUSED);
}

#[test]
fn what_is_absent_is_refused_where_it_is_declared() {
    let claims = r#"{"ids":"c1"}"#;
    let pass = "{ in: query, name: id, absent: pass }";
    for (place, operation, target, expected) in [
        (QUERY, "list", "/list", REFUSED),
        (QUERY, "list", "/list?id=c1", "ok"),
        (QUERY, "list", "/list?id=", REFUSED),
        (QUERY, "plain", "/plain", "ok"),
        (QUERY, "plain", "/plain?id=c1", "ok"),
        (QUERY, "plain", "/plain?id=c2", REFUSED),
        (pass, "list", "/list", "ok"),
        (pass, "list", "/list?id=c2", REFUSED),
    ] {
        let mut call = caller(CallBuilder::get(target), claims, &[]);
        assert_eq!(code(attached(place, operation).head(&mut call)), expected, "{place} {target}");
    }
    // A parameter that stands in the contract as it is written is the place too.
    let filter = "{ in: query, name: filter, pointer: /id }";
    let pass = "{ in: query, name: filter, pointer: /id, absent: pass }";
    for (place, operation, target, expected) in [
        (filter, "deep", "/deep?filter[id]=c1", "ok"),
        (filter, "deep", "/deep?filter[id]=c2", REFUSED),
        (filter, "deep", "/deep", REFUSED),
        (filter, "flat", "/flat?filter[id]=c1&filter[status]=x", "ok"),
        (filter, "flat", "/flat?filter[id]=c2", REFUSED),
        (filter, "flat", "/flat?filter[status]=x", REFUSED),
        (pass, "flat", "/flat?filter[status]=x", "ok"),
        (filter, "other", "/other?filter[status]=x", "ok"),
        (filter, "other", "/other?filter[id]=c2", REFUSED),
        (filter, "plain", "/plain?filter[id]=c2", REFUSED),
        (pass, "flat", "/flat?filter[ID]=c2", REFUSED),
        (pass, "flat", "/flat?filter=id:c2", REFUSED),
    ] {
        let mut call = caller(CallBuilder::get(target), claims, &[]);
        assert_eq!(code(attached(place, operation).head(&mut call)), expected, "{place} {target}");
    }
}

#[test]
fn bodies_are_read_as_what_they_may_be() {
    let claims = r#"{"ids":"c1"}"#;
    let pass = "{ in: body, pointer: /id, absent: pass }";
    let json = "application/json";
    for (place, operation, media, body, expected) in [
        (BODY, "body", json, r#"{"id":"c1"}"#, "ok"),
        (BODY, "body", json, r#"{"id":"c2"}"#, REFUSED),
        (BODY, "body", json, "{}", REFUSED),
        (BODY, "body", json, r#"{"id":null}"#, REFUSED),
        (BODY, "body", json, "", REFUSED),
        (BODY, "body", "text/plain", "c2", REFUSED),
        (pass, "body", json, "{}", "ok"),
        (pass, "body", json, r#"{"id":null}"#, "ok"),
        (pass, "body", json, "", "ok"),
        (pass, "body", json, r#"{"id":"c2"}"#, REFUSED),
        (pass, "body", json, "{", REFUSED),
        // A range takes text, in which a service may find JSON; where only text is declared there is no such place.
        (BODY, "any", json, r#"{"id":"c1"}"#, "ok"),
        (BODY, "any", "text/plain", r#"{"id":"c2"}"#, REFUSED),
        (BODY, "any", "application/x-json", r#"{"id":"c2"}"#, REFUSED),
        (BODY, "words", "text/plain", r#"{"id":"c2"}"#, "ok"),
        // A schema without such a place: a list is no object that lost its id.
        (BODY, "tags", json, r#"["c2"]"#, "ok"),
        (BODY, "tags", json, r#"{"id":"c2"}"#, REFUSED),
    ] {
        let target = format!("/{operation}");
        let mut call = caller(CallBuilder::new(Method::POST, &target).body(media, body), claims, &[]);
        assert_eq!(code(attached(place, operation).body(&mut call)), expected, "{place} {media} {body}");
    }
    // Some services take a patch for what it is, whatever it is called.
    for (body, expected) in [
        (r#"[{"op":"replace","path":"/id","value":"c1"}]"#, "ok"),
        (r#"[{"op":"replace","path":"/id","value":"c2"}]"#, REFUSED),
        (r#"[{"op":"add","path":"/name","value":"c2"}]"#, "ok"),
        (r#"[{"name":"c2"}]"#, "ok"),
        ("[]", "ok"),
    ] {
        let call = CallBuilder::new(Method::PATCH, "/patch").body(json, body);
        let mut call = caller(call, claims, &[]);
        assert_eq!(code(attached(BODY, "patch").body(&mut call)), expected, "{body}");
    }
}

#[test]
fn a_list_of_no_ids_names_no_object() {
    let claims = r#"{"ids":"c1"}"#;
    let (refuse, pass) = ("{ in: body, pointer: /ids/* }", "{ in: body, pointer: /ids/*, absent: pass }");
    for (place, body, expected) in [
        (refuse, r#"{"ids":[]}"#, REFUSED),
        (refuse, r#"{"ids":["c1"]}"#, "ok"),
        (refuse, r#"{"ids":["c1","c2"]}"#, REFUSED),
        (pass, r#"{"ids":[]}"#, "ok"),
    ] {
        let call = CallBuilder::new(Method::POST, "/many").body("application/json", body);
        let mut call = caller(call, claims, &[]);
        assert_eq!(code(attached(place, "many").body(&mut call)), expected, "{place} {body}");
    }
}

/// What takes the place of the whole takes the id away where it has none.
#[test]
fn patches_from_above_keep_the_id() {
    let claims = r#"{"ids":"c1"}"#;
    let (refuse, pass) =
        ("{ in: body, pointer: /customer_id }", "{ in: body, pointer: /customer_id, absent: pass }");
    let (lines, batch) = (
        "{ in: body, pointer: /lines/*/id, undeclared: true }",
        "{ in: body, pointer: /lines/*/id, absent: pass, undeclared: true }",
    );
    for (place, body, expected) in [
        (refuse, r#"[{"op":"replace","path":"","value":{"name":"x"}}]"#, REFUSED),
        (refuse, r#"[{"op":"add","path":"","value":null}]"#, REFUSED),
        (refuse, r#"[{"op":"replace","path":"","value":{"customer_id":"c1"}}]"#, "ok"),
        (refuse, r#"[{"op":"replace","path":"","value":{"customer_id":"c2"}}]"#, REFUSED),
        (pass, r#"[{"op":"replace","path":"","value":{"name":"x"}}]"#, "ok"),
        (lines, r#"[{"op":"replace","path":"/lines","value":[]}]"#, REFUSED),
        (lines, r#"[{"op":"replace","path":"/lines/0","value":{}}]"#, REFUSED),
        (lines, r#"[{"op":"replace","path":"/lines","value":[{"id":"c1"}]}]"#, "ok"),
        (batch, r#"[{"op":"replace","path":"/lines","value":[]}]"#, "ok"),
        // What is asked is not changed.
        (refuse, r#"[{"op":"test","path":"","value":{"name":"x"}}]"#, "ok"),
    ] {
        let call = CallBuilder::new(Method::PATCH, "/json-patch").body("application/json-patch+json", body);
        let mut call = caller(call, claims, &[]);
        assert_eq!(code(attached(place, "jsonPatch").body(&mut call)), expected, "{place} {body}");
    }
}

/// An id under its own name where nothing declares it is one that a service may go by.
#[test]
fn ids_elsewhere_in_a_value_are_the_caller_s_own_too() {
    let claims = r#"{"ids":["c1","c2"]}"#;
    let (doc, filter) = (
        "{ in: query, name: doc, pointer: /customer_id }",
        "{ in: query, name: find, pointer: /customer_id }",
    );
    for (place, target, expected) in [
        (doc, r#"doc={"customer_id":"c1","or":[{"customer_id":"c9"}]}"#, REFUSED),
        (doc, r#"doc={"customer_id":"c1","or":[{"Customer\u005fId":"c9"}]}"#, REFUSED),
        (doc, r#"doc={"customer_id":"c1","or":[{"customer_id":{"ne":"c1"}}]}"#, REFUSED),
        (doc, r#"doc={"customer_id":"c1","or.customer_id":"c9"}"#, REFUSED),
        (doc, r#"doc={"customer_id":"c1","or":[{"customer_id":"c2"}]}"#, "ok"),
        (doc, r#"doc={"customer_id":"c1","or":[{"status":"c9"}]}"#, "ok"),
        (filter, "find[customer_id]=c1&find[or][0][customer_id]=c9", REFUSED),
        (filter, "find[or][customer_id]=c9&find[customer_id]=c1", REFUSED),
        (filter, "find[customer_id]=c1&find[status]=x", "ok"),
    ] {
        let encoded = target.replace('"', "%22").replace('{', "%7B").replace('}', "%7D").replace('\\', "%5C");
        let mut call = caller(CallBuilder::get(&format!("/search?{encoded}")), claims, &[]);
        let both = format!("{place}, {}", if place == doc { filter } else { doc });
        let both = both.replace(" }", ", absent: pass }");
        assert_eq!(code(attached(&both, "search").head(&mut call)), expected, "{target}");
    }
    let (body, billed) =
        ("{ in: body, pointer: /customer_id }", "{ in: body, pointer: /billed/customer_id, absent: pass }");
    let places = format!("{body}, {billed}");
    for (body, expected) in [
        (r#"{"customer_id":"c1","where":{"customer_id":"c9"}}"#, REFUSED),
        (r#"{"customer_id":"c1","where":[[{"customer_id":["c1","c9"]}]]}"#, REFUSED),
        (r#"{"customer_id":"c1","where":{"customer_id":"c2"}}"#, "ok"),
        (r#"{"customer_id":"c1","billed":{"customer_id":null}}"#, "ok"),
        (r#"{"customer_id":"c1","billed":{"customer_id":"c9"}}"#, REFUSED),
    ] {
        let call = CallBuilder::new(Method::POST, "/orders").body("application/json", body);
        let mut call = caller(call, claims, &[]);
        assert_eq!(code(attached(&places, "orders").body(&mut call)), expected, "{body}");
    }
    // What only says `id` may be of anything in a body.
    let call =
        CallBuilder::new(Method::POST, "/body").body("application/json", r#"{"id":"c1","line":{"id":"c9"}}"#);
    assert_eq!(code(attached(BODY, "body").body(&mut caller(call, claims, &[]))), "ok");
}

#[test]
fn bindings_have_modes_of_their_own() {
    let of = |section: &str| -> Vec<(engine::Mode, Option<String>)> {
        let (all, codes) = compiled(section, "list", OperationKind::Declared);
        assert!(codes.is_empty(), "{section}: {codes:?}");
        all.iter().map(|one| (one.mode, one.control.rule().map(str::to_owned))).collect()
    };
    let bindings = |mode: &str, first: &str, second: &str| {
        let own = |mode: &str| if mode.is_empty() { String::new() } else { format!("mode: '{mode}', ") };
        let binding = |mode| format!("{{ {}claim: ids, places: [{QUERY}] }}", own(mode));
        format!(
            "{}bindings: {{ a: {}, b: {} }}",
            own(mode).replace(", ", "\n"),
            binding(first),
            binding(second)
        )
    };
    let (shadow, enforce) = (engine::Mode::Shadow, engine::Mode::Enforce);
    let rule = |name: &str| Some(format!("bindings.{name}"));
    for (modes, expected) in [
        (["", "", ""], vec![(enforce, None)]),
        (["", "shadow", ""], vec![(shadow, rule("a")), (enforce, None)]),
        (["", "shadow", "shadow"], vec![(shadow, rule("a")), (shadow, rule("b"))]),
        (["", "off", "shadow"], vec![(shadow, rule("b"))]),
        (["", "off", "off"], vec![]),
        (["shadow", "", ""], vec![(shadow, None)]),
        (["shadow", "enforce", ""], vec![(shadow, None), (enforce, None)]),
        (["shadow", "shadow", ""], vec![(shadow, rule("a")), (shadow, None)]),
        // What is off as a whole is off, whatever its bindings say.
        (["off", "enforce", "shadow"], vec![]),
    ] {
        let section = bindings(modes[0], modes[1], modes[2]);
        assert_eq!(of(&section), expected, "{section}");
    }
    let long = section(QUERY).replace("own: {", &format!("{}: {{ mode: shadow,", "x".repeat(101)));
    assert_eq!(compiled(&long, "list", OperationKind::Declared).1, ["invalid-value"]);
}

/// An id at a place of a binding that is in shadow is still one under its own name elsewhere to those that are enforced.
#[test]
fn a_binding_in_shadow_takes_nothing_from_those_that_are_enforced() {
    let said = |mode: &str, body: &'static str| -> Vec<(engine::Mode, &'static str)> {
        let places = "{ in: body, pointer: /where/customer_id, absent: pass, undeclared: true }";
        let section = format!(
            "bindings:\n  own: {{ claim: ids, places: [{{ in: body, pointer: /customer_id }}] }}\n  \
             other: {{ mode: {mode}, claim: others, places: [{places}] }}"
        );
        let judge = |one: &Compiled| {
            let call = CallBuilder::new(Method::POST, "/orders").body("application/json", body);
            let mut call = caller(call, r#"{"ids":"c1","others":"o1"}"#, &[]);
            let core = core(&FakeClock::new(), &Arc::new(MemoryCells::new()));
            (one.mode, code(Arc::clone(&one.control).attach(&core).body(&mut call)))
        };
        compiled(&section, "orders", OperationKind::Declared).0.iter().map(judge).collect()
    };
    let (shadow, enforce) = (engine::Mode::Shadow, engine::Mode::Enforce);
    let (of_other, of_nobody) = (
        r#"{"customer_id":"c1","where":{"customer_id":"o1"}}"#,
        r#"{"customer_id":"c1","where":{"customer_id":"c9"}}"#,
    );
    assert_eq!(said("shadow", of_other), [(shadow, "ok"), (enforce, REFUSED)]);
    assert_eq!(said("off", of_other), [(enforce, REFUSED)]);
    assert_eq!(said("enforce", of_other), [(enforce, "ok")]);
    assert_eq!(said("enforce", of_nobody), [(enforce, REFUSED)]);
    assert_eq!(said("shadow", of_nobody), [(shadow, REFUSED), (enforce, REFUSED)]);
}

/// What a service is asked about, and what a live stream is told that comes again.
#[test]
fn whose_an_object_is_is_asked_once_and_a_live_stream_finds_the_answer() {
    const URL: &str = "http://127.0.0.1:9/orders/c1/owner";
    let section = |more: &str| {
        format!(
            "bindings: {{ own: {{ claim: ids, places: [{PATH}], owner: {{ lookup: {{ url: 'http://127.0.0.1:9/orders/{{id}}/owner', pointer: /o{more} }} }} }} }}"
        )
    };
    let (world, json) =
        (World::new(), |owner: &str| Reply::Media(200, "application/json", format!("{{\"o\":{owner}}}")));
    let attach = |more: &str| {
        let (mut controls, codes) = compiled(&section(more), "one", OperationKind::Declared);
        assert_eq!(codes, Vec::<&str>::new());
        controls.remove(0).control.attach(&world.core(0))
    };
    let call = || caller(CallBuilder::get("/v1/c/c1").params(&["c1"]), r#"{"ids":["u1","u2"]}"#, &[]);
    // The verdict on a call, and whether it waited for it.
    let head = |control: &dyn Attached, call: &mut Call| {
        let mut future = match control.head(call) {
            Step::Done(verdict) => return (said(&verdict), false),
            Step::Wait(future) => future,
            other => panic!("{other:?}"),
        };
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        world.side.run();
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(verdict) => (said(&verdict), true),
            std::task::Poll::Pending => panic!("it was answered"),
        }
    };
    world.net.set(URL, json("\"u2\""));
    let control = attach("");
    let mut live = call();
    assert_eq!(head(&*control, &mut live), ("ok", true));
    // What is not remembered is asked about again, but for a live stream, which looks for what was said in the last seconds.
    assert_eq!(head(&*control, &mut live), ("ok", false));
    assert_eq!(head(&*control, &mut call()), ("ok", true));
    assert_eq!(world.net.asked(URL), 2);
    world.pass(std::time::Duration::from_secs(4));
    world.net.set(URL, json("\"u9\""));
    assert_eq!(head(&*control, &mut live), (REFUSED, true));
    assert_eq!(head(&*control, &mut live), (REFUSED, false));
    world.pass(std::time::Duration::from_secs(4));
    // That there was no answer is nothing to go by.
    world.net.set(URL, Reply::Status(500));
    for _ in 0..2 {
        assert_eq!(head(&*control, &mut live), ("owner_unavailable", true));
    }
    assert_eq!(
        head(&*control, &mut call()),
        ("owner_unavailable", false),
        "for a second it is not asked again"
    );
    world.pass(std::time::Duration::from_secs(2));
    // Remembered: for as long as `max_age`, and that there is none for a second.
    let control = attach(", max_age: 60s");
    world.net.set(URL, json("[\"u8\", \"u1\"]"));
    let asked = world.net.asked(URL);
    assert_eq!(head(&*control, &mut call()), ("ok", true));
    world.pass(std::time::Duration::from_secs(59));
    assert_eq!(head(&*control, &mut call()), ("ok", false));
    world.pass(std::time::Duration::from_secs(2));
    world.net.set(URL, json("null"));
    assert_eq!(head(&*control, &mut call()), (REFUSED, true));
    assert_eq!(head(&*control, &mut call()), (REFUSED, false));
    world.pass(std::time::Duration::from_secs(2));
    assert_eq!(head(&*control, &mut call()), (REFUSED, true));
    assert_eq!(world.net.asked(URL) - asked, 3);
}

#[test]
fn wrong_owners_are_told() {
    let owner =
        |owner: &str| format!("bindings: {{ own: {{ claim: ids, places: [{PATH}], owner: {owner} }} }}");
    let lookup =
        |url: &str, more: &str| owner(&format!("{{ lookup: {{ url: '{url}', pointer: /o{more} }} }}"));
    let good = "http://127.0.0.1:9/orders/{id}";
    for (section, code) in [
        (owner("{}"), "objects"),
        (owner(&format!("{{ table: a.json, lookup: {{ url: '{good}', pointer: /o }} }}")), "objects"),
        (owner("{ file: a.json }"), "unknown-key"),
        (lookup("http://127.0.0.1:9/orders", ""), "objects"),
        (lookup("http://127.0.0.1:9/{id}/{id}", ""), "objects"),
        (lookup("http://{id}/orders", ""), "objects"),
        (lookup("http://127.0.0.1:{id}/orders", ""), "objects"),
        (lookup("http://a{id}:80/x", ""), "objects"),
        (lookup("http://127.0.0.1:9/orders?id={id}", ""), "objects"),
        (lookup("ftp://127.0.0.1/{id}", ""), "objects"),
        (lookup(good, "/*"), "objects"),
        (lookup(good, ", deadline: 6s"), "invalid-value"),
        (lookup(good, ", max_age: 1h"), "invalid-value"),
        (lookup("http://192.0.2.1/orders/{id}", ", token: 'env:T'"), "insecure-url"),
    ] {
        let (_, codes) = compiled(&section, "one", OperationKind::Declared);
        assert!(codes.contains(&code), "{section}: {codes:?}");
    }
    for url in [good, "https://192.0.2.1/orders/{id}", "http://192.0.2.1/{id}/owner"] {
        assert_eq!(compiled(&lookup(url, ""), "one", OperationKind::Declared).1, Vec::<&str>::new(), "{url}");
    }
}
