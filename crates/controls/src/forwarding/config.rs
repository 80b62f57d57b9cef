//! Forwarding has no settings of its own: every call that goes upstream is treated alike, by its contract, and by whether the upstream's
//! calls are signed.

use std::sync::Arc;

use diagnostics::Diagnostics;

use super::Forwarding;
use crate::scope::{Compiled, OperationKind, OperationScope};

/// Compiles it for an operation: one control for all whose contract declares no field that is removed otherwise.
pub fn compile(scope: &OperationScope<'_>, _out: &mut Diagnostics) -> Vec<Compiled> {
    match scope.kind {
        OperationKind::Declared | OperationKind::ImpliedHead => {
            let names = scope.contract.into_iter().flat_map(|operation| operation.request.header_names());
            // A WebSocket has no body.
            let digests = signs(scope) && !scope.websocket;
            let made = Forwarding::new(names).with_digest(digests);
            let own = if made.is_usual() { "" } else { scope.id };
            let control = scope.api.share(&format!("forwarding:{digests}:{own}"), || Arc::new(made));
            vec![Compiled::enforced(Arc::clone(&*control) as Arc<dyn engine::Control>, None)]
        }
        OperationKind::ImpliedOptions | OperationKind::WellKnown => Vec::new(),
    }
}

/// Whether calls to the upstream, or copies of them to its mirror, are signed.
fn signs(scope: &OperationScope<'_>) -> bool {
    let upstreams = &scope.api.gateway.document.upstreams;
    let Some(own) = upstreams.get(&scope.api.settings.upstream.value) else { return false };
    let mirror = own.mirror.as_ref().and_then(|mirror| upstreams.get(&mirror.upstream.value));
    own.sign.is_some() || mirror.is_some_and(|mirror| mirror.sign.is_some())
}
