//! Operations that go on as WebSockets (RFC 6455).

use crate::read::Spanned;
use crate::units::{Duration, Rate, Size};
use diagnostics::{Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest `message`, in bytes: so much of each side of a call may be held.
const MOST: u64 = 64 * 1024 * 1024;

/// What holds for the WebSockets of an operation; that it is there makes the operation one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WebSocket {
    /// origins of pages that may open one beside those of the API's own host, as in `https://app.example.com`, or `*` for all
    pub origins: Vec<Spanned<String>>,
    /// subprotocols that may be agreed on; others that a client speaks are not passed on
    pub subprotocols: Vec<Spanned<String>>,
    /// longest message, at most `64MiB`; a longer one closes with 1009
    pub message: Spanned<Size>,
    /// longest frame that a message may be made of; without it as long as a message
    pub frame: Option<Spanned<Size>>,
    /// messages that a client may send, as in `20/s`; more close with 1008; without it 2000 in a second, 10000 at once
    pub rate: Option<Spanned<Rate>>,
    /// how long neither side may say anything; then both are closed with 1001
    pub idle: Spanned<Duration>,
    /// how long it may last; then both are closed with 1000
    pub lifetime: Spanned<Duration>,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            subprotocols: Vec::new(),
            message: Spanned::nowhere(Size::from_bytes(1024 * 1024)),
            frame: None,
            rate: None,
            idle: Spanned::nowhere(Duration::from_secs(5 * 60)),
            lifetime: Spanned::nowhere(Duration::from_secs(24 * 60 * 60)),
        }
    }
}

/// Reports what is wrong with one, wherever it stands.
pub(super) fn check(settings: &WebSocket, out: &mut Diagnostics) {
    let mut wrong = |span: Span, message: String, help: &str| {
        out.push(Diagnostic::error("websocket", message).at(span).help(help));
    };
    for origin in &settings.origins {
        if origin.value != "*" && !is_origin(&origin.value) {
            let help = "write it as browsers send it: scheme, host and port unless it is the scheme's own, as in \
                        `https://app.example.com`";
            wrong(origin.span, format!("`{}` is not an origin", origin.value), help);
        }
    }
    for name in &settings.subprotocols {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.value.is_empty() || name.value.len() > 128 || !name.value.bytes().all(token) {
            let help =
                "write the name as clients send it in `Sec-WebSocket-Protocol`, as in `graphql-transport-ws`";
            wrong(name.span, format!("`{}` is not a subprotocol", name.value), help);
        }
    }
    let message = settings.message;
    if !(1..=MOST).contains(&message.bytes()) {
        wrong(
            message.span,
            format!("messages cannot be of `{}`", message.value),
            "write from `1B` to `64MiB`",
        );
    }
    if let Some(frame) = settings.frame.filter(|frame| !(1..=message.bytes()).contains(&frame.bytes())) {
        let help = "write at least `1B` and at most what `message` says";
        wrong(frame.span, format!("frames cannot be of `{}`", frame.value), help);
    }
    for time in [settings.idle, settings.lifetime] {
        if time.get().as_secs() == 0 {
            wrong(time.span, format!("`{}` is too short", time.value), "write at least `1s`");
        }
    }
}

/// A serialized origin (RFC 6454 section 6.2).
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let own_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return false,
    };
    let in_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(in_host) && !host.ends_with(own_port)
}
