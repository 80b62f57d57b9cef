use std::sync::Arc;

use bytes::Bytes;
use engine::control::Cancel;
use engine::{Attached, Body, Call, Control, Step, Verdict};
use http::HeaderValue;
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, worked};

use super::{LeakWatch, LeaksSection, OnLeak, PersonalSection, Settings};

fn section() -> LeaksSection {
    LeaksSection {
        traces: OnLeak::Refuse,
        databases: OnLeak::Tag,
        listings: OnLeak::Ignore,
        secrets: OnLeak::Mask,
        ..LeaksSection::default()
    }
}

fn settings() -> Settings {
    Settings::of(&section(), true)
}

fn answer(body: impl Into<Bytes>) -> Call {
    let mut call = CallBuilder::get("/").build();
    call.response.body = Body::new(body.into());
    call.response.headers.insert("etag", HeaderValue::from_static("\"1\""));
    call
}

fn attached(settings: Settings) -> Box<dyn Attached> {
    Arc::new(LeakWatch::new(settings)).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

fn run(settings: Settings, call: &mut Call) -> String {
    said(worked(attached(settings).response_body(call)).1)
}

fn said(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allow => String::from("ok"),
        Verdict::Note(note) => format!("note: {note}"),
        Verdict::Refuse(refusal) => format!("{}: {}", refusal.code.name, refusal.detail),
        other => format!("{other:?}"),
    }
}

const TRACE: &str = "oops\n\tat com.acme.Orders.load(Orders.java:42)";
const DATABASE: &str = r#"{"error":"SQLSTATE[42000]: x"}"#;
const LISTING: &str = "<title>Index of /backup</title>";

fn secret() -> (String, String) {
    let key = ["AKIA", "ABCDEFGHIJKLMNOP"].concat();
    (format!(r#"{{"key":"{key}","n":1}}"#), format!(r#"{{"key":"{}","n":1}}"#, "*".repeat(20)))
}

#[test]
fn each_class_has_its_way() {
    let (with, without) = secret();
    for (body, expected) in [
        (TRACE, "answer_refused: leaks: traces (java) at 6"),
        (DATABASE, "note: leaks: databases (sql) at 10"),
        (LISTING, "ok"),
        (&with, "note: masked: leaks: secrets (aws) at 8"),
        (&without, "ok"),
        ("", "ok"),
    ] {
        let mut call = answer(body.to_owned());
        assert_eq!(run(settings(), &mut call), expected, "{body}");
        let masked = body == with;
        let now = if masked { &without } else { body };
        assert_eq!(call.response.body.bytes(), now.as_bytes());
        assert_eq!(call.response.headers.contains_key("etag"), !masked);
    }
    let both = format!("{TRACE} {with}");
    assert!(
        run(settings(), &mut answer(both))
            .starts_with("answer_refused: leaks: traces (java) at 6, secrets (aws) at ")
    );
}

#[test]
fn json_stays_json_or_is_withheld() {
    let masks = Settings::of(&LeaksSection { traces: OnLeak::Mask, ..section() }, true);
    let inside = r#"{"a":"x\n\tat com.acme.A.b(A.java:1)","b":1}"#;
    let mut call = answer(inside);
    assert!(run(masks, &mut call).starts_with("note: masked"));
    let masked = String::from_utf8(call.response.body.bytes().to_vec()).unwrap();
    assert!(masked.starts_with(r#"{"a":"x\n\t***"#) && masked.ends_with(r#"***","b":1}"#), "{masked}");
    let across = r#"{"a":"Warning: x","b":" in y.php on line 3"}"#;
    assert!(run(masks, &mut answer(across)).starts_with("answer_refused"));
    assert!(run(masks, &mut answer(across.replace('"', ""))).starts_with("note: masked"));
}

#[test]
fn in_shadow_nothing_is_changed() {
    let shadow = Settings::of(&section(), false);
    let (with, _) = secret();
    for (body, expected) in [
        (TRACE, "answer_refused: leaks: traces (java) at 6"),
        (with.as_str(), "note: leaks: secrets (aws) at 8"),
        ("nothing", "ok"),
    ] {
        let mut call = answer(body.to_owned());
        assert_eq!(run(shadow, &mut call), expected);
        assert_eq!(call.response.body.bytes(), body.as_bytes());
        assert!(call.response.headers.contains_key("etag"));
    }
    let needs = |settings| Arc::new(LeakWatch::new(settings)).needs();
    assert!(needs(settings()).head && !needs(shadow).head);
}

#[test]
fn what_cannot_be_read_or_has_no_end_is_refused() {
    let encoded = |enforced| {
        let mut call = answer("x");
        call.response.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        run(Settings::of(&section(), enforced), &mut call)
    };
    assert!(encoded(true).starts_with("answer_refused") && encoded(false).starts_with("note"));
    let many = "AKIA".repeat(probe::leak::CANDIDATES * 2);
    assert!(run(settings(), &mut answer(many.clone())).ends_with("not looked at to the end"));
    let tags = Settings::of(&LeaksSection { traces: OnLeak::Tag, secrets: OnLeak::Tag, ..section() }, true);
    assert!(run(tags, &mut answer(many)).starts_with("note"));
    // A picture is no text, whatever stands in it.
    let picture = [b"\x89PNG\r\n\x1a\n", TRACE.as_bytes()].concat();
    assert_eq!(run(settings(), &mut answer(picture)), "ok");
    for sign in ["GIF89a", "%PDF-1.7", "wOFF"] {
        let token = ["ghp", "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"].concat();
        let mut call = answer(format!("{sign}, they say\n{token}"));
        assert!(run(settings(), &mut call).starts_with("note: masked: leaks: secrets (github)"), "{sign}");
        assert!(!call.response.body.bytes().ends_with(b"HIJ"), "{sign}");
        assert_eq!(run(settings(), &mut answer(format!("{sign}, they say"))), "ok");
    }
    let latin = [b"\xe9 ", TRACE.as_bytes()].concat();
    assert!(run(settings(), &mut answer(latin)).starts_with("answer_refused"));
}

#[test]
fn long_answers_and_those_with_much_to_look_at_leave_the_core() {
    let control = attached(settings());
    let (with, without) = secret();
    let filled = |text: &str, length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    for (body, expected, away) in [
        (filled("[1]", super::ON_CORE), "ok", false),
        (filled("[1]", super::ON_CORE + 1), "ok", true),
        (filled(&with, super::ON_CORE), "note: masked: leaks: secrets (aws) at 8", false),
        (filled(&with, super::ON_CORE + 1), "note: masked: leaks: secrets (aws) at 8", true),
        (filled(TRACE, 100_000), "answer_refused: leaks: traces (java) at 6", true),
        (".java:".repeat(super::WINDOWS_ON_CORE), "ok", false),
        (".java:".repeat(super::WINDOWS_ON_CORE + 1), "ok", true),
        (
            format!("{}{with}", ".java:".repeat(super::WINDOWS_ON_CORE)),
            "note: masked: leaks: secrets (aws) at 1208",
            true,
        ),
    ] {
        let mut call = answer(body.clone());
        let (left, verdict) = worked(control.response_body(&mut call));
        assert_eq!((left, said(verdict).as_str()), (away, expected));
        let masked = expected.starts_with("note");
        let now = if masked { body.replace(&with, &without) } else { body };
        assert!(call.response.body.bytes() == now.as_bytes());
        assert_eq!(call.response.headers.contains_key("etag"), !masked);
    }
}

#[test]
fn what_nobody_waits_for_is_ended_and_masks_nothing() {
    let (with, _) = secret();
    let body = format!("{with}{}", " ".repeat(super::ON_CORE));
    for (cancelled, expected) in [(true, "control_failed"), (false, "note: masked")] {
        let mut call = answer(body.clone());
        let control = attached(settings());
        let Step::OffloadThen(job, then) = control.response_body(&mut call) else { panic!("on its core") };
        let cancel = Cancel::default();
        if cancelled {
            cancel.cancel();
        }
        assert!(said(testkit::done(then((job.run)(&cancel)))).starts_with(expected));
        assert_eq!(call.response.body.bytes() == body.as_bytes(), cancelled);
    }
}

#[test]
fn personal_data_is_looked_for_where_it_is_asked_for() {
    let personal = PersonalSection {
        cards: OnLeak::Mask,
        mails: OnLeak::Tag,
        persons: OnLeak::Refuse,
        ..PersonalSection::default()
    };
    let asked = Settings::of(&LeaksSection { personal, ..section() }, true);
    let card = r#"{"card":"4111111111111111","n":1}"#;
    let number = r#"{"card":4111111111111111,"n":1}"#;
    for (settings, body, expected) in [
        (settings(), card, "ok"),
        (asked, card, "note: masked: leaks: cards (visa) at 9"),
        // A number that is masked is none.
        (asked, number, "answer_refused: leaks: cards (visa) at 8"),
        (asked, r#"{"to":"ada@example.org"}"#, "note: leaks: mails (mail) at 7"),
        (asked, r#"{"ssn":"219-09-9999"}"#, "answer_refused: leaks: persons (us ssn) at 8"),
        (asked, r#"{"call":"+14155550132"}"#, "ok"),
        (asked.for_its_audience(), card, "note: leaks: cards (visa) at 9"),
        (asked.for_its_audience(), r#"{"ssn":"219-09-9999"}"#, "note: leaks: persons (us ssn) at 8"),
        (asked.for_its_audience(), TRACE, "answer_refused: leaks: traces (java) at 6"),
    ] {
        let mut call = answer(body);
        assert_eq!(run(settings, &mut call), expected, "{body}");
        if expected.starts_with("note: masked") {
            assert_eq!(call.response.body.bytes(), r#"{"card":"****************","n":1}"#.as_bytes());
        } else {
            assert_eq!(call.response.body.bytes(), body.as_bytes());
        }
    }
}
