//! What cases present beside bearer tokens: API keys, tokens that are bound to a key or a certificate, client certificates. Each
//! that is refused has a twin that passes, and what is generated finds each weakening.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

mod common;

use common::{failed, run, subject_with, suite};
use policy_tests::Subject;
use policy_tests::generate::{Written, generate};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { read: r, write: w } } } }
    inHeader: { type: apiKey, in: header, name: X-Key }
    inQuery: { type: apiKey, in: query, name: the key }
    inCookie: { type: apiKey, in: cookie, name: key }
    inAuthorization: { type: http, scheme: bearer }
paths:
  /notes:
    get: { operationId: listNotes, security: [{ oauth: [read] }], responses: { "200": { description: ok } } }
  /header:
    get: { operationId: byHeader, security: [{ inHeader: [read] }], responses: { "200": { description: ok } } }
  /query:
    get:
      operationId: byQuery
      security: [{ inQuery: [] }]
      parameters: [{ name: n, in: query, schema: { type: integer } }]
      responses: { "200": { description: ok } }
  /cookie:
    get: { operationId: byCookie, security: [{ inCookie: [] }], responses: { "200": { description: ok } } }
  /authorization:
    get: { operationId: byAuthorization, security: [{ inAuthorization: [] }], responses: { "200": { description: ok } } }
  /both:
    get: { operationId: byBoth, security: [{ oauth: [read], inHeader: [write] }], responses: { "200": { description: ok } } }
"##;

/// Of tokens alone.
const PLAIN: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { read: r, write: w } } } }
paths:
  /notes:
    get: { operationId: listNotes, security: [{ oauth: [read] }], responses: { "200": { description: ok } } }
"##;

/// Of certificates, alone and beside tokens.
const SHOWN_CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { read: r, write: w } } } }
    mtls: { type: mutualTLS }
paths:
  /notes:
    get: { operationId: listNotes, security: [{ oauth: [read], mtls: [] }], responses: { "200": { description: ok } } }
  /shown:
    get: { operationId: byCertificate, security: [{ mtls: [read] }], responses: { "200": { description: ok } } }
"##;

const TOP: &str = "version: 1\nissuers: { shop: { url: https://login.example.com, jwks: https://login.example.com/keys, audience: notes } }\n";
const KEYS: &str = "listen: http://127.0.0.1:8080
store: {}
apis:
  notes:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:3000
    authentication:
      oauth: { issuers: [shop] }
      inHeader: { source: applications }
      inQuery: { source: applications }
      inCookie: { source: applications }
      inAuthorization: { source: applications }
    limits: [{ per: application, rate: 5/min }]
";
const BOUND: &str = "listen: http://127.0.0.1:8080
apis:
  notes:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:3000
    dpop: { window: 30s, nonce: required, algorithms: [EdDSA] }
    authentication: { \"*\": { issuers: [shop], sender_constrained: dpop } }
    limits: [{ per: subject, rate: 5/min }]
";
const CERTIFIED: &str = "listeners:
  public:
    bind: 127.0.0.1:8443
    tls: { certificate: file:cert.pem, key: file:key.pem, client_ca: file:ca.pem, client_certificate: optional }
apis:
  notes:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:3000
    client_certificate: required
    authentication: { \"*\": { issuers: [shop], sender_constrained: mtls } }
";
const SHOWN: &str = "listeners:
  public:
    bind: 127.0.0.1:8443
    tls: { certificate: file:cert.pem, key: file:key.pem, client_ca: file:ca.pem, client_certificate: optional }
authorities:
  partners:
    client_ca: file:ca.pem
    grants:
      \"spiffe://example.com/shop\": { scopes: [read] }
      \"spiffe://example.com/guest\":
      \"*.example.com\":
apis:
  notes:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:3000
    authentication: { oauth: { issuers: [shop] }, mtls: { authorities: [partners] } }
";

fn of(document: &str) -> Subject {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = CertificateParams::new(vec![String::from("localhost")]).unwrap();
    let (own, authority) = (own.self_signed(&key).unwrap().pem(), authority.self_signed(&key).unwrap().pem());
    let key = key.serialize_pem();
    let files = [("cert.pem", own.as_str()), ("key.pem", &key), ("ca.pem", &authority)];
    let contract = match document {
        _ if document.contains("source: applications") => CONTRACT,
        _ if document.contains("authorities:") => SHOWN_CONTRACT,
        _ => PLAIN,
    };
    subject_with(&format!("{TOP}{document}"), contract, &files).unwrap()
}

/// The operation's path, the credential and the rest of the case, and the code of the refusal; none where it passes.
type Row<'r> = (&'r str, &'r str, &'r str);

fn put(document: &str, rows: &[Row<'_>]) {
    let mut text = String::from("version: 1\ntests:\n");
    for (number, (path, presented, code)) in rows.iter().enumerate() {
        let expect = match *code {
            "" => String::from("{ decision: allow, status: 200 }"),
            code => format!("{{ decision: refuse, code: {code}, upstream: none }}"),
        };
        text.push_str(&format!(
            "  - {{ name: {number} {path}, request: GET {path}, {presented}, expect: {expect} }}\n"
        ));
    }
    let suite = suite(&text);
    assert_eq!(failed(&suite, &run(&of(document), &suite)), Vec::<String>::new());
}

#[test]
fn api_keys_are_what_the_case_says() {
    put(
        KEYS,
        &[
            ("/header", "credential: { key: { application: shop, scopes: [read] } }", ""),
            ("/header", "credential: { key: { scopes: read, scheme: inHeader } }", ""),
            ("/header", "credential: { key: { scopes: [write] } }", "insufficient_scope"),
            ("/header", "credential: { key: { scopes: [read], state: expired } }", "key_expired"),
            ("/header", "credential: { key: { scopes: [read], state: replaced } }", "key_expired"),
            ("/header", "credential: { key: { scopes: [read], state: revoked } }", "key_invalid"),
            ("/header", "credential: { key: { scopes: [read], state: unknown } }", "key_invalid"),
            ("/header", "credential: { key: { scopes: [read], state: suspended } }", "application_suspended"),
            ("/header", "credential: { key: { scopes: [read], scheme: inCookie } }", "credential_missing"),
            ("/header", "credential: { scopes: [read] }", "credential_missing"),
            ("/query", "credential: { key: {} }", ""),
            ("/query?n=1", "credential: { key: {} }", ""),
            ("/query", "credential: { key: { state: suspended } }", "application_suspended"),
            ("/cookie", "credential: { key: {} }", ""),
            ("/cookie", "credential: { key: { state: unknown } }", "key_invalid"),
            ("/authorization", "credential: { key: {} }", ""),
            ("/authorization", "credential: { key: { state: expired } }", "key_expired"),
            ("/both", "credential: { scopes: [read], key: { scopes: [write], and_token: true } }", ""),
            ("/both", "credential: { scopes: [read], key: { scopes: [write] } }", "credential_missing"),
            (
                "/both",
                "credential: { scopes: [read], key: { scopes: [read], and_token: true } }",
                "insufficient_scope",
            ),
            ("/header", "credential: { key: { scopes: [read] } }, state: { calls: 5 }", "rate_limited"),
            ("/header", "credential: { key: { scopes: [read] } }, state: { calls: 4 }", ""),
        ],
    );
    let suite = suite(
        "version: 1\ntests:\n  - { name: a, request: GET /header, credential: { key: { scheme: inHeadr } }, expect: allow }\n  - { name: b, request: { method: GET, target: /cookie, headers: { cookie: a=b } }, credential: { key: {} }, expect: { decision: allow, upstream: { headers: { cookie: absent } } } }\n",
    );
    let failed = failed(&suite, &run(&of(KEYS), &suite)).join("\n");
    assert!(failed.starts_with("a: ") && failed.contains("did you mean `inHeader`?"), "{failed}");
    assert_eq!(failed.lines().count(), 1, "{failed}");
    let suite = common::suite(
        "version: 1\ntests:\n  - { name: a, request: GET /notes, credential: { key: {} }, expect: allow }\n",
    );
    let failed = common::failed(&suite, &run(&of(BOUND), &suite)).join("\n");
    assert!(failed.contains("write `source: applications`"), "{failed}");
}

#[test]
fn bound_tokens_come_with_their_proofs() {
    put(
        BOUND,
        &[
            ("/notes", "credential: { scopes: [read], dpop: good }", ""),
            ("/notes", "credential: { scopes: [read], dpop: {} }, state: { calls: 4 }", ""),
            ("/notes", "credential: { scopes: [read], dpop: {} }, state: { calls: 5 }", "rate_limited"),
            ("/notes?x=%41", "credential: { scopes: [read], dpop: good }", "parameter_invalid"),
            ("/notes", "credential: { scopes: [write], dpop: good }", "insufficient_scope"),
            ("/notes", "credential: { scopes: [read] }", "token_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: none }", "proof_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: bearer }", "token_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: unbound }", "token_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: stranger }", "token_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: repeated }", "proof_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: other-token }", "proof_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: without-nonce }", "proof_nonce_required"),
            ("/notes", "credential: { scopes: [read], dpop: { method: POST } }", "proof_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: { method: GET } }", ""),
            (
                "/notes",
                "credential: { scopes: [read], dpop: { uri: \"http://localhost/\" } }",
                "proof_invalid",
            ),
            ("/notes", "credential: { scopes: [read], dpop: { uri: \"http://localhost/notes\" } }", ""),
            ("/notes", "credential: { scopes: [read], dpop: { age: 31s } }", "proof_invalid"),
            ("/notes", "credential: { scopes: [read], dpop: { age: 30s } }", ""),
            ("/notes", "credential: { scopes: [read], dpop: good, expired: true }", "token_expired"),
        ],
    );
    // Behind a proxy clients prove for the URL that they see.
    let behind = BOUND.replace("    dpop: {", "    url: \"https://api.example.com/shop\"\n    dpop: {");
    let seen = "credential: { scopes: [read], dpop: { uri: \"http://localhost/notes\" } }";
    put(
        &behind,
        &[("/notes", "credential: { scopes: [read], dpop: good }", ""), ("/notes", seen, "proof_invalid")],
    );
}

#[test]
fn tokens_and_connections_have_certificates() {
    let own = "certificate: { dns: client.example.com }, credential: { scopes: [read], mtls: own }";
    put(
        CERTIFIED,
        &[
            ("/notes", own, ""),
            ("/notes", "certificate: {}, credential: { scopes: [read], mtls: own }", ""),
            ("/notes", "certificate: {}, credential: { scopes: [read], mtls: other }", "token_invalid"),
            ("/notes", "certificate: {}, credential: { scopes: [read] }", "token_invalid"),
            ("/notes", "credential: { scopes: [read], mtls: own }", "certificate_required"),
        ],
    );
    let open = CERTIFIED.replace("    client_certificate: required\n", "");
    put(
        &open,
        &[("/notes", "credential: { scopes: [read], mtls: own }", "token_invalid"), ("/notes", own, "")],
    );
}

#[test]
fn certificates_prove_who_calls() {
    let shop = "certificate: { uri: \"spiffe://example.com/shop\" }";
    let with = |credential: &str| format!("{shop}, credential: {credential}");
    let (both, expired) = (with("{ scopes: [read] }"), with("{ scopes: [read], expired: true }"));
    put(
        SHOWN,
        &[
            ("/shown", shop, ""),
            ("/shown", "certificate: { uri: \"spiffe://example.com/guest\" }", "insufficient_scope"),
            ("/shown", "certificate: { dns: orders.example.com }", "insufficient_scope"),
            ("/shown", "certificate: { uri: \"spiffe://example.com/shop2\" }", "certificate_invalid"),
            (
                "/shown",
                "certificate: { uri: [\"spiffe://example.com/shop\", \"spiffe://example.com/guest\"] }",
                "certificate_invalid",
            ),
            ("/shown", "certificate: { email: shop@example.com }", "certificate_invalid"),
            ("/shown", "credential: none", "credential_missing"),
            ("/shown", both.as_str(), "credential_missing"),
            ("/notes", both.as_str(), ""),
            ("/notes", shop, "credential_missing"),
            ("/notes", "credential: { scopes: [read] }", "credential_missing"),
            ("/notes", expired.as_str(), "token_expired"),
        ],
    );
}

#[test]
fn users_have_the_password_of_the_run() {
    let document = format!(
        "{TOP}listen: http://127.0.0.1:8080\nusers: {{ staff: {{ passwords: staff.txt, grants: {{ alice: {{ scopes: [read] }}, bob: }} }} }}\napis:\n  notes:\n    \
         contract: ./openapi.yaml\n    upstream: http://127.0.0.1:3000\n    authentication: {{ basic: {{ users: [staff] }} }}\n"
    );
    let contract = "openapi: 3.1.0\ninfo: { title: t, version: \"1\" }\ncomponents: { securitySchemes: { basic: { type: http, \
                    scheme: basic } } }\npaths: { /notes: { get: { operationId: listNotes, security: [{ basic: [read] }], responses: \
                    { \"200\": { description: ok } } } } }\n";
    let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let file = format!("alice:{hash}\nbob:{hash}\n");
    let subject = subject_with(&document, contract, &[("staff.txt", &file)]).unwrap();
    let suite = suite(
        "version: 1\ntests:\n  - { name: a, request: GET /notes, credential: { user: alice }, expect: allow }\n  - { name: b, request: GET \
         /notes, credential: { user: bob }, expect: { decision: refuse, code: insufficient_scope } }\n  - { name: c, request: GET /notes, \
         credential: { user: alice, password: wrong }, expect: { decision: refuse, code: password_invalid } }\n  - { name: d, request: GET \
         /notes, credential: { user: carol }, expect: { decision: refuse, code: password_invalid } }\n  - { name: e, request: GET /notes, \
         expect: { decision: refuse, code: credential_missing } }\n",
    );
    assert_eq!(failed(&suite, &run(&subject, &suite)), Vec::<String>::new());
}

fn generated(document: &str) -> Written {
    let subject = of(document);
    let written = generate(&subject, 2).unwrap().remove(0);
    let suite = suite(&written.text);
    assert_eq!(failed(&suite, &run(&subject, &suite)), Vec::<String>::new());
    let open: Vec<&String> = written.let_through.keys().collect();
    assert!(open.iter().all(|kind| *kind == "is not declared"), "{open:?}");
    assert_eq!(written.without_good_call, Vec::new(), "{}", written.text);
    written
}

/// A configuration, what is in its cases, and what is weakened of it to what.
type Weakened = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const WEAKENED: [Weakened; 4] = [
    (
        KEYS,
        &[
            "byHeader: without a credential",
            "byHeader: with an API key that nobody made",
            "byHeader: with a revoked API key",
            "byHeader: with an expired API key",
            "byHeader: with an API key that was replaced",
            "byHeader: with an API key of a suspended application",
            "byHeader: without the scope read",
            "byQuery: with a revoked API key",
            "byCookie: with a revoked API key",
            "byAuthorization: with a revoked API key",
            "byBoth: with an expired token",
            "byBoth: with a revoked API key",
            "byHeader: call 6 at one time",
        ],
        &[("rate: 5/min", "rate: 9/min")],
    ),
    (
        BOUND,
        &[
            "listNotes: without the proof of a bound token",
            "listNotes: with a bound token as a mere bearer token",
            "listNotes: with a token that is bound to nobody",
            "listNotes: with a proof by another key",
            "listNotes: with a proof that was used before",
            "listNotes: with a proof for another token",
            "listNotes: with a proof for another method",
            "listNotes: with a proof for another URI",
            "listNotes: with a proof that is too old",
            "listNotes: with a proof without a nonce",
            "listNotes: call 6 at one time",
        ],
        &[(", sender_constrained: dpop", ""), ("nonce: required, ", ""), ("window: 30s", "window: 10m")],
    ),
    (
        CERTIFIED,
        &[
            "listNotes: without a client certificate",
            "listNotes: with a token of another certificate",
            "listNotes: with a token of no certificate",
        ],
        &[(", sender_constrained: mtls", ""), ("    client_certificate: required\n", "")],
    ),
    (
        SHOWN,
        &[
            "byCertificate: without the certificate that is a credential",
            "byCertificate: with a certificate that names two",
            "listNotes: without the certificate that is a credential",
            "listNotes: without a credential",
        ],
        &[],
    ),
];

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn what_is_generated_shows_what_is_wrong_with_a_credential() {
    for (document, names, weakenings) in WEAKENED {
        let written = generated(document);
        for name in names {
            assert!(
                written.text.contains(&format!("name: \"{name}\"\n")),
                "no `{name}` in\n{}",
                written.text
            );
        }
        for (from, to) in weakenings {
            assert!(document.contains(from), "{from}");
            let suite = suite(&written.text);
            let failed = failed(&suite, &run(&of(&document.replace(from, to)), &suite));
            assert!(!failed.is_empty(), "`{from}` to `{to}` is not found");
        }
    }
}
