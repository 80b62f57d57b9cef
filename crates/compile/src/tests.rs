mod listeners;
mod notify;
mod websockets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use controls::scope::Assets;
use diagnostics::{Diagnostics, Severity, Sources};
use engine::route::Route;
use engine::snapshot::Live;
use engine::upstream::{Balance, HashBy, Outliers};
use engine::{BodyMode, OperationPlan, ResponseMode};
use http::Method;

use crate::{Compiled, Input, Kept, NeededKind, compile, needed_assets};

const CONTRACT: &str = r##"
openapi: 3.1.0
info: { title: Orders, version: "1" }
servers: [{ url: "https://api.example.com/v1" }]
security: [{ oauth: ["orders:read"] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp/t", scopes: { "orders:read": r, "orders:write": w } } } }
  schemas:
    Order: { type: object, properties: { n: { type: integer } }, additionalProperties: false }
paths:
  /orders:
    get: { operationId: listOrders, tags: [read], responses: { "200": { description: ok, content: { application/json: { schema: { type: array } } } } } }
    post:
      operationId: addOrder
      tags: [write]
      security: [{ oauth: ["orders:write"] }]
      requestBody: { required: true, content: { application/json: { schema: { $ref: "#/components/schemas/Order" } } } }
      responses: { "201": { description: made } }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { operationId: getOrder, tags: [read], responses: { "200": { description: ok } } }
"##;

const DOCUMENT: &str = "version: 1
listen: http://127.0.0.1:8080
apis:
  orders:
    contract: openapi.yaml
    upstream: http://127.0.0.1:3000
    issuer: local
";

/// A document with its files.
struct Case {
    text: String,
    assets: Assets,
    live: Live,
    sources: Sources,
}

impl Case {
    fn new(text: &str) -> Self {
        let assets = Assets::from([(String::from("openapi.yaml"), Arc::from(CONTRACT.as_bytes()))]);
        Self { text: text.to_owned(), assets, live: Live::default(), sources: Sources::default() }
    }

    fn with(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.assets.insert(name.to_owned(), content.as_ref().into());
        self
    }

    fn run(&mut self, previous: Option<&Kept>) -> Result<Compiled, Diagnostics> {
        self.sources = Sources::default();
        let input = Input {
            path: "yett.yaml",
            text: &self.text,
            assets: &self.assets,
            unreadable: &BTreeMap::new(),
            references: &BTreeMap::new(),
            environment: None,
            local_jwks: None,
            generation: 7,
            live: &self.live,
        };
        compile(&input, previous, &mut self.sources)
    }

    fn good(mut self) -> Compiled {
        self.run(None).unwrap_or_else(|found| panic!("{:#?}", found.iter().collect::<Vec<_>>()))
    }

    /// Errors as `code place: message | help`.
    fn bad(mut self) -> Vec<String> {
        let found = self.run(None).map(|_| ()).expect_err("it compiles");
        found
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .map(|one| {
                let place = one.span.map(|span| self.sources.place(span)).unwrap_or_default();
                format!("{} {place}: {} | {}", one.code, one.message, one.help.clone().unwrap_or_default())
            })
            .collect()
    }
}

fn find<'c>(compiled: &'c Compiled, host: &str, method: &Method, path: &str) -> Option<&'c OperationPlan> {
    match compiled.snapshot.routes.find(0, host, path, method) {
        Route::Operation(number, _) => Some(&compiled.snapshot.operations[number as usize]),
        _ => None,
    }
}

#[test]
fn plans_say_what_the_numbers_of_proofs_mean() {
    let required = format!("{DOCUMENT}    authorization: {{ require: {{ scopes: \"audit\" }} }}\n");
    for (document, scopes) in [
        (DOCUMENT, &["orders:read", "orders:write"] as &[&str]),
        (&required, &["orders:read", "orders:write", "audit"]),
    ] {
        let compiled = Case::new(document).good();
        let plan = find(&compiled, "any", &Method::GET, "/v1/orders").unwrap();
        assert_eq!(plan.names.schemes.iter().map(|name| &**name).collect::<Vec<_>>(), ["oauth"]);
        assert_eq!(plan.names.scopes.iter().map(|name| &**name).collect::<Vec<_>>(), scopes);
        assert!(compiled.snapshot.operations.iter().all(|one| Arc::ptr_eq(&one.names, &plan.names)));
    }
}

#[test]
fn a_contract_becomes_plans_and_nothing_else_is_served() {
    let case = Case::new(DOCUMENT);
    let live = case.live.clone();
    let compiled = case.good();
    assert_eq!((compiled.snapshot.generation, live.count()), (7, 1));
    let expected = [
        (Method::GET, "/v1/orders", Some("listOrders")),
        (Method::HEAD, "/v1/orders", Some("listOrders")),
        (Method::POST, "/v1/orders", Some("addOrder")),
        (Method::OPTIONS, "/v1/orders", Some("OPTIONS /orders")),
        (Method::GET, "/v1/orders/7", Some("getOrder")),
        (Method::DELETE, "/v1/orders", None),
        (Method::GET, "/orders", None),
        (Method::GET, "/v1/admin", None),
        (
            Method::GET,
            "/.well-known/oauth-protected-resource/v1",
            Some("GET /.well-known/oauth-protected-resource/v1"),
        ),
        (
            Method::HEAD,
            "/.well-known/oauth-protected-resource/v1",
            Some("GET /.well-known/oauth-protected-resource/v1"),
        ),
    ];
    for (method, path, id) in expected {
        assert_eq!(find(&compiled, "any", &method, path).map(|plan| &*plan.id), id, "{method} {path}");
    }
    let post = find(&compiled, "any", &Method::POST, "/v1/orders").unwrap();
    assert_eq!((&*post.template, post.base_length, post.upstream.is_some()), ("/v1/orders", 3, true));
    assert!(matches!(post.request_mode, BodyMode::Whole { .. }), "its body is validated");
    let options = find(&compiled, "any", &Method::OPTIONS, "/v1/orders").unwrap();
    assert!(
        options.upstream.is_none() && !options.head.is_empty(),
        "OPTIONS is answered by a control of ours"
    );
    drop(compiled);
    assert_eq!(live.count(), 0);
}

#[test]
fn every_planned_step_has_its_control_and_place() {
    let compiled = Case::new(DOCUMENT).good();
    let snapshot = &compiled.snapshot;
    for plan in &snapshot.operations {
        let stages = [&plan.head, &plan.body, &plan.message, &plan.response_head, &plan.response_body];
        for step in stages.into_iter().flatten() {
            assert!(snapshot.controls.get(step.control as usize).is_some());
            assert!(!snapshot.place(step.place).is_empty(), "{} {:?}", plan.id, step);
        }
        if matches!(plan.response_mode, ResponseMode::Pass) {
            assert!(plan.response_body.is_empty());
        }
    }
    let distinct: std::collections::BTreeSet<_> =
        snapshot.controls.iter().map(|control| Arc::as_ptr(control).cast::<()>()).collect();
    assert_eq!(distinct.len(), snapshot.controls.len(), "a control is there once");
}

#[test]
fn the_digest_says_what_is_served_and_unchanged_contracts_are_kept() {
    let mut case = Case::new(DOCUMENT);
    let first = case.run(None).unwrap();
    let mut commented = Case::new(&format!("# a comment\n{DOCUMENT}"));
    let again = commented.run(Some(first.kept())).unwrap();
    assert_eq!(first.digest(), again.digest());
    assert!(Arc::ptr_eq(first.contract("orders").unwrap(), again.contract("orders").unwrap()));
    for mut other in [
        Case::new(&DOCUMENT.replace("3000", "3001")),
        Case::new(DOCUMENT).with("openapi.yaml", CONTRACT.replace("listOrders", "allOrders")),
    ] {
        assert_ne!(first.digest(), other.run(Some(first.kept())).unwrap().digest());
    }
    let mut changed = Case::new(DOCUMENT).with("openapi.yaml", CONTRACT.replace("listOrders", "allOrders"));
    let changed = changed.run(Some(first.kept())).unwrap();
    assert!(!Arc::ptr_eq(first.contract("orders").unwrap(), changed.contract("orders").unwrap()));
}

#[test]
fn names_that_nothing_has_are_told_with_the_nearest() {
    let cases = [
        ("    operations: { listOrder: { unsecured: anonymous } }\n", "did you mean `listOrders`?"),
        ("    operations: { \"GET /order\": { unsecured: anonymous } }\n", "did you mean `GET /orders`?"),
        ("    operations: { \"tag:reed\": { unsecured: anonymous } }\n", "did you mean `tag:read`?"),
        ("    listeners: [defalt]\n", "did you mean `default`?"),
    ];
    for (line, help) in cases {
        let said = Case::new(&format!("{DOCUMENT}{line}")).bad();
        assert!(said.iter().any(|one| one.contains(help)), "{line}: {said:?}");
    }
    Case::new(&format!(
        "{DOCUMENT}    operations: {{ listOrders: {{}}, \"GET /orders\": {{}}, \"tag:read\": {{}} }}\n"
    ))
    .good();
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = DOCUMENT.replace("openapi.yaml", "missing.yaml").replace("listen:", "lisen:")
        + "  second: { contract: openapi.yaml, upstream: nowhere, issuer: local }\n";
    let said = Case::new(&text).bad().join("\n");
    for part in ["unknown-key yett.yaml:2:1", "file-missing yett.yaml:5:15", "unknown-name yett.yaml:8"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

/// What is wrong beside a contract that cannot be read is said with it, and so is what no operation comes to use.
#[test]
fn sections_are_read_with_and_without_operations() {
    let sections = "    limits: [{ per: subjekt, rate: 1/min }]
    validation: { request: of }
    cors: { origins: [\"null\"] }
    bodies: { ratio: 0 }
    authorization: { require: { role: [a] } }
    hosts: [a.example.com]
    operations: { \"tag:read\": { bodies: { jsn: {} } } }
";
    let text = DOCUMENT
        .replace("    issuer: local\n", "    authentication: { \"*\": { issuers: [x], audience: a } }\n")
        + sections
        + "issuers: { x: { url: https://idp.example.com, jwks: file:keys.json } }
admission: { anonymous: { burst: 0 } }
listeners: { in: { bind: 127.0.0.1:1, hosts: [b.example.com] } }
";
    let text = text.replace("listen: http://127.0.0.1:8080\n", "");
    let broken = "openapi: 3.1.0\npaths: [";
    let empty = "openapi: 3.1.0\ninfo: { title: T, version: '1' }\npaths: {}\n";
    for contract in [broken, empty, CONTRACT] {
        let said = Case::new(&text).with("openapi.yaml", contract).with("keys.json", "{}").bad();
        for part in [
            "unknown-value yett.yaml:7:21: unknown value `subjekt`",
            "unknown-value yett.yaml:8:28: unknown value `of`",
            "cors yett.yaml:9:23",
            "bodies yett.yaml:10:22",
            "bodies yett.yaml:",
            "unknown-key yett.yaml:11:33: unknown key `role`",
            "unreachable yett.yaml:12:13",
            "unknown-key yett.yaml:13:43: unknown key `jsn`",
            "invalid-keys yett.yaml:14:",
            "admission yett.yaml:15:",
        ] {
            let times = said.iter().filter(|one| one.starts_with(part)).count();
            assert_eq!(times, 1, "{part} in\n{}", said.join("\n"));
        }
    }
    let good = "    limits: [{ per: subject, rate: 1/min }]\n    bodies: { ratio: 1 }\n";
    Case::new(&format!("{DOCUMENT}{good}")).good();
}

/// `yett config` is the document as meant: what controls do unless told otherwise is in it, with its origin.
#[test]
fn what_controls_do_by_default_is_printed() {
    let printed = |text: &str| {
        let mut case = Case::new(text);
        let compiled = case.run(None).unwrap_or_else(|found| panic!("{found:#?}"));
        spec::print(&compiled.resolved, &case.sources)
    };
    let all = printed(DOCUMENT);
    for part in [
        "admission:\n  anonymous:\n    burst: 2000  # default\n    mode: enforce  # default\n    rate: 200/s  # default\n",
        "  failures:\n    burst: 1000  # default\n    mode: enforce  # default\n    rate: 50/s  # default\n",
        "      undeclared:\n        cookie: strip  # default\n        header: allow  # default\n        property: report  # default\n        query: refuse  # default\n",
        "      request: enforce  # default\n      response: shadow  # default\n",
        "      max: 1MiB  # default\n",
        "      ratio: 100  # default\n",
    ] {
        assert!(all.contains(part), "{part} in\n{all}");
    }
    assert!(!all.contains("cors"), "without origins there is none\n{all}");
    let own = "    validation: { undeclared: { query: allow } }
    limits: [{ rate: 1/s }]
    cors: { origins: [https://a.example.com] }
admission: { anonymous: { rate: 5/s }, failures: { mode: shadow } }
";
    let own = printed(&format!("{DOCUMENT}{own}"));
    for part in [
        "    rate: 5/s  # yett.yaml:11:33\n    mode: enforce  # default\n  failures:\n    mode: shadow  # yett.yaml:11:58\n",
        "    burst: 1000  # default\n    rate: 50/s  # default\n",
        "        query: allow  # yett.yaml:8:40\n        cookie: strip  # default\n",
        "      - rate: 1/s  # yett.yaml:9:22\n        mode: enforce  # default\n        per: subject  # default\n",
        "        - authorization  # default\n",
    ] {
        assert!(own.contains(part), "{part} in\n{own}");
    }
    assert!(
        !own.contains("burst: 2000"),
        "a rate of one's own lets as many come at once as it counts\n{own}"
    );
}

#[test]
fn apis_that_would_answer_the_same_calls_collide() {
    let second = |extra: &str| {
        Case::new(&format!(
            "{DOCUMENT}  second:\n    contract: openapi.yaml\n    upstream: http://127.0.0.1:2\n    issuer: local\n{extra}"
        ))
    };
    assert!(second("").bad().iter().any(|one| one.starts_with("conflict") && one.contains("/v1")));
    second("    base_path: /v2\n").good();
    let by_host = DOCUMENT.replace("    issuer: local\n", "    issuer: local\n    hosts: [a.example.com]\n");
    let text = format!(
        "{by_host}  second:\n    contract: openapi.yaml\n    upstream: http://127.0.0.1:2\n    issuer: local\n    hosts: [b.example.com]\n"
    );
    let compiled = Case::new(&text).good();
    let api = |host: &str| find(&compiled, host, &Method::GET, "/v1/orders").map(|plan| plan.api.to_string());
    assert_eq!(api("a.example.com").as_deref(), Some("orders"));
    assert_eq!(api("b.example.com").as_deref(), Some("second"));
    assert_eq!(api("c.example.com"), None);
}

#[test]
fn an_api_without_a_contract_serves_what_it_allows() {
    let text = "version: 1
listen: http://127.0.0.1:8080
apis:
  files: { contract: none, allow: [\"GET /files/*\", \"* /any\"], upstream: \"http://127.0.0.1:1/base\", unsecured: anonymous }
";
    let compiled = Case::new(text).good();
    assert!(compiled.warnings.iter().any(|one| one.code == "no-contract"));
    let served = |method: Method, path: &str| find(&compiled, "h", &method, path).is_some();
    assert!(
        served(Method::GET, "/files/a/b") && served(Method::HEAD, "/files/a") && served(Method::PUT, "/any")
    );
    assert!(!served(Method::POST, "/files/a") && !served(Method::GET, "/other"));
    let plan = find(&compiled, "h", &Method::GET, "/files/a").unwrap();
    assert_eq!(plan.upstream.as_ref().unwrap().targets[0].path.as_deref(), Some("/base"));
}

#[test]
fn upstreams_become_what_the_document_says_of_them() {
    let base = DOCUMENT.replace("upstream: http://127.0.0.1:3000", "upstream: main");
    let of = |upstream: &str| {
        let compiled = Case::new(&format!("{base}upstreams: {{ main: {upstream} }}\n")).good();
        let plan = find(&compiled, "any", &Method::GET, "/v1/orders").unwrap();
        Arc::clone(plan.upstream.as_ref().unwrap())
    };
    let plain = of("{ url: \"http://a:1\" }");
    assert_eq!((plain.targets.len(), plain.retries.most, &plain.balance), (1, 0, &Balance::RoundRobin));
    assert_eq!(plain.deadlines.lifetime, engine::bounds::STREAM_LIFETIME);
    let brief = of("{ url: \"http://a:1\", deadlines: { lifetime: 1h } }");
    assert_eq!(brief.deadlines.lifetime, Duration::from_secs(3_600));
    let two = of(
        "{ targets: [{ url: \"http://a:1\", weight: 95 }, { url: \"https://b/x\" }], balance: hash:subject, \
                  outliers: { failures: 2, eject: 3s, floor: 10% }, slow_start: 4s, \
                  retries: { budget: 5%, per_try: 6s, statuses: [503] }, pool: { connections: 7, idle: 8s } }",
    );
    let names: Vec<(&str, u32)> = two.targets.iter().map(|target| (&*target.name, target.weight)).collect();
    assert_eq!(names, [("http://a:1", 95), ("https://b:443", 1)]);
    assert_eq!((two.targets[0].path.as_deref(), two.targets[1].path.as_deref()), (None, Some("/x")));
    assert_eq!((two.retries.most, &two.balance), (1, &Balance::Hash(HashBy::Subject)));
    let seconds = Duration::from_secs;
    assert_eq!(two.outliers, Outliers { failures: 2, eject: seconds(3), floor: 10 });
    assert_eq!((two.slow_start, two.retries.per_try, two.retries.budget), (seconds(4), Some(seconds(6)), 5));
    assert_eq!((two.kept.connections, two.kept.idle), (7, seconds(8)));
    assert_eq!(two.retries.statuses.len(), 1);
}

#[test]
fn mirrors_are_other_upstreams_and_have_none() {
    let base = DOCUMENT.replace("upstream: http://127.0.0.1:3000", "upstream: main");
    let of = |rest: &str| {
        let text = format!(
            "{base}upstreams: {{ main: {{ url: \"http://a:1\", mirror: {{ upstream: next{rest} }} }}, next: {{ url: \"http://b:1\", mirror: {{ upstream: main }} }} }}\n"
        );
        let compiled = Case::new(&text).good();
        let plan = find(&compiled, "any", &Method::GET, "/v1/orders").unwrap();
        plan.upstream.as_ref().unwrap().mirror.clone().unwrap()
    };
    for (rest, share) in [("", 100), (", share: 10%", 10)] {
        let mirror = of(rest);
        assert_eq!((&*mirror.upstream.name, mirror.share), ("next", share));
        assert!(mirror.upstream.mirror.is_none(), "no copy is copied");
    }
}

#[test]
fn calls_to_an_upstream_are_signed_as_written() {
    let base = DOCUMENT.replace("upstream: http://127.0.0.1:3000", "upstream: main");
    let case = |sign: &str, key: &str| {
        let text = format!("{base}upstreams: {{ main: {{ url: \"http://a:1\"{sign} }} }}\n");
        Case::new(&text).with("env:KEY", key)
    };
    let made = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    let sign = ", sign: { key: \"env:KEY\", keyid: k, components: [x-a, cookie] }";
    let compiled = case(sign, &made).good();
    let signed = find(&compiled, "any", &Method::GET, "/v1/orders").unwrap();
    let upstream = signed.upstream.as_ref().unwrap();
    let fields = upstream.sign.as_ref().unwrap().fields();
    assert!(fields.iter().any(|name| name == "x-a"));
    assert_eq!(fields.iter().filter(|name| **name == "cookie").count(), 1);
    let without: Vec<&str> = upstream.headers.without.iter().map(http::HeaderName::as_str).collect();
    assert_eq!(without, ["signature", "signature-input"], "a client's own do not stand beside it");
    // A body is read whole, since its digest is signed.
    for (sign, whole) in [("", false), (sign, true)] {
        let compiled = case(sign, &made).good();
        let plan = find(&compiled, "any", &Method::GET, "/v1/orders/7").unwrap();
        assert_eq!(matches!(plan.request_mode, BodyMode::Whole { .. }), whole, "{sign}");
        assert_eq!(plan.upstream.as_ref().unwrap().sign.is_some(), whole);
    }
    for (sign, key, code) in [
        (sign, "no key", "invalid-keys "),
        (", sign: { key: \"env:KEY\", keyid: k, algorithm: rsa-pss-sha512 }", made.as_str(), "invalid-keys "),
        (", sign: { key: \"env:KEY\", keyid: k, algorithm: hmac-sha256 }", "short", "weak-secret "),
    ] {
        let said = case(sign, key).bad();
        assert!(said.len() == 1 && said[0].starts_with(code), "{sign}: {said:?}");
        assert!(!said[0].contains(key), "it is not printed");
    }
    let said = Case::new(&format!("{base}upstreams: {{ main: {{ url: \"http://a:1\"{sign} }} }}\n")).bad();
    assert!(said.iter().any(|one| one.contains("`KEY` is not set")), "{said:?}");
}

#[test]
fn an_upstream_may_be_a_service_whose_records_say_where_it_runs() {
    let base = DOCUMENT.replace("upstream: http://127.0.0.1:3000", "upstream: main");
    let of = |upstream: &str| {
        let compiled = Case::new(&format!("{base}upstreams: {{ main: {upstream} }}\n")).good();
        let plan = find(&compiled, "any", &Method::GET, "/v1/orders").unwrap();
        Arc::clone(plan.upstream.as_ref().unwrap())
    };
    let plain = of("{ url: \"http://_http._tcp.orders.internal/base\" }");
    assert_eq!(plain.service.as_deref(), Some("_http._tcp.orders.internal"));
    let target = &plain.targets[0];
    assert_eq!(
        (&*target.host, target.path.as_deref(), target.tls),
        ("orders.internal", Some("/base"), false)
    );
    assert_eq!((target.authority.as_bytes(), plain.retries.most), (&b"orders.internal"[..], 1));
    // Who it is proves the name that stands in the document, not one that a record says.
    let secure = of("{ url: \"https://_https._tcp.orders.internal\", retries: { most: 3 } }");
    assert_eq!((secure.trust.server_name.as_deref(), secure.retries.most), (Some("orders.internal"), 3));
    let named = of("{ url: \"https://_https._tcp.orders.internal\", tls: { server_name: pay.internal } }");
    assert_eq!(named.trust.server_name.as_deref(), Some("pay.internal"));
    // What merely looks like one is a host.
    for url in ["http://_http.orders.internal", "http://http._tcp.orders.internal", "http://_http._tcp"] {
        assert_eq!(of(&format!("{{ url: \"{url}\" }}")).service, None, "{url}");
    }
}

#[test]
fn upstreams_are_trusted_checked_and_bounded_as_written() {
    let base = DOCUMENT.replace("upstream: http://127.0.0.1:3000", "upstream: main");
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let pin = "ab".repeat(32);
    let upstream = format!(
        "{{ url: \"https://a:1\", health: /up, breakers: {{ calls: 3 }}, \
         tls: {{ ca: a.pem, server_name: b, certificate: a.pem, key: \"env:KEY\", pins: [\"sha256:{pin}\"] }}, \
         headers: {{ set: {{ X-A: b }}, secrets: {{ authorization: \"env:HUSH\" }}, remove: [cookie] }} }}"
    );
    let text = format!("{base}upstreams: {{ main: {upstream} }}\n");
    let case = |hush: &str, key: &str| {
        Case::new(&text).with("a.pem", &pem).with("env:KEY", key).with("env:HUSH", hush)
    };
    let compiled = case("Bearer secret\n", &key).good();
    let plan = find(&compiled, "any", &Method::GET, "/v1/orders").unwrap();
    let upstream = plan.upstream.as_ref().unwrap();
    let trust = &upstream.trust;
    assert_eq!(
        (trust.roots.len(), trust.server_name.as_deref(), &trust.pins[..]),
        (1, Some("b"), &[[0xab; 32]][..])
    );
    assert!(trust.identity.is_some());
    let check = upstream.health.as_ref().unwrap();
    assert_eq!((&*check.path, check.every.as_secs(), check.down_after), ("/up", 5, 3));
    assert_eq!((upstream.breakers.connections, upstream.breakers.calls), (4096, Some(3)));
    let set: Vec<(&str, &[u8])> =
        upstream.headers.set.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(set, [("x-a", &b"b"[..]), ("authorization", b"Bearer secret")]);
    assert_eq!(upstream.headers.without.len(), 3);
    assert!(!format!("{:?}", upstream.headers).contains("secret"), "it is not printed");

    let said = case("two\nlines", "no key").bad();
    assert!(said.iter().any(|one| one.starts_with("secret ") && !one.contains("lines")), "{said:?}");
    assert!(said.iter().any(|one| one.starts_with("certificate ")), "{said:?}");
    let said = Case::new(&text).bad();
    for part in ["secret-missing", "`KEY` is not set", "`HUSH` is not set", "file-missing"] {
        assert!(said.iter().any(|one| one.contains(part)), "{part}: {said:?}");
    }
}

#[test]
fn what_this_version_cannot_do_is_an_error() {
    for (line, what, place) in [
        ("record: { on_full: refuse }\n", "on_full", "yett.yaml:8:20"),
        ("listeners: { a: { bind: 127.0.0.1:1, http: { streams: 7 } } }\n", "http", "yett.yaml:8:17"),
    ] {
        let said = Case::new(&format!(
            "{}{line}",
            DOCUMENT.replace("listen:", if what == "http" { "#" } else { "listen:" })
        ))
        .bad();
        assert!(
            said.iter().any(|one| one.starts_with(&format!("unsupported {place}:")) && one.contains(what)),
            "{line}: {said:?}"
        );
    }
    Case::new(&format!("{DOCUMENT}record: {{ on_full: serve }}\n")).good();
}

#[test]
fn rule_files_are_assets_with_places_and_are_loaded_once() {
    let with = |section: &str| format!("{DOCUMENT}    inspection: {{ {section} }}\n");
    let text = with("rules: file:crs/, mode: shadow");
    let needed = needed_assets("yett.yaml", &text, None);
    let named: Vec<_> = needed.iter().map(|one| (one.name.as_str(), one.kind)).collect();
    assert_eq!(named, [("crs", NeededKind::Rules), ("openapi.yaml", NeededKind::Contract)]);
    let rule = "SecRule ARGS \"x\" \"id:1,phase:2,deny,log\"\n";
    let mut case = Case::new(&text).with("crs/rules/a.conf", rule);
    let first = case.run(None).unwrap();
    let plan = find(&first, "h", &Method::GET, "/v1/orders").unwrap();
    // Also what has no body is looked at once all of the call is there.
    assert!(matches!(plan.request_mode, BodyMode::Whole { .. }) && !plan.body.is_empty());
    assert_eq!(
        plan.response_mode,
        find(&Case::new(DOCUMENT).good(), "h", &Method::GET, "/v1/orders").unwrap().response_mode
    );
    let second = case.run(Some(first.kept())).unwrap();
    assert_ne!(first.snapshot.controls.len(), 0);
    assert_eq!(first.digest(), second.digest());
    let said =
        Case::new(&text).with("crs/rules/a.conf", "SecRule NOTHING \"x\" \"id:1,phase:2,pass\"\n").bad();
    assert!(said[0].starts_with("seclang-unknown-variable crs/rules/a.conf:1:9: "), "{said:?}");
    let said = Case::new(&text).bad();
    assert!(said[0].starts_with("file-missing yett.yaml:8:26: `crs` cannot be read"), "{said:?}");
    Case::new(&with("rules: builtin")).good();
    let said = Case::new(&with("rules: builtin, answers: shadow")).bad();
    assert!(
        said[0].starts_with("unsupported yett.yaml:8:44: `answers` cannot be set with `rules: builtin`"),
        "{said:?}"
    );
    let callers = "callers: [{ issuer: \"https://a\", subject: bob }]";
    Case::new(&with(&format!("rules: builtin, exclude: [{{ tag: attack-sqli, {callers} }}]"))).good();
    let exclude = "rules: file:crs, exclude: [{ rule: 1, parameters: [q], operations: [nobody] }]";
    let said = Case::new(&with(exclude)).with("crs/a.conf", rule).bad();
    assert!(said.iter().any(|one| one.contains("`nobody` selects no operation of the contract")), "{said:?}");
    Case::new(&with(&exclude.replace("nobody", "getOrder"))).with("crs/a.conf", rule).good();
}

#[test]
fn rules_that_are_to_come_look_in_shadow_beside_what_is_in_force() {
    let rule = |id: u32| format!("SecRule ARGS \"x\" \"id:{id},phase:2,deny,log\"\n");
    let with = |section: &str| {
        Case::new(&format!("{DOCUMENT}    inspection: {{ {section} }}\n"))
            .with("old/a.conf", rule(1))
            .with("new/a.conf", rule(2))
    };
    for section in ["rules: file:old", "rules: builtin", "mode: shadow"] {
        let compiled = with(&format!("{section}, next: file:new")).good();
        let plan = find(&compiled, "h", &Method::GET, "/v1/orders").unwrap();
        let next: Vec<_> = plan
            .body
            .iter()
            .filter(|step| compiled.snapshot.controls[step.control as usize].rule() == Some("next"))
            .map(|step| step.mode.name())
            .collect();
        assert_eq!(next, ["shadow"], "{section}");
        assert!(with(section).good().snapshot.controls.len() < compiled.snapshot.controls.len());
    }
    // What it lacks is an error once it is in force, and no reason to refuse it before.
    let lacks = with("rules: file:old, next: file:new, exclude: [{ rule: 1, parameters: [q] }]").good();
    let said: Vec<_> = lacks.warnings.iter().map(|one| one.message.clone()).collect();
    assert!(said.iter().any(|one| one.contains("the id 1, of those that are to come")), "{said:?}");
    with("rules: file:new, before: file:gone, exclude: [{ rule: 2, parameters: [q] }]").good();
    for (section, expected) in [
        ("rules: file:old, next: builtin", "names no rules of a file"),
        ("rules: file:old, next: file:gone", "`gone` cannot be read"),
    ] {
        let said = with(section).bad();
        assert!(said.iter().any(|one| one.contains(expected)), "{said:?}");
    }
    let broken =
        with("rules: file:old, next: file:new").with("new/a.conf", "SecRule NOTHING \"x\" \"id:1\"\n").bad();
    assert!(broken[0].starts_with("seclang-unknown-variable new/a.conf:1:9: "), "{broken:?}");
}

#[test]
fn certificate_and_key_must_belong_together() {
    let make = || rcgen::generate_simple_self_signed(vec![String::from("a.example.com")]).unwrap();
    let (one, two) = (make(), make());
    let text = DOCUMENT.replace(
        "listen: http://127.0.0.1:8080",
        "listeners: { tls: { bind: \"127.0.0.1:8443\", tls: { certificate: file:c.pem, key: \"env:KEY\" } } }",
    );
    let case =
        |certificate: &str, key: &str| Case::new(&text).with("c.pem", certificate).with("env:KEY", key);
    let (pem, key) = (one.cert.pem(), one.signing_key.serialize_pem());
    let compiled = case(&pem, &key).good();
    assert_eq!(compiled.snapshot.listeners[0].tls.as_ref().unwrap().certificates()[0].chain.len(), 1);
    let other = two.signing_key.serialize_pem();
    for (certificate, key, why) in [
        (pem.as_str(), other.as_str(), "does not belong"),
        (&pem, "nonsense", "no PEM private key"),
        ("nonsense", &key, "no certificate"),
        (&pem[..pem.len() / 2], &key, "not PEM"),
    ] {
        let said = case(certificate, key).bad();
        assert!(said.iter().any(|one| one.contains(why)), "{why}: {said:?}");
        assert!(!said.concat().contains(key.lines().nth(1).unwrap_or("nonsense key")), "a key is not shown");
    }
    let missing = Case::new(&text).with("c.pem", &pem).bad();
    assert!(missing.iter().any(|one| one.contains("`KEY` is not set")), "{missing:?}");
}

#[test]
fn unenforced_parts_want_a_pointer_and_a_reason() {
    let contract = CONTRACT.replace("n: { type: integer }", "n: { type: string, pattern: \"^(?=a)b\" }");
    let said = Case::new(DOCUMENT).with("openapi.yaml", &contract).bad();
    assert!(said.iter().any(|one| one.starts_with("unenforced openapi.yaml:")), "{said:?}");
    let pointer = "/components/schemas/Order/properties/n/pattern";
    let text = format!("{DOCUMENT}    accept_unenforced: file:accepted.yaml\n");
    let accept =
        |content: String| Case::new(&text).with("openapi.yaml", &contract).with("accepted.yaml", content);
    accept(format!("\"{pointer}\": \"look-around has no linear-time engine\"\n")).good();
    let bare = accept(format!("\"{pointer}\":\n")).bad();
    assert!(bare.iter().any(|one| one.starts_with("missing-reason accepted.yaml:1:1")), "{bare:?}");
    let list = accept(format!("- {pointer}\n")).bad();
    assert!(list.iter().any(|one| one.starts_with("bad-acceptance accepted.yaml:1:1")), "{list:?}");
    let odd = accept(format!("\"{pointer}\": why\nnonsense: why\n")).bad();
    assert!(odd.iter().any(|one| one.starts_with("bad-pointer accepted.yaml:2:1")), "{odd:?}");
}

#[test]
fn acceptances_that_accept_nothing_are_told() {
    let contract = CONTRACT.replace("n: { type: integer }", "n: { type: string, pattern: \"^(?=a)b\" }");
    let pointer = "/components/schemas/Order/properties/n/pattern";
    let said = |list: &str, contract: &str| -> Vec<String> {
        let text = format!("{DOCUMENT}    accept_unenforced: [{list}]\n");
        let compiled = Case::new(&text).with("openapi.yaml", contract).good();
        compiled
            .warnings
            .iter()
            .filter(|one| one.code == "stale-acceptance")
            .map(|one| one.message.clone())
            .collect()
    };
    for good in [pointer.to_owned(), format!("openapi.yaml#{pointer}"), format!("./openapi.yaml#{pointer}")] {
        assert!(said(&format!("\"{good}\""), &contract).is_empty(), "{good}");
    }
    let stale = said(&format!("\"{pointer}\", \"/paths/~1orders/gett\", \"other.yaml#/a\""), &contract);
    assert!(stale.len() == 1 && stale[0].contains("`/paths/~1orders/gett`, `other.yaml#/a`"), "{stale:?}");
    assert!(said(&format!("\"{pointer}\""), CONTRACT)[0].contains(pointer), "the contract was mended");
}

#[test]
fn the_loader_is_told_what_a_document_names() {
    let text = "version: 1
listeners: { a: { bind: \"127.0.0.1:1\", tls: { certificate: file:c.pem, key: \"env:KEY\" } } }
issuers:
  i:
    url: https://i.example
    introspection: { url: https://i.example/t, client_id: c, client_secret: \"env:ASK\", client_key: file:k.pem }
apis:
  x: { contract: ./a.yaml, upstream: \"http://u\", issuer: local, accept_unenforced: file:u.yaml, nonsense: 1 }
  y: { contract: ./a.yaml, upstream: \"http://u\", issuer: local, dpop: { nonce_key: \"env:NONCES\" } }
";
    let needed = needed_assets("yett.yaml", text, None);
    let named: Vec<_> = needed.iter().map(|one| (one.name.as_str(), one.kind)).collect();
    assert_eq!(
        named,
        [
            ("./a.yaml", NeededKind::Contract),
            ("c.pem", NeededKind::File),
            ("env:ASK", NeededKind::Env),
            ("env:KEY", NeededKind::Env),
            ("env:NONCES", NeededKind::Env),
            ("k.pem", NeededKind::Secret),
            ("u.yaml", NeededKind::File)
        ]
    );
    assert!(needed_assets("yett.yaml", "a: [", None).is_empty());
}

#[test]
fn an_api_at_the_root_serves_nothing_that_another_refuses() {
    let text = format!(
        "{DOCUMENT}  root:\n    contract: none\n    allow: [\"GET /*\"]\n    unsecured: anonymous\n    upstream: http://127.0.0.1:2\n"
    );
    let compiled = Case::new(&text).good();
    let api = |path: &str| find(&compiled, "h", &Method::GET, path).map(|plan| plan.api.to_string());
    for path in ["/v1/unknown", "/v1", "/v1/", "/v1/orders/"] {
        assert_eq!(api(path), None, "{path}");
    }
    assert_eq!(api("/v1/orders").as_deref(), Some("orders"));
    for path in ["/v1x", "/other"] {
        assert_eq!(api(path).as_deref(), Some("root"), "{path}");
    }
    let document = "/.well-known/oauth-protected-resource/v1";
    assert_eq!(api(document).as_deref(), Some("orders"), "no `/*` hides it");
}

#[test]
fn admission_is_in_force_unless_told_otherwise() {
    let steps = |admission: &str| {
        let compiled = Case::new(&format!("{DOCUMENT}{admission}")).good();
        let open = find(&compiled, "", &Method::OPTIONS, "/v1/orders").unwrap().head.len();
        let modes: Vec<_> = compiled.snapshot.admission.iter().map(|step| step.mode.name()).collect();
        (modes, open)
    };
    let (usual, open) = steps("");
    assert_eq!(usual, ["enforce"]);
    assert_eq!(steps("admission: { anonymous: { rate: 10/s, burst: 20 } }\n"), (vec!["enforce"], open));
    let shadow = "admission: { anonymous: { mode: shadow }, failures: { mode: shadow } }\n";
    assert_eq!(steps(shadow), (vec!["enforce", "shadow"], open));
    let off = "admission: { anonymous: { mode: off }, failures: { mode: off } }\n";
    assert_eq!(steps(off), (vec!["enforce"], open - 1), "somebody has to say who the client is");
    let wrong = Case::new(&format!("{DOCUMENT}admission: {{ anonymos: {{}} }}\n")).bad();
    assert!(wrong.len() == 1 && wrong[0].contains("anonymous"), "{wrong:?}");
    let wrong = Case::new(&format!("{DOCUMENT}admission: {{ failures: {{ burst: 0 }} }}\n")).bad();
    assert!(wrong.len() == 1 && wrong[0].contains("burst"), "{wrong:?}");
}

/// `tag:late` ends both sections at one place; what the other tags say beneath it differs, and must not be taken for the same.
#[test]
fn sections_laid_over_each_other_are_told_apart_by_what_they_say() {
    let contract = CONTRACT
        .replace("operationId: listOrders, tags: [read]", "operationId: listOrders, tags: [lax, late]")
        .replace("operationId: getOrder, tags: [read]", "operationId: getOrder, tags: [strict, late]")
        .replace("      tags: [write]", "      tags: [lax, late]");
    let text = format!(
        "{DOCUMENT}    operations:
      \"tag:lax\": {{ validation: {{ request: off }}, bodies: {{ json: {{ depth: 7 }} }} }}
      \"tag:strict\": {{ validation: {{ request: enforce }}, bodies: {{ json: {{ depth: 8 }} }} }}
      \"tag:late\": {{ validation: {{ response: off }}, bodies: {{ max: 2KiB }} }}
"
    );
    let compiled = Case::new(&text).with("openapi.yaml", contract).good();
    let validates = |method: &Method, path: &str| {
        let plan = find(&compiled, "any", method, path).unwrap();
        let names = plan.head.iter().map(|step| compiled.snapshot.controls[step.control as usize].name());
        names.into_iter().any(|name| name == "validation")
    };
    assert!(!validates(&Method::GET, "/v1/orders") && !validates(&Method::POST, "/v1/orders"));
    assert!(validates(&Method::GET, "/v1/orders/7"), "what is lax for others is not lax for it");
}
