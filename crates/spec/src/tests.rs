//! Whole documents: what they resolve to, what is said of bad ones, what is printed.

use super::*;
use diagnostics::{Diagnostics, Sources};

mod good;
mod issuers;
mod resolving;
mod wrong;

#[derive(Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(default)]
struct Validation {
    /// requests
    request: Mode,
    /// responses
    response: Mode,
    /// names never checked
    skip: Vec<String>,
}

impl Default for Validation {
    fn default() -> Self {
        Self { request: Mode::Enforce, response: Mode::Shadow, skip: Vec::new() }
    }
}

#[derive(Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
struct Limit {
    /// per what
    per: String,
    /// how many
    rate: Rate,
}

#[derive(Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Gate {
    /// how many
    #[serde(default = "calls")]
    calls: Rate,
}

fn calls() -> Rate {
    "5/s".parse().unwrap()
}

const SECTIONS: [SectionSpec; 3] = [
    SectionSpec {
        name: "validation",
        top: false,
        schema: || schemars::schema_for!(Validation),
        check: check::<Validation>,
    },
    SectionSpec {
        name: "limits",
        top: false,
        schema: || schemars::schema_for!(Vec<Limit>),
        check: check::<Vec<Limit>>,
    },
    SectionSpec { name: "gate", top: true, schema: || schemars::schema_for!(Gate), check: check::<Gate> },
];

fn check<T: serde::de::DeserializeOwned>(node: &Node, out: &mut Diagnostics) {
    let _: Option<T> = read(node, out);
}

struct Outcome {
    resolved: Option<Resolved>,
    sources: Sources,
    found: Diagnostics,
}

/// Resolves a document as a whole process would: sections are read and dangers looked for too.
fn outcome(text: &str, environment: Option<&str>) -> Outcome {
    let mut sources = Sources::default();
    let mut found = Diagnostics::new();
    let file = sources.add("yett.yaml", text);
    let resolved =
        parse(text, file, &mut found).and_then(|node| resolve(&node, environment, &SECTIONS, &mut found));
    if let Some(resolved) = &resolved {
        dangers(&resolved.document, &mut found);
        check_sections(&resolved.document, &SECTIONS, &mut found);
    }
    Outcome { resolved, sources, found: found.without_repeats() }
}

/// One line per diagnostic: `severity code line:column message | help`.
fn lines(outcome: &Outcome) -> Vec<String> {
    let line = |item: &diagnostics::Diagnostic| {
        let at = item.span.and_then(|span| outcome.sources.position(span));
        let at = at.map_or_else(|| String::from("?"), |at| format!("{}:{}", at.line, at.column));
        let help = item.help.as_deref().unwrap_or("");
        format!("{} {} {at} {} | {help}", item.severity, item.code, item.message)
    };
    outcome.found.iter().map(line).collect()
}

/// A document without a fault, as resolved.
fn good(text: &str, environment: Option<&str>) -> Outcome {
    let outcome = outcome(text, environment);
    assert_eq!(lines(&outcome), Vec::<String>::new(), "{text}");
    assert!(outcome.resolved.is_some(), "{text}");
    outcome
}

const TEN_LINES: &str = "\
version: 1
listen: http://127.0.0.1:8080
apis:
  orders:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:3000
    issuer: local
    limits: [{ per: subject, rate: 60/min }]
    validation: { request: enforce, response: shadow }
";

const FULL: &str = "\
version: 1
data: /var/lib/yett
listeners:
  public: { bind: \"0.0.0.0:8443\", hosts: [api.example.com, \"*.example.org\"], tls: { certificate: file:a.pem, key: env:TLS_KEY } }
  partner: { bind: \"[::]:80\", accept: [cleartext], http: { version: 1, head: 16KiB } }
admin: { bind: 127.0.0.1:0 }
trusted_hops: [10.0.0.0/8, \"2001:db8::/32\", 192.0.2.1]
issuers:
  customers: { url: https://idp.example.com/realms/shop, audience: [orders, shop], algorithms: [RS256, ES256], leeway: 30s }
  staff: { url: https://login.example.org/v2.0, scopes_from: roles, roles: { admin: [orders:read, orders:write] }, typ: rfc9068, jwks: file:jwks.json, introspection: { url: https://login.example.org/introspect, client_id: yett, client_secret: env:STAFF_SECRET, client_authentication: client_secret_post, tokens: all, max_age: 30s, deadline: 500ms, audience: false, signed: true } }
authorities:
  partners: { client_ca: ca.pem, subject: uri-san, grants: { \"spiffe://example.com/*\": { scopes: [orders:read], roles: clerk }, robot: } }
signers:
  shops: { keys: { shop-1: { subject: shop, scopes: [orders:read], roles: clerk, public: file:shop.pem }, till: { subject: till, application: tills, secret: env:TILL, algorithm: hmac-sha256 }, other: { subject: other } }, jwks: keys.json, components: [x-request-id], max_age: 30s, nonce: 'off', tag: orders }
users:
  clerks: { passwords: clerks.passwords, grants: { alice: { scopes: [orders:read], roles: clerk }, \"*\": } }
webhooks:
  billing: { secrets: [env:BILLING, file:billing.old], keys: [whpk_abc], tolerance: 3m, scopes: [orders:write], roles: sender }
upstreams:
  orders: { targets: [{ url: http://orders:8080, weight: 95 }, { url: https://next:8443/base }], balance: hash:subject, outliers: { floor: 30% }, slow_start: 1m, retries: { most: 2, per_try: 5s, statuses: [503] }, http: 2, deadlines: { connect: 500ms, lifetime: 12h }, tls: { ca: ca.pem, server_name: orders.internal, certificate: own.pem, key: env:KEY }, health: { path: /healthz, every: 2s }, breakers: { calls: 100 }, headers: { set: { X-Gateway: yett }, secrets: { x-api-key: env:KEY }, remove: [cookie] } }
  files: { url: http://files:80, pool: { idle: 1m30s }, health: /up, sign: { key: env:KEY, keyid: yett-1, algorithm: ed25519, label: gateway, components: [x-request-id], expires: 30s, tag: files } }
profiles:
  standard:
    owner: team@example.com
    validation: { request: enforce, response: shadow }
apis:
  orders:
    profile: standard
    contract: v1.yaml
    base_path: /v1
    hosts: [api.example.com]
    listeners: [public]
    upstream: orders
    authentication:
      oauth: { issuers: [customers, staff], audience: orders-api, sender_constrained: any }
      other: { issuers: [customers] }
      mtls: { authorities: [partners] }
      signed: { signers: [shops], forward: true }
      basic: { users: [clerks], forward: true }
      hook: { webhook: billing }
    url: https://api.example.com
    dpop: { window: 30s, nonce: required, nonce_key: env:NONCES, algorithms: [ES256] }
    unsecured: authenticated
    accept_unenforced: [/paths/~1x/get]
    limits: [{ per: subject, rate: 60/min }]
    operations:
      exportOrders: { limits: [{ per: subject, rate: 2/hour }], authentication: { sender_constrained: dpop } }
      \"GET /health\": { unsecured: anonymous }
      \"tag:admin\": { validation: { response: enforce }, limits: [{ per: api, rate: 5/s }] }
  files:
    contract: none
    allow: [\"GET /files/*\", \"* /x\"]
    upstream: files
    accept_unenforced: file:unenforced.yaml
environments:
  prod: { profiles: { standard: { validation: { response: enforce } } }, data: /prod }
  test: { listeners: { public: { bind: 127.0.0.1:0 } } }
shedding: { lag: 20ms }
record: { access_log: file:access.log, on_full: refuse, decisions: { sample: 0%, keep: 7d, size: 1GiB } }
telemetry: { otlp: { endpoint: https://collector.example:4318, headers: { authorization: env:OTLP }, logs: none, sample: 5%,
  interval: 30s, timeout: 5s, compression: none, resource: { service.name: edge } } }
";
