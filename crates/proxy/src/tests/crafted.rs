//! Crafted certificates of an upstream (THREATS row 16): what does not prove the upstream's name ends the handshake, and not a byte of
//! a call goes on.

use std::sync::Arc;

use engine::snapshot::{ListenerTls, TlsIdentity, TlsMinimum, UpstreamHttp};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use testkit::{NaiveTls, RawClient};

use super::world::{Backend, OK, Shape, World};

/// An authority and what it signs; each case changes one thing.
struct Craft {
    authority: CertificateParams,
    leaf: CertificateParams,
    /// Signed by another key of the same name.
    forged: bool,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn san(name: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(name).unwrap())
}

impl Craft {
    fn good() -> Self {
        let mut authority = named("authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let mut leaf = named("localhost");
        leaf.subject_alt_names = vec![san("localhost")];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Self { authority, leaf, forged: false }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut craft = Self::good();
        change(&mut craft);
        craft
    }

    /// For the names in the leaf, what its authority may sign.
    fn constrained(permitted: &[&str], excluded: &[&str]) -> Self {
        let trees =
            |names: &[&str]| names.iter().map(|name| GeneralSubtree::DnsName((*name).into())).collect();
        Self::with(|craft| {
            craft.authority.name_constraints = Some(NameConstraints {
                permitted_subtrees: trees(permitted),
                excluded_subtrees: trees(excluded),
            });
        })
    }

    fn names(names: &[&str]) -> Self {
        Self::with(|craft| craft.leaf.subject_alt_names = names.iter().map(|name| san(name)).collect())
    }

    /// What the upstream shows, and the root that the gateway trusts.
    fn make(&self) -> (Arc<ListenerTls>, Vec<u8>) {
        let [root, other, own] = [(); 3].map(|()| KeyPair::generate().unwrap());
        let trusted = self.authority.self_signed(&root).unwrap();
        let signer = Issuer::from_params(&self.authority, if self.forged { &other } else { &root });
        let leaf = self.leaf.signed_by(&own, &signer).unwrap();
        let identity = TlsIdentity {
            chain: vec![leaf.der().to_vec()],
            key: own.serialize_pem().as_bytes().into(),
            hosts: vec![],
        };
        (
            Arc::new(ListenerTls::new(vec![identity], true, TlsMinimum::Two, None, [7; 32])),
            trusted.der().to_vec(),
        )
    }
}

/// Status of a call through the gateway to an upstream that shows this, and how many calls reached it.
fn ask(craft: &Craft, http: UpstreamHttp) -> (u16, usize) {
    let backend = Backend::answering(OK);
    let (identity, root) = craft.make();
    let mut inner = Shape::to(backend.address);
    inner.tls = Some(identity);
    let upstream = World::start(&inner);
    let mut shape = Shape::to(upstream.address);
    (shape.http, shape.host, shape.roots) = (http, "localhost", Some(vec![root]));
    let world = World::start(&shape);
    let status = world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").status;
    (status, backend.requests().len())
}

/// What proves nothing, by name.
fn bad() -> [(&'static str, Craft); 14] {
    [
        ("a NUL in the name", Craft::names(&["localhost\0.evil.test"])),
        ("a NUL before the name", Craft::names(&["evil.test\0localhost"])),
        ("another name", Craft::names(&["evil.test"])),
        ("a name within the name", Craft::names(&["localhost.evil.test", "xlocalhost"])),
        ("a star alone", Craft::names(&["*"])),
        ("a star in the name", Craft::names(&["local*"])),
        ("no name but the subject's", Craft::names(&[])),
        ("a name that its authority may not sign", Craft::constrained(&["example.test"], &[])),
        ("a name that its authority must not sign", Craft::constrained(&[], &["localhost"])),
        ("another key of the authority's name", Craft::with(|craft| craft.forged = true)),
        ("expired", Craft::with(|craft| craft.leaf.not_after = date_time_ymd(2020, 1, 1))),
        ("of the future", Craft::with(|craft| craft.leaf.not_before = date_time_ymd(4000, 1, 1))),
        (
            "for clients",
            Craft::with(|craft| {
                craft.leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
        ),
        (
            "of an authority itself",
            Craft::with(|craft| {
                craft.leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
        ),
    ]
}

#[test]
fn threat_16_crafted_certificates_of_an_upstream_prove_nothing() {
    for (name, craft) in bad() {
        for http in [UpstreamHttp::Auto, UpstreamHttp::One, UpstreamHttp::Two] {
            assert_eq!(ask(&craft, http), (502, 0), "{name} over {http:?}");
        }
    }
    let good = [
        ("as it should be", Craft::good()),
        ("two names", Craft::names(&["example.test", "LOCALHOST"])),
        ("a name that its authority may sign", Craft::constrained(&["localhost"], &["evil.test"])),
    ];
    for (name, craft) in good {
        for http in [UpstreamHttp::Auto, UpstreamHttp::One, UpstreamHttp::Two] {
            assert_eq!(ask(&craft, http), (200, 1), "{name} over {http:?}");
        }
    }
}

#[test]
fn threat_16_the_same_certificates_of_an_upstream_are_good_enough_for_a_naive_proxy() {
    for (name, craft) in bad() {
        let backend = Backend::answering(OK);
        let mut inner = Shape::to(backend.address);
        inner.tls = Some(craft.make().0);
        let upstream = World::start(&inner);
        let naive = NaiveTls::behind("localhost", upstream.address);
        let mut client = RawClient::connect(naive.address());
        client.send("GET /v1/a HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let reply = client.reply().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((reply.status, backend.requests().len()), (200, 1), "{name}");
    }
}
