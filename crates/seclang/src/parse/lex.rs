//! Logical lines and their words.
//!
//! A line that ends in `\` goes on in the next; a line whose first visible character is `#` is a comment. Words are
//! separated by white space and may be quoted with `"` or `'`; inside, `\"` (or `\'`) stands for the quote. Spans always
//! point into the file as it is written.

use diagnostics::{FileId, Span};

/// One word of a directive, unquoted, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Without the quotes.
    pub(crate) text: String,
    /// For each byte of `text`, where it stands in the file.
    places: Vec<u32>,
    file: FileId,
}

impl Word {
    /// Where the bytes `from..to` of the word stand in the file.
    pub(crate) fn span(&self, from: usize, to: usize) -> Span {
        let last = self.places.last().copied().unwrap_or(0);
        let start = self.places.get(from).copied().unwrap_or(last);
        let end = to.checked_sub(1).and_then(|at| self.places.get(at)).map_or(start, |at| at + 1);
        Span { file: self.file, start, end: end.max(start) }
    }

    /// Where the whole word stands.
    pub(crate) fn whole(&self) -> Span {
        self.span(0, self.text.len())
    }
}

/// One directive as written: its words and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// At least one.
    pub(crate) words: Vec<Word>,
    /// From the first word to the last.
    pub(crate) span: Span,
    /// Whether a quote was left open.
    pub(crate) open_quote: bool,
}

/// Splits a file into directives.
pub(crate) fn lines(text: &str, file: FileId) -> Vec<Line> {
    let mut found = Vec::new();
    let mut logical: Vec<(u32, char)> = Vec::new();
    let mut at = 0_u32;
    for physical in text.split_inclusive('\n') {
        let body = physical.trim_end_matches(['\n', '\r']);
        // A comment cannot be continued, and does not end a directive that is.
        let comment = body.trim_start().starts_with('#');
        let continued = !comment && body.ends_with('\\');
        if !comment {
            let kept = body.strip_suffix('\\').unwrap_or(body);
            logical.extend(kept.char_indices().map(|(index, c)| (at + to_u32(index), c)));
        }
        at += to_u32(physical.len());
        if !continued && !comment {
            found.extend(line(&logical, file));
            logical.clear();
        }
    }
    found.extend(line(&logical, file));
    found
}

fn to_u32(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn line(logical: &[(u32, char)], file: FileId) -> Option<Line> {
    let mut words = Vec::new();
    let mut open_quote = false;
    let mut rest = logical;
    loop {
        rest = skip_space(rest);
        if rest.is_empty() {
            break;
        }
        let (word, after, closed) = word(rest, file);
        open_quote |= !closed;
        words.push(word);
        rest = after;
    }
    let (first, last) = (words.first()?.whole(), words.last()?.whole());
    Some(Line { span: Span { file, start: first.start, end: last.end }, words, open_quote })
}

fn skip_space(mut rest: &[(u32, char)]) -> &[(u32, char)] {
    while let Some(((_, c), after)) = rest.split_first() {
        if !c.is_whitespace() {
            break;
        }
        rest = after;
    }
    rest
}

/// One word, what follows it, and whether its quote was closed.
fn word(rest: &[(u32, char)], file: FileId) -> (Word, &[(u32, char)], bool) {
    let mut word = Word { text: String::new(), places: Vec::new(), file };
    let quote = rest.first().map(|(_, c)| *c).filter(|c| matches!(c, '"' | '\''));
    let mut rest = if quote.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
    while let Some(((at, c), after)) = rest.split_first() {
        let escaped = after.first().map(|(_, next)| *next).filter(|next| Some(*next) == quote);
        match (quote, c) {
            (Some(_), '\\') if escaped.is_some() => {
                word.push(*at, escaped.unwrap_or('"'));
                rest = after.get(1..).unwrap_or_default();
                continue;
            }
            (Some(quote), c) if quote == *c => return (word, after, true),
            (None, c) if c.is_whitespace() => return (word, rest, true),
            _ => word.push(*at, *c),
        }
        rest = after;
    }
    (word, rest, quote.is_none())
}

impl Word {
    fn push(&mut self, at: u32, c: char) {
        self.text.push(c);
        self.places.extend((0..c.len_utf8()).map(|offset| at + to_u32(offset)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let words = |line: Line| line.words.into_iter().map(|word| word.text).collect();
        lines(text, FileId(0)).into_iter().map(words).collect()
    }

    #[test]
    fn lines_are_joined_and_words_unquoted() {
        assert_eq!(
            words(
                "# no\nSecRule A \"@rx a\\\"b \\x5c\" \\\n    \"id:1,\\\n  # kept out\n  pass\"\nSecMarker 'x y'\n"
            ),
            vec![vec!["SecRule", "A", "@rx a\"b \\x5c", "id:1,  pass"], vec!["SecMarker", "x y"]]
        );
        assert_eq!(words("  \n#c \\\nA b"), vec![vec!["A", "b"]]);
    }

    #[test]
    fn spans_point_into_the_file() {
        let text = "A \\\n \"b\\\"c\"";
        let line = lines(text, FileId(0)).remove(0);
        let span = line.words[1].span(1, 3);
        assert_eq!(&text[span.start as usize..span.end as usize], "\\\"c");
        assert!(!line.open_quote && lines("A \"b", FileId(0))[0].open_quote);
    }
}
