//! Row 44: trailers of a request that say what its head may not.

use testkit::frames::{END_HEADERS, END_STREAM, Outcome, block, kind};
use testkit::{Http2, Naive, RawClient, Recorder, until};

use crate::harness::*;

/// What must not come behind a body: who calls, where from, how the message is framed, what is called.
const TRAILERS: &[(&str, &str)] = &[
    ("authorization", "Bearer evil-trailer"),
    ("x-user-id", "evil-trailer"),
    ("x-forwarded-for", "evil-trailer"),
    ("forwarded", "for=evil-trailer"),
    ("host", "evil-trailer"),
    ("content-length", "999999999999"),
    ("transfer-encoding", "chunked"),
    ("content-type", "evil-trailer/x"),
    ("content-encoding", "evil-gzip"),
    ("x-http-method-override", "EVIL-DELETE"),
    ("x-original-url", "/admin/evil-trailer"),
    ("cookie", "session=evil-trailer"),
    ("traceparent", "00-00000000000000000000000000000666-0000000000000666-01"),
    ("yett-call-id", "evil-trailer"),
    ("x-anything", "evil-trailer"),
    ("grpc-status", "evil-trailer"),
];

const BODY: &str = r#"{"name":"a"}"#;

fn in_chunks(trailers: &str) -> Vec<u8> {
    chunked("/things", format!("{:x}\r\n{BODY}\r\n0\r\n{trailers}\r\n", BODY.len()).as_bytes())
}

/// Without a body that is read, so that it passes as it comes.
fn passing(upstream: &str) -> Gateway {
    let api = "allow: [\"POST /things\", \"GET /things\"]\nunsecured: anonymous\nvalidation: { request: off, response: off }";
    let setup = Setup { api: api.into(), ..Setup::default() };
    Gateway::with_document(&setup.document(upstream).replace("contract: ./openapi.yaml", "contract: none"))
}

/// Whether nothing of the trailers is anywhere in what came since.
fn is_clean(recorder: &Recorder, bytes: usize, (name, value): (&str, &str)) -> Result<(), String> {
    let seen = String::from_utf8_lossy(&recorder.bytes().split_off(bytes)).to_ascii_lowercase();
    // Names that a head of ours has as well are known by their value.
    let ours = ["host", "content-type", "content-length", "traceparent", "x-forwarded-for", "forwarded"];
    let named =
        !ours.contains(&name) && !matches!(name, "transfer-encoding") && seen.contains(&format!("{name}:"));
    let valued = value != "chunked" && seen.contains(&value.to_ascii_lowercase());
    if valued || named {
        return Err(format!("{name} reached the upstream: {seen}"));
    }
    Ok(())
}

#[test]
fn threat_44_trailers_of_a_request_reach_nobody() {
    let mut wrong = Vec::new();
    for reads in [true, false] {
        let recorder = Recorder::start();
        let gateway = if reads { Gateway::start(&recorder) } else { passing(&recorder.url()) };
        for (name, value) in TRAILERS.iter().copied() {
            let (bytes, calls) = (recorder.received(), recorder.count());
            let mut client = RawClient::connect(gateway.address);
            client.send(in_chunks(&format!("{name}: {value}\r\n"))).unwrap();
            // Refused, or the call without them; and the connection means nothing else by them.
            let status = client.reply().map_or(0, |reply| reply.status);
            let arrived = recorder.count() - calls;
            if !(matches!((status, arrived), (200, 1)) || ((400..500).contains(&status) && arrived == 0)) {
                wrong.push(format!("{name}: {status}, and {arrived} calls"));
            }
            wrong.extend(is_clean(&recorder, bytes, (name, value)).err());
        }
        wrong.extend(recorder.faults());
        assert_eq!(gateway.call(in_chunks("")).status, 200, "the same without any");
        assert_eq!(recorder.last().body, BODY.as_bytes());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn threat_44_nor_do_those_of_http_2() {
    let post: [(&[u8], &[u8]); 5] = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"api.test"),
        (b":path", b"/things"),
        (b"content-type", b"application/json"),
    ];
    let mut wrong = Vec::new();
    for reads in [true, false] {
        let recorder = Recorder::start();
        let gateway = if reads { Gateway::start(&recorder) } else { passing(&recorder.url()) };
        for (name, value) in TRAILERS.iter().copied() {
            let (bytes, calls) = (recorder.received(), recorder.count());
            let mut client = Http2::connect(gateway.address);
            client.headers(1, &post, false);
            client.data(1, BODY.as_bytes(), false);
            let trailers = block(&[(name.as_bytes(), value.as_bytes())]);
            client.frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, trailers);
            let outcome = client.outcome(1);
            let refused = !matches!(outcome, Outcome::Answer(200, _));
            if !refused && recorder.count() != calls + 1 {
                wrong.push(format!("{name}: {outcome:?}, and {} calls", recorder.count() - calls));
            }
            wrong.extend(is_clean(&recorder, bytes, (name, value)).err());
        }
        // What the library refuses in trailers ends a call whose body was on its way; all else arrives without them.
        let known = recorder.calls().iter().filter(|call| call.body == BODY.as_bytes()).count();
        assert!(known >= TRAILERS.len() - 3, "{known} calls arrived");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn threat_44_the_same_trailers_get_through_a_naive_proxy() {
    for (name, value) in TRAILERS {
        let recorder = Recorder::start();
        let naive = Naive::start(recorder.address());
        let mut client = RawClient::connect(naive.address());
        client.send(in_chunks(&format!("{name}: {value}\r\n"))).unwrap();
        let line = format!("{name}: {value}\r\n");
        let came = until(10, || String::from_utf8_lossy(&recorder.bytes()).contains(&line).then_some(()));
        assert!(came.is_some(), "{name}");
    }
}
