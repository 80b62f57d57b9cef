//! The section `views`.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::Carries;
use diagnostics::{Diagnostic, Diagnostics, Severity, Span};
use engine::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Mode, Spanned};

use super::modes::{Bound, Group, groups};
use super::question::Question;
use super::{Bodies, Hide, Rule, Views, unguarded};
use crate::callers::config::CallerSection;
use crate::callers::trust::Trust;
use crate::pattern::Pattern;
use crate::places::withholds;
use crate::private::vary;
use crate::scope::{Compiled, HeldTo, OperationKind, OperationScope, rule_name};

/// Which fields of answers callers see, and which of bodies they may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Views")]
pub struct ViewsSection {
    /// whether answers are changed and calls refused, or what would be is only recorded; enforcing reads answers whole
    pub mode: Mode,
    /// fields of answers that are for some callers only, by names of your choice
    pub answers: BTreeMap<String, Spanned<AnswerSection>>,
    /// fields of bodies that some callers only may set
    pub requests: BTreeMap<String, Spanned<RequestSection>>,
}

impl Default for ViewsSection {
    fn default() -> Self {
        Self { mode: Mode::Enforce, answers: BTreeMap::new(), requests: BTreeMap::new() }
    }
}

/// Fields of answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AnswerView")]
pub struct AnswerSection {
    /// whether this rule alone holds, is only recorded, or is not looked at; without it as the section says
    #[serde(default)]
    pub mode: Option<Mode>,
    /// where they stand: JSON Pointers, `*` for every item or member
    #[schemars(length(min = 1))]
    pub at: Vec<Pattern>,
    /// callers who see them: a role, or `roles`, `scopes` and `claims`
    #[serde(default)]
    pub to: Vec<CallerSection>,
    /// what the others see
    #[serde(default)]
    pub otherwise: Otherwise,
    /// parameters of the query that ask by the field, which the others may not: `filter[total]`, or `sort=total` for one word of a value
    #[serde(default)]
    pub asked_by: Vec<String>,
    /// where the same name stands for something that all may see: nothing is warned of there
    #[serde(default)]
    pub shown_at: Vec<Pattern>,
    /// that no answer declares the fields is known: schemas only leave them room
    #[serde(default)]
    pub undeclared: bool,
}

/// What callers see who may not see a field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// Nothing.
    #[default]
    Remove,
    /// `"***"` in the place of a text, `null` in that of anything else.
    Mask,
}

/// Fields of bodies.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RequestView")]
pub struct RequestSection {
    /// whether this rule alone holds, is only recorded, or is not looked at; without it as the section says
    #[serde(default)]
    pub mode: Option<Mode>,
    /// where they stand: JSON Pointers, `*` for every item or member
    #[schemars(length(min = 1))]
    pub at: Vec<Pattern>,
    /// callers who may set them: a role, or `roles`, `scopes` and `claims`
    #[serde(default)]
    pub by: Vec<CallerSection>,
    /// that no body declares the fields is known: schemas only leave them room
    #[serde(default)]
    pub undeclared: bool,
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ViewsSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let before = out.count(Severity::Error);
    let Some(section) = spec::read::<ViewsSection>(node, out) else { return };
    // What was left out since it cannot be read is not missed a second time.
    if out.count(Severity::Error) > before {
        return;
    }
    let answers = section.answers.iter().map(|(name, rule)| (name, rule.mode, rule.at.is_empty(), rule.span));
    let requests =
        section.requests.iter().map(|(name, rule)| (name, rule.mode, rule.at.is_empty(), rule.span));
    for (name, mode, empty, span) in answers.chain(requests) {
        rule_name(name, mode, span, out);
        if !empty {
            continue;
        }
        let message = format!("`{name}` names no field");
        out.push(Diagnostic::error("views", message).at(span).help("write pointers under `at`"));
    }
}

/// Compiles it for an operation that goes upstream, when it has the section.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(node), OperationKind::Declared | OperationKind::ImpliedHead) = (scope.section, scope.kind)
    else {
        return Vec::new();
    };
    let shared = scope.api.share(&scope.section_key("views"), || {
        let section = spec::read::<ViewsSection>(node, out)?;
        if let Some(api) = scope.api.contract {
            check_places(api, &section, out);
            check_questions(api, &section, out);
        }
        check_validation(scope, &section, node, out);
        Some(section)
    });
    let Some(section) = shared.as_ref().as_ref().filter(|section| section.mode != Mode::Off) else {
        return Vec::new();
    };
    let looks = |rule: &Spanned<AnswerSection>| rule.mode != Some(Mode::Off);
    if scope.websocket && section.answers.values().any(looks) {
        let message =
            format!("`{}` is a WebSocket, whose messages are not read: nothing of them is hidden", scope.id);
        let help = "write `answers` for the other operations, or `views: { mode: off }` for this one";
        out.push(Diagnostic::error("views", message).at(node.span).help(help));
        return Vec::new();
    }
    unguarded::report(scope, section, out);
    let bodies = bodies(scope);
    let compiled = |group: Group| Compiled {
        control: Arc::new(Views {
            rules: group.rules,
            rule: group.rule,
            operation: scope.contract.map(Arc::clone),
            bodies,
            enforced: group.mode == engine::Mode::Enforce,
        }) as Arc<dyn Control>,
        mode: group.mode,
        response_mode: group.mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(group.span),
    };
    groups(rules(scope, section, out), &vary(scope.api), node.span).into_iter().map(compiled).collect()
}

/// Fields, what becomes of them, and by what they are asked for.
type What<'a> = (&'a [Pattern], Hide, Box<[Question]>);

/// Those that are not off.
fn rules(scope: &OperationScope<'_>, section: &ViewsSection, out: &mut Diagnostics) -> Vec<Bound> {
    let trust = Trust::of(scope, out);
    let mut all = Vec::new();
    let mut add =
        |(name, mode, span): (&str, Option<Mode>, Span), who: &[CallerSection], what: What<'_>, answer| {
            let (at, hide, questions) = what;
            let rule = Rule {
                name: name.into(),
                at: at.into(),
                callers: trust.callers(who, span, out),
                hide,
                questions,
            };
            let own = mode.map(|_| span);
            let mode = mode.unwrap_or(section.mode);
            if mode != Mode::Off {
                all.push(Bound { rule, mode, own, answer });
            }
        };
    for (name, one) in &section.answers {
        let hide = match one.otherwise {
            Otherwise::Remove => Hide::Remove,
            Otherwise::Mask => Hide::Mask,
        };
        let questions = one.asked_by.iter().map(|text| Question::parse(text)).collect();
        add((name, one.mode, one.span), &one.to, (&one.at, hide, questions), true);
    }
    for (name, one) in &section.requests {
        add((name, one.mode, one.span), &one.by, (&one.at, Hide::Remove, Box::default()), false);
    }
    all
}

/// Which bodies an operation may have.
fn bodies(scope: &OperationScope<'_>) -> Bodies {
    match scope.contract.map(|contract| &contract.request) {
        _ if scope.websocket => Bodies::None,
        None => Bodies::Any,
        Some(request) if !request.has_body() => Bodies::None,
        // A patch may be called plain JSON.
        Some(_) if scope.method == http::Method::PATCH => Bodies::Any,
        Some(request) => match request.body(Some("application/json-patch+json")) {
            contract::BodyMatch::Media(_) => Bodies::Any,
            _ => Bodies::Plain,
        },
    }
}

/// A field that the contract has in no answer, or in no body, of any operation is misspelled: it would be guarded nowhere. One that its
/// schemas only leave room may be.
fn check_places(api: &contract::Api, section: &ViewsSection, out: &mut Diagnostics) {
    let mut check = |name: &str, at: &[Pattern], (span, undeclared): (Span, bool), bodies: bool| {
        for pattern in at {
            let what = if bodies { "body" } else { "answer" };
            let place = pattern.as_str();
            let found = match pattern.carried(&api.operations, bodies) {
                Carries::No => {
                    let message = format!("the contract has `{place}` of `{name}` in no {what}");
                    let help = "compare it with the contract: there it guards nothing";
                    Diagnostic::error("views", message).help(help)
                }
                Carries::Open if !undeclared => {
                    let message = format!("the contract declares `{place}` of `{name}` in no {what}");
                    let help = "compare it with the contract, whose schemas only leave it room; where it is right, write `undeclared: true`";
                    Diagnostic::warning("views", message).help(help)
                }
                Carries::Open | Carries::Yes => continue,
            };
            out.push(found.at(span));
        }
    };
    for (name, rule) in &section.answers {
        check(name, &rule.at, (rule.span, rule.undeclared), false);
    }
    for (name, rule) in &section.requests {
        check(name, &rule.at, (rule.span, rule.undeclared), true);
    }
}

/// In an answer of another shape than the contract's a field may stand where no pointer leads, unless such answers are withheld.
fn check_validation(
    scope: &OperationScope<'_>,
    section: &ViewsSection,
    node: &spec::Node,
    out: &mut Diagnostics,
) {
    let holds = |rule: &Spanned<AnswerSection>| rule.mode.unwrap_or(section.mode) == Mode::Enforce;
    let hides = section.mode != Mode::Off && section.answers.values().any(holds);
    if !hides || scope.contract.is_none() || withholds(scope) {
        return;
    }
    let message = "fields of answers are hidden by where the contract has them, and answers of another shape are not withheld";
    let help = "write `validation: { response: enforce }` beside it";
    out.push(Diagnostic::warning("views-unvalidated", message).at(node.span).help(help));
}

/// The same for parameters by which a field is asked for.
fn check_questions(api: &contract::Api, section: &ViewsSection, out: &mut Diagnostics) {
    for (name, rule) in &section.answers {
        for question in rule.asked_by.iter().map(|text| Question::parse(text)) {
            let named = |parameter: &str| {
                let operations = &mut api.operations.iter();
                operations.any(|operation| operation.request.declares(contract::Place::Query, parameter))
            };
            let own = question.name.split('[').next().unwrap_or_default();
            if !named(&question.name) && !named(own) {
                let (message, help) = if question.name.is_empty() {
                    let message = format!("an entry of `asked_by` of `{name}` names no parameter");
                    (message, "write the name of a parameter, as in `sort=total`, or take it out")
                } else {
                    let parameter = &question.name;
                    let message =
                        format!("no operation of the contract has the parameter `{parameter}` of `{name}`");
                    (message, "compare it with the contract: it is asked by nothing")
                };
                out.push(Diagnostic::error("views", message).at(rule.span).help(help));
            }
        }
    }
}
