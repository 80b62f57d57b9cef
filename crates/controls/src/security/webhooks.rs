//! Security schemes whose credential is the signature over a delivery (Standard Webhooks): bound by `webhook`.
//!
//! OpenAPI has no type for them, so that a scheme of any type is bound by its name; under `*` all are, where nothing else stands there.

use diagnostics::{Diagnostic, Diagnostics};
use spec::Spanned;

use super::{Access, access};
use crate::scope::{ApiScope, OperationScope};

/// What senders are called that vouch for their deliveries, before their name in the document.
const VOUCHES: &str = "yett:webhooks:";

/// Who vouches for deliveries of a sender, as principals name them.
#[must_use]
pub fn webhook_issuer(name: &str) -> String {
    format!("{VOUCHES}{name}")
}

/// The sender whose deliveries, and nothing else, satisfy a scheme of a contract.
#[must_use]
pub fn takes_webhook<'d>(
    settings: &'d spec::Api,
    contract: &contract::Api,
    name: &str,
) -> Option<&'d Spanned<String>> {
    let bound = settings.authentication_for(name)?;
    let others = !bound.issuers.is_empty()
        || bound.source.is_some()
        || !bound.authorities.is_empty()
        || !bound.signers.is_empty()
        || !bound.users.is_empty();
    let known = contract.schemes.contains_key(name) && !others;
    bound.webhook.as_ref().filter(|_| known)
}

/// The sender whose deliveries satisfy the scheme of a number.
#[must_use]
pub fn webhook_scheme<'d>(api: &ApiScope<'d>, number: u16) -> Option<&'d Spanned<String>> {
    let name = api.schemes.get(usize::from(number))?;
    takes_webhook(api.settings, api.contract?, name)
}

/// The senders whose deliveries are taken of an API's callers.
pub fn webhooks<'d>(api: &ApiScope<'d>) -> impl Iterator<Item = &'d Spanned<String>> + use<'d> {
    api.settings.authentication.values().filter_map(|bound| bound.webhook.as_ref())
}

/// Whether an operation takes webhooks, so that who calls is known with the body, and not before.
#[must_use]
pub fn awaits_body(scope: &OperationScope<'_>) -> bool {
    match access(scope) {
        Access::Open | Access::Closed(_) => false,
        Access::Authenticated => webhooks(scope.api).next().is_some(),
        Access::OneOf { alternatives, .. } => {
            let mut needs = alternatives.iter().flat_map(|one| &one.needs);
            needs.any(|need| webhook_scheme(scope.api, need.scheme).is_some())
        }
    }
}

/// The one sender whose deliveries schemes of an operation take. `None` of two, which is reported: a delivery does not say whose it is.
pub fn only_sender<'d>(
    api: &ApiScope<'d>,
    operation: &str,
    senders: impl Iterator<Item = &'d Spanned<String>>,
    out: &mut Diagnostics,
) -> Option<Option<&'d str>> {
    let mut only: Option<&'d Spanned<String>> = None;
    for sender in senders {
        let first = *only.get_or_insert(sender);
        if first.value != sender.value {
            // Once, whichever operations take both.
            api.share(&format!("webhooks of {} and {}", first.value, sender.value), || {
                let message = format!(
                    "`{operation}` takes webhooks of two senders, `{}` and `{}`",
                    first.value, sender.value
                );
                let help = "give each sender an operation of its own: a delivery does not say whose it is";
                out.push(Diagnostic::error("conflict", message).at(sender.span).help(help));
            });
            return None;
        }
    }
    Some(only.map(|sender| sender.value.as_str()))
}
