//! What of a client certificate is its subject (RFC 8705 section 2.1.2), and what may be one.
//!
//! A subject is compared byte for byte, by rules, limits, records and revocations. So what has two spellings, looks like another
//! one, or could be taken for a pattern names nobody: upper case where case does not count, percent-encoding, empty and dot segments,
//! letters beyond ASCII, controls, `*`. Where there are two names of a kind none of them is the subject: SPIFFE (X.509-SVID section
//! 2) forbids it, and of two the reader would choose whom to see.

use std::fmt::Write as _;

use engine::bounds::CERTIFICATE_SUBJECT;
use engine::peer::{AltName, ClientCertificate};
use spec::CertificateSubject;

/// Longest label of a host, and longest host (RFC 1035 section 2.3.4).
const LABEL: usize = 63;
const HOST: usize = 253;
/// Longest local part of a mail address (RFC 5321 section 4.5.3.1.1).
const LOCAL: usize = 64;
/// Longest common name (RFC 5280 appendix A.1, `ub-common-name`).
const COMMON_NAME: usize = 64;
/// Longest trust domain of SPIFFE (SPIFFE-ID section 2.3).
const TRUST_DOMAIN: usize = 255;

/// A kind of subject alternative names.
struct Kind {
    /// The text of one that is of the kind.
    text: fn(&AltName) -> Option<&str>,
    /// The subject that it is; `None` where it may be none.
    read: fn(&str) -> Option<String>,
    missing: &'static str,
    several: &'static str,
    wrong: &'static str,
}

const URI: Kind = Kind {
    text: |name| if let AltName::Uri(text) = name { Some(text) } else { None },
    read: |text| is_uri(text).then(|| text.to_owned()),
    missing: "it has no URI among its names",
    several: "it has more than one URI among its names",
    wrong: "the URI among its names is none that may name a caller",
};

const HOSTS: Kind = Kind {
    text: |name| if let AltName::Dns(text) = name { Some(text) } else { None },
    read: |text| is_host(text).then(|| text.to_owned()),
    missing: "it has no host among its names",
    several: "it has more than one host among its names",
    wrong: "the host among its names is none that may name a caller",
};

const MAIL: Kind = Kind {
    text: |name| if let AltName::Email(text) = name { Some(text) } else { None },
    read: mail,
    missing: "it has no mail address among its names",
    several: "it has more than one mail address among its names",
    wrong: "the mail address among its names is none that may name a caller",
};

impl Kind {
    fn is_missing(&self, shown: &ClientCertificate) -> bool {
        !shown.names.iter().any(|name| (self.text)(name).is_some())
    }

    fn only(&self, shown: &ClientCertificate) -> Result<String, &'static str> {
        let mut all = shown.names.iter().filter_map(self.text);
        match (all.next(), all.next()) {
            (None, _) => Err(self.missing),
            (Some(_), Some(_)) => Err(self.several),
            (Some(text), None) => (self.read)(text).ok_or(self.wrong),
        }
    }
}

/// The subject of a certificate; where nothing is said of its kind its only URI, and of one without a URI its only host.
///
/// # Errors
/// Why it names nobody, as a clause.
pub fn subject(shown: &ClientCertificate, kind: Option<CertificateSubject>) -> Result<String, &'static str> {
    let text = |text: &str, is_one: fn(&str) -> bool, wrong| {
        if is_one(text) { Ok(text.to_owned()) } else { Err(wrong) }
    };
    let subject = match kind {
        None if URI.is_missing(shown) && HOSTS.is_missing(shown) => {
            return Err("it has neither a URI nor a host among its names");
        }
        None if URI.is_missing(shown) => HOSTS.only(shown)?,
        None | Some(CertificateSubject::UriSan) => URI.only(shown)?,
        Some(CertificateSubject::DnsSan) => HOSTS.only(shown)?,
        Some(CertificateSubject::EmailSan) => MAIL.only(shown)?,
        Some(CertificateSubject::CommonName) => {
            let name = shown.common_name.as_deref().ok_or("its subject has not one common name")?;
            text(name, is_common_name, "its common name is none that may name a caller")?
        }
        Some(CertificateSubject::SubjectDn) => {
            text(&shown.subject, is_distinguished_name, "its subject is none that may name a caller")?
        }
        Some(CertificateSubject::Fingerprint) => hexadecimal(&shown.thumbprint),
    };
    if subject.len() <= CERTIFICATE_SUBJECT { Ok(subject) } else { Err("the name of its caller is too long") }
}

/// Whether a certificate could have this subject.
pub(super) fn is_subject(text: &str, kind: Option<CertificateSubject>) -> bool {
    text.len() <= CERTIFICATE_SUBJECT
        && match kind {
            None => is_uri(text) || is_host(text),
            Some(CertificateSubject::UriSan) => is_uri(text),
            Some(CertificateSubject::DnsSan) => is_host(text),
            Some(CertificateSubject::EmailSan) => mail(text).as_deref() == Some(text),
            Some(CertificateSubject::CommonName) => is_common_name(text),
            Some(CertificateSubject::SubjectDn) => is_distinguished_name(text),
            Some(CertificateSubject::Fingerprint) => {
                text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            }
        }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a URI (RFC 3986) has one spelling only, and is no place but a name: without query, fragment and user.
pub(super) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    let is_scheme =
        scheme.starts_with(|first: char| first.is_ascii_lowercase()) && scheme.bytes().all(in_scheme);
    if !is_scheme {
        return false;
    }
    match (rest.strip_prefix("//").map(|rest| rest.split_once('/').unwrap_or((rest, ""))), scheme) {
        (Some((domain, path)), "spiffe") => is_spiffe(domain, path),
        (None, "spiffe") => false,
        (Some((authority, path)), _) => {
            let known =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
            let whole = path.is_empty() && !text.ends_with('/') || are_segments(path);
            !authority.is_empty() && authority.bytes().all(known) && whole
        }
        (None, _) => are_segments(rest),
    }
}

/// SPIFFE-ID sections 2.1 and 2.2; one without a path is that of a trust domain, and of no caller (X.509-SVID section 5.2).
fn is_spiffe(domain: &str, path: &str) -> bool {
    let in_domain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    (1..=TRUST_DOMAIN).contains(&domain.len())
        && domain.bytes().all(in_domain)
        && path.bytes().all(in_path)
        && are_segments(path)
}

/// Segments of a path, none of which is empty or leads elsewhere, in characters that nobody writes otherwise.
fn are_segments(path: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@!$&'()+,;=/".contains(&byte);
    path.bytes().all(known) && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Whether a text in lower case is the name of one host, and not an address.
pub(super) fn is_host(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let is_label = |label: &str| {
        let edges = label.starts_with('-') || label.ends_with('-');
        (1..=LABEL).contains(&label.len()) && !edges && label.bytes().all(known)
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= HOST && text.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// A mail address with its host in lower case, for there case does not count (RFC 5280 section 7.5).
fn mail(text: &str) -> Option<String> {
    let (local, host) = text.split_once('@')?;
    // `atext` of RFC 5322 section 3.2.3, less the star.
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-/=?^_`{|}~.".contains(&byte);
    let is_local = (1..=LOCAL).contains(&local.len()) && local.bytes().all(known);
    let host = host.to_ascii_lowercase();
    let good = is_local && local.split('.').all(|atom| !atom.is_empty()) && is_host(&host);
    good.then(|| format!("{local}@{host}"))
}

/// Whether a text can be seen, and is told from all others by its look.
fn is_plain(text: &str) -> bool {
    let shown = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    shown && !text.is_empty() && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ")
}

fn is_common_name(text: &str) -> bool {
    text.len() <= COMMON_NAME && is_plain(text) && !text.contains('*')
}

/// Whether a string of RFC 4514 has no letter beyond ASCII in it. What else cannot be shown stands there as `#` and digits.
fn is_distinguished_name(text: &str) -> bool {
    is_plain(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<CertificateSubject> {
        use CertificateSubject::{CommonName, DnsSan, EmailSan, Fingerprint, SubjectDn, UriSan};
        let kinds = [UriSan, DnsSan, EmailSan, CommonName, SubjectDn, Fingerprint];
        kinds.into_iter().filter(|kind| is_subject(text, Some(*kind))).collect()
    }

    #[test]
    fn threat_16_what_is_a_uri_has_one_spelling() {
        let long = format!("spiffe://{}/a", "d".repeat(256));
        for (good, bad) in [
            ("spiffe://example.com/shop", "spiffe://example.com"),
            ("spiffe://example.com/ns/prod/sa/Shop_1", "spiffe://example.com/"),
            ("spiffe://a_b-c.example/x", "spiffe://Example.com/shop"),
            ("spiffe://example.com/a.b", "spiffe://example.com/a/../b"),
            ("spiffe://example.com/a-b", "spiffe://example.com/./a"),
            ("spiffe://example.com/a/b", "spiffe://example.com/a//b"),
            ("spiffe://example.com/ab", "spiffe://example.com/a%62"),
            ("spiffe://example.com/a", "spiffe://example.com/a/"),
            ("spiffe://example.com/b", "spiffe://example.com/b?q"),
            ("spiffe://example.com/c", "spiffe://example.com/c#f"),
            ("spiffe://example.com/d", "spiffe://user@example.com/d"),
            ("spiffe://example.com/e", "spiffe://example.com:8443/e"),
            ("spiffe://example.com/f", "SPIFFE://example.com/f"),
            ("spiffe://example.com/g", "spiffe:example.com/g"),
            ("spiffe://example.com/h", "spiffe:///h"),
            ("spiffe://example.com/i", "spiffe://example.com/i*"),
            ("spiffe://example.com/j", long.as_str()),
            ("https://client.example.com", "https://client.example.com/"),
            ("https://client.example.com:8443/a", "https://client@example.com/a"),
            ("https://client.example.com/a~b", "https://CLIENT.example.com/a~b"),
            ("https://client.example.com/c", "https:///c"),
            ("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "urn:"),
            ("tag:example.com,2026:shop", "tag:exämple.com,2026:shop"),
            ("urn:example:shop", "example"),
            ("x+1.0:shop", "1x:shop"),
        ] {
            assert!(is_uri(good), "{good}");
            assert!(!is_uri(bad), "{bad}");
        }
    }

    #[test]
    fn threat_16_hosts_mail_addresses_and_names_have_one_spelling() {
        let (label, long) = ("l".repeat(64), vec!["l".repeat(63); 4].join("."));
        for (good, bad) in [
            ("orders.example.com", "Orders.example.com"),
            ("orders", "*.example.com"),
            ("xn--bcher-kva.example", "bücher.example"),
            ("a_b.example", "a b.example"),
            ("a-b.example", "-a.example"),
            ("a.example", "a.example."),
            ("b.example", ".b.example"),
            ("c.d.example", "c..d.example"),
            ("10.0.0.1.example", "10.0.0.1"),
            ("e", ""),
            (&label[1..], label.as_str()),
            (&long[4..], long.as_str()),
        ] {
            assert!(is_host(good), "{good}");
            assert!(!is_host(bad), "{bad}");
        }
        assert_eq!(mail("Robot@EXAMPLE.com").as_deref(), Some("Robot@example.com"));
        for bad in [
            "robot",
            "@example.com",
            "robot@",
            "a@b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "\"a\"@example.com",
            "a b@example.com",
            "*@example.com",
            "robot@10.0.0.1",
            "robot@[10.0.0.1]",
            "rob\u{43e}t@example.com",
        ] {
            assert_eq!(mail(bad), None, "{bad}");
        }
        let (name, longer) = ("n".repeat(64), "n".repeat(65));
        for (good, bad) in [
            ("Partner One", "Partner  One"),
            ("Partner", " Partner"),
            ("robot-7", "robot-7 "),
            ("paypal", "p\u{430}ypal"),
            ("shop", "sh\0op"),
            ("shop.", "sh\nop"),
            ("all", "*"),
            (name.as_str(), longer.as_str()),
        ] {
            assert!(is_common_name(good), "{good}");
            assert!(!is_common_name(bad), "{bad:?}");
        }
        assert!(is_distinguished_name("CN=robot,O=Shop\\, Ltd.,C=DE"));
        for bad in ["", "CN=r\u{43e}bot,C=DE", "CN=r\u{200b}obot", "CN=a\u{202e}b"] {
            assert!(!is_distinguished_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_text_is_a_subject_of_its_kinds() {
        use CertificateSubject::{CommonName, DnsSan, EmailSan, Fingerprint, SubjectDn, UriSan};
        assert_eq!(all("spiffe://example.com/shop"), [UriSan, CommonName, SubjectDn]);
        assert_eq!(all("orders.example.com"), [DnsSan, CommonName, SubjectDn]);
        assert_eq!(all("robot@example.com"), [EmailSan, CommonName, SubjectDn]);
        assert_eq!(all(&"0f".repeat(32)), [CommonName, SubjectDn, Fingerprint]);
        assert!(all("r\u{43e}bot").is_empty() && all(&"0F".repeat(32)) == [CommonName, SubjectDn]);
        assert!(is_subject("orders.example.com", None) && is_subject("spiffe://example.com/shop", None));
        assert!(!is_subject("robot@example.com", None));
        let start = "spiffe://example.com/";
        let uri = |length: usize| format!("{start}{}", "a".repeat(length - start.len()));
        assert!(
            is_subject(&uri(CERTIFICATE_SUBJECT), None) && !is_subject(&uri(CERTIFICATE_SUBJECT + 1), None)
        );
    }
}
