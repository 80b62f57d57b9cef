//! Hostile and odd streams of HTTP/2, frame by frame.

use std::net::SocketAddr;

use testkit::frames::{block, kind};
use testkit::{Naive, RawClient, Recorder, until};

use super::one::hostile as message;
use super::run::{Expect, Hostile, classes, is_wrong};
use crate::conformance::{self, Want};
use crate::two::{self, END_HEADERS, END_STREAM, Fields, PADDED, PRIORITY, data, frame, opening};

/// A connection's frames behind the opening, and the stream that is waited for.
pub(crate) struct Shot {
    class: &'static str,
    name: String,
    script: Vec<u8>,
    awaited: u32,
    expect: Expect,
}

/// Stands for the number in a target; of the same length, since frames tell theirs.
const PLACE: &[u8] = b"~NN~";
const PATH: &[u8] = b"/m/~NN~";

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn pairs(list: Fields<'_>) -> Pairs {
    list.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn head(method: &[u8]) -> Pairs {
    pairs(&[(b":method", method), (b":scheme", b"http"), (b":authority", b"files.test"), (b":path", PATH)])
}

/// The good head with one pseudo field changed.
fn with(name: &str, value: &[u8]) -> Pairs {
    let mut all = head(b"GET");
    all.iter_mut().find(|(own, _)| own == name.as_bytes()).unwrap().1 = value.to_vec();
    all
}

fn plus(more: Fields<'_>) -> Pairs {
    [head(b"GET"), pairs(more)].concat()
}

fn bytes(fields: &Pairs) -> Vec<u8> {
    let list: Vec<(&[u8], &[u8])> =
        fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    block(&list)
}

fn shot(class: &'static str, name: impl Into<String>, fields: &Pairs) -> Shot {
    let script = frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, bytes(fields));
    Shot { class, name: name.into(), script, awaited: 1, expect: Expect::Refused }
}

/// A POST with these fields more and this body.
fn post(class: &'static str, name: impl Into<String>, more: Fields<'_>, body: &[Vec<u8>]) -> Shot {
    let fields = [head(b"POST"), pairs(more)].concat();
    let script = [frame(kind::HEADERS, END_HEADERS, 1, bytes(&fields)), body.concat()].concat();
    Shot { class, name: name.into(), script, awaited: 1, expect: Expect::Refused }
}

impl Shot {
    fn or_clean(mut self) -> Self {
        self.expect = Expect::Clean;
        self
    }

    fn passes(mut self) -> Self {
        self.expect = Expect::Passes;
        self
    }
}

pub(super) fn hostile() -> Vec<Shot> {
    [injections(), pseudo_fields(), hops(), lengths(), targets(), claims(), broken()]
        .into_iter()
        .flatten()
        .collect()
}

/// THREATS row 5: bytes that would be lines, other fields or another target in HTTP/1.
fn injections() -> Vec<Shot> {
    let mut all = Vec::new();
    for byte in (0..0x20).filter(|byte| *byte != b'\t').chain([0x7f]) {
        all.push(shot("injections", format!("{byte:#x} in a value"), &plus(&[(b"x", &[b'a', byte, b'b'])])));
        all.push(shot("injections", format!("{byte:#x} in a name"), &plus(&[(&[b'x', byte, b'b'], b"1")])));
        all.push(shot(
            "injections",
            format!("{byte:#x} in the path"),
            &with(":path", &[PATH, &[byte]].concat()),
        ));
    }
    for byte in b"\0\r\n \t\x7f/@?#\\" {
        all.push(shot(
            "injections",
            format!("{byte:#x} in the authority"),
            &with(":authority", &[b"files".as_slice(), &[*byte], b".test"].concat()),
        ));
        all.push(shot(
            "injections",
            format!("{byte:#x} in the method"),
            &with(":method", &[b'G', *byte, b'T']),
        ));
    }
    for name in [
        b" ".as_slice(),
        b"x ",
        b" x",
        b"X",
        b"x:",
        b"",
        b"x\r\nevil",
        b"transfer-encoding ",
        b"x\xe9",
        b"x\"",
        b"Content-Length",
        b"(x)",
        b"x,y",
        b"x/y",
    ] {
        all.push(shot("injections", format!("the name `{}`", name.escape_ascii()), &plus(&[(name, b"1")])));
    }
    let smuggled: &[u8] = b"x\r\n\r\nGET /m/smuggled HTTP/1.1\r\nHost: files.test\r\n\r\n";
    all.push(shot("injections", "a request in a value", &plus(&[(b"x", smuggled)])));
    all.push(shot(
        "injections",
        "a request in the path",
        &with(":path", &[PATH, b" HTTP/1.1\r\nHost: files.test\r\n\r\nGET /m/smuggled"].concat()),
    ));
    all.push(shot(
        "injections",
        "a request in the method",
        &with(":method", b"GET /m/smuggled HTTP/1.1\r\nHost: files.test\r\n\r\nGET"),
    ));
    for value in [b" a".as_slice(), b"a ", b"\ta", b"a\t", b" "] {
        // What is around a value is no part of it in HTTP/1: what was checked would not be what is read.
        all.push(shot(
            "injections",
            format!("`{}` as a value", value.escape_ascii()),
            &plus(&[(b"x-forwarded-for", value), (b"x", value)]),
        ));
    }
    all
}

fn pseudo_fields() -> Vec<Shot> {
    let mut all = Vec::new();
    for (name, value) in [
        (":method", "DELETE"),
        (":scheme", "https"),
        (":authority", "evil.test"),
        (":path", "/m/smuggled"),
        (":status", "200"),
        (":protocol", "websocket"),
        (":evil", "1"),
        (":", "1"),
    ] {
        all.push(shot(
            "pseudo fields",
            format!("{name} once more"),
            &plus(&[(name.as_bytes(), value.as_bytes())]),
        ));
        let late =
            [pairs(&[(b"x", b"y")]), head(b"GET"), pairs(&[(name.as_bytes(), value.as_bytes())])].concat();
        all.push(shot("pseudo fields", format!("{name} behind a field"), &late));
        let without: Pairs = head(b"GET").into_iter().filter(|(own, _)| own != name.as_bytes()).collect();
        if without.len() < 4 {
            all.push(shot("pseudo fields", format!("no {name}"), &without));
            all.push(shot("pseudo fields", format!("an empty {name}"), &with(name, b"")));
        }
    }
    for (authority, host) in [
        ("files.test", "evil.test"),
        ("evil.test", "files.test"),
        ("files.test", "files.test:81"),
        ("files.test:81", "files.test"),
        ("files.test", "a@files.test"),
        ("files.test", ""),
    ] {
        let mut fields = with(":authority", authority.as_bytes());
        fields.extend(pairs(&[(b"host", host.as_bytes())]));
        all.push(shot("pseudo fields", format!("{authority} against {host}"), &fields));
    }
    all.push(shot(
        "pseudo fields",
        "two hosts",
        &plus(&[(b"host", b"files.test"), (b"host", b"files.test")]),
    ));
    for scheme in [b"ftp".as_slice(), b"javascript", b"file", b"ws", b"http ", b"h\xe9"] {
        all.push(shot(
            "pseudo fields",
            format!("the scheme {}", scheme.escape_ascii()),
            &[with(":scheme", scheme), pairs(&[(b"upgrade", b"x")])].concat(),
        ));
    }
    all
}

/// RFC 9113 section 8.2.2.
fn hops() -> Vec<Shot> {
    let fields: Fields<'_> = &[
        (b"connection", b"close"),
        (b"connection", b"x"),
        (b"keep-alive", b"5"),
        (b"proxy-connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"transfer-encoding", b"identity"),
        (b"upgrade", b"h2c"),
        (b"upgrade", b"websocket"),
        (b"te", b"gzip"),
        (b"te", b"trailers, gzip"),
        (b"http2-settings", b"AAMAAABkAAQAAP__"),
        (b"expect", b"x"),
        (b"expect", b"100-continue, x"),
    ];
    fields
        .iter()
        .map(|field| {
            shot(
                "hops",
                field.0.escape_ascii().to_string() + ": " + &field.1.escape_ascii().to_string(),
                &plus(&[*field]),
            )
        })
        .collect()
}

/// RFC 9113 section 8.1.1: a length that the frames do not bear out; the rest of a body is no request.
fn lengths() -> Vec<Shot> {
    let body: &[u8] = b"GET /m/smuggled HTTP/1.1\r\nHost: files.test\r\n\r\n";
    let ends = |flags: u8| vec![data(1, flags, body)];
    let mut all: Vec<Shot> = [
        b"0".as_slice(),
        b"5",
        b"4700",
        b"+47",
        b"-1",
        b"0x2f",
        b"47, 47",
        b"47 ",
        b"4 7",
        b"",
        b"99999999999999999999",
        b"47.0",
    ]
    .iter()
    .map(|length| {
        post(
            "lengths",
            format!("`{}` for 47", length.escape_ascii()),
            &[(b"content-length", length)],
            &ends(END_STREAM),
        )
    })
    .collect();
    all.push(post(
        "lengths",
        "two that are equal",
        &[(b"content-length", b"47"), (b"content-length", b"47")],
        &ends(END_STREAM),
    ));
    all.push(post(
        "lengths",
        "two that differ",
        &[(b"content-length", b"0"), (b"content-length", b"47")],
        &ends(END_STREAM),
    ));
    all.push(post(
        "lengths",
        "and a coding",
        &[(b"content-length", b"47"), (b"transfer-encoding", b"chunked")],
        &ends(END_STREAM),
    ));
    all.push(shot("lengths", "of a body that never comes", &plus(&[(b"content-length", b"47")])));
    all
}

/// THREATS rows 10 and 11.
fn targets() -> Vec<Shot> {
    let mut all: Vec<Shot> = [
        "m/~NN~",
        "*",
        "http://files.test/m/~NN~",
        "\\m\\~NN~",
        "?/m/~NN~",
        "/m/~NN~/../x",
        "/m/~NN~/%2e%2e/x",
        "//m/~NN~",
        "/m//~NN~",
        "/m/~NN~%2fx",
        "/m/~NN~%5cx",
        "/m/~NN~/./x",
        "/m/~NN~%00",
        "/m/~NN~%0d%0a",
        "/m/~NN~%252f",
        "/m/~NN~/..;/x",
        "/m/~NN~/..%2fx",
        "/m/~NN~\u{e9}",
        "/m/~NN~?a=1;b",
        "/m/~NN~%41",
        "/%6d/~NN~",
        "/nowhere/~NN~",
        "/m/~NN~%",
        "/m/~NN~%zz",
        "/m/~NN~{x}",
        "/m/~NN~|x",
    ]
    .iter()
    .map(|path| shot("targets", *path, &with(":path", path.as_bytes())).or_clean())
    .collect();
    for method in ["CONNECT", "TRACE", "get", "PURGE", "PRI"] {
        all.push(shot("targets", method, &with(":method", method.as_bytes())));
    }
    all
}

/// THREATS rows 14, 36, 43 and 44.
fn claims() -> Vec<Shot> {
    let names = [
        "x-forwarded-for",
        "x-forwarded-host",
        "forwarded",
        "x-forwarded-user",
        "x-real-ip",
        "x-user-id",
        "x_user_id",
        "remote-user",
        "x-roles",
        "x-http-method-override",
        "x_http_method_override",
        "x-original-url",
        "x-rewrite-url",
        "x-ssl-client-verify",
        "yett-call-id",
        "proxy",
        "proxy-authorization",
        "trailer",
        "content_length",
        "x_a",
    ];
    let mut all: Vec<Shot> = names
        .iter()
        .map(|name| shot("claims", *name, &plus(&[(name.as_bytes(), b"evil")])).or_clean())
        .collect();
    for (name, value) in [
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("host", "evil.test"),
        ("authorization", "Bearer x"),
        ("x-user-id", "evil"),
        (":path", "/m/smuggled"),
    ] {
        let end = frame(
            kind::HEADERS,
            END_HEADERS | END_STREAM,
            1,
            block(&[(name.as_bytes(), value.as_bytes()), (b"x\r\n", b"")]),
        );
        all.push(post("trailers", name, &[(b"x-user-id", b"1")], &[data(1, 0, *b"a"), end]).or_clean());
    }
    all
}

/// Frames that end a connection, each with a good request behind them: it must not be served.
fn broken() -> Vec<Shot> {
    let behind = frame(
        kind::HEADERS,
        END_HEADERS | END_STREAM,
        0x7fff_fff1,
        bytes(&[head(b"GET"), pairs(&[(b"x_behind", b"1")])].concat()),
    );
    conformance::all()
        .into_iter()
        .filter(|case| matches!(case.want, Want::Connection(_)))
        .map(|case| Shot {
            class: "broken connections",
            name: format!("{} {}", case.section, case.name),
            script: [case.script, behind.clone()].concat(),
            awaited: 0x7fff_fff1,
            expect: Expect::Refused,
        })
        .collect()
}

/// Sends all, each on its connection, eight at a time.
pub(super) fn put_all(address: SocketAddr, shots: &[Shot]) -> Vec<Hostile> {
    let each: Vec<Hostile> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..8)
            .map(|lane| {
                scope.spawn(move || {
                    let own = shots.iter().enumerate().skip(lane).step_by(8);
                    own.map(|(index, shot)| (index, put(address, shot, index))).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut all: Vec<_> = lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect();
        all.sort_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, message)| message).collect()
    });
    let wrong: Vec<String> = each
        .iter()
        .filter(|message| message.expect == Expect::Passes && message.statuses != [200])
        .map(|message| format!("{}: {}: {:?}", message.class, message.name, message.statuses))
        .collect();
    assert!(wrong.is_empty(), "{} answered wrongly:\n{}", wrong.len(), wrong.join("\n"));
    each
}

fn put(address: SocketAddr, shot: &Shot, index: usize) -> Hostile {
    let outcome = two::run(address, &script(shot, index), &[shot.awaited]);
    let statuses = outcome.answers.get(&shot.awaited).copied().into_iter().collect();
    Hostile { expect: shot.expect, statuses, ..message(shot.class, shot.name.clone(), []) }
}

fn script(shot: &Shot, index: usize) -> Vec<u8> {
    super::replace(&[opening(), shot.script.clone()].concat(), PLACE, format!("{index:04}").as_bytes())
}

/// Puts every stream to a proxy that writes what the fields spell: in each class most must get through, and be judged wrong.
///
/// It reads plain literals on one stream after another, so not all of the broken connections get as far as their request.
pub(super) fn judge_naive(shots: &[Shot]) {
    let mut missed = Vec::new();
    for (class, shots) in classes(shots.iter().map(|shot| (shot.class, shot))) {
        let recorder = Recorder::start();
        let naive = Naive::start(recorder.address());
        let mut clients = Vec::new();
        for (index, shot) in shots.iter().enumerate() {
            let mut client = RawClient::connect(naive.address());
            client.send(script(shot, index)).unwrap();
            client.finish();
            clients.push(client);
            let connected = until(10, || (recorder.streams().len() > index).then_some(()));
            assert!(connected.is_some(), "{class}: {}", shot.name);
        }
        let judged = until(5, || {
            let judged =
                recorder.streams().iter().filter(|bytes| !bytes.is_empty() && is_wrong(bytes)).count();
            (judged * 2 > shots.len()).then_some(())
        });
        if judged.is_none() {
            let judged = recorder.streams().iter().filter(|bytes| is_wrong(bytes)).count();
            missed.push(format!(
                "{class}: only {judged} of {} are judged wrong behind a naive proxy",
                shots.len()
            ));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Odd streams that RFC 9113 allows.
pub(super) fn legal() -> Vec<Shot> {
    let mut all = Vec::new();
    for (name, value) in [
        ("x", "y"),
        ("x", ""),
        ("x", "a\tb"),
        ("x", "a  b"),
        ("x!#$%&'*+-.^`|~", "1"),
        ("cookie", "a=b"),
        ("te", "trailers"),
        ("accept", "*/*"),
        ("priority", "u=1"),
        ("expect", "100-continue"),
        ("content-length", "0"),
        ("user-agent", "x"),
        ("range", "bytes=0-1"),
        ("host", "files.test"),
        ("host", "FILES.test"),
        ("via", "2 x"),
        ("authorization", "Basic YTpi"),
        ("0", "1"),
    ] {
        all.push(
            shot("legal", format!("{name}: {value}"), &plus(&[(name.as_bytes(), value.as_bytes())])).passes(),
        );
    }
    for value in [b"\x80".as_slice(), b"\xff\xfe", b"a\xe9b"] {
        all.push(shot("legal", value.escape_ascii().to_string(), &plus(&[(b"x", value)])).passes());
    }
    for authority in ["FILES.TEST", "files.test.", "files.test:80", "files.test:8080"] {
        all.push(shot("legal", authority, &with(":authority", authority.as_bytes())).passes());
    }
    for path in
        ["?", "?a=b&a=c", "/%c3%a9", "/%41", "?a=1;b", "/...", "/a:b", ";v=1", "?a=%25", "/a%20b", "?a=/b?c"]
    {
        all.push(shot("legal", path, &with(":path", &[PATH, path.as_bytes()].concat())).passes());
    }
    for method in ["GET", "PUT", "PATCH", "DELETE", "POST"] {
        all.push(shot("legal", method, &with(":method", method.as_bytes())).passes());
    }
    all.push(
        shot(
            "legal",
            "crumbs of a cookie",
            &plus(&[(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"cookie", b"c=3")]),
        )
        .passes(),
    );
    all.push(
        shot("legal", "many fields of one name", &plus(&vec![(b"x".as_slice(), b"y".as_slice()); 60]))
            .passes(),
    );
    let length: Fields<'_> = &[(b"content-length", b"6")];
    let pieces = [
        data(1, 0, *b"ab"),
        data(1, 0, []),
        data(1, PADDED, [2, b'c', b'd', 0, 0]),
        data(1, END_STREAM, *b"ef"),
    ];
    all.push(post("legal", "a body in pieces", &[], &pieces).passes());
    all.push(post("legal", "a body in pieces with its length", length, &pieces).passes());
    all.push(
        post("legal", "a body without an end of its own", &[], &[data(1, 0, *b"a"), data(1, END_STREAM, [])])
            .passes(),
    );
    all.push(post("legal", "no body at all", &[], &[data(1, END_STREAM, [])]).passes());
    all.push(post("legal", "16 KiB", &[], &[data(1, END_STREAM, vec![b'x'; 16_384])]).passes());
    let trailers = frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, block(&[(b"x-sum", b"1")]));
    all.push(post("legal", "trailers", &[], &[data(1, 0, *b"a"), trailers.clone()]).passes());
    all.push(post("legal", "trailers without a body", &[], &[trailers]).passes());
    let whole = bytes(&head(b"GET"));
    let (first, rest) = whole.split_at(30);
    for (name, script) in [
        (
            "a head in two frames",
            [frame(kind::HEADERS, END_STREAM, 1, first), frame(kind::CONTINUATION, END_HEADERS, 1, rest)]
                .concat(),
        ),
        (
            "a head with padding",
            frame(
                kind::HEADERS,
                END_HEADERS | END_STREAM | PADDED,
                1,
                [vec![3], whole.clone(), vec![0; 3]].concat(),
            ),
        ),
        (
            "a head with a priority",
            frame(
                kind::HEADERS,
                END_HEADERS | END_STREAM | PRIORITY,
                1,
                [vec![0, 0, 0, 0, 1], whole.clone()].concat(),
            ),
        ),
        (
            "unknown frames before it",
            [frame(0xbe, 0, 0, [1; 9]), frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, whole.clone())]
                .concat(),
        ),
    ] {
        all.push(Shot { class: "legal", name: name.to_owned(), script, awaited: 1, expect: Expect::Passes });
    }
    all
}
