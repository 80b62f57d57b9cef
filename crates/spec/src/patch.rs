//! Changes of a text, and how they are shown: as a unified diff.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines around a change.
const CONTEXT: usize = 3;

/// Pieces of text in the place of others; whatever is between them stays.
#[derive(Debug, Clone, Default)]
pub struct Patch(BTreeMap<(usize, usize), String>);

impl Patch {
    /// Puts a text in the place of the bytes from `start` to `end`; of none of them when these are equal. At one place the later text
    /// comes behind the earlier.
    pub fn put(&mut self, start: usize, end: usize, new: &str) {
        self.0.entry((start, end)).or_default().push_str(new);
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changed text.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        for ((start, end), new) in &self.0 {
            out.push_str(text.get(at..*start).unwrap_or_default());
            out.push_str(new);
            at = *end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// The change as a unified diff, as `patch` and `git apply` read it.
    #[must_use]
    pub fn diff(&self, name: &str, text: &str) -> String {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let changes = self.changes(text);
        let mut out = format!("--- {name}\n+++ {name}\n");
        let mut numbers = changes.keys().copied().peekable();
        let mut shift = 0;
        while let Some(first) = numbers.next() {
            let mut last = first;
            while let Some(next) = numbers.next_if(|next| *next <= last + 2 * CONTEXT) {
                last = next;
            }
            let (from, to) = (first.saturating_sub(CONTEXT), (last + CONTEXT + 1).min(lines.len()));
            let mut hunk = Hunk::default();
            for number in from..=to {
                let change = changes.get(&number).filter(|_| number < to || to == lines.len());
                change.iter().for_each(|change| hunk.add('+', &change.before));
                let Some(line) = lines.get(number).filter(|_| number < to) else { continue };
                match change.and_then(|change| change.instead.as_ref()) {
                    Some(new) => {
                        hunk.add('-', line);
                        hunk.add('+', new);
                    }
                    None => hunk.add(' ', line),
                }
            }
            let (old, new) = (hunk.old, hunk.new);
            let _ = write!(out, "@@ -{},{old} +{},{new} @@\n{}", from + 1, from + shift + 1, hunk.text);
            shift = (shift + new).saturating_sub(old);
        }
        out
    }

    /// What becomes of each line that changes.
    fn changes(&self, text: &str) -> BTreeMap<usize, Change> {
        let mut all: BTreeMap<usize, Change> = BTreeMap::new();
        for ((start, end), new) in self.0.iter().rev() {
            let before = text.get(..*start).unwrap_or_default();
            let number = before.matches('\n').count();
            let line_start = before.rfind('\n').map_or(0, |end| end + 1);
            let change = all.entry(number).or_default();
            if start == end && *start == line_start && new.ends_with('\n') {
                change.before.insert_str(0, new);
                continue;
            }
            let line =
                text.get(line_start..).unwrap_or_default().split_inclusive('\n').next().unwrap_or_default();
            let line = change.instead.get_or_insert_with(|| line.to_owned());
            line.replace_range(start - line_start..end - line_start, new);
        }
        all
    }
}

#[derive(Debug, Default)]
struct Change {
    /// New lines before it.
    before: String,
    /// What the line becomes.
    instead: Option<String>,
}

/// Lines of a diff that belong together.
#[derive(Default)]
struct Hunk {
    text: String,
    old: usize,
    new: usize,
}

impl Hunk {
    fn add(&mut self, sign: char, lines: &str) {
        for line in lines.split_inclusive('\n') {
            self.old += usize::from(sign != '+');
            self.new += usize::from(sign != '-');
            let _ = write!(self.text, "{sign}{line}");
            if !line.ends_with('\n') {
                self.text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
}
