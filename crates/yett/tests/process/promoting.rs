//! Every control that can refuse, in shadow at an operation of its own: the call passes and is counted under its name, `yett promote` changes
//! that one word of the document, and the same call is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::common::{Gateway, House, text};
use serde_json::Value;
use testkit::{Answer, Recorder, until};

/// A control in shadow, and a call that it would refuse.
struct Row {
    /// As `yett promote` takes it, and as it is counted.
    promoted: &'static str,
    counted: &'static str,
    /// Its section, at the operation; `shadow` is there once.
    section: &'static str,
    /// Query, further header fields and body of the call.
    query: &'static str,
    fields: &'static str,
    body: &'static str,
    code: &'static str,
}

const JSON: &str = "content-type: application/json\r\n";
const fn row(promoted: &'static str, section: &'static str, query: &'static str, code: &'static str) -> Row {
    Row { promoted, counted: promoted, section, query, fields: "", body: "", code }
}

const ROWS: &[Row] = &[
    row("networks", "networks: { mode: shadow, deny: [127.0.0.0/8] }", "", "address_refused"),
    Row {
        fields: "origin: https://evil.example\r\n",
        ..row("cors", "cors: { mode: shadow, origins: [\"https://shop.example\"] }", "", "origin_refused")
    },
    row(
        "authorization",
        "authorization: { mode: shadow, require: { roles: [admin] } }",
        "",
        "privilege_missing",
    ),
    row("limits", "limits: [{ per: subject, rate: 1/day, mode: shadow }]", "", "rate_limited"),
    Row {
        fields: JSON,
        body: "{\"text\":\"clear\"}",
        ..row(
            "message_security",
            "message_security: { mode: shadow, request: { decrypt: { keys: \"file:keys.jwks\", algorithms: [dir], encryption: [A128GCM] } } }",
            "",
            "body_unprotected",
        )
    },
    Row {
        fields: JSON,
        body: "{\"text\":[[1]]}",
        ..row("bodies", "bodies: { mode: shadow, json: { depth: 2 } }", "", "body_out_of_bounds")
    },
    Row {
        fields: JSON,
        body: "{\"text\":\"long\"}",
        ..row("content", "content: { mode: shadow, json: { string: 3B } }", "", "body_out_of_bounds")
    },
    Row {
        counted: "validation",
        ..row(
            "validation.request",
            "validation: { request: shadow, response: 'off' }",
            "?number=x",
            "parameter_invalid",
        )
    },
    Row {
        counted: "validation",
        ..row(
            "validation.response",
            "validation: { request: 'off', response: shadow }",
            "",
            "response_invalid",
        )
    },
    row(
        "objects",
        "objects: { mode: shadow, bindings: { shop: { claim: shops, places: [{ in: query, name: shop }] } } }",
        "?shop=s2",
        "object_forbidden",
    ),
    Row {
        fields: JSON,
        body: "{\"secret\":1}",
        ..row(
            "views",
            "views: { mode: shadow, requests: { own: { at: [/secret], by: [admin] } } }",
            "",
            "property_forbidden",
        )
    },
    row("inspection", "inspection: { mode: shadow }", "?text=1%27%20OR%20%271%27=%271", "payload_refused"),
    row(
        "inspection.modes.sql",
        "inspection: { modes: { sql: { tag: attack-sqli, mode: shadow } } }",
        "?text=1%27%20OR%20%271%27=%271",
        "payload_refused",
    ),
    Row {
        fields: "content-type: image/png\r\n",
        body: "GIF89a\u{1}\u{0}\u{1}\u{0}",
        ..row("uploads", "uploads: { mode: shadow, types: [image/png] }", "", "upload_refused")
    },
    row("leaks", "leaks: { mode: shadow }", "", "answer_refused"),
    // Nobody listens there.
    row(
        "pdp",
        "pdp: { mode: shadow, protocol: opa, url: \"http://127.0.0.1:1/v1/data/x\" }",
        "",
        "pdp_unavailable",
    ),
];

/// What the service says: more than it should.
const TRACE: &str = "{\"id\":1,\"error\":\"Traceback (most recent call last):\\n  File \\\"/srv/app.py\\\", line 7, in get\\n    raise KeyError(x)\\nKeyError: 'x'\"}";

impl Row {
    fn operation(&self) -> String {
        self.promoted.replace('.', "-")
    }

    fn method(&self) -> &'static str {
        if self.body.is_empty() { "get" } else { "post" }
    }

    /// Its operation in the contract.
    fn declared(&self) -> String {
        let schema = "{ schema: { type: object, properties: { text: {}, secret: {} } } }";
        let body = format!("requestBody: {{ content: {{ application/json: {schema}, image/png: {{}} }} }},");
        let body = if self.body.is_empty() { String::new() } else { body };
        let query = "{ name: shop, in: query, schema: { type: string } }, { name: text, in: query, schema: { type: string } }, { name: number, in: query, schema: { type: integer } }";
        let answer = "{ description: ok, content: { application/json: { schema: { type: object, properties: { id: { type: string } } } } } }";
        let id = self.operation();
        format!(
            "  /{id}: {{ {}: {{ operationId: {id}, parameters: [{query}], {body} responses: {{ \"200\": {answer} }} }} }}\n",
            self.method()
        )
    }

    /// Makes the call: the status of its answer, and the answer.
    fn call(&self, gateway: &Gateway, token: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&gateway.url).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let (id, fields, query, length) = (self.operation(), self.fields, self.query, self.body.len());
        let head = format!(
            "{} /{id}{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{fields}",
            self.method().to_ascii_uppercase()
        );
        let length = if length == 0 { String::new() } else { format!("content-length: {length}\r\n") };
        stream.write_all(format!("{head}{length}\r\n{}", self.body).as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = text(&answer);
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }
}

fn house(upstream: &Recorder) -> House {
    let house = House::new();
    let scheme = "oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: \"https://idp.example/t\", scopes: {} } } }";
    let paths: String = ROWS.iter().map(Row::declared).collect();
    house.write(
        "openapi.yaml",
        &format!("openapi: 3.1.0\ninfo: {{ title: All, version: \"1\" }}\nsecurity: [{{ oauth: [] }}]\ncomponents: {{ securitySchemes: {{ {scheme} }} }}\npaths:\n{paths}"),
    );
    let key = r#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA","alg":"dir"}"#;
    house.write("keys.jwks", &format!(r#"{{"keys":[{key}]}}"#));
    let sections: String = ROWS
        .iter()
        .map(|row| format!("      {}:\n        {} # for now\n", row.operation(), row.section))
        .collect();
    house.write(
        "yett.yaml",
        &format!(
            "version: 1
listen: http://127.0.0.1:0
admin: {{ bind: \"127.0.0.1:0\" }}
record: {{ access_log: \"off\", decisions: {{ sample: 0% }} }}
apis:
  all:
    contract: ./openapi.yaml
    upstream: {}
    issuer: local
    content: {{ mode: 'off' }}
    validation: {{ request: 'off', response: 'off', opaque: accept }}
    operations:
{sections}",
            upstream.url()
        ),
    );
    house
}

#[test]
fn each_control_in_shadow_is_counted_and_promoted_where_it_is_written() {
    let upstream = Recorder::start();
    upstream.answer(Answer::json(200, TRACE));
    let house = house(&upstream);
    let gateway = Gateway::start(&house);
    let token = house.good(&["token", "--subject", "alice", "--claim", "shops=[\"s1\"]"]).trim().to_owned();
    // Twice: a limit lets the first pass.
    for row in ROWS.iter().chain(ROWS) {
        let before = upstream.count();
        let (status, answer) = row.call(&gateway, &token);
        assert_eq!((status, upstream.count() - before), (200, 1), "{}: {answer}", row.promoted);
    }
    let refused = |row: &Row| {
        let report: Value = serde_json::from_str(&house.good(&["shadow", "--format", "json"])).unwrap();
        let rows = report["refused"].as_array().unwrap();
        let of = |one: &&Value| one["operation"] == row.operation().as_str() && one["control"] == row.counted;
        rows.iter()
            .find(of)
            .map(|one| (one["code"].as_str().unwrap().to_owned(), one["calls"].as_u64().unwrap()))
    };
    for row in ROWS {
        // What is looked at after the answer has gone is counted a little later.
        let found =
            until(15, || refused(row)).unwrap_or_else(|| panic!("{} would refuse nothing", row.promoted));
        assert_eq!(found.0, row.code, "{}", row.promoted);
    }
    let named = house.bad(&["promote"]);
    for row in ROWS {
        let before = house.read("yett.yaml");
        let bounds = ["--max-harm", "100%", "--min-calls", "0", "--since", "1h", "--yes"];
        let operation = row.operation();
        let arguments = [&["promote", row.promoted, "--operation", &operation][..], &bounds].concat();
        let told = house.good(&arguments);
        let line = format!("{} # for now", row.section);
        let after = before.replace(&line, &line.replace("shadow", "enforce"));
        assert_eq!(house.read("yett.yaml"), after, "{}: {told}", row.promoted);
        assert!(told.contains("stricter"), "{}: {told}", row.promoted);
        assert!(named.contains(&format!("`{}", row.promoted)), "{}: {named}", row.promoted);
    }
    let all =
        || ROWS.iter().filter(|row| row.call(&gateway, &token).0 == 200).map(|row| row.promoted).collect();
    until(30, || Some(all()).filter(|passed: &Vec<&str>| passed.is_empty()))
        .unwrap_or_else(|| panic!("{:?} still pass", all()));
}
