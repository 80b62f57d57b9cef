//! TLS towards upstreams: whose certificate is believed, which key, and what we show.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use engine::snapshot::TlsIdentity;
use engine::upstream::{Trust, Upstream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::balance::Farm;
use super::world::World;

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `name`, its key, and the hash of that.
fn certified(by: &Authority, name: &str) -> (TlsIdentity, [u8; 32]) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key, by).unwrap().der().to_vec()];
    let pin = digest(&SHA256, &key.subject_public_key_info()).as_ref().try_into().unwrap();
    (TlsIdentity { chain, key: key.serialize_pem().as_bytes().into(), hosts: vec![] }, pin)
}

/// An upstream with a certificate, which wants one of `clients`'s when there is such an authority.
fn server(own: &TlsIdentity, clients: Option<&Authority>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let chain = own.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::from_pem_slice(&own.key).unwrap();
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket.unwrap());
                let (mut seen, mut space) = (Vec::new(), [0; 1024]);
                while let Ok(count @ 1..) = stream.read(&mut space) {
                    seen.extend_from_slice(&space[..count]);
                    if seen.ends_with(b"\r\n\r\n") {
                        seen.clear();
                        if stream.write_all(super::world::OK.as_bytes()).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

/// The status of a call to that upstream, and what the record says.
fn asked(address: SocketAddr, host: &str, trust: Trust) -> (u16, &'static str) {
    let change = |upstream: &mut Upstream| {
        upstream.targets[0].tls = true;
        upstream.targets[0].host = host.into();
        upstream.trust = Arc::new(trust);
    };
    // Its name is looked up.
    let farm = Farm::started(&[(address, 1)], change, |shape, clock| {
        World::at(shape, Arc::new(clock.clone()), super::Side::start())
    });
    let status = farm.world.call(GET).status;
    (status, farm.world.tape.calls(1)[0].code)
}

#[test]
fn only_the_authority_the_name_and_the_key_that_are_asked_for_are_believed() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let (own, pin) = certified(&ours, "localhost");
    let address = server(&own, None);
    let roots = |authority: &Authority| vec![authority.der().to_vec()];
    let good = Trust { roots: roots(&ours), ..Trust::default() };
    let (yes, no) = ((200, ""), (502, "upstream_unreachable"));
    let by_name = |name: &str| Some(name.into());
    let cases = [
        ("localhost", good.clone(), yes),
        ("localhost", Trust { roots: roots(&theirs), ..Trust::default() }, no),
        ("127.0.0.1", good.clone(), no),
        ("127.0.0.1", Trust { server_name: by_name("localhost"), ..good.clone() }, yes),
        ("localhost", Trust { server_name: by_name("other"), ..good.clone() }, no),
        ("localhost", Trust { pins: vec![pin], ..good.clone() }, yes),
        ("localhost", Trust { pins: vec![[7; 32], pin], ..good.clone() }, yes),
        ("localhost", Trust { pins: vec![[7; 32]], ..good.clone() }, no),
        // A pin adds to what is asked for and takes nothing from it.
        ("localhost", Trust { pins: vec![pin], roots: roots(&theirs), ..Trust::default() }, no),
        ("127.0.0.1", Trust { pins: vec![pin], ..good }, no),
    ];
    for (number, (host, trust, expected)) in cases.into_iter().enumerate() {
        assert_eq!(asked(address, host, trust), expected, "case {number}");
    }
}

#[test]
fn we_show_our_certificate_where_one_is_asked_for() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let (own, _) = certified(&ours, "localhost");
    let address = server(&own, Some(&ours));
    let trust = |identity: Option<TlsIdentity>| Trust {
        roots: vec![ours.der().to_vec()],
        identity: identity.map(Arc::new),
        ..Trust::default()
    };
    let (status, _) = asked(address, "localhost", trust(Some(certified(&ours, "gateway").0)));
    assert_eq!(status, 200);
    for identity in [None, Some(certified(&theirs, "gateway").0)] {
        let (status, code) = asked(address, "localhost", trust(identity));
        // In TLS 1.3 a client learns only after its handshake that its certificate was not taken.
        assert!(status == 502 && code.starts_with("upstream_"), "{code}");
    }
}
