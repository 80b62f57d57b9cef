//! Text in columns: wrapped, cut, and inert.

use engine::text::is_hidden;
use serde::Serialize;

use crate::render::printable;

/// Columns that a command's own words keep to.
pub(crate) const WIDTH: usize = 80;

/// Columns of lines in which names and values of others stand.
const BROAD: usize = 100;
/// Characters of a word that are shown where words stay whole.
const WORD: usize = 400;
/// Characters of a message that are shown: whoever names something may name it with a megabyte.
pub(crate) const MESSAGE: usize = 2_000;

/// A text within [`BROAD`] columns: what is longer goes on in lines of its own, two columns further in. Words stay whole, since
/// ids and paths are copied. Lines of the text stay lines.
pub(crate) fn fold(text: &str) -> String {
    text.lines().map(|line| fold_line(&cut(line, MESSAGE))).collect::<Vec<_>>().join("\n")
}

fn fold_line(text: &str) -> String {
    let indent = text.chars().take_while(|char| *char == ' ').count();
    let (mut out, mut width) = (String::with_capacity(text.len()), 0);
    for (number, word) in text.split(' ').enumerate() {
        let word = cut(word, WORD);
        let long = word.chars().count();
        if number > 0 && long > 0 && width > indent && width + 1 + long > BROAD {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent + 2));
            width = indent + 2;
        } else if number > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(&word);
        width += long;
    }
    out
}

/// Appends `text` as lines of at most [`WIDTH`] columns behind an indent. A word that is longer is broken.
pub(crate) fn wrap(out: &mut Vec<String>, indent: usize, text: &str) {
    let margin = " ".repeat(indent);
    let mut lines = Vec::new();
    lines_of(&mut lines, WIDTH.saturating_sub(indent), &printable(text));
    out.extend(lines.into_iter().map(|line| format!("{margin}{line}")));
}

/// Appends `text` as lines of at most so many columns.
pub(crate) fn lines_of(out: &mut Vec<String>, columns: usize, text: &str) {
    let room = columns.max(1);
    let (mut line, mut width) = (String::new(), 0);
    for word in text.split_whitespace() {
        let mut rest = word;
        while !rest.is_empty() {
            let long = rest.chars().count();
            if width > 0 && width + 1 + long > room {
                out.push(std::mem::take(&mut line));
                width = 0;
            }
            if width > 0 {
                line.push(' ');
                width += 1;
            }
            let end = rest.char_indices().nth(room - width).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            line.push_str(piece);
            width += piece.chars().count();
            rest = after;
        }
    }
    if width > 0 {
        out.push(line);
    }
}

/// The beginning of a line, so many columns of it.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= columns {
        return text;
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// A value as JSON in which no hidden character stands as it is: it is the same JSON, and moves no cursor.
pub(crate) fn inert_json(value: &impl Serialize, pretty: bool) -> Result<String, String> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    let text = text.map_err(|error| error.to_string())?;
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        // Line feeds stand between values only: in a string they are escaped already.
        if is_hidden(char) && char != '\n' {
            let mut units = [0; 2];
            char.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(char);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_lose_nothing() {
        let long = "x".repeat(200);
        for text in
            ["", "one", &"some words of a text ".repeat(20), &long, &format!("a {long} b"), &"é ".repeat(99)]
        {
            for indent in [0, 4, 78, 99] {
                let mut lines = Vec::new();
                wrap(&mut lines, indent, text);
                let fits = |line: &String| line.chars().count() <= WIDTH.max(indent + 1);
                assert!(lines.iter().all(fits), "{lines:#?}");
                let solid = |text: &str| text.split_whitespace().collect::<String>();
                assert_eq!(solid(&lines.concat()), solid(text));
            }
        }
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
    }

    #[test]
    fn long_lines_go_on_and_words_stay_whole() {
        let id = "0123456789abcdef".repeat(8);
        let text = format!("  weaker   {} {id} end", "some words ".repeat(20));
        let folded = fold(&text);
        assert!(folded.lines().all(|line| line.chars().count() <= BROAD || line.trim() == id), "{folded}");
        assert!(
            folded.starts_with("  weaker   some")
                && folded.lines().skip(1).all(|line| line.starts_with("    "))
        );
        let solid = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(solid(&folded), solid(&text));
        for same in ["", "short", "  two  spaces", "one\ntwo"] {
            assert_eq!(fold(same), same);
        }
        assert!(fold(&"W".repeat(1 << 20)).chars().count() <= WORD);
    }

    #[test]
    fn hostile_text_stays_what_it_is() {
        let hostile = "\u{1b}]0;x\u{7}a\r\nb\u{202e}c\u{9b}\u{2066}";
        let mut lines = Vec::new();
        wrap(&mut lines, 2, hostile);
        lines.push(cut(hostile, 80));
        lines.extend(fold(hostile).lines().map(str::to_owned));
        assert!(lines.iter().all(|line| !line.contains(is_hidden)), "{lines:?}");
        for pretty in [true, false] {
            let text = inert_json(&[hostile], pretty).unwrap();
            assert!(!text.replace('\n', "").contains(is_hidden), "{text}");
            assert_eq!(serde_json::from_str::<[String; 1]>(&text).unwrap(), [hostile]);
        }
    }
}
