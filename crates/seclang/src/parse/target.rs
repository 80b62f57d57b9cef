//! Lists of variables: `ARGS|!ARGS:password|&REQUEST_HEADERS:Host|REQUEST_COOKIES:/^_ga/`.

use diagnostics::{Diagnostic, Span};

use super::error;
use super::lex::Word;
use crate::syntax::{Key, Target};
use crate::variable::Variable;

/// Parses a list, whose separators are `|` (and `,` where an update lists several).
pub(crate) fn targets(word: &Word, commas: bool) -> Result<Vec<Target>, Diagnostic> {
    let mut found = Vec::new();
    for (from, to) in pieces(&word.text, commas) {
        let text = word.text.get(from..to).unwrap_or_default();
        let trimmed = text.trim();
        if !trimmed.is_empty() {
            found.push(target(trimmed, word.span(from, to))?);
        }
    }
    if found.is_empty() {
        return Err(error("seclang-no-target", "there is no variable here", word.whole()));
    }
    Ok(found)
}

/// Cuts at separators outside of `/patterns/` and quotes.
fn pieces(text: &str, commas: bool) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut start, mut pattern, mut quoted, mut previous) = (0, false, false, ' ');
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '/' if previous == ':' || (previous == '\'' && !pattern) => pattern = true,
            '/' if pattern && previous != '\\' => pattern = false,
            '|' if !pattern && !quoted => {
                found.push((start, at));
                start = at + 1;
            }
            ',' if commas && !pattern && !quoted => {
                found.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
        // `XML:/*` and `XML://@*` are paths, not patterns.
        if pattern && text.get(start..at).is_some_and(is_path) {
            pattern = false;
        }
        previous = c;
    }
    found.push((start, text.len()));
    found
}

fn is_path(text: &str) -> bool {
    text.trim_start_matches(['!', '&', ' ']).get(..4).is_some_and(|name| name.eq_ignore_ascii_case("XML:"))
}

/// Parses one entry.
pub(super) fn target(text: &str, span: Span) -> Result<Target, Diagnostic> {
    let (exclude, text) = strip(text, '!');
    let (count, text) = strip(text, '&');
    let (name, key) = match text.split_once([':', '.']) {
        Some((name, key)) => (name, Some(key)),
        None => (text, None),
    };
    let Some(variable) = Variable::parse(name) else {
        let message = format!("`{name}` is not a variable that this engine knows");
        return Err(error("seclang-unknown-variable", message, span));
    };
    let Some(key) = key else {
        return Ok(Target { variable, key: Key::Any, count, exclude, span });
    };
    if !variable.is_collection() {
        return Err(error("seclang-no-members", format!("`{name}` has no members to select"), span));
    }
    let key = key.trim();
    if variable == Variable::Xml {
        return xml(key, &Target { variable, key: Key::Any, count, exclude, span });
    }
    let key = key.strip_prefix('\'').and_then(|key| key.strip_suffix('\'')).unwrap_or(key);
    let pattern = key.strip_prefix('/').and_then(|key| key.strip_suffix('/'));
    let key = pattern.map_or_else(|| Key::Name(key.to_owned()), |pattern| Key::Pattern(pattern.to_owned()));
    Ok(Target { variable, key, count, exclude, span })
}

/// The two paths that the Core Rule Set uses: the text of the root element, and the values of all attributes.
fn xml(path: &str, target: &Target) -> Result<Target, Diagnostic> {
    match path {
        "/*" | "//@*" => Ok(Target { key: Key::Name(path.to_owned()), ..target.clone() }),
        _ => {
            let message = format!("`XML:{path}` is not one of the paths `/*` and `//@*`");
            Err(error("seclang-xml-path", message, target.span))
        }
    }
}

fn strip(text: &str, prefix: char) -> (bool, &str) {
    text.strip_prefix(prefix).map_or((false, text), |rest| (true, rest))
}
