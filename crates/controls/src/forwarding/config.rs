//! Forwarding has no settings: every call that goes upstream is treated alike, by its contract.

use std::sync::Arc;

use diagnostics::Diagnostics;

use super::Forwarding;
use crate::scope::{Compiled, OperationKind, OperationScope};

/// Compiles it for an operation: one control for all whose contract declares no field that is removed otherwise.
pub fn compile(scope: &OperationScope<'_>, _out: &mut Diagnostics) -> Vec<Compiled> {
    match scope.kind {
        OperationKind::Declared | OperationKind::ImpliedHead => {
            let names = scope.contract.into_iter().flat_map(|operation| operation.request.header_names());
            let made = Forwarding::new(names);
            let own = if made.is_usual() { "" } else { scope.id };
            let control = scope.api.share(&format!("forwarding:{own}"), || Arc::new(made));
            vec![Compiled::enforced(Arc::clone(&*control) as Arc<dyn engine::Control>, None)]
        }
        OperationKind::ImpliedOptions | OperationKind::WellKnown => Vec::new(),
    }
}
