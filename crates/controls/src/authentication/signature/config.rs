//! From `authentication: { …: { signers: […] } }` and `signers` to verifiers.

use std::collections::HashMap;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics};
use engine::principal::{Binding, CredentialKind};
use engine::{Principal, ScopeSet};
use http::HeaderName;
use jose::KeySet;
use signatures::{Algorithm, Key, is_component};
use spec::{Nonce, PublicKey, Signers, Spanned};
use tape::Tape;

use super::{Group, Policy, Signer, Verifier};
use crate::scope::ApiScope;
use crate::security::{Access, Where, bit, key_schemes, scope_names, signature_schemes, signers_issuer};

/// Shortest secret that calls are signed with, in bytes: as long as what the hash gives (RFC 2104 section 3).
const SECRET_BYTES: usize = 32;

/// Who takes the signatures of an operation; `None` when a key cannot be used, which is reported once.
pub fn groups(api: &ApiScope<'_>, access: &Access, out: &mut Diagnostics) -> Option<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for scheme in signature_schemes(api, access) {
        for name in &scheme.entry.signers {
            let verifier = verifier(api, &name.value, out)?;
            let group = groups.iter_mut().find(|group| Arc::ptr_eq(&group.verifier, &verifier));
            match group {
                Some(group) => {
                    group.schemes.push(scheme.number);
                    group.forward &= scheme.entry.forward;
                }
                None => {
                    let (schemes, forward) = (vec![scheme.number], scheme.entry.forward);
                    groups.push(Group { verifier, schemes, forward });
                }
            }
        }
    }
    for group in &mut groups {
        group.schemes.sort_unstable();
        group.schemes.dedup();
    }
    Some(groups)
}

/// The verifier of signers; made, and its problems reported, once per API.
pub fn verifier(api: &ApiScope<'_>, name: &str, out: &mut Diagnostics) -> Option<Arc<Verifier>> {
    let made = api.share(&format!("signers {name}"), || {
        let signers = api.gateway.document.signers.get(name)?;
        make(api, name, signers, out).map(Arc::new)
    });
    (*made).clone()
}

fn make(
    api: &ApiScope<'_>,
    name: &str,
    settings: &Spanned<Signers>,
    out: &mut Diagnostics,
) -> Option<Verifier> {
    let mut good = components(settings, out);
    let set = match &settings.jwks {
        None => None,
        Some(_) => Some(key_set(api, settings, out)?),
    };
    let issuer: Arc<str> = signers_issuer(name).into();
    let mut signers = HashMap::new();
    for (id, signer) in &settings.keys {
        match key(api, (id, signer), set.as_ref(), out) {
            Some(key) => {
                let principal = Arc::new(principal(api, &issuer, id, signer)?);
                signers.insert(id.as_str().into(), Signer { key, principal });
            }
            None => good = false,
        }
    }
    let policy = Policy {
        components: settings.components.iter().map(|name| name.as_str().into()).collect(),
        credentials: key_fields(api),
        max_age: settings.max_age.get().as_secs(),
        nonce: settings.nonce == Nonce::Required,
        tag: settings.tag.as_ref().map(|tag| tag.as_str().into()),
    };
    good.then_some(Verifier { issuer, signers, policy })
}

/// Reports what no request can have.
fn components(settings: &Signers, out: &mut Diagnostics) -> bool {
    let mut good = true;
    for name in settings.components.iter().filter(|name| !is_component(name)) {
        let message = format!("a request has no component `{}`", name.value.escape_debug());
        let help = "write header fields in lower case, as in `x-request-id`, or `@method`, `@authority`, `@scheme`, \
                    `@target-uri`, `@request-target`, `@path`, `@query`";
        out.push(Diagnostic::error("invalid-value", message).at(name.span).help(help));
        good = false;
    }
    good
}

/// Fields of the API's keys.
fn key_fields(api: &ApiScope<'_>) -> Vec<HeaderName> {
    let places = key_schemes(api).into_iter().filter_map(|scheme| match scheme.place {
        Where::Header(name) => Some(name),
        Where::Query(_) | Where::Cookie(_) | Where::Authorization(_) => None,
    });
    places.collect()
}

/// The file of public keys. That it is missing has been said with all that is.
fn key_set(api: &ApiScope<'_>, settings: &Signers, out: &mut Diagnostics) -> Option<Arc<KeySet>> {
    let file = settings.jwks.as_ref()?;
    let text = api.gateway.assets.get(file.path())?;
    match KeySet::parse(bytes::Bytes::copy_from_slice(text)) {
        Ok(set) => Some(Arc::new(set)),
        Err(error) => {
            let message = format!("the keys in `{}` cannot be used: {error}", file.path());
            let help = "write a JWK set with public RSA, EC or Ed25519 keys";
            out.push(Diagnostic::error("invalid-keys", message).at(file.span).help(help));
            None
        }
    }
}

/// The key of a signer.
fn key(
    api: &ApiScope<'_>,
    (id, signer): (&str, &Spanned<spec::Signer>),
    set: Option<&Arc<KeySet>>,
    out: &mut Diagnostics,
) -> Option<Key> {
    let algorithm = signer.algorithm.as_ref().and_then(|name| Algorithm::from_name(name));
    if let Some(secret) = &signer.secret {
        let bytes = api.gateway.secret(secret)?;
        if bytes.len() < SECRET_BYTES {
            let message = format!("the secret of the signer `{id}` has less than {SECRET_BYTES} bytes");
            let help = "make one with `openssl rand -hex 32`";
            out.push(Diagnostic::error("weak-secret", message).at(secret.span).help(help));
            return None;
        }
        return Some(Key::secret(bytes));
    }
    let made = match signer.public.as_ref().map(|public| &public.value) {
        Some(PublicKey::Pem(text)) => Key::pem(text, algorithm),
        Some(PublicKey::File(file)) => {
            let text = api.gateway.assets.get(file.path())?;
            Key::pem(&String::from_utf8_lossy(text), algorithm)
        }
        None => Key::of_set(set?, id, algorithm),
    };
    made.map_err(|why| {
        let message = format!("the key of the signer `{id}` cannot be used: {why}");
        let help = "write the public key as `openssl pkey -pubout` makes it; of an RSA key also `algorithm: rsa-pss-sha512` \
                    or `rsa-v1_5-sha256`";
        let span = signer.public.as_ref().map_or(signer.span, |public| public.span);
        out.push(Diagnostic::error("invalid-keys", message).at(span).help(help));
    })
    .ok()
}

/// Whom a key proves.
fn principal(api: &ApiScope<'_>, issuer: &Arc<str>, id: &str, signer: &spec::Signer) -> Option<Principal> {
    let names = scope_names(api);
    let mut scopes = ScopeSet::default();
    signer.scopes.0.iter().filter_map(|name| bit(&names, name)).for_each(|bit| scopes.insert(bit));
    let subject: Arc<str> = signer.subject.as_str().into();
    let application = signer.application.as_deref().map_or_else(|| Arc::clone(&subject), Into::into);
    Some(Principal {
        issuer: Arc::clone(issuer),
        application: Some(application),
        scopes,
        roles: signer.roles.0.iter().map(|role| Box::from(role.as_str())).collect(),
        claims: Arc::new(claims(id, &subject)?),
        // The configuration says who signs, and for how long.
        expires: u64::MAX,
        taken_until: u64::MAX,
        credential: CredentialKind::Signature,
        binding: Binding::default(),
        marks: None,
        subject,
    })
}

/// What is known of a signer, for who asks for claims.
fn claims(id: &str, subject: &str) -> Option<Tape> {
    let mut text = Vec::with_capacity(64);
    text.extend_from_slice(b"{\"sub\":");
    engine::text::push_json(&mut text, subject);
    text.extend_from_slice(b",\"keyid\":");
    engine::text::push_json(&mut text, id);
    text.push(b'}');
    Tape::parse(text.into(), &tape::Bounds::default()).ok()
}
