//! From the document's `issuers` and an API's `authentication` to verifiers.
//!
//! Authentication owns no section: its keys are the document's own (`issuers`, `authentication`, `issuer`, `audience`,
//! `unsecured`), since other parts read them too.

use std::collections::HashMap;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Span};
use jose::{Algorithm, KeySet};
use spec::{FileOrUrl, Introspected, Issuer, OperationRef, ScopesFrom, Spanned};

use super::apikey::Keys as ApiKeys;
use super::certificate;
use super::introspection::Endpoint;
use super::keys;
use super::scopes::{From, ScopeRule};
use super::shape::{Place, Shape};
use super::signature::{self, Signatures};
use super::verifier::{Asked, IssuerRule, Keys, Verifier};
use super::{Authentication, Group, Schemes, password, webhook};
use crate::oauth::Client;
use crate::scope::{ApiScope, Compiled, OperationKind, OperationScope};
use crate::security::{
    ANY_SCHEME, Access, Challenge, KeyScheme, access, iss, key_scheme, key_schemes, operation_ref,
    possession, report, scope_names, takes_any_certificate, takes_any_password, takes_signatures,
    takes_token, webhooks,
};

/// A key set without keys.
pub(super) const EMPTY: &str = "{\"keys\":[]}";

/// Reports what is wrong with the issuers that an API takes tokens of, whether an operation asks for them or not.
pub fn check_issuers(api: &ApiScope<'_>, out: &mut Diagnostics) {
    for entry in api.settings.authentication.keys() {
        let _ = verifier(api, entry, out);
    }
    for name in api.settings.authentication.values().flat_map(|entry| &entry.signers) {
        let _ = signature::verifier(api, &name.value, out);
    }
}

/// Compiles authentication for one operation. No control: anyone may call it.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let api = scope.api;
    report(api, out);
    let access = access(scope);
    let challenge = Challenge::for_access(api, &access);
    let Some(signed) = signature::groups(api, &access, out) else {
        return vec![closed(api, "the keys of those who sign calls cannot be used")];
    };
    let tags: Vec<&str> =
        scope.contract.iter().flat_map(|operation| &operation.tags).map(String::as_str).collect();
    let operation = operation_ref(scope, &tags);
    let (groups, keys, alternatives, anonymous) = match access {
        Access::Open => {
            pointless(scope, &operation, out);
            return Vec::new();
        }
        Access::Closed(why) => return vec![closed(api, why)],
        Access::Authenticated => {
            (all_groups(api, &operation, out), key_schemes(api), vec![vec![ANY_SCHEME]], false)
        }
        Access::OneOf { alternatives, anonymous } => {
            let sets: Vec<Vec<u16>> = alternatives
                .iter()
                .map(|alternative| alternative.needs.iter().map(|need| need.scheme).collect())
                .collect();
            (groups_of(api, &operation, &sets, out), keys_of(api, &sets), sets, anonymous)
        }
    };
    let Some(groups) = groups else {
        return vec![closed(api, "its issuers cannot be used")];
    };
    let Some(webhooks) = webhook::compile(api, scope.id, &alternatives, out) else {
        return vec![closed(api, "two senders of webhooks may call it")];
    };
    if webhooks.is_some() && scope.websocket {
        bodiless(scope, out);
        return vec![closed(api, "it is a WebSocket, which has no body that a sender could have signed")];
    }
    let demands: Vec<_> = groups.iter().map(|group| group.demand).collect();
    // A WebSocket has no body.
    let bodies = !scope.websocket;
    let key = format!("authentication {alternatives:?} {anonymous} {demands:?} {bodies}");
    let control = api.share(&key, || {
        let passwords = password::compile(api, &alternatives);
        // Where a password may stand, what is no key need not be a wrong one.
        let beside = challenge.takes_tokens() || passwords.is_some();
        let keys = ApiKeys::new(keys, &alternatives, beside, &scope_names(api));
        let challenge = challenge.offering(possession::offered(&demands));
        let proofs = possession::taken(api);
        let certificates = certificate::compile(api, &alternatives);
        let url = api.settings.url.as_ref().map(|url| url.value.clone());
        let signatures = (!signed.is_empty()).then_some(Signatures { groups: signed, url });
        Authentication::new(challenge, Schemes { groups, alternatives, anonymous, proofs })
            .with_keys(keys)
            .with_certificates(certificates)
            .with_signatures(signatures, bodies)
            .with_passwords(passwords)
            .with_webhooks(webhooks)
            .with_revocations(api.gateway.document.wants_store())
    });
    vec![Compiled::enforced(control, span(api, scope)).by_security()]
}

/// Reports a demand on tokens where none is looked at.
fn pointless(scope: &OperationScope<'_>, operation: &OperationRef<'_>, out: &mut Diagnostics) {
    let demand = scope.api.settings.sender_constrained_for(operation);
    if let Some(demand) = demand.filter(|_| scope.kind == OperationKind::Declared) {
        let message =
            format!("anyone may call `{}`, so no token is bound as `sender_constrained` demands", scope.id);
        let help = "give the operation `security` in the contract, or leave `sender_constrained` out here";
        out.push(Diagnostic::error("demand-without-security", message).at(demand.span).help(help));
    }
}

/// Reports a WebSocket that is to be opened by a webhook.
fn bodiless(scope: &OperationScope<'_>, out: &mut Diagnostics) {
    let message = format!("`{}` is a WebSocket, and a webhook is signed over its body", scope.id);
    let help = "bind another kind of credential to the schemes of the operation";
    let span = scope.contract.and_then(|operation| operation.span).unwrap_or(scope.api.settings.name.span);
    out.push(Diagnostic::error("conflict", message).at(span).help(help));
}

fn closed(api: &ApiScope<'_>, why: &'static str) -> Compiled {
    let key = format!("authentication closed {why}");
    let control = api.share(&key, || Authentication::closed(Challenge::of(api), why));
    Compiled::enforced(control, Some(api.settings.name.span))
}

fn span(api: &ApiScope<'_>, scope: &OperationScope<'_>) -> Option<Span> {
    scope.contract.and_then(|operation| operation.span).or(Some(api.settings.name.span))
}

/// Those of these schemes that take API keys.
fn keys_of(api: &ApiScope<'_>, sets: &[Vec<u16>]) -> Vec<KeyScheme> {
    let mut wanted: Vec<u16> = sets.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted.into_iter().filter_map(|scheme| key_scheme(api, scheme)).collect()
}

/// The groups that verify tokens for these schemes; schemes with the same settings share one verifier.
fn groups_of(
    api: &ApiScope<'_>,
    operation: &OperationRef<'_>,
    sets: &[Vec<u16>],
    out: &mut Diagnostics,
) -> Option<Vec<Group>> {
    let mut wanted: Vec<u16> = sets.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted.retain(|scheme| takes_token(api, *scheme));
    let mut groups: Vec<Group> = Vec::new();
    let mut asked = None;
    for scheme in wanted {
        let name = api.schemes.get(usize::from(scheme))?;
        let entry = if api.settings.authentication.contains_key(name) { name.as_str() } else { "*" };
        asks_one(api, operation, entry, &mut asked, out);
        let verifier = verifier(api, entry, out)?;
        match groups.iter_mut().find(|group| Arc::ptr_eq(&group.verifier, &verifier)) {
            Some(group) => group.schemes.push(scheme),
            None => groups.push(group(api, operation, entry, verifier, scheme)),
        }
    }
    Some(groups)
}

fn group(
    api: &ApiScope<'_>,
    operation: &OperationRef<'_>,
    entry: &str,
    verifier: Arc<Verifier>,
    scheme: u16,
) -> Group {
    let demand = possession::demanded(api, Some(operation), entry).map(|demand| demand.value);
    Group { verifier, schemes: vec![scheme], demand }
}

/// A group for each entry of `authentication` that takes tokens, each good for any operation.
fn all_groups(api: &ApiScope<'_>, operation: &OperationRef<'_>, out: &mut Diagnostics) -> Option<Vec<Group>> {
    let entries = api.settings.authentication.iter().filter(|(_, settings)| !settings.issuers.is_empty());
    let mut asked = None;
    let groups: Option<Vec<Group>> = entries
        .map(|(entry, _)| {
            asks_one(api, operation, entry, &mut asked, out);
            Some(group(api, operation, entry, verifier(api, entry, out)?, ANY_SCHEME))
        })
        .collect();
    let others = || {
        let known = takes_any_certificate(api) || takes_any_password(api);
        let signed = takes_signatures(api.settings) || webhooks(api).next().is_some();
        known || signed || !key_schemes(api).is_empty()
    };
    groups.filter(|groups| !groups.is_empty() || others())
}

/// Reports an issuer that would be asked beside another about the tokens of one operation. An opaque token does not say whose it
/// is, so that each would be shown those of the other, and could use them.
fn asks_one<'a>(
    api: &ApiScope<'a>,
    operation: &OperationRef<'_>,
    entry: &str,
    before: &mut Option<(&'a str, &'a str)>,
    out: &mut Diagnostics,
) {
    let issuers = api.settings.authentication.get(entry).map(|settings| &settings.issuers);
    for name in issuers.into_iter().flatten() {
        let issuer = api.gateway.document.issuers.get(&name.value);
        let Some(introspection) = issuer.and_then(|issuer| issuer.introspection.as_ref()) else { continue };
        let (first, url) = *before.get_or_insert((&name.value, introspection.url.as_str()));
        if url == introspection.url.as_str() {
            continue;
        }
        // Once, whichever operations ask both, and in whichever order.
        let both = [first.min(&name.value), first.max(&name.value)];
        api.share(&format!("asked beside {both:?}"), || {
            let operation = operation.id.unwrap_or(operation.template);
            let message = format!(
                "`{operation}` takes opaque tokens of two issuers with `introspection`, `{first}` and `{}`",
                name.value
            );
            let help = "keep one among the schemes of an operation: an opaque token does not say whose it is, \
                        and is not shown to another";
            out.push(Diagnostic::error("conflict", message).at(name.span).help(help));
        });
    }
}

/// The verifier of an entry of `authentication`; made, and its problems reported, once.
fn verifier(api: &ApiScope<'_>, entry: &str, out: &mut Diagnostics) -> Option<Arc<Verifier>> {
    let shared = api.share(&format!("verifier {entry}"), || {
        let settings = api.settings.authentication.get(entry)?;
        let rule = |name: &Spanned<String>| {
            let issuer = api.gateway.document.issuers.get(&name.value)?;
            let audiences = settings.audience.as_ref().map(|audience| &audience.value);
            let audiences =
                audiences.or(issuer.audience.as_ref()).map(|list| list.0.clone()).unwrap_or_default();
            issuer_rule(api, &name.value, issuer, audiences, out)
        };
        let rules: Option<Vec<IssuerRule>> = settings.issuers.iter().map(rule).collect();
        rules.filter(|rules| !rules.is_empty()).map(|rules| {
            let verifier = Verifier::new(rules);
            let revocable = api.gateway.document.wants_store();
            Arc::new(if revocable { verifier.revocable() } else { verifier })
        })
    });
    (*shared).clone()
}

fn issuer_rule(
    api: &ApiScope<'_>,
    name: &str,
    issuer: &Spanned<Issuer>,
    audiences: Vec<String>,
    out: &mut Diagnostics,
) -> Option<IssuerRule> {
    let names = scope_names(api);
    let bits: HashMap<String, usize> =
        names.iter().cloned().enumerate().map(|(bit, name)| (name, bit)).collect();
    let algorithms = match &issuer.algorithms {
        None => Algorithm::ALL.to_vec(),
        Some(list) => list.iter().filter_map(|name| Algorithm::from_name(name)).collect(),
    };
    if algorithms.is_empty() {
        let message = format!("the issuer `{name}` has no algorithm that is taken");
        out.push(Diagnostic::error("no-algorithm", message).at(issuer.span).help("take `algorithms` out"));
        return None;
    }
    let from = match issuer.scopes_from.as_ref().map(|from| &from.value) {
        None => From::Common,
        Some(ScopesFrom::Scope) => From::Claim("scope"),
        Some(ScopesFrom::Scp) => From::Claim("scp"),
        Some(ScopesFrom::Roles) => From::Claim("roles"),
        Some(ScopesFrom::Groups) => From::Claim("groups"),
        Some(ScopesFrom::Pointer(pointer)) => From::Pointer(pointer.clone()),
    };
    let place = |text: &String| Place::of(text, &audiences);
    let roles_from = issuer.roles_from.as_ref().map(|all| all.value.0.iter().map(place).collect());
    let roles = issuer.roles.iter().map(|(role, scopes)| (role.clone(), scopes.0.clone())).collect();
    let iss = iss(issuer);
    Some(IssuerRule {
        issuer: iss.into(),
        // Read, and reported, once for all schemes that take the issuer.
        keys: (*api.share(&format!("issuer keys {name}"), || keys(api, name, issuer, out))).clone()?,
        audiences,
        algorithms,
        leeway: issuer.leeway.get(),
        shape: Arc::new(Shape::of(issuer)),
        scopes: ScopeRule { from, roles_from, bits: Arc::new(bits), roles },
        asked: match &issuer.introspection {
            None => None,
            Some(_) => Some(
                (*api.share(&format!("issuer asked {name}"), || asked(api, name, iss, issuer, out)))
                    .clone()?,
            ),
        },
    })
}

/// How an issuer is asked about tokens; read, and reported, once for all schemes that take the issuer.
fn asked(api: &ApiScope<'_>, name: &str, iss: &str, issuer: &Issuer, out: &mut Diagnostics) -> Option<Asked> {
    let settings = issuer.introspection.as_ref()?;
    let secret = |kept: &spec::SecretRef| api.gateway.secret(kept).cloned();
    let Some(endpoint) = endpoint(settings, iss, secret)? else {
        let message = format!("the `client_key` of the issuer `{name}` cannot be used");
        let help = "write a P-256 private key in PKCS #8 and PEM, as `openssl genpkey -algorithm EC \
                    -pkeyopt ec_paramgen_curve:P-256` makes";
        out.push(Diagnostic::error("invalid-keys", message).at(settings.span).help(help));
        return None;
    };
    let all = settings.tokens == Introspected::All;
    Some(Asked { endpoint: Arc::new(endpoint), all, needs_audience: settings.audience })
}

/// The introspection endpoint of an issuer; `None` where a secret is missing, and within it where the key cannot be used.
pub(super) fn endpoint(
    settings: &spec::Introspection,
    iss: &str,
    secret: impl Fn(&spec::SecretRef) -> Option<Arc<[u8]>>,
) -> Option<Option<Endpoint>> {
    let kept = (settings.client_secret.as_ref(), settings.client_key.as_ref());
    let client = Client::read(&settings.client_id, settings.client_authentication, kept, secret)?;
    let Some(client) = client else { return Some(None) };
    Some(Some(Endpoint {
        issuer: iss.into(),
        url: settings.url.as_str().to_owned(),
        client,
        max_age: settings.max_age.get(),
        deadline: settings.deadline.get(),
        signed: settings.signed,
    }))
}

/// A key set by which no token is good.
fn empty() -> Option<Keys> {
    KeySet::parse(EMPTY.into()).ok().map(|set| Keys::Fixed(Arc::new(set), EMPTY.as_bytes().into()))
}

fn keys(api: &ApiScope<'_>, name: &str, issuer: &Spanned<Issuer>, out: &mut Diagnostics) -> Option<Keys> {
    if keys::unneeded(issuer) {
        return empty();
    }
    if let Some(remote) = keys::remote(issuer) {
        return Some(Keys::Remote(remote));
    }
    let (text, span): (Arc<[u8]>, Span) = match (&issuer.jwks, issuer.local) {
        (_, true) => match api.gateway.local_jwks {
            Some(text) => (text.into(), issuer.span),
            // Checked before the first start: the gateway makes the key when it runs, and until then no token is good.
            None => return empty(),
        },
        (None, false) => return None,
        (Some(jwks), false) => match &jwks.value {
            FileOrUrl::Url(_) => return None,
            FileOrUrl::File(file) => match api.gateway.assets.get(file.path()) {
                Some(text) => (Arc::clone(text), jwks.span),
                None => {
                    let message = format!("there is no file `{}` with the keys of `{name}`", file.path());
                    let help = "write the path of a JWK set, relative to this document";
                    out.push(Diagnostic::error("missing-file", message).at(jwks.span).help(help));
                    return None;
                }
            },
        },
    };
    let parsed = KeySet::parse_for(bytes::Bytes::copy_from_slice(&text), iss(issuer));
    let wrong = match parsed {
        Ok(set) if !set.is_empty() => return Some(Keys::Fixed(Arc::new(set), text)),
        Ok(_) => String::from("it has no usable key"),
        Err(error) => error.to_string(),
    };
    let message = format!("the keys of the issuer `{name}` cannot be used: {wrong}");
    let help = "write a JWK set with public RSA, EC or Ed25519 keys";
    out.push(Diagnostic::error("invalid-keys", message).at(span).help(help));
    None
}
