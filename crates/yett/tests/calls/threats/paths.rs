//! Rows 10 and 15: one path and one host, for the router, the access rules and the upstream alike.

use testkit::{Http2, Recorder};

use crate::harness::*;

/// Spellings by which `/admin/users` is meant, sent without a credential: on none of them may the open rule of
/// `/public/…` answer for it, and none may get through.
const SPELLINGS: &[&str] = &[
    "/admin/users",
    "/%61dmin/users",
    "/%61%64%6d%69%6e/users",
    "/admin%2fusers",
    "/admin%2Fusers",
    "/admin%5cusers",
    "/admin%5Cusers",
    "/admin\\users",
    "//admin/users",
    "/admin//users",
    "///admin///users",
    "/admin/users/",
    "/admin/users//",
    "/./admin/users",
    "/admin/./users",
    "/admin/users/.",
    "/admin/users/x/..",
    "/x/../admin/users",
    "/public/../admin/users",
    "/public/x/../../admin/users",
    "/public/%2e%2e/admin/users",
    "/public/%2E%2E/admin/users",
    "/public/.%2e/admin/users",
    "/public/%2e./admin/users",
    "/public/..%2fadmin/users",
    "/public/..%2Fadmin%2Fusers",
    "/public/%2e%2e%2fadmin%2fusers",
    "/public/..%5cadmin%5cusers",
    "/public/..\\admin\\users",
    "/public/%252e%252e/admin/users",
    "/public/..%252fadmin%252fusers",
    "/public/..;/admin/users",
    "/public/..;x=y/admin/users",
    "/public/%2e%2e;/admin/users",
    "/public/.;/../admin/users",
    "/public/%2e",
    "/public/%2e%2e",
    "/public/..",
    "/public/.",
    "/public/",
    "/public/;",
    "/public/;x",
    "/public//admin/users",
    "/admin;/users",
    "/admin;x=y/users",
    "/admin/users;x=y",
    "/;/admin/users",
    "/admin/users%00",
    "/admin/users%00.css",
    "/admin%00/users",
    "/admin/users%0a",
    "/admin/users%0d%0ax",
    "/admin/users%09",
    "/admin/users%20",
    "/admin/users%7f",
    "/ADMIN/users",
    "/Admin/Users",
    "/admin/users.json",
    "/admin/users%3f",
    "/admin/users%23",
    "/admin/%75sers%2f",
    "/admin/users%",
    "/admin/users%2",
    "/admin/users%zz",
    "/admin/users%u002f",
    "/public/%c0%ae%c0%ae/admin/users",
    "/public/%c0%af..%c0%afadmin",
    "/public/%e0%80%af",
    "/public/\u{ff0e}\u{ff0e}/admin/users",
    "/admin\u{2215}users",
    "/public/x/admin/users",
    "/admin/users/..;/users",
];

fn cases() -> Vec<Case> {
    SPELLINGS
        .iter()
        .map(|target| case(target, get(target, ""), Expect::Refusal).twin(get("/public/x", "")))
        .collect()
}

#[test]
fn threat_10_one_path_or_none() {
    const { assert!(SPELLINGS.len() >= 40) };
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &cases());
}

#[test]
fn threat_10_the_same_paths_get_through_a_naive_proxy() {
    reaches_naive(&cases());
}

/// With the right to go there, what the upstream gets is the path that was checked, in its one spelling.
#[test]
fn threat_10_the_upstream_sees_the_path_that_was_checked() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let token = gateway.token("root", "admin");
    let seen: std::collections::BTreeSet<String> = ["/admin/users", "/public/a"].map(String::from).into();
    for target in SPELLINGS.iter().chain(&["/public/%61", "/publi%63/a"]) {
        let before = recorder.count();
        let reply = gateway.call(get_as(target, &token));
        let calls = recorder.calls().split_off(before);
        assert_eq!(calls.len(), usize::from(reply.status == 200), "{target}: {}", reply.status);
        for call in calls {
            assert!(seen.contains(call.target()), "{target} arrived as {}", call.target());
        }
    }
    assert!(recorder.count() >= 4, "the harmless spellings pass");
}

#[test]
fn threat_10_harmless_spellings_pass_in_canonical_form() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    for (target, seen) in [
        ("/public/%7Ea", "/public/~a"),
        ("/public/a%2db", "/public/a-b"),
        ("/public/%c3%a9", "/public/%C3%A9"),
        ("/public/a:b@c", "/public/a:b@c"),
        ("/public/a;b=c", "/public/a;b=c"),
        ("/public/a..b", "/public/a..b"),
        ("/public/...", "/public/..."),
        ("/things?q=a%2fb", "/things?q=a%2Fb"),
        ("/things?q=../..", "/things?q=../.."),
    ] {
        let reply = gateway.call(get(target, ""));
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        assert_eq!(recorder.last().target(), seen, "{target}");
    }
}

fn hosts() -> Vec<Case> {
    let host = |lines: &str| format!("GET /things HTTP/1.1\r\n{lines}\r\n");
    let unknown = Expect::OneOf(&["host_unknown", "request_malformed"]);
    vec![
        case("another host", host("Host: evil.test\r\n"), Expect::Problem(421, "host_unknown")),
        case("a host below", host("Host: api.test.evil.test\r\n"), Expect::Problem(421, "host_unknown")),
        case("a host above", host("Host: x.api.test\r\n"), Expect::Problem(421, "host_unknown")),
        case("no host", host(""), Expect::Problem(400, "request_malformed")),
        case("an empty host", host("Host: \r\n"), unknown.clone()),
        case(
            "two hosts",
            host("Host: api.test\r\nHost: evil.test\r\n"),
            Expect::Problem(400, "request_malformed"),
        ),
        case(
            "two equal hosts",
            host("Host: api.test\r\nHost: api.test\r\n"),
            Expect::Problem(400, "request_malformed"),
        ),
        case("two hosts in one field", host("Host: api.test, evil.test\r\n"), unknown.clone()),
        case("a user in the host", host("Host: x@api.test\r\n"), unknown.clone()),
        case("a path in the host", host("Host: api.test/x\r\n"), unknown.clone()),
        case("a query in the host", host("Host: api.test?x\r\n"), unknown.clone()),
        case("a space in the host", host("Host: api.test evil\r\n"), unknown.clone()),
        case("a port that is none", host("Host: api.test:http\r\n"), unknown.clone()),
        case("two ports", host("Host: api.test:80:90\r\n"), unknown.clone()),
        case("two dots at the end", host("Host: api.test..\r\n"), unknown.clone()),
        case(
            "obs-text in the host",
            [b"GET /things HTTP/1.1\r\nHost: api.test\xff\r\n\r\n".as_slice()].concat(),
            unknown.clone(),
        ),
        case("an encoded host", host("Host: api%2etest\r\n"), unknown.clone()),
        case(
            "an absolute form with another host",
            "GET http://evil.test/things HTTP/1.1\r\nHost: api.test\r\n\r\n",
            unknown.clone(),
        ),
        case(
            "an absolute form against Host",
            "GET http://api.test/things HTTP/1.1\r\nHost: evil.test\r\n\r\n",
            unknown,
        ),
    ]
}

#[test]
fn threat_15_a_call_has_one_host() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&Setup::api("hosts: [api.test]"), &recorder.url());
    judge(&gateway, &recorder, &hosts());
    reaches_naive(&hosts());
    // What is the same host is served: case, port, one dot at the end.
    for host in ["API.test", "api.test:8080", "api.test.", "api.test.:80"] {
        let reply = gateway.call(format!("GET /things HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(reply.status, 200, "{host}: {}", reply.text());
    }
}

#[test]
fn threat_15_the_authority_of_http_2_is_the_host() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&Setup::api("hosts: [api.test]"), &recorder.url());
    let call = |authority: &[u8], host: Option<&[u8]>| {
        let mut client = Http2::connect(gateway.address);
        let mut fields: Vec<(&[u8], &[u8])> = vec![
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":authority", authority),
            (b":path", b"/things"),
        ];
        fields.extend(host.map(|host| (b"host".as_slice(), host)));
        client.headers(1, &fields, true);
        client.outcome(1).status()
    };
    assert_eq!(call(b"api.test", None), Some(200));
    assert_eq!(call(b"API.test.", None), Some(200));
    assert_eq!(call(b"evil.test", None), Some(421));
    assert_ne!(call(b"evil.test", Some(b"api.test")), Some(200));
    assert_ne!(call(b"api.test", Some(b"evil.test")), Some(200));
    assert_eq!(recorder.count(), 2);
}
