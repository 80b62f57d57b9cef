//! What every reader of a person's file says when something is wrong with it: where, what, and what to do.
//!
//! A [`Diagnostic`] points into a [`Source`] by byte offsets; rendering (colors, JSON) is the caller's. All problems of a
//! document are collected in one [`Diagnostics`], so that a person mends them in one go.
//!
//! Messages are lower case, without a final dot, with the offending input in backticks.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A text with the userinfo of each URL in it (RFC 3986, section 3.2.1) masked: it is mostly a password.
#[must_use]
pub fn without_userinfo(text: &str) -> Cow<'_, str> {
    if !(text.contains("://") && text.contains('@')) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        let ends = |char: char| char.is_whitespace() || "/?#\"'`<>".contains(char);
        let authority = part.find(ends).and_then(|end| part.get(..end)).unwrap_or(part);
        match authority.rfind('@').and_then(|at| part.get(at..)) {
            Some(rest) => {
                shown.push_str("***");
                shown.push_str(rest);
            }
            None => shown.push_str(part),
        }
    }
    Cow::Owned(shown)
}

/// A file handed to the compiler, by its index in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// Half-open range of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One file's name as the user wrote it, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// As shown in messages, relative to where the user stands.
    pub name: Arc<str>,
    /// The text; empty for files that are not text.
    pub text: Arc<str>,
}

/// All files that diagnostics may point into.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// A place as a person counts: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Sources {
    /// Registers a file and names it by an id.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source { name: name.into(), text: text.into() });
        id
    }

    /// The file behind an id.
    #[must_use]
    pub fn get(&self, id: FileId) -> Option<&Source> {
        self.files.get(id.0 as usize)
    }

    /// The id of a file by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FileId> {
        let index = self.files.iter().position(|source| &*source.name == name)?;
        u32::try_from(index).ok().map(FileId)
    }

    /// Line and column of a span's start; `None` when the file is unknown.
    #[must_use]
    pub fn position(&self, span: Span) -> Option<Position> {
        let text = self.get(span.file)?.text.as_bytes();
        let before = text.get(..(span.start as usize).min(text.len()))?;
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(before.get(line_start..)?).chars().count() + 1;
        Some(Position { line: u32::try_from(line).ok()?, column: u32::try_from(column).ok()? })
    }

    /// `file:line:column`, the form that editors jump to.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        match (self.get(span.file), self.position(span)) {
            (Some(source), Some(at)) => format!("{}:{}:{}", source.name, at.line, at.column),
            _ => String::from("?"),
        }
    }
}

/// How bad it is. Only errors keep a document from being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document is not served.
    Error,
    /// Served; somebody should look.
    Warning,
    /// Worth knowing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

/// One thing that is wrong, where it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Stable kebab-case name, as in `unknown-key`.
    pub code: &'static str,
    /// What is wrong, with the offending input in backticks.
    pub message: String,
    /// Where; `None` for what has no place in a file.
    pub span: Option<Span>,
    /// JSON Pointer (RFC 6901) into the file, where that says more than a line.
    pub pointer: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning without a place yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A note without a place yet.
    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), span: None, pointer: None, help: None }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Says where, when known.
    #[must_use]
    pub fn maybe_at(mut self, span: Option<Span>) -> Self {
        self.span = span;
        self
    }

    /// Says where by JSON Pointer.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything found so far, in the order found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Nothing found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.items.push(diagnostic);
    }

    /// Adds all of another reader's.
    pub fn extend(&mut self, other: Diagnostics) {
        self.items.extend(other.items);
    }

    /// The same without what says again what was said: one problem is found by several readers of one value.
    #[must_use]
    pub fn without_repeats(self) -> Self {
        let mut seen = HashSet::new();
        let first = |item: &Diagnostic| {
            seen.insert((item.code, item.span, item.pointer.clone(), item.message.clone()))
        };
        Self { items: self.items.into_iter().filter(first).collect() }
    }

    /// Whether the document must not be served.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.severity == Severity::Error)
    }

    /// How many of one severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.items.iter().filter(|item| item.severity == severity).count()
    }

    /// All, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// All, as a person reads the files: by place, what has none first; of one place in the order found.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.items.iter().collect();
        all.sort_by_key(|item| item.span);
        all
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Bytes of a word that somebody may have misspelled: what is compared takes time by the product of both lengths.
const LONGEST: usize = 128;

/// The candidate nearest to a misspelled word, if near enough to be what was meant (did-you-mean). Nothing is near to a word of
/// over 128 bytes.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let bound = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insert, delete, replace and swap of neighbors cost one each.
fn edit_distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.to_lowercase().chars().collect();
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, left) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, right) in to.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let replace = at(&last, column) + usize::from(left != right);
            let mut best = replace.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let swapped =
                row > 0 && column > 0 && from.get(row - 1) == Some(right) && to.get(column - 1) == Some(left);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
