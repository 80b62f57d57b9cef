//! What tokens have to be bound to, where an operation says so in place of the scheme.

use contract::{Operation, Security};
use serde_json::{Map, Value as Json, json};
use spec::{Api, OperationRef};

use crate::{Changes, settings};

/// What an operation demands of the tokens of each entry of `authentication` that is taken there; `null` when it leaves that
/// to the schemes.
pub(crate) fn describe(api: &Api, reference: &OperationRef<'_>, declared: Option<&Operation>) -> Json {
    let own = api.sender_constrained_for(reference).map(|demand| demand.value);
    let of_schemes = api
        .authentication
        .iter()
        .filter(|(name, entry)| {
            entry.source.is_none() && !entry.issuers.is_empty() && is_taken(api, name, declared)
        })
        .map(|(name, entry)| {
            let demand = own.or(entry.sender_constrained.as_ref().map(|demand| demand.value));
            (name.clone(), json!(demand))
        })
        .collect::<Map<_, _>>();
    json!({ "own": own, "demanded": of_schemes })
}

/// Whether tokens of an entry are taken at an operation: of those that its security names, else of all.
fn is_taken(api: &Api, entry: &str, declared: Option<&Operation>) -> bool {
    match declared.map(|declared| &declared.security) {
        Some(Security::Alternatives(all)) => {
            let mut schemes = all.iter().flat_map(|one| &one.schemes);
            schemes.any(|(scheme, _)| match entry {
                "*" => !api.authentication.contains_key(scheme),
                entry => scheme == entry,
            })
        }
        _ => true,
    }
}

/// Compares what is demanded where the operation's own word changed; what the schemes say is told once, with the API.
pub(crate) fn compare(old: &Json, new: &Json, out: &mut Changes<'_>) {
    if old["own"] != new["own"] {
        settings::compare("sender_constrained", &old["demanded"], &new["demanded"], out);
    }
}
