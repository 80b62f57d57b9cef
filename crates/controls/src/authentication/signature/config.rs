//! From `authentication: { …: { signature: … } }` to verifiers.

use std::collections::HashMap;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics};
use engine::principal::{Binding, CredentialKind};
use engine::{Principal, ScopeSet};
use http::HeaderName;
use jose::KeySet;
use signatures::{Algorithm, Key, is_component};
use spec::{Nonce, PublicKey, Signing, Spanned};
use tape::Tape;

use super::{Group, Policy, Signer, Verifier};
use crate::scope::ApiScope;
use crate::security::{Access, Where, bit, key_schemes, scope_names, signature_schemes};

/// Shortest secret that calls are signed with, in bytes: as long as what the hash gives (RFC 2104 section 3).
const SECRET_BYTES: usize = 32;

/// Who takes the signatures of an operation; `None` when a key cannot be used, which is reported once.
pub fn groups(api: &ApiScope<'_>, access: &Access, out: &mut Diagnostics) -> Option<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for scheme in signature_schemes(api, access) {
        let verifier = verifier(api, scheme.entry, out)?;
        match groups.iter_mut().find(|group| Arc::ptr_eq(&group.verifier, &verifier)) {
            Some(group) => group.schemes.push(scheme.number),
            None => groups.push(Group { verifier, schemes: vec![scheme.number] }),
        }
    }
    Some(groups)
}

/// The verifier of an entry of `authentication`; made, and its problems reported, once.
pub fn verifier(api: &ApiScope<'_>, entry: &str, out: &mut Diagnostics) -> Option<Arc<Verifier>> {
    let made = api.share(&format!("signatures {entry}"), || {
        let settings = api.settings.authentication.get(entry)?;
        make(api, settings.signature.as_ref()?, settings.forward, out).map(Arc::new)
    });
    (*made).clone()
}

fn make(
    api: &ApiScope<'_>,
    signing: &Spanned<Signing>,
    forward: bool,
    out: &mut Diagnostics,
) -> Option<Verifier> {
    let mut good = components(signing, out);
    let set = match &signing.jwks {
        None => None,
        Some(_) => Some(key_set(api, signing, out)?),
    };
    let issuer: Arc<str> = signing.issuer.as_str().into();
    let mut signers = HashMap::new();
    for (id, settings) in &signing.keys {
        match key(api, (id, settings), set.as_ref(), out) {
            Some(key) => {
                let principal = Arc::new(principal(api, &issuer, id, settings)?);
                signers.insert(id.as_str().into(), Signer { key, principal });
            }
            None => good = false,
        }
    }
    let policy = Policy {
        components: signing.components.iter().map(|name| name.as_str().into()).collect(),
        credentials: key_fields(api),
        max_age: signing.max_age.get().as_secs(),
        nonce: signing.nonce == Nonce::Required,
        tag: signing.tag.as_ref().map(|tag| tag.as_str().into()),
    };
    good.then_some(Verifier { issuer, signers, policy, forward })
}

/// Reports what no request can have.
fn components(signing: &Signing, out: &mut Diagnostics) -> bool {
    let mut good = true;
    for name in signing.components.iter().filter(|name| !is_component(name)) {
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
fn key_set(api: &ApiScope<'_>, signing: &Signing, out: &mut Diagnostics) -> Option<Arc<KeySet>> {
    let file = signing.jwks.as_ref()?;
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
        roles: Arc::default(),
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
