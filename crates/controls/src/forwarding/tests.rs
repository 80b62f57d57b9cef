use std::sync::Arc;

use engine::{Call, Control, Verdict};
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::Forwarding;

fn forward(call: Call) -> Call {
    forward_with(call, &[])
}

fn forward_with(mut call: Call, declared: &[&str]) -> Call {
    let context = core(&FakeClock::new(), &Arc::new(MemoryCells::new()));
    let control = Arc::new(Forwarding::new(declared.iter().copied())).attach(&context);
    assert!(matches!(done(control.head(&mut call)), Verdict::Allow));
    call
}

fn field<'c>(call: &'c Call, name: &str) -> Vec<&'c str> {
    call.request.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn identity_and_override_fields_are_removed_in_any_spelling() {
    let hostile = [
        "X-User-Id",
        "X_User_Id",
        "x-user_id",
        "X-USER-ID",
        "X-Consumer-Username",
        "X-Authenticated-Scope",
        "X-Authenticated-Userid",
        "X-Forwarded-User",
        "X_Forwarded_User",
        "X-Forwarded-Email",
        "X-Forwarded-Prefix",
        "X-Real-IP",
        "X-Original-URL",
        "X-Original-Host",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X_HTTP_METHOD_OVERRIDE",
        "X-Host",
        "X-Envoy-Original-Path",
        "X-Yett-Subject",
        "Yett-Call",
        "yett_call",
        "Remote-User",
        "X-Client-Cert",
        "SSL-Client-Verify",
        "True-Client-IP",
        "Proxy",
        "X-Amzn-Oidc-Identity",
        "X-Goog-Authenticated-User-Email",
        "X-MS-CLIENT-PRINCIPAL-ID",
        "X-Auth-Request-User",
        "anything_at_all",
    ];
    for trusted in [false, true] {
        let mut builder = CallBuilder::get("/");
        for name in hostile {
            builder = builder.header(name, "admin").header(name, "twice");
        }
        let mut call = builder.build();
        call.trusted = trusted;
        let call = forward(call);
        for name in hostile {
            assert!(!call.request.headers.contains_key(name), "{name}");
        }
    }
}

#[test]
fn what_means_no_harm_passes() {
    let harmless = [
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("x-request-id", "7"),
        ("accept", "*/*"),
        ("traceparent", "00-0-0-00"),
        ("x-api-key", "k"),
        ("x-custom", "1"),
        ("range", "bytes=0-1"),
        ("x-users", "2"),
    ];
    let mut builder = CallBuilder::get("/");
    for (name, value) in harmless {
        builder = builder.header(name, value);
    }
    let call = forward(builder.build());
    for (name, value) in harmless {
        assert_eq!(field(&call, name), [value], "{name}");
    }
}

#[test]
fn an_untrusted_peer_is_forwarded_afresh() {
    let call = forward(
        CallBuilder::get("/")
            .peer("2001:db8::7")
            .tls()
            .header("forwarded", "for=6.6.6.6;host=evil")
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-forwarded-for", "7.7.7.7")
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-host", "evil")
            .build(),
    );
    assert_eq!(field(&call, "forwarded"), ["for=\"[2001:db8::7]\";proto=https;host=\"api.example.com\""]);
    assert_eq!(field(&call, "x-forwarded-for"), ["2001:db8::7"]);
    assert_eq!(field(&call, "x-forwarded-proto"), ["https"]);
    assert_eq!(field(&call, "x-forwarded-host"), ["api.example.com"]);
}

#[test]
fn what_a_trusted_hop_says_is_appended_to() {
    let mut call = CallBuilder::get("/")
        .peer("10.0.0.1")
        .header("forwarded", "for=203.0.113.9")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-for", "10.0.0.2")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "shop.example.com:8443")
        .build();
    call.trusted = true;
    let call = forward(call);
    assert_eq!(
        field(&call, "forwarded"),
        ["for=203.0.113.9, for=10.0.0.1;proto=http;host=\"api.example.com\""]
    );
    assert_eq!(field(&call, "x-forwarded-for"), ["203.0.113.9, 10.0.0.2, 10.0.0.1"]);
    assert_eq!(field(&call, "x-forwarded-proto"), ["https"]);
    assert_eq!(field(&call, "x-forwarded-host"), ["shop.example.com:8443"]);
}

#[test]
fn nonsense_of_a_trusted_hop_is_replaced() {
    let mut call = CallBuilder::get("/")
        .peer("10.0.0.1")
        .header("forwarded", "for=;;")
        .header("x-forwarded-for", "what")
        .header("x-forwarded-proto", "gopher")
        .header("x-forwarded-host", "a/b")
        .build();
    call.trusted = true;
    let call = forward(call);
    assert_eq!(field(&call, "forwarded"), ["for=10.0.0.1;proto=http;host=\"api.example.com\""]);
    assert_eq!(field(&call, "x-forwarded-for"), ["10.0.0.1"]);
    assert_eq!(field(&call, "x-forwarded-proto"), ["http"]);
    assert_eq!(field(&call, "x-forwarded-host"), ["api.example.com"]);
}

#[test]
fn a_declared_field_with_an_underscore_passes_unless_it_is_an_alias() {
    let call = || {
        let builder = CallBuilder::get("/").header("api_key", "1").header("x_user_id", "2");
        builder.header("other_one", "3").build()
    };
    let forwarded = forward_with(call(), &["api_key", "x_user_id", "x-other"]);
    assert_eq!(field(&forwarded, "api_key"), ["1"]);
    assert!(field(&forwarded, "x_user_id").is_empty() && field(&forwarded, "other_one").is_empty());
    assert!(field(&forward(call()), "api_key").is_empty());
}

#[test]
fn garbage_of_the_client_does_not_hide_it_from_the_upstream() {
    let mut call = CallBuilder::get("/")
        .peer("10.0.0.1")
        .header("forwarded", "for=\"evil, for=203.0.113.9")
        .header("x-forwarded-for", "x, 203.0.113.9")
        .build();
    call.trusted = true;
    let call = forward(call);
    assert_eq!(field(&call, "x-forwarded-for"), ["203.0.113.9, 10.0.0.1"]);
    assert_eq!(
        field(&call, "forwarded"),
        ["for=203.0.113.9, for=10.0.0.1;proto=http;host=\"api.example.com\""]
    );
}
