//! The section `cors`.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics};
use http::{HeaderName, HeaderValue, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use spec::{Duration, Mode, Spanned};

use super::{Cors, Origin, Origins};
use crate::scope::{Compiled, HeldTo, OperationKind, OperationScope, mode};

/// Which pages of other origins may call, and what they may send and read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cors")]
pub struct CorsSection {
    /// whether foreign origins are refused, or only recorded
    #[serde(default = "enforce")]
    pub mode: Mode,
    /// origins as browsers send them, as in `https://shop.example.com`, or `*` for all
    pub origins: Vec<Spanned<String>>,
    /// methods that pages may use; without it those of the contract
    #[serde(default)]
    pub methods: Option<Vec<Spanned<String>>>,
    /// header fields that pages may send beside the safelisted ones
    #[serde(default = "request_headers")]
    pub headers: Vec<Spanned<String>>,
    /// header fields of answers that pages may read beside the safelisted ones
    #[serde(default)]
    pub expose: Vec<Spanned<String>>,
    /// whether browsers may send cookies and client certificates along
    #[serde(default)]
    pub credentials: bool,
    /// how long browsers may remember the answer to a preflight
    #[serde(default = "max_age")]
    pub max_age: Duration,
}

const fn enforce() -> Mode {
    Mode::Enforce
}

fn request_headers() -> Vec<Spanned<String>> {
    ["authorization", "content-type"].map(|name| Spanned::nowhere(name.to_owned())).to_vec()
}

const fn max_age() -> Duration {
    Duration::from_secs(600)
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(CorsSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let section: Option<CorsSection> = spec::read(node, out);
    if let Some(section) = section {
        settings(&section, out);
    }
}

/// Compiles it for an operation.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(node), false) = (scope.section, scope.kind == OperationKind::WellKnown) else {
        return Vec::new();
    };
    let share = format!("cors:{:?}", node.span);
    let section = scope.api.share(&share, || {
        let read: Option<CorsSection> = spec::read(node, out);
        read.and_then(|section| settings(&section, out).map(|settings| (section, settings)))
    });
    let Some((section, settings)) = &*section else { return Vec::new() };
    if section.mode == Mode::Off {
        return Vec::new();
    }
    let wanted = section.methods.as_ref().map(|methods| {
        methods.iter().filter_map(|name| Method::from_bytes(name.value.as_bytes()).ok()).collect::<Vec<_>>()
    });
    let methods = scope
        .siblings
        .iter()
        .filter(|method| wanted.as_ref().is_none_or(|wanted| wanted.contains(method)))
        .map(Method::as_str);
    let control = Cors::new(Arc::clone(settings), methods);
    let mode = mode(section.mode);
    vec![Compiled {
        control: Arc::new(control),
        mode,
        response_mode: mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(node.span),
    }]
}

fn settings(section: &CorsSection, out: &mut Diagnostics) -> Option<Arc<super::Settings>> {
    let before = out.has_errors();
    let mut failed = false;
    let mut wrong = |span, message: String, help: &str| {
        failed = true;
        out.push(Diagnostic::error("cors", message).at(span).help(help));
    };
    let mut exact = Vec::new();
    let mut any = false;
    for origin in &section.origins {
        match origin.value.as_str() {
            "*" if section.credentials => wrong(
                origin.span,
                String::from(
                    "`*` with `credentials: true` would let every page act with its visitor's cookies",
                ),
                "name the origins, or leave `credentials` out",
            ),
            "*" => any = true,
            "null" => wrong(
                origin.span,
                String::from("`null` is the origin of any sandboxed page"),
                "name the origins, as in `https://shop.example.com`",
            ),
            text => match Origin::parse(text.as_bytes()) {
                Some(_) => exact.push(text.to_owned().into_boxed_str()),
                None => wrong(
                    origin.span,
                    format!("`{text}` is not an origin as browsers send it"),
                    "write scheme and host in lower case, and the port when it is not the scheme's own",
                ),
            },
        }
    }
    for method in section.methods.iter().flatten() {
        let upper = !method.value.is_empty() && method.value.bytes().all(|byte| byte.is_ascii_uppercase());
        if !upper {
            wrong(
                method.span,
                format!("`{}` is not a method", method.value),
                "write it in upper case, as in `GET`",
            );
        }
    }
    for name in section.headers.iter().chain(&section.expose) {
        if HeaderName::from_bytes(name.value.as_bytes()).is_err() || name.value == "*" {
            wrong(
                name.span,
                format!("`{}` is not the name of a header field", name.value),
                "name each field",
            );
        }
    }
    if failed || (!before && out.has_errors()) {
        return None;
    }
    let origins = if any { Origins::Any } else { Origins::Exact(exact) };
    let joined = |names: &[Spanned<String>]| {
        let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
        HeaderValue::from_str(&names.join(", ")).ok().filter(|value| !value.is_empty())
    };
    Some(Arc::new(super::Settings {
        origins,
        headers: joined(&section.headers),
        expose: joined(&section.expose),
        credentials: section.credentials,
        max_age: HeaderValue::from(section.max_age.get().as_secs()),
        enforced: section.mode == Mode::Enforce,
    }))
}
