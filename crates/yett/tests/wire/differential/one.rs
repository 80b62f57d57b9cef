//! Hostile messages of HTTP/1: each class takes one rule of the grammar and breaks it in every way and place that we know.

use super::one_fields;
use super::run::{Expect, Hostile};

pub(super) const JSON: &str = "{\"name\":\"a\"}";

/// One message, with its class.
pub(super) fn hostile(class: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Hostile {
    let (name, bytes) = (name.into(), bytes.into());
    Hostile { class, name, bytes, expect: Expect::Refused, replies: 1, statuses: Vec::new() }
}

impl Hostile {
    /// It may also arrive, without what makes it hostile.
    pub(super) fn or_clean(mut self) -> Self {
        self.expect = Expect::Clean;
        self
    }

    pub(super) fn replies(mut self, replies: usize) -> Self {
        self.replies = replies;
        self
    }
}

pub(super) fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: files.test\r\n{fields}\r\n").into_bytes()
}

/// To the API that passes bodies, and to the one that reads them.
pub(super) fn posts(fields: &str, body: &str) -> [(&'static str, Vec<u8>); 2] {
    let to = |path: &str, host: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{fields}\r\n{body}"
        )
        .into_bytes()
    };
    [("passed", to("/m/{N}", "files.test")), ("read", to("/j/{N}", "api.test"))]
}

pub(super) const SMUGGLED: &str = "GET /m/smuggled{N} HTTP/1.1\r\nHost: files.test\r\n\r\n";

fn shown(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

pub(super) fn all() -> Vec<Hostile> {
    let mut all = Vec::new();
    for class in [
        line_ends,
        folds,
        spaces,
        controls,
        names,
        lengths,
        codings,
        chunks,
        versions,
        expectations,
        upgrades,
        pipelines,
        beginnings,
        targets,
        bounds,
    ] {
        all.extend(class());
    }
    all.extend(one_fields::all());
    super::number(all)
}

/// RFC 9112 section 2.2: lines end with CRLF.
fn line_ends() -> Vec<Hostile> {
    let lines = ["GET /m/{N} HTTP/1.1", "Host: files.test", "A: b", ""];
    let mut all = Vec::new();
    for end in ["\n", "\r", "\r\r\n", "\n\r", "\0\r\n", "\x0b\r\n", "\x0c\r\n", "\r\n\n"] {
        for odd in 0..lines.len() {
            let mut text: String = lines
                .iter()
                .enumerate()
                .map(|(at, line)| format!("{line}{}", if at == odd { end } else { "\r\n" }))
                .collect();
            // `CR LF LF` ends a head one line early, and what is left of it is another message.
            if end == "\r\n\n" && odd == 3 {
                text = text.replacen("\r\n\r\n\n", "\r\n\n\r\n", 1);
            }
            all.push(hostile("line ends", format!("`{}` after line {odd}", shown(end.as_bytes())), text));
        }
    }
    all
}

/// RFC 9112 section 5.2: obs-fold.
fn folds() -> Vec<Hostile> {
    let mut all = Vec::new();
    for fold in ["\r\n ", "\r\n\t", "\r\n  \r\n ", "\r\n \r\n", " \r\n\t "] {
        for field in [
            "Host:{F}files.test",
            "A:{F}b",
            "A: b{F}c",
            "Content-Length:{F}0",
            "Transfer-Encoding:{F}chunked",
        ] {
            let host = if field.starts_with("Host") { "" } else { "Host: files.test\r\n" };
            let field = field.replace("{F}", fold);
            let text = format!("POST /m/{{N}} HTTP/1.1\r\n{host}{field}\r\n\r\n0\r\n\r\n");
            all.push(hostile("obs-fold", shown(field.as_bytes()), text));
        }
        let text = format!("GET /m/{{N}} HTTP/1.1{fold}A: b\r\nHost: files.test\r\n\r\n");
        all.push(hostile("obs-fold", format!("`{}` at the first field", shown(fold.as_bytes())), text));
    }
    all
}

/// RFC 9112 sections 3 and 5.1: one space each, and none before the colon.
fn spaces() -> Vec<Hostile> {
    let mut all = Vec::new();
    for space in ["  ", "\t", "\x0b", "\x0c", " \t", "\u{a0}", ""] {
        for line in [format!("GET{space}/m/{{N}} HTTP/1.1"), format!("GET /m/{{N}}{space}HTTP/1.1")] {
            all.push(hostile(
                "spaces",
                shown(line.as_bytes()),
                format!("{line}\r\nHost: files.test\r\n\r\n"),
            ));
        }
    }
    for line in [
        " GET /m/{N} HTTP/1.1",
        "GET /m/{N} HTTP/1.1 ",
        "GET /m/{N} HTTP/1.1\t",
        "GET /m/{N}",
        "GET",
        "/m/{N} HTTP/1.1",
        "GET /m/{N} x HTTP/1.1",
    ] {
        all.push(hostile("spaces", line, format!("{line}\r\nHost: files.test\r\n\r\n")));
    }
    for space in [" ", "\t", "\x0b", "  ", "\0"] {
        for name in ["A", "Content-Length", "Transfer-Encoding", "Host"] {
            let value = match name {
                "Transfer-Encoding" => "chunked",
                "Host" => "files.test",
                _ => "0",
            };
            let host = if name == "Host" { "" } else { "Host: files.test\r\n" };
            let text = format!("POST /m/{{N}} HTTP/1.1\r\n{host}{name}{space}: {value}\r\n\r\n0\r\n\r\n");
            all.push(hostile("spaces", format!("`{}` behind {name}", shown(space.as_bytes())), text));
        }
    }
    all
}

/// RFC 9110 section 5.5: no control character anywhere.
fn controls() -> Vec<Hostile> {
    let mut all = Vec::new();
    let bytes = (0..0x20).filter(|byte| !b"\t\r\n".contains(byte)).chain([0x7f]);
    for byte in bytes {
        let odd = char::from(byte);
        for (place, text) in [
            ("a value", format!("GET /m/{{N}} HTTP/1.1\r\nHost: files.test\r\nA: b{odd}c\r\n\r\n")),
            ("the end of a value", format!("GET /m/{{N}} HTTP/1.1\r\nHost: files.test\r\nA: b{odd}\r\n\r\n")),
            ("a name", format!("GET /m/{{N}} HTTP/1.1\r\nHost: files.test\r\nA{odd}: b\r\n\r\n")),
            ("the target", format!("GET /m/{{N}}{odd} HTTP/1.1\r\nHost: files.test\r\n\r\n")),
            ("the method", format!("G{odd}ET /m/{{N}} HTTP/1.1\r\nHost: files.test\r\n\r\n")),
            ("the host", format!("GET /m/{{N}} HTTP/1.1\r\nHost: files{odd}.test\r\n\r\n")),
        ] {
            all.push(hostile("controls", format!("{byte:#x} in {place}"), text));
        }
    }
    all
}

/// RFC 9110 section 5.1: a name is a token.
fn names() -> Vec<Hostile> {
    let mut all: Vec<Hostile> = b"(),/;<=>?@[\\]{}\"\x80\xa0\xff"
        .iter()
        .flat_map(|byte| {
            let field =
                |name: &[u8]| [b"GET /m/{N} HTTP/1.1\r\nHost: files.test\r\n", name, b": b\r\n\r\n"].concat();
            [
                hostile("names", format!("{byte:#x} in a name"), field(&[b'A', *byte, b'c'])),
                hostile("names", format!("{byte:#x} before a name"), field(&[*byte, b'A'])),
            ]
        })
        .collect();
    for field in [
        ": b\r\n",
        "A\r\n",
        "\r\n\r\n: b\r\n",
        "A b\r\n",
        "A b: c\r\n",
        "Transfer-Encoding\r\n",
        ":\r\n",
        "::\r\n",
    ] {
        if !field.starts_with('\r') {
            all.push(hostile("names", shown(field.as_bytes()), get("/m/{N}", field)));
        }
    }
    all
}

/// RFC 9112 section 6.2 and 6.3: one Content-Length, digits only.
fn lengths() -> Vec<Hostile> {
    let values = [
        "+12",
        "-12",
        "0x0c",
        "12.0",
        "1e1",
        "12,12",
        "12, 12",
        "12 12",
        "1 2",
        "",
        " ",
        "a",
        "12a",
        "a12",
        "\u{661}\u{662}",
        "\"12\"",
        "12;",
        "12;a=b",
        "18446744073709551628",
        "99999999999999999999999",
        "1_2",
        "'12'",
        "012x",
        "--12",
        "12\t,",
    ];
    let mut fields: Vec<String> = values.iter().map(|value| format!("Content-Length: {value}\r\n")).collect();
    for (first, second) in
        [("12", "12"), ("12", "0"), ("0", "12"), ("12", "013"), ("0", "0"), ("", "12"), ("12", "")]
    {
        fields.push(format!("Content-Length: {first}\r\nContent-Length: {second}\r\n"));
        fields.push(format!("Content-Length: {first}\r\nA: b\r\ncontent-LENGTH: {second}\r\n"));
    }
    fields
        .iter()
        .flat_map(|fields| {
            posts(fields, JSON)
                .map(|(api, text)| hostile("lengths", format!("{}, {api}", shown(fields.as_bytes())), text))
        })
        .collect()
}

/// RFC 9112 section 6.1: one Transfer-Encoding, `chunked`, and no Content-Length beside it.
fn codings() -> Vec<Hostile> {
    let mut fields: Vec<String> = [
        "xchunked",
        "chunkedx",
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ",chunked",
        "chunked;",
        "chunked;a=b",
        "\"chunked\"",
        "\x0bchunked",
        "chunked\x0b",
        "\0chunked",
        "",
        "chun ked",
        "chunk",
        "chunked chunked",
        "chunked\u{a0}",
        "trailers",
        "identity, chunked",
        "'chunked'",
        "chunked\x0c",
        "CHUNKED, identity",
    ]
    .iter()
    .map(|value| format!("Transfer-Encoding: {value}\r\n"))
    .collect();
    for (first, second) in [
        ("chunked", "chunked"),
        ("chunked", "identity"),
        ("identity", "chunked"),
        ("", "chunked"),
        ("x", "chunked"),
    ] {
        fields.push(format!("Transfer-Encoding: {first}\r\ntransfer-encoding: {second}\r\n"));
    }
    for coding in ["chunked", "Chunked", "identity", "xchunked"] {
        fields.push(format!("Content-Length: 5\r\nTransfer-Encoding: {coding}\r\n"));
        fields.push(format!("Transfer-Encoding: {coding}\r\nContent-Length: 5\r\n"));
        fields.push(format!("Transfer-Encoding: {coding}\r\nContent-Length: 500\r\n"));
    }
    let body = format!("0\r\n\r\n{SMUGGLED}");
    fields
        .iter()
        .flat_map(|fields| {
            posts(fields, &body)
                .map(|(api, text)| hostile("codings", format!("{}, {api}", shown(fields.as_bytes())), text))
        })
        .collect()
}

/// RFC 9112 section 7.1: a size in hexadecimal digits, its data, CRLF; no extensions from clients.
fn chunks() -> Vec<Hostile> {
    let sizes = [
        "",
        " c",
        "c ",
        "c\t",
        "+c",
        "-c",
        "0xc",
        "0Xc",
        "c;x",
        "c;x=y",
        "c ;x",
        "c;",
        "c\r",
        "\tc",
        "c,",
        "c.0",
        "_c",
        "g",
        "c\0",
        "1000000000000000c",
        "ffffffffffffffff",
        "8000000000000000",
        "c\x0b",
        "\u{ff43}",
        "c\"",
        "c;x=\"\r\n\"",
    ];
    let mut bodies: Vec<String> =
        sizes.iter().map(|size| format!("{size}\r\n{JSON}\r\n0\r\n\r\n{SMUGGLED}")).collect();
    for (after_size, after_data, last) in [
        ("\n", "\r\n", "0\r\n\r\n"),
        ("\r", "\r\n", "0\r\n\r\n"),
        ("\r\r\n", "\r\n", "0\r\n\r\n"),
        ("\r\n", "", "0\r\n\r\n"),
        ("\r\n", "\n", "0\r\n\r\n"),
        ("\r\n", "\r", "0\r\n\r\n"),
        ("\r\n", "XX", "0\r\n\r\n"),
        ("\r\n", "X\r\n", "0\r\n\r\n"),
        ("\r\n", "\r\n\r\n", "0\r\n\r\n"),
        ("\r\n", "\r\n", "0;x\r\n\r\n"),
        ("\r\n", "\r\n", "0 \r\n\r\n"),
        ("\r\n", "\r\n", "0\n\r\n"),
        ("\r\n", "\r\n", "0\r\n\n"),
        ("\r\n", "\r\n", "0\r\nA : b\r\n\r\n"),
        ("\r\n", "\r\n", "0\r\n A: b\r\n\r\n"),
        ("\r\n", "\r\n", "0\r\nA: \0\r\n\r\n"),
        ("\r\n", "\r\n", "0\r\n: b\r\n\r\n"),
        ("\r\n", "\r\n", "0\r\nA: b\n\r\n"),
        ("\r\n", "\r\n", "-0\r\n\r\n"),
        ("\r\n", "\r\n", "0\r\nA: b\r\r\n\r\n"),
        ("\r\n", "\r\n", "0\r\nA\r\n\r\n"),
    ] {
        bodies.push(format!("c{after_size}{JSON}{after_data}{last}{SMUGGLED}"));
    }
    bodies
        .iter()
        .flat_map(|body| {
            posts("Transfer-Encoding: chunked\r\n", body).map(|(api, text)| {
                hostile("chunks", format!("{}, {api}", shown(&body.as_bytes()[..body.len().min(40)])), text)
            })
        })
        .collect()
}

/// RFC 9112 section 2.3, and chunks in HTTP/1.0 (section 6.1).
fn versions() -> Vec<Hostile> {
    let mut all: Vec<Hostile> = [
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/2",
        "HTTP/3.0",
        "HTTP/0.9",
        "HTTP/1.1.1",
        "http/1.1",
        "Http/1.1",
        "HTTP/1.",
        "HTTP/11",
        "HTTP /1.1",
        "HTTPS/1.1",
        "HTTP/1,1",
        "HTTP/01.1",
        "HTTP/1.01",
        "HTTP/1.1x",
        "ICAP/1.0",
        "RTSP/1.0",
        "HTTP/-1.1",
        "HTTP/1.10",
    ]
    .iter()
    .map(|version| {
        hostile("versions", *version, format!("GET /m/{{N}} {version}\r\nHost: files.test\r\n\r\n"))
    })
    .collect();
    for coding in ["chunked", "identity", "gzip, chunked"] {
        for length in ["", "Content-Length: 5\r\n"] {
            let fields = format!("Host: files.test\r\nTransfer-Encoding: {coding}\r\n{length}");
            let text = format!("POST /m/{{N}} HTTP/1.0\r\n{fields}\r\n0\r\n\r\n{SMUGGLED}");
            all.push(hostile("versions", format!("{coding} {length}in HTTP/1.0"), text));
        }
    }
    all
}

/// RFC 9110 section 10.1.1.
fn expectations() -> Vec<Hostile> {
    let fields = [
        "200-ok",
        "100-continue, x",
        "x, 100-continue",
        "100-continue;x=y",
        "y 100-continue",
        "100 continue",
        "100-continued",
        "",
        "\"100-continue\"",
    ];
    let mut all: Vec<Hostile> = fields
        .iter()
        .flat_map(|value| {
            let fields = format!("Expect: {value}\r\nContent-Length: 12\r\n");
            posts(&fields, JSON).map(|(api, text)| hostile("expectations", format!("`{value}`, {api}"), text))
        })
        .collect();
    for (name, fields, body) in [
        ("with both lengths", "Content-Length: 0\r\nContent-Length: 12\r\n", JSON),
        ("with a folded length", "Content-Length:\r\n 12\r\n", JSON),
        ("with both framings", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("with a signed length", "Content-Length: +12\r\n", JSON),
    ] {
        all.extend(
            posts(&format!("Expect: 100-continue\r\n{fields}"), body)
                .map(|(api, text)| hostile("expectations", format!("{name}, {api}"), text)),
        );
    }
    all
}

/// RFC 9110 section 7.8: nothing is switched, and nothing is sent ahead of a switch.
fn upgrades() -> Vec<Hostile> {
    let websocket = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let fields = [
        format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{websocket}"),
        format!("Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n{websocket}"),
        String::from(
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        ),
        String::from("Connection: upgrade\r\nUpgrade: h2c\r\n"),
        String::from("Upgrade: h2c\r\n"),
        String::from("HTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
        String::from("Connection: upgrade\r\nUpgrade: TLS/1.0\r\n"),
        String::from("Connection: upgrade\r\nUpgrade: foo, h2c\r\n"),
        String::from("Connection: UPGRADE\r\n"),
        String::from("Connection: upgrade\r\nUpgrade:\r\n"),
    ];
    let mut all: Vec<Hostile> = fields
        .iter()
        .map(|fields| {
            let text = [get("/m/{N}", fields), SMUGGLED.as_bytes().to_vec()].concat();
            hostile("upgrades", fields.lines().last().unwrap(), text)
        })
        .collect();
    for start in
        ["CONNECT files.test:80", "CONNECT /m/{N}", "CONNECT files.test", "CONNECT http://files.test/m/{N}"]
    {
        all.push(hostile(
            "upgrades",
            start,
            format!("{start} HTTP/1.1\r\nHost: files.test:80\r\n\r\n{SMUGGLED}"),
        ));
    }
    all
}

/// What follows a message that was refused, or whose end is in doubt, is no request.
fn pipelines() -> Vec<Hostile> {
    let length = |text: &str| format!("Content-Length: {}\r\n", text.replace("{N}", "000").len());
    // Bodies that are requests; their length does not change with the number of the message.
    let inner = "GET /m/smuggled HTTP/1.1\r\nHost: files.test\r\n\r\n";
    let mut all = Vec::new();
    for (name, start, fields) in [
        ("404", "POST /nowhere/{N}", "Host: files.test\r\n"),
        ("405", "FOO /m/{N}", "Host: files.test\r\n"),
        ("421", "POST /m/{N}", "Host: evil.test\r\n"),
        ("415", "POST /j/{N}", "Host: api.test\r\nContent-Type: text/plain\r\n"),
        ("417", "POST /m/{N}", "Host: files.test\r\nExpect: x\r\n"),
        ("an invalid body", "POST /j/{N}", "Host: api.test\r\nContent-Type: application/json\r\n"),
        ("a dot segment", "POST /m/../{N}", "Host: files.test\r\n"),
    ] {
        all.push(hostile(
            "pipelines",
            format!("{name} with a length"),
            format!("{start} HTTP/1.1\r\n{fields}{}\r\n{inner}", length(inner)),
        ));
        let chunk = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
        all.push(hostile(
            "pipelines",
            format!("{name} with chunks"),
            format!("{start} HTTP/1.1\r\n{fields}Transfer-Encoding: chunked\r\n\r\n{chunk}"),
        ));
        let more = format!("{start} HTTP/1.1\r\n{fields}Content-Length: 100000\r\n\r\n{inner}");
        all.push(hostile("pipelines", format!("{name}, cut off"), more));
    }
    for (name, text) in [
        (
            "two in a row, the first bad",
            format!("GET /m/{{N}} HTTP/1.1\r\nHost : files.test\r\n\r\n{SMUGGLED}"),
        ),
        ("behind HTTP/1.0", format!("GET /nowhere/{{N}} HTTP/1.0\r\nHost: files.test\r\n\r\n{SMUGGLED}")),
        (
            "behind close",
            format!("GET /nowhere/{{N}} HTTP/1.1\r\nHost: files.test\r\nConnection: close\r\n\r\n{SMUGGLED}"),
        ),
        (
            "behind close among others",
            format!(
                "GET /nowhere/{{N}} HTTP/1.1\r\nHost: files.test\r\nConnection: keep-alive, CLOSE\r\n\r\n{SMUGGLED}"
            ),
        ),
    ] {
        all.push(hostile("pipelines", name, text).replies(2));
    }
    all
}

/// What stands before a request line, and what is no HTTP at all.
fn beginnings() -> Vec<Hostile> {
    let good = String::from_utf8(get("/m/{N}", "")).unwrap();
    let mut all: Vec<Hostile> = [
        "\r\n",
        "\n",
        "\r",
        " ",
        "\t",
        "\0",
        "\u{feff}",
        "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "x",
        "0\r\n\r\n",
    ]
    .iter()
    .map(|before| hostile("beginnings", shown(before.as_bytes()), format!("{before}{good}")))
    .collect();
    for other in [
        "EHLO files.test\r\n",
        "SSH-2.0-x\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "{\"a\":1}\r\n\r\n",
        "<a/>\r\n\r\n",
    ] {
        all.push(hostile("beginnings", shown(other.as_bytes()), format!("{other}{good}")));
    }
    all.push(hostile(
        "beginnings",
        "a ClientHello",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n".to_vec(),
    ));
    all
}

/// RFC 9112 section 3.2 and RFC 3986: bytes that no target has.
fn targets() -> Vec<Hostile> {
    let mut all = Vec::new();
    for byte in b"\"<>\\^`{|}\x80\xc3\xff" {
        for place in ["/m/{N}@", "/m/{N}?a=@", "/m/{N}?@"] {
            let (before, after) = place.split_once('@').unwrap();
            let text = [
                b"GET ",
                before.as_bytes(),
                &[*byte],
                after.as_bytes(),
                b" HTTP/1.1\r\nHost: files.test\r\n\r\n",
            ]
            .concat();
            all.push(hostile("targets", format!("{byte:#x} in {place}"), text).or_clean());
        }
    }
    for target in [
        "/m/{N}#",
        "/m/{N}#a",
        "/m/{N}?a#b",
        "#/m/{N}",
        "m/{N}",
        "*",
        "?/m/{N}",
        "/m/{N}%",
        "/m/{N}%2",
        "/m/{N}%zz",
        "/m/{N}%%41",
        "/m/{N}%u002f",
    ] {
        all.push(hostile("targets", target, get(target, "")));
    }
    all
}

/// Longer and more than the bounds.
fn bounds() -> Vec<Hostile> {
    let long = "a".repeat(9 * 1024);
    let fields = |count: usize, width: usize| -> String {
        (0..count).map(|at| format!("A{at}: {}\r\n", "b".repeat(width))).collect()
    };
    vec![
        hostile("bounds", "a path of 9 KiB", get(&format!("/m/{{N}}/{long}"), "")),
        hostile("bounds", "a query of 9 KiB", get(&format!("/m/{{N}}?{long}"), "")),
        hostile("bounds", "101 fields", get("/m/{N}", &fields(106, 1))),
        hostile("bounds", "1,000 fields", get("/m/{N}", &fields(1_000, 1))),
        hostile("bounds", "a field of 40 KiB", get("/m/{N}", &fields(1, 40 * 1024))),
        hostile("bounds", "40 fields of 1 KiB", get("/m/{N}", &fields(40, 1024))),
        hostile("bounds", "a field of 1 MiB", get("/m/{N}", &fields(1, 1024 * 1024))),
    ]
}
