//! Where calls come in.

use super::record::Danger;
use crate::document::HttpVersion;
use crate::read::Spanned;
use crate::units::{Bind, Duration, FileRef, SecretRef, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// One address on which calls come in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Listener {
    /// address and port, as in `127.0.0.1:8080`
    pub bind: Spanned<Bind>,
    /// hosts served here; empty for any
    #[serde(default)]
    pub hosts: Vec<Spanned<String>>,
    /// certificate and key; without them the listener speaks cleartext
    #[serde(default)]
    pub tls: Option<ListenerTls>,
    /// bounds of HTTP on this listener
    #[serde(default)]
    pub http: ListenerHttp,
    /// dangers accepted by name, for this listener
    #[serde(default)]
    pub accept: Vec<Spanned<Danger>>,
}

/// What a listener shows to prove who it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct ListenerTls {
    /// PEM file with the certificate and its chain
    pub certificate: Spanned<FileRef>,
    /// PEM private key
    pub key: Spanned<SecretRef>,
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
