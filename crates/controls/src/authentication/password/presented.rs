//! Finding the user name and the password of a call: `Authorization: Basic`, once, and read in one way only (RFC 7617 section 2).
//!
//! Base64 is the standard alphabet with its padding, and nothing else: readers that take more than one spelling differ on which name
//! they read. Both parts are UTF-8, as the challenge says by its `charset`, without control characters. Nothing is normalized: whoever
//! wants `é` in two forms to be one password has to send one form (RFC 8265 tells clients which).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use credentials::{PASSWORD_BYTES, USER_BYTES};
use engine::Request;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::authentication::bearer::query_has_token;

/// Longest credentials, in characters of base64.
const ENCODED: usize = (USER_BYTES + 1 + PASSWORD_BYTES).div_ceil(3) * 4;

/// What a call presents.
#[derive(Debug)]
pub enum Presented {
    /// No password.
    Nothing,
    /// A name and a password.
    Pair(Pair),
    /// One credential that no name and password can be.
    Wrong(&'static str),
    /// More than one, or one that cannot be read.
    Malformed(&'static str),
}

/// A name and a password, wiped when dropped.
pub struct Pair {
    text: Zeroizing<Vec<u8>>,
    colon: usize,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair")
    }
}

impl Pair {
    /// The name.
    #[must_use]
    pub fn user(&self) -> &str {
        let user = self.text.get(..self.colon).unwrap_or_default();
        std::str::from_utf8(user).unwrap_or_default()
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        self.text.get(self.colon.saturating_add(1)..).unwrap_or_default()
    }
}

/// Looks for the password of a call.
#[must_use]
pub fn presented(request: &Request) -> Presented {
    let fields = || request.headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let Some(encoded) = fields().find_map(credentials) else { return Presented::Nothing };
    if fields().nth(1).is_some() {
        return Presented::Malformed("there is more than one `Authorization` header");
    }
    if request.query().is_some_and(query_has_token) {
        return Presented::Malformed("there is a token in the query beside the password");
    }
    read(encoded)
}

/// What stands after the scheme `Basic`, whose name is case-insensitive (RFC 9110 section 11.1).
fn credentials(field: &[u8]) -> Option<&[u8]> {
    let space = field.iter().position(|byte| *byte == b' ').unwrap_or(field.len());
    let (scheme, rest) = field.split_at_checked(space)?;
    scheme.eq_ignore_ascii_case(b"basic").then(|| {
        let start = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
        rest.get(start..).unwrap_or_default()
    })
}

fn read(encoded: &[u8]) -> Presented {
    if encoded.is_empty() {
        return Presented::Malformed("the `Authorization` header has no credentials");
    }
    if encoded.iter().any(|byte| matches!(byte, b',' | b' ' | b'\t')) {
        return Presented::Malformed("the `Authorization` header has more than one credential");
    }
    if encoded.len() > ENCODED {
        return Presented::Wrong("the user name or the password is too long");
    }
    let Ok(text) = STANDARD.decode(encoded).map(Zeroizing::new) else {
        return Presented::Wrong("the credentials are not base64");
    };
    let Ok(chars) = std::str::from_utf8(&text) else {
        return Presented::Wrong("the credentials are not UTF-8");
    };
    if chars.contains(char::is_control) {
        return Presented::Wrong("the credentials have a control character");
    }
    let Some(colon) = chars.find(':') else {
        return Presented::Wrong("there is no `:` between a user name and a password");
    };
    let password = text.len().saturating_sub(colon + 1);
    match (colon, password) {
        (0, _) => Presented::Wrong("the user name is empty"),
        (_, 0) => Presented::Wrong("the password is empty"),
        (user, password) if user > USER_BYTES || password > PASSWORD_BYTES => {
            Presented::Wrong("the user name or the password is too long")
        }
        _ => Presented::Pair(Pair { text, colon }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(encoded: &[u8]) -> String {
        match read(encoded) {
            Presented::Nothing => "nothing".into(),
            Presented::Pair(pair) => format!("{}|{}", pair.user(), String::from_utf8_lossy(pair.password())),
            Presented::Wrong(why) => format!("wrong: {why}"),
            Presented::Malformed(why) => format!("malformed: {why}"),
        }
    }

    #[test]
    fn a_pair_is_read_in_one_way_only() {
        let b64 = |text: &[u8]| STANDARD.encode(text);
        // RFC 7617 section 2, and its section 2.1.
        assert_eq!(said(b"QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "Aladdin|open sesame");
        assert_eq!(said(b"dGVzdDoxMjPCow=="), "test|123£");
        assert_eq!(said(b64(b"a:b:c").as_bytes()), "a|b:c");
        let (user, password) = ("u".repeat(USER_BYTES), "p".repeat(PASSWORD_BYTES));
        assert_eq!(
            said(b64(format!("{user}:{password}").as_bytes()).as_bytes()),
            format!("{user}|{password}")
        );
        for (encoded, why) in [
            (String::new(), "malformed: the `Authorization` header has no"),
            ("QWxh,QWxh".into(), "malformed: the `Authorization` header has more"),
            ("QWxhZGRpbjpvcGVuIHNlc2FtZQ".into(), "wrong: the credentials are not base64"),
            ("QWxhZGRpbjpvcGVuIHNlc2FtZR==".into(), "wrong: the credentials are not base64"),
            ("dGVzdDoxMjPCow===".into(), "wrong: the credentials are not base64"),
            ("Pz8_Oj8_Pw==".into(), "wrong: the credentials are not base64"),
            (b64(b"a:\xff"), "wrong: the credentials are not UTF-8"),
            (b64(b"a:b\0"), "wrong: the credentials have a control"),
            (b64(b"a\n:b"), "wrong: the credentials have a control"),
            (b64("a:\u{85}".as_bytes()), "wrong: the credentials have a control"),
            (b64(b"alice"), "wrong: there is no `:`"),
            (b64(b":b"), "wrong: the user name is empty"),
            (b64(b"a:"), "wrong: the password is empty"),
            (b64(format!("{user}u:b").as_bytes()), "wrong: the user name or"),
            (b64(format!("a:{password}p").as_bytes()), "wrong: the user name or"),
            (b64("x".repeat(9_000).as_bytes()), "wrong: the user name or"),
        ] {
            assert!(said(encoded.as_bytes()).starts_with(why), "{encoded}: {}", said(encoded.as_bytes()));
        }
    }
}
