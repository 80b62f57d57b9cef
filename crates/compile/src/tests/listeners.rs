//! Listeners: what becomes of their certificates, and what is wrong with them.

use std::net::IpAddr;
use std::path::Path;

use engine::snapshot::{Bind, Connections, Listener, ListenerTls, TlsMinimum};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};

use super::{Case, DOCUMENT};

fn document(listener: &str) -> String {
    DOCUMENT.replace(
        "listen: http://127.0.0.1:8080",
        &format!("listeners: {{ tls: {{ bind: \"127.0.0.1:8443\", {listener} }} }}"),
    )
}

/// A certificate for these hosts and its key, as files `NAME.pem` and `NAME.key`.
fn with(case: Case, name: &str, hosts: &[&str]) -> Case {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(hosts).unwrap().self_signed(&key).unwrap();
    case.with(&format!("{name}.pem"), made.pem()).with(&format!("{name}.key"), key.serialize_pem())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn list(authority: &CertifiedIssuer<'static, KeyPair>, ends: i32) -> rcgen::CertificateRevocationList {
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(ends, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(authority).unwrap()
}

fn first(case: Case) -> Listener {
    let compiled = case.good();
    let mut snapshot = std::sync::Arc::try_unwrap(compiled.snapshot).unwrap();
    snapshot.listeners.remove(0)
}

fn tls(case: Case) -> std::sync::Arc<ListenerTls> {
    first(case).tls.unwrap()
}

const ONE: &str = "{ certificate: a.pem, key: file:a.key }";
const TWO: &str = "{ certificate: b.pem, key: file:b.key }";

#[test]
fn certificates_are_for_the_hosts_that_they_name() {
    let text = document(&format!(
        "tls: {{ certificate: c.pem, key: file:c.key, min_version: \"1.3\", certificates: [{ONE}, {TWO}] }}"
    ));
    let case = with(Case::new(&text), "c", &["c.example.com"]);
    let case =
        with(with(case, "a", &["A.example.com", "127.0.0.1"]), "b", &["*.example.com", "x.*.example.com"]);
    let made = tls(case);
    let hosts: Vec<Vec<&str>> =
        made.certificates().iter().map(|one| one.hosts.iter().map(|host| &**host).collect()).collect();
    assert_eq!(hosts, [vec!["c.example.com"], vec!["a.example.com"], vec!["*.example.com"]]);
    let chosen = |host: Option<&str>| made.certificates_for(host).to_vec();
    assert_eq!((chosen(Some("a.example.com")), chosen(Some("b.example.com"))), (vec![1], vec![2]));
    assert_eq!((chosen(None), made.minimum), (vec![0], TlsMinimum::Three));

    let text = document(&format!("tls: {{ certificates: [{ONE}, {TWO}] }}"));
    let named = tls(with(with(Case::new(&text), "a", &["a.example.com"]), "b", &["b.example.com"]));
    assert!(named.certificates_for(None).is_empty() && named.minimum == TlsMinimum::Two);
    let said = with(with(Case::new(&text), "a", &["a.example.com"]), "b", &["a.example.com"]).bad();
    assert!(said[0].contains("`b.pem` and `a.pem` both are for `a.example.com`"), "{said:?}");
    let said = with(with(Case::new(&text), "a", &["a.example.com"]), "b", &["127.0.0.1"]).bad();
    assert!(said[0].contains("`b.pem` cannot be used: it names no host"), "{said:?}");
}

#[test]
fn authorities_of_clients_and_their_lists_are_read() {
    let authority = authority();
    let case = |keys: &str, lists: &[(&str, Vec<u8>)]| {
        let text =
            document(&format!("tls: {{ certificate: a.pem, key: file:a.key, client_ca: ca.pem{keys} }}"));
        let case = with(Case::new(&text), "a", &["localhost"]).with("ca.pem", authority.pem());
        lists.iter().fold(case, |case, (name, list)| case.with(name, list))
    };
    let bare = tls(case("", &[])).clients.clone().unwrap();
    assert!(bare.required && bare.crls.is_empty() && bare.crls_until.is_none());
    let optional = tls(case(", client_certificate: optional", &[])).clients.clone().unwrap();
    assert!(!optional.required && optional.authority != bare.authority);

    let (near, far) = (list(&authority, 2051), list(&authority, 2060));
    let lists = [("near.crl", near.der().to_vec()), ("far.crl", far.pem().unwrap().into_bytes())];
    let listed = tls(case(", client_crls: [near.crl, far.crl]", &lists)).clients.clone().unwrap();
    assert_eq!((listed.crls.len(), listed.crls_until), (2, Some(2_556_144_000)));
    // What a ticket stands for is not what was revoked.
    assert!(listed.authority == bare.authority && listed.digest != bare.digest);

    let cut = near.der()[..100].to_vec();
    for (bytes, why) in [
        (b"nonsense".to_vec(), "it holds no revocation list"),
        (b"-----BEGIN X509 CRL-----\n!!!".to_vec(), "neither PEM nor DER"),
        (cut, "it breaks off"),
        (authority.der().to_vec(), "it is built otherwise"),
    ] {
        let said = case(", client_crls: [x.crl]", &[("x.crl", bytes)]).bad();
        assert!(
            said.len() == 1 && said[0].contains("`x.crl` cannot be used") && said[0].contains(why),
            "{said:?}"
        );
    }
    let said = case(", client_crls: [x.crl]", &[]).bad();
    assert!(said[0].contains("`x.crl` cannot be read"), "{said:?}");
    for (pem, why) in [("nonsense".to_owned(), "no certificate"), (authority.pem().replace("MII", "AAA"), "")]
    {
        let said = case("", &[]).with("ca.pem", pem).bad();
        assert!(said[0].contains("`ca.pem` cannot be used") && said[0].contains(why), "{said:?}");
    }
}

#[test]
fn an_api_can_demand_a_certificate_where_the_listener_asks_for_one() {
    let asks =
        "tls: { certificate: a.pem, key: file:a.key, client_ca: ca.pem, client_certificate: optional }";
    let text = document(asks) + "    client_certificate: required\n";
    let case = |text: &str| with(Case::new(text), "a", &["localhost"]).with("ca.pem", authority().pem());
    let compiled = case(&text).good();
    assert!(compiled.snapshot.operations.iter().all(|plan| plan.client_certificate));
    let compiled = case(&document(asks)).good();
    assert!(compiled.snapshot.operations.iter().all(|plan| !plan.client_certificate));
    let said = case(&text.replace(", client_ca: ca.pem, client_certificate: optional", "")).bad();
    assert!(said[0].starts_with("unreachable") && said[0].contains("asks for none"), "{said:?}");
}

#[test]
fn sockets_and_proxies_are_taken_over() {
    let text = DOCUMENT.replace(
        "listen: http://127.0.0.1:8080",
        "listeners: { a: { bind: \"unix:run/a.sock\" }, b: { bind: \"unix:/run/b.sock\", permissions: \"600\" }, \
         c: { bind: \"127.0.0.1:0\", proxy_protocol: [10.0.0.0/8, \"2001:db8::/64\", 192.0.2.1] } }",
    );
    let compiled = Case::new(&text).good();
    let listeners = &compiled.snapshot.listeners;
    let unix = |path: &str, mode| Bind::Unix { path: Path::new(path).to_owned(), mode };
    assert_eq!(listeners[0].bind, unix("run/a.sock", 0o660));
    assert_eq!(listeners[1].bind, unix("/run/b.sock", 0o600));
    for (address, inside) in [
        ("10.255.255.255", true),
        ("11.0.0.0", false),
        ("192.0.2.1", true),
        ("192.0.2.2", false),
        ("2001:db8::ffff:ffff:ffff:ffff", true),
        ("2001:db8:0:1::", false),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(listeners[2].proxies.iter().any(|range| range.contains(address)), inside, "{address}");
    }
}

#[test]
fn connections_are_bounded_as_written() {
    let built = |text: &str| {
        let bind = "bind: \"127.0.0.1:8443\"";
        let listener = format!("listeners: {{ public: {{ {bind}, {text} }} }}");
        Case::new(&DOCUMENT.replace("listen: http://127.0.0.1:8080", &listener))
    };
    for (text, total, address) in [
        ("", None, None),
        ("connections: {}", None, None),
        ("connections: { total: 5000 }", Some(5_000), None),
        ("connections: { total: 1000000, address: 1 }", Some(1_000_000), Some(1)),
    ] {
        assert_eq!(first(built(text)).connections, Connections { total, address }, "{text}");
    }
    for text in ["connections: { total: 0 }", "connections: { address: 1000001 }"] {
        let said = built(text).bad();
        assert!(said.len() == 1 && said[0].contains("connections are out of bounds"), "{said:?}");
    }
}
