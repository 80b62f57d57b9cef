//! Rows 13, 14, 36 and 43: fields by which a client passes for somebody else, or has something else called.

use testkit::{Naive, Recorder, raw::exchange};

use crate::harness::*;

fn several() -> Vec<Case> {
    let bad = Expect::Problem(400, "parameter_invalid");
    let text = "Content-Type: application/json\r\nContent-Type: text/plain\r\n";
    let twice = "Content-Type: application/json\r\nContent-Type: application/json\r\n";
    let body = r#"{"name":"a"}"#;
    let post = post_json("/things", body);
    vec![
        case("a parameter twice", get("/things?q=a&q=b", ""), bad.clone()),
        case("a parameter twice with another between", get("/things?q=a&limit=1&q=b", ""), bad.clone()),
        case("a parameter in another spelling", get("/things?q=a&%71=b", ""), bad.clone()),
        case("a parameter in another case", get("/things?q=a&Q=b", ""), bad.clone()),
        case("a parameter as an array", get("/things?q[]=a", ""), bad.clone()),
        case("a parameter as an object", get("/things?q[a]=b", ""), bad.clone()),
        case("an undeclared parameter", get("/things?debug=1", ""), bad.clone()),
        case("parameters behind a semicolon", get("/things?limit=1;q=b", ""), bad.clone()),
        case("parameters behind an encoded ampersand", get("/things?limit=1%26q=b", ""), bad.clone()),
        case("a header twice", get("/things", "X-Flavor: sweet\r\nX-Flavor: sour\r\n"), bad.clone()),
        case(
            "a header twice in two cases",
            get("/things", "X-Flavor: sweet\r\nx-flavor: sweet\r\n"),
            bad.clone(),
        ),
        case("a header with a comma", get("/things", "X-Flavor: sweet, sour\r\n"), bad.clone()),
        case("a cookie twice", get("/things", "Cookie: session=a; session=b\r\n"), bad.clone()),
        case("a cookie in two fields", get("/things", "Cookie: session=a\r\nCookie: session=b\r\n"), bad),
        case(
            "two media types",
            send("POST", "/things", text, body),
            Expect::OneOf(&["media_type_unsupported", "request_malformed", "body_malformed"]),
        )
        .twin(post.clone()),
        case(
            "one media type twice",
            send("POST", "/things", twice, body),
            Expect::OneOf(&["media_type_unsupported", "request_malformed", "body_malformed"]),
        )
        .twin(post.clone()),
        case(
            "two media types in one field",
            send("POST", "/things", "Content-Type: application/json, text/plain\r\n", body),
            Expect::Problem(415, "media_type_unsupported"),
        )
        .twin(post),
        case(
            "two credentials",
            get("/secret", "Authorization: Bearer a.b.c\r\nAuthorization: Bearer d.e.f\r\n"),
            Expect::Problem(400, "credential_malformed"),
        ),
        case(
            "two credentials in two cases",
            get("/secret", "Authorization: Bearer a.b.c\r\nauthorization: Bearer d.e.f\r\n"),
            Expect::Problem(400, "credential_malformed"),
        ),
        case(
            "a credential in the query",
            get("/secret?access_token=a.b.c", ""),
            Expect::Problem(400, "credential_malformed"),
        ),
        case(
            "a credential in the query, encoded",
            get("/secret?access%5Ftoken=a.b.c", ""),
            Expect::Problem(400, "credential_malformed"),
        ),
    ]
}

#[test]
fn threat_13_several_values_of_one_name() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &several());
    reaches_naive(&several());
    // A good token beside a bad one, in either order, is two readings of one call.
    let token = gateway.token("alice", "things:read");
    for pair in [[token.as_str(), "a.b.c"], ["a.b.c", token.as_str()], [token.as_str(), token.as_str()]] {
        let fields = format!("Authorization: Bearer {}\r\nAuthorization: Bearer {}\r\n", pair[0], pair[1]);
        let reply = gateway.call(get("/secret", &fields));
        assert_eq!((reply.status, reply.code().as_deref()), (400, Some("credential_malformed")));
    }
    assert_eq!(gateway.call(get_as("/secret", &token)).status, 200);
}

/// Names under which gateways tell upstreams who calls, and where from; a client may send none of them.
const INJECTED: &[&str] = &[
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "X-Forwarded-Client-Cert",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-User-Id",
    "X-User",
    "X-Remote-User",
    "Remote-User",
    "X-Subject",
    "X-Scopes",
    "X-Roles",
    "X-Consumer-Username",
    "X-Consumer-Id",
    "X-Credential-Identifier",
    "X-Authenticated-Userid",
    "X-Auth-Request-Email",
    "X-JWT-Claim-Sub",
    "X-Token-Subject",
    "X-Envoy-Original-Path",
    "X-Amzn-Oidc-Identity",
    "X-Ms-Client-Principal",
    "X-Goog-Authenticated-User-Email",
    "SSL-Client-Cert",
    "X-SSL-Client-Verify",
    "X-Yett-Subject",
    "Yett-Call-Id",
    "Yett-Subject",
    "Proxy",
];

fn spellings(name: &str) -> Vec<String> {
    let mixed: String = name
        .chars()
        .enumerate()
        .map(|(at, char)| if at % 2 == 0 { char.to_ascii_lowercase() } else { char.to_ascii_uppercase() })
        .collect();
    vec![
        name.to_owned(),
        name.to_lowercase(),
        name.to_uppercase(),
        mixed,
        name.replace('-', "_"),
        name.to_lowercase().replace('-', "_"),
        name.replacen('-', "_", 1),
    ]
}

const EVIL: &str = "evil-7f3a";

#[test]
fn threat_14_no_client_says_who_it_is() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let naive = Naive::start(recorder.address());
    let token = gateway.token("alice", "things:read");
    let mut wrong = Vec::new();
    for name in INJECTED {
        for spelling in spellings(name) {
            let field = format!("{spelling}: {EVIL}\r\nAuthorization: Bearer {token}\r\n");
            let reply = gateway.call(get("/secret", &field));
            let call = recorder.last();
            let text = String::from_utf8_lossy(&call.raw).into_owned();
            if reply.status != 200 || text.contains(EVIL) {
                wrong.push(format!("{spelling}: {} {text}", reply.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let _ = exchange(naive.address(), get("/secret", &format!("X-User-Id: {EVIL}\r\n")));
    assert!(String::from_utf8_lossy(&recorder.last().raw).contains(EVIL), "the naive proxy passes it");
}

/// A client names fields in `Connection` to have what the gateway adds, or what it checked, stripped (RFC 9110 7.6.1).
#[test]
fn threat_14_connection_takes_nothing_away() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let token = gateway.token("alice", "things:read");
    let plain = gateway.call(get_as("/secret", &token));
    assert_eq!(plain.status, 200);
    let names = |call: &testkit::Recorded| -> Vec<String> {
        call.head.fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    };
    let added: Vec<String> = names(&recorder.last());
    for own in ["x-forwarded-for", "forwarded", "traceparent"] {
        assert!(added.iter().any(|name| name == own), "`{own}` is told: {added:?}");
    }
    for name in added.iter().filter(|name| *name != "authorization") {
        let fields = format!("Connection: close, {name}\r\nAuthorization: Bearer {token}\r\n");
        let reply = gateway.call(get("/secret", &fields));
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        assert_eq!(names(&recorder.last()), added, "`Connection: {name}` changed what goes upstream");
    }
    // What it takes away, it takes away before the checks: a call whose credential is named has none.
    let fields = format!("Connection: Authorization\r\nAuthorization: Bearer {token}\r\n");
    assert_eq!(gateway.call(get("/secret", &fields)).status, 401);
    let fields = "Connection: X-Flavor\r\nX-Flavor: bitter\r\n";
    assert_eq!(gateway.call(get("/things", fields)).status, 200);
    assert_eq!(recorder.last().head.get("x-flavor"), None);
}

#[test]
fn threat_14_hop_by_hop_fields_end_here() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let fields = "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authorization: x\r\n\
                  Proxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\nX-End: 1\r\n";
    assert_eq!(gateway.call(get("/things", fields)).status, 200);
    let call = recorder.last();
    for name in ["x-hop", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer"] {
        assert_eq!(call.head.get(name), None, "{name}");
    }
    assert_eq!(call.head.get("x-end"), Some("1"));
}

/// What a hop in front would say of a call: what was called, by whom, and as what.
const FORGED: [&str; 6] = [
    "X-Original-URL: /things\r\n",
    "X-Rewrite-URL: /things\r\n",
    "X-Forwarded-Prefix: /things\r\n",
    "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: trusted\r\n",
    "Forwarded: for=127.0.0.1;host=trusted;proto=https\r\n",
    "X-Forwarded-Method: GET\r\n",
];

#[test]
fn threat_43_the_same_fields_get_through_a_naive_proxy() {
    let recorder = Recorder::start();
    let naive = Naive::start(recorder.address());
    for fields in FORGED {
        let request = get("/admin/users", &format!("{fields}Connection: close\r\n"));
        assert_eq!(exchange(naive.address(), request).map(|reply| reply.status), Some(200), "{fields}");
        let raw = String::from_utf8_lossy(&recorder.last().raw).into_owned();
        assert!(raw.contains(fields), "{fields} is believed by whoever stands behind: {raw}");
    }
}

#[test]
fn threat_43_forwarding_fields_of_an_untrusted_hop_have_no_effect() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    for fields in FORGED {
        assert_eq!(gateway.call(get("/admin/users", fields)).status, 401, "{fields}");
        assert_eq!(gateway.call(get("/things", fields)).status, 200, "{fields}");
        let call = recorder.last();
        assert_eq!(call.head.all("x-forwarded-for").collect::<Vec<_>>(), ["127.0.0.1"], "{fields}");
        assert_eq!(call.head.all("x-forwarded-host").collect::<Vec<_>>(), ["api.test"], "{fields}");
        assert_eq!(call.head.all("x-forwarded-proto").collect::<Vec<_>>(), ["http"], "{fields}");
    }
    let trusting = Setup { top: "trusted_hops: [127.0.0.1]\n".into(), ..Setup::default() };
    let gateway = Gateway::with(&trusting, &recorder.url());
    let reply = gateway.call(get("/things", "X-Forwarded-For: 192.0.2.7\r\n"));
    assert_eq!(gateway.log_of(&reply)["client"], "192.0.2.7");
    assert_eq!(recorder.last().head.get("x-forwarded-for"), Some("192.0.2.7, 127.0.0.1"));
}

/// A method is the one of the request line, and an operation the contract's: nothing else says which is called.
#[test]
fn threat_36_nothing_overrides_the_method() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let token = gateway.token("alice", "things:read");
    let names = [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Method",
        "X_HTTP_Method_Override",
    ];
    for name in names {
        for spelling in spellings(name) {
            let fields = format!("{spelling}: DELETE\r\n");
            assert_eq!(gateway.call(get("/things", &fields)).status, 200, "{spelling}");
            let call = recorder.last();
            let text = String::from_utf8_lossy(&call.raw).into_owned();
            assert_eq!(call.method(), "GET", "{spelling}");
            assert!(!text.contains("DELETE"), "{spelling} reached the upstream: {text}");
            // Nor does it open what needs more rights.
            let fields = format!("{spelling}: GET\r\nAuthorization: Bearer {token}\r\n");
            let request = send(
                "POST",
                "/secret",
                &format!("{fields}Content-Type: application/json\r\n"),
                r#"{"name":"a"}"#,
            );
            assert_eq!(gateway.call(request).status, 403, "{spelling}");
        }
    }
    let cases = [
        case(
            "_method in the query",
            get("/things?_method=DELETE", ""),
            Expect::Problem(400, "parameter_invalid"),
        ),
        case(
            "_method in a form",
            send(
                "POST",
                "/form",
                "Content-Type: application/x-www-form-urlencoded\r\n",
                "name=a&_method=DELETE",
            ),
            Expect::Problem(400, "body_invalid"),
        )
        .twin(send("POST", "/form", "Content-Type: application/x-www-form-urlencoded\r\n", "name=a")),
        case(
            "_method in JSON",
            post_json("/things", r#"{"name":"a","_method":"DELETE"}"#),
            Expect::Problem(400, "body_invalid"),
        )
        .twin(post_json("/things", r#"{"name":"a"}"#)),
        case(
            "an unknown method",
            send("PURGE", "/things", "", ""),
            Expect::Problem(405, "method_not_allowed"),
        ),
        case(
            "a method of WebDAV",
            send("PROPFIND", "/things", "", ""),
            Expect::Problem(405, "method_not_allowed"),
        ),
        case("TRACE", get("/things", "").splice_method("TRACE"), Expect::Problem(405, "method_not_allowed")),
        case(
            "a method in lower case",
            get("/things", "").splice_method("get"),
            Expect::Problem(405, "method_not_allowed"),
        ),
        case(
            "a method with more behind",
            get("/things", "").splice_method("GETX"),
            Expect::Problem(405, "method_not_allowed"),
        ),
    ];
    judge(&gateway, &recorder, &cases);
    reaches_naive(&cases);
    let reply = gateway.call(send("PURGE", "/things", "", ""));
    let mut allow: Vec<&str> =
        reply.head.get("allow").unwrap_or_default().split(',').map(str::trim).collect();
    allow.sort_unstable();
    assert_eq!(allow, ["GET", "HEAD", "OPTIONS", "POST"]);
}

trait SpliceMethod {
    fn splice_method(self, method: &str) -> Self;
}

impl SpliceMethod for Vec<u8> {
    fn splice_method(self, method: &str) -> Self {
        [method.as_bytes(), &self["GET".len()..]].concat()
    }
}
