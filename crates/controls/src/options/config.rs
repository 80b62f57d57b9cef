//! OPTIONS has no settings: what it answers is in the contract.

use std::sync::Arc;

use diagnostics::Diagnostics;

use super::Options;
use crate::scope::{Compiled, OperationKind, OperationScope};

/// Compiles it for an operation: only where OPTIONS is not the contract's own.
pub fn compile(scope: &OperationScope<'_>, _out: &mut Diagnostics) -> Vec<Compiled> {
    match scope.kind {
        OperationKind::ImpliedOptions => {
            vec![Compiled::enforced(Arc::new(Options::new(scope.siblings.iter().cloned())), None)]
        }
        _ => Vec::new(),
    }
}
