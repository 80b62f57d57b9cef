//! A reader of what arrives at an upstream: RFC 9112 and RFC 9110 to the letter, and what a gateway must not let through.
//!
//! Written from the RFCs alone. It shares nothing with the gateway, nor with the reader by which the recorder finds out where
//! a message ends: bytes that those two read differently are what it looks for.

use std::collections::BTreeMap;

use engine::digest::{CallDigest, OWN_FIELDS};

/// A request that arrived whole.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// The trace id that the gateway gave the call.
    pub(crate) fn trace(&self) -> Option<u128> {
        let value = String::from_utf8(self.all("traceparent").next()?.to_vec()).ok()?;
        u128::from_str_radix(value.split('-').nth(1)?, 16).ok()
    }

    /// The digest of the call as it arrived, less what the gateway writes for each connection.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut fields: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
        for (name, value) in self.fields.iter().filter(|(name, _)| !OWN_FIELDS.contains(&name.as_str())) {
            fields.entry(name).or_default().push(value);
        }
        let flat =
            fields.iter().flat_map(|(name, values)| values.iter().map(|value| (name.as_bytes(), *value)));
        let target = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut digest = CallDigest::of_parts(&self.method, target, flat);
        digest.body(&self.body);
        digest.finish()
    }
}

/// All that one connection brought.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) calls: Vec<Arrived>,
    /// What is not strict, or must not arrive.
    pub(crate) faults: Vec<String>,
    /// A message began and its connection ended before its end: nothing was called, and nothing is wrong with what came.
    pub(crate) broke_off: bool,
}

/// Why reading stops.
enum Stop {
    BrokeOff,
    Fault(String),
}

fn fault<T>(what: &str, bytes: &[u8]) -> Result<T, Stop> {
    Err(Stop::Fault(format!("{what}: `{}`", bytes[..bytes.len().min(120)].escape_ascii())))
}

/// Reads a connection to its end. `authority` is the upstream's own.
pub(crate) fn read(mut bytes: &[u8], authority: &str) -> Stream {
    let mut stream = Stream::default();
    while !bytes.is_empty() {
        match message(&mut bytes) {
            Ok(call) => {
                policy(&call, authority, &mut stream.faults);
                stream.calls.push(call);
            }
            Err(Stop::BrokeOff) => {
                stream.broke_off = true;
                break;
            }
            Err(Stop::Fault(what)) => {
                stream.faults.push(what);
                break;
            }
        }
    }
    stream
}

/// A line ends with CRLF, and neither CR nor LF is in it.
fn line<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Stop> {
    let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Err(Stop::BrokeOff);
    };
    let (own, rest) = bytes.split_at(at);
    match rest {
        [b'\r', b'\n', rest @ ..] => {
            *bytes = rest;
            Ok(own)
        }
        [b'\r'] => Err(Stop::BrokeOff),
        _ => fault("a line that does not end with CRLF", bytes),
    }
}

fn is_token(text: &[u8]) -> bool {
    let tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(tchar)
}

fn message(bytes: &mut &[u8]) -> Result<Arrived, Stop> {
    let start = line(bytes)?;
    let mut parts = start.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(b"HTTP/1.1"), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return fault("a request line", start);
    };
    if !is_token(method) {
        return fault("a method", method);
    }
    let mut fields = Vec::new();
    loop {
        let text = line(bytes)?;
        if text.is_empty() {
            break;
        }
        let Some(colon) = text.iter().position(|byte| *byte == b':').filter(|at| is_token(&text[..*at]))
        else {
            return fault("a field name", text);
        };
        let value = &text[colon + 1..];
        if value.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
            return fault("a field value", text);
        }
        let name = String::from_utf8(text[..colon].to_ascii_lowercase()).unwrap();
        let outer = |byte: &u8| matches!(byte, b' ' | b'\t');
        let from = value.iter().position(|byte| !outer(byte)).unwrap_or(value.len());
        let to = value.iter().rposition(|byte| !outer(byte)).map_or(from, |at| at + 1);
        fields.push((name, value[from..to].to_vec()));
    }
    let body = body(bytes, &fields)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Arrived { method: text(method), target: text(target), fields, body })
}

/// Section 6 of RFC 9112: one framing field, said once, in its plainest form.
fn body(bytes: &mut &[u8], fields: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Stop> {
    let all = |name: &str| -> Vec<&[u8]> {
        fields.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_slice()).collect()
    };
    match (all("content-length").as_slice(), all("transfer-encoding").as_slice()) {
        ([], []) => Ok(Vec::new()),
        ([length], [])
            if !length.is_empty() && length.len() < 16 && length.iter().all(u8::is_ascii_digit) =>
        {
            take(bytes, String::from_utf8_lossy(length).parse().unwrap())
        }
        ([], [b"chunked"]) => chunks(bytes),
        (lengths, codings) => fault("framing", &[lengths.concat(), codings.concat()].concat()),
    }
}

fn take(bytes: &mut &[u8], length: usize) -> Result<Vec<u8>, Stop> {
    let (own, rest) = bytes.split_at_checked(length).ok_or(Stop::BrokeOff)?;
    *bytes = rest;
    Ok(own.to_vec())
}

/// Section 7.1, without extensions and without trailers: the gateway writes neither.
fn chunks(bytes: &mut &[u8]) -> Result<Vec<u8>, Stop> {
    let mut body = Vec::new();
    loop {
        let digits = line(bytes)?;
        if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return fault("a chunk size", digits);
        }
        let size = usize::from_str_radix(&String::from_utf8_lossy(digits), 16).unwrap();
        if size > 0 {
            body.extend(take(bytes, size)?);
        }
        let end = line(bytes)?;
        if !end.is_empty() {
            return fault(if size > 0 { "data longer than its chunk" } else { "a trailer" }, end);
        }
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Fields that belong to one hop, change what is called, or say who calls (without those that the gateway itself tells).
const NEVER: [&str; 38] = [
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "http2-settings",
    "expect",
    "proxy",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-rewrite-url",
    "x-forwarded-user",
    "x-forwarded-prefix",
    "x-forwarded-client-cert",
    "x-forwarded-port",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "x-user-id",
    "x-user",
    "remote-user",
    "x-remote-user",
    "x-roles",
    "x-scopes",
    "x-subject",
    "x-consumer-id",
    "x-ssl-client-verify",
    "ssl-client-cert",
    "x-envoy-original-path",
    "yett-call-id",
    "x-host",
];
/// Fields that say one thing once.
const ONCE: [&str; 10] = [
    "cookie",
    "host",
    "content-length",
    "transfer-encoding",
    "traceparent",
    "content-type",
    "authorization",
    "x-forwarded-for",
    "x-forwarded-host",
    "forwarded",
];

/// What must not arrive however well it is written.
fn policy(call: &Arrived, authority: &str, faults: &mut Vec<String>) {
    let mut wrong = |what: String| faults.push(format!("{what} in {} {}", call.method, call.target));
    if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&call.method.as_str()) {
        wrong(String::from("a method of no operation"));
    }
    if let Err(what) = target(&call.target) {
        wrong(what);
    }
    if call.all("host").collect::<Vec<_>>() != [authority.as_bytes()] {
        wrong(format!("host {:?}", call.all("host").map(<[u8]>::escape_ascii).collect::<Vec<_>>()));
    }
    for (name, value) in &call.fields {
        if NEVER.contains(&name.as_str()) || name.contains('_') {
            wrong(format!("field `{name}`"));
        }
        if matches!(name.as_str(), "x-forwarded-for" | "x-forwarded-host" | "forwarded")
            && value.windows(4).any(|part| part == b"evil")
        {
            wrong(format!("`{name}` by a client"));
        }
    }
    for name in ONCE {
        if call.all(name).count() > 1 {
            wrong(format!("`{name}` more than once"));
        }
    }
    let size: usize = call.fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    if call.target.len() > 8 * 1024 || size > 33 * 1024 || call.fields.len() > 105 {
        wrong(format!("{} fields of {size} bytes, a target of {}", call.fields.len(), call.target.len()));
    }
}

/// Origin form, characters of RFC 3986 only, and one spelling of each path (RFC 3986 section 6.2.2).
fn target(target: &str) -> Result<(), String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !(path.starts_with("/m/") || path.starts_with("/j/")) {
        return Err(String::from("a path of no operation"));
    }
    let bytes = target.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let allowed = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(byte);
        if !allowed {
            return Err(format!("byte `{}` in the target", byte.escape_ascii()));
        }
        if *byte == b'%' {
            let digits = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            let digits = digits.ok_or("a broken escape")?;
            let value = u8::from_str_radix(&String::from_utf8_lossy(digits), 16).unwrap();
            let in_path = at < path.len();
            if digits.iter().any(u8::is_ascii_lowercase)
                || value.is_ascii_alphanumeric()
                || b"-._~".contains(&value)
                || (in_path && (matches!(value, b'/' | b'\\' | 0x7f) || value < 0x20))
                || value == 0
            {
                return Err(format!("the escape `%{}`", String::from_utf8_lossy(digits)));
            }
        }
    }
    if query.contains(';') {
        return Err(String::from("a semicolon in the query"));
    }
    let mut segments = path[1..].split('/').map(|segment| segment.split(';').next().unwrap());
    if segments.any(|segment| matches!(segment, "." | "..")) || path.contains("//") {
        return Err(String::from("dot segments or empty ones"));
    }
    Ok(())
}

#[test]
fn the_reader_is_strict() {
    let good = b"POST /m/1?a=%3B HTTP/1.1\r\nhost: up\r\nx:\t a \r\ncontent-length: 3\r\n\r\nabc\
                 PUT /m/2 HTTP/1.1\r\nhost: up\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let stream = read(good, "up");
    assert!(stream.faults.is_empty() && !stream.broke_off, "{stream:?}");
    assert_eq!((stream.calls.len(), stream.calls[1].body.as_slice()), (2, b"abc".as_slice()));
    let whole = |fields: &str| format!("GET /m/1 HTTP/1.1\r\nhost: up\r\n{fields}\r\n");
    let mut bad: Vec<String> = [
        "a : b\r\n",
        "a: b\n",
        "a: b\r\n c\r\n",
        "a: \0\r\n",
        "connection: x\r\n",
        "host: up\r\n",
        "x_y: 1\r\n",
        "content-length: 0\r\ncontent-length: 0\r\n",
        "content-length: +1\r\n",
        "transfer-encoding: gzip\r\n",
        "expect: x\r\n",
    ]
    .map(whole)
    .into();
    bad.extend(
        ["/m/../x", "/m//x", "/m/%41", "/m/%2f", "/m/\u{e9}", "/m/%zz", "/x", "*", "http://up/m/1", "/m/{"]
            .map(|target| format!("GET {target} HTTP/1.1\r\nhost: up\r\n\r\n")),
    );
    bad.extend(["3;x\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "0\r\nx: y\r\n\r\n", "3\nabc"].map(
        |chunks| format!("PUT /m/2 HTTP/1.1\r\nhost: up\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"),
    ));
    for text in bad {
        assert!(!read(text.as_bytes(), "up").faults.is_empty(), "{text:?}");
    }
    assert!(read(&good[..70], "up").broke_off);
}
