//! Where calls go.

use crate::read::{Spanned, fault};
use crate::units::{Duration, FileRef, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The service behind the gateway.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Upstream {
    /// where it runs
    #[serde(default)]
    pub targets: Vec<Target>,
    /// `auto` chooses by ALPN, and HTTP/1.1 in cleartext; `1` or `2` forces that version
    #[serde(default)]
    pub http: HttpVersion,
    /// how long things may take
    #[serde(default)]
    pub deadlines: Deadlines,
    /// how the upstream proves who it is
    #[serde(default)]
    pub tls: UpstreamTls,
    /// kept connections
    #[serde(default)]
    pub pool: Pool,
}

/// One place where an upstream runs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Target {
    /// scheme, host and port, and a path put before each call's
    pub url: Spanned<Url>,
}

/// How long a call to an upstream may take.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Deadlines {
    /// to connect, the TLS handshake included
    #[schemars(extend("not" = no_time()))]
    pub connect: Duration,
    /// from the request's end to the first byte of the answer
    #[schemars(extend("not" = no_time()))]
    pub first_byte: Duration,
    /// the whole call, up to the head of an answer that streams
    #[schemars(extend("not" = no_time()))]
    pub total: Duration,
    /// between two bytes of an answer that streams
    #[schemars(extend("not" = no_time()))]
    pub idle: Duration,
}

/// What no deadline may be.
fn no_time() -> serde_json::Value {
    serde_json::json!({ "pattern": "^(0+(ms|s|m|h|d))+$" })
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(30),
            total: Duration::from_secs(60),
            idle: Duration::from_secs(60),
        }
    }
}

/// How an upstream proves who it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UpstreamTls {
    /// PEM file with the certificate authorities believed; without it the system's
    pub ca: Option<Spanned<FileRef>>,
    /// name the certificate must carry, when it is not the URL's host
    pub server_name: Option<Spanned<String>>,
}

/// Kept connections to an upstream, per core.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Pool {
    /// most connections
    #[schemars(range(min = 1, max = 65535))]
    pub connections: u32,
    /// longest time a connection is kept without a call
    pub idle: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self { connections: 256, idle: Duration::from_secs(30) }
    }
}

/// Which version of HTTP to speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// By ALPN.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; in cleartext with prior knowledge.
    Http2,
}

impl Serialize for HttpVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Http1 => serializer.serialize_u64(1),
            Self::Http2 => serializer.serialize_u64(2),
        }
    }
}

impl<'de> Deserialize<'de> for HttpVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VersionVisitor;

        impl serde::de::Visitor<'_> for VersionVisitor {
            type Value = HttpVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`auto`, `1` or `2`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HttpVersion, E> {
                match text {
                    "auto" => Ok(HttpVersion::Auto),
                    "1" => Ok(HttpVersion::Http1),
                    "2" => Ok(HttpVersion::Http2),
                    _ => Err(fault(
                        format_args!("`{text}` is not a version of HTTP"),
                        "write `auto`, `1` or `2`",
                    )),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<HttpVersion, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(VersionVisitor)
    }
}

impl JsonSchema for HttpVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HttpVersion".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "which version of HTTP to speak",
            "enum": ["auto", 1, 2, "1", "2"]
        })
    }
}
