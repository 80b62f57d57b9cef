//! What comes in on HTTP/1.1 and what goes on of it (THREATS rows 1, 2, 3, 4, 7, 10, 11, 14, 15, 42, 43).

use engine::bounds::Bound;
use engine::record::ConnectionEvent;

use super::world::{Backend, OK, Shape, World};

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: api.example.com\r\n{fields}\r\n")
}

#[test]
fn a_connection_carries_calls_one_after_another_and_in_a_row() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    for _ in 0..3 {
        client.send(get("/v1/a", ""));
        let reply = client.reply();
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
        assert_eq!(reply.field("yett-call-id").map(str::len), Some(32));
        assert_eq!(reply.field("x-limit"), Some("7"));
    }
    client.send(format!("{}{}", get("/v1/b", ""), get("/v1/c", "")));
    assert_eq!((client.reply().status, client.reply().status), (200, 200));
    let calls = world.tape.calls(5);
    assert!(
        calls.iter().all(|call| call.status == 200 && !call.aborted && call.bytes == (0, 2)),
        "{calls:?}"
    );
    let lines: Vec<_> =
        backend.requests().iter().map(|(head, _)| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(&lines[2..], ["GET /v1/a HTTP/1.1", "GET /v1/b HTTP/1.1", "GET /v1/c HTTP/1.1"]);
    assert_eq!(backend.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(world.tape.count(ConnectionEvent::UpstreamReused), 4);
}

#[test]
fn a_head_in_pieces_is_one_head() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    client.socket.set_nodelay(true).unwrap();
    for byte in get("/v1/a", "x: y\r\n").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.reply().status, 200);
}

#[test]
fn what_is_not_strict_is_refused_and_never_goes_upstream() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let cases = [
        (
            "POST /v1/a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            "request_malformed",
        ),
        (
            "POST /v1/a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
            "request_malformed",
        ),
        (
            "POST /v1/a HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "request_malformed",
        ),
        ("GET /v1/a HTTP/1.1\nhost: a\n\n", "request_malformed"),
        ("GET /v1/a HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n", "request_malformed"),
        ("GET /v1/a HTTP/1.1\r\n\r\n", "request_malformed"),
        ("GET /v1/a HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", "request_malformed"),
        ("GET /v1/a HTTP/1.1\r\nhost: a@b\r\n\r\n", "request_malformed"),
        ("GET http://other/v1/a HTTP/1.1\r\nhost: a\r\n\r\n", "request_malformed"),
        ("GET ftp://a/v1/a HTTP/1.1\r\nhost: a\r\n\r\n", "request_malformed"),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", "upgrade_refused"),
        (
            "GET /v1/a HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
            "upgrade_refused",
        ),
        (
            "GET /v1/a HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: x\r\n\r\n",
            "upgrade_refused",
        ),
        ("GET /v1/a HTTP/1.1\r\nhost: a\r\nexpect: 200-ok\r\n\r\n", "expectation_failed"),
        ("GET /v1/../admin HTTP/1.1\r\nhost: a\r\n\r\n", "path_not_canonical"),
        ("GET /v1/a%2fb HTTP/1.1\r\nhost: a\r\n\r\n", "path_not_canonical"),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", "path_not_canonical"),
        ("GET /v2/a HTTP/1.1\r\nhost: a\r\n\r\n", "operation_unknown"),
        ("DELETE /v1/a HTTP/1.1\r\nhost: a\r\n\r\n", "method_not_allowed"),
    ];
    for (index, (request, code)) in cases.into_iter().enumerate() {
        let reply = world.call(request);
        assert!(reply.text().contains(&format!("\"code\":\"{code}\"")), "{request:?}: {reply:?}");
        assert_eq!(reply.field("content-type"), Some("application/problem+json"));
        assert_eq!(world.tape.calls(index + 1)[index].code, code, "{request:?}");
    }
    assert_eq!(backend.requests().len(), 0);
    // Their valid twins pass.
    for request in [
        "GET http://A.:80/v1/a HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /v1/a HTTP/1.0\r\n\r\n",
        "POST /v1/a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
    ] {
        assert_eq!(world.call(request).status, 200, "{request:?}");
    }
    assert_eq!(backend.requests().len(), 3);
}

#[test]
fn a_fault_behind_a_good_call_does_not_touch_it() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    client.send(format!("{}GET /v1/b HTTP/1.1\nhost: a\n\n{}", get("/v1/a", ""), get("/v1/c", "")));
    assert_eq!(client.reply().status, 200);
    assert_eq!(client.reply().status, 400);
    assert_eq!(client.rest(), b"");
    assert_eq!(backend.requests().len(), 1);
    world.tape.calls(2);
    world.tape.event(ConnectionEvent::Malformed, 1);
}

#[test]
fn bounds_of_the_head_have_their_codes() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let long = "a".repeat(9000);
    assert_eq!(world.call(&get(&format!("/v1/{long}"), "")).status, 414);
    assert_eq!(world.call(&get("/v1/a", &"x: y\r\n".repeat(101))).status, 431);
    assert_eq!(world.call(&get("/v1/a", &"x: y\r\n".repeat(90))).status, 200);
    assert_eq!(world.tape.bounds(), [Bound::Target, Bound::Headers]);
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn a_second_request_after_an_early_refusal_is_its_own() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    let inner = get("/v1/smuggled", "");
    client.send(format!(
        "POST /v1/a HTTP/1.1\r\nhost: a\r\nx-toy: refuse\r\ncontent-length: {}\r\n\r\n{inner}",
        inner.len()
    ));
    let reply = client.reply();
    assert_eq!((reply.status, reply.field("retry-after")), (429, Some("2")));
    assert!(!reply.text().contains("secret"));
    client.send(get("/v1/second", ""));
    assert_eq!(client.reply().status, 200);
    let requests = backend.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].0.starts_with("GET /v1/second "), "{requests:?}");
}

#[test]
fn a_connection_with_a_long_unread_body_is_closed() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let mut client = world.connect();
    client.send("POST /v1/a HTTP/1.1\r\nhost: a\r\nx-toy: refuse\r\ncontent-length: 90000\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.field("connection")), (429, Some("close")));
    client.send(vec![b'x'; 90_000]);
    assert_eq!(client.rest(), b"");
    assert_eq!(backend.requests().len(), 0);
}

#[test]
fn fields_of_the_hop_end_here_and_ours_cannot_be_named_away() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\nconnection: x-inner\r\nx-inner: 1\r\nkeep-alive: 5\r\nserver: s\r\nx-outer: s\r\ncontent-length: 2\r\n\r\nok",
    );
    let world = World::start(&Shape::to(backend.address));
    let reply = world.call(&get(
        "/v1/a",
        "connection: authorization, x-foo, traceparent, host\r\nauthorization: x\r\nx-foo: 1\r\nx-bar: 2\r\nte: trailers\r\n\
         proxy-authorization: y\r\nkeep-alive: 1\r\ntracestate: a=b\r\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
    ));
    assert_eq!(reply.status, 200);
    assert_eq!(
        (reply.field("x-inner"), reply.field("keep-alive"), reply.field("x-outer")),
        (None, None, Some("s"))
    );
    assert_eq!(reply.field("server"), None, "what tells of the software behind the gateway");
    let head = backend.requests()[0].0.to_ascii_lowercase();
    for gone in ["authorization", "x-foo", "connection", "te:", "keep-alive", "tracestate", "0af765"] {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
    for there in ["x-bar: 2\r\n", "host: orders.internal\r\n", "traceparent: 00-"] {
        assert!(head.contains(there), "{there}: {head}");
    }
    world.call(&get("/v1/a", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"));
    assert!(world.tape.calls(2)[1].link);
}

#[test]
fn the_target_goes_on_in_one_form() {
    let backend = Backend::answering(OK);
    let mut shape = Shape::to(backend.address);
    let world = World::start(&shape);
    world.call(&get("/v1/%6frders?a=1;b", ""));
    shape.path = Some("/inner");
    let moved = World::start(&shape);
    moved.call(&get("/v1/orders/7?q=1", ""));
    let lines: Vec<_> =
        backend.requests().iter().map(|(head, _)| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["GET /v1/orders?a=1%3Bb HTTP/1.1", "GET /inner/orders/7?q=1 HTTP/1.1"]);
}

#[test]
fn controls_may_wait_work_and_answer() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    for (toy, status) in [("wait", 200), ("work", 200), ("answer", 200), ("panic", 503), ("refuse", 429)] {
        let reply = world.call(&get("/v1/a", &format!("x-toy: {toy}\r\n")));
        assert_eq!(reply.status, status, "{toy}");
    }
    assert_eq!(backend.requests().len(), 2);
    // The pool outlives a job that panics.
    assert_eq!(world.call(&get("/v1/a", "x-toy: work\r\n")).status, 200);
}
