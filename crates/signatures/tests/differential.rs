//! Requests that another implementation signs (PyPI's `http-message-signatures`, by `tests/peers/signed.py`): the base is the same to the
//! byte, the signature verifies under its own key, and under no other.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::path::Path;
use std::process::Command;

use http::{HeaderMap, HeaderName, HeaderValue};
use signatures::{Algorithm, Key, Message, Signature, normal_authority};

const REQUESTS: &str = "300";

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap();
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap()).collect()
}

/// One request as the peer prints it.
struct Signed {
    algorithm: Algorithm,
    key: String,
    method: String,
    scheme: String,
    authority: String,
    target: String,
    headers: HeaderMap,
    base: Vec<u8>,
}

impl Signed {
    fn read(line: &str) -> Self {
        let parts: Vec<&str> = line.split('\t').collect();
        let [algorithm, key, method, scheme, authority, target, fields, base] = parts[..] else {
            panic!("{line}")
        };
        let mut headers = HeaderMap::new();
        for field in fields.split(',').map(|field| String::from_utf8(hex(field)).unwrap()) {
            let (name, value) = field.split_once(':').unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        Self {
            algorithm: Algorithm::from_name(algorithm).unwrap(),
            key: key.to_owned(),
            method: method.to_owned(),
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            target: target.to_owned(),
            headers,
            base: hex(base),
        }
    }

    fn key(&self) -> Key {
        if self.algorithm == Algorithm::HmacSha256 {
            return Key::secret(&hex(&self.key));
        }
        let pem = self.key.replace('|', "\n");
        let named = self.key.len() > 300;
        // Keys on curves say themselves which algorithm is theirs.
        let key = Key::pem(&pem, named.then_some(self.algorithm)).unwrap();
        assert_eq!(key.algorithm(), self.algorithm);
        key
    }

    fn message(&self) -> Message<'_> {
        let (path, query) = match self.target.split_once('?') {
            None => (self.target.as_str(), None),
            Some((path, query)) => (path, Some(query)),
        };
        Message {
            method: &self.method,
            scheme: &self.scheme,
            authority: normal_authority(&self.authority, self.scheme == "https"),
            path: path.into(),
            query,
            headers: &self.headers,
        }
    }
}

fn signed() -> Vec<Signed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let peers = std::env::var_os("YETT_PEERS").map_or_else(|| root.join(".peers"), Into::into);
    let mut command = Command::new(peers.join("venv/bin/python"));
    let output = command.arg(root.join("tests/peers/signed.py")).args([REQUESTS, "9421"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(Signed::read).collect()
}

#[test]
fn another_implementation_and_ours_sign_the_same_bytes() {
    let all = signed();
    let mut seen: Vec<Algorithm> = Vec::new();
    for one in &all {
        let read = Signature::read(&one.headers).unwrap().unwrap();
        let (key, mut message) = (one.key(), one.message());
        let base = read.base(&message).unwrap();
        let (ours, theirs) = (String::from_utf8_lossy(&base), String::from_utf8_lossy(&one.base));
        assert_eq!(ours, theirs, "{} {}", one.method, one.target);
        read.agrees_with(&key).unwrap();
        assert!(read.is_by(&key, &base), "{} {theirs}", one.algorithm.name());
        message.method = "PATCH";
        let changed = read.base(&message).unwrap();
        assert_eq!(read.is_by(&key, &changed), !read.covers("@method"), "{theirs}");
        if !seen.contains(&one.algorithm) {
            seen.push(one.algorithm);
        }
        let other = all.iter().find(|other| other.key != one.key).unwrap();
        assert!(!read.is_by(&other.key(), &base), "{} under another key", one.algorithm.name());
    }
    assert_eq!(seen.len(), Algorithm::ALL.len(), "{seen:?}");
}
