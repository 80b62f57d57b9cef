//! Annotations of GitHub's workflows, one line each.
//!
//! <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-an-error-message>

use crate::{Audit, Severity};

/// One line for each finding, what gains most first.
#[must_use]
pub fn github(audit: &Audit) -> String {
    let lines = audit.findings.iter().map(|finding| {
        let command = match finding.rule.severity() {
            Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "notice",
        };
        let place = finding.place.as_ref().map_or_else(String::new, |place| {
            format!("file={},line={},col={},", property(&place.file), place.line, place.column)
        });
        let title = property(&format!("{} {}", finding.rule.risk.id(), finding.rule.title));
        let text = format!("{}. {}. To do: {}", super::sentence(finding), finding.rule.why, finding.rule.fix);
        format!("::{command} {place}title={title}::{}\n", data(&text))
    });
    lines.collect()
}

/// What may stand in a message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What may stand in a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_a_property_or_a_line() {
        assert_eq!(data("a%\r\nb: c, d"), "a%25%0D%0Ab: c, d");
        assert_eq!(property("a,line=1::x\n"), "a%2Cline=1%3A%3Ax%0A");
    }
}
