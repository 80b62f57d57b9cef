//! Which controls there are, and in which order they speak, each place with its reason.
//!
//! Order is a security property: it is written here once, drawn in `docs/life-of-a-call.md`, and nothing sorts it later.

use diagnostics::Diagnostics;
use engine::Stage;

use crate::{authentication, authorization, metadata};
use crate::scope::{Compiled, GatewayScope, OperationScope};

/// One control.
pub struct Entry {
    /// Its name in documents, logs and metrics; also the key of its section in an API's settings.
    pub name: &'static str,
    /// Schema of its section, when it has one (`None`: it is configured by other keys).
    pub schema: Option<fn() -> schemars::Schema>,
    /// Compiles it for the whole gateway (admission), when it works there.
    pub gateway: Option<fn(&GatewayScope<'_>, &mut Diagnostics) -> Vec<Compiled>>,
    /// Compiles it for one operation, when it works there. No control means: nothing to check here. More than one is
    /// for controls that hold several rules in several modes, such as limits.
    pub operation: Option<fn(&OperationScope<'_>, &mut Diagnostics) -> Vec<Compiled>>,
}

/// A control's place at a stage.
pub struct Place {
    /// Name of the control.
    pub control: &'static str,
    /// The stage.
    pub stage: Stage,
    /// Why here.
    pub reason: &'static str,
}

/// All controls.
pub static CONTROLS: &[Entry] = &[
    Entry { name: "metadata", schema: None, gateway: None, operation: Some(metadata::compile) },
    Entry { name: "authentication", schema: None, gateway: None, operation: Some(authentication::compile) },
    Entry {
        name: "authorization",
        schema: Some(authorization::schema),
        gateway: None,
        operation: Some(authorization::compile),
    },
];

/// The order at each stage: earlier speaks first.
pub static ORDER: &[Place] = &[
    Place {
        control: "metadata",
        stage: Stage::Head,
        reason: "its documents are for those who have no token yet; it stands in no other operation",
    },
    Place {
        control: "authentication",
        stage: Stage::Head,
        reason: "who calls is asked before anything that depends on it: authorization, limits per subject, validation",
    },
    Place {
        control: "authorization",
        stage: Stage::Head,
        reason: "on the proofs of authentication, and before what costs more; nobody without a right uses up a limit",
    },
];
