//! Where things are reached: URLs, addresses to listen on, address ranges.

use super::{ParseError, text_type};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// An absolute `http` or `https` URL (RFC 9110 §4.2) without user, query or fragment; at most 2048 bytes of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url {
    text: String,
    https: bool,
    host: String,
    port: Option<u16>,
    path: String,
}

impl Url {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Lower-case name or address; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 443 or 80 when not written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Whether a port is written.
    #[must_use]
    pub fn has_port(&self) -> bool {
        self.port.is_some()
    }

    /// The domain whose service it is, when the host is the name of one, as `_http._tcp.orders.internal` (RFC 2782).
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        let (service, rest) = self.host.split_once('.')?;
        let (protocol, domain) = rest.split_once('.')?;
        (service.starts_with('_') && protocol == "_tcp").then_some(domain)
    }

    /// The path as written; empty when there is none.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and, when written, port, as in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// Whether the host is this machine by its name or address (`localhost`, 127.0.0.0/8, `::1`).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Url {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = |why: &str| {
            // A user part may hold a password, so what stands before `@` is not shown.
            let shown = text.rsplit_once('@').map_or(text, |(_, after)| after);
            ParseError::new(
                format!("`{shown}` is not a URL: {why}"),
                "write it as in `http://127.0.0.1:3000` or `https://api.example.com/v1`",
            )
        };
        if text.len() > 2048 {
            return Err(ParseError::new("the URL is over 2048 bytes", "write a shorter one"));
        }
        let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong("it begins with neither `http://` nor `https://`")),
        };
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte)) {
            return Err(wrong("it holds a character that has to be percent-encoded"));
        }
        if rest.contains(['?', '#']) {
            return Err(wrong("it has a query or a fragment"));
        }
        let (authority, path) =
            rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(wrong("it names a user"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| wrong("its port is not a number to 65535"))?;
        let host = host_name(host).ok_or_else(|| wrong("its host is not a name or an address"))?;
        Ok(Self { text: text.to_owned(), https, host, port, path: path.to_owned() })
    }
}

/// `host:port` taken apart, the port being optional.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => return Some((authority, None)),
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| port.parse().ok()).flatten().map(|port| (host, Some(port)))
}

fn host_name(host: &str) -> Option<String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string());
    }
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        !label.is_empty() && label.len() <= 63 && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let numeric = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let good = if numeric { host.parse::<Ipv4Addr>().is_ok() } else { host.split('.').all(label) };
    (good && host.len() <= 253).then(|| host.to_ascii_lowercase())
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_type!(
    Url,
    "a URL",
    "write it as in `http://127.0.0.1:3000`",
    schemars::json_schema!({
        "type": "string",
        "description": "an absolute `http` or `https` URL without user, query or fragment",
        "pattern": "^https?://[^/?#@]+(/[^?#]*)?$",
        "examples": ["http://127.0.0.1:3000"]
    })
);

/// An address and port to listen on. `localhost` is 127.0.0.1; port 0 lets the system choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bind(SocketAddr);

impl Bind {
    /// This address.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl FromStr for Bind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        numeric.parse().map(Self).map_err(|_| {
            let help = "write an IP address and a port, as in `127.0.0.1:8080`, `0.0.0.0:443` or `[::]:443`";
            ParseError::new(format!("`{text}` is not an address to listen on"), help)
        })
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type!(
    Bind,
    "an address to listen on",
    "write an IP address and a port, as in `127.0.0.1:8080`",
    schemars::json_schema!({
        "type": "string",
        "description": "an IP address and a port to listen on, as in `127.0.0.1:8080` or `[::]:443`",
        "pattern": "^(localhost|[0-9.]+|\\[[0-9a-fA-F:.%]+\\]):[0-9]{1,5}$",
        "examples": ["127.0.0.1:8080"]
    })
);

/// A range of addresses (RFC 4632): `10.0.0.0/8`, `2001:db8::/32`; a lone address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The first address of the range.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits are common: at most 32 or 128.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether an address lies in the range. An IPv4 address mapped into IPv6 counts as the IPv4 address.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.prefix) == Some(self.address)
    }
}

/// The address with all bits after the prefix cleared; `None` when the prefix is too long for it.
fn masked(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => {
            let host = 32_u32.checked_sub(u32::from(prefix))?;
            let mask = u32::MAX.checked_shl(host).unwrap_or(0);
            Some(IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask)))
        }
        IpAddr::V6(v6) => {
            let host = 128_u32.checked_sub(u32::from(prefix))?;
            let mask = u128::MAX.checked_shl(host).unwrap_or(0);
            Some(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask)))
        }
    }
}

impl FromStr for Cidr {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let help = "write it as in `10.0.0.0/8` or `2001:db8::/32`";
            ParseError::new(format!("`{text}` is not a range of addresses"), help)
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix = prefix.unwrap_or(if address.is_ipv4() { 32 } else { 128 });
        match masked(address, prefix) {
            None => Err(wrong()),
            Some(first) if first == address => Ok(Self { address, prefix }),
            Some(first) => Err(ParseError::new(
                format!("`{text}` has bits set after its prefix"),
                format!("write `{first}/{prefix}` for the range, or `{address}` for the one address"),
            )),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

text_type!(
    Cidr,
    "a range of addresses",
    "write it as in `10.0.0.0/8`",
    schemars::json_schema!({
        "type": "string",
        "description": "a range of addresses, as in `10.0.0.0/8` or `2001:db8::/32`",
        "pattern": "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$",
        "examples": ["10.0.0.0/8"]
    })
);
