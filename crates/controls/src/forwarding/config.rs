//! Forwarding has no settings: every call that goes upstream is treated alike.

use std::sync::Arc;

use diagnostics::Diagnostics;

use super::Forwarding;
use crate::scope::{Compiled, OperationKind, OperationScope};

/// Compiles it for an operation: one control for the whole API.
pub fn compile(scope: &OperationScope<'_>, _out: &mut Diagnostics) -> Vec<Compiled> {
    match scope.kind {
        OperationKind::Declared | OperationKind::ImpliedHead => {
            let control = scope.api.share("forwarding", || Arc::new(Forwarding));
            vec![Compiled::enforced(Arc::clone(&*control) as Arc<dyn engine::Control>, None)]
        }
        OperationKind::ImpliedOptions | OperationKind::WellKnown => Vec::new(),
    }
}
