//! From the section to the control: endpoints, keys, and what is said of an operation.

use std::sync::Arc;

use contract::{KeyPlace, SecurityScheme};
use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::Control;
use http::HeaderName;
use spec::Spanned;

use super::assertion::{OWN_KEY, Purpose, SigningKeys};
use super::config::{
    AssertSection, AssertedSubject, Onward, TXN_TOKEN, UpstreamIdentitySection, header_name, in_scope,
};
use super::published::{Published, keys_path, publishes};
use super::{Asked, Asserts, Credential, Subject, UpstreamIdentity};
use crate::oauth::{self, Client};
use crate::scope::{ApiScope, Compiled, OperationKind, OperationScope};
use crate::security::{Access, Challenge, Vouching, Where, access};

/// Compiles it for an operation, or answers with its keys.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let api = scope.api;
    match scope.kind {
        OperationKind::ImpliedOptions => return Vec::new(),
        OperationKind::WellKnown => {
            let is_ours = scope.template == keys_path(api.base_path) && publishes(api.settings);
            return if is_ours { vec![published(api, out)] } else { Vec::new() };
        }
        OperationKind::Declared | OperationKind::ImpliedHead => {}
    }
    let Some(node) = scope.section else { return Vec::new() };
    let section: Option<UpstreamIdentitySection> = spec::read(node, out);
    let Some(section) = section else { return Vec::new() };
    let assert = section.assert.as_ref().filter(|assert| assert.enabled);
    if section.credential == Onward::Pass && assert.is_none() {
        return Vec::new();
    }
    let access = access(scope);
    // Equal settings are one control, but for what is said of an operation.
    let share = match assert {
        None => format!("{} {access:?}", scope.section_key("upstream_identity")),
        Some(_) => format!("upstream_identity of {} {}", scope.method, scope.id),
    };
    let control = api.share(&share, || {
        let credential = credential(scope, &section, &access, node.span, out)?;
        let asserts = assert.map(|assert| asserts(scope, assert, &access, out));
        Some(Arc::new(UpstreamIdentity {
            places: if matches!(credential, Credential::Pass) { Box::default() } else { places(api) },
            credential,
            asserts,
            challenge: Challenge::for_access(api, &access),
        }))
    });
    let control = (*control).clone().map(|control| control as Arc<dyn Control>);
    control.map(|control| Compiled::enforced(control, Some(node.span))).into_iter().collect()
}

/// Whether a gateway with this document signs assertions with a key of its own.
#[must_use]
pub fn wants_own_key(document: &spec::Document) -> bool {
    document.assertions.is_none() && document.apis.values().any(publishes)
}

fn published(api: &ApiScope<'_>, out: &mut Diagnostics) -> Compiled {
    let jwks = keys(api, out).map_or_else(|| "{\"keys\":[]}".into(), |keys| keys.jwks.clone());
    let control = api.share("assertion-keys published", || Published(jwks));
    Compiled::enforced(control, Some(api.settings.name.span))
}

/// The keys of assertions; read, and reported, once for all operations of an API.
fn keys(api: &ApiScope<'_>, out: &mut Diagnostics) -> Option<Arc<SigningKeys>> {
    let gateway = api.gateway;
    let read = || {
        let written = gateway.document.assertions.as_ref();
        let bytes = match written {
            Some(written) => gateway.secret(&written.key)?,
            // The gateway makes it when it runs: until then nothing is signed.
            None => gateway.assets.get(OWN_KEY)?,
        };
        let one = || jose::SigningKey::from_pkcs8(bytes).ok().map(|key| vec![key]);
        let found = oauth::private_keys(bytes).or_else(one).and_then(SigningKeys::new);
        if found.is_none() {
            let (message, span) = match written {
                Some(written) => ("the `key` of `assertions` cannot be used", Some(written.key.span)),
                None => ("`assertion.key` in the data directory cannot be used", None),
            };
            let help = "write P-256 private keys in PKCS #8 and PEM, as `openssl genpkey -algorithm EC \
                        -pkeyopt ec_paramgen_curve:P-256` makes, at most four, one after another";
            out.push(Diagnostic::error("invalid-keys", message).maybe_at(span).help(help));
        }
        found.map(Arc::new)
    };
    (*api.share("assertion-keys", read)).clone()
}

fn credential(
    scope: &OperationScope<'_>,
    section: &UpstreamIdentitySection,
    access: &Access,
    span: Span,
    out: &mut Diagnostics,
) -> Option<Credential> {
    let api = scope.api;
    if section.credential != Onward::Pass {
        forwards(api, out);
    }
    match section.credential {
        Onward::Pass => Some(Credential::Pass),
        Onward::Strip => Some(Credential::Strip),
        Onward::ClientCredentials => asked(api, section, out).map(Credential::Own),
        Onward::Exchange => {
            let closed = matches!(access, Access::Open | Access::Closed(_));
            if !closed && !Challenge::for_access(api, access).takes_tokens() {
                let message = format!("`{}` takes no token that could be exchanged", scope.id);
                let help = "write `credential: strip` for it, with `assert` to tell the service who calls";
                out.push(Diagnostic::error("exchange-without-token", message).at(span).help(help));
                return None;
            }
            asked(api, section, out).map(Credential::Exchange)
        }
    }
}

/// Reports, once, a credential that is said to go on where credentials end.
fn forwards(api: &ApiScope<'_>, out: &mut Diagnostics) {
    api.share("upstream_identity beside forward", || {
        for (scheme, settings) in api.settings.authentication.iter().filter(|(_, settings)| settings.forward)
        {
            let message = format!(
                "the credential of `{scheme}` is forwarded, and `upstream_identity` takes credentials out"
            );
            let help = "take `forward: true` out, or write `credential: pass`";
            out.push(Diagnostic::error("conflict", message).at(settings.span).help(help));
        }
    });
}

/// The endpoint that is asked, and for what.
fn asked(api: &ApiScope<'_>, section: &UpstreamIdentitySection, out: &mut Diagnostics) -> Option<Arc<Asked>> {
    let name = section.issuer.as_ref()?;
    let document = api.gateway.document;
    let issuer = document.issuers.get(&name.value);
    let Some((issuer, endpoint)) = issuer.and_then(|issuer| Some((issuer, issuer.token_endpoint.as_ref()?)))
    else {
        let message = match issuer {
            None => format!("there is no issuer `{}`", name.value),
            Some(_) => format!("the issuer `{}` has no `token_endpoint`", name.value),
        };
        let help =
            "write `token_endpoint: { url: …, client_id: …, client_secret: env:NAME }` under the issuer";
        out.push(Diagnostic::error("no-token-endpoint", message).at(name.span).help(help));
        return None;
    };
    let secret = |kept: &spec::SecretRef| api.gateway.secret(kept).cloned();
    let kept = (endpoint.client_secret.as_ref(), endpoint.client_key.as_ref());
    let client = Client::read(&endpoint.client_id, endpoint.client_authentication, kept, secret)?;
    let Some(client) = client else {
        let message = format!("the `client_key` of the token endpoint of `{}` cannot be used", name.value);
        let help = "write a P-256 private key in PKCS #8 and PEM, as `openssl genpkey -algorithm EC \
                    -pkeyopt ec_paramgen_curve:P-256` makes";
        out.push(Diagnostic::error("invalid-keys", message).at(endpoint.span).help(help));
        return None;
    };
    let actor = match &endpoint.actor_token {
        None => None,
        Some(kept) => Some((secret(kept)?, endpoint.actor_token_type)),
    };
    Some(Arc::new(Asked {
        issuer: crate::security::iss(issuer).into(),
        url: endpoint.url.as_str().to_owned(),
        client,
        deadline: endpoint.deadline.get(),
        actor,
        audience: section.audience.as_ref().map(|all| all.value.0.clone()).unwrap_or_default(),
        resource: section.resource.iter().map(|one| one.value.clone()).collect(),
        scope: section.scope.as_ref().map(|one| one.value.clone()),
        max_age: section.max_age.get(),
    }))
}

fn asserts(
    scope: &OperationScope<'_>,
    assert: &AssertSection,
    access: &Access,
    out: &mut Diagnostics,
) -> Asserts {
    let api = scope.api;
    let vouching = Vouching::of(scope);
    let vouchers = vouching.named.len() + usize::from(vouching.keys);
    if assert.subject == AssertedSubject::Plain && vouchers > 1 {
        let message =
            format!("`{}` takes callers of {vouchers} issuers, which may call two by one name", scope.id);
        let help = "write `subject: qualified` under `assert`";
        out.push(Diagnostic::error("subject-not-unique", message).at(assert.audience.span).help(help));
    }
    let text = |one: &Option<Spanned<String>>| one.as_ref().map(|one| one.value.as_str().into());
    let issuer: Box<str> = text(&assert.issuer)
        .unwrap_or_else(|| format!("{}{}", api.public_url.trim_end_matches('/'), api.base_path).into());
    let operation = scope.id;
    Asserts {
        // Reported by the section's check where it is none.
        header: header_name(&assert.header).unwrap_or(TXN_TOKEN),
        keys: keys(api, out),
        workload: text(&assert.workload).unwrap_or_else(|| issuer.clone()),
        issuer,
        audience: assert.audience.value.as_str().into(),
        lifetime: assert.lifetime.get(),
        subject: match assert.subject {
            AssertedSubject::Plain => Subject::Plain,
            AssertedSubject::Qualified => Subject::Qualified,
        },
        claims: assert.claims.iter().map(|one| one.value.as_str().into()).collect(),
        api: api.name.into(),
        operation: operation.into(),
        purposes: purposes(access),
        usual: operation.chars().map(|char| if char == ' ' { ':' } else { char }).filter(in_scope).collect(),
    }
}

/// Of each alternative with scopes, what has to be proven for it.
fn purposes(access: &Access) -> Box<[Purpose]> {
    let Access::OneOf { alternatives, .. } = access else { return Box::default() };
    let of = alternatives.iter().filter_map(|one| {
        let needs = one.needs.iter().map(|need| (need.scheme, need.scopes.clone())).collect();
        let names = one.needs.iter().flat_map(|need| need.names.iter().map(|(_, name)| &**name));
        let scope = names.collect::<Vec<_>>().join(" ");
        (!scope.is_empty()).then(|| Purpose { needs, scope: scope.into() })
    });
    of.collect()
}

/// Where the contract says that credentials stand, beside `Authorization`.
fn places(api: &ApiScope<'_>) -> Box<[Where]> {
    let schemes = api.contract.iter().flat_map(|contract| contract.schemes.values());
    let place = |scheme: &SecurityScheme| match scheme {
        SecurityScheme::ApiKey { name, place: KeyPlace::Header } => {
            HeaderName::from_bytes(name.as_bytes()).ok().map(Where::Header)
        }
        SecurityScheme::ApiKey { name, place: KeyPlace::Query } => Some(Where::Query(name.as_str().into())),
        SecurityScheme::ApiKey { name, place: KeyPlace::Cookie } => Some(Where::Cookie(name.as_str().into())),
        _ => None,
    };
    schemes.filter_map(place).collect()
}
