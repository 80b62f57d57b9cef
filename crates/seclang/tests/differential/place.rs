//! Values in the places of a request.

use super::ftw::wire::Request;
use super::mutate::{Dice, escaped, has_type, set};

const HEADERS: [&str; 9] = [
    "User-Agent",
    "Referer",
    "Cookie",
    "X-Forwarded-For",
    "Accept",
    "Accept-Language",
    "Range",
    "X-Test",
    "Accept-Charset",
];

/// A header's value without what would end the line.
pub fn line(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect()
}

/// Puts a value somewhere into the request.
pub fn place(request: &mut Request, value: &[u8], dice: &mut Dice) {
    match dice.below(36) {
        0..=7 => query(request, value, dice),
        8..=15 => form(request, value, dice),
        16..=21 => json(request, value, dice),
        22..=26 => xml(request, value, dice),
        27..=30 => multipart(request, value, dice),
        31..=34 => {
            let name = *dice.of(&HEADERS);
            let value = line(value);
            set(request, name, &if name == "Cookie" { [b"a=", &value[..]].concat() } else { value });
        }
        _ => {
            let path = request.target.split(|byte| *byte == b'?').next().unwrap_or_default().to_vec();
            let rest = request.target[path.len()..].to_vec();
            request.target = [path, b"/".to_vec(), escaped(value, false), rest].concat();
        }
    }
}

pub fn name(dice: &mut Dice) -> &'static [u8] {
    dice.of(&["a", "q", "arg", "json.a", "%24x", "a[]", "a%20b", ""]).as_bytes()
}

pub fn query(request: &mut Request, value: &[u8], dice: &mut Dice) {
    let mark: &[u8] = if request.target.contains(&b'?') { b"&" } else { b"?" };
    let all = dice.one_in(4);
    request.target = [&request.target[..], mark, name(dice), b"=", &escaped(value, all)].concat();
}

pub fn with_body(request: &mut Request, kind: &str, body: Vec<u8>) {
    if !matches!(request.method.as_slice(), b"POST" | b"PUT") {
        request.method = b"POST".to_vec();
    }
    set(request, "Content-Type", kind.as_bytes());
    request.body = body;
}

pub fn form(request: &mut Request, value: &[u8], dice: &mut Dice) {
    let kind = "application/x-www-form-urlencoded";
    let value = if dice.one_in(8) { value.to_vec() } else { escaped(value, false) };
    let field = [name(dice), b"=", &value].concat();
    let body = match has_type(request, kind.as_bytes()) && !request.body.is_empty() {
        true => [&request.body[..], b"&", &field].concat(),
        false => field,
    };
    with_body(request, kind, body);
}

pub fn json(request: &mut Request, value: &[u8], dice: &mut Dice) {
    let text = serde_json::to_string(&String::from_utf8_lossy(value)).unwrap_or_default();
    let body = match dice.below(5) {
        0 => text,
        1 => format!("[{text},1,null,true]"),
        2 => format!("{{\"a\":{{\"b\":[{text},{{\"c\":-1.5e3}}]}}}}"),
        3 => format!("{{{text}:{text}}}"),
        _ => format!("{{\"a\":{text}}}"),
    };
    let kind = *dice.of(&["application/json", "application/json; charset=utf-8", "application/vnd.api+json"]);
    with_body(request, kind, body.into_bytes());
}

pub fn xml(request: &mut Request, value: &[u8], dice: &mut Dice) {
    let mut text = String::new();
    for c in String::from_utf8_lossy(value).chars().filter(|c| !c.is_control()) {
        match c {
            '<' => text.push_str("&lt;"),
            '&' => text.push_str("&amp;"),
            '"' => text.push_str("&quot;"),
            c => text.push(c),
        }
    }
    let body = match dice.below(4) {
        0 => format!("<?xml version=\"1.0\"?><a><b>{text}</b><c>x</c></a>"),
        1 => format!("<a b=\"{text}\"/>"),
        2 => format!("<a><![CDATA[{}]]></a>", text.replace("]]>", "")),
        _ => format!("<a xmlns=\"urn:x\">{text}<b c=\"1\">y</b>{text}</a>"),
    };
    let kind: &str = if dice.one_in(2) { "application/xml" } else { "text/xml; charset=utf-8" };
    with_body(request, kind, body.into_bytes());
}

pub fn multipart(request: &mut Request, value: &[u8], dice: &mut Dice) {
    let file = if dice.one_in(2) { "; filename=\"a.txt\"\r\nContent-Type: text/plain" } else { "" };
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"a\"{file}\r\n\r\n");
    let mut body = [head.as_bytes(), value, b"\r\n--b--\r\n"].concat();
    if dice.one_in(3) {
        let named = [b"--b\r\nContent-Disposition: form-data; name=\"", &line(value)[..], b"\"\r\n\r\nx\r\n"]
            .concat();
        body.splice(0..0, named);
    }
    with_body(request, "multipart/form-data; boundary=b", body);
}
