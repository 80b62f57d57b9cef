//! What a contract's answers have under the name of a hidden field, and no rule hides: a field that is hidden of an order, and the same of
//! the list of orders that nobody thought of.

use diagnostics::{Diagnostic, Diagnostics};
use spec::Mode;

use super::config::{AnswerSection, ViewsSection};
use crate::pattern::{PLAIN, Pattern, Step, written};
use crate::scope::OperationScope;

/// Warns of such places of one operation, once for each rule.
pub(super) fn report(scope: &OperationScope<'_>, section: &ViewsSection, out: &mut Diagnostics) {
    let Some(contract) = scope.contract else { return };
    for (name, rule) in section.answers.iter().filter(|(_, rule)| mode(section, rule) != Mode::Off) {
        let found = unguarded(contract, section, rule);
        let Some(first) = found.first() else { continue };
        let more = match found.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!("answers of `{}` have `{first}`{more}, which `{name}` does not hide", scope.id);
        let help = "add it to `at`; where the name stands for something else that all may see, to `shown_at`";
        out.push(Diagnostic::warning("views-unguarded", message).at(rule.span).help(help));
    }
}

fn unguarded(contract: &contract::Operation, section: &ViewsSection, rule: &AnswerSection) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut names: Vec<&str> =
        rule.at.iter().filter_map(|at| at.steps().last().and_then(Step::name)).collect();
    names.retain(|name| !PLAIN.contains(name));
    // What a rule in shadow would hide is seen.
    let hides = |other: &AnswerSection| {
        let mode = mode(section, other);
        mode == Mode::Enforce || mode == self::mode(section, rule)
    };
    let hidden = section.answers.values().filter(|other| hides(other)).flat_map(|rule| &rule.at);
    let known: Vec<&Pattern> = hidden.chain(&rule.shown_at).collect();
    for media in contract.responses.media_of_all() {
        for steps in names.iter().flat_map(|name| media.places(name)) {
            let pointer: String = written(&steps);
            if !found.contains(&pointer) && !known.iter().any(|pattern| is_at(pattern, &steps)) {
                found.push(pointer);
            }
        }
    }
    found
}

fn mode(section: &ViewsSection, rule: &AnswerSection) -> Mode {
    rule.mode.unwrap_or(section.mode)
}

/// Whether a pattern leads there, or to what it is in.
fn is_at(pattern: &Pattern, steps: &[Option<&str>]) -> bool {
    let mut both = pattern.steps().iter().zip(steps);
    pattern.steps().len() <= steps.len() && both.all(|(wanted, step)| wanted.leads(*step))
}
