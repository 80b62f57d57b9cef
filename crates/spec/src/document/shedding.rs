//! What a core does whose calls wait for it.

use super::Document;
use crate::read::Spanned;
use crate::units::Duration;
use diagnostics::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a core that is late refuses a share of its new calls.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Shedding {
    /// whether it does
    pub enabled: bool,
    /// how late it may be, from `5ms` to `10s`
    pub lag: Spanned<Duration>,
    /// for how long it has to be later than that, from `10ms` to `1m`
    pub interval: Spanned<Duration>,
}

impl Default for Shedding {
    fn default() -> Self {
        Self {
            enabled: true,
            lag: Spanned::nowhere(Duration::from_millis(500)),
            interval: Spanned::nowhere(Duration::from_millis(1_000)),
        }
    }
}

/// Reports what is out of bounds.
pub(super) fn check(document: &Document, out: &mut Diagnostics) {
    let Shedding { lag, interval, .. } = &document.shedding;
    let all = [
        ("lag", lag, 5..=10_000, "write from `5ms` to `10s`"),
        ("interval", interval, 10..=60_000, "write from `10ms` to `1m`"),
    ];
    for (key, time, bounds, help) in all {
        if !bounds.contains(&time.get().as_millis()) {
            let message = format!("`{}` is out of bounds for `{key}` of `shedding`", time.value);
            out.push(Diagnostic::error("invalid-value", message).at(time.span).help(help));
        }
    }
}
