//! Rules that are only watched, beside the others.

use std::sync::Arc;

use bytes::Bytes;
use engine::{Attached, Body, Control, Mode};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use seclang::Which;
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core};

use super::super::watch::Watch;
use super::{Inspection, form, loaded, request, settings, short};

/// What counts, and each of what is watched.
fn attach(answers: Mode, watched: &[Which<'_>]) -> Vec<Box<dyn Attached>> {
    let loaded = loaded(super::RULES);
    let engine = loaded.engine().unwrap();
    let rules = watched.iter().map(|which| engine.exclusion(*which, &[]).unwrap()).collect();
    let inspection =
        Arc::new(Inspection::new(Arc::clone(&loaded), Vec::new(), rules, settings(Mode::Enforce, answers)));
    let core = core(&FakeClock::new(), &Arc::new(MemoryCells::new()));
    let watches = (0..watched.len())
        .map(|number| Arc::new(Watch::new(Arc::clone(&inspection), number, "modes.a".into())));
    let watches: Vec<Box<dyn Attached>> = watches.map(|watch| watch.attach(&core)).collect();
    let mut all = vec![inspection.attach(&core)];
    all.extend(watches);
    all
}

/// What each says of the request, the one that counts of its head too.
fn said(watched: &[Which<'_>], builder: &CallBuilder) -> Vec<String> {
    let all = attach(Mode::Off, watched);
    let mut call = builder.clone().build();
    let [head, body] = request(&*all[0], &mut call);
    let watches = all[1..].iter().map(|watch| short(&super::end(watch.body(&mut call)).1)).collect();
    [vec![head, body], watches].concat()
}

#[test]
fn what_they_would_have_come_to_is_told_where_they_match() {
    let (words, first) = (Which::Tag("words"), Which::Id(12));
    let evil_and_bad = "rules 12 13 19; score 6 of 5; 12 in `ARGS:q` (a.conf:4:1)";
    // Both alone are below the threshold: only together they refuse.
    assert_eq!(said(&[], &form("q=evil&r=bad"))[1], format!("payload_refused: {evil_and_bad}"));
    let note = |text: &str| format!("note: {text}");
    for (watched, builder, expected) in [
        (
            &[words][..],
            form("q=evil&r=bad"),
            vec![String::from("ok"), format!("payload_refused: {evil_and_bad}")],
        ),
        (
            &[first],
            form("q=evil&r=bad"),
            vec![
                note("rules 13; score 3 of 5; 13 in `ARGS:r` (a.conf:5:1)"),
                format!("payload_refused: {evil_and_bad}"),
            ],
        ),
        // What is watched beside it does not count for it.
        (
            &[first, Which::Id(13)],
            form("q=evil&r=bad"),
            vec![
                String::from("ok"),
                note("rules 12; score 3 of 5; 12 in `ARGS:q` (a.conf:4:1)"),
                note("rules 13; score 3 of 5; 13 in `ARGS:r` (a.conf:5:1)"),
            ],
        ),
        (&[first], form("q=fine"), vec![String::from("ok"), String::from("ok")]),
        // One of the first phase, that refuses by itself.
        (
            &[Which::Id(11)],
            CallBuilder::get("/a").header("x-bad", "now"),
            vec![
                String::from("ok"),
                String::from("payload_refused: rules 11; 11 in `REQUEST_HEADERS:x-bad` (a.conf:3:1)"),
            ],
        ),
    ] {
        let found = said(watched, &builder);
        assert_eq!((found[0].as_str(), &found[1..]), ("ok", expected.as_slice()), "{watched:?}");
    }
}

#[test]
fn answers_have_their_own() {
    let all = attach(Mode::Enforce, &[Which::Id(31), Which::Id(41), Which::Id(12)]);
    let answer = |body: &'static str, leak: bool| {
        let mut call = CallBuilder::get("/a?q=evil").build();
        let _ = request(&*all[0], &mut call);
        let of_request = short(&super::end(all[3].body(&mut call)).1);
        assert_eq!(of_request, "note: rules 12; score 3 of 5; 12 in `ARGS:q` (a.conf:4:1)");
        call.response.status = StatusCode::OK;
        call.response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        if leak {
            call.response.headers.insert("x-leak", HeaderValue::from_static("x"));
        }
        call.response.body = Body::new(Bytes::from_static(body.as_bytes()));
        let head = short(&super::end(all[0].response_head(&mut call)).1);
        let body = short(&super::end(all[0].response_body(&mut call)).1);
        let watches = all[1..].iter().map(|watch| short(&super::end(watch.response_body(&mut call)).1));
        [vec![head, body], watches.collect()].concat()
    };
    let ok = || String::from("ok");
    let in_body = String::from("answer_refused: rules 41; 41 in `RESPONSE_BODY` (a.conf:11:1)");
    let in_head = String::from("answer_refused: rules 31; 31 in `RESPONSE_HEADERS:x-leak` (a.conf:10:1)");
    assert_eq!(answer("fine", false), [ok(), ok(), ok(), ok(), ok()]);
    assert_eq!(answer("a leak", false), [ok(), ok(), ok(), in_body, ok()]);
    assert_eq!(answer("fine", true), [ok(), ok(), in_head, ok(), ok()]);
}
