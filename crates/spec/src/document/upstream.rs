//! Where calls go.

use super::signers::Signing;
use crate::read::{Spanned, fault};
use crate::units::{Balance, Duration, FileRef, Percent, Pin, SecretRef, ServerName, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The service behind the gateway.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Upstream {
    /// where it runs
    #[serde(default)]
    pub targets: Vec<Target>,
    /// how one of several targets is chosen for a call
    #[serde(default)]
    pub balance: Balance,
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
    /// when a target is left alone because of what calls met there
    #[serde(default)]
    pub outliers: Outliers,
    /// over which time a target that is new or back comes to its full share; `0s` for at once
    #[serde(default = "slow_start")]
    pub slow_start: Duration,
    /// what may be tried again
    #[serde(default)]
    pub retries: Retries,
    /// how much a target is given at one time by all cores together; more is 503
    #[serde(default)]
    pub breakers: Breakers,
    /// what is different in the head of a request as this upstream gets it
    #[serde(default)]
    pub headers: UpstreamHeaders,
    /// what is asked of each target from time to time; a path alone is short for `{ path: … }`
    #[serde(default)]
    pub health: Option<HealthCheck>,
    /// another upstream that gets a copy of calls when they have passed all checks; its answers are thrown away
    #[serde(default)]
    pub mirror: Option<Mirror>,
    /// signs calls to it (HTTP Message Signatures, RFC 9421), so that it knows that they came through the gateway
    #[serde(default)]
    pub sign: Option<Spanned<Signing>>,
}

fn slow_start() -> Duration {
    Duration::from_secs(10)
}

/// One place where an upstream runs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Target {
    /// scheme, host and port, and a path put before each call's
    pub url: Spanned<Url>,
    /// its share of the calls, in proportion to the others'
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: Spanned<u32>,
}

fn one() -> Spanned<u32> {
    Spanned::nowhere(1)
}

/// When a target is left alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Outliers {
    /// failures in a row: no connection, a broken or late answer, or a status of 502 to 504
    #[schemars(range(min = 1, max = 1000))]
    pub failures: Spanned<u32>,
    /// for how long, the first time; longer each further time, up to ten times
    #[schemars(extend("not" = no_time()))]
    pub eject: Spanned<Duration>,
    /// share of the targets that stay in however ill they are; one that takes no connection is passed over all the same
    pub floor: Percent,
}

impl Default for Outliers {
    fn default() -> Self {
        Self {
            failures: Spanned::nowhere(5),
            eject: Spanned::nowhere(Duration::from_secs(30)),
            floor: Percent::new(50),
        }
    }
}

/// How much a target is given at one time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Breakers {
    /// most open connections; at least one per core
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections: Spanned<u32>,
    /// most calls that wait for a connection because of that
    #[schemars(range(max = 1_000_000))]
    pub pending: Spanned<u32>,
    /// most calls under way; without it as many as there are
    #[schemars(range(min = 1, max = 1_000_000))]
    pub calls: Option<Spanned<u32>>,
}

impl Default for Breakers {
    fn default() -> Self {
        Self { connections: Spanned::nowhere(4096), pending: Spanned::nowhere(1024), calls: None }
    }
}

/// What is different in the head of a request.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UpstreamHeaders {
    /// fields that are set, in place of the client's
    pub set: BTreeMap<String, Spanned<String>>,
    /// fields that are set to a secret
    pub secrets: BTreeMap<String, Spanned<SecretRef>>,
    /// fields that are removed
    pub remove: Vec<Spanned<String>>,
}

/// What is asked of a target from time to time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct HealthCheck {
    /// path that is asked for by GET; a status of 200 to 399 is well
    #[schemars(regex(pattern = r"^/[!-~]{0,2047}$"))]
    pub path: Spanned<String>,
    /// time between two checks
    #[serde(default = "every")]
    #[schemars(extend("not" = no_time()))]
    pub every: Spanned<Duration>,
    /// longest time for one check
    #[serde(default = "timeout")]
    #[schemars(extend("not" = no_time()))]
    pub timeout: Spanned<Duration>,
    /// failures in a row by which a target is down
    #[serde(default = "down_after")]
    #[schemars(range(min = 1, max = 100))]
    pub down_after: Spanned<u32>,
    /// successes in a row by which it is up again
    #[serde(default = "up_after")]
    #[schemars(range(min = 1, max = 100))]
    pub up_after: Spanned<u32>,
}

/// Who gets a copy of calls.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Mirror {
    /// name of the upstream that gets them
    pub upstream: Spanned<String>,
    /// share of the calls that are copied
    #[serde(default = "all")]
    #[schemars(extend("not" = serde_json::json!({ "pattern": "^0+%$" })))]
    pub share: Spanned<Percent>,
}

fn all() -> Spanned<Percent> {
    Spanned::nowhere(Percent::new(100))
}

fn every() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(5))
}

fn timeout() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(2))
}

fn down_after() -> Spanned<u32> {
    Spanned::nowhere(3)
}

fn up_after() -> Spanned<u32> {
    Spanned::nowhere(2)
}

/// What may be tried again: calls with an idempotent method whose body is there to be sent again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Retries {
    /// most tries after the first; without it 1 where there are several targets, and none where there is one
    #[schemars(range(max = 10))]
    pub most: Option<Spanned<u32>>,
    /// retries as a share of all calls
    pub budget: Percent,
    /// longest time to the head of an answer for a try that may be followed by another
    pub per_try: Option<Spanned<Duration>>,
    /// statuses that are tried again
    #[schemars(inner(range(min = 500, max = 599)))]
    pub statuses: Vec<Spanned<u16>>,
}

impl Default for Retries {
    fn default() -> Self {
        Self { most: None, budget: Percent::new(20), per_try: None, statuses: Vec::new() }
    }
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
    /// from the head of an answer that streams to its end, however much of it moves
    #[schemars(extend("not" = no_time()))]
    pub lifetime: Duration,
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
            lifetime: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// How an upstream proves who it is, and how we do.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UpstreamTls {
    /// PEM file with the certificate authorities believed; without it the system's
    pub ca: Option<Spanned<FileRef>>,
    /// name the certificate must carry, when it is not the URL's host
    pub server_name: Option<Spanned<ServerName>>,
    /// public keys one of which its certificate must have, beside being trusted
    pub pins: Vec<Spanned<Pin>>,
    /// PEM file with the certificate that we show, and its chain
    pub certificate: Option<Spanned<FileRef>>,
    /// PEM private key of that certificate
    pub key: Option<Spanned<SecretRef>>,
}

/// Kept connections to an upstream, per target and core.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Pool {
    /// most connections kept without a call
    #[schemars(range(min = 1, max = 65535))]
    pub connections: Spanned<u32>,
    /// longest time a connection is kept without a call
    pub idle: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self { connections: Spanned::nowhere(256), idle: Duration::from_secs(30) }
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
