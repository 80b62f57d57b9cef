//! Passwords as they are kept: Argon2id (RFC 9106), each in one line as the PHC string format has it.
//!
//! What checking one costs is bounded when the line is read, from below so that a stolen file says little, and from above so that
//! no line makes the gateway work without an end. Nothing else than Argon2id of version 1.3 is taken.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

/// Longest password, in bytes.
pub const PASSWORD_BYTES: usize = 1_024;
/// Longest name of a user, in bytes.
pub const USER_BYTES: usize = 255;
/// Bytes of the salt of a line that is made here (RFC 9106 section 3.1).
pub const SALT_BYTES: usize = 16;

/// A parameter of the cost: its letter, the least that is taken (OWASP's Password Storage Cheat Sheet) and the most.
type Cost = (char, u32, u32);
/// KiB of memory, passes over it, and lanes.
const COSTS: [Cost; 3] = [('m', 19_456, 65_536), ('t', 2, 10), ('p', 1, 4)];
/// Bytes of a salt, and of a hash.
const SALT: (usize, usize) = (8, 64);
const HASH: (usize, usize) = (16, 64);
/// Bytes of the hash of a line that is made here.
const MADE_HASH: usize = 32;

/// Why a text is no such hash, and at which byte of it that is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoHash {
    /// From 0.
    pub at: usize,
    /// As a clause; nothing of the hash is in it.
    pub why: String,
}

/// The hash of one password.
#[derive(Clone)]
pub struct PasswordHash {
    params: Params,
    salt: Box<[u8]>,
    hash: Box<[u8]>,
    line: [u8; 32],
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// Reads `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    ///
    /// # Errors
    /// [`NoHash`].
    pub fn parse(text: &str) -> Result<Self, NoHash> {
        let mut parts = Parts { text, at: 0 };
        if !text.starts_with('$') {
            return Err(parts.wrong(other_kind(text)));
        }
        parts.part();
        match parts.part() {
            (_, Some("argon2id")) => {}
            (at, _) => return Err(NoHash { at, why: other_kind(text).to_owned() }),
        }
        match parts.part() {
            (_, Some("v=19")) => {}
            (at, _) => return Err(NoHash { at, why: "its version is not `v=19`".to_owned() }),
        }
        let params = costs(parts.part())?;
        let salt = bytes(parts.part(), "salt", SALT)?;
        let hash = bytes(parts.part(), "hash", HASH)?;
        if let (at, Some(_)) = parts.part() {
            return Err(NoHash { at, why: "something stands after the hash".to_owned() });
        }
        let [memory, passes, lanes] = params;
        let params = Params::new(memory, passes, lanes, Some(hash.len()));
        let params = params.map_err(|error| NoHash { at: 0, why: error.to_string() })?;
        let mut line = [0; 32];
        line.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Ok(Self { params, salt, hash, line })
    }

    /// Makes the line of a password by the least cost that is taken; `None` when the library will not.
    #[must_use]
    pub fn make(password: &[u8], salt: &[u8; SALT_BYTES]) -> Option<String> {
        let [(_, memory, _), (_, passes, _), (_, lanes, _)] = COSTS;
        let params = Params::new(memory, passes, lanes, Some(MADE_HASH)).ok()?;
        let mut hash = Zeroizing::new([0; MADE_HASH]);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into(password, salt, &mut *hash).ok()?;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(*hash));
        Some(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
    }

    /// One that is that of no password, and costs as much to check as one that is made here.
    #[must_use]
    pub fn of_nobody() -> Self {
        let bytes = |length| vec![0; length].into_boxed_slice();
        Self { params: Params::DEFAULT, salt: bytes(SALT_BYTES), hash: bytes(MADE_HASH), line: [0; 32] }
    }

    /// Whether it is that of a password; `None` when that cannot be told, for want of memory. Takes its memory for as long, and tens of
    /// milliseconds of a core; compares in constant time.
    #[must_use]
    pub fn is_of(&self, password: &[u8]) -> Option<bool> {
        let mut found = Zeroizing::new(vec![0; self.hash.len()]);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        argon.hash_password_into(password, &self.salt, &mut found).ok()?;
        Some(verify_slices_are_equal(&found, &self.hash).is_ok())
    }

    /// What checking it costs: KiB of memory, passes over it, and lanes.
    #[must_use]
    pub fn costs(&self) -> [u32; 3] {
        [self.params.m_cost(), self.params.t_cost(), self.params.p_cost()]
    }

    /// SHA-256 of its text: two are the same line when these are.
    #[must_use]
    pub fn line(&self) -> &[u8; 32] {
        &self.line
    }
}

/// The parts of a text between `$`, each with the byte at which it begins.
struct Parts<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parts<'t> {
    fn part(&mut self) -> (usize, Option<&'t str>) {
        let at = self.at;
        let Some(rest) = self.text.get(at..) else { return (self.text.len(), None) };
        let part = rest.split('$').next().unwrap_or_default();
        // Past the end there is no further part.
        self.at = at + part.len() + 1;
        (at, Some(part))
    }

    fn wrong(&self, why: &str) -> NoHash {
        NoHash { at: self.at, why: why.to_owned() }
    }
}

/// What a text is instead, by how it begins.
fn other_kind(text: &str) -> &'static str {
    let kinds: [(&[&str], &str); 8] = [
        (&["$argon2i$", "$argon2d$"], "it is an Argon2 hash of another type than Argon2id"),
        (&["$2a$", "$2b$", "$2x$", "$2y$"], "it is a bcrypt hash"),
        (&["$apr1$", "$1$"], "it is an MD5 hash"),
        (&["$5$", "$6$", "{SHA}", "{SSHA}"], "it is a hash of the SHA family, made for speed"),
        (&["$scrypt$", "$7$"], "it is an scrypt hash"),
        (&["$y$", "$gy$"], "it is a yescrypt hash"),
        (&["$pbkdf2", "{PBKDF2}"], "it is a PBKDF2 hash"),
        (&["$"], "it is a hash of a kind that is not known"),
    ];
    let found = kinds.iter().find(|(starts, _)| starts.iter().any(|start| text.starts_with(start)));
    // It may be a password in clear, of which nothing is said.
    found.map_or("it is no hash of a password", |(_, why)| *why)
}

/// The three parameters of the cost, in their order, each once and within its bounds.
fn costs((at, part): (usize, Option<&str>)) -> Result<[u32; 3], NoHash> {
    let mut found = [0; 3];
    let mut from = at;
    let mut given = part.unwrap_or_default().split(',');
    for (slot, (letter, least, most)) in found.iter_mut().zip(COSTS) {
        let one = given.next().unwrap_or_default();
        let digits = one.strip_prefix(letter).and_then(|rest| rest.strip_prefix('='));
        let number = digits.filter(|digits| is_number(digits)).and_then(|digits| digits.parse().ok());
        let number: Option<u32> = number.filter(|number| (least..=most).contains(number));
        let why = || format!("`{letter}` is not a number from {least} to {most}");
        *slot = number.ok_or_else(|| NoHash { at: from, why: why() })?;
        from += one.len() + 1;
    }
    match given.next() {
        None => Ok(found),
        Some(_) => Err(NoHash { at: from, why: "it has a parameter that is not taken".to_owned() }),
    }
}

/// Digits without a zero before them, as the format has numbers.
fn is_number(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
}

fn bytes(
    (at, part): (usize, Option<&str>),
    what: &str,
    (least, most): (usize, usize),
) -> Result<Box<[u8]>, NoHash> {
    let decoded = part.and_then(|part| STANDARD_NO_PAD.decode(part).ok());
    let decoded = decoded.filter(|bytes| (least..=most).contains(&bytes.len()));
    let why = || format!("its {what} is not base64 (without `=`) of {least} to {most} bytes");
    decoded.map(Vec::into_boxed_slice).ok_or_else(|| NoHash { at, why: why() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: &str = "$argon2id$v=19$m=19456,t=2,p=1";

    /// What `argon2` of the reference implementation (P-H-C/phc-winner-argon2) prints for `-id -t 2 -k 65536 -p 1` of `password` with the salt
    /// `somesalt`, as its own tests have it.
    const KNOWN: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[test]
    fn hashes_are_those_of_the_reference_implementation() {
        let known = PasswordHash::parse(KNOWN).unwrap();
        assert_eq!((known.is_of(b"password"), known.costs()), (Some(true), [65_536, 2, 1]));
        for other in [&b"passwore"[..], b"", b"password\0"] {
            assert_eq!(known.is_of(other), Some(false));
        }
        assert_eq!(format!("{known:?}"), "PasswordHash");
    }

    #[test]
    fn what_is_made_is_read_again() {
        let made = PasswordHash::make("pässword".as_bytes(), &[7; SALT_BYTES]).unwrap();
        assert!(made.starts_with(COST), "{made}");
        let read = PasswordHash::parse(&made).unwrap();
        assert_eq!(read.is_of("pässword".as_bytes()), Some(true));
        assert_eq!(read.is_of("pa\u{308}ssword".as_bytes()), Some(false), "byte for byte");
        assert_eq!(PasswordHash::of_nobody().is_of("pässword".as_bytes()), Some(false));
        let other = PasswordHash::make("pässword".as_bytes(), &[8; SALT_BYTES]).unwrap();
        assert!(made != other && read.line() != PasswordHash::parse(&other).unwrap().line());
    }

    #[test]
    fn what_is_no_such_hash_is_told_where_it_is_none() {
        let (salt, hash) = ("c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
        let with = |cost: &str| format!("$argon2id$v=19${cost}${salt}${hash}");
        let long = "A".repeat(100);
        for (text, at, why) in [
            (String::new(), 0, "no hash of a password"),
            ("hunter2".into(), 0, "no hash of a password"),
            ("$2y$10$abcdefghijklmnopqrstuv".into(), 1, "bcrypt"),
            ("$apr1$abc$def".into(), 1, "MD5"),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".into(), 0, "SHA family"),
            ("$6$abc$def".into(), 1, "SHA family"),
            ("$scrypt$ln=15,r=8,p=1$a$b".into(), 1, "scrypt"),
            ("$y$j9T$a$b".into(), 1, "yescrypt"),
            ("$pbkdf2-sha256$i=1$a$b".into(), 1, "PBKDF2"),
            (format!("$argon2i$v=19$m=65536,t=2,p=1${salt}${hash}"), 1, "another type"),
            (format!("$argon2id$v=16$m=65536,t=2,p=1${salt}${hash}"), 10, "v=19"),
            (format!("$argon2id$m=65536,t=2,p=1${salt}${hash}"), 10, "v=19"),
            (with("m=19455,t=2,p=1"), 15, "`m`"),
            (with("m=65537,t=2,p=1"), 15, "`m`"),
            (with("m=4294967296,t=2,p=1"), 15, "`m`"),
            (with("m=019456,t=2,p=1"), 15, "`m`"),
            (with("m=+19456,t=2,p=1"), 15, "`m`"),
            (with("m=19456,t=1,p=1"), 23, "`t`"),
            (with("m=19456,t=11,p=1"), 23, "`t`"),
            (with("m=19456,t=2,p=0"), 27, "`p`"),
            (with("m=19456,t=2,p=5"), 27, "`p`"),
            (with("t=2,m=19456,p=1"), 15, "`m`"),
            (with("m=19456,t=2"), 27, "`p`"),
            (with("m=19456,t=2,p=1,keyid=AA"), 31, "not taken"),
            (format!("{COST}$c29t${hash}"), 31, "salt"),
            (format!("{COST}$c29tZXNhbHQ=${hash}"), 31, "salt"),
            (format!("{COST}$c29tZXNhbHR${hash}"), 31, "salt"),
            (format!("{COST}${long}${hash}"), 31, "salt"),
            (format!("{COST}${salt}$c29tZXNhbHQ"), 43, "hash"),
            (format!("{COST}${salt}${long}"), 43, "hash"),
            (format!("{COST}${salt}$CTFh-dXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"), 43, "hash"),
            (format!("{COST}${salt}"), 42, "hash"),
            (format!("{COST}${salt}${hash}$"), 87, "after the hash"),
            (format!("{COST}${salt}${hash} "), 43, "hash"),
        ] {
            let found = PasswordHash::parse(&text).unwrap_err();
            assert!(found.at == at && found.why.contains(why), "{text}: {found:?}");
            assert!(!found.why.contains("hunter2") && !found.why.contains(hash), "{found:?}");
        }
    }
}
