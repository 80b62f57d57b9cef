//! Diagnostics as people and machines read them: with place, source line and what to do, or as JSON.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use diagnostics::{Diagnostic, Diagnostics, FileId, Severity, Sources, Span, without_userinfo};
use engine::text::is_hidden;
use manage_api::DiagnosticView;

use crate::layout::{MESSAGE, cut, lines_of};

/// Columns of a line of help, so that a line with what stands before it is within a hundred.
const HELP: usize = 86;
/// Bytes of a source line that are shown.
const LINE: usize = 160;

/// A place in a file, with the line around it.
struct Located {
    name: String,
    line: usize,
    column: usize,
    /// What is shown of the line, and which part of that is meant.
    shown: String,
    marked: Range<usize>,
    /// Whether `shown` begins where the line begins.
    whole: bool,
    /// Whether the line may hold a secret, so that only its place is shown.
    secret: bool,
}

/// Finds places; knows where the lines of each file begin, since contracts are long.
pub(crate) struct Reader<'s> {
    sources: &'s Sources,
    lines: HashMap<FileId, Arc<[usize]>>,
    /// Where secrets stand in clear: another diagnostic may point into the same line.
    secrets: Vec<Span>,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(sources: &'s Sources) -> Self {
        Self { sources, lines: HashMap::new(), secrets: Vec::new() }
    }

    fn locate(&mut self, span: Span) -> Option<Located> {
        let source = self.sources.get(span.file)?;
        let text: &str = &source.text;
        let lines = self.lines.entry(span.file).or_insert_with(|| {
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
        });
        let start = floor(text, span.start as usize);
        let number = lines.partition_point(|line| *line <= start);
        let line_start = lines.get(number.checked_sub(1)?).copied()?;
        let line_end = text.get(line_start..)?.find('\n').map_or(text.len(), |length| line_start + length);
        let end = floor(text, span.end as usize).clamp(start, line_end);
        // A contract may be one line of megabytes: a window of it will do.
        let whole = line_end - line_start <= LINE;
        let from =
            if whole { line_start } else { floor(text, start.saturating_sub(LINE / 4)).max(line_start) };
        let to = if whole { line_end } else { floor(text, from + LINE).min(line_end) };
        let column = text.get(line_start..start)?.chars().count() + 1;
        // A password may begin before the window.
        let around = text.get(floor(text, from.saturating_sub(LINE)).max(line_start)..to)?;
        let secret = matches!(without_userinfo(around), Cow::Owned(masked) if masked != around)
            || self.secrets.iter().any(|other| {
                other.file == span.file && (other.start as usize) <= to && (other.end as usize) >= from
            });
        let marked = start.min(to) - from..end.clamp(start.min(to), to) - from;
        let (shown, marked) = masked(text.get(from..to)?, marked);
        Some(Located {
            name: printable(&source.name),
            line: number,
            column,
            shown,
            marked,
            whole: from == line_start,
            secret,
        })
    }

    /// One diagnostic for people.
    pub(crate) fn human(&mut self, diagnostic: &Diagnostic, color: bool) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let title = level.primary_title(cut(&diagnostic.message, MESSAGE)).id(diagnostic.code);
        let mut group = Group::with_title(title);
        let at = diagnostic.span.and_then(|span| self.locate(span));
        if let Some(at) = &at {
            let annotation = AnnotationKind::Primary.span(at.marked.clone());
            let snippet = Snippet::source(at.shown.as_str()).line_start(at.line).fold(false);
            if at.secret || diagnostic.code == spec::SECRET_CODE {
                group = group.element(Origin::path(at.name.as_str()).line(at.line).char_column(at.column));
            } else if at.whole {
                group = group.element(snippet.path(at.name.as_str()).annotation(annotation));
            } else {
                group = group
                    .element(Origin::path(at.name.as_str()).line(at.line).char_column(at.column))
                    .element(snippet.annotation(annotation));
            }
        }
        if let Some(pointer) = &diagnostic.pointer {
            group = group.element(Level::NOTE.with_name("at").message(cut(pointer, MESSAGE)));
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(self::help(help)));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    /// One diagnostic for machines.
    pub(crate) fn view(&mut self, diagnostic: &Diagnostic) -> DiagnosticView {
        let at = diagnostic.span.and_then(|span| self.locate(span));
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        DiagnosticView {
            severity: diagnostic.severity.to_string(),
            code: diagnostic.code.to_owned(),
            message: without_userinfo(&diagnostic.message).into_owned(),
            file: at.as_ref().map(|at| at.name.clone()),
            line: at.as_ref().map(|at| number(at.line)),
            column: at.as_ref().map(|at| number(at.column)),
            pointer: diagnostic.pointer.clone(),
            help: diagnostic.help.as_deref().map(|help| without_userinfo(help).into_owned()),
        }
    }
}

/// All diagnostics for people, errors last, so that they stand above the prompt.
pub(crate) fn human(diagnostics: &Diagnostics, sources: &Sources, color: bool) -> String {
    let mut reader = Reader::new(sources);
    let secret = diagnostics.iter().filter(|diagnostic| diagnostic.code == spec::SECRET_CODE);
    reader.secrets = secret.filter_map(|diagnostic| diagnostic.span).collect();
    let mut all: Vec<&Diagnostic> = diagnostics.iter().collect();
    all.sort_by_key(|diagnostic| std::cmp::Reverse(diagnostic.severity));
    let mut text = String::new();
    for diagnostic in all {
        text.push_str(&reader.human(diagnostic, color));
        text.push_str("\n\n");
    }
    text
}

/// At most `most` diagnostics for machines, errors first, and how many more there are.
pub(crate) fn views(
    diagnostics: &Diagnostics,
    sources: &Sources,
    most: usize,
) -> (Vec<DiagnosticView>, usize) {
    let mut reader = Reader::new(sources);
    let mut all: Vec<&Diagnostic> = diagnostics.iter().collect();
    all.sort_by_key(|diagnostic| diagnostic.severity);
    let more = all.len().saturating_sub(most);
    (all.into_iter().take(most).map(|diagnostic| reader.view(diagnostic)).collect(), more)
}

/// How many there are, as in `2 errors, 1 warning`.
pub(crate) fn tally(diagnostics: &Diagnostics) -> String {
    let count = |severity, one: &str| match diagnostics.count(severity) {
        0 => None,
        1 => Some(format!("1 {one}")),
        more => Some(format!("{more} {one}s")),
    };
    let parts =
        [count(Severity::Error, "error"), count(Severity::Warning, "warning"), count(Severity::Note, "note")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::from("no problems") } else { parts.join(", ") }
}

/// A piece of a line without what a terminal would obey, and where its mark stands then. Tabs stay: they are no more than room.
fn masked(text: &str, marked: Range<usize>) -> (String, Range<usize>) {
    let (before, rest) = text.split_at_checked(marked.start).unwrap_or((text, ""));
    let (mark, after) = rest.split_at_checked(marked.len()).unwrap_or((rest, ""));
    let mask = |text: &str| -> String {
        let char = |char| if is_hidden(char) && char != '\t' { '\u{fffd}' } else { char };
        text.chars().map(char).collect()
    };
    let (before, mark, after) = (mask(before), mask(mark), mask(after));
    let marked = before.len()..before.len() + mark.len();
    (format!("{before}{mark}{after}"), marked)
}

/// Help within the columns of a diagnostic: what is longer goes on below, where the renderer puts it.
fn help(text: &str) -> String {
    let mut lines = Vec::new();
    lines_of(&mut lines, HELP, &cut(text, MESSAGE));
    lines.join("\n")
}

fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// A text within one line: a terminal must not be steered by what a contract says, nor a line be made to look like one of
/// ours. Without passwords in URLs, control characters, line ends, and what turns or hides text (Unicode TR 36, section 2).
pub(crate) fn printable(text: &str) -> String {
    without_userinfo(text).chars().map(|char| if is_hidden(char) { '\u{fffd}' } else { char }).collect()
}

/// The same of several lines, which stay lines.
pub(crate) fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// A second since 1970 as people write it, in UTC: `2026-01-31 08:05`.
pub(crate) fn day(seconds: u64) -> String {
    let (year, month, day) = engine::calendar::civil(seconds / 86_400);
    let (hour, minute) = (seconds % 86_400 / 3_600, seconds % 3_600 / 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// A millisecond since 1970 as people write it, in UTC: `2026-01-31 08:05:09.123`.
pub(crate) fn moment(millis: u64) -> String {
    format!("{}:{:02}.{:03}", day(millis / 1_000), millis / 1_000 % 60, millis % 1_000)
}

/// Most operations named in one line.
pub(crate) const NAMED: usize = 8;

/// Operations of a contract by their names, some of them.
pub(crate) fn names(all: &[&str]) -> String {
    let some = all.iter().take(NAMED).map(|name| format!("`{}`", printable(name)));
    let mut text = some.collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        text.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, start: u32, end: u32) -> (String, DiagnosticView) {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text);
        let diagnostic = Diagnostic::error("unknown-key", "unknown key `lsten`\u{1b}[2J")
            .at(Span { file, start, end })
            .help("did you mean `listen`?");
        let mut reader = Reader::new(&sources);
        (reader.human(&diagnostic, false), reader.view(&diagnostic))
    }

    #[test]
    fn people_read_place_line_and_help() {
        let (text, view) = rendered("version: 1\nlsten: x\n", 11, 16);
        for part in [
            "error[unknown-key]: unknown key `lsten`\u{fffd}[2J",
            "a.yaml:2:1",
            "lsten: x",
            "^^^^^",
            "did you mean",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!((view.line, view.column), (Some(2), Some(1)));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (951_868_800, "2000-03-01 00:00"),
            (1_767_225_599, "2025-12-31 23:59"),
            (4_107_542_400, "2100-03-01 00:00"),
        ] {
            assert_eq!(day(seconds), expected);
        }
    }

    #[test]
    fn what_others_write_stays_in_its_line() {
        for (text, shown) in [
            ("Orders \u{1b}[2J", "Orders \u{fffd}[2J"),
            ("a\nerror: b\r\tc", "a\u{fffd}error: b\u{fffd}\u{fffd}c"),
            ("x\u{202e}y\u{2066}z\u{200b}\u{9b}", "x\u{fffd}y\u{fffd}z\u{fffd}\u{fffd}"),
            ("Überweisung – 支払い", "Überweisung – 支払い"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn hostile_lines_and_names_steer_nothing() {
        let mut sources = Sources::default();
        let text = "a: \u{202e}x\u{9b}31m\u{1b}[2J lsten: y\u{2066}\n";
        let file = sources.add("\u{1b}[2Ja.yaml", text);
        let at = u32::try_from(text.find("lsten").unwrap()).unwrap();
        let diagnostic =
            Diagnostic::error("unknown-key", "\u{9b}x").at(Span { file, start: at, end: at + 5 });
        let diagnostic = diagnostic.help("\u{202e}y\r\nz");
        let shown = Reader::new(&sources).human(&diagnostic, false);
        assert!(!shown.contains(|char| is_hidden(char) && char != '\n'), "{shown:?}");
        let lines: Vec<&str> = shown.lines().collect();
        let column = |text: &str| {
            let line = lines.iter().find(|line| line.contains(text)).unwrap();
            line[..line.find(text).unwrap()].chars().count()
        };
        assert_eq!(column("lsten"), column("^^^^^"), "{shown}");
    }

    #[test]
    fn long_help_goes_on_below() {
        let known = (0..40).map(|number| format!("`key{number}`")).collect::<Vec<_>>().join(", ");
        let diagnostic = Diagnostic::error("unknown-key", "unknown key").help(format!("known here: {known}"));
        let shown = Reader::new(&Sources::default()).human(&diagnostic, false);
        assert!(
            shown.lines().count() > 3 && shown.lines().all(|line| line.chars().count() <= 100),
            "{shown}"
        );
    }

    #[test]
    fn lines_with_secrets_are_not_shown() {
        let text = "tls: {key: HUSH, crt: x}\nurl: http://me:HUSH@h/\nurl: http://h/a@b\n";
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text);
        let at = |start, end| Span { file, start, end };
        let mut found = Diagnostics::new();
        found.push(Diagnostic::error(spec::SECRET_CODE, "a secret is written here in clear").at(at(11, 15)));
        found.push(Diagnostic::error("unknown-key", "unknown key `crt`").at(at(17, 20)));
        found.push(Diagnostic::error("invalid-value", "`http://me:HUSH@h/` is wrong").at(at(30, 47)));
        found.push(Diagnostic::error("invalid-value", "valid twin").at(at(53, 65)));
        let shown = human(&found, &sources, false);
        assert!(!shown.contains("HUSH"), "{shown}");
        for part in ["a.yaml:1:12", "a.yaml:1:18", "a.yaml:2:", "http://***@h/", "url: http://h/a@b"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let (views, _) = views(&found, &sources, 9);
        assert!(views.iter().all(|view| !view.message.contains("HUSH")));
    }

    #[test]
    fn one_line_of_megabytes_is_shown_as_a_window() {
        let long = format!("{{{}\"é\":1}}", "\"a\":1,".repeat(200_000));
        let at = u32::try_from(long.find('é').unwrap()).unwrap();
        let (text, view) = rendered(&long, at, at + 2);
        assert!(text.len() < 1_000, "{}", text.len());
        assert!(text.contains(&format!("a.yaml:1:{}", view.column.unwrap())), "{text}");
    }

    #[test]
    fn spans_out_of_bounds_do_no_harm() {
        for (start, end) in [(0, 0), (99, 100), (3, 1), (1, 2)] {
            let (text, _) = rendered("é\n", start, end);
            assert!(text.contains("unknown-key"));
        }
    }
}
