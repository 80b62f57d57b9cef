//! Cross-origin calls of browsers, by the Fetch standard (section "CORS protocol").
//!
//! A preflight is answered here, from the methods of the contract, before authentication: browsers send no credentials with
//! it. Calls that name a foreign origin which is not allowed are refused, not just left unreadable: a page of somebody else's
//! has no business here even if it cannot see the answer (THREATS row 37). An origin that is the API's own host is not
//! foreign; `null` is nobody's. Every answer to an allowed origin carries the permission, refusals of later controls included,
//! so that a page can read why; and since answers differ by origin, every answer says `Vary: Origin` unless all are
//! allowed. What an upstream says on its own by `Access-Control-*` is removed: one party decides.

mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use engine::verdict::Refusal;
use engine::{Answer, Attached, Call, Control, CoreContext, Needs, Step, Verdict, codes};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{Method, StatusCode};

pub use config::{CorsSection, check_section, compile, schema};

/// Which origins are allowed.
#[derive(Debug)]
pub enum Origins {
    /// All.
    Any,
    /// These, byte for byte.
    Exact(Vec<Box<str>>),
}

/// What all operations with one section share.
#[derive(Debug)]
pub struct Settings {
    origins: Origins,
    headers: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    credentials: bool,
    max_age: HeaderValue,
    /// In shadow nothing is added to an answer and nothing removed.
    enforced: bool,
}

/// The control, for one path.
#[derive(Debug)]
pub struct Cors {
    settings: Arc<Settings>,
    methods: Option<HeaderValue>,
}

impl Cors {
    fn new<'m>(settings: Arc<Settings>, methods: impl Iterator<Item = &'m str>) -> Self {
        let methods: Vec<&str> = methods.collect();
        Self { settings, methods: HeaderValue::from_str(&methods.join(", ")).ok() }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        match &self.settings.origins {
            Origins::Any => Origin::parse(origin.as_bytes()).is_some(),
            Origins::Exact(known) => known.iter().any(|known| known.as_bytes() == origin.as_bytes()),
        }
    }

    fn permit(&self, call: &mut Call, origin: HeaderValue) {
        if !self.settings.enforced {
            return;
        }
        let out = &mut call.answer_headers;
        let origin = match self.settings.origins {
            Origins::Any => HeaderValue::from_static("*"),
            Origins::Exact(_) => origin,
        };
        out.push((ACCESS_CONTROL_ALLOW_ORIGIN, origin));
        if self.settings.credentials {
            out.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
        }
        if let Some(expose) = &self.settings.expose {
            out.push((ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone()));
        }
    }

    fn preflight(&self) -> Verdict {
        let given = [
            (ACCESS_CONTROL_ALLOW_METHODS, self.methods.as_ref()),
            (ACCESS_CONTROL_ALLOW_HEADERS, self.settings.headers.as_ref()),
            (ACCESS_CONTROL_MAX_AGE, Some(&self.settings.max_age)),
        ];
        let headers =
            given.into_iter().filter_map(|(name, value)| value.map(|value| (name, value.clone()))).collect();
        Verdict::Answer(Box::new(Answer { status: StatusCode::NO_CONTENT, headers, body: Bytes::new() }))
    }

    fn decide(&self, call: &mut Call) -> Verdict {
        if self.settings.enforced && matches!(self.settings.origins, Origins::Exact(_)) {
            call.answer_headers.push((VARY, HeaderValue::from_static("Origin")));
        }
        let mut fields = call.request.headers.get_all(ORIGIN).iter();
        let Some(origin) = fields.next().cloned() else { return Verdict::Allow };
        if fields.next().is_some() {
            return refuse("there is more than one `Origin`");
        }
        if is_own(&origin, &call.request.authority) {
            return Verdict::Allow;
        }
        if !self.allows(&origin) {
            return refuse("the origin is not one of `cors.origins`");
        }
        self.permit(call, origin);
        let preflight = call.request.method == Method::OPTIONS
            && call.request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if preflight { self.preflight() } else { Verdict::Allow }
    }
}

fn refuse(detail: &str) -> Verdict {
    Verdict::Refuse(Refusal::new(&codes::ORIGIN_REFUSED, detail))
}

/// Whether the origin is the API's own host, whatever the scheme: a hop before us may have ended TLS.
fn is_own(origin: &HeaderValue, authority: &str) -> bool {
    let Some(origin) = Origin::parse(origin.as_bytes()) else { return false };
    let own = authority.to_ascii_lowercase();
    let default = if origin.scheme == "https" { ":443" } else { ":80" };
    own.strip_suffix(default).unwrap_or(&own) == origin.host
}

/// A serialized origin (RFC 6454 section 6.2): `scheme://host[:port]` in lower case, without the scheme's own port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
}

impl<'a> Origin<'a> {
    /// Parses one; `null` is none.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (scheme, host) = std::str::from_utf8(text).ok()?.split_once("://")?;
        let in_scheme =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
        let in_host =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._~:[]".contains(&byte);
        let own_port = matches!(scheme, "https" if host.ends_with(":443"))
            || matches!(scheme, "http" if host.ends_with(":80") && !host.ends_with("::80"));
        let good = !scheme.is_empty() && scheme.bytes().all(in_scheme) && !host.is_empty() && !own_port;
        (good && host.bytes().all(in_host)).then_some(Self { scheme, host })
    }
}

impl Control for Cors {
    fn name(&self) -> &'static str {
        "cors"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, response_head: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Cors>);

/// What an upstream could say that is ours to say.
const OURS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.decide(call))
    }

    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let removed = if self.0.settings.enforced { OURS.as_slice() } else { &[] };
        for name in removed {
            call.response.headers.remove(name);
        }
        Step::Done(Verdict::Allow)
    }
}
