//! What a PDP is asked, what its answers come to, and what becomes of calls that it does not decide (THREATS rows 14, 19).

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use diagnostics::{Diagnostics, Sources};
use engine::verdict::Refusal;
use engine::{Attached, Call, Mode, Principal, Step, Verdict, bounds};
use http::Method;
use testkit::CallBuilder;
use testkit::call::principal;

use super::config;
use crate::scope::{Compiled, NamedKind, OperationKind, OperationScope};
use crate::security::kit::{NOW, Reply, Setup, World};

const OPA: &str = "https://pdp.example.com/v1/data/orders/allow";
const AUTHZEN: &str = "https://pdp.example.com/access/v1/evaluation";
const EXT: &str = "https://pdp.example.com/check";
pub(super) const GRPC: &str = "https://pdp.example.com";
const JSON: &str = "application/json";
const SLOW: Duration = Duration::from_millis(200);

const DOCUMENT: &str = "version: 1\nlisten: http://127.0.0.1:8080\napis: { t: { contract: ./api.yaml, upstream: http://127.0.0.1:3000 } }\n";
const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /x/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { operationId: x, security: [], responses: { "200": { description: ok } } }
    post:
      operationId: y
      security: []
      requestBody: { content: { application/json: { schema: {} }, text/plain: { schema: { type: string } } } }
      responses: { "200": { description: ok } }
"#;

/// An operation that takes webhooks, and one that takes none.
const HOOKS: (&str, &str) = (
    "version: 1\nlisten: http://127.0.0.1:8080\nwebhooks: { billing: { secrets: [env:S] } }\napis: { t: { contract: ./api.yaml, \
     upstream: http://127.0.0.1:3000, authentication: { hook: { webhook: billing } } } }\n",
    r#"
openapi: 3.1.0
info: { title: t, version: "1" }
components: { securitySchemes: { hook: { type: apiKey, in: header, name: webhook-signature } } }
paths:
  /x/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { operationId: x, security: [{ hook: [] }], responses: { "200": { description: ok } } }
    post: { operationId: y, security: [], responses: { "200": { description: ok } } }
"#,
);

/// What a section comes to for an operation, and what is wrong with it.
pub(super) fn compiled(section: &str, number: usize) -> (Vec<Compiled>, Vec<String>) {
    compiled_of((DOCUMENT, CONTRACT), section, number)
}

fn compiled_of(
    (document, contract): (&str, &str),
    section: &str,
    number: usize,
) -> (Vec<Compiled>, Vec<String>) {
    let (mut found, mut sources) = (Diagnostics::new(), Sources::default());
    let file = sources.add("section.yaml", section);
    let node = spec::parse(section, file, &mut found).unwrap();
    config::check_section(&node, &mut found);
    let mut all = Vec::new();
    let mut setup = Setup::new(document, contract);
    setup.assets.insert("env:TOKEN".into(), Arc::from(&b"s3cret"[..]));
    setup.assets.insert("env:BROKEN".into(), Arc::from(&b"two words"[..]));
    let params = ["id".into()];
    setup.attach_and(&World::new(), 0, |api| {
        let operation = &api.contract.unwrap().operations[number];
        let scope = OperationScope {
            api,
            kind: OperationKind::Declared,
            contract: Some(operation),
            id: &operation.id,
            method: &operation.method,
            template: &operation.template,
            params: &params,
            siblings: &[],
            websocket: false,
            section: Some(&node),
        };
        all = config::compile(&scope, &mut found);
    });
    (all, found.iter().map(|one| one.message.clone()).collect())
}

pub(super) fn section(protocol: &str, url: &str, more: &str) -> String {
    format!("{{ protocol: {protocol}, url: \"{url}\"{more} }}")
}

/// A gateway with a PDP.
pub(super) struct Asker {
    pub(super) world: World,
    pub(super) control: Box<dyn Attached>,
    url: &'static str,
}

impl Asker {
    pub(super) fn new(protocol: &str, more: &str) -> Self {
        Self::at(World::new(), protocol, more, 0)
    }

    pub(super) fn at(world: World, protocol: &str, more: &str, operation: usize) -> Self {
        let url = match protocol {
            "opa" => OPA,
            "authzen" => AUTHZEN,
            "ext_authz_grpc" => GRPC,
            _ => EXT,
        };
        let (all, found) = compiled(&section(protocol, url, more), operation);
        assert_eq!((all.len(), found), (1, Vec::new()));
        let control = Arc::clone(&all[0].control).attach(&world.core(0));
        // `ext_authz` asks by the path of the call, over gRPC by that of the method.
        let url = match protocol {
            "ext_authz" => "https://pdp.example.com/check/v1/x/7?a=b",
            "ext_authz_grpc" => "https://pdp.example.com/envoy.service.auth.v3.Authorization/Check",
            _ => url,
        };
        Self { world, control, url }
    }

    pub(super) fn says(&self, reply: Reply) -> &Self {
        self.world.net.set(self.url, reply);
        self
    }

    pub(super) fn call(&self) -> CallBuilder {
        CallBuilder::get("/v1/x/7?a=b").params(&["7"]).clock(&self.world.clock).principal(
            "https://i",
            "alice",
            Some("app"),
        )
    }

    /// Ends a call; while it waits, time passes and the side runtime works.
    pub(super) fn end(&self, call: &mut Call) -> Ended {
        let step = if call.request.method == Method::POST {
            self.control.body(call)
        } else {
            self.control.head(call)
        };
        let verdict = match step {
            Step::Done(verdict) => verdict,
            Step::Wait(future) => {
                let mut future = pin!(future);
                let mut context = Context::from_waker(Waker::noop());
                let mut rounds = 0;
                loop {
                    if let Poll::Ready(verdict) = future.as_mut().poll(&mut context) {
                        break verdict;
                    }
                    self.world.side.run();
                    self.world.clock.advance(Duration::from_millis(10));
                    rounds += 1;
                    assert!(rounds < 30, "a call waits for the deadline at most");
                }
            }
            other => panic!("{other:?}"),
        };
        Ended::from(verdict)
    }

    /// The outcome of a call of somebody new, so that nothing remembered stands in the way.
    pub(super) fn fresh(&self) -> Ended {
        let subject = format!("s{}", self.asked());
        let call = CallBuilder::get("/v1/x/7?a=b").params(&["7"]).clock(&self.world.clock);
        self.end(&mut call.principal("https://i", &subject, None).build())
    }

    pub(super) fn asked(&self) -> usize {
        self.world.net.asked(self.url)
    }

    /// Asks with one call and counts.
    pub(super) fn counted(&self, call: CallBuilder, code: &str, questions: usize) {
        let before = self.asked();
        let ended = self.end(&mut call.build());
        assert_eq!((ended.code, self.asked() - before), (code, questions), "{ended:?}");
    }
}

#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: &'static str,
    pub(super) refusal: Option<Box<Refusal>>,
    pub(super) note: String,
}

impl From<Verdict> for Ended {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self { code: "ok", refusal: None, note: String::new() },
            Verdict::Note(note) => Self { code: "ok", refusal: None, note: note.into() },
            Verdict::Refuse(refusal) => {
                Self { code: refusal.code.name, refusal: Some(refusal), note: String::new() }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn of_a_webhook_it_is_asked_when_that_is_proven() {
    let attached = |number| {
        let (all, found) = compiled_of(HOOKS, &section("opa", OPA, ""), number);
        assert_eq!((all.len(), found), (1, Vec::new()));
        let needs = all[0].control.needs();
        assert!(needs.head && needs.recheck && needs.body == (number == 0), "{needs:?}");
        let world = World::new();
        let control = Arc::clone(&all[0].control).attach(&world.core(0));
        let asker = Asker { world, control, url: OPA };
        asker.says(json("{\"result\":false}"));
        asker
    };
    let hook = attached(0);
    let mut call = hook.call().build();
    assert!(matches!(hook.control.head(&mut call), Step::Done(Verdict::Allow)));
    assert_eq!(hook.asked(), 0, "whoever forged it");
    call.request.method = Method::POST;
    assert_eq!((hook.end(&mut call).code, hook.asked()), (DENIED, 1));
    // Its twin: of an operation that takes none it is asked at the head.
    let plain = attached(1);
    assert_eq!((plain.end(&mut plain.call().build()).code, plain.asked()), (DENIED, 1));
}

pub(super) const DENIED: &str = "pdp_denied";
pub(super) const UNAVAILABLE: &str = "pdp_unavailable";

fn json(body: impl Into<String>) -> Reply {
    Reply::Media(200, JSON, body.into())
}

/// Each answer, its outcome, and after each a permission: one hostile answer leaves nothing behind.
pub(super) fn table(asker: &Asker, allowed: &Reply, rows: Vec<(&str, Reply, &str)>) {
    for (name, reply, code) in rows {
        let ended = asker.says(reply).fresh();
        assert_eq!(ended.code, code, "{name}: {ended:?}");
        if let Some(refusal) = &ended.refusal {
            let (status, after) = (refusal.code.status, refusal.retry_after);
            match code {
                UNAVAILABLE => assert_eq!((status, after), (503, Some(Duration::from_secs(1))), "{name}"),
                _ => assert_eq!((status, after), (403, None), "{name}"),
            }
            assert!(refusal.public.is_none() && refusal.detail.len() < 400, "{name}: {refusal:?}");
        }
        let twin = asker.says(allowed.clone()).fresh();
        assert_eq!(twin.code, "ok", "twin of {name}: {twin:?}");
    }
}

/// What is no answer whatever the protocol in JSON, made of a good one.
fn no_answers(good: &str) -> Vec<(&'static str, Reply, &'static str)> {
    let media = |media: &'static str| Reply::Media(200, media, good.to_owned());
    let status = |status: u16| Reply::Media(status, JSON, good.to_owned());
    let twice = good.replacen('{', &format!("{},", &good[..good.len() - 1]), 1);
    let rows = vec![
        ("no connection", Reply::Fails),
        ("no answer in time", Reply::Never),
        ("not found", status(404)),
        ("our own token is refused", status(401)),
        ("broken", status(500)),
        ("created", status(201)),
        ("without content", status(204)),
        ("a redirect", status(302)),
        ("a redirect that is kept", status(307)),
        ("no media type", Reply::Json(good.to_owned())),
        ("text", media("text/plain")),
        ("a page", media("text/html")),
        ("JSON by another name", media("application/json5")),
        ("JSON in a suffix", media("application/x+json")),
        ("nothing", json("")),
        ("no JSON", json("result=true")),
        ("a list", json(format!("[{good}]"))),
        ("a decision alone", json("true")),
        ("a decision twice", json(twice)),
        ("two answers", json(format!("{good}{good}"))),
        ("cut", json(&good[..good.len() - 1])),
        ("too deep", json(good.replacen('}', &format!(",\"x\":{}{}}}", "[".repeat(40), "]".repeat(40)), 1))),
    ];
    rows.into_iter().map(|(name, reply)| (name, reply, UNAVAILABLE)).collect()
}

#[test]
fn what_opa_answers() {
    let asker = Asker::new("opa", "");
    let good = json("{\"result\":true}");
    table(&asker, &good, no_answers("{\"result\":true}"));
    let told = |result: &str| json(format!("{{\"decision_id\":\"1\",\"result\":{result}}}"));
    let rows = vec![
        ("a denial", told("false"), DENIED),
        ("undefined", json("{}"), DENIED),
        ("undefined with an id", json("{\"decision_id\":\"1\"}"), DENIED),
        ("an object that denies", told("{\"allow\":false,\"reason\":\"no\"}"), DENIED),
        ("undefined in a package", told("{}"), DENIED),
        ("undefined in a package with more", told("{\"reason\":\"x\"}"), DENIED),
        ("an object with a word", told("{\"allow\":\"true\"}"), UNAVAILABLE),
        ("a word", told("\"true\""), UNAVAILABLE),
        ("a number", told("1"), UNAVAILABLE),
        ("null", told("null"), UNAVAILABLE),
        ("a list", told("[true]"), UNAVAILABLE),
        ("another's word for it", json("{\"decision\":true}"), DENIED),
        ("the name in other letters", json("{\"Result\":true}"), DENIED),
        ("both", told("{\"allow\":true,\"\\u0061llow\":false}"), UNAVAILABLE),
    ];
    table(&asker, &good, rows);
    for reply in [
        told("true"),
        told("{\"allow\":true,\"reason\":\"x\"}"),
        Reply::Media(200, "Application/JSON; charset=utf-8", "{\"result\":true}".into()),
    ] {
        assert_eq!(asker.says(reply).fresh().code, "ok");
    }
}

#[test]
fn what_authzen_answers() {
    let asker = Asker::new("authzen", "");
    let good = json("{\"decision\":true}");
    table(&asker, &good, no_answers("{\"decision\":true}"));
    let rows = vec![
        ("a denial", json("{\"decision\":false}"), DENIED),
        ("a denial with reasons", json("{\"decision\":false,\"context\":{\"reason\":\"x\"}}"), DENIED),
        ("no decision", json("{}"), UNAVAILABLE),
        ("a word", json("{\"decision\":\"true\"}"), UNAVAILABLE),
        ("a number", json("{\"decision\":1}"), UNAVAILABLE),
        ("null", json("{\"decision\":null}"), UNAVAILABLE),
        ("another's word for it", json("{\"result\":true}"), UNAVAILABLE),
        ("a list of decisions", json("{\"evaluations\":[{\"decision\":true}]}"), UNAVAILABLE),
    ];
    table(&asker, &good, rows);
    let obliged = json("{\"decision\":true,\"context\":{\"reason_admin\":{\"en\":\"x\"}}}");
    assert_eq!(asker.says(obliged).fresh().code, "ok");
}

#[test]
fn what_ext_authz_answers() {
    let asker = Asker::new("ext_authz", "");
    let good = Reply::Fields(200, &[]);
    let rows = vec![
        ("no connection", Reply::Fails, UNAVAILABLE),
        ("no answer in time", Reply::Never, UNAVAILABLE),
        ("who are you", Reply::Fields(401, &[("www-authenticate", "Basic")]), DENIED),
        ("no", Reply::Fields(403, &[]), DENIED),
        ("not found", Reply::Fields(404, &[]), DENIED),
        ("too many", Reply::Fields(429, &[]), DENIED),
        ("created", Reply::Fields(201, &[]), DENIED),
        ("without content", Reply::Fields(204, &[]), DENIED),
        ("a login page", Reply::Fields(302, &[("location", "https://login.example.com")]), DENIED),
        ("broken", Reply::Fields(500, &[]), UNAVAILABLE),
        ("busy", Reply::Fields(503, &[]), UNAVAILABLE),
    ];
    table(&asker, &good, rows);
}

#[test]
fn a_denial_is_told_as_configured() {
    for (refuse, status, code) in [
        ("forbidden", 404, DENIED),
        ("not_found", 403, "pdp_not_found"),
        ("as_told", 404, "pdp_not_found"),
        ("as_told", 403, DENIED),
        ("as_told", 401, DENIED),
    ] {
        let asker = Asker::new("ext_authz", &format!(", refuse: {refuse}"));
        assert_eq!(asker.says(Reply::Fields(status, &[])).fresh().code, code, "{refuse} {status}");
    }
}

#[test]
fn reasons_stay_inside_and_are_bounded() {
    let asker = Asker::new("opa", "");
    let reply =
        format!("{{\"result\":{{\"allow\":false,\"reason\":\"a\\u001b[31m\\n{}\"}}}}", "x".repeat(9_000));
    let refusal = asker.says(json(reply)).fresh().refusal.unwrap();
    assert!(refusal.detail.starts_with("the PDP denies it: a\u{fffd}[31m\u{fffd}x"), "{}", refusal.detail);
    assert!(refusal.detail.len() < 300 && refusal.public.is_none() && refusal.headers.is_empty());
    let listed = json("{\"result\":{\"allow\":false,\"reasons\":[\"a\",\"b\"]}}");
    let refusal = asker.says(listed).fresh().refusal.unwrap();
    assert_eq!(&*refusal.detail, "the PDP denies it: [\"a\",\"b\"]");
}

/// Somebody of whom more is known.
pub(super) fn known(call: &mut Call) {
    let claims = "{\"department\":\"sales\",\"card\":\"4111\",\"realm\":{\"level\":3}}";
    let claims = tape::Tape::parse(claims.into(), &tape::Bounds::default()).unwrap();
    let alice = Principal {
        application: Some("app".into()),
        roles: Arc::from(["clerk".into(), "b\"oss".into()]),
        claims: Arc::new(claims),
        ..Principal::clone(&principal("https://i", "alice é", NOW + 600))
    };
    call.proofs[0].principal = Arc::new(alice);
}

pub(super) const TELL: &str =
    ", token: \"env:TOKEN\", include: [X-Tenant, x-none], claims: [department, /realm/level, none]";

#[test]
fn the_question_to_opa() {
    let asker = Asker::new("opa", TELL);
    let mut call = asker
        .call()
        .header("authorization", "Bearer secret")
        .header("cookie", "session=1")
        .header("x-tenant", "one")
        .header("x-tenant", "two")
        .build();
    known(&mut call);
    assert_eq!(asker.says(json("{\"result\":true}")).end(&mut call).code, "ok");
    let posted = asker.world.net.posted.lock().unwrap().take().unwrap();
    let field = |name: &str| posted.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(field("authorization").unwrap(), "Bearer s3cret");
    assert!(posted.headers["authorization"].is_sensitive());
    assert_eq!((field("content-type").unwrap(), field("accept").unwrap()), (JSON.into(), JSON.into()));
    assert_eq!((posted.url.as_str(), posted.deadline, posted.max_bytes), (OPA, SLOW, 16 * 1024));
    let told: serde_json::Value = serde_json::from_slice(&posted.body).unwrap();
    let expected = serde_json::json!({ "input": {
        "api": "t", "operation": "x", "method": "GET", "template": "/v1/x/{id}",
        "host": "api.example.com", "path": "/v1/x/7", "params": { "id": "7" }, "query": "a=b",
        "headers": { "x-tenant": ["one", "two"] },
        "principal": {
            "issuer": "https://i", "subject": "alice é", "application": "app", "credential": "jwt", "scopes": [],
            "roles": ["clerk", "b\"oss"], "claims": { "department": "sales", "/realm/level": 3 }
        },
        "client": { "address": "192.0.2.1", "located": true }, "listener": "public", "tls": false, "time": NOW
    } });
    let listener = told["input"]["listener"].clone();
    let mut expected = expected;
    expected["input"]["listener"] = listener;
    assert_eq!(told, expected);
    let text = String::from_utf8(posted.body.to_vec()).unwrap();
    for secret in ["secret", "session", "4111"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn the_question_of_authzen() {
    let asker = Asker::new("authzen", TELL);
    let mut call = asker.call().header("x-tenant", "one").principal("https://j", "bob", None).build();
    known(&mut call);
    assert_eq!(asker.says(json("{\"decision\":true}")).end(&mut call).code, "ok");
    let posted = asker.world.net.posted.lock().unwrap().take().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&posted.body).unwrap();
    assert_eq!(told["subject"]["type"], "identity");
    assert_eq!(told["subject"]["id"], "alice é");
    assert_eq!(told["subject"]["properties"]["claims"]["department"], "sales");
    assert_eq!(told["action"], serde_json::json!({ "name": "GET" }));
    let resource = serde_json::json!({ "type": "route", "id": "/v1/x/{id}", "properties": {
        "api": "t", "operation": "x", "host": "api.example.com", "path": "/v1/x/7", "params": { "id": "7" }, "query": "a=b"
    } });
    assert_eq!(told["resource"], resource);
    assert_eq!(told["context"]["headers"], serde_json::json!({ "x-tenant": ["one"] }));
    assert_eq!(told["context"]["others"][0]["subject"], "bob");
    assert_eq!(told["context"]["time"], NOW);
    let mut nobody = CallBuilder::get("/v1/x/7").params(&["7"]).build();
    assert_eq!(asker.end(&mut nobody).code, "ok");
    let posted = asker.world.net.posted.lock().unwrap().take().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&posted.body).unwrap();
    assert_eq!(told["subject"], serde_json::json!({ "type": "anonymous", "id": "anonymous" }));
}

#[test]
fn the_question_of_ext_authz_and_what_it_adds() {
    let more = format!("{TELL}, body: json, headers: [x-tenant, x-plan]");
    let asker = Asker::at(World::new(), "ext_authz", &more, 1);
    let good = Reply::Fields(200, &[("x-tenant", "t1"), ("x-other", "no"), ("set-cookie", "a=b")]);
    let body = || {
        CallBuilder::new(Method::POST, "/v1/x/7?a=b")
            .params(&["7"])
            .principal("https://i", "alice", None)
            .header("x-tenant", "spoofed")
            .header("x-plan", "gold")
            .header("x_plan", "gold")
            .header("authorization", "Bearer secret")
            .body(JSON, "{ \"a\" : 1 }")
    };
    let mut call = body().build();
    known(&mut call);
    assert_eq!(asker.says(good.clone()).end(&mut call).code, "ok");
    let posted = asker.world.net.posted.lock().unwrap().take().unwrap();
    let field = |name: &str| posted.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    for (name, value) in [
        ("yett-api", "t"),
        ("yett-operation", "y"),
        ("yett-template", "/v1/x/{id}"),
        ("yett-subject", "alice%20%C3%A9"),
        ("yett-issuer", "https://i"),
        ("yett-application", "app"),
        ("yett-roles", "clerk b\"oss"),
        ("yett-client", "192.0.2.1"),
        ("yett-claims", "{\"department\":\"sales\",\"/realm/level\":3}"),
        ("x-tenant", "spoofed"),
        ("authorization", "Bearer s3cret"),
        ("content-type", JSON),
    ] {
        assert_eq!(field(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!((posted.method, &posted.body[..]), (Method::POST, &b"{ \"a\" : 1 }"[..]));
    // What the PDP says replaces what the client said; what it was not asked to say goes nowhere.
    let fields = &call.request.headers;
    let values =
        |name: &str| fields.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(values("x-tenant"), ["t1"]);
    assert!(values("x-plan").is_empty() && values("x_plan").is_empty());
    assert!(values("x-other").is_empty() && values("set-cookie").is_empty());
    let shadow = Asker::at(World::new(), "ext_authz", &format!("{more}, mode: shadow"), 1);
    let mut call = body().build();
    assert_eq!(shadow.says(good).end(&mut call).code, "ok");
    assert_eq!(call.request.headers["x-tenant"], "spoofed", "shadow changes nothing");
    const LONG: &str = match std::str::from_utf8(&[b'x'; 5_000]) {
        Ok(text) => text,
        Err(_) => "",
    };
    let long = Reply::Fields(200, &[("x-tenant", LONG)]);
    assert_eq!(asker.says(long).end(&mut body().header("x-n", "1").build()).code, UNAVAILABLE);
    // Nor is what a client says under a name that some service reads as one that is written otherwise.
    let other = Asker::at(World::new(), "ext_authz", ", body: json, headers: [x_tenant]", 1);
    let mut call = body().build();
    assert_eq!(other.says(Reply::Fields(200, &[("x_tenant", "t1")])).end(&mut call).code, "ok");
    assert!(!call.request.headers.contains_key("x-tenant") && call.request.headers["x_tenant"] == "t1");
    // Where what is not decided passes, what a client says under these names does not.
    let open = Asker::at(World::new(), "ext_authz", &format!("{more}, on_error: allow"), 1);
    let mut call = body().build();
    assert_eq!(open.says(Reply::Fails).end(&mut call).code, "ok");
    assert!(!call.request.headers.contains_key("x-tenant") && !call.request.headers.contains_key("x-plan"));
}

#[test]
fn bodies_are_told_in_json_or_not_at_all() {
    let asker = Asker::at(World::new(), "opa", ", body: json", 1);
    asker.says(json("{\"result\":true}"));
    let post = || CallBuilder::new(Method::POST, "/v1/x/7").params(&["7"]);
    assert_eq!(asker.end(&mut post().body(JSON, "{\"a\":[1,2.50]}").build()).code, "ok");
    let posted = asker.world.net.posted.lock().unwrap().take().unwrap();
    let text = String::from_utf8(posted.body.to_vec()).unwrap();
    assert!(text.contains("\"body\":{\"a\":[1,2.50]}"), "{text}");
    assert_eq!(asker.end(&mut post().build()).code, "ok");
    let posted = asker.world.net.posted.lock().unwrap().take().unwrap();
    assert!(String::from_utf8_lossy(&posted.body).contains("\"body\":null"));
    for (name, media, body, code) in [
        ("text", "text/plain", String::from("{}"), "media_type_unsupported"),
        ("undeclared", "application/xml", String::from("<a/>"), "media_type_unsupported"),
        ("no JSON", JSON, String::from("{"), "media_type_unsupported"),
        ("a member twice", JSON, String::from("{\"a\":1,\"a\":2}"), "media_type_unsupported"),
        ("long", JSON, format!("\"{}\"", "x".repeat(bounds::PDP_QUESTION)), "body_too_large"),
        (
            "long once it is told",
            JSON,
            format!("\"{}\"", "x".repeat(bounds::PDP_QUESTION - 100)),
            "body_too_large",
        ),
    ] {
        let before = asker.asked();
        assert_eq!(asker.end(&mut post().body(media, body).build()).code, code, "{name}");
        assert_eq!(asker.asked(), before, "{name}: it is not asked");
    }
    let (all, _) = compiled(&section("opa", OPA, ", body: json"), 0);
    let needs = all[0].control.needs();
    assert!(
        needs.head && needs.recheck && !needs.body,
        "an operation without a body is asked about at its head"
    );
    // And one that comes all the same goes nowhere, since the PDP would not have seen it.
    let bare = Asker::at(World::new(), "opa", ", body: json", 0);
    bare.says(json("{\"result\":true}"));
    let mut carrying = bare.call().header("content-length", "7").body(JSON, "{\"a\":1}").build();
    assert_eq!((bare.end(&mut carrying).code, bare.asked()), ("body_not_declared", 0));
    bare.counted(bare.call(), "ok", 1);
}

#[test]
fn what_is_no_text_is_not_told() {
    let asker = Asker::new("opa", ", include: [x-tenant]");
    asker.says(json("{\"result\":true}"));
    let odd = asker.call().header("x-tenant", "é").build();
    assert_eq!(asker.end(&mut { odd }).code, "ok", "UTF-8 is");
    let mut odd = asker.call().build();
    odd.request.headers.insert("x-tenant", http::HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(asker.end(&mut odd).code, "request_malformed");
    let odd = CallBuilder::get("/v1/x/%FF?a=b").params(&["%FF"]).build();
    assert_eq!(asker.end(&mut { odd }).code, "request_malformed");
    let good = CallBuilder::get("/v1/x/%C3%A9?a=b").params(&["%C3%A9"]).build();
    assert_eq!(asker.end(&mut { good }).code, "ok");
}

#[test]
fn without_an_age_every_call_is_asked_about() {
    let asker = Asker::new("opa", "");
    asker.says(json("{\"result\":true}"));
    for _ in 0..3 {
        asker.counted(asker.call(), "ok", 1);
    }
    asker.says(json("{\"result\":false}"));
    asker.counted(asker.call(), DENIED, 1);
    asker.says(json("{\"result\":true}"));
    asker.counted(asker.call(), "ok", 1);
}

#[test]
fn an_answer_counts_for_its_question_and_its_time() {
    let asker = Asker::new("opa", ", max_age: 30s, include: [x-tenant]");
    asker.says(json("{\"result\":true}"));
    asker.counted(asker.call(), "ok", 1);
    for _ in 0..3 {
        asker.counted(asker.call(), "ok", 0);
    }
    // Whatever is told and differs is another question.
    let at =
        |target: &str| CallBuilder::get(target).params(&["7"]).principal("https://i", "alice", Some("app"));
    for (name, other) in [
        (
            "subject",
            CallBuilder::get("/v1/x/7?a=b").params(&["7"]).principal("https://i", "bob", Some("app")),
        ),
        (
            "issuer",
            CallBuilder::get("/v1/x/7?a=b").params(&["7"]).principal("https://j", "alice", Some("app")),
        ),
        ("application", CallBuilder::get("/v1/x/7?a=b").params(&["7"]).principal("https://i", "alice", None)),
        ("nobody", CallBuilder::get("/v1/x/7?a=b").params(&["7"])),
        ("query", at("/v1/x/7?a=c")),
        ("no query", at("/v1/x/7")),
        ("path", CallBuilder::get("/v1/x/8?a=b").params(&["8"]).principal("https://i", "alice", Some("app"))),
        ("header", asker.call().header("x-tenant", "one")),
        ("headers", asker.call().header("x-tenant", "one").header("x-tenant", "two")),
        ("address", asker.call().peer("192.0.2.9")),
        ("over TLS", asker.call().tls()),
    ] {
        let before = asker.asked();
        assert_eq!(asker.end(&mut other.build()).code, "ok");
        assert_eq!(asker.asked() - before, 1, "{name}");
    }
    asker.counted(asker.call().header("x-untold", "one"), "ok", 0);
    asker.world.clock.advance(Duration::from_secs(30));
    asker.says(json("{\"result\":false}"));
    asker.counted(asker.call(), DENIED, 1);
    // A denial is remembered for five seconds.
    asker.says(json("{\"result\":true}"));
    asker.counted(asker.call(), DENIED, 0);
    asker.world.clock.advance(Duration::from_secs(5));
    asker.counted(asker.call(), "ok", 1);
}

#[test]
fn an_answer_ends_with_the_credential() {
    let asker = Asker::new("opa", ", max_age: 5m");
    asker.says(json("{\"result\":true}"));
    let until = |end: u64| {
        let mut call = asker.call().build();
        call.proofs[0].principal = principal("https://i", "alice", end);
        call
    };
    let ask = |end: u64, questions: usize| {
        let before = asker.asked();
        assert_eq!(asker.end(&mut until(end)).code, "ok");
        assert_eq!(asker.asked() - before, questions);
    };
    ask(NOW + 20, 1);
    ask(NOW + 20, 0);
    asker.world.clock.advance(Duration::from_secs(20));
    ask(NOW + 900, 1);
    ask(NOW + 900, 0);
}

#[test]
fn of_calls_with_one_question_one_asks() {
    let asker = Asker::new("opa", "");
    asker.says(json("{\"result\":true}"));
    let mut calls: Vec<Call> = (0..5).map(|_| asker.call().build()).collect();
    let mut steps: Vec<_> = calls
        .iter_mut()
        .map(|call| match asker.control.head(call) {
            Step::Wait(future) => future,
            other => panic!("{other:?}"),
        })
        .collect();
    asker.world.side.run();
    let mut context = Context::from_waker(Waker::noop());
    for step in &mut steps {
        assert!(matches!(step.as_mut().poll(&mut context), Poll::Ready(Verdict::Allow)));
    }
    assert_eq!(asker.asked(), 1);
}

#[test]
fn too_many_questions_at_one_time_are_refused_at_once() {
    let asker = Asker::new("opa", "");
    asker.says(Reply::Never);
    let call = |number: usize| {
        CallBuilder::get("/v1/x/7?a=b").params(&["7"]).principal("i", &number.to_string(), None).build()
    };
    let mut calls: Vec<Call> = (0..bounds::PDP_ASKING).map(call).collect();
    let waiting: Vec<_> = calls.iter_mut().map(|call| asker.control.head(call)).collect();
    assert!(waiting.iter().all(|step| matches!(step, Step::Wait(_))));
    let mut more = call(9_999);
    match asker.control.head(&mut more) {
        Step::Done(Verdict::Refuse(refusal)) => assert_eq!(refusal.code.name, UNAVAILABLE),
        other => panic!("{other:?}"),
    }
    drop(waiting);
    asker.world.pass(Duration::from_secs(6));
    asker.says(json("{\"result\":true}"));
    assert_eq!(asker.fresh().code, "ok", "places come back");
}

#[test]
fn one_that_fails_is_left_alone_and_tried_again() {
    let asker = Asker::new("opa", "");
    for number in 0..bounds::PDP_FAILURES {
        let ended = asker.says(Reply::Fails).fresh();
        assert_eq!((ended.code, asker.asked()), (UNAVAILABLE, number as usize + 1));
    }
    // The same question is not even asked for a second, and no other for a while.
    let asked = asker.asked();
    asker.says(json("{\"result\":true}"));
    let resting = asker.fresh();
    assert_eq!((resting.code, asker.asked()), (UNAVAILABLE, asked));
    assert!(resting.refusal.unwrap().detail.contains("not asked for a while"));
    // One question tries; when it fails, the next comes after another pause.
    asker.world.clock.advance(bounds::PDP_PAUSE);
    assert_eq!(asker.says(Reply::Media(503, JSON, String::new())).fresh().code, UNAVAILABLE);
    assert_eq!(asker.asked(), asked + 1);
    asker.says(json("{\"result\":true}"));
    let mut other = CallBuilder::get("/v1/x/7?a=b").params(&["7"]).principal("i", "other", None).build();
    assert_eq!((asker.end(&mut other).code, asker.asked()), (UNAVAILABLE, asked + 1));
    asker.world.clock.advance(bounds::PDP_PAUSE);
    assert_eq!(asker.fresh().code, "ok");
    assert_eq!(asker.fresh().code, "ok");
}

#[test]
fn questions_that_it_cannot_answer_are_no_reason_to_leave_it_alone() {
    // Where calls pass that cannot be decided, an answer that is none is no error: it may have been a denial.
    for (reply, code) in
        [(Reply::Media(500, JSON, String::new()), "ok"), (json("{\"result\":1}"), UNAVAILABLE)]
    {
        let asker = Asker::new("opa", ", on_error: allow");
        for _ in 0..bounds::PDP_FAILURES * 2 {
            assert_eq!(asker.says(reply.clone()).fresh().code, code);
        }
        assert_eq!(
            asker.says(json("{\"result\":false}")).fresh().code,
            DENIED,
            "whoever asks next is decided"
        );
    }
}

#[test]
fn what_is_undecided_passes_only_where_that_is_written() {
    let asker = Asker::new("opa", ", on_error: allow");
    let passed = asker.says(Reply::Fails).fresh();
    assert_eq!(passed.code, "ok");
    assert!(passed.note.contains("not decided by") && passed.note.contains(OPA), "{}", passed.note);
    assert_eq!(asker.says(json("{\"result\":false}")).fresh().code, DENIED);
    assert_eq!(asker.says(json("{}")).fresh().code, DENIED, "undefined is a denial");
    let long = format!("{{\"result\":false,\"reason\":\"{}\"}}", "x".repeat(16 * 1024));
    assert_eq!(asker.says(json(long)).fresh().code, UNAVAILABLE, "more than is read is an answer");
    assert_eq!(asker.says(Reply::Media(503, JSON, String::new())).fresh().code, "ok");
    // A live stream does not wait for a PDP that is away longer than it takes to find that out, and else has its answer.
    let mut call = asker.call().build();
    assert_eq!(asker.says(Reply::Fails).end(&mut call).code, "ok");
    asker.world.clock.advance(Duration::from_secs(60));
    assert!(matches!(asker.control.head(&mut call), Step::Wait(_)));
    asker.world.side.run();
    assert!(matches!(asker.control.head(&mut call), Step::Done(Verdict::Note(_))));
    for (said, allowed) in [("{\"result\":true}", true), ("{\"result\":false}", false)] {
        asker.says(json(said));
        asker.world.clock.advance(Duration::from_secs(60));
        assert!(matches!(asker.control.head(&mut call), Step::Wait(_)));
        asker.world.side.run();
        asker.world.clock.advance(Duration::from_secs(1));
        match asker.control.head(&mut call) {
            Step::Done(verdict) => assert_eq!(Ended::from(verdict).code == "ok", allowed, "{said}"),
            other => panic!("{said}: {other:?}"),
        }
    }
    // What is no answer ends nothing by itself, and lets nothing pass.
    asker.says(json("{\"result\":1}"));
    for _ in 0..2 {
        asker.world.clock.advance(Duration::from_secs(60));
        assert!(matches!(asker.control.head(&mut call), Step::Wait(_)));
        asker.world.side.run();
    }
}

#[test]
fn a_live_stream_is_asked_about_again() {
    let asker = Asker::new("opa", "");
    let mut call = asker.call().build();
    asker.says(json("{\"result\":true}"));
    assert_eq!(asker.end(&mut call).code, "ok");
    // The pipeline drops a step that would wait, and asks again after a second.
    asker.world.clock.advance(Duration::from_secs(60));
    asker.says(json("{\"result\":false}"));
    assert!(matches!(asker.control.head(&mut call), Step::Wait(_)));
    asker.world.side.run();
    asker.world.clock.advance(Duration::from_secs(1));
    match asker.control.head(&mut call) {
        Step::Done(Verdict::Refuse(refusal)) => assert_eq!(refusal.code.name, DENIED),
        other => panic!("{other:?}"),
    }
    assert_eq!(asker.asked(), 2);
    // That there is no answer ends nothing: it is asked about again, for as long as the pipeline asks.
    asker.says(Reply::Fails);
    asker.world.clock.advance(Duration::from_secs(60));
    for _ in 0..3 {
        assert!(matches!(asker.control.head(&mut call), Step::Wait(_)));
        asker.world.side.run();
        asker.world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(asker.asked(), 5);
    asker.says(json("{\"result\":true}"));
    assert!(matches!(asker.control.head(&mut call), Step::Wait(_)));
    asker.world.side.run();
    assert!(matches!(asker.control.head(&mut call), Step::Done(Verdict::Allow)));
    // Another call does not take that answer.
    asker.says(json("{\"result\":true}"));
    asker.counted(asker.call(), "ok", 1);
}

#[test]
fn a_reload_keeps_what_is_known_and_other_settings_do_not() {
    let first = Asker::new("opa", ", max_age: 30s");
    first.says(json("{\"result\":true}"));
    first.counted(first.call(), "ok", 1);
    let attach = |more: &str| {
        let (all, _) = compiled(&section("opa", OPA, more), 0);
        Arc::clone(&all[0].control).attach(&first.world.core(1))
    };
    let mut call = first.call().build();
    assert!(matches!(attach(", max_age: 30s").head(&mut call), Step::Done(Verdict::Allow)));
    let mut call = first.call().build();
    let other = attach(", max_age: 31s");
    assert!(matches!(other.head(&mut call), Step::Wait(_)));
}

#[test]
fn wrong_sections_are_told() {
    let opa = |more: &str| section("opa", OPA, more);
    for (section, said) in [
        (opa(""), ""),
        (section("opa", "http://127.0.0.1:8181/v1/data/a", ""), ""),
        (section("authzen", AUTHZEN, ", mode: shadow, token: \"env:TOKEN\""), ""),
        (section("ext_authz", EXT, ", refuse: as_told, headers: [x-user-id]"), ""),
        (String::from("{ mode: off }"), ""),
        (String::from("{ mode: enforce }"), "a PDP wants a `protocol` and a `url`"),
        (section("opa", "http://pdp.example.com/v1/data/a", ""), "is not `https`"),
        (section("opa", "https://pdp.example.com/", ""), "is not whole"),
        (section("authzen", "https://pdp.example.com", ""), "is not whole"),
        (section("grpc", EXT, ""), "grpc"),
        (section("ext_authz_grpc", GRPC, ", refuse: as_told, headers: [x-user-id]"), ""),
        (section("ext_authz_grpc", "http://127.0.0.1:9001/", ""), ""),
        (section("ext_authz_grpc", EXT, ""), "the URL of a PDP over gRPC has no path"),
        (section("ext_authz_grpc", "http://pdp.example.com", ""), "is not `https`"),
        (opa(", deadline: 6s"), "cannot take `6s`"),
        (opa(", max_age: 6m"), "cannot count for `6m`"),
        (opa(", max_age: 500ms"), "cannot count for `500ms`"),
        (opa(", include: [Authorization]"), "`Authorization` is not told to a PDP"),
        (opa(", include: [cookie]"), "`cookie` is not told"),
        (opa(", include: [yett-subject]"), "`yett-subject` is not told"),
        (opa(", include: [yett_subject]"), "`yett_subject` is not told"),
        (opa(", include: [Signature]"), "`Signature` is not told"),
        (opa(", include: [Signature-Input]"), "`Signature-Input` is not told"),
        (opa(", include: [Webhook-Signature]"), "`Webhook-Signature` is not told"),
        (opa(", include: [sec-websocket-protocol]"), "`sec-websocket-protocol` is not told"),
        (opa(", include: [\"a b\"]"), "is not the name of a header field"),
        (opa(", headers: [x-tenant]"), "only `ext_authz` adds header fields"),
        (opa(", refuse: as_told"), "only `ext_authz` tells a status"),
        (section("ext_authz", EXT, ", headers: [host]"), "`host` cannot be added"),
        (section("ext_authz", EXT, ", headers: [authorization]"), "`authorization` cannot be added"),
        (section("ext_authz", EXT, ", headers: [X-Forwarded-For]"), "cannot be added"),
        (section("ext_authz", EXT, ", headers: [content-type]"), "cannot be added"),
        (section("ext_authz", EXT, ", headers: [Signature-Input]"), "cannot be added"),
        (section("ext_authz", EXT, ", headers: [webhook-signature]"), "cannot be added"),
        (section("ext_authz", EXT, ", headers: [accept-encoding]"), "cannot be added"),
        (section("ext_authz", EXT, ", headers: [if-none-match]"), "cannot be added"),
        (section("ext_authz", EXT, ", headers: [X-Real-IP]"), "cannot be added"),
        (section("ext_authz", EXT, ", headers: [x_original_url]"), "cannot be added"),
        (section("ext_authz", EXT, ", headers: [x-api-key]"), "cannot be added"),
        (opa(", token: \"env:BROKEN\""), "the token of the PDP cannot be sent"),
        (opa(", token: s3cret"), "a secret is written here in clear"),
        (opa(", url2: x"), "url2"),
    ] {
        let (all, found) = compiled(&section, 0);
        if said.is_empty() {
            assert_eq!(
                (all.len(), found.len()),
                (usize::from(!section.contains("mode: off")), 0),
                "{section}: {found:?}"
            );
        } else {
            assert!(found.iter().any(|one| one.contains(said)), "{section}: {found:?}");
            assert!(!found.iter().any(|one| one.contains("s3cret")), "{found:?}");
        }
    }
    assert_eq!(compiled(&section("opa", OPA, ", mode: shadow"), 0).0[0].mode, Mode::Shadow);
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let file = sources.add("x.yaml", "{ token: \"env:A\" }");
    let node = spec::parse("{ token: \"env:A\" }", file, &mut found).unwrap();
    let files = config::files(&node);
    assert_eq!((files.len(), &*files[0].path, files[0].kind), (1, "env:A", NamedKind::Secret));
}
