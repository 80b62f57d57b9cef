//! Where state is kept that several gateways share.

use crate::document::{Danger, Document};
use crate::read::Spanned;
use crate::units::{Duration, FileRef, SecretRef};
use diagnostics::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where state is kept that several gateways share: what limits count, uses of proofs, and what is revoked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SharedState {
    /// a server that speaks the protocol of Redis
    pub redis: Spanned<Redis>,
}

/// A server of Redis or Valkey.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Redis {
    /// where it listens: `host:port`, or `unix:/path` of its socket
    pub address: Spanned<String>,
    /// `true` speaks TLS to it
    #[serde(default)]
    pub tls: bool,
    /// certificates of those who vouch for it, in PEM; without it those of the system
    #[serde(default)]
    pub ca: Option<Spanned<FileRef>>,
    /// who we are there
    #[serde(default)]
    pub username: Option<Spanned<String>>,
    /// where the password is kept
    #[serde(default)]
    pub password: Option<Spanned<SecretRef>>,
    /// number of the database
    #[serde(default)]
    pub database: u32,
    /// what all of our keys there begin with: gateways with the same one share their state
    #[serde(default = "default_prefix")]
    pub prefix: Spanned<String>,
    /// how long an answer may take, from `10ms` to `5s`
    #[serde(default = "default_timeout")]
    pub timeout: Spanned<Duration>,
    /// what becomes of limited calls while it cannot be used
    #[serde(default)]
    pub limits_alone: LimitsAlone,
    /// dangers accepted by name
    #[serde(default)]
    pub accept: Vec<Spanned<Danger>>,
}

/// What becomes of limited calls while the server of shared state cannot be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LimitsAlone {
    /// Each gateway counts by itself, so that all together let in as many times a limit as there are gateways at most.
    #[default]
    Count,
    /// They are refused.
    Refuse,
}

fn default_prefix() -> Spanned<String> {
    Spanned::nowhere(String::from("yett"))
}

fn default_timeout() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_millis(250))
}

impl Redis {
    /// Host and port; `None` for a socket in the file system.
    #[must_use]
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let (host, port) = self.address.rsplit_once(':')?;
        let host = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'))?;
        Some((host, port.parse().ok()?))
    }

    /// The path of a socket in the file system.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.address.strip_prefix("unix:").filter(|path| path.starts_with('/'))
    }

    fn is_local(&self) -> bool {
        self.path().is_some()
            || self.host_and_port().is_some_and(|(host, _)| {
                host == "localhost"
                    || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            })
    }
}

/// Reports what is wrong with it.
pub(super) fn check(document: &Document, out: &mut Diagnostics) {
    let Some(state) = &document.state else { return };
    let redis = &state.redis;
    let address = &redis.address;
    let is_host = |host: &str| {
        (1..=253).contains(&host.len())
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte))
    };
    let good = redis.path().is_some()
        || redis.host_and_port().is_some_and(|(host, port)| is_host(host) && port != 0);
    if !good {
        let message = format!("`{}` is no address of a server", address.value);
        let help = "write `host:port`, as in `redis.example.com:6379`, or `unix:/run/redis/redis.sock`";
        out.push(Diagnostic::error("invalid-value", message).at(address.span).help(help));
        return;
    }
    let accepted = |list: &[Spanned<Danger>]| list.iter().any(|one| one.value == Danger::Cleartext);
    if !redis.tls && !redis.is_local() && !accepted(&redis.accept) {
        let message = format!("`{}` would be spoken to in clear text", address.value);
        let help = "write `tls: true`, or `accept: [cleartext]` here where nobody else is on the way";
        out.push(Diagnostic::error("cleartext", message).at(address.span).help(help));
    }
    if let (Some(ca), false) = (&redis.ca, redis.tls) {
        let message = "`ca` goes with `tls: true`";
        out.push(
            Diagnostic::error("conflict", message).at(ca.span).help("take it out, or write `tls: true`"),
        );
    }
    if redis.tls && redis.path().is_some() {
        let message = "a socket in the file system has no TLS";
        out.push(Diagnostic::error("conflict", message).at(address.span).help("take `tls` out"));
    }
    if let (Some(username), None) = (&redis.username, &redis.password) {
        let message = "`username` goes with `password`";
        out.push(Diagnostic::error("missing-key", message).at(username.span).help("write `password: env:…`"));
    }
    let prefix = &redis.prefix;
    let is_prefix = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if !(1..=64).contains(&prefix.len()) || !prefix.bytes().all(is_prefix) {
        let message = format!("`{}` cannot be what keys begin with", prefix.value.escape_debug());
        let help = "use letters, digits, `-`, `_`, `.`, `:` and `/`, at most 64";
        out.push(Diagnostic::error("invalid-value", message).at(prefix.span).help(help));
    }
    let timeout = redis.timeout;
    if !(10..=5_000).contains(&timeout.get().as_millis()) {
        let message = format!("an answer cannot be waited for `{}`", timeout.value);
        out.push(
            Diagnostic::error("invalid-value", message).at(timeout.span).help("write from `10ms` to `5s`"),
        );
    }
}
