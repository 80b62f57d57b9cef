//! Hostile messages of HTTP/1 that are well written: what they say is the attack.

use super::one::{JSON, get, hostile, posts};
use super::run::Hostile;

pub(super) fn all() -> Vec<Hostile> {
    [hosts, hops, overrides, identities, paths, methods, trailers, aliases]
        .iter()
        .flat_map(|class| class())
        .collect()
}

/// RFC 9112 section 3.2: one host, in the target and in the field alike.
fn hosts() -> Vec<Hostile> {
    let mut all: Vec<Hostile> = [
        "",
        "Host:\r\n",
        "Host: files.test\r\nHost: files.test\r\n",
        "Host: files.test\r\nhost: evil.test\r\n",
        "Host: evil.test\r\nHost: files.test\r\n",
        "Host: evil.test\r\n",
        "Host: files.test, evil.test\r\n",
        "Host: user@files.test\r\n",
        "Host: files.test/x\r\n",
        "Host: files.test?x\r\n",
        "Host: files.test#x\r\n",
        "Host: files.test evil\r\n",
        "Host: files.test:http\r\n",
        "Host: files.test:80:90\r\n",
        "Host: files.test:99999\r\n",
        "Host: files.test..\r\n",
        "Host: .files.test\r\n",
        "Host: files%2etest\r\n",
        "Host: [files.test]\r\n",
        "Host: [::1\r\n",
        "Host: \\files.test\r\n",
        "Host: http://files.test\r\n",
        "Host: files.test\u{e9}\r\n",
        "Host: files.test:-80\r\n",
        "Host: files.test:+80\r\n",
        "Host: *\r\n",
    ]
    .iter()
    .map(|fields| {
        hostile("hosts", fields.escape_debug().to_string(), format!("GET /m/{{N}} HTTP/1.1\r\n{fields}\r\n"))
    })
    .collect();
    for (target, host) in [
        ("http://evil.test/m/{N}", "files.test"),
        ("http://files.test/m/{N}", "evil.test"),
        ("http://files.test:81/m/{N}", "files.test"),
        ("http://files.test/m/{N}", "files.test:81"),
        ("http://user@files.test/m/{N}", "files.test"),
        ("http:///m/{N}", "files.test"),
        ("ftp://files.test/m/{N}", "files.test"),
        ("file:///m/{N}", "files.test"),
        ("http:/m/{N}", "files.test"),
        ("http://files.test:x/m/{N}", "files.test"),
        ("HTTP://evil.test/m/{N}", "files.test"),
        ("//files.test/m/{N}", "files.test"),
        ("files.test:80", "files.test"),
        ("http://[::1]/m/{N}", "files.test"),
        ("javascript:/m/{N}", "files.test"),
        ("https://evil.test/m/{N}", "files.test"),
        ("http://files.test.evil.test/m/{N}", "files.test"),
    ] {
        all.push(hostile(
            "hosts",
            format!("{target} against {host}"),
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        ));
    }
    all
}

/// RFC 9110 section 7.6.1: fields of this hop end here.
fn hops() -> Vec<Hostile> {
    [
        "Connection: keep-alive",
        "Connection: x-a\r\nX-A: 1",
        "Connection: host",
        "Connection: content-length",
        "Connection: transfer-encoding",
        "Connection: traceparent, x-forwarded-for",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "TE: gzip",
        "Trailer: x",
        "Proxy-Connection: close",
        "Proxy-Authorization: Basic YTpi",
        "Proxy-Authenticate: Basic",
        "Connection: close, close",
        "Connection:",
        "Connection: \"x\", y",
        "Proxy: http://evil.test",
        "Trailer: content-length",
    ]
    .iter()
    .map(|fields| hostile("hops", *fields, get("/m/{N}", &format!("{fields}\r\n"))).or_clean())
    .collect()
}

fn spellings(name: &str) -> [String; 3] {
    [name.to_lowercase(), name.to_uppercase(), name.replace('-', "_")]
}

/// THREATS row 36.
fn overrides() -> Vec<Hostile> {
    let names = [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Original-URL",
        "X-Original-URI",
        "X-Rewrite-URL",
        "X-Original-Method",
    ];
    names
        .iter()
        .flat_map(|name| spellings(name))
        .map(|name| {
            let value = if name.to_lowercase().contains("ur") { "/m/smuggled{N}" } else { "DELETE" };
            hostile("overrides", &name, get("/m/{N}", &format!("{name}: {value}\r\n"))).or_clean()
        })
        .collect()
}

/// THREATS rows 14 and 43.
fn identities() -> Vec<Hostile> {
    let names = [
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "Forwarded",
        "X-Forwarded-User",
        "X-Forwarded-Prefix",
        "X-Forwarded-Client-Cert",
        "X-Real-IP",
        "X-Client-IP",
        "X-User-Id",
        "Remote-User",
        "X-Remote-User",
        "X-Roles",
        "X-Scopes",
        "X-Consumer-Id",
        "X-SSL-Client-Verify",
        "Yett-Call-Id",
        "X-Envoy-Original-Path",
    ];
    names
        .iter()
        .flat_map(|name| spellings(name))
        .map(|name| hostile("identities", &name, get("/m/{N}", &format!("{name}: evil\r\n"))).or_clean())
        .collect()
}

/// THREATS row 10: one spelling of a path, or none.
fn paths() -> Vec<Hostile> {
    [
        "/m/{N}/../x",
        "/m/{N}/..",
        "/m/{N}/.",
        "/m/./{N}",
        "/./m/{N}",
        "//m/{N}",
        "/m//{N}",
        "/m/{N}//",
        "///m/{N}",
        "/m/{N}/%2e%2e/x",
        "/m/{N}/%2E%2E/x",
        "/m/{N}/.%2e/x",
        "/m/{N}/%2e./x",
        "/m/{N}%2fx",
        "/m/{N}%2Fx",
        "/m%2f{N}",
        "/m/{N}%5cx",
        "/m/{N}%5Cx",
        "/m/{N}%252fx",
        "/m/{N}%252e%252e",
        "/m/{N}%00",
        "/m/{N}%0a",
        "/m/{N}%0d%0ax",
        "/m/{N}%7f",
        "/m/{N}/..;/x",
        "/m/{N}/;/x",
        "/m/..;a=b/m/{N}",
        "/m/{N}/..%3b/x",
        "/m/{N}/%2e",
        "/x/../m/{N}",
        "/m/{N}/%2e%2e%2fx",
        "/m/{N}/..%2fx",
        "/m/{N}/..%5cx",
        "/%6d/{N}/../x",
        "/m/{N}?a=%00",
        "/m/{N}/%c0%ae%c0%ae/",
        "/m/{N}/%41",
        "/m/{N}/%7e",
        "/m/{N}%2d",
        "/m/{N}%2a%aa",
        "/m/{N}?a=1;b=2",
        "/m/{N}?%61=1",
        "/m/{N}/%25%32e",
        "/m/{N}%25%34%31",
        "/%6D/{N}",
        "/m/{N}/a%3b%2e%2e",
    ]
    .iter()
    .map(|target| hostile("paths", *target, get(target, "")).or_clean())
    .collect()
}

/// Methods that no operation has.
fn methods() -> Vec<Hostile> {
    [
        "get",
        "Get",
        "GETX",
        "TRACE",
        "PURGE",
        "PROPFIND",
        "MKCOL",
        "LOCK",
        "DEBUG",
        "HTTP",
        "X-GET",
        "GET\u{e9}",
        "G.E.T",
        "!",
        "OPTIONS0",
    ]
    .iter()
    .map(|method| {
        hostile("methods", *method, format!("{method} /m/{{N}} HTTP/1.1\r\nHost: files.test\r\n\r\n"))
    })
    .collect()
}

/// THREATS row 44: what only a head may say, said behind the body.
fn trailers() -> Vec<Hostile> {
    [
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "Host: evil.test",
        "Authorization: Bearer x",
        "X-User-Id: evil",
        "X-HTTP-Method-Override: DELETE",
        "Content-Type: text/plain",
        "Connection: close",
        "Expect: 100-continue",
        "A: b",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Forwarded-For: evil",
    ]
    .iter()
    .flat_map(|field| {
        let body = format!("c\r\n{JSON}\r\n0\r\n{field}\r\n\r\n");
        posts("Transfer-Encoding: chunked\r\n", &body)
            .map(|(api, text)| hostile("trailers", format!("{field}, {api}"), text).or_clean())
    })
    .collect()
}

/// Fields of the framing under other names: CGI makes one of `-` and `_`.
fn aliases() -> Vec<Hostile> {
    [
        "Content_Length: 0",
        "Transfer_Encoding: chunked",
        "Content_Type: text/plain",
        "Authorization_: x",
        "_Host: evil.test",
        "X_A: 1",
        "Host_: evil.test",
    ]
    .iter()
    .map(|field| {
        let text = format!(
            "POST /m/{{N}} HTTP/1.1\r\nHost: files.test\r\nContent-Length: 12\r\n{field}\r\n\r\n{JSON}"
        );
        hostile("aliases", *field, text).or_clean()
    })
    .collect()
}
