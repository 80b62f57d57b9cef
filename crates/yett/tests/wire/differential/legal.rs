//! Odd messages that RFC 9112 allows: each is answered with 200, arrives once, and arrives as it was checked.

use super::one::{JSON, get, hostile, posts};
use super::run::{Expect, Hostile};

fn legal(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Hostile {
    Hostile { expect: Expect::Passes, ..hostile("legal", name, bytes) }
}

pub(super) fn all() -> Vec<Hostile> {
    let all = [values, names, lines, targets, framings, chunks, hosts, wishes, rows]
        .iter()
        .flat_map(|class| class())
        .collect();
    super::number(all)
}

/// RFC 9110 section 5.5: visible characters, space, tab, obs-text; white space around.
fn values() -> Vec<Hostile> {
    let bytes = (0x20..0x7f).chain([b'\t', 0x80, 0xa0, 0xe9, 0xfe, 0xff]);
    let mut all: Vec<Hostile> = bytes
        .map(|byte| {
            let text =
                [b"GET /m/{N} HTTP/1.1\r\nHost: files.test\r\nX-A: b".as_slice(), &[byte], b"c\r\n\r\n"]
                    .concat();
            legal(format!("{byte:#x} in a value"), text)
        })
        .collect();
    for value in [
        "", " ", "\t", " b", "\tb", "b ", "b\t", "  b  c  ", "b\t\tc", ",", ",,", "\"a, b\"", ";", "a=b; c",
        "'", "(x)",
    ] {
        all.push(legal(
            format!("the value `{}`", value.escape_debug()),
            get("/m/{N}", &format!("X-A:{value}\r\n")),
        ));
    }
    for length in [127, 128, 255, 256, 1023, 4095, 4096, 8191, 16_384] {
        all.push(legal(
            format!("a value of {length}"),
            get("/m/{N}", &format!("X-A: {}\r\n", "b".repeat(length))),
        ));
    }
    all
}

/// RFC 9110 section 5.1: every character of a token, in every case; many fields; one name many times.
fn names() -> Vec<Hostile> {
    let mut all: Vec<Hostile> = b"!#$%&'*+-.^`|~09azAZ"
        .iter()
        .map(|byte| {
            legal(format!("{byte:#x} in a name"), get("/m/{N}", &format!("X-{}b: c\r\n", char::from(*byte))))
        })
        .collect();
    for field in [
        "x: y",
        "X: y",
        "aCCept: */*",
        "ACCEPT-ENCODING: gzip",
        "Accept:text/html",
        "Cookie: a=b; c=d",
        "User-Agent: (x) y/1",
        "Range: bytes=0-1",
        "If-Match: \"x\"",
        "Cache-Control: no-cache",
        "X-Request-Id: 1",
        "Date: x",
        "Warning: 1",
        "Referer: a",
        "Authorization: Basic YTpi",
        "Sec-Fetch-Mode: cors",
        "DNT: 1",
        "Priority: u=1",
        "Via: 1.1 x",
    ] {
        all.push(legal(field, get("/m/{N}", &format!("{field}\r\n"))));
    }
    for count in [2, 10, 50, 98] {
        all.push(legal(
            format!("{count} fields"),
            get("/m/{N}", &(0..count).map(|at| format!("A{at}: b\r\n")).collect::<String>()),
        ));
        all.push(legal(format!("a name {count} times"), get("/m/{N}", &"X-A: b\r\n".repeat(count))));
    }
    all
}

/// RFC 9112 section 3: order and case of what stands in a head.
fn lines() -> Vec<Hostile> {
    let mut all = Vec::new();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        for fields in [
            "Host: files.test\r\nA: b\r\n",
            "A: b\r\nHost: files.test\r\n",
            "hOST:files.test\r\n",
            "HOST: \t files.test \t \r\n",
        ] {
            all.push(legal(
                format!("{method} with {}", fields.escape_debug()),
                format!("{method} /m/{{N}} HTTP/1.1\r\n{fields}\r\n"),
            ));
        }
    }
    all
}

/// RFC 3986: characters and escapes that a path or a query may have; the absolute form.
fn targets() -> Vec<Hostile> {
    let mut all = Vec::new();
    for byte in b"-._~!$&'()*+,=:@" {
        all.push(legal(
            format!("{byte:#x} in the path"),
            get(&format!("/m/{{N}}x{}", char::from(*byte)), ""),
        ));
        all.push(legal(
            format!("{byte:#x} in the query"),
            get(&format!("/m/{{N}}?x={}", char::from(*byte)), ""),
        ));
    }
    for target in [
        "/m/{N}?",
        "/m/{N}?a",
        "/m/{N}?a=",
        "/m/{N}?=a",
        "/m/{N}?a=b&a=c",
        "/m/{N}?&&",
        "/m/{N}?a=/b/c",
        "/m/{N}?a=?",
        "/m/{N}?a=%2F%5C",
        "/m/{N}/%C3%A9",
        "/m/{N}/%c3%a9",
        "/m/{N}/%41%42",
        "/m/{N}/%7Euser",
        "/m/{N}/a%20b",
        "/m/{N}?a=%20",
        "/m/{N}?a=+",
        "/m/{N}?a=%26b",
        "/m/{N}?a=1;b",
        "/m/{N}/...",
        "/m/{N}/a..b",
        "/m/{N}/.a",
        "/m/{N}/a.",
        "/m/{N};v=1",
        "/m/{N}/a:b",
        "/m/{N}/@",
        "http://files.test/m/{N}",
        "http://files.test/m/{N}?a=b",
        "HTTP://FILES.test/m/{N}",
        "http://files.test:80/m/{N}",
        "/m/{N}?a=%25",
    ] {
        all.push(legal(target, get(target, "")));
    }
    for length in [100, 1_000, 4_000, 8_000] {
        all.push(legal(
            format!("a target of {length}"),
            get(&format!("/m/{{N}}/{}", "a".repeat(length)), ""),
        ));
    }
    all
}

/// RFC 9112 section 6: each framing, in each spelling that is legal.
fn framings() -> Vec<Hostile> {
    let mut all = Vec::new();
    for fields in [
        "Content-Length: 12",
        "Content-Length:12",
        "content-length: \t12 ",
        "Content-Length: 012",
        "Content-Length: 000000000012",
        "CONTENT-LENGTH: 12",
    ] {
        all.extend(
            posts(&format!("{fields}\r\n"), JSON).map(|(api, text)| legal(format!("{fields}, {api}"), text)),
        );
    }
    let chunked = format!("c\r\n{JSON}\r\n0\r\n\r\n");
    for fields in [
        "Transfer-Encoding: chunked",
        "transfer-encoding:chunked",
        "Transfer-Encoding: Chunked",
        "TRANSFER-ENCODING: CHUNKED",
        "Transfer-Encoding: \tchunked \t",
        "Transfer-Encoding: cHuNkEd",
    ] {
        all.extend(
            posts(&format!("{fields}\r\n"), &chunked)
                .map(|(api, text)| legal(format!("{fields}, {api}"), text)),
        );
    }
    for method in ["GET", "DELETE", "PUT"] {
        let text = format!("{method} /m/{{N}} HTTP/1.1\r\nHost: files.test\r\nContent-Length: 3\r\n\r\nabc");
        all.push(legal(format!("{method} with a body"), text));
        all.push(legal(
            format!("{method} with length 0"),
            format!("{method} /m/{{N}} HTTP/1.1\r\nHost: files.test\r\nContent-Length: 0\r\n\r\n"),
        ));
    }
    for length in [1, 4_095, 4_096, 16_384, 65_536, 200_000] {
        let text = format!(
            "PUT /m/{{N}} HTTP/1.1\r\nHost: files.test\r\nContent-Length: {length}\r\n\r\n{}",
            "x".repeat(length)
        );
        all.push(legal(format!("a body of {length}"), text));
    }
    all.push(legal("HTTP/1.0", "POST /m/{N} HTTP/1.0\r\nHost: files.test\r\nContent-Length: 3\r\n\r\nabc"));
    all.push(legal(
        "HTTP/1.0 kept alive",
        "GET /m/{N} HTTP/1.0\r\nHost: files.test\r\nConnection: keep-alive\r\n\r\n",
    ));
    all
}

/// RFC 9112 section 7.1: sizes in any case, with zeros before; chunks of any length; trailers.
fn chunks() -> Vec<Hostile> {
    let mut all = Vec::new();
    for body in [
        "C\r\n{\"name\":\"a\"}\r\n0\r\n\r\n",
        "0c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n",
        "000000000C\r\n{\"name\":\"a\"}\r\n000\r\n\r\n",
        "6\r\n{\"name\r\n6\r\n\":\"a\"}\r\n0\r\n\r\n",
        "1\r\n{\r\nb\r\n\"name\":\"a\"}\r\n0\r\n\r\n",
        "c\r\n{\"name\":\"a\"}\r\n0\r\nA: b\r\n\r\n",
        "c\r\n{\"name\":\"a\"}\r\n0\r\nA: b\r\nC:\r\n\r\n",
        "c\r\n{\"name\":\"a\"}\r\n0\r\nA: \u{e9}\r\n\r\n",
        "d\r\n{\"name\":\"\r\n\"\r\n1\r\n}\r\n0\r\n\r\n",
    ] {
        // CR and LF within a string are no JSON, and none of the chunks' grammar: those go where nobody reads the body.
        let only = if body.starts_with('d') { 1 } else { 2 };
        let body = body.replace("d\r\n{\"name\":\"\r\n\"", "c\r\n{\"name\":\"\r\n\"");
        all.extend(
            posts("Transfer-Encoding: chunked\r\n", &body)
                .into_iter()
                .take(only)
                .map(|(api, text)| legal(format!("{}, {api}", body.escape_debug()), text)),
        );
    }
    let each: String = (0..200).map(|_| "1\r\nx\r\n").collect();
    all.extend(
        posts("Transfer-Encoding: chunked\r\n", &format!("{each}0\r\n\r\n"))
            .into_iter()
            .take(1)
            .map(|(api, text)| legal(format!("200 chunks, {api}"), text)),
    );
    let long = "y".repeat(100_000);
    all.extend(
        posts("Transfer-Encoding: chunked\r\n", &format!("{:X}\r\n{long}\r\n0\r\n\r\n", long.len()))
            .into_iter()
            .take(1)
            .map(|(api, text)| legal(format!("one long chunk, {api}"), text)),
    );
    all
}

fn hosts() -> Vec<Hostile> {
    [
        "files.test",
        "FILES.TEST",
        "Files.Test.",
        "files.test:80",
        "files.test:8080",
        "files.test:",
        "files.test.:443",
    ]
    .iter()
    .map(|host| legal(format!("the host {host}"), format!("GET /m/{{N}} HTTP/1.1\r\nHost: {host}\r\n\r\n")))
    .collect()
}

/// What a head asks of this hop is heard here and goes no further.
fn wishes() -> Vec<Hostile> {
    let mut all: Vec<Hostile> = [
        "Connection: close",
        "Connection: keep-alive",
        "Connection: x, close",
        "TE: trailers",
        "TE: trailers, deflate;q=0.5",
        "Keep-Alive: 300",
        "Connection: TE\r\nTE: trailers",
    ]
    .iter()
    .map(|fields| legal(*fields, get("/m/{N}", &format!("{fields}\r\n"))))
    .collect();
    for expect in ["100-continue", "100-Continue", "100-CONTINUE"] {
        all.extend(
            posts(&format!("Expect: {expect}\r\nContent-Length: 12\r\n"), JSON)
                .map(|(api, text)| legal(format!("{expect}, {api}"), text)),
        );
        let chunked = format!("c\r\n{JSON}\r\n0\r\n\r\n");
        all.extend(
            posts(&format!("Expect: {expect}\r\nTransfer-Encoding: chunked\r\n"), &chunked)
                .map(|(api, text)| legal(format!("{expect} with chunks, {api}"), text)),
        );
    }
    all
}

/// Several on one connection, sent at once: each is its own.
fn rows() -> Vec<Hostile> {
    let mut all = Vec::new();
    for count in [2, 5, 20] {
        let one = String::from_utf8(get("/m/{N}", "")).unwrap();
        all.push(legal(format!("{count} in a row"), one.repeat(count)).replies(count));
        for (api, text) in posts("Content-Length: 12\r\n", JSON) {
            all.push(
                legal(
                    format!("{count} bodies in a row, {api}"),
                    String::from_utf8(text).unwrap().repeat(count),
                )
                .replies(count),
            );
        }
        for (api, text) in
            posts("Transfer-Encoding: chunked\r\n", &format!("c\r\n{JSON}\r\n0\r\nA: b\r\n\r\n"))
        {
            all.push(
                legal(
                    format!("{count} chunked in a row, {api}"),
                    String::from_utf8(text).unwrap().repeat(count),
                )
                .replies(count),
            );
        }
    }
    all
}
