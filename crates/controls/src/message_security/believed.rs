//! Whose applications `callers` names.
//!
//! Ids of applications are each issuer's own: what one calls `shop` is nobody's business at another. So the issuers whose word counts are
//! known beside the map, as for roles and claims; an operation to whose callers nobody gives an application is an error, since all of
//! them would be refused.

use diagnostics::{Diagnostics, Severity, Span};
use spec::Strings;

use super::check::error;
use crate::callers::trust::Trust;
use crate::scope::OperationScope;
use crate::security::{APPLICATIONS, Access, Issuers, Vouching, access, iss, signers_issuer};

/// Who is believed of applications, for each side.
#[derive(Debug, Default)]
pub(super) struct Believed {
    pub(super) signers: Issuers,
    pub(super) readers: Issuers,
}

/// What a section says of whose applications it names.
#[derive(Debug)]
pub(super) struct Named {
    issuer: Option<Strings>,
    at: Span,
}

impl Named {
    pub(super) fn new(issuer: Option<Strings>, at: Span) -> Self {
        Self { issuer, at }
    }
}

/// The issuers that are believed in an operation; without `callers` nobody is asked.
pub(super) fn issuers(scope: &OperationScope<'_>, named: Option<&Named>, out: &mut Diagnostics) -> Issuers {
    let Some(Named { issuer, at }) = named else { return Issuers::Any };
    let vouching = Vouching::of(scope);
    if issuer.is_none() && vouching.named.len() > 1 {
        let names: Vec<String> = vouching.named.iter().map(|(name, _)| format!("`{name}`")).collect();
        let names = names.join(" and ");
        let message =
            format!("`{}` takes credentials of {names}, and each has applications of its own", scope.id);
        let help = "say whose `callers` names by `issuer` beside it; `any` believes each";
        once(scope, *at, "several", out, |out| error(message, *at, help, out));
        return Issuers::default();
    }
    let before = out.count(Severity::Error);
    let found = Trust::of(scope, out).issuers(issuer.as_ref(), *at, out);
    let closed = matches!(access(scope), Access::Closed(_));
    if !closed && out.count(Severity::Error) == before && !name_applications(scope, &vouching, &found) {
        let message = format!(
            "nobody who calls `{}` has a credential that names an application, as `callers` asks",
            scope.id
        );
        let help = "take tokens, API keys or signed calls there and say by `issuer` whose they are, or write `message_security: { mode: off }` for it";
        once(scope, *at, "none", out, |out| error(message, *at, help, out));
    }
    found
}

/// Whether one of them names applications: issuers of tokens, signers, and the store of API keys do.
fn name_applications(scope: &OperationScope<'_>, vouching: &Vouching<'_>, found: &Issuers) -> bool {
    let document = scope.api.gateway.document;
    let believed = |called: &str| match found {
        Issuers::Any => true,
        Issuers::These(all) => all.iter().any(|one| **one == *called),
    };
    let names = |name: &str, called: &str| {
        document.issuers.get(name).is_some_and(|issuer| iss(issuer) == called)
            || (document.signers.contains_key(name) && signers_issuer(name) == called)
    };
    let mut named = vouching.named.iter().filter(|(_, called)| believed(called));
    (vouching.keys && believed(APPLICATIONS)) || named.any(|(name, called)| names(name, called))
}

/// Once for all operations that the section holds for.
fn once(
    scope: &OperationScope<'_>,
    at: Span,
    what: &str,
    out: &mut Diagnostics,
    say: impl FnOnce(&mut Diagnostics),
) {
    scope.api.share(&format!("message-callers {at:?} {what}"), || say(out));
}
