use std::sync::Arc;

use contract::Options;
use diagnostics::{Diagnostics, Severity, Sources};
use engine::call::BodyLength;
use engine::{Attached, Body, Call, Control, Mode, Verdict};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::{Settings, Validation, ValidationSection};

const CONTRACT: &str = r"
openapi: 3.1.0
info: { title: Orders, version: '1' }
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer } }
        - { name: expand, in: query, schema: { type: boolean } }
        - { name: X-Tenant, in: header, required: true, schema: { type: string, maxLength: 3 } }
        - { name: session, in: cookie, schema: { type: string } }
      responses:
        '200':
          description: one order
          content:
            application/json:
              schema: { type: object, required: [id], properties: { id: { type: integer } } }
        '204': { description: nothing }
  /orders:
    post:
      operationId: createOrder
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [item]
              properties: { item: { type: string }, count: { type: integer, minimum: 1 } }
          text/plain:
            schema: { type: string, maxLength: 5 }
      responses:
        '201': { description: made }
  /upload:
    put:
      operationId: upload
      requestBody:
        content: { '*/*': {} }
      responses:
        '204': { description: done }
";

fn import(options: &Options) -> contract::Api {
    let mut assets = contract::Assets::new();
    assets.insert(String::from("orders.yaml"), Arc::from(CONTRACT.as_bytes()));
    let mut out = Diagnostics::new();
    let api = contract::import("orders.yaml", &assets, &mut Sources::default(), options, &mut out);
    assert_eq!(out.count(Severity::Error), 0, "{out:?}");
    api.unwrap()
}

struct Bench(Box<dyn Attached>);

fn settings(request: Mode, response: Mode) -> Settings {
    Settings { request, response, canonical: false, opaque: false }
}

fn bench_with(id: &str, settings: Settings, undeclared: Option<&str>) -> Bench {
    let mut options = Options::default();
    if let Some(text) = undeclared {
        let mut sources = Sources::default();
        let mut out = Diagnostics::new();
        let section = format!("undeclared: {text}");
        let node = spec::parse(&section, sources.add("a", section.as_str()), &mut out).unwrap();
        let read: ValidationSection = spec::read(&node, &mut out).unwrap();
        assert!(out.is_empty(), "{out:?}");
        options.undeclared = read.undeclared.get();
    }
    let api = import(&options);
    let operation = api.operations.iter().find(|operation| operation.id == id).unwrap();
    let params: &[Box<str>] = if id == "getOrder" { &["id".into()] } else { &[] };
    let control = Arc::new(Validation::new(Arc::clone(operation), params, settings));
    Bench(control.attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new()))))
}

fn bench(id: &str) -> Bench {
    bench_with(id, settings(Mode::Enforce, Mode::Enforce), None)
}

/// The code of a refusal with its pointers, `note`, or `ok`.
fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow => String::from("ok"),
        Verdict::Note(_) => String::from("note"),
        Verdict::Refuse(refusal) => {
            let pointers: Vec<String> =
                refusal.violations.iter().map(|one| format!("{}:{}", one.place, one.pointer)).collect();
            format!("{} {}", refusal.code.name, pointers.join(" ")).trim_end().to_owned()
        }
        other => format!("{other:?}"),
    }
}

impl Bench {
    fn head(&self, call: &mut Call) -> String {
        said(&done(self.0.head(call)))
    }

    fn request(&self, call: &mut Call) -> String {
        match self.head(call).as_str() {
            "ok" => said(&done(self.0.body(call))),
            other => other.to_owned(),
        }
    }

    fn answer(&self, status: u16, media_type: Option<&'static str>, body: &'static str) -> (String, String) {
        let mut call = CallBuilder::get("/orders/7").params(&["7"]).build();
        call.response.status = StatusCode::from_u16(status).unwrap();
        if let Some(media_type) = media_type {
            let value = HeaderValue::from_static(media_type);
            call.response.headers.insert(http::header::CONTENT_TYPE, value);
        }
        call.response.body = Body::new(body.into());
        let head = said(&done(self.0.response_head(&mut call)));
        (head, said(&done(self.0.response_body(&mut call))))
    }
}

fn get(target: &str) -> CallBuilder {
    let id = target.trim_start_matches("/orders/").split('?').next().unwrap().to_owned();
    CallBuilder::get(target).params(&[&id]).header("x-tenant", "abc")
}

fn post(media_type: &str, body: &'static str) -> CallBuilder {
    CallBuilder::new(Method::POST, "/orders").body(media_type, body)
}

#[test]
fn parameters_are_held_to_the_contract() {
    let bench = bench("getOrder");
    let cases: Vec<(CallBuilder, &str)> = vec![
        (get("/orders/7"), "ok"),
        (get("/orders/7?expand=true"), "ok"),
        (get("/orders/seven"), "parameter_invalid path:id"),
        (get("/orders/7?expand=maybe"), "parameter_invalid query:expand"),
        (get("/orders/7?expand=true&expand=true"), "parameter_invalid query:expand"),
        (get("/orders/7?debug=1"), "parameter_invalid query:debug"),
        (CallBuilder::get("/orders/7").params(&["7"]), "parameter_invalid header:x-tenant"),
        (get("/orders/7").header("x-tenant", "abc"), "parameter_invalid header:x-tenant"),
        (get("/orders/7").header("x-anything", "1"), "ok"),
        (get("/orders/7").header("cookie", "session=1; session=2"), "parameter_invalid cookie:session"),
        (get("/orders/7").body("application/json", "{}"), "body_not_declared"),
        (get("/orders/7").length(BodyLength::Unknown), "body_not_declared"),
    ];
    for (index, (builder, expected)) in cases.into_iter().enumerate() {
        assert_eq!(bench.head(&mut builder.build()).to_lowercase(), expected, "case {index}");
    }
}

#[test]
fn undeclared_cookies_are_stripped_and_the_rest_stays() {
    let bench = bench("getOrder");
    let mut call =
        get("/orders/7").header("cookie", "session=1; track=2").header("cookie", "other=3").build();
    assert_eq!(bench.head(&mut call), "ok");
    let left: Vec<&HeaderValue> = call.request.headers.get_all("cookie").iter().collect();
    assert_eq!(left, ["session=1"]);
}

#[test]
fn what_is_undeclared_goes_as_configured() {
    let mode = settings(Mode::Enforce, Mode::Off);
    let target = "/orders/7?expand=true&debug=1";
    for (word, expected, query) in [
        ("refuse", "parameter_invalid query:debug", "expand=true&debug=1"),
        ("strip", "ok", "expand=true"),
        ("report", "note", "expand=true&debug=1"),
        ("allow", "ok", "expand=true&debug=1"),
        ("{ query: strip }", "ok", "expand=true"),
        ("{ cookie: refuse }", "parameter_invalid query:debug", "expand=true&debug=1"),
    ] {
        let bench = bench_with("getOrder", mode, Some(word));
        let mut call = get(target).build();
        assert_eq!(bench.head(&mut call), expected, "{word}");
        assert_eq!(call.request.query(), Some(query), "{word}");
    }
    let bench = bench_with("getOrder", settings(Mode::Shadow, Mode::Off), Some("strip"));
    let mut call = get(target).build();
    assert_eq!(bench.head(&mut call), "ok");
    assert_eq!(call.request.query(), Some("expand=true&debug=1"), "shadow changes nothing");
}

#[test]
fn bodies_are_held_to_the_contract() {
    let bench = bench("createOrder");
    let cases: Vec<(CallBuilder, &str)> = vec![
        (post("application/json", r#"{"item":"tea"}"#), "ok"),
        (post("application/json; charset=utf-8", r#"{"item":"tea","count":1}"#), "ok"),
        (post("application/json", r#"{"item":7}"#), "body_invalid body:/item"),
        (post("application/json", r#"{"item":"tea","count":0}"#), "body_invalid body:/count"),
        (post("application/json", r#"{"item":"tea","item":7}"#), "body_malformed"),
        (post("application/json", "{"), "body_malformed"),
        (post("text/plain", "short"), "ok"),
        (post("text/plain", "too long"), "body_invalid body:"),
        (post("application/xml", "<a/>"), "media_type_unsupported"),
        (post("nonsense", "{}"), "media_type_unsupported"),
        (post("application/json", "{}").header("content-type", "text/plain"), "media_type_unsupported"),
        (CallBuilder::new(Method::POST, "/orders"), "body_missing"),
        (post("application/json", "").length(BodyLength::Unknown), "body_missing"),
        (post("application/json", "{}").header("content-encoding", "br"), "coding_unsupported"),
    ];
    for (index, (builder, expected)) in cases.into_iter().enumerate() {
        assert_eq!(bench.request(&mut builder.build()), expected, "case {index}");
    }
}

#[test]
fn a_refused_media_type_says_what_is_accepted() {
    let Verdict::Refuse(refusal) = done(bench("createOrder").0.head(&mut post("a/b", "x").build())) else {
        panic!("not refused")
    };
    assert_eq!(refusal.headers[0].1, "application/json, text/plain");
}

#[test]
fn canonical_bodies_are_what_was_checked() {
    let with = Settings { canonical: true, ..settings(Mode::Enforce, Mode::Off) };
    let source = "{ \"item\" : \"\\u0074ea\",\n \"count\": 1.0 }";
    for (mode, expected) in [(Mode::Enforce, r#"{"item":"tea","count":1.0}"#), (Mode::Shadow, source)] {
        let bench = bench_with("createOrder", Settings { request: mode, ..with }, None);
        let mut call = post("application/json", source).build();
        assert_eq!(bench.request(&mut call), "ok");
        assert_eq!(call.body.bytes().as_ref(), expected.as_bytes());
        assert!(call.body.tape().is_some());
        if mode == Mode::Enforce {
            assert_eq!(call.request.length, BodyLength::Known(expected.len() as u64));
        }
    }
}

#[test]
fn undeclared_properties_are_stripped_from_what_is_sent() {
    let bench = bench_with("createOrder", settings(Mode::Enforce, Mode::Off), Some("{ property: strip }"));
    let mut call = post("application/json", r#"{"item":"tea","admin":true}"#).build();
    assert_eq!(bench.request(&mut call), "ok");
    assert_eq!(call.body.bytes().as_ref(), br#"{"item":"tea"}"#);
    let bench = bench_with("createOrder", settings(Mode::Enforce, Mode::Off), None);
    let mut call = post("application/json", r#"{"item":"tea","admin":true}"#).build();
    assert_eq!(bench.request(&mut call), "note", "reported by default");
}

#[test]
fn opaque_bodies_need_consent() {
    let upload = |media_type| CallBuilder::new(Method::PUT, "/upload").body(media_type, "<a/>").build();
    for (opaque, media_type, expected) in [
        (false, "application/xml", "media_type_unsupported"),
        (true, "application/xml", "ok"),
        (false, "image/png", "media_type_unsupported"),
        (true, "image/png", "ok"),
        (false, "application/json", "body_malformed"),
    ] {
        let bench = bench_with("upload", Settings { opaque, ..settings(Mode::Enforce, Mode::Off) }, None);
        assert_eq!(bench.request(&mut upload(media_type)), expected, "{media_type} {opaque}");
    }
}

#[test]
fn answers_are_held_to_the_contract_and_tell_nothing() {
    let json = Some("application/json");
    let cases = [
        (200, json, r#"{"id":7}"#, "ok", "ok"),
        (200, json, r#"{"id":"x"}"#, "ok", "response_invalid"),
        (200, json, r#"{"id":1,"id":2}"#, "ok", "response_invalid"),
        (200, json, "<html>", "ok", "response_invalid"),
        (200, Some("text/html"), "<html>", "response_invalid", "ok"),
        (200, None, "{}", "ok", "response_invalid"),
        (200, json, "", "ok", "response_invalid"),
        (200, None, "", "ok", "response_invalid"),
        (204, None, "", "ok", "ok"),
        (500, json, "{}", "response_invalid", "ok"),
    ];
    let bench = bench("getOrder");
    for (status, media_type, body, head, content) in cases {
        let found = bench.answer(status, media_type, body);
        assert_eq!((found.0.as_str(), found.1.as_str()), (head, content), "{status} {media_type:?} {body}");
    }
}

#[test]
fn an_encoded_answer_is_asked_away_or_left_alone() {
    let encoded = |bench: &Bench| {
        let mut call = CallBuilder::get("/orders/7").params(&["7"]).build();
        call.response.status = StatusCode::OK;
        for (name, value) in [("content-type", "application/json"), ("content-encoding", "gzip")] {
            call.response.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        call.response.body = Body::new("\u{1f}".into());
        said(&done(bench.0.response_body(&mut call)))
    };
    for (mode, accept, expected) in
        [(Mode::Enforce, "identity", "response_invalid"), (Mode::Shadow, "gzip", "note")]
    {
        let bench = bench_with("getOrder", settings(Mode::Enforce, mode), None);
        let mut call = get("/orders/7").header("accept-encoding", "gzip").build();
        assert_eq!(bench.head(&mut call), "ok");
        assert_eq!(call.request.headers["accept-encoding"], accept);
        assert_eq!(encoded(&bench), expected);
    }
}

#[test]
fn long_bodies_are_judged_off_the_core_and_in_the_same_way() {
    let bench = bench("createOrder");
    let room = " ".repeat(engine::bounds::LONG_BODY);
    for (body, expected) in [
        (format!(r#"{{"item":"a"{room}}}"#), "ok"),
        (format!(r#"{{"count":0,"item":"a"{room}}}"#), "body_invalid body:/count"),
        (format!(r#"{{"item":"a"{room}"#), "body_malformed"),
    ] {
        let mut call = post("application/json", "x").build();
        call.body = Body::new(body.into());
        let (left, verdict) = testkit::worked(bench.0.body(&mut call));
        assert_eq!((left, said(&verdict).as_str()), (true, expected));
        // Whoever comes next finds it parsed.
        assert_eq!(call.body.tape().is_some(), expected != "body_malformed");
    }
}

#[test]
fn long_answers_are_judged_off_the_core_and_in_the_same_way() {
    let bench = bench("getOrder");
    let room = " ".repeat(engine::bounds::LONG_BODY);
    for (body, expected) in
        [(format!(r#"{{"id":7{room}}}"#), "ok"), (format!(r#"{{"id":"7"{room}}}"#), "response_invalid")]
    {
        let mut call = CallBuilder::get("/orders/7").params(&["7"]).build();
        let json = HeaderValue::from_static("application/json");
        call.response.headers.insert(http::header::CONTENT_TYPE, json);
        call.response.body = Body::new(body.into());
        let (left, verdict) = testkit::worked(bench.0.response_body(&mut call));
        assert_eq!((left, said(&verdict).as_str()), (true, expected));
    }
}
