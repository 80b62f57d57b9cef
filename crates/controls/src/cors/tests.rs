use std::sync::Arc;

use engine::{Attached, Call, Control, Verdict};
use http::{HeaderName, HeaderValue, Method};
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::{Cors, Origin, Origins, Settings};

fn attach(origins: Origins, credentials: bool) -> Box<dyn Attached> {
    attach_in(origins, credentials, true)
}

fn attach_in(origins: Origins, credentials: bool, enforced: bool) -> Box<dyn Attached> {
    let settings = Settings {
        origins,
        headers: Some(HeaderValue::from_static("authorization, content-type")),
        expose: Some(HeaderValue::from_static("x-total")),
        credentials,
        max_age: HeaderValue::from(600),
        enforced,
    };
    let control = Cors::new(Arc::new(settings), ["GET", "POST"].into_iter());
    Arc::new(control).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

fn shop(credentials: bool) -> Box<dyn Attached> {
    attach(Origins::Exact(vec!["https://shop.example.com".into()]), credentials)
}

fn answered(call: &Call, name: &str) -> Option<String> {
    let found = call.answer_headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.to_str().unwrap().to_owned())
}

fn from(origin: &str) -> CallBuilder {
    CallBuilder::new(Method::POST, "/orders").header("origin", origin)
}

fn preflight(origin: &str) -> Call {
    CallBuilder::new(Method::OPTIONS, "/orders")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .build()
}

#[test]
fn foreign_origins_are_allowed_by_name_only() {
    let control = shop(true);
    let cases = [
        ("https://shop.example.com", true, true),
        // The API's own host is not foreign, and needs no permission.
        ("http://api.example.com", true, false),
        ("https://api.example.com", true, false),
        ("https://api.example.com:8443", false, false),
        ("https://shop.example.com.evil.example", false, false),
        ("https://evilshop.example.com", false, false),
        ("http://shop.example.com", false, false),
        ("https://shop.example.com:444", false, false),
        ("https://SHOP.example.com", false, false),
        ("null", false, false),
        ("", false, false),
        ("https://shop.example.com https://evil.example", false, false),
    ];
    for (origin, allowed, permitted) in cases {
        let mut call = from(origin).build();
        let verdict = done(control.head(&mut call));
        assert_eq!(matches!(verdict, Verdict::Allow), allowed, "{origin}: {verdict:?}");
        let permission = answered(&call, "access-control-allow-origin");
        assert_eq!(permission.as_deref(), permitted.then_some(origin), "{origin}");
        assert_eq!(answered(&call, "access-control-allow-credentials").is_some(), permitted);
        assert_eq!(answered(&call, "vary").as_deref(), Some("Origin"));
    }
    let mut twice = from("https://shop.example.com").header("origin", "https://shop.example.com").build();
    assert!(matches!(done(control.head(&mut twice)), Verdict::Refuse(_)));
    let mut none = CallBuilder::get("/").build();
    assert!(matches!(done(control.head(&mut none)), Verdict::Allow));
    assert_eq!(answered(&none, "vary").as_deref(), Some("Origin"));
}

#[test]
fn a_preflight_is_answered_from_the_contract() {
    let control = shop(false);
    let mut call = preflight("https://shop.example.com");
    let Verdict::Answer(answer) = done(control.head(&mut call)) else { panic!("no answer") };
    assert_eq!(answer.status.as_u16(), 204);
    let fields: Vec<(&str, &str)> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(
        fields,
        [
            ("access-control-allow-methods", "GET, POST"),
            ("access-control-allow-headers", "authorization, content-type"),
            ("access-control-max-age", "600"),
        ]
    );
    assert_eq!(answered(&call, "access-control-allow-origin").as_deref(), Some("https://shop.example.com"));
    assert_eq!(answered(&call, "access-control-allow-credentials"), None);
    let mut foreign = preflight("https://evil.example");
    assert!(matches!(done(control.head(&mut foreign)), Verdict::Refuse(_)));
    assert_eq!(answered(&foreign, "access-control-allow-origin"), None);
    let mut plain =
        CallBuilder::new(Method::OPTIONS, "/").header("origin", "https://shop.example.com").build();
    assert!(
        matches!(done(control.head(&mut plain)), Verdict::Allow),
        "no preflight: for `options` to answer"
    );
}

#[test]
fn any_origin_is_a_star_and_never_null() {
    let control = attach(Origins::Any, false);
    let mut call = from("https://anywhere.example").build();
    assert!(matches!(done(control.head(&mut call)), Verdict::Allow));
    assert_eq!(answered(&call, "access-control-allow-origin").as_deref(), Some("*"));
    assert_eq!(answered(&call, "vary"), None);
    assert!(matches!(done(control.head(&mut from("null").build())), Verdict::Refuse(_)));
}

#[test]
fn what_an_upstream_says_of_origins_is_removed() {
    let control = shop(false);
    let mut call = from("https://shop.example.com").build();
    for (name, value) in
        [("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true"), ("x-total", "1")]
    {
        call.response.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    assert!(matches!(done(control.response_head(&mut call)), Verdict::Allow));
    let left: Vec<&str> = call.response.headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(left, ["x-total"]);
}

#[test]
fn origins_have_one_spelling() {
    for (text, good) in [
        ("https://a.example", true),
        ("http://[::1]:8080", true),
        ("http://[::80]", true),
        ("moz-extension://abc", true),
        ("https://a.example:443", false),
        ("http://a.example:80", false),
        ("https://a.example/", false),
        ("https://a.example?x", false),
        ("https://user@a.example", false),
        ("HTTPS://a.example", false),
        ("https://", false),
        ("a.example", false),
        ("null", false),
    ] {
        assert_eq!(Origin::parse(text.as_bytes()).is_some(), good, "{text}");
    }
}

#[test]
fn in_shadow_nothing_is_added_or_removed() {
    let control = attach_in(Origins::Exact(vec!["https://shop.example.com".into()]), true, false);
    let mut call = from("https://shop.example.com").build();
    call.response.headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    assert!(matches!(done(control.head(&mut call)), Verdict::Allow));
    assert!(matches!(done(control.response_head(&mut call)), Verdict::Allow));
    assert!(call.answer_headers.is_empty() && call.response.headers.len() == 1);
    assert!(matches!(done(control.head(&mut from("https://evil.example").build())), Verdict::Refuse(_)));
}
