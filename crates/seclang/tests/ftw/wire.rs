//! From a test's input to what a server hands to the engine.

use base64::Engine as _;

use super::corpus::Input;

/// A request as a server reads it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    pub version: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice())
    }

    fn add_missing(&mut self, name: &str, value: &str) {
        if self.header(name).is_none() {
            self.headers.push((name.into(), value.into()));
        }
    }
}

/// Completes an input as go-ftw does, and reads it as a server does.
pub fn request(input: &Input) -> Request {
    let mut request = match &input.encoded_request {
        Some(encoded) => raw(encoded),
        None => described(input),
    };
    // A request line without a protocol is one of HTTP/0.9 (RFC 1945, section 4.1).
    if request.version.is_empty() {
        request.version = b"HTTP/0.9".to_vec();
    }
    // A server takes the framing of a chunked body off, and the length that it overrides (RFC 9112, section 6.3).
    if request.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(b"content-length"));
        request.body = unchunked(&request.body);
    } else if let Some(length) = request.header("content-length") {
        // A server reads no more than was announced.
        if let Some(length) =
            std::str::from_utf8(length).ok().and_then(|text| text.trim().parse::<usize>().ok())
        {
            request.body.truncate(length);
        }
    } else {
        request.body.clear();
    }
    request
}

/// The bytes that go-ftw sends.
pub fn sent(input: &Input) -> Vec<u8> {
    if let Some(encoded) = &input.encoded_request {
        return decoded(encoded);
    }
    let Request { method, target, version, headers, body } = described(input);
    let mut bytes = [method, target, version].join(&b' ').trim_ascii_end().to_vec();
    for (name, value) in headers {
        bytes.extend([&b"\r\n"[..], &name, b": ", &value].concat());
    }
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend(body);
    bytes
}

fn decoded(encoded: &str) -> Vec<u8> {
    let encoded: String = encoded.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()
}

fn described(input: &Input) -> Request {
    let text = |value: &Option<String>, default: &str| {
        value.clone().unwrap_or_else(|| default.to_owned()).into_bytes()
    };
    let data = input.data.as_deref().map(filled);
    let mut request = Request {
        method: text(&input.method, "GET"),
        target: text(&input.uri, "/"),
        version: text(&input.version, "HTTP/1.1"),
        headers: input
            .headers
            .iter()
            .map(|(name, value)| (name.clone().into(), value.clone().into()))
            .collect(),
        body: text(&data, ""),
    };
    if !request.body.is_empty() && input.autocomplete_headers {
        request.add_missing("Content-Type", "application/x-www-form-urlencoded");
        if request.header("content-type") == Some(b"application/x-www-form-urlencoded") {
            request.body = encoded(&request.body);
        }
    }
    if request.header("content-type").is_some_and(|kind| kind.starts_with(b"multipart/form-data;")) {
        request.body = String::from_utf8_lossy(&request.body).replace('\n', "\r\n").into_bytes();
    }
    if input.autocomplete_headers {
        request.add_missing("Connection", "close");
        let method = String::from_utf8_lossy(&request.method).into_owned();
        let with_body = method.starts_with("POST")
            || ["PUT", "PATCH"].iter().any(|known| method.contains(known))
            || method.ends_with("DELETE");
        if !request.body.is_empty() || with_body {
            let length = request.body.len().to_string();
            request.add_missing("Content-Length", &length);
        }
    }
    request
}

/// Fills in `{{ "x" | repeat 3 }}`, the one template that the tests use.
fn filled(data: &str) -> String {
    let Some((before, rest)) = data.split_once("{{ \"") else { return data.to_owned() };
    let filled = rest.split_once("\" | repeat ").and_then(|(text, rest)| {
        let (count, after) = rest.split_once(" }}")?;
        Some(format!("{before}{}{}", text.repeat(count.parse().ok()?), filled(after)))
    });
    filled.unwrap_or_else(|| data.to_owned())
}

/// Form data that was not encoded yet is encoded, name by name and value by value.
fn encoded(body: &[u8]) -> Vec<u8> {
    if body.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return body.to_vec();
    }
    let escape = |text: &[u8]| {
        let mut out = String::new();
        for byte in text {
            match byte {
                b' ' => out.push('+'),
                b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
                byte if byte.is_ascii_alphanumeric() => out.push(char::from(*byte)),
                byte => out += &format!("%{byte:02X}"),
            }
        }
        out
    };
    let field = |field: &[u8]| match field.iter().position(|byte| *byte == b'=') {
        Some(at) => format!("{}={}", escape(&field[..at]), escape(&field[at + 1..])),
        None => escape(field),
    };
    let mut fields: Vec<String> = body.split(|byte| *byte == b'&').map(field).collect();
    if fields.last().is_some_and(String::is_empty) {
        fields.pop();
    }
    fields.join("&").into_bytes()
}

/// A request given as bytes.
fn raw(encoded: &str) -> Request {
    let bytes = decoded(encoded);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = &bytes[..end];
    let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    let first = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let last = line.iter().rposition(|byte| *byte == b' ').unwrap_or(line.len());
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((line[..colon].to_vec(), line[colon + 1..].trim_ascii().to_vec()))
    };
    Request {
        method: line[..first].to_vec(),
        target: line.get(first + 1..last).unwrap_or_default().to_vec(),
        version: line.get(last + 1..).unwrap_or_default().to_vec(),
        headers: lines.filter_map(header).collect(),
        body,
    }
}

fn unchunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = body;
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end])
            .ok()
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { break };
        let data = rest.get(end + 2..).unwrap_or_default();
        out.extend_from_slice(&data[..size.min(data.len())]);
        rest = data.get(size + 2..).unwrap_or_default();
    }
    out
}

/// Why a strict server answers 400 before any rule runs (RFC 9112, sections 3 and 5; RFC 9110, section 7.2).
pub fn refused(request: &Request) -> Option<&'static str> {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if request.method.is_empty() || !request.method.iter().all(token) {
        return Some("the method is not a token");
    }
    if !matches!(request.version.as_slice(), b"HTTP/1.0" | b"HTTP/1.1") {
        return Some("the protocol is not HTTP/1.0 or 1.1");
    }
    let connect = request.method == b"CONNECT";
    let in_target = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%|{}".contains(byte);
    let origin = request.target.first() == Some(&b'/')
        || request.target == b"*"
        || request.target.starts_with(b"http");
    if !request.target.iter().all(in_target) || (!connect && !origin) {
        return Some("the target is malformed");
    }
    if connect && !request.target.contains(&b':') {
        return Some("the target of CONNECT has no port");
    }
    if request.headers.iter().any(|(_, value)| value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))) {
        return Some("a header has a control character");
    }
    if request
        .header("content-length")
        .is_some_and(|length| length.is_empty() || !length.iter().all(u8::is_ascii_digit))
    {
        return Some("the content length is not a number");
    }
    match request.header("host") {
        Some(host)
            if host.is_empty()
                || host.iter().any(|byte| !(byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte))) =>
        {
            Some("the host is malformed")
        }
        None if request.version == b"HTTP/1.1" => Some("there is no host"),
        _ => None,
    }
}
