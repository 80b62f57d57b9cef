//! Listeners of the real binary, with curl as Debian has it: client certificates and their revocation, unix sockets, the
//! PROXY protocol, and what answers say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::process::Command;

use crate::common::{Gateway, House, Service, call, mode, text};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

/// An authority for both sides.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes a certificate and its key, `NAME.pem` and `NAME.key`.
    fn give(&self, house: &House, name: &str, serial: u64) {
        let mut params = CertificateParams::new(vec![String::from("localhost")]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        house.write(&format!("{name}.pem"), &params.signed_by(&key, &self.0).unwrap().pem());
        house.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// Writes a list of what is revoked.
    fn list(&self, house: &House, revoked: &[u64], ends: i32) {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(ends, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        house.write("ca.crl", &params.signed_by(&self.0).unwrap().pem().unwrap());
    }
}

/// What curl says of a call: its exit code and the whole answer.
fn curl(house: &House, url: &str, arguments: &[&str]) -> (i32, String) {
    let output = Command::new("curl")
        .args(["--silent", "--include", "--max-time", "30"])
        .args(arguments)
        .arg(url)
        .current_dir(house.dir.path())
        .output()
        .unwrap();
    (output.status.code().unwrap_or(-1), text(&output.stdout))
}

const LISTENERS: &str = "listeners:
  plain: { bind: \"127.0.0.1:0\", proxy_protocol: [127.0.0.1] }
  secure:
    bind: \"127.0.0.1:0\"
    tls: { certificate: server.pem, key: \"file:server.key\", client_ca: ca.pem, client_crls: [ca.crl], client_certificate: optional }
  unix: { bind: \"unix:run.sock\", permissions: \"600\" }
";

fn document(house: &House, service: &Service) -> String {
    house.document(service.port).replace("listen: http://127.0.0.1:0\n", LISTENERS)
        + "    hygiene: { hsts: { max_age: 1d }, add: { x-content-type-options: nosniff } }\n"
}

#[test]
fn curl_is_let_in_by_its_certificate_until_that_is_revoked() {
    let (house, service, authority) = (House::new(), Service::start(), Authority::new());
    house.write("ca.pem", &authority.0.pem());
    for (name, serial) in [("server", 1), ("good", 2), ("bad", 3)] {
        authority.give(&house, name, serial);
    }
    authority.list(&house, &[3], 2199);
    let demanding =
        document(&house, &service) + "    client_certificate: required\n    listeners: [secure]\n";
    house.write("yett.yaml", &demanding);
    let mut gateway = Gateway::start(&house);
    let url = format!("https://localhost:{}/notes", gateway.secure.rsplit(':').next().unwrap());
    let with = |name: &str| {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        curl(&house, &url, &["--cacert", "ca.pem", "--cert", &certificate, "--key", &key])
    };
    let (code, answer) = with("good");
    // Past the certificate a token is wanted.
    assert!(code == 0 && answer.starts_with("HTTP/2 401"), "{code} {answer}");
    assert!(answer.contains("strict-transport-security: max-age=86400\r\n"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
    let token = house.good(&["token", "--subject", "alice", "--scope", "notes:read"]);
    let bearer = format!("authorization: Bearer {}", token.trim());
    let both = ["--cacert", "ca.pem", "--cert", "good.pem", "--key", "good.key", "--header", &bearer];
    assert!(curl(&house, &url, &both).1.starts_with("HTTP/2 200"));
    let (code, answer) = curl(&house, &url, &["--cacert", "ca.pem", "--header", &bearer]);
    assert!(code == 0 && answer.contains("urn:yett:error:certificate_required"), "{code} {answer}");
    let (code, answer) = with("bad");
    assert!(code != 0 && answer.is_empty(), "{code} {answer}");
    let (_, ready) = call(&gateway.admin, "GET", "/ready", None, None);
    assert!(ready.contains("\"revocation_lists\":{\"secure\":{\"ok\":true,"), "{ready}");
    assert!(ready.contains("\"degraded\":false"), "{ready}");

    authority.list(&house, &[2], 2199);
    gateway.line("reloaded: configuration 2");
    assert!(with("good").0 != 0 && with("bad").1.starts_with("HTTP/2 401"));

    // A list that is out of date: nobody's certificate is taken, and readiness says why.
    authority.list(&house, &[], 2025);
    gateway.line("reloaded: configuration 3");
    assert!(with("good").0 != 0 && with("bad").0 != 0);
    let (status, ready) = call(&gateway.admin, "GET", "/ready", None, None);
    assert!(status == 200 && ready.contains("\"secure\":{\"ok\":false,\"until\":1735689600}"), "{ready}");
    assert!(ready.contains("\"degraded\":true"), "{ready}");
    let until = gateway.metric("yett_revocation_lists_until_seconds", "listener=\"secure\"");
    assert_eq!(until as u64, 1_735_689_600);
    assert_eq!(service.count(), 1);
}

#[test]
fn curl_comes_through_a_unix_socket_and_a_trusted_proxy() {
    let (house, service, authority) = (House::new(), Service::start(), Authority::new());
    house.write("ca.pem", &authority.0.pem());
    authority.give(&house, "server", 1);
    authority.list(&house, &[], 2199);
    house.write("yett.yaml", &document(&house, &service));
    let mut gateway = Gateway::start(&house);
    let socket = house.path("run.sock");
    assert_eq!(mode(&socket), 0o600);
    let (code, answer) = curl(&house, "http://api/notes", &["--unix-socket", "run.sock"]);
    assert!(code == 0 && answer.starts_with("HTTP/1.1 401"), "{code} {answer}");
    // In clear text nobody is told to come back over TLS.
    assert!(!answer.contains("strict-transport-security") && answer.contains("nosniff"), "{answer}");

    let url = format!("http://{}/notes", gateway.url);
    let (code, answer) = curl(&house, &url, &["--haproxy-protocol"]);
    assert!(code == 0 && answer.starts_with("HTTP/1.1 401"), "{code} {answer}");
    let (code, answer) = curl(&house, &url, &[]);
    assert!(code != 0 && answer.is_empty(), "{code} {answer}");
    assert_eq!(gateway.metric("yett_connections_total", "proxy_header_refused") as u64, 1);

    gateway.signal("TERM");
    gateway.line("draining");
    assert_eq!(gateway.end(), 0);
    assert!(!socket.exists());
}
