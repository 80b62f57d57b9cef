//! The section `leaks`.

use std::sync::Arc;

use diagnostics::Diagnostics;
use engine::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Mode;

use super::{LeakWatch, Settings};
use crate::scope::{Compiled, HeldTo, OperationKind, OperationScope, mode};

/// What is done about a leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLeak {
    /// It is not looked for.
    Ignore,
    /// The decision says so.
    Tag,
    /// It is overwritten by asterisks.
    Mask,
    /// The answer is withheld.
    Refuse,
}

/// What should not leave in answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Leaks")]
pub struct LeaksSection {
    /// whether answers are changed and withheld, or what would be is only recorded; enforcing reads answers whole
    pub mode: Mode,
    /// stack traces
    pub traces: OnLeak,
    /// what a database says of a statement
    pub databases: OnLeak,
    /// listings of folders
    pub listings: OnLeak,
    /// credentials, private keys, hashes of passwords
    pub secrets: OnLeak,
}

impl Default for LeaksSection {
    fn default() -> Self {
        Self {
            mode: Mode::Shadow,
            traces: OnLeak::Refuse,
            databases: OnLeak::Refuse,
            listings: OnLeak::Refuse,
            secrets: OnLeak::Mask,
        }
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(LeaksSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let _: Option<LeaksSection> = spec::read(node, out);
}

/// Compiles it for an operation that goes upstream, when it has the section.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(node), OperationKind::Declared) = (scope.section, scope.kind) else { return Vec::new() };
    let shared = scope.api.share(&scope.section_key("leaks"), || {
        let LeaksSection { mode: written, traces, databases, listings, secrets } = spec::read(node, out)?;
        let mode = mode(written);
        let settings =
            Settings { traces, databases, listings, secrets, enforced: mode == engine::Mode::Enforce };
        let control: Arc<dyn Control> = Arc::new(LeakWatch::new(settings));
        Some(Compiled {
            control,
            mode,
            response_mode: mode,
            body_limit: None,
            held_to: HeldTo::Configuration,
            span: Some(node.span),
        })
    });
    shared.iter().filter(|compiled| compiled.mode != engine::Mode::Off).cloned().collect()
}
