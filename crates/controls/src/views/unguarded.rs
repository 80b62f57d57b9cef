//! What a contract's answers have under the name of a hidden field, and no rule hides: a field that is hidden of an order, and the same of
//! the list of orders that nobody thought of.

use diagnostics::{Diagnostic, Diagnostics};
use spec::Mode;

use super::config::{AnswerSection, ViewsSection};
use crate::pattern::Pattern;
use crate::places::{elsewhere, first_of};
use crate::scope::OperationScope;

/// Warns of such places of one operation, once for each rule.
pub(super) fn report(scope: &OperationScope<'_>, section: &ViewsSection, out: &mut Diagnostics) {
    let Some(contract) = scope.contract else { return };
    for (name, rule) in section.answers.iter().filter(|(_, rule)| mode(section, rule) != Mode::Off) {
        let Some(places) = first_of(&unguarded(contract, section, rule)) else { continue };
        let message = format!("answers of `{}` have {places}, which `{name}` does not hide", scope.id);
        let help = "add it to `at`; where the name stands for something else that all may see, to `shown_at`";
        out.push(Diagnostic::warning("views-unguarded", message).at(rule.span).help(help));
    }
}

fn unguarded(contract: &contract::Operation, section: &ViewsSection, rule: &AnswerSection) -> Vec<String> {
    // What a rule in shadow would hide is seen.
    let hides = |other: &AnswerSection| {
        let mode = mode(section, other);
        mode == Mode::Enforce || mode == self::mode(section, rule)
    };
    let hidden = section.answers.values().filter(|other| hides(other)).flat_map(|rule| &rule.at);
    let known: Vec<&Pattern> = hidden.chain(&rule.shown_at).collect();
    elsewhere(contract.responses.media_of_all(), &rule.at, &known)
}

fn mode(section: &ViewsSection, rule: &AnswerSection) -> Mode {
    rule.mode.unwrap_or(section.mode)
}
