//! Where others say what is revoked: applications of tokens that were given to them (RFC 7009), issuers by events that they send
//! (RFC 8935) or are asked for (RFC 8936).

use crate::document::Document;
use crate::read::Spanned;
use crate::units::{Bind, Duration, Rate, SecretRef, Strings, Url};
use diagnostics::{Diagnostic, Diagnostics, Span, nearest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where others say what is revoked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Revocation {
    /// address and port on this machine, in clear text: what is to be reached from elsewhere goes through a listener of the
    /// gateway, as an API whose upstream this is
    pub bind: Spanned<Bind>,
    /// who may revoke tokens at `POST /revoke` (RFC 7009), by `client_id`
    #[serde(default)]
    pub clients: BTreeMap<String, Spanned<RevocationClient>>,
    /// whose security events are taken, at `POST /events` (RFC 8935) or by asking (RFC 8936), by the name of an issuer
    #[serde(default)]
    pub transmitters: BTreeMap<String, Spanned<Transmitter>>,
    /// calls that one client or transmitter may make, and how many may fail in all; without it `600/min`
    #[serde(default)]
    pub rate: Option<Spanned<Rate>>,
}

/// Who may revoke tokens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RevocationClient {
    /// where the secret is kept by which it proves who it is, at least 16 bytes
    #[serde(default)]
    pub secret: Option<Spanned<SecretRef>>,
    /// `true` takes an API key of the application of this name in the place of a secret
    #[serde(default)]
    pub api_key: bool,
    /// issuers whose tokens it may revoke
    pub issuers: Vec<Spanned<String>>,
    /// `true` lets it revoke tokens that were given to others as well
    #[serde(default)]
    pub any: bool,
}

/// An issuer whose security events are taken.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Transmitter {
    /// one of these must be in the `aud` of its events
    pub audience: Strings,
    /// issuers of whose tokens its events speak; without it its own
    #[serde(default)]
    pub issuers: Vec<Spanned<String>>,
    /// where the token is kept that it has to send as `Authorization: Bearer`, at least 16 bytes
    #[serde(default)]
    pub secret: Option<Spanned<SecretRef>>,
    /// where it is asked for events (RFC 8936), beside what it sends
    #[serde(default)]
    pub poll: Option<Spanned<Poll>>,
    /// what an `opaque` subject names
    #[serde(default)]
    pub opaque: Opaque,
    /// how old an event may be when it comes, from `1m` to `7d`
    #[serde(default = "default_max_age")]
    pub max_age: Spanned<Duration>,
}

/// Where a transmitter is asked for events.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Poll {
    /// its polling endpoint
    pub url: Spanned<Url>,
    /// where the token is kept that it wants as `Authorization: Bearer`
    #[serde(default)]
    pub secret: Option<Spanned<SecretRef>>,
    /// how often it is asked when it answers at once that there is nothing, from `1s` to `1h`
    #[serde(default = "default_every")]
    pub every: Spanned<Duration>,
    /// how long it may hold an answer back until there is something, from `1s` to `5m`
    #[serde(default = "default_wait")]
    pub wait: Spanned<Duration>,
}

/// What a subject of the format `opaque` (RFC 9493 section 3.2.7) names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Opaque {
    /// Nothing that could be told here.
    #[default]
    Refused,
    /// `sub`.
    Subject,
    /// `sid`.
    Session,
}

fn default_every() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(10))
}

fn default_wait() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(60))
}

fn default_max_age() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(24 * 3600))
}

/// Reports what is wrong with it.
pub(super) fn check(document: &Document, out: &mut Diagnostics) {
    let Some(settings) = &document.revocation else { return };
    if !settings.bind.is_loopback() {
        let message = format!(
            "`{}` would take secrets and tokens in clear text from other machines",
            settings.bind.value
        );
        let help = "write an address of this machine, as in `127.0.0.1:9903`, and an API with this upstream before it";
        out.push(Diagnostic::error("clear-text", message).at(settings.bind.span).help(help));
    }
    if settings.clients.is_empty() && settings.transmitters.is_empty() {
        let message = "nobody may revoke anything there";
        let help = "write `clients` or `transmitters`, or leave `revocation` out";
        out.push(Diagnostic::error("missing-key", message).at(settings.span).help(help));
    }
    for (name, client) in &settings.clients {
        if client.secret.is_some() == client.api_key {
            let message = match client.api_key {
                true => format!("the client `{name}` proves who it is in two ways"),
                false => format!("nothing says how the client `{name}` proves who it is"),
            };
            let help = "write `secret: env:NAME`, or `api_key: true`, one of them";
            out.push(Diagnostic::error("conflict", message).at(client.span).help(help));
        }
        if client.issuers.is_empty() {
            let message = format!("the client `{name}` may revoke tokens of no issuer");
            out.push(Diagnostic::error("missing-key", message).at(client.span).help("name one in `issuers`"));
        }
        client.issuers.iter().for_each(|issuer| known(document, &issuer.value, issuer.span, out));
        asks_one(document, name, client, out);
    }
    for (name, transmitter) in &settings.transmitters {
        known(document, name, transmitter.span, out);
        if document.issuers.get(name).is_some_and(|issuer| issuer.local) {
            let message = "the gateway's own issuer sends no events";
            out.push(Diagnostic::error("conflict", message).at(transmitter.span).help("take it out"));
        }
        if transmitter.audience.0.iter().all(String::is_empty) {
            let message = format!("the events of `{name}` are for nobody");
            let help =
                "write the `aud` that its events have, as in `audience: https://gateway.example.com/events`";
            out.push(Diagnostic::error("missing-key", message).at(transmitter.span).help(help));
        }
        transmitter.issuers.iter().for_each(|issuer| known(document, &issuer.value, issuer.span, out));
        transmitter.poll.iter().for_each(|poll| check_poll(poll, out));
        let max_age = transmitter.max_age;
        if !(60..=7 * 86_400).contains(&max_age.get().as_secs()) {
            let message = format!("events cannot be taken for `{}`", max_age.value);
            out.push(
                Diagnostic::error("invalid-value", message).at(max_age.span).help("write from `1m` to `7d`"),
            );
        }
    }
}

/// An opaque token does not say whose it is, and is not shown to another issuer than its own.
fn asks_one(document: &Document, name: &str, client: &RevocationClient, out: &mut Diagnostics) {
    let mut asked = client.issuers.iter().filter_map(|issuer| {
        let introspection = document.issuers.get(&issuer.value)?.introspection.as_ref()?;
        Some((issuer, introspection.url.as_str()))
    });
    let Some((_, first)) = asked.next() else { return };
    if let Some((issuer, _)) = asked.find(|(_, url)| *url != first) {
        let message =
            format!("the client `{name}` may revoke opaque tokens of two issuers with `introspection`");
        let help = "name one of them: an opaque token does not say whose it is, and is not shown to another";
        out.push(Diagnostic::error("conflict", message).at(issuer.span).help(help));
    }
}

fn check_poll(poll: &Poll, out: &mut Diagnostics) {
    if !poll.url.is_https() && !poll.url.is_loopback() {
        let message = format!("`{}` would be asked in clear text", poll.url.value);
        out.push(Diagnostic::error("clear-text", message).at(poll.url.span).help("use its `https` URL"));
    }
    for (what, time, longest, range) in [
        ("be asked every", &poll.every, 3_600, "from `1s` to `1h`"),
        ("hold an answer back for", &poll.wait, 300, "from `1s` to `5m`"),
    ] {
        if !(1..=longest).contains(&time.get().as_secs()) {
            let message = format!("a transmitter cannot {what} `{}`", time.value);
            out.push(
                Diagnostic::error("invalid-value", message).at(time.span).help(format!("write {range}")),
            );
        }
    }
}

fn known(document: &Document, name: &str, span: Span, out: &mut Diagnostics) {
    if document.issuers.contains_key(name) {
        return;
    }
    let near = nearest(name, document.issuers.keys().map(String::as_str));
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => String::from("name one of `issuers`"),
    };
    let message = format!("there is no issuer `{name}`");
    out.push(Diagnostic::error("unknown-name", message).at(span).help(help));
}
