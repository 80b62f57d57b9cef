//! What the gateway has to read of certificates and revocation lists beside what the TLS library verifies: the names that a
//! certificate carries, when it ends, and when a list is out of date (RFC 5280).
//!
//! Signatures, chains and constraints are the TLS library's; nothing that is read here is believed before it has verified the
//! same bytes. The reader takes DER only (definite, shortest lengths), visits each byte at most once per level, and
//! allocates for lists and the text of a subject only. A name with a byte that its kind does not have, NUL above all, makes the whole certificate unreadable: no part
//! of it may pass for another (THREATS row 16).

mod der;
mod subject;
#[cfg(test)]
mod tests;
mod time;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::{
    BIT_STRING, BOOLEAN, CONTEXT_0, CONTEXT_1, CONTEXT_2, CONTEXT_3, INTEGER, OCTET_STRING, OID, Reader,
    SEQUENCE,
};

/// 2.5.29.17, `subjectAltName`.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// Most subject alternative names that are read; more make a certificate unreadable.
const NAMES: usize = 1024;
/// Longest name, in bytes; a longer one makes a certificate unreadable. Identities of SPIFFE are the longest that there are
/// (SPIFFE-ID section 2.3).
const NAME_BYTES: usize = 2048;

/// Why bytes cannot be read, as a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// A subject alternative name of a kind that we know; the others (directory names, registered ids, other names) are not
/// told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name<'a> {
    /// A host as written, perhaps with `*` for its first label.
    Dns(&'a str),
    /// A URI.
    Uri(&'a str),
    /// A mail address.
    Email(&'a str),
    /// An address.
    Address(IpAddr),
}

/// What is read of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// First second since 1970 at which it is valid.
    pub not_before: u64,
    /// Last second since 1970 at which it is valid.
    pub not_after: u64,
    /// Its subject alternative names, in their order.
    pub names: Vec<Name<'a>>,
    subject: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When it is no certificate, has bytes after its end, or a name that is not what its kind allows.
    pub fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(der);
        let mut certificate = outer.enter(SEQUENCE)?;
        outer.end()?;
        let mut body = certificate.enter(SEQUENCE)?;
        certificate.take(SEQUENCE)?;
        certificate.take(BIT_STRING)?;
        certificate.end()?;
        body.maybe(CONTEXT_0)?;
        body.take(INTEGER)?;
        // The algorithm and the issuer.
        body.take(SEQUENCE)?;
        body.take(SEQUENCE)?;
        let mut validity = body.enter(SEQUENCE)?;
        let (not_before, not_after) = (time::read(&mut validity)?, time::read(&mut validity)?);
        validity.end()?;
        let subject = body.take(SEQUENCE)?;
        // Its key.
        body.take(SEQUENCE)?;
        body.maybe(CONTEXT_1)?;
        body.maybe(CONTEXT_2)?;
        let extensions = body.maybe(CONTEXT_3)?;
        body.end()?;
        let names = extensions.map_or(Ok(Vec::new()), read_extensions)?;
        Ok(Self { not_before, not_after, names, subject })
    }

    /// Its subject as a string of RFC 4514; empty when it has none.
    ///
    /// # Errors
    /// When it is no name.
    pub fn subject(&self) -> Result<String, Malformed> {
        subject::text(self.subject)
    }

    /// The common name of its subject, when it has exactly one that is UTF-8 or printable text. What stands in it is anything that
    /// the authority lets pass.
    ///
    /// # Errors
    /// When its subject is no name.
    pub fn common_name(&self) -> Result<Option<&'a str>, Malformed> {
        subject::common_name(self.subject)
    }
}

fn read_extensions(der: &[u8]) -> Result<Vec<Name<'_>>, Malformed> {
    let mut outer = Reader::new(der);
    let mut list = outer.enter(SEQUENCE)?;
    outer.end()?;
    let mut names = None;
    while !list.is_empty() {
        let mut extension = list.enter(SEQUENCE)?;
        let id = extension.take(OID)?;
        extension.maybe(BOOLEAN)?;
        let value = extension.take(OCTET_STRING)?;
        extension.end()?;
        if id == SUBJECT_ALT_NAME && names.replace(read_names(value)?).is_some() {
            return Err(Malformed("it has two lists of names"));
        }
    }
    Ok(names.unwrap_or_default())
}

fn read_names(der: &[u8]) -> Result<Vec<Name<'_>>, Malformed> {
    let mut outer = Reader::new(der);
    let mut list = outer.enter(SEQUENCE)?;
    outer.end()?;
    let mut names = Vec::new();
    let mut count = 0;
    while !list.is_empty() {
        let (tag, value) = list.any()?;
        count += 1;
        if count > NAMES {
            return Err(Malformed("it has too many names"));
        }
        // GeneralName of RFC 5280 section 4.2.1.6, by its tags.
        match tag {
            0x81 => names.push(Name::Email(text(value)?)),
            0x82 => names.push(Name::Dns(host(value)?)),
            0x86 => names.push(Name::Uri(text(value)?)),
            0x87 => names.push(Name::Address(address(value)?)),
            // otherName, x400Address, directoryName, ediPartyName, registeredID
            0xa0 | 0xa3 | 0xa4 | 0xa5 | 0x88 => {}
            _ => return Err(Malformed("it has a name of no kind")),
        }
    }
    Ok(names)
}

/// An IA5String of which only what can be seen is taken.
fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    if bytes.len() > NAME_BYTES {
        return Err(Malformed("it has a name that is too long"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text),
        _ => Err(Malformed("it has a name with a byte that names do not have")),
    }
}

fn host(bytes: &[u8]) -> Result<&str, Malformed> {
    let host = text(bytes)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*');
    if host.bytes().all(known) && host.len() <= 255 {
        Ok(host)
    } else {
        Err(Malformed("it names a host with a byte that hosts do not have"))
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, Malformed> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes)
        .map(|sixteen| Ipv6Addr::from(sixteen).into())
        .map_err(|_| Malformed("it has an address that is neither of IPv4 nor of IPv6"))
}

/// When a revocation list was made, and until when it is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationList {
    /// Seconds since 1970.
    pub this_update: u64,
    /// Seconds since 1970; RFC 5280 section 5.1.2.5 wants it, and without it a list would be good for ever.
    pub next_update: u64,
}

impl RevocationList {
    /// Reads a list in DER.
    ///
    /// # Errors
    /// When it is no list, or does not say until when it holds.
    pub fn read(der: &[u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(der);
        let mut list = outer.enter(SEQUENCE)?;
        outer.end()?;
        let mut body = list.enter(SEQUENCE)?;
        list.take(SEQUENCE)?;
        list.take(BIT_STRING)?;
        list.end()?;
        body.maybe(INTEGER)?;
        // The algorithm and the issuer.
        body.take(SEQUENCE)?;
        body.take(SEQUENCE)?;
        let this_update = time::read(&mut body)?;
        if !time::is_next(&body) {
            return Err(Malformed("it does not say when the next one comes"));
        }
        Ok(Self { this_update, next_update: time::read(&mut body)? })
    }
}
