//! Certificates that rcgen makes, and what becomes of them when a byte is another one.

use std::net::IpAddr;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};

use crate::{Certificate, Malformed, Name, RevocationList};

fn ia5(text: &str) -> Ia5String {
    text.try_into().unwrap()
}

fn named(names: Vec<SanType>) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2024, 2, 29);
    params.not_after = date_time_ymd(2051, 1, 1);
    params.subject_alt_names = names;
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn names_and_validity_are_read() {
    let der = named(vec![
        SanType::DnsName(ia5("*.Example.com")),
        SanType::URI(ia5("spiffe://example.com/orders")),
        SanType::Rfc822Name(ia5("a@example.com")),
        SanType::IpAddress("10.0.0.1".parse().unwrap()),
        SanType::IpAddress("::1".parse().unwrap()),
        SanType::OtherName((vec![1, 3, 6, 1, 4], "x".into())),
    ]);
    let read = Certificate::read(&der).unwrap();
    assert_eq!((read.not_before, read.not_after), (1_709_164_800, 2_556_144_000));
    let address = |text: &str| Name::Address(text.parse::<IpAddr>().unwrap());
    let expected = [
        Name::Dns("*.Example.com"),
        Name::Uri("spiffe://example.com/orders"),
        Name::Email("a@example.com"),
        address("10.0.0.1"),
        address("::1"),
    ];
    assert_eq!(read.names, expected);
    assert_eq!(Certificate::read(&named(vec![])).unwrap().names, []);
}

#[test]
fn subjects_are_text_that_no_other_has() {
    use rcgen::{DistinguishedName, DnType, DnValue};
    let of = |parts: &[(DnType, DnValue)]| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        parts.iter().for_each(|(kind, value)| params.distinguished_name.push(kind.clone(), value.clone()));
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        Certificate::read(&der).unwrap().subject().unwrap()
    };
    let text = |text: &str| DnValue::Utf8String(text.into());
    let name = |value: &str| of(&[(DnType::CommonName, text(value))]);
    assert_eq!(of(&[]), "");
    let whole = [
        (DnType::CountryName, DnValue::PrintableString("DE".try_into().unwrap())),
        (DnType::OrganizationName, text("Shop, Ltd.")),
        (DnType::CommonName, text("Ünit + 1")),
    ];
    assert_eq!(of(&whole), "CN=Ünit \\+ 1,O=Shop\\, Ltd.,C=DE");
    for (value, shown) in [
        ("a,O=Evil", "CN=a\\,O\\=Evil"),
        (" a ", "CN=\\ a\\ "),
        ("#a", "CN=\\#a"),
        ("a\\b\"<>;", "CN=a\\\\b\\\"\\<\\>\\;"),
        ("a\nb", "CN=#0c03610a62"),
        ("a\0b", "CN=#0c03610062"),
    ] {
        assert_eq!(name(value), shown, "{value:?}");
    }
    let own = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 311, 7]);
    assert_eq!(of(&[(own, text("x"))]), "1.3.6.1.4.1.311.7=#0c0178");
}

#[test]
fn threat_16_a_common_name_is_the_only_one_and_text() {
    use rcgen::{DistinguishedName, DnType, DnValue};
    let of = |parts: Vec<(DnType, DnValue)>| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        parts.into_iter().for_each(|(kind, value)| params.distinguished_name.push(kind, value));
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        Certificate::read(&der).unwrap().common_name().unwrap().map(str::to_owned)
    };
    let text = |text: &str| DnValue::Utf8String(text.into());
    // The same attribute by another name of the library's, so that it stands there twice.
    let again = DnType::CustomDnType(vec![2, 5, 4, 3]);
    let organization = (DnType::OrganizationName, text("robot"));
    assert_eq!(of(vec![(DnType::CommonName, text("robot"))]).as_deref(), Some("robot"));
    let printable = DnValue::PrintableString("robot 1".try_into().unwrap());
    assert_eq!(of(vec![organization.clone(), (DnType::CommonName, printable)]).as_deref(), Some("robot 1"));
    assert_eq!(of(vec![(DnType::CommonName, text("a")), (again, text("b"))]), None);
    let wide = DnValue::BmpString("robot".try_into().unwrap());
    assert_eq!(of(vec![(DnType::CommonName, wide)]), None, "in an alphabet that is not read");
    assert_eq!(of(vec![organization]), None);
    assert_eq!(of(vec![]), None);
}

#[test]
fn threat_16_a_name_is_bounded() {
    let uri = |length: usize| {
        let start = "spiffe://example.com/";
        named(vec![SanType::URI(ia5(&format!("{start}{}", "a".repeat(length - start.len()))))])
    };
    assert_eq!(Certificate::read(&uri(2048)).unwrap().names.len(), 1);
    assert_eq!(Certificate::read(&uri(2049)), Err(Malformed("it has a name that is too long")));
}

/// Where `needle` stands, once.
fn at(der: &[u8], needle: &[u8]) -> usize {
    der.windows(needle.len()).position(|window| window == needle).unwrap()
}

#[test]
fn threat_16_a_name_with_a_nul_makes_the_certificate_unreadable() {
    for name in [
        SanType::DnsName(ia5("good.example.com.evil.org")),
        SanType::URI(ia5("spiffe://good.example.com.evil.org")),
        SanType::Rfc822Name(ia5("good.example.com.evil.org")),
    ] {
        let mut der = named(vec![name]);
        assert_eq!(Certificate::read(&der).unwrap().names.len(), 1);
        let start = at(&der, b"good.example.com") + 16;
        for byte in [0, b'\n', b' ', 0x80] {
            der[start] = byte;
            let wrong = Malformed("it has a name with a byte that names do not have");
            assert_eq!(Certificate::read(&der), Err(wrong));
        }
    }
    let mut der = named(vec![SanType::DnsName(ia5("good.example.com.evil.org"))]);
    let slash = at(&der, b"good.example.com") + 16;
    der[slash] = b'/';
    assert!(Certificate::read(&der).is_err());
}

#[test]
fn what_is_cut_or_goes_on_is_refused() {
    let mut der = named(vec![SanType::DnsName(ia5("a.example.com"))]);
    for length in 0..der.len() {
        assert!(Certificate::read(&der[..length]).is_err(), "{length}");
    }
    der.push(0);
    assert_eq!(Certificate::read(&der), Err(Malformed("something follows its end")));
    // 0x30 0x80: a length that only BER has.
    assert!(Certificate::read(&[0x30, 0x80, 0, 0]).is_err());
    // A length that could be shorter.
    assert!(Certificate::read(&[0x30, 0x81, 0x01, 0]).is_err());
}

fn list(next: (i32, u8, u8)) -> Vec<u8> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let issuer = Issuer::new(params, KeyPair::generate().unwrap());
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(next.0, next.1, next.2),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&issuer).unwrap().der().to_vec()
}

#[test]
fn a_list_says_until_when_it_holds() {
    let der = list((2024, 12, 31));
    let read = RevocationList::read(&der).unwrap();
    assert_eq!((read.this_update, read.next_update), (1_704_067_200, 1_735_603_200));
    for length in 0..der.len() {
        assert!(RevocationList::read(&der[..length]).is_err(), "{length}");
    }
    assert!(RevocationList::read(&named(vec![])).is_err(), "a certificate is no list");
}

#[test]
fn times_are_days_that_there_are() {
    let time = |tag: u8, text: &str| {
        let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
        der.extend_from_slice(text.as_bytes());
        crate::time::read(&mut crate::der::Reader::new(&der))
    };
    let (utc, general) = (0x17, 0x18);
    for (tag, text, expected) in [
        (utc, "700101000000Z", Some(0)),
        (utc, "491231235959Z", Some(2_524_607_999)),
        (utc, "500101000000Z", Some(0)),
        (general, "20000229120000Z", Some(951_825_600)),
        (general, "99991231235959Z", Some(253_402_300_799)),
        (general, "21000229000000Z", None),
        (general, "20240101000000+0100", None),
        (general, "20240101000000.5Z", None),
        (utc, "2401010000Z", None),
        (utc, "241301000000Z", None),
        (utc, "240100000000Z", None),
        (utc, "240101240000Z", None),
        (utc, "240101006000Z", None),
        (utc, "24010100000aZ", None),
        (0x16, "240101000000Z", None),
    ] {
        assert_eq!(time(tag, text).ok(), expected, "{text}");
    }
}
