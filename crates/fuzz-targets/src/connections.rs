//! What is read of a connection before its first call: headers of the PROXY protocol, certificates and revocation lists; and what is
//! read of one that went on as a WebSocket.
//!
//! The source of the first is the proxy's own: it is private there, and stays so.

use std::net::{IpAddr, SocketAddr};

use controls::authentication::certificate::names;
use engine::peer::{AltName, ClientCertificate};
use spec::CertificateSubject;
use x509::{Certificate, Name, RevocationList};

#[allow(dead_code, unreachable_pub, reason = "the proxy uses the rest")]
#[path = "../../proxy/src/listen/preamble.rs"]
mod preamble;

use preamble::{Fault, Preamble, parse};

const BOUND: usize = engine::bounds::PROXY_HEADER_BYTES;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 5) else { return };
    match selector {
        0 => header(rest, 1),
        1 => header(rest, 7),
        2 => certificate(rest),
        3 => list(rest),
        _ => crate::websocket::run(rest),
    }
}

/// However it is cut into reads a header is the same, takes nothing of what follows, and says what stands in it.
fn header(bytes: &[u8], step: usize) {
    let whole = parse(bytes, BOUND);
    assert_eq!(in_reads(bytes, step), whole, "cut into {step} bytes it reads otherwise");
    let Ok(Some(found)) = whole else { return };
    assert!(found.length <= bytes.len() && found.length <= BOUND);
    let own = &bytes[..found.length];
    assert_eq!(parse(own, BOUND), Ok(Some(found)), "it reads what follows it");
    if own.starts_with(b"PROXY ") {
        line(own, found.source);
    } else if let Some(source) = found.source {
        let octets = match source.ip() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        assert_eq!(own[16..16 + octets.len()], octets, "another address");
    }
}

/// A line of version 1 is what is written anew of what was read of it.
fn line(own: &[u8], source: Option<SocketAddr>) {
    let text = std::str::from_utf8(own).expect("a line is text");
    assert!(
        text.ends_with("\r\n")
            && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic() || b"\r\n".contains(&byte))
    );
    let Some(source) = source else {
        assert!(text.starts_with("PROXY UNKNOWN"));
        return;
    };
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    assert_eq!(words.len(), 6);
    assert_eq!(words[2].parse(), Ok(source.ip()));
    assert_eq!(words[4], source.port().to_string());
    assert_eq!(words[1], if source.is_ipv4() { "TCP4" } else { "TCP6" });
}

fn in_reads(bytes: &[u8], step: usize) -> Result<Option<Preamble>, Fault> {
    for end in (0..bytes.len()).step_by(step) {
        match parse(&bytes[..end], BOUND) {
            Ok(None) => {}
            found => return found,
        }
    }
    parse(bytes, BOUND)
}

/// Names stand in the certificate as they are told, and have no byte that could pass for their end.
fn certificate(der: &[u8]) {
    let Ok(read) = Certificate::read(der) else { return };
    caller(&read);
    for name in read.names {
        if let Name::Dns(text) | Name::Uri(text) | Name::Email(text) = name {
            assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(der.windows(text.len()).any(|window| window == text.as_bytes()), "a name was invented");
        }
    }
    let mut longer = der.to_vec();
    longer.push(0);
    assert!(Certificate::read(&longer).is_err(), "something follows it");
}

/// Whoever a certificate names has one spelling, which is no pattern, and is of the certificate.
fn caller(read: &Certificate<'_>) {
    use CertificateSubject::{CommonName, DnsSan, EmailSan, SubjectDn, UriSan};
    let (Ok(subject), Ok(common_name)) = (read.subject(), read.common_name()) else { return };
    let names = read.names.iter().map(|name| match *name {
        Name::Dns(text) => AltName::Dns(text.to_ascii_lowercase().into()),
        Name::Uri(text) => AltName::Uri(text.into()),
        Name::Email(text) => AltName::Email(text.into()),
        Name::Address(address) => AltName::Address(address),
    });
    let shown = ClientCertificate {
        chain: Vec::new(),
        thumbprint: [0; 32],
        subject: subject.into(),
        common_name: common_name.map(Box::from),
        names: names.collect(),
        begins: read.not_before,
        expires: read.not_after,
    };
    for kind in [None, Some(UriSan), Some(DnsSan), Some(EmailSan), Some(CommonName), Some(SubjectDn)] {
        let Ok(named) = names::subject(&shown, kind) else { continue };
        assert!((1..=engine::bounds::CERTIFICATE_SUBJECT).contains(&named.len()));
        assert!(named.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{named:?} is more than it looks");
        assert!(kind == Some(SubjectDn) || !named.contains('*'), "{named:?} is a pattern");
        let known = shown.names.iter().any(|name| match name {
            AltName::Dns(text) | AltName::Uri(text) => **text == *named,
            AltName::Email(text) => text.eq_ignore_ascii_case(&named),
            AltName::Address(_) => false,
        });
        let of_subject = *named == *shown.subject || common_name == Some(&*named);
        assert!(known || of_subject, "{named:?} was invented");
    }
}

fn list(der: &[u8]) {
    let Ok(read) = RevocationList::read(der) else { return };
    assert!(read.next_update < 1 << 40 && read.this_update < 1 << 40);
    assert!(RevocationList::read(&der[..der.len() - 1]).is_err(), "it is whole without its end");
}
