//! What a service of `ext_authz` is asked over gRPC, and what its answers come to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::fetch::{FetchResponse, Trailed};
use engine::peer::{AltName, ClientCertificate, PeerFacts};
use engine::{Call, bounds};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use prost::Message;
use testkit::CallBuilder;

use super::messages::{
    BoolValue, CheckRequest, CheckResponse, DeniedHttpResponse, Header, HeaderValueOption, HttpStatus,
    OkHttpResponse, QueryParameter, Status,
};
use super::{PREFIX, framed};
use crate::pdp::tests::{Asker, DENIED, TELL, UNAVAILABLE, known, table};
use crate::security::kit::{NOW, Reply, World};

const ENDED: &[(&str, &str)] = &[("grpc-status", "0")];
const MEDIA: &[(&str, &str)] = &[("content-type", "application/grpc")];

fn fields(all: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut map = HeaderMap::new();
    all.iter().map(field).for_each(|(name, value)| {
        map.append(name, value);
    });
    map
}

fn trailed(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
    trailers: Option<&[(&str, &str)]>,
) -> Reply {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = FetchResponse { status, headers: fields(headers), body: body.into().into() };
    Reply::Trailed(Trailed { answer, trailers: trailers.map(fields) })
}

/// A message as a service sends it.
fn good(message: &[u8]) -> Reply {
    trailed(200, MEDIA, framed(message), Some(ENDED))
}

fn status(code: i32) -> Option<Status> {
    Some(Status { code, message: String::new() })
}

fn says(response: &CheckResponse) -> Reply {
    good(&response.encode_to_vec())
}

fn allows() -> CheckResponse {
    CheckResponse { status: status(0), ..CheckResponse::default() }
}

fn denies(http: i32) -> CheckResponse {
    let denied = DeniedHttpResponse { status: Some(HttpStatus { code: http }), body: String::new() };
    CheckResponse { status: status(7), denied_response: Some(denied), ..CheckResponse::default() }
}

fn option(key: &str, value: &str, append: Option<bool>) -> HeaderValueOption {
    let header = Header { key: key.into(), value: value.into(), ..Header::default() };
    HeaderValueOption { header: Some(header), append: append.map(|value| BoolValue { value }) }
}

fn adds(headers: Vec<HeaderValueOption>, headers_to_remove: &[&str]) -> CheckResponse {
    let headers_to_remove = headers_to_remove.iter().map(|name| (*name).to_owned()).collect();
    let ok = OkHttpResponse { headers, headers_to_remove, ..OkHttpResponse::default() };
    CheckResponse { ok_response: Some(ok), ..allows() }
}

fn asker(more: &str) -> Asker {
    Asker::new("ext_authz_grpc", more)
}

#[test]
fn an_answer_is_one_whole_message_with_the_status_0_behind_it() {
    let allowed = framed(&allows().encode_to_vec());
    let ended = |status: &str| trailed(200, MEDIA, allowed.clone(), Some(&[("grpc-status", status)]));
    let media = |media: &str| trailed(200, &[("content-type", media)], allowed.clone(), Some(ENDED));
    let of = |status: u16| trailed(status, MEDIA, allowed.clone(), Some(ENDED));
    let body = |body: Vec<u8>| trailed(200, MEDIA, body, Some(ENDED));
    let encoded = [MEDIA[0], ("grpc-encoding", "gzip")];
    let early = [MEDIA[0], ("grpc-status", "0")];
    let compressed = [&[1_u8][..], &allowed[1..]].concat();
    let long = [&20_000_u32.to_be_bytes()[..], &[b'x'; 20_000]].concat();
    let rows = vec![
        ("no connection", Reply::Fails, UNAVAILABLE),
        ("no answer in time", Reply::Never, UNAVAILABLE),
        ("JSON", Reply::Media(200, "application/json", String::from("{\"result\":true}")), UNAVAILABLE),
        ("not found", of(404), UNAVAILABLE),
        ("no content", of(204), UNAVAILABLE),
        ("a redirect", of(302), UNAVAILABLE),
        ("broken", of(500), UNAVAILABLE),
        ("busy", of(503), UNAVAILABLE),
        ("no media type", trailed(200, &[], allowed.clone(), Some(ENDED)), UNAVAILABLE),
        ("another media type", media("application/grpc-web"), UNAVAILABLE),
        ("messages in JSON", media("application/grpc+json"), UNAVAILABLE),
        ("no trailers", trailed(200, MEDIA, allowed.clone(), None), UNAVAILABLE),
        ("a status before the end", trailed(200, &early, allowed.clone(), None), UNAVAILABLE),
        ("a status twice", trailed(200, &early, allowed.clone(), Some(ENDED)), UNAVAILABLE),
        ("trailers without a status", trailed(200, MEDIA, allowed.clone(), Some(&[("x", "0")])), UNAVAILABLE),
        (
            "two statuses",
            trailed(200, MEDIA, allowed.clone(), Some(&[("grpc-status", "0"), ("grpc-status", "0")])),
            UNAVAILABLE,
        ),
        ("the head alone", trailed(200, &early, Vec::new(), None), UNAVAILABLE),
        ("unavailable", ended("14"), UNAVAILABLE),
        ("an error of its own", ended("13"), UNAVAILABLE),
        ("denied as a method", ended("7"), UNAVAILABLE),
        ("unknown", ended("99"), UNAVAILABLE),
        ("beyond all numbers", ended("65536"), UNAVAILABLE),
        ("a status that is written otherwise", ended("00"), UNAVAILABLE),
        ("a status with a sign", ended("+0"), UNAVAILABLE),
        ("no number", ended("ok"), UNAVAILABLE),
        ("an encoding", trailed(200, &encoded, allowed.clone(), Some(ENDED)), UNAVAILABLE),
        ("a compressed message", body(compressed), UNAVAILABLE),
        ("nothing", body(Vec::new()), UNAVAILABLE),
        ("half a prefix", body(allowed[..3].to_vec()), UNAVAILABLE),
        ("half a message", body(allowed[..allowed.len() - 1].to_vec()), UNAVAILABLE),
        ("two messages", body([allowed.clone(), allowed.clone()].concat()), UNAVAILABLE),
        ("long", body([vec![0], long].concat()), UNAVAILABLE),
    ];
    let asker = asker("");
    table(&asker, &says(&allows()), rows);
    let named = [("content-type", "Application/GRPC+proto; x=y")];
    let identity = [MEDIA[0], ("grpc-encoding", "identity")];
    for headers in [&named[..], &identity] {
        assert_eq!(asker.says(trailed(200, headers, allowed.clone(), Some(ENDED))).fresh().code, "ok");
    }
}

#[test]
fn a_permission_says_so_and_nothing_against_it() {
    let response = CheckResponse::default;
    let (ok, denied) = (Some(OkHttpResponse::default()), denies(403).denied_response);
    let query = |set, remove: &[&str]| OkHttpResponse {
        query_parameters_to_set: set,
        query_parameters_to_remove: remove.iter().map(|name| (*name).to_owned()).collect(),
        ..OkHttpResponse::default()
    };
    let changed = |ok| says(&CheckResponse { ok_response: Some(ok), ..allows() });
    let rows = vec![
        ("denied", says(&CheckResponse { status: status(7), ..response() }), DENIED),
        ("whoever that is", says(&CheckResponse { status: status(16), ..response() }), DENIED),
        ("an error that denies", says(&CheckResponse { status: status(14), ..response() }), DENIED),
        ("below zero", says(&CheckResponse { status: status(-1), ..response() }), DENIED),
        ("denied and allowed", says(&CheckResponse { ok_response: ok.clone(), ..denied_alone() }), DENIED),
        ("403", says(&denies(403)), DENIED),
        ("404", says(&denies(404)), DENIED),
        ("302", says(&denies(302)), DENIED),
        ("503", says(&denies(503)), DENIED),
        ("200 of a denial", says(&denies(200)), DENIED),
        ("nothing", good(b""), UNAVAILABLE),
        ("no status", says(&CheckResponse { ok_response: ok.clone(), ..response() }), UNAVAILABLE),
        ("OK that denies", says(&CheckResponse { denied_response: denied.clone(), ..allows() }), UNAVAILABLE),
        (
            "OK that is an error",
            says(&CheckResponse { error_response: denied.clone(), ..allows() }),
            UNAVAILABLE,
        ),
        (
            "two responses",
            says(&CheckResponse { ok_response: ok.clone(), denied_response: denied.clone(), ..allows() }),
            UNAVAILABLE,
        ),
        (
            "a denial and an error",
            says(&CheckResponse { error_response: denied.clone(), ..denies(403) }),
            UNAVAILABLE,
        ),
        ("an error", says(&CheckResponse { error_response: denied, ..denied_alone() }), UNAVAILABLE),
        ("a changed query", changed(query(vec![QueryParameter {}], &[])), UNAVAILABLE),
        ("a shorter query", changed(query(Vec::new(), &["a"])), UNAVAILABLE),
        ("garbage", good(b"\xff\xff\xff"), UNAVAILABLE),
        ("cut", good(&allows().encode_to_vec()[..1]), UNAVAILABLE),
        ("another type", good(b"\x0a\x02\x0a\x00"), UNAVAILABLE),
        ("JSON", good(b"{\"status\":{}}"), UNAVAILABLE),
    ];
    let asker = asker("");
    table(&asker, &says(&allows()), rows);
    for response in [CheckResponse { ok_response: ok, ..allows() }, adds(Vec::new(), &["x"])] {
        assert_eq!(asker.says(says(&response)).fresh().code, "ok");
    }
    // Fields that nobody here knows.
    let unknown = [allows().encode_to_vec(), b"\x22\x00\xfa\x01\x01x".to_vec()].concat();
    assert_eq!(asker.says(good(&unknown)).fresh().code, "ok");
}

fn denied_alone() -> CheckResponse {
    CheckResponse { status: status(7), ..CheckResponse::default() }
}

#[test]
fn a_denial_is_told_as_configured_and_its_reasons_stay_inside() {
    for (refuse, http, code) in [
        ("forbidden", 404, DENIED),
        ("not_found", 403, "pdp_not_found"),
        ("as_told", 404, "pdp_not_found"),
        ("as_told", 403, DENIED),
        ("as_told", 401, DENIED),
    ] {
        let asker = asker(&format!(", refuse: {refuse}"));
        assert_eq!(asker.says(says(&denies(http))).fresh().code, code, "{refuse} {http}");
    }
    let mut response = denies(403);
    for (message, body, said) in [
        ("", "", "it answered 403"),
        ("", "read\u{1b}this", "read\u{fffd}this"),
        ("not\nyours", "read this", "not\u{fffd}yours"),
    ] {
        response.status = Some(Status { code: 7, message: message.into() });
        response.denied_response =
            Some(DeniedHttpResponse { status: Some(HttpStatus { code: 403 }), body: body.into() });
        let refusal = asker("").says(says(&response)).fresh().refusal.unwrap();
        assert_eq!(&*refusal.detail, format!("the PDP denies it: {said}"));
        assert!(refusal.public.is_none() && refusal.headers.is_empty());
    }
    let long = Status { code: 7, message: "x".repeat(9_000) };
    let long_told = asker("");
    let refusal = long_told.says(says(&CheckResponse { status: Some(long), ..CheckResponse::default() }));
    assert!(refusal.fresh().refusal.unwrap().detail.len() < 300);
    // What it says with a status of gRPC is decoded, and stays inside as well.
    let ended: &[(&str, &str)] = &[("grpc-status", "14"), ("grpc-message", "try%20later%0A")];
    let refusal = asker("").says(trailed(200, MEDIA, Vec::new(), Some(ended))).fresh().refusal.unwrap();
    assert!(refusal.detail.ends_with("the status 14 of gRPC: try later\u{fffd}"), "{}", refusal.detail);
    assert!(refusal.public.is_none());
}

#[test]
fn what_it_adds_replaces_what_the_client_sent() {
    let more = ", headers: [x-tenant, x-plan]";
    let asked = |more: &str, response: &CheckResponse| {
        let asker = asker(more);
        let call =
            asker.call().header("x-tenant", "spoofed").header("x-plan", "gold").header("x_plan", "gold");
        let mut call = call.header("x-else", "mine").build();
        let ended = asker.says(says(response)).end(&mut call);
        (ended, call.request.headers)
    };
    let tenant = |value: &str, append| option("X-Tenant", value, append);
    for (name, response, tenants) in [
        ("none", allows(), &[] as &[&str]),
        ("one", adds(vec![tenant("t1", None)], &[]), &["t1"]),
        ("the last", adds(vec![tenant("t1", None), tenant("t2", Some(false))], &[]), &["t2"]),
        ("both", adds(vec![tenant("t1", None), tenant("t2", Some(true))], &[]), &["t1", "t2"]),
        ("one that is not the client's", adds(vec![tenant("t1", Some(true))], &[]), &["t1"]),
        ("one that is removed", adds(vec![tenant("t1", None)], &["x-TENANT"]), &[]),
        ("others", adds(vec![option("x-other", "a", None), tenant("t1", None)], &["x-else"]), &["t1"]),
    ] {
        let (ended, headers) = asked(more, &response);
        assert_eq!(ended.code, "ok", "{name}: {ended:?}");
        let all: Vec<&str> =
            headers.get_all("x-tenant").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(all, tenants, "{name}");
        assert!(!headers.contains_key("x-plan") && !headers.contains_key("x_plan"), "{name}: {headers:?}");
        assert!(!headers.contains_key("x-other") && headers["x-else"] == "mine", "{name}: {headers:?}");
    }
    let raw = |value: &str, raw: &'static [u8]| {
        let mut option = tenant(value, None);
        let header = option.header.as_mut().unwrap();
        header.raw_value = bytes::Bytes::from_static(raw);
        adds(vec![option], &[])
    };
    let (ended, headers) = asked(more, &raw("", b"caf\xe9"));
    assert_eq!((ended.code, headers["x-tenant"].as_bytes()), ("ok", &b"caf\xe9"[..]));
    let nameless = HeaderValueOption { header: None, append: None };
    for (name, response) in [
        ("a value of two kinds", raw("a", b"b")),
        ("a line", adds(vec![tenant("a\r\nx-admin: 1", None)], &[])),
        ("a byte that no field has", raw("", b"a\0")),
        ("no field", adds(vec![nameless], &[])),
        ("many", adds((0..9).map(|_| tenant("t", Some(true))).collect(), &[])),
        ("long", adds(vec![tenant(&"x".repeat(5_000), None)], &[])),
    ] {
        let (ended, headers) = asked(more, &response);
        assert_eq!(ended.code, UNAVAILABLE, "{name}: {ended:?}");
        assert!(!headers.contains_key("x-tenant"), "{name}");
    }
    let (ended, headers) = asked(&format!("{more}, mode: shadow"), &adds(vec![tenant("t1", None)], &[]));
    assert_eq!((ended.code, &headers["x-tenant"]), ("ok", &HeaderValue::from_static("spoofed")));
}

/// The last question as a service reads it.
fn question(asker: &Asker) -> (CheckRequest, HeaderMap) {
    let posted = asker.world.net.posted.lock().unwrap().take().unwrap();
    assert_eq!((posted.method.clone(), posted.max_bytes), (Method::POST, 16 * 1024 + PREFIX));
    let (prefix, message) = posted.body.split_at(PREFIX);
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    assert_eq!(prefix, [&[0][..], &length].concat());
    (CheckRequest::decode(message).unwrap(), posted.headers)
}

/// Who showed a certificate.
fn with_certificate(call: &mut Call, names: Vec<AltName>) {
    let certificate = ClientCertificate {
        chain: Vec::new(),
        thumbprint: [0; 32],
        subject: "CN=orders".into(),
        common_name: None,
        names,
        begins: 0,
        expires: u64::MAX,
    };
    let certificate = Some(Arc::new(certificate));
    call.peer.facts = Some(Arc::new(PeerFacts { certificate, ..PeerFacts::default() }));
}

#[test]
fn the_question_is_a_check_request() {
    let asker = Asker::at(World::new(), "ext_authz_grpc", &format!("{TELL}, body: json"), 1);
    let mut call = CallBuilder::new(Method::POST, "/v1/x/7?a=b")
        .params(&["7"])
        .principal("https://i", "alice", None)
        .header("x-tenant", "one")
        .header("x-tenant", "two")
        .header("authorization", "Bearer secret")
        .header("cookie", "session=1")
        .body("application/json", "{ \"a\" : 1 }")
        .tls()
        .build();
    known(&mut call);
    let (uri, dns) = (AltName::Uri("spiffe://mesh/orders".into()), AltName::Dns("orders.internal".into()));
    with_certificate(&mut call, vec![AltName::Email("a@b".into()), dns.clone(), uri]);
    assert_eq!(asker.says(says(&allows())).end(&mut call).code, "ok");
    let (told, headers) = question(&asker);
    let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!((field("content-type"), field("te")), (Some("application/grpc"), Some("trailers")));
    assert_eq!((field("grpc-timeout"), field("authorization")), (Some("200m"), Some("Bearer s3cret")));
    let attributes = told.attributes.unwrap();
    let source = attributes.source.unwrap();
    let address = source.address.unwrap().socket_address.unwrap();
    assert_eq!((address.address.as_str(), address.port_value), ("192.0.2.1", Some(0)));
    assert_eq!(source.principal, "spiffe://mesh/orders");
    let bound = attributes.destination.unwrap().address.unwrap().socket_address.unwrap();
    assert_eq!((bound.address.as_str(), bound.port_value), ("127.0.0.1", Some(8080)));
    let request = attributes.request.unwrap();
    assert_eq!(request.time.unwrap().seconds, i64::try_from(NOW).unwrap());
    let http = request.http.unwrap();
    assert_eq!((http.id, http.method.as_str()), (call.id.to_string(), "POST"));
    assert_eq!(http.headers, BTreeMap::from([("x-tenant".into(), "one,two".into())]));
    assert_eq!((http.path.as_str(), http.host.as_str()), ("/v1/x/7?a=b", "api.example.com"));
    assert_eq!((http.scheme.as_str(), http.protocol.as_str(), http.size), ("https", "HTTP/1.1", 11));
    assert_eq!(&http.body[..], b"{ \"a\" : 1 }");
    let own = attributes.context_extensions;
    for (name, value) in [
        ("yett-api", "t"),
        ("yett-operation", "y"),
        ("yett-template", "/v1/x/{id}"),
        ("yett-subject", "alice%20%C3%A9"),
        ("yett-issuer", "https://i"),
        ("yett-application", "app"),
        ("yett-roles", "clerk b\"oss"),
        ("yett-client", "192.0.2.1"),
        ("yett-claims", "{\"department\":\"sales\",\"/realm/level\":3}"),
    ] {
        assert_eq!(own.get(name).map(String::as_str), Some(value), "{name}");
    }
    for (names, principal) in [(vec![dns], "orders.internal"), (Vec::new(), "CN=orders")] {
        with_certificate(&mut call, names);
        asker.end(&mut call);
        assert_eq!(question(&asker).0.attributes.unwrap().source.unwrap().principal, principal);
    }
    // Of a call without a body and without a certificate.
    let plain = asker_of_gets();
    assert_eq!(plain.end(&mut plain.call().build()).code, "ok");
    let attributes = question(&plain).0.attributes.unwrap();
    let http = attributes.request.unwrap().http.unwrap();
    assert_eq!((http.size, http.scheme.as_str(), http.body.len()), (0, "http", 0));
    assert_eq!(attributes.source.unwrap().principal, "");
    let mut odd = plain.call().build();
    odd.request.headers.insert("x-tenant", HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(plain.end(&mut odd).code, "request_malformed", "a text is UTF-8");
}

fn asker_of_gets() -> Asker {
    let asker = asker(", include: [x-tenant]");
    asker.says(says(&allows()));
    asker
}

#[test]
fn an_answer_counts_for_whom_the_same_is_told_whoever_asked() {
    let asker = asker(", max_age: 30s");
    asker.says(says(&allows()));
    asker.counted(asker.call(), "ok", 1);
    asker.world.clock.advance(Duration::from_secs(2));
    // Neither the moment nor the call's own name makes it another question.
    asker.counted(asker.call(), "ok", 0);
    asker.counted(asker.call().peer("192.0.2.9"), "ok", 1);
    asker.counted(asker.call().header("x-untold", "a"), "ok", 0);
    asker.says(says(&denies(403)));
    asker.counted(asker.call().tls(), DENIED, 1);
}

#[test]
fn where_the_undecided_passes_what_may_have_been_a_denial_does_not() {
    let asker = asker(", on_error: allow");
    let ended = |status: &'static str| trailed(200, MEDIA, Vec::new(), Some(&[("grpc-status", status)]));
    let error = CheckResponse { error_response: denies(500).denied_response, ..denied_alone() };
    for (name, reply, code) in [
        ("no connection", Reply::Fails, "ok"),
        ("no answer in time", Reply::Never, "ok"),
        ("a proxy before it", Reply::Status(503), "ok"),
        ("an error of its own", says(&error), "ok"),
        ("unknown", ended("2"), "ok"),
        ("too slow", ended("4"), "ok"),
        ("too many", ended("8"), "ok"),
        ("no such method", ended("12"), "ok"),
        ("internal", ended("13"), "ok"),
        ("unavailable", ended("14"), "ok"),
        ("denied as a method", ended("7"), UNAVAILABLE),
        ("our own token is refused", ended("16"), UNAVAILABLE),
        ("what it was asked is wrong", ended("3"), UNAVAILABLE),
        ("garbage", good(b"\xff"), UNAVAILABLE),
        ("denied", says(&denied_alone()), DENIED),
    ] {
        // It is asked whatever came of the question before.
        asker.world.clock.advance(bounds::PDP_PAUSE);
        let ended = asker.says(reply).fresh();
        assert_eq!(ended.code, code, "{name}: {ended:?}");
        assert_eq!(ended.note.is_empty(), code != "ok", "{name}");
        asker.world.clock.advance(bounds::PDP_PAUSE);
        assert_eq!(asker.says(says(&allows())).fresh().code, "ok", "twin of {name}");
    }
}

#[test]
fn one_that_is_unavailable_is_left_alone_and_one_that_fails_is_not() {
    for (status, asked) in [("14", bounds::PDP_FAILURES), ("8", bounds::PDP_FAILURES), ("13", 9), ("7", 9)] {
        let asker = asker("");
        let ended: &[(&str, &str)] = &[("grpc-status", status)];
        asker.says(trailed(200, MEDIA, Vec::new(), Some(ended)));
        for _ in 0..9 {
            assert_eq!(asker.fresh().code, UNAVAILABLE, "{status}");
        }
        assert_eq!(asker.asked(), asked as usize, "{status}");
        asker.world.clock.advance(bounds::PDP_PAUSE);
        assert_eq!(asker.says(says(&allows())).fresh().code, "ok", "{status}");
    }
}

#[test]
fn what_tests_of_policies_say_is_read_as_what_they_mean() {
    let headers = fields(&[("x-tenant", "t1"), ("content-type", "application/json")]);
    for (status, code) in
        [(200, "ok"), (403, DENIED), (404, "pdp_not_found"), (302, DENIED), (500, UNAVAILABLE)]
    {
        let asker = asker(", refuse: as_told, headers: [x-tenant]");
        let trailed = super::said(StatusCode::from_u16(status).unwrap(), &headers);
        let mut call = asker.call().header("x-tenant", "spoofed").build();
        assert_eq!(asker.says(Reply::Trailed(trailed)).end(&mut call).code, code, "{status}");
        let tenant = call.request.headers.get("x-tenant").map(|value| value.to_str().unwrap());
        assert_eq!(tenant, (status == 200).then_some("t1"), "{status}");
    }
}
