mod builtin;
mod multipart;
mod next;
mod watch;

use std::sync::Arc;

use bytes::Bytes;
use engine::{Attached, Body, Call, Control, Mode, Step, Verdict};
use http::{HeaderValue, Method, StatusCode};
use seclang::{Part, Which};
use spec::{Size, Spanned};
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, worked};

use super::config::{BodySection, CallerSection, Over, ThresholdSection};
use super::exclude::Excluded;
use super::rules::{Loaded, Wanted, compile, files};
use super::{Inspection, Settings};

const RULES: &str = r#"
SecAction "id:10,phase:1,pass,nolog,setvar:tx.inbound_anomaly_score_threshold=5"
SecRule REQUEST_HEADERS:x-bad "@streq now" "id:11,phase:1,deny,log"
SecRule ARGS "@contains evil" "id:12,phase:2,pass,log,tag:'words',setvar:tx.anomaly_score=+3"
SecRule ARGS|REQUEST_COOKIES "@contains bad" "id:13,phase:2,pass,log,tag:'words',setvar:tx.anomaly_score=+3"
SecRule REQUEST_URI "@contains /up/" "id:14,phase:1,deny,log"
SecRule REMOTE_ADDR "@ipMatch 198.51.100.0/24" "id:15,phase:1,deny,log"
SecRule REQUEST_PROTOCOL "!@within HTTP/1.1" "id:16,phase:1,deny,log"
SecRule TX:anomaly_score "@ge %{tx.inbound_anomaly_score_threshold}" "id:19,phase:2,deny,log"
SecRule RESPONSE_HEADERS:x-leak "@rx ." "id:31,phase:3,deny,log"
SecRule RESPONSE_BODY "@contains leak" "id:41,phase:4,deny,log"
"#;

fn wanted(body: BodySection) -> Wanted<'static> {
    let threshold = ThresholdSection::default();
    Wanted { path: "crs", setup: None, paranoia: None, threshold, body }
}

fn loaded(rules: &str) -> Arc<Loaded> {
    let loaded = compile(&wanted(BodySection::default()), &[("a.conf", rules.as_bytes())], &[]);
    assert!(loaded.engine().is_some(), "{loaded:?}");
    Arc::new(loaded)
}

fn settings(request: Mode, answers: Mode) -> Settings {
    Settings { request, answers, body: 100_000, whole: true }
}

fn attach(settings: Settings, exclude: &[(Which<'_>, Part<'_>)]) -> Box<dyn Attached> {
    attach_for(settings, exclude, &[])
}

fn attach_for(
    settings: Settings,
    exclude: &[(Which<'_>, Part<'_>)],
    callers: &[CallerSection],
) -> Box<dyn Attached> {
    let loaded = loaded(RULES);
    let engine = loaded.engine().unwrap();
    let exclusion = |(which, part): &(Which<'_>, Part<'_>)| engine.exclusion(*which, &[*part]).unwrap();
    let excluded = |rules| Excluded::new(rules, callers.iter().cloned());
    let exclusions = exclude.iter().map(exclusion).map(excluded).collect();
    let control = Inspection::new(Arc::clone(&loaded), exclusions, Vec::new(), settings);
    Arc::new(control).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

fn end(step: Step<'_>) -> (bool, Verdict) {
    worked(step)
}

/// The verdict in short.
fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow => String::from("ok"),
        Verdict::Note(note) => format!("note: {note}"),
        Verdict::Refuse(refusal) => format!("{}: {}", refusal.code.name, refusal.detail),
        other => format!("{other:?}"),
    }
}

fn request(control: &dyn Attached, call: &mut Call) -> [String; 2] {
    let head = short(&end(control.head(call)).1);
    [head, short(&end(control.body(call)).1)]
}

fn form(body: &str) -> CallBuilder {
    CallBuilder::new(Method::POST, "/a").body("application/x-www-form-urlencoded", body.to_owned())
}

#[test]
fn each_phase_has_its_stage_and_evidence_without_values() {
    let control = attach(settings(Mode::Enforce, Mode::Off), &[]);
    let refused = |ids: &str| format!("payload_refused: rules {ids}");
    let cases: [(CallBuilder, String, String); 6] = [
        (CallBuilder::get("/a?q=fine"), "ok".into(), "ok".into()),
        (
            CallBuilder::get("/a").header("x-bad", "now"),
            refused("11; 11 in `REQUEST_HEADERS:x-bad` (a.conf:3:1)"),
            "".into(),
        ),
        (CallBuilder::get("/a").header("x-bad", "later"), "ok".into(), "ok".into()),
        (
            CallBuilder::get("/a?q=evil"),
            "ok".into(),
            "note: rules 12; score 3 of 5; 12 in `ARGS:q` (a.conf:4:1)".into(),
        ),
        (form("q=evil&r=bad"), "ok".into(), refused("12 13 19; score 6 of 5; 12 in `ARGS:q` (a.conf:4:1)")),
        // The canonical path, not the one that came.
        (CallBuilder::get("/x/%75p/y"), refused("14; 14 in `REQUEST_URI` (a.conf:6:1)"), "".into()),
    ];
    for (builder, head, body) in cases {
        let mut call = builder.build();
        let [found_head, found_body] = request(&*control, &mut call);
        assert_eq!(found_head, head);
        if !body.is_empty() {
            assert_eq!(found_body, body);
        }
    }
}

#[test]
fn rules_see_the_address_that_admission_found() {
    let control = attach(settings(Mode::Enforce, Mode::Off), &[]);
    for (client, expected) in [("198.51.100.7", false), ("203.0.113.7", true)] {
        let mut call = CallBuilder::get("/a").build();
        call.client = client.parse().unwrap();
        assert_eq!(request(&*control, &mut call)[0] == "ok", expected, "{client}");
    }
}

#[test]
fn in_shadow_all_that_match_are_told_and_a_refusal_once() {
    let control = attach(settings(Mode::Shadow, Mode::Off), &[]);
    let mut call = form("q=evil&r=bad").header("x-bad", "now").build();
    let [head, body] = request(&*control, &mut call);
    assert!(head.starts_with("payload_refused: rules 11;"), "{head}");
    assert!(body.starts_with("note: rules 12 13 19; score 6 of 5"), "{body}");
}

#[test]
fn exclusions_leave_the_rest_alone() {
    let exclude = [(Which::Tag("words"), Part::Parameter("Q")), (Which::Id(13), Part::Cookie("c"))];
    let control = attach(settings(Mode::Enforce, Mode::Off), &exclude);
    for (builder, allowed) in [
        (CallBuilder::get("/a?q=evil+bad").header("cookie", "c=bad"), true),
        (CallBuilder::get("/a?q=evil+bad&r=evil+bad"), false),
        (CallBuilder::get("/a?r=evil").header("cookie", "d=bad"), false),
    ] {
        let mut call = builder.build();
        assert_eq!(request(&*control, &mut call)[1] == "ok", allowed);
    }
}

#[test]
fn exclusions_hold_for_the_callers_they_name() {
    let exclude = [(Which::Tag("words"), Part::Parameter("q"))];
    let caller = |subject: Option<&str>, application: Option<&str>| CallerSection {
        issuer: "https://a".to_owned(),
        subject: subject.map(str::to_owned),
        application: application.map(str::to_owned),
    };
    let callers = [caller(Some("alice"), None), caller(None, Some("reports"))];
    let control = attach_for(settings(Mode::Enforce, Mode::Off), &exclude, &callers);
    let call = || CallBuilder::get("/a?q=evil+bad");
    for (builder, allowed) in [
        (call().principal("https://a", "alice", None), true),
        (call().principal("https://a", "bob", Some("reports")), true),
        (call().principal("https://a", "bob", Some("shop")), false),
        (call().principal("https://b", "alice", Some("reports")), false),
        (call(), false),
    ] {
        let mut call = builder.build();
        assert_eq!(request(&*control, &mut call)[1] == "ok", allowed);
    }
}

#[test]
fn what_is_long_leaves_the_core() {
    let control = attach(settings(Mode::Enforce, Mode::Off), &[]);
    for (length, away) in [(100, false), (3_900, false), (5_000, true)] {
        let mut call = form(&format!("a={}&q=evil+bad", "x".repeat(length))).build();
        let _ = end(control.head(&mut call));
        let (left, verdict) = end(control.body(&mut call));
        assert_eq!(left, away, "{length}");
        assert!(short(&verdict).starts_with("payload_refused"), "{length}");
    }
}

#[test]
fn long_and_encoded_bodies_are_refused_unless_configured() {
    let longer = format!("a={}&q=evil+bad", "x".repeat(100_000));
    let strict = attach(settings(Mode::Enforce, Mode::Off), &[]);
    let mut call = form(&longer).build();
    assert!(request(&*strict, &mut call)[1].starts_with("body_too_large"));
    for (coding, body, expected) in [
        ("gzip", "x=1", "coding_unsupported"),
        ("gzip", "", "ok"),
        ("identity", "x=1", "ok"),
        ("br, gzip", "x=1", "coding_unsupported"),
    ] {
        let mut call = form(body).header("content-encoding", coding).build();
        assert!(request(&*strict, &mut call)[1].starts_with(expected), "{coding} {body}");
    }
    // Only the beginning is read: of a document that ends in the middle nothing is broken.
    let body = BodySection {
        max: Spanned::nowhere(Size::from_bytes(1_000)),
        over: Over::Inspect,
        ..BodySection::default()
    };
    let loaded = Arc::new(compile(&wanted(body), &[("a.conf", RULES.as_bytes())], &[]));
    let settings = Settings { body: 1_000, whole: false, ..settings(Mode::Enforce, Mode::Off) };
    let lax = Arc::new(Inspection::new(loaded, Vec::new(), Vec::new(), settings))
        .attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
    let json = |filler: usize, value: &str| {
        let body = format!("{{\"a\":\"{value}\",\"b\":\"{}\"}}", "x".repeat(filler));
        CallBuilder::new(Method::POST, "/a").body("application/json", body)
    };
    assert_eq!(request(&*lax, &mut json(5_000, "fine").build())[1], "ok");
    assert!(request(&*lax, &mut json(5_000, "evil bad").build())[1].starts_with("payload_refused"));
    let broken = CallBuilder::new(Method::POST, "/a").body("application/json", "{\"a\":");
    assert!(request(&*lax, &mut broken.build())[1].starts_with("payload_refused: rules 200002"));
}

#[test]
fn answers_are_looked_at_where_that_is_on() {
    let answer = |control: &dyn Attached, leak: bool, body: &'static str, coding: &'static str| {
        let mut call = CallBuilder::get("/a").build();
        assert_eq!(request(control, &mut call), ["ok", "ok"]);
        call.response.status = StatusCode::OK;
        let headers = &mut call.response.headers;
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        if leak {
            headers.insert("x-leak", HeaderValue::from_static("y"));
        }
        if !coding.is_empty() {
            headers.insert("content-encoding", HeaderValue::from_static(coding));
        }
        call.response.body = Body::new(Bytes::from_static(body.as_bytes()));
        [short(&end(control.response_head(&mut call)).1), short(&end(control.response_body(&mut call)).1)]
    };
    let enforced = attach(settings(Mode::Enforce, Mode::Enforce), &[]);
    assert_eq!(answer(&*enforced, false, "fine", ""), ["ok", "ok"]);
    let [head, _] = answer(&*enforced, true, "fine", "");
    assert!(head.starts_with("answer_refused: rules 31;"), "{head}");
    let [head, body] = answer(&*enforced, false, "a leak", "");
    assert!(head == "ok" && body.starts_with("answer_refused: rules 41;"), "{head} {body}");
    assert!(answer(&*enforced, false, "x", "gzip")[1].starts_with("answer_refused: the answer is encoded"));
    let shadow = attach(settings(Mode::Enforce, Mode::Shadow), &[]);
    assert!(answer(&*shadow, false, "a leak", "")[1].starts_with("answer_refused"));
    assert!(answer(&*shadow, false, "x", "gzip")[1].starts_with("note"));
    // A refusal of the request in shadow is none of the answer's.
    let control = attach(settings(Mode::Shadow, Mode::Enforce), &[]);
    let mut call = CallBuilder::get("/a").header("x-bad", "now").build();
    let _ = request(&*control, &mut call);
    assert_eq!(short(&end(control.response_head(&mut call)).1), "ok");
}

#[test]
fn without_answers_nothing_is_kept_and_nothing_passes_that_was_not_begun() {
    let control = attach(settings(Mode::Enforce, Mode::Enforce), &[]);
    let mut call = CallBuilder::get("/a").build();
    for step in [end(control.body(&mut call)), end(control.response_head(&mut call))] {
        assert!(short(&step.1).starts_with("control_failed"));
    }
    let control = attach(settings(Mode::Enforce, Mode::Off), &[]);
    let _ = request(&*control, &mut call);
    assert!(short(&end(control.body(&mut call)).1).starts_with("control_failed"));
}

#[test]
fn a_call_that_takes_too_much_work_is_refused() {
    let mut loaded = compile(&wanted(BodySection::default()), &[("a.conf", RULES.as_bytes())], &[]);
    loaded.limit_work(1_000);
    let loaded = Arc::new(loaded);
    for mode in [Mode::Enforce, Mode::Shadow] {
        let control =
            Arc::new(Inspection::new(Arc::clone(&loaded), Vec::new(), Vec::new(), settings(mode, Mode::Off)))
                .attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
        assert_eq!(request(&*control, &mut CallBuilder::get("/a?q=fine").build()), ["ok", "ok"]);
        let [_, body] = request(&*control, &mut form(&format!("q={}", "evi ".repeat(5_000))).build());
        assert!(body.contains("more work than"), "{body}");
    }
}

#[test]
fn a_set_is_its_settings_then_its_rules_by_name() {
    let span = diagnostics::Span { file: diagnostics::FileId(0), start: 0, end: 0 };
    let names = |present: &[&str], setup: Option<&str>| {
        let assets = present.iter().map(|name| ((*name).to_owned(), Arc::from(name.as_bytes()))).collect();
        let mut out = diagnostics::Diagnostics::new();
        let wanted = Wanted { setup, ..wanted(BodySection::default()) };
        let found = files(&assets, &wanted, span, &mut out);
        let found = found.map(|files| files.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
        (found.unwrap_or_default().join(" "), out.iter().map(|one| one.code).collect::<Vec<_>>())
    };
    let good = |present: &[&str], setup: Option<&str>, expected: &str| {
        assert_eq!(names(present, setup), (expected.to_owned(), Vec::new()), "{present:?}");
    };
    let init = "crs/rules/REQUEST-901-INITIALIZATION.conf";
    let unpacked =
        ["crs/crs-setup.conf.example", init, "crs/rules/REQUEST-911.conf", "crs/rules/x.data", "crs2/a.conf"];
    good(&unpacked, None, &format!("crs/crs-setup.conf.example {init} crs/rules/REQUEST-911.conf"));
    good(
        &[&unpacked[..], &["crs/crs-setup.conf"]].concat(),
        None,
        &format!("crs/crs-setup.conf {init} crs/rules/REQUEST-911.conf"),
    );
    good(&["crs/b.conf", "crs/a.conf", "crs/c.data"], None, "crs/a.conf crs/b.conf");
    good(&["crs"], None, "crs");
    good(&["crs", "own.conf"], Some("own.conf"), "own.conf crs");
    let etc = ["etc/crs-setup.conf", "etc/REQUEST-900.conf", "etc/RESPONSE-999.conf"];
    let debian = [&[init, "crs/rules/RESPONSE-980.conf"][..], &etc].concat();
    good(
        &debian,
        Some("etc"),
        &format!(
            "etc/crs-setup.conf etc/REQUEST-900.conf {init} crs/rules/RESPONSE-980.conf etc/RESPONSE-999.conf"
        ),
    );
    for (present, setup, codes) in [
        (&debian[..2], None, vec!["rules-setup"]),
        (&["crs", "etc/a.conf"], Some("etc"), vec!["rules-setup"]),
        // What is not there has been reported by whoever reads files.
        (&["other/a.conf"], None, vec![]),
    ] {
        assert_eq!(names(present, setup), (String::new(), codes), "{present:?}");
    }
}

#[test]
fn rules_are_loaded_once_for_equal_files_and_settings_and_say_what_is_wrong_where_they_stand() {
    use super::rules::load;
    let text =
        "version: 1\nlisten: http://127.0.0.1:1\napis: { a: { contract: none, upstream: http://x } }\n";
    let mut found = diagnostics::Diagnostics::new();
    let mut sources = diagnostics::Sources::default();
    let document = sources.add("yett.yaml", text);
    let rule = "SecRule ARGS \"x\" \"id:1,phase:2,pass,log\"\n";
    let bad = sources.add("crs/a.conf", "# first\nSecRule NOTHING \"x\" \"id:1,phase:2,pass\"\n");
    let tree = spec::parse(text, document, &mut found).unwrap();
    let resolved = spec::resolve(&tree, None, &[], &mut found).unwrap();
    let made = engine::keyed::Keyed::default();
    let span = diagnostics::Span { file: document, start: 0, end: 0 };
    let mut get = |rule: &str, paranoia: Option<u8>| {
        let assets = crate::scope::Assets::from([("crs/a.conf".to_owned(), Arc::from(rule.as_bytes()))]);
        let scope = crate::scope::GatewayScope {
            document: &resolved.document,
            assets: &assets,
            local_jwks: None,
            sources: &sources,
            made: &made,
            shared: crate::scope::Shared::default(),
        };
        let wanted = Wanted { paranoia, ..wanted(BodySection::default()) };
        load(&scope, &wanted, span, &mut found).unwrap()
    };
    let first = get(rule, None);
    assert!(Arc::ptr_eq(&first, &get(rule, None)));
    assert!(!Arc::ptr_eq(&first, &get(rule, Some(2))));
    assert!(!Arc::ptr_eq(&first, &get(&rule.replace('x', "y"), None)));
    let broken = get("# first\nSecRule NOTHING \"x\" \"id:1,phase:2,pass\"\n", None);
    let mut out = diagnostics::Diagnostics::new();
    broken.tell(&sources, &mut out);
    let told: Vec<_> = out.iter().filter_map(|one| one.span).collect();
    assert!(broken.engine().is_none() && told.iter().all(|span| span.file == bad), "{out:?}");
    assert_eq!(told.first().map(|span| sources.place(*span)).as_deref(), Some("crs/a.conf:2:9"));
}
