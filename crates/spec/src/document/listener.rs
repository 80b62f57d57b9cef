//! Where calls come in.

use super::record::Danger;
use crate::document::HttpVersion;
use crate::read::Spanned;
use crate::units::{
    Bind, Cidr, Duration, FileMode, FileRef, ListenAddress, ParseError, SecretRef, Size, text_type,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// One address on which calls come in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Listener {
    /// address and port, as in `127.0.0.1:8080`, or `unix:` and the path of a socket
    pub bind: Spanned<ListenAddress>,
    /// permissions of a unix socket; whoever may write to it may call
    #[serde(default)]
    pub permissions: Option<Spanned<FileMode>>,
    /// proxies whose connections begin with the PROXY protocol (version 1 or 2), which names the client
    #[serde(default)]
    pub proxy_protocol: Vec<Spanned<Cidr>>,
    /// hosts served here; empty for any
    #[serde(default)]
    pub hosts: Vec<Spanned<String>>,
    /// certificate and key; without them the listener speaks cleartext
    #[serde(default)]
    pub tls: Option<ListenerTls>,
    /// how many connections may be open on this listener at one time
    #[serde(default)]
    pub connections: ListenerConnections,
    /// bounds of HTTP on this listener
    #[serde(default)]
    pub http: ListenerHttp,
    /// dangers accepted by name, for this listener
    #[serde(default)]
    pub accept: Vec<Spanned<Danger>>,
}

/// What a listener shows to prove who it is, and asks of clients.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct ListenerTls {
    /// PEM file with the default certificate and its chain, for hosts that no other names; without it such clients are refused
    #[serde(default)]
    pub certificate: Option<Spanned<FileRef>>,
    /// PEM private key of the default certificate
    #[serde(default)]
    pub key: Option<Spanned<SecretRef>>,
    /// further certificates, for the hosts that they name
    #[serde(default)]
    pub certificates: Vec<Spanned<CertificateKey>>,
    /// oldest version of TLS that is spoken
    #[serde(default)]
    pub min_version: TlsVersion,
    /// PEM file with the authorities of clients: who has one of their certificates may connect
    #[serde(default)]
    pub client_ca: Option<Spanned<FileRef>>,
    /// files with revocation lists of the authorities, PEM or DER; with any, each authority needs one that is not out of date
    #[serde(default)]
    pub client_crls: Vec<Spanned<FileRef>>,
    /// whether clients without a certificate may connect
    #[serde(default)]
    pub client_certificate: Option<Spanned<ClientCertificate>>,
}

/// A certificate and its key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct CertificateKey {
    /// PEM file with the certificate and its chain
    pub certificate: Spanned<FileRef>,
    /// PEM private key
    pub key: Spanned<SecretRef>,
}

/// Whether clients without a certificate may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificate {
    /// They may not.
    Required,
    /// They may; APIs can demand one.
    Optional,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl FromStr for TlsVersion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => {
                let help = "write `\"1.2\"` or `\"1.3\"`; what is older is broken";
                Err(ParseError::new(format!("`{text}` is no version of TLS that is spoken"), help))
            }
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

text_type!(
    TlsVersion,
    "a version of TLS",
    "write it in quotes: `\"1.2\"` or `\"1.3\"`",
    schemars::json_schema!({
        "description": "a version of TLS, in quotes",
        "enum": ["1.2", "1.3"]
    })
);

/// How many connections may be open on a listener at one time, on all cores together.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ListenerConnections {
    /// most in all; without it as many as the cores have room for, 20,000 each
    #[schemars(range(min = 1, max = 1_000_000))]
    pub total: Option<Spanned<u32>>,
    /// most from one address (of IPv6 its /64); without it half of what the cores have room for, on all listeners together
    #[schemars(range(min = 1, max = 1_000_000))]
    pub address: Option<Spanned<u32>>,
}

/// Bounds of HTTP on a listener.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ListenerHttp {
    /// `auto` lets the client choose; `1` or `2` allows that version only
    pub version: HttpVersion,
    /// largest request head
    pub head: Size,
    /// longest time from the first byte of a head to its last
    pub head_timeout: Duration,
    /// longest time without a call on a kept-alive connection
    pub idle: Duration,
    /// most concurrent streams on one HTTP/2 connection
    #[schemars(range(min = 1, max = 10000))]
    pub streams: u32,
}

impl Default for ListenerHttp {
    fn default() -> Self {
        Self {
            version: HttpVersion::Auto,
            head: Size::from_bytes(32 * 1024),
            head_timeout: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            streams: 100,
        }
    }
}

/// The listener for operators.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Admin {
    /// address and port; whoever reaches it sees health and metrics
    pub bind: Spanned<Bind>,
}

impl Default for Admin {
    fn default() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9901));
        Self { bind: Spanned::nowhere(Bind::new(address)) }
    }
}
