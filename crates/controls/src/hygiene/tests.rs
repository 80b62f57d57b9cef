use std::sync::Arc;

use diagnostics::{Diagnostics, FileId};
use engine::{Attached, Call, Control, Verdict};
use http::{HeaderName, HeaderValue, Method};
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::{Hygiene, Settings, check_section};

fn attach(settings: Settings) -> Box<dyn Attached> {
    Arc::new(Hygiene::new(settings)).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

fn settings(shadow: bool) -> Settings {
    Settings {
        hsts: Some(HeaderValue::from_static("max-age=60")),
        add: vec![(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"))],
        strip: ["x-content-type-options", "x-internal", "strict-transport-security"]
            .map(HeaderName::from_static)
            .to_vec(),
        shadow,
    }
}

/// A call whose upstream has answered with fields that go and one that stays.
fn run(control: &dyn Attached, tls: bool) -> (Call, Verdict) {
    let mut call = CallBuilder::new(Method::GET, "/orders").build();
    call.peer.tls = tls;
    assert!(matches!(done(control.head(&mut call)), Verdict::Allow));
    for (name, value) in [
        ("x-internal", "a"),
        ("x-internal", "b"),
        ("strict-transport-security", "max-age=0"),
        ("x-kept", "1"),
    ] {
        call.response.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let verdict = done(control.response_head(&mut call));
    (call, verdict)
}

fn fields(call: &Call) -> Vec<(&str, &str)> {
    call.answer_headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
}

#[test]
fn fields_are_added_and_taken_away() {
    let control = attach(settings(false));
    let (call, verdict) = run(&*control, true);
    assert!(matches!(verdict, Verdict::Allow));
    assert_eq!(
        fields(&call),
        [("strict-transport-security", "max-age=60"), ("x-content-type-options", "nosniff")]
    );
    let left: Vec<&str> = call.response.headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(left, ["x-kept"]);
    // In clear text nobody would believe it.
    let (call, _) = run(&*control, false);
    assert_eq!(fields(&call), [("x-content-type-options", "nosniff")]);
}

#[test]
fn in_shadow_it_is_only_noted() {
    let control = attach(settings(true));
    let (call, verdict) = run(&*control, true);
    assert!(call.answer_headers.is_empty());
    assert_eq!(call.response.headers.len(), 4);
    match verdict {
        Verdict::Note(note) => {
            assert_eq!(&*note, "would take away `x-internal`, `strict-transport-security`");
        }
        other => panic!("{other:?}"),
    }
    let mut call = CallBuilder::new(Method::GET, "/orders").build();
    assert!(matches!(done(control.response_head(&mut call)), Verdict::Allow));
}

/// What is wrong with a section.
fn said(text: &str) -> Vec<String> {
    let mut out = Diagnostics::new();
    let node = spec::parse(text, FileId(0), &mut out).unwrap();
    check_section(&node, &mut out);
    out.iter().map(|one| one.message.clone()).collect()
}

#[test]
fn sections_are_read_or_told() {
    for good in [
        "hsts: { max_age: 365d, subdomains: true, preload: true }",
        "hsts: { max_age: 0s }",
        "add: { X-Frame-Options: DENY, cache-control: \"no-store, private\" }\nstrip: [X-Internal, server-timing]",
        "mode: off",
    ] {
        assert_eq!(said(good), [] as [&str; 0], "{good}");
    }
    for (bad, why) in [
        ("hsts: { max_age: 364d, subdomains: true, preload: true }", "`preload` is refused"),
        ("hsts: { max_age: 365d, preload: true }", "`preload` is refused"),
        ("hsts: {}", "max_age"),
        ("add: { strict-transport-security: max-age=1 }", "has a key of its own"),
        ("add: { Content-Length: \"0\" }", "is not to be changed"),
        ("add: { Set-Cookie: a=b }", "is not to be changed"),
        ("add: { Access-Control-Allow-Origin: \"*\" }", "is not to be changed"),
        ("add: { \"x y\": a }", "is not the name"),
        ("add: { x-a: \"a\\r\\nb: c\" }", "cannot be sent"),
        ("add: { x-a: a }\nstrip: [X-A]", "stands there twice"),
        ("strip: [x-a, X-A]", "stands there twice"),
        ("strip: [transfer-encoding]", "is not to be changed"),
        ("strips: [x-a]", "unknown key `strips`"),
    ] {
        let said = said(bad);
        assert!(said.len() == 1 && said[0].contains(why), "{bad}: {said:?}");
    }
    let many: Vec<String> = (0..33).map(|number| format!("x-{number}")).collect();
    assert!(said(&format!("strip: [{}]", many.join(", ")))[0].contains("more than 32"));
}
