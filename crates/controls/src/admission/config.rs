//! What admission is told: the trusted hops of the document, and how much failure an address may cause.

use std::sync::Arc;
use std::time::Duration;

use diagnostics::Diagnostics;
use engine::cells::Meter;
use spec::Cidr;

use super::Admission;
use crate::scope::{Compiled, GatewayScope};

/// Failing calls that one address may make: 50 a second sustained, 1,000 at once. Verifying as many forged signatures takes
/// less than a hundredth of a core.
pub const FAILURES: Meter = Meter::Rate { interval: Duration::from_millis(20), burst: 1_000 };

/// Settings of admission, ready to use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Proxies that are believed.
    pub trusted: Vec<Cidr>,
    /// Failing calls of one address.
    pub failures: Meter,
}

/// Compiles it for the gateway.
pub fn compile(scope: &GatewayScope<'_>, _out: &mut Diagnostics) -> Vec<Compiled> {
    let settings = Settings { trusted: scope.document.trusted_hops.clone(), failures: FAILURES };
    vec![Compiled::enforced(Arc::new(Admission::new(settings)), None)]
}
