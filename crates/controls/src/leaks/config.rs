//! The section `leaks`.

use std::sync::Arc;

use diagnostics::Diagnostics;
use engine::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Mode;

use super::{LeakWatch, Settings};
use crate::callers::config::CallerSection;
use crate::callers::trust::Trust;
use crate::private::vary;
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
    /// data about people
    pub personal: PersonalSection,
}

/// Personal data in answers: what is done about each kind of it, and whom it is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "PersonalData")]
pub struct PersonalSection {
    /// numbers of payment cards
    pub cards: OnLeak,
    /// numbers of bank accounts (IBAN)
    pub accounts: OnLeak,
    /// addresses of mail
    pub mails: OnLeak,
    /// telephone numbers
    pub phones: OnLeak,
    /// numbers by which states know people
    pub persons: OnLeak,
    /// callers for whom it is: for them it is told, and neither masked nor refused. A role, or `roles`, `scopes` and `claims`
    pub to: Vec<CallerSection>,
}

impl Default for PersonalSection {
    fn default() -> Self {
        let ignore = OnLeak::Ignore;
        Self {
            cards: ignore,
            accounts: ignore,
            mails: ignore,
            phones: ignore,
            persons: ignore,
            to: Vec::new(),
        }
    }
}

impl Default for LeaksSection {
    fn default() -> Self {
        Self {
            mode: Mode::Shadow,
            traces: OnLeak::Refuse,
            databases: OnLeak::Refuse,
            listings: OnLeak::Refuse,
            secrets: OnLeak::Mask,
            personal: PersonalSection::default(),
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
    // Read, and reported, once for all operations that have the same section; whose roles count may differ between these.
    let shared = scope.api.share(&scope.section_key("leaks"), || spec::read::<LeaksSection>(node, out));
    let Some(section) = shared.as_ref().as_ref().filter(|section| section.mode != Mode::Off) else {
        return Vec::new();
    };
    let mode = mode(section.mode);
    let settings = Settings::of(section, mode == engine::Mode::Enforce);
    let whom = &section.personal.to;
    let control: Arc<dyn Control> = match whom.is_empty() {
        true => Arc::new(LeakWatch::new(settings)),
        false => {
            let callers = Trust::of(scope, out).callers(whom, node.span, out);
            Arc::new(LeakWatch::new(settings).with_audience(callers, vary(scope.api)))
        }
    };
    vec![Compiled {
        control,
        mode,
        response_mode: mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(node.span),
    }]
}
