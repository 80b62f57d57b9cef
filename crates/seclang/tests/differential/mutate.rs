//! Requests grown from those of the Core Rule Set's tests, the same ones for the same number.

use base64::Engine as _;

use super::ftw::corpus;
use super::ftw::wire::{self, Request};
use super::place::{json, line, multipart, place, with_body, xml};

/// SplitMix64 (Steele, Lea, Flood 2014): numbers that look random, the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// What requests are grown from.
pub struct Seeds {
    requests: Vec<Request>,
    /// Decoded values of the tests' arguments.
    values: Vec<Vec<u8>>,
}

impl Seeds {
    /// The tests' requests that a server hands to an engine.
    pub fn read() -> Seeds {
        let tests = corpus::tests();
        let stages = tests.iter().flat_map(|test| &test.stages);
        let requests: Vec<Request> = stages
            .map(|stage| wire::request(&stage.input))
            .filter(|request| wire::refused(request).is_none())
            .collect();
        let mut values: Vec<Vec<u8>> = requests.iter().flat_map(values).collect();
        values.sort();
        values.dedup();
        Seeds { requests, values }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Values of arguments.
    pub fn values(&self) -> &[Vec<u8>] {
        &self.values
    }

    /// One as the tests have it.
    pub fn plain(&self, at: usize) -> Request {
        self.requests[at].clone()
    }

    /// The request of a number.
    pub fn grown(&self, number: u64) -> Request {
        let mut dice = Dice::new(number);
        loop {
            let mut request = dice.of(&self.requests).clone();
            for _ in 0..=dice.below(3) {
                self.mutate(&mut request, &mut dice);
            }
            measure(&mut request);
            if wire::refused(&request).is_none() && request.body.len() < 200_000 {
                return request;
            }
        }
    }

    fn mutate(&self, request: &mut Request, dice: &mut Dice) {
        match dice.below(12) {
            0..=3 => {
                let value = self.value(dice);
                place(request, &value, dice);
            }
            4 | 5 => in_target(request, dice),
            6 | 7 => in_body(request, dice),
            8 | 9 => in_header(request, dice),
            10 => head(request, dice),
            _ => transport(request, dice),
        }
    }

    /// A value of some test, bent.
    fn value(&self, dice: &mut Dice) -> Vec<u8> {
        let mut value = dice.of(&self.values).clone();
        if dice.one_in(4) {
            let other = dice.of(&self.values);
            let (at, from) = (dice.below(value.len() + 1), dice.below(other.len() + 1));
            value.truncate(at);
            value.extend_from_slice(&other[from..]);
        }
        for _ in 0..dice.below(3) {
            value = bent(&value, dice);
        }
        value
    }
}

/// Values of the query and of forms, decoded once.
fn values(request: &Request) -> Vec<Vec<u8>> {
    let query = request.target.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    let form = if has_type(request, b"application/x-www-form-urlencoded") { &request.body[..] } else { b"" };
    let fields = query.split(|byte| *byte == b'&').chain(form.split(|byte| *byte == b'&'));
    let values = fields.filter_map(|field| field.splitn(2, |byte| *byte == b'=').nth(1));
    values.map(decoded).filter(|value| !value.is_empty() && value.len() < 2000).collect()
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    seclang::Transformation::UrlDecode.apply(text, &mut out);
    out
}

/// `%HH` for all but letters and digits, or for all.
pub fn escaped(value: &[u8], all: bool) -> Vec<u8> {
    let byte = |byte: &u8| match byte {
        byte if !all && byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    value.iter().map(byte).collect::<String>().into_bytes()
}

fn each(value: &[u8], change: impl Fn(u8) -> String) -> Vec<u8> {
    value.iter().map(|byte| change(*byte)).collect::<String>().into_bytes()
}

/// Bytes that mean something to somebody.
const TELLING: &[u8] = b"'\"`<>()[]{};:|&%+-*/\\^~!?@#$=,. \t\n\r\0\x0b\x7f\x80\xa0\xc3\xff01axX_";
/// Strings that mean something to transformations.
const PIECES: [&str; 18] = [
    "/**/", "/*!", "*/", "--", "<!--", "-->", "%00", "%u0027", "&#x27;", "&lt", "\\u0027", "\\x27", "../",
    "./", "//", "  ", "0x41", "\\0",
];

fn bent(value: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = value.to_vec();
    let at = dice.below(out.len() + 1);
    match dice.below(16) {
        0 => out = escaped(value, dice.one_in(2)),
        1 => out = each(value, |byte| format!("%u00{byte:02x}")),
        2 => out = each(value, |byte| format!("&#{byte};")),
        3 => out = each(value, |byte| format!("\\x{byte:02x}")),
        4 => out = each(value, |byte| format!("\\u00{byte:02x}")),
        5 => out = base64::engine::general_purpose::STANDARD.encode(value).into_bytes(),
        6 => {
            out = value
                .iter()
                .map(|byte| if dice.one_in(2) { byte ^ 0x20 } else { *byte })
                .filter(u8::is_ascii)
                .collect();
        }
        7 => out.make_ascii_uppercase(),
        8 => out.insert(at, *dice.of(TELLING)),
        9 => drop(out.splice(at..at, dice.of(&PIECES).bytes())),
        10 => out.truncate(at),
        11 => drop(out.drain(..at)),
        12 if !out.is_empty() => drop(out.remove(at.min(value.len() - 1))),
        13 => out.extend_from_within(at..),
        14 => {
            out = out
                .split(|byte| *byte == b' ')
                .collect::<Vec<_>>()
                .join(dice.of(&["/**/", "+", "\t", "\n", "%20"]).as_bytes());
        }
        _ => out.insert(at, dice.below(256) as u8),
    }
    out.truncate(4000);
    out
}

pub fn has_type(request: &Request, kind: &[u8]) -> bool {
    request
        .headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case(b"content-type") && value.starts_with(kind))
}

pub fn set(request: &mut Request, name: &str, value: &[u8]) {
    request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name.as_bytes()));
    request.headers.push((name.into(), value.to_vec()));
}

/// The length that the body has.
fn measure(request: &mut Request) {
    if !request.body.is_empty()
        || request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"content-length"))
    {
        let length = request.body.len().to_string();
        set(request, "Content-Length", length.as_bytes());
    }
}

fn in_target(request: &mut Request, dice: &mut Dice) {
    let Some(query) = request.target.iter().position(|byte| *byte == b'?') else { return };
    let (before, after) = request.target.split_at(query + 1);
    let changed = bent(&decoded(after), dice);
    let kept: Vec<u8> = each(&changed, |byte| match byte {
        b'&' | b'=' | b'.' | b'-' | b'_' | b'/' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    request.target = [before, &kept].concat();
}

fn in_body(request: &mut Request, dice: &mut Dice) {
    // What breaks a structure as a whole is seen often enough.
    let whole = has_type(request, b"multipart/")
        || has_type(request, b"application/xml")
        || has_type(request, b"text/xml");
    if !request.body.is_empty() && (!whole || dice.one_in(10)) {
        request.body = bent(&request.body.clone(), dice);
    }
}

fn in_header(request: &mut Request, dice: &mut Dice) {
    if request.headers.is_empty() {
        return;
    }
    let at = dice.below(request.headers.len());
    let (name, value) = request.headers[at].clone();
    if !name.eq_ignore_ascii_case(b"host") && !name.eq_ignore_ascii_case(b"content-length") {
        request.headers[at].1 = line(&bent(&value, dice)).trim_ascii().to_vec();
    }
}

fn head(request: &mut Request, dice: &mut Dice) {
    match dice.below(5) {
        0 => {
            request.method =
                dice.of(&["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]).as_bytes().to_vec();
        }
        1 if request.headers.len() > 1 => {
            let at = dice.below(request.headers.len());
            if !request.headers[at].0.eq_ignore_ascii_case(b"host") {
                request.headers.remove(at);
            }
        }
        2 if !request.headers.is_empty() => {
            let again = dice.of(&request.headers).clone();
            if !again.0.eq_ignore_ascii_case(b"content-length") {
                request.headers.push(again);
            }
        }
        3 => request.version = dice.of(&["HTTP/1.0", "HTTP/1.1"]).as_bytes().to_vec(),
        _ => {
            let kinds = [
                "application/x-www-form-urlencoded",
                "application/json",
                "text/xml",
                "text/plain",
                "multipart/form-data; boundary=b",
            ];
            let kind = *dice.of(&kinds);
            set(request, "Content-Type", kind.as_bytes());
        }
    }
}

/// The query goes on as a body.
fn transport(request: &mut Request, dice: &mut Dice) {
    let at = request.target.iter().position(|byte| *byte == b'?').unwrap_or(request.target.len());
    let query = request.target.get(at + 1..).unwrap_or_default().to_vec();
    let first = query.split(|byte| *byte == b'&').next().unwrap_or_default();
    let value = decoded(first.splitn(2, |byte| *byte == b'=').nth(1).unwrap_or_default());
    request.target.truncate(at);
    match dice.below(4) {
        0 => with_body(request, "application/x-www-form-urlencoded", query),
        1 => json(request, &value, dice),
        2 => xml(request, &value, dice),
        _ => multipart(request, &value, dice),
    }
}
