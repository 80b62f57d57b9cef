//! The section `admission` at the top of the document: how much an address may ask for that proves nobody.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::{Control, Mode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Rate, Spanned};

use super::open::{Open, Read as Looked};
use super::{Admission, Allowance, Credentials, Settings};
use crate::meter;
use crate::scope::{Compiled, GatewayScope, HeldTo, OperationScope, mode};
use crate::security::{
    Access, Alternative, access, certificate_scheme, key_scheme, signature_scheme, takes_signatures,
    webhook_scheme,
};

/// Calls without a credential: 200 a second sustained, 2,000 at once. An office behind one address stays below it.
const ANONYMOUS: (&str, u32) = ("200/s", 2_000);
/// Failing calls: 50 a second sustained, 1,000 at once. Verifying as many forged signatures takes less than a hundredth of a
/// core.
const FAILURES: (&str, u32) = ("50/s", 1_000);

/// What one address may ask for before it proves who calls.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Admission")]
pub struct AdmissionSection {
    /// calls without any credential; unless set otherwise `200/s`, 2000 at once
    pub anonymous: AllowanceSection,
    /// calls that fail without a valid credential; unless set otherwise `50/s`, 1000 at once
    pub failures: AllowanceSection,
}

/// How much.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Allowance")]
pub struct AllowanceSection {
    /// calls of one address (of IPv6 its /64) in a time, refilled evenly, as in `200/s`
    pub rate: Option<Spanned<Rate>>,
    /// calls that may come at once; with a `rate` of your own as many as it counts
    #[schemars(range(min = 1), extend("x-default-with" = "rate"))]
    pub burst: Option<Spanned<u32>>,
    /// whether calls over it are refused, only recorded, or not counted
    pub mode: spec::Mode,
}

impl Default for AdmissionSection {
    fn default() -> Self {
        let usual = |(rate, burst): (&str, u32)| AllowanceSection {
            rate: rate.parse().ok().map(Spanned::nowhere),
            burst: Some(Spanned::nowhere(burst)),
            mode: spec::Mode::Enforce,
        };
        Self { anonymous: usual(ANONYMOUS), failures: usual(FAILURES) }
    }
}

impl Default for AllowanceSection {
    fn default() -> Self {
        Self { rate: None, burst: None, mode: spec::Mode::Enforce }
    }
}

impl AdmissionSection {
    /// Each allowance with its name, and what it is unless set otherwise.
    fn parts(&self) -> [(&'static str, &AllowanceSection, (&'static str, u32)); 2] {
        [("anonymous", &self.anonymous, ANONYMOUS), ("failures", &self.failures, FAILURES)]
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(AdmissionSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let section: Option<AdmissionSection> = spec::read(node, out);
    for (name, allowance, usual) in section.iter().flat_map(AdmissionSection::parts) {
        lower(name, allowance, usual, out);
    }
}

/// Both allowances, each with its mode.
struct Read {
    anonymous: (Option<Allowance>, Mode),
    failures: (Option<Allowance>, Mode),
    /// What an API takes.
    credentials: Credentials,
    span: Option<Span>,
}

impl Read {
    fn of(scope: &GatewayScope<'_>, out: &mut Diagnostics) -> Self {
        let node = scope.document.section("admission");
        let section: AdmissionSection = node.and_then(|node| spec::read(node, out)).unwrap_or_default();
        let [anonymous, failures] =
            section.parts().map(|(name, allowance, usual)| lower(name, allowance, usual, out));
        let schemes = || scope.document.apis.values().flat_map(|api| api.authentication.values());
        let credentials = Credentials {
            keys: schemes().any(|scheme| scheme.source.is_some()),
            certificates: schemes().any(|scheme| !scheme.authorities.is_empty()),
            signatures: scope.document.apis.values().any(takes_signatures),
            webhooks: schemes().any(|scheme| scheme.webhook.is_some()),
        };
        Self { anonymous, failures, credentials, span: node.map(|node| node.span) }
    }

    /// The allowances that are in this mode.
    fn in_mode(&self, wanted: Mode) -> (Option<Allowance>, Option<Allowance>) {
        let pick = |(allowance, mode): &(Option<Allowance>, Mode)| {
            let allowance = allowance.clone().filter(|_| *mode == wanted);
            // What is only looked at is counted apart.
            allowance.map(|one| if wanted == Mode::Shadow { one.shadowed() } else { one })
        };
        (pick(&self.anonymous), pick(&self.failures))
    }
}

/// Reports passwords of users that an address may guess faster than people mistype theirs.
fn guessable(scope: &GatewayScope<'_>, span: Option<Span>, out: &mut Diagnostics) {
    let entries = scope.document.apis.values().flat_map(|api| api.authentication.values());
    let Some(first) = entries.flat_map(|entry| &entry.users).next() else { return };
    let node = scope.document.section("admission");
    let section: Option<AdmissionSection> = node.and_then(|node| spec::read(node, &mut Diagnostics::new()));
    let failures = section.unwrap_or_default().failures;
    let slow = failures.rate.is_some_and(|rate| rate.value.count() <= rate.value.window().as_secs());
    if !slow || failures.mode != spec::Mode::Enforce {
        let message = format!("one address may guess many passwords of `{}` in a second", first.value);
        let help =
            "write a rate of `1/s` or less, as in `admission: { failures: { rate: 30/min, burst: 20 } }`";
        out.push(
            Diagnostic::warning("passwords-guessable", message).at(span.unwrap_or(first.span)).help(help),
        );
    }
}

fn lower(
    name: &str,
    section: &AllowanceSection,
    (rate, burst): (&str, u32),
    out: &mut Diagnostics,
) -> (Option<Allowance>, Mode) {
    let own = section.burst.as_ref().map(|burst| burst.value);
    let metered = match (&section.rate, rate.parse()) {
        (Some(rate), _) => meter::rate(rate.value, own),
        (None, Ok(rate)) => meter::rate(rate, own.or(Some(burst))),
        (None, Err(_)) => None,
    };
    let Some((meter, definition)) = metered else {
        let span = section.burst.as_ref().map(|burst| burst.span);
        let span = span.or(section.rate.as_ref().map(|rate| rate.span));
        let mut diagnostic = Diagnostic::error("admission", "the burst is out of range");
        if let Some(span) = span {
            diagnostic = diagnostic.at(span);
        }
        out.push(diagnostic.help("write from 1 to 4294967295"));
        return (None, Mode::Off);
    };
    let definition = format!("admission {name} {definition}").into_bytes();
    (Some(Allowance { meter, definition }), mode(section.mode))
}

/// Compiles it for the gateway: one control for what is enforced, which also says who the client is, and one for what is in
/// shadow.
pub fn compile(scope: &GatewayScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let read = Read::of(scope, out);
    guessable(scope, read.span, out);
    let (anonymous, failures) = read.in_mode(Mode::Enforce);
    let trusted = Some(scope.document.trusted_hops.clone());
    let mut controls = vec![compiled(
        Admission::new(Settings { trusted, anonymous, failures, credentials: read.credentials }),
        Mode::Enforce,
        &read,
    )];
    let (anonymous, failures) = read.in_mode(Mode::Shadow);
    if anonymous.is_some() || failures.is_some() {
        let settings = Settings { trusted: None, anonymous, failures, credentials: read.credentials };
        controls.push(compiled(Admission::new(settings), Mode::Shadow, &read));
    }
    controls
}

/// Compiles it for one operation: where anyone may call, a credential that is not looked at is none, so calls with one count
/// as calls without.
pub fn compile_open(scope: &OperationScope<'_>, _out: &mut Diagnostics) -> Vec<Compiled> {
    let looked = match access(scope) {
        Access::Open => None,
        Access::OneOf { alternatives, anonymous: true } => Some(looked(scope, &alternatives)),
        Access::OneOf { anonymous: false, .. } | Access::Authenticated | Access::Closed(_) => {
            return Vec::new();
        }
    };
    let shared = scope.api.share(&format!("admission open {looked:?}"), || {
        // What is wrong with the section has been said.
        let read = Read::of(scope.api.gateway, &mut Diagnostics::new());
        let mut controls = Vec::new();
        // Without these, `Authorization` alone is a credential, and it is looked at.
        if looked.is_some() && read.credentials == Credentials::default() {
            return controls;
        }
        for wanted in [Mode::Enforce, Mode::Shadow] {
            let (anonymous, failures) = read.in_mode(wanted);
            let suspects = failures.is_some() && wanted == Mode::Enforce;
            if anonymous.is_some() || suspects {
                let open = Open::new(anonymous, read.credentials, looked.clone());
                controls.push(compiled(open, wanted, &read));
            }
        }
        controls
    });
    (*shared).clone()
}

/// What these alternatives look at.
fn looked(scope: &OperationScope<'_>, alternatives: &[Alternative]) -> Looked {
    let mut looked = Looked { places: Vec::new(), certificates: false, signatures: false, webhooks: false };
    for need in alternatives.iter().flat_map(|alternative| &alternative.needs) {
        let place = key_scheme(scope.api, need.scheme).map(|scheme| scheme.place);
        looked.places.extend(place.filter(|place| !looked.places.contains(place)));
        looked.certificates |= !certificate_scheme(scope.api, need.scheme).is_empty();
        looked.signatures |= signature_scheme(scope.api, need.scheme).is_some();
        looked.webhooks |= webhook_scheme(scope.api, need.scheme).is_some();
    }
    looked
}

fn compiled(control: impl Control + 'static, mode: Mode, read: &Read) -> Compiled {
    Compiled {
        control: Arc::new(control),
        mode,
        response_mode: mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: read.span,
    }
}
