//! For build servers: the JUnit form of XML, one `testsuite` for each file.

use std::fmt::Write as _;

use engine::text::is_hidden;

use super::{Report, reason};
use crate::Outcome;

/// The report.
#[must_use]
pub fn junit(report: &Report<'_>) -> String {
    let (passed, all) = report.tally();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites tests=\"{all}\" failures=\"{}\">", all - passed);
    for ran in &report.suites {
        let failed =
            ran.results.iter().filter(|finished| !matches!(finished.outcome, Outcome::Passed)).count();
        let name = escape(&ran.suite.name);
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\">",
            ran.results.len()
        );
        for (case, finished) in ran.suite.cases.iter().zip(ran.results) {
            let _ = write!(out, "    <testcase classname=\"{name}\" name=\"{}\"", escape(&case.name.value));
            let mut text: Vec<String> = match &finished.outcome {
                Outcome::Passed => {
                    out.push_str("/>\n");
                    continue;
                }
                Outcome::Broken(why) => vec![why.clone()],
                Outcome::Failed(mismatches) => mismatches
                    .iter()
                    .map(|one| format!("{}: expected {}, got {}", one.what, one.expected, one.got))
                    .collect(),
            };
            let message = text.first().cloned().unwrap_or_default();
            if let Some((why, place)) = reason(finished) {
                text.push(format!("because: {why}"));
                text.extend(place.map(|place| format!("at: {place}")));
            }
            text.push(report.sources.place(case.name.span));
            let _ = writeln!(
                out,
                ">\n      <failure message=\"{}\">{}</failure>",
                escape(&message),
                escape(&text.join("\n"))
            );
            out.push_str("    </testcase>\n");
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// The report when nothing ran: one suite whose one test is in error, for build servers that look at nothing else. `text` is
/// all that is wrong, in lines.
#[must_use]
pub fn junit_not_run(message: &str, text: &str) -> String {
    let counts = "tests=\"1\" failures=\"0\" errors=\"1\"";
    let (message, text) = (escape(message), escape(text));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"yett test\" {counts}>\n    \
         <testcase classname=\"yett test\" name=\"configuration and cases\">\n      \
         <error message=\"{message}\">{text}</error>\n    </testcase>\n  </testsuite>\n</testsuites>\n"
    )
}

/// Text as XML 1.0 has it: what cannot be written there (section 2.2), or would steer who prints it, becomes the replacement
/// character.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            char if is_hidden(char) || matches!(char, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escape, junit_not_run};

    #[test]
    fn what_did_not_run_is_one_error() {
        let report = junit_not_run("a \"b\"", "<x>\u{1b}[2J\n</error>");
        let error = "<error message=\"a &quot;b&quot;\">&lt;x&gt;\u{fffd}[2J&#10;&lt;/error&gt;</error>";
        assert!(report.contains(error) && report.matches("errors=\"1\"").count() == 2, "{report}");
    }

    #[test]
    fn nothing_in_a_text_ends_it() {
        assert_eq!(escape("a<b>&\"c\n\u{1b}\u{202e}é"), "a&lt;b&gt;&amp;&quot;c&#10;\u{fffd}\u{fffd}é");
    }
}
