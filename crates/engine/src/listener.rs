//! Where clients connect, and what is asked of them there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use smallvec::SmallVec;

/// A socket that clients connect to.
#[derive(Debug)]
pub struct Listener {
    /// Its name in the document.
    pub name: Box<str>,
    /// Where it is.
    pub bind: Bind,
    /// Certificates and what clients have to show, for TLS.
    pub tls: Option<Arc<ListenerTls>>,
    /// Peers whose connections begin with the PROXY protocol; nobody else's may.
    pub proxies: Arc<[Network]>,
    /// How many connections may be open.
    pub connections: Connections,
}

/// How many connections a listener may have open at one time, in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connections {
    /// In all; `None` for as many as cores have room for ([`crate::bounds::CONNECTIONS`]).
    pub total: Option<u32>,
    /// From one address (of IPv6 its /64); `None` for as many as it may have on all listeners
    /// ([`crate::bounds::ADDRESS_CONNECTIONS`]).
    pub address: Option<u32>,
}

impl Listener {
    /// A listener in clear text on `address:port`.
    #[must_use]
    pub fn clear(name: &str, bind: &str) -> Self {
        let (bind, connections) = (Bind::Tcp(bind.into()), Connections::default());
        Self { name: name.into(), bind, tls: None, proxies: Arc::default(), connections }
    }
}

/// Where a socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// `address:port`; port 0 lets the system choose.
    Tcp(Box<str>),
    /// A unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Permission bits of the file.
        mode: u32,
    },
}

/// A range of addresses of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The first.
    pub first: IpAddr,
    /// The last.
    pub last: IpAddr,
}

impl Network {
    /// Whether an address is in it. An IPv4 address that is mapped into IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        (self.first..=self.last).contains(&address.to_canonical())
    }
}

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMinimum {
    /// TLS 1.2 (RFC 5246) and 1.3.
    Two,
    /// TLS 1.3 (RFC 8446) only.
    Three,
}

/// What a listener does for TLS.
#[derive(Debug)]
pub struct ListenerTls {
    certificates: Vec<TlsIdentity>,
    has_default: bool,
    /// By host; a wildcard with its `*`.
    hosts: HashMap<Box<str>, SmallVec<[u16; 2]>>,
    /// The oldest version.
    pub minimum: TlsMinimum,
    /// Whether clients show certificates.
    pub clients: Option<Arc<ClientAuth>>,
    /// Names all of it, so that what is unchanged is not made again.
    pub digest: [u8; 32],
}

impl ListenerTls {
    /// With `has_default` the first certificate is for hosts that no certificate names, and for clients that name none.
    #[must_use]
    pub fn new(
        certificates: Vec<TlsIdentity>,
        has_default: bool,
        minimum: TlsMinimum,
        clients: Option<Arc<ClientAuth>>,
        digest: [u8; 32],
    ) -> Self {
        let mut hosts: HashMap<Box<str>, SmallVec<[u16; 2]>> = HashMap::new();
        for (number, identity) in (0_u16..).zip(&certificates) {
            for host in &identity.hosts {
                hosts.entry(host.clone()).or_default().push(number);
            }
        }
        Self { certificates, has_default, hosts, minimum, clients, digest }
    }

    /// All certificates, by number.
    #[must_use]
    pub fn certificates(&self) -> &[TlsIdentity] {
        &self.certificates
    }

    /// Numbers of the certificates for a host in lower case: those that name it, else those that name it by a wildcard for
    /// its first label (RFC 9525 section 6.3), else the default; several of different kinds of keys may name one host.
    #[must_use]
    pub fn certificates_for(&self, host: Option<&str>) -> &[u16] {
        let named = host.and_then(|host| {
            self.hosts.get(host).or_else(|| {
                let (label, rest) = host.split_once('.')?;
                self.hosts.get(format!("*.{rest}").as_str()).filter(|_| !label.is_empty())
            })
        });
        match named {
            Some(numbers) => numbers,
            None if self.has_default => &[0],
            None => &[],
        }
    }
}

/// A certificate chain and its key, checked to belong together when the document was compiled.
#[derive(PartialEq, Eq, Hash)]
pub struct TlsIdentity {
    /// DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8, SEC1 or PKCS#1 in PEM, zeroized when dropped by who made it.
    pub key: Arc<[u8]>,
    /// Hosts that the certificate names, in lower case, wildcards with their `*`.
    pub hosts: Vec<Box<str>>,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("chain", &self.chain.len())
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// What a listener asks of the certificates of clients.
#[derive(Debug)]
pub struct ClientAuth {
    /// Whether a client without a certificate is turned away in the handshake.
    pub required: bool,
    /// Authorities that a chain may end at, DER.
    pub roots: Vec<Vec<u8>>,
    /// Revocation lists, DER; when there are any, each certificate of a chain has to be on record in one of its issuer's.
    pub crls: Vec<Vec<u8>>,
    /// First second since 1970 at which one of the lists is out of date (RFC 5280 section 5.1.2.5).
    pub crls_until: Option<u64>,
    /// Names the authorities and `required`: what a session's ticket stands for.
    pub authority: [u8; 32],
    /// Names all of it.
    pub digest: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(certificates: &[&[&str]], has_default: bool) -> ListenerTls {
        let identity = |hosts: &&[&str]| TlsIdentity {
            chain: vec![],
            key: Arc::default(),
            hosts: hosts.iter().map(|host| (*host).into()).collect(),
        };
        let certificates = certificates.iter().map(identity).collect();
        ListenerTls::new(certificates, has_default, TlsMinimum::Two, None, [0; 32])
    }

    #[test]
    fn the_name_in_full_wins_then_one_label_then_the_default() {
        let both =
            tls(&[&["a.example.com"], &["*.example.com"], &["b.example.com"], &["b.example.com"]], true);
        let cases: &[(Option<&str>, &[u16])] = &[
            (Some("a.example.com"), &[0]),
            (Some("b.example.com"), &[2, 3]),
            (Some("c.example.com"), &[1]),
            (Some("c.d.example.com"), &[0]),
            (Some("example.com"), &[0]),
            (Some(".example.com"), &[0]),
            (Some("*.example.com"), &[1]),
            (Some("other"), &[0]),
            (None, &[0]),
        ];
        for (host, expected) in cases {
            assert_eq!(both.certificates_for(*host), *expected, "{host:?}");
        }
        let named_only = tls(&[&["a.example.com"]], false);
        assert_eq!(named_only.certificates_for(Some("a.example.com")), [0]);
        assert!(named_only.certificates_for(Some("b.example.com")).is_empty());
        assert!(named_only.certificates_for(None).is_empty());
    }

    #[test]
    fn networks_are_of_one_family() {
        let network = Network { first: "10.0.0.0".parse().unwrap(), last: "10.0.255.255".parse().unwrap() };
        for (address, inside) in [
            ("10.0.0.0", true),
            ("10.0.255.255", true),
            ("10.1.0.0", false),
            ("9.255.255.255", false),
            ("::ffff:10.0.0.1", true),
            ("::a00:1", false),
        ] {
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{address}");
        }
    }
}
