//! Each of these weakenings of the sample is caught: by the cases that were generated from what it was, or by the
//! comparison of the two; and what makes it stricter is no false alarm.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{CONTRACT, LIVE, SAMPLE, WHOLE, failed, run, subject, suite};
use contract::Assets;
use policy_diff::{Change, Effect};
use policy_tests::generate::generate;
use policy_tests::{Subject, Suite};

/// Which text is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    /// The sample's own ten lines.
    Sample,
    /// The configuration with everything.
    Whole,
    /// The configuration with WebSockets and bound tokens, which no case can call.
    Live,
    /// The contract, behind the sample's ten lines.
    Contract,
}
use In::{Contract, Live, Sample, Whole};

/// What is weaker, where, what stands there, and what is put in its place.
type Weakening = (&'static str, In, &'static str, &'static str);

const WEAKENINGS: &[Weakening] = &[
    ("the limit is doubled", Sample, "rate: 60/min", "rate: 120/min"),
    ("the limit is gone", Sample, "    limits: [{ per: subject, rate: 60/min }]\n", ""),
    ("the limit counts another thing", Sample, "per: subject", "per: address"),
    ("the limit is in shadow", Sample, "rate: 60/min }", "rate: 60/min, mode: shadow }"),
    ("the limit has a larger burst", Sample, "rate: 60/min }", "rate: 60/min, burst: 100 }"),
    ("requests are validated in shadow", Sample, "request: enforce", "request: shadow"),
    ("requests are not validated", Sample, "request: enforce", "request: off"),
    ("answers are not validated", Sample, "response: shadow", "response: off"),
    (
        "undeclared parameters are stripped",
        Sample,
        "response: shadow }",
        "response: shadow, undeclared: { query: strip } }",
    ),
    (
        "undeclared parameters pass",
        Sample,
        "response: shadow }",
        "response: shadow, undeclared: { query: allow } }",
    ),
    (
        "undeclared cookies pass",
        Sample,
        "response: shadow }",
        "response: shadow, undeclared: { cookie: allow } }",
    ),
    ("bodies may be longer", Sample, "    validation:", "    bodies: { max: 8MiB }\n    validation:"),
    (
        "a control of bodies is in shadow",
        Sample,
        "    validation:",
        "    bodies: { mode: shadow }\n    validation:",
    ),
    (
        "JSON may be deeper",
        Sample,
        "    validation:",
        "    bodies: { json: { depth: 512 } }\n    validation:",
    ),
    (
        "compressed bodies are taken",
        Sample,
        "    validation:",
        "    bodies: { codings: [gzip] }\n    validation:",
    ),
    (
        "pages of other origins may call",
        Sample,
        "    validation:",
        "    cors: { origins: [\"*\"] }\n    validation:",
    ),
    (
        "one operation has no limits",
        Sample,
        "    validation:",
        "    operations: { getOrder: { limits: [] } }\n    validation:",
    ),
    (
        "one operation is not validated",
        Sample,
        "    validation:",
        "    operations: { createOrder: { validation: { request: off } } }\n    validation:",
    ),
    (
        "another audience is taken too",
        Sample,
        "issuer: local",
        "issuer: local\n    audience: [orders, others]",
    ),
    (
        "failures of addresses are not counted",
        Sample,
        "apis:",
        "admission: { failures: { mode: off } }\napis:",
    ),
    ("anonymous calls are not counted", Sample, "apis:", "admission: { anonymous: { mode: off } }\napis:"),
    ("proxies are believed", Sample, "apis:", "trusted_hops: [192.0.2.0/24]\napis:"),
    (
        "it listens everywhere",
        Sample,
        "listen: http://127.0.0.1:8080",
        "accept: [cleartext, local_issuer]\nlisten: http://0.0.0.0:8080",
    ),
    (
        "an operation is anonymous",
        Contract,
        "      operationId: getProduct\n",
        "      operationId: getProduct\n      security: []\n",
    ),
    (
        "another is anonymous beside a token",
        Contract,
        "      operationId: getOrder\n",
        "      operationId: getOrder\n      security: [{}, { oauth: [\"orders:read\"] }]\n",
    ),
    ("all are anonymous", Contract, "security:\n  - oauth: [\"orders:read\"]\n", "security: []\n"),
    (
        "a scope is dropped",
        Contract,
        "      operationId: deleteCustomer\n      tags: [customers]\n      security:\n        - oauth: [\"orders:admin\"]\n",
        "      operationId: deleteCustomer\n      tags: [customers]\n      security:\n        - oauth: []\n",
    ),
    (
        "a lesser scope suffices",
        Contract,
        "      summary: Give money back; for administrators\n      security:\n        - oauth: [\"orders:admin\"]\n",
        "      summary: Give money back; for administrators\n      security:\n        - oauth: [\"orders:read\"]\n",
    ),
    (
        "one of two scopes suffices",
        Contract,
        "      summary: Put a product into the catalog\n      security:\n        - oauth: [\"orders:admin\"]\n",
        "      summary: Put a product into the catalog\n      security:\n        - oauth: [\"orders:admin\"]\n        - oauth: [\"orders:write\"]\n",
    ),
    (
        "a required parameter is optional",
        Contract,
        "          in: header\n          required: true\n",
        "          in: header\n",
    ),
    (
        "a key may be any text",
        Contract,
        "          schema: { type: string, format: uuid }\n",
        "          schema: { type: string }\n",
    ),
    (
        "pages may be longer",
        Contract,
        "schema: { type: integer, minimum: 1, maximum: 100, default: 20 }",
        "schema: { type: integer, minimum: 1, maximum: 100000, default: 20 }",
    ),
    (
        "pages may be empty",
        Contract,
        "schema: { type: integer, minimum: 1, maximum: 100, default: 20 }",
        "schema: { type: integer, minimum: 0, maximum: 100, default: 20 }",
    ),
    (
        "a number may be text",
        Contract,
        "schema: { type: integer, minimum: 1, maximum: 100, default: 20 }",
        "schema: { type: [integer, string], minimum: 1, maximum: 100, default: 20 }",
    ),
    (
        "a cursor may be anything",
        Contract,
        "schema: { type: string, pattern: \"^c_[0-9]{6}$\" }",
        "schema: { type: string }",
    ),
    (
        "a list of words has one more",
        Contract,
        "enum: [id, name, -price, price]",
        "enum: [id, name, -price, price, password]",
    ),
    (
        "a list of words is gone",
        Contract,
        "schema: { type: string, enum: [id, name, -price, price], default: id }",
        "schema: { type: string, default: id }",
    ),
    (
        "more tags may be asked for",
        Contract,
        "maxItems: 5, uniqueItems: true",
        "maxItems: 5000, uniqueItems: true",
    ),
    ("tags may be repeated", Contract, "maxItems: 5, uniqueItems: true", "maxItems: 5"),
    (
        "ids may be anything",
        Contract,
        "OrderId: { type: string, pattern: \"^ord_[0-9]{6}$\" }",
        "OrderId: { type: string }",
    ),
    (
        "ids may be longer",
        Contract,
        "CustomerId: { type: string, pattern: \"^cus_[0-9]{6}$\" }",
        "CustomerId: { type: string, pattern: \"^cus_[0-9]{6,60}$\" }",
    ),
    (
        "amounts may be negative",
        Contract,
        "amount: { type: integer, minimum: 0, maximum: 1000000000 }",
        "amount: { type: integer, maximum: 1000000000 }",
    ),
    (
        "amounts may be larger",
        Contract,
        "amount: { type: integer, minimum: 0, maximum: 1000000000 }",
        "amount: { type: integer, minimum: 0 }",
    ),
    (
        "amounts may have a fraction",
        Contract,
        "amount: { type: integer, minimum: 0, maximum: 1000000000 }",
        "amount: { type: number, minimum: 0, maximum: 1000000000 }",
    ),
    (
        "a currency is new",
        Contract,
        "Currency: { type: string, enum: [EUR, GBP, USD] }",
        "Currency: { type: string, enum: [EUR, GBP, USD, XXX] }",
    ),
    (
        "addresses are open",
        Contract,
        "      required: [line1, city, postal_code, country]\n      additionalProperties: false\n",
        "      required: [line1, city, postal_code, country]\n",
    ),
    (
        "addresses need no country",
        Contract,
        "required: [line1, city, postal_code, country]",
        "required: [line1, city, postal_code]",
    ),
    (
        "names may be longer",
        Contract,
        "name: { type: string, minLength: 1, maxLength: 80 }\n        email:",
        "name: { type: string, minLength: 1, maxLength: 8000 }\n        email:",
    ),
    (
        "names may be empty",
        Contract,
        "name: { type: string, minLength: 1, maxLength: 80 }\n        email:",
        "name: { type: string, maxLength: 80 }\n        email:",
    ),
    (
        "mail addresses may be anything",
        Contract,
        "        email: { type: string, format: email, maxLength: 120 }",
        "        email: { type: string, maxLength: 120 }",
    ),
    (
        "passwords may be short",
        Contract,
        "password: { type: string, minLength: 12,",
        "password: { type: string, minLength: 1,",
    ),
    (
        "callers may set an id",
        Contract,
        "        id: { $ref: \"#/components/schemas/CustomerId\", readOnly: true }\n        name:",
        "        id: { $ref: \"#/components/schemas/CustomerId\" }\n        name:",
    ),
    (
        "callers may set a time",
        Contract,
        "        password: { type: string, minLength: 12, maxLength: 128, writeOnly: true }\n        created_at: { type: string, format: date-time, readOnly: true }",
        "        password: { type: string, minLength: 12, maxLength: 128, writeOnly: true }\n        created_at: { type: string, format: date-time }",
    ),
    (
        "orders are open",
        Contract,
        "      required: [customer_id, lines, ship_to]\n      additionalProperties: false\n",
        "      required: [customer_id, lines, ship_to]\n",
    ),
    (
        "orders may be empty",
        Contract,
        "lines: { type: array, minItems: 1, maxItems: 50, items: { $ref: \"#/components/schemas/NewLine\" } }",
        "lines: { type: array, maxItems: 50, items: { $ref: \"#/components/schemas/NewLine\" } }",
    ),
    (
        "orders may be endless",
        Contract,
        "lines: { type: array, minItems: 1, maxItems: 50, items: { $ref: \"#/components/schemas/NewLine\" } }",
        "lines: { type: array, minItems: 1, items: { $ref: \"#/components/schemas/NewLine\" } }",
    ),
    (
        "quantities may be zero",
        Contract,
        "        quantity: { type: integer, minimum: 1, maximum: 100 }\n        discount_percent: { type: number, minimum: 0, maximum: 50, multipleOf: 0.5, default: 0 }",
        "        quantity: { type: integer, minimum: 0, maximum: 100 }\n        discount_percent: { type: number, minimum: 0, maximum: 50, multipleOf: 0.5, default: 0 }",
    ),
    (
        "discounts may be larger",
        Contract,
        "discount_percent: { type: number, minimum: 0, maximum: 50, multipleOf: 0.5, default: 0 }",
        "discount_percent: { type: number, minimum: 0, maximum: 100, multipleOf: 0.5, default: 0 }",
    ),
    ("discounts may be odd", Contract, "maximum: 50, multipleOf: 0.5, default: 0", "maximum: 50, default: 0"),
    (
        "card numbers may be anything",
        Contract,
        "number: { type: string, pattern: \"^[0-9]{12,19}$\", writeOnly: true }",
        "number: { type: string, writeOnly: true }",
    ),
    (
        "a payment needs no amount",
        Contract,
        "required: [method, amount, number, expires, cvc]",
        "required: [method, number, expires, cvc]",
    ),
    ("refunds need no reason", Contract, "      required: [amount, reason]\n", "      required: [amount]\n"),
    (
        "a refund without a note may be for anything",
        Contract,
        "      if: { properties: { reason: { const: other } } }\n      then: { required: [note] }\n",
        "",
    ),
    (
        "a body is optional",
        Contract,
        "      requestBody:\n        required: true\n        content:\n          application/json:\n            schema: { $ref: \"#/components/schemas/NewPayment\" }",
        "      requestBody:\n        content:\n          application/json:\n            schema: { $ref: \"#/components/schemas/NewPayment\" }",
    ),
    (
        "a body may be anything",
        Contract,
        "schema: { $ref: \"#/components/schemas/NewRefund\" }",
        "schema: {}",
    ),
    (
        "another media type is taken",
        Contract,
        "          application/json:\n            schema: { $ref: \"#/components/schemas/NewRefund\" }",
        "          application/json:\n            schema: { $ref: \"#/components/schemas/NewRefund\" }\n          application/x-www-form-urlencoded:\n            schema: { $ref: \"#/components/schemas/NewRefund\" }",
    ),
    (
        "answers may be anything",
        Contract,
        "          description: Every payment of the order\n          content:\n            application/json:\n              schema: { type: array, maxItems: 100, items: { $ref: \"#/components/schemas/Payment\" } }",
        "          description: Every payment of the order\n          content:\n            application/json:\n              schema: {}",
    ),
    ("a limit is larger", Whole, "rate: 30/min, burst: 30", "rate: 60/min, burst: 30"),
    ("a burst is larger", Whole, "rate: 30/min, burst: 30", "rate: 30/min, burst: 60"),
    ("a quota is larger", Whole, "quota: 1000/day", "quota: 100000/day"),
    ("a limit is gone of several", Whole, "      - { per: api, concurrency: 50 }\n", ""),
    ("more at one time", Whole, "concurrency: 50", "concurrency: 5000"),
    ("an operation's own limit is larger", Whole, "rate: 5/min", "rate: 50/min"),
    ("an operation needs no role", Whole, "authorization: { require: { roles: [manager] } }\n        ", ""),
    ("a claim is not wanted any more", Whole, "claims: { department: [finance] }, ", ""),
    ("a claim may have another value", Whole, "department: [finance]", "department: [finance, sales]"),
    ("one more alternative will do", Whole, "any: [auditor, boss]", "any: [auditor, boss, clerk]"),
    ("no alternative is wanted", Whole, "any: [auditor, boss], ", ""),
    (
        "no decision point is asked",
        Whole,
        "    pdp: { protocol: opa, url: \"https://pdp.internal/v1/data/orders/allow\", max_age: 10s, include: [accept-language], claims: [department, team] }\n",
        "",
    ),
    ("a decision point is in shadow", Whole, "pdp: { protocol", "pdp: { mode: shadow, protocol"),
    ("another decision point is asked", Whole, "pdp.internal", "pdp.elsewhere"),
    ("a decision point is asked for another rule", Whole, "data/orders/allow", "data/orders/all"),
    ("what is not decided passes", Whole, "max_age: 10s, include", "max_age: 10s, on_error: allow, include"),
    ("a decision counts for longer", Whole, "max_age: 10s, include", "max_age: 5m, include"),
    (
        "a decision point knows less of a caller",
        Whole,
        "claims: [department, team] }",
        "claims: [department] }",
    ),
    ("a decision point knows less of a call", Whole, "include: [accept-language], ", ""),
    ("a login may be older", Whole, "max_age: 1h", "max_age: 8h"),
    ("a login may be any age", Whole, ", max_age: 1h", ""),
    (
        "roles are taken from another claim",
        Whole,
        "claims: { department: [finance] }, any: [auditor, boss], max_age: 1h }",
        "claims: { department: [finance] }, any: [auditor, boss], max_age: 1h }, roles_from: groups",
    ),
    ("objects are nobody's own", Whole, "    objects:\n", "    objects:\n      mode: off\n"),
    ("objects are looked at in shadow", Whole, "    objects:\n", "    objects:\n      mode: shadow\n"),
    ("objects belong to another claim", Whole, "claim: customers", "claim: groups"),
    ("an id in the path is not looked at", Whole, "{ in: path, name: customer_id }, ", ""),
    ("an id in the body is not looked at", Whole, ", { in: body, pointer: /customer_id }", ""),
    (
        "an id in the body may be absent",
        Whole,
        "pointer: /customer_id }",
        "pointer: /customer_id, absent: pass }",
    ),
    ("one more may name every object", Whole, "except: [clerk]", "except: [clerk, guest]"),
    ("an API key's claims are believed", Whole, "issuer: shop,", "issuer: [shop, applications],"),
    ("whoever's claims are believed", Whole, "issuer: shop,", "issuer: any,"),
    ("nobody says whose claims are believed", Whole, "issuer: shop, ", ""),
    ("a network is let in", Whole, "203.0.113.0/24, ", ""),
    ("networks are looked at in shadow", Whole, "networks: { deny:", "networks: { mode: shadow, deny:"),
    ("all networks are let in", Whole, "    networks: { deny: [203.0.113.0/24, 198.51.100.0/24] }\n", ""),
    ("fields are hidden in shadow", Whole, "        views:\n", "        views:\n          mode: shadow\n"),
    (
        "fields are not hidden",
        Whole,
        "          answers: { notes: { at: [/note, /items/*/note], to: [clerk] } }\n",
        "",
    ),
    ("one more sees a field", Whole, "to: [clerk]", "to: [clerk, guest]"),
    ("a field is not hidden any more", Whole, "at: [/note, /items/*/note]", "at: [/note]"),
    ("a field is masked and not removed", Whole, "to: [clerk] }", "to: [clerk], otherwise: mask }"),
    ("one more sets a field", Whole, "by: [clerk]", "by: [clerk, guest]"),
    (
        "whoever likes sets a field",
        Whole,
        "          requests: { discount: { at: [/lines/*/discount_percent], by: [clerk] } }\n",
        "",
    ),
    ("a role is wanted in shadow", Whole, "roles: [manager] } }", "roles: [manager] }, mode: shadow }"),
    ("answers are validated in shadow", Whole, "response: enforce", "response: shadow"),
    ("undeclared properties pass", Whole, "property: refuse", "property: allow"),
    ("undeclared fields pass", Whole, "header: refuse", "header: allow"),
    ("bodies are bounded wider", Whole, "max: 64KiB", "max: 1MiB"),
    ("bodies unfold further", Whole, "ratio: 10", "ratio: 1000"),
    ("names that fold pass", Whole, "folded: refuse", "folded: allow"),
    ("content is in shadow", Whole, "content: { mode: enforce", "content: { mode: shadow"),
    ("content is off", Whole, "content: { mode: enforce", "content: { mode: off"),
    ("uploads are in shadow", Whole, "uploads: { mode: enforce }", "uploads: { mode: shadow }"),
    (
        "uploads may be programs",
        Whole,
        "uploads: { mode: enforce }",
        "uploads: { mode: enforce, executables: allow }",
    ),
    ("inspection is in shadow", Whole, "inspection: { mode: enforce", "inspection: { mode: shadow"),
    ("inspection is gone", Whole, "    inspection: { mode: enforce, rules: builtin }\n", ""),
    ("leaks are in shadow", Whole, "leaks: { mode: enforce", "leaks: { mode: shadow"),
    ("secrets are masked only", Whole, "secrets: refuse", "secrets: mask"),
    ("browsers forget TLS earlier", Whole, "max_age: 365d", "max_age: 1d"),
    ("the server's name is told", Whole, ", strip: [server]", ""),
    (
        "another origin may call",
        Whole,
        "origins: [\"https://shop.example.com\"]",
        "origins: [\"https://shop.example.com\", \"https://evil.example\"]",
    ),
    (
        "browsers send cookies along",
        Whole,
        "origins: [\"https://shop.example.com\"]",
        "origins: [\"https://shop.example.com\"], credentials: true",
    ),
    ("it answers to every host", Whole, "    hosts: [api.example.com]\n", ""),
    ("it is served on every listener", Whole, "    listeners: [public]\n", ""),
    ("it is served on another listener too", Whole, "listeners: [public]", "listeners: [public, inside]"),
    (
        "a listener is new",
        Whole,
        "  inside: { bind: \"127.0.0.1:8081\" }\n",
        "  inside: { bind: \"127.0.0.1:8081\" }\n  more: { bind: \"127.0.0.1:8082\" }\n",
    ),
    ("more proxies are believed", Whole, "10.0.0.0/8", "10.0.0.0/8, 192.0.2.0/24"),
    ("addresses may fail more often", Whole, "rate: 1/s, burst: 20", "rate: 100/s, burst: 2000"),
    ("addresses may be anonymous more often", Whole, "rate: 5/s, burst: 40", "rate: 5/s, burst: 4000"),
    ("another issuer signs", Whole, "url: https://login.example.com\n", "url: https://elsewhere.example\n"),
    (
        "its keys come from elsewhere",
        Whole,
        "jwks: https://login.example.com/keys",
        "jwks: https://cdn.example.com/keys",
    ),
    ("another algorithm is taken", Whole, "algorithms: [ES256]", "algorithms: [ES256, RS256]"),
    ("every algorithm is taken", Whole, "    algorithms: [ES256]\n", ""),
    ("clocks may differ more", Whole, "leeway: 5s", "leeway: 5m"),
    ("any token of the issuer is an access token", Whole, "typ: rfc9068", "typ: lenient"),
    ("another audience is taken", Whole, "audience: orders", "audience: [orders, shop]"),
    (
        "a role stands for more",
        Whole,
        "clerk: [\"orders:read\"]",
        "clerk: [\"orders:read\", \"orders:admin\"]",
    ),
    (
        "the service is called in clear text",
        Whole,
        "https://orders.internal:8443\" }]\n    tls: { server_name: orders.internal, pins: [\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"] }",
        "http://orders.internal:8080\" }]",
    ),
    (
        "the service's key is not pinned",
        Whole,
        ", pins: [\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"]",
        "",
    ),
    ("streams may last longer", Whole, "deadlines: { lifetime: 1h }", "deadlines: { lifetime: 7d }"),
];

/// What is weaker in the configuration whose operations no case can call: the difference alone has to tell.
const UNCALLED: &[Weakening] = &[
    (
        "an operation becomes a WebSocket",
        Live,
        "      getCustomer:\n",
        "      listOrders: { websocket: {} }\n      getCustomer:\n",
    ),
    (
        "another origin may open one",
        Live,
        "[\"https://shop.example.com\"]",
        "[\"https://shop.example.com\", \"*\"]",
    ),
    ("another subprotocol is spoken", Live, "subprotocols: [events]", "subprotocols: [events, admin]"),
    ("messages may be longer", Live, "message: 64KiB", "message: 8MiB"),
    ("messages have their usual length", Live, "          message: 64KiB\n", ""),
    ("frames may be longer", Live, "frame: 16KiB", "frame: 32KiB"),
    ("frames may be as long as messages", Live, "          frame: 16KiB\n", ""),
    ("messages may come faster", Live, "rate: 20/s", "rate: 2000/s"),
    ("messages come at their usual rate", Live, "          rate: 20/s\n", ""),
    ("a WebSocket may be silent longer", Live, "idle: 1m", "idle: 1h"),
    ("a WebSocket may last longer", Live, "lifetime: 1h", "lifetime: 7d"),
    ("tokens need not be bound", Live, ", sender_constrained: dpop }\n    validation", " }\n    validation"),
    (
        "tokens may be bound to certificates",
        Live,
        "[shop], sender_constrained: dpop",
        "[shop], sender_constrained: any",
    ),
    (
        "an operation takes tokens that are bound to certificates",
        Live,
        "{ sender_constrained: dpop }\n",
        "{ sender_constrained: any }\n",
    ),
    ("proofs may be older", Live, "window: 30s", "window: 5m"),
    ("proofs need no nonce", Live, "nonce: required", "nonce: off"),
    ("proofs are held to what is usual", Live, "    dpop: { window: 30s, nonce: required }\n", ""),
    ("signed tokens are not asked about", Live, "tokens: all", "tokens: opaque"),
    ("answers are remembered longer", Live, "max_age: 30s", "max_age: 10m"),
    ("answers need not be signed", Live, "signed: true", "signed: false"),
    (
        "an answer needs no audience",
        Live,
        "      signed: true\n",
        "      signed: true\n      audience: false\n",
    ),
    ("another place says which tokens are good", Live, "example.com/introspect", "example.com/other"),
    ("applications are kept elsewhere", Live, "url: env:STORE", "url: env:OTHER"),
];

/// What makes it stricter, or the same: no alarm.
const HARMLESS: &[Weakening] = &[
    ("the limit is halved", Sample, "rate: 60/min", "rate: 30/min"),
    ("answers are held to the contract", Sample, "response: shadow", "response: enforce"),
    ("a comment", Sample, "version: 1\n", "version: 1 # the first\n"),
    ("the service moves", Sample, "http://127.0.0.1:3000", "http://127.0.0.1:3001"),
    (
        "an operation wants more",
        Contract,
        "      operationId: getProduct\n",
        "      operationId: getProduct\n      security: [{ oauth: [\"orders:read\", \"orders:write\"] }]\n",
    ),
    (
        "pages are shorter",
        Contract,
        "minimum: 1, maximum: 100, default: 20",
        "minimum: 1, maximum: 50, default: 20",
    ),
    (
        "an optional parameter is new",
        Contract,
        "      operationId: listProducts\n      tags: [products]\n      summary: Browse the catalog; open to everybody\n      security: []\n      parameters:\n",
        "      operationId: listProducts\n      tags: [products]\n      summary: Browse the catalog; open to everybody\n      security: []\n      parameters:\n        - { name: color, in: query, schema: { type: string, enum: [red] } }\n",
    ),
    ("another word for the same", Contract, "summary: Whether the service answers", "summary: Is it there"),
    ("clocks may differ less", Whole, "leeway: 5s", "leeway: 1s"),
    ("one more claim is wanted", Whole, "department: [finance]", "department: [finance], level: 3"),
    ("one alternative less", Whole, "any: [auditor, boss]", "any: [auditor]"),
    ("logins have to be fresher", Whole, "max_age: 1h", "max_age: 30m"),
    ("alternatives are wanted", Whole, "roles: [manager]", "roles: [manager], any: [boss]"),
    (
        "one more id is looked at",
        Whole,
        "places: [{ in: path, name: customer_id }",
        "places: [{ in: query, name: filter, pointer: /customer_id }, { in: path, name: customer_id }",
    ),
    (
        "objects are refused as if they were not there",
        Whole,
        "    objects:\n",
        "    objects:\n      refuse: not_found\n",
    ),
    (
        "one more binding",
        Whole,
        "        customer: {",
        "        order: { claim: orders, places: [{ in: path, name: order_id }], except: [clerk] }\n        customer: {",
    ),
    ("a network less", Whole, "deny: [203.0.113.0/24, ", "deny: [203.0.113.0/24, 192.0.2.0/24, "),
    (
        "networks are listed that are let in",
        Whole,
        "deny: [203.0.113.0/24",
        "allow: [0.0.0.0/0, \"::/0\"], deny: [203.0.113.0/24",
    ),
    ("one more field is hidden", Whole, "at: [/note, /items/*/note]", "at: [/note, /items/*/note, /total]"),
    (
        "one more rule of fields",
        Whole,
        "answers: { notes:",
        "answers: { totals: { at: [/total], to: [boss] }, notes:",
    ),
    ("nobody sets a field", Whole, "by: [clerk]", "by: []"),
    ("one more role is wanted", Whole, "roles: [manager]", "roles: [manager, auditor]"),
    (
        "one more limit",
        Whole,
        "      - { per: api, concurrency: 50 }\n",
        "      - { per: api, concurrency: 50 }\n      - { per: address, rate: 1000/s }\n",
    ),
    ("smaller bodies", Whole, "max: 64KiB", "max: 32KiB"),
    ("shorter messages", Live, "message: 64KiB", "message: 32KiB"),
    ("a WebSocket becomes a plain call", Live, WEBSOCKET, ""),
    (
        "what is usual is written out",
        Live,
        "lifetime: 1h\n      getCustomer:",
        "lifetime: 1h\n      listOrders: { authentication: { sender_constrained: dpop } }\n      getCustomer:",
    ),
    ("younger proofs", Live, "window: 30s", "window: 10s"),
    ("answers are remembered shorter", Live, "max_age: 30s", "max_age: 1s"),
    ("keys are hashed with another key", Live, "url: env:STORE", "url: env:STORE, key: env:KEY"),
];

/// All that makes an operation a WebSocket there.
const WEBSOCKET: &str = "      getOrder:
        websocket:
          origins: [\"https://shop.example.com\"]
          subprotocols: [events]
          message: 64KiB
          frame: 16KiB
          rate: 20/s
          idle: 1m
          lifetime: 1h
";

fn assets(contract: &str) -> Assets {
    BTreeMap::from([(String::from("./openapi.yaml"), contract), (String::from("openapi.yaml"), contract)])
        .into_iter()
        .map(|(name, text)| (name, text.as_bytes().into()))
        .collect()
}

/// The document and the contract in which something is changed.
const fn texts(place: In) -> (&'static str, &'static str) {
    match place {
        Whole => (WHOLE, CONTRACT),
        Live => (LIVE, CONTRACT),
        Sample | Contract => (SAMPLE, CONTRACT),
    }
}

/// The texts after the change.
fn changed((what, place, from, to): Weakening) -> (String, String) {
    let (document, contract) = texts(place);
    let text = if place == Contract { contract } else { document };
    assert!(text.contains(from), "{what}: `{from}` is not there");
    let after = text.replacen(from, to, 1);
    if place == Contract { (document.to_owned(), after) } else { (after, contract.to_owned()) }
}

/// What a document did before, described once.
fn before(place: In) -> &'static serde_json::Value {
    static ALL: [OnceLock<serde_json::Value>; 3] = [const { OnceLock::new() }; 3];
    let number = match place {
        Sample | Contract => 0,
        Whole => 1,
        Live => 2,
    };
    ALL[number].get_or_init(|| {
        let (document, contract) = texts(place);
        policy_diff::describe(subject(document, contract).unwrap().compiled(), &assets(contract))
    })
}

fn difference(weakening: Weakening) -> (Vec<Change>, Subject) {
    let (document, contract) = changed(weakening);
    let after = subject(&document, &contract).unwrap_or_else(|why| panic!("{}: {why}", weakening.0));
    let new = policy_diff::describe(after.compiled(), &assets(&contract));
    (policy_diff::compare(before(weakening.1), &new), after)
}

fn weaker(changes: &[Change]) -> usize {
    changes.iter().filter(|change| change.effect == Effect::Weaker).count()
}

/// What became of a weakening: how many cases fail by it, and what the difference is.
struct Caught {
    name: &'static str,
    failing: usize,
    changes: Vec<Change>,
}

/// Tries all weakenings, on all cores.
fn try_all(of_sample: &Suite, of_whole: &Suite) -> Vec<Caught> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut caught = Vec::new();
        while let Some(weakening) = WEAKENINGS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (changes, after) = difference(*weakening);
            let suite = if weakening.1 == Whole { of_whole } else { of_sample };
            let failing = failed(suite, &run(&after, suite)).len();
            caught.push(Caught { name: weakening.0, failing, changes });
        }
        caught
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn every_weakening_is_caught() {
    assert!(WEAKENINGS.len() >= 60);
    let written = |document| {
        let subject = subject(document, CONTRACT).unwrap();
        let written = generate(&subject, 2).unwrap();
        suite(&written[0].text)
    };
    let caught = try_all(&written(SAMPLE), &written(WHOLE));
    assert_eq!(caught.len(), WEAKENINGS.len());
    let by_cases = caught.iter().filter(|one| one.failing > 0).count();
    let by_difference = caught.iter().filter(|one| weaker(&one.changes) > 0).count();
    println!("{} weakenings: {by_cases} by cases, {by_difference} by the difference", WEAKENINGS.len());
    let unseen: Vec<_> = caught.iter().filter(|one| one.failing == 0).collect();
    let missed: Vec<_> = unseen.iter().filter(|one| weaker(&one.changes) == 0).collect();
    let names: Vec<_> = unseen.iter().map(|one| one.name).collect();
    println!("seen by the difference alone: {names:#?}");
    let missed: Vec<_> = missed.iter().map(|one| (one.name, &one.changes)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    // Neither net may become an ornament. Half of what can be weakened no single call shows: where a gateway listens, whose
    // keys it fetches, what it calls, how a browser is told to behave.
    assert!(by_cases * 2 >= WEAKENINGS.len(), "{by_cases} of {}", WEAKENINGS.len());
    assert!(by_difference * 10 >= WEAKENINGS.len() * 9, "{by_difference} of {}", WEAKENINGS.len());
}

#[test]
fn what_no_case_can_call_is_told_by_the_difference() {
    for weakening in UNCALLED {
        let (changes, _) = difference(*weakening);
        assert!(weaker(&changes) > 0, "{}: {changes:#?}", weakening.0);
    }
}

#[test]
fn what_is_stricter_or_the_same_is_no_alarm() {
    for harmless in HARMLESS {
        let (changes, _) = difference(*harmless);
        let weaker: Vec<&Change> = changes.iter().filter(|change| change.effect == Effect::Weaker).collect();
        assert!(weaker.is_empty(), "{}: {weaker:#?}", harmless.0);
    }
}

#[test]
fn a_configuration_does_what_it_does() {
    for document in [SAMPLE, WHOLE] {
        let subject = subject(document, CONTRACT).unwrap();
        let described = policy_diff::describe(subject.compiled(), &assets(CONTRACT));
        assert_eq!(policy_diff::compare(&described, &described), []);
    }
}

#[test]
fn what_is_written_of_a_configuration_holds_no_secret() {
    let document = SAMPLE.replace("    upstream: http://127.0.0.1:3000\n", "    upstream: up\n")
        + "upstreams:\n  up:\n    targets: [{ url: \"http://127.0.0.1:3000\" }]\n    headers: { secrets: { x-key: \"env:HUSH_NAME\" } }\n";
    let subject = subject(&document, CONTRACT).unwrap();
    let text = policy_diff::describe(subject.compiled(), &assets(CONTRACT)).to_string();
    assert!(text.contains("env:HUSH_NAME") && !text.contains("yetttestsecretyetttestsecretyett"), "{text}");
}
