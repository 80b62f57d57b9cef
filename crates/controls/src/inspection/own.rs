//! What the section says of the detectors of our own.

use std::sync::Arc;

use detect::{Families, Family};
use diagnostics::{Diagnostics, Span};
use engine::Mode as EngineMode;
use spec::{Mode, Spanned};

use super::builtin::{Builtin, Excluded, Settings};
use super::config::{ExcludeSection, InspectionSection, Over, body_limit};
use super::modes::{self, ModeSection};
use crate::scope::{Compiled, HeldTo, OperationScope, mode};

/// The highest score of a finding.
const SUREST: u32 = 10;

/// Reports keys that say nothing to the detectors of our own.
pub(super) fn check(
    section: &InspectionSection,
    span: Span,
    error: &mut impl FnMut(&'static str, String, Span, &str),
) {
    let rule_sets = "it is for rules of a file; take it out, or write `rules: file:` with their folder";
    if let Some(setup) = &section.setup {
        error("inspection", String::from("`setup` says nothing to `rules: builtin`"), setup.span, rule_sets);
    }
    if let Some(paranoia) = &section.paranoia {
        let message = String::from("`paranoia` says nothing to `rules: builtin`");
        let help = "set `threshold: { inbound: … }`: 5 without it, from 1 to 10, lower finds more";
        error("inspection", message, paranoia.span, help);
    }
    if let Some(outbound) = &section.threshold.outbound {
        let message = String::from("`threshold.outbound` says nothing to `rules: builtin`");
        error("inspection", message, outbound.span, rule_sets);
    }
    if let Some(score) = section.threshold.inbound.filter(|score| score.value > SUREST) {
        let message = format!("`inbound: {}` would refuse no call", score.value);
        error("inspection", message, score.span, "write from 1 to 10; 5 holds without it");
    }
    if section.answers != Mode::Off {
        let message =
            String::from("`answers` cannot be set with `rules: builtin`: it has no detector for answers");
        error(
            "unsupported",
            message,
            span,
            "take it out, or write `rules: file:` with the folder of the OWASP Core Rule Set",
        );
    }
    for exclude in &section.exclude {
        check_exclusion(exclude, error);
    }
}

fn check_exclusion(exclude: &ExcludeSection, error: &mut impl FnMut(&'static str, String, Span, &str)) {
    let known: Vec<&str> = Family::ALL.into_iter().map(Family::tag).collect();
    let help = format!("name a family: {}", known.join(", "));
    if let Some(rule) = &exclude.rule {
        let message =
            format!("`rule: {}` says nothing to `rules: builtin`, which has no numbers", rule.value);
        error("inspection", message, rule.span, &help.replace("name", "write `tag` and name"));
    }
    if let Some(tag) = exclude.tag.as_ref().filter(|tag| Family::by_tag(&tag.value).is_none()) {
        error("inspection", format!("no family of detectors has the tag `{}`", tag.value), tag.span, &help);
    }
}

/// The control of one operation, and one for each family that is only watched; `here` are the numbers of the exclusions that hold for
/// it, `ruled` those of the modes.
pub(super) fn compile(
    section: &InspectionSection,
    (here, ruled): (&[usize], &[usize]),
    span: Span,
    scope: &OperationScope<'_>,
    out: &mut Diagnostics,
) -> Vec<Compiled> {
    let mut exclusions: Vec<Excluded> =
        here.iter().filter_map(|at| section.exclude.get(*at)).map(|exclude| excluded(exclude)).collect();
    let modes = section.modes.iter().enumerate().filter(|(at, _)| ruled.contains(at));
    let own: Vec<Own> = modes.filter_map(|(_, (name, one))| Own::of(name, one)).collect();
    let entries: Vec<_> = own.iter().map(|own| (&*own.name, own.said, own.span, &own.family)).collect();
    modes::check_overlap(&entries, |one, other| one == other, out);
    let own: Vec<Own> = own.into_iter().filter(|own| own.said != Mode::Enforce).collect();
    let threshold = section.threshold.inbound.map_or(u32::from(detect::THRESHOLD), |score| score.value);
    let settings = |excluded: Vec<Excluded>| Settings {
        threshold: u8::try_from(threshold).unwrap_or(detect::THRESHOLD),
        excluded,
        body: section.body.max.as_usize(),
        whole: section.body.over == Over::Refuse,
        arguments: section.body.arguments.map(|most| most.value),
    };
    let compiled = |excluded, rule: Option<Box<str>>, mode, span| Compiled {
        control: Arc::new(Builtin::new(
            settings(excluded),
            rule,
            scope.contract.cloned(),
            scope.params,
            scope.websocket,
        )),
        mode,
        response_mode: mode,
        body_limit: body_limit(section),
        held_to: HeldTo::Configuration,
        span: Some(span),
    };
    let watched: Vec<Compiled> = own
        .iter()
        .filter(|own| own.said == Mode::Shadow)
        .map(|own| {
            let others = everywhere(Families::ALL.without(own.family));
            let excluded = exclusions.iter().cloned().chain([others]).collect();
            compiled(excluded, Some(own.name.clone()), EngineMode::Shadow, own.span)
        })
        .collect();
    exclusions.extend(own.iter().map(|own| everywhere(Families::NONE.with(own.family))));
    let mut all = vec![compiled(exclusions, None, mode(section.mode), span)];
    all.extend(watched);
    all
}

/// A family that has a mode of its own.
struct Own {
    name: Box<str>,
    family: Family,
    said: Mode,
    span: Span,
}

impl Own {
    fn of(name: &str, one: &Spanned<ModeSection>) -> Option<Self> {
        let family = one.tag.as_ref().and_then(|tag| Family::by_tag(&tag.value))?;
        Some(Self { name: modes::rule(name), family, said: one.mode, span: one.span })
    }
}

/// Families that are looked for nowhere.
fn everywhere(families: Families) -> Excluded {
    Excluded {
        families,
        everywhere: true,
        parameters: Vec::new(),
        headers: Vec::new(),
        cookies: Vec::new(),
        callers: Vec::new(),
    }
}

fn excluded(exclude: &ExcludeSection) -> Excluded {
    let family = exclude.tag.as_ref().and_then(|tag| Family::by_tag(&tag.value));
    let lower = |name: &String| name.to_ascii_lowercase();
    Excluded {
        families: family.map_or(Families::ALL, |family| Families::NONE.with(family)),
        everywhere: exclude.parameters.is_empty() && exclude.headers.is_empty() && exclude.cookies.is_empty(),
        parameters: exclude.parameters.clone(),
        headers: exclude.headers.iter().map(lower).collect(),
        cookies: exclude.cookies.clone(),
        callers: exclude.callers.iter().map(|caller| caller.value.clone()).collect(),
    }
}
