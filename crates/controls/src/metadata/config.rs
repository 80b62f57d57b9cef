//! From an API's settings to its metadata document. It has no section: there is nothing to choose.

use std::sync::Arc;

use diagnostics::Diagnostics;

use super::{Document, Metadata};
use crate::scope::{ApiScope, Compiled, OperationKind, OperationScope};
use crate::security::possession;

/// The control that answers with an API's document; `None` when the API takes no tokens, so that there is none.
#[must_use]
pub fn control(api: &ApiScope<'_>) -> Option<Arc<Metadata>> {
    if api.settings.authentication.is_empty() {
        return None;
    }
    let issuers = &api.gateway.document.issuers;
    let mut servers: Vec<String> = api
        .settings
        .authentication
        .values()
        .flat_map(|settings| &settings.issuers)
        .filter_map(|name| issuers.get(&name.value))
        // The local issuer is a key in a directory: no client can ask it for a token over the network.
        .filter(|issuer| !issuer.local)
        .filter_map(|issuer| issuer.url.as_ref().map(|url| url.as_str().to_owned()))
        .collect();
    servers.sort();
    servers.dedup();
    let document = Document {
        resource: format!("{}{}", api.public_url.trim_end_matches('/'), api.base_path),
        authorization_servers: servers,
        scopes_supported: api.scopes.to_vec(),
        dpop_algorithms: possession::taken(api).iter().flat_map(|proofs| names(&proofs.algorithms)).collect(),
        dpop_required: possession::always_proven(api),
        certificates: possession::has_certificates(api),
        resource_name: api.contract.map_or(api.name, |contract| contract.title.as_str()).to_owned(),
    };
    Some(api.share("metadata", || Metadata::new(&document)))
}

fn names(algorithms: &[jose::Algorithm]) -> impl Iterator<Item = String> {
    algorithms.iter().map(|algorithm| algorithm.name().to_owned())
}

/// Compiles it for an operation of kind [`OperationKind::WellKnown`]; for all others there is nothing to do.
pub fn compile(scope: &OperationScope<'_>, _out: &mut Diagnostics) -> Vec<Compiled> {
    if scope.kind != OperationKind::WellKnown || scope.template != super::path(scope.api.base_path) {
        return Vec::new();
    }
    let span = Some(scope.api.settings.name.span);
    control(scope.api).map(|control| Compiled::enforced(control, span)).into_iter().collect()
}
