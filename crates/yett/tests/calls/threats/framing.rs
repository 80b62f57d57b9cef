//! Rows 1 to 4 and 12: bytes that parsers read differently.

use testkit::{Answer, Fault, Naive, RawClient, Recorder};

use crate::harness::*;

const MALFORMED: Expect = Expect::Problem(400, "request_malformed");
const THING: &str = r#"{"name":"a"}"#;

fn head(lines: &str) -> Vec<u8> {
    lines.as_bytes().to_vec()
}

fn heads() -> Vec<Case> {
    let host = "Host: api.test\r\n";
    let json = "Content-Type: application/json\r\n";
    let post =
        |fields: &str, body: &str| head(&format!("POST /things HTTP/1.1\r\n{host}{json}{fields}\r\n{body}"));
    let twin = post_json("/things", THING);
    let mut cases = vec![
        case("bare LF after the request line", head(&format!("GET /things HTTP/1.1\n{host}\r\n")), MALFORMED),
        case("bare LF after a field", head("GET /things HTTP/1.1\r\nHost: api.test\n\r\n"), MALFORMED),
        case(
            "bare LF at the end",
            head("GET /things HTTP/1.1\r\nHost: api.test\r\nA: b\r\n\n\r\n\r\n"),
            MALFORMED,
        ),
        case("bare CR in a value", get("/things", "A: b\rc\r\n"), MALFORMED),
        case("NUL in a value", get("/things", "A: b\0c\r\n"), MALFORMED),
        case("NUL in a name", get("/things", "A\0: b\r\n"), MALFORMED),
        case("a control character in a value", get("/things", "A: b\x01c\r\n"), MALFORMED),
        case("DEL in a value", get("/things", "A: b\x7f\r\n"), MALFORMED),
        case("a folded field", get("/things", "A: b\r\n c\r\n"), MALFORMED),
        case(
            "a field that begins folded",
            head("GET /things HTTP/1.1\r\n A: b\r\nHost: api.test\r\n\r\n"),
            MALFORMED,
        ),
        case("white space before the colon", get("/things", "A : b\r\n"), MALFORMED),
        case("a tab before the colon", get("/things", "A\t: b\r\n"), MALFORMED),
        case("a field without a colon", get("/things", "Abc\r\n"), MALFORMED),
        case("an empty field name", get("/things", ": b\r\n"), MALFORMED),
        case("a field name that is no token", get("/things", "A(b): c\r\n"), MALFORMED),
        case(
            "two spaces in the request line",
            head(&format!("GET  /things HTTP/1.1\r\n{host}\r\n")),
            MALFORMED,
        ),
        case("a tab in the request line", head(&format!("GET\t/things HTTP/1.1\r\n{host}\r\n")), MALFORMED),
        case(
            "a space at the end of the request line",
            head(&format!("GET /things HTTP/1.1 \r\n{host}\r\n")),
            MALFORMED,
        ),
        case("no version", head(&format!("GET /things\r\n{host}\r\n")), MALFORMED),
        case("HTTP/1.2", head(&format!("GET /things HTTP/1.2\r\n{host}\r\n")), MALFORMED),
        case("HTTP/2.0 in text", head(&format!("GET /things HTTP/2.0\r\n{host}\r\n")), MALFORMED),
        case("http/1.1 in lower case", head(&format!("GET /things http/1.1\r\n{host}\r\n")), MALFORMED),
        case("a method that is no token", head(&format!("GE(T /things HTTP/1.1\r\n{host}\r\n")), MALFORMED),
        case("a target with a fragment", head(&format!("GET /things#x HTTP/1.1\r\n{host}\r\n")), MALFORMED),
        case(
            "an empty line before the request",
            head(&format!("\r\nGET /things HTTP/1.1\r\n{host}\r\n")),
            MALFORMED,
        ),
    ];
    let lengths = [
        ("CL and TE", "Content-Length: 12\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("TE and CL", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        ("two equal CL", "Content-Length: 12\r\nContent-Length: 12\r\n", THING),
        ("two different CL", "Content-Length: 12\r\nContent-Length: 2\r\n", THING),
        ("a list in CL", "Content-Length: 12, 12\r\n", THING),
        ("CL with a sign", "Content-Length: +12\r\n", THING),
        ("negative CL", "Content-Length: -1\r\n", THING),
        ("hexadecimal CL", "Content-Length: 0xc\r\n", THING),
        ("CL with a space", "Content-Length: 1 2\r\n", THING),
        ("empty CL", "Content-Length: \r\n", THING),
        ("overflowing CL", "Content-Length: 18446744073709551628\r\n", THING),
        ("CL with a fraction", "Content-Length: 12.0\r\n", THING),
        ("CL in other digits", "Content-Length: \u{0661}\u{0662}\r\n", THING),
        ("CL with a form feed", "Content-Length: \x0c12\r\n", THING),
        ("TE identity", "Transfer-Encoding: identity\r\nContent-Length: 12\r\n", THING),
        ("TE gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        (
            "TE chunked, identity",
            "Transfer-Encoding: chunked, identity\r\n",
            "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n",
        ),
        ("TE chunked twice", "Transfer-Encoding: chunked, chunked\r\n", "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("two TE", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("TE xchunked", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("TE with a vertical tab", "Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
        ("TE with a parameter", "Transfer-Encoding: chunked;a=b\r\n", "0\r\n\r\n"),
        ("TE in quotes", "Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
        ("empty TE", "Transfer-Encoding: \r\nContent-Length: 12\r\n", THING),
    ];
    cases.extend(
        lengths
            .iter()
            .map(|(name, fields, body)| case(name, post(fields, body), MALFORMED).twin(twin.clone())),
    );
    cases
}

/// The body's grammar, after a good head: the head waits for all of it, so nothing goes upstream.
fn chunks() -> Vec<Case> {
    let good = chunked("/things", b"c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n");
    let bad: &[(&str, &[u8])] = &[
        ("a chunk with an extension", b"c;a=b\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a chunk size with a sign", b"+c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a chunk size with 0x", b"0xc\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a chunk size that overflows", b"1000000000000000c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a chunk size with a space", b"c \r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a space before a chunk size", b" c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a chunk without a size", b"\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a chunk size ended by LF", b"c\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a chunk size ended by CR and more", b"c\rX{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("chunk data without its end", b"c\r\n{\"name\":\"a\"}0\r\n\r\n"),
        ("chunk data ended by LF", b"c\r\n{\"name\":\"a\"}\n0\r\n\r\n"),
        ("chunk data with two bytes more", b"c\r\n{\"name\":\"a\"}XX\r\n0\r\n\r\n"),
        ("a last chunk with an extension", b"c\r\n{\"name\":\"a\"}\r\n0;x\r\n\r\n"),
        ("a chunk size in underscores", b"_c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"),
        ("a trailer with a control character", b"c\r\n{\"name\":\"a\"}\r\n0\r\nA: \x01\r\n\r\n"),
        ("a trailer that is folded", b"c\r\n{\"name\":\"a\"}\r\n0\r\n A: b\r\n\r\n"),
    ];
    bad.iter()
        .map(|(name, body)| case(name, chunked("/things", body), Expect::Refusal).twin(good.clone()))
        .collect()
}

#[test]
fn threat_01_framing_that_is_not_strict_is_refused() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &heads());
    judge(&gateway, &recorder, &chunks());
}

#[test]
fn threat_01_the_same_bytes_get_through_a_naive_proxy() {
    reaches_naive(&heads());
    reaches_naive(&chunks());
}

#[test]
fn threat_01_bytes_that_come_one_by_one_are_read_the_same() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    for (request, status) in [
        (post_json("/things", THING), 200),
        (chunked("/things", b"6\r\n{\"name\r\n6\r\n\":\"a\"}\r\n0\r\nA: b\r\n\r\n"), 200),
        (get("/things", "A : b\r\n"), 400),
        (chunked("/things", b"c;x\r\n{\"name\":\"a\"}\r\n0\r\n\r\n"), 400),
    ] {
        let mut client = RawClient::connect(gateway.address);
        for byte in &request {
            if client.send([*byte]).is_err() {
                break;
            }
        }
        let reply = client.reply().unwrap();
        assert_eq!(reply.status, status, "{}: {}", request.escape_ascii(), reply.text());
    }
    assert_eq!(recorder.count(), 2);
    assert!(recorder.calls().iter().all(|call| call.body == THING.as_bytes()), "{:?}", recorder.calls());
    assert!(recorder.calls().iter().all(|call| call.head.get("a").is_none()), "a trailer passed");
    assert_eq!(recorder.faults(), Vec::<String>::new());
}

const SMUGGLED: &str = "GET /public/smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n";

/// Calls that are refused before their body is read, which is a request.
fn unread() -> [(&'static str, Vec<u8>, u16); 4] {
    let json = "Content-Type: application/json\r\n";
    let chunk = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    [
        ("401", send("POST", "/secret", json, SMUGGLED), 401),
        ("401 chunked", chunked("/secret", chunk.as_bytes()), 401),
        ("404", send("POST", "/nowhere", json, SMUGGLED), 404),
        ("400", send("POST", "/things?x=1", json, SMUGGLED), 400),
    ]
}

/// Bytes that reach the upstream of a proxy that checks nothing.
fn through_naive(request: &[u8]) -> Vec<u8> {
    let recorder = Recorder::start();
    let naive = Naive::start(recorder.address());
    let mut client = RawClient::connect(naive.address());
    client.send(request).unwrap();
    client.finish();
    let _ = client.reply();
    assert!(recorder.wait_for(1), "nothing got through: `{}`", request.escape_ascii());
    recorder.bytes()
}

#[test]
fn threat_02_the_same_bodies_get_through_a_naive_proxy() {
    for (name, request, _) in unread() {
        let seen = through_naive(&request);
        let found = seen.windows(SMUGGLED.len()).any(|part| part == SMUGGLED.as_bytes());
        assert!(found, "{name}: `{}`", seen.escape_ascii());
    }
}

/// What follows a refused call on its connection is either answered as a call of its own, or never read.
#[test]
fn threat_02_a_body_left_unread_is_no_request() {
    let smuggled = SMUGGLED;
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    for (name, request, status) in unread() {
        let mut client = RawClient::connect(gateway.address);
        client.send(&request).unwrap();
        assert_eq!(client.reply().unwrap().status, status, "{name}");
        let before = recorder.count();
        if client.send(get("/public/second", "")).is_ok()
            && let Ok(second) = client.reply()
        {
            assert_eq!(second.status, 200, "{name}");
            assert_eq!(recorder.count(), before + 1, "{name}");
        }
        assert!(recorder.calls().iter().all(|call| !call.target().contains("smuggled")), "{name}");
    }
    // The same when the body never comes whole: the connection must not be used again.
    let mut client = RawClient::connect(gateway.address);
    client.send("POST /secret HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1000\r\n\r\n").unwrap();
    assert_eq!(client.reply().unwrap().status, 401);
    let _ = client.send(smuggled);
    client.finish();
    assert!(client.is_closed());
    assert!(recorder.calls().iter().all(|call| !call.target().contains("smuggled")));
}

#[test]
fn threat_02_a_limit_met_on_a_kept_connection_leaves_nothing_behind() {
    let recorder = Recorder::start();
    let setup = Setup::api("limits: [{ per: address, rate: 1/hour }]");
    let gateway = Gateway::with(&setup, &recorder.url());
    let mut client = RawClient::connect(gateway.address);
    client.send(post_json("/things", THING)).unwrap();
    assert_eq!(client.reply().unwrap().status, 200);
    let hostile = "GET /things HTTP/1.1\r\nHost: api.test\r\n\r\n";
    client.send(post_json("/things", hostile)).unwrap();
    assert_eq!(client.reply().unwrap().status, 429);
    if client.send(get("/things", "")).is_ok()
        && let Ok(second) = client.reply()
    {
        assert_eq!(second.status, 429);
    }
    assert_eq!(recorder.count(), 1);
}

#[test]
fn threat_03_nothing_tunnels_before_101() {
    let pipelined = "GET /admin/users HTTP/1.1\r\nHost: api.test\r\n\r\n";
    let with = |fields: &str| [get("/things", fields), pipelined.into()].concat();
    let refused = Expect::Problem(400, "upgrade_refused");
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let connect = format!("CONNECT api.test:80 HTTP/1.1\r\nHost: api.test:80\r\n\r\n{pipelined}");
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let cases = [
        case("websocket", with(websocket), refused.clone()),
        case("h2c", with(h2c), refused.clone()),
        case("an unknown protocol", with("Connection: upgrade\r\nUpgrade: foo/1\r\n"), refused.clone()),
        case("several protocols", with("Connection: upgrade\r\nUpgrade: foo, h2c\r\n"), refused),
        case(
            "CONNECT",
            connect,
            Expect::OneOf(&["upgrade_refused", "method_not_allowed", "request_malformed"]),
        ),
    ];
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &cases);
    assert!(recorder.calls().iter().all(|call| call.head.get("upgrade").is_none()));
    reaches_naive(&cases);
}

#[test]
fn threat_03_a_101_that_nobody_asked_for_is_a_fault_of_the_upstream() {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(101, "").header("upgrade", "foo").header("connection", "upgrade"));
    let gateway = Gateway::start(&recorder);
    let mut client = RawClient::connect(gateway.address);
    client.send(get("/things", "")).unwrap();
    let reply = client.reply().unwrap();
    assert_eq!((reply.status, reply.code().as_deref()), (502, Some("upstream_protocol")));
    let _ = client.send("GET /admin/users HTTP/1.1\r\nHost: api.test\r\n\r\n");
    let _ = client.reply();
    assert_eq!(recorder.count(), 1);
}

#[test]
fn threat_04_http_1_0_and_codings() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let old = |fields: &str, body: &str| {
        format!(
            "POST /things HTTP/1.0\r\nHost: api.test\r\nContent-Type: application/json\r\n{fields}\r\n{body}"
        )
    };
    let twin = old("Content-Length: 12\r\n", THING);
    let chunks = "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n";
    let cases = [
        case("chunked in HTTP/1.0", old("Transfer-Encoding: chunked\r\n", chunks), MALFORMED)
            .twin(twin.clone()),
        case("deflate in HTTP/1.0", old("Transfer-Encoding: deflate\r\n", chunks), MALFORMED)
            .twin(twin.clone()),
        case("an unknown version", "GET /things HTTP/1.9\r\nHost: api.test\r\n\r\n", MALFORMED).twin(twin),
    ];
    judge(&gateway, &recorder, &cases);
    reaches_naive(&cases);
    // An HTTP/1.0 client gets an answer that it can read: no chunks, and the connection ends.
    recorder.answer(
        Answer { body: b"2\r\n{}\r\n0\r\n\r\n".to_vec(), ..Answer::json(200, "") }
            .header("transfer-encoding", "chunked"),
    );
    let mut client = RawClient::connect(gateway.address);
    client.send("GET /things HTTP/1.0\r\nHost: api.test\r\n\r\n").unwrap();
    let reply = client.reply().unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{:?}", reply.head);
    assert!(client.is_closed());
}

#[test]
fn threat_07_expectations_are_met_once_or_refused() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let json = "Content-Type: application/json\r\n";
    // With 100-continue on an open operation: 100, then the answer; the upstream sees no expectation.
    let head = format!(
        "POST /things HTTP/1.1\r\nHost: api.test\r\n{json}Content-Length: 12\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut client = RawClient::connect(gateway.address);
    client.send(&head).unwrap();
    client.send(THING).unwrap();
    let reply = client.reply().unwrap();
    assert_eq!((reply.status, reply.interim.as_slice()), (200, [100].as_slice()));
    assert_eq!(recorder.last().head.get("expect"), None);
    // On a refused one: the answer, no 100, and the body that was never sent is not waited for.
    let secret = head.replace("/things", "/secret");
    let mut client = RawClient::connect(gateway.address);
    client.send(&secret).unwrap();
    let reply = client.reply().unwrap();
    assert_eq!((reply.status, reply.interim.as_slice()), (401, [].as_slice()));
    let other = head.replace("100-continue", "200-ok");
    let reply = gateway.call([other.as_bytes(), THING.as_bytes()].concat());
    assert_eq!((reply.status, reply.code().as_deref()), (417, Some("expectation_failed")));
    assert_eq!(recorder.count(), 1);
}

/// 0.CL, TE.0 and pauses: whatever an expectation comes with, the upstream gets one whole call or none, and what follows
/// on the connection is never a body's rest.
#[test]
fn threat_07_no_expectation_moves_where_a_body_ends() {
    let json = "Content-Type: application/json\r\n";
    let expect = "Expect: 100-continue\r\n";
    let hidden = "GET /public/smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n";
    let raw = |fields: &str, body: &str| {
        format!("POST /things HTTP/1.1\r\nHost: api.test\r\n{json}{fields}\r\n{body}").into_bytes()
    };
    let twin = raw(&format!("{expect}Content-Length: 12\r\n"), THING);
    let missing = Expect::OneOf(&["body_missing", "media_type_unsupported", "request_malformed"]);
    let failed = Expect::Problem(417, "expectation_failed");
    let cases = [
        case("0.CL", raw(&format!("{expect}Content-Length: 0\r\n"), ""), missing.clone()),
        case("a signed length", raw(&format!("{expect}Content-Length: +12\r\n"), THING), MALFORMED),
        case(
            "two lengths",
            raw(&format!("{expect}Content-Length: 0\r\nContent-Length: 12\r\n"), THING),
            MALFORMED,
        ),
        case("a folded length", raw(&format!("{expect}Content-Length:\r\n 12\r\n"), THING), MALFORMED),
        case("TE.0", raw(&format!("{expect}Transfer-Encoding: chunked\r\n"), "0\r\n\r\n"), missing),
        case(
            "both",
            raw(&format!("{expect}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "0\r\n\r\n"),
            MALFORMED,
        ),
        case(
            "an expectation that is none",
            raw("Expect: 100-continue, x\r\nContent-Length: 12\r\n", THING),
            failed.clone(),
        ),
        case(
            "an expectation with more behind",
            raw("Expect: y 100-continue\r\nContent-Length: 12\r\n", THING),
            failed.clone(),
        ),
        case(
            "an expectation with a parameter",
            raw("Expect: 100-continue;x=y\r\nContent-Length: 12\r\n", THING),
            failed,
        ),
    ]
    .map(|case| case.twin(twin.clone()));
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &cases);
    reaches_naive(&cases);
    // In pieces with a wait for the 100 between them, two calls on one connection, a hidden one behind the first.
    let before = recorder.count();
    let mut client = RawClient::connect(gateway.address);
    for _ in 0..2 {
        client.send(raw(&format!("{expect}Content-Length: 12\r\n"), "")).unwrap();
        client.send(&THING[..5]).unwrap();
        client.send(&THING[5..]).unwrap();
        assert_eq!(client.reply().unwrap().status, 200);
    }
    client.send(raw(&format!("{expect}Content-Length: {}\r\n", hidden.len()), hidden)).unwrap();
    assert_eq!(client.reply().unwrap().status, 400, "what is hidden is the body, and no JSON");
    assert_eq!(recorder.count(), before + 2);
    assert!(recorder.calls().iter().all(|call| !call.target().contains("smuggled")));
}

#[test]
fn threat_07_the_same_expectations_get_through_a_naive_proxy() {
    for (target, expectation) in
        [("/things", "100-continue"), ("/secret", "100-continue"), ("/things", "200-ok")]
    {
        let fields = format!("Content-Type: application/json\r\nExpect: {expectation}\r\n");
        let seen =
            String::from_utf8_lossy(&through_naive(&send("POST", target, &fields, THING))).into_owned();
        assert!(seen.contains(&format!("Expect: {expectation}")) && seen.ends_with(THING), "{seen}");
    }
}

/// Odd bytes where a rule looks: none may make it look away.
fn odd() -> Vec<Case> {
    let auth = |value: &[u8]| {
        [b"GET /secret HTTP/1.1\r\nHost: api.test\r\nAuthorization: ", value, b"\r\n\r\n"].concat()
    };
    let long = vec![b'a'; 20_000];
    let mut cases: Vec<Case> = [
        ("an empty credential", b"".as_slice()),
        ("a star", b"*"),
        ("a scheme alone", b"Bearer"),
        ("a scheme and a space", b"Bearer "),
        ("a star as token", b"Bearer *"),
        ("obs-text as token", b"Bearer \xff\xfe"),
        ("obs-text before the scheme", b"\xa0Bearer a.b.c"),
        ("a token in quotes", b"Bearer \"a.b.c\""),
        ("a list of tokens", b"Bearer a.b.c, Bearer d.e.f"),
        ("a token of dots", b"Bearer ...."),
        ("a tab after the scheme", b"Bearer\ta.b.c"),
        ("basic", b"Basic YTpi"),
        ("an unknown scheme", b"Foo bar"),
        ("an over-long token", &[b"Bearer ".as_slice(), &long].concat()),
    ]
    .iter()
    .map(|(name, value)| {
        let codes = &["credential_missing", "credential_malformed", "token_invalid"];
        case(name, auth(value), Expect::OneOf(codes))
    })
    .collect();
    let longer = "a".repeat(70_000);
    cases.extend([
        case(
            "a field past the bound",
            get("/things", &format!("A: {longer}\r\n")),
            Expect::Problem(431, "headers_too_large"),
        ),
        case(
            "fields past the bound",
            get("/things", &"A: b\r\n".repeat(500)),
            Expect::Problem(431, "headers_too_large"),
        ),
        case(
            "a target past the bound",
            get(&format!("/public/{longer}"), ""),
            Expect::Problem(414, "target_too_long"),
        ),
        case(
            "obs-text in the target",
            b"GET /public/\xff HTTP/1.1\r\nHost: api.test\r\n\r\n".to_vec(),
            Expect::Refusal,
        ),
        case(
            "obs-text in the query",
            b"GET /things?q=\xff HTTP/1.1\r\nHost: api.test\r\n\r\n".to_vec(),
            Expect::Refusal,
        ),
        case("a query that is no UTF-8", get("/things?q=%FF", ""), Expect::Problem(400, "parameter_invalid")),
        case(
            "a parameter that is no UTF-8",
            get("/public/%FF%FE", ""),
            Expect::Problem(400, "parameter_invalid"),
        ),
        case(
            "a header that is no UTF-8",
            b"GET /things HTTP/1.1\r\nHost: api.test\r\nX-Flavor: \xff\r\n\r\n".to_vec(),
            Expect::Problem(400, "parameter_invalid"),
        ),
        case(
            "a cookie that is no UTF-8",
            b"GET /things HTTP/1.1\r\nHost: api.test\r\nCookie: session=\xff\r\n\r\n".to_vec(),
            Expect::Problem(400, "parameter_invalid"),
        ),
        case("NUL in the query", get("/things?q=%00", ""), Expect::Refusal),
        case(
            "an unknown method in odd case",
            get("/things", "").replace_start(b"GET", b"gET"),
            Expect::Refusal,
        ),
    ]);
    cases
}

trait ReplaceStart {
    fn replace_start(self, from: &[u8], to: &[u8]) -> Self;
}

impl ReplaceStart for Vec<u8> {
    fn replace_start(self, from: &[u8], to: &[u8]) -> Self {
        [to, &self[from.len()..]].concat()
    }
}

#[test]
fn threat_12_odd_bytes_make_no_rule_look_away() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &odd());
    reaches_naive(&odd());
}

#[test]
fn an_answer_before_the_call_is_over_belongs_to_no_other_call() {
    // The upstream sends a second answer behind the first: it must not answer the next call.
    let recorder = Recorder::start();
    let second = Answer::json(200, r#"{"poison":true}"#).bytes("GET");
    recorder.answer(Answer::json(200, "{}").fault(Fault::Before(Vec::new())));
    let gateway = Gateway::start(&recorder);
    let mut poisoned = Answer::json(200, "{}").bytes("GET");
    poisoned.extend(second);
    recorder.answer(Answer::json(200, "{}").fault(Fault::Garbage(poisoned)));
    assert_eq!(gateway.call(get("/things", "")).text(), "{}");
    recorder.answer(Answer::json(200, r#"{"good":true}"#));
    assert_eq!(gateway.call(get("/things", "")).text(), r#"{"good":true}"#);
}
