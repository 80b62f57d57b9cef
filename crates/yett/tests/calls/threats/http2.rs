//! Rows 5 and 11: what HTTP/2 can say and HTTP/1.1 cannot, in frames written by hand.

use testkit::frames::{END_HEADERS, END_STREAM, Outcome, block, kind};
use testkit::{Http2, Naive, Recorder, until};

use crate::harness::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// One stream: its fields, its body, and how it is put together.
struct Stream {
    name: &'static str,
    fields: Fields,
    body: Option<&'static [u8]>,
}

fn fields(list: &[(&[u8], &[u8])]) -> Fields {
    list.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn good() -> Fields {
    fields(&[
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"api.test"),
        (b":path", b"/things"),
    ])
}

/// The good head with one pseudo field changed.
fn with(name: &str, value: &[u8]) -> Fields {
    let mut all = good();
    let field = all.iter_mut().find(|(own, _)| own == name.as_bytes()).unwrap();
    field.1 = value.to_vec();
    all
}

/// The good head without one pseudo field.
fn without(name: &str) -> Fields {
    good().into_iter().filter(|(own, _)| own != name.as_bytes()).collect()
}

/// The good head with more fields behind.
fn plus(list: &[(&[u8], &[u8])]) -> Fields {
    good().into_iter().chain(fields(list)).collect()
}

fn stream(name: &'static str, fields: Fields) -> Stream {
    Stream { name, fields, body: None }
}

/// Row 5: each of these, written into HTTP/1.1 text, is another request or another header.
fn injections() -> Vec<Stream> {
    let smuggle: &[u8] = b"x\r\n\r\nGET /admin/users HTTP/1.1\r\nHost: api.test\r\n\r\n";
    let mut all = vec![
        stream("CR LF in a value", plus(&[(b"a", b"b\r\nX-Evil: 1")])),
        stream("a whole request in a value", plus(&[(b"a", smuggle)])),
        stream("LF in a value", plus(&[(b"a", b"b\nX-Evil: 1")])),
        stream("CR in a value", plus(&[(b"a", b"b\rX-Evil: 1")])),
        stream("NUL in a value", plus(&[(b"a", b"b\0c")])),
        stream("CR LF in a name", plus(&[(b"a: b\r\nx-evil", b"1")])),
        stream("a colon in a name", plus(&[(b"x-evil: 1", b"2")])),
        stream("a space in a name", plus(&[(b"x evil", b"1")])),
        stream("a space at the end of a name", plus(&[(b"transfer-encoding ", b"chunked")])),
        stream("NUL in a name", plus(&[(b"x\0evil", b"1")])),
        stream("an empty name", plus(&[(b"", b"1")])),
        stream("upper case in a name", plus(&[(b"X-Evil", b"1")])),
        stream("obs-text in a name", plus(&[(b"x-\xff", b"1")])),
        stream("connection", plus(&[(b"connection", b"close")])),
        stream("keep-alive", plus(&[(b"keep-alive", b"5")])),
        stream("proxy-connection", plus(&[(b"proxy-connection", b"close")])),
        stream("transfer-encoding", plus(&[(b"transfer-encoding", b"chunked")])),
        stream("upgrade", plus(&[(b"upgrade", b"h2c")])),
        stream("te: gzip", plus(&[(b"te", b"gzip")])),
        stream("CR LF in the method", with(":method", b"GET /admin/users HTTP/1.1\r\nHost: x\r\n\r\nGET")),
        stream("a space in the method", with(":method", b"GET /x")),
        stream("an empty method", with(":method", b"")),
        stream("CR LF in the path", with(":path", b"/things HTTP/1.1\r\nX-Evil: 1\r\nA: b")),
        stream("a space in the path", with(":path", b"/things HTTP/1.1")),
        stream("NUL in the path", with(":path", b"/things\0")),
        stream("CR LF in the authority", with(":authority", b"api.test\r\nX-Evil: 1")),
        stream("a space in the authority", with(":authority", b"api.test evil")),
        stream("a path in the authority", with(":authority", b"api.test/admin")),
        stream("a user in the authority", with(":authority", b"user@api.test")),
        stream("an unknown pseudo field", plus(&[(b":evil", b"1")])),
        stream("a pseudo field of answers", plus(&[(b":status", b"200")])),
        stream("a pseudo field behind others", {
            let mut all = without(":path");
            all.extend(fields(&[(b"a", b"b"), (b":path", b"/things")]));
            all
        }),
        stream("two paths", plus(&[(b":path", b"/admin/users")])),
        stream("two methods", plus(&[(b":method", b"DELETE")])),
        stream("two authorities", plus(&[(b":authority", b"evil.test")])),
        stream("no method", without(":method")),
        stream("no scheme", without(":scheme")),
        stream("no path", without(":path")),
        stream("another host than the authority", plus(&[(b"host", b"evil.test")])),
        stream("two hosts", plus(&[(b"host", b"api.test"), (b"host", b"api.test")])),
        stream("two content lengths", plus(&[(b"content-length", b"0"), (b"content-length", b"5")])),
        stream("a content length that is no number", plus(&[(b"content-length", b"0x0")])),
        stream("a content length without a body", plus(&[(b"content-length", b"12")])),
    ];
    let post = |length: &[u8]| {
        let mut all = with(":method", b"POST");
        all.extend(fields(&[(b"content-type", b"application/json"), (b"content-length", length)]));
        all
    };
    all.push(Stream {
        name: "more data than the content length",
        fields: post(b"5"),
        body: Some(br#"{"name":"a"}"#),
    });
    all.push(Stream {
        name: "less data than the content length",
        fields: post(b"50"),
        body: Some(br#"{"name":"a"}"#),
    });
    all
}

/// Row 11: targets that routers read differently from rules.
fn targets() -> Vec<Stream> {
    vec![
        stream("a path without a slash", with(":path", b"things")),
        stream("an empty path", with(":path", b"")),
        stream("a star", with(":path", b"*")),
        stream("an absolute form", with(":path", b"http://api.test/things")),
        stream("an authority as path", with(":path", b"//api.test/things")),
        stream("a backslash", with(":path", b"\\things")),
        stream("a query alone", with(":path", b"?q=1")),
        stream("CONNECT", fields(&[(b":method", b"CONNECT"), (b":authority", b"api.test:80")])),
        stream("CONNECT with a path", with(":method", b"CONNECT")),
        stream("extended CONNECT", {
            let mut all = with(":method", b"CONNECT");
            all.push((b":protocol".to_vec(), b"websocket".to_vec()));
            all
        }),
        stream("another scheme", with(":scheme", b"ftp")),
        stream("no authority", without(":authority")),
        stream("an empty authority", with(":authority", b"")),
    ]
}

fn put(client: &mut Http2, number: u32, stream: &Stream) {
    let pairs: Vec<(&[u8], &[u8])> =
        stream.fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    client.headers(number, &pairs, stream.body.is_none());
    if let Some(body) = stream.body {
        client.data(number, body, true);
    }
}

fn judge_streams(streams: &[Stream]) {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let mut wrong = Vec::new();
    for stream in streams {
        let before = recorder.count();
        let mut client = Http2::connect(gateway.address);
        put(&mut client, 1, stream);
        let outcome = client.outcome(1);
        let refused = match &outcome {
            Outcome::Answer(status, _) => (400..500).contains(status),
            _ => true,
        };
        if !refused {
            wrong.push(format!("{}: got {outcome:?}", stream.name));
        }
        let mut twin = Http2::connect(gateway.address);
        put(&mut twin, 1, &self::stream("twin", good()));
        let outcome = twin.outcome(1);
        if outcome.status() != Some(200) {
            wrong.push(format!("{}: its twin got {outcome:?}", stream.name));
        }
        let since = recorder.calls().split_off(before);
        if since.len() != 1 || since[0].target() != "/things" || since[0].method() != "GET" {
            let heads: Vec<String> = since.iter().map(|call| call.raw.escape_ascii().to_string()).collect();
            wrong.push(format!("{}: reached the upstream: {heads:?}", stream.name));
        }
    }
    wrong.extend(recorder.faults());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), streams.len(), wrong.join("\n"));
}

fn streams_reach_naive(streams: &[Stream]) {
    for stream in streams {
        let recorder = Recorder::start();
        let naive = Naive::start(recorder.address());
        let mut client = Http2::connect(naive.address());
        put(&mut client, 1, stream);
        let reached = until(10, || (recorder.received() > 0).then_some(()));
        assert!(reached.is_some(), "{}: does not get through a naive proxy", stream.name);
    }
}

#[test]
fn threat_05_what_http_2_says_is_never_written_into_http_1() {
    judge_streams(&injections());
}

#[test]
fn threat_05_the_same_frames_get_through_a_naive_proxy() {
    streams_reach_naive(&injections());
}

#[test]
fn threat_11_odd_targets_and_methods_over_http_2() {
    judge_streams(&targets());
}

#[test]
fn threat_11_the_same_frames_get_through_a_naive_proxy() {
    streams_reach_naive(&targets());
}

#[test]
fn threat_11_odd_targets_and_methods_over_http_1() {
    let raw = |start: &str| format!("{start} HTTP/1.1\r\nHost: api.test\r\n\r\n");
    let cases: Vec<Case> = [
        "GET things",
        "GET *",
        "GET ?q=1",
        "GET ftp://api.test/things",
        "GET http:///things",
        "GET http://user@api.test/things",
        "GET api.test:80",
        "CONNECT /things",
        "CONNECT api.test",
        "TRACE /things",
        "PUT /things",
        "FOO /things",
        "get /things",
    ]
    .iter()
    .map(|start| case(start, raw(start), Expect::Refusal))
    .collect();
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &cases);
    reaches_naive(&cases);
    // The absolute form is HTTP (RFC 9112 section 3.2.2): the upstream gets the origin form.
    assert_eq!(gateway.call("GET http://api.test/things?q=1 HTTP/1.1\r\nHost: api.test\r\n\r\n").status, 200);
    assert_eq!(recorder.last().head.start, "GET /things?q=1 HTTP/1.1");
}

/// The HTTP/2 parser cuts a fragment off before anybody sees it: then nobody may, neither router nor upstream.
#[test]
fn threat_11_a_fragment_over_http_2_is_seen_by_nobody() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    for path in ["/public/a#/../../admin/users", "/public/a#?x=1", "/public/a#"] {
        let mut client = Http2::connect(gateway.address);
        put(&mut client, 1, &stream("fragment", with(":path", path.as_bytes())));
        match client.outcome(1).status() {
            Some(200) => assert_eq!(recorder.last().target(), "/public/a", "{path}"),
            other => assert!(other.is_none_or(|status| status < 500), "{path}: {other:?}"),
        }
    }
}

#[test]
fn threat_05_continuations_padding_and_cookies_are_read_as_one_head() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let mut client = Http2::connect(gateway.address);
    let pairs: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"api.test"),
        (b":path", b"/things?q=a"),
        (b"cookie", b"session=one"),
        (b"cookie", b"other=two"),
    ];
    let whole = block(&pairs);
    let (first, rest) = whole.split_at(11);
    client.frame(kind::HEADERS, END_STREAM, 1, first.to_vec());
    client.frame(kind::CONTINUATION, END_HEADERS, 1, rest.to_vec());
    assert_eq!(client.outcome(1).status(), Some(200));
    let call = recorder.last();
    assert_eq!((call.method(), call.target()), ("GET", "/things?q=a"));
    // The declared cookie goes on, the other is stripped.
    assert_eq!(call.head.all("cookie").collect::<Vec<_>>(), ["session=one"]);
    assert_eq!(call.head.all("host").count(), 1);
    assert_eq!(recorder.faults(), Vec::<String>::new());
}

#[test]
fn an_http_2_client_gets_what_an_http_1_client_gets() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let mut client = Http2::connect(gateway.address);
    let call = |method: &[u8], path: &[u8], more: &[(&[u8], &[u8])]| {
        let mut all = with(":method", method);
        all.iter_mut().find(|(name, _)| name == b":path").unwrap().1 = path.to_vec();
        all.extend(fields(more));
        all
    };
    let json: &[(&[u8], &[u8])] = &[(b"content-type", b"application/json")];
    let good = Stream { name: "", fields: call(b"POST", b"/things", json), body: Some(br#"{"name":"a"}"#) };
    let bad = Stream { name: "", fields: call(b"POST", b"/things", json), body: Some(br#"{"name":1}"#) };
    let secret = stream("", call(b"GET", b"/secret", &[]));
    let unknown = stream("", call(b"GET", b"/nowhere", &[]));
    for (number, stream, status, code) in [
        (1, &good, 200, None),
        (3, &bad, 400, Some("body_invalid")),
        (5, &secret, 401, Some("credential_missing")),
        (7, &unknown, 404, Some("operation_unknown")),
    ] {
        put(&mut client, number, stream);
        let outcome = client.outcome(number);
        assert_eq!((outcome.status(), outcome.code().as_deref()), (Some(status), code), "{outcome:?}");
    }
    assert_eq!(recorder.count(), 1);
    assert_eq!(recorder.last().body, br#"{"name":"a"}"#);
}
