//! Policy decision points as cases have them: they allow where nothing is said of them, and answer what is said where it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

mod common;

use common::{failed, run, subject, suite};
use policy_tests::generate::generate;

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { read: r } } } }
security: [{ oauth: [read] }]
paths:
  /opa/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { operationId: opa, responses: { "200": { description: ok } } }
    put:
      operationId: body
      requestBody: { required: true, content: { application/json: { schema: { type: object } } } }
      responses: { "200": { description: ok } }
  /zen: { get: { operationId: zen, responses: { "200": { description: ok } } } }
  /ext: { get: { operationId: ext, responses: { "200": { description: ok } } } }
  /grpc: { get: { operationId: grpc, responses: { "200": { description: ok } } } }
  /shadow: { get: { operationId: shadow, responses: { "200": { description: ok } } } }
  /lenient: { get: { operationId: lenient, responses: { "200": { description: ok } } } }
  /none: { get: { operationId: none, responses: { "200": { description: ok } } } }
"##;

const DOCUMENT: &str = "version: 1
listen: http://127.0.0.1:8080
apis:
  notes:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:3000
    issuer: local
    pdp: { protocol: opa, url: \"https://pdp.internal/v1/data/notes/allow\", token: env:PDP_TOKEN }
    operations:
      body: { pdp: { body: json } }
      zen: { pdp: { protocol: authzen, url: \"https://pdp.internal/access/v1/evaluation\" } }
      ext: { pdp: { protocol: ext_authz, url: \"https://pdp.internal/check\", refuse: as_told, headers: [x-plan] } }
      grpc: { pdp: { protocol: ext_authz_grpc, url: \"https://authz.internal:9001\", refuse: as_told, headers: [x-plan] } }
      shadow: { pdp: { mode: shadow } }
      lenient: { pdp: { on_error: allow } }
      none: { pdp: { mode: \"off\" } }
";

const CASES: &str = "version: 1
defaults: { credential: { scopes: [read] } }
tests:
  - { name: nothing is said, request: GET /opa/1, expect: allow }
  - { name: allow, request: GET /opa/1, pdp: allow, expect: allow }
  - { name: deny, request: GET /opa/1, pdp: deny, expect: { decision: refuse, control: pdp, code: pdp_denied, status: 403, upstream: none } }
  - { name: down, request: GET /opa/1, pdp: down, expect: { decision: refuse, code: pdp_unavailable, status: 503, headers: { retry-after: present } } }
  - { name: undefined, request: GET /opa/1, pdp: { json: {} }, expect: { decision: refuse, code: pdp_denied } }
  - { name: a reason, request: GET /opa/1, pdp: { json: { result: { allow: false, reason: late } } }, expect: { decision: refuse, code: pdp_denied, problem: { detail: null } } }
  - { name: another type, request: GET /opa/1, pdp: { json: { result: 1 } }, expect: { decision: refuse, code: pdp_unavailable } }
  - { name: a status, request: GET /opa/1, pdp: { status: 500, json: { result: true } }, expect: { decision: refuse, code: pdp_unavailable } }
  - { name: a body, request: { method: PUT, target: /opa/1, json: { a: 1 } }, expect: allow }
  - { name: a body that is denied, request: { method: PUT, target: /opa/1, json: { a: 1 } }, pdp: deny, expect: { decision: refuse, code: pdp_denied } }
  - { name: authzen, request: GET /zen, expect: allow }
  - { name: authzen denies, request: GET /zen, pdp: deny, expect: { decision: refuse, code: pdp_denied } }
  - { name: the service of another, request: GET /zen, pdp: { json: { result: true } }, expect: { decision: refuse, code: pdp_unavailable } }
  - { name: ext_authz, request: GET /ext, expect: allow }
  - { name: ext_authz adds, request: { method: GET, target: /ext, headers: { x-plan: gold } }, pdp: { headers: { x-plan: free } }, expect: { decision: allow, upstream: { headers: { x-plan: free } } } }
  - { name: ext_authz adds nothing, request: { method: GET, target: /ext, headers: { x-plan: gold } }, expect: { decision: allow, upstream: { headers: { x-plan: absent } } } }
  - { name: ext_authz denies, request: GET /ext, pdp: deny, expect: { decision: refuse, code: pdp_denied } }
  - { name: ext_authz knows nothing of it, request: GET /ext, pdp: { status: 404 }, expect: { decision: refuse, code: pdp_not_found, status: 404 } }
  - { name: over gRPC, request: GET /grpc, expect: allow }
  - { name: over gRPC it adds, request: { method: GET, target: /grpc, headers: { x-plan: gold } }, pdp: { headers: { x-plan: free } }, expect: { decision: allow, upstream: { headers: { x-plan: free } } } }
  - { name: over gRPC it adds nothing, request: { method: GET, target: /grpc, headers: { x-plan: gold } }, expect: { decision: allow, upstream: { headers: { x-plan: absent } } } }
  - { name: over gRPC it denies, request: GET /grpc, pdp: deny, expect: { decision: refuse, code: pdp_denied } }
  - { name: over gRPC it knows nothing of it, request: GET /grpc, pdp: { status: 404 }, expect: { decision: refuse, code: pdp_not_found, status: 404 } }
  - { name: over gRPC it fails, request: GET /grpc, pdp: { status: 500 }, expect: { decision: refuse, code: pdp_unavailable } }
  - { name: over gRPC nobody is there, request: GET /grpc, pdp: down, expect: { decision: refuse, code: pdp_unavailable } }
  - { name: shadow, request: GET /shadow, pdp: deny, expect: { decision: allow, shadow: [pdp_denied] } }
  - { name: lenient, request: GET /lenient, pdp: down, expect: allow }
  - { name: lenient and denied, request: GET /lenient, pdp: deny, expect: { decision: refuse, code: pdp_denied } }
  - { name: not asked, request: GET /none, pdp: deny, expect: allow }
  - { name: refused before, request: GET /opa/1, credential: none, pdp: down, expect: { decision: refuse, code: credential_missing } }
";

#[test]
fn what_a_case_says_is_what_is_answered() {
    let suite = suite(CASES);
    assert_eq!(failed(&suite, &run(&subject(DOCUMENT, CONTRACT).unwrap(), &suite)), Vec::<String>::new());
}

/// Where nothing is said they allow, so that good calls of an API with one are found.
#[test]
fn cases_are_generated_beside_one() {
    let subject = subject(DOCUMENT, CONTRACT).unwrap();
    let files = generate(&subject, 2).unwrap();
    let text: String = files.iter().map(|file| file.text.as_str()).collect();
    for id in ["opa", "body", "zen", "ext", "grpc"] {
        assert!(text.contains(&format!("{id}: a good call")), "{id}\n{text}");
    }
}
