//! Text in columns: wrapped, cut, and inert.

use engine::text::is_hidden;
use serde::Serialize;

use crate::render::printable;

/// Columns that a command's own words keep to.
pub(crate) const WIDTH: usize = 80;

/// Appends `text` as lines of at most [`WIDTH`] columns behind an indent. A word that is longer is broken.
pub(crate) fn wrap(out: &mut Vec<String>, indent: usize, text: &str) {
    let room = WIDTH.saturating_sub(indent).max(1);
    let margin = " ".repeat(indent);
    let (mut line, mut width) = (String::new(), 0);
    for word in printable(text).split_whitespace() {
        let mut rest = word;
        while !rest.is_empty() {
            let long = rest.chars().count();
            if width > 0 && width + 1 + long > room {
                out.push(format!("{margin}{line}"));
                (line, width) = (String::new(), 0);
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
        out.push(format!("{margin}{line}"));
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
    fn hostile_text_stays_what_it_is() {
        let hostile = "\u{1b}]0;x\u{7}a\r\nb\u{202e}c\u{9b}\u{2066}";
        let mut lines = Vec::new();
        wrap(&mut lines, 2, hostile);
        lines.push(cut(hostile, 80));
        assert!(lines.iter().all(|line| !line.contains(is_hidden)), "{lines:?}");
        for pretty in [true, false] {
            let text = inert_json(&[hostile], pretty).unwrap();
            assert!(!text.replace('\n', "").contains(is_hidden), "{text}");
            assert_eq!(serde_json::from_str::<[String; 1]>(&text).unwrap(), [hostile]);
        }
    }
}
