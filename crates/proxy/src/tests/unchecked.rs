//! What gets through a proxy that looks at certificates of clients in handshakes only, or not at all, and at no name (THREATS rows 15,
//! 16 and 47).

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use testkit::NaiveTls;
use testkit::naive_tls::Anyone;

use super::pki::{Authority, FAR, Leaf, TlsClient};
use super::world::{Backend, OK};

fn config(own: &Leaf, clients: Arc<dyn ClientCertVerifier>) -> ServerConfig {
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_client_cert_verifier(clients);
    builder.with_single_cert(vec![CertificateDer::from(own.der.clone())], key).unwrap()
}

/// Certificates of this authority, less those that it has revoked.
fn listed(clients: &Authority, revoked: &[u64]) -> Arc<dyn ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(clients.der.clone())).unwrap();
    let list = CertificateRevocationListDer::from(clients.list(revoked, FAR));
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
    builder.with_crls([list]).build().unwrap()
}

#[test]
fn threat_16_certificates_of_anybody_get_through_a_naive_proxy() {
    let (server, clients) = (Authority::new("server"), Authority::new("clients"));
    let backend = Backend::answering(OK);
    let own = server.server(&["localhost"]);
    let naive = NaiveTls::in_front(Arc::new(config(&own, Arc::new(Anyone))), backend.address);
    for (count, (name, shown)) in [
        ("none", None),
        ("another authority of the same name", Some(Authority::new("clients").client(7, FAR))),
        ("expired", Some(clients.client(7, 2020))),
        ("that of a server", Some(clients.server(&["localhost"]))),
    ]
    .into_iter()
    .enumerate()
    {
        let outcome = TlsClient::new(&server, shown.as_ref()).get(naive.address(), "localhost");
        assert_eq!((outcome, backend.requests().len()), (Ok(200), count + 1), "{name}");
    }
}

/// The proxy does verify handshakes, by the newest list; what began before it is never looked at again.
#[test]
fn threat_47_what_began_before_a_revocation_goes_on_through_a_naive_proxy() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let (server, clients) = (Authority::new("server"), Authority::new("clients"));
        let backend = Backend::answering(OK);
        let (own, leaf) = (server.server(&["localhost"]), clients.client(1, FAR));
        let sessions = ServerSessionMemoryCache::new(16);
        let without = |revoked: &[u64]| {
            let mut config = config(&own, listed(&clients, revoked));
            config.session_storage = sessions.clone();
            Arc::new(config)
        };
        let naive = NaiveTls::in_front(without(&[]), backend.address);
        let client = || TlsClient::with(&server, Some(&leaf), |_| {}, versions);
        let doomed = client();
        let mut open = doomed.connect(naive.address(), "localhost");
        assert_eq!(open.get("localhost"), Ok(200));
        assert!(doomed.resumes(naive.address()));

        naive.publish(without(&[1]));
        assert_eq!(open.get("localhost"), Ok(200), "on an open connection");
        assert!(doomed.resumes(naive.address()), "by a session of before");
        assert!(client().get(naive.address(), "localhost").is_err(), "a new one is refused");
        assert_eq!(backend.requests().len(), 4);
    }
}

#[test]
fn threat_15_any_host_gets_through_a_naive_proxy_behind_any_handshake() {
    let (server, backend) = (Authority::new("server"), Backend::answering(OK));
    let config = config(&server.server(&["a.example.com"]), WebPkiClientVerifier::no_client_auth());
    let naive = NaiveTls::in_front(Arc::new(config), backend.address);
    let mut session = TlsClient::new(&server, None).connect(naive.address(), "a.example.com");
    assert_eq!(session.get("b.example.com"), Ok(200));
    assert!(backend.requests()[0].0.contains("host: b.example.com\r\n"));
}
