//! An API that takes tokens of two issuers: neither can give its own users the roles and claims of the other's. Cases go through the real
//! data plane.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

mod common;

use common::{CONTRACT, failed, run, subject, suite};

const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers:
  shop: { url: https://shop.example, jwks: https://shop.example/keys, audience: orders }
  staff: { url: https://staff.example, jwks: https://staff.example/keys, audience: orders }
apis:
  orders:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:3000
    authentication: { "*": { issuers: [shop, staff] } }
    authorization: { roles_issuer: staff }
    objects:
      bindings:
        order: { claim: orders, issuer: shop, places: [{ in: path, name: order_id }], except: [clerk] }
    operations:
      deleteCustomer: { authorization: { require: { roles: [admin] } } }
      listCustomers: { authorization: { require: { issuer: staff, claims: { level: 9 } } } }
      updateProduct: { authorization: { require: { issuer: staff, any: [{ claims: { level: 9 } }] } } }
      getOrder:
        views: { answers: { notes: { at: [/note], to: [{ issuer: shop, claims: { tier: gold } }] } } }
"#;

const CASES: &str = r#"
version: 1
defaults:
  credential: { issuer: staff, scopes: ["orders:read", "orders:write", "orders:admin"] }
tests:
  - name: an administrator of the staff
    credential: { roles: [admin] }
    request: DELETE /customers/cus_000001
    upstream: { status: 204 }
    expect: allow
  - name: an administrator whom the shop calls so
    credential: { issuer: shop, roles: [admin] }
    request: DELETE /customers/cus_000001
    expect: { decision: refuse, code: privilege_missing, upstream: none }
  - name: a level that the staff says
    credential: { claims: { level: 9 } }
    request: GET /customers
    expect: allow
  - name: a level that the shop says
    credential: { issuer: shop, claims: { level: 9 } }
    request: GET /customers
    expect: { decision: refuse, code: privilege_missing, upstream: none }
  - name: an alternative that the shop says
    credential: { issuer: shop, claims: { level: 9 } }
    request: { method: PATCH, target: /products/prd_000001, json: { name: Lamp }, headers: { Content-Type: application/merge-patch+json } }
    expect: { decision: refuse, code: privilege_missing, upstream: none }
  - name: an order of one's own
    credential: { issuer: shop, claims: { orders: [ord_000001] } }
    request: GET /orders/ord_000001
    expect: allow
  - name: an order that the staff's issuer calls one's own
    credential: { claims: { orders: [ord_000001] } }
    request: GET /orders/ord_000001
    expect: { decision: refuse, code: object_forbidden, upstream: none }
  - name: any order for a clerk
    credential: { roles: [clerk] }
    request: GET /orders/ord_000001
    expect: allow
  - name: any order for whom the shop calls a clerk
    credential: { issuer: shop, roles: [clerk] }
    request: GET /orders/ord_000001
    expect: { decision: refuse, code: object_forbidden, upstream: none }
  - name: a field for the shop's gold
    credential: { issuer: shop, claims: { orders: [ord_000001], tier: gold } }
    request: GET /orders/ord_000001
    upstream: { json: { note: late } }
    expect: { decision: allow, body: as-upstream }
  - name: a field for whom the staff's issuer calls gold
    credential: { roles: [clerk], claims: { tier: gold } }
    request: GET /orders/ord_000001
    upstream: { json: { note: late } }
    expect: { decision: allow, body: "{}" }
"#;

#[test]
fn each_issuer_speaks_for_its_own() {
    let subject = subject(DOCUMENT, CONTRACT).unwrap();
    let suite = suite(CASES);
    assert_eq!(failed(&suite, &run(&subject, &suite)), Vec::<String>::new());
}

#[test]
fn a_rule_that_names_nobody_is_an_error() {
    for (named, unnamed, count) in [
        ("claim: orders, issuer: shop", "claim: orders", 1),
        ("    authorization: { roles_issuer: staff }\n", "", 2),
        ("issuer: staff, claims: { level: 9 }", "claims: { level: 9 }", 1),
        ("issuer: staff, any:", "any:", 1),
        ("{ issuer: shop, claims: { tier: gold } }", "{ claims: { tier: gold } }", 1),
    ] {
        assert!(DOCUMENT.contains(named), "{named}");
        let said = subject(&DOCUMENT.replacen(named, unnamed, 1), CONTRACT).err().unwrap_or_default();
        let told = said.lines().filter(|line| line.starts_with("error") && line.contains("issuer:")).count();
        assert_eq!(told, count, "{named}: {said}");
        // By an explicit word it is taken.
        let any = if named.contains("roles_issuer") {
            "    authorization: { roles_issuer: any }\n".to_owned()
        } else {
            named.replacen("issuer: shop", "issuer: any", 1).replacen("issuer: staff", "issuer: any", 1)
        };
        subject(&DOCUMENT.replacen(named, &any, 1), CONTRACT).unwrap_or_else(|why| panic!("{any}: {why}"));
    }
    // With one issuer nobody else can be meant.
    let one = DOCUMENT
        .replace("issuers: [shop, staff]", "issuers: [staff]")
        .replace("issuer: shop, ", "")
        .replace("issuer: staff, ", "")
        .replace(", issuer: shop", "")
        .replace("    authorization: { roles_issuer: staff }\n", "");
    subject(&one, CONTRACT).unwrap();
}
