//! Files of users, passwords in header fields, deliveries of webhooks: each is read in one way only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use controls::authentication::password::presented::{Presented, presented};
use credentials::{Delivery, PASSWORD_BYTES, PasswordHash, USER_BYTES, WebhookKey, is_user, read_users};
use engine::Request;
use engine::call::BodyLength;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Version};

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 4) else { return };
    match selector {
        0 => users(rest),
        1 => hash(rest),
        2 => basic(rest),
        _ => delivery(rest),
    }
}

/// What is read of a file is what stands there: of each line a user or a fault.
fn users(data: &[u8]) {
    let (users, faults) = read_users(data, 100);
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    assert!(users.len() <= 100 && users.len() + faults.len() <= lines.len());
    for name in users.keys() {
        assert!(is_user(name), "{name:?}");
        let start = format!("{name}:$argon2id$");
        assert!(lines.iter().any(|line| line.starts_with(start.as_bytes())), "{name:?}");
    }
    for fault in faults {
        let line = lines.get(fault.line - 1).expect("a line of the file");
        let length = String::from_utf8_lossy(line).chars().count();
        assert!(fault.column >= 1 && fault.column <= length + 1, "{fault:?} of {length}");
    }
}

fn hash(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match PasswordHash::parse(text) {
        Ok(_) => assert!(text.starts_with("$argon2id$v=19$m=") && text.len() < 256, "{text}"),
        Err(fault) => assert!(text.is_char_boundary(fault.at), "{fault:?}"),
    }
}

/// What is taken for a name and a password is encoded to what came.
fn basic(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, value);
    let host = (Box::from("a"), Box::from("a"));
    let uri = "/".parse().expect("a target");
    let request = Request::new(Method::GET, Version::HTTP_11, uri, host, headers, BodyLength::Empty);
    let Presented::Pair(pair) = presented(&request.expect("a request")) else { return };
    let (user, password) = (pair.user(), pair.password());
    assert!((1..=USER_BYTES).contains(&user.len()) && !user.contains(':'));
    assert!((1..=PASSWORD_BYTES).contains(&password.len()));
    let encoded = STANDARD.encode([user.as_bytes(), b":", password].concat());
    assert!(data.ends_with(encoded.as_bytes()) && data[..5].eq_ignore_ascii_case(b"basic"));
    assert!(data[5..data.len() - encoded.len()].iter().all(|byte| *byte == b' '));
}

/// What is signed says whose it is: the id and the time are those that came, and no other delivery is signed by the same text.
fn delivery(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (id, at, signatures, body) = (next(), next(), next(), next());
    let Ok(read) = Delivery::read(id, at, signatures) else { return };
    assert!(read.id.as_bytes() == id && !id.contains(&b'.') && read.at.to_string().as_bytes() == at);
    let keys = [
        WebhookKey::secret(b"whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB").expect("a secret"),
        WebhookKey::public("whpk_AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=").expect("a key"),
    ];
    assert!(!read.is_by(&keys, body), "what we did not sign verifies");
}
