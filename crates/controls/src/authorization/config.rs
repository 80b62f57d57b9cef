//! The section `authorization` of an API or an operation, and the contract's `security` as rules.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, nearest};
use engine::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Duration, Node, Spanned, Strings};

use super::{Administrative, Asked, Authorization, Require};
use crate::callers::config::{CallerSection, ClaimPaths, ClaimsSection};
use crate::callers::trust::Trust;
use crate::scope::{Compiled, OperationKind, OperationScope};
use crate::security::{Access, Challenge, Issuers, access};

/// what a caller needs beside what the contract asks for
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct AuthorizationSection {
    /// what the caller must carry, all of it
    #[serde(default)]
    pub require: Required,
    /// claims that hold roles, for every control that asks for them; without the key those that the issuer's settings name
    #[serde(default)]
    pub roles_from: Option<ClaimPaths>,
    /// issuers whose roles are believed, by their names, for every control that asks for roles; `any` believes each. An API that takes the
    /// tokens of one issuer need not say
    #[serde(default)]
    pub roles_issuer: Option<Strings>,
    /// that it is for administrators: it has to `require` something of them, and its first use by somebody is told (`yett.call.noted`)
    #[serde(default)]
    pub administrative: bool,
    /// whether a call that lacks them is refused, or only recorded as such; the contract's own scopes always count
    #[serde(default)]
    pub mode: RuleMode,
}

/// scopes, roles and claims
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Required {
    /// scopes, of the contract or of the issuer's own
    #[serde(default)]
    pub scopes: Strings,
    /// roles, as the issuer names them
    #[serde(default)]
    pub roles: Strings,
    /// claims, and the values of which each must have one
    #[serde(default)]
    pub claims: ClaimsSection,
    /// issuers that are believed, by their names; `applications` for API keys, or `any`
    #[serde(default)]
    pub issuer: Option<Strings>,
    /// listeners by which it may be called, by their names; without the key all that the API has
    #[serde(default)]
    pub listeners: Option<Vec<Spanned<String>>>,
    /// and one of these: a role, or `roles`, `scopes` and `claims`
    #[serde(default)]
    pub any: Option<Vec<CallerSection>>,
    /// longest time since the user logged in (`auth_time`)
    #[serde(default)]
    pub max_age: Option<Duration>,
    /// whether a token without `auth_time` counts from when it was issued (`iat`), which a refresh makes new
    #[serde(default)]
    pub by_issue: bool,
    /// how the user has to have logged in: values of `acr` as the issuer writes them, of which one will do, the preferred first
    #[serde(default)]
    pub acr_values: Option<Strings>,
}

/// Whether the added rule counts. There is no `off`: leave the rule out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleMode {
    /// Recorded only.
    Shadow,
    /// Refused.
    #[default]
    Enforce,
}

/// JSON Schema of the section.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(AuthorizationSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let Some(section) = spec::read::<AuthorizationSection>(node, out) else { return };
    let Some(Strings(acr)) = &section.require.acr_values else { return };
    let at = node.at(&["require", "acr_values"]).map_or(node.span, |acr| acr.span);
    let mut wrong = |message: String, help: &str| {
        out.push(Diagnostic::error("invalid-value", message).at(at).help(help));
    };
    if acr.is_empty() {
        wrong(
            String::from("an empty `acr_values` lets nobody in"),
            "name values of the issuer's, or leave the key out",
        );
    }
    if acr.len() > MAX_ACR {
        wrong(
            format!("there are more than {MAX_ACR} `acr_values`"),
            "callers are told of each: name those that are used",
        );
    }
    for value in acr.iter().filter(|value| !can_be_asked_for(value)) {
        let help = "write one as the issuer does; callers are told of it between quotes, parted by spaces (RFC 9470 section 3)";
        wrong(format!("`{}` is no value of `acr`", value.escape_default()), help);
    }
}

/// Most of `acr_values`: each goes into a header field.
const MAX_ACR: usize = 16;

/// Whether a value of `acr` can be told to callers, in `acr_values` of a challenge.
fn can_be_asked_for(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (1..=256).contains(&value.len()) && value.bytes().all(plain)
}

/// Compiles authorization for one operation: the contract's scopes, and the added rule if there is one.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    if matches!(scope.kind, OperationKind::ImpliedOptions | OperationKind::WellKnown) {
        return Vec::new();
    }
    let api = scope.api;
    let access = access(scope);
    let mut compiled = Vec::new();
    if let Some(node) = scope.section {
        let rule = rule(scope, node, &access, out);
        let asks = rule.is_some();
        compiled.extend(rule);
        compiled.extend(administrative(scope, node, asks, out));
    }
    let challenge = Challenge::for_access(api, &access);
    if let Access::OneOf { alternatives, anonymous } = access {
        let key = format!("authorization {alternatives:?} {anonymous}");
        let control = api.share(&key, || Authorization::new(challenge, alternatives, anonymous));
        let span = scope.contract.and_then(|operation| operation.span).or(Some(api.settings.name.span));
        compiled.insert(0, Compiled::enforced(control, span).by_security());
    }
    compiled
}

fn rule(scope: &OperationScope<'_>, node: &Node, access: &Access, out: &mut Diagnostics) -> Option<Compiled> {
    let api = scope.api;
    // Read, and reported, once for all operations that have the same section.
    let section =
        api.share(&scope.section_key("authorization"), || spec::read::<AuthorizationSection>(node, out));
    // A section with errors keeps the document from being served.
    let section = section.as_ref().as_ref()?;
    let asked = asked(scope, node, &section.require, out);
    if asked.is_nothing() {
        return None;
    }
    if *access == Access::Open {
        let message = format!("anyone may call `{}`, so nobody can carry what `require` asks for", scope.id);
        let help = "give the operation `security` in the contract, or leave `require` out here";
        out.push(Diagnostic::error("require-without-security", message).at(node.span).help(help));
        return None;
    }
    let challenge = Challenge::for_access(api, access);
    let key = format!("authorization require {asked:?} {challenge:?}");
    let control: Arc<Require> = api.share(&key, || Require::new(challenge, asked));
    let mode = match section.mode {
        RuleMode::Shadow => Mode::Shadow,
        RuleMode::Enforce => Mode::Enforce,
    };
    Some(Compiled { mode, response_mode: mode, ..Compiled::enforced(control, Some(node.span)) })
}

/// What tells the first use of an operation that is for administrators; one that asks nothing of them is an error.
fn administrative(
    scope: &OperationScope<'_>,
    node: &Node,
    asks: bool,
    out: &mut Diagnostics,
) -> Option<Compiled> {
    let section = scope
        .api
        .share(&scope.section_key("authorization"), || spec::read::<AuthorizationSection>(node, out));
    let section = section.as_ref().as_ref().filter(|section| section.administrative)?;
    let of_whom = {
        let Required { scopes, roles, claims, any, .. } = &section.require;
        !scopes.0.is_empty() || !roles.0.is_empty() || !claims.is_empty() || any.is_some()
    };
    if !(asks && of_whom) || section.mode == RuleMode::Shadow {
        let message = format!(
            "`{}` is administrative, and nothing is enforced that its callers have to carry",
            scope.id
        );
        let help = "write `require: { roles: [admin] }` or the like beside it, without `mode: shadow`";
        out.push(Diagnostic::error("administrative-for-anyone", message).at(node.span).help(help));
        return None;
    }
    let control = Arc::new(Administrative::new(scope.api.name, scope.id));
    Some(Compiled::enforced(control, Some(node.span)))
}

/// The numbers of listeners by their names.
fn listeners(scope: &OperationScope<'_>, named: &[Spanned<String>], out: &mut Diagnostics) -> Box<[u16]> {
    let known: Vec<&str> = scope.api.gateway.document.listeners.keys().map(String::as_str).collect();
    let number = |name: &Spanned<String>| {
        let found = known.iter().position(|known| **known == *name.value);
        if found.is_none() {
            let message = format!("there is no listener `{}`", name.value);
            let help = match nearest(&name.value, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("there are: {}", known.join(", ")),
            };
            out.push(Diagnostic::error("unknown-listener", message).at(name.span).help(help));
        }
        found.and_then(|number| u16::try_from(number).ok())
    };
    named.iter().filter_map(number).collect()
}

/// What is asked for, and whom to believe in it.
fn asked(scope: &OperationScope<'_>, node: &Node, require: &Required, out: &mut Diagnostics) -> Asked {
    let Required { scopes, roles, claims, issuer, listeners: named, any, max_age, by_issue, acr_values: acr } =
        require;
    let trust = Trust::of(scope, out);
    let at = node.get("require").map_or(node.span, |require| require.span);
    Asked {
        all: trust.traits((scopes, roles, claims), issuer.as_ref(), at, out),
        any: any.as_ref().map(|any| trust.each(any, issuer.as_ref(), at, out)),
        roles: trust.roles().clone(),
        listeners: named.as_ref().map(|named| listeners(scope, named, out)),
        max_age: max_age.map(Duration::get),
        by_issue: *by_issue,
        // Each issuer has words of its own for how its users log in.
        acr_of: match acr {
            Some(_) => trust.issuers(issuer.as_ref(), at, out),
            None => Issuers::Any,
        },
        acr: acr.iter().flat_map(|Strings(acr)| acr).map(|value| value.as_str().into()).collect(),
    }
}
