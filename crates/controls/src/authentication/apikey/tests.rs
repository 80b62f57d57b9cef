//! API keys by place, by what their table says, and beside tokens. Each refusal has its twin that passes.

use std::collections::HashMap;
use std::sync::Arc;

use credentials::{Entry, HashKey, NEVER, NewKey, Presented, Published, Table, Usage};
use engine::Clock;

use super::{ISSUER, published};
use crate::security::kit::{Ended, Gateway, NOW, Setup, World};

const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers:
  shop: { url: "https://idp.example.com/realms/shop" }
apis:
  orders:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    authentication:
      head: { source: applications }
      query: { source: applications }
      cookie: { source: applications }
      bearer: { source: applications }
      custom: { source: applications }
      field: { source: applications }
      kept: { source: applications, forward: true }
      shop: { issuers: [shop], audience: orders }
    unsecured: authenticated
    operations:
      required: { authorization: { require: { scopes: "orders:audit" } } }
"#;

const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: Orders, version: "1" }
components:
  securitySchemes:
    head: { type: apiKey, in: header, name: X-Key }
    query: { type: apiKey, in: query, name: "api key" }
    cookie: { type: apiKey, in: cookie, name: key }
    bearer: { type: http, scheme: bearer }
    custom: { type: http, scheme: ApiKey }
    field: { type: apiKey, in: header, name: Authorization }
    kept: { type: apiKey, in: header, name: X-Kept }
    shop: { type: openIdConnect, openIdConnectUrl: "https://idp.example.com/realms/shop/.well-known/openid-configuration" }
paths:
  /head: { get: { operationId: head, security: [{ head: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /query: { get: { operationId: query, security: [{ query: [] }], responses: { "200": { description: ok } } } }
  /cookie: { get: { operationId: cookie, security: [{ cookie: [] }], responses: { "200": { description: ok } } } }
  /bearer: { get: { operationId: bearer, security: [{ bearer: [] }], responses: { "200": { description: ok } } } }
  /custom: { get: { operationId: custom, security: [{ custom: [] }], responses: { "200": { description: ok } } } }
  /field: { get: { operationId: field, security: [{ field: [] }], responses: { "200": { description: ok } } } }
  /kept: { get: { operationId: kept, security: [{ kept: [] }], responses: { "200": { description: ok } } } }
  /places: { get: { operationId: places, security: [{ head: [] }, { query: [] }], responses: { "200": { description: ok } } } }
  /or: { get: { operationId: or, security: [{ head: [] }, { bearer: [] }, { shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /and: { get: { operationId: and, security: [{ head: [], shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /optional: { get: { operationId: optional, security: [{}, { head: [] }], responses: { "200": { description: ok } } } }
  /silent: { get: { operationId: silent, responses: { "200": { description: ok } } } }
  /required: { get: { operationId: required, security: [{ head: [] }], responses: { "200": { description: ok } } } }
"#;

/// Header fields of a call.
type Fields<'a> = Vec<(&'a str, &'a str)>;
type Change = dyn Fn(&mut Entry);

/// A gateway whose store has some keys.
struct Shop {
    world: World,
    gateway: Gateway,
    published: Arc<Published>,
    hashing: Arc<HashKey>,
    good: NewKey,
}

fn draw(world: &World) -> NewKey {
    NewKey::draw(|bytes| world.clock.fill(bytes))
}

impl Shop {
    fn new() -> Self {
        let world = World::new();
        let published = published(&world.keyed);
        let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
        assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
        world.side.run();
        let hashing = Arc::new(HashKey::new(&[7; 32]).unwrap());
        let good = draw(&world);
        Self { world, gateway, published, hashing, good }
    }

    fn entry(&self, key: &NewKey) -> Entry {
        Entry {
            hash: self.hashing.hash(&Presented::parse(key.reveal().as_bytes()).unwrap()),
            application: "app_1".into(),
            name: "shop".into(),
            scopes: Box::new([0]),
            until: NEVER,
            replaced: false,
            revoked: false,
            suspended: false,
            usage: Arc::new(Usage::since(0)),
        }
    }

    /// Publishes a table of these keys.
    fn publish(&self, keys: impl IntoIterator<Item = (NewKey, Entry)>) {
        let keys: HashMap<_, _> = keys.into_iter().map(|(key, entry)| (key.id, entry)).collect();
        let scopes = vec!["orders:read".into(), "orders:audit".into(), "another".into()];
        self.published.publish(Table::new(Arc::clone(&self.hashing), 1, scopes, keys));
    }

    /// Publishes the good key, changed.
    fn with(&self, change: impl FnOnce(&mut Entry)) {
        let mut entry = self.entry(&self.good);
        change(&mut entry);
        let keys = HashMap::from([(self.good.id, entry)]);
        let scopes = vec!["orders:read".into(), "orders:audit".into(), "another".into()];
        self.published.publish(Table::new(Arc::clone(&self.hashing), 1, scopes, keys));
    }

    fn send(&self, operation: &str, target: &str, fields: &[(&str, &str)]) -> Ended {
        self.gateway.send(operation, target, fields)
    }

    fn key(&self) -> &str {
        self.good.reveal()
    }
}

#[test]
fn a_key_is_looked_for_where_the_contract_says_and_ends_there() {
    let shop = Shop::new();
    shop.with(|_| {});
    let key = shop.key();
    let bearer = format!("Bearer {key}");
    let custom = format!("apikey  {key}");
    let cookie = format!("a=1; key={key}; b=2");
    let rows: [(&str, String, Fields<'_>); 8] = [
        ("head", "/v1/x".into(), vec![("x-key", key)]),
        ("query", format!("/v1/x?a=1&api%20key={key}&b=2"), vec![]),
        ("query", format!("/v1/x?api+key={key}"), vec![]),
        ("cookie", "/v1/x".into(), vec![("cookie", &cookie)]),
        ("bearer", "/v1/x".into(), vec![("authorization", &bearer)]),
        ("custom", "/v1/x".into(), vec![("authorization", &custom)]),
        ("field", "/v1/x".into(), vec![("authorization", key)]),
        ("silent", "/v1/x".into(), vec![("x-key", key)]),
    ];
    for (operation, target, fields) in rows {
        let ended = shop.send(operation, &target, &fields);
        assert_eq!(ended.code(), "ok", "{operation}: {:?}", ended.refusal);
        let request = &ended.call.request;
        assert!(
            !format!("{:?}{:?}", request.headers, request.query()).contains(key),
            "{operation}: it goes on"
        );
        let principal = ended.call.principal().unwrap();
        assert_eq!((&*principal.issuer, &*principal.subject), (ISSUER, "app_1"));
        assert_eq!(principal.application.as_deref(), Some("app_1"));
        assert_eq!(
            principal.claims.root().get("key").and_then(|node| node.as_str().map(|id| id.into_owned())),
            Some(shop.good.id.to_string())
        );
        let told = request.headers.get("cache-control").is_some_and(|said| said == "no-cache, no-store");
        assert_eq!(told, fields.iter().any(|(name, _)| *name == "authorization"), "{operation}: to caches");
        match operation {
            "query" if target.contains("a=1") => assert_eq!(request.query(), Some("a=1&b=2")),
            "query" => assert_eq!(request.query(), Some("")),
            "cookie" => assert_eq!(request.headers["cookie"], "a=1; b=2"),
            _ => assert!(
                !request.headers.contains_key("x-key") && !request.headers.contains_key("authorization")
            ),
        }
    }
    // Where it is to be forwarded, it stays.
    let ended = shop.send("kept", "/v1/x", &[("x-kept", key)]);
    assert_eq!((ended.code(), ended.call.request.headers["x-kept"].to_str().unwrap()), ("ok", key));
    assert_eq!(shop.published.current().unwrap().get(&shop.good.id).unwrap().usage.last(), NOW);
}

#[test]
fn every_place_refuses_what_is_not_one_good_key() {
    let shop = Shop::new();
    shop.with(|_| {});
    let key = shop.key();
    let other = draw(&shop.world);
    let wrong: Vec<(String, &str)> = vec![
        (String::new(), "malformed"),
        (" ".into(), "malformed"),
        ("yett_".into(), "malformed"),
        (key[..50].into(), "malformed"),
        (format!("{key}{key}"), "malformed"),
        (key.to_uppercase(), "malformed"),
        (key.replacen('_', "%5F", 2), "malformed"),
        (format!("\"{key}\""), "malformed"),
        (other.reveal().into(), "not known"),
    ];
    for (text, said) in &wrong {
        let bearer = format!("Bearer {text}");
        let cookie = format!("key={text}");
        let mut cases = vec![
            ("head", String::from("/v1/x"), vec![("x-key", text.as_str())]),
            ("cookie", String::from("/v1/x"), vec![("cookie", cookie.as_str())]),
            ("bearer", String::from("/v1/x"), vec![("authorization", bearer.as_str())]),
        ];
        // In a query an escape is the character that it stands for.
        if !text.contains([' ', '"', '%']) {
            cases.push(("query", format!("/v1/x?api%20key={text}"), vec![]));
        }
        for (operation, target, fields) in cases {
            let ended = shop.send(operation, &target, &fields);
            assert_eq!(ended.code(), "key_invalid", "{operation} {text:?}");
            // RFC 6750 has a word of its own for it.
            let error =
                if operation == "bearer" { "error=\"invalid_token\"" } else { "error=\"invalid_key\"" };
            assert!(ended.challenge().contains(error), "{operation}: {}", ended.challenge());
            assert!(ended.challenge().contains(said), "{operation} {text:?}: {}", ended.challenge());
            let detail = format!("{:?}", ended.refusal);
            assert!(text.len() < 10 || !detail.contains(text.as_str()), "{detail}");
        }
    }
    assert_eq!(shop.send("head", "/v1/x", &[("x-key", key)]).code(), "ok");
}

#[test]
fn a_key_comes_once_and_nothing_unverified_beside_it() {
    let shop = Shop::new();
    shop.with(|_| {});
    let key = shop.key();
    let (bearer, token) = (format!("Bearer {key}"), format!("Bearer {}", shop.world.token(&[])));
    let (here, twice) = (format!("/v1/x?api%20key={key}"), format!("/v1/x?api%20key={key}&api+key={key}"));
    let cookies = format!("key={key}; key={key}");
    let rows: Vec<(&str, &str, Fields<'_>, &str)> = vec![
        ("head", "/v1/x", vec![("x-key", key), ("x-key", key)], "key_invalid"),
        ("query", &twice, vec![], "key_invalid"),
        ("cookie", "/v1/x", vec![("cookie", &cookies)], "key_invalid"),
        ("cookie", "/v1/x", vec![("cookie", &cookies[..56]), ("cookie", &cookies[..56])], "key_invalid"),
        ("bearer", "/v1/x", vec![("authorization", &bearer), ("authorization", &bearer)], "key_invalid"),
        ("places", &here, vec![("x-key", key)], "key_invalid"),
        ("places", &here, vec![], "ok"),
        ("places", "/v1/x", vec![("x-key", key)], "ok"),
        // Where the contract does not say.
        ("head", &here, vec![], "credential_missing"),
        ("head", "/v1/x", vec![("authorization", &bearer)], "credential_missing"),
        ("query", "/v1/x", vec![("x-key", key)], "credential_missing"),
        ("head", "/v1/x", vec![], "credential_missing"),
        // A credential that nobody verifies would go on.
        ("head", "/v1/x", vec![("x-key", key), ("authorization", &token)], "credential_missing"),
        ("head", "/v1/x", vec![("x-key", key), ("authorization", "Basic YTpi")], "credential_missing"),
        ("or", "/v1/x", vec![("x-key", key), ("authorization", &token)], "ok"),
        ("or", "/v1/x", vec![("x-key", key), ("authorization", "Bearer a.b.c")], "token_invalid"),
        ("or", "/v1/x", vec![("x-key", key), ("authorization", &bearer)], "key_invalid"),
        ("or", "/v1/x", vec![("authorization", &bearer)], "ok"),
        ("or", "/v1/x", vec![("authorization", &token)], "ok"),
        ("and", "/v1/x", vec![("x-key", key), ("authorization", &token)], "ok"),
        ("and", "/v1/x", vec![("x-key", key)], "credential_missing"),
        ("and", "/v1/x", vec![("authorization", &token)], "credential_missing"),
        ("and", "/v1/x", vec![("x-key", "yett_x"), ("authorization", &token)], "key_invalid"),
        ("optional", "/v1/x", vec![], "ok"),
        ("optional", "/v1/x", vec![("x-key", key)], "ok"),
        ("optional", "/v1/x", vec![("x-key", "yett_x")], "key_invalid"),
        ("silent", "/v1/x", vec![], "credential_missing"),
        ("silent", "/v1/x", vec![("authorization", &token)], "ok"),
    ];
    for (operation, target, fields, code) in rows {
        let ended = shop.send(operation, target, &fields);
        assert_eq!(ended.code(), code, "{operation} {target} {fields:?}: {:?}", ended.refusal);
    }
    let ended = shop.send("and", "/v1/x", &[("x-key", key), ("authorization", &token)]);
    let principal = ended.call.principal().unwrap();
    assert_eq!(&*principal.subject, "alice", "the token says who, the key which application");
    assert_eq!(ended.call.proofs.len(), 2);
}

#[test]
fn challenges_say_which_kind_of_credential_belongs_where() {
    let shop = Shop::new();
    shop.with(|entry| entry.scopes = Box::new([2]));
    let key = shop.key();
    let rows: [(&str, Fields<'_>, &[&str]); 7] = [
        ("head", vec![], &["ApiKey realm=\"orders\", in=\"header\", name=\"x-key\""]),
        ("query", vec![], &["ApiKey realm=\"orders\", in=\"query\", name=\"api key\""]),
        ("cookie", vec![], &["ApiKey realm=\"orders\", in=\"cookie\", name=\"key\""]),
        ("bearer", vec![], &["Bearer realm=\"orders\""]),
        ("custom", vec![], &["apikey realm=\"orders\""]),
        (
            "or",
            vec![],
            &["resource_metadata=", "|ApiKey realm=\"orders\", in=\"header\"", "|Bearer realm=\"orders\""],
        ),
        (
            "head",
            vec![("x-key", key)],
            &["ApiKey realm=\"orders\"", "error=\"insufficient_scope\"", "scope=\"orders:read\""],
        ),
    ];
    for (operation, fields, parts) in rows {
        let challenge = shop.send(operation, "/v1/x", &fields).challenge();
        parts.iter().for_each(|part| assert!(challenge.contains(part), "{operation}: {challenge}"));
        let tokens = operation == "or";
        assert_eq!(challenge.contains("resource_metadata"), tokens, "{operation}: {challenge}");
    }
}

#[test]
fn what_the_table_says_counts_from_the_next_call_on() {
    let shop = Shop::new();
    let key = shop.key();
    let call = || shop.send("head", "/v1/x", &[("x-key", key)]);
    let ended = call();
    assert_eq!((ended.code(), ended.refusal.as_ref().unwrap().code.status), ("credentials_unavailable", 503));
    let rows: [(&Change, &str, u16, &str); 9] = [
        (&|_| {}, "ok", 0, ""),
        (&|entry| entry.revoked = true, "key_invalid", 401, "was revoked"),
        (&|_| {}, "ok", 0, ""),
        (&|entry| entry.suspended = true, "application_suspended", 403, "suspended"),
        (&|entry| entry.until = NOW + 1, "ok", 0, ""),
        (&|entry| entry.until = NOW, "key_expired", 401, "has expired"),
        (&|entry| (entry.until, entry.replaced) = (NOW, true), "key_expired", 401, "was replaced"),
        (&|entry| entry.scopes = Box::new([]), "insufficient_scope", 403, "missing scopes"),
        (&|entry| entry.scopes = Box::new([1, 2, 0]), "ok", 0, ""),
    ];
    for (change, code, status, said) in rows {
        shop.with(change);
        let ended = call();
        assert_eq!(ended.code(), code, "{:?}", ended.refusal);
        if let Some(refusal) = &ended.refusal {
            assert_eq!(refusal.code.status, status, "{code}");
            assert!(ended.challenge().contains(said), "{code}: {}", ended.challenge());
            assert!(!refusal.detail.contains(&key[18..]), "{}", refusal.detail);
        }
    }
    shop.publish([]);
    assert_eq!(call().code(), "key_invalid");
    // The same key in a store with another hashing key: nothing is said of it, revoked or not.
    let foreign = Arc::new(HashKey::new(&[8; 32]).unwrap());
    let entry = Entry { revoked: true, ..shop.entry(&shop.good) };
    shop.published.publish(Table::new(foreign, 1, Vec::new(), HashMap::from([(shop.good.id, entry)])));
    let ended = call();
    assert_eq!(ended.code(), "key_invalid");
    assert!(ended.challenge().contains("not known"), "{}", ended.challenge());
    // What the operator wants beside the contract's scopes.
    shop.with(|_| {});
    let lacking = shop.send("required", "/v1/x", &[("x-key", key)]);
    assert_eq!(lacking.code(), "insufficient_scope");
    assert!(lacking.challenge().starts_with("ApiKey "), "{}", lacking.challenge());
    shop.with(|entry| entry.scopes = Box::new([1]));
    assert_eq!(shop.send("required", "/v1/x", &[("x-key", key)]).code(), "ok");
}

#[test]
fn what_cannot_be_bound_is_said_when_it_is_compiled() {
    let codes = |document: &str, contract: &str| {
        let world = World::new();
        let gateway = Setup::new(document, contract).attach(&world, 0);
        gateway.codes()
    };
    assert!(codes(DOCUMENT, CONTRACT).is_empty());
    for (from, to) in [
        ("type: http, scheme: bearer", "type: http, scheme: basic"),
        ("type: http, scheme: bearer", "type: mutualTLS"),
        ("in: query, name: \"api key\"", "in: query, name: access_token"),
        ("in: header, name: X-Key", "in: header, name: \"X Key\""),
    ] {
        let found = codes(DOCUMENT, &CONTRACT.replace(from, to));
        assert!(found.contains(&"unenforced-security"), "{to}: {found:?}");
    }
    let unbound = DOCUMENT.replace("      cookie: { source: applications }\n", "");
    assert_eq!(codes(&unbound, CONTRACT), ["unenforced-security"]);
    // One entry for all: tokens where tokens can be, keys where keys can be.
    let all = DOCUMENT.split("      head:").next().unwrap().to_owned()
        + "      \"*\": { issuers: [shop], audience: orders, source: applications }\n    unsecured: anonymous\n";
    assert!(codes(&all, &CONTRACT.replace("scheme: ApiKey", "scheme: bearer")).is_empty());
}
