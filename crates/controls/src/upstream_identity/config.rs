//! The section `upstream_identity`.

use diagnostics::{Diagnostic, Diagnostics, Span};
use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Duration, Node, Spanned, Strings, Url};

/// What goes into `Authorization` of calls to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "UpstreamCredential")]
pub(super) enum Onward {
    /// What the caller sent.
    Pass,
    /// Nothing: what the contract calls a credential is taken out.
    Strip,
    /// A token that an issuer gives in exchange for the caller's (RFC 8693).
    Exchange,
    /// A token that an issuer gives to the gateway itself (RFC 6749 section 4.4).
    ClientCredentials,
}

/// How an assertion calls its subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "AssertedSubject")]
pub(super) enum AssertedSubject {
    /// As the caller's issuer does.
    #[default]
    Plain,
    /// By the issuer, `#` and that, so that it is unique whoever vouches.
    Qualified,
}

/// What the service gets in place of the caller's credential.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UpstreamIdentity")]
pub(super) struct UpstreamIdentitySection {
    /// what goes into `Authorization`: what the caller sent, nothing, a token in exchange for it, or a token of the gateway's own
    pub(super) credential: Onward,
    /// name of the issuer whose `token_endpoint` is asked, for `exchange` and `client_credentials`
    #[serde(default)]
    pub(super) issuer: Option<Spanned<String>>,
    /// whom the token is for, as the issuer calls them
    #[serde(default)]
    pub(super) audience: Option<Spanned<Strings>>,
    /// whom the token is for, by URLs (RFC 8707)
    #[serde(default)]
    pub(super) resource: Vec<Spanned<String>>,
    /// scopes that are asked for, parted by spaces; without it the issuer chooses
    #[serde(default)]
    pub(super) scope: Option<Spanned<String>>,
    /// longest time for which a token counts, from `1s` to `24h`; never longer than the issuer says, nor than the caller's token
    #[serde(default = "max_age")]
    pub(super) max_age: Spanned<Duration>,
    /// who calls, signed by the gateway, in a header field beside that
    #[serde(default)]
    pub(super) assert: Option<Spanned<AssertSection>>,
}

/// Who calls, signed by the gateway.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UpstreamAssertion")]
pub(super) struct AssertSection {
    /// `false` sends none
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    /// the trust domain in which it is good (`aud`)
    pub(super) audience: Spanned<String>,
    /// who signs (`iss`); without it the URL of the API
    #[serde(default)]
    pub(super) issuer: Option<Spanned<String>>,
    /// what the gateway is called (`req_wl`); without it as the issuer
    #[serde(default)]
    pub(super) workload: Option<Spanned<String>>,
    /// how long it is good, from `5s` to `5m`; never longer than the caller's credential
    #[serde(default = "lifetime")]
    pub(super) lifetime: Spanned<Duration>,
    /// header field that it goes into: `Txn-Token`, or one that begins with `Yett-`
    #[serde(default = "header")]
    pub(super) header: Spanned<String>,
    /// how the subject is called (`sub`)
    #[serde(default)]
    pub(super) subject: AssertedSubject,
    /// claims of the caller's credential that are told as well (in `tctx`)
    #[serde(default)]
    pub(super) claims: Vec<Spanned<String>>,
}

fn max_age() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(300))
}

fn lifetime() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(60))
}

fn header() -> Spanned<String> {
    Spanned::nowhere(String::from("Txn-Token"))
}

const fn yes() -> bool {
    true
}

/// Claims of an assertion that are the gateway's own.
const OWN_CLAIMS: [&str; 4] = ["api", "operation", "sub_iss", "client_id"];
/// Most claims that are told.
const CLAIMS: usize = 16;

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(UpstreamIdentitySection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &Node, out: &mut Diagnostics) {
    let section: Option<UpstreamIdentitySection> = spec::read(node, out);
    let Some(section) = section else { return };
    let asks = matches!(section.credential, Onward::Exchange | Onward::ClientCredentials);
    if asks && section.issuer.is_none() {
        let help = "write `issuer: NAME` of an issuer that has a `token_endpoint`";
        wrong("nobody is named who gives the token", node.span, help, out);
    }
    let audiences = section.audience.as_ref().map(|all| (all.value.0.clone(), all.span));
    let named = audiences.iter().flat_map(|(all, span)| all.iter().map(move |one| (one.as_str(), *span)));
    for (text, span) in named.filter(|(text, _)| !is_word(text)) {
        wrong(&format!("`{}` is no audience", text.escape_debug()), span, "write the service's name", out);
    }
    for one in section.resource.iter().filter(|one| !is_resource(one)) {
        let help = "write an absolute URI without a fragment, as in `https://orders.internal`";
        wrong(&format!("`{}` is no resource", one.value.escape_debug()), one.span, help, out);
    }
    for one in section.scope.iter().filter(|one| !one.value.split(' ').all(is_scope)) {
        let help = "write scopes, with one space between two";
        wrong(&format!("`{}` is no list of scopes", one.value.escape_debug()), one.span, help, out);
    }
    within("a token cannot count for", section.max_age, (1, 86_400), "`1s` to `24h`", out);
    if let Some(assert) = &section.assert {
        check_assert(assert, out);
    }
}

fn check_assert(assert: &AssertSection, out: &mut Diagnostics) {
    within("an assertion cannot be good for", assert.lifetime, (5, 300), "`5s` to `5m`", out);
    let words = [Some(&assert.audience), assert.issuer.as_ref(), assert.workload.as_ref()];
    for one in words.into_iter().flatten().filter(|one| !is_word(one)) {
        let message = format!("`{}` is no name for an assertion", one.value.escape_debug());
        wrong(&message, one.span, "write 1 to 256 visible characters", out);
    }
    if header_name(&assert.header).is_none() {
        let message = format!("an assertion cannot go into `{}`", assert.header.value.escape_debug());
        let help = "write `Txn-Token`, or a name that begins with `Yett-`: these are taken out of what clients send, \
                    by every operation";
        wrong(&message, assert.header.span, help, out);
    }
    if let Some(last) = assert.claims.get(CLAIMS) {
        wrong(&format!("more than {CLAIMS} claims are told"), last.span, "leave some out", out);
    }
    for one in &assert.claims {
        if OWN_CLAIMS.contains(&one.as_str()) || !is_word(one) {
            let message = format!("the claim `{}` cannot be told", one.value.escape_debug());
            wrong(&message, one.span, "take it out: the gateway says it itself, or it is no name", out);
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for one in &assert.claims {
        if seen.contains(&one.as_str()) {
            wrong(&format!("the claim `{}` is told twice", one.value), one.span, "keep one of them", out);
        }
        seen.push(one);
    }
}

pub(super) const TXN_TOKEN: HeaderName = HeaderName::from_static("txn-token");

/// The field of an assertion: one that no client can send, at no operation.
pub(super) fn header_name(text: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.as_bytes()).ok()?;
    let ours = name == TXN_TOKEN || name.as_str().starts_with("yett-") && !RESERVED.contains(&name.as_str());
    (ours && !name.as_str().contains('_')).then_some(name)
}

/// Fields that mean something else.
const RESERVED: [&str; 1] = ["yett-call-id"];

/// 1 to 256 bytes without space and controls.
fn is_word(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.chars().all(|char| !char.is_control() && !char.is_whitespace())
}

/// RFC 8707 section 2: an absolute URI without a fragment.
fn is_resource(text: &str) -> bool {
    let absolute = text.parse::<Url>().is_ok() || text.starts_with("urn:");
    absolute && is_word(text) && !text.contains('#')
}

/// RFC 6749 section 3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| in_scope(&char))
}

pub(super) fn in_scope(char: &char) -> bool {
    char.is_ascii_graphic() && !matches!(char, '"' | '\\')
}

fn within(what: &str, time: Spanned<Duration>, (least, most): (u64, u64), said: &str, out: &mut Diagnostics) {
    let found = time.get();
    if !(least..=most).contains(&found.as_secs()) || found.as_secs() == most && found.subsec_nanos() > 0 {
        wrong(&format!("{what} `{}`", time.value), time.span, &format!("write from {said}"), out);
    }
}

fn wrong(message: &str, span: Span, help: &str, out: &mut Diagnostics) {
    out.push(Diagnostic::error("upstream-identity", message).at(span).help(help));
}
