//! From the document's `webhooks` and an API's `authentication` to senders.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256, digest};
use credentials::WebhookKey;
use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::principal::{Binding, CredentialKind, Marks};
use engine::{Principal, ScopeSet};
use spec::{Document, SecretRef, Spanned, Webhook};
use tape::Tape;

use super::{Sender, Webhooks};
use crate::scope::{ApiScope, Assets};
use crate::security::{ANY_SCHEME, bit, only_sender, scope_names, webhook_issuer, webhook_scheme, webhooks};

fn secret<'a>(assets: &'a Assets, kept: &SecretRef) -> Option<&'a Arc<[u8]>> {
    match kept {
        SecretRef::Env(name) => assets.get(&format!("env:{name}")),
        SecretRef::File(path) => assets.get(path),
    }
}

/// Reports keys and secrets of senders that are none, whether an API takes their webhooks or not.
pub fn check_webhooks(document: &Document, assets: &Assets, out: &mut Diagnostics) {
    let mut wrong = |message: String, help, span: Span| {
        out.push(Diagnostic::error("invalid-keys", message).at(span).help(help));
    };
    for (name, webhook) in &document.webhooks {
        for kept in &webhook.secrets {
            // One that is missing has been reported with all that is.
            let Some(text) = secret(assets, &kept.value) else { continue };
            if WebhookKey::secret(text).is_none() {
                let message = format!("the secret `{}` of the webhooks of `{name}` is none", kept.value);
                let help = "it is base64 of 24 to 64 bytes, with or without `whsec_` before it, as the sender shows it";
                wrong(message, help, kept.span);
            }
        }
        for key in webhook.keys.iter().filter(|key| WebhookKey::public(&key.value).is_none()) {
            // It may be a secret that stands in the wrong place.
            let message = format!("a key of the webhooks of `{name}` is no public key");
            let help = "write `whpk_` and base64 of 32 bytes, as the sender shows it; a secret (`whsec_…`) is kept elsewhere, as in \
                        `secrets: [env:NAME]`";
            wrong(message, help, key.span);
        }
    }
}

/// What takes deliveries for the schemes of these sets; where any scheme will do, those of all entries. `None` where two senders are
/// taken, which is reported.
pub(in crate::authentication) fn compile(
    api: &ApiScope<'_>,
    operation: &str,
    sets: &[Vec<u16>],
    out: &mut Diagnostics,
) -> Option<Option<Webhooks>> {
    let mut wanted: Vec<u16> = sets.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let (any, numbers): (Vec<u16>, Vec<u16>) = wanted.into_iter().partition(|scheme| *scheme == ANY_SCHEME);
    let of_any = webhooks(api).filter(|_| !any.is_empty());
    let named: Vec<(u16, &Spanned<String>)> =
        numbers.iter().filter_map(|number| Some((*number, webhook_scheme(api, *number)?))).collect();
    let senders = of_any.chain(named.iter().map(|(_, sender)| *sender));
    let Some(name) = only_sender(api, operation, senders, out)? else { return Some(None) };
    let schemes = any.into_iter().chain(named.iter().map(|(number, _)| *number)).collect();
    Some(sender(api, name).map(|sender| Webhooks { sender, schemes }))
}

/// A sender; made once per API. What is wrong with its keys has been reported: those are none.
fn sender(api: &ApiScope<'_>, name: &str) -> Option<Arc<Sender>> {
    let made = api.share(&format!("webhooks {name}"), || {
        let webhook = &api.gateway.document.webhooks.get(name)?.value;
        let texts = webhook.secrets.iter().filter_map(|kept| secret(api.gateway.assets, &kept.value));
        let secrets = texts.clone().filter_map(|text| WebhookKey::secret(text));
        let marks =
            marks(texts.map(|text| &**text).chain(webhook.keys.iter().map(|key| key.value.as_bytes())));
        let public = webhook.keys.iter().filter_map(|key| WebhookKey::public(&key.value));
        Some(Arc::new(Sender {
            keys: secrets.chain(public).collect(),
            tolerance: webhook.tolerance.get().as_secs(),
            principal: Arc::new(principal(api, name, webhook, marks)?),
        }))
    });
    (*made).clone()
}

/// By which keys it was a sender, whatever their order: an open stream does not outlive one that is taken out.
fn marks<'k>(keys: impl Iterator<Item = &'k [u8]>) -> Marks {
    let mut digests: Vec<_> = keys.map(|key| digest(&SHA256, key.trim_ascii())).collect();
    digests.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
    let mut all = Context::new(&SHA256);
    digests.iter().for_each(|one| all.update(one.as_ref()));
    let mut whole = [0; 32];
    whole.iter_mut().zip(all.finish().as_ref()).for_each(|(slot, byte)| *slot = *byte);
    Marks { digest: whole, id: None, session: None, party: None, issued: None }
}

/// Whom a delivery proves.
fn principal(api: &ApiScope<'_>, name: &str, webhook: &Webhook, marks: Marks) -> Option<Principal> {
    let names = scope_names(api);
    let mut scopes = ScopeSet::default();
    webhook.scopes.0.iter().filter_map(|scope| bit(&names, scope)).for_each(|bit| scopes.insert(bit));
    Some(Principal {
        issuer: webhook_issuer(name).into(),
        subject: name.into(),
        application: None,
        scopes,
        roles: webhook.roles.0.iter().map(|role| role.as_str().into()).collect(),
        claims: Arc::new(claims(name)?),
        // The configuration says who sends, and for how long.
        expires: u64::MAX,
        taken_until: u64::MAX,
        credential: CredentialKind::Webhook,
        binding: Binding::default(),
        marks: Some(Box::new(marks)),
    })
}

/// What is known of a sender, for who asks for claims.
fn claims(name: &str) -> Option<Tape> {
    let mut text = Vec::with_capacity(64);
    text.extend_from_slice(b"{\"sub\":");
    engine::text::push_json(&mut text, name);
    text.push(b'}');
    Tape::parse(text.into(), &tape::Bounds::default()).ok()
}
