//! Whose objects a call names, before the real binary: an id of somebody else does not get through in any spelling, and the same form
//! with an id of the caller's own does.
//!
//! Every form is put to two gateways: to one that validates, where the contract's own checks may speak first, and to one that does not, where
//! nothing but `objects` stands between the call and the service.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::process::Command;

use crate::harness::*;
use testkit::{Answer, Recorder};

const CONTRACT: &str = r##"
openapi: 3.1.0
info: { title: Shop, version: "1" }
security: [{ oauth: ["shop"] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { shop: s } } } }
  parameters:
    Customer: { name: customer_id, in: path, required: true, schema: { type: string } }
  responses:
    Ok: { description: ok }
paths:
  /customers/{customer_id}:
    parameters: [{ $ref: "#/components/parameters/Customer" }]
    get: { operationId: getCustomer, responses: { "200": { $ref: "#/components/responses/Ok" } } }
    delete: { operationId: dropCustomer, responses: { "200": { $ref: "#/components/responses/Ok" } } }
    put:
      operationId: putCustomer
      requestBody: { required: true, content: { application/json: { schema: { type: object, properties: { customer_id: { type: [string, array, "null"], items: { type: string } }, name: { type: string } } } } } }
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /several/{ids}:
    get:
      operationId: getSeveral
      parameters: [{ name: ids, in: path, required: true, schema: { type: array, items: { type: string } } }]
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /search:
    get:
      operationId: search
      parameters:
        - { name: customer_id, in: query, schema: { type: string } }
        - { name: ids, in: query, schema: { type: array, items: { type: string } } }
        - { name: list, in: query, explode: false, schema: { type: array, items: { type: string } } }
        - { name: piped, in: query, style: pipeDelimited, explode: false, schema: { type: array, items: { type: string } } }
        - { name: either, in: query, explode: false, schema: { type: [string, array], items: { type: string } } }
        - { name: filter, in: query, style: deepObject, explode: true, schema: { type: object, additionalProperties: { type: string }, properties: { customer_id: { type: string }, status: { type: string } } } }
        - { name: doc, in: query, content: { application/json: { schema: { type: object, properties: { customer_id: { type: string } } } } } }
        - { name: tenant, in: query, schema: { type: integer } }
        - { name: sort, in: query, schema: { type: string } }
        - { name: X-Customer, in: header, schema: { type: string } }
        - { name: customer, in: cookie, schema: { type: string } }
        - { name: theme, in: cookie, schema: { type: string } }
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /list:
    get:
      operationId: list
      parameters: [{ name: where, in: query, schema: { type: object, additionalProperties: false, properties: { owner: { type: string } } } }]
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /flat:
    get:
      operationId: flat
      parameters: [{ name: "filter[customer_id]", in: query, schema: { type: string } }, { name: "filter[status]", in: query, schema: { type: string } }]
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /any:
    post:
      operationId: any
      requestBody: { required: true, content: { "*/*": { schema: { type: object } } } }
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /changes:
    patch:
      operationId: changes
      requestBody: { required: true, content: { application/json: { schema: { type: array, items: { type: object } } } } }
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /batch:
    post:
      operationId: batch
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              properties:
                orders: { type: array, items: { type: object, properties: { customer_id: { type: [string, "null"] }, tenant: { type: [integer, string, number] } } } }
                by_name: { type: object, additionalProperties: { type: object, properties: { customer_id: { type: string } } } }
                "a/b": { type: object, properties: { "~id": { type: string } } }
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /form:
    post:
      operationId: form
      requestBody: { required: true, content: { application/x-www-form-urlencoded: { schema: { type: object, required: [customer_id], properties: { customer_id: { type: string }, name: { type: string } } } } } }
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /multipart:
    post:
      operationId: multipart
      requestBody: { required: true, content: { multipart/form-data: { schema: { type: object, required: [customer_id], properties: { customer_id: { type: string }, name: { type: string } } } } } }
      responses: { "200": { $ref: "#/components/responses/Ok" } }
  /patch:
    patch:
      operationId: patch
      requestBody:
        required: true
        content:
          application/json-patch+json: { schema: { type: array, items: { type: object } } }
          application/merge-patch+json: { schema: { type: object, properties: { customer_id: { type: [string, "null"] } } } }
      responses: { "200": { $ref: "#/components/responses/Ok" } }
"##;

const OBJECTS: &str = r#"objects:
  bindings:
    customer:
      claim: customers
      places:
        - { in: path, name: customer_id }
        - { in: path, name: ids }
        - { in: query, name: customer_id, absent: pass }
        - { in: query, name: ids, absent: pass }
        - { in: query, name: list, absent: pass }
        - { in: query, name: piped, absent: pass }
        - { in: query, name: either, absent: pass }
        - { in: query, name: filter, pointer: /customer_id, absent: pass }
        - { in: query, name: doc, pointer: /customer_id, absent: pass }
        - { in: query, name: where, pointer: /owner, absent: pass }
        - { in: header, name: X-Customer, absent: pass }
        - { in: cookie, name: customer, absent: pass }
        - { in: body, pointer: /customer_id }
        - { in: body, pointer: /orders/*/customer_id, absent: pass }
        - { in: body, pointer: /by_name/*/customer_id, absent: pass }
        - { in: body, pointer: /a~1b/~0id, absent: pass }
      except: [support]
    tenant:
      claim: /org/tenant
      places:
        - { in: query, name: tenant, absent: pass }
        - { in: body, pointer: /orders/-/tenant, absent: pass }
      except: [support]
"#;

const STRICT: &str = "validation: { request: enforce, response: off }\ncontent: { mode: off }\n";
const LOOSE: &str = "validation: { request: off, response: off }\ncontent: { mode: off }\n";

fn start(recorder: &Recorder, more: &str) -> Gateway {
    let setup = Setup { contract: CONTRACT.to_owned(), ..Setup::api(&format!("{OBJECTS}{more}")) };
    Gateway::with(&setup, &recorder.url())
}

fn token(gateway: &Gateway, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(["token", "--subject", "alice", "--scope", "shop"])
        .args(more)
        .current_dir(gateway.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn mine(gateway: &Gateway) -> String {
    token(gateway, &["--claim", r#"customers=["cus_1","cus_2","Straße"]"#, "--claim", r#"org={"tenant":42}"#])
}

/// Method, target, fields and body of a form.
type Form = (&'static str, &'static str, &'static str, &'static str);
/// What is tried, the hostile form, and one like it that is good.
type Pair = (&'static str, Form, Form);

const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const PATCH: &str = "Content-Type: application/json-patch+json\r\n";
const MERGE: &str = "Content-Type: application/merge-patch+json\r\n";
const PARTS: &str = "Content-Type: multipart/form-data; boundary=b\r\n";

const fn get_form(target: &'static str) -> Form {
    ("GET", target, "", "")
}

const fn with(fields: &'static str) -> Form {
    ("GET", "/search", fields, "")
}

const fn put(body: &'static str) -> Form {
    ("PUT", "/customers/cus_1", JSON, body)
}

const fn batch(body: &'static str) -> Form {
    ("POST", "/batch", JSON, body)
}

const fn patch(body: &'static str) -> Form {
    ("PATCH", "/patch", PATCH, body)
}

const fn merge(body: &'static str) -> Form {
    ("PATCH", "/patch", MERGE, body)
}

const fn urlencoded(body: &'static str) -> Form {
    ("POST", "/form", FORM, body)
}

const fn multipart(body: &'static str) -> Form {
    ("POST", "/multipart", PARTS, body)
}

/// A part of a body, by its header fields and its value, and one of the caller's own before it.
macro_rules! beside {
    ($head:literal, $value:literal) => {
        concat!(
            "--b\r\nContent-Disposition: form-data; name=\"customer_id\"\r\n\r\ncus_1\r\n--b\r\n",
            $head,
            "\r\n\r\n",
            $value,
            "\r\n--b--\r\n"
        )
    };
}

/// Parts of a body, by their names and values.
macro_rules! parts {
    ($($name:literal = $value:literal),*) => {
        concat!($("--b\r\nContent-Disposition: form-data; name=\"", $name, "\"\r\n\r\n", $value, "\r\n",)* "--b--\r\n")
    };
}

/// A text ten times.
macro_rules! ten {
    ($($text:tt)*) => {
        concat!($($text)*, $($text)*, $($text)*, $($text)*, $($text)*, $($text)*, $($text)*, $($text)*, $($text)*, $($text)*)
    };
}

const OWN: Form = get_form("/customers/cus_1");
const GOOD_PUT: Form = put(r#"{"customer_id":"cus_1"}"#);
const GOOD_BATCH: Form = batch(r#"{"orders":[{"customer_id":"cus_1"},{"customer_id":"cus_2"}]}"#);
const GOOD_PATCH: Form = patch(r#"[{"op":"replace","path":"/customer_id","value":"cus_1"}]"#);
const GOOD_FORM: Form = urlencoded("customer_id=cus_1&name=x");
const GOOD_PARTS: Form = multipart(parts!("customer_id" = "cus_1", "name" = "x"));

/// Forms of the path.
const PATHS: &[Pair] = &[
    ("another's id in the path", get_form("/customers/cus_9"), OWN),
    ("the same to delete it", ("DELETE", "/customers/cus_9", "", ""), ("DELETE", "/customers/cus_1", "", "")),
    ("the same by HEAD", ("HEAD", "/customers/cus_9", "", ""), ("HEAD", "/customers/cus_1", "", "")),
    ("an encoded letter", get_form("/customers/%63us_9"), get_form("/customers/%63us_1")),
    ("another case", get_form("/customers/CUS_1"), OWN),
    ("a blank after it", get_form("/customers/cus_1%20"), OWN),
    ("a list in the path", get_form("/customers/cus_1,cus_9"), OWN),
    ("an encoded slash", get_form("/customers/cus_1%2F..%2Fcus_9"), OWN),
    ("an encoded NUL", get_form("/customers/cus_1%00"), OWN),
    ("a parameter of the segment", get_form("/customers/cus_1;id=cus_9"), OWN),
    ("a wildcard", get_form("/customers/*"), OWN),
    ("an encoded escape", get_form("/customers/cus%255F1"), OWN),
    ("a letter of another width", get_form("/customers/%EF%BD%83us_1"), OWN),
    ("a sign that is not seen", get_form("/customers/cus_1%E2%80%8B"), OWN),
    ("an ending", get_form("/customers/cus_9.json"), OWN),
    (
        "another composition of the same letters",
        get_form("/customers/Stra%73%73e"),
        get_form("/customers/Stra%C3%9Fe"),
    ),
    ("one of several is another's", get_form("/several/cus_1,cus_9"), get_form("/several/cus_1,cus_2")),
    ("one of several is encoded", get_form("/several/cus_1,cus%5F9"), get_form("/several/cus_1,cus%5F2")),
    ("an encoded comma", get_form("/several/cus_1%2Ccus_2"), get_form("/several/cus_1,cus_2")),
    (
        "overridden methods do not change whose it is",
        (
            "POST",
            "/form",
            "X-HTTP-Method-Override: DELETE\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            "customer_id=cus_9",
        ),
        GOOD_FORM,
    ),
];

/// Forms of the query.
const QUERIES: &[Pair] = &[
    (
        "another's id in the query",
        get_form("/search?customer_id=cus_9"),
        get_form("/search?customer_id=cus_1"),
    ),
    ("an encoded name", get_form("/search?customer%5Fid=cus_9"), get_form("/search?customer%5Fid=cus_1")),
    (
        "given twice, mine first",
        get_form("/search?customer_id=cus_1&customer_id=cus_9"),
        get_form("/search?customer_id=cus_1"),
    ),
    (
        "given twice, mine last",
        get_form("/search?customer_id=cus_9&customer_id=cus_1"),
        get_form("/search?customer_id=cus_1"),
    ),
    (
        "given twice, both mine",
        get_form("/search?customer_id=cus_1&customer_id=cus_2"),
        get_form("/search?customer_id=cus_2"),
    ),
    (
        "brackets beside it",
        get_form("/search?customer_id=cus_1&customer_id[]=cus_9"),
        get_form("/search?customer_id=cus_1"),
    ),
    (
        "an operator in brackets",
        get_form("/search?customer_id[$ne]=cus_1"),
        get_form("/search?customer_id=cus_1"),
    ),
    (
        "another case of the name",
        get_form("/search?customer_id=cus_1&Customer_Id=cus_9"),
        get_form("/search?customer_id=cus_1"),
    ),
    (
        "a hyphen for the underscore",
        get_form("/search?customer_id=cus_1&customer-id=cus_9"),
        get_form("/search?customer_id=cus_1"),
    ),
    (
        "a blank before the name",
        get_form("/search?customer_id=cus_1&+customer_id=cus_9"),
        get_form("/search?customer_id=cus_1"),
    ),
    ("nothing for it", get_form("/search?customer_id="), get_form("/search?customer_id=cus_1")),
    ("a name without a value", get_form("/search?customer_id"), get_form("/search?customer_id=cus_1")),
    (
        "a list where there is one",
        get_form("/search?customer_id=cus_1,cus_9"),
        get_form("/search?customer_id=cus_1"),
    ),
    (
        "bytes that are no text",
        get_form("/search?customer_id=cus_1%FF"),
        get_form("/search?customer_id=cus_1"),
    ),
    ("a repeated list", get_form("/search?ids=cus_1&ids=cus_9"), get_form("/search?ids=cus_1&ids=cus_2")),
    ("a list with commas", get_form("/search?list=cus_1,cus_9"), get_form("/search?list=cus_1,cus_2")),
    (
        "a list with encoded commas",
        get_form("/search?list=cus_1%2Ccus_2"),
        get_form("/search?list=cus_1,cus_2"),
    ),
    ("a list with pipes", get_form("/search?piped=cus_1|cus_9"), get_form("/search?piped=cus_1|cus_2")),
    (
        "a list with encoded pipes",
        get_form("/search?piped=cus_1%7Ccus_9"),
        get_form("/search?piped=cus_1%7Ccus_2"),
    ),
    ("one id or two, who knows", get_form("/search?either=cus_1,cus_2"), get_form("/search?either=cus_1")),
    (
        "through a filter",
        get_form("/search?filter[customer_id]=cus_9"),
        get_form("/search?filter[customer_id]=cus_1&filter[status]=x"),
    ),
    (
        "through a filter with encoded brackets",
        get_form("/search?filter%5Bcustomer_id%5D=cus_9"),
        get_form("/search?filter%5Bcustomer_id%5D=cus_1"),
    ),
    (
        "through a filter in another case",
        get_form("/search?filter[customer_id]=cus_1&filter[Customer_ID]=cus_9"),
        get_form("/search?filter[customer_id]=cus_1"),
    ),
    (
        "through a filter with an operator",
        get_form("/search?filter[customer_id][$ne]=cus_1"),
        get_form("/search?filter[customer_id]=cus_1"),
    ),
    (
        "through a filter given twice",
        get_form("/search?filter[customer_id]=cus_1&filter[customer_id]=cus_9"),
        get_form("/search?filter[customer_id]=cus_1"),
    ),
    (
        "through a filter of another case",
        get_form("/search?filter[customer_id]=cus_1&FILTER[customer_id]=cus_9"),
        get_form("/search?filter[customer_id]=cus_1"),
    ),
    (
        "through JSON in the query",
        get_form("/search?doc=%7B%22customer_id%22:%22cus_9%22%7D"),
        get_form("/search?doc=%7B%22customer_id%22:%22cus_1%22%7D"),
    ),
    (
        "through JSON with an escape",
        get_form("/search?doc=%7B%22customer%5Cu005fid%22:%22cus_9%22%7D"),
        get_form("/search?doc=%7B%22customer%5Cu005fid%22:%22cus_1%22%7D"),
    ),
    (
        "a filter as one text",
        get_form("/search?filter=customer_id:cus_9"),
        get_form("/search?filter[customer_id]=cus_1"),
    ),
    (
        "a filter as JSON",
        get_form("/search?filter=%7B%22customer_id%22:%22cus_9%22%7D"),
        get_form("/search?filter[customer_id]=cus_1"),
    ),
    (
        "a filter in a filter",
        get_form("/search?filter[or][0][customer_id]=cus_9"),
        get_form("/search?filter[customer_id]=cus_1"),
    ),
    (
        "a filter with a dot",
        get_form("/search?filter.customer_id=cus_9"),
        get_form("/search?filter[customer_id]=cus_1"),
    ),
    (
        "a filter that the contract writes out",
        get_form("/flat?filter[customer_id]=cus_9&filter[status]=x"),
        get_form("/flat?filter[customer_id]=cus_1&filter[status]=x"),
    ),
    (
        "the same as one text",
        get_form("/flat?filter=customer_id:cus_9"),
        get_form("/flat?filter[customer_id]=cus_1"),
    ),
    (
        "a long s in the name",
        get_form("/search?cu%C5%BFtomer_id=cus_9"),
        get_form("/search?customer_id=cus_1"),
    ),
    (
        "behind more pieces than a service reads",
        get_form(concat!("/search?", ten!(ten!(ten!("&"))), "customer_id=cus_1")),
        get_form(concat!("/search?", ten!("&"), "customer_id=cus_1")),
    ),
    (
        "behind more values than a service reads",
        get_form(concat!("/search?", ten!(ten!("ids=cus_1&ids=cus_1&ids=cus_2&")), "customer_id=cus_1")),
        get_form(concat!("/search?", ten!("ids=cus_1&"), "customer_id=cus_1")),
    ),
    (
        "a filter in a filter beside mine",
        get_form("/search?filter[or][0][customer_id]=cus_9&filter[customer_id]=cus_1"),
        get_form("/search?filter[customer_id]=cus_1&filter[status]=x"),
    ),
    (
        "JSON in JSON beside mine",
        get_form(
            "/search?doc=%7B%22customer_id%22:%22cus_1%22,%22or%22:[%7B%22customer_id%22:%22cus_9%22%7D]%7D",
        ),
        get_form(
            "/search?doc=%7B%22customer_id%22:%22cus_1%22,%22or%22:[%7B%22customer_id%22:%22cus_2%22%7D]%7D",
        ),
    ),
    ("a property of the query", get_form("/list?owner=cus_9"), get_form("/list?owner=cus_1")),
    ("a property in another case", get_form("/list?owner=cus_1&Owner=cus_9"), get_form("/list?owner=cus_1")),
    ("a property with brackets", get_form("/list?owner[]=cus_9"), get_form("/list?owner=cus_1")),
    ("properties in one value", get_form("/list?where=owner,cus_9"), get_form("/list?owner=cus_1")),
    ("a number in other digits", get_form("/search?tenant=%D9%A4%D9%A3"), get_form("/search?tenant=42")),
    ("a number with a sign", get_form("/search?tenant=%2B43"), get_form("/search?tenant=42")),
    ("a number in another base", get_form("/search?tenant=0x2B"), get_form("/search?tenant=42")),
    ("a number after a blank", get_form("/search?tenant=%2043"), get_form("/search?tenant=42")),
    ("another number", get_form("/search?tenant=43"), get_form("/search?tenant=42")),
    ("a number with a leading zero", get_form("/search?tenant=042"), get_form("/search?tenant=42")),
    ("a number with a fraction", get_form("/search?tenant=42.0"), get_form("/search?tenant=42")),
];

/// Forms of header fields and cookies.
const FIELDS: &[Pair] = &[
    ("another's id in a field", with("X-Customer: cus_9\r\n"), with("X-Customer: cus_1\r\n")),
    (
        "a field given twice",
        with("X-Customer: cus_1\r\nX-Customer: cus_9\r\n"),
        with("x-customer: cus_2\r\n"),
    ),
    ("a list in a field", with("X-Customer: cus_1, cus_9\r\n"), with("X-Customer:  cus_1 \r\n")),
    (
        "a field with an underscore",
        with("X-Customer: cus_1\r\nX_Customer: cus_9\r\n"),
        with("X-Customer: cus_1\r\n"),
    ),
    ("another's id in a cookie", with("Cookie: customer=cus_9\r\n"), with("Cookie: customer=cus_1\r\n")),
    (
        "a cookie given twice",
        with("Cookie: customer=cus_1; customer=cus_9\r\n"),
        with("Cookie: customer=cus_1\r\n"),
    ),
    (
        "a cookie behind a comma",
        with("Cookie: theme=dark,customer=cus_9\r\n"),
        with("Cookie: theme=dark; customer=cus_1\r\n"),
    ),
    (
        "a cookie with a blank after its name",
        with("Cookie: customer=cus_1; customer =cus_9\r\n"),
        with("Cookie: customer=cus_1\r\n"),
    ),
    ("a cookie in quotes", with("Cookie: customer=\"cus_9\"\r\n"), with("Cookie: customer=cus_2\r\n")),
    (
        "a cookie in two fields",
        with("Cookie: customer=cus_1\r\nCookie: customer=cus_9\r\n"),
        with("Cookie: customer=cus_1\r\n"),
    ),
];

/// Forms of JSON.
const BODIES: &[Pair] = &[
    ("another's id in the body", put(r#"{"customer_id":"cus_9"}"#), GOOD_PUT),
    ("a path of mine and a body of another's", put(r#"{"name":"x","customer_id":"cus_9"}"#), GOOD_PUT),
    (
        "a list in the body",
        put(r#"{"customer_id":["cus_1","cus_9"]}"#),
        put(r#"{"customer_id":["cus_1","cus_2"]}"#),
    ),
    ("a list in a list", put(r#"{"customer_id":[["cus_9"]]}"#), put(r#"{"customer_id":["cus_1"]}"#)),
    ("an object for an id", put(r#"{"customer_id":{"$ne":"cus_1"}}"#), GOOD_PUT),
    ("`null` for an id", put(r#"{"customer_id":null}"#), GOOD_PUT),
    ("no id", put(r#"{"name":"x"}"#), GOOD_PUT),
    ("an empty list of ids", put(r#"{"customer_id":[]}"#), GOOD_PUT),
    ("an escape in the name", put(r#"{"customer\u005fid":"cus_9"}"#), put(r#"{"customer\u005fid":"cus_1"}"#)),
    (
        "an escape in the value",
        put(r#"{"customer_id":"cus\u005f9"}"#),
        put(r#"{"customer_id":"cus\u005f1"}"#),
    ),
    ("a name given twice", put(r#"{"customer_id":"cus_1","customer_id":"cus_9"}"#), GOOD_PUT),
    (
        "a name given twice, once with an escape",
        put(r#"{"customer_id":"cus_1","customer\u005fid":"cus_9"}"#),
        GOOD_PUT,
    ),
    (
        "a name in another case beside it",
        put(r#"{"customer_id":"cus_1","Customer_ID":"cus_9"}"#),
        put(r#"{"customer_id":"cus_1","Customer_ID":"cus_2"}"#),
    ),
    (
        "a name with a NUL",
        put(r#"{"customer_id\u0000":"cus_9","customer_id":"cus_1"}"#),
        put(r#"{"customer_id\u0000":"cus_2","customer_id":"cus_1"}"#),
    ),
    (
        "a name with a long s",
        put(r#"{"cu\u017ftomer_id":"cus_9","customer_id":"cus_1"}"#),
        put(r#"{"cu\u017ftomer_id":"cus_2","customer_id":"cus_1"}"#),
    ),
    ("half of a pair in the value", put(r#"{"customer_id":"cus_1\ud800"}"#), GOOD_PUT),
    ("a value with a NUL", put(r#"{"customer_id":"cus_9\u0000"}"#), GOOD_PUT),
    ("two documents", put(r#"{"customer_id":"cus_1"}{"customer_id":"cus_9"}"#), GOOD_PUT),
    ("a mark of the order of bytes", put("\u{feff}{\"customer_id\":\"cus_9\"}"), GOOD_PUT),
    ("a comment", put(r#"{"customer_id":"cus_1",/*"*/"customer_id":"cus_9"}"#), GOOD_PUT),
    ("single quotes", put("{'customer_id':'cus_9'}"), GOOD_PUT),
    ("an array around it", put(r#"[{"customer_id":"cus_9"}]"#), GOOD_PUT),
    (
        "an id where nothing declares one",
        put(r#"{"customer_id":"cus_1","where":{"or":[{"customer_id":"cus_9"}]}}"#),
        put(r#"{"customer_id":"cus_1","where":{"or":[{"customer_id":"cus_2"}]}}"#),
    ),
    ("a number that is no id of mine", put(r#"{"customer_id":1}"#), GOOD_PUT),
    (
        "a batch with another's",
        batch(r#"{"orders":[{"customer_id":"cus_1"},{"customer_id":"cus_9"}]}"#),
        GOOD_BATCH,
    ),
    (
        "a batch whose last is another's",
        batch(r#"{"orders":[{},{"customer_id":null},{"customer_id":"cus_9"}]}"#),
        GOOD_BATCH,
    ),
    ("a batch as an object", batch(r#"{"orders":{"0":{"customer_id":"cus_9"}}}"#), GOOD_BATCH),
    ("a batch of one that is no list", batch(r#"{"orders":{"customer_id":"cus_9"}}"#), GOOD_BATCH),
    (
        "a batch in another case",
        batch(r#"{"Orders":[{"Customer_Id":"cus_9"}]}"#),
        batch(r#"{"Orders":[{"Customer_Id":"cus_1"}]}"#),
    ),
    ("a batch as a text", batch(r#"{"orders":"[{\"customer_id\":\"cus_9\"}]"}"#), GOOD_BATCH),
    ("a nested batch", batch(r#"{"orders":[[{"customer_id":"cus_9"}]]}"#), GOOD_BATCH),
    (
        "a mapping by names",
        batch(r#"{"by_name":{"x":{"customer_id":"cus_1"},"y":{"customer_id":"cus_9"}}}"#),
        batch(r#"{"by_name":{"x":{"customer_id":"cus_2"}}}"#),
    ),
    ("signs that pointers escape", batch(r#"{"a/b":{"~id":"cus_9"}}"#), batch(r#"{"a/b":{"~id":"cus_1"}}"#)),
    (
        "another tenant in a batch",
        batch(r#"{"orders":[{"tenant":42},{"tenant":43}]}"#),
        batch(r#"{"orders":[{"tenant":42}]}"#),
    ),
    (
        "a number as another text",
        batch(r#"{"orders":[{"tenant":"042"}]}"#),
        batch(r#"{"orders":[{"tenant":"42"}]}"#),
    ),
    (
        "a number with a fraction in a batch",
        batch(r#"{"orders":[{"tenant":42.0}]}"#),
        batch(r#"{"orders":[{"tenant":42}]}"#),
    ),
    (
        "a number with an exponent",
        batch(r#"{"orders":[{"tenant":4.2e1}]}"#),
        batch(r#"{"orders":[{"tenant":42}]}"#),
    ),
    ("no JSON at all", put("customer_id=cus_9"), GOOD_PUT),
    (
        "JSON in another encoding",
        (
            "PUT",
            "/customers/cus_1",
            "Content-Type: application/json; charset=utf-16\r\n",
            r#"{"customer_id":"cus_1"}"#,
        ),
        GOOD_PUT,
    ),
    (
        "two encodings",
        (
            "PUT",
            "/customers/cus_1",
            "Content-Type: application/json; charset=utf-8; charset=utf-16\r\n",
            r#"{"customer_id":"cus_1"}"#,
        ),
        GOOD_PUT,
    ),
    (
        "a content coding",
        (
            "PUT",
            "/customers/cus_1",
            "Content-Type: application/json\r\nContent-Encoding: identity, x-y\r\n",
            r#"{"customer_id":"cus_9"}"#,
        ),
        GOOD_PUT,
    ),
    (
        "JSON that is called text",
        ("POST", "/any", "Content-Type: text/plain\r\n", r#"{"customer_id":"cus_9"}"#),
        ("POST", "/any", JSON, r#"{"customer_id":"cus_1"}"#),
    ),
    (
        "JSON that is called bytes",
        ("POST", "/any", "Content-Type: application/x-json\r\n", r#"{"customer_id":"cus_9"}"#),
        ("POST", "/any", JSON, r#"{"customer_id":"cus_1"}"#),
    ),
    (
        "a patch that is called JSON",
        ("PATCH", "/changes", JSON, r#"[{"op":"replace","path":"/customer_id","value":"cus_9"}]"#),
        ("PATCH", "/changes", JSON, r#"[{"op":"replace","path":"/customer_id","value":"cus_1"}]"#),
    ),
    (
        "two media types",
        (
            "PUT",
            "/customers/cus_1",
            "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
            r#"{"customer_id":"cus_9"}"#,
        ),
        GOOD_PUT,
    ),
    (
        "another media type",
        ("PUT", "/customers/cus_1", "Content-Type: application/xml\r\n", "<customer_id>cus_9</customer_id>"),
        GOOD_PUT,
    ),
    (
        "a body where none is declared",
        ("DELETE", "/customers/cus_1", JSON, r#"{"customer_id":"cus_9"}"#),
        ("DELETE", "/customers/cus_1", "", ""),
    ),
];

/// Forms of forms, parts and patches.
const OTHERS: &[Pair] = &[
    (
        "a form's field behind more than a service reads",
        urlencoded(concat!(ten!(ten!(ten!("&"))), "customer_id=cus_1&name=x")),
        urlencoded(concat!(ten!("&"), "customer_id=cus_1&name=x")),
    ),
    ("another's id in a form", urlencoded("customer_id=cus_9&name=x"), GOOD_FORM),
    ("a form's field given twice", urlencoded("customer_id=cus_1&customer_id=cus_9"), GOOD_FORM),
    ("a form's field with brackets", urlencoded("customer_id=cus_1&customer_id[]=cus_9"), GOOD_FORM),
    ("a form's field that is encoded", urlencoded("customer%5Fid=cus_9"), urlencoded("customer%5Fid=cus_1")),
    ("a form parted by a semicolon", urlencoded("customer_id=cus_1&name=x;customer_id=cus_9"), GOOD_FORM),
    ("a form's field in another case", urlencoded("customer_id=cus_1&CUSTOMER_ID=cus_9"), GOOD_FORM),
    (
        "a part with two names",
        multipart(beside!("Content-Disposition: form-data; name=\"name\"; name=\"customer_id\"", "cus_9")),
        GOOD_PARTS,
    ),
    (
        "a part with an extended name",
        multipart(beside!(
            "Content-Disposition: form-data; name=\"name\"; name*=UTF-8''customer_id",
            "cus_9"
        )),
        GOOD_PARTS,
    ),
    (
        "a part in another case",
        multipart(beside!("Content-Disposition: form-data; name=\"Customer_Id\"", "cus_9")),
        GOOD_PARTS,
    ),
    (
        "a part in a transfer encoding",
        multipart(beside!(
            "Content-Disposition: form-data; name=\"name\"\r\nContent-Transfer-Encoding: base64",
            "eA=="
        )),
        GOOD_PARTS,
    ),
    ("another's id in a part", multipart(parts!("customer_id" = "cus_9", "name" = "x")), GOOD_PARTS),
    ("a part given twice", multipart(parts!("customer_id" = "cus_1", "customer_id" = "cus_9")), GOOD_PARTS),
    (
        "a part with brackets",
        multipart(parts!("customer_id" = "cus_1", "customer_id[0]" = "cus_9")),
        GOOD_PARTS,
    ),
    (
        "a patch with another's id",
        patch(r#"[{"op":"replace","path":"/customer_id","value":"cus_9"}]"#),
        GOOD_PATCH,
    ),
    (
        "a patch of the whole",
        patch(r#"[{"op":"replace","path":"","value":{"customer_id":"cus_9"}}]"#),
        patch(r#"[{"op":"replace","path":"","value":{"customer_id":"cus_1"}}]"#),
    ),
    (
        "a patch of the whole that leaves the id out",
        patch(r#"[{"op":"replace","path":"","value":{"name":"x"}}]"#),
        patch(r#"[{"op":"replace","path":"","value":{"name":"x","customer_id":"cus_1"}}]"#),
    ),
    (
        "a patch with an escaped path",
        patch(r#"[{"op":"add","path":"/a~1b/~0id","value":"cus_9"}]"#),
        patch(r#"[{"op":"add","path":"/a~1b/~0id","value":"cus_1"}]"#),
    ),
    (
        "a patch at the end of a list",
        patch(r#"[{"op":"add","path":"/orders/-","value":{"customer_id":"cus_9"}}]"#),
        patch(r#"[{"op":"add","path":"/orders/-","value":{"customer_id":"cus_2"}}]"#),
    ),
    (
        "a patch that copies an id",
        patch(r#"[{"op":"copy","from":"/other","path":"/customer_id"}]"#),
        patch(r#"[{"op":"copy","from":"/other","path":"/name"}]"#),
    ),
    (
        "a patch that asks for an id",
        patch(r#"[{"op":"test","path":"/customer_id","value":"cus_9"}]"#),
        patch(r#"[{"op":"test","path":"/customer_id","value":"cus_1"}]"#),
    ),
    (
        "a patch that takes the id away",
        patch(r#"[{"op":"remove","path":"/customer_id"}]"#),
        patch(r#"[{"op":"remove","path":"/name"}]"#),
    ),
    ("a patch below an id", patch(r#"[{"op":"add","path":"/customer_id/0","value":"cus_9"}]"#), GOOD_PATCH),
    ("a patch in another case", patch(r#"[{"op":"add","path":"/Customer_ID","value":"cus_9"}]"#), GOOD_PATCH),
    (
        "a patch of an unknown kind",
        patch(r#"[{"op":"REPLACE","path":"/customer_id","value":"cus_9"}]"#),
        GOOD_PATCH,
    ),
    (
        "a patch that moves another id there",
        patch(r#"[{"op":"move","from":"/other","path":"/customer_id"}]"#),
        patch(r#"[{"op":"move","from":"/other","path":"/name"}]"#),
    ),
    (
        "a patch without a slash",
        patch(r#"[{"op":"replace","path":"customer_id","value":"cus_9"}]"#),
        GOOD_PATCH,
    ),
    (
        "a patch with two paths",
        patch(r#"[{"op":"add","path":"/name","Path":"/customer_id","value":"cus_9"}]"#),
        GOOD_PATCH,
    ),
    ("a merge patch", merge(r#"{"customer_id":"cus_9"}"#), merge(r#"{"customer_id":"cus_1"}"#)),
    (
        "a merge patch that takes the id away",
        merge(r#"{"customer_id":null}"#),
        merge(r#"{"customer_id":"cus_1"}"#),
    ),
];

fn bytes((method, target, fields, body): Form, token: &str) -> Vec<u8> {
    let fields = format!("Authorization: Bearer {token}\r\nConnection: close\r\n{fields}");
    match method {
        "GET" | "HEAD" => {
            format!("{method} {target} HTTP/1.1\r\nHost: api.test\r\n{fields}\r\n").into_bytes()
        }
        _ => send(method, target, &fields, body),
    }
}

fn cases(token: &str, expect: &Expect) -> Vec<Case> {
    let case = |(name, hostile, twin): &Pair| Case {
        name: (*name).to_owned(),
        hostile: bytes(*hostile, token),
        // An answer to HEAD has no body to be read.
        expect: if hostile.0 == "HEAD" { Expect::Status(403) } else { expect.clone() },
        twin: bytes(*twin, token),
    };
    [PATHS, QUERIES, FIELDS, BODIES, OTHERS].into_iter().flatten().map(case).collect()
}

/// Refusals of the checks that read before `objects` does.
const EARLIER: &[&str] = &[
    "object_forbidden",
    "parameter_invalid",
    "path_not_canonical",
    "body_invalid",
    "body_malformed",
    "body_not_declared",
    "coding_unsupported",
    "media_type_unsupported",
    "request_malformed",
];

/// The same where nothing validates.
const FIRST: &[&str] =
    &["object_forbidden", "path_not_canonical", "body_malformed", "coding_unsupported", "request_malformed"];

#[test]
fn another_s_object_is_out_of_reach_where_the_contract_is_enforced() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, STRICT);
    let cases = cases(&mine(&gateway), &Expect::OneOf(EARLIER));
    assert!(cases.len() >= 150, "{}", cases.len());
    judge(&gateway, &recorder, &cases);
}

#[test]
fn another_s_object_is_out_of_reach_by_this_control_alone() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, LOOSE);
    judge(&gateway, &recorder, &cases(&mine(&gateway), &Expect::OneOf(FIRST)));
}

#[test]
fn a_proxy_that_checks_nothing_lets_all_of_it_through() {
    reaches_naive(&cases("x", &Expect::Refusal));
}

fn as_caller(target: &str, token: &str) -> Vec<u8> {
    get(target, &format!("Authorization: Bearer {token}\r\nConnection: close\r\n"))
}

#[test]
fn who_owns_nothing_reaches_nothing_and_who_is_exempt_reaches_all() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, LOOSE);
    let status = |token: &str| gateway.call(as_caller("/customers/cus_1", token)).status;
    for claims in [
        &[][..],
        &["--claim", "customers=[]"],
        &["--claim", "customers=null"],
        &["--claim", r#"customers={"cus_1":true}"#],
        &["--claim", r#"customers=[["cus_1"]]"#],
        &["--claim", "customers=cus_1 cus_2"],
        &["--claim", "customers=cus_10"],
        &["--claim", "Customers=cus_1"],
    ] {
        assert_eq!(status(&token(&gateway, claims)), 403, "{claims:?}");
    }
    assert_eq!(status(&token(&gateway, &["--claim", "customers=cus_1"])), 200);
    assert_eq!(status(&token(&gateway, &["--role", "support"])), 200);
    assert_eq!(status(&token(&gateway, &["--role", "Support"])), 403);
    assert_eq!(recorder.count(), 2);
    // Who is exempt is so in bodies too, and only there where the rule says so.
    let support = token(&gateway, &["--role", "support"]);
    let body = bytes(("PUT", "/customers/cus_9", JSON, r#"{"customer_id":"cus_7"}"#), &support);
    assert_eq!(gateway.call(body).status, 200);
}

#[test]
fn decisions_name_the_binding_and_never_the_id() {
    let recorder = Recorder::start();
    let hidden = OBJECTS.replace("objects:\n", "objects:\n  refuse: not_found\n");
    for (objects, status, code, violations) in
        [(OBJECTS, 403, "object_forbidden", 1), (&*hidden, 404, "object_not_found", 0)]
    {
        let setup = Setup { contract: CONTRACT.to_owned(), ..Setup::api(&format!("{objects}{STRICT}")) };
        let gateway = Gateway::with(&setup, &recorder.url());
        let reply = gateway.call(as_caller("/search?filter[customer_id]=cus_9", &mine(&gateway)));
        assert_eq!((reply.status, reply.code().as_deref()), (status, Some(code)));
        let problem: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(problem["violations"].as_array().map_or(0, Vec::len), violations, "{problem}");
        assert!(!reply.text().contains("cus_9"), "{}", reply.text());
        let line = gateway.log_of(&reply);
        let verdicts = line["verdicts"].as_array().unwrap();
        let verdict = verdicts.iter().find(|one| one["control"] == "objects").unwrap();
        let detail = verdict["detail"].as_str().unwrap();
        assert_eq!(
            detail,
            "binding `customer`: query `filter/customer_id` is not the caller's (claim `customers`)"
        );
        assert!(verdict.to_string().contains("yett.yaml:"), "{verdict}");
    }
    assert_eq!(recorder.count(), 0);
}

#[test]
fn in_shadow_calls_pass_and_are_told_of() {
    let recorder = Recorder::scripted(|_| Answer::json(200, "{}"));
    let shadow = OBJECTS.replace("objects:\n", "objects:\n  mode: shadow\n");
    let setup = Setup { contract: CONTRACT.to_owned(), ..Setup::api(&format!("{shadow}{STRICT}")) };
    let gateway = Gateway::with(&setup, &recorder.url());
    let token = mine(&gateway);
    for (id, outcome) in [("cus_9", "refuse"), ("cus_1", "allow")] {
        let reply = gateway.call(as_caller(&format!("/customers/{id}"), &token));
        assert_eq!(reply.status, 200);
        let line = gateway.log_of(&reply);
        let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
        let found = verdicts.iter().find(|one| one["control"] == "objects");
        assert_eq!(found.map_or("allow", |one| one["outcome"].as_str().unwrap()), outcome);
    }
}
