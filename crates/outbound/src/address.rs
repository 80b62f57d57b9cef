//! Where a URL leads: parsed strictly, resolved once, and checked after resolution.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use engine::fetch::{FetchError, Reach};
use http::Uri;
use http::uri::Scheme;

/// A parsed URL.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

/// An address that was looked at and may be reached. Connections are made to such only, and never to a name: one that leads elsewhere a
/// moment after it was asked for leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reachable(SocketAddr);

impl Reachable {
    pub(crate) const fn address(self) -> SocketAddr {
        self.0
    }
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, FetchError> {
        let bad = |why: &str| FetchError::Url(why.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad("it is not a URL"))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(bad("its scheme is neither http nor https")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it carries a user name"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(bad("it has no host"));
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or_else(|| String::from("/"), ToString::to_string);
        Ok(Self { tls, host, port, path })
    }

    /// A host and a port that are no URL.
    pub(crate) fn plain(authority: &str) -> Result<Self, FetchError> {
        let bad = |why: &str| FetchError::Url(why.to_owned());
        let authority: http::uri::Authority =
            authority.parse().map_err(|_| bad("it is not a host and a port"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it carries a user name"));
        }
        let port = authority.port_u16().ok_or_else(|| bad("it has no port"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(bad("it has no host"));
        }
        Ok(Self { tls: false, host, port, path: String::new() })
    }

    /// `host:port`, brackets around IPv6.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The addresses behind the host that `reach` allows.
    pub(crate) async fn resolve(&self, reach: Reach) -> Result<Vec<Reachable>, FetchError> {
        let names =
            async |host: &str, port| Ok(tokio::net::lookup_host((host, port)).await?.take(16).collect());
        self.resolve_by(reach, names).await
    }

    /// Asks for the name once: what another answer would say a moment later is nobody's business.
    pub(crate) async fn resolve_by(
        &self,
        reach: Reach,
        names: impl AsyncFnOnce(&str, u16) -> io::Result<Vec<SocketAddr>>,
    ) -> Result<Vec<Reachable>, FetchError> {
        let found = match self.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            Err(_) => names(&self.host, self.port)
                .await
                .map_err(|_| FetchError::Address(format!("`{}` does not resolve", self.host)))?,
        };
        let may = |address: &SocketAddr| reach == Reach::Operator || is_public(address.ip());
        let allowed: Vec<Reachable> = found.into_iter().filter(may).map(Reachable).collect();
        if allowed.is_empty() {
            return Err(FetchError::Address(format!(
                "`{}` leads to no address that may be reached",
                self.host
            )));
        }
        Ok(allowed)
    }
}

/// Whether an address is on the public internet (IANA special-purpose registries).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, ..] = segments;
    // Only 2000::/3 is handed out; within it, tunnels carry an IPv4 address that must be public too.
    if first & 0xe000 != 0x2000 {
        // 64:ff9b::/96 translates to IPv4.
        let translated = first == 0x64 && second == 0xff9b;
        return translated && embedded_v4(segments).is_some_and(is_public_v4);
    }
    match (first, second) {
        (0x2001, 0..=0x01ff | 0x0db8) => false,
        (0x2002, _) => {
            let [_, high, low, ..] = segments;
            is_public_v4(join_v4(high, low))
        }
        (0x3fff, 0..=0x0fff) => false,
        _ => true,
    }
}

fn embedded_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let [_, _, a, b, c, d, high, low] = segments;
    (a | b | c | d == 0).then(|| join_v4(high, low))
}

fn join_v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}
