//! One rule in shadow beside enforced ones: what it would refuse passes and is counted apart, and it is promoted alone. Real calls through a
//! real gateway, on SQLite and on a real PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]
#![allow(clippy::too_many_lines, reason = "a story from beginning to end")]

use crate::common::{Gateway, House, Service, call, text};
use serde_json::{Value, json};
use testkit::{Postgres, until};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Orders, version: "1" }
security: [{ oauth: [] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: {} } } }
paths:
  /customers/{customer_id}/orders:
    parameters: [{ name: customer_id, in: path, required: true, schema: { type: string } }]
    post:
      operationId: addOrder
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, properties: { shop_id: { type: string }, depot_id: { type: string } } } } }
      responses: { "200": { description: ok } }
"##;

/// Comments and an order that are to stay as they are; `depot` is off.
const BINDINGS: &str = "    objects: # whose they are
      bindings:
        shop: # new, so it only looks
          mode: shadow # until clients are mended
          claim: shops
          places: [{ in: body, pointer: /shop_id }]
        customer: { claim: customers, places: [{ in: path, name: customer_id }] }
        path_too: { mode: shadow, claim: shops, places: [{ in: path, name: customer_id }] }
        depot: { mode: 'off', claim: depots, places: [{ in: body, pointer: /depot_id }] }
";

fn house(service: &Service, store: &str) -> House {
    let house = House::new();
    house.write("openapi.yaml", CONTRACT);
    house.write(
        "yett.yaml",
        &format!(
            "# The orders service.
version: 1
listen: http://127.0.0.1:0
admin: {{ bind: \"127.0.0.1:0\" }}
record: {{ access_log: \"off\", decisions: {{ sample: 0% }} }}
{store}apis:
  orders:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:{}
    issuer: local
    validation: {{ request: enforce, response: 'off' }}
    leaks: {{ mode: 'off' }}
{BINDINGS}",
            service.port
        ),
    );
    house
}

/// Runs a story on both.
fn everywhere(story: fn(&House, &Service)) {
    let service = Service::start();
    story(&house(&service, ""), &service);
    let server = Postgres::start();
    let shared = house(&service, "store: { url: \"file:store.url\", key: \"file:store.key\" }\n");
    shared.write("store.url", &format!("{}\n", server.database("story")));
    shared.write("store.key", &"k".repeat(40));
    story(&shared, &service);
}

fn token(house: &House, subject: &str) -> String {
    let claims = ["--claim", "customers=[\"c1\"]", "--claim", "shops=[\"s1\"]"];
    house.good(&[&["token", "--subject", subject], &claims[..]].concat()).trim().to_owned()
}

fn report(house: &House, arguments: &[&str]) -> Value {
    let text = house.good(&[&["shadow", "--format", "json"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn names<'r>(report: &'r Value, list: &str) -> Vec<&'r str> {
    report[list].as_array().unwrap().iter().map(|row| row["control"].as_str().unwrap()).collect()
}

fn row<'r>(report: &'r Value, list: &str, control: &str) -> &'r Value {
    let found = report[list].as_array().unwrap().iter().find(|row| row["control"] == control);
    found.unwrap_or_else(|| panic!("no {control} in {report:#}"))
}

#[test]
fn one_binding_in_shadow_is_counted_apart_and_promoted_alone() {
    everywhere(|house, service| {
        let gateway = Gateway::start(house);
        let (alice, mallory) = (token(house, "alice"), token(house, "mallory"));
        let post = |token: &str, customer: &str, body: &str| {
            call(&gateway.url, "POST", &format!("/customers/{customer}/orders"), Some(token), Some(body)).0
        };
        let before = service.count();
        (0..8).for_each(|_| assert_eq!(post(&alice, "c1", r#"{"shop_id":"s1"}"#), 200));
        // Another's shop: the binding is in shadow, so the call reaches the service.
        (0..2).for_each(|_| assert_eq!(post(&mallory, "c1", r#"{"shop_id":"s2"}"#), 200));
        // What is off is not looked at.
        assert_eq!(post(&alice, "c1", r#"{"shop_id":"s1","depot_id":"d9"}"#), 200);
        assert_eq!(service.count() - before, 11);
        // Another's customer: the one beside it is enforced, whatever the one in shadow says.
        assert_eq!(post(&alice, "c2", r#"{"shop_id":"s1"}"#), 403);
        assert_eq!(post(&mallory, "c2", r#"{"shop_id":"s2"}"#), 403);
        assert_eq!(service.count() - before, 11);

        let said = report(house, &["--by", "principal"]);
        assert_eq!(names(&said, "in_shadow"), ["objects.bindings.path_too", "objects.bindings.shop"]);
        let place = said["in_shadow"][1]["place"].as_str().unwrap();
        let line = house.read("yett.yaml").lines().position(|line| line.contains("shop: # new")).unwrap();
        assert!(place.starts_with("yett.yaml:"), "{place}");
        let at: usize = place.split(':').nth(1).unwrap().parse().unwrap();
        assert!(at == line + 1 || at == line + 2, "{place}");
        // The good ones of `shop` are those that nothing enforced ended.
        let looked = row(&said, "looked", "objects.bindings.shop");
        assert_eq!((&looked["calls"], &looked["good"]), (&json!(11), &json!(11)));
        let refused = row(&said, "refused", "objects.bindings.shop");
        assert_eq!((&refused["calls"], &refused["good"]), (&json!(2), &json!(2)));
        assert_eq!(
            (&refused["code"], &refused["operation"]),
            (&json!("object_forbidden"), &json!("addOrder"))
        );
        // `c1` is no shop of theirs, and `c2` neither: that the enforced one refused makes the call not good.
        let other = row(&said, "refused", "objects.bindings.path_too");
        assert_eq!((&other["calls"], &other["good"]), (&json!(13), &json!(11)));
        // By whom, which operation and why.
        let by = row(&said, "by", "objects.bindings.shop");
        assert_eq!(
            (&by["who"], &by["code"], &by["good"]),
            (&json!("mallory"), &json!("object_forbidden"), &json!(2))
        );
        let told = house.good(&["explain", refused["examples"][0].as_str().unwrap()]);
        assert!(told.contains("binding `shop`: body `/shop_id` is not the caller's"), "{told}");
        // A control is asked for with all its rules, and a rule alone.
        assert_eq!(names(&report(house, &["--control", "objects"]), "refused").len(), 2);
        let one = report(house, &["--control", "objects.bindings.shop"]);
        assert_eq!(names(&one, "refused"), ["objects.bindings.shop"]);
        assert_eq!(names(&one, "in_shadow"), ["objects.bindings.shop"]);
        assert!(names(&report(house, &["--control", "object"]), "looked").is_empty());
        let human = house.good(&["shadow"]);
        assert!(human.contains("objects.bindings.shop of the request would have refused"), "{human}");

        // It is promoted by what it would harm itself, and by no other's.
        let before = house.read("yett.yaml");
        let promote = |name: &str, more: &[&str]| {
            [&["promote", name, "--yes", "--min-calls", "5"], more].concat().join("\n")
        };
        let bad = |name: &str, more: &[&str]| house.bad(&promote(name, more).split('\n').collect::<Vec<_>>());
        let harm = bad("objects.bindings.shop", &["--max-harm", "1%"]);
        assert!(harm.contains("declined") && harm.contains("2 of 11 good calls"), "{harm}");
        let harm = bad("objects", &["--max-harm", "50%"]);
        assert!(harm.contains("declined") && harm.contains("11 of 11 good calls"), "{harm}");
        assert!(bad("objects.bindings.customer", &[]).contains("is not in shadow"));
        assert!(bad("objects.bindings.sho", &[]).contains("is not in shadow"));
        let none = house.bad(&["promote"]);
        assert!(none.contains("`objects.bindings.path_too`, `objects.bindings.shop`"), "{none}");
        assert_eq!(house.read("yett.yaml"), before);
        let good = promote("objects.bindings.shop", &["--max-harm", "20%"]);
        house.good(&good.split('\n').collect::<Vec<_>>());
        let after = before.replace("mode: shadow # until", "mode: enforce # until");
        assert_eq!(house.read("yett.yaml"), after, "comments and order stay, and so does the other rule");

        // The gateway takes it up by itself, and only that.
        until(30, || (post(&mallory, "c1", r#"{"shop_id":"s2"}"#) == 403).then_some(()))
            .expect("it is in effect");
        assert_eq!(post(&mallory, "c1", r#"{"shop_id":"s1"}"#), 200);
        assert_eq!(names(&report(house, &[]), "in_shadow"), ["objects.bindings.path_too"]);
    });
}

/// Fields of an answer that has another status than the contract declares, which cannot be looked into.
const FIELDS: &str = "    views:
      mode: shadow
      answers:
        contact: { at: [/email], to: [support], asked_by: [sort=email] }
";

#[test]
fn a_control_of_both_sides_is_judged_by_both() {
    let service = Service::start();
    let house = house(&service, "");
    let declared = r#""201": { description: ok, content: { application/json: { schema: { type: object, properties: { email: { type: string } } } } } }"#;
    let contract = CONTRACT
        .replace(r#""200": { description: ok }"#, declared)
        .replace("parameters: [", "parameters: [{ name: sort, in: query, schema: { type: string } }, ");
    house.write("openapi.yaml", &contract);
    house.write("yett.yaml", &house.read("yett.yaml").replace(BINDINGS, FIELDS));
    let gateway = Gateway::start(&house);
    let alice = token(&house, "alice");
    let post =
        || call(&gateway.url, "POST", "/customers/c1/orders", Some(&alice), Some(r#"{"shop_id":"s1"}"#)).0;
    (0..8).for_each(|_| assert_eq!(post(), 200));
    // Answers are looked at afterwards.
    until(15, || {
        let said = report(&house, &[]);
        let refused = said["refused"].as_array().unwrap();
        (refused.iter().map(|row| row["calls"].as_u64().unwrap()).sum::<u64>() == 8).then_some(())
    })
    .expect("all are counted");
    let said = report(&house, &[]);
    let parts: Vec<&Value> = said["in_shadow"].as_array().unwrap().iter().map(|row| &row["part"]).collect();
    assert_eq!(parts, ["answer", "request"]);
    assert_eq!(row(&said, "refused", "views")["part"], "answer");
    // No request was harmed; each answer would have been.
    let before = house.read("yett.yaml");
    let promote = ["promote", "views", "--yes", "--min-calls", "5", "--max-harm"];
    let harm = house.bad(&[&promote[..], &["1%"]].concat());
    assert!(harm.contains("declined") && harm.contains("8 of 8 good calls"), "{harm}");
    assert_eq!(house.read("yett.yaml"), before);
    let promoted = house.yett(&[&promote[..], &["100%"]].concat());
    let told = text(&promoted.stderr);
    assert!(told.contains("0 of 8") && told.contains("8 of 8"), "each side is told: {told}");
    assert_eq!(house.read("yett.yaml"), before.replace("mode: shadow", "mode: enforce"));
}
