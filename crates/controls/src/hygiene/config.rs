//! The section `hygiene`.

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics};
use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use spec::{Duration, Mode, Spanned};

use super::{Hygiene, Settings};
use crate::scope::{Compiled, HeldTo, OperationKind, OperationScope, mode};

/// A year, as lists of hosts that are preloaded into browsers want it.
const YEAR: u64 = 365 * 86_400;
/// Most fields in each list.
const FIELDS: usize = 32;
/// Fields that say how a message is framed, coded and routed, what it is, or that are the gateway's own.
const UNTOUCHED: [&str; 16] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
    "yett-call-id",
    "set-cookie",
];

/// What answers carry beside what the service says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Hygiene")]
pub struct HygieneSection {
    /// whether answers are changed (without it they are), or it is only recorded what would be
    #[serde(default)]
    pub mode: Option<Mode>,
    /// tells browsers to come back over TLS only; sent over TLS
    #[serde(default)]
    pub hsts: Option<Hsts>,
    /// header fields of every answer, in place of the service's own
    #[serde(default)]
    pub add: BTreeMap<String, Spanned<String>>,
    /// header fields of the service that are taken away
    #[serde(default)]
    pub strip: Vec<Spanned<String>>,
}

/// `Strict-Transport-Security` (RFC 6797).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hsts {
    /// how long a browser remembers it
    pub max_age: Spanned<Duration>,
    /// whether it holds for all hosts below
    #[serde(default)]
    pub subdomains: bool,
    /// whether the host may go into lists that browsers come with; wants a year and `subdomains`
    #[serde(default)]
    pub preload: bool,
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(HygieneSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let section: Option<HygieneSection> = spec::read(node, out);
    if let Some(section) = section {
        settings(&section, node, out);
    }
}

/// Compiles it for an operation.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(node), false) = (scope.section, scope.kind == OperationKind::WellKnown) else {
        return Vec::new();
    };
    let made = scope.api.share(&format!("hygiene:{:?}", scope.section), || {
        let section: HygieneSection = spec::read(node, out)?;
        let set = settings(&section, node, out)?;
        let chosen = section.mode.unwrap_or(Mode::Enforce);
        (chosen != Mode::Off && set != Settings { shadow: set.shadow, ..Settings::default() })
            .then(|| (Arc::new(Hygiene::new(set)), mode(chosen)))
    });
    let Some((control, mode)) = &*made else { return Vec::new() };
    vec![Compiled {
        control: Arc::<Hygiene>::clone(control),
        mode: *mode,
        response_mode: *mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(node.span),
    }]
}

fn settings(section: &HygieneSection, node: &spec::Node, out: &mut Diagnostics) -> Option<Settings> {
    let mut failed = false;
    let mut wrong = |span, message: String, help: &str| {
        failed = true;
        out.push(Diagnostic::error("hygiene", message).at(span).help(help));
    };
    let mut set = Settings { shadow: section.mode == Some(Mode::Shadow), ..Settings::default() };
    if section.add.len() > FIELDS || section.strip.len() > FIELDS {
        wrong(
            node.span,
            format!("more than {FIELDS} fields"),
            "name fewer: each is looked for in every answer",
        );
    }
    for (name, value) in &section.add {
        match (field(name), HeaderValue::from_str(&value.value)) {
            (Ok(name), Ok(value)) => {
                set.strip.push(name.clone());
                set.add.push((name, value));
            }
            (Err((why, help)), _) => wrong(value.span, why, help),
            (_, Err(_)) => {
                let help = "write visible characters and spaces, on one line";
                wrong(value.span, format!("the value of `{name}` cannot be sent"), help);
            }
        }
    }
    for name in &section.strip {
        match field(&name.value) {
            Ok(known) if set.strip.contains(&known) => {
                let help = "keep one: what is added takes the place of the service's own";
                wrong(name.span, format!("`{known}` stands there twice"), help);
            }
            Ok(known) => set.strip.push(known),
            Err((why, help)) => wrong(name.span, why, help),
        }
    }
    if let Some(hsts) = &section.hsts {
        let seconds = hsts.max_age.get().as_secs();
        if hsts.preload && (!hsts.subdomains || seconds < YEAR) {
            let help = "write `max_age: 365d, subdomains: true` beside it";
            wrong(hsts.max_age.span, String::from("`preload` is refused by the lists as it stands"), help);
        }
        let below = if hsts.subdomains { "; includeSubDomains" } else { "" };
        let preload = if hsts.preload { "; preload" } else { "" };
        set.hsts = HeaderValue::from_str(&format!("max-age={seconds}{below}{preload}")).ok();
        set.strip.push(STRICT_TRANSPORT_SECURITY);
    }
    (!failed).then_some(set)
}

/// The name of a field that may be changed; else why not, and what to do.
fn field(name: &str) -> Result<HeaderName, (String, &'static str)> {
    let lower = name.to_ascii_lowercase();
    if lower == STRICT_TRANSPORT_SECURITY.as_str() {
        return Err((format!("`{name}` has a key of its own"), "write `hsts: { max_age: 365d }`"));
    }
    if UNTOUCHED.contains(&lower.as_str()) || lower.starts_with("access-control-") {
        let why =
            format!("`{name}` is not to be changed: what an answer is, and who may read it, hangs on it");
        return Err((why, "take it out"));
    }
    HeaderName::from_bytes(lower.as_bytes()).map_err(|_| {
        (
            format!("`{name}` is not the name of a header field"),
            "name a field, as in `x-content-type-options`",
        )
    })
}
