//! Rules that have a mode of their own beside those of the section: what in the section says which, and for which operations.

use std::collections::BTreeMap;

use detect::Family;
use diagnostics::{Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use seclang::{Engine, Exclusion};
use serde::Deserialize;
use spec::{Mode, Spanned};

use super::config::InspectionSection;
use super::exclude;
use crate::scope::{OperationScope, rule_name};

/// Rules by their id or tag, and whether they refuse.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "InspectionMode")]
pub struct ModeSection {
    /// whether these rules count as the section says, are only recorded, or are left out
    pub mode: Mode,
    /// the rule of this id
    #[serde(default)]
    pub rule: Option<Spanned<u64>>,
    /// the rules with this tag, as in `attack-sqli`
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
    /// operations it holds for: each an operationId, `METHOD /template` or `tag:name`; without it all
    #[serde(default)]
    pub operations: Vec<Spanned<String>>,
}

/// Most of them in shadow in one section: each may have a call that it matches inspected once more.
const SHADOWS: usize = 8;

/// Rules as they are named.
pub(super) type Modes = BTreeMap<String, Spanned<ModeSection>>;

/// The name of such rules in decisions and counts.
pub(super) fn rule(name: &str) -> Box<str> {
    format!("modes.{name}").into()
}

/// Reports what is wrong with them by themselves.
pub(super) fn check(section: &InspectionSection, out: &mut Diagnostics) {
    let mut shadows = section.modes.values().filter(|one| one.mode == Mode::Shadow);
    if let Some(first) = shadows.nth(SHADOWS) {
        let message = format!("more than {SHADOWS} entries of `modes` are in shadow");
        let help = "each may have a call inspected once more: put rules together by a `tag`, or promote some";
        out.push(Diagnostic::error("inspection", message).at(first.span).help(help));
    }
    for (name, one) in &section.modes {
        rule_name(name, Some(one.mode), one.span, out);
        let help = match (&one.rule, &one.tag) {
            (Some(_), Some(_)) => "write two, each with a name",
            (None, None) => "say which rules it is about; all of them have the section's `mode`",
            _ => {
                exclude::check_selectors(&one.operations, out);
                continue;
            }
        };
        let message = format!("`modes.{name}` has `rule` or `tag`, and one of them");
        out.push(Diagnostic::error("inspection", message).at(one.span).help(help));
    }
    if section.is_builtin() {
        section.modes.values().for_each(|one| check_family(one, out));
    }
}

/// The detectors of our own have families, and no numbers.
fn check_family(one: &ModeSection, out: &mut Diagnostics) {
    let known: Vec<&str> = Family::ALL.into_iter().map(Family::tag).collect();
    let help = format!("write `tag` and one of {}", known.join(", "));
    let mut error = |message: String, span: Span| {
        out.push(Diagnostic::error("inspection", message).at(span).help(help.as_str()));
    };
    if let Some(rule) = &one.rule {
        let message =
            format!("`rule: {}` says nothing to `rules: builtin`, which has no numbers", rule.value);
        error(message, rule.span);
    }
    if let Some(tag) = one.tag.as_ref().filter(|tag| Family::by_tag(&tag.value).is_none()) {
        error(format!("no family of detectors has the tag `{}`", tag.value), tag.span);
    }
}

/// Rules of a file that have a mode of their own.
#[derive(Debug, Clone)]
pub(super) struct Ruled {
    pub(super) name: Box<str>,
    pub(super) rules: Exclusion,
    pub(super) mode: Mode,
    pub(super) span: Span,
}

/// Finds the rules that are meant; `None` where an id or a tag means none, which is reported.
pub(super) fn compile(
    section: &InspectionSection,
    engine: &Engine,
    out: &mut Diagnostics,
) -> Option<Vec<Ruled>> {
    let one = |(name, one): (&String, &Spanned<ModeSection>)| {
        let rules = exclude::rules(engine, (&one.rule, &one.tag, one.span), &[], out)?;
        Some(Ruled { name: rule(name), rules, mode: one.mode, span: one.span })
    };
    section.modes.iter().map(one).collect()
}

/// Entries that hold for an operation, each with its name, its mode, where it is written, and which rules it is about.
pub(super) type Entry<'a, R> = (&'a str, Mode, Span, &'a R);

/// Reports rules that two entries give two modes: nobody could say which of them holds.
pub(super) fn check_overlap<R>(
    entries: &[Entry<'_, R>],
    overlap: impl Fn(&R, &R) -> bool,
    out: &mut Diagnostics,
) {
    for (at, (name, mode, span, rules)) in entries.iter().enumerate() {
        let before = entries.get(..at).unwrap_or_default();
        let other = before.iter().find(|(_, other, _, those)| other != mode && overlap(rules, those));
        if let Some((other, ..)) = other {
            let message = format!("`{other}` and `{name}` give the same rules two modes");
            let help = "take one of them out, or write the same mode in both";
            out.push(Diagnostic::error("inspection", message).at(*span).help(help));
        }
    }
}

/// Numbers of those that hold for an operation.
pub(super) fn holding(section: &InspectionSection, scope: &OperationScope<'_>) -> Vec<usize> {
    let numbered = section.modes.values().enumerate();
    numbered.filter(|(_, one)| exclude::selects(&one.operations, scope)).map(|(at, _)| at).collect()
}
