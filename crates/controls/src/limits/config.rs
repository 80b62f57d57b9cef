//! The section `limits`: a list, each entry one limit.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::cells::Meter;
use engine::{Control, Mode};
use schemars::JsonSchema;
use serde::Deserialize;
use spec::{Rate, Spanned};

use super::calendar::Window;
use super::{Kind, Limit, Limits, fields};
use crate::meter;
use crate::scope::{Compiled, HeldTo, OperationKind, OperationScope, mode};

/// Limits of one operation at most: each is a look-up per call.
const MOST: usize = 16;

/// One limit: exactly one of `rate`, `quota` and `concurrency`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limit")]
pub struct LimitSection {
    /// whose calls are counted together
    #[serde(default)]
    pub per: Per,
    /// calls in a time, refilled evenly, as in `60/min`
    #[serde(default)]
    pub rate: Option<Spanned<Rate>>,
    /// calls that may come at once under `rate`; without it as many as `rate` counts
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub burst: Option<Spanned<u32>>,
    /// calls in a window of the calendar (UTC), as in `10000/month`
    #[serde(default)]
    pub quota: Option<Spanned<Rate>>,
    /// calls at the same time
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub concurrency: Option<Spanned<u32>>,
    /// whether calls over the limit are refused, or only recorded
    #[serde(default = "enforce")]
    pub mode: spec::Mode,
    /// what the `RateLimit` header fields call it
    #[serde(default)]
    pub name: Option<Spanned<String>>,
}

const fn enforce() -> spec::Mode {
    spec::Mode::Enforce
}

/// Whose calls a limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Those of one (issuer, subject); without a principal those of the client's address.
    #[default]
    Subject,
    /// Those of one (issuer, application); without one as `subject`.
    Application,
    /// Those of the client's address; of IPv6 its /64.
    Address,
    /// All.
    Api,
}

impl Per {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Per::Subject => "subject",
            Per::Application => "application",
            Per::Address => "address",
            Per::Api => "api",
        }
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Vec<LimitSection>)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let read: Option<Vec<Spanned<LimitSection>>> = spec::read(node, out);
    build(&understood(read.unwrap_or_default(), node), ("", None), node.span, out);
}

/// Compiles it for an operation: one control for what is enforced and one for what is in shadow. A section of the API counts
/// all of its operations together, one of an operation counts that operation.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let counted = matches!(scope.kind, OperationKind::Declared | OperationKind::ImpliedHead);
    let (Some(node), true) = (scope.section, counted) else { return Vec::new() };
    let of_api = scope.api.settings.section("limits").is_some_and(|of_api| of_api.span == node.span);
    let operation = if of_api { None } else { Some(scope.id) };
    let share = format!("{}:{}", scope.section_key("limits"), operation.unwrap_or_default());
    let compiled = scope.api.share(&share, || {
        let read: Vec<Spanned<LimitSection>> = spec::read(node, out).unwrap_or_default();
        build(&understood(read, node), (scope.api.name, operation), node.span, out)
    });
    compiled.to_vec()
}

/// Those of which everything was understood: what was not was told of, and is not missing.
fn understood(read: Vec<Spanned<LimitSection>>, node: &spec::Node) -> Vec<Spanned<LimitSection>> {
    let lost = |section: &Spanned<LimitSection>| {
        let written = node.items().iter().find(|item| item.span == section.span);
        let is_lost =
            |key: &str, is_read: bool| !is_read && written.is_some_and(|item| item.get(key).is_some());
        is_lost("rate", section.rate.is_some())
            || is_lost("quota", section.quota.is_some())
            || is_lost("concurrency", section.concurrency.is_some())
    };
    read.into_iter().filter(|section| !lost(section)).collect()
}

pub(super) fn build(
    sections: &[Spanned<LimitSection>],
    (api, operation): (&str, Option<&str>),
    span: Span,
    out: &mut Diagnostics,
) -> Vec<Compiled> {
    if sections.len() > MOST {
        let message = format!("there are more than {MOST} limits");
        out.push(Diagnostic::error("limits", message).at(span).help("keep those that bind"));
    }
    let mut names: Vec<String> = Vec::new();
    let (mut enforced, mut shadowed) = (Vec::new(), Vec::new());
    for section in sections {
        let Some(limit) = lower(section, (api, operation), &mut names, out) else { continue };
        match mode(section.mode) {
            Mode::Off => {}
            Mode::Shadow => shadowed.push(limit),
            Mode::Enforce => enforced.push(limit),
        }
    }
    [(enforced, Mode::Enforce), (shadowed, Mode::Shadow)]
        .into_iter()
        .filter(|(limits, _)| !limits.is_empty())
        .map(|(limits, mode)| Compiled {
            control: Arc::new(Limits::new(limits, mode == Mode::Enforce)) as Arc<dyn Control>,
            mode,
            response_mode: mode,
            body_limit: None,
            held_to: HeldTo::Configuration,
            span: Some(span),
        })
        .collect()
}

fn lower(
    section: &Spanned<LimitSection>,
    (api, operation): (&str, Option<&str>),
    names: &mut Vec<String>,
    out: &mut Diagnostics,
) -> Option<Limit> {
    let mut wrong = |span: Span, message: &str, help: &str| {
        out.push(Diagnostic::error("limits", message).at(span).help(help));
        None
    };
    if let (Some(burst), None) = (section.burst, section.rate) {
        return wrong(burst.span, "`burst` goes with `rate`", "take it out, or write a `rate`");
    }
    let (kind, said, definition) = match (section.rate, section.quota, section.concurrency) {
        (Some(rate), None, None) => match meter::rate(*rate, section.burst.map(|burst| burst.value)) {
            Some((meter, definition)) => (Kind::Meter(meter), said_of(*rate), definition),
            None => return wrong(rate.span, "the burst is out of range", "write from 1 to 4294967295"),
        },
        (None, Some(quota), None) => match (u32::try_from(quota.count()), Window::new(*quota)) {
            (Ok(limit), Some(window)) => {
                (Kind::Quota(window, limit), said_of(*quota), format!("quota {}", *quota))
            }
            (Err(_), _) => return wrong(quota.span, "the quota is too large", "write at most 4294967295"),
            (_, None) => {
                let help = "write it per `min`, `hour`, `day`, `7day` (weeks), or `month`";
                return wrong(quota.span, "the quota's window does not fit the calendar", help);
            }
        },
        (None, None, Some(most)) if most.value == 0 => {
            return wrong(most.span, "`concurrency: 0` lets nothing through", "write at least 1");
        }
        (None, None, Some(most)) => {
            let meter = Meter::Concurrency { limit: most.value };
            (
                Kind::Meter(meter),
                format!(";q={};qu=\"concurrent-requests\"", most.value),
                format!("at once {}", most.value),
            )
        }
        _ => {
            let help = "write one of them, and further limits as entries of their own";
            return wrong(section.span, "a limit has exactly one of `rate`, `quota` and `concurrency`", help);
        }
    };
    let name = match name(section, names) {
        Ok(name) => name,
        Err((span, message, help)) => return wrong(span, &message, help),
    };
    let per = section.per;
    let definition = format!("{api}\n{}\n{} {definition}", operation.unwrap_or_default(), per.name());
    Some(Limit { per, kind, policy: format!("\"{name}\"{said}"), name, definition: definition.into_bytes() })
}

/// The name given, or one made of what is counted; unique in the section.
fn name(
    section: &Spanned<LimitSection>,
    names: &mut Vec<String>,
) -> Result<String, (Span, String, &'static str)> {
    let name = match &section.name {
        Some(given) => {
            if !fields::is_name(&given.value) {
                let message = format!("`{}` cannot be the name of this limit", given.value);
                return Err((given.span, message, "use printable ASCII without quotes"));
            }
            if names.contains(&given.value) {
                let message = format!("another limit here is named `{}`", given.value);
                return Err((given.span, message, "give each a name of its own: callers are told it"));
            }
            given.value.clone()
        }
        None => {
            let what = if section.concurrency.is_some() {
                "concurrency"
            } else if section.quota.is_some() {
                "quota"
            } else {
                "rate"
            };
            let base = format!("{}-{what}", section.per.name());
            let mut numbered = base.clone();
            let mut number = 2;
            while names.contains(&numbered) {
                numbered = format!("{base}-{number}");
                number += 1;
            }
            numbered
        }
    };
    names.push(name.clone());
    Ok(name)
}

fn said_of(rate: Rate) -> String {
    format!(";q={};w={}", rate.count(), rate.window().as_secs())
}
