//! Who is on the other end of a connection, as far as the connection itself tells: nothing here comes from a call.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

/// The other end of a connection. Each call carries a copy, so what few connections have is shared.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Address of the client: the connection's, or what a trusted proxy said of it by the PROXY protocol. Of a unix socket,
    /// which has none, the loopback address with port 0.
    pub address: SocketAddr,
    /// Number of the listener in the snapshot.
    pub listener: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// What else the beginning of the connection told; `None` where it told nothing.
    pub facts: Option<Arc<PeerFacts>>,
}

impl Peer {
    /// A peer in clear text of which nothing else is known.
    #[must_use]
    pub fn new(address: SocketAddr, listener: u16) -> Self {
        Self { address, listener, tls: false, facts: None }
    }

    /// Server name that the client asked for in its ClientHello, in lower case.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.facts.as_ref()?.server_name.as_deref()
    }

    /// The certificate that the client showed, verified against the authorities of the listener.
    #[must_use]
    pub fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.facts.as_ref()?.certificate.as_ref()
    }
}

/// Whom an address stands for: an IPv4 address itself, an IPv6 address its /64, since one subscriber has that whole and may use each
/// address of it once.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// What the beginning of a connection told.
#[derive(Debug, Clone, Default)]
pub struct PeerFacts {
    /// Server name of the ClientHello.
    pub server_name: Option<Box<str>>,
    /// The ClientHello as it came.
    pub client_hello: Option<ClientHello>,
    /// The client's certificate.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// The trusted proxy that named the client by the PROXY protocol.
    pub proxy: Option<SocketAddr>,
    /// Whose process is at the other end of a unix socket.
    pub process: Option<PeerProcess>,
}

/// The first flight of a TLS client, for fingerprints (JA4).
#[derive(Debug, Clone)]
pub struct ClientHello {
    /// TLS records with the message, byte for byte (RFC 8446 sections 4.1.2 and 5.1), at most
    /// [`bounds::CLIENT_HELLO_KEPT`](crate::bounds::CLIENT_HELLO_KEPT).
    pub records: Bytes,
    /// How long they were before they were cut.
    pub length: usize,
}

/// A certificate that a client showed.
#[derive(Debug)]
pub struct ClientCertificate {
    /// DER, leaf first, as the client sent it.
    pub chain: Vec<Box<[u8]>>,
    /// SHA-256 over the leaf's DER: `x5t#S256` of RFC 8705 section 3.1.
    pub thumbprint: [u8; 32],
    /// The leaf's subject as text (RFC 4514); empty when it has none. The names below are the better ones to go by: anybody's
    /// subject may say anything that the authority lets pass.
    pub subject: Box<str>,
    /// The one common name of that subject, where there is exactly one.
    pub common_name: Option<Box<str>>,
    /// The leaf's subject alternative names.
    pub names: Vec<AltName>,
    /// First second since 1970 at which the leaf is valid: not before that was it given out.
    pub begins: u64,
    /// First second since 1970 at which a certificate of the chain is expired.
    pub expires: u64,
}

/// A subject alternative name (RFC 5280 section 4.2.1.6) of a kind that we know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AltName {
    /// A host, in lower case.
    Dns(Box<str>),
    /// A URI, as that of a SPIFFE identity.
    Uri(Box<str>),
    /// A mail address.
    Email(Box<str>),
    /// An address.
    Address(IpAddr),
}

/// Credentials of the process at the other end of a unix socket, as of its `connect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerProcess {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Process, where the system says.
    pub pid: Option<i32>,
}
